//! Encryption: `EnvelopedData` (RFC 5652 section 6) with CBC, `AuthEnvelopedData` (RFC 5083) with GCM or
//! ChaCha20-Poly1305, `AuthenticatedData` (RFC 5652 section 9) for reading.

mod authenticated;
mod key;
mod opener;
mod recipient;
mod recipient_info;
mod search;
mod writer;

use std::fmt;

use chancery_crypto::{KeyKind, KeyWrap};

use crate::content_info::Bag;

pub use authenticated::{AuthenticatedReport, open_authenticated};
pub use chancery_crypto::ContentCipher;
pub use key::DecryptionKey;
pub use opener::{inspect, open_enveloped};
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
    /// True if a tag proves that nobody changed the content. With CBC anybody could have.
    pub authenticated: bool,
    /// What makes the encryption worth less, each with a text to show.
    pub problems: Vec<EnvelopeProblem>,
    /// Certificates and revocation lists that the sender put into the envelope (RFC 5652 section 6.1).
    pub originator: Bag,
    /// Length of the content in bytes.
    pub content_length: u64,
    /// How many bytes follow the message; they are ignored.
    pub trailing_bytes: u64,
}

/// A weakness of an encryption that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvelopeProblem {
    /// The content's cipher can be broken.
    WeakCipher(ContentCipher),
    /// The key it was encrypted to is too small.
    WeakKey(KeyKind),
    /// The wrap of the content key can be broken.
    WeakKeyWrap(KeyWrap),
}

impl fmt::Display for EnvelopeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WeakCipher(cipher) => {
                write!(f, "the content is encrypted with {cipher}, which can be broken")
            }
            Self::WeakKey(kind) => write!(f, "the recipient's key ({kind}) is too small"),
            Self::WeakKeyWrap(wrap) => {
                write!(f, "the content key is wrapped with {}, which can be broken", wrap.name())
            }
        }
    }
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
    /// How the content key is carried to each of them, the first ones; `unknown` for a way that we do not have.
    pub key_management: Vec<String>,
    /// How the content is encrypted: a name, or an object identifier if we do not have it.
    pub content_cipher: Option<String>,
}

/// An encrypted key with names around it has less than a kilobyte, two with ML-KEM; one `RecipientInfo` of key
/// agreement may hold hundreds of recipients. Also the limit for attributes.
const MAX_STRUCTURE: u64 = 256 * 1024;

/// Mailing lists that encrypt to everyone exist; beyond this somebody wants to keep us busy.
const MAX_RECIPIENTS: usize = 10_000;

/// How many recipients a report names.
const MAX_NAMED: usize = 32;
