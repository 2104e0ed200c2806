//! Any bytes as a certificate: what is read stays what it was, is safe to print, and every question about it is answered.
#![no_main]

#[path = "shared/ber.rs"]
mod ber;

use chancery_pki::describe::Object;
use chancery_pki::path::{self, Pool, Question, Trust, Verifier};
use chancery_pki::revocation::Evidence;
use chancery_pki::{Certificate, Purpose, Scope, encrypts_for, speaks_for};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

use ber::Dice;

fuzz_target!(|bytes: &[u8]| {
    let Ok(certificate) = Certificate::from_der(bytes) else { return };
    assert!(certificate.der() == bytes);
    assert!(Certificate::from_pem(certificate.to_pem().as_bytes()).is_ok_and(|again| again == certificate));
    let description = Object::Certificate(certificate.clone()).describe().to_string();
    let is_safe = |text: &str| !text.contains(|it: char| it.is_control() && it != '\n') && !text.contains('\u{202e}');
    assert!(is_safe(&description) && !certificate.subject().contains('\n'));
    let name = certificate.subject_name();
    assert!((name == certificate.issuer_name()) == (name.fingerprint() == certificate.issuer_name().fingerprint()));
    for address in certificate.emails().iter().map(String::as_str).chain(["alice@acme.example"]) {
        // Nobody speaks for a domain that his anchor may not speak for.
        assert!(speaks_for(&certificate, address, Scope::Domains(&[])).is_none());
        let _answer = encrypts_for(&certificate, address, Scope::Mailboxes);
    }
    // It is its own pool and its own anchor: the worst graph that one certificate can make.
    let (pool, evidence, verifier) = (Pool::from_iter([&certificate]), Evidence::new(), Verifier::new());
    for (purpose, is_trusted) in [(Purpose::Any, true), (Purpose::SmimeSign, false)] {
        let anchors = if is_trusted { vec![certificate.clone()] } else { Vec::new() };
        let trust = Trust::anchors(&anchors);
        let at = certificate.not_before();
        let question = Question::new(&certificate, purpose, at, &trust, &pool, &evidence, &verifier);
        let answer = path::decide(&question);
        assert!(is_trusted || !answer.is_trusted());
        assert!(is_safe(&answer.to_string()));
    }
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
