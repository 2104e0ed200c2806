//! Any bytes as a policy file: rules or a list of mistakes, each in a place that exists.
#![no_main]

use chancery_policy::{Mistake, Policy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = Mistake::check_text(bytes, "policy.toml") else { return };
    if let Err(mistakes) = Policy::parse(text, "policy.toml") {
        assert!(!mistakes.is_empty(), "a refusal says why");
    }
});
