//! Cross-certificates: one authority vouches for another one, within limits (RFC 5280 section 3.2, RFC 4158 section 1.5).
//!
//! ```text
//! our authority ──cross──► bridge ──cross──► a member's authority ──► its gateway
//!     except(our domains)      within(the domains it has proven)
//! ```

use chancery_crypto::PrivateKey;

use crate::binding::is_domain;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::extension::ANY_POLICY;
use crate::issue::{
    Authority, Limits, Profile, authority_profile, certificate, limited, self_signed,
};
use crate::name::{AlternativeName, COMMON_NAME, DistinguishedName, ORGANIZATION};
use crate::path::NameLimits;

/// How one authority vouches for another one.
#[derive(Clone, Debug)]
pub struct Crossing {
    /// A certificate of the authority that is vouched for: its name and its key count.
    pub subject: Certificate,
    /// What binds it: names, mappings, policies.
    pub limits: Limits,
    /// The most authorities below it; `None` for no limit.
    pub path_length: Option<u8>,
    /// Object identifiers of the policies, in the words of the issuer.
    pub policies: Vec<String>,
    /// Where the revocation list of the issuer is found.
    pub crl_urls: Vec<String>,
    /// Where certificates of the issuer are found.
    pub issuer_urls: Vec<String>,
    /// Where certificates that the subject issued are found.
    pub repository_urls: Vec<String>,
    /// Last second of validity, in Unix time; the ends of both authorities come first.
    pub not_after: i64,
}

impl Crossing {
    /// Vouches for the next key of the same authority, without any limit (RFC 4210 section 4.4): what was issued with the
    /// one key is then reached from the other.
    pub fn rollover(subject: &Certificate) -> Self {
        Self {
            subject: subject.clone(),
            limits: Limits::default(),
            path_length: None,
            policies: vec![ANY_POLICY.to_string()],
            crl_urls: Vec::new(),
            issuer_urls: Vec::new(),
            repository_urls: subject.repository_urls().map(str::to_owned).collect(),
            not_after: subject.not_after(),
        }
    }
}

/// Issues the certificate of a bridge: self-signed, 10 years. Whoever trusts it as an anchor trusts all its members.
pub fn bridge(
    name: &str,
    repository_url: &str,
    key: &PrivateKey,
    at: i64,
    serial: [u8; 20],
) -> Result<Certificate, Error> {
    // RFC 5280 appendix A.1: ub-organization-name is 64.
    if name.trim().is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
        return Err(Error::request("the bridge's name must have 1 to 64 printable characters"));
    }
    let subject = DistinguishedName::new(&[
        (ORGANIZATION, name),
        (COMMON_NAME, &limited(&format!("{name} bridge CA"))),
    ])?;
    let repository_urls = vec![repository_url.to_owned()];
    self_signed(&Profile { repository_urls, ..authority_profile(subject, at) }, key, serial)
}

/// Issues a cross-certificate from one hour before the given time on.
pub fn cross(
    crossing: &Crossing,
    issuer: &Authority<'_>,
    at: i64,
    serial: [u8; 20],
) -> Result<Certificate, Error> {
    let subject = &crossing.subject;
    if !subject.is_ca() {
        return Err(Error::request(format!("<{}> is not an authority", subject.subject())));
    }
    let Some(key) = subject.public_key() else {
        let (name, kind) = (subject.subject(), subject.key_kind());
        return Err(Error::request(format!("<{name}> has a key that we cannot use: {kind}")));
    };
    if key.spki_der() == issuer.certificate.spki() {
        return Err(Error::request("an authority cannot vouch for its own key"));
    }
    let profile = Profile {
        policies: crossing.policies.clone(),
        crl_urls: crossing.crl_urls.clone(),
        issuer_urls: crossing.issuer_urls.clone(),
        repository_urls: crossing.repository_urls.clone(),
        limits: crossing.limits.clone(),
        authority: Some(crossing.path_length),
        not_after: crossing.not_after.min(subject.not_after()).min(issuer.certificate.not_after()),
        ..authority_profile(subject.subject_name().clone(), at)
    };
    certificate(&profile, issuer, key, serial)
}

/// Permits mailboxes and hosts of exactly these domains, and no addresses of hosts at all.
///
/// A constraint `acme.example` is of mailboxes at that host only; of hosts and URIs it takes those below as well.
pub fn within(domains: &[String]) -> Result<NameLimits, Error> {
    refuse_others(domains)?;
    if domains.is_empty() {
        return Err(Error::request("there is no domain to permit"));
    }
    let permitted = domains.iter().flat_map(|domain| {
        [
            AlternativeName::Email(domain.clone()),
            AlternativeName::Dns(domain.clone()),
            AlternativeName::Uri(domain.clone()),
        ]
    });
    // RFC 5280 section 4.2.1.10: address and mask; the whole space of IPv4, and of IPv6.
    let everywhere = [AlternativeName::Ip(vec![0; 8]), AlternativeName::Ip(vec![0; 32])];
    Ok(NameLimits::new(permitted.collect(), everywhere.into()))
}

/// Excludes mailboxes and hosts of these domains and of all below them; permits others, or only those of `permitted`.
pub fn except(excluded: &[String], permitted: &[String]) -> Result<NameLimits, Error> {
    refuse_others(excluded)?;
    refuse_others(permitted)?;
    let trees = |domains: &[String]| {
        let trees = domains.iter().flat_map(|domain| {
            let below = format!(".{domain}");
            [
                AlternativeName::Email(domain.clone()),
                AlternativeName::Email(below.clone()),
                AlternativeName::Dns(domain.clone()),
                AlternativeName::Uri(domain.clone()),
                AlternativeName::Uri(below),
            ]
        });
        trees.collect()
    };
    Ok(NameLimits::new(trees(permitted), trees(excluded)))
}

fn refuse_others(domains: &[String]) -> Result<(), Error> {
    match domains.iter().find(|domain| !is_domain(domain)) {
        None => Ok(()),
        Some(bad) => Err(Error::request(format!(
            "{:?} is not a lower-case domain name",
            crate::name::printable(bad)
        ))),
    }
}

#[cfg(test)]
mod tests;
