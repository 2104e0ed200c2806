//! What was fetched, until when it is good, and what failed: the cache by itself, without a network and without a clock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chancery_net::http::Validators;

use crate::ask::Received;
use crate::content::Content;
use crate::error::Error;
use crate::source::Source;

/// What was fetched, by [`Source::key`].
#[derive(Debug)]
pub(crate) struct Shelf {
    entries: HashMap<String, Entry>,
    octets: usize,
    max_octets: usize,
    changes: Changes,
}

/// What the store does not know yet, by [`Source::key`].
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// New content.
    pub(crate) new: HashSet<String>,
    /// Used since.
    pub(crate) used: HashSet<String>,
    /// Gone.
    pub(crate) gone: HashSet<String>,
}

/// What is known of one source. Times are Unix seconds.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What to ask again.
    pub(crate) source: Source,
    /// What came last; it stays when asking again fails, since the engine looks at its dates itself.
    pub(crate) content: Option<Arc<Content>>,
    pub(crate) validators: Validators,
    pub(crate) octets: usize,
    pub(crate) fetched_at: i64,
    /// From then on it is asked for again when it is needed.
    pub(crate) expires_at: i64,
    /// From then on it is asked for again beforehand, if it was used.
    pub(crate) refresh_at: i64,
    pub(crate) used_at: i64,
    /// How often asking failed since it last did not, why, and until when it is not tried again.
    pub(crate) failures: u32,
    pub(crate) failure: Option<Error>,
    pub(crate) retry_at: i64,
    /// An answer was built on it, so that all decisions start with it.
    pub(crate) is_proven: bool,
}

/// What the shelf says about a source.
#[derive(Clone, Debug)]
pub(crate) enum Look {
    /// It has to be asked for; perhaps it is still what was known.
    Ask(Option<Validators>),
    /// It failed lately; what was there before may still help.
    Failed(Error, Option<Arc<Content>>),
    /// It is here.
    Here(Arc<Content>),
}

impl Shelf {
    pub(crate) fn new(max_octets: usize) -> Self {
        Self { entries: HashMap::new(), octets: 0, max_octets, changes: Changes::default() }
    }

    /// Looks for something that is needed now.
    pub(crate) fn look(&mut self, key: &str, now: i64) -> Look {
        let Some(entry) = self.entries.get_mut(key) else { return Look::Ask(None) };
        entry.used_at = now;
        self.changes.used.insert(key.to_owned());
        match (&entry.content, &entry.failure) {
            (Some(content), _) if now < entry.expires_at => Look::Here(Arc::clone(content)),
            (content, Some(error)) if now < entry.retry_at => {
                Look::Failed(error.clone(), content.clone())
            }
            (Some(_), _) => Look::Ask(Some(entry.validators.clone()).filter(|it| !it.is_empty())),
            (None, _) => Look::Ask(None),
        }
    }

    /// Puts what came on the shelf; `chance` is a random number. Returns the content and whether proven content changed.
    pub(crate) fn put(
        &mut self,
        source: &Source,
        received: Received,
        now: i64,
        chance: u8,
    ) -> (Option<Arc<Content>>, bool) {
        let key = source.key();
        let before = self.remove(&key);
        let is_new = received.content.is_some();
        let (content, octets) = match (received.content, &before) {
            (Some(content), _) => (Some(Arc::new(content)), received.octets),
            (None, Some(before)) => (before.content.clone(), before.octets),
            (None, None) => (None, 0),
        };
        let Some(content) = content else { return (None, false) };
        let is_proven = before.as_ref().is_some_and(|before| before.is_proven);
        let lifetime = lifetime(&content, received.fresh_for, now);
        let entry = Entry {
            source: source.clone(),
            content: Some(Arc::clone(&content)),
            validators: received.validators,
            octets,
            fetched_at: now,
            expires_at: now.saturating_add(lifetime),
            refresh_at: now.saturating_add(refresh_after(lifetime, chance)),
            used_at: before.map_or(now, |before| before.used_at),
            failures: 0,
            failure: None,
            retry_at: 0,
            is_proven,
        };
        self.changes.new.insert(key.clone());
        self.insert(key, entry);
        (Some(content), is_proven && is_new)
    }

    /// Notes that asking failed; it is tried again after a while that grows. Returns what was there before.
    pub(crate) fn fail(&mut self, source: &Source, error: Error, now: i64) -> Option<Arc<Content>> {
        let key = source.key();
        let before = self.remove(&key);
        let mut entry = before.unwrap_or_else(|| Entry {
            source: source.clone(),
            content: None,
            validators: Validators::default(),
            octets: 0,
            fetched_at: now,
            expires_at: now,
            refresh_at: i64::MAX,
            used_at: now,
            failures: 0,
            failure: None,
            retry_at: 0,
            is_proven: false,
        });
        let delay = FIRST_DELAY.saturating_mul(1 << entry.failures.min(16)).min(LAST_DELAY);
        entry.failures = entry.failures.saturating_add(1);
        entry.retry_at = now.saturating_add(delay);
        entry.refresh_at = if entry.content.is_some() { entry.retry_at } else { i64::MAX };
        entry.failure = Some(error);
        let content = entry.content.clone();
        self.insert(key, entry);
        content
    }

    /// Notes that an answer uses a source, and that it was built on it.
    pub(crate) fn touch(
        &mut self,
        source: &Source,
        now: i64,
        proves: impl Fn(&Content) -> bool,
    ) -> bool {
        let key = source.key();
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        entry.used_at = now;
        self.changes.used.insert(key);
        // What was read from the store does not say who asked.
        entry.source = source.clone();
        let becomes_proven = !entry.is_proven && entry.content.as_deref().is_some_and(proves);
        entry.is_proven |= becomes_proven;
        becomes_proven
    }

    /// Returns what all decisions start with.
    pub(crate) fn proven(&self) -> impl Iterator<Item = &Arc<Content>> {
        let entries = self.entries.values().filter(|entry| entry.is_proven);
        entries.filter_map(|entry| entry.content.as_ref())
    }

    /// Returns what is to be fetched again by now, and when the next thing is.
    pub(crate) fn due(&self, now: i64) -> (Vec<Source>, Option<i64>) {
        let mut due: Vec<(i64, Source)> = Vec::new();
        let mut next = None;
        let can_be_asked = |entry: &Entry| !matches!(entry.source, Source::Kept { .. });
        let is_in_use = |entry: &Entry| {
            can_be_asked(entry)
                && entry.content.is_some()
                && now.saturating_sub(entry.used_at) <= IN_USE
        };
        let mut entries: Vec<_> = self.entries.values().filter(|entry| is_in_use(entry)).collect();
        entries.sort_unstable_by_key(|entry| entry.refresh_at);
        for entry in entries {
            if entry.refresh_at <= now && due.len() < MAX_DUE {
                due.push((entry.refresh_at, entry.source.clone()));
            } else {
                next = Some(entry.refresh_at);
                break;
            }
        }
        (due.into_iter().map(|(_, source)| source).collect(), next)
    }

    /// Returns by what a server recognises what is here.
    pub(crate) fn validators(&self, key: &str) -> Option<Validators> {
        let entry = self.entries.get(key)?;
        Some(entry.validators.clone()).filter(|it| !it.is_empty() && entry.content.is_some())
    }

    /// Returns the number of sources with content, and their octets.
    pub(crate) fn size(&self) -> (usize, usize) {
        let full = self.entries.values().filter(|entry| entry.content.is_some());
        (full.count(), self.octets)
    }

    /// Returns when the oldest content that all decisions start with was fetched.
    pub(crate) fn oldest(&self) -> Option<i64> {
        let proven = self.entries.values().filter(|entry| entry.is_proven);
        proven.map(|entry| entry.fetched_at).min()
    }

    /// Takes what the store kept; it does not go back there.
    pub(crate) fn restore(&mut self, entry: Entry) {
        self.insert(entry.source.key(), entry);
    }

    /// Returns the entry of this name.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Returns what the store does not know yet, and forgets it.
    pub(crate) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    fn insert(&mut self, key: String, entry: Entry) {
        self.octets = self.octets.saturating_add(entry.octets + OVERHEAD);
        self.entries.insert(key, entry);
        if self.octets > self.max_octets || self.entries.len() > MAX_ENTRIES {
            self.evict();
        }
    }

    fn remove(&mut self, key: &str) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.octets = self.octets.saturating_sub(entry.octets + OVERHEAD);
        Some(entry)
    }

    /// Removes what was not used for the longest time, first of all what nothing was built on, until a tenth is free.
    fn evict(&mut self) {
        let mut order: Vec<(bool, i64, String)> = self
            .entries
            .iter()
            .map(|(key, entry)| (entry.is_proven, entry.used_at, key.clone()))
            .collect();
        order.sort_unstable();
        for (_, _, key) in order {
            let is_small = self.octets <= self.max_octets / 10 * 9;
            if is_small && self.entries.len() <= MAX_ENTRIES / 10 * 9 {
                break;
            }
            self.remove(&key);
            self.changes.gone.insert(key);
        }
    }
}

/// Returns for how many seconds content is good: as long as the server says or a usual time, but never longer than it
/// says itself.
fn lifetime(content: &Content, fresh_for: Option<Duration>, now: i64) -> i64 {
    let said = fresh_for.map(|it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX));
    let usual = said.unwrap_or(USUAL).clamp(SHORTEST, LONGEST);
    match content.next_update() {
        // Newer should be there by then; a server that still gives the old one is asked again soon.
        Some(end) => usual.min(end.saturating_sub(now)).max(SHORTEST),
        None if content.responses.is_empty() => usual,
        // RFC 6960 section 4.2.2.1: newer information is always there.
        None => usual.min(SHORTEST),
    }
}

/// Returns a random moment of the last third, so that not everything that came together is fetched together.
fn refresh_after(lifetime: i64, chance: u8) -> i64 {
    let third = lifetime / 3;
    lifetime - third + third.saturating_mul(i64::from(chance)) / 256
}

/// A day, for those who do not say how long their answer is good; most lists come once a day.
const USUAL: i64 = 86_400;
/// Nobody is asked for the same thing more often, whatever the fields say.
const SHORTEST: i64 = 300;
/// A week: what was moved or repaired is seen by then.
const LONGEST: i64 = 7 * 86_400;
/// After the first failure; it doubles with each further one.
const FIRST_DELAY: i64 = 30;
/// The longest wait after failures.
const LAST_DELAY: i64 = 6 * 3_600;
/// What was not used for so long is not refreshed any more: two weeks, which spans a holiday.
const IN_USE: i64 = 14 * 86_400;
/// Sources that are refreshed in one go; the others follow at once.
const MAX_DUE: usize = 64;
/// What an entry costs beside its content: address, source, places in tables.
const OVERHEAD: usize = 512;
/// Sources that are remembered, failed ones among them.
const MAX_ENTRIES: usize = 50_000;
