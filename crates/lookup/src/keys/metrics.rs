//! What the metrics show of finding certificates.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::metrics::MetricDoc;

/// The numbers at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Questions of which certificates there are for an address.
    pub questions: u64,
    /// Of the questions to single sources, those answered from the cache.
    pub hits: u64,
    /// Those that waited for the same one of somebody else.
    pub joined: u64,
    /// Those that went out.
    pub requests: u64,
    /// Of them, those that failed.
    pub failures: u64,
    /// Of them, those whose answer broke the signatures of the DNS.
    pub bogus: u64,
    /// Old answers used because a source did not answer.
    pub stale: u64,
    /// Questions refused because they came back to us, or passed too many directories.
    pub loops: u64,
    /// Answers in the cache.
    pub entries: u64,
    /// Sources that are not asked for a while because they fail.
    pub resting: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) questions: AtomicU64,
    pub(super) hits: AtomicU64,
    pub(super) joined: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) bogus: AtomicU64,
    pub(super) stale: AtomicU64,
    pub(super) loops: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn numbers(&self, entries: usize, resting: usize) -> Numbers {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Numbers {
            questions: self.questions.load(Relaxed),
            hits: self.hits.load(Relaxed),
            joined: self.joined.load(Relaxed),
            requests: self.requests.load(Relaxed),
            failures: self.failures.load(Relaxed),
            bogus: self.bogus.load(Relaxed),
            stale: self.stale.load(Relaxed),
            loops: self.loops.load(Relaxed),
            entries: wide(entries),
            resting: wide(resting),
        }
    }
}

impl Numbers {
    /// Returns each number with its metric.
    pub fn documented(&self) -> [(MetricDoc, u64); 10] {
        let counter = |name, help| MetricDoc { name, kind: "counter", help };
        let gauge = |name, help| MetricDoc { name, kind: "gauge", help };
        [
            (
                counter(
                    "chancery_find_questions_total",
                    "Addresses whose certificates were looked for.",
                ),
                self.questions,
            ),
            (
                counter("chancery_find_hits_total", "Answers of sources taken from the cache."),
                self.hits,
            ),
            (
                counter(
                    "chancery_find_joined_total",
                    "Askers who waited for the same question of another one.",
                ),
                self.joined,
            ),
            (
                counter("chancery_find_requests_total", "Questions that went out to sources."),
                self.requests,
            ),
            (counter("chancery_find_failures_total", "Of them, those that failed."), self.failures),
            (
                counter(
                    "chancery_find_bogus_total",
                    "Of them, those whose answer broke the signatures of the DNS.",
                ),
                self.bogus,
            ),
            (
                counter(
                    "chancery_find_stale_total",
                    "Old answers used because a source did not answer.",
                ),
                self.stale,
            ),
            (
                counter(
                    "chancery_find_loops_total",
                    "Questions of other directories that went in circles.",
                ),
                self.loops,
            ),
            (gauge("chancery_find_entries", "Answers in the cache."), self.entries),
            (
                gauge(
                    "chancery_find_resting",
                    "Sources that are not asked for a while because they fail.",
                ),
                self.resting,
            ),
        ]
    }
}
