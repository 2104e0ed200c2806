//! What somebody signed (`SIGNED{}` of RFC 5280), and the check of it: the long part only once.

use std::sync::OnceLock;

use chancery_crypto::{Digest, Error, SignatureAlgorithm};

use crate::certificate::Certificate;

/// A signature with what it is over.
pub struct Signed<'a> {
    /// The DER of the algorithm identifier.
    pub(crate) algorithm: &'a [u8],
    /// The identifier beside the signature is another than the signed one.
    pub(crate) algorithms_differ: bool,
    pub(crate) data: &'a [u8],
    pub(crate) signature: &'a [u8],
    pub(crate) memo: &'a Memo,
}

/// What is known of one signature: the digest of a list of 100 MB is computed once, and a key that fitted fits.
#[derive(Default)]
pub(crate) struct Memo {
    digest: OnceLock<Digest>,
    /// The key whose signature it is, as `SubjectPublicKeyInfo`.
    verified: OnceLock<Vec<u8>>,
}

impl<'a> Signed<'a> {
    /// Returns the signature of a certificate.
    pub(crate) fn of_certificate(certificate: &'a Certificate, memo: &'a Memo) -> Self {
        Self {
            algorithm: certificate.signature_algorithm(),
            algorithms_differ: certificate.algorithms_differ(),
            data: certificate.tbs(),
            signature: certificate.signature(),
            memo,
        }
    }

    /// Returns the DER of the algorithm identifier.
    pub fn algorithm(&self) -> &[u8] {
        self.algorithm
    }

    /// Returns the signed bytes.
    pub fn data(&self) -> &[u8] {
        self.data
    }

    /// Returns the octets of the signature.
    pub fn signature(&self) -> &[u8] {
        self.signature
    }

    /// Returns true if it was found before that the key of the certificate made the signature.
    pub(crate) fn is_known_of(&self, signer: &Certificate) -> bool {
        let known = self.memo.verified.get().filter(|_| !self.algorithms_differ);
        known.zip(signer.public_key()).is_some_and(|(known, key)| known == key.spki_der())
    }

    /// Checks that the key of the certificate made the signature; says why not, as the end of a sentence about it.
    pub fn verify(&self, signer: &Certificate) -> Result<(), String> {
        // RFC 5280 sections 4.1.1.2 and 5.1.1.2.
        if self.algorithms_differ {
            return Err("names two different signature algorithms".to_owned());
        }
        let Some(key) = signer.public_key() else {
            return Err(format!(
                "was signed by <{}> with an unknown kind of key",
                signer.subject()
            ));
        };
        if self.is_known_of(signer) {
            return Ok(());
        }
        let algorithm = SignatureAlgorithm::from_der(self.algorithm)
            .map_err(|error| format!("has an unusable signature: {error}"))?;
        let checked = match algorithm.digest() {
            Some(kind) => {
                let digest = self.memo.digest.get_or_init(|| kind.digest(self.data));
                key.verify_digest(algorithm, digest, self.signature)
            }
            None => key.verify(algorithm, self.data, self.signature),
        };
        match checked {
            Ok(()) => {
                // Another thread may have been faster, with this key or with another that fits too.
                self.memo.verified.get_or_init(|| key.spki_der().to_vec());
                Ok(())
            }
            Err(Error::Weak { what }) => Err(format!("has a signature that is too weak: {what}")),
            Err(Error::Unsupported { what }) => Err(format!("has an unusable signature: {what}")),
            Err(_) => Err(format!("is not signed by the key of <{}>", signer.subject())),
        }
    }
}
