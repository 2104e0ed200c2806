//! The errors of this crate and their codes. Most readers here are tolerant and have no error at all.

use chancery_fault::{Code, Coded, Fault, Retry};

/// What can be wrong with something this crate reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a mailbox address.
    #[error("cannot read the address at byte {offset}: {why}")]
    Address {
        /// Where in the input.
        offset: usize,
        /// What is wrong there.
        why: &'static str,
    },
    /// It is not clear who wrote the message.
    #[error("cannot tell the author from the From field: {why}")]
    Author {
        /// What is wrong with the field.
        why: &'static str,
    },
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Address { .. } => &ADDRESS,
            Self::Author { .. } => &AUTHOR,
        }
    }
}

/// All codes of this crate, for `chancery explain` and the generated reference.
pub const CODES: &[&Code] = &[&ADDRESS, &AUTHOR];

static ADDRESS: Code = Code {
    id: "mail.address",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "553 5.1.3",
    summary: "the mailbox address is not valid",
    help: "Write the address as local-part@domain (RFC 5321 section 4.1.2). White space, control characters and a \
           second @ outside quotes are refused, because two programs would read two different addresses in them.",
};

static AUTHOR: Code = Code {
    id: "mail.author",
    fault: Fault::Sender,
    retry: Retry::Never,
    reply: "550 5.6.0",
    summary: "the message does not have one clear author",
    help: "Send the message with exactly one From field that parses cleanly (RFC 5322 section 3.6). A signature \
           cannot be bound to an author that two programs would read differently.",
};
