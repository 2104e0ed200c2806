//! Delivery status notifications: RFC 3464 in a `multipart/report` (RFC 6522), RFC 6533 for non-ASCII addresses.

use crate::address::Address;
use crate::notice::{Envelope, Notice};

/// A delivery status notification about one or more recipients.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// From, to, the original.
    pub envelope: Envelope<'a>,
    /// When the original arrived here, in seconds since 1970.
    pub arrived: Option<i64>,
    /// ENVID of the original, decoded from xtext (RFC 3461 section 4.4).
    pub envelope_id: Option<&'a str>,
    /// The recipients it is about; their actions may differ.
    pub recipients: &'a [Recipient<'a>],
}

/// What became of one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// The address we tried.
    pub address: &'a Address,
    /// ORCPT as it came, such as `rfc822;bob+2Bx@globex.example` (RFC 3461 section 4.2).
    pub original: Option<&'a str>,
    /// What became of it.
    pub action: Action,
    /// Enhanced status code, such as `5.1.1` (RFC 3463).
    pub status: &'a str,
    /// The reply of the other server, such as `550 5.1.1 no such user`.
    pub diagnostic: Option<&'a str>,
    /// The server that gave it.
    pub remote_mta: Option<&'a str>,
    /// When it was last tried, in seconds since 1970.
    pub last_attempt: Option<i64>,
    /// When we give up, in seconds since 1970; for delays.
    pub retry_until: Option<i64>,
    /// Why, for people, as a sentence.
    pub reason: &'a str,
}

/// Action field (RFC 3464 section 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Given up.
    Failed,
    /// Not yet; we go on trying.
    Delayed,
    /// Handed over to the final mailbox.
    Delivered,
    /// Handed to a server that will not report back.
    Relayed,
}

impl Report<'_> {
    /// Writes the notification.
    pub fn write(&self) -> Notice {
        todo!()
    }
}
