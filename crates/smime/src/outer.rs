//! The header that travels outside of the protection: only what transport and filing need.

/// The outer header fields of a protected message, without the MIME fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuterHeaders {
    bytes: Vec<u8>,
}

/// What the world sees as Subject; the real one is always inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OuterSubject {
    /// Three dots (RFC 9788 section 3.2.1 "hcp_baseline" hides it the same way).
    #[default]
    Hide,
    /// As in the original.
    Keep,
}

impl OuterHeaders {
    /// Copies what must be seen outside from the beginning of the original message.
    ///
    /// `original` is the header block, or any longer beginning of the message.
    pub fn copied_from(original: &[u8], subject: OuterSubject) -> Self {
        todo!()
    }

    /// Returns the fields, each ending with CRLF, without the empty line.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}
