//! Who asked for whom: collected in memory, written to the store every few seconds.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chancery_crypto::kdf::Mac;
use chancery_crypto::{DigestAlgorithm, hex};
use chancery_store::published::QuestionRow;

use crate::limiter::Asker;

/// How addresses are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// As they are.
    Clear,
    /// As a hash under a key of this installation: whoever reads the list cannot tell for whom was asked, but whoever has
    /// the key can look whether somebody was asked for.
    #[default]
    Hashed,
    /// Not at all.
    Nothing,
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Certificates were sent.
    Found,
    /// The client asked too much.
    Limited,
    /// There was nothing for this client.
    Nothing,
}

/// The list.
#[derive(Debug)]
pub struct AskedList {
    kept: Kept,
    key: [u8; 32],
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    counts: BTreeMap<(bool, String, String, Outcome), i64>,
    lost: u64,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Limited => "limited",
            Self::Nothing => "nothing",
        }
    }
}

impl AskedList {
    /// Starts an empty list; `key` is for the hashes.
    pub fn new(kept: Kept, key: [u8; 32]) -> Self {
        Self { kept, key, waiting: Mutex::default() }
    }

    /// Notes a question.
    pub fn note(&self, is_inside: bool, asker: Option<&Asker>, address: &str, outcome: Outcome) {
        if self.kept == Kept::Nothing {
            return;
        }
        let client = match asker {
            Some(Asker::Address(address)) => address.to_string(),
            Some(Asker::Named(name)) => name.to_string(),
            None => "local".to_owned(),
        };
        // Hashing takes longer than counting, so it is done when the list is taken.
        let key = (is_inside, client, address.to_owned(), outcome);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.counts.len() >= MOST && !waiting.counts.contains_key(&key) {
            waiting.lost += 1;
            return;
        }
        *waiting.counts.entry(key).or_default() += 1;
    }

    /// Takes what was noted, and how many questions did not find room.
    pub fn take(&self, at_ms: i64) -> (Vec<QuestionRow>, u64) {
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let row =
            |((is_inside, client, address, outcome), times): ((bool, _, String, Outcome), _)| {
                QuestionRow {
                    at_ms,
                    face: if is_inside { "inside" } else { "outside" }.to_owned(),
                    client,
                    address: self.shown(&address),
                    outcome: outcome.word().to_owned(),
                    times,
                }
            };
        (waiting.counts.into_iter().map(row).collect(), waiting.lost)
    }

    /// Returns an address as it is kept.
    pub fn shown(&self, address: &str) -> String {
        if self.kept == Kept::Clear { address.to_owned() } else { hashed(&self.key, address) }
    }
}

/// Returns the keyed hash of an address, in lower-case hexadecimal.
pub fn hashed(key: &[u8; 32], address: &str) -> String {
    let Ok(mut mac) = Mac::new(DigestAlgorithm::Sha256, key) else { return String::new() };
    mac.update(address.as_bytes());
    let code = mac.finish();
    hex(code.get(..HASH).unwrap_or(&code))
}

/// Different questions of a few seconds.
const MOST: usize = 20_000;
/// Octets of a hash: 2^64 addresses until two look the same.
const HASH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_counted_and_addresses_are_not_told() {
        let list = AskedList::new(Kept::Hashed, [7; 32]);
        let asker = Asker::Named("globex".into());
        for _ in 0..3 {
            list.note(false, Some(&asker), "ann@acme.example", Outcome::Found);
        }
        list.note(true, None, "eve@acme.example", Outcome::Nothing);
        let (rows, dropped) = list.take(5);
        assert_eq!((rows.len(), dropped, rows[0].times), (2, 0, 3));
        assert!(!rows[0].address.contains('@') && rows[0].address.len() == 32);
        assert_eq!(rows[0].address, list.shown("ann@acme.example"));
        assert_ne!(rows[0].address, hashed(&[8; 32], "ann@acme.example"));
        assert_eq!((rows[1].face.as_str(), rows[1].client.as_str()), ("inside", "local"));
        assert!(list.take(6).0.is_empty());
        for number in 0..MOST + 10 {
            list.note(false, Some(&asker), &number.to_string(), Outcome::Nothing);
        }
        let (rows, dropped) = list.take(7);
        assert_eq!((rows.len(), dropped), (MOST, 10));
        let open = AskedList::new(Kept::Clear, [7; 32]);
        assert_eq!(open.shown("a@b"), "a@b");
        let silent = AskedList::new(Kept::Nothing, [7; 32]);
        silent.note(true, None, "a", Outcome::Found);
        assert!(silent.take(0).0.is_empty());
    }
}
