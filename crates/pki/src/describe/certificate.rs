//! A certificate in words.

use chancery_crypto::hex;

use crate::certificate::Certificate;
use crate::describe::{Description, signature_algorithm};
use crate::extension::ExtendedKeyUsage;
use crate::name::AlternativeName;
use crate::revocation;
use crate::time;

pub(super) fn certificate(certificate: &Certificate) -> Description {
    let mut says = Description::new("certificate");
    says.one("subject", certificate.subject());
    says.one("issuer", certificate.issuer());
    says.one("serial", certificate.serial_hex());
    says.number("version", usize::from(certificate.version()));
    says.one("not_before", time::text(certificate.not_before()));
    says.one("not_after", time::text(certificate.not_after()));
    says.one("key", certificate.key_kind());
    says.one("signature", signature_algorithm(certificate.signature_algorithm()));
    says.many("names", certificate.alternative_names().iter().map(name));
    usages(certificate, &mut says);
    limits(certificate, &mut says);
    says.maybe("subject_key_id", certificate.subject_key_id().map(hex));
    says.maybe("authority_key_id", certificate.authority_key_id().map(hex));
    says.many("issuer_urls", certificate.issuer_urls());
    says.many("repository_urls", certificate.repository_urls());
    says.many("ocsp_urls", certificate.ocsp_urls());
    says.many("crl_urls", revocation::list_urls(certificate));
    says.many("delta_crl_urls", revocation::delta_urls(certificate));
    says.many("unknown_critical", &certificate.extensions().unknown_critical);
    says.one("fingerprint_sha256", certificate.fingerprint_sha256());
    says
}

/// What the key may do.
fn usages(certificate: &Certificate, says: &mut Description) {
    if let Some(usage) = certificate.key_usage() {
        let bits = KEY_USAGES.iter().enumerate();
        let present = bits.filter(|(bit, _)| usage.bits() & (1 << bit) != 0);
        says.many("key_usage", present.map(|(_, name)| name));
    }
    if let Some(usages) = certificate.extended_key_usage() {
        says.many("extended_key_usage", usages.iter().map(extended_key_usage));
    }
}

/// What an authority may issue, and under which policies.
fn limits(certificate: &Certificate, says: &mut Description) {
    let extensions = certificate.extensions();
    if let Some(basic) = extensions.basic_constraints {
        says.one("authority", if basic.ca { "yes" } else { "no" });
        says.maybe("path_length", basic.path_length.map(|length| length.to_string()));
    }
    if let Some(policies) = &extensions.policies {
        says.many("policies", policies.identifiers.iter().map(ToString::to_string));
    }
    let mappings = extensions.policy_mappings.iter();
    says.many("policy_mappings", mappings.map(|(ours, theirs)| format!("{ours} = {theirs}")));
    let count = |count: Option<u32>| count.map(|count| format!("after {count} certificates"));
    let constraints = extensions.policy_constraints;
    says.maybe("require_explicit_policy", count(constraints.require_explicit_policy));
    says.maybe("inhibit_policy_mapping", count(constraints.inhibit_policy_mapping));
    says.maybe("inhibit_any_policy", count(extensions.inhibit_any_policy));
    if let Some(names) = &extensions.name_constraints {
        says.many("permitted_names", names.permitted.iter().map(name));
        says.many("excluded_names", names.excluded.iter().map(name));
    }
}

fn name(name: &AlternativeName) -> String {
    match name {
        AlternativeName::Directory(name) => format!("directory:{name}"),
        AlternativeName::Dns(name) => format!("dns:{name}"),
        AlternativeName::Email(address) => format!("email:{address}"),
        AlternativeName::Ip(octets) => format!("ip:{}", address(octets)),
        AlternativeName::Other(tag) => format!("form {tag}"),
        AlternativeName::OtherName(oid) => format!("other:{oid}"),
        AlternativeName::Upn(name) => format!("upn:{name}"),
        AlternativeName::Uri(uri) => format!("uri:{uri}"),
    }
}

/// Writes an address, or an address and a mask (RFC 5280 section 4.2.1.10).
fn address(octets: &[u8]) -> String {
    let one = |octets: &[u8]| {
        <[u8; 4]>::try_from(octets)
            .map(|octets| std::net::Ipv4Addr::from(octets).to_string())
            .or_else(|_| {
                <[u8; 16]>::try_from(octets)
                    .map(|octets| std::net::Ipv6Addr::from(octets).to_string())
            })
            .unwrap_or_else(|_| hex(octets))
    };
    match octets.len() {
        8 | 32 => {
            let (address, mask) = octets.split_at(octets.len() / 2);
            format!("{}/{}", one(address), one(mask))
        }
        _ => one(octets),
    }
}

fn extended_key_usage(usage: &ExtendedKeyUsage) -> String {
    match usage {
        ExtendedKeyUsage::Any => "any".to_owned(),
        ExtendedKeyUsage::ClientAuth => "clientAuth".to_owned(),
        ExtendedKeyUsage::EmailProtection => "emailProtection".to_owned(),
        ExtendedKeyUsage::OcspSigning => "OCSPSigning".to_owned(),
        ExtendedKeyUsage::Other(oid) => oid.clone(),
        ExtendedKeyUsage::ServerAuth => "serverAuth".to_owned(),
    }
}

/// The names of the bits (RFC 5280 section 4.2.1.3).
const KEY_USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];
