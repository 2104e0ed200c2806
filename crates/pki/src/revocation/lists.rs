//! The search through lists, step by step as RFC 5280 section 6.3.3 has it.

mod said;

use crate::certificate::Certificate;
use crate::extension::KeyUsage;
use crate::revocation::freshness::Dates;
use crate::revocation::list::{Entry, RevocationList};
use crate::revocation::point::DistributionPoint;
use crate::revocation::reason::{Reason, Reasons};
use crate::revocation::step::{Rule, Source, Steps};
use crate::revocation::{Question, SignerRole, Signers, Status, scope};
use crate::time;

use said::Said;

/// One search, for one certificate.
pub(super) struct Search<'a> {
    question: &'a Question<'a>,
    signers: &'a mut dyn Signers,
    steps: &'a mut Steps,
    said: Said,
    /// Lists that may still be looked at, and whether one was passed over that could have counted.
    budget: u32,
    is_exhausted: bool,
    /// A list is there that the certificate's own key signed, and whether it counts.
    has_own: bool,
    takes_own: bool,
}

/// A complete list with what of it counts for the certificate.
struct Candidate<'a> {
    list: &'a RevocationList,
    /// Delta lists that fit it, and the one of them that is used.
    deltas: Vec<&'a RevocationList>,
    delta: Option<&'a RevocationList>,
    /// `interim_reasons_mask`.
    reasons: Reasons,
    when: When,
}

/// When a list was issued. Of the last two each can only say that the certificate was revoked before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// For the time in question, by its own dates or those of delta lists.
    Current,
    /// After it.
    Later,
    /// So long before it that a newer one should be there.
    Stale,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        question: &'a Question<'a>,
        signers: &'a mut dyn Signers,
        steps: &'a mut Steps,
    ) -> Self {
        let (said, budget, is_exhausted) = (Said::new(), MAX_LISTS, false);
        let (has_own, takes_own) = (false, false);
        Self { question, signers, steps, said, budget, is_exhausted, has_own, takes_own }
    }

    /// Looks for lists of others first, and then, if they do not say, for those that the certificate's own key signed:
    /// an authority may let somebody list its certificates who is then on the same list.
    pub(super) fn run(mut self) -> Status {
        if let Some(revoked) = self.pass() {
            return revoked;
        }
        let is_open = !self.said.reasons.is_complete() && self.said.hold().is_none();
        if self.has_own && is_open {
            self.takes_own = true;
            if let Some(revoked) = self.pass() {
                return revoked;
            }
        }
        self.finish()
    }

    /// Goes through the distribution points until the certificate is found revoked for good. Where all reasons are
    /// covered, only lists that name the certificate are looked at.
    fn pass(&mut self) -> Option<Status> {
        let certificate = self.question.certificate;
        let evidence = self.question.evidence;
        for point in scope::points(certificate) {
            for issuer in scope::issuers(&point, certificate) {
                for list in evidence.lists(issuer) {
                    if let Some(revoked) = self.consider(list, &point) {
                        return Some(revoked);
                    }
                    if self.is_exhausted {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Applies one list under one distribution point; returns the status if the certificate is revoked for good.
    fn consider(&mut self, list: &'a RevocationList, point: &DistributionPoint) -> Option<Status> {
        // A delta list by itself is no answer; it is used with its complete list.
        if list.is_delta() {
            return None;
        }
        let mut candidate = self.candidate(list, point)?;
        let Some(left) = self.budget.checked_sub(1) else {
            let detail = format!("has more than {MAX_LISTS} lists that may be about it");
            self.steps.note(Rule::Budget, None, false, detail);
            self.is_exhausted = true;
            return None;
        };
        self.budget = left;
        let signer = self.signer(list)?;
        if let Some(newer) = self.said.successor_of_key(list, &signer) {
            let detail = format!("was replaced by the {newer}");
            return self.reject(Rule::Current, list, detail);
        }
        self.choose_delta(&mut candidate, &signer)?;
        let Some((source, entry)) = self.find(&candidate) else {
            self.cover(&candidate, &signer);
            return None;
        };
        let status = self.revoked(source, &entry);
        if candidate.when == When::Stale {
            self.said.formerly(status);
            return None;
        }
        if entry.reason.is_permanent() {
            return Some(status);
        }
        let as_of = candidate.delta.unwrap_or(list).this_update();
        self.said.on_hold(list, as_of, &signer, status);
        None
    }

    /// Checks everything that needs no signature: dates, extensions, scope, reasons (a to e).
    fn candidate(
        &mut self,
        list: &'a RevocationList,
        point: &DistributionPoint,
    ) -> Option<Candidate<'a>> {
        if let Err((rule, detail)) = scope::check(list, point, self.question.certificate) {
            return self.reject(rule, list, detail);
        }
        let is_later = dates(list).is_later(self.question.at, self.question.settings);
        if is_later && !self.says_revoked_before(list) {
            return self.reject(Rule::Current, list, "was issued after the time in question");
        }
        let reasons = scope::reasons(list, point);
        let is_open = is_later || !reasons.without(self.said.reasons).is_empty();
        if !is_open && !self.is_named(list) {
            return self.reject(Rule::Reasons, list, "covers no reason that is still open");
        }
        if let Some(newer) = self.said.successor(list).filter(|_| !is_open) {
            let detail = format!("was replaced by the {newer}");
            return self.reject(Rule::Current, list, detail);
        }
        if let Some(oid) = unknown_critical(list) {
            let detail = format!("has an unknown critical extension {oid}");
            return self.reject(Rule::CriticalExtension, list, detail);
        }
        let deltas = if is_later { Vec::new() } else { self.deltas(list)? };
        let is_stale = !is_later && deltas.is_empty() && !self.is_current(list);
        if is_stale && (!self.revokes_for_good(list) || self.said.successor(list).is_some()) {
            return None;
        }
        let when = match (is_later, is_stale) {
            (true, _) => When::Later,
            (_, true) => When::Stale,
            _ => When::Current,
        };
        let covers = format!("is about the certificate and covers {reasons}");
        self.hold(Rule::Reasons, list, covers);
        Some(Candidate { list, deltas, delta: None, reasons, when })
    }

    /// Finds the current delta lists that belong to a complete one, the newest first
    /// (RFC 5280 section 6.3.3 (a) and (c)).
    fn deltas(&mut self, list: &'a RevocationList) -> Option<Vec<&'a RevocationList>> {
        let mut deltas = Vec::new();
        if !self.question.settings.use_deltas {
            return Some(deltas);
        }
        let others = self.question.evidence.lists(list.issuer_name());
        for delta in others.iter().filter(|other| other.is_delta()) {
            let current = dates(delta).check(self.question.at, self.question.settings);
            if let Err(detail) = scope::fits(delta, list) {
                self.reject::<()>(Rule::Delta, delta, detail);
            } else if let Err(detail) = current {
                self.reject::<()>(Rule::Current, delta, detail);
            } else if let Some(oid) = unknown_critical(delta) {
                let detail = format!("has an unknown critical extension {oid}");
                self.reject::<()>(Rule::CriticalExtension, delta, detail);
            } else if deltas.len() < MAX_DELTAS {
                deltas.push(delta);
            } else {
                // Passing over some could pass over the one that revokes.
                return self.reject(
                    Rule::Budget,
                    list,
                    format!("has more than {MAX_DELTAS} delta lists"),
                );
            }
        }
        Some(deltas)
    }

    /// Takes the newest delta list that is signed with the key of the complete one (h); without one the complete list
    /// must be current itself.
    fn choose_delta(&mut self, candidate: &mut Candidate<'a>, signer: &Certificate) -> Option<()> {
        let list = candidate.list;
        candidate.delta =
            candidate.deltas.iter().copied().find(|delta| self.is_signed_by(delta, signer));
        match candidate.delta {
            Some(delta) => {
                self.hold(Rule::Delta, delta, format!("belongs to the {list}"));
                self.is_current(delta).then_some(())
            }
            None if candidate.deltas.is_empty() || self.is_current(list) => Some(()),
            None => None,
        }
    }

    /// Finds who signed the list: the issuer of the certificate with its key, or somebody of the list's name whose own
    /// path holds (f, g).
    fn signer(&mut self, list: &RevocationList) -> Option<Certificate> {
        let issuer = self.question.issuer;
        let mut signers = self.signers.named(list.issuer_name());
        signers.retain(|signer| signer != issuer && signer.subject_name() == list.issuer_name());
        if issuer.subject_name() == list.issuer_name() {
            signers.insert(0, issuer.clone());
        }
        // RFC 5280 section 5.2.1: the key identifier helps to choose and decides nothing.
        let wanted = list.extensions().authority_key_id.as_deref();
        signers.sort_by_key(|signer| wanted.is_none() || signer.subject_key_id() != wanted);
        if signers.is_empty() {
            self.reject::<()>(
                Rule::Signer,
                list,
                "was issued by somebody whose certificate is not here",
            );
        }
        signers.into_iter().take(MAX_SIGNERS).find(|signer| self.is_signed(list, signer))
    }

    /// Checks one possible signer of a complete list.
    fn is_signed(&mut self, list: &RevocationList, signer: &Certificate) -> bool {
        if !signer.permits(KeyUsage::CRL_SIGN) {
            let detail = format!(
                "may not be signed by <{}> serial {}: the key usage lacks cRLSign",
                signer.subject(),
                signer.serial_hex()
            );
            self.reject::<()>(Rule::Signer, list, detail);
            return false;
        }
        if !self.is_signed_by(list, signer) {
            return false;
        }
        if signer == self.question.issuer {
            let detail = "was issued by the authority that issued the certificate";
            self.hold(Rule::Signer, list, detail);
            return true;
        }
        if signer == self.question.certificate {
            self.has_own = true;
            let detail = "is signed with the certificate's own key, whose path is being checked";
            self.steps.note(Rule::Signer, Some(Source::List(list.clone())), self.takes_own, detail);
            return self.takes_own;
        }
        let is_own = list.issuer_name() == self.question.issuer.subject_name();
        if is_own && !self.signers.is_authority(signer) {
            let detail = format!(
                "was signed by <{}> serial {}, who only has the name of the authority",
                signer.subject(),
                signer.serial_hex()
            );
            self.reject::<()>(Rule::Signer, list, detail);
            return false;
        }
        let is_trusted = self.signers.trusts(signer, SignerRole::CrlIssuer);
        let found = if is_trusted { "a path to the anchor" } else { "no path to the anchor" };
        let detail = format!(
            "was signed by <{}> serial {}, with {found}",
            signer.subject(),
            signer.serial_hex()
        );
        self.steps.note(Rule::Signer, Some(Source::List(list.clone())), is_trusted, detail);
        is_trusted
    }

    /// Checks the signature of a complete or delta list (g, h).
    fn is_signed_by(&mut self, list: &RevocationList, signer: &Certificate) -> bool {
        let checked = self.signers.verify(&list.signed(), signer);
        match checked {
            Ok(()) => {
                let detail = format!("is signed by the key of <{}>", signer.subject());
                self.hold(Rule::Signature, list, detail);
                true
            }
            Err(detail) => {
                self.reject::<()>(Rule::Signature, list, detail);
                false
            }
        }
    }

    /// Looks the certificate up: in the delta list first, then in the complete one (i, j, k).
    fn find(&mut self, candidate: &Candidate<'a>) -> Option<(Source, Entry)> {
        let certificate = self.question.certificate;
        let look =
            |list: &RevocationList| list.find(certificate.issuer_name(), certificate.serial());
        let in_delta = candidate.delta.and_then(|delta| look(delta).map(|entry| (delta, entry)));
        let found = in_delta.or_else(|| look(candidate.list).map(|entry| (candidate.list, entry)));
        match found {
            Some((list, entry)) if entry.reason == Reason::RemoveFromCrl => {
                let detail = "says that the certificate is no longer on hold";
                self.hold(Rule::NotListed, list, detail);
                None
            }
            Some((list, entry)) => Some((Source::List(list.clone()), entry)),
            None => {
                let detail = "does not list the certificate";
                self.hold(Rule::NotListed, candidate.delta.unwrap_or(candidate.list), detail);
                None
            }
        }
    }

    /// Notes that a list does not revoke the certificate (l).
    fn cover(&mut self, candidate: &Candidate<'a>, signer: &Certificate) {
        if candidate.when != When::Current {
            return;
        }
        let Candidate { list, delta, reasons, .. } = *candidate;
        let until = dates(delta.unwrap_or(list)).until(self.question.settings);
        self.said.not_revoked(list, delta, signer, reasons, until);
    }

    fn revoked(&mut self, by: Source, entry: &Entry) -> Status {
        let detail =
            format!("lists the certificate since {}: {}", time::text(entry.since), entry.reason);
        self.steps.note(Rule::NotListed, Some(by.clone()), false, detail);
        let Entry { since, invalid_since, reason } = *entry;
        Status::Revoked { by, reason, since, invalid_since }
    }

    fn finish(self) -> Status {
        let Self { said, .. } = self;
        if let Some(hold) = said.hold() {
            return hold;
        }
        if said.reasons.is_complete() && !self.is_exhausted {
            self.steps.note(Rule::Complete, None, true, "is revoked for no reason at all");
            return Status::Good { by: said.used, until: said.until };
        }
        // What was revoked for good stays so when nothing newer comes, or whoever keeps newer lists from us could undo it.
        if let Some(revoked) = said.former() {
            return revoked;
        }
        let missing = Reasons::ALL.without(said.reasons);
        let why = if !are_there(self.question) {
            "there is no list of its issuer".to_owned()
        } else if missing.is_empty() {
            "there are more lists about it than are looked at".to_owned()
        } else if said.reasons.is_empty() {
            "no list about it can be used".to_owned()
        } else {
            format!("no list that can be used says whether it is revoked for {missing}")
        };
        self.steps.note(Rule::Complete, None, false, format!("has an unknown status: {why}"));
        Status::Unknown { why }
    }

    /// Returns true if a list or a delta list on it names the certificate, whoever signed them.
    fn is_named(&self, list: &RevocationList) -> bool {
        let certificate = self.question.certificate;
        let names = |list: &RevocationList| {
            let entry = list.find(certificate.issuer_name(), certificate.serial());
            entry.is_some_and(|entry| entry.reason != Reason::RemoveFromCrl)
        };
        let mut others = self.question.evidence.lists(list.issuer_name()).iter();
        let uses_deltas = self.question.settings.use_deltas;
        names(list)
            || uses_deltas
                && others.any(|it| names(it) && it.is_delta() && scope::fits(it, list).is_ok())
    }

    /// Returns true if a list names the certificate, and not only as on hold.
    fn revokes_for_good(&self, list: &RevocationList) -> bool {
        let certificate = self.question.certificate;
        let entry = list.find(certificate.issuer_name(), certificate.serial());
        entry.is_some_and(|entry| entry.reason.is_permanent())
    }

    /// A list of a later time counts if it says that the certificate was revoked by the time in question.
    fn says_revoked_before(&self, list: &RevocationList) -> bool {
        let certificate = self.question.certificate;
        let entry = list.find(certificate.issuer_name(), certificate.serial());
        entry.is_some_and(|entry| {
            let since = entry.invalid_since.map_or(entry.since, |date| date.min(entry.since));
            since <= self.question.at && entry.reason != Reason::RemoveFromCrl
        })
    }

    /// Checks the dates of a list, and notes what was found.
    fn is_current(&mut self, list: &RevocationList) -> bool {
        let checked = dates(list).check(self.question.at, self.question.settings);
        let is_current = checked.is_ok();
        let (Ok(detail) | Err(detail)) = checked;
        self.steps.note(Rule::Current, Some(Source::List(list.clone())), is_current, detail);
        is_current
    }

    fn reject<T>(
        &mut self,
        rule: Rule,
        list: &RevocationList,
        detail: impl Into<String>,
    ) -> Option<T> {
        self.steps.fail(rule, Source::List(list.clone()), detail)
    }

    fn hold(&mut self, rule: Rule, list: &RevocationList, detail: impl Into<String>) {
        self.steps.hold(rule, &Source::List(list.clone()), detail);
    }
}

/// Returns true if there are lists that may be about the certificate.
pub(super) fn are_there(question: &Question<'_>) -> bool {
    let certificate = question.certificate;
    let points = scope::points(certificate);
    let mut issuers = points.iter().flat_map(|point| scope::issuers(point, certificate));
    issuers.any(|issuer| !question.evidence.lists(issuer).is_empty())
}

fn dates(list: &RevocationList) -> Dates {
    Dates { this_update: list.this_update(), next_update: list.next_update() }
}

/// Returns the first critical extension of a list or of one of its entries that we do not know.
fn unknown_critical(list: &RevocationList) -> Option<&str> {
    let of_list = list.extensions().unknown_critical.as_deref();
    of_list.or_else(|| list.unknown_entry_extension())
}

/// Lists whose signature is looked at, for one certificate. Even partitioned ones need no more than eight.
const MAX_LISTS: u32 = 32;
/// Delta lists that are tried for one complete list.
const MAX_DELTAS: usize = 16;
/// Possible signers of one list: each costs a signature and perhaps a path.
const MAX_SIGNERS: usize = 16;
