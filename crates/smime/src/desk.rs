//! What a person at a desk does and a gateway does not: an opaque signature (RFC 8551 section 3.5.2), encryption without a
//! signature (section 3.3), and decrypting what must be encrypted.

use std::io::{self, Read, Seek, Write};

use chancery_cms::{AttachedSigner, EnvelopedWriter, Recipient};
use chancery_mail::{Span, transfer::Base64Encoder};

use crate::{
    capability::ContentAlgorithm,
    entity::{Entity, Head, Place, is_content_field},
    error::{Error, Result},
    header::payload::{self, push_line},
    keys::{OpeningKey, RecipientKey},
    open::{self, Manner, OpenFacts, Opened},
    protect::{self, Counted, InPlace},
    sign::{Signed, Signing, reading, sturdy, writing},
    spool::Spools,
    trust::Trust,
};

/// Signs `original` with its content and a copy of its header inside of the signature; only S/MIME programs can read it.
///
/// On an error, what was written to `out` is worthless.
pub fn sign_opaque<R: Read + Seek>(
    original: &mut R,
    signing: &Signing<'_>,
    out: &mut dyn Write,
) -> Result<Signed> {
    let mut entity = Entity::whole(Place::Message(original)).map_err(reading)?;
    let head = whole_head(&mut entity)?;
    let header = payload::clear(head.block());
    let (keys, chain) = signing.signer.for_cms();
    let options = signing.signer.options(signing.signing_time);

    let mut outer = Vec::with_capacity(2048);
    for field in head.block().fields().filter(|field| !is_content_field(field)) {
        push_line(&mut outer, field.raw);
    }
    outer.extend_from_slice(
        b"MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data;\r\n name=\"smime.p7m\"\r\n\
          Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n",
    );
    let mut out = Counted { sink: out, written: 0 };
    out.write_all(&outer).map_err(writing)?;
    let mut message =
        AttachedSigner::new(Base64Encoder::new(out), keys, chain, &options).map_err(Error::Cms)?;
    let reencoded_parts = sturdy::write(&mut entity, &head, &header.bytes, &mut message)?;
    let digest = protect::digests(message.signer());
    let armor = message.finish().map_err(Error::Cms)?;
    let out = armor.finish().map_err(writing)?;
    Ok(Signed {
        signer: signing.signer.fingerprint().to_owned(),
        digest,
        header: header.covered,
        reencoded_parts,
        original_bytes: entity.span.len(),
        wire_bytes: out.written,
    })
}

/// Encrypts the content of `original` and its header in one pass, like [`protect_in_place`](crate::protect_in_place), and
/// signs nothing: the reader learns that only the recipients can read it, and not who wrote it.
///
/// Returns the number of bytes written. On an error, what was written to `out` is worthless.
pub fn encrypt_in_place<R: Read + Seek>(
    original: &mut R,
    how: InPlace,
    recipients: &[&RecipientKey],
    cipher: ContentAlgorithm,
    out: &mut dyn Write,
) -> Result<u64> {
    if recipients.is_empty() {
        return Err(Error::NoRecipient);
    }
    let mut entity = Entity::whole(Place::Message(original)).map_err(reading)?;
    let head = whole_head(&mut entity)?;
    let header =
        payload::cipher(&mut entity, &head, how).map_err(reading)?.ok_or(Error::MediaType)?;
    let recipients: Vec<Recipient> =
        recipients.iter().map(|recipient| recipient.for_cms()).collect();
    let mut out = Counted { sink: out, written: 0 };
    out.write_all(&header.outside).map_err(encrypting)?;
    out.write_all(protect::wire_header(cipher).as_bytes()).map_err(encrypting)?;
    let mut envelope = EnvelopedWriter::new(Base64Encoder::new(out), cipher.into(), &recipients)
        .map_err(Error::Cms)?;
    envelope.write_all(&header.inside).map_err(encrypting)?;
    let body = Span { start: head.body, end: entity.span.end };
    io::copy(&mut entity.patched(body, header.display), &mut envelope).map_err(encrypting)?;
    let armor = envelope.finish().map_err(Error::Cms)?;
    Ok(armor.finish().map_err(encrypting)?.written)
}

/// Opens `message` like [`open`](crate::open()), and writes nothing if it is not encrypted.
pub fn decrypt<R: Read + Seek>(
    message: &mut R,
    keys: &[OpeningKey],
    trust: &dyn Trust,
    facts: &OpenFacts<'_>,
    spools: &mut dyn Spools,
    out: &mut dyn Write,
) -> Result<Opened> {
    let manner = Manner { only_encrypted: true, ..Manner::default() };
    open::open_by(message, keys, trust, facts, manner, spools, out)
}

fn whole_head(entity: &mut Entity<'_>) -> Result<Head> {
    let head = entity.head().map_err(reading)?;
    if head.is_whole { Ok(head) } else { Err(Error::HeaderTooLarge) }
}

fn encrypting(error: io::Error) -> Error {
    Error::io("write the encrypted message")(error)
}
