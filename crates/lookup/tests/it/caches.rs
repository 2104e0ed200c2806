//! What is asked once, what is asked again, and when.

use std::sync::Arc;

use chancery_lookup::Outcome;
use chancery_net::clock::Clock as _;
use chancery_net::shutdown::Shutdown;
use chancery_pki::path::Strictness;
use chancery_store::Store;

use crate::support::{AT, Authority, Bench, DAY, Places, trust, url};

fn lists(path: &str) -> Places {
    Places { lists: vec![url(path)], ..Places::default() }
}

#[tokio::test]
async fn many_who_ask_at_once_make_one_request() {
    let bench = Arc::new(Bench::new().await);
    let root = Authority::root("Root", &Places::default());
    bench.web.put("/root.crl", &root.list(1, AT - DAY, AT + DAY, &[]));
    let trust = Arc::new(trust(&root, Strictness::Hard));
    bench.web.close();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let leaf = root.leaf(&format!("user {number}"), &lists("/root.crl"));
        let (bench, trust) = (Arc::clone(&bench), Arc::clone(&trust));
        tasks.spawn(async move { bench.decide(&leaf, &trust).await });
    }
    while bench.lookup.numbers().joined < 19 {
        tokio::task::yield_now().await;
    }
    bench.web.open();
    while let Some(decided) = tasks.join_next().await {
        assert!(decided.unwrap().answer.is_trusted());
    }
    assert_eq!(bench.web.asked("/root.crl"), 1);
    assert_eq!(bench.lookup.numbers().requests, 1);
}

#[tokio::test]
async fn what_failed_is_asked_again_after_a_growing_while() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let leaf = root.leaf("alice", &lists("/root.crl"));
    let trust = trust(&root, Strictness::Hard);
    let mut asked = 0;
    for delay in [30, 60, 120, 240, 480] {
        let decided = bench.decide(&leaf, &trust).await;
        assert!(!decided.answer.is_trusted());
        asked += 1;
        assert_eq!(bench.web.asked("/root.crl"), asked, "before {delay}");
        bench.advance(delay - 1);
        let decided = bench.decide(&leaf, &trust).await;
        assert!(matches!(decided.fetches[0].outcome, Outcome::FailedBefore { .. }), "{delay}");
        assert_eq!(bench.web.asked("/root.crl"), asked, "within {delay}");
        bench.advance(1);
    }
    // It does not grow for ever, and success ends it.
    for _ in 0..20 {
        bench.advance(6 * 3_600);
        let before = bench.web.asked("/root.crl");
        bench.decide(&leaf, &trust).await;
        assert_eq!(bench.web.asked("/root.crl"), before + 1);
    }
    let now = bench.clock.unix();
    bench.web.put("/root.crl", &root.list(1, now, now + 7 * DAY, &[]));
    bench.advance(6 * 3_600);
    assert!(bench.decide(&leaf, &trust).await.answer.is_trusted());
}

#[tokio::test]
async fn a_list_is_renewed_before_it_ends_and_nobody_waits() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let leaf = root.leaf("alice", &lists("/root.crl"));
    let trust = trust(&root, Strictness::Hard);
    let first = root.list(1, AT - 60, AT + DAY, &[]);
    bench.web.put_with("/root.crl", &first, &["ETag: \"one\""]);
    assert!(bench.decide(&leaf, &trust).await.answer.is_trusted());
    // Nothing to do in the first two thirds.
    bench.advance(DAY * 2 / 3 - 1);
    let pause = bench.lookup.refresh().await;
    assert_eq!(bench.web.asked("/root.crl"), 1);
    assert!(pause.as_secs() <= u64::try_from(DAY / 3).unwrap() + 1);
    // In the last third it is asked for, by a request that costs nothing if it is the same.
    bench.advance(DAY / 3 - 10);
    bench.lookup.refresh().await;
    assert_eq!(bench.web.asked("/root.crl"), 2);
    // The list is still the old one and ends soon, so it is asked for again before long.
    let now = bench.clock.unix();
    bench.web.put_with("/root.crl", &root.list(2, now, now + DAY, &[]), &["ETag: \"two\""]);
    bench.advance(301);
    bench.lookup.refresh().await;
    assert_eq!(bench.web.asked("/root.crl"), 3);
    // The old one has ended; the new one is known without waiting.
    bench.advance(60);
    assert!(bench.clock.unix() > AT + DAY);
    let known = bench.lookup.known();
    assert!(bench.ask(&known, &leaf, &trust).is_trusted());
    assert_eq!(bench.lookup.numbers().refreshes, 2);
}

#[tokio::test]
async fn what_nobody_uses_is_not_renewed() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let leaf = root.leaf("alice", &lists("/root.crl"));
    let trust = trust(&root, Strictness::Hard);
    bench.web.put("/root.crl", &root.list(1, AT - 60, AT + 400 * DAY, &[]));
    assert!(bench.decide(&leaf, &trust).await.answer.is_trusted());
    bench.advance(15 * DAY);
    bench.lookup.refresh().await;
    assert_eq!(bench.web.asked("/root.crl"), 1);
    // Use brings it back: first what is there, and a new one in the background.
    bench.lookup.used(&bench.ask(&bench.lookup.known(), &leaf, &trust));
    bench.lookup.refresh().await;
    assert_eq!(bench.web.asked("/root.crl"), 2);
}

#[tokio::test]
async fn an_old_list_counts_until_it_ends_though_its_server_is_gone() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let leaf = root.leaf("alice", &lists("/root.crl"));
    let trust = trust(&root, Strictness::Hard);
    bench.web.put_with(
        "/root.crl",
        &root.list(1, AT - 60, AT + 10 * DAY, &[]),
        &["Cache-Control: max-age=3600"],
    );
    assert!(bench.decide(&leaf, &trust).await.answer.is_trusted());
    bench.web.remove("/root.crl");
    bench.advance(9 * DAY);
    bench.lookup.refresh().await;
    assert!(bench.decide(&leaf, &trust).await.answer.is_trusted());
    bench.advance(2 * DAY);
    assert!(!bench.decide(&leaf, &trust).await.answer.is_trusted());
}

#[tokio::test]
async fn a_delta_list_is_fetched_for_what_holds_already() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let places = Places { deltas: vec![url("/delta.crl")], ..lists("/root.crl") };
    let leaf = root.leaf("alice", &places);
    bench.web.put("/root.crl", &root.list(1, AT - 60, AT + DAY, &[]));
    let decided = bench.decide(&leaf, &trust(&root, Strictness::Hard)).await;
    assert!(decided.answer.is_trusted(), "{}", decided.answer);
    assert_eq!((bench.web.asked("/root.crl"), bench.web.asked("/delta.crl")), (1, 1));
}

#[tokio::test]
async fn a_new_start_begins_with_what_was_fetched_before() {
    let folder = tempfile::tempdir().unwrap();
    let options = || chancery_store::Options { create: true, ..chancery_store::Options::default() };
    let root = Authority::root("Root", &Places::default());
    let issuers = vec![url("/lower.cer")];
    let lower = root.below("Lower", &lists("/root.crl"));
    let leaf = lower.leaf("alice", &Places { issuers, ..lists("/lower.crl") });
    let trust = trust(&root, Strictness::Hard);
    {
        let store = Store::open(folder.path(), options()).unwrap();
        let bench = Bench::kept(&store).await;
        bench.web.put("/lower.cer", lower.own.der());
        bench.web.put("/root.crl", &root.list(1, AT - 60, AT + DAY, &[]));
        bench.web.put_with(
            "/lower.crl",
            &lower.list(1, AT - 60, AT + DAY, &[]),
            &["ETag: \"one\""],
        );
        let shutdown = Shutdown::new();
        let keeping = {
            let (lookup, shutdown) = (bench.lookup.clone(), shutdown.clone());
            tokio::spawn(async move { lookup.keep_fresh(&shutdown).await })
        };
        assert!(bench.decide(&leaf, &trust).await.answer.is_trusted());
        shutdown.trigger();
        keeping.await.unwrap();
    }
    let store = Store::open(folder.path(), options()).unwrap();
    let bench = Bench::kept(&store).await;
    let decided = bench.decide(&leaf, &trust).await;
    assert!(decided.answer.is_trusted(), "{}", decided.answer);
    assert!(
        decided.fetches.iter().all(|fetch| !fetch.outcome.was_asked()),
        "{:?}",
        decided.fetches
    );
    assert_eq!(bench.web.asked("/"), 0);
    // It is renewed as if there had been no end in between.
    bench.web.put_with("/lower.crl", &lower.list(1, AT - 60, AT + DAY, &[]), &["ETag: \"one\""]);
    bench.advance(DAY - 61);
    bench.lookup.refresh().await;
    assert_eq!(bench.web.asked("/lower.crl"), 1);
}
