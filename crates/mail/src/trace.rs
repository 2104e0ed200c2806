//! Trace fields: counting hops and writing our own Received line (RFC 5321 section 4.4).

use std::net::IpAddr;

use crate::header::HeaderBlock;

/// What goes into a Received field.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// What the client said in HELO or EHLO; anything that may not stand in a field is left out.
    pub helo: &'a str,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Our host name.
    pub by: &'a str,
    /// Protocol of the RFC 3848 registry, such as `ESMTPS`.
    pub with: &'a str,
    /// Our id of the message.
    pub id: &'a str,
    /// The recipient, only if there is exactly one.
    pub recipient: Option<&'a crate::Address>,
    /// Such as `TLS1.3 with cipher TLS_AES_256_GCM_SHA384`; written as a comment.
    pub tls: Option<&'a str>,
    /// When it was received, in seconds since 1970.
    pub at: i64,
}

impl Received<'_> {
    /// Writes the field, folded, with its CRLF.
    pub fn write(&self) -> String {
        todo!()
    }
}

/// Returns how many servers the message has passed: the number of Received fields.
pub fn hops(header: &HeaderBlock<'_>) -> usize {
    header.all("received").count()
}
