//! Issuing: the certificates and the revocation list of an organisation, from profiles that are data.
//!
//! An organisation has one authority of its own and, below it, one certificate for signing and one for encryption,
//! named as RFC 3183 names gateways. Nothing here draws random numbers: each call takes the serial number's bytes.

use chancery_crypto::{PrivateKey, PublicKey};

use crate::binding::{CONFIDENTIALITY_AUTHORITY, SIGNING_AUTHORITY, is_domain};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::extension::{ExtendedKeyUsage, KeyUsage};
use crate::name::{AlternativeName, COMMON_NAME, DistinguishedName, ORGANIZATION};
use crate::path::NameLimits;

mod crl;
mod cross;
mod encode;
#[cfg(test)]
mod tests;

pub use crl::{Reason, Revoked, crl};
pub use cross::{Crossing, bridge, cross, except, within};

/// An organisation: its name and the mail domains it answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    name: String,
    domains: Vec<String>,
}

/// An authority that issues: its key and its certificate.
#[derive(Clone, Copy)]
pub struct Authority<'a> {
    /// The key that signs.
    pub key: &'a PrivateKey,
    /// The certificate of that key.
    pub certificate: &'a Certificate,
}

/// Everything a certificate says, apart from its issuer, key and serial number.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The subject.
    pub subject: DistinguishedName,
    /// Its other names.
    pub alternative_names: Vec<AlternativeName>,
    /// What the key may do; `None` for no limit.
    pub key_usage: Option<KeyUsage>,
    /// What it may be used for; empty for no limit.
    pub extended_key_usage: Vec<ExtendedKeyUsage>,
    /// `Some` for an authority, with the number of authorities that may be below it.
    pub authority: Option<Option<u8>>,
    /// First second of validity, in Unix time.
    pub not_before: i64,
    /// Last second of validity, in Unix time.
    pub not_after: i64,
    /// Object identifiers of certificate policies.
    pub policies: Vec<String>,
    /// Where the revocation list is found.
    pub crl_urls: Vec<String>,
    /// Where certificates of the issuer are found (`caIssuers`).
    pub issuer_urls: Vec<String>,
    /// Where certificates that the subject issued are found (`caRepository`).
    pub repository_urls: Vec<String>,
    /// Object identifiers of the ciphers that the subject's software reads, the best first (RFC 4262).
    pub reads: Vec<String>,
    /// What binds the authorities and certificates below this authority.
    pub limits: Limits,
}

/// What an authority allows the authority that it certifies (RFC 5280 sections 4.2.1.5, 4.2.1.10, 4.2.1.11, 4.2.1.14).
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// The names that it and those below it may give.
    pub names: NameLimits,
    /// Pairs of a policy of the issuer and the policy of the subject that is taken for it.
    pub policy_mappings: Vec<(String, String)>,
    /// After so many more certificates the path must be valid for a policy.
    pub require_explicit_policy: Option<u8>,
    /// After so many more certificates no policy may be mapped.
    pub inhibit_policy_mapping: Option<u8>,
    /// After so many more certificates `anyPolicy` is no policy.
    pub inhibit_any_policy: Option<u8>,
}

impl Organisation {
    /// Checks the name and the domains, of which there must be one at least; the first names the organisation's keys.
    pub fn new<D: Into<String>>(
        name: impl Into<String>,
        domains: impl IntoIterator<Item = D>,
    ) -> Result<Self, Error> {
        let name = name.into();
        let domains: Vec<String> = domains.into_iter().map(Into::into).collect();
        // RFC 5280 appendix A.1: ub-organization-name is 64.
        if name.trim().is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control)
        {
            return Err(Error::request(
                "the organisation's name must have 1 to 64 printable characters",
            ));
        }
        if domains.is_empty() {
            return Err(Error::request("the organisation has no domain"));
        }
        if let Some(bad) = domains.iter().find(|domain| !is_domain(domain)) {
            return Err(Error::request(format!(
                "{:?} is not a lower-case domain name",
                crate::name::printable(bad)
            )));
        }
        Ok(Self { name, domains })
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the domains.
    pub fn domains(&self) -> &[String] {
        &self.domains
    }

    fn subject(&self, role: &str) -> Result<DistinguishedName, Error> {
        let domain = self.domains.first().map_or("", String::as_str);
        let common_name = limited(&format!("{domain} {role}"));
        DistinguishedName::new(&[(ORGANIZATION, &self.name), (COMMON_NAME, &common_name)])
    }

    /// Returns the alternative names of a gateway: its RFC 3183 name at each domain, then the domains.
    fn gateway_names(&self, authority: &str) -> Vec<AlternativeName> {
        let emails = self
            .domains
            .iter()
            .map(|domain| AlternativeName::Email(format!("{authority}@{domain}")));
        let hosts = self.domains.iter().cloned().map(AlternativeName::Dns);
        emails.chain(hosts).collect()
    }
}

/// Issues the organisation's own authority: self-signed, 10 years.
pub fn ca(
    organisation: &Organisation,
    key: &PrivateKey,
    at: i64,
    serial: [u8; 20],
) -> Result<Certificate, Error> {
    self_signed(&authority_profile(organisation.subject("mail CA")?, at), key, serial)
}

/// Issues the certificate of an authority anew, for the same name and key: 10 years from now on. Whatever the authority
/// has signed stays signed by it, and so do the fingerprints that people compared.
pub fn renewed_ca(
    ca: &Certificate,
    key: &PrivateKey,
    at: i64,
    serial: [u8; 20],
) -> Result<Certificate, Error> {
    if key.public_key().spki_der() != ca.spki() || !ca.is_ca() {
        return Err(Error::request("the key and the certificate are not those of an authority"));
    }
    self_signed(&authority_profile(ca.subject_name().clone(), at), key, serial)
}

/// Issues the certificate with which the gateway signs for all domains of the organisation: 2 years.
pub fn organisation_signing(
    organisation: &Organisation,
    authority: &Authority<'_>,
    key: &PublicKey,
    at: i64,
    serial: [u8; 20],
) -> Result<Certificate, Error> {
    let profile = gateway_profile(
        organisation,
        "mail signing",
        SIGNING_AUTHORITY,
        KeyUsage::DIGITAL_SIGNATURE,
        at,
    )?;
    certificate(&profile, authority, key, serial)
}

/// Issues the certificate to which mail for all domains of the organisation is encrypted: 2 years.
pub fn organisation_encryption(
    organisation: &Organisation,
    authority: &Authority<'_>,
    key: &PublicKey,
    at: i64,
    serial: [u8; 20],
) -> Result<Certificate, Error> {
    // RFC 8550 section 4.4.2 with RFC 3279 and RFC 5480: RSA transports the content key, EC agrees on one.
    let usage = match key.kind() {
        kind if kind.is_rsa() => KeyUsage::KEY_ENCIPHERMENT,
        kind if kind.is_ec() => KeyUsage::KEY_AGREEMENT,
        kind => return Err(Error::request(format!("a key of kind {kind} cannot encrypt"))),
    };
    let mut profile =
        gateway_profile(organisation, "mail encryption", CONFIDENTIALITY_AUTHORITY, usage, at)?;
    profile.reads = READS.map(str::to_owned).to_vec();
    certificate(&profile, authority, key, serial)
}

/// Issues a self-signed certificate for a TLS server, such as the one STARTTLS begins with: 2 years.
pub fn tls_server(
    hosts: &[&str],
    key: &PrivateKey,
    at: i64,
    serial: [u8; 20],
) -> Result<Certificate, Error> {
    let Some(first) = hosts.first() else {
        return Err(Error::request("the TLS server has no host name"));
    };
    if let Some(bad) = hosts.iter().find(|host| !is_domain(host) && **host != "localhost") {
        return Err(Error::request(format!(
            "{:?} is not a lower-case host name",
            crate::name::printable(bad)
        )));
    }
    let usage = if key.kind().is_rsa() {
        // For RSA key exchange in TLS 1.2, which some mail servers still do.
        KeyUsage::DIGITAL_SIGNATURE.and(KeyUsage::KEY_ENCIPHERMENT)
    } else {
        KeyUsage::DIGITAL_SIGNATURE
    };
    let profile = Profile {
        subject: DistinguishedName::new(&[(COMMON_NAME, &limited(first))])?,
        alternative_names: hosts
            .iter()
            .map(|host| AlternativeName::Dns((*host).to_owned()))
            .collect(),
        key_usage: Some(usage),
        extended_key_usage: vec![ExtendedKeyUsage::ServerAuth],
        not_before: at - LEEWAY,
        not_after: at + TERM,
        ..Profile::default()
    };
    self_signed(&profile, key, serial)
}

/// Issues a certificate by a profile.
pub fn certificate(
    profile: &Profile,
    authority: &Authority<'_>,
    key: &PublicKey,
    serial: [u8; 20],
) -> Result<Certificate, Error> {
    if authority.key.public_key().spki_der() != authority.certificate.spki() {
        return Err(Error::request("the authority's key does not belong to its certificate"));
    }
    if !authority.certificate.is_ca() {
        return Err(Error::request(format!(
            "<{}> is not an authority",
            authority.certificate.subject()
        )));
    }
    if profile.not_after > authority.certificate.not_after() {
        return Err(Error::request(
            "the certificate would outlive its authority; renew the authority first",
        ));
    }
    encode::certificate(profile, Some(authority.certificate), authority.key, key, serial)
}

/// Issues a certificate that is signed by its own key.
pub fn self_signed(
    profile: &Profile,
    key: &PrivateKey,
    serial: [u8; 20],
) -> Result<Certificate, Error> {
    encode::certificate(profile, None, key, key.public_key(), serial)
}

fn authority_profile(subject: DistinguishedName, at: i64) -> Profile {
    Profile {
        subject,
        key_usage: Some(KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN)),
        // No path length: below it may come a bridge, and members of that.
        authority: Some(None),
        not_before: at - LEEWAY,
        not_after: at + 10 * YEAR,
        ..Profile::default()
    }
}

fn gateway_profile(
    organisation: &Organisation,
    role: &str,
    authority: &str,
    usage: KeyUsage,
    at: i64,
) -> Result<Profile, Error> {
    Ok(Profile {
        subject: organisation.subject(role)?,
        alternative_names: organisation.gateway_names(authority),
        key_usage: Some(usage),
        extended_key_usage: vec![ExtendedKeyUsage::EmailProtection],
        not_before: at - LEEWAY,
        not_after: at + TERM,
        ..Profile::default()
    })
}

/// Cuts a common name to the 64 characters of RFC 5280 appendix A.1; the full names are in the alternative names.
fn limited(name: &str) -> String {
    name.chars().take(64).collect()
}

/// A partner's clock may be behind ours; an hour covers what is seen in practice.
const LEEWAY: i64 = 3600;
/// How long the certificates of gateways and TLS servers are valid: two years, in seconds.
pub const TERM: i64 = 2 * YEAR;
/// 365 days.
const YEAR: i64 = 365 * 86_400;

/// What Chancery reads and other programs may write to it (RFC 5084, 8103, 3565): AES-256-GCM, ChaCha20-Poly1305,
/// AES-128-GCM, AES-256-CBC, AES-128-CBC.
const READS: [&str; 5] = [
    "2.16.840.1.101.3.4.1.46",
    "1.2.840.113549.1.9.16.3.18",
    "2.16.840.1.101.3.4.1.6",
    "2.16.840.1.101.3.4.1.42",
    "2.16.840.1.101.3.4.1.2",
];
