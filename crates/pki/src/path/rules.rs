//! The rules that look at one certificate by itself: what each one must obey, what an issuer, and what the target.

use crate::algorithm;
use crate::binding::{Scope, encrypts_for, speaks_for};
use crate::extension::{ExtendedKeyUsage, KeyUsage};
use crate::name::printable;
use crate::path::answer::Step;
use crate::path::question::Question;
use crate::path::{Purpose, Rule};
use crate::time;

/// What every certificate must obey, target and anchor too.
pub(super) fn check_itself(question: &Question<'_>, step: &mut Step) {
    let certificate = step.certificate.clone();
    let flaw = question.verifier.flaw_of_key(&certificate, question.trust.algorithms);
    step.note(Rule::Algorithm, flaw);
    let (begin, end) = (certificate.not_before(), certificate.not_after());
    step.expect(Rule::NotYetValid, question.at >= begin, || {
        format!("is not valid before {}", time::text(begin))
    });
    step.expect(Rule::Expired, question.at <= end, || format!("expired {}", time::text(end)));
    let unknown = &certificate.extensions().unknown_critical;
    step.expect(Rule::UnknownCriticalExtension, unknown.is_empty(), || {
        format!("has unknown critical extensions: {}", printable(&unknown.join(", ")))
    });
}

/// What an issuer must obey (RFC 5280 section 6.1.4 (k) and (n)).
pub(super) fn check_issuer(question: &Question<'_>, step: &mut Step) {
    let certificate = step.certificate.clone();
    // An anchor of version 1 has no place to say that it is an authority; its owner said so by making it an anchor.
    let is_old_anchor = step.is_anchor && certificate.version() < 3;
    step.expect(Rule::BasicConstraints, certificate.is_ca() || is_old_anchor, || {
        "is not an authority but issued a certificate".to_owned()
    });
    let may_sign = certificate.permits(KeyUsage::KEY_CERT_SIGN);
    step.expect(Rule::KeyCertSign, may_sign, || "has a key usage without keyCertSign".to_owned());
    // RFC 5280 leaves it open what this extension means in an authority; everybody who looks takes it as a limit. Not on who
    // answers for it: RFC 6960 section 4.2.2.2 asks only that the authority made the responder one, and those of
    // authorities for mail list nothing but mail.
    let purpose = question.purpose;
    if purpose != Purpose::OcspSign
        && let Some(permits) = extended_usage_permits(step, purpose)
    {
        step.expect(Rule::ExtendedKeyUsage, permits, || {
            format!("is an authority that is not for {}", purpose.text())
        });
    }
}

/// What the target must obey for the purpose (RFC 8550 sections 3, 4.4.2 and 4.4.4, RFC 5280 section 4.2.1.12).
pub(super) fn check_target(question: &Question<'_>, step: &mut Step) {
    let certificate = step.certificate.clone();
    let purpose = question.purpose;
    if purpose == Purpose::SmimeEncrypt && algorithm::key_management(&certificate).is_none() {
        step.note(Rule::Algorithm, Some("has a key that cannot encrypt".to_owned()));
    }
    let needed = match purpose {
        Purpose::Any => None,
        Purpose::SmimeSign | Purpose::OcspSign => Some(KeyUsage::SIGNING),
        Purpose::SmimeEncrypt => algorithm::key_management(&certificate),
        Purpose::TlsClient => Some(KeyUsage::DIGITAL_SIGNATURE.and(KeyUsage::KEY_AGREEMENT)),
        Purpose::TlsServer => Some(
            KeyUsage::DIGITAL_SIGNATURE
                .and(KeyUsage::KEY_ENCIPHERMENT)
                .and(KeyUsage::KEY_AGREEMENT),
        ),
        Purpose::CrlSign => Some(KeyUsage::CRL_SIGN),
    };
    if let Some(needed) = needed {
        let permits = certificate.permits(needed);
        step.expect(Rule::KeyUsage, permits, || {
            format!("has a key usage that does not permit {}", purpose.text())
        });
    }
    if let Some(permits) = extended_usage_permits(step, purpose) {
        step.expect(Rule::ExtendedKeyUsage, permits, || {
            format!("has no extended key usage for {}", purpose.text())
        });
    }
    if let Some(address) = question.address {
        check_address(question, address, step);
    }
}

/// RFC 8550 section 3: the address is in the certificate. Whose domains the anchor may speak for is its partner's limit.
fn check_address(question: &Question<'_>, address: &str, step: &mut Step) {
    let domains = question.trust.domains.as_deref();
    let scope = domains.map_or(Scope::Mailboxes, Scope::Domains);
    let speaks = if question.purpose == Purpose::SmimeEncrypt {
        encrypts_for(&step.certificate, address, scope)
    } else {
        speaks_for(&step.certificate, address, scope)
    };
    step.expect(Rule::Address, speaks.is_some(), || {
        format!("may not be used for the address {}", printable(address))
    });
}

/// Returns whether the extended key usages permit the purpose; `None` if it asks for none.
fn extended_usage_permits(step: &Step, purpose: Purpose) -> Option<bool> {
    let needed = match purpose {
        Purpose::Any | Purpose::CrlSign => return None,
        Purpose::SmimeSign | Purpose::SmimeEncrypt => ExtendedKeyUsage::EmailProtection,
        Purpose::OcspSign => ExtendedKeyUsage::OcspSigning,
        Purpose::TlsClient => ExtendedKeyUsage::ClientAuth,
        Purpose::TlsServer => ExtendedKeyUsage::ServerAuth,
    };
    Some(step.certificate.permits_extended(&needed))
}

impl Purpose {
    /// Returns the name by which it is chosen on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::CrlSign => "crl-sign",
            Self::OcspSign => "ocsp-sign",
            Self::SmimeEncrypt => "smime-encrypt",
            Self::SmimeSign => "smime-sign",
            Self::TlsClient => "tls-client",
            Self::TlsServer => "tls-server",
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Any => "any purpose",
            Self::CrlSign => "signing revocation lists",
            Self::OcspSign => "answering for revocation",
            Self::SmimeEncrypt => "encrypting mail",
            Self::SmimeSign => "signing mail",
            Self::TlsClient => "TLS clients",
            Self::TlsServer => "TLS servers",
        }
    }
}
