//! Stable error codes: whose fault an error is, whether to retry, and what to tell the other side.
//!
//! Every error of every crate maps to one [`Code`]. The SMTP reply, the log field, the audit entry, the decision
//! record and `chancery explain CODE` all show the same code, so that one word leads from a bounce to its cause.
//!
//! It is **not** an error type: each crate has an enum of its own and implements [`Coded`] for it.
//!
//! ```
//! use chancery_fault::{Code, Fault, Retry};
//!
//! static FULL: Code = Code {
//!     id: "store.full",
//!     fault: Fault::Us,
//!     retry: Retry::Later,
//!     reply: "452 4.3.1",
//!     summary: "the disk is full",
//!     help: "Free space on the data directory's file system; mail is refused for now and nothing is lost.",
//! };
//! assert!(FULL.is_temporary());
//! ```

/// One stable error code with everything that depends on it.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The name, `area.cause`, stable over releases.
    pub id: &'static str,
    /// Who can mend it.
    pub fault: Fault,
    /// Whether the same thing can work later.
    pub retry: Retry,
    /// Reply code and enhanced status code (RFC 5321 section 4.2, RFC 3463), such as `451 4.3.0`.
    pub reply: &'static str,
    /// One line: lower case, no full stop.
    pub summary: &'static str,
    /// The long text that `chancery explain` prints; its advice starts with a verb.
    pub help: &'static str,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The partner organisation, or a server of it.
    Partner,
    /// Whoever sent the message or typed the command.
    Sender,
    /// This installation.
    Us,
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same thing may work later.
    Later,
    /// It fails each time until somebody changes something.
    Never,
}

/// An error that has a stable code.
pub trait Coded: std::error::Error {
    /// Returns the code of this error.
    fn code(&self) -> &'static Code;
}

impl Code {
    /// Returns true if the SMTP reply of this code is temporary (4yz).
    pub fn is_temporary(&self) -> bool {
        self.reply.starts_with('4')
    }
}

impl Fault {
    /// Returns the word used in logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Sender => "sender",
            Self::Us => "us",
        }
    }
}

impl Retry {
    /// Returns the word used in logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Later => "later",
            Self::Never => "never",
        }
    }
}
