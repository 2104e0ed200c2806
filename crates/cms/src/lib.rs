//! CMS as streams: sign, verify, encrypt and decrypt (RFC 5652, 5083, 5753).
#![warn(clippy::indexing_slicing)]

pub mod enveloped;
pub mod error;
pub mod identity;
pub mod signed;

pub use enveloped::{
    ContentCipher, DecryptionKey, EnvelopeReport, EnvelopedWriter, Inspection, Recipient,
    RsaPadding, inspect, open_enveloped,
};
pub use error::{CODES, Error};
pub use identity::Identifier;
pub use signed::{
    DetachedSigner, DetachedVerifier, Problem, SignOptions, SignedReport, SignerKey, SignerReport,
    open_signed_attached, sign_attached, verify_attached,
};
