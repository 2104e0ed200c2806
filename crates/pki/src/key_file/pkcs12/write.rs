//! Writes PKCS#12 (RFC 7292): one key with its certificates, in the form that the most programs import.

use chancery_crypto::kdf::{self, Mac};
use chancery_crypto::{ContentCipher, ContentKey, DigestAlgorithm, Encryptor, PrivateKey, random};
use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use super::{CERTIFICATE_BAG, DATA, ENCRYPTED_DATA, SHROUDED_KEY_BAG, X509_CERTIFICATE, ber::head};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::key_file::password::{self, AES_256_CBC, HMAC_SHA256, PBES2, PBKDF2, SHA256};

/// See [`write_pkcs12`](crate::key_file::write_pkcs12).
pub(in crate::key_file) fn write(
    key: &PrivateKey,
    certificates: &[Certificate],
    name: &str,
    passphrase: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let Some(own) = certificates.first() else {
        return Err(Error::request("a key goes into PKCS#12 with its certificate"));
    };
    // The number that ties key and certificate together: any will do, and this is the usual one.
    let mark = DigestAlgorithm::Sha1.digest(own.der());
    let attributes = attributes(name, mark.as_ref());
    let clear = key
        .to_pkcs8_der()
        .map_err(|source| Error::Crypto { doing: "write the private key", source })?;
    let shrouded = {
        let (algorithm, encrypted) = encrypt(&clear, passphrase)?;
        sequence(&[&algorithm, &element(0x04, &[&encrypted])])
    };
    let key_bag = bag(SHROUDED_KEY_BAG, &shrouded, &attributes);
    let mut certificate_bags = Vec::new();
    for (number, certificate) in certificates.iter().enumerate() {
        let octets = element(0x04, &[certificate.der()]);
        let value = sequence(&[&oid(X509_CERTIFICATE), &element(0xa0, &[&octets])]);
        let attributes: &[u8] = if number == 0 { &attributes } else { &[] };
        certificate_bags.extend(bag(CERTIFICATE_BAG, &value, attributes));
    }
    let (algorithm, encrypted) = encrypt(&sequence(&[&certificate_bags]), passphrase)?;
    let content = sequence(&[&oid(DATA), &algorithm, &element(0x80, &[&encrypted])]);
    let encrypted_data = sequence(&[&element(0x02, &[&[0]]), &content]);
    let safe = sequence(&[
        &sequence(&[&oid(ENCRYPTED_DATA), &element(0xa0, &[&encrypted_data])]),
        &content_info(&sequence(&[&key_bag])),
    ]);
    let mac = mac(&safe, passphrase)?;
    let version = element(0x02, &[&[3]]);
    Ok(Zeroizing::new(sequence(&[&version, &content_info(&safe), &mac])))
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
    let rounds_wanted = password::checked(ROUNDS)?;
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

/// Returns the attributes friendlyName and localKeyId (RFC 2985 section 5.5), in the order of DER.
fn attributes(name: &str, mark: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let attribute = |kind, value: &[u8]| sequence(&[&oid(kind), &element(0x31, &[value])]);
    let mut both = [
        attribute(FRIENDLY_NAME, &element(0x1e, &[&name])),
        attribute(LOCAL_KEY_ID, &element(0x04, &[mark])),
    ];
    both.sort();
    element(0x31, &[&both.concat()])
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
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");
