//! Encryption: `EnvelopedData` (RFC 5652 section 6) with AES-CBC, `AuthEnvelopedData` (RFC 5083) with AES-GCM.

mod opener;
mod recipient;
mod recipient_info;
mod writer;

pub use chancery_crypto::ContentCipher;
pub use opener::{DecryptionKey, inspect, open_enveloped};
pub use recipient::{Recipient, RsaPadding};
pub use writer::EnvelopedWriter;

/// What an encrypted message was like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvelopeReport {
    /// How the content was encrypted.
    pub content_cipher: ContentCipher,
    /// Type of the content, `data` in all of S/MIME. Nothing authenticates it.
    pub content_type: String,
    /// How the key reached us, such as `rsa-oaep sha-256` or `ecdh sha-256 aes256-wrap`.
    pub key_management: String,
    /// The recipients' identifiers as text, the first ones.
    pub recipients: Vec<String>,
    /// How many recipients there are.
    pub recipient_count: usize,
    /// Which of the keys given opened it.
    pub used: usize,
    /// True if a tag proves that nobody changed the content. With AES-CBC anybody could have.
    pub authenticated: bool,
    /// Length of the content in bytes.
    pub content_length: u64,
    /// How many bytes follow the message; they are ignored.
    pub trailing_bytes: u64,
}

/// What can be told about a message without keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The content type: `enveloped-data`, `auth-enveloped-data`, `signed-data`, or an object identifier.
    pub content_type: String,
    /// The recipients' identifiers as text, the first ones.
    pub recipients: Vec<String>,
    /// How many recipients there are.
    pub recipient_count: usize,
}

/// A version number.
const MAX_INTEGER: u64 = 16;

/// Identifiers have some twenty bytes.
const MAX_OID: u64 = 128;

/// An encrypted key with names around it has less than a kilobyte; one `RecipientInfo` of key agreement may hold
/// hundreds of recipients. Also the limit for attributes.
const MAX_STRUCTURE: u64 = 256 * 1024;

/// Mailing lists that encrypt to everyone exist; beyond this somebody wants to keep us busy.
const MAX_RECIPIENTS: usize = 10_000;

/// How many recipients a report names.
const MAX_NAMED: usize = 32;
