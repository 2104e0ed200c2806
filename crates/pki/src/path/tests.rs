//! Tests of path checking that need many certificates; the single rules are in `tests/vectors/path`.

mod answers;
mod graphs;

use chancery_crypto::{KeyKind, PrivateKey};

use crate::extension::{ExtendedKeyUsage, KeyUsage, NameConstraints};
use crate::issue::{self, Authority, Profile};
use crate::name::{AlternativeName, COMMON_NAME, DistinguishedName, ORGANIZATION};
use crate::path::{self, NameLimits, Outcome, Purpose, Rule};
use crate::{Certificate, pem};

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;

/// A key with a name, which can issue under that name.
struct Party {
    name: String,
    key: PrivateKey,
    own: Certificate,
}

impl Party {
    fn new(name: &str) -> Self {
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let own = issue::self_signed(&authority(name), &key, [1; 20]).unwrap();
        Self { name: name.to_owned(), key, own }
    }

    fn vouch(&self, other: &Self) -> Certificate {
        self.issue(&authority(&other.name), other)
    }

    fn issue(&self, profile: &Profile, other: &Self) -> Certificate {
        let issuer = Authority { key: &self.key, certificate: &self.own };
        issue::certificate(profile, &issuer, other.key.public_key(), [2; 20]).unwrap()
    }
}

fn authority(name: &str) -> Profile {
    Profile {
        authority: Some(None),
        key_usage: Some(KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN)),
        extended_key_usage: Vec::new(),
        alternative_names: Vec::new(),
        ..leaf(name)
    }
}

fn leaf(name: &str) -> Profile {
    Profile {
        subject: DistinguishedName::new(&[(COMMON_NAME, name)]).unwrap(),
        alternative_names: vec![AlternativeName::Email("alice@globex.example".to_owned())],
        key_usage: Some(KeyUsage::DIGITAL_SIGNATURE),
        extended_key_usage: vec![ExtendedKeyUsage::EmailProtection],
        authority: None,
        not_before: AT - 86_400,
        not_after: AT + 86_400,
        policies: Vec::new(),
        crl_urls: Vec::new(),
        ..Profile::default()
    }
}

/// Every authority vouches for every other one: the number of paths through 12 of them is beyond a hundred million.
fn mesh() -> (Vec<Party>, Vec<Certificate>) {
    let parties: Vec<_> = (0..12).map(|number| Party::new(&format!("CA {number}"))).collect();
    let mut pool = Vec::new();
    for issuer in &parties {
        pool.extend(
            parties
                .iter()
                .filter(|other| other.name != issuer.name)
                .map(|other| issuer.vouch(other)),
        );
    }
    (parties, pool)
}

#[test]
fn a_mesh_without_an_anchor_is_a_stranger_at_once() {
    let (parties, pool) = mesh();
    let target = parties[0].issue(&leaf("alice"), &Party::new("alice"));
    let verdict = path::check(&target, &pool, &[], Purpose::SmimeSign, AT);
    assert_eq!(verdict.outcome, Outcome::Stranger);
    assert!(
        verdict.fails(Rule::NoAnchor) && !verdict.fails(Rule::Budget),
        "{:?}",
        verdict.failures
    );
}

#[test]
fn a_mesh_does_not_hide_the_anchor() {
    let (parties, pool) = mesh();
    let target = parties[0].issue(&leaf("alice"), &Party::new("alice"));
    for anchor in [&parties[0], &parties[7]] {
        let verdict =
            path::check(&target, &pool, std::slice::from_ref(&anchor.own), Purpose::SmimeSign, AT);
        assert!(verdict.is_trusted(), "{:?}", verdict.failures);
        assert_eq!(verdict.anchor(), Some(&anchor.own));
    }
}

#[test]
fn a_long_path_is_not_followed_for_ever() {
    let parties: Vec<_> = (0..30).map(|number| Party::new(&format!("CA {number}"))).collect();
    let pool: Vec<_> = parties.windows(2).map(|pair| pair[1].vouch(&pair[0])).collect();
    let target = parties[0].issue(&leaf("alice"), &Party::new("alice"));
    let near =
        path::check(&target, &pool, std::slice::from_ref(&parties[8].own), Purpose::SmimeSign, AT);
    assert!(near.is_trusted(), "{:?}", near.failures);
    assert_eq!(near.path.len(), 10);
    let far =
        path::check(&target, &pool, std::slice::from_ref(&parties[29].own), Purpose::SmimeSign, AT);
    assert_eq!(far.outcome, Outcome::Stranger);
}

#[test]
fn an_expired_detour_does_not_spoil_a_good_path() {
    let [root, middle, alice] = ["Root", "Middle", "alice"].map(Party::new);
    let expired = root.issue(&Profile { not_after: AT - 1, ..authority("Middle") }, &middle);
    let good = root.vouch(&middle);
    let target = middle.issue(&leaf("alice"), &alice);
    for pool in [[expired.clone(), good.clone()], [good, expired]] {
        let verdict =
            path::check(&target, &pool, std::slice::from_ref(&root.own), Purpose::SmimeSign, AT);
        assert!(verdict.is_trusted(), "{:?}", verdict.failures);
    }
}

#[test]
fn the_ends_of_the_validity_belong_to_it() {
    let root = Party::new("Root");
    let target = root.issue(&leaf("alice"), &Party::new("alice"));
    let outcome = |at| {
        path::check(&target, &[], std::slice::from_ref(&root.own), Purpose::SmimeSign, at).outcome
    };
    assert_eq!(outcome(AT - 86_400), Outcome::Trusted);
    assert_eq!(outcome(AT + 86_400), Outcome::Trusted);
    assert_eq!(outcome(AT - 86_401), Outcome::Rejected);
    assert_eq!(outcome(AT + 86_401), Outcome::Rejected);
}

#[test]
fn a_stranger_is_told_all_that_is_wrong() {
    let root = Party::new("Root");
    let target = root.issue(&Profile { not_after: AT - 1, ..leaf("alice") }, &Party::new("alice"));
    let verdict =
        path::check(&target, std::slice::from_ref(&root.own), &[], Purpose::TlsServer, AT);
    assert_eq!(verdict.outcome, Outcome::Stranger);
    assert_eq!(verdict.path.len(), 2);
    assert_eq!(verdict.anchor(), None);
    for rule in [Rule::Expired, Rule::ExtendedKeyUsage, Rule::NoAnchor] {
        assert!(verdict.fails(rule), "{rule:?} in {:?}", verdict.failures);
    }
    let text = verdict.failures[0].to_string();
    assert_eq!(
        text,
        "certificate <CN=alice> expired 2026-06-01T11:59:59Z (RFC 5280 section 6.1.3 (a)(2))"
    );
}

#[test]
fn names_are_compared_without_case_and_white_space() {
    // The issuer is spelled otherwise in the certificate than in the authority's own (RFC 5280 section 7.1).
    let root = Party::new("Globex  root ca");
    let alias =
        Party { name: "GLOBEX Root CA".to_owned(), key: root.key.clone(), own: root.own.clone() };
    let renamed = issue::self_signed(&authority(&alias.name), &alias.key, [3; 20]).unwrap();
    let issuer = Authority { key: &alias.key, certificate: &renamed };
    let alice = Party::new("alice");
    let target =
        issue::certificate(&leaf("alice"), &issuer, alice.key.public_key(), [4; 20]).unwrap();
    assert!(path::check(&target, &[], &[root.own], Purpose::SmimeSign, AT).is_trusted());
    let other = Party::new("Globexroot ca");
    assert_eq!(
        path::check(&target, &[], &[other.own], Purpose::SmimeSign, AT).outcome,
        Outcome::Stranger
    );
}

#[test]
fn an_excluded_name_is_excluded_however_it_is_written() {
    let organisation = |name: &str| DistinguishedName::new(&[(ORGANIZATION, name)]).unwrap();
    let root = Party::new("Root");
    let middle = Party::new("Middle");
    let excluded = vec![AlternativeName::Directory(organisation("Café & Straße"))];
    let names = NameLimits(NameConstraints { excluded, ..NameConstraints::default() });
    let limits = issue::Limits { names, ..issue::Limits::default() };
    let pool = [root.issue(&Profile { limits, ..authority("Middle") }, &middle)];
    let is_trusted = |subject: &str| {
        let target =
            middle.issue(&Profile { subject: organisation(subject), ..leaf("alice") }, &root);
        let verdict =
            path::check(&target, &pool, std::slice::from_ref(&root.own), Purpose::SmimeSign, AT);
        assert_eq!(verdict.is_trusted(), !verdict.fails(Rule::NameConstraints), "{subject}");
        verdict.is_trusted()
    };
    assert!(is_trusted("Kaffee & Straße"));
    for subject in [
        "Café & Straße",
        "Cafe\u{301} & STRASSE",
        "C\u{200b}afé & Stra\u{ad}ße",
        "Ｃａｆé  &\u{a0}Straße",
        // A character that was lost may have been any.
        "Café & Stra\u{fffd}e",
    ] {
        assert!(!is_trusted(subject), "{subject}");
    }
}

#[test]
fn pem_keeps_a_chain_in_order() {
    let parties = ["a", "b", "c"].map(Party::new);
    let texts = parties.each_ref().map(|party| format!("# {}\n{}", party.name, party.own.to_pem()));
    let text = texts.concat();
    let chain = Certificate::chain_from_pem(text.as_bytes()).unwrap();
    assert_eq!(chain, parties.map(|party| party.own));
    assert!(pem::blocks(b"no block here").unwrap().is_empty());
    assert!(Certificate::from_pem(b"no block here").is_err());
}
