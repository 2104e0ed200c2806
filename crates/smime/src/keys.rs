//! Keys in the form that protecting and opening use many times: prepared once, checked once.

use chancery_cms::{
    DecryptionKey, ReceiptRequest, Recipient, RsaPadding, SecurityLabel, SignOptions, SignerKey,
};
use chancery_crypto::PrivateKey;
use chancery_pki::Certificate;

use crate::error::{Error, Result};

/// What a recipient's software reads, from its card or its certificate.
///
/// The default is what every S/MIME 3.1 and later program reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Content ciphers, in the recipient's order of liking.
    pub content: Vec<ContentAlgorithm>,
    /// Ways of RSA key transport; certificates with elliptic keys use ECDH whatever is said here.
    pub key_transport: Vec<KeyTransport>,
}

/// A content cipher that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentAlgorithm {
    /// AES-256-CBC in enveloped-data (RFC 8551 section 2.7).
    Aes256Cbc,
    /// AES-256-GCM in authEnveloped-data (RFC 5083, RFC 5084).
    Aes256Gcm,
}

/// A way to carry the content key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTransport {
    /// Ephemeral-static ECDH (RFC 5753).
    Ecdh,
    /// RSAES-OAEP with SHA-256 (RFC 3560).
    RsaOaepSha256,
    /// RSAES-PKCS1-v1_5, which everything reads.
    RsaPkcs1v15,
}

/// Our organisation's signing key, ready for use.
#[derive(Clone, Debug)]
pub struct Signer {
    key: [SignerKey; 1],
    chain: Vec<Vec<u8>>,
    fingerprint: String,
    is_domain: bool,
    wishes: Wishes,
}

/// One recipient's encryption certificate, ready for use.
#[derive(Clone, Debug)]
pub struct RecipientKey {
    recipient: Recipient,
    capabilities: Capabilities,
    key_transport: KeyTransport,
    fingerprint: String,
}

/// One of our keys that opens messages.
#[derive(Clone, Debug)]
pub struct OpeningKey {
    key: DecryptionKey,
    fingerprint: String,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            content: vec![ContentAlgorithm::Aes256Cbc],
            key_transport: vec![KeyTransport::RsaPkcs1v15],
        }
    }
}

impl Capabilities {
    /// Reads the words of a partner card; unknown words are ignored, because newer peers may say more.
    pub fn parse<'a>(
        content: impl IntoIterator<Item = &'a str>,
        key_transport: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            content: content.into_iter().filter_map(ContentAlgorithm::from_word).collect(),
            key_transport: key_transport.into_iter().filter_map(KeyTransport::from_word).collect(),
        }
    }

    /// Returns what this software reads.
    pub fn ours() -> Self {
        Self {
            content: vec![ContentAlgorithm::Aes256Gcm, ContentAlgorithm::Aes256Cbc],
            key_transport: vec![
                KeyTransport::RsaOaepSha256,
                KeyTransport::Ecdh,
                KeyTransport::RsaPkcs1v15,
            ],
        }
    }
}

impl ContentAlgorithm {
    /// Returns the word used in cards, records and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes256Cbc => "aes256-cbc",
            Self::Aes256Gcm => "aes256-gcm",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Aes256Cbc, Self::Aes256Gcm].into_iter().find(|it| it.as_str() == word)
    }
}

impl KeyTransport {
    /// Returns the word used in cards, records and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ecdh => "ecdh",
            Self::RsaOaepSha256 => "rsa-oaep-sha256",
            Self::RsaPkcs1v15 => "rsa-pkcs1v15",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Ecdh, Self::RsaOaepSha256, Self::RsaPkcs1v15]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}

/// What a signer marks a message with, and asks for (RFC 2634).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// How sensitive it is; readers that know the label's policy obey it.
    pub label: Option<SecurityLabel>,
    /// Asks those who get it for a signed receipt. Its identifier names one message, so such a signer signs one.
    pub receipt_request: Option<ReceiptRequest>,
}

impl Signer {
    /// Prepares a signer; `chain` holds the certificates above it (DER) that receivers may lack.
    pub fn new(key: PrivateKey, certificate: &[u8], chain: &[Vec<u8>]) -> Result<Self> {
        let fingerprint = own_fingerprint(certificate)?;
        let key = SignerKey::new(key, certificate)
            .map_err(|error| Error::OwnKey { why: error.to_string() })?;
        Ok(Self {
            key: [key],
            chain: chain.to_vec(),
            fingerprint,
            is_domain: true,
            wishes: Wishes::default(),
        })
    }

    /// Returns the certificate (DER).
    pub fn certificate(&self) -> &[u8] {
        let [key] = &self.key;
        key.certificate()
    }

    /// Returns the SHA-256 of the certificate in hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Makes it a person's: its signatures do not say that they are an organisation's (RFC 3183 section 3.1).
    #[must_use]
    pub fn of_person(self) -> Self {
        Self { is_domain: false, ..self }
    }

    /// Marks what is signed from now on with a label, and asks for receipts (RFC 2634).
    #[must_use]
    pub fn wishing(self, wishes: Wishes) -> Self {
        Self { wishes, ..self }
    }

    /// Returns how it signs at this time, in Unix seconds, for a bare CMS structure.
    pub fn options(&self, signing_time: i64) -> SignOptions {
        SignOptions {
            domain_signature: self.is_domain,
            signing_time: Some(signing_time),
            label: self.wishes.label.clone(),
            receipt_request: self.wishes.receipt_request.clone(),
            ..SignOptions::default()
        }
    }

    /// Returns true if its signatures are an organisation's.
    pub fn is_domain(&self) -> bool {
        self.is_domain
    }

    /// Returns the key, and the certificates above it, for a bare CMS structure.
    pub fn for_cms(&self) -> (&[SignerKey], &[Vec<u8>]) {
        (&self.key, &self.chain)
    }
}

impl RecipientKey {
    /// Prepares a recipient's certificate (DER); fails if its key cannot encrypt.
    ///
    /// Whether the certificate is the recipient's, and may be used, is for the caller to check before.
    pub fn new(certificate: &[u8], capabilities: Capabilities) -> Result<Self> {
        let unusable = |fingerprint: &str, why: String| Error::RecipientCertificate {
            fingerprint: fingerprint.to_owned(),
            why,
        };
        let parsed = Certificate::from_der(certificate)
            .map_err(|error| unusable("unknown", error.to_string()))?;
        let fingerprint = parsed.fingerprint_sha256();
        let Some(kind) = parsed.public_key().map(chancery_crypto::PublicKey::kind) else {
            return Err(unusable(&fingerprint, "its kind of key is not known".to_owned()));
        };
        let is_oaep = capabilities.key_transport.contains(&KeyTransport::RsaOaepSha256);
        let (key_transport, padding) = match (kind.is_rsa(), is_oaep) {
            (true, true) => (KeyTransport::RsaOaepSha256, RsaPadding::Oaep256),
            (true, false) => (KeyTransport::RsaPkcs1v15, RsaPadding::Pkcs1v15),
            (false, _) => (KeyTransport::Ecdh, RsaPadding::default()),
        };
        let recipient = Recipient::from_certificate(certificate, padding)
            .map_err(|error| unusable(&fingerprint, error.to_string()))?;
        Ok(Self { recipient, capabilities, key_transport, fingerprint })
    }

    /// Returns what the recipient's software reads.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Returns how the content key will be carried.
    pub fn key_transport(&self) -> KeyTransport {
        self.key_transport
    }

    /// Returns the SHA-256 of the certificate in hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the recipient for a bare CMS structure.
    pub fn for_cms(&self) -> Recipient {
        self.recipient.clone()
    }
}

impl OpeningKey {
    /// Prepares a key that opens; the certificate (DER) tells which messages are for it.
    pub fn new(key: PrivateKey, certificate: &[u8]) -> Result<Self> {
        let fingerprint = own_fingerprint(certificate)?;
        let key = DecryptionKey::new(key, certificate)
            .map_err(|error| Error::OwnKey { why: error.to_string() })?;
        Ok(Self { key, fingerprint })
    }

    /// Returns the SHA-256 of the certificate in hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the key for a bare CMS structure.
    pub fn for_cms(&self) -> DecryptionKey {
        self.key.clone()
    }
}

fn own_fingerprint(certificate: &[u8]) -> Result<String> {
    Certificate::from_der(certificate)
        .map(|certificate| certificate.fingerprint_sha256())
        .map_err(|error| Error::OwnKey { why: error.to_string() })
}
