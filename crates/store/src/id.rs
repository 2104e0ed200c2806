//! Time-ordered 63-bit ids and how people read them.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};

use chancery_crypto::{DigestAlgorithm, Hasher};

/// Names one message: what came in, a child made of it, or a notice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub i64);

/// Names one recipient of one message; it keeps its id while the recipient moves to a child.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecipientId(pub i64);

/// The text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 13 characters of 0-9 and a-z without i, l, o and u are needed")]
pub struct BadId;

/// Returns the id of the child of `parent` for the group `key` of `recipients`.
///
/// It depends on nothing else, so planning the same group again after a crash gives the same id. In the rare case that
/// another message has it, [`Store::commit_plan`](crate::Store::commit_plan) takes the next free one and returns that.
pub fn child_id(parent: MessageId, key: &str, recipients: &[RecipientId]) -> MessageId {
    let mut ids: Vec<i64> = recipients.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
    hasher.update(&parent.0.to_be_bytes());
    hasher.update(&(key.len() as u64).to_be_bytes());
    hasher.update(key.as_bytes());
    for id in ids {
        hasher.update(&id.to_be_bytes());
    }
    let digest = hasher.finish();
    let low = digest.as_ref().iter().take(8).fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
    let time = parent.0 & !LOW_MASK;
    MessageId(time | (low & LOW_MASK.cast_unsigned()).cast_signed())
}

impl MessageId {
    /// Returns the milliseconds since 1970 at which the message came in.
    pub fn time_ms(self) -> i64 {
        (self.0 >> LOW_BITS) + EPOCH_MS
    }

    /// Returns the smallest id of that millisecond.
    pub(crate) fn first_at(time_ms: i64) -> Self {
        Self(time_ms.saturating_sub(EPOCH_MS).clamp(0, MAX_TIME) << LOW_BITS)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(self.0, f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

impl FromStr for MessageId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        read_base32(text).map(Self)
    }
}

impl serde::Serialize for MessageId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl serde::Serialize for RecipientId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for RecipientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(self.0, f)
    }
}

impl fmt::Debug for RecipientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientId({self})")
    }
}

impl FromStr for RecipientId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        read_base32(text).map(Self)
    }
}

/// Makes ids: milliseconds since 2024 in 41 bits, then 22 bits that start at random and count up.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    last: AtomicI64,
    random: RandomState,
}

impl Ids {
    /// Returns an id greater than all before it.
    ///
    /// Another process may by chance make the same one; whoever inserts it counts up until it is free.
    pub(crate) fn next(&self, now_ms: i64) -> i64 {
        let time = MessageId::first_at(now_ms).0;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next =
                if last >= time { last.saturating_add(1) } else { time | self.low_bits(last) };
            match self.last.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return next,
                Err(now) => last = now,
            }
        }
    }

    /// Returns random low bits, with the upper half free so that counting up stays within the millisecond.
    fn low_bits(&self, seed: i64) -> i64 {
        self.random.hash_one(seed).cast_signed() & (LOW_MASK >> 1)
    }
}

/// Returns a name for a file, which nobody can guess and which no other file has.
pub(crate) fn file_name() -> String {
    // Each `RandomState` has keys of its own.
    let bits = RandomState::new().hash_one(std::process::id()).cast_signed() & i64::MAX;
    MessageId(bits).to_string()
}

/// Writes 63 bits as 13 characters of Crockford's base32; the first character holds 3 bits.
fn write_base32(id: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write as _;
    for place in (0..ID_LEN).rev() {
        let digit = (id >> (5 * place)) & 31;
        let letter = usize::try_from(digit).ok().and_then(|digit| ALPHABET.get(digit));
        f.write_char(char::from(*letter.unwrap_or(&b'0')))?;
    }
    Ok(())
}

/// Reads what [`write_base32`] writes; upper case too, and the letters people mistake for digits.
fn read_base32(text: &str) -> Result<i64, BadId> {
    if text.len() != ID_LEN {
        return Err(BadId);
    }
    let mut bits = 0_i64;
    for letter in text.bytes() {
        let letter = match letter.to_ascii_lowercase() {
            b'o' => b'0',
            b'i' | b'l' => b'1',
            other => other,
        };
        let digit = ALPHABET.iter().position(|&known| known == letter).ok_or(BadId)?;
        let digit = i64::try_from(digit).map_err(|_| BadId)?;
        bits = bits.checked_mul(32).and_then(|bits| bits.checked_add(digit)).ok_or(BadId)?;
    }
    Ok(bits)
}

const ID_LEN: usize = 13;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 2024-01-01T00:00:00Z.
const EPOCH_MS: i64 = 1_704_067_200_000;
/// Four million ids a millisecond; the 41 bits above them last until 2093.
const LOW_BITS: u32 = 22;
const LOW_MASK: i64 = (1 << LOW_BITS) - 1;
const MAX_TIME: i64 = (1 << 41) - 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_grow_and_keep_their_time() {
        let ids = Ids::default();
        let now = EPOCH_MS + 90_000_000_000;
        let mut last = 0;
        for _ in 0..10_000 {
            let id = ids.next(now);
            assert!(id > last);
            assert_eq!(MessageId(id).time_ms(), now);
            last = id;
        }
        assert!(ids.next(now - 5_000) > last, "a clock that goes back must not repeat ids");
    }

    #[test]
    fn hostile_times_do_not_overflow() {
        for now in [i64::MIN, -1, 0, i64::MAX] {
            assert!(Ids::default().next(now) >= 0);
        }
    }

    #[test]
    fn people_may_type_ids_loosely() {
        let id: MessageId = "0IL0ABCDEFGHJ".parse().unwrap();
        assert_eq!(id.to_string(), "0110abcdefghj");
        for bad in [
            "",
            "0",
            "0110abcdefgh",
            "0110abcdefghjk",
            "0110abcdefghu",
            "zzzzzzzzzzzzz",
            "0110abcdefg\u{e9}",
        ] {
            assert_eq!(bad.parse::<MessageId>(), Err(BadId), "{bad}");
        }
    }

    #[test]
    fn child_ids_depend_on_parent_key_and_recipients_only() {
        let parent = MessageId(Ids::default().next(EPOCH_MS + 1_000_000));
        let (a, b) = (RecipientId(1), RecipientId(2));
        let child = child_id(parent, "smime globex.example", &[a, b]);
        assert_eq!(child, child_id(parent, "smime globex.example", &[b, a]));
        assert_eq!(child.time_ms(), parent.time_ms());
        assert_ne!(child, child_id(parent, "smime globex.example", &[a]));
        assert_ne!(child, child_id(parent, "smime initech.example", &[a, b]));
        assert_ne!(child, child_id(MessageId(parent.0 + 1), "smime globex.example", &[a, b]));
    }

    proptest! {
        #[test]
        fn every_id_reads_back(bits in 0..=i64::MAX) {
            let text = MessageId(bits).to_string();
            prop_assert_eq!(text.len(), 13);
            prop_assert_eq!(text.parse::<MessageId>(), Ok(MessageId(bits)));
        }
    }
}
