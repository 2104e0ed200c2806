//! Renewal in the background: what answers were built on is fetched again before it ends, so that no message waits for it.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use chancery_net::shutdown::Shutdown;

use crate::lookup::{Lookup, lock};

impl Lookup {
    /// Renews what was used lately, at a random moment in the last third of its time, and keeps it in the store, until
    /// the program stops.
    pub async fn keep_fresh(&self, shutdown: &Shutdown) {
        while !shutdown.is_triggered() {
            let pause = self.refresh().await;
            self.save().await;
            tokio::select! {
                () = shutdown.triggered() => break,
                () = self.0.changed.notified() => {}
                () = self.0.dialer.clock.sleep(pause) => {}
            }
        }
        self.save().await;
    }

    /// Renews what is due by now; returns how long there is nothing to do.
    pub async fn refresh(&self) -> Duration {
        for _ in 0..MAX_ROUNDS {
            let now = self.now();
            let (due, next) = lock(&self.0.shelf).due(now);
            if due.is_empty() {
                let seconds = next.map_or(LONGEST_PAUSE, |next| next.saturating_sub(now));
                let seconds = seconds.clamp(1, LONGEST_PAUSE);
                return Duration::from_secs(u64::try_from(seconds).unwrap_or(1));
            }
            let mut tasks = tokio::task::JoinSet::new();
            for source in due {
                let lookup = self.clone();
                tasks.spawn(async move { lookup.renew(&source).await });
            }
            while let Some(joined) = tasks.join_next().await {
                // A task that died is tried again with the next round, after its delay.
                drop(joined);
            }
        }
        Duration::from_secs(60)
    }

    async fn renew(&self, source: &crate::source::Source) {
        self.0.counters.refreshes.fetch_add(1, Relaxed);
        let key = source.key();
        let known = lock(&self.0.shelf).validators(&key);
        let done = self.join_or_start(source, &key, known).await;
        tracing::debug!(fetch = %done.fetch, "renewed");
    }
}

/// An hour: by then something may have been used that was not.
const LONGEST_PAUSE: i64 = 3_600;
/// Rounds without a pause; after them others may have their turn.
const MAX_ROUNDS: usize = 16;
