//! Text in addresses of the web, with a per cent sign and two digits for what is not plain (RFC 3986 section 2.1).

/// Writes what is not plain as a per cent sign and two digits. An at sign is left as it is, which paths and queries permit.
pub fn encode(text: &str) -> String {
    let mut all = String::with_capacity(text.len() + 8);
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~@".contains(&octet) {
            all.push(char::from(octet));
        } else {
            all.push('%');
            for digit in [octet >> 4, octet & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                all.push(digit.to_ascii_uppercase());
            }
        }
    }
    all
}

/// Reads such a text; `None` if a per cent sign has no two digits behind it, or if it is not UTF-8. A plus sign stays one.
pub fn decode(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            octets.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            octets.push(octet);
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_whole_codes_are_read() {
        assert_eq!(decode("a%40b%2BC+d").as_deref(), Some("a@b+C+d"));
        for broken in ["%", "%4", "%4g", "%+1", "%-1", "% 1", "%ff", "%c0%af", "a%"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
        assert_eq!(encode("a&b=c d#@acme.example"), "a%26b%3Dc%20d%23@acme.example");
        assert_eq!(encode("bü"), "b%C3%BC");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "\\PC{0,40}") {
            let written = encode(&text);
            prop_assert!(written.bytes().all(|octet| octet.is_ascii_graphic()));
            prop_assert_eq!(decode(&written), Some(text));
        }
    }
}
