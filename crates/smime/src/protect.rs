//! Signs and encrypts a whole message for the recipients of one child (RFC 8551 section 3.6, RFC 3183 section 3).

use std::io::{self, Read, Seek, Write};

use chancery_cms::{DetachedSigner, EnvelopedWriter, Recipient};
use chancery_crypto::{DigestAlgorithm, Hasher, hex};
use chancery_mail::{Span, transfer::Base64Encoder};
use serde::Serialize;

use crate::{
    capability::ContentAlgorithm,
    entity::{Entity, Place},
    error::{Error, Result},
    header::{HeaderConfidentiality, payload},
    keys::{RecipientKey, Signer},
    outer::OuterHeaders,
};

/// How one child message is protected.
#[derive(Clone, Copy, Debug)]
pub struct Protection<'a> {
    /// Who signs.
    pub signer: &'a Signer,
    /// Who reads: the encryption certificates of every recipient of this child.
    pub recipients: &'a [&'a RecipientKey],
    /// The content cipher; see [`choose`](crate::choose).
    pub cipher: ContentAlgorithm,
    /// The time of signing in Unix seconds.
    pub signing_time: i64,
    /// Makes the MIME boundary: bytes that the author of the message cannot guess, the same when a child is redone.
    pub boundary_seed: &'a [u8],
}

/// Proof that a message was protected; only [`protect`] makes one.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Protected {
    /// The content cipher.
    pub cipher: &'static str,
    /// True if the cipher notices every change.
    pub authenticated: bool,
    /// The certificates it was encrypted to.
    pub recipients: Vec<ProtectedRecipient>,
    /// SHA-256 of the signer's certificate.
    pub signer: String,
    /// The digest the signature uses.
    pub digest: String,
    /// Bytes of the original message.
    pub original_bytes: u64,
    /// Bytes written to `out`.
    pub wire_bytes: u64,
}

/// One certificate a message was encrypted to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProtectedRecipient {
    /// SHA-256 of the certificate.
    pub fingerprint: String,
    /// How the content key was carried.
    pub key_management: &'static str,
}

/// Protects `original` in one pass and writes the message for the network to `out`.
///
/// On an error, what was written to `out` is worthless and must not be sent; no [`Protected`] exists then.
pub fn protect(
    original: &mut dyn Read,
    outer: &OuterHeaders,
    protection: &Protection<'_>,
    out: &mut dyn Write,
) -> Result<Protected> {
    write_protected(WRAPPER, original, outer.as_bytes(), protection, out)
}

/// How a message is protected in place, for mail programs that do not unwrap a whole message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InPlace {
    /// What the world sees of the header.
    pub confidentiality: HeaderConfidentiality,
    /// True to repeat hidden fields, as Subject, at the start of the texts that readers show, for programs that do not look
    /// for them inside (RFC 9788 section 2.1.2); those that know the standard do not show them twice.
    pub legacy_display: bool,
    /// True to leave Bcc outside as it is, for the program that takes its recipients from there; it is never inside.
    pub keeps_bcc: bool,
}

/// Protects the content of `original` and its header, in one pass (RFC 9788): inside stand the content and every field of
/// the header (`hp="cipher"`), outside what the policy shows and `HP-Outer` announces.
///
/// This is what Outlook, Thunderbird and Apple Mail read at once; between gateways [`protect`] carries the message byte
/// for byte. A message whose media type is not clear is refused, [`protect`] takes it.
pub fn protect_in_place<R: Read + Seek>(
    original: &mut R,
    how: InPlace,
    protection: &Protection<'_>,
    out: &mut dyn Write,
) -> Result<Protected> {
    let mut entity = Entity::whole(Place::Message(original)).map_err(reading)?;
    let head = entity.head().map_err(reading)?;
    if !head.is_whole {
        return Err(Error::HeaderTooLarge);
    }
    let header =
        payload::cipher(&mut entity, &head, how).map_err(reading)?.ok_or(Error::MediaType)?;
    let body = Span { start: head.body, end: entity.span.end };
    let original_bytes = entity.span.len();
    let mut body = entity.patched(body, header.display);
    let mut protected =
        write_protected(&header.inside, &mut body, &header.outside, protection, out)?;
    protected.original_bytes = original_bytes;
    Ok(protected)
}

/// Writes the message for the network: `before` and `content` are signed and encrypted, `outer` stands before them.
fn write_protected(
    before: &[u8],
    content: &mut dyn Read,
    outer: &[u8],
    protection: &Protection<'_>,
    out: &mut dyn Write,
) -> Result<Protected> {
    if protection.recipients.is_empty() {
        return Err(Error::NoRecipient);
    }
    let (keys, chain) = protection.signer.for_cms();
    let options = protection.signer.options(protection.signing_time);
    let signature = DetachedSigner::new(keys, chain, &options).map_err(Error::Cms)?;
    let digest = digests(&signature);
    let mut header = outer.to_vec();
    header.extend_from_slice(wire_header(protection.cipher).as_bytes());
    let mut out = Counted { sink: out, written: 0 };
    out.write_all(&header).map_err(writing)?;

    let recipients: Vec<Recipient> =
        protection.recipients.iter().map(|recipient| recipient.for_cms()).collect();
    let armor = Base64Encoder::new(out);
    let envelope =
        EnvelopedWriter::new(armor, protection.cipher.into(), &recipients).map_err(Error::Cms)?;
    let boundary = boundary(protection.boundary_seed);
    let (envelope, original_bytes) = write_signed(before, content, signature, &boundary, envelope)?;
    let armor = envelope.finish().map_err(Error::Cms)?;
    let wire_bytes = armor.finish().map_err(writing)?.written;
    Ok(Protected {
        cipher: protection.cipher.as_str(),
        authenticated: protection.cipher.is_authenticated(),
        recipients: protection
            .recipients
            .iter()
            .map(|recipient| ProtectedRecipient::of(recipient))
            .collect(),
        signer: protection.signer.fingerprint().to_owned(),
        digest,
        original_bytes,
        wire_bytes,
    })
}

/// Writes the multipart/signed that is inside of the encryption (RFC 8551 section 3.5.3).
///
/// Nothing in the content is changed, so it is declared binary: encryption carries every byte (RFC 8551 section 3.1.3).
fn write_signed<W: Write>(
    before: &[u8],
    content: &mut dyn Read,
    mut signature: DetachedSigner,
    boundary: &str,
    mut envelope: EnvelopedWriter<W>,
) -> Result<(EnvelopedWriter<W>, u64)> {
    let top = format!(
        "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n micalg={}; \
         boundary=\"{boundary}\"\r\nContent-Transfer-Encoding: binary\r\n\r\n--{boundary}\r\n",
        micalg(&digests(&signature))
    );
    envelope.write_all(top.as_bytes()).map_err(writing)?;
    envelope.write_all(before).map_err(writing)?;
    signature.update(before);
    let mut original_bytes = 0;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(reading(error)),
        };
        let chunk = buffer.get(..read).unwrap_or_default();
        signature.update(chunk);
        envelope.write_all(chunk).map_err(writing)?;
        original_bytes += chunk.len() as u64;
    }
    let der = signature.finish().map_err(Error::Cms)?;
    let part = signature_part(boundary, &der).map_err(writing)?;
    envelope.write_all(&part).map_err(writing)?;
    Ok((envelope, original_bytes))
}

/// Returns the second part of a multipart/signed with the delimiters around it.
pub(crate) fn signature_part(boundary: &str, der: &[u8]) -> io::Result<Vec<u8>> {
    let head = format!(
        "\r\n--{boundary}\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n"
    );
    let mut armor = Base64Encoder::new(head.into_bytes());
    armor.write_all(der)?;
    let mut part = armor.finish()?;
    part.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Ok(part)
}

/// Returns the names of the digests, separated by commas; honest signers of one message have one or two.
pub(crate) fn digests(signature: &DetachedSigner) -> String {
    let mut names: Vec<&str> = Vec::new();
    for digest in signature.digests() {
        if !names.contains(&digest.name()) {
            names.push(digest.name());
        }
    }
    names.join(",")
}

/// Returns the value of the parameter micalg (RFC 8551 section 3.5.3.2).
pub(crate) fn micalg(digests: &str) -> String {
    // RFC 2045 section 5.1: a comma is no part of a token.
    if digests.contains(',') { format!("\"{digests}\"") } else { digests.to_owned() }
}

/// Returns a boundary that nobody can guess who does not know the seed.
pub(crate) fn boundary(seed: &[u8]) -> String {
    let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
    hasher.update(b"chancery boundary\0");
    hasher.update(seed);
    let digest = hasher.finish();
    let text = hex(digest.as_ref().get(..BOUNDARY_BYTES).unwrap_or_default());
    // RFC 2045 section 6.7 note: "=_" cannot occur in quoted-printable or base64 text.
    format!("=_{text}")
}

/// Returns the MIME fields of the message on the wire (RFC 8551 sections 3.3 and 3.4).
pub(crate) fn wire_header(cipher: ContentAlgorithm) -> String {
    let kind = if cipher.is_authenticated() { "authEnveloped-data" } else { "enveloped-data" };
    format!(
        "MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type={kind};\r\n name=\"smime.p7m\"\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n"
    )
}

fn reading(error: io::Error) -> Error {
    Error::io("read the message")(error)
}

fn writing(error: io::Error) -> Error {
    Error::io("write the protected message")(error)
}

/// Counts what is written.
pub(crate) struct Counted<'o> {
    pub(crate) sink: &'o mut dyn Write,
    pub(crate) written: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl ProtectedRecipient {
    fn of(recipient: &RecipientKey) -> Self {
        Self {
            fingerprint: recipient.fingerprint().to_owned(),
            key_management: recipient.key_transport().as_str(),
        }
    }
}

/// The header of the part that wraps the original and says that it is no forwarded message (RFC 8551 section 3.1), and
/// that its signer encrypted it (RFC 9788 section 2.1.1): else a message that was only signed, and that somebody else
/// encrypted on its way, would look the same.
const WRAPPER: &[u8] = b"Content-Type: message/rfc822; forwarded=no; hp=\"cipher\"\r\n\
    Content-Transfer-Encoding: binary\r\n\r\n";

/// Read at once from the original.
const CHUNK: usize = 64 * 1024;

/// 192 bits: nobody guesses it, and the line stays under 76 columns.
const BOUNDARY_BYTES: usize = 24;
