//! The rules of one path: each certificate by itself, and each with those above it.

use crate::algorithm;
use crate::certificate::Certificate;
use crate::extension::{ExtendedKeyUsage, KeyUsage};
use crate::name::printable;
use crate::path::constraints;
use crate::path::{Failure, Purpose, Rule};
use crate::time;

/// What the caller asks.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    pub(super) purpose: Purpose,
    pub(super) at: i64,
}

/// Returns every rule that does not hold on the path, signatures apart. The target is first; the last is an anchor if
/// `ends_at_anchor`.
pub(super) fn failures(path: &[&Certificate], ends_at_anchor: bool, facts: Facts) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut authorities_below = 0;
    for (index, certificate) in path.iter().enumerate() {
        let is_anchor = ends_at_anchor && index + 1 == path.len();
        check_itself(certificate, facts, &mut failures);
        if index == 0 {
            check_target(certificate, facts.purpose, &mut failures);
            continue;
        }
        check_issuer(certificate, authorities_below, is_anchor, facts.purpose, &mut failures);
        let below = path.get(..index).unwrap_or_default();
        failures.extend(constraints::check(certificate, below));
        // RFC 5280 section 6.1.4 (l): self-issued certificates do not count.
        authorities_below += u32::from(!certificate.is_self_issued());
    }
    failures
}

/// Makes a failure of one certificate.
pub(super) fn failure(certificate: &Certificate, rule: Rule, detail: impl Into<String>) -> Failure {
    Failure { rule, clause: rule.clause(), subject: certificate.subject(), detail: detail.into() }
}

/// What every certificate must obey, target and anchor too.
fn check_itself(certificate: &Certificate, facts: Facts, failures: &mut Vec<Failure>) {
    let mut fail = |rule, detail: String| failures.push(failure(certificate, rule, detail));
    if let Err(detail) = algorithm::check_key(certificate) {
        fail(Rule::Algorithm, detail);
    }
    if facts.at < certificate.not_before() {
        fail(
            Rule::NotYetValid,
            format!("is not valid before {}", time::text(certificate.not_before())),
        );
    }
    if facts.at > certificate.not_after() {
        fail(Rule::Expired, format!("expired {}", time::text(certificate.not_after())));
    }
    let extensions = certificate.extensions();
    let constraints = extensions.policy_constraints;
    if constraints.require_explicit_policy.is_some() {
        fail(Rule::Policy, "cannot be evaluated: an explicit policy is required".to_owned());
    }
    if !extensions.unknown_critical.is_empty() {
        let oids = extensions.unknown_critical.join(", ");
        fail(
            Rule::UnknownCriticalExtension,
            format!("has unknown critical extensions: {}", printable(&oids)),
        );
    }
}

/// What an issuer must obey (RFC 5280 section 6.1.4 (k) to (n)).
fn check_issuer(
    certificate: &Certificate,
    authorities_below: u32,
    is_anchor: bool,
    purpose: Purpose,
    failures: &mut Vec<Failure>,
) {
    let mut fail = |rule, detail: String| failures.push(failure(certificate, rule, detail));
    // An anchor of version 1 has no place to say that it is an authority; its owner said so by making it an anchor.
    let is_old_anchor = is_anchor && certificate.version() < 3;
    if !certificate.is_ca() && !is_old_anchor {
        fail(Rule::BasicConstraints, "is not an authority but issued a certificate".to_owned());
    }
    let limit =
        certificate.extensions().basic_constraints.and_then(|constraints| constraints.path_length);
    if let Some(limit) = limit
        && authorities_below > limit
    {
        fail(
            Rule::PathLength,
            format!("may have {limit} authorities below it and has {authorities_below}"),
        );
    }
    if certificate.key_usage().is_some_and(|usage| !usage.permits(KeyUsage::KEY_CERT_SIGN)) {
        fail(Rule::KeyCertSign, "has a key usage without keyCertSign".to_owned());
    }
    // RFC 5280 leaves it open what this extension means in an authority; everybody who looks takes it as a limit.
    if !extended_usage_permits(certificate, purpose) {
        fail(Rule::ExtendedKeyUsage, format!("is an authority that is not for {}", purpose.text()));
    }
}

/// What the target must obey for the purpose (RFC 8550 section 4.4.2 and 4.4.4, RFC 5280 section 4.2.1.12).
fn check_target(certificate: &Certificate, purpose: Purpose, failures: &mut Vec<Failure>) {
    let needed = match purpose {
        Purpose::Any => None,
        Purpose::SmimeSign => Some(KeyUsage::DIGITAL_SIGNATURE.and(KeyUsage::NON_REPUDIATION)),
        Purpose::SmimeEncrypt => {
            let needed = algorithm::key_management(certificate);
            if needed.is_none() {
                failures.push(failure(
                    certificate,
                    Rule::Algorithm,
                    "has a key that cannot encrypt",
                ));
            }
            needed
        }
        Purpose::TlsServer => Some(
            KeyUsage::DIGITAL_SIGNATURE
                .and(KeyUsage::KEY_ENCIPHERMENT)
                .and(KeyUsage::KEY_AGREEMENT),
        ),
    };
    if let (Some(needed), Some(usage)) = (needed, certificate.key_usage())
        && !usage.permits(needed)
    {
        let detail = format!("has a key usage that does not permit {}", purpose.text());
        failures.push(failure(certificate, Rule::KeyUsage, detail));
    }
    if !extended_usage_permits(certificate, purpose) {
        let detail = format!("has no extended key usage for {}", purpose.text());
        failures.push(failure(certificate, Rule::ExtendedKeyUsage, detail));
    }
}

fn extended_usage_permits(certificate: &Certificate, purpose: Purpose) -> bool {
    let needed = match purpose {
        Purpose::Any => return true,
        Purpose::SmimeSign | Purpose::SmimeEncrypt => ExtendedKeyUsage::EmailProtection,
        Purpose::TlsServer => ExtendedKeyUsage::ServerAuth,
    };
    certificate.extended_key_usage().is_none_or(|usages| {
        usages.iter().any(|usage| *usage == needed || *usage == ExtendedKeyUsage::Any)
    })
}

impl Purpose {
    fn text(self) -> &'static str {
        match self {
            Self::Any => "any purpose",
            Self::SmimeEncrypt => "encrypting mail",
            Self::SmimeSign => "signing mail",
            Self::TlsServer => "TLS servers",
        }
    }
}
