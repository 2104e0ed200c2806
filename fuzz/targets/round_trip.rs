//! Any bytes as a message of ours: what we sign and encrypt, we can open and verify; and a legacy display changes nothing
//! but the text.
#![no_main]

use std::io::Cursor;
use std::sync::LazyLock;

use chancery_crypto::PrivateKey;
use chancery_pki::Certificate;
use chancery_smime::{
    Anchor, ContentAlgorithm, HeaderConfidentiality, InPlace, MemorySpools, OpenFacts, Opened, OpeningKey, Reach,
    Protection, RecipientKey, Signer, Signing, open, protect_in_place, sign,
};
use libfuzzer_sys::fuzz_target;

/// A day on which every certificate of the seeds is valid: 2027-01-01.
const AT: i64 = 1_798_761_600;

const SPOOL: usize = 1 << 20;

const SEED: &[u8] = b"round trip";

/// The opener reports no more signers than this; a message may bring its own.
const MANY_SIGNERS: usize = 32;

struct Keys {
    signer: Signer,
    recipient: RecipientKey,
    opening: Vec<OpeningKey>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let certificate = include_bytes!("../keys/ec.der");
    let key = || PrivateKey::from_pkcs8_der(include_bytes!("../keys/ec.pkcs8")).expect("a key");
    Keys {
        signer: Signer::new(key(), certificate, &[]).expect("a pair"),
        recipient: RecipientKey::new(certificate, &[]).expect("a certificate"),
        opening: vec![OpeningKey::new(key(), certificate).expect("a pair")],
    }
});

static ANCHORS: LazyLock<Vec<Anchor>> = LazyLock::new(|| {
    let authority = Certificate::from_der(include_bytes!("../keys/ca.der")).expect("a certificate");
    vec![Anchor::new("Acme", authority, Reach::Domains(vec!["acme.example".into()]), false)]
});

fuzz_target!(|bytes: &[u8]| {
    let signing = Signing { signer: &KEYS.signer, signing_time: AT, boundary_seed: SEED };
    let mut signed = Vec::new();
    if sign(&mut Cursor::new(bytes), &signing, &mut signed).is_ok() {
        assert_ours_fits(&opened(&signed));
    }
    for confidentiality in [HeaderConfidentiality::Baseline, HeaderConfidentiality::Shy] {
        let plain = sealed(bytes, InPlace { confidentiality, legacy_display: false, keeps_bcc: false });
        let shown = sealed(bytes, InPlace { confidentiality, legacy_display: true, keeps_bcc: false });
        assert_eq!(plain.is_some(), shown.is_some());
        let (Some(plain), Some(shown)) = (plain, shown) else { continue };
        for opened in [&plain, &shown] {
            assert_ours_fits(opened);
            assert!(!opened.verdict.header.differing.contains(&"Subject"), "the Subject outside is announced");
        }
        assert_eq!(plain.verdict.header, shown.verdict.header);
        assert_eq!(plain.verdict.result, shown.verdict.result);
    }
});

/// Protects the message and opens it again; nothing if it is not one we protect in place.
fn sealed(bytes: &[u8], how: InPlace) -> Option<Opened> {
    let protection = Protection {
        signer: &KEYS.signer,
        recipients: &[&KEYS.recipient],
        cipher: ContentAlgorithm::Aes256Gcm,
        signing_time: AT,
        boundary_seed: SEED,
    };
    let mut wire = Vec::new();
    protect_in_place(&mut Cursor::new(bytes), how, &protection, &mut wire).ok()?;
    Some(opened(&wire))
}

fn opened(wire: &[u8]) -> Opened {
    let ours = ["globex.example".to_owned()];
    let facts = OpenFacts { at: AT, our_domains: &ours };
    let mut out = Vec::new();
    let mut spools = MemorySpools::new(SPOOL);
    open(&mut Cursor::new(wire), &KEYS.opening, &*ANCHORS, &facts, &mut spools, &mut out).expect("our own message opens")
}

/// Our signature is inside our encryption: if it fits, that was opened. What the message itself brought along may be
/// encrypted to somebody else, or broken.
fn assert_ours_fits(opened: &Opened) {
    let signers = &opened.verdict.signers;
    let fits = signers.iter().any(|signer| signer.signature_ok && signer.fingerprint == KEYS.signer.fingerprint());
    assert!(fits || signers.len() >= MANY_SIGNERS, "{:#?}", opened.verdict);
}
