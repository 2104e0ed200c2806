//! Any bytes as CMS, to us and to OpenSSL: both accept or both refuse, and the content is the same.
//!
//! OpenSSL answers in a process of its own (`benches/openssl/peer.c`), started once. Where the two differ, the difference
//! stands in `fuzz/differences.toml` with its reason; any other is a failure.
#![no_main]

#[path = "shared/ber.rs"]
mod ber;
#[path = "shared/differences.rs"]
mod differences;
#[path = "shared/keys.rs"]
mod keys;
#[path = "shared/peer.rs"]
mod peer;

use std::collections::BTreeSet;
use std::slice;
use std::sync::{LazyLock, Mutex};

use chancery_cms::{
    DetachedVerifier, ExpansionLimit, SignedReport, open_compressed, open_digested, open_enveloped, open_signed_attached,
};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

use ber::Dice;
use differences::{Difference, Differences};
use keys::KEYS;
use peer::{Kind, Peer};

static PEER: LazyLock<Mutex<Peer>> = LazyLock::new(|| Mutex::new(Peer::start()));

static DIFFERENCES: LazyLock<Differences> = LazyLock::new(Differences::load);

/// The content, or why there is none.
type Answer = Result<Vec<u8>, String>;

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice::new(seed);
    match ber::changed(&data[..size], &mut dice).filter(|changed| changed.len() <= max_size) {
        Some(changed) if dice.below(8) > 0 => {
            data[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, content_type)) = kind_of(bytes) else { return };
    let people = if kind == Kind::Enveloped { KEYS.len() } else { 1 };
    for person in 0..people {
        let ours = ours(kind, person, bytes);
        let theirs = theirs(kind, person, bytes);
        let Some(difference) = Differences::between(&ours, &theirs) else { continue };
        // Where a random key stands for a wrong one (RFC 3218), CBC looks right once in some hundred times.
        let is_steady = (0..4).all(|_| (self::ours(kind, person, bytes), self::theirs(kind, person, bytes)) == (ours.clone(), theirs.clone()));
        let is_known = |difference: &_| DIFFERENCES.explain(&content_type, difference);
        if is_steady && !is_known(&difference) && !is_of_form_only(kind, person, bytes, is_known) {
            report(format!("{content_type} {difference}"), bytes);
        }
    }
});

/// Returns true if both agree, or differ as is known, on the same message with definite lengths and strings in one piece.
///
/// Where BER leaves a choice, OpenSSL brings some fields into DER and others not; what is signed, and under which name,
/// depends on that. We bring signed attributes into DER as RFC 5652 section 5.4 says, and names and certificates not.
fn is_of_form_only(kind: Kind, person: usize, bytes: &[u8], is_known: impl Fn(&Difference) -> bool) -> bool {
    ber::definite(bytes).filter(|message| message != bytes).is_some_and(|message| {
        let difference = Differences::between(&ours(kind, person, &message), &theirs(kind, person, &message));
        difference.is_none_or(|difference| is_known(&difference))
    })
}

/// Stops at a difference that is not listed; to see all of them, `CHANCERY_FUZZ_COLLECT` names a folder for one message of
/// each.
fn report(difference: String, bytes: &[u8]) {
    static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Some(folder) = std::env::var_os("CHANCERY_FUZZ_COLLECT") else { panic!("not listed: {difference}") };
    let mut seen = SEEN.lock().expect("one thread");
    if seen.insert(difference.clone()) {
        let file = std::path::Path::new(&folder).join(seen.len().to_string());
        eprintln!("not listed: {difference}: {}", file.display());
        std::fs::write(file, bytes).expect("the folder is there");
    }
}

/// Returns the type of the content; OpenSSL has one command for each, and most messages that are none are refused by all.
fn kind_of(bytes: &[u8]) -> Option<(Kind, String)> {
    let content_type = chancery_cms::inspect(bytes).ok()?.content_type;
    let kind = match content_type.as_str() {
        "enveloped-data" | "auth-enveloped-data" => Kind::Enveloped,
        "compressed-data" => Kind::Compressed,
        "digested-data" => Kind::Digested,
        // A signature without its content is one over `CONTENT`.
        "signed-data" if DetachedVerifier::new(bytes).is_ok() => Kind::Detached,
        "signed-data" => Kind::Signed,
        _ => return None,
    };
    Some((kind, content_type))
}

fn ours(kind: Kind, person: usize, bytes: &[u8]) -> Answer {
    let mut content = Vec::new();
    let result = match kind {
        Kind::Compressed => open_compressed(bytes, LIMIT, &mut content).map(drop),
        Kind::Detached => {
            content.extend_from_slice(CONTENT);
            let verifier = DetachedVerifier::new(bytes);
            return verifier.map_err(|error| error.to_string()).and_then(|mut verifier| {
                verifier.update(CONTENT);
                judged(&verifier.finish(), content)
            });
        }
        Kind::Digested => open_digested(bytes, &mut content).map(drop),
        Kind::Enveloped => open_enveloped(bytes, slice::from_ref(&KEYS[person]), &mut content).map(drop),
        Kind::Signed => match open_signed_attached(bytes, &mut content) {
            Ok(report) => return judged(&report, content),
            Err(error) => Err(error),
        },
    };
    result.map(|()| content).map_err(|error| error.to_string())
}

/// OpenSSL wants every signature to match, and at least one.
fn judged(report: &SignedReport, content: Vec<u8>) -> Answer {
    if report.signers.is_empty() {
        return Err("no signer".to_owned());
    }
    match report.signers.iter().find_map(|signer| signer.result.as_ref().err()) {
        None => Ok(content),
        Some(error) => Err(error.to_string()),
    }
}

fn theirs(kind: Kind, person: usize, bytes: &[u8]) -> Answer {
    let mut peer = PEER.lock().expect("one thread");
    let content = if kind == Kind::Detached { CONTENT } else { b"" };
    peer.ask(kind, person, bytes, content)
}

/// More than any seed expands to.
const LIMIT: ExpansionLimit = ExpansionLimit { max_bytes: 1 << 24, max_ratio: 1000 };

/// What the detached signatures among the seeds are over.
const CONTENT: &[u8] = b"Content-Type: text/plain\r\n\r\nhello\r\n";
