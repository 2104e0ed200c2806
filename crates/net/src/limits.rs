//! How many connections there may be, in all and from one place, and whose ends when there are too many.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Counts connections.
pub(crate) struct Limits {
    max: usize,
    max_per_place: usize,
    seats: Arc<Mutex<Seats>>,
}

#[derive(Default)]
struct Seats {
    last: u64,
    taken: BTreeMap<u64, Seat>,
    by_place: HashMap<IpAddr, usize>,
}

struct Seat {
    place: Option<IpAddr>,
    state: Arc<State>,
}

/// What a connection does.
#[derive(Default)]
struct State {
    /// When something last came, on the monotonic clock.
    seen_ms: AtomicU64,
    /// It waits for an answer of ours.
    is_busy: AtomicBool,
    /// Somebody else has its seat.
    lost: Notify,
}

/// The right to one connection, until dropped.
pub(crate) struct Permit {
    number: u64,
    state: Arc<State>,
    seats: Arc<Mutex<Seats>>,
}

impl Limits {
    pub(crate) fn new(max: usize, max_per_place: usize) -> Self {
        Self { max, max_per_place, seats: Arc::default() }
    }

    /// Counts one more connection, or refuses it. A Unix socket has no address and only the overall limit.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Option<Permit> {
        let place = address.map(place);
        let mut seats = lock(&self.seats);
        let is_full = seats.taken.len() >= self.max || seats.of(place) >= self.max_per_place;
        (!is_full).then(|| self.sit(&mut seats, place, 0))
    }

    /// Counts one more connection. If there are too many, one that is silent loses its seat: of the same place if that one
    /// has too many, else of the place that has the most. It is refused only where all others wait for answers.
    pub(crate) fn admit_instead(&self, address: Option<IpAddr>, now_ms: u64) -> Option<Permit> {
        let place = address.map(place);
        let mut seats = lock(&self.seats);
        if seats.of(place) >= self.max_per_place {
            seats.end(|seat, _| seat.place == place && !seat.is_busy())?;
        }
        if seats.taken.len() >= self.max {
            let own = share(seats.of(place) + 1);
            seats.end(|seat, share| !seat.is_busy() || share > own)?;
        }
        Some(self.sit(&mut seats, place, now_ms))
    }

    /// Says from where a connection really is that came through a proxy; refused as in [`Limits::admit_instead`].
    pub(crate) fn name(&self, permit: &Permit, address: IpAddr) -> bool {
        let place = Some(place(address));
        let mut seats = lock(&self.seats);
        if seats.of(place) >= self.max_per_place
            && seats.end(|seat, _| seat.place == place && !seat.is_busy()).is_none()
        {
            return false;
        }
        seats.rename(permit.number, place)
    }

    /// Ends a quarter of the connections, silent ones, because the process has no descriptors for new ones. Who came last
    /// stays long enough to ask.
    pub(crate) fn make_room(&self) {
        let mut seats = lock(&self.seats);
        for _ in 0..=seats.taken.len() / 4 {
            if seats.end(|seat, _| !seat.is_busy()).is_none() {
                return;
            }
        }
    }

    fn sit(&self, seats: &mut Seats, place: Option<IpAddr>, now_ms: u64) -> Permit {
        let state = Arc::new(State { seen_ms: AtomicU64::new(now_ms), ..State::default() });
        seats.last += 1;
        let number = seats.last;
        seats.taken.insert(number, Seat { place: None, state: Arc::clone(&state) });
        seats.rename(number, place);
        Permit { number, state, seats: Arc::clone(&self.seats) }
    }
}

impl Seats {
    /// Returns how many connections are from a place; those from nowhere are not counted.
    fn of(&self, place: Option<IpAddr>) -> usize {
        place.and_then(|place| self.by_place.get(&place)).copied().unwrap_or_default()
    }

    /// Puts a connection at a place; false if it has lost its seat.
    fn rename(&mut self, number: u64, place: Option<IpAddr>) -> bool {
        let Some(seat) = self.taken.get_mut(&number) else { return false };
        let before = std::mem::replace(&mut seat.place, place);
        if let Some(place) = place {
            *self.by_place.entry(place).or_default() += 1;
        }
        self.leave(before);
        true
    }

    fn leave(&mut self, place: Option<IpAddr>) {
        let Some(place) = place else { return };
        if let Some(count) = self.by_place.get_mut(&place) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_place.remove(&place);
            }
        }
    }

    /// Ends the connection that can be missed the most among those that may: of the place with the most connections, and
    /// there the one that has been silent for the longest time. It looks at each, which is done only when all are taken.
    fn end(&mut self, may: impl Fn(&Seat, u32) -> bool) -> Option<()> {
        let order = |(number, seat): (&u64, &Seat)| {
            let share = share(self.of(seat.place).max(1));
            let rank = (Reverse(share), seat.is_busy(), seat.state.seen_ms.load(Relaxed), *number);
            may(seat, share).then_some(rank)
        };
        let (_, _, _, number) = self.taken.iter().filter_map(order).min()?;
        let seat = self.taken.remove(&number)?;
        self.leave(seat.place);
        seat.state.lost.notify_one();
        Some(())
    }
}

impl Seat {
    fn is_busy(&self) -> bool {
        self.state.is_busy.load(Relaxed)
    }
}

impl Permit {
    /// Notes that something came.
    pub(crate) fn seen(&self, now_ms: u64) {
        self.state.seen_ms.store(now_ms, Relaxed);
    }

    /// Notes whether the connection waits for an answer of ours.
    pub(crate) fn set_busy(&self, is_busy: bool) {
        self.state.is_busy.store(is_busy, Relaxed);
    }

    /// Waits until somebody else has the seat.
    pub(crate) async fn lost(&self) {
        self.state.lost.notified().await;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut seats = lock(&self.seats);
        if let Some(seat) = seats.taken.remove(&self.number) {
            seats.leave(seat.place);
        }
    }
}

fn lock(seats: &Mutex<Seats>) -> MutexGuard<'_, Seats> {
    seats.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how much of the connections a place has, roughly: one or two more do not make it greedier than another.
fn share(count: usize) -> u32 {
    count.max(1).ilog2()
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

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    async fn has_lost(permit: &Permit) -> bool {
        tokio::select! {
            biased;
            () = permit.lost() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[test]
    fn limits_hold_and_are_given_back() {
        let limits = Limits::new(3, 2);
        let (a, b) = (Some(at("2001:db8::1")), Some(at("2001:db8::2")));
        let first = limits.admit(a).unwrap();
        let _second = limits.admit(b).unwrap();
        assert!(limits.admit(a).is_none(), "both are one /64");
        let _third = limits.admit(Some(at("192.0.2.1"))).unwrap();
        assert!(limits.admit(None).is_none(), "three in all");
        drop(first);
        assert!(limits.admit(a).is_some());
    }

    #[tokio::test]
    async fn who_has_too_many_loses_the_one_that_is_silent_the_longest() {
        let limits = Limits::new(100, 3);
        let greedy = Some(at("192.0.2.1"));
        let seats: Vec<Permit> =
            (0..3).map(|now| limits.admit_instead(greedy, now).unwrap()).collect();
        seats[0].seen(10);
        let fourth = limits.admit_instead(greedy, 11).unwrap();
        assert!(has_lost(&seats[1]).await && !has_lost(&seats[0]).await);
        assert!(!has_lost(&seats[2]).await);
        // What waits for an answer stays; if all do, there is no room.
        for seat in [&seats[0], &seats[2], &fourth] {
            seat.set_busy(true);
        }
        assert!(limits.admit_instead(greedy, 12).is_none());
        assert!(limits.admit_instead(Some(at("192.0.2.2")), 12).is_some());
        drop(seats);
        assert!(limits.admit_instead(greedy, 13).is_some());
    }

    #[tokio::test]
    async fn a_newcomer_gets_the_seat_of_whoever_has_the_most() {
        let limits = Limits::new(10, 8);
        let honest = limits.admit_instead(Some(at("198.51.100.1")), 0).unwrap();
        let greedy: Vec<Permit> =
            (1..=8).map(|now| limits.admit_instead(Some(at("192.0.2.1")), now).unwrap()).collect();
        let other = limits.admit_instead(Some(at("198.51.100.2")), 20).unwrap();
        // Even if the greedy one always has something to wait for.
        for seat in &greedy {
            seat.set_busy(true);
        }
        let newcomer = limits.admit_instead(Some(at("198.51.100.3")), 30).unwrap();
        assert!(has_lost(&greedy[0]).await);
        assert!(!has_lost(&honest).await && !has_lost(&other).await);
        // The greedy one itself gets nothing from others that have less.
        honest.set_busy(true);
        other.set_busy(true);
        newcomer.set_busy(true);
        assert!(limits.admit_instead(Some(at("192.0.2.1")), 31).is_none());
    }

    #[tokio::test]
    async fn a_client_behind_a_proxy_is_counted_once_and_where_it_is() {
        let limits = Limits::new(3, 1);
        let (one, two) =
            (limits.admit_instead(None, 0).unwrap(), limits.admit_instead(None, 1).unwrap());
        assert!(limits.name(&one, at("192.0.2.1")));
        assert!(limits.name(&two, at("192.0.2.1")));
        assert!(has_lost(&one).await && !has_lost(&two).await);
        assert!(!limits.name(&one, at("192.0.2.9")), "it has no seat any more");
        drop((one, two));
        let seats = lock(&limits.seats);
        assert!(seats.taken.is_empty() && seats.by_place.is_empty());
    }

    #[tokio::test]
    async fn without_descriptors_the_silent_ones_end() {
        let limits = Limits::new(100, 100);
        let seats: Vec<Permit> =
            (0..40).map(|now| limits.admit_instead(None, now).unwrap()).collect();
        seats[0].set_busy(true);
        limits.make_room();
        let mut lost = Vec::new();
        for seat in &seats {
            lost.push(has_lost(seat).await);
        }
        assert_eq!(lost.iter().filter(|it| **it).count(), 11);
        assert!(!lost[0] && lost[1] && lost[11] && !lost[12]);
    }
}
