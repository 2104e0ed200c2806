//! How much one client may ask, so that nobody learns by trying who is here.
//!
//! Two things are counted for each client and for its network: addresses that it did not ask for lately, and addresses
//! that led to nothing. Both refill with time. Who has used them up is answered slowly and is told to come later, whatever
//! it asks: the answer depends on what was asked before, never on whether the address is there.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// What is permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// New addresses of one client in an hour.
    pub lookups: u32,
    /// Addresses that lead to nothing, of one client in an hour.
    pub misses: u32,
    /// How many times as much a network may ask as one client.
    pub network: u32,
    /// How many times as much a client may ask that has proven who it is.
    pub known: u32,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A client of this address.
    Address(IpAddr),
    /// One that has proven this name.
    Named(Arc<str>),
}

/// Whether a question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is, at once.
    Go,
    /// It is not, and the client is told so after a while.
    Later {
        /// The while.
        after: Duration,
        /// It is the first time for this client since it could ask.
        is_news: bool,
    },
}

/// Counts what clients ask.
#[derive(Debug)]
pub struct Limiter {
    limits: Limits,
    accounts: HashMap<Place, Account>,
}

/// Whose account it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Client(Asker),
    Network(IpAddr),
}

#[derive(Clone, Debug)]
struct Account {
    lookups: Bucket,
    misses: Bucket,
    /// Addresses that were asked for lately and cost nothing now: mail clients ask again and again.
    recent: Vec<u64>,
    /// Of them, those that led to nothing.
    missed: Vec<u64>,
    /// Refused questions since the last one that was answered.
    strikes: u32,
    seen_ms: u64,
}

/// Tokens that come back with time, in thousandths.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u64,
    at_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lookups: 200, misses: 50, network: 5, known: 20 }
    }
}

impl Limiter {
    /// Starts with nobody known.
    pub fn new(limits: Limits) -> Self {
        Self { limits, accounts: HashMap::new() }
    }

    /// Counts a question for an address, of which `address` is a number that others cannot guess.
    pub fn ask(&mut self, asker: &Asker, address: u64, now_ms: u64) -> Verdict {
        let limits = self.limits;
        let is_empty = !self.permits(asker, address, now_ms);
        for (place, share) in places(asker, limits) {
            let account = self.account(place.clone(), share, now_ms);
            if is_empty {
                account.strikes = account.strikes.saturating_add(1);
            } else {
                account.strikes = 0;
                if is_new(&mut account.recent, address) {
                    account.lookups.take(share * limits.lookups, now_ms);
                }
            }
        }
        if !is_empty {
            return Verdict::Go;
        }
        let strikes = places(asker, limits)
            .next()
            .and_then(|(place, _)| self.accounts.get(&place))
            .map_or(1, |account| account.strikes);
        let after = Duration::from_millis(250) * 2_u32.pow(strikes.min(6));
        Verdict::Later { after: after.min(LONGEST_DELAY), is_news: strikes == 1 }
    }

    /// Returns true if a question would be answered at once; counts nothing.
    pub fn permits(&mut self, asker: &Asker, address: u64, now_ms: u64) -> bool {
        let limits = self.limits;
        places(asker, limits).all(|(place, share)| {
            let account = self.account(place, share, now_ms);
            account.misses.has(share * limits.misses, now_ms)
                && (account.recent.contains(&address)
                    || account.lookups.has(share * limits.lookups, now_ms))
        })
    }

    /// Counts an address that led to nothing, once: who asks again learns nothing more.
    pub fn missed(&mut self, asker: &Asker, address: u64, now_ms: u64) {
        let limits = self.limits;
        for (place, share) in places(asker, limits) {
            let account = self.account(place, share, now_ms);
            if is_new(&mut account.missed, address) {
                account.misses.take(share * limits.misses, now_ms);
            }
        }
    }

    /// Returns how many clients and networks are remembered.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Returns true if nobody is.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    fn account(&mut self, place: Place, share: u32, now_ms: u64) -> &mut Account {
        if self.accounts.len() >= MAX_ACCOUNTS && !self.accounts.contains_key(&place) {
            self.make_room();
        }
        let limits = self.limits;
        let account = self.accounts.entry(place).or_insert_with(|| Account {
            lookups: Bucket::full(share * limits.lookups, now_ms),
            misses: Bucket::full(share * limits.misses, now_ms),
            recent: Vec::new(),
            missed: Vec::new(),
            strikes: 0,
            seen_ms: now_ms,
        });
        account.seen_ms = now_ms;
        account
    }

    /// Forgets the half that was not seen for the longest time. Whoever has so many addresses that this lets a client
    /// begin anew is still counted by its networks, which are far fewer.
    fn make_room(&mut self) {
        let mut times: Vec<u64> = self.accounts.values().map(|account| account.seen_ms).collect();
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        self.accounts.retain(|place, account| {
            account.seen_ms > middle || (matches!(place, Place::Network(_)) && account.strikes > 0)
        });
        if self.accounts.len() >= MAX_ACCOUNTS {
            self.accounts.clear();
        }
    }
}

impl Bucket {
    fn full(size: u32, now_ms: u64) -> Self {
        Self { left: u64::from(size) * WHOLE, at_ms: now_ms }
    }

    /// Adds what has come back since.
    fn refill(&mut self, size: u32, now_ms: u64) {
        let full = (u64::from(size) * WHOLE).max(1);
        let passed = now_ms.saturating_sub(self.at_ms);
        let back = passed.saturating_mul(full) / HOUR_MS;
        if back > 0 {
            self.left = self.left.saturating_add(back).min(full);
            // What is less than a thousandth is not lost.
            self.at_ms += back.saturating_mul(HOUR_MS) / full;
        }
    }

    fn has(&mut self, size: u32, now_ms: u64) -> bool {
        self.refill(size, now_ms);
        self.left >= WHOLE
    }

    fn take(&mut self, size: u32, now_ms: u64) {
        self.refill(size, now_ms);
        self.left = self.left.saturating_sub(WHOLE);
    }
}

/// Remembers an address among the last ones; returns true if it was not there.
fn is_new(among: &mut Vec<u64>, address: u64) -> bool {
    if among.contains(&address) {
        return false;
    }
    if among.len() >= RECENT {
        among.remove(0);
    }
    among.push(address);
    true
}

/// Returns the accounts of an asker, with how many shares of the limits each has.
fn places(asker: &Asker, limits: Limits) -> impl Iterator<Item = (Place, u32)> {
    let (own, network) = match asker {
        Asker::Named(_) => (limits.known, None),
        Asker::Address(address) => (1, Some(network(*address))),
    };
    let network = network.map(|network| (Place::Network(network), limits.network.max(1)));
    std::iter::once((Place::Client(asker.clone()), own.max(1))).chain(network)
}

/// Returns the network of an address: a /24, or a /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(four) => IpAddr::V4(Ipv4Addr::from(u32::from(four) & 0xffff_ff00)),
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from(u128::from(six) >> 64 << 64)),
    }
}

/// Thousandths of a token.
const WHOLE: u64 = 1_000;
const HOUR_MS: u64 = 3_600_000;
/// Addresses of one client that are remembered.
const RECENT: usize = 64;
/// Clients and networks that are remembered; each has some hundred octets.
const MAX_ACCOUNTS: usize = 100_000;
/// Longer than this no answer is kept back; the places of a connection are limited too.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { lookups: 10, misses: 3, network: 2, known: 4 };

    fn address(text: &str) -> Asker {
        Asker::Address(text.parse().unwrap())
    }

    fn answered(limiter: &mut Limiter, asker: &Asker, addresses: std::ops::Range<u64>) -> usize {
        addresses.filter(|it| limiter.ask(asker, *it, 0) == Verdict::Go).count()
    }

    #[test]
    fn so_many_new_addresses_are_answered_and_known_ones_always() {
        let mut limiter = Limiter::new(LIMITS);
        let (ann, bob) = (address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(answered(&mut limiter, &ann, 0..50), 10);
        assert_eq!(answered(&mut limiter, &ann, 0..10), 10, "it asked for them before");
        assert_eq!(answered(&mut limiter, &bob, 100..150), 10);
        // Two shares of the network are used up.
        assert_eq!(answered(&mut limiter, &address("192.0.2.3"), 200..250), 0);
        assert_eq!(answered(&mut limiter, &address("198.51.100.1"), 200..250), 10);
        assert_eq!(answered(&mut limiter, &Asker::Named("globex".into()), 0..100), 40);
    }

    #[test]
    fn misses_end_it_sooner_and_time_brings_it_back() {
        let mut limiter = Limiter::new(LIMITS);
        let ann = address("2001:db8::1");
        for address in [1, 1, 2, 2, 1, 3] {
            assert_eq!(limiter.ask(&ann, address, 0), Verdict::Go);
            limiter.missed(&ann, address, 0);
        }
        let first = Duration::from_millis(500);
        assert_eq!(limiter.ask(&ann, 1, 0), Verdict::Later { after: first, is_news: true });
        assert_eq!(limiter.ask(&ann, 1, 0), Verdict::Later { after: first * 2, is_news: false });
        for _ in 0..40 {
            let Verdict::Later { after, .. } = limiter.ask(&ann, 1, 0) else { panic!() };
            assert!(after <= LONGEST_DELAY);
        }
        assert_ne!(limiter.ask(&ann, 1, HOUR_MS / 3 - 1), Verdict::Go);
        assert_eq!(limiter.ask(&ann, 1, HOUR_MS / 3 + 1), Verdict::Go);
    }

    #[test]
    fn an_army_of_addresses_costs_bounded_memory_and_its_network_is_known() {
        let mut limiter = Limiter::new(LIMITS);
        let mut gone = 0;
        for host in 0..300_000_u128 {
            let asker = Asker::Address(Ipv6Addr::from((0x2001_0db8_u128 << 96) | host).into());
            let question = u64::try_from(host).unwrap();
            gone += usize::from(limiter.ask(&asker, question, 0) == Verdict::Go);
            assert!(limiter.len() <= MAX_ACCOUNTS);
        }
        // All of one /64: two shares, whatever the number of its hosts.
        assert_eq!(gone, 20);
    }
}
