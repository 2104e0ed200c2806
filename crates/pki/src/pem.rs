//! Textual encoding of keys, certificates and CMS (RFC 7468): finds blocks in a text, writes blocks.
//!
//! Reading is lenient where the RFC allows it (text around the blocks, any line length, CR LF or LF) and strict about
//! the boundaries: both lines, the same label.

use zeroize::Zeroizing;

use crate::error::Error;

/// One block of a PEM text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The label, such as `CERTIFICATE`.
    pub label: String,
    /// How the bytes are encrypted, if they are: the field `DEK-Info` of older programs (RFC 1421 section 4.6.1.3).
    pub encryption: Option<String>,
    /// The decoded bytes; cleared when dropped, because they may be a private key.
    pub der: Zeroizing<Vec<u8>>,
    /// Where the `-----BEGIN` line starts in the text.
    pub offset: usize,
}

/// Finds all blocks of a text, in order. A text without blocks gives none.
pub fn blocks(text: &[u8]) -> Result<Vec<Block>, Error> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize, Zeroizing<Vec<u8>>)> = None;
    let mut encryption = None;
    // Windows begins a text with a mark of its encoding.
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut offset = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let content = line.trim_ascii();
        if let Some(label) = boundary(content, BEGIN) {
            if open.is_some() {
                return Err(Error::Pem { offset, reason: "a block starts inside another" });
            }
            // RFC 7468 section 2: base64 text of a block follows its first line.
            open = Some((label.to_owned(), offset, Zeroizing::new(Vec::new())));
        } else if let Some(label) = boundary(content, END) {
            let Some((expected, start, body)) = open.take() else {
                return Err(Error::Pem { offset, reason: "a block ends that never started" });
            };
            if label != expected {
                return Err(Error::Pem {
                    offset,
                    reason: "the END line has another label than the BEGIN line",
                });
            }
            let der = base64_simd::STANDARD
                .decode_to_vec(body.as_slice())
                .map_err(|_| Error::Pem { offset: start, reason: "the block is not base64" })?;
            let der = Zeroizing::new(der);
            found.push(Block {
                label: expected,
                encryption: encryption.take(),
                der,
                offset: start,
            });
        } else if let Some((_, _, body)) = &mut open {
            // Header lines are no base64, which has no colon.
            if content.contains(&b':') && body.is_empty() {
                if let Some(value) = content.strip_prefix(b"DEK-Info:") {
                    encryption = std::str::from_utf8(value).ok().map(|it| it.trim().to_owned());
                }
            } else {
                body.extend(content.iter().filter(|byte| !byte.is_ascii_whitespace()));
            }
        }
        offset += line.len();
    }
    match open {
        Some((_, offset, _)) => Err(Error::Pem { offset, reason: "the block has no END line" }),
        None => Ok(found),
    }
}

/// Writes one block with lines of 64 characters, each ended by LF.
pub fn encode(label: &str, der: &[u8]) -> String {
    let body = base64_simd::STANDARD.encode_to_string(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    text.reserve(body.len() + body.len() / LINE + label.len() + 20);
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// Returns the label of a boundary line.
fn boundary<'a>(line: &'a [u8], start: &str) -> Option<&'a str> {
    let label = line.strip_prefix(start.as_bytes())?.strip_suffix(b"-----")?;
    // RFC 7468 section 3: a label is printable ASCII. The limit keeps a hostile line from becoming a label of megabytes.
    let is_label = label.len() <= 64 && label.iter().all(|byte| matches!(byte, b' '..=b'~'));
    if is_label { std::str::from_utf8(label).ok() } else { None }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
/// RFC 7468 section 2: generators wrap at exactly 64 characters.
const LINE: usize = 64;
