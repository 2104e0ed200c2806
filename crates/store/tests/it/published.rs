//! What is published: the nearest decision counts, and who asked is remembered.

use chancery_store::published::{Kinds, QuestionRow};

use crate::support::*;

const ENCRYPTION: Kinds = Kinds { encryption: true, signing: false };
const ALL: Kinds = Kinds { encryption: true, signing: true };

#[tokio::test]
async fn the_nearest_decision_counts() {
    let (directory, store) = fresh();
    let publish = async |who: &[&str], kinds, label: &str| {
        let who = who.iter().map(|it| (*it).to_owned()).collect();
        store.publish(who, kinds, label.to_owned(), act("")).await.unwrap()
    };
    assert_eq!(store.published().unwrap().of("ann@acme.example"), Kinds::NONE);
    assert_eq!(publish(&["@ACME.example", "bob@acme.example"], ENCRYPTION, "").await, 2);
    assert_eq!(publish(&["@acme.example"], ENCRYPTION, "").await, 0, "nothing is new");
    assert_eq!(publish(&["Ann@acme.example"], ALL, "board").await, 1);
    assert_eq!(publish(&["eve@acme.example"], Kinds::NONE, "board").await, 1);
    assert_eq!(store.publication_version().unwrap(), 3);
    drop(directory);
    let published = store.published().unwrap();
    for (address, kinds) in [
        ("ann@acme.example", ALL),
        ("bob@acme.example", ENCRYPTION),
        ("carol@acme.example", ENCRYPTION),
        ("eve@acme.example", Kinds::NONE),
        ("ann@other.example", Kinds::NONE),
        ("acme.example", Kinds::NONE),
    ] {
        assert_eq!(published.of(address), kinds, "{address}");
    }
    let gone = store.forget_publications(vec![], Some("board".to_owned()), act("")).await.unwrap();
    assert_eq!((gone, store.published().unwrap().of("eve@acme.example")), (2, ENCRYPTION));
    let none = vec!["nobody@acme.example".to_owned()];
    assert_eq!(store.forget_publications(none, None, act("")).await.unwrap(), 0);
    assert_eq!(store.publication_version().unwrap(), 4);
    let actions: Vec<_> = store.audit_log(0, 99).unwrap().into_iter().map(|it| it.action).collect();
    assert_eq!(actions.iter().filter(|it| *it == "directory.unpublish").count(), 3);
    assert_eq!(actions.iter().filter(|it| *it == "directory.publish").count(), 3);
}

#[tokio::test]
async fn the_newest_questions_remain() {
    let (_directory, store) = fresh();
    let row = |at_ms, address: &str| QuestionRow {
        at_ms,
        face: "outside".to_owned(),
        client: "192.0.2.1".to_owned(),
        address: address.to_owned(),
        outcome: "found".to_owned(),
        times: 1,
    };
    store.note_questions((0..10).map(|at| row(at, "a")).collect(), 5).await.unwrap();
    store.note_questions(vec![row(10, "b")], 5).await.unwrap();
    let times = |address, since| -> Vec<i64> {
        let rows = store.questions(address, since, 9).unwrap();
        rows.into_iter().map(|row| row.at_ms).collect()
    };
    assert_eq!(times(None, 0), [10, 9, 8, 7, 6]);
    assert_eq!(times(Some("a"), 8), [9, 8]);
}
