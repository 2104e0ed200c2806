//! Reads PKCS#12: every length, count, depth and number of rounds that a file can ask for is bounded.

use chancery_crypto::PrivateKey;
use chancery_crypto::kdf::Mac;
use der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::{Entry, Pkcs12, ber};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::key_file::password::{self, Work};
use crate::key_file::{from_pkcs8, unprotected};
use crate::revocation::RevocationList;

/// Returns the file in DER if it looks like a PKCS#12 file: its version is 3 and a sequence follows.
pub(crate) fn in_der(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if bytes.len() > MAX_LENGTH {
        return None;
    }
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
pub(super) fn read(der: &[u8], passphrase: &[u8], mut work: Work) -> Result<Pkcs12, Error> {
    let safe = ber::to_der(&authenticated_safe(der, passphrase, &mut work)?)?;
    let mut reader = Bags { passphrase, work, left: MAX_BAGS, found: Pkcs12::default() };
    let contents = Vec::<AnyRef<'_>>::from_der(&safe).map_err(malformed)?;
    for content in contents.iter().take(MAX_BAGS) {
        let (kind, value, _) = typed(content).map_err(malformed)?;
        match kind {
            DATA => {
                let octets = value.decode_as::<&OctetStringRef>().map_err(malformed)?;
                reader.take(octets.as_bytes())?;
            }
            ENCRYPTED_DATA => {
                let (algorithm, encrypted) = encrypted_data(&value).map_err(malformed)?;
                let plain =
                    password::decrypt(&algorithm, passphrase, &encrypted, &mut reader.work)?;
                reader.take(&plain)?;
            }
            other => return Err(Error::KeyProtection { what: other.to_string() }),
        }
    }
    Ok(reader.found)
}

/// Returns the authenticated content after its code was checked.
fn authenticated_safe(der: &[u8], passphrase: &[u8], work: &mut Work) -> Result<Vec<u8>, Error> {
    let mut reader = SliceReader::new(der).map_err(malformed)?;
    let (safe, mac) = reader
        .sequence(|reader| {
            let _version = u8::decode(reader)?;
            let content = AnyRef::decode(reader)?;
            let (_, value, _) = typed(&content)?;
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
        password::pbmac1(algorithm.parameters, passphrase, work)?
    } else {
        let digest = password::digest(algorithm.oid)?;
        let mut key = Zeroizing::new(vec![0; digest.output_len()]);
        let rounds = work.spend(rounds, 1)?.get();
        password::pkcs12_kdf(digest, 3, passphrase, salt, rounds, &mut key);
        Mac::new(digest, &key)
            .map_err(|source| Error::Crypto { doing: "check the passphrase", source })?
    };
    mac.update(&safe);
    if mac.is(code) { Ok(safe) } else { Err(Error::Passphrase) }
}

/// Takes out of bags what is in them.
struct Bags<'a> {
    passphrase: &'a [u8],
    work: Work,
    /// How many bags may still come.
    left: usize,
    found: Pkcs12,
}

impl Bags<'_> {
    /// Takes `SafeContents` (RFC 7292 section 4.2), with those nested in them: one after the other, not in each other.
    fn take(&mut self, contents: &[u8]) -> Result<(), Error> {
        let mut waiting = vec![Zeroizing::new(contents.to_vec())];
        while let Some(contents) = waiting.pop() {
            let contents = ber::to_der(&contents)?;
            let bags = Vec::<AnyRef<'_>>::from_der(&contents).map_err(malformed)?;
            for bag in &bags {
                // Whoever has more is nobody's export; what was left out silently would be missed.
                self.left = self.left.checked_sub(1).ok_or_else(|| Error::KeyProtection {
                    what: format!("more than {MAX_BAGS} things in one file"),
                })?;
                let (kind, value, attributes) = typed(bag).map_err(malformed)?;
                let named = Named::read(attributes).map_err(malformed)?;
                if kind == SAFE_CONTENTS_BAG {
                    waiting.push(to_der(&value)?);
                } else {
                    self.take_one(kind, &value, named)?;
                }
            }
        }
        Ok(())
    }

    fn take_one(
        &mut self,
        kind: ObjectIdentifier,
        value: &AnyRef<'_>,
        named: Named,
    ) -> Result<(), Error> {
        match kind {
            KEY_BAG => self.found.keys.push(named.entry(from_pkcs8(&to_der(value)?)?)),
            SHROUDED_KEY_BAG => {
                let clear = unprotected(&to_der(value)?, self.passphrase, &mut self.work)?;
                let key: PrivateKey = from_pkcs8(&clear)?;
                self.found.keys.push(named.entry(key));
            }
            CERTIFICATE_BAG => {
                let (kind, certificate, _) = typed(value).map_err(malformed)?;
                let octets = certificate.decode_as::<&OctetStringRef>().map_err(malformed)?;
                match Certificate::from_der(octets.as_bytes()) {
                    Ok(certificate) if kind == X509_CERTIFICATE => {
                        self.found.certificates.push(named.entry(certificate));
                    }
                    _ => self.found.unreadable += 1,
                }
            }
            CRL_BAG => {
                let (kind, list, _) = typed(value).map_err(malformed)?;
                let octets = list.decode_as::<&OctetStringRef>().map_err(malformed)?;
                match RevocationList::from_der(octets.as_bytes().to_vec()) {
                    Ok(list) if kind == X509_CRL => self.found.lists.push(list),
                    _ => self.found.unreadable += 1,
                }
            }
            // Secrets of other kinds.
            _ => {}
        }
        Ok(())
    }
}

/// The attributes of a bag that are used.
#[derive(Default)]
struct Named {
    name: Option<String>,
    key_id: Option<Vec<u8>>,
}

impl Named {
    /// Reads `bagAttributes`; those that are not what they should be are nobody's name.
    fn read(set: Option<AnyRef<'_>>) -> der::Result<Self> {
        let mut named = Self::default();
        let Some(set) = set else { return Ok(named) };
        set.tag().assert_eq(Tag::Set)?;
        let mut reader = SliceReader::new(set.value())?;
        while !reader.is_finished() {
            let (kind, values) = reader.sequence(|reader| {
                Ok::<_, der::Error>((ObjectIdentifier::decode(reader)?, AnyRef::decode(reader)?))
            })?;
            let Ok(value) = AnyRef::from_der(values.value()) else { continue };
            match kind {
                FRIENDLY_NAME if value.tag() == Tag::BmpString => {
                    // It should have no characters beyond 16 bits; programs write them as UTF-16 has them.
                    let (pairs, _) = value.value().as_chunks::<2>();
                    let units: Vec<u16> = pairs.iter().map(|it| u16::from_be_bytes(*it)).collect();
                    named.name = Some(String::from_utf16_lossy(&units));
                }
                LOCAL_KEY_ID if value.tag() == Tag::OctetString => {
                    named.key_id = Some(value.value().to_vec());
                }
                _ => {}
            }
        }
        Ok(named)
    }

    fn entry<T>(self, value: T) -> Entry<T> {
        Entry { value, name: self.name, key_id: self.key_id }
    }
}

/// A type, a value under `[0]`, and what follows.
type Typed<'a> = (ObjectIdentifier, AnyRef<'a>, Option<AnyRef<'a>>);

/// Reads a pair of a type and a value under `[0]`: `ContentInfo`, `SafeBag` and `CertBag` all are.
fn typed<'a>(any: &AnyRef<'a>) -> der::Result<Typed<'a>> {
    any.tag().assert_eq(Tag::Sequence)?;
    let mut reader = SliceReader::new(any.value())?;
    let kind = ObjectIdentifier::decode(&mut reader)?;
    let value = ContextSpecific::<AnyRef<'a>>::decode_explicit(&mut reader, TagNumber(0))?
        .ok_or_else(|| reader.error(Tag::Sequence.value_error()))?;
    let attributes = if reader.is_finished() { None } else { Some(AnyRef::decode(&mut reader)?) };
    Ok((kind, value.value, attributes))
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
    Encode::to_der(any).map(Zeroizing::new).map_err(malformed)
}

fn malformed(error: der::Error) -> Error {
    Error::malformed("a PKCS#12 file", error)
}

/// Things in one file. A store of authorities has some hundred.
const MAX_BAGS: usize = 4096;

/// Some thousand certificates, and lists.
const MAX_LENGTH: usize = 64 << 20;

/// How `ContentInfo` of type data begins.
const DATA_START: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

const PBMAC1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.14");
pub(super) const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
pub(super) const ENCRYPTED_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
pub(super) const SHROUDED_KEY_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
pub(super) const CERTIFICATE_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
pub(super) const CRL_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.4");
const SAFE_CONTENTS_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.6");
pub(super) const X509_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
pub(super) const X509_CRL: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.23.1");
pub(super) const FRIENDLY_NAME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
pub(super) const LOCAL_KEY_ID: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");
