//! Private and public keys: parsed once, cheap to clone, usable from many threads.

mod import;
mod public;

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::algorithm::{KeyKind, SignatureAlgorithm};
use crate::digest::DigestAlgorithm;
use crate::error::Error;
use crate::shim::Key;

pub use public::{PublicKey, WeakVerification};

/// A private key with everything parsed that its operations need.
#[derive(Clone)]
pub struct PrivateKey {
    inner: Arc<Inner>,
}

struct Inner {
    /// The parsed form; importing an RSA key costs milliseconds, so it happens once.
    key: Key,
    public: PublicKey,
}

impl PrivateKey {
    /// Makes a new key.
    pub fn generate(kind: KeyKind) -> Result<Self, Error> {
        if matches!(kind, KeyKind::RsaOther { .. }) {
            return Err(Error::Unsupported { what: format!("making {kind} keys") });
        }
        let failed = || Error::operation("key generation");
        let key = Key::generate(kind).ok_or_else(failed)?;
        let public = PublicKey::from_spki_der(&key.spki().ok_or_else(failed)?)?;
        Ok(Self::assemble(key, public))
    }

    /// Reads an unencrypted PKCS#8 `PrivateKeyInfo` (RFC 5208, RFC 5958).
    pub fn from_pkcs8_der(pkcs8: &[u8]) -> Result<Self, Error> {
        let (key, public) = import::pkcs8(pkcs8)?;
        Ok(Self::assemble(key, public))
    }

    /// Returns the unencrypted PKCS#8 `PrivateKeyInfo`; the buffer clears itself.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.inner.key.pkcs8().ok_or(Error::operation("key export"))
    }

    /// Returns the kind and size.
    pub fn kind(&self) -> KeyKind {
        self.inner.public.kind()
    }

    /// Returns the public key that belongs to it.
    pub fn public_key(&self) -> &PublicKey {
        &self.inner.public
    }

    /// Returns how this key signs over the given digest (RSA: PKCS#1 v1.5, which everybody reads).
    ///
    /// Ed25519 and ML-DSA have no choice of digest inside; the one given is that of the content then.
    pub fn signature_algorithm(
        &self,
        digest: DigestAlgorithm,
    ) -> Result<SignatureAlgorithm, Error> {
        let kind = self.kind();
        if digest.is_weak() {
            return Err(Error::Weak { what: format!("signing with {digest}") });
        }
        let can_sign_over = !digest.has_any_length();
        match kind {
            KeyKind::Ed25519 => Ok(SignatureAlgorithm::Ed25519),
            KeyKind::MlDsa44 => Ok(SignatureAlgorithm::MlDsa44),
            KeyKind::MlDsa65 => Ok(SignatureAlgorithm::MlDsa65),
            KeyKind::MlDsa87 => Ok(SignatureAlgorithm::MlDsa87),
            kind if kind.is_rsa() && can_sign_over => Ok(SignatureAlgorithm::RsaPkcs1(digest)),
            kind if kind.is_ec() && can_sign_over => Ok(SignatureAlgorithm::Ecdsa(digest)),
            kind => Err(Error::Unsupported { what: format!("signing with {kind} over {digest}") }),
        }
    }

    /// Returns the usual algorithm for this key: its own digest, PKCS#1 v1.5 for RSA.
    ///
    /// Keys that cannot sign get one that does not fit them, and [`PrivateKey::sign`] says so.
    pub fn default_signature_algorithm(&self) -> SignatureAlgorithm {
        let digest = self.kind().digest();
        self.signature_algorithm(digest).unwrap_or(SignatureAlgorithm::RsaPkcs1(digest))
    }

    /// Signs a message (not its digest).
    pub fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, Error> {
        let kind = self.kind();
        if algorithm.is_weak() || kind.is_weak() {
            return Err(Error::Weak { what: format!("signing {algorithm} with a key {kind}") });
        }
        if !algorithm.fits(kind) {
            return Err(Error::Unsupported { what: format!("{algorithm} with a key {kind}") });
        }
        let signature = match algorithm.digest() {
            Some(digest) => self.inner.key.sign(algorithm, digest.digest(message).as_ref()),
            None => self.inner.key.sign(algorithm, message),
        };
        signature.ok_or(Error::operation("signing"))
    }

    /// Returns the parsed form.
    pub(crate) fn provider(&self) -> &Key {
        &self.inner.key
    }

    fn assemble(key: Key, public: PublicKey) -> Self {
        Self { inner: Arc::new(Inner { key, public }) }
    }
}

/// Shows the kind only: key bytes never reach a log.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.kind())
    }
}

#[cfg(test)]
pub(crate) mod tests;
