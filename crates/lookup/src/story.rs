//! What was asked for a decision, and what came: for `explain` and for people who look for the reason.

use std::fmt;

use serde::Serialize;

/// One thing that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fetch {
    /// The address.
    pub url: String,
    /// What came.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long it took, in milliseconds; zero if it was here.
    pub ms: u64,
    /// How many octets came over the network.
    pub octets: usize,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It was here and is still good.
    Cached {
        /// What it is.
        content: String,
    },
    /// It failed lately and was not asked again.
    FailedBefore {
        /// The stable code of the reason.
        code: &'static str,
        /// The reason.
        reason: String,
    },
    /// It failed.
    Failed {
        /// The stable code of the reason.
        code: &'static str,
        /// The reason.
        reason: String,
    },
    /// It came over the network.
    Fetched {
        /// What it is.
        content: String,
    },
    /// It was here, and the server says that it is still the same.
    Unchanged {
        /// What it is.
        content: String,
    },
}

impl Outcome {
    /// Returns true if something is there.
    pub fn is_success(&self) -> bool {
        !matches!(self, Self::Failed { .. } | Self::FailedBefore { .. })
    }

    /// Returns true if somebody was asked over the network.
    pub fn was_asked(&self) -> bool {
        !matches!(self, Self::Cached { .. } | Self::FailedBefore { .. })
    }
}

impl fmt::Display for Fetch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, outcome, ms, octets } = self;
        // The address is foreign text.
        let url: String =
            url.chars().map(|it| if it.is_ascii_graphic() { it } else { '?' }).collect();
        write!(formatter, "{url}: ")?;
        match outcome {
            Outcome::Cached { content } => write!(formatter, "{content} (from the cache)"),
            Outcome::FailedBefore { reason, .. } => {
                write!(formatter, "failed lately and is not asked again yet: {reason}")
            }
            Outcome::Failed { reason, .. } => write!(formatter, "failed after {ms} ms: {reason}"),
            Outcome::Fetched { content } => {
                write!(formatter, "{content} ({octets} octets in {ms} ms)")
            }
            Outcome::Unchanged { content } => {
                write!(formatter, "{content} (unchanged, asked in {ms} ms)")
            }
        }
    }
}
