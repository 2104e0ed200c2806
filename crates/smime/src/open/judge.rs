//! Judges signers: who vouches for the certificate, and may it speak for From.

use chancery_cms::{SignedReport, SignerReport};
use chancery_mail::address::Mailbox;
use chancery_pki::Certificate;
use chancery_pki::revocation::RevocationList;

use crate::{
    error,
    open::{
        OpenFacts, preference, signature,
        voucher::{PathFound, Vouchers},
    },
    trust::Trust,
    verdict::{Problem, ServicesVerdict, SignerTrust, SignerVerdict, UnsignedVerdict},
};

/// Judges signers by the caller's anchors, at the caller's time.
pub(super) struct Judge<'a> {
    pub(super) trust: &'a dyn Trust,
    pub(super) facts: &'a OpenFacts<'a>,
    /// True if digests and keys count that can be forged today.
    pub(super) accepts_weak: bool,
}

impl Judge<'_> {
    /// Judges every signer of one signature; `authors` are those of the From that will be shown.
    pub(super) fn signers(
        &self,
        report: &SignedReport,
        authors: &[Mailbox],
        covers_content: bool,
    ) -> Vec<SignerVerdict> {
        let certificates = report.certificates.iter().take(MAX_POOL);
        let brought: Vec<Certificate> =
            certificates.filter_map(|it| Certificate::from_der(it).ok()).collect();
        let lists = report.crls.iter().take(MAX_LISTS);
        let lists = lists.filter_map(|it| RevocationList::from_der(it.clone()).ok());
        let known = self.trust.known().with(&brought, lists);
        let vouchers =
            Vouchers { trust: self.trust, facts: self.facts, known, brought: &brought, authors };
        let signers = report.signers.iter().take(MAX_SIGNERS);
        signers.map(|signer| self.signer(signer, &vouchers, covers_content)).collect()
    }

    fn signer(
        &self,
        signer: &SignerReport,
        vouchers: &Vouchers<'_>,
        covers_content: bool,
    ) -> SignerVerdict {
        let certificate =
            signer.certificate.as_deref().and_then(|der| Certificate::from_der(der).ok());
        let found = match &certificate {
            Some(certificate) => vouchers.best(certificate),
            None => PathFound::without_certificate(),
        };
        let text =
            |get: fn(&Certificate) -> String| certificate.as_ref().map(get).unwrap_or_default();
        let believed = found.anchor.as_ref().filter(|_| found.speaks && signer.is_sound());
        let encryption_certificate =
            believed.and_then(|anchor| preference::certificate(signer, vouchers, anchor));
        SignerVerdict {
            subject: certificate
                .as_ref()
                .map_or_else(|| describe(&signer.identifier), Certificate::subject),
            issuer: text(Certificate::issuer),
            serial: text(Certificate::serial_hex),
            emails: certificate.as_ref().map(|it| it.emails().to_vec()).unwrap_or_default(),
            fingerprint: text(Certificate::fingerprint_sha256),
            algorithm: signer.algorithm.clone(),
            digest: signer.digest.map(|digest| digest.name().to_owned()).unwrap_or_default(),
            signing_time: signer.signing_time,
            is_domain_signature: signer.is_domain_signature,
            signature_ok: signer.result.is_ok(),
            is_weak: !self.accepts_weak && signer.result.is_ok() && !signer.is_sound(),
            covers_content,
            path: found.path,
            trust: found.trust,
            partner: found.anchor.map(|anchor| anchor.name),
            speaks_for_from: found.speaks,
            why: found.why,
            validation: found.details,
            services: ServicesVerdict::of(&signer.services),
            unsigned: UnsignedVerdict::of(signer),
            capabilities: signer.capabilities.clone(),
            encryption_certificate,
        }
    }
}

/// Returns what is wrong with a signature itself.
pub(super) fn problems_of_signature(signer: &SignerReport) -> Vec<Problem> {
    match &signer.result {
        Err(failure) if signature::is_checked(&signer.result) => {
            vec![Problem::new(&error::SIGNATURE_BAD, failure.to_string())]
        }
        Err(failure) => vec![Problem::new(&error::SIGNATURE_UNCHECKED, failure.to_string())],
        Ok(()) => weaknesses(signer)
            .map(|weakness| Problem::new(&error::WEAK_ALGORITHM, weakness))
            .collect(),
    }
}

/// Returns what makes a right signature worthless; that it has no signed attributes does not.
fn weaknesses(signer: &SignerReport) -> impl Iterator<Item = String> {
    let is_weakness = |problem: &&chancery_cms::Problem| {
        !matches!(problem, chancery_cms::Problem::NoSignedAttributes)
    };
    signer.problems.iter().filter(is_weakness).map(ToString::to_string)
}

/// Returns the problem that a signer is, if it is one.
pub(super) fn problem_of(signer: &SignerVerdict) -> Option<Problem> {
    let code = match signer.trust {
        _ if !signer.signature_ok => return None,
        SignerTrust::Stranger | SignerTrust::NoCertificate => &error::SIGNER_UNKNOWN,
        SignerTrust::Expired => &error::CERTIFICATE_EXPIRED,
        SignerTrust::PathFailed => &error::PATH_FAILED,
        SignerTrust::RevocationUnknown => &error::REVOCATION_UNKNOWN,
        SignerTrust::Revoked => &error::CERTIFICATE_REVOKED,
        SignerTrust::Partner | SignerTrust::Own if !signer.speaks_for_from => {
            &error::SIGNER_MISMATCH
        }
        SignerTrust::Partner | SignerTrust::Own => return None,
    };
    Some(Problem::new(code, format!("signer {}: {}", signer.subject, signer.why)))
}

/// Signers looked at and reported, of one signature and of all together; honest messages have one or two.
pub(super) const MAX_SIGNERS: usize = 32;

/// Certificates taken from one signature; honest ones carry two or three.
const MAX_POOL: usize = 32;

/// Revocation lists taken from one signature.
const MAX_LISTS: usize = 8;

/// Names a signer who left no certificate.
fn describe(identifier: &chancery_cms::Identifier) -> String {
    identifier.to_string().chars().take(MAX_IDENTIFIER).collect()
}

/// An issuer's name has some hundred characters.
const MAX_IDENTIFIER: usize = 300;
