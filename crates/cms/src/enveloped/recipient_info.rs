//! Those who can read a message: `RecipientInfo`, the reading side (RFC 5652 section 6.2).

mod other;

use std::fmt;
use std::rc::Rc;

use chancery_crypto::{ContentKey, KeyTransport, KeyWrap, PasswordWrap};

use crate::algorithms::AlgorithmIdentifier;
use crate::algorithms::keys::{self, Agreement, PasswordDerivation};
use crate::enveloped::key::Secret;
use crate::error::Error;
use crate::identity::Identifier;
use crate::tlv::{Slice, Tlv, tag};

pub(super) use other::Encapsulation;

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
    /// Kinds that we do not know.
    Other,
    Password,
    SharedKey(Vec<u8>),
}

impl fmt::Display for RecipientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(identifier) => identifier.fmt(f),
            Self::Other => f.write_str("other kind of recipient"),
            Self::Password => f.write_str("password"),
            Self::SharedKey(_) => f.write_str("shared key"),
        }
    }
}

/// How a recipient gets the content key.
#[derive(Debug)]
pub(super) enum Method {
    Agreement {
        /// Shared by all recipients of one `RecipientInfo`: thousands of copies would exhaust memory.
        sender: Rc<Sender>,
        wrapped: Vec<u8>,
    },
    Encapsulation(Encapsulation),
    Password {
        derivation: PasswordDerivation,
        wrap: PasswordWrap,
        wrapped: Vec<u8>,
    },
    SharedKey {
        wrap: KeyWrap,
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
    /// User keying material, the salt of HKDF (RFC 8418 section 2.2).
    salt: Vec<u8>,
    /// The ephemeral public key.
    point: Vec<u8>,
}

/// Reads one `RecipientInfo` in definite form; key agreement may name several recipients.
pub(super) fn entries(bytes: &[u8], offset: u64) -> Result<Vec<Entry>, Error> {
    let info = Slice::new(bytes, offset).any()?;
    match info.tag {
        tag::SEQUENCE => Ok(vec![transport(info)?]),
        KEY_AGREEMENT => agreement(info),
        KEY_ENCRYPTION_KEY => Ok(vec![other::shared_key(info)?]),
        PASSWORD => Ok(vec![other::password(info)?]),
        OTHER => Ok(vec![other::encapsulation(info)?]),
        _ => Ok(vec![other::unknown()]),
    }
}

impl Method {
    /// Decrypts the content key, as long as the substitute. With RSA v1.5 the substitute takes the place of a failure.
    pub(super) fn content_key(
        &self,
        secret: &Secret,
        substitute: &ContentKey,
    ) -> Result<ContentKey, Error> {
        let key = match (self, secret) {
            (Self::Transport { transport, encrypted }, Secret::Private { key, .. }) => {
                key.decrypt_key(transport, encrypted, substitute)?
            }
            (Self::Agreement { sender, wrapped }, Secret::Private { key, .. }) => {
                let Sender { agreement, shared_info, salt, point } = &**sender;
                let secret = key.agree(point)?;
                let Agreement { derivation, wrap } = *agreement;
                wrap.unwrap(&derivation.derive(wrap, &secret, salt, shared_info)?, wrapped)?
            }
            (Self::Encapsulation(found), Secret::Private { key, .. }) => found.content_key(key)?,
            (Self::SharedKey { wrap, wrapped }, Secret::Shared { key, .. }) => {
                wrap.unwrap(key, wrapped)?
            }
            (Self::Password { derivation, wrap, wrapped }, Secret::Password(password)) => {
                wrap.unwrap(&derivation.derive(wrap.cipher, password)?, wrapped)?
            }
            _ => return Err(Error::Decrypt),
        };
        if key.as_bytes().len() == substitute.as_bytes().len() {
            Ok(key)
        } else {
            Err(Error::Decrypt)
        }
    }

    /// Returns true if it does not notice a wrong key.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::Transport { transport: KeyTransport::Pkcs1v15, .. })
    }

    /// Returns the key wrap if it can be broken.
    pub(super) fn weak_wrap(&self) -> Option<KeyWrap> {
        let wrap = match self {
            Self::Agreement { sender, .. } => sender.agreement.wrap,
            Self::Encapsulation(found) => found.wrap,
            Self::SharedKey { wrap, .. } => *wrap,
            Self::Password { .. } | Self::Transport { .. } => return None,
        };
        (wrap == KeyWrap::TripleDes).then_some(wrap)
    }

    /// Returns a name for reports.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Transport { transport: KeyTransport::Pkcs1v15, .. } => "rsa-pkcs1".to_owned(),
            Self::Transport { transport: KeyTransport::Oaep(oaep), .. } => {
                let mut name = format!("rsa-oaep {}", oaep.digest);
                if oaep.mask_digest != oaep.digest {
                    name.push_str(&format!(" mgf1 {}", oaep.mask_digest));
                }
                name
            }
            Self::Agreement { sender, .. } => {
                let Agreement { derivation, wrap } = sender.agreement;
                format!("ecdh {} {}", derivation.name(), wrap.name())
            }
            Self::Encapsulation(found) => found.name(),
            Self::Password { wrap, .. } => format!("password {}", wrap.cipher),
            Self::SharedKey { wrap, .. } => format!("shared key {}", wrap.name()),
        }
    }
}

/// Reads `KeyTransRecipientInfo` (RFC 5652 section 6.2.1).
fn transport(info: Tlv<'_>) -> Result<Entry, Error> {
    let mut fields = info.children();
    fields.expect(tag::INTEGER, "expected a version")?;
    let identifier = Identifier::from_tlv(fields.any()?)?;
    let algorithm = algorithm(&mut fields)?;
    let encrypted = fields.expect(tag::OCTET_STRING, "expected an encrypted key")?.content.to_vec();
    fields.finish()?;
    let method =
        keys::key_transport(&algorithm).map(|transport| Method::Transport { transport, encrypted });
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
    let algorithm = algorithm(&mut fields)?;
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
    let (agreement, wrap_identifier) = keys::key_agreement(algorithm)?;
    Ok(Sender {
        agreement,
        shared_info: keys::shared_info(agreement.wrap, wrap_identifier, material),
        salt: material.unwrap_or_default().to_vec(),
        point: originator_point(originator)?.to_vec(),
    })
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

/// Reads the next field as an algorithm.
fn algorithm<'a>(fields: &mut Slice<'a>) -> Result<AlgorithmIdentifier<'a>, Error> {
    AlgorithmIdentifier::from_tlv(fields.expect(tag::SEQUENCE, "expected an algorithm")?)
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported { what: what.to_owned() }
}

const KEY_AGREEMENT: u8 = tag::context(1);
const KEY_ENCRYPTION_KEY: u8 = tag::context(2);
const PASSWORD: u8 = tag::context(3);
const OTHER: u8 = tag::context(4);
