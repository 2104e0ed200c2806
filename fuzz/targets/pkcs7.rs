//! Any bytes as a bundle of certificates (PKCS#7, `.p7c`): what is read is written and read again as the same.
#![no_main]

#[path = "shared/ber.rs"]
mod ber;

use std::collections::BTreeSet;

use chancery_pki::bundle::Bundle;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

use ber::Dice;

fuzz_target!(|bytes: &[u8]| {
    let Ok(bundle) = Bundle::from_bytes(bytes) else { return };
    // A certificate has more than a hundred octets, and so has what cannot be read at least one.
    assert!(bundle.certificates.len() * 100 + bundle.lists.len() * 20 + bundle.unreadable <= bytes.len());
    let written = bundle.to_der();
    let again = Bundle::from_ber(&written).expect("what we wrote is read");
    let set = |bundle: &Bundle| {
        let certificates = bundle.certificates.iter().map(|it| it.der().to_vec());
        certificates.chain(bundle.lists.iter().map(|it| it.der().to_vec())).collect::<BTreeSet<_>>()
    };
    assert!(again.unreadable == 0 && set(&again) == set(&bundle));
    assert!(again.to_der() == written, "what is sorted stays sorted");
    assert!(Bundle::from_bytes(bundle.to_pem().as_bytes()).is_ok_and(|text| set(&text) == set(&bundle)));
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice::new(seed);
    match ber::changed(&data[..size], &mut dice) {
        Some(changed) if dice.below(2) == 1 && changed.len() <= max_size => {
            data[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});
