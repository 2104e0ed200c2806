//! What sources gave, by source and address, for as long as it may be used.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::given::Given;

/// Which answer: the place of the source in the configuration, and the mailbox.
pub(super) type Key = (usize, Arc<str>);

/// Answers with an end. What was not used for the longest time goes first.
#[derive(Debug)]
pub(super) struct Cache {
    entries: HashMap<Key, Entry>,
    /// The keys in the order of their use.
    order: BTreeMap<u64, Key>,
    uses: u64,
    limit: usize,
    octets: usize,
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) given: Arc<Given>,
    /// When it came, in Unix seconds.
    pub(super) found_at: i64,
    /// From then on it is asked again before anybody has to wait.
    pub(super) refresh_at: i64,
    /// From then on it is used only if nobody answers.
    pub(super) expires_at: i64,
    /// From then on it is not used.
    pub(super) ends_at: i64,
}

#[derive(Debug)]
struct Entry {
    kept: Kept,
    octets: usize,
    used: u64,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Self {
        let (entries, order) = (HashMap::new(), BTreeMap::new());
        Self { entries, order, uses: 0, limit, octets: 0 }
    }

    /// Returns an answer that may still be used for something.
    pub(super) fn look(&mut self, key: &Key, now: i64) -> Option<Kept> {
        let entry = self.entries.get_mut(key)?;
        if now >= entry.kept.ends_at {
            self.remove(key);
            return None;
        }
        self.uses += 1;
        self.order.remove(&entry.used);
        entry.used = self.uses;
        self.order.insert(self.uses, key.clone());
        Some(entry.kept.clone())
    }

    pub(super) fn keep(&mut self, key: Key, kept: Kept) {
        self.remove(&key);
        self.uses += 1;
        let octets = size(&kept.given);
        self.octets += octets;
        self.order.insert(self.uses, key.clone());
        self.entries.insert(key, Entry { kept, octets, used: self.uses });
        while self.entries.len() > self.limit || self.octets > self.limit * OCTETS_EACH {
            let Some((_, oldest)) = self.order.first_key_value() else { return };
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
            self.octets -= entry.octets;
        }
    }
}

fn size(given: &Given) -> usize {
    let certificates = given.certificates.iter().map(|certificate| certificate.der().len());
    let associations = given.associations.iter().map(|it| it.data.len());
    let unreadable = given.unreadable.iter().map(String::len);
    certificates.chain(associations).chain(unreadable).sum()
}

/// Octets of certificates for each address, on average over all that are kept.
const OCTETS_EACH: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::found::Channel;

    fn kept(ends_at: i64) -> Kept {
        let given = Arc::new(Given::nothing(Channel::Clear));
        Kept { given, found_at: 0, refresh_at: 0, expires_at: 0, ends_at }
    }

    #[test]
    fn what_was_used_lately_stays() {
        let key = |name: &str| (0, Arc::from(name));
        let mut cache = Cache::new(2);
        cache.keep(key("a"), kept(10));
        cache.keep(key("b"), kept(10));
        assert!(cache.look(&key("a"), 9).is_some());
        cache.keep(key("c"), kept(10));
        assert!(cache.look(&key("a"), 9).is_some() && cache.look(&key("c"), 9).is_some());
        assert!(cache.look(&key("b"), 9).is_none() && cache.look(&key("a"), 10).is_none());
        assert_eq!((cache.len(), cache.order.len(), cache.octets), (1, 1, 0));
    }
}
