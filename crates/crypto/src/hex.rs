//! Bytes as text, as fingerprints and identifiers are shown and keys are written.

use zeroize::Zeroizing;

/// Returns the bytes in lower-case hexadecimal, without anything between them.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

/// Reads hexadecimal digits of either case, two for each byte; they may be a key, so the bytes clear themselves.
pub fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for [high, low] in pairs {
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
    }
    rest.is_empty().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{hex, unhex};

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(hex(&[0x00, 0x0a, 0xff]), "000aff");
        assert_eq!(hex(&[]), "");
    }

    #[test]
    fn digits_are_read_back() {
        assert_eq!(**unhex("000aFF").unwrap(), [0x00, 0x0a, 0xff]);
        assert!(unhex("").unwrap().is_empty());
        for other in ["0", "000", "0g", " 00", "0\u{e9}"] {
            assert!(unhex(other).is_none(), "{other}");
        }
    }
}
