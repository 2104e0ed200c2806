//! Private keys in files: PKCS#8 in clear or under a passphrase, PKCS#12, and the two older forms that OpenSSL still
//! writes.

pub(crate) mod password;
mod traditional;

use chancery_crypto::PrivateKey;
use der::asn1::{ContextSpecific, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, Sequence, SliceReader, TagNumber};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use crate::certificate::Certificate;
use crate::error::Error;
use crate::key_file::password::Work;
use crate::pem;
use crate::pkcs12::{self, Pkcs12};

/// What a file of keys holds.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Held {
    /// The private keys, in the order of the file.
    pub keys: Vec<PrivateKey>,
    /// The certificates beside them, in the order of the file.
    pub certificates: Vec<Certificate>,
}

/// Reads a private key from a file's content: PEM (`PRIVATE KEY`, `EC PRIVATE KEY`, `RSA PRIVATE KEY`) or PKCS#8 in DER.
///
/// Of several keys in one text the first is taken. Keys under a passphrase are refused with an error of their own.
pub fn read(bytes: &[u8]) -> Result<PrivateKey, Error> {
    // 0x30 is the SEQUENCE that DER starts with; in a text it is the digit 0.
    if bytes.first() == Some(&0x30) {
        return from_der(bytes);
    }
    // Older OpenSSL marks encryption by header lines inside the block (RFC 1421), which are no base64.
    if bytes.windows(LEGACY_ENCRYPTION.len()).any(|window| window == LEGACY_ENCRYPTION) {
        return Err(Error::KeyEncrypted);
    }
    for block in pem::blocks(bytes)? {
        if block.label == "ENCRYPTED PRIVATE KEY" {
            return Err(Error::KeyEncrypted);
        }
        if let Some(key) = from_block(&block)? {
            return Ok(key);
        }
    }
    Err(Error::Pem { offset: bytes.len(), reason: "there is no private key in it" })
}

/// Reads keys and certificates from a file's content: PEM, PKCS#12, or PKCS#8 in DER, each under a passphrase or not.
///
/// PKCS#12 without a passphrase is read with the empty one, which some programs take for none.
pub fn open(bytes: &[u8], passphrase: Option<&[u8]>) -> Result<Held, Error> {
    if bytes.first() == Some(&0x30) {
        return open_der(bytes, passphrase);
    }
    let mut keys = Vec::new();
    for block in pem::blocks(bytes).unwrap_or_default() {
        if block.label == "ENCRYPTED PRIVATE KEY" {
            let passphrase = passphrase.ok_or(Error::KeyEncrypted)?;
            let work = &mut Work::default();
            keys.push(from_pkcs8(&unprotected(&block.der, passphrase, work)?)?);
        } else if let Some(encryption) = &block.encryption {
            let passphrase = passphrase.ok_or(Error::KeyEncrypted)?;
            let der = traditional::decrypt(encryption, passphrase, &block.der)?;
            keys.extend(from_block(&pem::Block { encryption: None, der, ..block })?);
        } else {
            keys.extend(from_block(&block)?);
        }
    }
    if keys.is_empty() {
        // Says what is there instead.
        keys.push(read(bytes)?);
    }
    Ok(Held { keys, certificates: Certificate::chain_from_pem(bytes)? })
}

/// Reads the key in a PEM block that is not encrypted; `None` if it holds something else.
fn from_block(block: &pem::Block) -> Result<Option<PrivateKey>, Error> {
    match block.label.as_str() {
        "PRIVATE KEY" => from_pkcs8(&block.der).map(Some),
        "EC PRIVATE KEY" => from_pkcs8(&sec1_to_pkcs8(&block.der)?).map(Some),
        "RSA PRIVATE KEY" => from_pkcs8(&pkcs1_to_pkcs8(&block.der)?).map(Some),
        _ => Ok(None),
    }
}

fn open_der(der: &[u8], passphrase: Option<&[u8]>) -> Result<Held, Error> {
    if pkcs12::in_der(der).is_some() {
        let held = Pkcs12::read(der, passphrase.unwrap_or_default());
        // Who gave no passphrase is told that there is one, not that it is wrong.
        return match (held, passphrase) {
            (Err(Error::Passphrase), None) => Err(Error::KeyEncrypted),
            (held, _) => held.map(Held::from),
        };
    }
    let key = match (from_der(der), passphrase) {
        (Ok(key), _) => key,
        (Err(_), Some(passphrase)) => {
            from_pkcs8(&unprotected(der, passphrase, &mut Work::default())?)?
        }
        (Err(error), None) => return Err(error),
    };
    Ok(Held { keys: vec![key], certificates: Vec::new() })
}

/// Decrypts an `EncryptedPrivateKeyInfo` (RFC 5958 section 3).
pub(crate) fn unprotected(
    der: &[u8],
    passphrase: &[u8],
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let malformed = |error| Error::malformed("an encrypted private key", error);
    let mut reader = SliceReader::new(der).map_err(malformed)?;
    let (algorithm, encrypted) = reader
        .sequence(|reader| {
            let algorithm = AlgorithmIdentifierRef::decode(reader)?;
            Ok::<_, der::Error>((algorithm, <&OctetStringRef>::decode(reader)?.as_bytes()))
        })
        .map_err(malformed)?;
    let plain = password::decrypt(&algorithm, passphrase, encrypted, work)?;
    // One wrong passphrase in 256 gives a padding that fits; what it decrypts to is no sequence then.
    if plain.first() == Some(&0x30) { Ok(plain) } else { Err(Error::Passphrase) }
}

/// Writes a private key as unencrypted PKCS#8 in PEM; the buffer clears itself.
pub fn write(key: &PrivateKey) -> Result<Zeroizing<String>, Error> {
    let der = key
        .to_pkcs8_der()
        .map_err(|source| Error::Crypto { doing: "write the private key", source })?;
    Ok(Zeroizing::new(pem::encode("PRIVATE KEY", &der)))
}

/// Writes a private key and its certificates as PKCS#12, the way mail programs import them; the buffer clears itself.
///
/// The first certificate is the key's own; `name` is what the mail program calls the key. See [`Pkcs12::write`].
pub fn write_pkcs12(
    key: &PrivateKey,
    certificates: &[Certificate],
    name: &str,
    passphrase: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut file = Pkcs12::new();
    file.add_key(key.clone(), certificates, name)?;
    file.write(passphrase)
}

impl From<Pkcs12> for Held {
    fn from(file: Pkcs12) -> Self {
        let keys = file.keys.into_iter().map(|entry| entry.value).collect();
        let certificates = file.certificates.into_iter().map(|entry| entry.value).collect();
        Self { keys, certificates }
    }
}

/// `PrivateKeyInfo` (RFC 5208 section 5).
#[derive(Sequence)]
struct PrivateKeyInfo<'a> {
    version: u8,
    algorithm: AlgorithmIdentifierRef<'a>,
    key: &'a OctetStringRef,
}

/// Reads a key in DER in any of the three forms; a failure is the one of the first, which is today's.
fn from_der(der: &[u8]) -> Result<PrivateKey, Error> {
    let older = || {
        let rsa = pkcs1_to_pkcs8(der).and_then(|it| from_pkcs8(&it));
        rsa.or_else(|_| sec1_to_pkcs8(der).and_then(|it| from_pkcs8(&it)))
    };
    from_pkcs8(der).or_else(|error| older().map_err(|_| error))
}

pub(crate) fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, Error> {
    PrivateKey::from_pkcs8_der(der)
        .map_err(|source| Error::Crypto { doing: "read the private key", source })
}

/// Wraps an `RSAPrivateKey` (RFC 8017 appendix A.1.2).
fn pkcs1_to_pkcs8(der: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let algorithm =
        AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(der::asn1::AnyRef::NULL) };
    wrap(algorithm, der)
}

/// Wraps an `ECPrivateKey` (RFC 5915); the curve moves from inside to the algorithm.
fn sec1_to_pkcs8(der: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let curve = sec1_curve(der).map_err(|error| Error::malformed("an EC private key", error))?;
    let parameters =
        curve.to_der().map_err(|error| Error::malformed("an EC private key", error))?;
    let parameters = der::asn1::AnyRef::from_der(&parameters)
        .map_err(|error| Error::malformed("an EC private key", error))?;
    wrap(AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters: Some(parameters) }, der)
}

fn sec1_curve(der: &[u8]) -> der::Result<ObjectIdentifier> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|reader| {
        u8::decode(reader)?;
        <&OctetStringRef>::decode(reader)?;
        let curve = ContextSpecific::<ObjectIdentifier>::decode_explicit(reader, TagNumber(0))?;
        let rest = reader.remaining_len();
        reader.read_slice(rest)?;
        curve
            .map(|field| field.value)
            .ok_or_else(|| reader.error(der::Tag::ObjectIdentifier.value_error()))
    })
}

fn wrap(algorithm: AlgorithmIdentifierRef<'_>, key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let malformed = |error| Error::malformed("a private key", error);
    let key = OctetStringRef::new(key).map_err(malformed)?;
    let info = PrivateKeyInfo { version: 0, algorithm, key };
    info.to_der().map(Zeroizing::new).map_err(malformed)
}

const LEGACY_ENCRYPTION: &[u8] = b"Proc-Type: 4,ENCRYPTED";
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
