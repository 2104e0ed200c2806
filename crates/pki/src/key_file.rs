//! Private keys in files: PKCS#8, and the two older forms that OpenSSL still writes.

use chancery_crypto::PrivateKey;
use der::asn1::{ContextSpecific, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, Sequence, SliceReader, TagNumber};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::pem;

/// Reads a private key from a file's content: PEM (`PRIVATE KEY`, `EC PRIVATE KEY`, `RSA PRIVATE KEY`) or PKCS#8 in DER.
///
/// Of several keys in one text the first is taken. Keys under a passphrase are refused with an error of their own.
pub fn read(bytes: &[u8]) -> Result<PrivateKey, Error> {
    // 0x30 is the SEQUENCE that DER starts with; in a text it is the digit 0.
    if bytes.first() == Some(&0x30) {
        return from_pkcs8(bytes);
    }
    // Older OpenSSL marks encryption by header lines inside the block (RFC 1421), which are no base64.
    if bytes.windows(LEGACY_ENCRYPTION.len()).any(|window| window == LEGACY_ENCRYPTION) {
        return Err(Error::KeyEncrypted);
    }
    for block in pem::blocks(bytes)? {
        match block.label.as_str() {
            "PRIVATE KEY" => return from_pkcs8(&block.der),
            "EC PRIVATE KEY" => return from_pkcs8(&sec1_to_pkcs8(&block.der)?),
            "RSA PRIVATE KEY" => return from_pkcs8(&pkcs1_to_pkcs8(&block.der)?),
            "ENCRYPTED PRIVATE KEY" => return Err(Error::KeyEncrypted),
            _ => {}
        }
    }
    Err(Error::Pem { offset: bytes.len(), reason: "there is no private key in it" })
}

/// Writes a private key as unencrypted PKCS#8 in PEM; the buffer clears itself.
pub fn write(key: &PrivateKey) -> Result<Zeroizing<String>, Error> {
    let der = key
        .to_pkcs8_der()
        .map_err(|source| Error::Crypto { doing: "write the private key", source })?;
    Ok(Zeroizing::new(pem::encode("PRIVATE KEY", &der)))
}

/// `PrivateKeyInfo` (RFC 5208 section 5).
#[derive(Sequence)]
struct PrivateKeyInfo<'a> {
    version: u8,
    algorithm: AlgorithmIdentifierRef<'a>,
    key: &'a OctetStringRef,
}

fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, Error> {
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
