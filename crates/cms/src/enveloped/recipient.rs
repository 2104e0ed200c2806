//! Those who shall be able to read a message: `RecipientInfo`, the writing side (RFC 5652 section 6.2).

use std::fmt;
use std::sync::Arc;

use chancery_crypto::transport::x963_kdf;
use chancery_crypto::{ContentKey, DigestAlgorithm, KeyTransport, PublicKey, Zeroizing};

use crate::algorithms::{self, Agreement};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::identity::Identifier;
use crate::oid;
use crate::tlv::{element, sequence, small_integer, tag};

/// How an RSA recipient gets the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RsaPadding {
    /// OAEP with SHA-256 (RFC 8017 section 7.1).
    #[default]
    Oaep256,
    /// PKCS#1 v1.5 (RFC 8017 section 7.2), for partners that read nothing else.
    Pkcs1v15,
}

/// A recipient, prepared once from a certificate and used for many messages. Cheap to clone.
#[derive(Clone)]
pub struct Recipient {
    inner: Arc<Inner>,
}

struct Inner {
    key: PublicKey,
    identifier: Identifier,
    identifier_der: Vec<u8>,
    method: Method,
}

/// How the recipient gets the key, with what is the same in every message.
enum Method {
    Agreement { agreement: Agreement, algorithm: Vec<u8>, wrap_identifier: Vec<u8> },
    Transport { transport: KeyTransport, algorithm: Vec<u8> },
}

impl Recipient {
    /// Prepares a recipient from its certificate (DER); the padding matters for RSA keys only.
    ///
    /// The certificate is not validated, neither its use nor its dates.
    pub fn from_certificate(certificate: &[u8], padding: RsaPadding) -> Result<Self, Error> {
        let (certificate, key) = Certificate::for_use(certificate)?;
        let kind = key.kind();
        if kind.is_weak() {
            return Err(Error::Certificate { reason: format!("its key ({kind}) is too small") });
        }
        let method = if kind.is_rsa() {
            let transport = match padding {
                RsaPadding::Oaep256 => KeyTransport::Oaep(DigestAlgorithm::Sha256),
                RsaPadding::Pkcs1v15 => KeyTransport::Pkcs1v15,
            };
            Method::Transport { transport, algorithm: algorithms::key_transport_der(transport) }
        } else if kind.is_ec() {
            let agreement = algorithms::agreement_for(kind);
            let (algorithm, wrap_identifier) = algorithms::key_agreement_der(agreement);
            Method::Agreement { agreement, algorithm, wrap_identifier }
        } else {
            return Err(Error::Certificate { reason: format!("its key ({kind}) cannot encrypt") });
        };
        let identifier = certificate.identifier();
        let identifier_der = identifier.to_der();
        Ok(Self { inner: Arc::new(Inner { key, identifier, identifier_der, method }) })
    }

    /// Returns the identifier that the message will carry.
    pub fn identifier(&self) -> &Identifier {
        &self.inner.identifier
    }

    /// Returns true if its `RecipientInfo` needs `EnvelopedData` of version 2 (RFC 5652 section 6.1).
    pub(super) fn needs_version_2(&self) -> bool {
        matches!(self.inner.method, Method::Agreement { .. })
    }

    /// Returns the `RecipientInfo` that carries the key.
    pub(super) fn info(&self, key: &ContentKey) -> Result<Vec<u8>, Error> {
        let Inner { key: public, identifier_der, method, .. } = &*self.inner;
        match method {
            Method::Transport { transport, algorithm } => {
                let encrypted =
                    element(tag::OCTET_STRING, &[&public.encrypt_key(*transport, key)?]);
                // RFC 5652 section 6.2.1: version 0 with issuer and serial number.
                Ok(sequence(&[&small_integer(0), identifier_der, algorithm, &encrypted]))
            }
            Method::Agreement { agreement, algorithm, wrap_identifier } => {
                let ephemeral = public.agree_ephemeral()?;
                let shared_info = algorithms::shared_info(agreement.wrap, wrap_identifier, None);
                let mut wrapping_key = Zeroizing::new(vec![0; agreement.wrap.key_len()]);
                x963_kdf(agreement.digest, &ephemeral.secret, &shared_info, &mut wrapping_key);
                let wrapped = agreement.wrap.wrap(&wrapping_key, key)?;
                Ok(agreement_info(&ephemeral.public_point, algorithm, identifier_der, &wrapped))
            }
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({}, {:?})", self.inner.identifier, self.inner.key)
    }
}

/// Returns `KeyAgreeRecipientInfo` with an ephemeral originator key (RFC 5652 section 6.2.2, RFC 5753 section 3.1.1).
fn agreement_info(
    public_point: &[u8],
    algorithm: &[u8],
    identifier: &[u8],
    wrapped: &[u8],
) -> Vec<u8> {
    let point = element(tag::BIT_STRING, &[&[0], public_point]);
    // The curve is that of the recipient's key; the parameters are absent.
    let originator_key =
        element(tag::context(1), &[&sequence(&[&oid::element(oid::EC_PUBLIC_KEY)]), &point]);
    let originator = element(tag::context(0), &[&originator_key]);
    let encrypted = element(tag::OCTET_STRING, &[wrapped]);
    let keys = sequence(&[&sequence(&[identifier, &encrypted])]);
    element(tag::context(1), &[&small_integer(3), &originator, algorithm, &keys])
}
