//! The certificate extensions that we read (RFC 5280 section 4.2), and which critical ones we do not know.

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use der::{Decode, Reader, Sequence, SliceReader, Tag, TagNumber, Tagged as _};
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

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
    /// `id-kp-OCSPSigning`.
    OcspSigning,
    /// Any other, by its object identifier.
    Other(String),
    /// `id-kp-serverAuth`.
    ServerAuth,
}

/// What the extensions of one certificate say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) alternative_names: Vec<AlternativeName>,
    /// Where to ask about the issuer (RFC 5280 section 4.2.2.1).
    pub(crate) authority_information: Vec<AccessDescription>,
    pub(crate) authority_key_id: Option<Vec<u8>>,
    pub(crate) basic_constraints: Option<BasicConstraints>,
    /// The DER of `CRLDistributionPoints`; the revocation engine reads it.
    pub(crate) crl_distribution_points: Option<Vec<u8>>,
    pub(crate) extended_key_usage: Option<Vec<ExtendedKeyUsage>>,
    /// The DER of `FreshestCRL`, of the same form as `CRLDistributionPoints`.
    pub(crate) freshest_crl: Option<Vec<u8>>,
    /// `inhibitAnyPolicy`: after so many certificates `anyPolicy` is no longer any (RFC 5280 section 4.2.1.14).
    pub(crate) inhibit_any_policy: Option<u32>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) name_constraints: Option<NameConstraints>,
    pub(crate) policies: Option<Policies>,
    pub(crate) policy_constraints: PolicyConstraints,
    /// Pairs of `issuerDomainPolicy` and `subjectDomainPolicy` (RFC 5280 section 4.2.1.5).
    pub(crate) policy_mappings: Vec<(ObjectIdentifier, ObjectIdentifier)>,
    /// The DER of `SMIMECapabilities` (RFC 4262), not looked at.
    pub(crate) smime_capabilities: Option<Vec<u8>>,
    /// Where to find what the subject issued and publishes (RFC 5280 section 4.2.2.2).
    pub(crate) subject_information: Vec<AccessDescription>,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    /// Object identifiers of critical extensions that we do not process.
    pub(crate) unknown_critical: Vec<String>,
}

/// `BasicConstraints` (RFC 5280 section 4.2.1.9).
#[derive(Clone, Copy, Debug, Sequence)]
pub(crate) struct BasicConstraints {
    #[asn1(default = "Default::default")]
    pub(crate) ca: bool,
    /// Counts that are larger than this type mean no limit that a path could reach.
    pub(crate) path_length: Option<u32>,
}

/// `CertificatePolicies` (RFC 5280 section 4.2.1.4).
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    pub(crate) identifiers: Vec<ObjectIdentifier>,
    /// A qualifier is of a kind that RFC 5280 does not define.
    has_unknown_qualifier: bool,
}

/// `PolicyConstraints` (RFC 5280 section 4.2.1.11).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PolicyConstraints {
    pub(crate) require_explicit_policy: Option<u32>,
    pub(crate) inhibit_policy_mapping: Option<u32>,
}

/// One place to ask (RFC 5280 section 4.2.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessDescription {
    pub(crate) method: ObjectIdentifier,
    pub(crate) url: String,
}

/// `NameConstraints` (RFC 5280 section 4.2.1.10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

    /// What a key needs that signs mail or answers (RFC 8550 section 4.4.2).
    pub const SIGNING: Self = Self::DIGITAL_SIGNATURE.and(Self::NON_REPUDIATION);
    /// What a key needs that mail is encrypted to, RSA or elliptic (RFC 8550 section 4.4.2).
    pub const KEY_MANAGEMENT: Self = Self::KEY_ENCIPHERMENT.and(Self::KEY_AGREEMENT);

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
            Self::OcspSigning => Some(OCSP_SIGNING),
            Self::Other(oid) => ObjectIdentifier::new(oid).ok(),
            Self::ServerAuth => Some(SERVER_AUTH),
        }
    }

    fn from_oid(oid: ObjectIdentifier) -> Self {
        match oid {
            ANY_EXTENDED_KEY_USAGE => Self::Any,
            CLIENT_AUTH => Self::ClientAuth,
            EMAIL_PROTECTION => Self::EmailProtection,
            OCSP_SIGNING => Self::OcspSigning,
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
            BASIC_CONSTRAINTS => self.basic_constraints = Some(BasicConstraints::read(value)?),
            NAME_CONSTRAINTS => self.name_constraints = Some(NameConstraints::from_der(value)?),
            EXTENDED_KEY_USAGE => {
                let purposes = Vec::<ObjectIdentifier>::from_der(value)?;
                self.extended_key_usage =
                    Some(purposes.into_iter().map(ExtendedKeyUsage::from_oid).collect());
            }
            // A hint for building only; what we cannot read gives no hint (RFC 5280 section 4.2.1.1: never critical).
            AUTHORITY_KEY_ID => match AuthorityKeyIdentifier::from_der(value) {
                Ok(identifier) => {
                    let identifier = identifier.key_identifier;
                    self.authority_key_id = identifier.map(|id| id.as_bytes().to_vec());
                }
                Err(_) => self.note_critical(oid, critical),
            },
            CERTIFICATE_POLICIES => {
                let policies = Policies::from_der(value)?;
                // RFC 5280 section 4.2.1.4: who must obey the extension must understand its qualifiers.
                self.note_critical(oid, critical && policies.has_unknown_qualifier);
                self.policies = Some(policies);
            }
            POLICY_CONSTRAINTS => self.policy_constraints = PolicyConstraints::from_der(value)?,
            POLICY_MAPPINGS => self.policy_mappings = read_mappings(value)?,
            INHIBIT_ANY_POLICY => {
                let mut reader = SliceReader::new(value)?;
                self.inhibit_any_policy = Some(count(&mut reader)?);
                reader.finish()?;
            }
            AUTHORITY_INFORMATION => {
                self.authority_information = self.read_access(oid, critical, value);
            }
            SUBJECT_INFORMATION => {
                self.subject_information = self.read_access(oid, critical, value);
            }
            CRL_DISTRIBUTION_POINTS => self.crl_distribution_points = Some(value.to_vec()),
            FRESHEST_CRL => self.freshest_crl = Some(value.to_vec()),
            // A hint (RFC 4262 section 2: should not be critical); whoever uses it reads it.
            SMIME_CAPABILITIES => {
                self.smime_capabilities = Some(value.to_vec());
                self.note_critical(oid, critical);
            }
            _ => self.note_critical(oid, critical),
        }
        Ok(())
    }

    /// Reads `AuthorityInfoAccessSyntax`; a list that we cannot read is no hint, and not known if it is critical.
    fn read_access(
        &mut self,
        oid: ObjectIdentifier,
        critical: bool,
        value: &[u8],
    ) -> Vec<AccessDescription> {
        read_access_descriptions(value).unwrap_or_else(|_| {
            self.note_critical(oid, critical);
            Vec::new()
        })
    }

    fn note_critical(&mut self, oid: ObjectIdentifier, critical: bool) {
        if critical {
            self.unknown_critical.push(oid.to_string());
        }
    }
}

impl BasicConstraints {
    fn read(der: &[u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let constraints = reader.sequence(|reader| {
            let is_next = |reader: &mut SliceReader<'_>, tag| reader.peek_byte() == Some(tag);
            let ca = is_next(reader, 0x01) && bool::decode(reader)?;
            let path_length = if is_next(reader, 0x02) { Some(count(reader)?) } else { None };
            der::Result::Ok(Self { ca, path_length })
        })?;
        reader.finish()?;
        Ok(constraints)
    }
}

impl Policies {
    fn from_der(der: &[u8]) -> der::Result<Self> {
        let mut policies = Self::default();
        let mut reader = SliceReader::new(der)?;
        reader.sequence(|reader| {
            while !reader.is_finished() {
                reader.sequence(|reader| {
                    policies.identifiers.push(reader.decode()?);
                    if !reader.is_finished() {
                        policies.read_qualifiers(reader)?;
                    }
                    der::Result::Ok(())
                })?;
            }
            der::Result::Ok(())
        })?;
        reader.finish()?;
        Ok(policies)
    }

    fn read_qualifiers(&mut self, reader: &mut SliceReader<'_>) -> der::Result<()> {
        reader.sequence(|reader| {
            while !reader.is_finished() {
                reader.sequence(|reader| {
                    let kind: ObjectIdentifier = reader.decode()?;
                    self.has_unknown_qualifier |= ![CPS, USER_NOTICE].contains(&kind);
                    reader.tlv_bytes()?;
                    der::Result::Ok(())
                })?;
            }
            der::Result::Ok(())
        })
    }
}

impl PolicyConstraints {
    fn from_der(der: &[u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let constraints = reader.sequence(|reader| {
            let mut constraints = Self::default();
            while !reader.is_finished() {
                let field = AnyRef::decode(reader)?;
                let number = saturating(field.value());
                match field.tag() {
                    Tag::ContextSpecific { number: TagNumber(0), .. } => {
                        constraints.require_explicit_policy = Some(number?);
                    }
                    Tag::ContextSpecific { number: TagNumber(1), .. } => {
                        constraints.inhibit_policy_mapping = Some(number?);
                    }
                    other => return Err(other.unexpected_error(None).into()),
                }
            }
            der::Result::Ok(constraints)
        })?;
        reader.finish()?;
        Ok(constraints)
    }
}

/// Reads a count of certificates, `INTEGER (0..MAX)`.
fn count(reader: &mut SliceReader<'_>) -> der::Result<u32> {
    let number = AnyRef::decode(reader)?;
    number.tag().assert_eq(Tag::Integer)?;
    saturating(number.value())
}

/// Reads the octets of a number that is not negative; one that is larger than the type is its largest, because no path
/// is that long.
fn saturating(octets: &[u8]) -> der::Result<u32> {
    match octets {
        [] => Err(Tag::Integer.length_error().into()),
        [first, ..] if *first > 0x7f => Err(Tag::Integer.value_error().into()),
        _ => Ok(octets.iter().fold(0, |number: u32, octet| {
            number
                .checked_mul(256)
                .map_or(u32::MAX, |number| number.saturating_add(u32::from(*octet)))
        })),
    }
}

fn read_mappings(der: &[u8]) -> der::Result<Vec<(ObjectIdentifier, ObjectIdentifier)>> {
    let mut mappings = Vec::new();
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|reader| {
        while !reader.is_finished() {
            let pair =
                reader.sequence(|reader| der::Result::Ok((reader.decode()?, reader.decode()?)))?;
            mappings.push(pair);
        }
        der::Result::Ok(())
    })?;
    reader.finish()?;
    Ok(mappings)
}

/// Reads the places that are URLs; those of other forms are no help to anybody.
fn read_access_descriptions(der: &[u8]) -> der::Result<Vec<AccessDescription>> {
    let mut descriptions = Vec::new();
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|reader| {
        while !reader.is_finished() {
            let (method, place) = reader.sequence(|reader| {
                der::Result::Ok((reader.decode()?, AlternativeName::read(reader)?))
            })?;
            if let AlternativeName::Uri(url) = place {
                descriptions.push(AccessDescription { method, url });
            }
        }
        der::Result::Ok(())
    })?;
    reader.finish()?;
    Ok(descriptions)
}

impl NameConstraints {
    fn from_der(der: &[u8]) -> der::Result<Self> {
        let mut constraints = Self::default();
        let mut reader = SliceReader::new(der)?;
        reader.sequence(|reader| {
            while !reader.is_finished() {
                let subtrees = AnyRef::decode(reader)?;
                match subtrees.tag() {
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
    // SIZE (1..MAX): without a tree it is not known whether all names are meant or none.
    if value.is_empty() {
        return Err(Tag::Sequence.length_error().into());
    }
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
pub(crate) const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
pub(crate) const CRL_DISTRIBUTION_POINTS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.5.29.31");
pub(crate) const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
/// `anyPolicy` (RFC 5280 section 4.2.1.4).
pub(crate) const ANY_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");
pub(crate) const POLICY_MAPPINGS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.33");
pub(crate) const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
pub(crate) const POLICY_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.36");
pub(crate) const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const FRESHEST_CRL: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.46");
pub(crate) const AUTHORITY_INFORMATION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
pub(crate) const SUBJECT_INFORMATION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.11");
/// `id-ad-caIssuers`: certificates of the issuer.
pub(crate) const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");
/// `id-ad-caRepository`: certificates that the subject issued.
pub(crate) const CA_REPOSITORY: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.5");
/// `id-ad-ocsp`: a responder.
pub(crate) const OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
/// `id-qt-cps`, the address of a certification practice statement.
const CPS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.2.1");
/// `id-qt-unotice`, a text for relying parties.
const USER_NOTICE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.2.2");
pub(crate) const INHIBIT_ANY_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.54");
const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
/// smimeCapabilities (RFC 4262 section 2).
pub(crate) const SMIME_CAPABILITIES: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.15");
const EMAIL_PROTECTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");
const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");

#[cfg(test)]
mod tests {
    use super::NameConstraints;

    #[test]
    fn trees_of_no_names_are_no_constraints() {
        let permitted = |trees: &[u8]| {
            let length = u8::try_from(trees.len()).unwrap();
            [&[0x30, length + 2, 0xa0, length], trees].concat()
        };
        let tree = [0x30, 6, 0x82, 4, b'a', b'.', b'b', b'c'];
        assert_eq!(NameConstraints::from_der(&permitted(&tree)).unwrap().permitted.len(), 1);
        assert!(NameConstraints::from_der(&permitted(&[])).is_err());
        assert!(NameConstraints::from_der(&[0x30, 0]).is_ok());
    }
}
