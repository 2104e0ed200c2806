//! Any bytes as lists of revoked certificates, one after the other: what is read stays what it was, and every list that
//! is read gives one and the same answer.
#![no_main]

#[path = "shared/ber.rs"]
mod ber;
#[path = "shared/revocation.rs"]
mod revocation;

use chancery_pki::revocation::{Evidence, RevocationList};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

use ber::Dice;

fuzz_target!(|bytes: &[u8]| {
    let mut evidence = Evidence::new();
    for der in elements(bytes).into_iter().take(8) {
        let Ok(list) = RevocationList::from_der(der.to_vec()) else { continue };
        assert!(list.der() == der && RevocationList::from_der(der.to_vec()).is_ok_and(|again| again == list));
        // The shortest entry: a number of one octet and a time in the short form.
        assert!(list.len() * 20 <= der.len());
        evidence.add_list(list);
    }
    revocation::ask(&evidence);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice::new(seed);
    if dice.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    // One of the lists is changed, the others stay.
    let all = elements(&data[..size]);
    let chosen = dice.below(all.len().max(1));
    let mut out = Vec::new();
    for (index, der) in all.iter().enumerate() {
        match ber::changed(der, &mut dice) {
            Some(changed) if index == chosen => out.extend(changed),
            _ => out.extend_from_slice(der),
        }
    }
    if out.is_empty() || out.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..out.len()].copy_from_slice(&out);
    out.len()
});

/// Cuts the bytes at the ends of elements; what is none is one piece.
fn elements(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let length = match *bytes {
            [_, short @ 0..=0x7f, ..] => 2 + usize::from(short),
            [_, 0x81, a, ..] => 3 + usize::from(a),
            [_, 0x82, a, b, ..] => 4 + usize::from(u16::from_be_bytes([a, b])),
            _ => bytes.len(),
        };
        let (element, rest) = bytes.split_at(length.min(bytes.len()));
        all.push(element);
        bytes = rest;
    }
    all
}
