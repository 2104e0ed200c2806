//! What an administrator does, also from another process.

use chancery_store::{
    ChildBody, Error, MessageId, Outcome, QueueFilter, QueueRow, RecipientId, Selection, Stage,
    State,
};

use crate::support::*;

fn hold() -> Outcome {
    Outcome::Hold { code: "policy.no_key".into(), reason: "no key for x.example".into() }
}

fn all() -> QueueFilter {
    QueueFilter { limit: 100, ..QueueFilter::default() }
}

fn listed(rows: &[QueueRow]) -> Vec<RecipientId> {
    rows.iter().map(|row| row.recipient.id).collect()
}

#[tokio::test]
async fn the_list_can_be_narrowed_and_paged() {
    let (_directory, store) = fresh();
    let (first, one) = accept(&store, &["a@x.example", "B@Y.Example"], b"1").await;
    let (second, two) = accept(&store, &["c@x.example"], b"2").await;
    let child = plan(&store, first, &one[..1], ChildBody::SameAsParent).await;
    store.settle(settle(second, &two, &hold())).await.unwrap();
    store.settle(settle(child, &one[..1], &delivered())).await.unwrap();

    let list = |filter: QueueFilter| listed(&store.list(&filter).unwrap());
    let state = |state: &str| list(QueueFilter { state: Some(state.into()), ..all() });
    assert_eq!(list(all()), [one[1], two[0]], "only what is open, the oldest first");
    assert_eq!(state("queued"), one[1..]);
    assert_eq!(state("held"), two);
    assert_eq!(state("delivered"), one[..1]);
    assert_eq!(state("portal"), []);
    assert_eq!(state("nonsense' OR 1 = 1 --"), []);
    assert_eq!(list(QueueFilter { address: Some("b@y.example".into()), ..all() }), one[1..]);
    assert_eq!(list(QueueFilter { address: Some("ANN@acme.example".into()), ..all() }).len(), 2);
    assert_eq!(list(QueueFilter { domain: Some("Y.example".into()), ..all() }), one[1..]);
    assert_eq!(list(QueueFilter { code: Some("policy.no_key".into()), ..all() }), two);
    assert_eq!(list(QueueFilter { before_ms: Some(NOW), ..all() }), []);
    assert_eq!(list(QueueFilter { limit: 1, ..all() }), one[1..]);
    assert_eq!(list(QueueFilter { limit: 1, after: Some(one[1]), ..all() }), two);

    let row = &store.list(&QueueFilter { state: Some("delivered".into()), ..all() }).unwrap()[0];
    assert_eq!(
        (row.reverse_path.as_str(), row.route.as_deref()),
        ("ann@acme.example", Some("mx:globex.example"))
    );
    let json = serde_json::to_value(row).unwrap();
    assert_eq!(json["id"], one[0].to_string());
    assert_eq!(json["state"], "delivered");
    assert_eq!(json["direction"], "outbound");
}

#[tokio::test]
async fn held_mail_is_released_to_where_it_was() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], b"1").await;
    let child = plan(&store, id, &recipients[..1], ChildBody::SameAsParent).await;
    store.settle(settle(child, &recipients[..1], &hold())).await.unwrap();
    store.settle(settle(id, &recipients[1..], &hold())).await.unwrap();
    assert_eq!(store.due(i64::MAX, 10).unwrap(), []);
    assert_eq!(bytes(&store, id).unwrap(), b"1", "held mail keeps its body");

    assert_eq!(
        store.release(Selection::Messages(vec![id]), act("checked")).await.unwrap(),
        recipients
    );
    assert_eq!(states(&store, id), [State::Queued(Stage::Deliver), State::Queued(Stage::Plan)]);
    let due = store.due(act("").at_ms, 10).unwrap();
    assert_eq!(due.len(), 2);
    assert_eq!(store.release(Selection::Messages(vec![id]), act("again")).await.unwrap(), []);

    let log = store.audit_log(0, 10).unwrap();
    assert_eq!(log.len(), 1, "what changed nothing is not in the log");
    assert_eq!((log[0].action.as_str(), log[0].who.as_str()), ("queue.release", "ada"));
    assert_eq!(log[0].subject, id.to_string());
    assert_eq!(log[0].details["why"], "checked");
    assert_eq!(log[0].details["recipients"][1]["address"], "b@x.example");
    assert_eq!(log[0].details["recipients"][1]["code"], "policy.no_key");
    let view = store.show(id).unwrap().unwrap();
    assert_eq!(view.decisions[0].kind, "queue.release");
}

#[tokio::test]
async fn a_key_releases_what_waited_for_it_and_nothing_else() {
    let (_directory, store) = fresh();
    let (id, recipients) =
        accept(&store, &["a@x.example", "b@X.example", "c@y.example", "d@x.example"], b"1").await;
    store.settle(settle(id, &recipients[..3], &hold())).await.unwrap();
    let other = Outcome::Hold { code: "policy.approval".into(), reason: "needs approval".into() };
    store.settle(settle(id, &recipients[3..], &other)).await.unwrap();
    let which =
        Selection::HeldForDomain { domain: "X.example".into(), code: Some("policy.no_key".into()) };
    assert_eq!(store.release(which, act("card")).await.unwrap(), recipients[..2]);
    let which = Selection::HeldForDomain { domain: "x.example".into(), code: None };
    assert_eq!(store.release(which, act("card")).await.unwrap(), recipients[3..]);
}

#[tokio::test]
async fn a_retry_does_not_wait() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], b"1").await;
    let child = plan(&store, id, &recipients, ChildBody::SameAsParent).await;
    store.settle(settle(child, &recipients, &retry(NOW + 9_000_000))).await.unwrap();
    let one = Selection::Recipients(vec![recipients[0], recipients[0], RecipientId(7)]);
    assert_eq!(store.retry(one, act("")).await.unwrap(), recipients[..1]);
    assert_eq!(store.next_due().unwrap(), Some(act("").at_ms));
    let row = &store.recipients(child).unwrap()[0];
    assert_eq!(
        (row.attempts, row.reply.as_deref()),
        (1, Some("451 4.3.0 later")),
        "the last failure stays readable"
    );
}

#[tokio::test]
async fn dropping_ends_it_and_frees_the_body() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], b"1").await;
    let body = store.new_body(b"protected").unwrap();
    let child = plan(&store, id, &recipients[..1], ChildBody::New(body)).await;
    assert_eq!(
        store.drop_recipients(Selection::Messages(vec![child]), act("")).await.unwrap(),
        recipients[..1]
    );
    assert!(matches!(bytes(&store, child), Err(Error::BodyGone { .. })));
    assert_eq!(bytes(&store, id).unwrap(), b"1");
    assert_eq!(
        store.drop_recipients(Selection::Messages(vec![id]), act("")).await.unwrap(),
        recipients[1..]
    );
    assert!(matches!(bytes(&store, id), Err(Error::BodyGone { .. })));
    assert_eq!(states(&store, id), [State::Dropped, State::Dropped]);
    // A delivery that was under way meanwhile does not bring it back.
    let settled = store.settle(settle(child, &recipients[..1], &delivered())).await.unwrap();
    assert_eq!(settled.stale, recipients[..1]);
    assert_eq!(states(&store, id), [State::Dropped, State::Dropped]);
    for which in [Selection::Messages(vec![MessageId(7), id]), Selection::Recipients(recipients)] {
        assert_eq!(store.release(which.clone(), act("")).await.unwrap(), []);
        assert_eq!(store.retry(which.clone(), act("")).await.unwrap(), []);
        assert_eq!(store.drop_recipients(which, act("")).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_command_in_another_process_is_noticed() {
    let (directory, serve) = fresh();
    let (id, recipients) = accept(&serve, &["a@x.example"], b"1").await;
    serve.settle(settle(id, &recipients, &hold())).await.unwrap();
    assert!(!serve.changed_elsewhere().await.unwrap(), "our own changes do not count");
    let command = open(directory.path());
    assert!(!serve.changed_elsewhere().await.unwrap(), "nor does looking");
    command.release(Selection::Messages(vec![id]), act("")).await.unwrap();
    assert!(serve.changed_elsewhere().await.unwrap());
    assert!(!serve.changed_elsewhere().await.unwrap(), "once");
    assert_eq!(serve.due(i64::MAX, 10).unwrap()[0].message, id);
}

#[tokio::test]
async fn the_metrics_count_what_is_open() {
    let (_directory, store) = fresh();
    assert_eq!(store.metrics().unwrap().oldest_queued_ms, None);
    let (id, recipients) = accept(&store, &["a@x", "b@x", "c@x", "d@x"], b"1").await;
    let child = plan(&store, id, &recipients[..2], ChildBody::SameAsParent).await;
    store.settle(settle(id, &recipients[2..3], &hold())).await.unwrap();
    store.settle(settle(child, &recipients[..1], &delivered())).await.unwrap();
    let metrics = store.metrics().unwrap();
    assert_eq!(
        (metrics.queued_plan, metrics.queued_deliver, metrics.held, metrics.portal),
        (1, 1, 1, 0)
    );
    assert_eq!((metrics.oldest_queued_ms, metrics.oldest_held_ms), (Some(NOW), Some(NOW)));
    assert!(metrics.database_size >= 4096);
}
