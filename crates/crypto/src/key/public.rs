//! Public keys: verification of signatures, and the recipient's side of key transport.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::rsa::{OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{
    self as provider, RsaParameters, RsaPssSaltLength, UnparsedPublicKey, VerificationAlgorithm,
};
use der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use der::{Decode, Reader, SliceReader};
use spki::SubjectPublicKeyInfoRef;

use crate::algorithm::{self, KeyKind, SignatureAlgorithm, rejected};
use crate::digest::{Digest, DigestAlgorithm};
use crate::error::Error;

/// A public key from a `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7).
#[derive(Clone)]
pub struct PublicKey {
    inner: Arc<Inner>,
}

struct Inner {
    kind: KeyKind,
    spki: Vec<u8>,
    /// Where the bits of `subjectPublicKey` are in `spki`.
    bits: Range<usize>,
    /// False for keys bound to RSASSA-PSS (RFC 4055 section 1.2), which must not encrypt.
    may_encrypt: bool,
    encrypting: OnceLock<Option<RsaEncrypting>>,
}

/// The parsed forms for RSA key transport, made at the first use.
pub(crate) struct RsaEncrypting {
    pub(crate) pkcs1: Pkcs1PublicEncryptingKey,
    pub(crate) oaep: OaepPublicEncryptingKey,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` in DER.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, Error> {
        let unreadable = |error: der::Error| rejected("a public key", &error);
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(unreadable)?;
        let raw = info.subject_public_key.as_bytes().ok_or_else(|| Error::KeyRejected {
            what: "a public key",
            reason: "its length is no whole number of bytes".to_owned(),
        })?;
        let kind = kind_of(info.algorithm.oid, info.algorithm.parameters, raw)?;
        // The bit string is the last element, so its bytes end the structure.
        let bits = spki.len() - raw.len()..spki.len();
        let may_encrypt = info.algorithm.oid != algorithm::RSASSA_PSS;
        let inner =
            Inner { kind, spki: spki.to_vec(), bits, may_encrypt, encrypting: OnceLock::new() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns the `SubjectPublicKeyInfo` in DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.inner.spki
    }

    /// Returns the bits of `subjectPublicKey`, over which key identifiers are computed (RFC 5280 section 4.2.1.2).
    pub fn key_bits(&self) -> &[u8] {
        self.inner.spki.get(self.inner.bits.clone()).unwrap_or_default()
    }

    /// Returns the kind and size.
    pub fn kind(&self) -> KeyKind {
        self.inner.kind
    }

    /// Checks the signature of a message; refuses SHA-1 and RSA keys under 2048 bits.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        self.refuse_weak(algorithm)?;
        self.danger().verify(algorithm, message, signature)
    }

    /// Checks the signature of a message whose digest is known; refuses what [`PublicKey::verify`] refuses.
    pub fn verify_digest(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        signature: &[u8],
    ) -> Result<(), Error> {
        self.refuse_weak(algorithm)?;
        self.danger().verify_digest(algorithm, digest, signature)
    }

    /// Gives access to verification with algorithms and keys that can be forged; the caller must report it.
    pub fn danger(&self) -> WeakVerification<'_> {
        WeakVerification { key: self }
    }

    /// Returns the parsed forms for RSA key transport.
    pub(crate) fn rsa_encrypting(&self) -> Result<&RsaEncrypting, Error> {
        let mismatch =
            || Error::KeyMismatch { kind: self.kind().to_string(), operation: "RSA encryption" };
        if !self.inner.may_encrypt {
            return Err(mismatch());
        }
        self.inner
            .encrypting
            .get_or_init(|| rsa_encrypting(&self.inner.spki))
            .as_ref()
            .ok_or_else(mismatch)
    }

    fn refuse_weak(&self, algorithm: SignatureAlgorithm) -> Result<(), Error> {
        if algorithm.is_weak() {
            return Err(Error::Weak { what: algorithm.to_string() });
        }
        if self.kind().is_weak() {
            return Err(Error::Weak { what: self.kind().to_string() });
        }
        Ok(())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.inner.spki == other.inner.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.kind())
    }
}

/// Verification that accepts SHA-1 and RSA keys from 1024 bits.
#[derive(Clone, Copy, Debug)]
pub struct WeakVerification<'a> {
    key: &'a PublicKey,
}

impl WeakVerification<'_> {
    /// Checks the signature of a message.
    pub fn verify(
        self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        let verifier = verifier(self.key.kind(), algorithm)?;
        UnparsedPublicKey::new(verifier, self.key.key_bits())
            .verify(message, signature)
            .map_err(|_| Error::Signature)
    }

    /// Checks the signature of a message whose digest is known.
    pub fn verify_digest(
        self,
        algorithm: SignatureAlgorithm,
        digest: &Digest,
        signature: &[u8],
    ) -> Result<(), Error> {
        if algorithm.digest() != Some(digest.algorithm()) {
            return Err(Error::Unsupported {
                what: format!("{algorithm} over a digest by {}", digest.algorithm()),
            });
        }
        let verifier = verifier(self.key.kind(), algorithm)?;
        UnparsedPublicKey::new(verifier, self.key.key_bits())
            .verify_digest(digest.provider(), signature)
            .map_err(|_| Error::Signature)
    }
}

fn kind_of(
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'_>>,
    bits: &[u8],
) -> Result<KeyKind, Error> {
    match oid {
        algorithm::RSA_ENCRYPTION | algorithm::RSASSA_PSS => {
            rsa_bits(bits).map(KeyKind::rsa).map_err(|error| rejected("an RSA public key", &error))
        }
        algorithm::ED25519 => Ok(KeyKind::Ed25519),
        algorithm::EC_PUBLIC_KEY => match parameters.and_then(|any| any.decode_as().ok()) {
            Some(algorithm::SECP256R1) => Ok(KeyKind::EcP256),
            Some(algorithm::SECP384R1) => Ok(KeyKind::EcP384),
            Some(algorithm::SECP521R1) => Ok(KeyKind::EcP521),
            Some(curve) => Err(Error::Unsupported { what: format!("curve {curve}") }),
            None => Err(Error::Unsupported { what: "EC key without a named curve".to_owned() }),
        },
        oid => Err(Error::Unsupported { what: format!("public key {oid}") }),
    }
}

/// Returns the number of bits of the modulus of an `RSAPublicKey` (RFC 8017 appendix A.1.1).
fn rsa_bits(key: &[u8]) -> Result<u32, der::Error> {
    let mut reader = SliceReader::new(key)?;
    reader.sequence(|reader| {
        let modulus = UintRef::decode(reader)?;
        UintRef::decode(reader)?;
        let bytes = modulus.as_bytes();
        let unused = bytes.first().map_or(0, |byte| byte.leading_zeros());
        Ok(u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(unused))
    })
}

fn rsa_encrypting(spki: &[u8]) -> Option<RsaEncrypting> {
    let key = PublicEncryptingKey::from_der(spki).ok()?;
    let pkcs1 = Pkcs1PublicEncryptingKey::new(key.clone()).ok()?;
    let oaep = OaepPublicEncryptingKey::new(key).ok()?;
    Some(RsaEncrypting { pkcs1, oaep })
}

fn verifier(
    kind: KeyKind,
    algorithm: SignatureAlgorithm,
) -> Result<&'static dyn VerificationAlgorithm, Error> {
    let found = match algorithm {
        SignatureAlgorithm::RsaPkcs1(digest) => pkcs1_verifier(kind, digest),
        SignatureAlgorithm::RsaPss { digest, salt_length } => {
            pss_verifier(kind, digest, usize::from(salt_length))
        }
        SignatureAlgorithm::Ecdsa(digest) => ecdsa_verifier(kind, digest),
        SignatureAlgorithm::Ed25519 => {
            (kind == KeyKind::Ed25519).then_some(&provider::ED25519 as _)
        }
    };
    found.ok_or_else(|| Error::Unsupported {
        what: format!("verifying {algorithm} with a key {kind}"),
    })
}

fn pkcs1_verifier(
    kind: KeyKind,
    digest: DigestAlgorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    match digest {
        _ if !kind.is_rsa() => None,
        DigestAlgorithm::Sha1 => Some(&provider::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
        DigestAlgorithm::Sha256 => Some(&provider::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        DigestAlgorithm::Sha384 => Some(&provider::RSA_PKCS1_2048_8192_SHA384),
        DigestAlgorithm::Sha512 => Some(&provider::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
    }
}

/// The provider wants a static algorithm for each salt length: the digest's length, the usual others, and the
/// longest that fits, which OpenSSL writes by default.
fn pss_verifier(
    kind: KeyKind,
    digest: DigestAlgorithm,
    salt_length: usize,
) -> Option<&'static dyn VerificationAlgorithm> {
    if !kind.is_rsa() {
        return None;
    }
    // RFC 8017 section 9.1.1: emLen = ceil((modBits - 1) / 8), and sLen <= emLen - hLen - 2.
    let encoded_length = usize::try_from(kind.rsa_bits().saturating_sub(1).div_ceil(8)).ok()?;
    let longest = encoded_length.checked_sub(digest.output_len() + 2)?;
    macro_rules! salts {
        ($base:expr) => {{
            static SALTS: [RsaParameters; 5] = [
                $base.with_pss_salt_length(RsaPssSaltLength::Custom(0)),
                $base.with_pss_salt_length(RsaPssSaltLength::Custom(20)),
                $base.with_pss_salt_length(RsaPssSaltLength::Custom(32)),
                $base.with_pss_salt_length(RsaPssSaltLength::Custom(48)),
                $base.with_pss_salt_length(RsaPssSaltLength::Custom(64)),
            ];
            static LONGEST: RsaParameters = $base.with_pss_salt_length(RsaPssSaltLength::Max);
            let [none, twenty, thirty_two, forty_eight, sixty_four] = &SALTS;
            match salt_length {
                length if length == longest => Some(&LONGEST as &'static dyn VerificationAlgorithm),
                0 => Some(none),
                20 => Some(twenty),
                32 => Some(thirty_two),
                48 => Some(forty_eight),
                64 => Some(sixty_four),
                _ => None,
            }
        }};
    }
    match digest {
        DigestAlgorithm::Sha1 => None,
        DigestAlgorithm::Sha256 => salts!(provider::RSA_PSS_2048_8192_SHA256),
        DigestAlgorithm::Sha384 => salts!(provider::RSA_PSS_2048_8192_SHA384),
        DigestAlgorithm::Sha512 => salts!(provider::RSA_PSS_2048_8192_SHA512),
    }
}

fn ecdsa_verifier(
    kind: KeyKind,
    digest: DigestAlgorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    use DigestAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    match (kind, digest) {
        (KeyKind::EcP256, Sha1) => Some(&provider::ECDSA_P256_SHA1_ASN1),
        (KeyKind::EcP256, Sha256) => Some(&provider::ECDSA_P256_SHA256_ASN1),
        (KeyKind::EcP256, Sha384) => Some(&provider::ECDSA_P256_SHA384_ASN1),
        (KeyKind::EcP256, Sha512) => Some(&provider::ECDSA_P256_SHA512_ASN1),
        (KeyKind::EcP384, Sha256) => Some(&provider::ECDSA_P384_SHA256_ASN1),
        (KeyKind::EcP384, Sha384) => Some(&provider::ECDSA_P384_SHA384_ASN1),
        (KeyKind::EcP384, Sha512) => Some(&provider::ECDSA_P384_SHA512_ASN1),
        (KeyKind::EcP521, Sha1) => Some(&provider::ECDSA_P521_SHA1_ASN1),
        (KeyKind::EcP521, Sha256) => Some(&provider::ECDSA_P521_SHA256_ASN1),
        (KeyKind::EcP521, Sha384) => Some(&provider::ECDSA_P521_SHA384_ASN1),
        (KeyKind::EcP521, Sha512) => Some(&provider::ECDSA_P521_SHA512_ASN1),
        _ => None,
    }
}
