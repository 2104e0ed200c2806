//! Encoded words in header fields (RFC 2047): `=?utf-8?B?w7w=?=`.

use crate::charset;
use crate::content_type::hex_pair;
use crate::transfer;

/// Decodes all encoded words of an unfolded value; what cannot be decoded stays as it is.
///
/// The result is for people and fits on one line: control characters become spaces, so that nothing can be smuggled
/// into a field or a terminal that it is copied to.
pub fn decode(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    let mut run = Run::default();
    let mut plain = value;
    let mut rest = value;
    while let Some(at) = memchr::memmem::find(rest, b"=?") {
        let word = rest.get(at..).unwrap_or_default();
        let Some((parsed, length)) = Word::parse(word) else {
            rest = word.get(2..).unwrap_or_default();
            continue;
        };
        let before = plain.get(..plain.len() - word.len()).unwrap_or_default();
        // RFC 2047 section 6.2: white space between two encoded words is not shown.
        if !(run.is_open && before.iter().all(u8::is_ascii_whitespace)) {
            run.end(&mut text);
            push_plain(&mut text, before);
        }
        run.add(parsed, &mut text);
        plain = word.get(length..).unwrap_or_default();
        rest = plain;
    }
    run.end(&mut text);
    push_plain(&mut text, plain);
    text
}

/// Encodes text for an unstructured field or a phrase: unchanged if it is plain ASCII, else as encoded words of at
/// most 75 characters with a folded line (`CRLF SP`) between them.
pub fn encode(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.is_ascii() && !text.contains("=?") {
        return text;
    }
    let mut words = Vec::new();
    let mut chunk = String::new();
    for c in text.chars() {
        if chunk.len() + c.len_utf8() > WORD_BYTES {
            words.push(word(&chunk));
            chunk.clear();
        }
        chunk.push(c);
    }
    words.push(word(&chunk));
    words.join("\r\n ")
}

fn word(chunk: &str) -> String {
    format!("=?utf-8?B?{}?=", base64_simd::STANDARD.encode_to_string(chunk))
}

struct Word<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
}

impl<'a> Word<'a> {
    /// Reads the encoded word at the start of `text`; returns it and its length.
    fn parse(text: &'a [u8]) -> Option<(Self, usize)> {
        let mut pieces = text.strip_prefix(b"=?")?.splitn(4, |&byte| byte == b'?');
        let (charset, encoding, encoded, after) =
            (pieces.next()?, pieces.next()?, pieces.next()?, pieces.next()?);
        if after.first() != Some(&b'=')
            || charset.is_empty()
            || charset.iter().any(|byte| !byte.is_ascii_graphic())
        {
            return None;
        }
        let bytes = match encoding {
            b"B" | b"b" => transfer::decode(crate::content_type::TransferEncoding::Base64, encoded),
            b"Q" | b"q" => decode_q(encoded),
            _ => return None,
        };
        // RFC 2231 section 5: a language may follow the character set.
        let charset = std::str::from_utf8(charset).ok()?.split('*').next()?;
        charset::decode(charset, b"")?;
        let length = charset_length(text, after)?;
        Some((Self { charset, bytes }, length))
    }
}

fn charset_length(text: &[u8], after: &[u8]) -> Option<usize> {
    text.len().checked_sub(after.len())?.checked_add(1)
}

/// Encoded words in a row with the same character set: some programs cut characters in two between them.
#[derive(Default)]
struct Run {
    is_open: bool,
    charset: String,
    bytes: Vec<u8>,
}

impl Run {
    fn add(&mut self, word: Word<'_>, text: &mut String) {
        if !self.charset.eq_ignore_ascii_case(word.charset) {
            self.end(text);
            word.charset.clone_into(&mut self.charset);
        }
        self.is_open = true;
        self.bytes.extend(word.bytes);
    }

    fn end(&mut self, text: &mut String) {
        if self.is_open {
            let bytes = std::mem::take(&mut self.bytes);
            let decoded = charset::decode(&self.charset, &bytes);
            push_line(
                text,
                &decoded.unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned()),
            );
            self.is_open = false;
        }
    }
}

/// The Q encoding (RFC 2047 section 4.2).
fn decode_q(encoded: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&first, tail)) = rest.split_first() {
        let pair = tail
            .first_chunk::<2>()
            .filter(|_| first == b'=')
            .and_then(|&[high, low]| hex_pair(high, low));
        decoded.push(pair.unwrap_or(if first == b'_' { b' ' } else { first }));
        rest = if pair.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    decoded
}

fn push_plain(text: &mut String, bytes: &[u8]) {
    push_line(text, &charset::guess(bytes));
}

fn push_line(text: &mut String, more: &str) {
    text.extend(more.chars().map(|c| if c.is_control() { ' ' } else { c }));
}

/// How many bytes go into one word: 75 characters (RFC 2047 section 2) less `=?utf-8?B?` and `?=`, in base64.
const WORD_BYTES: usize = 45;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode, encode};

    #[test]
    fn words_are_decoded() {
        for (value, text) in [
            ("plain", "plain"),
            ("=?utf-8?B?w7xiZXI=?=", "über"),
            ("=?UTF-8?q?=C3=BCber_uns?= now", "über uns now"),
            ("=?iso-8859-1?Q?=FCber?=", "über"),
            ("=?windows-1252*de?Q?=80?=", "€"),
            ("=?utf-8?Q?a?= =?utf-8?Q?b?=\t=?utf-8?Q?c?=", "abc"),
            ("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
            // One character cut in two, as some programs do.
            ("=?utf-8?B?w7xiZcO=?= =?utf-8?Q?=BC?=", "übeü"),
            ("=?utf-8?Q?=FF?=", "\u{fffd}"),
            ("=?x-unknown?Q?a?=", "=?x-unknown?Q?a?="),
            ("=?utf-8?X?a?= =?utf-8?Q?a", "=?utf-8?X?a?= =?utf-8?Q?a"),
            ("=?=?utf-8?Q?a?=", "=?a"),
            ("=?utf-8?Q?a=0D=0ABcc:_x=00?=", "a  Bcc: x "),
            ("a\u{fc}", "aü"),
            ("\x1b[31m", " [31m"),
        ] {
            assert_eq!(decode(value.as_bytes()), text, "{value}");
        }
        assert_eq!(decode(b"\xfcber"), "über");
    }

    #[test]
    fn many_beginnings_take_linear_time() {
        // 2 MB; were each "=?" to look to the end, this would not return.
        let value = b"=?u?q?a".repeat(300_000);
        assert_eq!(decode(&value).len(), value.len());
        let value = b"=?".repeat(1_000_000);
        assert_eq!(decode(&value).len(), value.len());
    }

    proptest! {
        #[test]
        fn text_comes_back(text in "\\PC{0,200}") {
            let encoded = encode(&text);
            prop_assert!(encoded.is_ascii());
            if encoded != text {
                prop_assert!(encoded.split("\r\n ").all(|word| word.len() <= 75));
            }
            prop_assert_eq!(decode(encoded.replace("\r\n", "").as_bytes()), text);
        }

        #[test]
        fn the_result_is_one_line(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&value).chars().all(|c| !c.is_control()));
        }
    }
}
