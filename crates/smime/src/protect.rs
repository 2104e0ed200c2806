//! Signs and encrypts a whole message for the recipients of one child (RFC 8551 section 3.6, RFC 3183 section 3).

use std::io::{Read, Write};

use serde::Serialize;

use crate::{
    error::Result,
    keys::{ContentAlgorithm, RecipientKey, Signer},
    outer::OuterHeaders,
};

/// How one child message is protected.
#[derive(Clone, Copy, Debug)]
pub struct Protection<'a> {
    /// Who signs.
    pub signer: &'a Signer,
    /// Who reads: the encryption certificates of every recipient of this child.
    pub recipients: &'a [&'a RecipientKey],
    /// The content cipher; see [`choose`](crate::choose).
    pub cipher: ContentAlgorithm,
    /// The time of signing in Unix seconds.
    pub signing_time: i64,
    /// Makes the MIME boundary: bytes that the author of the message cannot guess, the same when a child is redone.
    pub boundary_seed: &'a [u8],
}

/// Proof that a message was protected; only [`protect`] makes one.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Protected {
    /// The content cipher.
    pub cipher: &'static str,
    /// True if the cipher notices every change.
    pub authenticated: bool,
    /// The certificates it was encrypted to.
    pub recipients: Vec<ProtectedRecipient>,
    /// SHA-256 of the signer's certificate.
    pub signer: String,
    /// The digest the signature uses.
    pub digest: &'static str,
    /// Bytes of the original message.
    pub original_bytes: u64,
    /// Bytes written to `out`.
    pub wire_bytes: u64,
}

/// One certificate a message was encrypted to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProtectedRecipient {
    /// SHA-256 of the certificate.
    pub fingerprint: String,
    /// How the content key was carried.
    pub key_management: &'static str,
}

/// Protects `original` in one pass and writes the message for the network to `out`.
///
/// On an error, what was written to `out` is worthless and must not be sent; no [`Protected`] exists then.
pub fn protect(
    original: &mut dyn Read,
    outer: &OuterHeaders,
    protection: &Protection<'_>,
    out: &mut dyn Write,
) -> Result<Protected> {
    todo!()
}
