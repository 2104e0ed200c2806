//! Counters that the gateway keeps, and their Prometheus text form.
//!
//! One table lists every metric with its help text; the reference page and the exposition both come from it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chancery_lookup::keys;
use chancery_lookup::metrics::{MetricDoc, Numbers};
use chancery_store::metrics::Metrics as QueueNumbers;

/// Every counter, in the order of the exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Messages acknowledged at intake.
    Accepted,
    /// Messages refused at intake.
    Refused,
    /// Protected messages made.
    Protected,
    /// Messages signed only.
    Signed,
    /// Recipients released in clear because policy allows it.
    Clear,
    /// Protected messages opened.
    Opened,
    /// Recipients put on hold.
    Held,
    /// Recipients delivered to the next hop.
    Delivered,
    /// Recipients that must be tried again.
    Deferred,
    /// Recipients bounced.
    Bounced,
    /// Notices and delivery status notifications made.
    Notices,
}

/// A stage whose duration is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the first byte of the body to the durable commit.
    Intake,
    /// Reading, planning and protecting or opening, up to the commit.
    Plan,
    /// One delivery attempt.
    Deliver,
}

/// All counters of one running gateway.
#[derive(Debug, Default)]
pub struct Metrics {
    counters: [AtomicU64; COUNTERS.len()],
    failures: Mutex<BTreeMap<&'static str, u64>>,
    stages: [Histogram; 3],
}

impl Metrics {
    /// Adds `amount` to a counter.
    pub fn add(&self, counter: Counter, amount: u64) {
        if let Some(cell) = self.counters.get(counter as usize) {
            cell.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// Counts one failure under its stable code.
    pub fn failure(&self, code: &'static str) {
        if let Ok(mut failures) = self.failures.lock() {
            *failures.entry(code).or_default() += 1;
        }
    }

    /// Records how long one run of a stage took.
    pub fn observe(&self, stage: Stage, took: Duration) {
        if let Some(histogram) = self.stages.get(stage as usize) {
            histogram.observe(took);
        }
    }

    /// Returns the value of one counter.
    pub fn value(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// Renders everything in the Prometheus text format 0.0.4.
    pub fn render(&self, queue: &QueueNumbers, now_ms: i64) -> String {
        let mut out = String::with_capacity(4096);
        for (doc, cell) in COUNTERS.iter().zip(&self.counters) {
            head(&mut out, doc);
            line(&mut out, doc.name, "", cell.load(Ordering::Relaxed));
        }
        head(&mut out, &FAILURES);
        if let Ok(failures) = self.failures.lock() {
            for (code, count) in &*failures {
                line(&mut out, FAILURES.name, &format!("{{code=\"{code}\"}}"), *count);
            }
        }
        head(&mut out, &QUEUE);
        for (state, count) in
            [("queued", queue.queued_plan + queue.queued_deliver), ("held", queue.held)]
        {
            line(&mut out, QUEUE.name, &format!("{{state=\"{state}\"}}"), count);
        }
        head(&mut out, &OLDEST);
        let age = queue.oldest_queued_ms.map_or(0, |oldest| now_ms.saturating_sub(oldest).max(0));
        line(&mut out, OLDEST.name, "", age / 1000);
        head(&mut out, &STAGES);
        for (name, histogram) in ["intake", "plan", "deliver"].iter().zip(&self.stages) {
            histogram.render(&mut out, STAGES.name, name);
        }
        out
    }
}

/// Lists every metric for the reference page.
pub fn documentation() -> impl Iterator<Item = MetricDoc> {
    let lookup = Numbers::default().documented().map(|(doc, _)| doc);
    let find = keys::Numbers::default().documented().map(|(doc, _)| doc);
    let own = COUNTERS.iter().copied().chain([FAILURES, QUEUE, OLDEST, STAGES]);
    own.chain(lookup).chain(find)
}

/// Renders what looking things up has cost.
pub(crate) fn render_lookup(numbers: &Numbers, keys: &keys::Numbers) -> String {
    let mut out = String::with_capacity(2048);
    for (doc, value) in numbers.documented().into_iter().chain(keys.documented()) {
        head(&mut out, &doc);
        line(&mut out, doc.name, "", value);
    }
    out
}

/// A histogram with fixed bounds, from a fifth of a millisecond to ten seconds.
#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bound, bucket) in BOUNDS_US.iter().zip(&self.buckets) {
            if us <= *bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    fn render(&self, out: &mut String, name: &str, stage: &str) {
        for (bound, bucket) in BOUNDS_US.iter().zip(&self.buckets) {
            let labels = format!("{{stage=\"{stage}\",le=\"{}\"}}", seconds(*bound));
            line(out, &format!("{name}_bucket"), &labels, bucket.load(Ordering::Relaxed));
        }
        let count = self.count.load(Ordering::Relaxed);
        line(out, &format!("{name}_bucket"), &format!("{{stage=\"{stage}\",le=\"+Inf\"}}"), count);
        let labels = format!("{{stage=\"{stage}\"}}");
        line(out, &format!("{name}_sum"), &labels, seconds(self.sum_us.load(Ordering::Relaxed)));
        line(out, &format!("{name}_count"), &labels, count);
    }
}

/// Prints microseconds as seconds without losing a digit.
fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

fn head(out: &mut String, doc: &MetricDoc) {
    // Writing to a string cannot fail.
    let _ok = writeln!(out, "# HELP {} {}\n# TYPE {} {}", doc.name, doc.help, doc.name, doc.kind);
}

fn line(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ok = writeln!(out, "{name}{labels} {value}");
}

const BOUNDS_US: [u64; 12] = [
    200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 2_000_000, 10_000_000,
];

const fn counter(name: &'static str, help: &'static str) -> MetricDoc {
    MetricDoc { name, kind: "counter", help }
}

/// In the order of [`Counter`].
const COUNTERS: [MetricDoc; 11] = [
    counter(
        "chancery_accepted_total",
        "Messages acknowledged at intake, on disk before the reply.",
    ),
    counter("chancery_refused_total", "Messages refused at intake."),
    counter("chancery_protected_total", "Protected messages made."),
    counter("chancery_signed_total", "Messages signed but not encrypted."),
    counter("chancery_clear_total", "Recipients released in clear because policy allows it."),
    counter("chancery_opened_total", "Protected messages opened."),
    counter("chancery_held_total", "Recipients put on hold."),
    counter("chancery_delivered_total", "Recipients that the next hop accepted."),
    counter("chancery_deferred_total", "Delivery attempts that must be repeated, per recipient."),
    counter("chancery_bounced_total", "Recipients given up, per recipient."),
    counter("chancery_notices_total", "Notices and delivery status notifications made."),
];

const FAILURES: MetricDoc = counter("chancery_failures_total", "Failures by their stable code.");
const QUEUE: MetricDoc = MetricDoc {
    name: "chancery_queue_recipients",
    kind: "gauge",
    help: "Recipients by open state.",
};
const OLDEST: MetricDoc = MetricDoc {
    name: "chancery_queue_oldest_seconds",
    kind: "gauge",
    help: "Age of the oldest queued recipient.",
};
const STAGES: MetricDoc =
    MetricDoc { name: "chancery_stage_seconds", kind: "histogram", help: "Time per stage." };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposition_has_a_line_for_each_counter_and_stage() {
        let metrics = Metrics::default();
        metrics.add(Counter::Notices, 3);
        metrics.failure("route.loop");
        metrics.observe(Stage::Plan, Duration::from_micros(700));
        let text = metrics.render(
            &QueueNumbers {
                queued_plan: 2,
                oldest_queued_ms: Some(1_000),
                ..QueueNumbers::default()
            },
            61_000,
        );
        let text = text + &render_lookup(&Numbers::default(), &keys::Numbers::default());
        assert!(text.contains("chancery_notices_total 3\n"));
        assert!(text.contains("chancery_failures_total{code=\"route.loop\"} 1\n"));
        assert!(text.contains("chancery_queue_oldest_seconds 60\n"));
        assert!(text.contains("chancery_stage_seconds_bucket{stage=\"plan\",le=\"0.000500\"} 0\n"));
        assert!(text.contains("chancery_stage_seconds_bucket{stage=\"plan\",le=\"0.001000\"} 1\n"));
        for doc in documentation() {
            assert!(text.contains(&format!("# TYPE {} ", doc.name)), "{}", doc.name);
        }
    }
}
