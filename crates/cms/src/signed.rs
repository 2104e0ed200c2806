//! SignedData.
use std::io::{Read, Write};
use std::sync::Arc;

use chancery_crypto::{DigestAlgorithm, PrivateKey};

use crate::error::Error;
use crate::identity::Identifier;

/// A signing key with its certificate, prepared once and used for many messages.
#[derive(Clone, Debug)]
pub struct SignerKey {
    inner: Arc<()>,
}

impl SignerKey {
    /// Prepares a key and its certificate (DER); fails if they do not belong together.
    pub fn new(key: PrivateKey, certificate: &[u8]) -> Result<Self, Error> {
        todo!("{key:?} {certificate:?}")
    }
    /// Returns the certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        todo!("{:?}", self.inner)
    }
}

/// What goes into a signature besides the content.
#[derive(Clone, Debug, Default)]
pub struct SignOptions {
    /// The digest; by default the one that fits the key.
    pub digest: Option<DigestAlgorithm>,
    /// Whether to mark it as a domain signature (RFC 3183 section 3.1).
    pub domain_signature: bool,
    /// RSA keys sign with PSS.
    pub rsa_pss: bool,
    /// Seconds since 1970.
    pub signing_time: Option<i64>,
}

/// Signs content that stays outside.
#[derive(Debug)]
pub struct DetachedSigner {}

impl DetachedSigner {
    /// Starts; `extra_certificates` (DER) go along with the signers' own.
    pub fn new(
        signers: &[SignerKey],
        extra_certificates: &[Vec<u8>],
        options: &SignOptions,
    ) -> Result<Self, Error> {
        todo!("{signers:?} {extra_certificates:?} {options:?}")
    }
    /// Returns the digest algorithms in use, for `micalg`.
    pub fn digests(&self) -> Vec<DigestAlgorithm> {
        todo!()
    }
    /// Adds content.
    pub fn update(&mut self, content: &[u8]) {
        todo!("{content:?}")
    }
    /// Returns the `ContentInfo` in DER.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        todo!()
    }
}

impl Write for DetachedSigner {
    fn write(&mut self, content: &[u8]) -> std::io::Result<usize> {
        self.update(content);
        Ok(content.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Signs small content and puts it inside.
pub fn sign_attached(
    content: &[u8],
    signers: &[SignerKey],
    extra_certificates: &[Vec<u8>],
    options: &SignOptions,
) -> Result<Vec<u8>, Error> {
    todo!("{content:?}{signers:?}{extra_certificates:?}{options:?}")
}

/// Checks a signature over content that is outside.
#[derive(Debug)]
pub struct DetachedVerifier {}

impl DetachedVerifier {
    /// Reads the signature (DER or BER).
    pub fn new(signature: &[u8]) -> Result<Self, Error> {
        todo!("{signature:?}")
    }
    /// Adds certificates to look for signers in.
    pub fn add_certificates(&mut self, certificates: &[Vec<u8>]) {
        todo!("{certificates:?}")
    }
    /// Returns the digest algorithms that the signature uses.
    pub fn digests(&self) -> Vec<DigestAlgorithm> {
        todo!()
    }
    /// Adds content.
    pub fn update(&mut self, content: &[u8]) {
        todo!("{content:?}")
    }
    /// Returns what each signature is worth. No certificate is validated here.
    pub fn finish(self) -> SignedReport {
        todo!()
    }
}

impl Write for DetachedVerifier {
    fn write(&mut self, content: &[u8]) -> std::io::Result<usize> {
        self.update(content);
        Ok(content.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Reads signed content (small) with its signatures.
pub fn verify_attached(message: &[u8]) -> Result<(Vec<u8>, SignedReport), Error> {
    todo!("{message:?}")
}

/// Reads signed content as a stream and writes it, unverified, to the sink; the report tells what it is worth.
pub fn open_signed_attached<R: Read, W: Write>(source: R, sink: W) -> Result<SignedReport, Error> {
    let (_, _) = (source, sink);
    todo!()
}

/// What a `SignedData` contains.
#[derive(Debug)]
pub struct SignedReport {
    /// One entry for each signature; empty for a bag of certificates.
    pub signers: Vec<SignerReport>,
    /// All certificates in DER.
    pub certificates: Vec<Vec<u8>>,
}

/// What one signature is worth.
#[derive(Debug)]
pub struct SignerReport {
    /// The signer's certificate in DER, if it was found.
    pub certificate: Option<Vec<u8>>,
    /// How the signature names the signer.
    pub identifier: Identifier,
    /// The digest algorithm, if we have it.
    pub digest: Option<DigestAlgorithm>,
    /// The signature algorithm's name.
    pub algorithm: String,
    /// When the signer says it was signed, in seconds since 1970.
    pub signing_time: Option<i64>,
    /// Whether it is a domain signature (RFC 3183).
    pub is_domain_signature: bool,
    /// Whether the signature is one of this content by the certificate's key.
    pub result: Result<(), Error>,
    /// What to tell about a signature that matches.
    pub problems: Vec<Problem>,
}

/// A weakness of a signature that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// There are no signed attributes: the signature covers the content only.
    NoSignedAttributes,
    /// The digest can be forged.
    WeakDigest(DigestAlgorithm),
    /// The key is too small.
    WeakKey(String),
}
