//! CMS as streams: sign, verify, encrypt and decrypt (RFC 5652, 5083, 5753, 9629).
//!
//! Content of any size passes through in constant memory, in both directions: the reader and the writer of the BER
//! frame are ours, and only the small structures around the content (recipients, signers, certificates) are ever held,
//! within limits. It is **not** S/MIME: there is no MIME, no line ends, no header; and it is **not** a PKI: whether a
//! certificate may be believed is for `pki` to say.
//!
//! ```text
//! content ──► DetachedSigner ───► signature        signature + content ──► DetachedVerifier ──► SignedReport
//! content ──► EnvelopedWriter ──► message          message ──► open_enveloped ──► content (unverified until Ok)
//! content ──► AttachedSigner ───► message          message ──► open_signed_attached ──► content + SignedReport
//!                                                  message ──► open_compressed, open_digested, open_authenticated
//! ```
//!
//! Prepare a [`SignerKey`], [`Recipient`] or [`DecryptionKey`] once and use it for every message: certificates and
//! keys are parsed then and never again.
//!
//! ```
//! use std::io::Write;
//! use chancery_cms::{ContentCipher, DecryptionKey, EnvelopedWriter, Recipient, open_enveloped};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A password needs no certificate; `Recipient::from_certificate` is for everybody else.
//! let recipient = Recipient::from_password(b"correct horse", 1_000.try_into()?);
//! let mut writer = EnvelopedWriter::new(Vec::new(), ContentCipher::Aes256Gcm, &[recipient])?;
//! writer.write_all(b"Content-Type: text/plain\r\n\r\nHello\r\n")?;
//! let message = writer.finish()?;
//!
//! let mut content = Vec::new();
//! let keys = [DecryptionKey::password(b"correct horse")];
//! let report = open_enveloped(message.as_slice(), &keys, &mut content)?;
//! assert!(content.ends_with(b"Hello\r\n"));
//! assert!(report.authenticated && report.problems.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Two things guard against forged messages: every failure of decryption is one [`Error::Decrypt`], reached after the
//! same work, and RSA v1.5 substitutes a random key for a bad one (RFC 3218). What is weak is read and named
//! ([`EnvelopeProblem`], [`Problem`]) and never written; [`SignerReport::is_sound`] is the question to ask.
//!
//! RFC 2634 (receipts, labels), RFC 3183 (domain signatures), RFC 3211 (passwords), RFC 3274 (compression), RFC 3370 (old algorithms), RFC 3565 and
//! 5084 (AES), RFC 8103 (`ChaCha20-Poly1305`), RFC 4055 and 4056 (OAEP, PSS), RFC 5035 (signing certificate), RFC 5753 and
//! 8418 (key agreement), RFC 9629 and 9936 (ML-KEM), RFC 6211 (algorithm protection), RFC 8419 (Ed25519), RFC 9882
//! (ML-DSA).
#![warn(clippy::indexing_slicing)]

pub mod compressed;
pub mod digested;
pub mod enveloped;
pub mod error;
pub mod identity;
pub mod signed;

mod algorithms;
mod ber;
mod certificate;
mod content_info;
mod oid;
mod time;
mod tlv;

pub use algorithms::capabilities::capability_names;
pub use compressed::{CompressedReport, ExpansionLimit, open_compressed};
pub use content_info::Bag;
pub use digested::{DigestedReport, open_digested};
pub use enveloped::{
    AuthenticatedReport, ContentCipher, DecryptionKey, EnvelopeProblem, EnvelopeReport,
    EnvelopedWriter, Inspection, Recipient, RsaPadding, inspect, open_authenticated,
    open_enveloped,
};
pub use error::{CODES, Error};
pub use identity::Identifier;
pub use signed::{
    AttachedSigner, DetachedSigner, DetachedVerifier, ListExpansion, Problem, Receipt,
    ReceiptRequest, ReceiptsFrom, SecurityLabel, Services, SignOptions, SignedReport, SignerKey,
    SignerReport, open_signed_attached, sign_attached, sign_receipt, verify_attached,
};
