//! What all decisions start from: what was given, and what proved useful since.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use chancery_pki::Certificate;
use chancery_pki::path::{Answer, Known, Pool};
use chancery_pki::revocation::{Evidence, RevocationList, Source as Said, Status};

use crate::content::Content;
use crate::fetch::own_urls;
use crate::lookup::{Lookup, lock};
use crate::source::Source;

/// Certificates with which answers were built.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// What was given from outside.
    base: Known,
    /// By fingerprint, each with the time at which it was last used.
    certificates: HashMap<[u8; 32], (Certificate, i64)>,
}

impl Lookup {
    /// Gives what is here anyway, such as what the store has; replaces what was given before.
    pub fn give(&self, pool: Arc<Pool>, evidence: Arc<Evidence>) {
        {
            let mut learned = lock(&self.0.learned);
            learned.base.pool = pool;
            learned.base.evidence = evidence;
        }
        self.rebuild();
    }

    /// Notes what an answer was built on: it is refreshed from now on before it ends, and helps all further decisions.
    ///
    /// [`Lookup::decide`] does it by itself; this is for answers that were made with [`Lookup::known`] alone.
    pub fn used(&self, answer: &Answer) {
        let now = self.now();
        let (mut lists, mut responses) = (Vec::new(), Vec::new());
        for step in &answer.path.steps {
            match step.revocation.as_ref().map(|answer| &answer.status) {
                Some(Status::Good { by, .. }) => {
                    for said in by {
                        sort(said, &mut lists, &mut responses);
                    }
                }
                Some(Status::Revoked { by, .. }) => sort(by, &mut lists, &mut responses),
                _ => {}
            }
        }
        let proves = |content: &Content| {
            content.lists.iter().any(|list| lists.contains(list))
                || content.responses.iter().any(|response| responses.contains(response))
        };
        let mut has_learned = false;
        {
            let mut cache = lock(&self.0.shelf);
            for source in sources(answer, &lists) {
                has_learned |= cache.touch(&source, now, proves);
            }
        }
        if answer.is_trusted() {
            let mut learned = lock(&self.0.learned);
            for step in answer.path.steps.iter().filter(|step| !step.is_anchor) {
                has_learned |= learned.learn(&step.certificate, now);
            }
        }
        if has_learned {
            self.rebuild();
        }
    }

    /// Makes the value anew from which all decisions start.
    pub(crate) fn rebuild(&self) {
        // The lock is held until the new value is in place, so that two rebuilds cannot overtake each other.
        let learned = lock(&self.0.learned);
        let proven: Vec<Arc<Content>> = lock(&self.0.shelf).proven().cloned().collect();
        let certificates = learned.certificates.values().map(|(certificate, _)| certificate);
        let lists = proven.iter().flat_map(|content| content.lists.iter().cloned());
        let mut known = learned.base.with(certificates, lists);
        add_responses(&mut known.evidence, proven.iter().map(AsRef::as_ref));
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

impl Learned {
    /// Keeps a certificate; returns true if it is new. Only authorities help others.
    fn learn(&mut self, certificate: &Certificate, now: i64) -> bool {
        if !certificate.is_ca() {
            return false;
        }
        let fingerprint = certificate.fingerprint();
        if self.certificates.len() >= MAX_CERTIFICATES
            && !self.certificates.contains_key(&fingerprint)
        {
            let mut times: Vec<i64> = self.certificates.values().map(|(_, used)| *used).collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied().unwrap_or(now);
            self.certificates.retain(|_, (_, used)| *used > middle);
        }
        self.certificates.insert(fingerprint, (certificate.clone(), now)).is_none()
    }
}

/// Puts the responses of several contents into evidence.
pub(crate) fn add_responses<'a>(
    evidence: &mut Arc<Evidence>,
    contents: impl Iterator<Item = &'a Content>,
) {
    let mut responses = contents.flat_map(|content| &content.responses).peekable();
    if responses.peek().is_some() {
        let evidence = Arc::make_mut(evidence);
        for response in responses {
            evidence.add_response(response);
        }
    }
}

fn sort(
    said: &Said,
    lists: &mut Vec<RevocationList>,
    responses: &mut Vec<chancery_pki::revocation::OcspResponse>,
) {
    match said {
        Said::List(list) => lists.push(list.clone()),
        Said::Response(answer) => responses.push(answer.response().clone()),
    }
}

/// Returns the sources of which an answer made use: those that the certificates of its path and its lists name.
fn sources(answer: &Answer, lists: &[RevocationList]) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut place = |url: &str| sources.push(Source::Place { url: url.to_owned() });
    for step in &answer.path.steps {
        for url in own_urls(&step.certificate) {
            place(&url);
        }
        step.certificate.repository_urls().for_each(&mut place);
    }
    for list in lists {
        list.delta_urls().for_each(&mut place);
    }
    for pair in answer.path.steps.windows(2) {
        let [issuer, step] = pair else { break };
        for url in step.certificate.ocsp_urls() {
            sources.push(Source::Responder {
                url: url.to_owned(),
                certificate: step.certificate.clone(),
                issuer: issuer.certificate.clone(),
            });
        }
    }
    sources
}

/// Authorities that are remembered: twenty for each of a thousand organisations.
const MAX_CERTIFICATES: usize = 20_000;
