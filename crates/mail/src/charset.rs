//! The few character sets that header fields and parameters use: UTF-8, ASCII, ISO 8859-1 and windows-1252.

/// Decodes bytes; `None` for a character set that is not known here, or for bytes that are not in it.
pub(crate) fn decode(charset: &str, bytes: &[u8]) -> Option<String> {
    let is = |name: &str| charset.eq_ignore_ascii_case(name);
    if is("utf-8") || is("utf8") || is("us-ascii") || is("ascii") {
        std::str::from_utf8(bytes).ok().map(str::to_owned)
    } else if is("iso-8859-1") || is("latin1") || is("windows-1252") || is("cp1252") {
        Some(windows_1252(bytes))
    } else {
        None
    }
}

/// Decodes bytes of which nobody says what they are: UTF-8 if they are, else windows-1252.
pub(crate) fn guess(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| windows_1252(bytes), str::to_owned)
}

/// Decodes windows-1252, which browsers and mail readers also use for ISO 8859-1 (WHATWG Encoding).
fn windows_1252(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| {
            HIGH.get(usize::from(byte).wrapping_sub(0x80)).copied().unwrap_or(char::from(byte))
        })
        .collect()
}

/// 0x80 to 0x9F; five of them are not assigned and stay control characters.
const HIGH: [char; 32] = [
    '\u{20AC}', '\u{81}', '\u{201A}', '\u{192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2C6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8D}', '\u{17D}', '\u{8F}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2DC}', '\u{2122}', '\u{161}', '\u{203A}', '\u{153}', '\u{9D}', '\u{17E}', '\u{178}',
];
