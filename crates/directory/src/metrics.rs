//! What the metrics show of the directory.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use chancery_lookup::metrics::MetricDoc;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Clients that began to ask more than they may.
    Alarms,
    /// Questions that were answered with certificates, from what is here.
    Found,
    /// Questions that were answered with certificates that others had.
    FoundElsewhere,
    /// Questions that a client may not ask for now.
    Limited,
    /// Questions for addresses that lead to nothing.
    Nothing,
    /// Of those answered, by the short way.
    Quick,
    /// Searches that are not for full addresses.
    Refused,
    /// Questions that were not noted because there were too many.
    Unnoted,
}

/// The counters of one running directory.
#[derive(Debug, Default)]
pub struct Metrics([AtomicU64; DOCUMENTED.len()]);

impl Metrics {
    /// Counts.
    pub fn add(&self, counter: Counter, amount: u64) {
        if let Some(cell) = self.0.get(counter as usize) {
            cell.fetch_add(amount, Relaxed);
        }
    }

    /// Returns a count.
    pub fn value(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).map_or(0, |cell| cell.load(Relaxed))
    }

    /// Renders all of them in the Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        let lines = DOCUMENTED.iter().zip(&self.0).map(|(doc, cell)| {
            let MetricDoc { name, kind, help } = doc;
            let value = cell.load(Relaxed);
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n")
        });
        lines.collect()
    }
}

/// Lists the metrics for the reference page.
pub fn documentation() -> impl Iterator<Item = MetricDoc> {
    DOCUMENTED.iter().copied()
}

/// In the order of [`Counter`].
const DOCUMENTED: [MetricDoc; 8] = [
    counter(
        "chancery_directory_alarms_total",
        "Clients of the directory that began to ask for more addresses than they may: perhaps somebody collects addresses.",
    ),
    counter(
        "chancery_directory_found_total",
        "Questions to the directory answered with certificates that are here.",
    ),
    counter(
        "chancery_directory_found_elsewhere_total",
        "Questions to the directory answered with certificates that another source had.",
    ),
    counter(
        "chancery_directory_limited_total",
        "Questions to the directory that were put off because their client asks too much.",
    ),
    counter(
        "chancery_directory_nothing_total",
        "Questions to the directory for addresses that lead to nothing.",
    ),
    counter(
        "chancery_directory_quick_total",
        "Questions to the directory answered by the short way.",
    ),
    counter(
        "chancery_directory_refused_total",
        "Searches of the directory that are not for full addresses.",
    ),
    counter(
        "chancery_directory_unnoted_total",
        "Questions to the directory that are not in the list of who asked, because there were too many.",
    ),
];

const fn counter(name: &'static str, help: &'static str) -> MetricDoc {
    MetricDoc { name, kind: "counter", help }
}
