//! What can go wrong while something is looked up.

use chancery_fault::{Code, Coded};

use crate::codes;

/// Why something was not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is too much to do at the moment.
    #[error("too many questions are under way")]
    Busy,
    /// The question came back to where it was asked before.
    #[error("the question goes in circles between directories")]
    Circle,
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
            Self::Busy => &codes::BUSY,
            Self::Circle => &codes::CIRCLE,
            Self::Content(_) => &codes::CONTENT,
            Self::Fetch(error) => error.code(),
            Self::Interrupted => &codes::INTERRUPTED,
        }
    }
}
