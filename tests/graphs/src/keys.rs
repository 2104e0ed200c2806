//! Keys with a number: the same in every run, so that a seed makes the same bytes again.
//!
//! They are Ed25519 keys, whose signatures are deterministic and cheap.

use std::sync::OnceLock;

use chancery_crypto::PrivateKey;

use crate::random::Random;

/// Returns the key of a number.
pub fn key(number: usize) -> &'static PrivateKey {
    static KEYS: OnceLock<Vec<PrivateKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| (0..COUNT).map(make).collect());
    &keys[number % COUNT]
}

fn make(number: usize) -> PrivateKey {
    let mut random = Random::new(number as u64);
    let seed: Vec<u8> = (0..4).flat_map(|_| random.number().to_be_bytes()).collect();
    #[expect(clippy::expect_used, reason = "every 32 octets are a key (RFC 8032 section 5.1.5)")]
    PrivateKey::from_pkcs8_der(&[PREFIX, &seed].concat()).expect("a key")
}

/// `PrivateKeyInfo` of an Ed25519 key up to its octets (RFC 8410 section 7).
const PREFIX: &[u8] = &[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// More keys than a graph has parties.
const COUNT: usize = 64;
