//! Processor time and memory of this process, and their spread.

use std::fmt;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_pki::path::{Algorithms, CheckSignature, Flaw, OurCryptography, Signed};
use rustix::time::{ClockId, clock_gettime};

/// Returns the processor time of this thread in nanoseconds.
pub fn processor_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
}

/// Returns the memory that this process has in use, in bytes.
pub fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// Our cryptography with a clock.
#[derive(Debug, Default)]
pub struct Clocked;

/// Nanoseconds that [`Clocked`] took so far; one for a process, because a verifier keeps its cryptography to itself.
static SPENT: AtomicU64 = AtomicU64::new(0);

impl CheckSignature for Clocked {
    fn check(&self, signed: &Signed<'_>, algorithms: Algorithms) -> Result<(), Flaw> {
        let start = processor_time();
        let result = OurCryptography.check(signed, algorithms);
        SPENT.fetch_add(processor_time() - start, Ordering::Relaxed);
        result
    }
}

impl Clocked {
    /// Returns what was spent since the last call, in nanoseconds.
    pub fn take() -> u64 {
        SPENT.swap(0, Ordering::Relaxed)
    }
}

/// Many measurements of one thing.
#[derive(Clone, Debug, Default)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Adds a measurement.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Returns the value below which so many of a hundred lie.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len().saturating_sub(1) * percent + 50) / 100;
        sorted.get(place).copied().unwrap_or_default()
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:>8.1} {:>8.1}", self.percentile(50), self.percentile(99))
    }
}
