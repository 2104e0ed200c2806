//! What correspondents' software reads: only the newest word counts, and nobody fills the disk.

use chancery_store::peer::PeerRow;
use chancery_store::{Planned, Store};

use crate::support::*;

fn stated(address: &str, at: i64, names: &[&str]) -> PeerRow {
    PeerRow {
        address: address.into(),
        seen_at_ms: NOW + at,
        stated_at: at,
        capabilities: names.iter().map(|name| (*name).into()).collect(),
        ..PeerRow::default()
    }
}

/// Learns as the gateway does: in the commit of a plan.
async fn learn(store: &Store, peers: Vec<PeerRow>) {
    let (message, _) = accept(store, &["ann@acme.example"], b"body").await;
    let mut plan = Planned::new(message, NOW);
    plan.peers = peers;
    store.commit_plan(plan).await.unwrap();
}

#[tokio::test]
async fn the_newest_word_counts_in_whatever_order_it_comes() {
    let (directory, store) = fresh();
    let address = "bob@globex.example";
    for (at, names) in [(200, "aes256-gcm aes256-cbc"), (300, "aes256-gcm"), (250, "aes128-cbc")] {
        let names: Vec<&str> = names.split(' ').collect();
        learn(&store, vec![stated(address, at, &names)]).await;
    }
    let encrypted = PeerRow {
        observed_at: 100,
        observed: vec!["aes256-gcm".into(), "ecdh-sha256".into()],
        certificate: Some(vec![7; 9]),
        ..stated(address, 0, &[])
    };
    learn(&store, vec![encrypted]).await;
    let store = {
        drop(store);
        open(directory.path())
    };
    let known = store.peer("BOB@globex.example").unwrap().unwrap();
    assert_eq!((known.stated_at, known.observed_at), (300, 100));
    assert_eq!(known.capabilities, ["aes256-gcm"]);
    assert_eq!(known.observed, ["aes256-gcm", "ecdh-sha256"]);
    assert_eq!(known.certificate, Some(vec![7; 9]));
    assert_eq!(store.peer("bob@globex.exampl").unwrap(), None);
    assert_eq!(store.organisation_peers().unwrap(), []);
}

#[tokio::test]
async fn what_an_organisation_says_makes_the_book_new() {
    let (_directory, store) = fresh();
    learn(&store, vec![stated("bob@globex.example", 1, &["x"])]).await;
    assert_eq!(store.partner_version().unwrap(), 0, "a person is read when needed");
    learn(&store, vec![stated("@globex.example", 1, &["aes256-gcm"])]).await;
    assert_eq!(store.partner_version().unwrap(), 1);
    learn(&store, vec![stated("@globex.example", 2, &["aes256-gcm"])]).await;
    assert_eq!(store.partner_version().unwrap(), 1, "the same again is nothing new");
    learn(&store, vec![stated("@globex.example", 1, &["aes128-cbc"])]).await;
    assert_eq!(store.partner_version().unwrap(), 1, "nor is what is old");
    let known = store.organisation_peers().unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!((known[0].address.as_str(), known[0].stated_at), ("@globex.example", 2));
    assert_eq!(known[0].capabilities, ["aes256-gcm"]);
}

#[tokio::test]
async fn a_domain_cannot_fill_the_disk_with_addresses() {
    let (_directory, store) = fresh();
    for part in 0..6 {
        let many = (0..2_000).map(|number| {
            let at = part * 2_000 + number;
            stated(&format!("user{at}@globex.example"), at, &["aes256-gcm"])
        });
        learn(&store, many.collect()).await;
    }
    learn(&store, vec![stated("ann@initech.example", 1, &["aes256-gcm"])]).await;
    assert_eq!(store.peer("user1990@globex.example").unwrap(), None, "the oldest went");
    assert!(store.peer("user11999@globex.example").unwrap().is_some());
    assert!(store.peer("user2100@globex.example").unwrap().is_some());
    assert!(store.peer("ann@initech.example").unwrap().is_some(), "others are not touched");
}

#[tokio::test]
async fn with_a_partner_goes_what_was_learned_of_it() {
    let (_directory, store) = fresh();
    let partner = chancery_store::partner::PartnerRow {
        name: "Globex".into(),
        domains: vec!["globex.example".into()],
        card: b"card".to_vec(),
        fingerprint: "AAAA".into(),
        added_at_ms: NOW,
        added_by: "ada".into(),
        expires_at_ms: NOW,
    };
    store.put_partner(partner.clone(), act("")).await.unwrap();
    let of = |address: &str| stated(address, 1, &["aes256-gcm"]);
    learn(&store, vec![of("@globex.example"), of("bob@globex.example"), of("a@acme.example")])
        .await;
    store.put_partner(partner, act("a renewed card")).await.unwrap();
    assert!(store.peer("@globex.example").unwrap().is_some());
    store.remove_partner("AAAA", act("")).await.unwrap();
    assert_eq!(store.peer("@globex.example").unwrap(), None);
    assert_eq!(store.peer("bob@globex.example").unwrap(), None);
    assert!(store.peer("a@acme.example").unwrap().is_some());
}
