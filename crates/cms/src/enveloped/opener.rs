//! Decrypts a stream: message in, content out, nothing of it kept.

use std::io::{Read, Write};

use chancery_crypto::cipher::BLOCK_LEN;
use chancery_crypto::{Decryptor, Zeroizing};

use crate::algorithms::AlgorithmIdentifier;
use crate::algorithms::content::{ContentParameters, content_cipher};
use crate::ber::{BUFFER_LEN, Reader};
use crate::content_info::{self, Bag};
use crate::enveloped::key::DecryptionKey;
use crate::enveloped::search::{Opened, Search};
use crate::enveloped::{EnvelopeProblem, EnvelopeReport, Inspection, MAX_STRUCTURE};
use crate::error::Error;
use crate::oid;
use crate::tlv::{Slice, element, tag};

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
    let originator = Bag::read_originator(&mut reader)?;
    let mut search = Search::new(keys);
    search.read(&mut reader)?;
    reader.enter(tag::SEQUENCE, "expected the encrypted content")?;
    let content_type = content_info::object_identifier(&mut reader, "expected a content type")?;
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
    let trailing_bytes = content_info::close(reader)?;
    // Everything is read whether or not the key was right; the outcome is known only here.
    let last = finish(decryptor, &opened, &parameters, tail, &mut output)?;
    content_length += last as u64;
    sink.write_all(output.get(..last).unwrap_or_default())?;
    sink.flush()?;
    let cipher = parameters.cipher;
    let mut problems = opened.problems;
    problems.extend(cipher.is_weak().then_some(EnvelopeProblem::WeakCipher(cipher)));
    Ok(EnvelopeReport {
        content_cipher: cipher,
        content_type: oid::text(&content_type),
        key_management: opened.method_name,
        recipients: search.named,
        recipient_count: search.count,
        used: opened.used,
        authenticated: is_authenticated,
        problems,
        originator,
        content_length,
        trailing_bytes,
    })
}

/// Reads the beginning of a message: what it is and for whom.
pub fn inspect<R: Read>(source: R) -> Result<Inspection, Error> {
    let mut reader = Reader::new(source);
    let content_type = content_info::open(&mut reader)?;
    let mut search = Search::new(&[]);
    let mut content_cipher = None;
    if [oid::ENVELOPED_DATA, oid::AUTH_ENVELOPED_DATA, oid::AUTHENTICATED_DATA]
        .contains(&content_type.as_slice())
    {
        content_info::enter_content(&mut reader, "expected EnvelopedData")?;
        if reader.peek()? == Some(tag::context(0)) {
            reader.skip()?;
        }
        search.read(&mut reader)?;
        if content_type != oid::AUTHENTICATED_DATA {
            // The recipients are told even if the rest is damaged or missing.
            content_cipher = name_content_cipher(&mut reader).ok();
        }
    }
    Ok(Inspection {
        content_type: oid::text(&content_type),
        recipients: search.named,
        recipient_count: search.count,
        key_management: search.methods,
        content_cipher,
    })
}

/// Reads the beginning of `EncryptedContentInfo` (RFC 5652 section 6.1) and names its algorithm, known or not.
fn name_content_cipher<R: Read>(reader: &mut Reader<R>) -> Result<String, Error> {
    reader.enter(tag::SEQUENCE, "expected the encrypted content")?;
    content_info::object_identifier(reader, "expected a content type")?;
    let offset = reader.offset();
    let algorithm =
        reader.element(tag::SEQUENCE, MAX_STRUCTURE, "expected a content encryption algorithm")?;
    let algorithm = AlgorithmIdentifier::from_tlv(Slice::new(&algorithm, offset).any()?)?;
    Ok(content_cipher(&algorithm).map_or_else(
        |_| oid::text(algorithm.oid),
        |parameters| parameters.cipher.name().to_owned(),
    ))
}

/// Enters `ContentInfo` down to the version; returns true for `AuthEnvelopedData`.
fn open_content_info<R: Read>(reader: &mut Reader<R>) -> Result<bool, Error> {
    let content_type = content_info::open(reader)?;
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
    content_info::enter_content(reader, "expected EnvelopedData")?;
    Ok(is_authenticated)
}

fn content_parameters<R: Read>(
    reader: &mut Reader<R>,
    is_authenticated: bool,
) -> Result<ContentParameters, Error> {
    let offset = reader.offset();
    let algorithm =
        reader.element(tag::SEQUENCE, MAX_STRUCTURE, "expected a content encryption algorithm")?;
    let algorithm = AlgorithmIdentifier::from_tlv(Slice::new(&algorithm, offset).any()?)?;
    let parameters = content_cipher(&algorithm)?;
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
    Ok(tail)
}

/// Checks tag or padding; writes the last block, if any, and returns its length.
fn finish(
    decryptor: Decryptor,
    opened: &Opened,
    parameters: &ContentParameters,
    tail: Option<Authentication>,
    output: &mut [u8],
) -> Result<usize, Error> {
    let result = match tail {
        Some(Authentication { tag, attributes }) => {
            let has_tag_len = tag.len() == parameters.tag_len;
            let checked = decryptor.finish_authenticated(&tag, &attributes);
            checked.map_err(decrypt_error).and(if has_tag_len {
                Ok(0)
            } else {
                Err(Error::Decrypt)
            })
        }
        None => decryptor.finish_padded(output).map_err(decrypt_error),
    };
    if opened.is_trusted { result } else { Err(Error::Decrypt) }
}

/// All failures of decryption look the same from outside.
pub(super) fn decrypt_error(_: chancery_crypto::Error) -> Error {
    Error::Decrypt
}

#[cfg(test)]
mod tests;
