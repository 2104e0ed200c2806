//! Certificates and servers that mean harm.

use std::time::Duration;

use chancery_lookup::{Budget, Content, Outcome, Settings};
use chancery_net::reach::Reach;
use chancery_pki::bundle::Bundle;
use chancery_pki::path::Strictness;

use crate::support::{AT, Authority, Bench, DAY, Places, trust, url};

#[tokio::test]
async fn nobody_makes_us_ask_our_own_network() {
    let bench = Bench::with(Settings::default(), Reach::Public).await;
    let root = Authority::root("Root", &Places::default());
    let issuers = vec![
        url("/lower.cer"),
        "http://127.0.0.1/lower.cer".to_owned(),
        "http://0x7f000001/lower.cer".to_owned(),
        "http://[::ffff:127.0.0.1]/lower.cer".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://user:secret@web.test/lower.cer".to_owned(),
    ];
    let leaf = root
        .below("Lower", &Places::default())
        .leaf("alice", &Places { issuers, ..Places::default() });
    let decided = bench.decide(&leaf, &trust(&root, Strictness::Ignore)).await;
    assert_eq!(bench.web.asked("/"), 0);
    let codes: Vec<_> = decided
        .fetches
        .iter()
        .map(|fetch| match &fetch.outcome {
            Outcome::Failed { code, .. } => *code,
            other => panic!("{other:?}"),
        })
        .collect();
    let out_of_reach = "fetch.out_of_reach";
    assert_eq!(codes[..4], [out_of_reach; 4]);
    assert_eq!(codes[4..], ["fetch.address"; 2]);
}

#[tokio::test]
async fn an_endless_chain_ends() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let mut authority = Authority::root("Stranger", &Places::default());
    let mut leaf = None;
    for depth in 0..40 {
        let path = format!("/{depth}.cer");
        bench.web.put(&path, authority.own.der());
        let places = Places { issuers: vec![url(&path)], ..Places::default() };
        leaf = Some(authority.leaf("mallory", &places));
        authority = authority.below(&format!("Stranger {depth}"), &places);
    }
    let decided = bench.decide(&leaf.unwrap(), &trust(&root, Strictness::Hard)).await;
    assert!(!decided.answer.is_trusted());
    assert!(decided.fetches.len() <= Budget::default().fetches, "{}", decided.fetches.len());
    assert!(bench.web.asked("/") <= 17, "{}", bench.web.asked("/"));
    assert_eq!(bench.lookup.known().pool.len(), 0);
}

#[tokio::test]
async fn junk_stays_with_who_brought_it() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let stranger = Authority::root("Stranger", &Places::default());
    let certificates = (0..50).map(|_| Authority::root("Root", &Places::default()).own).collect();
    let list = stranger.list(1, AT - DAY, AT + DAY, &[]);
    let lists = vec![chancery_pki::revocation::RevocationList::from_der(list).unwrap()];
    bench.web.put("/junk.p7c", &Bundle { certificates, lists, unreadable: 0 }.to_der());
    let places = Places { issuers: vec![url("/junk.p7c")], ..Places::default() };
    let leaf = stranger.leaf("mallory", &places);
    let decided = bench.decide(&leaf, &trust(&root, Strictness::Hard)).await;
    assert!(!decided.answer.is_trusted());
    assert_eq!(bench.web.asked("/junk.p7c"), 1);
    assert_eq!(bench.lookup.known().pool.len(), 0);
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_time_of_the_decision_and_no_more() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let lower = root.below("Lower", &Places::default());
    let path = bench.web.put("/lower.cer", lower.own.der());
    let leaf = lower.leaf("alice", &Places { issuers: vec![path], ..Places::default() });
    let trust = trust(&root, Strictness::Ignore);
    bench.web.close();
    let budget = Budget { time: Duration::from_secs(2), ..Budget::default() };
    let deciding = bench.lookup.decide(budget, |known| bench.ask(known, &leaf, &trust));
    let time = async {
        while bench.web.asked("/lower.cer") == 0 {
            tokio::task::yield_now().await;
        }
        bench.advance(2);
    };
    let (decided, ()) = tokio::join!(deciding, time);
    assert_eq!(decided.exhausted, None, "{:?}", decided.fetches);
    assert!(!decided.answer.is_trusted());
    let Outcome::Failed { code, .. } = decided.fetches[0].outcome else { panic!() };
    assert_eq!(code, "lookup.interrupted");
    // The request goes on, and what it brings is there for the next who asks.
    bench.web.open();
    while bench.lookup.numbers().entries == 0 {
        tokio::task::yield_now().await;
    }
    let decided = bench.decide(&leaf, &trust).await;
    assert!(decided.answer.is_trusted());
    assert_eq!(bench.web.asked("/lower.cer"), 1);
}

#[tokio::test]
async fn what_nobody_needs_makes_room() {
    let settings = Settings { cache_octets: 20_000, ..Settings::default() };
    let bench = Bench::with(settings, Reach::Anywhere).await;
    let root = Authority::root("Root", &Places::default());
    let useful = Places { lists: vec![url("/root.crl")], ..Places::default() };
    let leaf = root.leaf("alice", &useful);
    bench.web.put("/root.crl", &root.list(1, AT - DAY, AT + DAY, &[]));
    let trust = trust(&root, Strictness::Hard);
    assert!(bench.decide(&leaf, &trust).await.answer.is_trusted());
    for number in 0..60 {
        bench.advance(1);
        let path =
            bench.web.put(&format!("/{number}.cer"), Authority::root("Root", &useful).own.der());
        let places = Places { issuers: vec![path], ..Places::default() };
        let stranger = Authority::root("Stranger", &Places::default()).leaf("mallory", &places);
        bench.decide(&stranger, &trust).await;
    }
    assert!(bench.lookup.numbers().cached_octets <= 20_000);
    // What an answer was built on outlives what is newer and useless.
    assert!(bench.decide(&leaf, &trust).await.fetches.is_empty());
    assert_eq!(bench.web.asked("/root.crl"), 1);
}

#[test]
fn any_octets_are_content_or_refused() {
    let root = Authority::root("Root", &Places::default());
    let list = root.list(1, AT - DAY, AT + DAY, &[&root.own]);
    let bundle = Bundle { certificates: vec![root.own.clone()], ..Bundle::default() }.to_der();
    for whole in [root.own.der(), &list, &bundle, root.own.to_pem().as_bytes()] {
        assert!(Content::from_bytes(whole).is_ok());
        for cut in 0..whole.len() {
            drop(Content::from_bytes(&whole[..cut]));
            let mut changed = whole.to_vec();
            changed[cut] ^= 0x80;
            drop(Content::from_bytes(&changed));
        }
    }
    for junk in [
        &b""[..],
        b"\x30",
        b"\x30\x80",
        b"\x30\x84\xff\xff\xff\xff\x06",
        b"-----BEGIN X-----",
        b"\0\0\0",
    ] {
        assert!(Content::from_bytes(junk).is_err(), "{junk:?}");
    }
}
