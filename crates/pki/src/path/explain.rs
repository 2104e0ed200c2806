//! What to say when no path holds: how far the certificates lead, and what might be fetched.

use std::collections::{HashSet, VecDeque};

use crate::certificate::Certificate;
use crate::path::Rule;
use crate::path::answer::{Attempt, Missing, Step, Wanted};
use crate::path::question::Question;
use crate::path::search::Search;
use crate::path::validate::{self, Path};
use crate::revocation::{self, RevocationList, Source, Status};

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

/// Returns what might help: issuers that are nowhere, upwards from the target, and what those publish whom the anchors
/// lead to.
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
    missing.extend(published(question));
    missing
}

/// Returns where the anchors, and the authorities that certificates of the pool lead to from them, publish what they
/// issued (RFC 5280 section 4.2.2.2): a path may be built from both its ends.
fn published(question: &Question<'_>) -> Vec<Missing> {
    let pool = question.pool;
    let mut missing: Vec<Missing> = Vec::new();
    let mut told = HashSet::new();
    let mut tell = |certificate: &Certificate| {
        let mut urls = urls(certificate.repository_urls());
        // An authority has many certificates, each with the same addresses.
        urls.retain(|url| told.insert(url.clone()));
        if !urls.is_empty() && missing.len() < MAX_MISSING {
            missing.push(Missing { what: Wanted::IssuedBy, of: certificate.clone(), urls });
        }
    };
    let anchors = question.trust.anchors.iter().map(|anchor| &anchor.certificate);
    anchors.clone().take(MAX_MISSING).for_each(&mut tell);
    let names = anchors.filter_map(|anchor| pool.find(anchor.subject_name()));
    let mut open: VecDeque<_> = names.take(MAX_WALKED).collect();
    let mut seen: HashSet<_> = open.iter().copied().collect();
    while let Some(issuer) = open.pop_front() {
        for subject in pool.certified_by(issuer).take(MAX_CERTIFIED) {
            if seen.len() >= MAX_REACHED {
                break;
            }
            if !seen.insert(subject) {
                continue;
            }
            open.push_back(subject);
            let certificates = pool.of_subject(subject).take(MAX_TRIED);
            // Only what those said who are on the way: the addresses in other certificates of the name are anybody's.
            let vouched = certificates.filter(|entry| entry.issuer == issuer);
            vouched.filter(|it| it.certificate.is_ca()).for_each(|it| tell(&it.certificate));
        }
    }
    missing
}

/// Returns what would tell more about the revocation of the certificates of a path.
pub(super) fn missing_evidence(path: &Attempt, settings: &revocation::Settings) -> Vec<Missing> {
    let mut missing = Vec::new();
    for pair in path.steps.windows(2) {
        let [issuer, step] = pair else { break };
        let Some(answer) = &step.revocation else { continue };
        if answer.status.is_unknown() {
            missing.extend(unknown(step, issuer, answer));
        } else if settings.use_deltas {
            missing.extend(newer(step, &answer.status));
        }
    }
    missing
}

/// What may say whether a certificate was revoked, and who signed what says it.
fn unknown(step: &Step, issuer: &Step, answer: &revocation::Answer) -> Vec<Missing> {
    let of = &step.certificate;
    let lists = revocation::list_urls(of).into_iter().chain(revocation::delta_urls(of));
    let places = of.ocsp_urls().map(str::to_owned).chain(lists).take(MAX_URLS).collect();
    let what = Wanted::Revocation { issuer: issuer.certificate.clone() };
    let mut missing = vec![Missing { what, of: of.clone(), urls: places }];
    for step in &answer.steps {
        let (revocation::Rule::Signer, false, Some(Source::List(list))) =
            (step.rule, step.holds, &step.source)
        else {
            continue;
        };
        // RFC 5280 section 5.2.7: a list may say where the certificate of its signer is.
        let urls = urls(list.issuer_urls());
        let what = Wanted::Issuer {
            name: list.issuer_name().clone(),
            key_id: list.issuer_key_id().map(<[u8]>::to_vec),
        };
        let signer = Missing { what, of: of.clone(), urls };
        if !signer.urls.is_empty() && missing.len() < MAX_URLS && !missing.contains(&signer) {
            missing.push(signer);
        }
    }
    missing
}

/// A delta list, if the answer comes from a complete list that has some and none of them was here.
fn newer(step: &Step, status: &Status) -> Option<Missing> {
    let Status::Good { by, .. } = status else { return None };
    let lists = || by.iter().filter_map(Source::list);
    if lists().any(RevocationList::is_delta) {
        return None;
    }
    let of = step.certificate.clone();
    let own = lists().next().map(|_| revocation::delta_urls(&of)).unwrap_or_default();
    let urls =
        urls(lists().flat_map(RevocationList::delta_urls).chain(own.iter().map(String::as_str)));
    (!urls.is_empty()).then_some(Missing { what: Wanted::Delta, of, urls })
}

fn urls<'a>(urls: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for url in urls {
        if distinct.len() < MAX_URLS && !distinct.iter().any(|known| known == url) {
            distinct.push(url.to_owned());
        }
    }
    distinct
}

/// Issuers of one name that are looked at: an explanation is worth no more.
const MAX_TRIED: usize = 64;
/// Names walked over.
const MAX_WALKED: usize = 64;
/// Authorities walked over from the anchors downwards; there are 900 in a federation, and a bridge is one of the first.
const MAX_REACHED: usize = 256;
/// Certificates of one authority that are walked over.
const MAX_CERTIFIED: usize = 1024;
/// Missing things told; a fetcher asks for a few before it asks the engine again.
const MAX_MISSING: usize = 16;
/// Addresses of one missing thing: a responder, lists for several groups of reasons and their deltas.
const MAX_URLS: usize = 8;
