//! Two bridges that vouch for each other, and what each may say to the members of the other.

use chancery_authority::assurance::Levels;
use chancery_authority::member::{self, Terms};
use chancery_authority::{Grant, Host};
use chancery_pki::Certificate;
use chancery_pki::issue::Reason;
use chancery_store::Store;
use chancery_store::bridge::PeerTerms;
use tempfile::TempDir;

use crate::support::{AT, DAY, Member, act, bridge, bridge_named, levels, master, store};

fn terms() -> PeerTerms {
    PeerTerms { path_length: 2, ..PeerTerms::default() }
}

/// The levels of the other bridge are below another arc.
fn their_levels() -> Levels {
    Levels::parse(&Levels::template("1.3.6.1.4.1.32473.6")).unwrap()
}

/// Two bridges with an organisation at each, which do not know of each other yet.
struct Scene<'s> {
    north: Host<'s>,
    south: Host<'s>,
    /// Joined with the one in the north.
    acme: Member,
    /// Joined with the one in the south.
    globex: Member,
}

impl<'s> Scene<'s> {
    async fn new(stores: &'s [(TempDir, Store); 2], levels_of_south: &Levels) -> Self {
        let [(_, north), (_, south)] = stores;
        let mut north = bridge(north).await;
        let mut south = bridge_named(south, "South", "http://south.example/").await;
        let acme = Member::new(&["acme.example"]).await;
        let globex = Member::new(&["globex.example"]).await;
        acme.join(&mut north, AT).await;
        globex.join_with(&mut south, levels_of_south, AT).await;
        Self { north, south, acme, globex }
    }
}

/// Lets one bridge vouch for another one.
async fn vouch(host: &mut Host<'_>, other: &Host<'_>, terms: PeerTerms) -> Certificate {
    host.peer(other.authority(), terms, &levels(), act(AT)).await.unwrap()
}

#[tokio::test]
async fn members_of_both_reach_each_other() {
    let stores = [store(), store()];
    let Scene { mut north, mut south, acme, globex } = Scene::new(&stores, &their_levels()).await;
    assert!(!acme.judge_over(&globex.signing, &[&north, &south], AT).is_trusted());

    let theirs = their_levels().level("basic").unwrap().policy.clone();
    let mapped = PeerTerms { mappings: vec![("basic".to_owned(), theirs.clone())], ..terms() };
    let made = vouch(&mut north, &south, mapped).await;
    // One direction is enough for one direction, and both are taken by who is vouched for.
    assert!(acme.judge_over(&globex.signing, &[&north, &south], AT).is_trusted());
    assert!(!globex.judge_over(&acme.signing, &[&north, &south], AT).is_trusted());
    assert!(south.returned(&made, act(AT)).await.is_err(), "nobody there vouches for us");
    let back = south.peer(north.authority(), terms(), &their_levels(), act(AT)).await.unwrap();
    assert_eq!(south.returned(&made, act(AT)).await.unwrap().name, "Sky Bridge");
    assert_eq!(north.returned(&back, act(AT)).await.unwrap().name, "South");
    assert!(globex.judge_over(&acme.signing, &[&north, &south], AT).is_trusted());

    // Their policy counts as our level, and what is not mapped is not said.
    let basic = levels().level("basic").unwrap().policy.clone();
    assert_eq!(made.policy_mappings(), [(basic, theirs)]);
    assert_eq!(made.path_length(), Some(2));
    let publication = north.publication(&levels(), AT).unwrap();
    let peers = publication.file("peers.json").unwrap();
    assert!(String::from_utf8_lossy(peers).contains("http://south.example/"));
}

#[tokio::test]
async fn another_bridge_never_speaks_for_our_members() {
    let stores = [store(), store()];
    let Scene { mut north, south, acme, globex: impostor } = Scene::new(&stores, &levels()).await;
    let first = vouch(&mut north, &south, terms()).await;
    assert!(acme.judge_over(&impostor.signing, &[&north, &south], AT).is_trusted());
    // Who joins with us takes the domain away from the other bridge, in what was said before as well.
    Member::new(&["globex.example"]).await.join(&mut north, AT + 60).await;
    let answer = acme.judge_over(&impostor.signing, &[&north, &south], AT + 120);
    assert!(!answer.is_trusted(), "{answer:#?}");
    let is_of_first = |host: &Host<'_>| {
        host.book().crosses.iter().find(|it| it.fingerprint == first.fingerprint_sha256()).cloned()
    };
    assert!(is_of_first(&north).unwrap().revoked.is_some());
    // Nothing is due then, nor a week later but the list.
    assert!(north.renew(&levels(), act(AT + 120)).await.unwrap().is_empty());
    let renewed = north.renew(&levels(), act(AT + 700 * DAY)).await.unwrap();
    assert!(renewed.iter().any(|it| it.contains("the bridge South")), "{renewed:?}");
}

#[tokio::test]
async fn terms_limit_another_bridge_and_its_end_is_at_once() {
    let stores = [store(), store()];
    let Scene { mut north, south, acme, globex } = Scene::new(&stores, &levels()).await;
    let reaches =
        |north: &Host<'_>, at| acme.judge_over(&globex.signing, &[north, &south], at).is_trusted();
    let list = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    for (limit, is_reached) in [
        (PeerTerms { path_length: 0, ..terms() }, false),
        (PeerTerms { path_length: 1, ..terms() }, true),
        (PeerTerms { excluded: list(&["globex.example"]), ..terms() }, false),
        (PeerTerms { permitted: list(&["initech.example"]), ..terms() }, false),
        (PeerTerms { permitted: list(&["globex.example"]), ..terms() }, true),
    ] {
        vouch(&mut north, &south, limit.clone()).await;
        assert_eq!(reaches(&north, AT), is_reached, "{limit:?}");
    }
    // The old certificates are no longer published and are on the list.
    let revoked = north.book().crosses.iter().filter(|it| it.revoked.is_some());
    assert_eq!(revoked.count(), 4);
    let strange = PeerTerms { mappings: vec![("1.2.3".to_owned(), "1.2.4".to_owned())], ..terms() };
    assert!(north.peer(south.authority(), strange, &levels(), act(AT)).await.is_err());
    for not_a_bridge in [&north.authority().clone(), &acme.authority, &globex.signing] {
        let refused = north.peer(not_a_bridge, terms(), &levels(), act(AT)).await;
        assert!(refused.is_err(), "{not_a_bridge:?}");
    }

    assert_eq!(
        north.part("South", Reason::CessationOfOperation, act(AT + 60)).await.unwrap().name,
        "South"
    );
    assert!(!reaches(&north, AT + 120));
    let publication = north.publication(&levels(), AT + 120).unwrap();
    let peers = String::from_utf8_lossy(publication.file("peers.json").unwrap()).into_owned();
    assert!(!peers.contains("south.example"), "{peers}");
    assert!(north.part("South", Reason::Unspecified, act(AT)).await.is_err());
}

#[tokio::test]
async fn a_member_may_keep_its_bridge_from_other_bridges() {
    let stores = [store(), store()];
    let Scene { mut north, south, acme, globex } = Scene::new(&stores, &levels()).await;
    vouch(&mut north, &south, terms()).await;
    // Our own terms for our bridge hold for whatever is behind it.
    let request = acme.ask(north.authority(), acme.wish(), AT + 60).await.unwrap();
    north.take(request.as_bytes(), act(AT + 60)).await.unwrap();
    let (grant, at) = (Grant::default(), AT + 60);
    let answer = north.cross_sign("acme.example", &grant, &levels(), act(at)).await.unwrap();
    let strict = Terms {
        excluded: vec!["acme.example".to_owned(), "globex.example".to_owned()],
        ..Terms::default()
    };
    member::accept(&acme.store, &master(), answer.as_bytes(), &strict, act(AT + 60)).await.unwrap();
    assert!(!acme.judge_over(&globex.signing, &[&north, &south], AT + 60).is_trusted());
}
