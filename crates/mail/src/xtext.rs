//! xtext (RFC 3461 section 4): how ENVID and ORCPT carry other characters in SMTP commands.

use std::fmt::Write as _;

use crate::content_type::hex_pair;

/// Encodes bytes.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "+{byte:02X}");
        }
    }
    text
}

/// Decodes xtext; `None` if it is not well formed.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => decoded.push(hex_pair(bytes.next()?, bytes.next()?)?),
            byte if is_plain(byte) => decoded.push(byte),
            _ => return None,
        }
    }
    Some(decoded)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'+' | b'=')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode, encode};

    #[test]
    fn rfc_3461_examples() {
        assert_eq!(encode(b"a+b=c d"), "a+2Bb+3Dc+20d");
        assert_eq!(decode("QQ314159").unwrap(), b"QQ314159");
        for bad in ["+", "+2", "+2G", "a b", "a=b", "\u{fc}"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let text = encode(&bytes);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'='));
            prop_assert_eq!(decode(&text), Some(bytes));
        }

        #[test]
        fn rubbish_never_panics(text in "\\PC{0,50}") {
            prop_assert!(decode(&text).is_none_or(|bytes| bytes.len() <= text.len()));
        }
    }
}
