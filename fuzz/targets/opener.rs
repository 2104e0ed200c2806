//! Any bytes as a message for us: opening ends, and what it releases was verified or never encrypted.
//!
//! The keys in `fuzz/keys` were made for this target alone, so that its seeds can be opened.
#![no_main]

use std::io::Cursor;
use std::sync::LazyLock;

use chancery_crypto::PrivateKey;
use chancery_pki::Certificate;
use chancery_smime::{Anchor, Delivered, MemorySpools, OpenFacts, OpeningKey, Reach, open};
use libfuzzer_sys::fuzz_target;

/// A day on which every certificate of the seeds is valid: 2027-01-01.
const AT: i64 = 1_798_761_600;

/// A decrypted layer is never larger than what held it.
const SPOOL: usize = 1 << 20;

static KEYS: LazyLock<Vec<OpeningKey>> = LazyLock::new(|| {
    let key = |pkcs8: &[u8], certificate: &[u8]| {
        OpeningKey::new(PrivateKey::from_pkcs8_der(pkcs8).expect("a key"), certificate).expect("a pair")
    };
    vec![
        key(include_bytes!("../keys/rsa.pkcs8"), include_bytes!("../keys/rsa.der")),
        key(include_bytes!("../keys/ec.pkcs8"), include_bytes!("../keys/ec.der")),
    ]
});

static ANCHORS: LazyLock<Vec<Anchor>> = LazyLock::new(|| {
    let authority = Certificate::from_der(include_bytes!("../keys/ca.der")).expect("a certificate");
    vec![Anchor::new("Acme", authority, Reach::Domains(vec!["acme.example".into()]), false)]
});

fuzz_target!(|bytes: &[u8]| {
    let ours = ["globex.example".to_owned()];
    let facts = OpenFacts { at: AT, our_domains: &ours };
    let mut out = Vec::new();
    let opened = open(&mut Cursor::new(bytes), &KEYS, &*ANCHORS, &facts, &mut MemorySpools::new(SPOOL), &mut out);
    let Ok(opened) = opened else {
        assert!(out.is_empty(), "a failure releases nothing");
        return;
    };
    match opened.delivered {
        Delivered::AsReceived | Delivered::Nothing => assert!(out.is_empty()),
        Delivered::Original { bytes: count } | Delivered::Rebuilt { bytes: count } => {
            assert_eq!(count, out.len() as u64);
        }
    }
});
