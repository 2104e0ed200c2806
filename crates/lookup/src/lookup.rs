//! The handle that everybody shares.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use chancery_net::outbound::Dialer;
use chancery_pki::path::Known;
use chancery_store::Store;
use tokio::sync::{Notify, Semaphore};

use crate::fetch::InFlight;
use crate::learned::Learned;
use crate::metrics::Counters;
use crate::shelf::Shelf;

/// Finds what is not here and caches it; one for a process, clones share it.
#[derive(Clone)]
pub struct Lookup(pub(crate) Arc<Inner>);

/// How much is fetched and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// For one request, from the look-up of the name to the last octet.
    pub timeout: Duration,
    /// Octets of one answer; the largest public revocation lists have some 10 MB.
    pub max_octets: usize,
    /// Octets of everything that is kept.
    pub cache_octets: usize,
    /// Directories are asked by LDAP.
    pub ldap: bool,
    /// Responders are asked; else revocation lists have to do.
    pub ocsp: bool,
    /// Responders are asked for an answer made for this very request (RFC 9654). Most give only answers made in advance,
    /// which are taken too.
    pub nonce: bool,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) dialer: Dialer,
    /// What all decisions start from.
    pub(crate) known: RwLock<Known>,
    pub(crate) learned: Mutex<Learned>,
    pub(crate) shelf: Mutex<Shelf>,
    /// Requests under way, by what they ask for.
    pub(crate) in_flight: Mutex<HashMap<String, InFlight>>,
    /// All requests at once.
    pub(crate) slots: Arc<Semaphore>,
    /// Requests to one host at once.
    pub(crate) hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// Something was fetched that must be fetched again one day.
    pub(crate) changed: Notify,
    pub(crate) counters: Counters,
    /// Where what was fetched is kept for the next start.
    pub(crate) store: Option<Store>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            max_octets: 32 << 20,
            cache_octets: 128 << 20,
            ldap: true,
            ocsp: true,
            nonce: false,
        }
    }
}

impl Lookup {
    /// Makes a handle that knows nothing yet and leaves nothing behind.
    pub fn new(settings: Settings, dialer: Dialer) -> Self {
        Self::make(settings, dialer, None)
    }

    /// Makes a handle that begins with what the store kept of what was fetched before, and keeps what it fetches there.
    /// It reads files and computes.
    pub fn with_store(
        settings: Settings,
        dialer: Dialer,
        store: &Store,
    ) -> Result<Self, chancery_store::Error> {
        let lookup = Self::make(settings, dialer, Some(store.clone()));
        lookup.load(store)?;
        Ok(lookup)
    }

    fn make(settings: Settings, dialer: Dialer, store: Option<Store>) -> Self {
        let shelf = Shelf::new(settings.cache_octets);
        Self(Arc::new(Inner {
            settings,
            dialer,
            known: RwLock::default(),
            learned: Mutex::default(),
            shelf: Mutex::new(shelf),
            in_flight: Mutex::default(),
            slots: Arc::new(Semaphore::new(MAX_REQUESTS)),
            hosts: Mutex::default(),
            changed: Notify::new(),
            counters: Counters::default(),
            store,
        }))
    }

    /// Returns what is known now: a value that does not change, made of references.
    pub fn known(&self) -> Known {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the time, in Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.0.dialer.clock.unix()
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Lookup({:?})", self.0.settings)
    }
}

/// Locks; what a thread that died left behind is whole, since each change is one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Requests at once: more gain nothing on one line, and each may hold a large answer in memory.
const MAX_REQUESTS: usize = 32;
