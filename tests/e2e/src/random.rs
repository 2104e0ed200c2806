//! Numbers that look random and can be had again: a failed test prints its seed.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

/// The variable that repeats an earlier run.
const SEED: &str = "CHANCERY_E2E_SEED";

/// A small generator (`xorshift64*`); good enough to pick moments and subsets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts from the seed in the environment, or from a new one, and prints it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the seed of a run to repeat comes from the environment"
    )]
    pub fn new() -> Self {
        let given = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        eprintln!("repeat this run with {SEED}={seed}");
        Self::from_seed(seed)
    }

    /// Starts from a known seed.
    pub fn from_seed(seed: u64) -> Self {
        // Zero would stay zero for ever.
        Self(seed | 1)
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}
