//! Requests, answers and proofs that must not count.

use chancery_authority::member::{Terms, Wish};
use chancery_authority::{Error, Grant, member};
use chancery_net::dns::{Resolver, Zone};
use chancery_pki::issue;
use chancery_store::bridge::MemberState;

use crate::support::{AT, DAY, Member, act, bridge, levels, master, store, zone, zone_of};

#[tokio::test]
async fn a_request_counts_once_here_and_for_thirty_days() {
    let (_folder, first) = store();
    let (_other_folder, second) = store();
    let (mut host, mut other) = (bridge(&first).await, bridge(&second).await);
    let acme = Member::new(&["acme.example"]).await;
    let request = acme.ask(host.authority(), acme.wish(), AT).await.unwrap();
    for (bytes, at, why) in [
        (request.clone(), AT + 31 * DAY, "older than 30 days"),
        (request.clone(), AT - 2 * 3600, "future"),
        (request.replace("-----BEGIN CMS", "-----BEGIN CERTIFICATE"), AT, ""),
        (request.clone() + &request, AT, "2 blocks"),
        (String::new(), AT, "0 blocks"),
        ("x".repeat(600_000), AT, "limit"),
        (acme.card.clone(), AT, ""),
    ] {
        let error = host.take(bytes.as_bytes(), act(at)).await.unwrap_err();
        assert!(matches!(error, Error::Paper { .. }), "{why}: {error}");
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
    let error = other.take(request.as_bytes(), act(AT)).await.unwrap_err();
    assert!(error.to_string().contains("it is for the bridge with fingerprint"), "{error}");
    host.take(request.as_bytes(), act(AT)).await.unwrap();
    let error = host.take(request.as_bytes(), act(AT)).await.unwrap_err();
    assert!(error.to_string().contains("taken before"), "{error}");
}

#[tokio::test]
async fn nobody_gets_a_domain_of_another_member_or_one_that_is_not_on_its_card() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let globex = Member::new(&["globex.example"]).await;
    globex.join(&mut host, AT).await;
    let thief = Member::new(&["thief.example", "globex.example"]).await;
    let request = thief.ask(host.authority(), thief.wish(), AT).await.unwrap();
    let error = host.take(request.as_bytes(), act(AT)).await.unwrap_err();
    assert!(matches!(error, Error::Domain { .. }), "{error}");
    let wish = Wish { domains: vec!["acme.example".to_owned()], ..thief.wish() };
    let error = thief.ask(host.authority(), wish, AT).await.unwrap_err();
    assert!(error.to_string().contains("not on its card"), "{error}");
    // Another's card in one's own request.
    let wish = Wish { card: globex.card.clone(), domains: globex.domains.clone(), ..thief.wish() };
    let error = thief.ask(host.authority(), wish, AT).await.unwrap_err();
    assert!(error.to_string().contains("not signed by the authority of its card"), "{error}");
}

#[tokio::test]
async fn two_who_ask_for_one_domain_do_not_both_get_it() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let (first, second) =
        (Member::new(&["globex.example"]).await, Member::new(&["globex.example"]).await);
    let mut rows = Vec::new();
    for member in [&first, &second] {
        let request = member.ask(host.authority(), member.wish(), AT).await.unwrap();
        rows.push(host.take(request.as_bytes(), act(AT)).await.unwrap().member);
    }
    let error = host.prove("globex.example", &zone(&[&rows[1]]), act(AT)).await.unwrap_err();
    assert!(error.to_string().contains("several ask"), "{error}");
    // Only the token of the second one is published.
    for (row, is_proven) in rows.iter().zip([false, true]) {
        let proven = host.prove(&row.fingerprint, &zone(&[&rows[1]]), act(AT)).await;
        assert_eq!(proven.is_ok(), is_proven, "{proven:?}");
    }
    let grant = Grant::default();
    host.cross_sign(&rows[1].fingerprint, &grant, &levels(), act(AT)).await.unwrap();
    host.confirm(&rows[0].fingerprint, &rows[0].fingerprint, "called", act(AT)).await.unwrap();
    let error =
        host.cross_sign(&rows[0].fingerprint, &grant, &levels(), act(AT)).await.unwrap_err();
    assert!(error.to_string().contains("belongs to the member"), "{error}");
}

#[tokio::test]
async fn without_proof_nothing_is_signed() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let globex = Member::new(&["globex.example", "globex.test"]).await;
    let request = globex.ask(host.authority(), globex.wish(), AT).await.unwrap();
    let row = host.take(request.as_bytes(), act(AT)).await.unwrap().member;
    let half = zone_of(row.domains.iter().take(1));
    let wrong = {
        let mut rows = row.domains.clone();
        for row in &mut rows {
            row.token = "00".repeat(16);
        }
        zone_of(rows.iter())
    };
    for (dns, at) in [
        (Resolver::fixed(Zone::default()), AT),
        (wrong, AT),
        (half, AT),
        (zone(&[&row]), AT + 15 * DAY),
    ] {
        let error = host.prove("globex.example", &dns, act(at)).await.unwrap_err();
        assert!(matches!(error, Error::Proof { .. }), "{error}");
        let signed = host.cross_sign("globex.example", &Grant::default(), &levels(), act(at)).await;
        assert!(matches!(signed, Err(Error::Domain { .. })), "{signed:?}");
    }
    for (typed, evidence) in [("AAAA-AAAA-AAAA-AAAA-AAAA-AAAA", "called"), (&row.fingerprint, " ")]
    {
        assert!(host.confirm("globex.example", typed, evidence, act(AT)).await.is_err());
    }
    let typed = row.fingerprint.to_lowercase().replace('-', " ");
    let row = host.confirm("globex.example", &typed, "called +1 555 0100", act(AT)).await.unwrap();
    let by = |it: &chancery_store::bridge::DomainRow| it.proof.clone().unwrap();
    assert_eq!(by(&row.domains[0]).how, "dns", "what was found stays");
    assert_eq!(
        (by(&row.domains[1]).how.as_str(), by(&row.domains[1]).who.as_str()),
        ("person", "ada")
    );
    let level = Grant { level: Some("highest".to_owned()) };
    assert!(host.cross_sign("globex.example", &level, &levels(), act(AT)).await.is_err());
    host.cross_sign("globex.example", &Grant::default(), &levels(), act(AT)).await.unwrap();
}

#[tokio::test]
async fn asking_for_more_gives_nothing_by_itself() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let globex = Member::new(&["globex.example", "globex.test"]).await;
    let wish = Wish { domains: vec!["globex.example".to_owned()], ..globex.wish() };
    let request = globex.ask(host.authority(), wish, AT).await.unwrap();
    let row = host.take(request.as_bytes(), act(AT)).await.unwrap().member;
    host.prove("globex.example", &zone(&[&row]), act(AT)).await.unwrap();
    host.cross_sign("globex.example", &Grant::default(), &levels(), act(AT)).await.unwrap();
    let wish = Wish { level: "medium".to_owned(), ..globex.wish() };
    let request = globex.ask(host.authority(), wish, AT + DAY).await.unwrap();
    let taken = host.take(request.as_bytes(), act(AT + DAY)).await.unwrap();
    assert!(taken.is_known);
    let row = host.member("globex.example").unwrap();
    assert_eq!((row.state, row.level.as_deref()), (MemberState::Member, Some("basic")));
    assert!(row.domains[0].proof.is_some() && row.domains[1].proof.is_none());
    let publication = host.publication(&levels(), AT + DAY).unwrap();
    assert_eq!(publication.file("members/globex.test.card"), None);
}

#[tokio::test]
async fn only_the_answer_of_the_bridge_that_was_asked_is_taken() {
    let (_folder, first) = store();
    let (_other_folder, second) = store();
    let (mut host, mut other) = (bridge(&first).await, bridge(&second).await);
    let acme = Member::new(&["acme.example"]).await;
    let stray = Member::new(&["stray.example"]).await;
    let error = acme.accept("", AT).await.unwrap_err();
    assert!(matches!(error, Error::State { .. }), "{error}");
    let old = acme.ask(host.authority(), acme.wish(), AT).await.unwrap();
    // The answer to an older request.
    let row = host.take(old.as_bytes(), act(AT)).await.unwrap().member;
    host.prove("acme.example", &zone(&[&row]), act(AT)).await.unwrap();
    let late =
        host.cross_sign("acme.example", &Grant::default(), &levels(), act(AT)).await.unwrap();
    acme.ask(host.authority(), acme.wish(), AT + 1).await.unwrap();
    let error = acme.accept(&late, AT + 1).await.unwrap_err();
    assert!(error.to_string().contains("newest request"), "{error}");
    // The answer for somebody else, and of somebody else.
    for host in [&mut host, &mut other] {
        let request = stray.ask(host.authority(), stray.wish(), AT).await.unwrap();
        let row = host.take(request.as_bytes(), act(AT)).await.unwrap().member;
        host.prove("stray.example", &zone(&[&row]), act(AT)).await.unwrap();
        let foreign =
            host.cross_sign("stray.example", &Grant::default(), &levels(), act(AT)).await.unwrap();
        assert!(acme.accept(&foreign, AT).await.is_err());
    }
    assert!(!acme.store.bridges().unwrap()[0].is_joined());
    // A certificate that none of the members wrote.
    let crossing = issue::Crossing::rollover(host.authority());
    let own = issue::Authority { key: &acme.authority_key, certificate: &acme.authority };
    let by_acme = issue::cross(&crossing, &own, AT, [8; 20]).unwrap();
    host.returned(&by_acme, act(AT)).await.unwrap();
    let stranger = Member::new(&["acme.example"]).await;
    let own = issue::Authority { key: &stranger.authority_key, certificate: &stranger.authority };
    let forged = issue::cross(&crossing, &own, AT, [8; 20]).unwrap();
    assert!(host.returned(&forged, act(AT)).await.is_err());
    assert!(host.returned(&acme.signing, act(AT)).await.is_err());
}

#[tokio::test]
async fn what_the_member_vouches_for_is_what_the_bridge_has_granted() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let acme = Member::new(&["acme.example"]).await;
    let joined = acme.join(&mut host, AT).await;
    assert_eq!(joined.certificate.path_length(), Some(3));
    let terms =
        Terms { mappings: vec![("1.2.3".to_owned(), "1.2.4".to_owned())], ..Terms::default() };
    let request = acme.ask(host.authority(), acme.wish(), AT + 1).await.unwrap();
    host.take(request.as_bytes(), act(AT + 1)).await.unwrap();
    let answer =
        host.cross_sign("acme.example", &Grant::default(), &levels(), act(AT + 1)).await.unwrap();
    let error = member::accept(&acme.store, &master(), answer.as_bytes(), &terms, act(AT + 1))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("has not granted"), "{error}");
    assert!(acme.ask(&acme.authority, acme.wish(), AT).await.is_err());
    assert!(acme.ask(&acme.signing, acme.wish(), AT).await.is_err());
}
