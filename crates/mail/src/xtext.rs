//! xtext (RFC 3461 section 4): how ENVID and ORCPT carry other characters in SMTP commands.

/// Encodes bytes.
pub fn encode(bytes: &[u8]) -> String {
    todo!("{bytes:?}")
}

/// Decodes xtext; `None` if it is not well formed.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    todo!("{text}")
}
