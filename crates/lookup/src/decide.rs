//! Deciding with the network's help: ask the engine, fetch what it lacks, ask again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chancery_pki::path::{Answer, Known, Rule};
use chancery_pki::revocation::OcspResponse;

use crate::content::Content;
use crate::learned::add_responses;
use crate::lookup::Lookup;
use crate::source::Source;
use crate::story::Fetch;

/// What one decision may cost beside the engine's own budget; who sent the message names the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How long it may take.
    pub time: Duration,
    /// Requests over the network.
    pub fetches: usize,
    /// Octets over the network.
    pub octets: usize,
}

/// A decision and how it came about.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The answer of the engine.
    pub answer: Answer,
    /// Everything that was asked for, in order.
    pub fetches: Vec<Fetch>,
    /// A limit was reached while something was still missing; says which.
    pub exhausted: Option<&'static str>,
    /// What came, whether or not the answer was built on it.
    pub brought: Brought,
}

/// What was fetched for one decision. It helps that one, until an answer was built on it.
#[derive(Clone, Debug, Default)]
pub struct Brought(Vec<Arc<Content>>);

/// What one decision has gathered.
#[derive(Default)]
struct Gathered {
    /// What was asked for already.
    tried: HashSet<String>,
    brought: Brought,
    fetches: Vec<Fetch>,
    requests: usize,
    octets: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { time: Duration::from_secs(15), fetches: 32, octets: 64 << 20 }
    }
}

impl Lookup {
    /// Decides: asks the engine with what is known, fetches what it lacks, and asks again, until nothing more can be had
    /// that could help or the budget is used up.
    ///
    /// `ask` puts the question to what is known, [`path::decide`](chancery_pki::path::decide) mostly, and is called once
    /// for each round: once in all if nothing is missing. It computes; whoever must not be held up calls this from a
    /// thread of its own.
    pub async fn decide(&self, budget: Budget, ask: impl Fn(&Known) -> Answer) -> Decided {
        let clock = &self.0.dialer.clock;
        let until = clock.monotonic() + budget.time;
        let known = self.known();
        let mut answer = ask(&known);
        let mut gathered = Gathered::default();
        let mut exhausted = None;
        for round in 0.. {
            let wanted = self.wanted(&answer, &mut gathered.tried);
            if wanted.is_empty() {
                break;
            }
            let left = until.saturating_sub(clock.monotonic());
            exhausted = gathered.exhausted(&budget, left, round);
            if exhausted.is_some() {
                break;
            }
            let may = budget.fetches.saturating_sub(gathered.requests);
            let done = self.get_all(wanted.into_iter().take(may).collect(), left).await;
            let mut is_new = false;
            for (_, done) in done {
                gathered.requests += usize::from(done.fetch.outcome.was_asked());
                gathered.octets = gathered.octets.saturating_add(done.fetch.octets);
                gathered.fetches.push(done.fetch);
                is_new |= done.content.is_some();
                gathered.brought.0.extend(done.content);
            }
            if is_new {
                answer = ask(&gathered.brought.over(&known));
            }
        }
        self.used(&answer);
        Decided { answer, fetches: gathered.fetches, exhausted, brought: gathered.brought }
    }

    /// Chooses what to fetch next: of each missing thing the best place that was not tried.
    fn wanted(&self, answer: &Answer, tried: &mut HashSet<String>) -> Vec<Source> {
        if is_hopeless(answer) {
            return Vec::new();
        }
        let mut wanted = Vec::new();
        for missing in &answer.missing {
            let mut sources = self.sources(missing).into_iter();
            wanted.extend(sources.find(|source| tried.insert(source.key())));
        }
        wanted
    }
}

impl Gathered {
    fn exhausted(&self, budget: &Budget, left: Duration, round: u32) -> Option<&'static str> {
        if left.is_zero() {
            Some("time")
        } else if self.requests >= budget.fetches {
            Some("fetches")
        } else if self.octets >= budget.octets {
            Some("octets")
        } else if round >= MAX_ROUNDS {
            Some("rounds")
        } else {
            None
        }
    }
}

impl Brought {
    /// Lays it over what is known, for this decision only.
    #[must_use]
    pub fn over(&self, known: &Known) -> Known {
        if self.0.is_empty() {
            return known.clone();
        }
        let certificates = self.0.iter().flat_map(|content| &content.certificates);
        let brought = self.0.iter().flat_map(|content| &content.responses);
        // A responder's certificate may be the one that a list needs, too.
        let certificates = certificates.chain(brought.flat_map(OcspResponse::certificates));
        let lists = self.0.iter().flat_map(|content| content.lists.iter().cloned());
        let mut over = known.with(certificates, lists);
        add_responses(&mut over.evidence, self.0.iter().map(AsRef::as_ref));
        over
    }
}

/// Returns true if the target itself breaks a rule that no other path mends.
fn is_hopeless(answer: &Answer) -> bool {
    let Some(target) = answer.path.steps.last() else { return true };
    let itself = |rule| {
        matches!(
            rule,
            Rule::Address
                | Rule::Expired
                | Rule::ExtendedKeyUsage
                | Rule::KeyUsage
                | Rule::NotYetValid
                | Rule::Revoked
                | Rule::UnknownCriticalExtension
        )
    };
    target.failures().any(|failure| itself(failure.rule))
}

/// Rounds of one decision. Each climbs one certificate or tries one more place, in parallel with the others.
const MAX_ROUNDS: u32 = 16;
