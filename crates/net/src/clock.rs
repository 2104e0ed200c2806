//! The clock as a value, so that tests own the time.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// A future without a name, as [`Clock::sleep`] returns it.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time and waits.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01 UTC; may jump when the machine's clock is set.
    fn unix_ms(&self) -> u64;

    /// Time since some start; never goes back.
    fn monotonic(&self) -> Duration;

    /// The same in milliseconds. Timeouts are measured with it.
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> Sleep;

    /// Seconds since 1970-01-01 UTC.
    fn unix(&self) -> i64 {
        i64::try_from(self.unix_ms() / 1000).unwrap_or(i64::MAX)
    }
}

/// The clock of the machine.
#[derive(Clone, Debug)]
pub struct SystemClock {
    start: Instant,
}

/// A clock that stands still until a test moves it.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now_ms: watch::Sender<u64>,
}

impl SystemClock {
    /// Makes the clock; its monotonic time starts now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clock"
    )]
    fn unix_ms(&self) -> u64 {
        let since =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

impl ManualClock {
    /// Makes a clock that shows `unix_ms`; clones share the time.
    pub fn new(unix_ms: u64) -> Self {
        Self { now_ms: watch::Sender::new(unix_ms) }
    }

    /// Moves the time forward and wakes whoever waited for it.
    pub fn advance(&self, duration: Duration) {
        let step = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.now_ms.send_modify(|now| *now = now.saturating_add(step));
    }

    /// Completes when somebody sleeps on this clock: the moment to call [`ManualClock::advance`] in a test.
    pub async fn has_sleepers(&self) {
        while self.now_ms.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl Clock for ManualClock {
    fn unix_ms(&self) -> u64 {
        *self.now_ms.borrow()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.unix_ms())
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut receiver = self.now_ms.subscribe();
        let until =
            self.unix_ms().saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        Box::pin(async move {
            if receiver.wait_for(|now| *now >= until).await.is_err() {
                // The clock is gone and with it the only one who could end this sleep.
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn manual_sleep_ends_exactly_when_its_time_has_come() {
        let clock = ManualClock::new(1_000);
        let mut sleep = clock.sleep(Duration::from_secs(2));
        clock.advance(Duration::from_millis(1_999));
        assert!(futures_poll(&mut sleep).await.is_pending());
        clock.advance(Duration::from_millis(1));
        sleep.await;
        assert_eq!(clock.unix(), 3);
    }

    async fn futures_poll(sleep: &mut Sleep) -> std::task::Poll<()> {
        std::future::poll_fn(|cx| std::task::Poll::Ready(sleep.as_mut().poll(cx))).await
    }
}
