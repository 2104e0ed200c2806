//! Signatures: `SignedData` (RFC 5652 section 5) with the content outside (detached) or inside (attached).

mod attached;
pub(crate) mod attributes;
mod counter;
mod ess;
mod reader;
mod receipt;
mod signer;
mod signer_info;
mod verifier;

use std::fmt;

use chancery_crypto::{DigestAlgorithm, KeyKind};

use crate::error::Error;
use crate::identity::Identifier;

pub use attached::AttachedSigner;
pub use ess::{ListExpansion, ReceiptRequest, ReceiptsFrom, SecurityLabel, Services};
pub use receipt::{Receipt, sign_receipt};
pub use signer::{DetachedSigner, SignOptions, SignerKey, sign_attached};
pub use verifier::{DetachedVerifier, open_signed_attached, verify_attached};

/// What a `SignedData` contains.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedReport {
    /// One entry for each signature; empty for a bag of certificates.
    pub signers: Vec<SignerReport>,
    /// All certificates in the message, in DER. None of them is validated.
    pub certificates: Vec<Vec<u8>>,
    /// All revocation lists in the message, in DER. None of them is validated.
    pub crls: Vec<Vec<u8>>,
    /// Type of the content: `data`, `receipt`, or an object identifier.
    pub content_type: String,
    /// How many bytes follow the message; they are ignored and nobody signed them.
    pub trailing_bytes: u64,
}

/// What one signature is worth.
#[derive(Debug)]
#[non_exhaustive]
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
    /// What to tell about a signature even if it matches.
    pub problems: Vec<Problem>,
    /// What the signer says to read, best first: names such as `aes256-gcm`, or object identifiers (RFC 8551 section
    /// 2.5.2). Only signed if `result` is.
    pub capabilities: Vec<String>,
    /// Which certificate the signer wants to be encrypted to (RFC 8551 section 2.5.3). Only signed if `result` is.
    pub encryption_key: Option<Identifier>,
    /// Receipts, labels and lists (RFC 2634). Only signed if `result` is.
    pub services: Services,
    /// The signature itself.
    pub signature: Vec<u8>,
    /// The digest of the signed attributes, if there are any and we have the digest algorithm.
    pub attributes_digest: Option<Vec<u8>>,
    /// Names of the attributes that nobody signed, the first ones: a time stamp, for example.
    pub unsigned_attributes: Vec<String>,
    /// Signatures of others over this signature (RFC 5652 section 11.4). They say nothing about the content but that
    /// this signature was there.
    pub counter_signatures: Vec<SignerReport>,
}

impl SignerReport {
    /// Returns true if the signature matches and nothing about it can be forged. Without a policy for old mail, nothing
    /// less is a valid signature.
    pub fn is_sound(&self) -> bool {
        let is_weakness =
            |problem: &Problem| matches!(problem, Problem::WeakDigest(_) | Problem::WeakKey(_));
        self.result.is_ok() && !self.problems.iter().any(is_weakness)
    }
}

/// A weakness of a signature that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// There are no signed attributes: the signature covers the bare content.
    NoSignedAttributes,
    /// The digest can be forged.
    WeakDigest(DigestAlgorithm),
    /// The key is too small.
    WeakKey(KeyKind),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSignedAttributes => f.write_str("the signature has no signed attributes"),
            Self::WeakDigest(digest) => {
                write!(f, "the signature rests on {digest}, which can be forged")
            }
            Self::WeakKey(kind) => write!(f, "the signer's key ({kind}) is too small"),
        }
    }
}
