//! What OCSP responses say about a certificate: the rules of RFC 6960 section 3.2, and who may respond (section 4.2.2.2).

use chancery_crypto::DigestAlgorithm;

use crate::certificate::Certificate;
use crate::extension::{ExtendedKeyUsage, KeyUsage};
use crate::revocation::freshness::Dates;
use crate::revocation::ocsp::{CertificateStatus, OcspResponse, Responder, SingleResponse};
use crate::revocation::signed::{Memo, Signed};
use crate::revocation::step::{Rule, Source, Steps};
use crate::revocation::{Question, SignerRole, Signers, Status, point};
use crate::time;

/// One look through the responses, for one certificate.
pub(super) struct Search<'a> {
    question: &'a Question<'a>,
    signers: &'a mut dyn Signers,
    steps: &'a mut Steps,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        question: &'a Question<'a>,
        signers: &'a mut dyn Signers,
        steps: &'a mut Steps,
    ) -> Self {
        Self { question, signers, steps }
    }

    /// Takes the newest response that holds, unless an older one that is current revokes for good. Returns nothing if there
    /// is none about the certificate.
    pub(super) fn run(mut self) -> Option<Status> {
        let Question { certificate, issuer, evidence, .. } = *self.question;
        let answers = evidence.answers(certificate.serial());
        let about: Vec<_> =
            answers.iter().filter(|answer| answer.is_about(certificate, issuer)).collect();
        let mut newest = None;
        for answer in about.iter().take(MAX_ANSWERS) {
            if newest.is_some() && !is_revoked_for_good(answer) {
                continue;
            }
            match self.consider(answer, newest.is_none()) {
                Some(revoked) if is_revoked_for_good(answer) => return Some(revoked),
                status => newest = newest.or(status),
            }
        }
        if newest.is_some() {
            return newest;
        }
        let why = if about.len() > MAX_ANSWERS {
            "there are more responses about it than are looked at"
        } else {
            "no response about it can be used"
        };
        (!about.is_empty()).then(|| Status::Unknown { why: why.to_owned() })
    }

    /// Applies the rules to one answer; returns what it says if they hold. No newer one holds if it is the newest.
    fn consider(&mut self, answer: &SingleResponse, is_newest: bool) -> Option<Status> {
        let Question { at, settings, .. } = *self.question;
        let source = Source::Response(answer.clone());
        let dates = Dates { this_update: answer.this_update(), next_update: answer.next_update() };
        let was_revoked =
            matches!(answer.status(), CertificateStatus::Revoked(entry) if entry.since <= at);
        // A response of a later time counts if it says that the certificate was revoked by the time in question.
        let is_later = dates.is_later(at, settings) && was_revoked;
        // What was revoked for good stays so when nothing newer comes.
        let stays = is_newest && was_revoked && is_revoked_for_good(answer);
        match dates.check(at, settings) {
            Err(detail) if !is_later && !stays => {
                return self.steps.fail(Rule::ResponseCurrent, source, detail);
            }
            Ok(detail) | Err(detail) => self.steps.hold(Rule::ResponseCurrent, &source, detail),
        }
        if let Some(oid) = answer.unknown_critical() {
            let detail = format!("has an unknown critical extension {oid}");
            return self.steps.fail(Rule::CriticalExtension, source, detail);
        }
        if !self.is_authorised(answer.response(), &source) {
            return None;
        }
        match answer.status() {
            CertificateStatus::Good => {
                self.steps.hold(
                    Rule::CertificateStatus,
                    &source,
                    "says that the certificate is good",
                );
                Some(Status::Good { by: vec![source], until: dates.until(settings) })
            }
            CertificateStatus::Revoked(entry) => {
                let since = time::text(entry.since);
                let detail =
                    format!("says that the certificate is revoked since {since}: {}", entry.reason);
                self.steps.fail::<()>(Rule::CertificateStatus, source.clone(), detail);
                let (reason, since) = (entry.reason, entry.since);
                Some(Status::Revoked { by: source, reason, since, invalid_since: None })
            }
            CertificateStatus::Unknown => {
                let detail = "says that the responder does not know the certificate";
                self.steps.fail::<()>(Rule::CertificateStatus, source, detail);
                Some(Status::Unknown { why: "its responder does not know it".to_owned() })
            }
        }
    }

    /// Finds whose key signed the response and whether that is somebody who may respond.
    fn is_authorised(&mut self, response: &OcspResponse, source: &Source) -> bool {
        let issuer = self.question.issuer;
        let mut candidates = vec![issuer.clone()];
        candidates.extend(self.question.settings.responders.iter().cloned());
        candidates.extend(response.certificates().iter().cloned());
        if let Responder::Name(name) = response.responder() {
            candidates.extend(self.signers.named(name));
        }
        candidates.retain(|candidate| is_named(response.responder(), candidate));
        if candidates.is_empty() {
            let detail = "was made by a responder whose certificate is not here";
            self.steps.fail::<()>(Rule::ResponderIdentity, source.clone(), detail);
        }
        let mut seen: Vec<Certificate> = Vec::new();
        for candidate in candidates.into_iter().take(MAX_RESPONDERS) {
            if seen.contains(&candidate) {
                continue;
            }
            if self.may_respond(&candidate, source) && self.is_signed(response, &candidate, source)
            {
                return true;
            }
            seen.push(candidate);
        }
        false
    }

    /// RFC 6960 section 4.2.2.2: the authority itself, a responder that we trust ourselves, or one that the authority
    /// made one.
    fn may_respond(&mut self, candidate: &Certificate, source: &Source) -> bool {
        let name = candidate.subject();
        let found = if candidate.spki() == self.question.issuer.spki() {
            Ok(format!("was made by the authority <{name}> itself"))
        } else if self.question.settings.responders.contains(candidate) {
            Ok(format!("was made by <{name}>, a responder that is trusted by setting"))
        } else {
            match self.is_delegate(candidate) {
                Ok(()) => Ok(format!("was made by <{name}>, whom the authority made a responder")),
                Err(why) => Err(format!("was made by <{name}>, who {why}")),
            }
        };
        let is_authorised = found.is_ok();
        let (Ok(detail) | Err(detail)) = found;
        self.steps.note(Rule::Responder, Some(source.clone()), is_authorised, detail);
        is_authorised
    }

    /// Checks that the authority that issued the certificate, with the same key, also made this one a responder.
    fn is_delegate(&mut self, candidate: &Certificate) -> Result<(), &'static str> {
        let Question { issuer, at, .. } = *self.question;
        if candidate.issuer_name() != issuer.subject_name() {
            return Err("has a certificate of another authority");
        }
        let usages = candidate.extended_key_usage().unwrap_or_default();
        if !usages.contains(&ExtendedKeyUsage::OcspSigning) {
            return Err("has no extended key usage for signing responses");
        }
        if !candidate.permits(KeyUsage::SIGNING) {
            return Err("has a key usage that does not permit signatures");
        }
        if !candidate.is_valid_at(at) {
            return Err("has a certificate that is not valid at the time");
        }
        if !self.is_certified(candidate) {
            return Err("has a certificate that the authority did not sign");
        }
        let no_check = point::extension(candidate, NO_CHECK).is_some();
        if self.signers.trusts(candidate, SignerRole::OcspResponder { no_check }) {
            Ok(())
        } else {
            Err("has a certificate without a valid path, or one that is revoked")
        }
    }

    /// Checks that a key of the authority signed a certificate: the one that signed the certificate in question, or, which
    /// RFC 6960 allows, another one.
    fn is_certified(&mut self, candidate: &Certificate) -> bool {
        let issuer = self.question.issuer;
        let memo = Memo::default();
        let signed = Signed::of_certificate(candidate, &memo);
        if self.signers.verify(&signed, issuer).is_ok() {
            return true;
        }
        let mut others = self.signers.named(issuer.subject_name());
        others.retain(|it| it.spki() != issuer.spki() && it.permits(KeyUsage::KEY_CERT_SIGN));
        others.truncate(MAX_RESPONDERS);
        others.iter().any(|other| {
            self.signers.verify(&signed, other).is_ok() && self.signers.is_authority(other)
        })
    }

    fn is_signed(
        &mut self,
        response: &OcspResponse,
        signer: &Certificate,
        source: &Source,
    ) -> bool {
        match self.signers.verify(&response.signed(), signer) {
            Ok(()) => {
                let detail = format!("is signed by the key of <{}>", signer.subject());
                self.steps.hold(Rule::ResponseSignature, source, detail);
                true
            }
            Err(detail) => {
                self.steps.fail::<()>(Rule::ResponseSignature, source.clone(), detail);
                false
            }
        }
    }
}

fn is_revoked_for_good(answer: &SingleResponse) -> bool {
    matches!(answer.status(), CertificateStatus::Revoked(entry) if entry.reason.is_permanent())
}

/// Returns true if the certificate is of the responder that a response names.
fn is_named(responder: &Responder, certificate: &Certificate) -> bool {
    match responder {
        Responder::Name(name) => name == certificate.subject_name(),
        Responder::Key(digest) => certificate.public_key().is_some_and(|key| {
            DigestAlgorithm::Sha1.digest(key.key_bits()).as_ref() == digest.as_slice()
        }),
    }
}

/// Responses about one certificate that are looked at, the newest first; each may cost signatures.
const MAX_ANSWERS: usize = 8;
/// Possible signers of one response.
const MAX_RESPONDERS: usize = 8;
/// `id-pkix-ocsp-nocheck` (RFC 6960 section 4.2.2.2.1).
const NO_CHECK: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 5];
