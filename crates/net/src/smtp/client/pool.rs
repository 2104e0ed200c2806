//! Connections that wait for their next message.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::connection::Connection;
use super::target::Target;
use super::{Credentials, DeliveryOptions, TlsPolicy};
use crate::clock::Clock;

/// Keeps connections by what they are good for.
pub(super) struct Pool {
    clock: Arc<dyn Clock>,
    idle: Duration,
    max_idle: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    connections: HashMap<Key, Vec<Idle>>,
    has_reaper: bool,
}

struct Idle {
    connection: Connection,
    since: u64,
}

/// Connections with the same key are interchangeable: same server, same demands on TLS, same login.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    target: Target,
    tls: TlsKey,
    auth: Option<Arc<Credentials>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum TlsKey {
    None,
    Opportunistic,
    Required,
    /// The address of the configuration that checked the certificate. The connection keeps it alive.
    Verified(usize),
}

impl Key {
    pub(super) fn new(target: &Target, options: &DeliveryOptions) -> Self {
        let tls = match &options.tls {
            TlsPolicy::None => TlsKey::None,
            TlsPolicy::Opportunistic => TlsKey::Opportunistic,
            TlsPolicy::Required => TlsKey::Required,
            TlsPolicy::RequiredVerified(config) => TlsKey::Verified(Arc::as_ptr(config).addr()),
        };
        Self { target: target.clone(), tls, auth: options.auth.clone() }
    }
}

impl Pool {
    pub(super) fn new(clock: Arc<dyn Clock>, idle: Duration, max_idle: usize) -> Self {
        Self { clock, idle, max_idle, waiting: Mutex::default() }
    }

    /// Takes a connection that is still good, the one that was used last.
    pub(super) async fn take(&self, key: &Key) -> Option<Connection> {
        loop {
            let oldest = self.oldest();
            let idle = self.lock().connections.get_mut(key)?.pop()?;
            let mut connection = idle.connection;
            if idle.since >= oldest && connection.is_quiet().await {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next message, unless there are enough.
    pub(super) fn put(self: &Arc<Self>, key: Key, connection: Connection) {
        let since = self.clock.monotonic_ms();
        let mut waiting = self.lock();
        let list = waiting.connections.entry(key).or_default();
        if list.len() >= self.max_idle {
            return;
        }
        list.push(Idle { connection, since });
        if !std::mem::replace(&mut waiting.has_reaper, true) {
            tokio::spawn(reap(Arc::clone(self)));
        }
    }

    /// Says goodbye on all connections.
    pub(super) async fn close_all(&self) {
        let lists = std::mem::take(&mut self.lock().connections);
        for idle in lists.into_values().flatten() {
            idle.connection.close().await;
        }
    }

    /// Removes the connections that have waited too long; returns nothing more to watch as `None`.
    fn expired(&self) -> Option<Vec<Connection>> {
        let oldest = self.oldest();
        let mut waiting = self.lock();
        if waiting.connections.is_empty() {
            waiting.has_reaper = false;
            return None;
        }
        let mut expired = Vec::new();
        waiting.connections.retain(|_, list| {
            expired.extend(
                list.extract_if(.., |idle| idle.since < oldest).map(|idle| idle.connection),
            );
            !list.is_empty()
        });
        Some(expired)
    }

    fn oldest(&self) -> u64 {
        let idle = u64::try_from(self.idle.as_millis()).unwrap_or(u64::MAX);
        self.clock.monotonic_ms().saturating_sub(idle)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that nobody came back for; ends when none is left.
async fn reap(pool: Arc<Pool>) {
    loop {
        pool.clock.sleep(pool.idle).await;
        let Some(expired) = pool.expired() else { return };
        for connection in expired {
            connection.close().await;
        }
    }
}
