//! Bytes as text.

use std::fmt::Write as _;

/// Returns the bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ok = write!(text, "{byte:02x}");
    }
    text
}
