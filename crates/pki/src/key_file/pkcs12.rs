//! PKCS#12 files (RFC 7292), as browsers and mail programs export them: keys and certificates under one passphrase.
//!
//! Read are DER and BER, with the authentication codes of RFC 7292 and of RFC 9579.

mod ber;
mod write;

pub(super) use write::write;

use chancery_crypto::kdf::Mac;
use der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use crate::certificate::Certificate;
use crate::error::Error;
use crate::key_file::{Held, from_pkcs8, password};

/// Returns the file in DER if it looks like a PKCS#12 file: its version is 3 and a sequence follows.
pub(super) fn in_der(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let der = ber::to_der(bytes).ok()?;
    is_pkcs12(&der).then_some(der)
}

fn is_pkcs12(der: &[u8]) -> bool {
    let Ok(mut reader) = SliceReader::new(der) else { return false };
    reader
        .sequence(|reader| {
            let version = u8::decode(reader)?;
            let content = AnyRef::decode(reader)?;
            let rest = reader.remaining_len();
            reader.read_slice(rest)?;
            // A private key has version 0 or 1, and its second field starts with an algorithm.
            Ok::<_, der::Error>(version == 3 && content.value().starts_with(&DATA_START))
        })
        .unwrap_or(false)
}

/// Reads everything in a PKCS#12 file. What is inside of its strings can be BER too.
pub(super) fn read(der: &[u8], passphrase: &[u8]) -> Result<Held, Error> {
    let safe = ber::to_der(&authenticated_safe(der, passphrase)?)?;
    let mut held = Held::default();
    let contents = Vec::<AnyRef<'_>>::from_der(&safe).map_err(malformed)?;
    for content in contents.iter().take(MAX_CONTENTS) {
        let (kind, value) = content_info(content).map_err(malformed)?;
        match kind {
            DATA => {
                let octets = value.decode_as::<&OctetStringRef>().map_err(malformed)?;
                take_bags(octets.as_bytes(), passphrase, &mut held)?;
            }
            ENCRYPTED_DATA => {
                let (algorithm, encrypted) = encrypted_data(&value).map_err(malformed)?;
                let plain = password::decrypt(&algorithm, passphrase, &encrypted)?;
                take_bags(&plain, passphrase, &mut held)?;
            }
            other => return Err(Error::KeyProtection { what: other.to_string() }),
        }
    }
    Ok(held)
}

/// Returns the authenticated content after its code was checked.
fn authenticated_safe(der: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, Error> {
    let mut reader = SliceReader::new(der).map_err(malformed)?;
    let (safe, mac) = reader
        .sequence(|reader| {
            let _version = u8::decode(reader)?;
            let content = AnyRef::decode(reader)?;
            let (_, value) = content_info(&content)?;
            let safe = value.decode_as::<&OctetStringRef>()?.as_bytes().to_vec();
            Ok::<_, der::Error>((safe, Option::<AnyRef<'_>>::decode(reader)?))
        })
        .map_err(malformed)?;
    // Without a code the encryption alone protects the file (RFC 7292 section 3.1); the keys prove themselves.
    let Some(mac) = mac else { return Ok(safe) };
    let (algorithm, code, salt, rounds) = mac
        .sequence(|reader: &mut SliceReader<'_>| {
            let (algorithm, code) = reader.sequence(|reader| {
                let algorithm = AlgorithmIdentifierRef::decode(reader)?;
                Ok::<_, der::Error>((algorithm, <&OctetStringRef>::decode(reader)?.as_bytes()))
            })?;
            let salt = <&OctetStringRef>::decode(reader)?.as_bytes();
            Ok((algorithm, code, salt, Option::<u32>::decode(reader)?.unwrap_or(1)))
        })
        .map_err(malformed)?;
    let mut mac = if algorithm.oid == PBMAC1 {
        password::pbmac1(algorithm.parameters, passphrase)?
    } else {
        let digest = password::digest(algorithm.oid)?;
        let mut key = Zeroizing::new(vec![0; digest.output_len()]);
        let rounds = password::checked(rounds)?.get();
        password::pkcs12_kdf(digest, 3, passphrase, salt, rounds, &mut key);
        Mac::new(digest, &key)
            .map_err(|source| Error::Crypto { doing: "check the passphrase", source })?
    };
    mac.update(&safe);
    if mac.is(code) { Ok(safe) } else { Err(Error::Passphrase) }
}

/// Takes keys and certificates out of `SafeContents` (RFC 7292 section 4.2).
fn take_bags(contents: &[u8], passphrase: &[u8], held: &mut Held) -> Result<(), Error> {
    let contents = ber::to_der(contents)?;
    let bags = Vec::<AnyRef<'_>>::from_der(&contents).map_err(malformed)?;
    for bag in bags.iter().take(MAX_CONTENTS) {
        let (kind, value) = content_info(bag).map_err(malformed)?;
        match kind {
            KEY_BAG => held.keys.push(from_pkcs8(&to_der(&value)?)?),
            SHROUDED_KEY_BAG => {
                held.keys.push(from_pkcs8(&super::unprotected(&to_der(&value)?, passphrase)?)?);
            }
            CERTIFICATE_BAG => {
                let (kind, certificate) = content_info(&value).map_err(malformed)?;
                if kind == X509_CERTIFICATE {
                    let octets = certificate.decode_as::<&OctetStringRef>().map_err(malformed)?;
                    held.certificates.push(Certificate::from_der(octets.as_bytes())?);
                }
            }
            // Revocation lists and secrets of other kinds.
            _ => {}
        }
    }
    Ok(())
}

/// Reads a pair of a type and a value under `[0]`: `ContentInfo`, `SafeBag` and `CertBag` all are.
fn content_info<'a>(any: &AnyRef<'a>) -> der::Result<(ObjectIdentifier, AnyRef<'a>)> {
    any.tag().assert_eq(Tag::Sequence)?;
    let mut reader = SliceReader::new(any.value())?;
    let kind = ObjectIdentifier::decode(&mut reader)?;
    let value = ContextSpecific::<AnyRef<'a>>::decode_explicit(&mut reader, TagNumber(0))?
        .ok_or_else(|| reader.error(Tag::Sequence.value_error()))?;
    Ok((kind, value.value))
}

/// Reads `EncryptedData` (RFC 5652 section 8).
fn encrypted_data<'a>(any: &AnyRef<'a>) -> der::Result<(AlgorithmIdentifierRef<'a>, Vec<u8>)> {
    any.tag().assert_eq(Tag::Sequence)?;
    let mut reader = SliceReader::new(any.value())?;
    let _version = u8::decode(&mut reader)?;
    let content = AnyRef::decode(&mut reader)?;
    let mut reader = SliceReader::new(content.value())?;
    let _kind: ObjectIdentifier = ObjectIdentifier::decode(&mut reader)?;
    let algorithm = AlgorithmIdentifierRef::decode(&mut reader)?;
    let encrypted = AnyRef::decode(&mut reader)?;
    let (number, constructed) = (TagNumber(0), true);
    if encrypted.tag() == (Tag::ContextSpecific { constructed, number }) {
        // BER: a string in pieces, whose tag is implicit and does not say that it is one.
        let mut pieces = Vec::with_capacity(encrypted.value().len());
        let mut reader = SliceReader::new(encrypted.value())?;
        while !reader.is_finished() {
            pieces.extend_from_slice(<&OctetStringRef>::decode(&mut reader)?.as_bytes());
        }
        return Ok((algorithm, pieces));
    }
    encrypted.tag().assert_eq(Tag::ContextSpecific { constructed: false, number })?;
    Ok((algorithm, encrypted.value().to_vec()))
}

fn to_der(any: &AnyRef<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    der::Encode::to_der(any).map(Zeroizing::new).map_err(malformed)
}

fn malformed(error: der::Error) -> Error {
    Error::malformed("a PKCS#12 file", error)
}

/// Files with more are no one's export.
const MAX_CONTENTS: usize = 256;

/// How `ContentInfo` of type data begins.
const DATA_START: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

const PBMAC1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.14");
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const X509_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
