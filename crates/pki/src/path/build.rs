//! The search for paths: by names, the shortest first, anchors before other certificates, within a budget.
//!
//! Signatures are verified only on paths that reach an anchor. So a mesh of cross certificates costs little, and a
//! forged certificate is told as one ("not signed by the key of …") instead of as a stranger.

use std::cmp::Reverse;
use std::collections::VecDeque;

use crate::algorithm;
use crate::certificate::Certificate;
use crate::path::rules::{self, Facts, failure};
use crate::path::{Failure, Outcome, Rule, Verdict};

/// One search.
pub(super) struct Search<'a> {
    /// Possible issuers, each with whether it is an anchor; anchors first, nothing twice.
    issuers: Vec<(&'a Certificate, bool)>,
    facts: Facts,
    /// Partial paths to go on with, the shortest in front.
    open: VecDeque<Vec<&'a Certificate>>,
    budget: Budget,
    /// What checking a certificate's signature with a key gave, by certificate and key.
    signatures: Vec<(Signature<'a>, Option<Failure>)>,
    /// The path to an anchor with the fewest failures so far.
    best: Option<Found<'a>>,
    /// The longest path that leads nowhere, for explaining a stranger.
    farthest: Vec<&'a Certificate>,
}

/// A certificate and the key that should have signed it.
type Signature<'a> = (&'a Certificate, &'a [u8]);

/// A path with everything wrong with it.
struct Found<'a> {
    path: Vec<&'a Certificate>,
    failures: Vec<Failure>,
}

/// What one search may spend; the certificates come from whoever sent the message.
struct Budget {
    /// Partial paths: bounds the walk through a mesh of cross certificates, whose paths grow exponentially.
    paths: u32,
    /// Signatures verified: the costly part, up to a millisecond each with large RSA keys.
    signatures: u32,
    is_spent: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(pool: &'a [Certificate], anchors: &'a [Certificate], facts: Facts) -> Self {
        let mut issuers: Vec<(&Certificate, bool)> =
            anchors.iter().map(|anchor| (anchor, true)).collect();
        for candidate in pool.iter().take(MAX_POOL) {
            if !issuers.iter().any(|(known, _)| *known == candidate) {
                issuers.push((candidate, false));
            }
        }
        let is_cut = pool.len() > MAX_POOL;
        Self {
            issuers,
            facts,
            open: VecDeque::new(),
            budget: Budget { paths: MAX_PATHS, signatures: MAX_SIGNATURES, is_spent: is_cut },
            signatures: Vec::new(),
            best: None,
            farthest: Vec::new(),
        }
    }

    /// Searches, and tells what came out.
    pub(super) fn run(mut self, target: &'a Certificate) -> Verdict {
        self.open.push_back(vec![target]);
        while let Some(path) = self.open.pop_front() {
            if self.extend(path) {
                break;
            }
        }
        let (outcome, mut found) = match self.best.take() {
            Some(found) if found.failures.is_empty() => (Outcome::Trusted, found),
            Some(found) => (Outcome::Rejected, found),
            None => (Outcome::Stranger, self.explain_stranger()),
        };
        if self.budget.is_spent && outcome != Outcome::Trusted {
            let detail = "comes with more certificates than may be searched";
            found.failures.push(failure(target, Rule::Budget, detail));
        }
        let path = found.path.into_iter().cloned().collect();
        Verdict { outcome, path, failures: found.failures }
    }

    /// Tries every issuer of the last certificate; returns true as soon as a path without failures is found.
    fn extend(&mut self, path: Vec<&'a Certificate>) -> bool {
        let Some(&last) = path.last() else { return false };
        if self.issuers.iter().any(|(issuer, is_anchor)| *is_anchor && *issuer == last) {
            return self.complete(path);
        }
        for (issuer, is_anchor) in self.issuers_of(last, &path) {
            let longer = [path.as_slice(), &[issuer]].concat();
            if is_anchor {
                if self.complete(longer) {
                    return true;
                }
            } else if longer.len() < MAX_LENGTH && Budget::spend(&mut self.budget.paths) {
                self.open.push_back(longer);
            } else {
                self.budget.is_spent = true;
            }
        }
        if path.len() > self.farthest.len() {
            self.farthest = path;
        }
        false
    }

    /// Returns the certificates whose name is that of the issuer: anchors first, then those whose key identifier fits.
    fn issuers_of(
        &self,
        certificate: &Certificate,
        path: &[&Certificate],
    ) -> Vec<(&'a Certificate, bool)> {
        let mut issuers = self.issuers.clone();
        issuers.retain(|(candidate, _)| {
            candidate.subject_name() == certificate.issuer_name() && !path.contains(candidate)
        });
        // RFC 5280 section 4.2.1.1: the key identifier helps to choose and decides nothing.
        let fits = |candidate: &Certificate| {
            let wanted = certificate.authority_key_id();
            wanted.is_some() && wanted == candidate.subject_key_id()
        };
        issuers.sort_by_key(|(candidate, is_anchor)| Reverse((*is_anchor, fits(candidate))));
        issuers
    }

    /// Takes in a path that ends at an anchor; returns true if nothing is wrong with it.
    fn complete(&mut self, path: Vec<&'a Certificate>) -> bool {
        let mut failures = Vec::new();
        for pair in path.windows(2) {
            if let [certificate, issuer] = pair {
                failures.extend(self.signature(certificate, issuer));
            }
        }
        failures.extend(rules::failures(&path, true, self.facts));
        let is_good = failures.is_empty();
        if self.best.as_ref().is_none_or(|best| failures.len() < best.failures.len()) {
            self.best = Some(Found { path, failures });
        }
        is_good
    }

    /// Says of the longest path without an anchor what is wrong with it besides that. It ends where a signature is wrong.
    fn explain_stranger(&mut self) -> Found<'a> {
        let mut path = std::mem::take(&mut self.farthest);
        let mut length = 1;
        for pair in path.clone().windows(2) {
            let [certificate, issuer] = pair else { break };
            if self.signature(certificate, issuer).is_some() {
                break;
            }
            length += 1;
        }
        path.truncate(length);
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

    /// Checks one signature, once for each certificate and key.
    fn signature(
        &mut self,
        certificate: &'a Certificate,
        issuer: &'a Certificate,
    ) -> Option<Failure> {
        let pair = (certificate, issuer.spki());
        if let Some((_, result)) = self.signatures.iter().find(|(known, _)| *known == pair) {
            return result.clone();
        }
        if !Budget::spend(&mut self.budget.signatures) {
            self.budget.is_spent = true;
            return Some(failure(
                certificate,
                Rule::Budget,
                "has more possible issuers than may be tried",
            ));
        }
        let result = algorithm::verify(certificate, issuer)
            .err()
            .map(|(rule, detail)| failure(certificate, rule, detail));
        self.signatures.push((pair, result.clone()));
        result
    }
}

impl Budget {
    /// Takes one away; returns false if none was left.
    fn spend(left: &mut u32) -> bool {
        let rest = left.checked_sub(1);
        *left = rest.unwrap_or(0);
        rest.is_some()
    }
}

/// Certificates on a path, the anchor included. Real paths have up to five, with bridges up to eight.
const MAX_LENGTH: usize = 10;
/// Certificates of the pool that are looked at. A message carries a handful.
const MAX_POOL: usize = 200;
/// See [`Budget`]: reaches three authorities deep where twelve all vouch for each other.
const MAX_PATHS: u32 = 1_000;
/// See [`Budget`]: at 0.3 ms for RSA with 8192 bits, some 20 ms in all.
const MAX_SIGNATURES: u32 = 64;
