//! Keys in the form that protecting and opening use many times: prepared once, checked once.

use std::sync::Arc;

use chancery_cms::{
    DecryptionKey, ReceiptRequest, Recipient, SecurityLabel, SignOptions, SignerKey,
};
use chancery_crypto::PrivateKey;
use chancery_pki::Certificate;

use crate::{
    capability::{ContentAlgorithm, KeyTransport},
    choice::{Reading, RecipientChoice, Statement},
    error::{Error, Result},
};

/// Our organisation's signing key, ready for use.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The key whose certificate stands for the signer.
    key: SignerKey,
    /// All keys: that one, and those that sign beside it.
    keys: Vec<SignerKey>,
    chain: Vec<Vec<u8>>,
    fingerprint: String,
    is_domain: bool,
    wishes: Wishes,
    /// The certificate that answers shall be encrypted to, if readers have to be told.
    encryption: Option<Vec<u8>>,
}

/// One recipient's encryption certificate, ready for use.
#[derive(Clone, Debug)]
pub struct RecipientKey {
    recipient: Recipient,
    choice: Arc<RecipientChoice>,
}

/// One of our keys that opens messages.
#[derive(Clone, Debug)]
pub struct OpeningKey {
    key: DecryptionKey,
    fingerprint: String,
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
            keys: vec![key.clone()],
            key,
            chain: chain.to_vec(),
            fingerprint,
            is_domain: true,
            wishes: Wishes::default(),
            encryption: None,
        })
    }

    /// Returns the certificate (DER).
    pub fn certificate(&self) -> &[u8] {
        self.key.certificate()
    }

    /// Returns the SHA-256 of the certificate in hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Signs with another key beside the first, so that readers who know one kind of signature only find theirs; each
    /// signature is judged for itself (RFC 9882 section 4 for ML-DSA beside an older kind).
    pub fn beside(mut self, key: PrivateKey, certificate: &[u8]) -> Result<Self> {
        let key = SignerKey::new(key, certificate)
            .map_err(|error| Error::OwnKey { why: error.to_string() })?;
        self.keys.push(key);
        Ok(self)
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

    /// Makes its signatures tell which certificate (DER) to encrypt to, and bring it along (RFC 8551 section 2.5.3), so
    /// that partners who have an older one take the new one.
    #[must_use]
    pub fn announcing(mut self, encryption: &[u8]) -> Self {
        self.chain.push(encryption.to_vec());
        self.encryption = Some(encryption.to_vec());
        self
    }

    /// Takes [`Signer::announcing`] back, for what is no mail.
    pub(crate) fn silent(&self) -> Self {
        let mut silent = self.clone();
        if let Some(encryption) = silent.encryption.take() {
            silent.chain.retain(|certificate| *certificate != encryption);
        }
        silent
    }

    /// Returns true if its signatures are an organisation's.
    pub fn is_domain(&self) -> bool {
        self.is_domain
    }

    /// Returns what goes into a signature at this time (Unix seconds).
    pub fn options(&self, signing_time: i64) -> SignOptions {
        SignOptions {
            domain_signature: self.is_domain,
            encryption_certificate: self.encryption.clone(),
            signing_time: Some(signing_time),
            label: self.wishes.label.clone(),
            receipt_request: self.wishes.receipt_request.clone(),
            ..SignOptions::default()
        }
    }

    /// Returns the key, and the certificates that go along, for a bare CMS structure.
    pub fn for_cms(&self) -> (&[SignerKey], &[Vec<u8>]) {
        (&self.keys, &self.chain)
    }
}

impl RecipientKey {
    /// Prepares a recipient's certificate (DER); fails if its key cannot encrypt.
    ///
    /// `known` is what is known of the recipient's software; what the certificate itself says of it (RFC 4262) is added.
    /// Whether the certificate is the recipient's, and may be used, is for the caller to check before.
    pub fn new(certificate: &[u8], known: &[Statement]) -> Result<Self> {
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
        let mut known = known.to_vec();
        known.extend(Statement::of_certificate(&parsed));
        let reading = Reading::of(&known);
        let way = reading.key_transport(kind);
        let recipient = Recipient::from_certificate(certificate, way.padding())
            .map_err(|error| unusable(&fingerprint, error.to_string()))?;
        let recipient = match way.agreement_digest() {
            Some(digest) => recipient.deriving_with(digest),
            None => recipient,
        };
        let choice = Arc::new(RecipientChoice::new(fingerprint, reading, way));
        Ok(Self { recipient, choice })
    }

    /// Returns true if the recipient is known to read this cipher.
    pub fn reads(&self, cipher: ContentAlgorithm) -> bool {
        self.choice.reads.contains(&cipher)
    }

    /// Returns how the content key will be carried.
    pub fn key_transport(&self) -> KeyTransport {
        self.choice.key_management
    }

    /// Returns what was believed of the recipient, and why.
    pub fn choice(&self) -> &RecipientChoice {
        &self.choice
    }

    /// Returns the SHA-256 of the certificate in hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.choice.fingerprint
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

    /// Prepares a password that both sides know (RFC 5652 section 6.2.4).
    pub fn password(password: &[u8]) -> Self {
        Self { key: DecryptionKey::password(password), fingerprint: "password".to_owned() }
    }

    /// Prepares a key that both sides have, with the name they gave it (RFC 5652 section 6.2.3).
    pub fn shared(identifier: &[u8], key: &[u8]) -> Self {
        let key = DecryptionKey::shared_key(identifier, key);
        Self { key, fingerprint: "shared key".to_owned() }
    }

    /// Returns the SHA-256 of the certificate in hexadecimal, or what it is if it has none.
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
