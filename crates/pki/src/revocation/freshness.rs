//! Whether evidence is of the time that is asked for (RFC 5280 section 6.3.3 (a), RFC 6960 section 4.2.2.1).

use std::time::Duration;

use crate::revocation::Settings;
use crate::time;

/// The dates of one list or response.
#[derive(Clone, Copy)]
pub(crate) struct Dates {
    pub(crate) this_update: i64,
    pub(crate) next_update: Option<i64>,
}

impl Dates {
    /// Returns true if the evidence was issued after the time in question.
    pub(crate) fn is_later(self, at: i64, settings: &Settings) -> bool {
        self.this_update > at.saturating_add(seconds(settings.skew))
    }

    /// Returns until when the evidence counts.
    pub(crate) fn until(self, settings: &Settings) -> i64 {
        let own = match self.next_update {
            Some(next) => next.saturating_add(seconds(settings.grace)),
            None => self.this_update.saturating_add(seconds(settings.max_age_without_next_update)),
        };
        let limit = settings.max_age.map(|age| self.this_update.saturating_add(seconds(age)));
        limit.map_or(own, |limit| own.min(limit))
    }

    /// Checks the dates; says in either case what was found, as the end of a sentence about the evidence.
    pub(crate) fn check(self, at: i64, settings: &Settings) -> Result<String, String> {
        let until = self.until(settings);
        if self.is_later(at, settings) {
            Err(format!("was issued {}, after the time in question", time::text(self.this_update)))
        } else if at > until && self.next_update.is_some_and(|next| at > next) {
            Err(format!("is stale since {}", time::text(until)))
        } else if at > until {
            Err(format!("is older than is accepted: it is of {}", time::text(self.this_update)))
        } else {
            Ok(format!("is current until {}", time::text(until)))
        }
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
