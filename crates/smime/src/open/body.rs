//! Finds the CMS structure in a body whose label is missing or wrong.
//!
//! Mail servers and archives lose Content-Transfer-Encoding, and scripts put the PEM form into mail; the structure itself
//! begins with the tag of a SEQUENCE, which is `M` in base64.

use std::io::{self, Read};

use chancery_mail::{Span, content_type::TransferEncoding, transfer::Decoder};

use crate::entity::Entity;

/// Returns a reader of the CMS structure in a range of the stream that calls its encoding `label`.
pub(super) fn cms<'e, 'm>(
    entity: &'e mut Entity<'m>,
    body: Span,
    label: TransferEncoding,
) -> io::Result<Decoder<impl Read + use<'e, 'm>>> {
    let (encoding, body) = found(entity, body, label)?;
    Ok(Decoder::new(encoding, entity.reader(body)?))
}

/// Returns the encoding that the first bytes have, and the range without the lines around PEM.
fn found(
    entity: &mut Entity<'_>,
    body: Span,
    label: TransferEncoding,
) -> io::Result<(TransferEncoding, Span)> {
    let mut start = Vec::new();
    entity.reader(body)?.take(LOOKED_AT).read_to_end(&mut start)?;
    let text = start.trim_ascii_start();
    let line = memchr::memchr(b'\n', text).filter(|_| text.starts_with(b"-----BEGIN "));
    if let Some(line) = line {
        let before = start.len() - text.len() + line + 1;
        let inside = Span { start: body.start + before as u64, end: body.end };
        let last =
            Span { start: body.end.saturating_sub(LOOKED_AT).max(inside.start), end: body.end };
        let mut end = Vec::new();
        entity.reader(last)?.read_to_end(&mut end)?;
        let end = memchr::memmem::rfind(&end, b"-----END ").map(|at| last.start + at as u64);
        let inside = Span { end: end.unwrap_or(inside.end), ..inside };
        return Ok((TransferEncoding::Base64, inside));
    }
    let is_base64 = |byte: &u8| {
        byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=".contains(byte)
    };
    let encoding = match start.as_slice() {
        _ if text.starts_with(b"M") && text.iter().all(is_base64) => TransferEncoding::Base64,
        [0x30, 0x80..=0xff, ..] if label == TransferEncoding::Base64 => TransferEncoding::Binary,
        _ => label,
    };
    Ok((encoding, body))
}

/// Bytes looked at: a line of PEM with what may stand before it.
const LOOKED_AT: u64 = 256;
