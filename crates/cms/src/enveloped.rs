//! EnvelopedData and AuthEnvelopedData.
use std::io::{Read, Write};
use std::sync::Arc;

use chancery_crypto::PrivateKey;

use crate::error::Error;
use crate::identity::Identifier;

pub use chancery_crypto::ContentCipher;

/// How an RSA recipient gets the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RsaPadding {
    /// OAEP with SHA-256 (RFC 8017 section 7.1).
    #[default]
    Oaep256,
    /// PKCS#1 v1.5 (RFC 8017 section 7.2), for partners that read nothing else.
    Pkcs1v15,
}

/// A recipient, prepared once from a certificate and used for many messages.
#[derive(Clone, Debug)]
pub struct Recipient {
    inner: Arc<()>,
}

impl Recipient {
    /// Prepares a recipient from its certificate (DER); the padding matters for RSA keys only.
    pub fn from_certificate(certificate: &[u8], padding: RsaPadding) -> Result<Self, Error> {
        todo!("{certificate:?} {padding:?}")
    }
    /// Returns the identifier that the message will carry.
    pub fn identifier(&self) -> &Identifier {
        todo!("{:?}", self.inner)
    }
}

/// A private key with its certificate, prepared once and used for many messages.
#[derive(Clone, Debug)]
pub struct DecryptionKey {
    inner: Arc<()>,
}

impl DecryptionKey {
    /// Prepares a key and its certificate (DER); fails if they do not belong together.
    pub fn new(key: PrivateKey, certificate: &[u8]) -> Result<Self, Error> {
        todo!("{key:?} {certificate:?}")
    }
    /// Returns the certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        todo!("{:?}", self.inner)
    }
}

/// Encrypts what is written to it and writes the message to the sink.
#[derive(Debug)]
pub struct EnvelopedWriter<W: Write> {
    sink: W,
}

impl<W: Write> EnvelopedWriter<W> {
    /// Starts a message of unknown length (BER, indefinite).
    pub fn new(sink: W, cipher: ContentCipher, recipients: &[Recipient]) -> Result<Self, Error> {
        let _ = sink;
        todo!("{cipher:?} {recipients:?}")
    }
    /// Starts a message of known length (DER).
    pub fn with_length(
        sink: W,
        cipher: ContentCipher,
        recipients: &[Recipient],
        length: u64,
    ) -> Result<Self, Error> {
        let _ = sink;
        todo!("{cipher:?} {recipients:?} {length}")
    }
    /// Ends the message and returns the sink.
    pub fn finish(self) -> Result<W, Error> {
        Ok(self.sink)
    }
}

impl<W: Write> Write for EnvelopedWriter<W> {
    fn write(&mut self, content: &[u8]) -> std::io::Result<usize> {
        todo!("{content:?}")
    }
    fn flush(&mut self) -> std::io::Result<()> {
        todo!()
    }
}

/// Decrypts a message with whichever of the keys it is for.
///
/// The sink receives plaintext that is **not verified**: keep it apart and release it only if the result is `Ok`.
pub fn open_enveloped<R: Read, W: Write>(
    source: R,
    keys: &[DecryptionKey],
    sink: W,
) -> Result<EnvelopeReport, Error> {
    let (_, _) = (source, sink);
    todo!("{keys:?}")
}

/// What an encrypted message was like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeReport {
    /// How the content was encrypted.
    pub content_cipher: ContentCipher,
    /// How the key reached us, such as `rsa-oaep sha-256` or `ecdh aes256-wrap`.
    pub key_management: String,
    /// The recipients' identifiers as text, the first ones.
    pub recipients: Vec<String>,
    /// How many recipients there are.
    pub recipient_count: usize,
    /// Which of the keys given opened it.
    pub used: usize,
    /// True if a tag proves that nobody changed the content.
    pub authenticated: bool,
    /// Length of the content in bytes.
    pub content_length: u64,
}

/// What can be told about a message without keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The content type: `enveloped-data`, `auth-enveloped-data`, `signed-data`, or an object identifier.
    pub content_type: String,
    /// The recipients' identifiers as text, the first ones.
    pub recipients: Vec<String>,
    /// How many recipients there are.
    pub recipient_count: usize,
}

/// Reads the beginning of a message: what it is and for whom.
pub fn inspect<R: Read>(source: R) -> Result<Inspection, Error> {
    let _ = source;
    todo!()
}
