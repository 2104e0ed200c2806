//! Those who can read a message: `RecipientInfo`, the reading side (RFC 5652 section 6.2).

use std::rc::Rc;

use chancery_crypto::transport::x963_kdf;
use chancery_crypto::{ContentKey, KeyTransport, PrivateKey, Zeroizing};

use crate::algorithms::{self, Agreement, AlgorithmIdentifier};
use crate::error::Error;
use crate::identity::Identifier;
use crate::tlv::{Slice, Tlv, tag};

/// One recipient of a message.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) recipient: RecipientName,
    /// How the key can be had; an error if we cannot.
    pub(super) method: Result<Method, Error>,
}

/// How the message names a recipient.
#[derive(Debug)]
pub(super) enum RecipientName {
    Certificate(Identifier),
    /// Passwords, shared keys and kinds invented later.
    Other(&'static str),
}

/// How a recipient gets the content key.
#[derive(Debug)]
pub(super) enum Method {
    Agreement {
        /// Shared by all recipients of one `RecipientInfo`: thousands of copies would exhaust memory.
        sender: Rc<Sender>,
        wrapped: Vec<u8>,
    },
    Transport {
        transport: KeyTransport,
        encrypted: Vec<u8>,
    },
}

/// The sender's side of a key agreement.
#[derive(Debug)]
pub(super) struct Sender {
    agreement: Agreement,
    /// Input of the key derivation beside the secret.
    shared_info: Vec<u8>,
    /// The ephemeral public key.
    point: Vec<u8>,
}

/// Reads one `RecipientInfo` in definite form; key agreement may name several recipients.
pub(super) fn entries(bytes: &[u8], offset: u64) -> Result<Vec<Entry>, Error> {
    let info = Slice::new(bytes, offset).any()?;
    let other = |name| {
        Ok(vec![Entry { recipient: RecipientName::Other(name), method: Err(unsupported(name)) }])
    };
    match info.tag {
        tag::SEQUENCE => Ok(vec![transport(info)?]),
        KEY_AGREEMENT => agreement(info),
        KEY_ENCRYPTION_KEY => other("shared key"),
        PASSWORD => other("password"),
        _ => other("other kind of recipient"),
    }
}

impl Method {
    /// Decrypts the content key. With RSA v1.5 a random key takes the place of a failure (RFC 3218).
    pub(super) fn content_key(&self, key: &PrivateKey, length: usize) -> Result<ContentKey, Error> {
        match self {
            Self::Transport { transport, encrypted } => {
                Ok(key.decrypt_key(*transport, encrypted, length)?)
            }
            Self::Agreement { sender, wrapped } => {
                let Sender { agreement, shared_info, point } = &**sender;
                let secret = key.agree(point)?;
                let mut wrapping_key = Zeroizing::new(vec![0; agreement.wrap.key_len()]);
                x963_kdf(agreement.digest, &secret, shared_info, &mut wrapping_key);
                let content_key = agreement.wrap.unwrap(&wrapping_key, wrapped)?;
                if content_key.as_bytes().len() == length {
                    Ok(content_key)
                } else {
                    Err(Error::Decrypt)
                }
            }
        }
    }

    /// Returns the order in which methods are tried: those that notice a wrong key come first.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Agreement { .. } => 0,
            Self::Transport { transport: KeyTransport::Oaep(_), .. } => 1,
            Self::Transport { transport: KeyTransport::Pkcs1v15, .. } => 2,
        }
    }

    /// Returns a name for reports.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Transport { transport: KeyTransport::Pkcs1v15, .. } => "rsa-pkcs1".to_owned(),
            Self::Transport { transport: KeyTransport::Oaep(digest), .. } => {
                format!("rsa-oaep {digest}")
            }
            Self::Agreement { sender, .. } => {
                format!(
                    "ecdh {} aes{}-wrap",
                    sender.agreement.digest,
                    sender.agreement.wrap.key_len() * 8
                )
            }
        }
    }
}

/// Reads `KeyTransRecipientInfo` (RFC 5652 section 6.2.1).
fn transport(info: Tlv<'_>) -> Result<Entry, Error> {
    let mut fields = info.children();
    fields.expect(tag::INTEGER, "expected a version")?;
    let identifier = Identifier::from_tlv(fields.any()?)?;
    let algorithm = fields.expect(tag::SEQUENCE, "expected a key encryption algorithm")?;
    let algorithm = AlgorithmIdentifier::from_tlv(algorithm)?;
    let encrypted = fields.expect(tag::OCTET_STRING, "expected an encrypted key")?.content.to_vec();
    fields.finish()?;
    let method = algorithms::key_transport(&algorithm)
        .map(|transport| Method::Transport { transport, encrypted });
    Ok(Entry { recipient: RecipientName::Certificate(identifier), method })
}

/// Reads `KeyAgreeRecipientInfo` (RFC 5652 section 6.2.2).
fn agreement(info: Tlv<'_>) -> Result<Vec<Entry>, Error> {
    let mut fields = info.children();
    fields.expect(tag::INTEGER, "expected a version")?;
    let originator = fields.expect(tag::context(0), "expected an originator")?;
    let material = fields.optional(tag::context(1))?;
    let material = material
        .map(|field| field.children().expect(tag::OCTET_STRING, "expected user keying material"))
        .transpose()?;
    let algorithm = fields.expect(tag::SEQUENCE, "expected a key encryption algorithm")?;
    let algorithm = AlgorithmIdentifier::from_tlv(algorithm)?;
    let mut keys = fields.expect(tag::SEQUENCE, "expected encrypted keys")?.children();
    fields.finish()?;
    let material = material.map(|material| material.content);
    let sender = match sender(&algorithm, originator, material) {
        Ok(sender) => Ok(Rc::new(sender)),
        Err(Error::Unsupported { what }) => Err(what),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    while !keys.is_empty() {
        let mut fields = keys.expect(tag::SEQUENCE, "expected an encrypted key")?.children();
        let identifier = agreement_recipient(fields.any()?)?;
        let wrapped = fields.expect(tag::OCTET_STRING, "expected an encrypted key")?.content;
        fields.finish()?;
        let method = match &sender {
            Ok(sender) => {
                Ok(Method::Agreement { sender: Rc::clone(sender), wrapped: wrapped.to_vec() })
            }
            Err(what) => Err(unsupported(what)),
        };
        found.push(Entry { recipient: RecipientName::Certificate(identifier), method });
    }
    Ok(found)
}

fn sender(
    algorithm: &AlgorithmIdentifier<'_>,
    originator: Tlv<'_>,
    material: Option<&[u8]>,
) -> Result<Sender, Error> {
    let (agreement, wrap_identifier) = algorithms::key_agreement(algorithm)?;
    let shared_info = algorithms::shared_info(agreement.wrap, wrap_identifier, material);
    Ok(Sender { agreement, shared_info, point: originator_point(originator)?.to_vec() })
}

/// Reads `KeyAgreeRecipientIdentifier`: issuer and serial number, or `[0]` with a key identifier.
fn agreement_recipient(identifier: Tlv<'_>) -> Result<Identifier, Error> {
    if identifier.tag != tag::context(0) {
        return Identifier::from_tlv(identifier);
    }
    let key_identifier =
        identifier.children().expect(tag::OCTET_STRING, "expected a key identifier")?;
    Ok(Identifier::SubjectKeyIdentifier(key_identifier.content.to_vec()))
}

/// Returns the point of an `OriginatorPublicKey`; senders with certified keys of their own do not occur with ECDH in
/// S/MIME (RFC 5753 section 3.1.1 asks for ephemeral keys).
fn originator_point(originator: Tlv<'_>) -> Result<&[u8], Error> {
    let choice = originator.children().any()?;
    if choice.tag != tag::context(1) {
        return Err(unsupported("static key agreement"));
    }
    let mut fields = choice.children();
    fields.expect(tag::SEQUENCE, "expected the originator's algorithm")?;
    let bits = fields.expect(tag::BIT_STRING, "expected the originator's key")?;
    match bits.content {
        [0, point @ ..] => Ok(point),
        _ => Err(Error::Malformed { offset: bits.offset, what: "expected whole bytes of a key" }),
    }
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported { what: what.to_owned() }
}

const KEY_AGREEMENT: u8 = tag::context(1);
const KEY_ENCRYPTION_KEY: u8 = tag::context(2);
const PASSWORD: u8 = tag::context(3);
