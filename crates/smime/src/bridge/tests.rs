//! Requests and answers: what is written is read, and nothing else is.

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::{Certificate, Organisation, issue};
use proptest::prelude::*;

use super::{Answer, Kind, Request, kind};
use crate::Signer;
use crate::card::{Capabilities, Card, Contents};

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;
const BRIDGE: &str = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF";

struct Member {
    key: PrivateKey,
    authority: Certificate,
    card: String,
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyKind::EcP256).unwrap()
}

fn member() -> Member {
    let organisation = Organisation::new("Acme", ["acme.example", "acme.test"]).unwrap();
    let (key, signing_key, opening_key) = (key(), key(), key());
    let authority = issue::ca(&organisation, &key, AT, [1; 20]).unwrap();
    let issuer = issue::Authority { key: &key, certificate: &authority };
    let public = signing_key.public_key();
    let signing = issue::organisation_signing(&organisation, &issuer, public, AT, [2; 20]).unwrap();
    let public = opening_key.public_key();
    let encryption =
        issue::organisation_encryption(&organisation, &issuer, public, AT, [3; 20]).unwrap();
    let signer = Signer::new(signing_key, signing.der(), &[authority.der().to_vec()]).unwrap();
    let contents = Contents {
        organisation,
        authority: authority.clone(),
        chain: Vec::new(),
        signing: vec![signing],
        encryption: vec![encryption],
        capabilities: Capabilities::ours(),
        hosts: Vec::new(),
        issued: AT,
        expires: AT + 86_400 * 365,
    };
    let card = Card::write(&contents, &signer).unwrap();
    Member { key, authority, card }
}

fn request(card: &str) -> Request {
    Request {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        bridge: BRIDGE.to_owned(),
        level: "basic".to_owned(),
        domains: vec!["acme.example".to_owned()],
        policies: vec!["1.3.6.1.4.1.32473.9.1".to_owned()],
        publication: Some("http://acme.example/pki/".to_owned()),
        card: card.to_owned(),
        issued: AT,
    }
}

#[test]
fn a_request_is_read_as_it_was_written() {
    let member = member();
    let request = request(&member.card);
    let text = request.write(&member.key, &member.authority).unwrap();
    let (read, card) = Request::read(text.as_bytes(), BRIDGE, AT).unwrap();
    assert_eq!((read, card.organisation()), (request, "Acme"));
    assert_eq!(kind(text.as_bytes()), Some(Kind::Request));
    assert_eq!(kind(member.authority.to_pem().as_bytes()), Some(Kind::Certificate));
    assert_eq!(kind(member.card.as_bytes()), None);
    // The lines above the block are for people.
    let text = text.replace("Domains: acme.example", "Domains: globex.example");
    assert!(Request::read(text.as_bytes(), BRIDGE, AT).is_ok());
    let text =
        text.replace("-----BEGIN CMS", "-----BEGIN CMS-----\n\n-----END CMS-----\n-----BEGIN CMS");
    assert!(Request::read(text.as_bytes(), BRIDGE, AT).is_err());
}

#[test]
fn a_request_that_says_too_much_is_refused() {
    let member = member();
    let good = request(&member.card);
    let many = || (0..40).map(|number| format!("1.2.{number}")).collect();
    let cases: [(&str, Request); 9] = [
        ("not on its card", Request { domains: vec!["globex.example".to_owned()], ..good.clone() }),
        ("twice", Request { domains: vec!["acme.test".to_owned(); 2], ..good.clone() }),
        ("no domain", Request { domains: Vec::new(), ..good.clone() }),
        ("128 bits", Request { id: "1".to_owned(), ..good.clone() }),
        ("no object identifier", Request { policies: vec!["x".to_owned()], ..good.clone() }),
        ("more than 32", Request { policies: many(), ..good.clone() }),
        ("plain word", Request { level: "a\nb".to_owned(), ..good.clone() }),
        ("ends in a slash", Request { publication: Some("file:///".to_owned()), ..good.clone() }),
        ("its card", Request { card: "nothing".to_owned(), ..good }),
    ];
    for (why, request) in cases {
        let text = request.write(&member.key, &member.authority).unwrap();
        let error = Request::read(text.as_bytes(), BRIDGE, AT).unwrap_err();
        assert!(error.reason.contains(why), "{why}: {error}");
    }
}

#[test]
fn a_request_counts_for_its_key_its_bridge_and_its_time() {
    let (member, other) = (member(), member());
    let request = request(&member.card);
    // Another authority with the same name signs.
    let text = request.write(&other.key, &other.authority).unwrap();
    let error = Request::read(text.as_bytes(), BRIDGE, AT).unwrap_err();
    assert!(error.reason.contains("not signed by the authority of its card"), "{error}");
    let text = request.write(&member.key, &member.authority).unwrap();
    for (bridge, at, is_taken) in [
        (BRIDGE, AT - 3600, true),
        (BRIDGE, AT - 3601, false),
        (BRIDGE, AT + 30 * 86_400, true),
        (BRIDGE, AT + 30 * 86_400 + 1, false),
        ("GGGG-BBBB-CCCC-DDDD-EEEE-FFFF", AT, false),
    ] {
        assert_eq!(Request::read(text.as_bytes(), bridge, at).is_ok(), is_taken, "{bridge} {at}");
    }
}

#[test]
fn an_answer_counts_for_its_request_and_its_authority() {
    let (member, bridge_key) = (member(), key());
    let url = "http://bridge.example/";
    let bridge = issue::bridge("Sky Bridge", url, &bridge_key, AT, [4; 20]).unwrap();
    let issuer = issue::Authority { key: &bridge_key, certificate: &bridge };
    let vouch = |subject: &Certificate| {
        issue::cross(&issue::Crossing::rollover(subject), &issuer, AT, [5; 20]).unwrap()
    };
    let good = Answer {
        request: "0123".to_owned(),
        bridge: "Brücke & Söhne".to_owned(),
        url: url.to_owned(),
        level: "basic".to_owned(),
        policies: vec!["1.2.3".to_owned()],
        certificate: vouch(&member.authority).to_pem(),
        issued: AT,
    };
    let read = |answer: &Answer, at| {
        let text = answer.write(&bridge_key, &bridge).unwrap();
        assert_eq!(kind(text.as_bytes()), Some(Kind::Answer));
        Answer::read(text.as_bytes(), &bridge, "0123", &member.authority, at)
    };
    assert_eq!(read(&good, AT).unwrap().0, good);
    let (stranger, other_key) = (self::member(), key());
    let other_bridge = issue::bridge("Sky Bridge", url, &other_key, AT, [4; 20]).unwrap();
    let cases = [
        ("newest request", Answer { request: "9".to_owned(), ..good.clone() }),
        ("ends in a slash", Answer { url: "x".to_owned(), ..good.clone() }),
        (
            "not by this bridge for our authority",
            Answer { certificate: vouch(&stranger.authority).to_pem(), ..good.clone() },
        ),
        (
            "not by this bridge for our authority",
            Answer { certificate: member.authority.to_pem(), ..good.clone() },
        ),
        ("not printable", Answer { bridge: "a\u{202e}b".to_owned(), ..good.clone() }),
    ];
    for (why, answer) in cases {
        let error = read(&answer, AT).unwrap_err();
        assert!(error.reason.contains(why), "{why}: {error}");
    }
    assert!(read(&good, AT + 20 * 365 * 86_400).unwrap_err().reason.contains("does not hold"));
    // A bridge of the same name with another key.
    let text = good.write(&other_key, &other_bridge).unwrap();
    let error = Answer::read(text.as_bytes(), &bridge, "0123", &member.authority, AT).unwrap_err();
    assert!(error.reason.contains("not signed by the bridge that was asked"), "{error}");
    let text = request(&member.card).write(&member.key, &member.authority).unwrap();
    let error = Answer::read(text.as_bytes(), &bridge, "0123", &member.authority, AT).unwrap_err();
    assert!(error.reason.contains("another kind"), "{error}");
}

#[test]
fn no_change_on_the_way_goes_unnoticed() {
    let member = member();
    let good = request(&member.card);
    let bytes = good.write(&member.key, &member.authority).unwrap().into_bytes();
    proptest!(|(at in 0..bytes.len(), new in any::<u8>())| {
        let mut changed = bytes.clone();
        changed[at] = new;
        // A change breaks the document, or means nothing, such as one in the lines above the block.
        if let Ok((read, _)) = Request::read(&changed, BRIDGE, AT) {
            prop_assert_eq!(&read, &good);
        }
    });
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..300))| {
        prop_assert!(Request::read(&bytes, BRIDGE, AT).is_err());
        prop_assert_eq!(kind(&bytes), None);
    });
}
