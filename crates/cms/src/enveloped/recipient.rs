//! Those who shall be able to read a message: `RecipientInfo`, the writing side (RFC 5652 section 6.2).

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use chancery_crypto::{
    ContentKey, DigestAlgorithm, KeyKind, KeyTransport, KeyWrap, PasswordWrap, PublicKey,
    Zeroizing, random,
};

use crate::algorithms::keys::{self, Agreement, Derivation, PasswordDerivation};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::identity::Identifier;
use crate::oid;
use crate::tlv::{element, integer, sequence, small_integer, tag};

/// How an RSA recipient gets the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RsaPadding {
    /// OAEP with SHA-256 (RFC 8017 section 7.1).
    #[default]
    Oaep256,
    /// OAEP with SHA-384.
    Oaep384,
    /// OAEP with SHA-512.
    Oaep512,
    /// PKCS#1 v1.5 (RFC 8017 section 7.2), for partners that read nothing else.
    Pkcs1v15,
}

/// A recipient, prepared once from a certificate and used for many messages. Cheap to clone.
#[derive(Clone)]
pub struct Recipient {
    inner: Arc<Inner>,
}

#[derive(Clone)]
enum Inner {
    /// Somebody with a certificate.
    Certified { certificate: Certificate, key: PublicKey, name: Identifier, method: Method },
    /// Everybody who knows a password.
    Password { password: Zeroizing<Vec<u8>>, rounds: NonZeroU32 },
    /// Everybody who has a key.
    Shared { identifier: Vec<u8>, key: Zeroizing<Vec<u8>>, wrap: KeyWrap },
}

/// How a certified key gets the content key, with what is the same in every message.
#[derive(Clone)]
enum Method {
    Agreement { agreement: Agreement, algorithm: Vec<u8>, wrap_identifier: Vec<u8> },
    Encapsulation { kind: KeyKind },
    Transport { transport: KeyTransport, algorithm: Vec<u8> },
}

impl Recipient {
    /// Prepares a recipient from its certificate (DER); the padding matters for RSA keys only.
    ///
    /// EC and X25519 keys agree on a key, ML-KEM keys get one encapsulated. The certificate is not validated, neither
    /// its use nor its dates.
    pub fn from_certificate(certificate: &[u8], padding: RsaPadding) -> Result<Self, Error> {
        let (certificate, key) = Certificate::for_use(certificate)?;
        let kind = key.kind();
        if kind.is_weak() {
            return Err(Error::Certificate { reason: format!("its key ({kind}) is too small") });
        }
        let method = if kind.is_rsa() {
            let transport = padding.transport();
            let algorithm = keys::key_transport_der(&transport);
            Method::Transport { transport, algorithm }
        } else if kind.can_agree() {
            let agreement = keys::agreement_for(kind);
            let (algorithm, wrap_identifier) = keys::key_agreement_der(agreement);
            Method::Agreement { agreement, algorithm, wrap_identifier }
        } else if kind.can_encapsulate() {
            Method::Encapsulation { kind }
        } else {
            return Err(Error::Certificate { reason: format!("its key ({kind}) cannot encrypt") });
        };
        let name = certificate.identifier();
        Ok(Self { inner: Arc::new(Inner::Certified { certificate, key, name, method }) })
    }

    /// Prepares a recipient who knows a password. `rounds` is the cost of a guess: 600,000 take a third of a second.
    pub fn from_password(password: &[u8], rounds: NonZeroU32) -> Self {
        let password = Zeroizing::new(password.to_vec());
        Self { inner: Arc::new(Inner::Password { password, rounds }) }
    }

    /// Prepares a recipient who has a key of 16, 24 or 32 bytes and knows it by this name.
    pub fn from_shared_key(identifier: &[u8], key: &[u8]) -> Result<Self, Error> {
        let wrap = match key.len() {
            16 => KeyWrap::Aes128,
            24 => KeyWrap::Aes192,
            32 => KeyWrap::Aes256,
            other => {
                let what = format!("a shared key of {other} bytes");
                return Err(Error::Unsupported { what });
            }
        };
        let (identifier, key) = (identifier.to_vec(), Zeroizing::new(key.to_vec()));
        Ok(Self { inner: Arc::new(Inner::Shared { identifier, key, wrap }) })
    }

    /// Derives the key from the agreement with this digest in place of the one of the curve's strength, for partners
    /// that name it; only NIST curves have the choice, for others and for other digests nothing changes.
    #[must_use]
    pub fn deriving_with(mut self, digest: DigestAlgorithm) -> Self {
        if let Inner::Certified {
            key,
            method: Method::Agreement { agreement, algorithm, wrap_identifier },
            ..
        } = Arc::make_mut(&mut self.inner)
            && key.kind().is_ec()
            && AGREEMENT_DIGESTS.contains(&digest)
        {
            agreement.derivation = Derivation::X963(digest);
            (*algorithm, *wrap_identifier) = keys::key_agreement_der(*agreement);
        }
        self
    }

    /// Names the recipient by key identifier in place of issuer and serial number; without a certificate nothing
    /// changes.
    #[must_use]
    pub fn named_by_key(mut self) -> Self {
        if let Inner::Certified { certificate, name, .. } = Arc::make_mut(&mut self.inner) {
            *name = Identifier::SubjectKeyIdentifier(certificate.key_identifier().to_vec());
        }
        self
    }

    /// Returns the identifier that the message will carry, if there is a certificate.
    pub fn identifier(&self) -> Option<&Identifier> {
        match &*self.inner {
            Inner::Certified { name, .. } => Some(name),
            Inner::Password { .. } | Inner::Shared { .. } => None,
        }
    }

    /// Returns the version that `EnvelopedData` needs for it (RFC 5652 section 6.1).
    pub(super) fn envelope_version(&self) -> u8 {
        match &*self.inner {
            Inner::Password { .. }
            | Inner::Certified { method: Method::Encapsulation { .. }, .. } => 3,
            Inner::Certified {
                method: Method::Transport { .. },
                name: Identifier::IssuerAndSerial { .. },
                ..
            } => 0,
            Inner::Certified { .. } | Inner::Shared { .. } => 2,
        }
    }

    /// Returns the `RecipientInfo` that carries the key.
    pub(super) fn info(&self, key: &ContentKey) -> Result<Vec<u8>, Error> {
        match &*self.inner {
            Inner::Certified { key: public, name, method, .. } => match method {
                Method::Transport { transport, algorithm } => {
                    let encrypted = public.encrypt_key(transport, key)?;
                    Ok(transport_info(name, algorithm, &encrypted))
                }
                Method::Agreement { agreement, algorithm, wrap_identifier } => {
                    agreement_info(public, name, *agreement, (algorithm, wrap_identifier), key)
                }
                Method::Encapsulation { kind } => encapsulation_info(public, *kind, name, key),
            },
            Inner::Password { password, rounds } => password_info(password, *rounds, key),
            Inner::Shared { identifier, key: shared, wrap } => {
                let wrapped = wrap.wrap(shared, key)?;
                let name = sequence(&[&element(tag::OCTET_STRING, &[identifier])]);
                let encrypted = element(tag::OCTET_STRING, &[&wrapped]);
                // RFC 5652 section 6.2.3: version 4.
                let fields = [&small_integer(4), &name, &keys::key_wrap_der(*wrap), &encrypted];
                Ok(element(tag::context(2), &fields.map(Vec::as_slice)))
            }
        }
    }
}

impl RsaPadding {
    fn transport(self) -> KeyTransport {
        match self {
            Self::Oaep256 => KeyTransport::oaep(DigestAlgorithm::Sha256),
            Self::Oaep384 => KeyTransport::oaep(DigestAlgorithm::Sha384),
            Self::Oaep512 => KeyTransport::oaep(DigestAlgorithm::Sha512),
            Self::Pkcs1v15 => KeyTransport::Pkcs1v15,
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.inner {
            Inner::Certified { name, key, .. } => write!(f, "Recipient({name}, {key:?})"),
            Inner::Password { .. } => f.write_str("Recipient(password)"),
            Inner::Shared { .. } => f.write_str("Recipient(shared key)"),
        }
    }
}

/// Returns `KeyTransRecipientInfo` (RFC 5652 section 6.2.1).
fn transport_info(name: &Identifier, algorithm: &[u8], encrypted: &[u8]) -> Vec<u8> {
    let version = match name {
        Identifier::IssuerAndSerial { .. } => 0,
        Identifier::SubjectKeyIdentifier(_) => 2,
    };
    let encrypted = element(tag::OCTET_STRING, &[encrypted]);
    sequence(&[&small_integer(version), &name.to_der(), algorithm, &encrypted])
}

/// Returns `KeyAgreeRecipientInfo` with an ephemeral originator key (RFC 5652 section 6.2.2, RFC 5753 section 3.1.1).
fn agreement_info(
    public: &PublicKey,
    name: &Identifier,
    agreement: Agreement,
    (algorithm, wrap_identifier): (&[u8], &[u8]),
    key: &ContentKey,
) -> Result<Vec<u8>, Error> {
    let Agreement { derivation, wrap } = agreement;
    let ephemeral = public.agree_ephemeral()?;
    let shared_info = keys::shared_info(wrap, wrap_identifier, None);
    let wrapping_key = derivation.derive(wrap, &ephemeral.secret, b"", &shared_info)?;
    let wrapped = wrap.wrap(&wrapping_key, key)?;
    let point = element(tag::BIT_STRING, &[&[0], &ephemeral.public_point]);
    let kind = if public.kind() == KeyKind::X25519 { oid::X25519 } else { oid::EC_PUBLIC_KEY };
    // The curve is that of the recipient's key; the parameters are absent.
    let originator_key = element(tag::context(1), &[&sequence(&[&oid::element(kind)]), &point]);
    let originator = element(tag::context(0), &[&originator_key]);
    let encrypted = element(tag::OCTET_STRING, &[&wrapped]);
    let name = match name {
        Identifier::IssuerAndSerial { .. } => name.to_der(),
        // RecipientKeyIdentifier is a sequence of its own.
        Identifier::SubjectKeyIdentifier(identifier) => {
            element(tag::context(0), &[&element(tag::OCTET_STRING, &[identifier])])
        }
    };
    let keys = sequence(&[&sequence(&[&name, &encrypted])]);
    Ok(element(tag::context(1), &[&small_integer(3), &originator, algorithm, &keys]))
}

/// Returns `KEMRecipientInfo` (RFC 9629 section 3, RFC 9936 section 2).
fn encapsulation_info(
    public: &PublicKey,
    kind: KeyKind,
    name: &Identifier,
    key: &ContentKey,
) -> Result<Vec<u8>, Error> {
    let made = public.encapsulate()?;
    let wrap = KeyWrap::Aes256;
    let wrap_identifier = keys::key_wrap_der(wrap);
    let other_info = keys::kem_other_info(wrap, &wrap_identifier, None);
    let derivation = Derivation::Hkdf(DigestAlgorithm::Sha256);
    let wrapping_key = derivation.derive(wrap, &made.secret, b"", &other_info)?;
    let wrapped = wrap.wrap(&wrapping_key, key)?;
    let info = sequence(&[
        &small_integer(0),
        &name.to_der(),
        &keys::ml_kem_der(kind),
        &element(tag::OCTET_STRING, &[&made.ciphertext]),
        &keys::hkdf_sha256_der(),
        &integer(wrap.key_len() as u64),
        &wrap_identifier,
        &element(tag::OCTET_STRING, &[&wrapped]),
    ]);
    Ok(element(tag::context(4), &[&oid::element(oid::KEM_RECIPIENT), &info]))
}

/// Returns `PasswordRecipientInfo` (RFC 5652 section 6.2.4).
fn password_info(password: &[u8], rounds: NonZeroU32, key: &ContentKey) -> Result<Vec<u8>, Error> {
    let salt = random::bytes::<16>()?.to_vec();
    let derivation = PasswordDerivation { digest: DigestAlgorithm::Sha256, salt, rounds };
    let wrap = PasswordWrap::generate()?;
    let wrapping_key = derivation.derive(wrap.cipher, password)?;
    let wrapped = wrap.wrap(&wrapping_key, key)?;
    Ok(element(
        tag::context(3),
        &[
            &small_integer(0),
            &element(tag::context(0), &[&derivation.to_der()]),
            &keys::password_wrap_der(&wrap),
            &element(tag::OCTET_STRING, &[&wrapped]),
        ],
    ))
}

/// Digests of the key derivation that are written; SHA-1 and SHA-224 are only read.
const AGREEMENT_DIGESTS: [DigestAlgorithm; 3] =
    [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512];
