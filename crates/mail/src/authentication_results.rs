//! Authentication-Results (RFC 8601): writing ours, finding forged ones.

use std::ops::Range;

/// One result to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodResult {
    /// Such as `smime` (RFC 7281).
    pub method: String,
    /// Such as `pass`.
    pub result: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// `ptype.property=value`, such as `("body", "smime-identifier", "a@acme.example")`.
    pub properties: Vec<(String, String, String)>,
}

/// Writes the whole field, folded, with its CRLF. Without results it says `none`.
pub fn write(authserv_id: &str, results: &[MethodResult]) -> String {
    todo!("{authserv_id} {results:?}")
}

/// Finds the fields that claim to be ours, so that they can be deleted: byte ranges in `header`, in order.
///
/// It finds too much rather than too little: names and ids in any case, folded, commented, quoted, with a version, with
/// a trailing dot; and malformed fields that name us anywhere.
pub fn forged(header: &[u8], authserv_id: &str) -> Vec<Range<usize>> {
    todo!("{header:?} {authserv_id}")
}

/// Returns `bytes` without these ranges, which must be in order and not overlap.
pub fn without(bytes: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    todo!("{bytes:?} {ranges:?}")
}
