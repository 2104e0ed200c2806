//! Any bytes as a PKCS#12 file: bounded work whatever number of rounds it asks for, and what is read is written and read
//! again as the same.
//!
//! The passphrase is that of the seeds, which have few rounds and no authentication code: changes reach what is inside.
#![no_main]

#[path = "shared/ber.rs"]
mod ber;

use chancery_pki::pkcs12::Pkcs12;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

use ber::Dice;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = Pkcs12::read_within(bytes, b"passphrase", 20_000) else { return };
    assert!(file.keys.len() + file.certificates.len() + file.lists.len() + file.unreadable <= bytes.len());
    for key in &file.keys {
        if let Some(certificate) = file.certificate_of(key) {
            assert!(certificate.public_key() == Some(key.value.public_key()));
        }
    }
    // Writing takes a tenth of a second for each passphrase that is derived from: one input in 64 is enough.
    if bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) % 64 != 0 {
        return;
    }
    let written = file.write(b"other").expect("what was read can be written");
    let again = Pkcs12::read(&written, b"other").expect("what we wrote is read");
    let names = |file: &Pkcs12| {
        let certificates = file.certificates.iter();
        certificates.map(|it| (it.value.clone(), it.name.clone(), it.key_id.clone())).collect::<Vec<_>>()
    };
    assert!(names(&again) == names(&file) && again.lists == file.lists && again.keys.len() == file.keys.len());
    assert!(Pkcs12::read(&written, b"another").is_err());
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
