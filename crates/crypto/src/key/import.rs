//! Reads private keys in the forms that programs write (RFC 5208, 5958, 8410, 9881, 9935).

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, Sequence, SliceReader};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

use crate::algorithm::{self, KeyKind, rejected};
use crate::error::Error;
use crate::key::PublicKey;
use crate::shim::Key;

/// `OneAsymmetricKey` without its attributes and public key, which are the provider's to read.
struct Info<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    private_key: &'a [u8],
}

/// What is written of it again.
#[derive(Sequence)]
struct Rewritten<'a> {
    version: u8,
    algorithm: AlgorithmIdentifierRef<'a>,
    private_key: &'a OctetStringRef,
}

/// Reads a key and the public key that belongs to it.
pub(super) fn pkcs8(pkcs8: &[u8]) -> Result<(Key, PublicKey), Error> {
    let info = info(pkcs8).map_err(|error| rejected("a PKCS#8 private key", &error))?;
    let what = match info.algorithm.oid {
        algorithm::RSA_ENCRYPTION | algorithm::RSASSA_PSS => "an RSA private key",
        algorithm::ED25519 | algorithm::X25519 => "a private key on Curve25519",
        algorithm::ML_DSA_44 | algorithm::ML_DSA_65 | algorithm::ML_DSA_87 => {
            "an ML-DSA private key"
        }
        algorithm::ML_KEM_512 | algorithm::ML_KEM_768 | algorithm::ML_KEM_1024 => {
            "an ML-KEM private key"
        }
        algorithm::EC_PUBLIC_KEY => {
            named_curve(&info)?;
            "an EC private key"
        }
        oid => return Err(Error::Unsupported { what: format!("private key {oid}") }),
    };
    let refused = |reason: &str| Error::KeyRejected { what, reason: reason.to_owned() };
    let inconsistent = || refused("it is damaged, or its parts do not belong together");
    if let Some(kind) = ml_kem(info.algorithm.oid) {
        let (key, spki) = ml_kem_key(kind, &info).ok_or_else(inconsistent)?;
        return Ok((key, PublicKey::from_spki_der(&spki)?));
    }
    let key = if info.algorithm.oid == algorithm::RSASSA_PSS {
        // The key itself is the same; that it must not encrypt is known from the certificate.
        let plain = AlgorithmIdentifierRef {
            oid: algorithm::RSA_ENCRYPTION,
            parameters: Some(der::asn1::AnyRef::NULL),
        };
        rewritten(plain, info.private_key).and_then(|plain| Key::from_pkcs8(&plain))
    } else {
        Key::from_pkcs8(pkcs8)
    };
    let key = key.ok_or_else(inconsistent)?;
    let public = PublicKey::from_spki_der(&key.spki().ok_or_else(inconsistent)?)?;
    if public.kind().is_rsa() && !(1024..=8192).contains(&public.kind().rsa_bits()) {
        return Err(refused("RSA keys must have 1024 to 8192 bits"));
    }
    Ok((key, public))
}

fn info(pkcs8: &[u8]) -> Result<Info<'_>, der::Error> {
    let mut reader = SliceReader::new(pkcs8)?;
    reader.sequence(|reader| {
        let _version = u8::decode(reader)?;
        let algorithm = AlgorithmIdentifierRef::decode(reader)?;
        let private_key = <&OctetStringRef>::decode(reader)?.as_bytes();
        let rest = reader.remaining_len();
        reader.read_slice(rest)?;
        Ok(Info { algorithm, private_key })
    })
}

fn named_curve(info: &Info<'_>) -> Result<(), Error> {
    match info.algorithm.parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok()) {
        Some(algorithm::SECP256R1 | algorithm::SECP384R1 | algorithm::SECP521R1) => Ok(()),
        Some(curve) => Err(Error::Unsupported { what: format!("private key on curve {curve}") }),
        None => Err(Error::Unsupported { what: "EC key without a named curve".to_owned() }),
    }
}

fn rewritten(
    algorithm: AlgorithmIdentifierRef<'_>,
    private_key: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let private_key = OctetStringRef::new(private_key).ok()?;
    Rewritten { version: 0, algorithm, private_key }.to_der().ok().map(Zeroizing::new)
}

fn ml_kem(oid: ObjectIdentifier) -> Option<KeyKind> {
    match oid {
        algorithm::ML_KEM_512 => Some(KeyKind::MlKem512),
        algorithm::ML_KEM_768 => Some(KeyKind::MlKem768),
        algorithm::ML_KEM_1024 => Some(KeyKind::MlKem1024),
        _ => None,
    }
}

/// Reads an ML-KEM key (RFC 9935 section 6) and returns it with its `SubjectPublicKeyInfo`.
///
/// The provider reads the seed or the expanded key but not both in one, which is what OpenSSL writes; and of an
/// expanded key it does not tell the public key, which is inside of it.
fn ml_kem_key(kind: KeyKind, info: &Info<'_>) -> Option<(Key, Vec<u8>)> {
    let mut reader = SliceReader::new(info.private_key).ok()?;
    let both = reader.sequence(|reader| {
        let seed = <&OctetStringRef>::decode(reader)?.as_bytes();
        Ok::<_, der::Error>((seed, <&OctetStringRef>::decode(reader)?.as_bytes()))
    });
    let key = match both {
        Ok((seed, expanded)) => {
            // [0] IMPLICIT OCTET STRING with 64 bytes.
            let mut choice = Zeroizing::new(vec![0x80, u8::try_from(seed.len()).ok()?]);
            choice.extend_from_slice(seed);
            let key = Key::from_pkcs8(&rewritten(info.algorithm, &choice)?)?;
            // RFC 9935 section 8: both must be of one key.
            (key.raw_private()?.as_slice() == expanded).then_some(key)?
        }
        Err(_) => Key::from_pkcs8(&rewritten(info.algorithm, info.private_key)?)?,
    };
    if let Some(spki) = key.spki() {
        return Some((key, spki));
    }
    // FIPS 203 section 7.1: the decapsulation key is 384·k bytes, then the encapsulation key of 384·k + 32.
    let rank = match kind {
        KeyKind::MlKem512 => 2,
        KeyKind::MlKem768 => 3,
        _ => 4,
    };
    let raw = key.raw_private()?;
    let public = raw.get(384 * rank..384 * rank * 2 + 32)?;
    let spki = SubjectPublicKeyInfoRef {
        algorithm: info.algorithm,
        subject_public_key: der::asn1::BitStringRef::from_bytes(public).ok()?,
    };
    Some((key, spki.to_der().ok()?))
}
