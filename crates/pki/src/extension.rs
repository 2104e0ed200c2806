//! The certificate extensions that we read (RFC 5280 section 4.2), and which critical ones we do not know.

use const_oid::ObjectIdentifier;
use der::asn1::{BitStringRef, OctetStringRef};
use der::{Decode, Reader, Sequence, SliceReader, Tag, TagNumber};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, CertificatePolicies, PolicyConstraints, PolicyMappings,
};

use crate::name::AlternativeName;

/// The purposes that a key usage extension permits (RFC 5280 section 4.2.1.3), a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(u16);

/// One purpose of an extended key usage extension (RFC 5280 section 4.2.1.12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtendedKeyUsage {
    /// `anyExtendedKeyUsage`.
    Any,
    /// `id-kp-clientAuth`.
    ClientAuth,
    /// `id-kp-emailProtection`.
    EmailProtection,
    /// Any other, by its object identifier.
    Other(String),
    /// `id-kp-serverAuth`.
    ServerAuth,
}

/// What the extensions of one certificate say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) alternative_names: Vec<AlternativeName>,
    pub(crate) authority_key_id: Option<Vec<u8>>,
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) extended_key_usage: Option<Vec<ExtendedKeyUsage>>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) name_constraints: Option<NameConstraints>,
    /// A policy rule is present that only the full policy engine could evaluate; says which.
    pub(crate) policy_demand: Option<&'static str>,
    /// The DER of `SMIMECapabilities` (RFC 4262), not looked at.
    pub(crate) smime_capabilities: Option<Vec<u8>>,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    /// Object identifiers of critical extensions that we do not process.
    pub(crate) unknown_critical: Vec<String>,
}

/// `BasicConstraints` (RFC 5280 section 4.2.1.9).
#[derive(Clone, Copy, Debug, Sequence)]
pub(crate) struct BasicConstraints {
    #[asn1(default = "Default::default")]
    pub(crate) ca: bool,
    pub(crate) path_length: Option<u32>,
}

/// `NameConstraints` (RFC 5280 section 4.2.1.10).
#[derive(Clone, Debug, Default)]
pub(crate) struct NameConstraints {
    pub(crate) permitted: Vec<AlternativeName>,
    pub(crate) excluded: Vec<AlternativeName>,
    /// `minimum` is not zero or `maximum` is present, which the profile forbids and nobody can evaluate.
    pub(crate) has_distances: bool,
}

impl KeyUsage {
    /// `digitalSignature` (bit 0).
    pub const DIGITAL_SIGNATURE: Self = Self(1);
    /// `nonRepudiation`, also called `contentCommitment` (bit 1).
    pub const NON_REPUDIATION: Self = Self(1 << 1);
    /// `keyEncipherment` (bit 2).
    pub const KEY_ENCIPHERMENT: Self = Self(1 << 2);
    /// `keyAgreement` (bit 4).
    pub const KEY_AGREEMENT: Self = Self(1 << 4);
    /// `keyCertSign` (bit 5).
    pub const KEY_CERT_SIGN: Self = Self(1 << 5);
    /// `cRLSign` (bit 6).
    pub const CRL_SIGN: Self = Self(1 << 6);

    /// Returns true if at least one usage of `other` is permitted.
    pub fn permits(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the usages of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the bits, bit 0 of the standard being the lowest.
    pub(crate) fn bits(self) -> u16 {
        self.0
    }

    fn from_der(der: &[u8]) -> der::Result<Self> {
        let bits = BitStringRef::from_der(der)?;
        // RFC 5280 section 4.2.1.3: the extension has at least one bit set. Bits after the ninth are unknown and ignored.
        let usage = bits
            .bits()
            .take(9)
            .enumerate()
            .fold(0, |all, (index, set)| all | (u16::from(set) << index));
        if usage == 0 { Err(Tag::BitString.value_error().into()) } else { Ok(Self(usage)) }
    }
}

impl ExtendedKeyUsage {
    /// Returns the object identifier.
    pub(crate) fn oid(&self) -> Option<ObjectIdentifier> {
        match self {
            Self::Any => Some(ANY_EXTENDED_KEY_USAGE),
            Self::ClientAuth => Some(CLIENT_AUTH),
            Self::EmailProtection => Some(EMAIL_PROTECTION),
            Self::Other(oid) => ObjectIdentifier::new(oid).ok(),
            Self::ServerAuth => Some(SERVER_AUTH),
        }
    }

    fn from_oid(oid: ObjectIdentifier) -> Self {
        match oid {
            ANY_EXTENDED_KEY_USAGE => Self::Any,
            CLIENT_AUTH => Self::ClientAuth,
            EMAIL_PROTECTION => Self::EmailProtection,
            SERVER_AUTH => Self::ServerAuth,
            other => Self::Other(other.to_string()),
        }
    }
}

impl Extensions {
    /// Reads the extensions of a certificate.
    pub(crate) fn read(list: &[x509_cert::ext::Extension]) -> der::Result<Self> {
        let mut extensions = Self::default();
        let mut seen = Vec::with_capacity(list.len().min(MAX_EXTENSIONS));
        for extension in list {
            let oid = extension.extn_id;
            // RFC 5280 section 4.2: no extension twice, or two readers see two certificates.
            if seen.contains(&oid) || seen.len() >= MAX_EXTENSIONS {
                return Err(Tag::Sequence.value_error().into());
            }
            seen.push(oid);
            extensions.read_one(oid, extension.critical, extension.extn_value.as_bytes())?;
        }
        Ok(extensions)
    }

    fn read_one(&mut self, oid: ObjectIdentifier, critical: bool, value: &[u8]) -> der::Result<()> {
        match oid {
            SUBJECT_KEY_ID => {
                self.subject_key_id = Some(<&OctetStringRef>::from_der(value)?.as_bytes().to_vec());
            }
            KEY_USAGE => self.key_usage = Some(KeyUsage::from_der(value)?),
            SUBJECT_ALT_NAME => self.alternative_names = AlternativeName::list_from_der(value)?,
            BASIC_CONSTRAINTS => self.basic_constraints = Some(BasicConstraints::from_der(value)?),
            NAME_CONSTRAINTS => self.name_constraints = Some(NameConstraints::from_der(value)?),
            EXTENDED_KEY_USAGE => {
                let purposes = Vec::<ObjectIdentifier>::from_der(value)?;
                self.extended_key_usage =
                    Some(purposes.into_iter().map(ExtendedKeyUsage::from_oid).collect());
            }
            // A hint for building only; what we cannot read gives no hint (RFC 5280 section 4.2.1.1: never critical).
            AUTHORITY_KEY_ID => {
                let identifier = AuthorityKeyIdentifier::from_der(value).ok();
                self.authority_key_id =
                    identifier.and_then(|id| id.key_identifier).map(|id| id.as_bytes().to_vec());
                self.note_critical(oid, critical);
            }
            // We accept any policy and demand none, and then these three cannot fail a path (RFC 5280 section 6.1.5 (g)).
            // What they demand beyond that is refused instead of ignored.
            CERTIFICATE_POLICIES if critical => {
                let policies = CertificatePolicies::from_der(value)?;
                if policies.0.iter().any(|policy| policy.policy_qualifiers.is_some()) {
                    self.policy_demand = Some("critical certificate policies with qualifiers");
                }
            }
            POLICY_CONSTRAINTS => {
                if PolicyConstraints::from_der(value)?.require_explicit_policy.is_some() {
                    self.policy_demand = Some("an explicit policy is required");
                }
            }
            POLICY_MAPPINGS if critical => {
                PolicyMappings::from_der(value)?;
            }
            INHIBIT_ANY_POLICY => {
                u32::from_der(value)?;
            }
            // A hint (RFC 4262 section 2: should not be critical); whoever uses it reads it.
            SMIME_CAPABILITIES => {
                self.smime_capabilities = Some(value.to_vec());
                self.note_critical(oid, critical);
            }
            _ => self.note_critical(oid, critical),
        }
        Ok(())
    }

    fn note_critical(&mut self, oid: ObjectIdentifier, critical: bool) {
        if critical {
            self.unknown_critical.push(oid.to_string());
        }
    }
}

impl NameConstraints {
    fn from_der(der: &[u8]) -> der::Result<Self> {
        let mut constraints = Self::default();
        let mut reader = SliceReader::new(der)?;
        reader.sequence(|reader| {
            while !reader.is_finished() {
                let subtrees = der::asn1::AnyRef::decode(reader)?;
                match der::Tagged::tag(&subtrees) {
                    Tag::ContextSpecific { number: TagNumber(0), .. } => {
                        constraints.has_distances |=
                            read_subtrees(subtrees.value(), &mut constraints.permitted)?;
                    }
                    Tag::ContextSpecific { number: TagNumber(1), .. } => {
                        constraints.has_distances |=
                            read_subtrees(subtrees.value(), &mut constraints.excluded)?;
                    }
                    other => return Err(other.unexpected_error(None).into()),
                }
            }
            der::Result::Ok(())
        })?;
        reader.finish()?;
        Ok(constraints)
    }
}

/// Reads `GeneralSubtrees`; returns true if one of them has a minimum or maximum.
fn read_subtrees(value: &[u8], bases: &mut Vec<AlternativeName>) -> der::Result<bool> {
    let mut has_distances = false;
    let mut reader = SliceReader::new(value)?;
    while !reader.is_finished() {
        reader.sequence(|reader| {
            bases.push(AlternativeName::read(reader)?);
            while !reader.is_finished() {
                reader.tlv_bytes()?;
                has_distances = true;
            }
            der::Result::Ok(())
        })?;
    }
    reader.finish()?;
    Ok(has_distances)
}

/// Real certificates have about ten; the search for doubles is quadratic.
const MAX_EXTENSIONS: usize = 64;

pub(crate) const SUBJECT_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
pub(crate) const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
pub(crate) const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
pub(crate) const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
pub(crate) const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
pub(crate) const CRL_REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
pub(crate) const CRL_DISTRIBUTION_POINTS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.5.29.31");
pub(crate) const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
const POLICY_MAPPINGS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.33");
pub(crate) const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const POLICY_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.36");
pub(crate) const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const INHIBIT_ANY_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.54");
const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
/// smimeCapabilities (RFC 4262 section 2).
pub(crate) const SMIME_CAPABILITIES: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.15");
const EMAIL_PROTECTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");
