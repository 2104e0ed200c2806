//! The handle that everybody shares.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery_mail::Address;
use chancery_net::clock::Clock;
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::lookup::lock;

use super::breaker::Breaker;
use super::cache::{Cache, Kept};
use super::check;
use super::flight::{Flight, FlightKey};
use super::found::{Asked, Found, Hop, Unanswered};
use super::given::Failure;
use super::metrics::{Counters, Numbers};
use super::source::{Settings, Source};

/// Finds the certificates of addresses; one for a process, clones share it.
#[derive(Clone)]
pub struct Finder(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) id: Hop,
    pub(super) sources: Vec<Known>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cache: Mutex<Cache>,
    /// Questions under way.
    pub(super) flights: Mutex<HashMap<FlightKey, Flight>>,
    pub(super) counters: Counters,
}

/// A source with what is known of it.
pub(super) struct Known {
    pub(super) source: Source,
    pub(super) breaker: Mutex<Breaker>,
    pub(super) slots: Semaphore,
}

impl Finder {
    /// Makes a handle; `id` is a number that no other one has, chosen by chance.
    pub fn new(settings: Settings, id: Hop, clock: Arc<dyn Clock>) -> Self {
        let known = |source: Source| Known {
            breaker: Mutex::default(),
            slots: Semaphore::new(source.parallel.max(1)),
            source,
        };
        Self(Arc::new(Inner {
            id,
            cache: Mutex::new(Cache::new(settings.cached)),
            sources: settings.sources.into_iter().map(known).collect(),
            clock,
            flights: Mutex::default(),
            counters: Counters::default(),
        }))
    }

    /// Returns the number by which questions are recognised that we asked.
    pub fn id(&self) -> Hop {
        self.0.id
    }

    /// Returns true if there is a source to ask about a domain.
    pub fn covers(&self, address: &Address) -> bool {
        let domain = address.ascii_domain();
        self.0.sources.iter().any(|known| known.source.domains.contain(&domain))
    }

    /// Returns the numbers of this moment.
    pub fn numbers(&self) -> Numbers {
        let resting = self.0.sources.iter().filter(|known| lock(&known.breaker).is_resting());
        let entries = lock(&self.0.cache).len();
        self.0.counters.numbers(entries, resting.count())
    }

    /// Finds certificates to which messages to the address may be encrypted. It returns within the time of the asker; what
    /// comes later is there for the next one.
    pub async fn find(&self, address: &Address, asked: Asked) -> Found {
        let counters = &self.0.counters;
        Counters::add(&counters.questions);
        let mut found = Found::default();
        let domain = address.ascii_domain();
        let covering =
            (0..).zip(&self.0.sources).filter(|(_, known)| known.source.domains.contain(&domain));
        if asked.passed.contains(&self.0.id) || asked.passed.len() >= MAX_HOPS {
            Counters::add(&counters.loops);
            let circle = Failure::permanent(&Error::Circle);
            found.unanswered = covering.map(|(_, known)| unanswered(known, &circle)).collect();
            return found;
        }
        let until = self.0.clock.monotonic() + asked.wait;
        let mailbox: Arc<str> = address.normal().into();
        let wanted = (&*mailbox, asked.ignores_case);
        let mut waiting = Vec::new();
        for (place, known) in covering {
            let now = self.0.clock.unix();
            let kept = lock(&self.0.cache).look(&(place, mailbox.clone()), now);
            match kept {
                Some(kept) if asked.from_cache && now < kept.expires_at => {
                    Counters::add(&counters.hits);
                    if now >= kept.refresh_at {
                        // Nobody waits for it.
                        drop(self.flight(place, &mailbox, address, &asked.passed));
                    }
                    check::add(&mut found, wanted, known, &kept, true, now);
                }
                kept => {
                    let flight = self.flight(place, &mailbox, address, &asked.passed);
                    waiting.push((known, kept, flight));
                }
            }
        }
        for (known, kept, flight) in waiting {
            let left = until.saturating_sub(self.0.clock.monotonic());
            let result = self.wait(flight, left).await;
            let now = self.0.clock.unix();
            match result {
                Ok(kept) => check::add(&mut found, wanted, known, &kept, true, now),
                Err(failure) => {
                    found.unanswered.push(unanswered(known, &failure));
                    if let Some(kept) = kept.filter(|kept| !kept.given.is_empty()) {
                        Counters::add(&counters.stale);
                        check::add(&mut found, wanted, known, &kept, false, now);
                    }
                }
            }
        }
        check::settle(&mut found);
        found
    }

    /// Waits for a question under way, but not longer than that.
    async fn wait(&self, flight: Result<Flight, Failure>, left: Duration) -> Result<Kept, Failure> {
        let mut flight = flight?;
        let interrupted = || Failure::temporary(&Error::Interrupted);
        tokio::select! {
            biased;
            done = flight.wait_for(Option::is_some) => {
                let done = done.ok().and_then(|done| done.clone());
                done.unwrap_or_else(|| Err(interrupted()))
            }
            () = self.0.clock.sleep(left) => Err(interrupted()),
        }
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.0.sources.iter().map(|known| &known.source.name);
        formatter.debug_list().entries(sources).finish()
    }
}

fn unanswered(known: &Known, failure: &Failure) -> Unanswered {
    let (source, kind) = (known.source.name.clone(), known.source.kind);
    let Failure { is_temporary, code, why, .. } = failure.clone();
    Unanswered { source, kind, is_temporary, code, why }
}

/// A question that passed more directories is refused; it is what the control can name.
const MAX_HOPS: usize = chancery_wire::ldap::Chain::MAX;
