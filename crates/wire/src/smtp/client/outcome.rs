//! What a delivery came to for one recipient.

use chancery_fault::Code;

use crate::codes;
use crate::smtp::Reply;

/// What came of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The next server took the responsibility.
    Delivered {
        /// Its reply.
        reply: Reply,
    },
    /// Refused for good.
    PermFail {
        /// The reply of the server, or ours.
        reply: Reply,
        /// Why.
        code: &'static Code,
    },
    /// Not delivered; try again later.
    TempFail {
        /// The reply of the server, or ours.
        reply: Reply,
        /// Why.
        code: &'static Code,
    },
    /// The connection was lost after the message and before its reply: try again, it may become a duplicate.
    Unknown {
        /// Our words for it.
        reply: Reply,
        /// Why.
        code: &'static Code,
    },
}

impl Outcome {
    /// Returns the outcome of a final reply; `None` for what is neither yes nor no.
    pub(super) fn of(reply: Reply) -> Option<Self> {
        if reply.is_positive() {
            Some(Self::Delivered { reply })
        } else if reply.is_temporary() || reply.is_permanent() {
            Some(Self::refused(reply))
        } else {
            None
        }
    }

    /// Returns the outcome of a negative reply.
    pub(super) fn refused(reply: Reply) -> Self {
        if reply.is_permanent() {
            Self::PermFail { reply, code: &codes::REFUSED_FOR_GOOD }
        } else {
            Self::TempFail { reply, code: &codes::REFUSED_FOR_NOW }
        }
    }

    /// Returns the outcome of an error that we found ourselves.
    pub fn from_code(code: &'static Code, detail: &str) -> Self {
        let reply = Reply::from_code(code, detail);
        if code.is_temporary() {
            Self::TempFail { reply, code }
        } else {
            Self::PermFail { reply, code }
        }
    }

    /// Returns the reply behind the outcome.
    pub fn reply(&self) -> &Reply {
        match self {
            Self::Delivered { reply }
            | Self::PermFail { reply, .. }
            | Self::TempFail { reply, .. }
            | Self::Unknown { reply, .. } => reply,
        }
    }

    /// Returns the code of a failure.
    pub fn code(&self) -> Option<&'static Code> {
        match self {
            Self::Delivered { .. } => None,
            Self::PermFail { code, .. }
            | Self::TempFail { code, .. }
            | Self::Unknown { code, .. } => Some(code),
        }
    }

    /// Returns true if the next server has the message.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered { .. })
    }

    /// Returns true if trying again makes sense.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::TempFail { .. } | Self::Unknown { .. })
    }
}
