//! Signs a message in clear, so that everybody can read it and those who can check it, do (RFC 8551 section 3.5.3).
//!
//! The header stays outside, so that ordinary mail programs show the message as before, and a copy of it is signed with
//! the content (RFC 9788 section 2.1), so that nobody can change From or Subject on the way. Relays re-encode what is not plain ASCII with short lines, and break the signature by it; such parts are
//! encoded before signing (RFC 8551 section 3.1.3).

use std::io::{self, Read, Seek, Write};

use chancery_cms::{DetachedSigner, SignOptions};
use chancery_mail::{
    Index, IndexBuilder, Span,
    header::HeaderBlock,
    index::{Part, TileKind},
    transfer::{Base64Encoder, encode_quoted_printable},
};
use serde::Serialize;

use crate::{
    entity::{Entity, Head, Place, is_content_field},
    error::{Error, Result},
    header::payload::{self, push_line},
    keys::Signer,
    protect::{boundary, micalg, signature_part},
};

/// How a message is signed in clear.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// Who signs.
    pub signer: &'a Signer,
    /// The time of signing in Unix seconds.
    pub signing_time: i64,
    /// Makes the MIME boundary; see [`Protection`](crate::Protection).
    pub boundary_seed: &'a [u8],
}

/// What was signed. It is no permit: the message is in clear.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Signed {
    /// SHA-256 of the signer's certificate.
    pub signer: String,
    /// The digest the signature uses.
    pub digest: &'static str,
    /// The fields of the header that the signature covers; none if the media type of the message is not clear.
    pub header: Vec<&'static str>,
    /// Parts that had to be re-encoded so that relays need not touch them (RFC 8551 section 3.1.3).
    pub reencoded_parts: usize,
    /// Bytes of the original message.
    pub original_bytes: u64,
    /// Bytes written to `out`.
    pub wire_bytes: u64,
}

/// Signs the MIME content of `original` with a copy of its header, which stays outside too.
///
/// On an error, what was written to `out` is worthless.
pub fn sign<R: Read + Seek>(
    original: &mut R,
    signing: &Signing<'_>,
    out: &mut dyn Write,
) -> Result<Signed> {
    let mut entity = Entity::whole(Place::Message(original)).map_err(reading)?;
    let head = entity.head().map_err(reading)?;
    if !head.is_whole {
        return Err(Error::HeaderTooLarge);
    }
    let (keys, chain) = signing.signer.for_cms();
    let options = SignOptions {
        domain_signature: true,
        signing_time: Some(signing.signing_time),
        ..SignOptions::default()
    };
    let signature = DetachedSigner::new(keys, chain, &options).map_err(Error::Cms)?;
    let digest = micalg(&signature);
    let boundary = boundary(signing.boundary_seed);

    let mut tee = Tee { out, signature, written: 0 };
    tee.write_outside(&outer_header(&head, digest, &boundary)).map_err(writing)?;
    let content = payload::clear(head.block());
    let reencoded_parts = write_content(&mut entity, &head, &content.bytes, &mut tee)?;
    let Tee { out, signature, written } = tee;
    let end =
        signature_part(&boundary, &signature.finish().map_err(Error::Cms)?).map_err(writing)?;
    out.write_all(&end).map_err(writing)?;
    Ok(Signed {
        signer: signing.signer.fingerprint().to_owned(),
        digest,
        header: content.covered,
        reencoded_parts,
        original_bytes: entity.span.len(),
        wire_bytes: written + end.len() as u64,
    })
}

/// Writes to the message, and to the signature what lies inside of it.
struct Tee<'o> {
    out: &'o mut dyn Write,
    signature: DetachedSigner,
    written: u64,
}

impl Tee<'_> {
    fn write_outside(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.signature.update(bytes);
        self.write_outside(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns the header of the signed message, up to and with the first delimiter.
fn outer_header(head: &Head, micalg: &str, boundary: &str) -> Vec<u8> {
    let mut header = Vec::with_capacity(2048);
    for field in head.block().fields().filter(|field| !is_content_field(field)) {
        push_line(&mut header, field.raw);
    }
    header.extend_from_slice(
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n \
             micalg={micalg}; boundary=\"{boundary}\"\r\n\r\n\
             This is a signed message in MIME format (RFC 8551).\r\n--{boundary}\r\n"
        )
        .as_bytes(),
    );
    header
}

/// Writes the content that is signed; returns the number of parts that were re-encoded.
fn write_content(
    entity: &mut Entity<'_>,
    head: &Head,
    header: &[u8],
    tee: &mut Tee<'_>,
) -> Result<usize> {
    let body = Span { start: head.body, end: entity.span.end };
    let mut builder = IndexBuilder::new();
    let mut scan = Scan::default();
    entity
        .for_each_chunk(entity.span, |chunk| {
            builder.push(chunk);
            scan.look(chunk);
        })
        .map_err(reading)?;
    let index = builder.finish();
    if !scan.is_fragile || index.is_truncated() {
        tee.write_all(header).and_then(|()| tee.write_all(b"\r\n")).map_err(writing)?;
        entity.copy(body, tee).map_err(writing)?;
        return Ok(0);
    }
    let encodings = choose_encodings(entity, &index).map_err(reading)?;
    write_encoded(entity, &index, &encodings, header, tee).map_err(writing)?;
    Ok(encodings
        .iter()
        .filter(|encoding| matches!(encoding, Encoding::Base64 | Encoding::QuotedPrintable))
        .count())
}

/// What becomes of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// It is written as base64.
    Base64,
    /// It stays as it is, but is no longer declared 8bit or binary: what is inside of it was encoded.
    Declared,
    /// It stays as it is.
    Keep,
    /// It is written as quoted-printable, which people can read without a mail program.
    QuotedPrintable,
}

/// Decides for every part whether it must be encoded.
fn choose_encodings(entity: &mut Entity<'_>, index: &Index) -> io::Result<Vec<Encoding>> {
    let mut is_sealed: Vec<bool> = Vec::with_capacity(index.parts().len());
    let mut encodings = Vec::with_capacity(index.parts().len());
    for part in index.parts() {
        // What somebody else signed or encrypted is never touched.
        let parent = part.parent.and_then(|number| is_sealed.get(number).copied()).unwrap_or(false);
        let is_sealed_here = parent
            || part.content_type.is("multipart", "signed")
            || part.content_type.is("multipart", "encrypted");
        is_sealed.push(is_sealed_here);
        encodings.push(if is_sealed_here { Encoding::Keep } else { encoding_of(entity, part)? });
    }
    Ok(encodings)
}

fn encoding_of(entity: &mut Entity<'_>, part: &Part) -> io::Result<Encoding> {
    if !part.transfer_encoding.is_identity() {
        return Ok(Encoding::Keep);
    }
    if !part.is_leaf()
        || part.content_type.kind == "multipart"
        || part.content_type.kind == "message"
    {
        return Ok(Encoding::Declared);
    }
    let mut scan = Scan::default();
    entity.for_each_chunk(part.body, |chunk| scan.look(chunk))?;
    Ok(if !scan.is_fragile {
        Encoding::Keep
    } else if part.content_type.kind == "text" && !scan.has_nul && part.body.len() <= MAX_QUOTED {
        Encoding::QuotedPrintable
    } else {
        Encoding::Base64
    })
}

/// Writes the content tile by tile with the new encodings; `header` is that of the content as a whole.
fn write_encoded(
    entity: &mut Entity<'_>,
    index: &Index,
    encodings: &[Encoding],
    header: &[u8],
    tee: &mut Tee<'_>,
) -> io::Result<()> {
    write_part_header(header, encodings.first().copied().unwrap_or(Encoding::Keep), tee)?;
    tee.write_all(b"\r\n")?;
    for tile in index.tiles() {
        let encoding = encodings.get(tile.part).copied().unwrap_or(Encoding::Keep);
        match (tile.kind, encoding) {
            (TileKind::Header | TileKind::Separator, _) if tile.part == 0 => {}
            (TileKind::Header, encoding) if encoding != Encoding::Keep => {
                let mut raw = Vec::new();
                entity.reader(tile.span)?.read_to_end(&mut raw)?;
                write_part_header(&raw, encoding, tee)?;
            }
            // A part without any field has no header tile.
            (TileKind::Separator, encoding)
                if encoding != Encoding::Keep
                    && index.part(tile.part).is_some_and(|part| part.header.is_empty()) =>
            {
                write_part_header(b"", encoding, tee)?;
                entity.copy(tile.span, tee)?;
            }
            (TileKind::Body, Encoding::Base64) => {
                let mut lines = Base64Encoder::new(&mut *tee);
                entity.copy(tile.span, &mut lines)?;
                lines.finish()?;
            }
            (TileKind::Body, Encoding::QuotedPrintable) => {
                let mut text = Vec::new();
                entity.reader(tile.span)?.read_to_end(&mut text)?;
                tee.write_all(encode_quoted_printable(&text).as_bytes())?;
            }
            _ => {
                entity.copy(tile.span, tee)?;
            }
        }
    }
    Ok(())
}

/// Writes the header of a part with another transfer encoding.
fn write_part_header(raw: &[u8], encoding: Encoding, tee: &mut Tee<'_>) -> io::Result<()> {
    if encoding == Encoding::Keep {
        return tee.write_all(raw);
    }
    let mut header = Vec::with_capacity(raw.len() + 64);
    for field in
        HeaderBlock::parse(raw).fields().filter(|field| !field.is("Content-Transfer-Encoding"))
    {
        push_line(&mut header, field.raw);
    }
    match encoding {
        Encoding::Base64 => header.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n"),
        Encoding::QuotedPrintable => {
            header.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n");
        }
        Encoding::Declared | Encoding::Keep => {}
    }
    tee.write_all(&header)
}

/// Looks for what relays change on the way: bytes over 127, NUL, long lines, line ends other than CRLF.
#[derive(Default)]
struct Scan {
    last: u8,
    line: usize,
    is_fragile: bool,
    has_nul: bool,
}

impl Scan {
    fn look(&mut self, chunk: &[u8]) {
        let Some(&last) = chunk.last() else { return };
        self.has_nul |= memchr::memchr(0, chunk).is_some();
        self.is_fragile |= self.has_nul || !chunk.is_ascii();
        self.is_fragile |= self.last == b'\r' && chunk.first() != Some(&b'\n');
        let mut start = 0;
        for at in memchr::memchr2_iter(b'\r', b'\n', chunk) {
            let before =
                at.checked_sub(1).and_then(|at| chunk.get(at).copied()).unwrap_or(self.last);
            if chunk.get(at) == Some(&b'\r') {
                self.is_fragile |= chunk.get(at + 1).is_some_and(|&next| next != b'\n');
                continue;
            }
            self.is_fragile |= before != b'\r' || self.line + at - start > MAX_LINE;
            self.line = 0;
            start = at + 1;
        }
        self.line += chunk.len().saturating_sub(start);
        self.is_fragile |= self.line > MAX_LINE;
        self.last = last;
    }
}

fn reading(error: io::Error) -> Error {
    Error::io("read the message")(error)
}

fn writing(error: io::Error) -> Error {
    Error::io("write the signed message")(error)
}

/// RFC 5322 section 2.1.1: 998 characters and the CR.
const MAX_LINE: usize = 999;

/// Text is made quoted-printable in memory; larger texts become base64, which is a stream.
const MAX_QUOTED: u64 = 1024 * 1024;
