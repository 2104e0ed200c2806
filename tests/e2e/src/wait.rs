//! Waiting for something to become true, with a deadline and without guessing how long it takes.

use std::time::{Duration, Instant};

/// How long anything may take on a busy machine before the test fails. A quiet one needs a hundredth.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// How often a condition is looked at that nobody announces, such as a file in another program's folder.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until the condition yields a value, and panics with `what` when patience ends.
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, condition).unwrap_or_else(|| panic!("waited {PATIENCE:?} for {what}"))
}

/// Looks until the condition yields a value; none when the time is over.
pub fn within<T>(time: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(value) = condition() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        pause(LOOK);
    }
}

/// Lets a program run until the moment at which a test ends it; never a way to wait for something.
pub fn live_for(time: Duration) {
    pause(time);
}

/// Lets time pass between two looks; never instead of an event.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that lets time pass; see the module's comment"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
