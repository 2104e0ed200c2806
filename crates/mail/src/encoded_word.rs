//! Encoded words in header fields (RFC 2047): `=?utf-8?B?w7w=?=`.

/// Decodes all encoded words of an unfolded value; what cannot be decoded stays as it is.
pub fn decode(value: &[u8]) -> String {
    todo!("{value:?}")
}

/// Encodes text for an unstructured field or a phrase: unchanged if it is plain ASCII, else as encoded words of at
/// most 75 characters with a folded line (`CRLF SP`) between them.
pub fn encode(text: &str) -> String {
    todo!("{text}")
}
