//! Any bytes as a request to a bridge: what is taken is signed by the authority of its card, for domains of that card.
#![no_main]

use chancery_smime::bridge::{Request, kind};
use libfuzzer_sys::fuzz_target;

/// A time at which the request of the seeds counts: 2026-11-22.
const AT: i64 = 1_795_360_000;
/// The fingerprint of the bridge that the request of the seeds is for.
const BRIDGE: &str = include_str!("../seeds/bridge_request/fingerprint.txt");

fuzz_target!(|bytes: &[u8]| {
    let _kind = kind(bytes);
    let Ok((request, card)) = Request::read(bytes, BRIDGE.trim(), AT) else { return };
    assert!(!request.domains.is_empty());
    assert!(request.domains.iter().all(|domain| card.domains().contains(domain)));
    assert!(request.policies.len() <= 32 && request.id.len() == 32);
});
