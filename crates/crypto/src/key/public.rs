//! Public keys: verification of signatures, and the recipient's side of key transport.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode, Encode, Reader, SliceReader};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::algorithm::{self, KeyKind, SignatureAlgorithm, rejected};
use crate::digest::Digest;
use crate::error::Error;
use crate::shim::Key;

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
    /// True for keys bound to RSASSA-PSS (RFC 4055 section 1.2), which must do nothing else.
    is_pss_only: bool,
    /// The parsed form, made at the first use.
    provider: OnceLock<Option<Key>>,
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
        let is_pss_only = info.algorithm.oid == algorithm::RSASSA_PSS;
        let provider = OnceLock::new();
        let inner = Inner { kind, spki: spki.to_vec(), bits, is_pss_only, provider };
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

    /// Returns true for RSA keys that are bound to RSASSA-PSS (RFC 4055 section 1.2): they verify nothing else.
    pub fn is_pss_only(&self) -> bool {
        self.inner.is_pss_only
    }

    /// Returns true for RSA keys that may carry other keys.
    pub(crate) fn may_encrypt(&self) -> bool {
        self.kind().is_rsa() && !self.inner.is_pss_only
    }

    /// Returns the parsed form of an RSA key that may encrypt.
    pub(crate) fn encrypting(&self) -> Result<&Key, Error> {
        if !self.may_encrypt() {
            let kind = self.kind().to_string();
            return Err(Error::KeyMismatch { kind, operation: "RSA encryption" });
        }
        self.provider()
    }

    /// Returns the parsed form.
    pub(crate) fn provider(&self) -> Result<&Key, Error> {
        let parse = || {
            if self.kind().is_rsa() {
                Key::from_spki(&plain_rsa(self.key_bits())?)
            } else {
                Key::from_spki(self.spki_der())
            }
        };
        self.inner.provider.get_or_init(parse).as_ref().ok_or_else(|| Error::KeyRejected {
            what: "a public key",
            reason: format!("it is no valid {} key", self.kind()),
        })
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
        match algorithm.digest() {
            Some(digest) => self.verify_digest(algorithm, &digest.digest(message), signature),
            None => self.check(algorithm, message, signature),
        }
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
        self.check(algorithm, digest.as_ref(), signature)
    }

    fn check(
        self,
        algorithm: SignatureAlgorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        let kind = self.key.kind();
        let is_size_sane = !kind.is_rsa() || RSA_BITS.contains(&kind.rsa_bits());
        let is_bound =
            self.key.inner.is_pss_only && !matches!(algorithm, SignatureAlgorithm::RsaPss { .. });
        if !algorithm.fits(kind) || !is_size_sane || is_bound {
            let what = format!("verifying {algorithm} with a key {kind}");
            return Err(Error::Unsupported { what });
        }
        if self.key.provider()?.verify(algorithm, signed, signature) {
            Ok(())
        } else {
            Err(Error::Signature)
        }
    }
}

/// Sizes of RSA keys that are worth the time.
const RSA_BITS: std::ops::RangeInclusive<u32> = 1024..=8192;

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
        algorithm::X25519 => Ok(KeyKind::X25519),
        algorithm::ML_DSA_44 => Ok(KeyKind::MlDsa44),
        algorithm::ML_DSA_65 => Ok(KeyKind::MlDsa65),
        algorithm::ML_DSA_87 => Ok(KeyKind::MlDsa87),
        algorithm::ML_KEM_512 => Ok(KeyKind::MlKem512),
        algorithm::ML_KEM_768 => Ok(KeyKind::MlKem768),
        algorithm::ML_KEM_1024 => Ok(KeyKind::MlKem1024),
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

/// Returns the key as one that is not bound to a padding: the provider does not read every form of PSS parameters.
fn plain_rsa(bits: &[u8]) -> Option<Vec<u8>> {
    let algorithm =
        AlgorithmIdentifierRef { oid: algorithm::RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) };
    let subject_public_key = BitStringRef::from_bytes(bits).ok()?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().ok()
}
