//! The search for paths: depth first from the target, anchors before other certificates, within a budget.

use std::cmp::Reverse;

use crate::algorithm;
use crate::certificate::Certificate;
use crate::path::rules::{self, Facts, failure};
use crate::path::{Failure, Outcome, Rule, Verdict};

/// One search.
pub(super) struct Search<'a> {
    pool: &'a [Certificate],
    anchors: &'a [Certificate],
    facts: Facts,
    budget: Budget,
    /// What checking one certificate's signature with another's key gave; keyed by place in memory.
    signatures: Vec<(Edge, Option<Failure>)>,
    /// The path to an anchor with the fewest failures so far.
    best: Option<Found<'a>>,
    /// The longest path that leads nowhere, for explaining a stranger.
    farthest: Found<'a>,
}

/// A certificate and a possible issuer of it.
type Edge = (*const Certificate, *const Certificate);

/// A path with everything wrong with it.
#[derive(Default)]
struct Found<'a> {
    path: Vec<&'a Certificate>,
    failures: Vec<Failure>,
}

/// What one search may spend; the certificates come from whoever sent the message.
struct Budget {
    /// Certificates visited: bounds the walk through a mesh of cross certificates, which grows exponentially.
    steps: u32,
    /// Signatures verified: the costly part, up to a millisecond each with large RSA keys.
    signatures: u32,
    is_spent: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(pool: &'a [Certificate], anchors: &'a [Certificate], facts: Facts) -> Self {
        let is_cut = pool.len() > MAX_POOL;
        Self {
            pool: pool.get(..MAX_POOL).unwrap_or(pool),
            anchors,
            facts,
            budget: Budget { steps: MAX_STEPS, signatures: MAX_SIGNATURES, is_spent: is_cut },
            signatures: Vec::new(),
            best: None,
            farthest: Found::default(),
        }
    }

    /// Searches, and tells what came out.
    pub(super) fn run(mut self, target: &'a Certificate) -> Verdict {
        self.extend(&mut vec![target], &mut Vec::new());
        let is_spent = self.budget.is_spent;
        let (outcome, found) = match self.best {
            Some(found) if found.failures.is_empty() => (Outcome::Trusted, found),
            Some(found) => (Outcome::Rejected, found),
            None => (Outcome::Stranger, self.explain_stranger()),
        };
        let mut failures = found.failures;
        if is_spent && outcome != Outcome::Trusted {
            failures.push(failure(
                target,
                Rule::Budget,
                "comes with more certificates than may be searched",
            ));
        }
        Verdict { outcome, path: found.path.into_iter().cloned().collect(), failures }
    }

    /// Tries every issuer of the last certificate; returns true as soon as a path without failures is found.
    /// `broken` are the failures of the signatures on the path.
    fn extend(&mut self, path: &mut Vec<&'a Certificate>, broken: &mut Vec<Failure>) -> bool {
        let Some(&last) = path.last() else { return false };
        if self.anchors.contains(last) {
            return self.complete(path, broken);
        }
        if !self.budget.step() {
            return false;
        }
        for (issuer, is_anchor) in self.issuers(last, path) {
            let failed = self.signature(last, issuer);
            // A wrong signature ends the search here, unless it claims an anchor: that is worth telling.
            if failed.is_some() && !is_anchor {
                continue;
            }
            let before = broken.len();
            broken.extend(failed);
            path.push(issuer);
            let is_done = if is_anchor {
                self.complete(path, broken)
            } else {
                path.len() < MAX_LENGTH && self.extend(path, broken)
            };
            if is_done {
                return true;
            }
            path.pop();
            broken.truncate(before);
        }
        if path.len() > self.farthest.path.len() {
            self.farthest.path.clone_from(path);
        }
        false
    }

    /// Returns the certificates whose name is that of the issuer: anchors first, then those whose key identifier fits.
    fn issuers(
        &self,
        certificate: &Certificate,
        path: &[&Certificate],
    ) -> Vec<(&'a Certificate, bool)> {
        let anchors = self.anchors.iter().map(|candidate| (candidate, true));
        let pool = self.pool.iter().map(|candidate| (candidate, false));
        let mut issuers: Vec<_> = anchors
            .chain(pool)
            .filter(|(candidate, is_anchor)| {
                candidate.subject_name() == certificate.issuer_name()
                    && !path.contains(candidate)
                    // The same certificate may be in both lists; it counts as the anchor.
                    && (*is_anchor || !self.anchors.contains(candidate))
            })
            .collect();
        // RFC 5280 section 4.2.1.1: the key identifier helps to choose and decides nothing.
        let fits = |candidate: &Certificate| {
            let (Some(wanted), Some(found)) =
                (certificate.authority_key_id(), candidate.subject_key_id())
            else {
                return false;
            };
            wanted == found
        };
        issuers.sort_by_key(|(candidate, is_anchor)| Reverse((*is_anchor, fits(candidate))));
        issuers
    }

    /// Takes in a path that ends at an anchor; returns true if nothing is wrong with it.
    fn complete(&mut self, path: &[&'a Certificate], broken: &[Failure]) -> bool {
        let mut failures = broken.to_vec();
        failures.extend(rules::failures(path, true, self.facts));
        let is_good = failures.is_empty();
        if self.best.as_ref().is_none_or(|best| failures.len() < best.failures.len()) {
            self.best = Some(Found { path: path.to_vec(), failures });
        }
        is_good
    }

    /// Says of the longest path without an anchor what is wrong with it besides that.
    fn explain_stranger(&mut self) -> Found<'a> {
        let path = std::mem::take(&mut self.farthest.path);
        let mut failures = rules::failures(&path, false, self.facts);
        if let Some(last) = path.last() {
            let detail = if last.is_self_issued() {
                "ends the path and is not a trusted anchor".to_owned()
            } else {
                format!("was issued by <{}>, which is not known", last.issuer())
            };
            failures.push(failure(last, Rule::NoAnchor, detail));
        }
        Found { path, failures }
    }

    /// Checks one signature, once for each pair.
    fn signature(
        &mut self,
        certificate: &'a Certificate,
        issuer: &'a Certificate,
    ) -> Option<Failure> {
        let edge: Edge = (certificate, issuer);
        if let Some((_, result)) = self.signatures.iter().find(|(known, _)| *known == edge) {
            return result.clone();
        }
        if !self.budget.signature() {
            return Some(failure(
                certificate,
                Rule::Budget,
                "has more possible issuers than may be tried",
            ));
        }
        let result = algorithm::verify(certificate, issuer)
            .err()
            .map(|(rule, detail)| failure(certificate, rule, detail));
        self.signatures.push((edge, result.clone()));
        result
    }
}

impl Budget {
    fn step(&mut self) -> bool {
        Self::spend(&mut self.steps, &mut self.is_spent)
    }

    fn signature(&mut self) -> bool {
        Self::spend(&mut self.signatures, &mut self.is_spent)
    }

    fn spend(left: &mut u32, is_spent: &mut bool) -> bool {
        let rest = left.checked_sub(1);
        *is_spent |= rest.is_none();
        *left = rest.unwrap_or(0);
        rest.is_some()
    }
}

/// Certificates on a path, the anchor included. Real paths have up to five, with bridges up to eight.
const MAX_LENGTH: usize = 10;
/// Certificates of the pool that are looked at. A message carries a handful.
const MAX_POOL: usize = 200;
/// See [`Budget`]: five times what the mesh of a bridge with 50 members needs.
const MAX_STEPS: u32 = 500;
/// See [`Budget`]: at 0.3 ms for RSA with 8192 bits, some 20 ms in all.
const MAX_SIGNATURES: u32 = 64;
