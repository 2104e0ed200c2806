//! Signs a message in clear, so that everybody can read it and those who can check it, do (RFC 8551 section 3.5.3).
//!
//! The header stays outside, so that ordinary mail programs show the message as before, and a copy of it is signed with
//! the content (RFC 9788 section 2.1), so that nobody can change From or Subject on the way. Relays re-encode what is not plain ASCII with short lines, and break the signature by it; such parts are
//! encoded before signing (RFC 8551 section 3.1.3).

use std::io::{self, Read, Seek, Write};

use chancery_cms::DetachedSigner;
use serde::Serialize;

pub(crate) mod sturdy;

use crate::{
    entity::{Entity, Head, Place, is_content_field},
    error::{Error, Result},
    header::payload::{self, push_line},
    keys::Signer,
    protect::{boundary, digests, micalg, signature_part},
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
    pub digest: String,
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
    let options = signing.signer.options(signing.signing_time);
    let signature = DetachedSigner::new(keys, chain, &options).map_err(Error::Cms)?;
    let digest = digests(&signature);
    let boundary = boundary(signing.boundary_seed);

    let mut tee = Tee { out, signature, written: 0 };
    tee.write_outside(&outer_header(&head, &micalg(&digest), &boundary)).map_err(writing)?;
    let content = payload::clear(head.block());
    let reencoded_parts = sturdy::write(&mut entity, &head, &content.bytes, &mut tee)?;
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

pub(crate) fn reading(error: io::Error) -> Error {
    Error::io("read the message")(error)
}

pub(crate) fn writing(error: io::Error) -> Error {
    Error::io("write the signed message")(error)
}
