//! The search for a path (RFC 4158): from the target up, the most promising first, within a budget.
//!
//! Each partial path has a cost that no path through it can undercut: its certificates, those that are still needed at
//! least ([`Distances`]), and a penalty for what is known to be wrong with it. The cheapest is taken next, so that the
//! shortest good path is found first. Signatures are verified only on paths that reach an anchor, from the target up; an
//! issuer whose key does not fit is never tried again with all that was built on it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::certificate::Certificate;
use crate::path::answer::{Answer, Asked, Attempt, Missing, Spent, Step};
use crate::path::distances::Distances;
use crate::path::pool::Entry;
use crate::path::question::Question;
use crate::path::revoke::{self, Known};
use crate::path::validate::{self, Path};
use crate::path::{Outcome, explain, rules};

/// One search.
pub(super) struct Search<'a> {
    pub(super) question: &'a Question<'a>,
    distances: Distances<'a>,
    /// Partial paths, each a certificate and the place of the one below it; the target is the first.
    nodes: Vec<Node<'a>>,
    open: BinaryHeap<Reverse<(Cost, Task)>>,
    /// How many rules a certificate breaks by itself, by its fingerprint.
    flaws: HashMap<[u8; 32], u32>,
    /// Attempts that failed, the nearest miss first.
    failed: Vec<Attempt>,
    pub(super) spent: Spent,
    /// What is known of signers of lists and responses.
    known: Known,
    exhausted: Option<&'static str>,
    /// Certificates looked at, whether they became candidates or not.
    looked: u32,
}

/// One certificate of a partial path.
struct Node<'a> {
    certificate: &'a Certificate,
    below: Option<usize>,
    /// Certificates from here down to the target.
    length: u32,
    penalty: u32,
    /// Its key did not sign what is below it.
    is_dead: bool,
}

/// What is cheapest is done first; the rest makes the order independent of that of the pool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    certificates: u32,
    not_after: Reverse<i64>,
    fingerprint: [u8; 32],
}

/// What can be done with a partial path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    /// Validate it: the anchor of this number issued its last certificate.
    Complete { node: usize, anchor: usize },
    /// Look for issuers of its last certificate: those that the key identifiers speak for, or else the others; the
    /// nearest to an anchor of those that are at least so far from one.
    Extend { node: usize, is_odd: bool, from: u32 },
}

impl<'a> Search<'a> {
    pub(super) fn new(question: &'a Question<'a>) -> Self {
        Self::within(question, Known::default())
    }

    /// Prepares a search for a signer, within another search.
    pub(super) fn within(question: &'a Question<'a>, known: Known) -> Self {
        let anchors = question.trust.anchors.iter();
        let names = anchors.filter_map(|it| question.pool.find(it.certificate.subject_name()));
        Self {
            question,
            distances: Distances::new(question.pool, names),
            nodes: Vec::new(),
            open: BinaryHeap::new(),
            flaws: HashMap::new(),
            failed: Vec::new(),
            spent: Spent::default(),
            known,
            exhausted: None,
            looked: 0,
        }
    }

    /// Searches, and tells what came out.
    pub(super) fn run(mut self) -> (Answer, Known) {
        let mut found = self.trusted_itself();
        if found.is_none() {
            self.begin();
        }
        while found.is_none() && !self.is_exhausted() {
            let Some(Reverse((cost, task))) = self.open.pop() else { break };
            // What is left is known to break rules; a few of them are enough to explain.
            if cost.certificates >= FLAW && self.failed.len() >= MAX_EXPLAINED {
                break;
            }
            match task {
                Task::Complete { node, anchor } => found = self.complete(node, anchor),
                Task::Extend { node, is_odd, from } => self.extend(node, is_odd, from),
            }
        }
        let mut known = std::mem::take(&mut self.known);
        let lacking = std::mem::take(&mut known.missing);
        (self.answer(found, lacking), known)
    }

    /// The target may be an anchor, or its key pinned: then there is nothing to search.
    fn trusted_itself(&mut self) -> Option<Attempt> {
        let target = self.question.target;
        let mut anchors = self.question.trust.anchors.iter();
        let anchor = anchors.find(|anchor| anchor.certificate == *target);
        let is_pinned = self.question.trust.pinned_keys.contains(&target.key_fingerprint());
        if anchor.is_none() && !is_pinned {
            return None;
        }
        let attempt = self.validate(Path { certificates: &[target], anchor, is_pinned });
        self.keep(attempt)
    }

    fn begin(&mut self) {
        let certificate = self.question.target;
        self.nodes.push(Node { certificate, below: None, length: 1, penalty: 0, is_dead: false });
        if let Some(name) = self.question.pool.find(certificate.issuer_name()) {
            self.distances.walk_to(name);
        }
        self.queue(0);
    }

    /// Puts what can be done with a new partial path into the queue.
    fn queue(&mut self, node: usize) {
        let Some(&Node { certificate, length, penalty, .. }) = self.nodes.get(node) else { return };
        for (number, anchor) in self.question.trust.anchors.iter().enumerate() {
            if anchor.certificate.subject_name() == certificate.issuer_name()
                && !self.is_loop(node, &anchor.certificate)
            {
                let odd = u32::from(!speaks_for(certificate, &anchor.certificate));
                let cost = cost(length + 1 + penalty + odd, &anchor.certificate);
                self.open.push(Reverse((cost, Task::Complete { node, anchor: number })));
            }
        }
        let name = self.question.pool.find(certificate.issuer_name());
        let Some(distance) = name.and_then(|name| self.distances.at_least(name)) else { return };
        let cost = cost(length + 1 + penalty + distance.max(1), certificate);
        self.open.push(Reverse((cost, Task::Extend { node, is_odd: false, from: 0 })));
    }

    /// Makes longer paths from a partial one; first with the issuers that the key identifiers speak for, and of those with
    /// the nearest to an anchor: a bridge has as many certificates as members, and one of them leads on.
    fn extend(&mut self, place: usize, is_odd: bool, from: u32) {
        let Some(&Node { certificate, length, penalty, .. }) = self.nodes.get(place) else {
            return;
        };
        let depth = usize::try_from(length).unwrap_or(usize::MAX);
        // One more, and an anchor on top.
        if self.is_dead(place) || depth + 2 > self.question.budget.depth {
            self.exhausted =
                self.exhausted.or((depth + 2 > self.question.budget.depth).then_some("depth"));
            return;
        }
        let pool = self.question.pool;
        let Some(name) = pool.find(certificate.issuer_name()) else { return };
        let wanted = certificate.authority_key_id().map(|id| pool.key_id(id));
        let is_meant = |entry: &Entry| (wanted.is_some() && wanted == entry.key_id) != is_odd;
        let mut others = false;
        let mut nearest = u32::MAX;
        for entry in pool.of_subject(name) {
            self.looked += 1;
            if is_meant(entry) {
                let distance = self.distances.at_least(entry.issuer).unwrap_or(u32::MAX);
                nearest = nearest.min(if distance < from { u32::MAX } else { distance });
            } else {
                others = true;
            }
        }
        let mut later = |is_odd, from, more: u32| {
            let cost = cost((length + 2 + penalty).saturating_add(more), certificate);
            self.open.push(Reverse((cost, Task::Extend { node: place, is_odd, from })));
        };
        if others && !is_odd && from == 0 {
            later(true, 0, self.distances.at_least(name).unwrap_or(0).max(1));
        }
        if nearest == u32::MAX {
            return;
        }
        later(is_odd, nearest + 1, nearest + 1);
        // What is no farther is now known exactly, so that nothing is taken twice.
        self.distances.walk_as_far_as(nearest);
        for entry in pool.of_subject(name).filter(|entry| is_meant(entry)) {
            if self.distances.at_least(entry.issuer) != Some(nearest) {
                continue;
            }
            if self.spent.candidates >= self.question.budget.candidates || self.looked > MAX_LOOKED
            {
                self.exhausted = Some("candidates");
                return;
            }
            // RFC 5280 section 4.2.1.1: the identifier helps to choose and decides nothing.
            let odd = match (wanted, entry.key_id) {
                _ if !is_odd => 0,
                (Some(_), Some(_)) => 3,
                _ => 1,
            };
            self.add(place, entry, odd);
        }
    }

    /// Adds a candidate on top of a partial path, if it leads on.
    fn add(&mut self, below: usize, entry: &'a Entry, odd: u32) {
        let certificate = &entry.certificate;
        if self.is_anchor(certificate) || self.is_loop(below, certificate) {
            return;
        }
        self.spent.candidates += 1;
        let flaws = self.flaws(certificate);
        let Some(node) = self.nodes.get(below) else { return };
        let penalty = node.penalty + odd + flaws.min(8) * FLAW;
        let node = Node {
            certificate,
            below: Some(below),
            length: node.length + 1,
            penalty,
            is_dead: false,
        };
        self.nodes.push(node);
        self.queue(self.nodes.len() - 1);
    }

    /// Validates a path; returns it if it holds.
    fn complete(&mut self, node: usize, anchor: usize) -> Option<Attempt> {
        if self.is_dead(node) {
            return None;
        }
        let anchor = self.question.trust.anchors.get(anchor)?;
        let places: Vec<usize> = self.places(node).collect();
        let below = places.iter().filter_map(|place| self.nodes.get(*place));
        let certificates: Vec<&Certificate> = std::iter::once(&anchor.certificate)
            .chain(below.map(|node| node.certificate))
            .collect();
        let path = Path { certificates: &certificates, anchor: Some(anchor), is_pinned: false };
        // From the target up: the first key that does not fit makes everything above it useless.
        for depth in (1..certificates.len()).rev() {
            let result = validate::verify(self.question, path, depth, &mut self.spent);
            if !matches!(result, Some(Ok(()))) {
                if result.is_none() {
                    self.exhausted = Some("signatures");
                }
                // `places` has no anchor, so the issuer of `depth` is one before it.
                let issuer = depth.checked_sub(2).and_then(|place| places.get(place));
                if let Some(issuer) = issuer.and_then(|place| self.nodes.get_mut(*place)) {
                    issuer.is_dead = true;
                }
                if self.failed.len() >= MAX_KEPT {
                    return None;
                }
                break;
            }
        }
        let mut attempt = self.validate(path);
        if attempt.holds() {
            revoke::check(self.question, anchor, &mut attempt, &mut self.known, &mut self.spent);
        }
        let found = self.keep(attempt);
        if found.is_none() {
            // What was thought to be near may lead nowhere: from now on the distances must be exact.
            self.distances.walk_all();
        }
        found
    }

    pub(super) fn validate(&mut self, path: Path<'_>) -> Attempt {
        self.spent.paths += 1;
        validate::validate(self.question, path, &mut self.spent)
    }

    /// Returns an attempt that holds; puts any other among the failed ones.
    fn keep(&mut self, attempt: Attempt) -> Option<Attempt> {
        if attempt.holds() {
            return Some(attempt);
        }
        let miss = attempt.miss();
        let place = self.failed.partition_point(|kept| kept.miss() <= miss);
        self.failed.insert(place, attempt);
        self.failed.truncate(MAX_KEPT);
        None
    }

    /// Makes the answer; `lacking` is what signers of lists and responses lack.
    fn answer(mut self, found: Option<Attempt>, lacking: Vec<Missing>) -> Answer {
        let is_found = found.is_some();
        let mut missing = if is_found { Vec::new() } else { explain::missing(self.question) };
        let (outcome, path) = match found {
            Some(path) => (Outcome::Trusted, path),
            None if self.failed.is_empty() => (Outcome::Stranger, explain::stranger(&mut self)),
            None => (Outcome::Rejected, self.failed.remove(0)),
        };
        let settings = &self.question.trust.revocation.settings;
        missing.extend(explain::missing_evidence(&path, settings));
        if path.is_revocation_unknown() {
            missing.extend(lacking);
        }
        let exhausted = self.exhausted.filter(|_| !is_found);
        let Question { purpose, address, at, .. } = *self.question;
        let asked = Asked { purpose, address: address.map(str::to_owned), at };
        Answer { asked, outcome, path, others: self.failed, missing, exhausted, spent: self.spent }
    }

    fn is_exhausted(&mut self) -> bool {
        if self.spent.paths >= self.question.budget.paths {
            self.exhausted = Some("paths");
        } else if self.spent.comparisons >= self.question.budget.comparisons {
            self.exhausted = Some("comparisons");
        }
        matches!(self.exhausted, Some("paths" | "comparisons" | "signatures"))
    }

    /// Returns the places of a partial path, from the top down to the target.
    fn places(&self, node: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(node), |place| self.nodes.get(*place)?.below)
    }

    fn is_dead(&self, node: usize) -> bool {
        self.places(node).any(|place| self.nodes.get(place).is_some_and(|node| node.is_dead))
    }

    fn is_anchor(&self, certificate: &Certificate) -> bool {
        self.question.trust.anchors.iter().any(|anchor| anchor.certificate == *certificate)
    }

    /// A name with the same key twice is a detour (RFC 4158 section 5.1).
    fn is_loop(&self, node: usize, certificate: &Certificate) -> bool {
        self.places(node).filter_map(|place| self.nodes.get(place)).any(|node| {
            node.certificate.key_fingerprint() == certificate.key_fingerprint()
                && node.certificate.subject_name() == certificate.subject_name()
        })
    }

    /// Returns how many rules a possible issuer breaks by itself.
    fn flaws(&mut self, certificate: &Certificate) -> u32 {
        let question = self.question;
        *self.flaws.entry(certificate.fingerprint()).or_insert_with(|| {
            let mut step = Step::new(certificate, false);
            rules::check_itself(question, &mut step);
            rules::check_issuer(question, &mut step);
            u32::try_from(step.failures().count()).unwrap_or(u32::MAX)
        })
    }
}

/// Returns true unless the identifiers say that another key signed the certificate.
fn speaks_for(certificate: &Certificate, issuer: &Certificate) -> bool {
    let wanted = certificate.authority_key_id();
    wanted.is_none() || issuer.subject_key_id().is_none() || wanted == issuer.subject_key_id()
}

fn cost(certificates: u32, certificate: &Certificate) -> Cost {
    let fingerprint = certificate.fingerprint();
    Cost { certificates, not_after: Reverse(certificate.not_after()), fingerprint }
}

/// What a broken rule costs: more than any detour.
const FLAW: u32 = 1_000;
/// Failed attempts that are kept.
const MAX_KEPT: usize = 16;
/// Certificates looked at when issuers are looked for; a few nanoseconds each.
const MAX_LOOKED: u32 = 4_000_000;
/// Attempts that fail by themselves that are looked at once there is nothing better.
const MAX_EXPLAINED: usize = 4;
