//! The body on the wire: transparency dots, the final dot, and what must never pass (RFC 5321 section 4.5.2).

/// What the sender of a message must know about its octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Their number.
    pub length: u64,
    /// There are octets above 127.
    pub is_8bit: bool,
    /// They end in CRLF, or there are none.
    pub ends_with_crlf: bool,
    /// There are CR or LF outside of CRLF.
    pub has_bare_newline: bool,
}
