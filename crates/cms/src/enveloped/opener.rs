//! Decrypts a stream: message in, content out, nothing of it kept.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use chancery_crypto::cipher::BLOCK_LEN;
use chancery_crypto::{ContentKey, Decryptor, PrivateKey, Zeroizing};

use crate::algorithms::{self, AlgorithmIdentifier, ContentParameters};
use crate::ber::{BUFFER_LEN, Reader};
use crate::certificate::Certificate;
use crate::enveloped::recipient_info::{self, Entry, Method, RecipientName};
use crate::enveloped::{
    EnvelopeReport, Inspection, MAX_INTEGER, MAX_NAMED, MAX_OID, MAX_RECIPIENTS, MAX_STRUCTURE,
};
use crate::error::Error;
use crate::oid;
use crate::tlv::{Slice, element, tag};

/// A private key with its certificate, prepared once and used for many messages. Cheap to clone.
#[derive(Clone)]
pub struct DecryptionKey {
    inner: Arc<Inner>,
}

struct Inner {
    key: PrivateKey,
    certificate: Certificate,
}

impl DecryptionKey {
    /// Prepares a key and its certificate (DER); fails if they do not belong together.
    pub fn new(key: PrivateKey, certificate: &[u8]) -> Result<Self, Error> {
        let certificate = Certificate::with_key(certificate, &key)?;
        Ok(Self { inner: Arc::new(Inner { key, certificate }) })
    }

    /// Returns the certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        self.inner.certificate.der()
    }

    /// Returns true if the key's kind fits the method.
    fn fits(&self, method: &Method) -> bool {
        match method {
            Method::Agreement { .. } => self.inner.key.kind().is_ec(),
            Method::Transport { .. } => self.inner.key.kind().is_rsa(),
        }
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionKey({}, {:?})", self.inner.certificate.identifier(), self.inner.key)
    }
}

/// Decrypts a message with whichever of the keys it is for.
///
/// The sink receives plaintext that is **not verified**: keep it apart and release it only if the result is `Ok`.
/// Every failure to decrypt is [`Error::Decrypt`], whatever its reason.
pub fn open_enveloped<R: Read, W: Write>(
    source: R,
    keys: &[DecryptionKey],
    mut sink: W,
) -> Result<EnvelopeReport, Error> {
    let mut reader = Reader::new(source);
    let is_authenticated = open_content_info(&mut reader)?;
    let mut search = Search::new(keys);
    read_recipients(&mut reader, |entry| search.take(entry))?;
    reader.enter(tag::SEQUENCE, "expected the encrypted content")?;
    let content_type = object_identifier(&mut reader)?;
    let parameters = content_parameters(&mut reader, is_authenticated)?;
    let opened = search.content_key(parameters.cipher.key_len())?;
    let mut decryptor =
        Decryptor::new(parameters.cipher, &opened.key, &parameters.iv).map_err(decrypt_error)?;
    let mut output = Zeroizing::new(vec![0; BUFFER_LEN + BLOCK_LEN]);
    let mut content_length = 0;
    reader.octets(tag::implicit(0), |ciphertext| {
        let written = decryptor.update(ciphertext, &mut output).map_err(decrypt_error)?;
        content_length += written as u64;
        sink.write_all(output.get(..written).unwrap_or_default())?;
        Ok(())
    })?;
    reader.leave()?;
    let tail = read_tail(&mut reader, is_authenticated)?;
    let trailing_bytes = reader.finish()?;
    // Everything is read whether or not the key was right; the outcome is known only here.
    if let Some(Authentication { tag, attributes }) = tail {
        let has_tag_len = tag.len() == parameters.tag_len;
        let result = decryptor.finish_authenticated(&tag, &attributes);
        if result.is_err() || !has_tag_len || !opened.is_trusted {
            return Err(Error::Decrypt);
        }
    } else {
        let last = decryptor.finish_padded(&mut output);
        let (Ok(written), true) = (last, opened.is_trusted) else { return Err(Error::Decrypt) };
        content_length += written as u64;
        sink.write_all(output.get(..written).unwrap_or_default())?;
    }
    sink.flush()?;
    Ok(EnvelopeReport {
        content_cipher: parameters.cipher,
        content_type: oid::text(&content_type),
        key_management: opened.method_name,
        recipients: search.named,
        recipient_count: search.count,
        used: opened.used,
        authenticated: is_authenticated,
        content_length,
        trailing_bytes,
    })
}

/// Reads the beginning of a message: what it is and for whom.
pub fn inspect<R: Read>(source: R) -> Result<Inspection, Error> {
    let mut reader = Reader::new(source);
    reader.enter(tag::SEQUENCE, "expected ContentInfo")?;
    let content_type = object_identifier(&mut reader)?;
    let mut search = Search::new(&[]);
    if content_type == oid::ENVELOPED_DATA || content_type == oid::AUTH_ENVELOPED_DATA {
        open_enveloped_data(&mut reader)?;
        read_recipients(&mut reader, |entry| search.take(entry))?;
    }
    Ok(Inspection {
        content_type: oid::text(&content_type),
        recipients: search.named,
        recipient_count: search.count,
    })
}

/// Enters `ContentInfo` down to the recipients; returns true for `AuthEnvelopedData`.
fn open_content_info<R: Read>(reader: &mut Reader<R>) -> Result<bool, Error> {
    reader.enter(tag::SEQUENCE, "expected ContentInfo")?;
    let content_type = object_identifier(reader)?;
    let is_authenticated = match content_type.as_slice() {
        oid::ENVELOPED_DATA => false,
        oid::AUTH_ENVELOPED_DATA => true,
        other => {
            return Err(Error::UnexpectedContent {
                expected: "enveloped-data",
                found: oid::text(other),
            });
        }
    };
    open_enveloped_data(reader)?;
    Ok(is_authenticated)
}

fn open_enveloped_data<R: Read>(reader: &mut Reader<R>) -> Result<(), Error> {
    reader.enter(tag::context(0), "expected the content")?;
    reader.enter(tag::SEQUENCE, "expected EnvelopedData")?;
    reader.element(tag::INTEGER, MAX_INTEGER, "expected a version")?;
    if reader.peek()? == Some(tag::context(0)) {
        // originatorInfo: certificates for static key agreement, which S/MIME does not use.
        reader.skip()?;
    }
    Ok(())
}

fn read_recipients<R: Read>(
    reader: &mut Reader<R>,
    mut take: impl FnMut(Entry) -> Result<(), Error>,
) -> Result<(), Error> {
    reader.enter(tag::SET, "expected recipients")?;
    while reader.peek()?.is_some() {
        let offset = reader.offset();
        let info = reader.any_element(MAX_STRUCTURE)?;
        for entry in recipient_info::entries(&info, offset)? {
            take(entry)?;
        }
    }
    reader.leave()
}

fn content_parameters<R: Read>(
    reader: &mut Reader<R>,
    is_authenticated: bool,
) -> Result<ContentParameters, Error> {
    let offset = reader.offset();
    let algorithm =
        reader.element(tag::SEQUENCE, MAX_STRUCTURE, "expected a content encryption algorithm")?;
    let algorithm = AlgorithmIdentifier::from_tlv(Slice::new(&algorithm, offset).any()?)?;
    let parameters = algorithms::content_cipher(&algorithm)?;
    if parameters.cipher.is_authenticated() != is_authenticated {
        // GCM without a tag, or CBC with one: nothing says what it would mean.
        return Err(Error::Unsupported {
            what: format!("{} in this type of message", parameters.cipher),
        });
    }
    Ok(parameters)
}

/// What authenticates the content.
struct Authentication {
    tag: Vec<u8>,
    /// The additional data that the tag covers, as they were authenticated; may be empty.
    attributes: Vec<u8>,
}

/// Reads what follows the encrypted content.
fn read_tail<R: Read>(
    reader: &mut Reader<R>,
    is_authenticated: bool,
) -> Result<Option<Authentication>, Error> {
    let mut tail = None;
    let mut unprotected = tag::context(1);
    if is_authenticated {
        let mut attributes = Vec::new();
        if reader.peek()? == Some(tag::context(1)) {
            let offset = reader.offset();
            let received = reader.any_element(MAX_STRUCTURE)?;
            // RFC 5083 section 2.2: authenticated is the DER with the tag of SET OF in place of [1].
            attributes = element(tag::SET, &[Slice::new(&received, offset).any()?.content]);
        }
        let offset = reader.offset();
        let mac =
            reader.element(tag::OCTET_STRING, MAX_STRUCTURE, "expected the authentication tag")?;
        let tag = Slice::new(&mac, offset).any()?.content.to_vec();
        tail = Some(Authentication { tag, attributes });
        unprotected = tag::context(2);
    }
    if reader.peek()? == Some(unprotected) {
        reader.skip()?;
    }
    reader.leave()?;
    reader.leave()?;
    reader.leave()?;
    Ok(tail)
}

fn object_identifier<R: Read>(reader: &mut Reader<R>) -> Result<Vec<u8>, Error> {
    let offset = reader.offset();
    let element = reader.element(tag::OID, MAX_OID, "expected a content type")?;
    Ok(Slice::new(&element, offset).any()?.content.to_vec())
}

/// Looks through the recipients for our keys.
struct Search<'a> {
    keys: &'a [DecryptionKey],
    named: Vec<String>,
    count: usize,
    candidates: Vec<(usize, Method)>,
    /// Why a recipient that is ours cannot be used.
    obstacle: Option<Error>,
}

/// The outcome of the search.
struct Opened {
    key: ContentKey,
    /// False if no candidate gave a key: the message is read to its end with a random one and then fails.
    is_trusted: bool,
    used: usize,
    method_name: String,
}

impl<'a> Search<'a> {
    fn new(keys: &'a [DecryptionKey]) -> Self {
        Self { keys, named: Vec::new(), count: 0, candidates: Vec::new(), obstacle: None }
    }

    fn take(&mut self, entry: Entry) -> Result<(), Error> {
        if self.count == MAX_RECIPIENTS {
            return Err(Error::Limit { what: "recipients", limit: MAX_RECIPIENTS as u64 });
        }
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(match &entry.recipient {
                RecipientName::Certificate(identifier) => identifier.to_string(),
                RecipientName::Other(name) => (*name).to_owned(),
            });
        }
        let RecipientName::Certificate(identifier) = &entry.recipient else { return Ok(()) };
        let is_named = |key: &DecryptionKey| key.inner.certificate.is_named_by(identifier);
        let Some(used) = self.keys.iter().position(is_named) else { return Ok(()) };
        match entry.method {
            Err(obstacle) => self.obstacle = Some(obstacle),
            Ok(method) if !self.keys.get(used).is_some_and(|key| key.fits(&method)) => {
                self.obstacle =
                    Some(Error::Unsupported { what: format!("{} with this key", method.name()) });
            }
            Ok(method) if self.candidates.len() < MAX_CANDIDATES => {
                self.candidates.push((used, method));
            }
            Ok(_) => {}
        }
        Ok(())
    }

    /// Decrypts the content key. A failure shows in nothing but the final error.
    fn content_key(&mut self, length: usize) -> Result<Opened, Error> {
        self.candidates.sort_by_key(|(_, method)| method.rank());
        let Some((first, first_method)) = self.candidates.first() else {
            return Err(self.obstacle.take().unwrap_or(Error::NotForUs { recipients: self.count }));
        };
        for (used, method) in &self.candidates {
            let Some(key) = self.keys.get(*used) else { continue };
            if let Ok(key) = method.content_key(&key.inner.key, length) {
                return Ok(Opened {
                    key,
                    is_trusted: true,
                    used: *used,
                    method_name: method.name(),
                });
            }
        }
        Ok(Opened {
            key: ContentKey::random(length)?,
            is_trusted: false,
            used: *first,
            method_name: first_method.name(),
        })
    }
}

/// All failures of decryption look the same from outside.
fn decrypt_error(_: chancery_crypto::Error) -> Error {
    Error::Decrypt
}

/// Each costs a private key operation; a message has one of ours, rarely two.
const MAX_CANDIDATES: usize = 4;

#[cfg(test)]
mod tests;
