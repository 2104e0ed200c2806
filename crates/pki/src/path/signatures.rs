//! Signatures of certificates: which algorithms are accepted, how they are verified, and the memory of what was.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use chancery_crypto::{Error, KeyKind, PublicKey, SignatureAlgorithm};

use crate::algorithm::unknown_kind;
use crate::certificate::Certificate;
use crate::path::families::KeyFamilies;

/// Which signatures and keys are good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithms {
    /// The fewest bits of an RSA modulus.
    pub min_rsa_bits: u32,
    /// The fewest bits of a NIST curve; 0 for any.
    pub min_ec_bits: u32,
    /// The families of keys.
    pub families: KeyFamilies,
    /// Accepts SHA-1, whose signatures can be forged (RFC 8550 section 4.3); for reading what is old.
    pub sha1: bool,
}

/// What verifies signatures, and remembers what it verified: one for a process, shared by all questions.
///
/// It remembers only what cannot change: whether a key made a signature. Whether its algorithm is accepted is asked
/// again each time.
pub struct Verifier {
    check: Box<dyn CheckSignature>,
    known: Mutex<HashMap<Signature, bool>>,
}

/// The cryptography behind a [`Verifier`].
pub trait CheckSignature: Send + Sync {
    /// Checks a signature.
    fn check(&self, signed: &Signed<'_>, algorithms: Algorithms) -> Result<(), Flaw>;

    /// Returns what is wrong with the key of a certificate, if something is, as the end of a sentence.
    fn flaw_of_key(&self, certificate: &Certificate, algorithms: Algorithms) -> Option<String> {
        algorithms.flaw_of_key(certificate)
    }
}

/// A signature with what it is to be checked with.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The signed bytes.
    pub message: &'a [u8],
    /// The `AlgorithmIdentifier` in DER.
    pub algorithm: &'a [u8],
    /// The signature, without its count of unused bits.
    pub signature: &'a [u8],
    /// The signer's key.
    pub key: WorkingKey<'a>,
}

/// A public key as the path gives it (RFC 5280 section 6.1.2 (g) to (i)).
#[derive(Clone, Copy, Debug)]
pub struct WorkingKey<'a> {
    /// The `SubjectPublicKeyInfo` in DER.
    pub spki: &'a [u8],
    /// The `SubjectPublicKeyInfo` whose parameters count if this one has none (RFC 5280 section 6.1.4 (f)); DSA does that.
    pub parameters: Option<&'a [u8]>,
    /// The key, if it is of a kind that we know.
    pub public_key: Option<&'a PublicKey>,
    /// Digests of `spki` and of what `parameters` are from, to remember signatures by.
    pub id: ([u8; 32], [u8; 32]),
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The key did not make the signature.
    Forged,
    /// The algorithm or the key is not accepted or not known; says which.
    Refused(String),
}

/// The SHA-256 of what was signed and signature together, and the key.
type Signature = ([u8; 32], ([u8; 32], [u8; 32]));

/// How a check went.
pub(super) struct Checked {
    pub(super) result: Result<(), Flaw>,
    /// No cryptography was needed.
    pub(super) was_known: bool,
}

impl Algorithms {
    /// Every family of keys, RSA from 2048 bits, no SHA-1: what RFC 8550 section 4.3 leaves as secure.
    pub const CURRENT: Self =
        Self { min_rsa_bits: 2048, min_ec_bits: 0, families: KeyFamilies::ALL, sha1: false };

    /// Returns what is wrong with a key, if something is.
    fn flaw_of_key(self, certificate: &Certificate) -> Option<String> {
        match certificate.public_key().map(PublicKey::kind) {
            None => {
                let kind = unknown_kind(certificate.spki());
                Some(format!("has an unknown kind of key: {kind}"))
            }
            Some(kind) if self.is_too_small(kind) => {
                Some(format!("has a key that is too weak: {kind}"))
            }
            Some(kind) if !self.families.has(kind) => {
                Some(format!("has a key of a kind that is not accepted: {kind}"))
            }
            Some(_) => None,
        }
    }

    fn is_too_small(self, kind: KeyKind) -> bool {
        kind.is_rsa() && kind.rsa_bits() < self.min_rsa_bits
            || kind.is_ec() && kind.ec_bits() < self.min_ec_bits
    }

    /// Refuses what is weak.
    pub fn accept(self, algorithm: SignatureAlgorithm, kind: KeyKind) -> Result<(), Flaw> {
        let weak =
            |what: String| Err(Flaw::Refused(format!("has a signature that is too weak: {what}")));
        if algorithm.is_weak() && !self.sha1 {
            weak(algorithm.to_string())
        } else if self.is_too_small(kind) {
            weak(kind.to_string())
        } else if !self.families.has(kind) {
            let what = format!("was signed with a key of a kind that is not accepted: {kind}");
            Err(Flaw::Refused(what))
        } else {
            Ok(())
        }
    }
}

impl Default for Algorithms {
    fn default() -> Self {
        Self::CURRENT
    }
}

impl Verifier {
    /// Makes a verifier with the cryptography of this program.
    pub fn new() -> Self {
        Self::with(Box::new(OurCryptography))
    }

    /// Makes a verifier with some other cryptography.
    pub fn with(check: Box<dyn CheckSignature>) -> Self {
        Self { check, known: Mutex::default() }
    }

    /// Returns how many signatures are remembered.
    pub fn known(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns what is wrong with the key of a certificate, if something is.
    pub(super) fn flaw_of_key(
        &self,
        certificate: &Certificate,
        algorithms: Algorithms,
    ) -> Option<String> {
        self.check.flaw_of_key(certificate, algorithms)
    }

    /// Checks a signature that is not remembered.
    pub(super) fn check_once(
        &self,
        signed: &Signed<'_>,
        algorithms: Algorithms,
    ) -> Result<(), Flaw> {
        self.check.check(signed, algorithms)
    }

    /// Checks the signature of a certificate. `may_compute` is asked if that takes cryptography; `None` if it says no.
    pub(super) fn check(
        &self,
        certificate: &Certificate,
        key: WorkingKey<'_>,
        algorithms: Algorithms,
        may_compute: impl FnOnce() -> bool,
    ) -> Option<Checked> {
        let signed = Signed {
            message: certificate.tbs(),
            algorithm: certificate.signature_algorithm(),
            signature: certificate.signature(),
            key,
        };
        let id = (certificate.fingerprint(), key.id);
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // The lock is not held while computing.
        let known = lock().get(&id).copied();
        match known {
            Some(false) => return Some(Checked { result: Err(Flaw::Forged), was_known: true }),
            Some(true) => {
                // Known to be made by the key; whether that is good enough may be another partner's question.
                let result = is_accepted(&signed, algorithms);
                return Some(Checked { result, was_known: true });
            }
            None => {}
        }
        if !may_compute() {
            return None;
        }
        let result = self.check.check(&signed, algorithms);
        if matches!(result, Ok(()) | Err(Flaw::Forged)) {
            let mut known = lock();
            if known.len() >= MAX_KNOWN {
                known.clear();
            }
            known.insert(id, result.is_ok());
        }
        Some(Checked { result, was_known: false })
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Verifier({} known)", self.known())
    }
}

/// The algorithms of `chancery-crypto`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OurCryptography;

impl CheckSignature for OurCryptography {
    fn check(&self, signed: &Signed<'_>, algorithms: Algorithms) -> Result<(), Flaw> {
        let (algorithm, key) = read(signed)?;
        algorithms.accept(algorithm, key.kind())?;
        // `danger` because what is weak was refused a line above, by the rules of the question.
        match key.danger().verify(algorithm, signed.message, signed.signature) {
            Ok(()) => Ok(()),
            Err(Error::Unsupported { what }) => Err(unusable(&what)),
            Err(_) => Err(Flaw::Forged),
        }
    }
}

fn read<'a>(signed: &Signed<'a>) -> Result<(SignatureAlgorithm, &'a PublicKey), Flaw> {
    let unknown = || {
        let kind = unknown_kind(signed.key.spki);
        Flaw::Refused(format!("was signed with an unknown kind of key: {kind}"))
    };
    let key = signed.key.public_key.ok_or_else(unknown)?;
    let algorithm =
        SignatureAlgorithm::from_der(signed.algorithm).map_err(|error| unusable(&error))?;
    Ok((algorithm, key))
}

/// Algorithms that only a verifier of somebody else knows are its to judge; it did when it verified.
fn is_accepted(signed: &Signed<'_>, algorithms: Algorithms) -> Result<(), Flaw> {
    read(signed).map_or(Ok(()), |(algorithm, key)| algorithms.accept(algorithm, key.kind()))
}

fn unusable(what: &impl fmt::Display) -> Flaw {
    Flaw::Refused(format!("has an unusable signature: {what}"))
}

/// Signatures remembered, at 150 bytes each ten megabytes: more than all authorities of some thousand organisations.
const MAX_KNOWN: usize = 65_536;
