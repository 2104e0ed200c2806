//! A message from acceptance to its end: plan, delivery, retries, notices, time.

use chancery_store::{
    ChildBody, DecisionRecord, Due, Error, Held, MessageId, Outcome, Planned, Refused, Settle,
    Stage, State, Work, child_id,
};

use crate::support::*;

#[tokio::test]
async fn a_message_goes_all_the_way() {
    let (_directory, store) = fresh();
    let (id, recipients) =
        accept(&store, &["bob@globex.example", "cleo@globex.example"], b"original").await;
    assert_eq!(store.due(NOW, 10).unwrap(), [Due { message: id, due_ms: NOW }]);

    let claim = store.claim(id, NOW).unwrap().unwrap();
    let Work::Plan { message, recipients: waiting } = claim.work else {
        panic!("a plan was expected")
    };
    assert_eq!(message.from_header.as_deref(), Some("Ann <ann@acme.example>"));
    assert_eq!(message.size, 8);
    assert_eq!(ids(&waiting), recipients);
    let body = store.new_body(b"protected").unwrap();
    let child = plan(&store, id, &recipients, ChildBody::New(body)).await;
    drop(claim.lease);
    assert_eq!(child, child_id(id, "smime:globex.example", &recipients));
    assert!(
        matches!(bytes(&store, id), Err(Error::BodyGone { .. })),
        "nobody needs the original any more"
    );
    assert_eq!(store.header(child).unwrap().unwrap(), b"From: Ann <ann@acme.example>\r\n");

    let claim = store.claim(child, NOW + 1_000).unwrap().unwrap();
    let Work::Deliver { carrier, route, recipients: waiting } = claim.work else {
        panic!("a delivery")
    };
    assert_eq!(
        (carrier.parent, carrier.form.as_deref(), carrier.size),
        (Some(id), Some("smime"), 9)
    );
    assert_eq!(route, "mx:globex.example");
    assert_eq!(ids(&waiting), recipients);
    assert_eq!(bytes(&store, child).unwrap(), b"protected");

    let settled = store.settle(settle(child, &recipients[..1], &delivered())).await.unwrap();
    assert!(!settled.is_finished);
    assert_eq!(bytes(&store, child).unwrap(), b"protected");
    let settled = store.settle(settle(child, &recipients[1..], &delivered())).await.unwrap();
    assert!(settled.is_finished);
    assert!(matches!(bytes(&store, child), Err(Error::BodyGone { .. })));
    assert_eq!(states(&store, id), [State::Delivered, State::Delivered]);
    assert_eq!(store.due(i64::MAX, 10).unwrap(), []);
    assert_eq!(store.next_due().unwrap(), None);
}

#[tokio::test]
async fn every_part_of_a_plan_is_one_commit() {
    let (_directory, store) = fresh();
    let addresses =
        ["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example", "f@x.example"];
    let (id, recipients) = accept(&store, &addresses, b"original").await;
    let mut all = Planned::new(id, NOW);
    all.children.push(child("pass", &recipients[..1], ChildBody::SameAsParent));
    all.children.push(child(
        "trace",
        &recipients[1..2],
        ChildBody::SameWithPrefix(b"Received: x\r\n".to_vec()),
    ));
    all.held.push(Held {
        recipient: recipients[2],
        code: "policy.no_key".into(),
        reason: "no key".into(),
    });
    all.bounced.push(Refused {
        recipient: recipients[3],
        code: "policy.no".into(),
        reply: "550 5.7.1 no".into(),
    });
    all.portal.push(recipients[4]);
    all.notices.push((message(&["ann@acme.example"]), store.new_body(b"notice").unwrap()));
    let json = r#"{"rule":"all"}"#.to_owned();
    all.decisions.push(DecisionRecord { message: id, at_ms: NOW, kind: "policy".into(), json });
    let made = store.commit_plan(all).await.unwrap();

    let expected = [
        State::Queued(Stage::Deliver),
        State::Queued(Stage::Deliver),
        State::Held(Stage::Plan),
        State::Bounced,
        State::Portal,
        State::Queued(Stage::Plan),
    ];
    assert_eq!(states(&store, id), expected);
    assert_eq!(bytes(&store, made.children[0]).unwrap(), b"original");
    assert_eq!(bytes(&store, made.children[1]).unwrap(), b"Received: x\r\noriginal");
    assert_eq!(store.message(made.children[1]).unwrap().unwrap().size, 21);
    assert_eq!(states(&store, made.notices[0]), [State::Queued(Stage::Plan)]);
    let view = store.show(made.children[0]).unwrap().unwrap();
    assert_eq!(view.message.id, id);
    assert_eq!(view.children.len(), 2);
    assert_eq!(view.decisions[0].facts["rule"], "all");
    assert_eq!(view.recipients[2].code.as_deref(), Some("policy.no_key"));
    assert_eq!(
        store.show_by_message_id("1@acme.example", 9).unwrap()[0].message.id,
        made.notices[0]
    );
    assert_eq!(store.show_by_message_id("<1@acme.example>", 9).unwrap().len(), 2);
    assert_eq!(store.show_by_message_id("2@acme.example", 9).unwrap(), []);

    // The shared body stays until the last one who needs it is finished.
    for child in &made.children {
        let recipients = ids(&store.recipients(*child).unwrap());
        assert!(
            !store.settle(settle(*child, &recipients, &delivered())).await.unwrap().is_finished
        );
    }
    assert_eq!(bytes(&store, id).unwrap(), b"original");
}

#[tokio::test]
async fn a_stale_plan_changes_nothing() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], b"original").await;
    plan(&store, id, &recipients[..1], ChildBody::SameAsParent).await;
    let before = store.show(id).unwrap();

    let mut again = Planned::new(id, NOW);
    again.children.push(child("k", &[recipients[1], recipients[0]], ChildBody::SameAsParent));
    again.notices.push((message(&["ann@acme.example"]), store.new_body(b"notice").unwrap()));
    assert!(
        matches!(store.commit_plan(again).await, Err(Error::Stale { message }) if message == id)
    );

    let mut twice = Planned::new(id, NOW);
    twice.children.push(child("k", &recipients[1..], ChildBody::SameAsParent));
    twice.held.push(Held { recipient: recipients[1], code: "c".into(), reason: "r".into() });
    // Held after planned is a legal step of the table, but a plan may name a recipient once only.
    assert!(matches!(store.commit_plan(twice).await, Err(Error::Stale { .. })));

    let (_, strangers) = accept(&store, &["c@x.example"], b"other").await;
    let mut foreign = Planned::new(id, NOW);
    foreign.children.push(child("k", &strangers, ChildBody::SameAsParent));
    assert!(matches!(store.commit_plan(foreign).await, Err(Error::Stale { .. })));
    let unknown = Planned::new(MessageId(7), NOW);
    assert!(matches!(store.commit_plan(unknown).await, Err(Error::Stale { .. })));

    assert_eq!(store.show(id).unwrap(), before);
    assert_eq!(store.metrics().unwrap().queued_plan, 2);
}

#[tokio::test]
async fn planning_the_same_key_for_others_later_makes_another_child() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], b"original").await;
    let first = plan(&store, id, &recipients[..1], ChildBody::SameAsParent).await;
    store.settle(settle(first, &recipients[..1], &delivered())).await.unwrap();
    let second = plan(&store, id, &recipients[1..], ChildBody::SameAsParent).await;
    assert_ne!(first, second);
    assert_eq!(bytes(&store, second).unwrap(), b"original");
}

#[tokio::test]
async fn a_child_whose_id_is_taken_gets_the_next() {
    let (directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example"], b"original").await;
    let wanted = child_id(id, "smime:globex.example", &recipients);
    let other = rusqlite::Connection::open(directory.path().join("chancery.db")).unwrap();
    let taken = other.execute("UPDATE message SET id = ?1, body = ?1 WHERE 0", [wanted.0]).unwrap();
    assert_eq!(taken, 0);
    let columns = "received_at, expires_at, direction, listener, peer, helo, reverse_path, body_type, smtputf8, size";
    let sql = format!(
        "INSERT INTO message (id, organisation, body, {columns}) SELECT ?1, 1, ?1, {columns} FROM message LIMIT 1"
    );
    assert_eq!(other.execute(&sql, [wanted.0]).unwrap(), 1);

    let body = store.new_body(b"protected").unwrap();
    let got = plan(&store, id, &recipients, ChildBody::New(body)).await;
    assert_eq!(got, MessageId(wanted.0 + 1));
    assert_eq!(bytes(&store, got).unwrap(), b"protected");
}

#[tokio::test]
async fn retries_wait_for_their_time() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], b"original").await;
    let child = plan(&store, id, &recipients, ChildBody::SameAsParent).await;
    let due = NOW + 60_000;
    store.settle(settle(child, &recipients[..1], &retry(due))).await.unwrap();
    store.settle(settle(child, &recipients[1..], &retry(due + 1))).await.unwrap();
    assert_eq!(store.due(due - 1, 10).unwrap(), []);
    assert!(store.claim(child, due - 1).unwrap().is_none());
    assert_eq!(store.next_due().unwrap(), Some(due));
    assert_eq!(store.due(due, 10).unwrap(), [Due { message: child, due_ms: due }]);
    let claim = store.claim(child, due).unwrap().unwrap();
    let Work::Deliver { recipients: waiting, .. } = claim.work else { panic!("a delivery") };
    assert_eq!(ids(&waiting), recipients[..1], "only who is due");
    assert_eq!(waiting[0].attempts, 1);
    assert_eq!(waiting[0].reply.as_deref(), Some("451 4.3.0 later"));
}

#[tokio::test]
async fn what_was_not_tried_does_not_count() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example"], b"original").await;
    let child = plan(&store, id, &recipients, ChildBody::SameAsParent).await;
    let (reply, code) = ("451 4.4.1 down".to_owned(), "smtp.next_hop_down".to_owned());
    let later = Outcome::Postponed { due_ms: NOW + 9_000, reply, code };
    store.settle(settle(child, &recipients, &later)).await.unwrap();
    let row = store.recipients(id).unwrap().remove(0);
    assert_eq!((row.attempts, row.due_ms), (0, Some(NOW + 9_000)));
}

#[tokio::test]
async fn a_plan_that_cannot_be_made_now_is_tried_again() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example"], b"original").await;
    store.settle(settle(id, &recipients, &retry(NOW + 9_000))).await.unwrap();
    assert_eq!(states(&store, id), [State::Queued(Stage::Plan)]);
    assert_eq!(store.next_due().unwrap(), Some(NOW + 9_000));
    // Nobody can deliver what was not planned.
    let settled = store.settle(settle(id, &recipients, &delivered())).await.unwrap();
    assert_eq!(settled.stale, recipients);
    store.settle(settle(id, &recipients, &bounced())).await.unwrap();
    assert_eq!(states(&store, id), [State::Bounced]);
    assert!(matches!(bytes(&store, id), Err(Error::BodyGone { .. })));
}

#[tokio::test]
async fn leases_keep_two_workers_apart() {
    let (_directory, store) = fresh();
    let (first, _) = accept(&store, &["a@x.example"], b"1").await;
    let (second, _) = accept(&store, &["a@x.example"], b"2").await;
    let claim = store.claim(first, NOW).unwrap().unwrap();
    assert_eq!(claim.lease.message(), first);
    assert!(store.claim(first, NOW).unwrap().is_none());
    assert!(store.clone().claim_waiting(first).unwrap().is_none());
    assert_eq!(store.due(NOW, 10).unwrap().len(), 1);
    assert_eq!(store.due(NOW, 1).unwrap()[0].message, second);
    assert_eq!(store.due(NOW, 0).unwrap(), []);
    assert_eq!(store.metrics().unwrap().leased, 1);
    drop(claim);
    assert_eq!(store.due(NOW, 10).unwrap().len(), 2);
    assert!(store.claim(first, NOW - 1).unwrap().is_none(), "not due yet");
    assert!(
        store.claim(first, NOW).unwrap().is_some(),
        "a claim that found nothing leaves no lease"
    );
    assert!(store.claim(MessageId(7), NOW).unwrap().is_none());
}

#[tokio::test]
async fn a_bounce_and_its_notice_are_one_commit() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], b"original").await;
    let child = plan(&store, id, &recipients, ChildBody::SameAsParent).await;
    let mut bounce = settle(child, &recipients[..1], &bounced());
    bounce.notices.push((message(&["ann@acme.example"]), store.new_body(b"notice").unwrap()));
    let settled = store.settle(bounce).await.unwrap();
    assert_eq!(bytes(&store, settled.notices[0]).unwrap(), b"notice");

    // The same again is stale as a whole, so the sender is not told twice.
    let mut again = settle(child, &recipients[..1], &bounced());
    again.notices.push((message(&["ann@acme.example"]), store.new_body(b"notice").unwrap()));
    let settled = store.settle(again).await.unwrap();
    assert_eq!(settled.stale, recipients[..1]);
    assert_eq!(settled.notices, []);

    // Of two outcomes one is stale; the other one counts.
    let settled = store.settle(settle(child, &recipients, &delivered())).await.unwrap();
    assert_eq!(settled.stale, recipients[..1]);
    assert_eq!(states(&store, id), [State::Bounced, State::Delivered]);
}

#[tokio::test]
async fn outcomes_of_a_foreign_carrier_are_stale() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example"], b"original").await;
    let (other, others) = accept(&store, &["b@x.example"], b"other").await;
    let child = plan(&store, id, &recipients, ChildBody::SameAsParent).await;
    plan(&store, other, &others, ChildBody::SameAsParent).await;
    for (carrier, recipients) in [(child, &others), (id, &recipients), (MessageId(7), &recipients)]
    {
        let settled = store.settle(settle(carrier, recipients, &delivered())).await.unwrap();
        assert_eq!(&settled.stale, recipients);
    }
    assert_eq!(states(&store, id), [State::Queued(Stage::Deliver)]);
    assert_eq!(bytes(&store, child).unwrap(), b"original");
}

#[tokio::test]
async fn late_messages_are_found() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], b"original").await;
    let child = plan(&store, id, &recipients[..1], ChildBody::SameAsParent).await;
    let held = Outcome::Hold { code: "policy.no_key".into(), reason: "no key".into() };
    store.settle(settle(id, &recipients[1..], &held)).await.unwrap();

    let (delay, end) = (NOW + 3_600_000, NOW + 86_400_000);
    assert_eq!(store.delayed(delay - 1, 10).unwrap(), []);
    assert_eq!(store.delayed(delay, 10).unwrap(), [child], "who is held was told so");
    let mut told = Settle::new(child, delay);
    told.delay_notified = true;
    told.notices.push((message(&["ann@acme.example"]), store.new_body(b"notice").unwrap()));
    assert_eq!(store.settle(told).await.unwrap().notices.len(), 1);
    assert_eq!(store.delayed(delay, 10).unwrap().len(), 1, "only the notice itself is late now");

    assert_eq!(store.expired(end - 1, 10).unwrap(), []);
    let mut expired = store.expired(end, 10).unwrap();
    expired.retain(|message| [id, child].contains(message));
    assert_eq!(expired.len(), 2, "queued and held");
    let waiting = store.claim_waiting(id).unwrap().unwrap();
    assert_eq!(ids(&waiting.recipients), recipients[1..]);
    assert!(!store.expired(end, 10).unwrap().contains(&id), "leased");
    store.settle(settle(id, &ids(&waiting.recipients), &bounced())).await.unwrap();
    drop(waiting);
    assert!(!store.expired(end, 10).unwrap().contains(&id));
}

#[tokio::test]
async fn everything_is_there_after_opening_again() {
    let (directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], b"original").await;
    let body = store.new_body(&vec![7; LARGE]).unwrap();
    let child = plan(&store, id, &recipients[..1], ChildBody::New(body)).await;
    let before = store.show(id).unwrap().unwrap();
    drop(store);
    let store = open(directory.path());
    let _lock = store.serve_lock().unwrap();
    assert_eq!(store.show(id).unwrap().unwrap(), before);
    assert_eq!(bytes(&store, id).unwrap(), b"original");
    assert_eq!(bytes(&store, child).unwrap(), vec![7; LARGE]);
    assert_eq!(store.due(i64::MAX, 10).unwrap().len(), 2);
}

#[tokio::test]
async fn finished_messages_are_forgotten_after_a_time() {
    let (_directory, store) = fresh();
    let (open, _) = accept(&store, &["a@x.example"], b"open").await;
    let (done, recipients) = accept(&store, &["a@x.example"], b"done").await;
    let child = plan(&store, done, &recipients, ChildBody::SameAsParent).await;
    store.settle(settle(child, &recipients, &delivered())).await.unwrap();
    assert_eq!(store.purge_finished(NOW).await.unwrap(), 0, "not old enough");
    assert_eq!(store.purge_finished(NOW + 1).await.unwrap(), 1);
    assert_eq!(store.show(done).unwrap(), None);
    assert_eq!(store.message(child).unwrap(), None);
    assert_eq!(states(&store, open), [State::Queued(Stage::Plan)]);
    assert_eq!(bytes(&store, open).unwrap(), b"open");
    assert_eq!(store.purge_finished(i64::MAX).await.unwrap(), 0);
}
