//! Writes PKCS#12 (RFC 7292) in the form that the most programs import.

use chancery_crypto::kdf::{self, Mac};
use chancery_crypto::{ContentCipher, ContentKey, DigestAlgorithm, Encryptor, random};
use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use super::ber::head;
use super::read::{
    CERTIFICATE_BAG, CRL_BAG, DATA, ENCRYPTED_DATA, FRIENDLY_NAME, LOCAL_KEY_ID, SHROUDED_KEY_BAG,
    X509_CERTIFICATE, X509_CRL,
};
use super::{Entry, Pkcs12};
use crate::error::Error;
use crate::key_file::password::{self, AES_256_CBC, HMAC_SHA256, PBES2, PBKDF2, SHA256, Work};

/// See [`Pkcs12::write`].
pub(super) fn write(file: &Pkcs12, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut keys = Vec::new();
    for key in &file.keys {
        let clear = key
            .value
            .to_pkcs8_der()
            .map_err(|source| Error::Crypto { doing: "write the private key", source })?;
        let (algorithm, encrypted) = encrypt(&clear, passphrase)?;
        let shrouded = sequence(&[&algorithm, &element(0x04, &[&encrypted])]);
        keys.extend(bag(SHROUDED_KEY_BAG, &shrouded, &attributes(key, false)));
    }
    // Java shows certificates without a key only if they are marked so.
    let is_marked = file.keys.is_empty();
    let mut others = Vec::new();
    for certificate in &file.certificates {
        let value = wrapped(X509_CERTIFICATE, certificate.value.der());
        others.extend(bag(CERTIFICATE_BAG, &value, &attributes(certificate, is_marked)));
    }
    for list in &file.lists {
        others.extend(bag(CRL_BAG, &wrapped(X509_CRL, list.der()), &[]));
    }
    let mut contents = Vec::new();
    if !others.is_empty() {
        let (algorithm, encrypted) = encrypt(&sequence(&[&others]), passphrase)?;
        let content = sequence(&[&oid(DATA), &algorithm, &element(0x80, &[&encrypted])]);
        let encrypted_data = sequence(&[&element(0x02, &[&[0]]), &content]);
        contents.extend(sequence(&[&oid(ENCRYPTED_DATA), &element(0xa0, &[&encrypted_data])]));
    }
    if !keys.is_empty() {
        contents.extend(content_info(&sequence(&[&keys])));
    }
    let safe = sequence(&[&contents]);
    let mac = mac(&safe, passphrase)?;
    let version = element(0x02, &[&[3]]);
    Ok(Zeroizing::new(sequence(&[&version, &content_info(&safe), &mac])))
}

/// Returns `CertBag` or `CRLBag` (RFC 7292 sections 4.2.3 and 4.2.4).
fn wrapped(kind: ObjectIdentifier, der: &[u8]) -> Vec<u8> {
    let octets = element(0x04, &[der]);
    sequence(&[&oid(kind), &element(0xa0, &[&octets])])
}

/// Returns `MacData` (RFC 7292 section 4).
fn mac(safe: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, Error> {
    let cannot = |source| Error::Crypto { doing: "protect the PKCS#12 file", source };
    let salt = random::bytes::<SALT>().map_err(cannot)?;
    let digest = DigestAlgorithm::Sha256;
    let mut key = Zeroizing::new(vec![0; digest.output_len()]);
    password::pkcs12_kdf(digest, 3, passphrase, &salt, ROUNDS, &mut key);
    let mut mac = Mac::new(digest, &key).map_err(cannot)?;
    mac.update(safe);
    let code = element(0x04, &[&mac.finish()]);
    let algorithm = sequence(&[&oid(SHA256), &NULL]);
    let digest_info = sequence(&[&algorithm, &code]);
    Ok(sequence(&[&digest_info, &element(0x04, &[&salt]), &rounds()]))
}

/// Encrypts under a passphrase with PBES2 (RFC 8018 section 6.2); returns the algorithm, and what was encrypted.
fn encrypt(clear: &[u8], passphrase: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let cannot = |source| Error::Crypto { doing: "encrypt the private key", source };
    let cipher = ContentCipher::Aes256Cbc;
    let salt = random::bytes::<SALT>().map_err(cannot)?;
    let iv = random::bytes::<16>().map_err(cannot)?;
    let mut key = Zeroizing::new(vec![0; cipher.key_len()]);
    let rounds_wanted = Work::default().spend(ROUNDS, 1)?;
    kdf::pbkdf2(DigestAlgorithm::Sha256, passphrase, &salt, rounds_wanted, &mut key)
        .map_err(cannot)?;
    let key = ContentKey::from_slice(&key).map_err(cannot)?;
    let mut encryptor = Encryptor::new(cipher, &key, &iv).map_err(cannot)?;
    // A block for the padding, and one that the cipher may want as room.
    let mut encrypted = vec![0; clear.len() + 2 * iv.len()];
    let written = encryptor.update(clear, &mut encrypted).map_err(cannot)?;
    let rest = encrypted.get_mut(written..).unwrap_or_default();
    let (last, _) = encryptor.finish(rest).map_err(cannot)?;
    encrypted.truncate(written + last);
    let function = sequence(&[&oid(HMAC_SHA256), &NULL]);
    let derivation = sequence(&[&element(0x04, &[&salt]), &rounds(), &function]);
    let scheme = sequence(&[&oid(AES_256_CBC), &element(0x04, &[&iv])]);
    let parameters = sequence(&[&sequence(&[&oid(PBKDF2), &derivation]), &scheme]);
    Ok((sequence(&[&oid(PBES2), &parameters]), encrypted))
}

/// Returns `SafeBag` (RFC 7292 section 4.2).
fn bag(kind: ObjectIdentifier, value: &[u8], attributes: &[u8]) -> Vec<u8> {
    sequence(&[&oid(kind), &element(0xa0, &[value]), attributes])
}

/// Returns the attributes of a bag, in the order of DER: friendlyName and localKeyId (RFC 2985 section 5.5), and Java's mark.
fn attributes<T>(entry: &Entry<T>, is_marked: bool) -> Vec<u8> {
    let attribute = |kind, value: &[u8]| sequence(&[&oid(kind), &element(0x31, &[value])]);
    let mut all = Vec::new();
    if let Some(name) = &entry.name {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        all.push(attribute(FRIENDLY_NAME, &element(0x1e, &[&name])));
    }
    if let Some(key_id) = &entry.key_id {
        all.push(attribute(LOCAL_KEY_ID, &element(0x04, &[key_id])));
    }
    if is_marked {
        all.push(attribute(TRUSTED_KEY_USAGE, &oid(ANY_EXTENDED_KEY_USAGE)));
    }
    if all.is_empty() {
        return Vec::new();
    }
    all.sort();
    element(0x31, &[&all.concat()])
}

/// Returns `ContentInfo` of type data.
fn content_info(content: &[u8]) -> Vec<u8> {
    sequence(&[&oid(DATA), &element(0xa0, &[&element(0x04, &[content])])])
}

fn rounds() -> Vec<u8> {
    // A leading zero keeps it positive; ROUNDS fits three octets, of which the first is below 0x80.
    let [_, octets @ ..] = ROUNDS.to_be_bytes();
    element(0x02, &[&octets])
}

fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    element(0x06, &[oid.as_bytes()])
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, parts)
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut element = Vec::new();
    head(&mut element, tag, parts.iter().map(|part| part.len()).sum());
    element.extend(parts.iter().copied().flatten());
    element
}

/// Some hundredths of a second for each of three derivations, which makes guessing a passphrase slow. Others take between
/// 2,048 (OpenSSL 3) and 600,000 (NSS).
const ROUNDS: u32 = 100_000;

/// RFC 8018 section 4.1 wants eight at least, NIST SP 800-132 sixteen.
const SALT: usize = 16;

const NULL: [u8; 2] = [0x05, 0x00];
/// `trustedKeyUsage`, by which Java knows certificates that somebody put there on purpose.
const TRUSTED_KEY_USAGE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.113894.746875.1.1");
/// `anyExtendedKeyUsage` (RFC 5280 section 4.2.1.12).
const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
