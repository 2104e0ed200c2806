//! What members can do that have joined, and what remains when one leaves.

use chancery_authority::assurance::Levels;
use chancery_authority::{Condition, Error, Grant, Host, member};
use chancery_crypto::KeyKind;
use chancery_net::dns::{Resolver, Zone};
use chancery_pki::Outcome;
use chancery_pki::issue::Reason;
use chancery_store::bridge::{CrossKind, MemberState};

use crate::support::{AT, DAY, Member, act, bridge, levels, master, store, zone};

#[tokio::test]
async fn members_reach_each_other_without_having_met() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let (acme, globex) = (
        Member::new(&["acme.example"]).await,
        Member::new(&["globex.example", "globex.test"]).await,
    );
    assert_eq!(acme.judge(&globex.signing, &host, AT).outcome, Outcome::Stranger);
    let joined = acme.join(&mut host, AT).await;
    assert!(!acme.judge(&globex.signing, &host, AT).is_trusted());
    globex.join(&mut host, AT).await;
    for (who, whom) in [(&acme, &globex), (&globex, &acme)] {
        let answer = who.judge(&whom.signing, &host, AT);
        assert!(answer.is_trusted(), "{answer}");
        assert_eq!(answer.path.steps.len(), 4);
    }
    let row = acme.store.bridges().unwrap().remove(0);
    assert_eq!((row.name.as_str(), row.level.as_str()), ("Sky Bridge", "basic"));
    assert_eq!(row.ends_ms, Some(joined.certificate.not_after() * 1000));
    // The card of each member is published under each of its domains, as it came.
    let publication = host.publication(&levels(), AT).unwrap();
    assert_eq!(publication.file("members/globex.test.card").unwrap(), globex.card.as_bytes());
    let index =
        String::from_utf8(publication.file("members/index.json").unwrap().to_vec()).unwrap();
    assert!(index.contains("globex.test") && index.contains("acme.example"), "{index}");
    let actions: Vec<String> =
        store.audit_log(0, 100).unwrap().into_iter().map(|it| it.action).collect();
    for action in
        ["bridge.init", "bridge.request", "bridge.prove", "bridge.cross_sign", "bridge.returned"]
    {
        assert!(actions.iter().any(|it| it == action), "{action} {actions:?}");
    }
    store.verify_audit().unwrap();
}

#[tokio::test]
async fn a_revoked_member_is_reached_no_more_even_with_old_certificates() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let (acme, globex) =
        (Member::new(&["acme.example"]).await, Member::new(&["globex.example"]).await);
    acme.join(&mut host, AT).await;
    let joined = globex.join(&mut host, AT).await;
    let number = host.book().bridge.crl_number;
    host.revoke("globex.example", Reason::KeyCompromise, act(AT + 60)).await.unwrap();
    assert_eq!(host.book().bridge.crl_number, number + 1);
    let publication = host.publication(&levels(), AT + 60).unwrap();
    assert_eq!(publication.file("members/globex.example.card"), None);
    let gone = acme.judge(&globex.signing, &host, AT + 60);
    assert!(!gone.is_trusted(), "{gone}");
    // Whoever keeps the certificate is told by the list.
    let mut kept = acme.store.bridges().unwrap().remove(0);
    kept.fingerprint = "kept".to_owned();
    kept.to_bridge = Some(joined.from_bridge.der().to_vec());
    acme.store.put_joined_bridge(kept, act(AT), "test", serde_json::json!({})).await.unwrap();
    let gone = acme.judge(&globex.signing, &host, AT + 60);
    assert!(gone.to_string().contains("revoked"), "{gone}");
    // The domain is free: somebody else who proves it gets it.
    let heir = Member::new(&["globex.example"]).await;
    heir.join(&mut host, AT + 120).await;
    assert!(acme.judge(&heir.signing, &host, AT + 120).is_trusted());
    assert!(!acme.judge(&globex.signing, &host, AT + 120).is_trusted());
}

#[tokio::test]
async fn a_member_that_leaves_reaches_nobody() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let (acme, globex) =
        (Member::new(&["acme.example"]).await, Member::new(&["globex.example"]).await);
    acme.join(&mut host, AT).await;
    globex.join(&mut host, AT).await;
    let version = acme.store.partner_version().unwrap();
    assert!(member::leave(&acme.store, "Other Bridge", act(AT)).await.is_err());
    member::leave(&acme.store, "Sky Bridge", act(AT)).await.unwrap();
    assert!(acme.store.partner_version().unwrap() > version, "the gateway must notice");
    assert!(!acme.judge(&globex.signing, &host, AT).is_trusted());
}

#[tokio::test]
async fn a_new_key_of_the_bridge_changes_nothing_for_members() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let (acme, globex) =
        (Member::new(&["acme.example"]).await, Member::new(&["globex.example"]).await);
    acme.join(&mut host, AT).await;
    globex.join(&mut host, AT).await;
    let old = host.fingerprint();
    host.roll_over(&master(), KeyKind::EcP384, &levels(), act(AT + DAY)).await.unwrap();
    assert_ne!(host.fingerprint(), old);
    let found = acme.judge(&globex.signing, &host, AT + DAY);
    assert!(found.is_trusted(), "{found}");
    // Newcomers know the new key only, and still reach those who know the old one.
    let initech = Member::new(&["initech.example"]).await;
    initech.join(&mut host, AT + DAY).await;
    assert!(initech.judge(&globex.signing, &host, AT + DAY).is_trusted());
    let found = acme.judge(&initech.signing, &host, AT + DAY);
    assert!(found.is_trusted(), "{found}");
    let again = Host::open(&store, &master()).unwrap();
    assert_eq!(again.fingerprint(), host.fingerprint());
    // Revoked after the key was changed is revoked for those who know the old one.
    host.revoke("globex.example", Reason::Unspecified, act(AT + DAY + 60)).await.unwrap();
    assert!(!acme.judge(&globex.signing, &host, AT + DAY + 60).is_trusted());
}

#[tokio::test]
async fn what_ends_is_renewed_in_time_and_not_before() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let globex = Member::new(&["globex.example"]).await;
    globex.join(&mut host, AT).await;
    assert!(host.renew(&levels(), act(AT + 3 * DAY)).await.unwrap().is_empty());
    let renewed = host.renew(&levels(), act(AT + 4 * DAY)).await.unwrap();
    assert_eq!(renewed, ["the revocation list"]);
    // After a year the membership is due for review, and nothing is said anew before that.
    let late = AT + 650 * DAY;
    assert_eq!(host.renew(&levels(), act(late)).await.unwrap(), ["the revocation list"]);
    let found = host.check(&levels(), None, late).await;
    let review = found.iter().find(|it| it.what.contains("review")).unwrap();
    assert_eq!(review.condition, Condition::Problem);
    host.cross_sign("globex.example", &Grant::default(), &levels(), act(late)).await.unwrap();
    let found = host.check(&levels(), None, late).await;
    let review = found.iter().find(|it| it.what.contains("review")).unwrap();
    assert_eq!(review.condition, Condition::Good);
    let ends = |host: &Host<'_>| {
        let crosses = &host.book().crosses;
        crosses.iter().filter(|it| it.kind == CrossKind::ToMember).count()
    };
    assert_eq!(ends(&host), 2);
}

#[tokio::test]
async fn a_check_tells_every_problem_with_its_mend() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let (acme, globex) =
        (Member::new(&["acme.example"]).await, Member::new(&["globex.example"]).await);
    acme.join(&mut host, AT).await;
    globex.join(&mut host, AT).await;
    let rows: Vec<_> = host.book().members.iter().collect();
    let good = host.check(&levels(), Some(&zone(&rows)), AT).await;
    assert!(good.iter().all(|it| it.condition == Condition::Good), "{good:#?}");
    // Globex's record has gone, and the list is old.
    let acme_only: Vec<_> =
        rows.iter().copied().filter(|it| it.domains[0].domain == "acme.example").collect();
    let bad = host.check(&levels(), Some(&zone(&acme_only)), AT + 8 * DAY).await;
    let problems: Vec<_> = bad.iter().filter(|it| it.condition == Condition::Problem).collect();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].what.contains("revocation list ended"), "{problems:#?}");
    assert!(problems[1].what.contains("no TXT record") && problems[1].mend.contains("revoke"));
    let broken =
        Zone { broken: vec!["_chancery-bridge.globex.example".to_owned()], ..Zone::default() };
    let unseen = host.check(&levels(), Some(&Resolver::fixed(broken)), AT).await;
    let about: Vec<_> = unseen.iter().filter(|it| it.what.contains("proven")).collect();
    assert!(about.iter().all(|it| it.condition == Condition::Warning), "{about:#?}");
    assert_eq!(host.judge_published(Ok(&host.book().bridge.crl)).condition, Condition::Good);
    assert_eq!(host.judge_published(Ok(b"old")).condition, Condition::Problem);
    assert_eq!(host.judge_published(Err("refused")).condition, Condition::Problem);
}

#[tokio::test]
async fn a_mapping_that_was_approved_is_in_the_certificate_until_its_review() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let globex = Member::new(&["globex.example"]).await;
    let wish = member::Wish { policies: vec!["1.3.6.1.4.1.32473.9.1".to_owned()], ..globex.wish() };
    let request = globex.ask(host.authority(), wish, AT).await.unwrap();
    let taken = host.take(request.as_bytes(), act(AT)).await.unwrap().member;
    host.prove("globex.example", &zone(&[&taken]), act(AT)).await.unwrap();
    let text = Levels::template("1.3.6.1.4.1.32473.5")
        + "\n[[mapping]]\nmember = \"globex.example\"\npolicy = \"1.3.6.1.4.1.32473.9.1\"\nlevel = \"basic\"\n\
           approved-by = \"Ada\"\napproved = 2026-05-01\nreview = 2026-08-01\nevidence = \"CP 1\"\n";
    let table = Levels::parse(&text).unwrap();
    let answer =
        host.cross_sign("globex.example", &Grant::default(), &table, act(AT)).await.unwrap();
    let joined = globex.accept(&answer, AT).await.unwrap();
    let pair = ("1.3.6.1.4.1.32473.5.1".to_owned(), "1.3.6.1.4.1.32473.9.1".to_owned());
    assert_eq!(joined.from_bridge.policy_mappings(), [pair]);
    let late = AT + 90 * DAY;
    let found = host.check(&table, None, late).await;
    let text: String = found.iter().map(|it| format!("{}\n", it.what)).collect();
    assert!(text.contains("review overdue") && text.contains("maps other policies"), "{text}");
    assert_eq!(host.member("globex.example").unwrap().state, MemberState::Member);
}

#[tokio::test]
async fn of_two_who_change_the_bridge_at_once_one_is_told_to_try_again() {
    let (_folder, store) = store();
    let mut host = bridge(&store).await;
    let mut other = Host::open(&store, &master()).unwrap();
    let globex = Member::new(&["globex.example"]).await;
    let request = globex.ask(host.authority(), globex.wish(), AT).await.unwrap();
    other.take(request.as_bytes(), act(AT)).await.unwrap();
    let entries = store.audit_log(0, 100).unwrap().len();
    let late = host.renew(&levels(), act(AT + 5 * DAY)).await;
    assert!(matches!(late, Err(Error::Changed)), "{late:?}");
    assert_eq!(store.audit_log(0, 100).unwrap().len(), entries);
    assert_eq!(store.bridge().unwrap().unwrap().bridge.crl_number, 1);
    let mut again = Host::open(&store, &master()).unwrap();
    assert_eq!(again.renew(&levels(), act(AT + 5 * DAY)).await.unwrap().len(), 1);
}
