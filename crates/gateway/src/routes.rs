//! Where children go: names that are stored with them, and how many deliveries a next hop gets at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chancery_net::smtp::{Route, TlsPolicy};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::settings::Settings;

/// Where a child goes. The name is stored and not the host, so that a changed configuration moves waiting mail too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RouteName {
    /// To the organisation's own mail server.
    Inside,
    /// To the servers of another domain.
    Outside(String),
}

impl RouteName {
    /// Returns the text that is stored.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Inside => INSIDE.to_owned(),
            Self::Outside(domain) => format!("{OUTSIDE}{domain}"),
        }
    }

    /// Reads the stored text.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        if text == INSIDE {
            return Some(Self::Inside);
        }
        text.strip_prefix(OUTSIDE).map(|domain| Self::Outside(domain.to_owned()))
    }

    /// Returns the next hop and the TLS it needs, as the settings are now.
    pub(crate) fn resolve(&self, settings: &Settings) -> (Route, TlsPolicy) {
        let routes = &settings.routes;
        match self {
            Self::Inside => (routes.inside.clone(), routes.inside_tls.clone()),
            Self::Outside(domain) => {
                let fixed = routes.domains.get(domain).or(routes.outside.as_ref());
                let by_mx = || Route::Domain { domain: domain.clone(), port: 25 };
                (fixed.cloned().unwrap_or_else(by_mx), routes.outside_tls.clone())
            }
        }
    }
}

/// Shares the deliveries out, so that one slow next hop does not keep the others waiting.
#[derive(Debug)]
pub(crate) struct RouteSlots {
    all: Arc<Semaphore>,
    per_route: usize,
    routes: Mutex<HashMap<Route, RouteState>>,
}

#[derive(Debug)]
struct RouteState {
    slots: Arc<Semaphore>,
    /// The next hop could not be reached; nothing is tried until then.
    down_until_ms: u64,
}

/// The right to make one delivery.
#[derive(Debug)]
pub(crate) struct Slot {
    _route: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl RouteSlots {
    pub(crate) fn new(all: usize, per_route: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), per_route, routes: Mutex::default() }
    }

    /// Waits for the right to deliver over a route; `None` means the next hop was found dead a moment ago.
    pub(crate) async fn take(&self, route: &Route, now_ms: impl Fn() -> u64) -> Option<Slot> {
        let slots = self.with(route, |state| Arc::clone(&state.slots));
        // The semaphores are never closed.
        let of_route = slots.acquire_owned().await.ok()?;
        if self.with(route, |state| state.down_until_ms) > now_ms() {
            return None;
        }
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Slot { _route: of_route, _all: of_all })
    }

    /// Remembers that a next hop cannot be reached, so that what waits for it need not find out one by one.
    pub(crate) fn mark_down(&self, route: &Route, until_ms: u64) {
        self.with(route, |state| state.down_until_ms = until_ms);
    }

    fn with<T>(&self, route: &Route, act: impl FnOnce(&mut RouteState) -> T) -> T {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if routes.len() >= MAX_ROUTES && !routes.contains_key(route) {
            // A route that is being used has its semaphore in use; the others start fresh next time.
            routes.retain(|_, state| Arc::strong_count(&state.slots) > 1);
        }
        let per_route = self.per_route;
        act(routes.entry(route.clone()).or_insert_with(|| RouteState {
            slots: Arc::new(Semaphore::new(per_route)),
            down_until_ms: 0,
        }))
    }
}

const INSIDE: &str = "inside";
const OUTSIDE: &str = "outside:";

/// Next hops remembered at a time; a mailing to more domains only forgets idle ones.
const MAX_ROUTES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for name in [RouteName::Inside, RouteName::Outside("globex.example".to_owned())] {
            assert_eq!(RouteName::from_text(&name.to_text()), Some(name));
        }
        assert_eq!(RouteName::from_text("elsewhere"), None);
    }

    #[tokio::test]
    async fn a_dead_route_gives_no_slot_until_its_time() {
        let slots = RouteSlots::new(2, 1);
        let route = Route::Domain { domain: "globex.example".to_owned(), port: 25 };
        assert!(slots.take(&route, || 5).await.is_some());
        slots.mark_down(&route, 10);
        assert!(slots.take(&route, || 5).await.is_none());
        assert!(slots.take(&route, || 10).await.is_some());
    }
}
