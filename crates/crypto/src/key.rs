//! Private and public keys: parsed once, cheap to clone, usable from many threads.

mod public;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    self, OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding,
};
use aws_lc_rs::{agreement, error::KeyRejected};
use der::asn1::OctetStringRef;
use der::{Decode, Reader, SliceReader};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use crate::algorithm::{self, KeyKind, SignatureAlgorithm, rejected};
use crate::digest::DigestAlgorithm;
use crate::error::Error;

pub use public::{PublicKey, WeakVerification};

/// A private key with everything parsed that its operations need.
#[derive(Clone)]
pub struct PrivateKey {
    inner: Arc<Inner>,
}

struct Inner {
    kind: KeyKind,
    pair: Pair,
    public: PublicKey,
}

/// The parsed forms; importing an RSA key costs milliseconds, so it happens once.
pub(crate) enum Pair {
    Ec { signing: EcdsaKeyPair, agreement: agreement::PrivateKey },
    Ed25519(Ed25519KeyPair),
    Rsa { signing: rsa::KeyPair, pkcs1: Pkcs1PrivateDecryptingKey, oaep: OaepPrivateDecryptingKey },
}

impl PrivateKey {
    /// Makes a new key.
    pub fn generate(kind: KeyKind) -> Result<Self, Error> {
        let pkcs8 = match kind {
            KeyKind::EcP256 | KeyKind::EcP384 | KeyKind::EcP521 => {
                let pair =
                    EcdsaKeyPair::generate(ecdsa_algorithm(kind)?).map_err(|_| generation())?;
                Zeroizing::new(pair.to_pkcs8v1().map_err(|_| generation())?.as_ref().to_vec())
            }
            KeyKind::Ed25519 => {
                let pair = Ed25519KeyPair::generate().map_err(|_| generation())?;
                Zeroizing::new(pair.to_pkcs8v1().map_err(|_| generation())?.as_ref().to_vec())
            }
            KeyKind::Rsa2048 => generate_rsa(rsa::KeySize::Rsa2048)?,
            KeyKind::Rsa3072 => generate_rsa(rsa::KeySize::Rsa3072)?,
            KeyKind::Rsa4096 => generate_rsa(rsa::KeySize::Rsa4096)?,
            KeyKind::RsaOther { .. } => {
                return Err(Error::Unsupported { what: format!("making {kind} keys") });
            }
        };
        Self::from_pkcs8_der(&pkcs8)
    }

    /// Reads an unencrypted PKCS#8 `PrivateKeyInfo` (RFC 5208, RFC 5958).
    pub fn from_pkcs8_der(pkcs8: &[u8]) -> Result<Self, Error> {
        let oid = private_key_algorithm(pkcs8)
            .map_err(|error| rejected("a PKCS#8 private key", &error))?;
        match oid {
            (algorithm::RSA_ENCRYPTION, _) => Self::rsa(pkcs8),
            (algorithm::ED25519, _) => Self::ed25519(pkcs8),
            (algorithm::EC_PUBLIC_KEY, Some(algorithm::SECP256R1)) => {
                Self::ec(KeyKind::EcP256, pkcs8)
            }
            (algorithm::EC_PUBLIC_KEY, Some(algorithm::SECP384R1)) => {
                Self::ec(KeyKind::EcP384, pkcs8)
            }
            (algorithm::EC_PUBLIC_KEY, Some(algorithm::SECP521R1)) => {
                Self::ec(KeyKind::EcP521, pkcs8)
            }
            (oid, curve) => {
                let curve = curve.map(|curve| format!(" on curve {curve}")).unwrap_or_default();
                Err(Error::Unsupported { what: format!("private key {oid}{curve}") })
            }
        }
    }

    /// Returns the unencrypted PKCS#8 `PrivateKeyInfo`; the buffer clears itself.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = |_| Error::operation("key export");
        let der = match &self.inner.pair {
            Pair::Ec { signing, .. } => signing.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa { signing, .. } => {
                let der: Pkcs8V1Der<'_> = signing.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
        };
        Ok(Zeroizing::new(der))
    }

    /// Returns the kind and size.
    pub fn kind(&self) -> KeyKind {
        self.inner.kind
    }

    /// Returns the public key that belongs to it.
    pub fn public_key(&self) -> &PublicKey {
        &self.inner.public
    }

    /// Returns how this key signs over the given digest (RSA: PKCS#1 v1.5, which everybody reads).
    ///
    /// EC keys sign with the digest of their own strength only ([`KeyKind::digest`]).
    pub fn signature_algorithm(
        &self,
        digest: DigestAlgorithm,
    ) -> Result<SignatureAlgorithm, Error> {
        let kind = self.kind();
        match &self.inner.pair {
            _ if digest.is_weak() => Err(Error::Weak { what: format!("signing with {digest}") }),
            Pair::Ed25519(_) => Ok(SignatureAlgorithm::Ed25519),
            Pair::Rsa { .. } => Ok(SignatureAlgorithm::RsaPkcs1(digest)),
            Pair::Ec { .. } if kind.digest() == digest => Ok(SignatureAlgorithm::Ecdsa(digest)),
            Pair::Ec { .. } => {
                Err(Error::Unsupported { what: format!("signing with {kind} over {digest}") })
            }
        }
    }

    /// Returns the usual algorithm for this key: its own digest, PKCS#1 v1.5 for RSA.
    pub fn default_signature_algorithm(&self) -> SignatureAlgorithm {
        let digest = self.kind().digest();
        match &self.inner.pair {
            Pair::Ec { .. } => SignatureAlgorithm::Ecdsa(digest),
            Pair::Ed25519(_) => SignatureAlgorithm::Ed25519,
            Pair::Rsa { .. } => SignatureAlgorithm::RsaPkcs1(digest),
        }
    }

    /// Signs a message (not its digest).
    pub fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::operation("signing");
        // The provider ignores this argument and uses its own generator; its signature wants one.
        let random = SystemRandom::new();
        match (&self.inner.pair, algorithm) {
            (Pair::Ec { signing, .. }, SignatureAlgorithm::Ecdsa(digest))
                if digest == self.kind().digest() =>
            {
                Ok(signing.sign(&random, message).map_err(failed)?.as_ref().to_vec())
            }
            (Pair::Ed25519(pair), SignatureAlgorithm::Ed25519) => {
                Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec())
            }
            (Pair::Rsa { signing, .. }, _) => {
                let encoding = rsa_encoding(algorithm)?;
                let mut signed = vec![0; signing.public_modulus_len()];
                signing.sign(encoding, &random, message, &mut signed).map_err(failed)?;
                Ok(signed)
            }
            _ => Err(Error::Unsupported {
                what: format!("{algorithm} with a key on {}", self.kind()),
            }),
        }
    }

    /// Returns the parsed forms for key transport.
    pub(crate) fn pair(&self) -> &Pair {
        &self.inner.pair
    }

    fn rsa(pkcs8: &[u8]) -> Result<Self, Error> {
        let refused = |error: KeyRejected| provider_rejected("an RSA private key", &error);
        let failed = |_| Error::operation("RSA key import");
        let signing = rsa::KeyPair::from_pkcs8(pkcs8).map_err(refused)?;
        let decrypting = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(refused)?;
        let public =
            PublicKey::from_spki_der(signing.public_key().as_der().map_err(failed)?.as_ref())?;
        let pkcs1 = Pkcs1PrivateDecryptingKey::new(decrypting.clone()).map_err(failed)?;
        let oaep = OaepPrivateDecryptingKey::new(decrypting).map_err(failed)?;
        Ok(Self::assemble(Pair::Rsa { signing, pkcs1, oaep }, public))
    }

    fn ec(kind: KeyKind, pkcs8: &[u8]) -> Result<Self, Error> {
        let refused = |error: KeyRejected| provider_rejected("an EC private key", &error);
        let signing = EcdsaKeyPair::from_pkcs8(ecdsa_algorithm(kind)?, pkcs8).map_err(refused)?;
        let agreement =
            agreement::PrivateKey::from_private_key_der(agreement_algorithm(kind)?, pkcs8)
                .map_err(refused)?;
        let spki = signing.public_key().as_der().map_err(|_| Error::operation("EC key import"))?;
        let public = PublicKey::from_spki_der(spki.as_ref())?;
        Ok(Self::assemble(Pair::Ec { signing, agreement }, public))
    }

    fn ed25519(pkcs8: &[u8]) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
            .map_err(|error| provider_rejected("an Ed25519 private key", &error))?;
        let spki =
            pair.public_key().as_der().map_err(|_| Error::operation("Ed25519 key import"))?;
        let public = PublicKey::from_spki_der(spki.as_ref())?;
        Ok(Self::assemble(Pair::Ed25519(pair), public))
    }

    fn assemble(pair: Pair, public: PublicKey) -> Self {
        Self { inner: Arc::new(Inner { kind: public.kind(), pair, public }) }
    }
}

/// Shows the kind only: key bytes never reach a log.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.kind())
    }
}

/// Returns the algorithm and, for EC, the curve of a `PrivateKeyInfo`.
fn private_key_algorithm(
    pkcs8: &[u8],
) -> Result<(der::asn1::ObjectIdentifier, Option<der::asn1::ObjectIdentifier>), der::Error> {
    let mut reader = SliceReader::new(pkcs8)?;
    reader.sequence(|reader| {
        let _version = u8::decode(reader)?;
        let identifier = AlgorithmIdentifierRef::decode(reader)?;
        let _key = <&OctetStringRef>::decode(reader)?;
        // Attributes and the public key (RFC 5958 section 2) are the provider's to read.
        let rest = reader.remaining_len();
        reader.read_slice(rest)?;
        Ok((identifier.oid, identifier.parameters.and_then(|any| any.decode_as().ok())))
    })
}

fn generate_rsa(size: rsa::KeySize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let pair = rsa::KeyPair::generate(size).map_err(|_| generation())?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| generation())?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

fn generation() -> Error {
    Error::operation("key generation")
}

fn provider_rejected(what: &'static str, error: &KeyRejected) -> Error {
    Error::KeyRejected { what, reason: error.to_string() }
}

fn ecdsa_algorithm(kind: KeyKind) -> Result<&'static EcdsaSigningAlgorithm, Error> {
    match kind {
        KeyKind::EcP256 => Ok(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
        KeyKind::EcP384 => Ok(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        KeyKind::EcP521 => Ok(&signature::ECDSA_P521_SHA512_ASN1_SIGNING),
        _ => Err(Error::KeyMismatch { kind: kind.to_string(), operation: "ECDSA" }),
    }
}

/// Returns the ECDH algorithm of a curve.
pub(crate) fn agreement_algorithm(kind: KeyKind) -> Result<&'static agreement::Algorithm, Error> {
    match kind {
        KeyKind::EcP256 => Ok(&agreement::ECDH_P256),
        KeyKind::EcP384 => Ok(&agreement::ECDH_P384),
        KeyKind::EcP521 => Ok(&agreement::ECDH_P521),
        _ => Err(Error::KeyMismatch { kind: kind.to_string(), operation: "key agreement" }),
    }
}

fn rsa_encoding(algorithm: SignatureAlgorithm) -> Result<&'static dyn RsaEncoding, Error> {
    use DigestAlgorithm::{Sha256, Sha384, Sha512};
    match algorithm {
        SignatureAlgorithm::RsaPkcs1(Sha256) => Ok(&signature::RSA_PKCS1_SHA256),
        SignatureAlgorithm::RsaPkcs1(Sha384) => Ok(&signature::RSA_PKCS1_SHA384),
        SignatureAlgorithm::RsaPkcs1(Sha512) => Ok(&signature::RSA_PKCS1_SHA512),
        SignatureAlgorithm::RsaPss { digest: Sha256, salt_length: 32 } => {
            Ok(&signature::RSA_PSS_SHA256)
        }
        SignatureAlgorithm::RsaPss { digest: Sha384, salt_length: 48 } => {
            Ok(&signature::RSA_PSS_SHA384)
        }
        SignatureAlgorithm::RsaPss { digest: Sha512, salt_length: 64 } => {
            Ok(&signature::RSA_PSS_SHA512)
        }
        _ => Err(Error::Unsupported { what: format!("signing with {algorithm} and an RSA key") }),
    }
}

#[cfg(test)]
pub(crate) mod tests;
