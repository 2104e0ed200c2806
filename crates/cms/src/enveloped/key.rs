//! What opens an envelope: a private key with its certificate, a password, or a key that both sides have.

use std::fmt;
use std::sync::Arc;

use chancery_crypto::{KeyKind, PrivateKey, Zeroizing};

use crate::certificate::Certificate;
use crate::enveloped::recipient_info::{Method, RecipientName};
use crate::error::Error;

/// Something that decrypts, prepared once and used for many messages. Cheap to clone.
#[derive(Clone)]
pub struct DecryptionKey {
    inner: Arc<Secret>,
}

/// The three kinds of secrets.
pub(super) enum Secret {
    Password(Zeroizing<Vec<u8>>),
    Private { key: PrivateKey, certificate: Certificate },
    Shared { identifier: Vec<u8>, key: Zeroizing<Vec<u8>> },
}

impl DecryptionKey {
    /// Prepares a key and its certificate (DER); fails if they do not belong together.
    pub fn new(key: PrivateKey, certificate: &[u8]) -> Result<Self, Error> {
        let certificate = Certificate::with_key(certificate, &key)?;
        Ok(Self::from_secret(Secret::Private { key, certificate }))
    }

    /// Prepares a password, for messages to `PasswordRecipientInfo` (RFC 5652 section 6.2.4).
    pub fn password(password: &[u8]) -> Self {
        Self::from_secret(Secret::Password(Zeroizing::new(password.to_vec())))
    }

    /// Prepares a key that both sides have, with the name they gave it (RFC 5652 section 6.2.3).
    pub fn shared_key(identifier: &[u8], key: &[u8]) -> Self {
        let (identifier, key) = (identifier.to_vec(), Zeroizing::new(key.to_vec()));
        Self::from_secret(Secret::Shared { identifier, key })
    }

    /// Returns the certificate in DER, if there is one.
    pub fn certificate(&self) -> Option<&[u8]> {
        match &*self.inner {
            Secret::Private { certificate, .. } => Some(certificate.der()),
            Secret::Password(_) | Secret::Shared { .. } => None,
        }
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.inner
    }

    /// Returns the kind of the private key.
    pub(super) fn kind(&self) -> Option<KeyKind> {
        match &*self.inner {
            Secret::Private { key, .. } => Some(key.kind()),
            Secret::Password(_) | Secret::Shared { .. } => None,
        }
    }

    /// Returns true if a recipient's name may be ours.
    pub(super) fn is_named(&self, name: &RecipientName) -> bool {
        match (&*self.inner, name) {
            (Secret::Private { certificate, .. }, RecipientName::Certificate(identifier)) => {
                certificate.is_named_by(identifier)
            }
            (Secret::Password(_), RecipientName::Password) => true,
            (Secret::Shared { identifier, .. }, RecipientName::SharedKey(named)) => {
                identifier == named
            }
            _ => false,
        }
    }

    /// Returns true if the key's kind fits the method.
    pub(super) fn fits(&self, method: &Method) -> bool {
        match method {
            Method::Agreement { .. } => self.kind().is_some_and(KeyKind::can_agree),
            Method::Encapsulation(found) => self.kind() == Some(found.kind),
            Method::Transport { .. } => self.kind().is_some_and(KeyKind::is_rsa),
            Method::Password { .. } | Method::SharedKey { .. } => self.kind().is_none(),
        }
    }

    fn from_secret(secret: Secret) -> Self {
        Self { inner: Arc::new(secret) }
    }
}

/// Shows names and kinds: no password or key byte reaches a log.
impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.inner {
            Secret::Password(_) => f.write_str("DecryptionKey(password)"),
            Secret::Private { key, certificate } => {
                write!(f, "DecryptionKey({}, {key:?})", certificate.identifier())
            }
            Secret::Shared { .. } => f.write_str("DecryptionKey(shared key)"),
        }
    }
}
