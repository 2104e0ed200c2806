//! How many connections there may be, in all and from one place.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections.
pub(crate) struct Limits {
    max: usize,
    max_per_place: usize,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    by_place: HashMap<IpAddr, usize>,
}

/// The right to one connection, until dropped.
pub(crate) struct Permit {
    place: Option<IpAddr>,
    counts: Arc<Mutex<Counts>>,
}

impl Limits {
    pub(crate) fn new(max: usize, max_per_place: usize) -> Self {
        Self { max, max_per_place, counts: Arc::default() }
    }

    /// Counts one more connection, or refuses it. A Unix socket has no address and only the overall limit.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Option<Permit> {
        let place = address.map(place);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.max {
            return None;
        }
        if let Some(place) = place {
            let count = counts.by_place.entry(place).or_default();
            if *count >= self.max_per_place {
                return None;
            }
            *count += 1;
        }
        counts.all += 1;
        Some(Permit { place, counts: Arc::clone(&self.counts) })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        let Some(place) = self.place else { return };
        if let Some(count) = counts.by_place.get_mut(&place) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.by_place.remove(&place);
            }
        }
    }
}

/// One customer usually gets a whole IPv6 /64.
fn place(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from(u128::from(six) & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_are_given_back() {
        let limits = Limits::new(3, 2);
        let (a, b) = ("2001:db8::1".parse().ok(), "2001:db8::2".parse().ok());
        let first = limits.admit(a).unwrap();
        let _second = limits.admit(b).unwrap();
        assert!(limits.admit(a).is_none(), "both are one /64");
        let _third = limits.admit("192.0.2.1".parse().ok()).unwrap();
        assert!(limits.admit(None).is_none(), "three in all");
        drop(first);
        assert!(limits.admit(a).is_some());
    }
}
