//! Character sets of header fields and parameters: those of the WHATWG Encoding Standard, and UTF-7 (RFC 2152).

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Text, and whether it is all that the bytes say.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// False if bytes were not of the character set; U+FFFD stands for them.
    pub(crate) is_whole: bool,
}

/// Returns true if [`decode`] knows the character set.
pub(crate) fn is_known(charset: &str) -> bool {
    is_utf_7(charset) || known(charset).is_some()
}

/// Decodes bytes; `None` for a character set that is not known here.
pub(crate) fn decode(charset: &str, bytes: &[u8]) -> Option<Text> {
    if is_utf_7(charset) {
        return Some(utf_7(bytes));
    }
    let encoding = known(charset)?;
    // RFC 2047 readers do not agree on what a byte over 127 is in "ascii".
    let is_beyond_ascii = is_ascii(charset) && !bytes.is_ascii();
    let is_unordered = charset.trim().eq_ignore_ascii_case("utf-16");
    let encoding = if is_unordered { utf_16_order(bytes) } else { encoding };
    let (text, _, has_errors) = encoding.decode(bytes);
    // Words that were joined may each have had a mark of their own.
    let text = text.replace('\u{feff}', "");
    Some(Text { text, is_whole: !has_errors && !is_beyond_ascii })
}

/// Decodes bytes of which nobody says what they are: UTF-8 if they are, else windows-1252.
pub(crate) fn guess(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes)
        .map_or_else(|_| WINDOWS_1252.decode_without_bom_handling(bytes).0, Cow::Borrowed)
}

fn known(charset: &str) -> Option<&'static Encoding> {
    let label = charset.trim().to_ascii_lowercase();
    let label = match label.as_str() {
        "cp932" => "shift_jis",
        "cp936" => "gbk",
        "cp949" => "euc-kr",
        "cp950" => "big5",
        "utf8mb4" => "utf-8",
        other => other,
    };
    // What the standard maps to "replacement" is dangerous to decode.
    Encoding::for_label_no_replacement(label.as_bytes())
}

fn is_ascii(charset: &str) -> bool {
    let charset = charset.trim();
    charset.eq_ignore_ascii_case("us-ascii") || charset.eq_ignore_ascii_case("ascii")
}

fn is_utf_7(charset: &str) -> bool {
    let charset = charset.trim();
    ["utf-7", "utf7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7"]
        .iter()
        .any(|name| charset.eq_ignore_ascii_case(name))
}

/// Tells the byte order of UTF-16 that does not say: RFC 2781 section 4.3 has big-endian, Windows writes the other. Most
/// text has characters below 256, whose high byte is zero. A byte order mark decides later, in the decoder.
fn utf_16_order(bytes: &[u8]) -> &'static Encoding {
    let zeros =
        |first: usize| bytes.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    if zeros(1) > zeros(0) { UTF_16LE } else { UTF_16BE }
}

/// Decodes UTF-7: ASCII, and base64 of UTF-16 between `+` and the first character that is not base64 (a `-` is dropped).
fn utf_7(bytes: &[u8]) -> Text {
    let mut text = String::with_capacity(bytes.len());
    let mut is_whole = true;
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'+' {
            is_whole &= byte.is_ascii();
            text.push(if byte.is_ascii() { char::from(byte) } else { char::REPLACEMENT_CHARACTER });
            continue;
        }
        let length = tail.iter().take_while(|byte| sextet(**byte).is_some()).count();
        let (shifted, after) = tail.split_at_checked(length).unwrap_or((tail, b""));
        let has_end = after.first() == Some(&b'-');
        if length == 0 && has_end {
            text.push('+');
        } else {
            is_whole &= length > 0 && push_utf_16(shifted, &mut text);
        }
        rest = if has_end { after.get(1..).unwrap_or_default() } else { after };
    }
    Text { text, is_whole }
}

/// Adds the UTF-16 that is in base64 without padding; returns false if some of it is none.
fn push_utf_16(base64: &[u8], text: &mut String) -> bool {
    let mut bits: u32 = 0;
    let mut count = 0;
    let mut units = Vec::with_capacity(base64.len() / 2);
    for value in base64.iter().filter_map(|byte| sextet(*byte)) {
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 16 {
            count -= 16;
            // The mask makes it fit.
            units.push(u16::try_from(bits >> count & 0xffff).unwrap_or_default());
        }
    }
    let mut is_whole = true;
    for unit in char::decode_utf16(units) {
        is_whole &= unit.is_ok();
        text.push(unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    is_whole
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_set_that_mail_programs_write_is_read() {
        for (charset, bytes, text) in [
            ("utf-16", &b"\xfe\xff\0g\0e\0h\0e\0i\0m"[..], "geheim"),
            ("utf-16", b"\xff\xfeg\0e\0h\0", "geh"),
            ("UTF-16", b"\0g\0e\0h", "geh"),
            ("utf-16", b"g\0e\0h\0", "geh"),
            ("utf-16le", b"\xac\x20", "€"),
            ("utf-16be", b"\x20\xac", "€"),
            ("utf-7", b"+AGcAZQBoAGUAaQBt-", "geheim"),
            ("UTF-7", b"Gr+APwA3w-e 1 +- 1", "Grüße 1 + 1"),
            ("unicode-1-1-utf-7", b"+2D3eAA-", "\u{1f600}"),
            ("iso-8859-15", b"\xa4", "€"),
            ("windows-1251", b"\xf2\xe0\xe9\xed\xe0", "тайна"),
            ("koi8-r", b"\xd4", "т"),
            ("iso-2022-jp", b"\x1b$B5!L)\x1b(B", "機密"),
            ("gb2312", b"\xbb\xfa\xc3\xdc", "机密"),
            ("cp932", b"\x8b@", "機"),
            ("us-ascii", b"plain", "plain"),
        ] {
            let decoded = decode(charset, bytes).unwrap();
            assert_eq!(decoded.text, text, "{charset}");
            assert!(decoded.is_whole, "{charset}");
        }
    }

    #[test]
    fn what_is_not_of_the_character_set_is_told() {
        for (charset, bytes) in [
            ("utf-8", &b"\xff"[..]),
            ("us-ascii", b"\xfc"),
            ("utf-16", b"\xd8\0\0a"),
            ("utf-7", b"a+"),
            ("utf-7", b"\xfc"),
            ("utf-7", b"+2D0-"),
        ] {
            assert!(!decode(charset, bytes).unwrap().is_whole, "{charset} {bytes:?}");
        }
        for charset in ["x-unknown", "ibm037", "utf-32", "iso-2022-kr", ""] {
            assert!(decode(charset, b"a").is_none() && !is_known(charset), "{charset}");
        }
    }
}
