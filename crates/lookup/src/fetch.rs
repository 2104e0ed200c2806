//! Fetching with memory: from the shelf if it is there, once for all who ask at the same time, not too much at once.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chancery_crypto::random;
use chancery_fault::Coded as _;
use chancery_net::http::Validators;
use chancery_net::outbound;
use chancery_pki::path::{Missing, Wanted};
use chancery_pki::revocation;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::content::Content;
use crate::error::Error;
use crate::lookup::{Lookup, lock};
use crate::shelf::Look;
use crate::source::Source;
use crate::story::{Fetch, Outcome};

/// A request under way.
pub(crate) type InFlight = watch::Receiver<Option<Done>>;

/// What came of asking for one thing.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) fetch: Fetch,
    pub(crate) content: Option<Arc<Content>>,
}

impl Lookup {
    /// Fetches what is missing, in parallel, and keeps it. Returns what was done within the time; the rest goes on and
    /// will be there later.
    pub async fn fetch(&self, missing: &[Missing], time: Duration) -> Vec<Fetch> {
        let sources = missing.iter().flat_map(|missing| self.sources(missing));
        let done = self.get_all(sources.take(MAX_SOURCES).collect(), time).await;
        done.into_iter().map(|(_, done)| done.fetch).collect()
    }

    /// Returns where something may be had, the best place first.
    pub(crate) fn sources(&self, missing: &Missing) -> Vec<Source> {
        let responder = |url: &String| match &missing.what {
            Wanted::Revocation { issuer }
                if missing.of.ocsp_urls().any(|it| it == url.as_str()) =>
            {
                Some((missing.of.clone(), issuer.clone()))
            }
            _ => None,
        };
        let urls = missing.urls.iter().filter_map(|url| match responder(url) {
            Some(_) if !self.0.settings.ocsp => None,
            Some((certificate, issuer)) => {
                Some(Source::Responder { url: url.clone(), certificate, issuer })
            }
            None => Some(Source::Place { url: url.clone() }),
        });
        urls.collect()
    }

    /// Gets several things at once. What is not there when the time is over is fetched nevertheless, for later.
    pub(crate) async fn get_all(
        &self,
        sources: Vec<Source>,
        time: Duration,
    ) -> Vec<(Source, Done)> {
        let mut tasks = JoinSet::new();
        let mut open: Vec<Option<Source>> = Vec::new();
        for (place, source) in sources.into_iter().enumerate() {
            let lookup = self.clone();
            open.push(Some(source.clone()));
            tasks.spawn(async move { (place, lookup.get(&source).await) });
        }
        let mut found = Vec::new();
        let collect = async {
            while let Some(joined) = tasks.join_next().await {
                let Ok((place, done)) = joined else { continue };
                let source = open.get_mut(place).and_then(Option::take);
                found.extend(source.map(|source| (place, source, done)));
            }
        };
        tokio::select! {
            () = collect => {}
            () = self.0.dialer.clock.sleep(time) => {}
        }
        let late = open.into_iter().enumerate().filter_map(|(place, source)| {
            let source = source?;
            let fetch = failed(&source, &Error::Interrupted, time);
            Some((place, source, Done { fetch, content: None }))
        });
        found.extend(late);
        found.sort_by_key(|(place, ..)| *place);
        found.into_iter().map(|(_, source, done)| (source, done)).collect()
    }

    /// Gets one thing: from the shelf, from a request under way, or with a new one.
    async fn get(&self, source: &Source) -> Done {
        let key = source.key();
        let counters = &self.0.counters;
        let look = lock(&self.0.shelf).look(&key, self.now());
        let known = match look {
            Look::Here(content) => {
                counters.hits.fetch_add(1, Relaxed);
                let outcome = Outcome::Cached { content: content.summary() };
                return Done { fetch: here(source, outcome), content: Some(content) };
            }
            Look::Failed(error, content) => {
                counters.negative_hits.fetch_add(1, Relaxed);
                let (code, reason) = (error.code().id, error.to_string());
                let outcome = Outcome::FailedBefore { code, reason };
                return Done { fetch: here(source, outcome), content };
            }
            Look::Ask(known) => known,
        };
        self.join_or_start(source, &key, known).await
    }

    /// Waits for a request; starts it unless it is under way. It goes on when nobody waits any more.
    pub(crate) async fn join_or_start(
        &self,
        source: &Source,
        key: &str,
        known: Option<Validators>,
    ) -> Done {
        let mut receiver = self.in_flight(source, key, known);
        let done = receiver.wait_for(Option::is_some).await.ok().and_then(|done| done.clone());
        done.unwrap_or_else(|| Done {
            fetch: failed(source, &Error::Interrupted, Duration::ZERO),
            content: None,
        })
    }

    fn in_flight(&self, source: &Source, key: &str, known: Option<Validators>) -> InFlight {
        let mut in_flight = lock(&self.0.in_flight);
        if let Some(receiver) = in_flight.get(key) {
            self.0.counters.joined.fetch_add(1, Relaxed);
            return receiver.clone();
        }
        let (sender, receiver) = watch::channel(None);
        in_flight.insert(key.to_owned(), receiver.clone());
        let (lookup, source) = (self.clone(), source.clone());
        let flight = Flight { lookup: self.clone(), key: key.to_owned() };
        tokio::spawn(async move {
            let done = lookup.request(&source, known.as_ref()).await;
            // It is on the shelf now; whoever comes later finds it there.
            drop(flight);
            sender.send_replace(Some(done));
        });
        receiver
    }

    /// Asks over the network, and puts what comes on the shelf.
    async fn request(&self, source: &Source, known: Option<&Validators>) -> Done {
        let clock = &self.0.dialer.clock;
        let started = clock.monotonic();
        let asked = match self.slot(source).await {
            Ok(_slot) => self.ask(source, known).await,
            Err(error) => Err(error),
        };
        let took = clock.monotonic().saturating_sub(started);
        let counters = &self.0.counters;
        counters.requests.fetch_add(1, Relaxed);
        let received = match asked {
            Ok(received) => received,
            Err(error) => {
                counters.failures.fetch_add(1, Relaxed);
                let content = lock(&self.0.shelf).fail(source, error.clone(), self.now());
                self.0.changed.notify_one();
                return Done { fetch: failed(source, &error, took), content };
            }
        };
        let octets = received.octets;
        counters.octets.fetch_add(u64::try_from(octets).unwrap_or(u64::MAX), Relaxed);
        let is_unchanged = received.content.is_none();
        // Any number will do where there is no randomness.
        let chance = random::bytes::<1>().map_or(128, |[chance]| chance);
        let (content, has_changed) = lock(&self.0.shelf).put(source, received, self.now(), chance);
        if has_changed {
            self.rebuild();
        }
        self.0.changed.notify_one();
        let summary = content.as_ref().map_or_else(String::new, |content| content.summary());
        let outcome = if is_unchanged {
            Outcome::Unchanged { content: summary }
        } else {
            Outcome::Fetched { content: summary }
        };
        let fetch = Fetch { url: source.url().to_owned(), outcome, ms: ms(took), octets };
        Done { fetch, content }
    }

    /// Waits until a request to this host may be made.
    async fn slot(
        &self,
        source: &Source,
    ) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), Error> {
        let host = {
            let mut hosts = lock(&self.0.hosts);
            // Those nobody waits for are forgotten, so that the table stays small.
            if hosts.len() > MAX_HOSTS {
                hosts.retain(|_, slots| Arc::strong_count(slots) > 1);
            }
            let slots = hosts.entry(source.host());
            Arc::clone(slots.or_insert_with(|| Arc::new(Semaphore::new(MAX_PER_HOST))))
        };
        let both = async {
            // The host first: who waits for a slow one must not hold a place that others could use.
            let host = host.acquire_owned().await.map_err(|_| Error::Interrupted)?;
            let all = Arc::clone(&self.0.slots).acquire_owned().await;
            Ok((host, all.map_err(|_| Error::Interrupted)?))
        };
        let timeout = self.0.settings.timeout;
        tokio::select! {
            slots = both => slots,
            () = self.0.dialer.clock.sleep(timeout) => {
                Err(outbound::Error::TimedOut(timeout).into())
            }
        }
    }
}

/// Takes a request off the list of those under way, even if it dies.
struct Flight {
    lookup: Lookup,
    key: String,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let in_flight = &self.lookup.0.in_flight;
        in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

fn here(source: &Source, outcome: Outcome) -> Fetch {
    Fetch { url: source.url().to_owned(), outcome, ms: 0, octets: 0 }
}

fn failed(source: &Source, error: &Error, took: Duration) -> Fetch {
    let outcome = Outcome::Failed { code: error.code().id, reason: error.to_string() };
    Fetch { url: source.url().to_owned(), outcome, ms: ms(took), octets: 0 }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the addresses by which evidence and issuers of a certificate are found, of those that it names itself.
pub(crate) fn own_urls(certificate: &chancery_pki::Certificate) -> Vec<String> {
    let lists = revocation::list_urls(certificate).into_iter();
    let deltas = revocation::delta_urls(certificate).into_iter();
    lists.chain(deltas).chain(certificate.issuer_urls().map(str::to_owned)).collect()
}

/// Requests to one host at once: what a browser allows itself.
const MAX_PER_HOST: usize = 6;
/// Hosts in the table before it is cleared of those without requests.
const MAX_HOSTS: usize = 256;
/// Sources fetched in one call.
const MAX_SOURCES: usize = 64;
