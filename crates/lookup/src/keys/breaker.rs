//! Keeps a source that does not work from being asked again and again.

use std::time::Duration;

use super::given::Failure;

/// Counts failures in a row. After a few, nobody asks for a while; then one asks, and the others wait for what comes of it.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Until then nobody asks, on the monotonic clock.
    rests_until: Option<Duration>,
    last: Option<Failure>,
}

impl Breaker {
    /// Returns the last failure if the source must not be asked now.
    pub(super) fn refusal(&mut self, now: Duration, timeout: Duration) -> Option<Failure> {
        let until = self.rests_until?;
        if now < until {
            let mut failure = self.last.clone()?;
            failure.why = format!("not asked after {} failures: {}", self.failures, failure.why);
            return Some(failure);
        }
        // One tries; until its time is over, others need not.
        self.rests_until = Some(now + timeout);
        None
    }

    pub(super) fn note(&mut self, now: Duration, result: Result<(), &Failure>) {
        match result {
            Err(failure) if failure.is_of_source => {
                self.failures = self.failures.saturating_add(1);
                self.last = Some(failure.clone());
                if let Some(times) = self.failures.checked_sub(FAILURES) {
                    self.rests_until = Some(now + (SHORTEST * (1 << times.min(5))).min(LONGEST));
                }
            }
            _ => *self = Self::default(),
        }
    }

    pub(super) fn is_resting(&self) -> bool {
        self.rests_until.is_some()
    }
}

/// Failures in a row that a server has now and then.
const FAILURES: u32 = 3;
/// How long nobody asks at first, and at most.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_fails_rests_and_is_tried_again() {
        let at = Duration::from_secs;
        let failure = |is_of_source| Failure {
            is_temporary: true,
            is_of_source,
            code: "x",
            why: "y".to_owned(),
        };
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.note(at(0), Err(&failure(false)));
        }
        assert!(breaker.refusal(at(0), at(1)).is_none());
        for _ in 0..3 {
            assert!(breaker.refusal(at(0), at(1)).is_none());
            breaker.note(at(0), Err(&failure(true)));
        }
        let why = breaker.refusal(at(9), at(1)).unwrap().why;
        assert_eq!(why, "not asked after 3 failures: y");
        assert!(breaker.refusal(at(10), at(2)).is_none(), "one tries");
        assert!(breaker.refusal(at(11), at(2)).is_some(), "the others wait for it");
        breaker.note(at(12), Err(&failure(true)));
        assert!(breaker.refusal(at(31), at(2)).is_some(), "and longer than before");
        assert!(breaker.refusal(at(32), at(2)).is_none());
        breaker.note(at(33), Ok(()));
        assert!(!breaker.is_resting() && breaker.refusal(at(33), at(2)).is_none());
    }
}
