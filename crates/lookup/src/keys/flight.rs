//! One question to one source: it is asked once for all who want to know, it goes on when nobody waits any more, and what
//! came is kept.

use std::sync::Arc;
use std::time::Duration;

use chancery_mail::Address;
use chancery_net::outbound;
use chancery_pki::Certificate;
use tokio::sync::watch;

use crate::error::Error;
use crate::lookup::lock;

use super::cache::{Kept, Key};
use super::finder::{Finder, Known};
use super::found::Hop;
use super::given::{Failure, Given};
use super::metrics::Counters;
use super::source::How;
use super::{ldap, smimea, web};

/// A question under way.
pub(super) type Flight = watch::Receiver<Option<Result<Kept, Failure>>>;

/// Which question; whether it came from another directory, since such a one may be answered less well.
pub(super) type FlightKey = (Key, bool);

/// Ends the entry of a question, whatever became of it.
struct Landing {
    finder: Finder,
    key: FlightKey,
}

impl Drop for Landing {
    fn drop(&mut self) {
        lock(&self.finder.0.flights).remove(&self.key);
    }
}

impl Finder {
    /// Joins a question under way or starts it.
    pub(super) fn flight(
        &self,
        place: usize,
        mailbox: &Arc<str>,
        address: &Address,
        passed: &[Hop],
    ) -> Result<Flight, Failure> {
        let key = ((place, mailbox.clone()), !passed.is_empty());
        let mut flights = lock(&self.0.flights);
        if let Some(flight) = flights.get(&key) {
            Counters::add(&self.0.counters.joined);
            return Ok(flight.clone());
        }
        if flights.len() >= MAX_FLIGHTS {
            return Err(Failure::temporary(&Error::Busy));
        }
        let (sender, receiver) = watch::channel(None);
        flights.insert(key.clone(), receiver.clone());
        drop(flights);
        let (finder, address, passed) = (self.clone(), address.clone(), passed.to_vec());
        tokio::spawn(async move {
            let landing = Landing { finder: finder.clone(), key: key.clone() };
            let result = Box::pin(finder.question(&key, &address, &passed)).await;
            // Whoever asks from now on finds it in the cache.
            drop(landing);
            sender.send_replace(Some(result));
        });
        Ok(receiver)
    }

    async fn question(
        &self,
        (key, is_chained): &FlightKey,
        address: &Address,
        passed: &[Hop],
    ) -> Result<Kept, Failure> {
        let known = self.0.sources.get(key.0).ok_or_else(|| Failure::temporary(&Error::Busy))?;
        let clock = &self.0.clock;
        let timeout = known.source.timeout;
        if let Some(failure) = lock(&known.breaker).refusal(clock.monotonic(), timeout) {
            return Err(failure);
        }
        Counters::add(&self.0.counters.requests);
        let work = async {
            let _slot = known.slots.acquire().await;
            self.ask(known, address, passed).await
        };
        let result = tokio::select! {
            result = work => result,
            () = clock.sleep(timeout) => Err(outbound::Error::TimedOut(timeout).into()),
        };
        lock(&known.breaker).note(clock.monotonic(), result.as_ref().map(drop));
        if let Err(failure) = &result {
            Counters::add(&self.0.counters.failures);
            if failure.code == chancery_net::codes::DNS_BOGUS.id {
                Counters::add(&self.0.counters.bogus);
            }
            tracing::debug!(source = %known.source.name, code = failure.code, "{}", failure.why);
        }
        let kept = self.lifetimes(known, result?);
        // What another directory was told of is not all: those that it passed were not asked again.
        if !is_chained || !kept.given.is_empty() {
            lock(&self.0.cache).keep(key.clone(), kept.clone());
        }
        Ok(kept)
    }

    async fn ask(
        &self,
        known: &Known,
        address: &Address,
        passed: &[Hop],
    ) -> Result<Given, Failure> {
        match &known.source.how {
            How::Dns(names) => smimea::ask(names, address).await,
            How::Http(web) => web::ask(web, &known.source, address).await,
            How::Ldap(directory) => {
                let passed = [passed, &[self.0.id]].concat();
                ldap::ask(directory, &known.source, address, passed).await
            }
        }
    }

    /// Says how long an answer may be used: as the source says, within what the configuration says, and not beyond the
    /// first of its certificates.
    fn lifetimes(&self, known: &Known, given: Given) -> Kept {
        let now = self.0.clock.unix();
        let source = &known.source;
        let most = if given.is_empty() { source.negative_lifetime } else { source.lifetime };
        let lifetime =
            given.lifetime.map_or(most, |lifetime| lifetime.clamp(SHORTEST, most.max(SHORTEST)));
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 4);
        let living = given.certificates.iter().map(Certificate::not_after).filter(|end| *end > now);
        let first_end = living.min().unwrap_or(i64::MAX);
        let expires_at = now.saturating_add(seconds(lifetime)).min(first_end);
        Kept {
            found_at: now,
            refresh_at: expires_at - (expires_at - now) / 4,
            expires_at,
            ends_at: expires_at.saturating_add(seconds(source.stale)),
            given: Arc::new(given),
        }
    }
}

/// Questions under way, of all askers.
const MAX_FLIGHTS: usize = 4_096;
/// A source that says that its answer is for no time at all is not asked for every message.
const SHORTEST: Duration = Duration::from_secs(30);
