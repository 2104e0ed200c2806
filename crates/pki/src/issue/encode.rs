//! Writes and signs the DER of certificates (RFC 5280 section 4.1).

use std::time::Duration;

use chancery_crypto::{DigestAlgorithm, PrivateKey, PublicKey};
use const_oid::ObjectIdentifier;
use der::asn1::{Any, BitString, Ia5String, OctetString, OctetStringRef};
use der::{DateTime, Decode, Encode, Sequence, Tag};
use x509_cert::ext::pkix::certpolicy::PolicyInformation;
use x509_cert::ext::pkix::constraints::name::{GeneralSubtree, NameConstraints};
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName, OtherName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityKeyIdentifier, CertificatePolicies, CrlDistributionPoints,
    PolicyMapping, SubjectAltName,
};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};

use crate::certificate::Certificate;
use crate::error::Error;
use crate::extension::{
    AUTHORITY_INFORMATION, AUTHORITY_KEY_ID, BASIC_CONSTRAINTS, BasicConstraints, CA_ISSUERS,
    CA_REPOSITORY, CERTIFICATE_POLICIES, CRL_DISTRIBUTION_POINTS, EXTENDED_KEY_USAGE,
    ExtendedKeyUsage, INHIBIT_ANY_POLICY, KEY_USAGE, KeyUsage, NAME_CONSTRAINTS,
    POLICY_CONSTRAINTS, POLICY_MAPPINGS, SMIME_CAPABILITIES, SUBJECT_ALT_NAME, SUBJECT_INFORMATION,
    SUBJECT_KEY_ID,
};
use crate::issue::{Limits, Profile};
use crate::name::{AlternativeName, SMTP_UTF8_MAILBOX, with_ascii_domain};

/// `TBSCertificate`; version is always 3. Names and keys are copied byte for byte, which is why they are [`Any`].
#[derive(Sequence)]
struct Signed {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: u8,
    serial: SerialNumber,
    signature: Any,
    issuer: Any,
    validity: Validity,
    subject: Any,
    key: Any,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Extensions,
}

/// Writes and signs one certificate, then reads it back, so that nothing leaves here that we would refuse.
pub(super) fn certificate(
    profile: &Profile,
    issuer: Option<&Certificate>,
    signing_key: &PrivateKey,
    key: &PublicKey,
    serial: [u8; 20],
) -> Result<Certificate, Error> {
    if profile.not_after <= profile.not_before {
        return Err(Error::request("the validity ends before it starts"));
    }
    let algorithm = algorithm_identifier(signing_key)?;
    let issuer_name = issuer.map_or(&profile.subject, Certificate::subject_name);
    let encode = || -> der::Result<Vec<u8>> {
        Signed {
            version: 2,
            serial: serial_number(serial)?,
            signature: Any::from_der(&algorithm)?,
            issuer: Any::from_der(issuer_name.der())?,
            validity: Validity::new(time(profile.not_before)?, time(profile.not_after)?),
            subject: Any::from_der(profile.subject.der())?,
            key: Any::from_der(key.spki_der())?,
            extensions: extensions(profile, issuer.map(|issuer| (issuer, signing_key)), key)?,
        }
        .to_der()
    };
    let signed = encode().map_err(|error| Error::malformed("the certificate to issue", error))?;
    Certificate::from_der(&sign(signing_key, &algorithm, &signed)?)
}

/// Signs a `TBSCertificate` or `TBSCertList` and returns the whole structure.
pub(super) fn sign(key: &PrivateKey, algorithm: &[u8], signed: &[u8]) -> Result<Vec<u8>, Error> {
    let signature = key
        .sign(key.default_signature_algorithm(), signed)
        .map_err(|source| Error::Crypto { doing: "sign the certificate", source })?;
    let encode = || -> der::Result<Vec<u8>> {
        Whole {
            signed: Any::from_der(signed)?,
            algorithm: Any::from_der(algorithm)?,
            signature: BitString::from_bytes(&signature)?,
        }
        .to_der()
    };
    encode().map_err(|error| Error::malformed("the certificate to issue", error))
}

/// `SIGNED{}` (RFC 5280 section 4.1).
#[derive(Sequence)]
struct Whole {
    signed: Any,
    algorithm: Any,
    signature: BitString,
}

/// Returns the identifier of the algorithm that the key signs with.
pub(super) fn algorithm_identifier(key: &PrivateKey) -> Result<Vec<u8>, Error> {
    key.default_signature_algorithm()
        .to_der()
        .map_err(|source| Error::Crypto { doing: "name the signature algorithm", source })
}

/// Returns a point in time: `UTCTime` up to 2049, `GeneralizedTime` after (RFC 5280 section 4.1.2.5).
pub(super) fn time(seconds: i64) -> der::Result<Time> {
    let seconds = u64::try_from(seconds).map_err(|_| Tag::UtcTime.value_error())?;
    Ok(Time::from(DateTime::from_unix_duration(Duration::from_secs(seconds))?))
}

/// Makes a positive number of exactly 20 octets out of random bytes (RFC 5280 section 4.1.2.2).
fn serial_number(mut random: [u8; 20]) -> der::Result<SerialNumber> {
    let [first, ..] = &mut random;
    *first = (*first & 0x7f) | 0x40;
    SerialNumber::new(&random)
}

/// Returns the identifier of a key: the SHA-1 of its bits (RFC 5280 section 4.2.1.2 (1)); a name, not a protection.
fn key_identifier(key: &PublicKey) -> Vec<u8> {
    DigestAlgorithm::Sha1.digest(key.key_bits()).as_ref().to_vec()
}

/// Returns the `AuthorityKeyIdentifier` that names the issuer's key (RFC 5280 section 4.2.1.1).
pub(super) fn authority_key_identifier(
    issuer: &Certificate,
    key: &PrivateKey,
) -> der::Result<Extension> {
    let named = issuer.subject_key_id().map(<[u8]>::to_vec);
    authority_key(named.unwrap_or_else(|| key_identifier(key.public_key())))
}

fn authority_key(identifier: Vec<u8>) -> der::Result<Extension> {
    let key_identifier = Some(OctetString::new(identifier)?);
    let value = AuthorityKeyIdentifier { key_identifier, ..Default::default() };
    extension(AUTHORITY_KEY_ID, false, &value)
}

/// Makes one extension.
pub(super) fn extension(
    oid: ObjectIdentifier,
    critical: bool,
    value: &impl Encode,
) -> der::Result<Extension> {
    Ok(Extension { extn_id: oid, critical, extn_value: OctetString::new(value.to_der()?)? })
}

fn extensions(
    profile: &Profile,
    issuer: Option<(&Certificate, &PrivateKey)>,
    key: &PublicKey,
) -> der::Result<Extensions> {
    let mut extensions = Extensions::new();
    let identifier = key_identifier(key);
    if let Some((issuer, issuer_key)) = issuer {
        extensions.push(authority_key_identifier(issuer, issuer_key)?);
    } else if profile.authority.is_none() {
        // RFC 5280 section 4.2.1.1: only a self-signed authority may leave it out.
        extensions.push(authority_key(identifier.clone())?);
    }
    extensions.push(extension(SUBJECT_KEY_ID, false, &OctetStringRef::new(&identifier)?)?);
    if let Some(usage) = profile.key_usage {
        extensions.push(extension(KEY_USAGE, true, &key_usage(usage)?)?);
    }
    if let Some(path_length) = profile.authority {
        let constraints = BasicConstraints { ca: true, path_length: path_length.map(u32::from) };
        extensions.push(extension(BASIC_CONSTRAINTS, true, &constraints)?);
    }
    let usages: Vec<_> =
        profile.extended_key_usage.iter().filter_map(ExtendedKeyUsage::oid).collect();
    if !usages.is_empty() {
        extensions.push(extension(EXTENDED_KEY_USAGE, false, &usages)?);
    }
    if !profile.alternative_names.is_empty() {
        let names =
            profile.alternative_names.iter().map(general_name).collect::<der::Result<Vec<_>>>()?;
        // RFC 5280 section 4.2.1.6: critical only if there is no subject.
        extensions.push(extension(
            SUBJECT_ALT_NAME,
            profile.subject.is_empty(),
            &SubjectAltName(names),
        )?);
    }
    if !profile.policies.is_empty() {
        extensions.push(extension(CERTIFICATE_POLICIES, false, &policies(&profile.policies)?)?);
    }
    if !profile.crl_urls.is_empty() {
        extensions.push(extension(
            CRL_DISTRIBUTION_POINTS,
            false,
            &distribution_points(&profile.crl_urls)?,
        )?);
    }
    for (kind, method, urls) in [
        (AUTHORITY_INFORMATION, CA_ISSUERS, &profile.issuer_urls),
        (SUBJECT_INFORMATION, CA_REPOSITORY, &profile.repository_urls),
    ] {
        if !urls.is_empty() {
            extensions.push(extension(kind, false, &places(method, urls)?)?);
        }
    }
    limits(&profile.limits, &mut extensions)?;
    if !profile.reads.is_empty() {
        let list =
            profile.reads.iter().map(|oid| ObjectIdentifier::new(oid).map(|id| Capability { id }));
        let list = list.collect::<Result<Vec<_>, _>>()?;
        extensions.push(extension(SMIME_CAPABILITIES, false, &list)?);
    }
    Ok(extensions)
}

/// Writes what binds those below; critical where RFC 5280 sections 4.2.1.5, 10, 11 and 14 say so.
fn limits(limits: &Limits, extensions: &mut Extensions) -> der::Result<()> {
    if !limits.names.is_empty() {
        let names = &limits.names.0;
        let value = NameConstraints {
            permitted_subtrees: subtrees(&names.permitted)?,
            excluded_subtrees: subtrees(&names.excluded)?,
        };
        extensions.push(extension(NAME_CONSTRAINTS, true, &value)?);
    }
    if !limits.policy_mappings.is_empty() {
        let pair = |(ours, theirs): &(String, String)| {
            der::Result::Ok(PolicyMapping {
                issuer_domain_policy: ObjectIdentifier::new(ours)?,
                subject_domain_policy: ObjectIdentifier::new(theirs)?,
            })
        };
        let pairs = limits.policy_mappings.iter().map(pair).collect::<der::Result<Vec<_>>>()?;
        extensions.push(extension(POLICY_MAPPINGS, true, &pairs)?);
    }
    if limits.require_explicit_policy.is_some() || limits.inhibit_policy_mapping.is_some() {
        let value = PolicyConstraints {
            require_explicit_policy: limits.require_explicit_policy,
            inhibit_policy_mapping: limits.inhibit_policy_mapping,
        };
        extensions.push(extension(POLICY_CONSTRAINTS, true, &value)?);
    }
    if let Some(after) = limits.inhibit_any_policy {
        extensions.push(extension(INHIBIT_ANY_POLICY, true, &after)?);
    }
    Ok(())
}

/// `PolicyConstraints` (RFC 5280 section 4.2.1.11).
#[derive(Sequence)]
struct PolicyConstraints {
    #[asn1(context_specific = "0", optional = "true", tag_mode = "IMPLICIT")]
    require_explicit_policy: Option<u8>,
    #[asn1(context_specific = "1", optional = "true", tag_mode = "IMPLICIT")]
    inhibit_policy_mapping: Option<u8>,
}

/// `GeneralSubtrees`; absent when empty.
fn subtrees(names: &[AlternativeName]) -> der::Result<Option<Vec<GeneralSubtree>>> {
    let subtree = |name| {
        der::Result::Ok(GeneralSubtree { base: general_name(name)?, minimum: 0, maximum: None })
    };
    let trees = names.iter().map(subtree).collect::<der::Result<Vec<_>>>()?;
    Ok((!trees.is_empty()).then_some(trees))
}

fn places(method: ObjectIdentifier, urls: &[String]) -> der::Result<Vec<AccessDescription>> {
    let place = |url: &String| {
        let access_location = GeneralName::UniformResourceIdentifier(Ia5String::new(url)?);
        Ok(AccessDescription { access_method: method, access_location })
    };
    urls.iter().map(place).collect()
}

/// `SMIMECapability` without parameters (RFC 8551 section 2.5.2).
#[derive(Sequence)]
struct Capability {
    id: ObjectIdentifier,
}

/// Encodes the bits without trailing zeros, as DER wants of a named bit list.
fn key_usage(usage: KeyUsage) -> der::Result<BitString> {
    let reversed = usage.bits().reverse_bits().to_be_bytes();
    let (last, bytes): (u8, &[u8]) = match reversed {
        [first, 0] => (first, &[first]),
        [first, second] => (second, &[first, second]),
    };
    BitString::new(u8::try_from(last.trailing_zeros().min(7)).unwrap_or(0), bytes)
}

fn general_name(name: &AlternativeName) -> der::Result<GeneralName> {
    Ok(match name {
        AlternativeName::Directory(name) => GeneralName::DirectoryName(Name::from_der(name.der())?),
        AlternativeName::Dns(name) => GeneralName::DnsName(Ia5String::new(name)?),
        AlternativeName::Email(address) if address.is_ascii() => {
            GeneralName::Rfc822Name(Ia5String::new(address)?)
        }
        // RFC 9598 section 3: what an IA5String cannot hold, with the domain in A-labels.
        AlternativeName::Email(address) => GeneralName::OtherName(OtherName {
            type_id: SMTP_UTF8_MAILBOX,
            value: Any::new(Tag::Utf8String, with_ascii_domain(address).as_bytes())?,
        }),
        AlternativeName::Ip(address) => GeneralName::IpAddress(OctetString::new(address.clone())?),
        AlternativeName::Uri(uri) => GeneralName::UniformResourceIdentifier(Ia5String::new(uri)?),
        AlternativeName::Other(_) | AlternativeName::OtherName(_) | AlternativeName::Upn(_) => {
            return Err(Tag::Sequence.value_error().into());
        }
    })
}

fn policies(oids: &[String]) -> der::Result<CertificatePolicies> {
    let policies = oids.iter().map(|oid| {
        Ok(PolicyInformation {
            policy_identifier: ObjectIdentifier::new(oid)?,
            policy_qualifiers: None,
        })
    });
    Ok(CertificatePolicies(policies.collect::<der::Result<_>>()?))
}

fn distribution_points(urls: &[String]) -> der::Result<CrlDistributionPoints> {
    let names =
        urls.iter().map(|url| Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(url)?)));
    let full_name = DistributionPointName::FullName(names.collect::<der::Result<_>>()?);
    Ok(CrlDistributionPoints(vec![DistributionPoint {
        distribution_point: Some(full_name),
        reasons: None,
        crl_issuer: None,
    }]))
}
