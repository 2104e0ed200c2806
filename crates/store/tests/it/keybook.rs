//! The key book: what is known of the keys of others.

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::{Certificate, Organisation, issue};
use chancery_store::keybook::{BookKey, KeyDecision, KeyEvent, KeyFilter, Origin, Review};
use chancery_store::{Planned, Store};

use crate::support::*;

const BOB: &str = "bob@globex.example";

fn certificate(serial: u8) -> Certificate {
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let organisation = Organisation::new("globex", ["globex.example".to_owned()]).unwrap();
    issue::ca(&organisation, &key, NOW / 1000, [serial; 20]).unwrap()
}

fn seen(certificate: &Certificate, origin: Origin, at: i64) -> BookKey {
    BookKey::seen("Bob@Globex.example", certificate.clone(), origin, origin.word(), NOW + at)
}

fn all(store: &Store) -> Vec<BookKey> {
    store.book_keys(&KeyFilter::default()).unwrap()
}

async fn bring(store: &Store, keys: Vec<BookKey>) {
    store.import_keys(keys, act("because")).await.unwrap();
}

#[tokio::test]
async fn the_surest_way_by_which_a_key_came_is_kept() {
    let (directory, store) = fresh();
    let certificate = certificate(1);
    bring(&store, vec![seen(&certificate, Origin::Harvested, 5)]).await;
    let version = store.key_book_version().unwrap();
    bring(&store, vec![seen(&certificate, Origin::Dnssec, 7)]).await;
    assert!(store.key_book_version().unwrap() > version, "held mail may go now");
    let version = store.key_book_version().unwrap();
    bring(&store, vec![seen(&certificate, Origin::Discovered, 9)]).await;
    assert_eq!(store.key_book_version().unwrap(), version, "nothing is new");
    let store = {
        drop(store);
        open(directory.path())
    };
    let [key] = &store.book_keys_of("BOB@globex.example").unwrap()[..] else { panic!("one key") };
    assert_eq!((key.origin, key.source.as_str()), (Origin::Dnssec, "dnssec"));
    assert_eq!((key.found_at_ms, key.seen_at_ms), (NOW + 5, NOW + 9));
    assert_eq!((key.address.as_str(), key.domain()), (BOB, "globex.example"));
}

#[tokio::test]
async fn use_and_reply_are_written_with_the_plan() {
    let (_directory, store) = fresh();
    let certificate = certificate(1);
    let (message, _) = accept(&store, &["ann@acme.example"], b"body").await;
    let mut plan = Planned::new(message, NOW);
    let used = |at_ms| KeyEvent::Used {
        address: BOB.to_owned(),
        fingerprint: certificate.fingerprint_sha256(),
        at_ms,
    };
    let review = Review { address: BOB.to_owned(), why: "two".to_owned(), since_ms: NOW };
    let seen = |at| KeyEvent::Seen(Box::new(seen(&certificate, Origin::Harvested, at)));
    plan.keys =
        vec![seen(1), used(NOW + 3), used(NOW + 2), KeyEvent::Review(review.clone()), seen(8)];
    store.commit_plan(plan).await.unwrap();
    let key = &all(&store)[0];
    assert_eq!((key.used_at_ms, key.confirmed_at_ms), (NOW + 3, NOW + 8));
    assert_eq!(store.key_reviews().unwrap(), [review]);
    let (message, _) = accept(&store, &["ann@acme.example"], b"body").await;
    let mut plan = Planned::new(message, NOW);
    plan.keys = vec![KeyEvent::Settled { address: BOB.to_owned() }];
    store.commit_plan(plan).await.unwrap();
    assert_eq!(store.key_reviews().unwrap(), []);
}

#[tokio::test]
async fn a_decision_stays_and_ends_the_review() {
    let (_directory, store) = fresh();
    let certificate = certificate(1);
    bring(&store, vec![seen(&certificate, Origin::Harvested, 1)]).await;
    let fingerprint = certificate.fingerprint_sha256();
    let decide = |address: &'static str, decision| {
        store.decide_key(address, fingerprint.clone(), decision, act("because"))
    };
    assert!(!decide("eve@globex.example", Some(KeyDecision::Trusted)).await.unwrap());
    assert!(decide(BOB, Some(KeyDecision::Retired)).await.unwrap());
    bring(&store, vec![seen(&certificate, Origin::Imported, 2)]).await;
    assert_eq!(all(&store)[0].decision, Some(KeyDecision::Retired), "being seen changes nothing");
    assert!(decide(BOB, None).await.unwrap());
    assert_eq!(all(&store)[0].decision, None);
    assert!(store.audit_log(0, 10).unwrap().iter().any(|entry| entry.action == "key.decide"));
}

#[tokio::test]
async fn keys_are_listed_by_address_domain_and_fingerprint() {
    let (_directory, store) = fresh();
    let certificates = [1, 2].map(certificate);
    let other = BookKey::seen("a@b_.example", certificates[1].clone(), Origin::Bridge, "", NOW);
    bring(&store, vec![seen(&certificates[0], Origin::Bridge, 1), other]).await;
    let count = |of: Option<&str>, fingerprint: Option<&str>| {
        let filter =
            KeyFilter { of: of.map(str::to_owned), fingerprint: fingerprint.map(str::to_owned) };
        store.book_keys(&filter).unwrap().len()
    };
    let fingerprint = certificates[0].fingerprint_sha256();
    assert_eq!(count(None, None), 2);
    assert_eq!(count(Some("@GLOBEX.example"), None), 1);
    assert_eq!(count(Some(BOB), Some(&fingerprint[..8])), 1);
    assert_eq!(count(Some("@bx.example"), None), 0, "nothing is a pattern");
    assert_eq!(count(None, Some("%")), 0);
}
