//! Lists and responses from somebody who means harm: large ones cost little more than their size, broken ones nothing.

use std::fs;
use std::sync::OnceLock;
use std::time::Instant;

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::issue::{self, Authority, Reason, Revoked};
use chancery_pki::revocation::{
    Evidence, IssuerOnly, OcspResponse, Question, RevocationList, Settings, status,
};
use chancery_pki::{Certificate, Organisation};
use proptest::prelude::*;

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;
const DAY: i64 = 86_400;

/// The same holds for 100 MB; the compiler's checks in a test build make that a matter of patience.
const LARGE: usize = 20_000_000;

struct World {
    key: PrivateKey,
    ca: Certificate,
    user: Certificate,
}

fn world() -> World {
    let acme = Organisation::new("Acme", ["acme.example"]).unwrap();
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let ca = issue::ca(&acme, &key, AT, [1; 20]).unwrap();
    let authority = Authority { key: &key, certificate: &ca };
    let user =
        issue::organisation_signing(&acme, &authority, key.public_key(), AT, [0x7f; 20]).unwrap();
    World { key, ca, user }
}

#[test]
fn a_large_list_needs_little_more_than_itself() {
    let world = world();
    let (der, count) = large_list(&world, LARGE);
    let length = der.len();
    let before = most_memory();
    let started = Instant::now();
    let list = RevocationList::from_der(der).unwrap();
    let read = started.elapsed();
    assert_eq!(list.len(), count);
    let mut evidence = Evidence::new();
    evidence.add_list(list);
    let ask = |certificate: &Certificate| {
        let (issuer, settings) = (&world.ca, &Settings::default());
        let question = Question { certificate, issuer, evidence: &evidence, settings, at: AT };
        let started = Instant::now();
        let answer = status(&question, &mut IssuerOnly);
        (answer.status, started.elapsed())
    };
    let (first, cold) = ask(&world.user);
    let (again, warm) = ask(&world.user);
    assert!(first.is_revoked() && again == first, "the last entry is the user's");
    let more = most_memory() - before;
    println!(
        "{} MB, {count} entries: read in {read:?}, first answer {cold:?}, next {warm:?}, {} MB more at most",
        length / 1_000_000,
        more / 1_000_000
    );
    // Eight bytes for each entry, and nothing else that grows with the list.
    assert!(more < count * 8 + 4_000_000, "{more} bytes for {count} entries");
}

#[test]
fn many_entries_for_one_number_are_one_entry() {
    let world = world();
    let entry = |reason| Revoked { serial: world.user.serial().to_vec(), at: AT - DAY, reason };
    let authority = Authority { key: &world.key, certificate: &world.ca };
    let revoked = vec![entry(Reason::Superseded); 10_000];
    let der = issue::crl(&authority, &revoked, AT - DAY, AT + DAY, 1).unwrap();
    let mut evidence = Evidence::new();
    evidence.add_list(RevocationList::from_der(der).unwrap());
    let (certificate, issuer, settings) = (&world.user, &world.ca, &Settings::default());
    let question = Question { certificate, issuer, evidence: &evidence, settings, at: AT };
    assert!(status(&question, &mut IssuerOnly).status.is_revoked());
}

proptest! {
    #[test]
    fn any_bytes_are_no_reason_to_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(RevocationList::from_der(bytes.clone()));
        drop(OcspResponse::from_der(bytes));
    }

    #[test]
    fn a_broken_list_is_refused_or_unsigned(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (world, sample) = sample();
        let mut der = sample.clone();
        for (place, byte) in changes {
            let index = place.index(der.len());
            der[index] = byte;
        }
        if let Ok(list) = RevocationList::from_der(der.clone()) {
            let mut evidence = Evidence::new();
            evidence.add_list(list);
            let (certificate, issuer, settings) = (&world.user, &world.ca, &Settings::default());
            let question = Question { certificate, issuer, evidence: &evidence, settings, at: AT };
            let status = status(&question, &mut IssuerOnly).status;
            // Nobody changes what was signed; the algorithm beside the signature must be the signed one.
            prop_assert!(!status.is_good());
            prop_assert!(status.is_unknown() || der == *sample);
        }
    }
}

/// A list that revokes the user, and everybody.
fn sample() -> &'static (World, Vec<u8>) {
    static SAMPLE: OnceLock<(World, Vec<u8>)> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let world = world();
        let serials = [vec![7], world.user.serial().to_vec(), vec![0x12, 0x34]];
        let revoked =
            serials.map(|serial| Revoked { serial, at: AT - DAY, reason: Reason::KeyCompromise });
        let authority = Authority { key: &world.key, certificate: &world.ca };
        let der = issue::crl(&authority, &revoked, AT - DAY, AT + DAY, 1).unwrap();
        (world, der)
    })
}

/// Writes a list of a size in one piece of memory: many numbers, and the user's at the end.
fn large_list(world: &World, size: usize) -> (Vec<u8>, usize) {
    let algorithm = world.key.default_signature_algorithm().to_der().unwrap();
    let time = |text: &str| [&[0x17, 13], text.as_bytes()].concat();
    let entry = |serial: &[u8]| {
        let content =
            [&[2, u8::try_from(serial.len()).unwrap()], serial, &time("260520120000Z")].concat();
        [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    };
    let user = entry(world.user.serial());
    let usual = entry(&[0x40; 16]);
    let count = size / usual.len();
    let entries = count * usual.len() + user.len();
    let long = |length: usize| {
        [&[0x30, 0x84], u32::try_from(length).unwrap().to_be_bytes().as_slice()].concat()
    };
    let head = [
        [2, 1, 1].as_slice(),
        &algorithm,
        world.ca.subject_name().der(),
        &time("260531120000Z"),
        &time("260608120000Z"),
        &long(entries),
    ]
    .concat();
    let signed_length = head.len() + entries;
    // The whole is longer by the algorithm and a signature of at most 80 bytes, which is written over the start later.
    let mut der = Vec::with_capacity(signed_length + 500);
    der.extend([0; 6]);
    der.extend(long(signed_length));
    der.extend(&head);
    for number in 0..u64::try_from(count).unwrap() {
        let start = der.len();
        der.extend(&usual);
        der[start + 5..start + 13]
            .copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    }
    der.extend(&user);
    let signature = world.key.sign(world.key.default_signature_algorithm(), &der[6..]).unwrap();
    der.extend(&algorithm);
    der.extend([3, u8::try_from(signature.len() + 1).unwrap(), 0]);
    der.extend(&signature);
    let whole = long(der.len() - 6);
    der[..6].copy_from_slice(&whole);
    (der, count + 1)
}

/// Returns the most memory that this process has had, in bytes.
fn most_memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}
