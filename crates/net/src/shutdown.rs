//! One signal that reaches every task: finish what you do, then stop.

use tokio::sync::watch;

/// A shutdown signal; clones share it.
#[derive(Clone, Debug)]
pub struct Shutdown {
    triggered: watch::Sender<bool>,
}

impl Shutdown {
    /// Makes a signal that has not been given.
    pub fn new() -> Self {
        Self { triggered: watch::Sender::new(false) }
    }

    /// Gives the signal; giving it again does nothing.
    pub fn trigger(&self) {
        self.triggered.send_replace(true);
    }

    /// Returns true once the signal has been given.
    pub fn is_triggered(&self) -> bool {
        *self.triggered.borrow()
    }

    /// Completes when the signal is given, at once if it has been.
    pub async fn triggered(&self) {
        let mut receiver = self.triggered.subscribe();
        // It cannot fail: `self` keeps the sender alive.
        drop(receiver.wait_for(|triggered| *triggered).await);
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn signal_reaches_waiters_and_latecomers() {
        let shutdown = Shutdown::new();
        let waiter = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.triggered().await }
        });
        assert!(!shutdown.is_triggered());
        shutdown.trigger();
        waiter.await.unwrap();
        shutdown.triggered().await;
        assert!(shutdown.is_triggered());
    }
}
