//! Mail that the gateway writes itself: delivery status notifications (RFC 3464) and notices to senders.

use crate::address::Address;

mod report;
mod text;

pub use report::{Action, Recipient, Report};

/// A notice ready to send, from the null sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The message: CRLF line ends, no line over 998 bytes, ASCII unless `smtputf8`.
    pub message: Vec<u8>,
    /// True if an address in the header is not ASCII, so that it must be sent with SMTPUTF8.
    pub smtputf8: bool,
}

/// What all notices have in common.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Our host name, such as `gate.acme.example`.
    pub host: &'a str,
    /// Who sends it, such as `postmaster@acme.example`.
    pub from: &'a Address,
    /// Who gets it: the sender of the original.
    pub to: &'a Address,
    /// Its own message id, with angle brackets.
    pub message_id: &'a str,
    /// When it is written, in seconds since 1970.
    pub date: i64,
    /// The original's header block (without the empty line); longer ones are cut at a field.
    pub original_header: &'a [u8],
}

/// Tells the sender that a message waits here: one clear line first, then why, then what happens next.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// From, to, the original.
    pub envelope: Envelope<'a>,
    /// The recipients whose copies wait.
    pub recipients: &'a [Address],
    /// Why, as a sentence: `No key is known for globex.example.`
    pub reason: &'a str,
    /// What happens next and what the sender can do, as sentences.
    pub next: &'a str,
    /// When it is given up, in seconds since 1970.
    pub until: Option<i64>,
    /// Error code that `chancery explain` knows.
    pub code: Option<&'a str>,
}

impl Held<'_> {
    /// Writes the notice.
    pub fn write(&self) -> Notice {
        todo!()
    }
}

/// Writes a plain notice with this subject and text (`Auto-Submitted: auto-generated`).
pub fn plain(envelope: &Envelope<'_>, subject: &str, text: &str) -> Notice {
    todo!("{envelope:?} {subject} {text}")
}
