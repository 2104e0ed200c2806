//! What to say when no path holds: how far the certificates lead, and what might be fetched.

use std::collections::{HashSet, VecDeque};

use crate::certificate::Certificate;
use crate::path::Rule;
use crate::path::answer::{Attempt, Missing, Step, Wanted};
use crate::path::question::Question;
use crate::path::search::Search;
use crate::path::validate::{self, Path};
use crate::revocation;

/// Validates the path that leads farthest, though to no anchor. It ends where a signature is wrong.
pub(super) fn stranger(search: &mut Search<'_>) -> Attempt {
    let question = search.question;
    let mut path = vec![question.target];
    while path.len() < question.budget.depth {
        let Some(issuer) = next_issuer(search, &path) else { break };
        path.insert(0, issuer);
    }
    let mut attempt = search.validate(Path { certificates: &path, anchor: None, is_pinned: false });
    if let Some(top) = attempt.steps.first_mut() {
        let detail = if top.certificate.is_self_issued() {
            "ends the path and is not a trusted anchor".to_owned()
        } else {
            format!("was issued by <{}>, which is not known", top.certificate.issuer())
        };
        top.note(Rule::NoAnchor, Some(detail));
    }
    attempt
}

/// Returns a certificate of the pool whose key signed the first of the path.
fn next_issuer<'a>(search: &mut Search<'a>, path: &[&'a Certificate]) -> Option<&'a Certificate> {
    let question = search.question;
    let top = *path.first()?;
    let name = question.pool.find(top.issuer_name())?;
    let wanted = top.authority_key_id().map(|id| question.pool.key_id(id));
    let entries = question.pool.of_subject(name).take(MAX_TRIED);
    let mut candidates: Vec<_> = entries
        .filter(|entry| !path.contains(&&entry.certificate))
        .map(|entry| {
            let certificate = &entry.certificate;
            let is_odd = wanted.is_none() || entry.key_id != wanted;
            let is_expired = !certificate.is_valid_at(question.at);
            (is_odd, is_expired, certificate.fingerprint(), certificate)
        })
        .collect();
    candidates
        .sort_by_key(|(is_odd, is_expired, fingerprint, _)| (*is_odd, *is_expired, *fingerprint));
    candidates.into_iter().map(|(.., certificate)| certificate).find(|issuer| {
        let pair = [*issuer, top];
        let path = Path { certificates: &pair, anchor: None, is_pinned: false };
        matches!(validate::verify(question, path, 1, &mut search.spent), Some(Ok(())))
    })
}

/// Returns what might help: issuers that are nowhere, upwards from the target, and what the anchors publish.
pub(super) fn missing(question: &Question<'_>) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut seen = HashSet::new();
    let mut open = VecDeque::from([question.target]);
    while let Some(certificate) = open.pop_front() {
        if seen.len() >= MAX_WALKED || missing.len() >= MAX_MISSING {
            break;
        }
        if certificate.is_self_issued() || !seen.insert(certificate.issuer_name()) {
            continue;
        }
        let name = question.pool.find(certificate.issuer_name());
        let before = open.len();
        let issuers = name.into_iter().flat_map(|name| question.pool.of_subject(name));
        open.extend(issuers.take(MAX_TRIED).map(|entry| &entry.certificate));
        let mut anchors = question.trust.anchors.iter();
        let is_known = open.len() > before
            || anchors.any(|it| it.certificate.subject_name() == certificate.issuer_name());
        // Where the issuer is known but the path does not hold, its other certificates may still help.
        if !is_known || certificate.issuer_urls().next().is_some() {
            missing.push(Missing {
                what: Wanted::Issuer {
                    name: certificate.issuer_name().clone(),
                    key_id: certificate.authority_key_id().map(<[u8]>::to_vec),
                },
                of: certificate.clone(),
                urls: urls(certificate.issuer_urls()),
            });
        }
    }
    for anchor in question.trust.anchors.iter().take(MAX_MISSING) {
        let urls = urls(anchor.certificate.repository_urls());
        if !urls.is_empty() {
            missing.push(Missing { what: Wanted::IssuedBy, of: anchor.certificate.clone(), urls });
        }
    }
    missing
}

/// Returns the certificates of a path whose revocation is not known.
pub(super) fn missing_evidence(path: &Attempt) -> impl Iterator<Item = Missing> {
    let is_unknown =
        |step: &&Step| step.revocation.as_ref().is_some_and(|it| it.status.is_unknown());
    path.steps.iter().filter(is_unknown).map(|step| {
        let certificate = &step.certificate;
        let lists = revocation::list_urls(certificate)
            .into_iter()
            .chain(revocation::delta_urls(certificate));
        let urls = certificate.ocsp_urls().map(str::to_owned).chain(lists).take(MAX_URLS).collect();
        Missing { what: Wanted::Revocation, of: certificate.clone(), urls }
    })
}

fn urls<'a>(urls: impl Iterator<Item = &'a str>) -> Vec<String> {
    urls.take(MAX_URLS).map(str::to_owned).collect()
}

/// Issuers of one name that are looked at: an explanation is worth no more.
const MAX_TRIED: usize = 64;
/// Names walked over.
const MAX_WALKED: usize = 64;
/// Missing things told; a fetcher asks for a few before it asks the engine again.
const MAX_MISSING: usize = 16;
/// Addresses of one missing thing.
const MAX_URLS: usize = 4;
