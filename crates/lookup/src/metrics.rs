//! What the metrics show of looking things up.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::lookup::{Lookup, lock};

/// One metric as the reference page shows it.
#[derive(Clone, Copy, Debug)]
pub struct MetricDoc {
    /// The name in the exposition.
    pub name: &'static str,
    /// Prometheus type.
    pub kind: &'static str,
    /// What it counts.
    pub help: &'static str,
}

/// The numbers at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Requests over the network.
    pub requests: u64,
    /// Of them, those that failed.
    pub failures: u64,
    /// Of them, those made before somebody had to wait.
    pub refreshes: u64,
    /// Octets that came.
    pub octets: u64,
    /// Answers from the cache.
    pub hits: u64,
    /// Failures from the cache.
    pub negative_hits: u64,
    /// Askers who waited for a request of somebody else.
    pub joined: u64,
    /// Sources in the cache.
    pub entries: u64,
    /// Octets in the cache.
    pub cached_octets: u64,
    /// Seconds since the oldest list or response in use was fetched.
    pub oldest_age: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) octets: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) negative_hits: AtomicU64,
    pub(crate) joined: AtomicU64,
}

impl Lookup {
    /// Returns the numbers of this moment.
    pub fn numbers(&self) -> Numbers {
        let counters = &self.0.counters;
        let (size, oldest) = {
            let cache = lock(&self.0.shelf);
            (cache.size(), cache.oldest())
        };
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let age = oldest.map_or(0, |oldest| self.now().saturating_sub(oldest));
        Numbers {
            requests: counters.requests.load(Relaxed),
            failures: counters.failures.load(Relaxed),
            refreshes: counters.refreshes.load(Relaxed),
            octets: counters.octets.load(Relaxed),
            hits: counters.hits.load(Relaxed),
            negative_hits: counters.negative_hits.load(Relaxed),
            joined: counters.joined.load(Relaxed),
            entries: wide(size.0),
            cached_octets: wide(size.1),
            oldest_age: u64::try_from(age).unwrap_or(0),
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
                    "chancery_lookup_requests_total",
                    "Requests for certificates, lists and OCSP responses over the network.",
                ),
                self.requests,
            ),
            (
                counter("chancery_lookup_failures_total", "Of them, those that failed."),
                self.failures,
            ),
            (
                counter(
                    "chancery_lookup_refreshes_total",
                    "Of them, those made in the background before something ends.",
                ),
                self.refreshes,
            ),
            (counter("chancery_lookup_octets_total", "Octets that came with them."), self.octets),
            (counter("chancery_lookup_hits_total", "Answers from the cache."), self.hits),
            (
                counter(
                    "chancery_lookup_negative_hits_total",
                    "Things not asked for because that failed lately.",
                ),
                self.negative_hits,
            ),
            (
                counter(
                    "chancery_lookup_joined_total",
                    "Askers who waited for the same request as another one.",
                ),
                self.joined,
            ),
            (gauge("chancery_lookup_entries", "Sources in the cache."), self.entries),
            (gauge("chancery_lookup_cached_octets", "Octets in the cache."), self.cached_octets),
            (
                gauge(
                    "chancery_lookup_oldest_seconds",
                    "Age of the oldest list or response that decisions are built on.",
                ),
                self.oldest_age,
            ),
        ]
    }
}
