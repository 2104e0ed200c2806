//! Chains whose certificates have to be fetched.

use chancery_lookup::Outcome;
use chancery_pki::bundle::Bundle;
use chancery_pki::path::Strictness;

use crate::support::{AT, Authority, Bench, DAY, Places, trust, url};

fn issuers(url: &str) -> Places {
    Places { issuers: vec![url.to_owned()], ..Places::default() }
}

#[tokio::test]
async fn a_chain_is_climbed_and_then_known() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let upper = root.below("Upper", &Places::default());
    let lower = upper.below("Lower", &issuers(&url("/upper.cer")));
    let leaf = lower.leaf("alice", &issuers(&url("/lower.p7c")));
    bench.web.put("/upper.cer", upper.own.to_pem().as_bytes());
    let bundle = Bundle { certificates: vec![lower.own.clone()], ..Bundle::default() };
    bench.web.put("/lower.p7c", &bundle.to_der());
    let trust = trust(&root, Strictness::Ignore);
    let decided = bench.decide(&leaf, &trust).await;
    assert!(decided.answer.is_trusted(), "{}", decided.answer);
    let urls: Vec<_> = decided.fetches.iter().map(|fetch| fetch.url.as_str()).collect();
    assert_eq!(urls, [url("/lower.p7c"), url("/upper.cer")]);
    assert!(decided.fetches.iter().all(|fetch| fetch.octets > 0 && fetch.outcome.was_asked()));
    // Another certificate of the same authority needs nobody.
    let other = lower.leaf("bob", &issuers(&url("/lower.p7c")));
    let decided = bench.decide(&other, &trust).await;
    assert!(decided.answer.is_trusted() && decided.fetches.is_empty(), "{:?}", decided.fetches);
    assert!(bench.ask(&bench.lookup.known(), &other, &trust).is_trusted());
}

#[tokio::test]
async fn an_anchor_shows_the_way_down() {
    let bench = Bench::new().await;
    let issued = Places { issued: vec![url("/issued.p7c")], ..Places::default() };
    let bridge = Authority::root("Bridge", &issued);
    let member = bridge.below("Member", &Places::default());
    let leaf = member.leaf("alice", &Places::default());
    let others = (0..20).map(|number| bridge.below(&format!("Other {number}"), &Places::default()));
    let certificates = others.map(|other| other.own).chain([member.own.clone()]).collect();
    let bundle = Bundle { certificates, ..Bundle::default() };
    bench.web.put("/issued.p7c", &bundle.to_der());
    let decided = bench.decide(&leaf, &trust(&bridge, Strictness::Ignore)).await;
    assert!(decided.answer.is_trusted(), "{}", decided.answer);
    // Of the bundle only the one that helped is kept for all.
    assert_eq!(bench.lookup.known().pool.len(), 1);
}

#[tokio::test]
async fn the_next_place_is_tried_if_the_first_has_nothing() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let lower = root.below("Lower", &Places::default());
    let places = ["/gone.cer", "/page.html", "/wrong.cer", "/lower.cer"].map(url).to_vec();
    let leaf = lower.leaf("alice", &Places { issuers: places, ..Places::default() });
    bench.web.put("/page.html", b"<html>404, in a way</html>");
    bench.web.put("/wrong.cer", Authority::root("Lower", &Places::default()).own.der());
    bench.web.put("/lower.cer", lower.own.der());
    let decided = bench.decide(&leaf, &trust(&root, Strictness::Ignore)).await;
    assert!(decided.answer.is_trusted(), "{}", decided.answer);
    let story: Vec<_> = decided.fetches.iter().map(ToString::to_string).collect();
    assert!(story[0].contains("the server says 404"), "{story:?}");
    assert!(story[1].contains("what came cannot be used"), "{story:?}");
    assert!(story[2].contains("1 certificate ("), "{story:?}");
    assert_eq!(decided.fetches.len(), 4);
    let Outcome::Failed { code, .. } = decided.fetches[1].outcome else { panic!() };
    assert_eq!(code, "lookup.content");
}

#[tokio::test]
async fn lists_are_fetched_and_count() {
    let bench = Bench::new().await;
    let root = Authority::root("Root", &Places::default());
    let places = Places { lists: vec![url("/root.crl")], ..Places::default() };
    let (good, bad) = (root.leaf("alice", &places), root.leaf("mallory", &places));
    bench.web.put("/root.crl", &root.list(1, AT - DAY, AT + DAY, &[&bad]));
    let hard = trust(&root, Strictness::Hard);
    let decided = bench.decide(&good, &hard).await;
    assert!(decided.answer.is_trusted(), "{}", decided.answer);
    let decided = bench.decide(&bad, &trust(&root, Strictness::Soft)).await;
    assert!(!decided.answer.is_trusted() && decided.fetches.is_empty(), "{}", decided.answer);
    assert_eq!(bench.web.asked("/root.crl"), 1);
    // Where nothing says that a list is needed, nothing is fetched.
    let decided = bench.decide(&good, &trust(&root, Strictness::Ignore)).await;
    assert!(decided.fetches.is_empty());
}
