//! What can go wrong while something is looked up.

use chancery_fault::{Code, Coded};

use crate::codes;

/// Why something was not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What came is nothing that was looked for.
    #[error("what came cannot be used: {0}")]
    Content(String),
    /// Nobody was reached, or got an answer.
    #[error(transparent)]
    Fetch(#[from] chancery_net::outbound::Error),
    /// The work was given up: the process ends, or the time of the decision was over.
    #[error("it was not waited for")]
    Interrupted,
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Content(_) => &codes::CONTENT,
            Self::Fetch(error) => error.code(),
            Self::Interrupted => &codes::INTERRUPTED,
        }
    }
}
