//! Any bytes as the answer of an OCSP responder: what is read stays what it was and gives one and the same status, and a
//! request takes only what answers it.
#![no_main]

#[path = "shared/ber.rs"]
mod ber;
#[path = "shared/revocation.rs"]
mod revocation;

use chancery_crypto::DigestAlgorithm;
use chancery_pki::revocation::{Evidence, Nonce, OcspRequest, OcspResponse};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

use ber::Dice;
use revocation::PAIR;

fuzz_target!(|bytes: &[u8]| {
    let Ok(response) = OcspResponse::from_der(bytes.to_vec()) else { return };
    assert!(response.der() == bytes && OcspResponse::from_der(bytes.to_vec()).is_ok_and(|again| again == response));
    let [certificate, issuer] = &*PAIR;
    for nonce in [Nonce::Absent, Nonce::Required([7; 32])] {
        let is_fresh = response.nonce() == Some(&[7; 32]);
        let is_asked = nonce == Nonce::Absent || is_fresh;
        let request = OcspRequest::new(certificate, issuer, DigestAlgorithm::Sha1, nonce).expect("a request");
        if request.accept(bytes.to_vec()).is_ok() {
            assert!(is_asked && response.answers().any(|answer| answer.is_about(certificate, issuer)));
        }
    }
    let mut evidence = Evidence::new();
    evidence.add_response(&response);
    revocation::ask(&evidence);
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
