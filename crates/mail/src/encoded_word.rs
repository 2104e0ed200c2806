//! Encoded words in header fields (RFC 2047): `=?utf-8?B?w7w=?=`.

use crate::charset;
use crate::content_type::hex_pair;
use crate::transfer;

/// A value that was decoded, and whether all of it could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The text for people, on one line.
    pub text: String,
    /// False if another program may show another text: an encoded word is damaged or of a character set that is not
    /// known here, or there are bytes of which nobody says what they are. Whoever searches the text must then count on
    /// not seeing what is there.
    pub is_whole: bool,
}

/// Decodes all encoded words of an unfolded value; what cannot be decoded stays as it is.
///
/// The result is for people and fits on one line: control characters become spaces, so that nothing can be smuggled
/// into a field or a terminal that it is copied to.
pub fn decode(value: &[u8]) -> String {
    decode_marked(value).text
}

/// Decodes all encoded words of an unfolded value, and says whether all could be decoded.
///
/// ```
/// use chancery_mail::encoded_word::decode_marked;
///
/// assert!(decode_marked(b"=?utf-7?Q?+AGcAZQBoAGUAaQBt-?=").is_whole);
/// assert!(!decode_marked(b"=?x-unknown?Q?secret?=").is_whole);
/// ```
pub fn decode_marked(value: &[u8]) -> Decoded {
    decode_with(value, None)
}

/// Decodes also words in a character set that does not exist, which some programs take for the usual one.
pub(crate) fn decode_carelessly(value: &[u8]) -> String {
    decode_with(value, Some("utf-8")).text
}

/// Decodes; `otherwise` is the character set of words whose own is not known. Without it they stay as they are.
fn decode_with(value: &[u8], otherwise: Option<&'static str>) -> Decoded {
    let mut decoded = Decoded { text: String::with_capacity(value.len()), is_whole: true };
    let mut run = Run::default();
    let mut plain = value;
    let mut rest = value;
    while let Some(at) = memchr::memmem::find(rest, b"=?") {
        let word = rest.get(at..).unwrap_or_default();
        let Some((parsed, length)) = Word::parse(word, otherwise) else {
            decoded.is_whole &= !looks_encoded(word);
            rest = word.get(2..).unwrap_or_default();
            continue;
        };
        let before = plain.get(..plain.len() - word.len()).unwrap_or_default();
        // RFC 2047 section 6.2: white space between two encoded words is not shown.
        if !(run.is_open && before.iter().all(u8::is_ascii_whitespace)) {
            run.end(&mut decoded);
            push_plain(&mut decoded, before);
        }
        run.add(parsed, &mut decoded);
        plain = word.get(length..).unwrap_or_default();
        rest = plain;
    }
    run.end(&mut decoded);
    push_plain(&mut decoded, plain);
    decoded
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
    fn parse(text: &'a [u8], otherwise: Option<&'static str>) -> Option<(Self, usize)> {
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
        let charset = if charset::is_known(charset) { charset } else { otherwise? };
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
    fn add(&mut self, word: Word<'_>, decoded: &mut Decoded) {
        if !self.charset.eq_ignore_ascii_case(word.charset) {
            self.end(decoded);
            word.charset.clone_into(&mut self.charset);
        }
        self.is_open = true;
        self.bytes.extend(word.bytes);
    }

    fn end(&mut self, decoded: &mut Decoded) {
        if !self.is_open {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.is_open = false;
        match charset::decode(&self.charset, &bytes) {
            Some(word) => {
                decoded.is_whole &= word.is_whole;
                push_line(&mut decoded.text, &word.text);
            }
            None => push_plain(decoded, &bytes),
        }
    }
}

/// Returns true if a reader with less care could take this for the start of an encoded word.
fn looks_encoded(word: &[u8]) -> bool {
    let mut pieces = word.splitn(4, |&byte| byte == b'?').skip(1);
    let (charset, encoding) = (pieces.next().unwrap_or_default(), pieces.next());
    !charset.is_empty()
        && charset.len() <= MAX_CHARSET
        && charset.iter().all(u8::is_ascii_graphic)
        && matches!(encoding, Some([b'B' | b'b' | b'Q' | b'q']))
        && pieces.next().is_some()
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

fn push_plain(decoded: &mut Decoded, bytes: &[u8]) {
    decoded.is_whole &= std::str::from_utf8(bytes).is_ok();
    push_line(&mut decoded.text, &charset::guess(bytes));
}

fn push_line(text: &mut String, more: &str) {
    text.extend(more.chars().map(|c| if c.is_control() { ' ' } else { c }));
}

/// How many bytes go into one word: 75 characters (RFC 2047 section 2) less `=?utf-8?B?` and `?=`, in base64.
const WORD_BYTES: usize = 45;

/// Names of character sets have some twenty characters.
const MAX_CHARSET: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode, decode_marked, encode};

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
    fn what_other_programs_may_decode_otherwise_is_marked() {
        for whole in [
            "plain",
            "gr\u{fc}n",
            "=?utf-8?Q?a?=",
            "=?utf-16?B?/v8AZwBlAGg=?=",
            "1 =? 2",
            "=?what?",
            "=?utf-8?X?a?=",
        ] {
            assert!(decode_marked(whole.as_bytes()).is_whole, "{whole}");
        }
        for torn in [
            "=?x-unknown?Q?a?=",
            "=?utf-8?Q?=FF?=",
            "=?utf-8?Q?a?b?=",
            "=?utf-8?B?c2VjcmV0",
            "=?ibm037?B?hYKFoYE=?= lunch",
        ] {
            assert!(!decode_marked(torn.as_bytes()).is_whole, "{torn}");
        }
        assert!(!decode_marked(b"gr\xfcn").is_whole);
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
