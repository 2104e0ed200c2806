//! Signs a message in clear, so that everybody can read it and those who can check it, do (RFC 8551 section 3.5.3).

use std::io::{Read, Seek, Write};

use serde::Serialize;

use crate::{error::Result, keys::Signer};

/// How a message is signed in clear.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// Who signs.
    pub signer: &'a Signer,
    /// The time of signing in Unix seconds.
    pub signing_time: i64,
    /// Makes the MIME boundary; see [`Protection`](crate::Protection).
    pub boundary_seed: &'a [u8],
}

/// What was signed. It is no permit: the message is in clear.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Signed {
    /// SHA-256 of the signer's certificate.
    pub signer: String,
    /// The digest the signature uses.
    pub digest: &'static str,
    /// Parts that had to be re-encoded so that relays need not touch them (RFC 8551 section 3.1.3).
    pub reencoded_parts: usize,
    /// Bytes of the original message.
    pub original_bytes: u64,
    /// Bytes written to `out`.
    pub wire_bytes: u64,
}

/// Signs the MIME content of `original` and keeps its header outside.
pub fn sign<R: Read + Seek>(original: &mut R, signing: &Signing<'_>, out: &mut dyn Write) -> Result<Signed> {
    todo!()
}
