//! Full disks, locked and damaged databases, panics: a clear error each time, and nothing lost.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chancery_fault::Coded;
use chancery_store::{
    CODES, ChildBody, Error, FailPoint, FailPoints, Options, Soundness, Stage, State, Store,
};
use rusqlite::Connection;

use crate::support::*;

/// Opens a store that fails at one place as often as `times` says.
fn failing(point: FailPoint, times: &Arc<AtomicUsize>) -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let left = Arc::clone(times);
    let fail_points = FailPoints::new(move |hit| {
        let take = |left: usize| left.checked_sub(1);
        hit == point && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
    });
    let store = Store::open(directory.path(), Options { fail_points, ..options() }).unwrap();
    (directory, store)
}

#[tokio::test]
async fn a_full_database_refuses_mail_and_still_delivers() {
    let directory = tempfile::tempdir().unwrap();
    let store =
        Store::open(directory.path(), Options { max_pages: Some(160), ..options() }).unwrap();
    let mut accepted = Vec::new();
    let error = loop {
        let body = store.new_body(&vec![1; 50_000]).unwrap();
        match store.accept(message(&["a@x.example"]), body).await {
            Ok(it) => accepted.push(it.id),
            Err(error) => break error,
        }
        assert!(accepted.len() < 100, "the limit does not work");
    };
    assert!(accepted.len() > 3, "{accepted:?}");
    assert_eq!(error.code().id, "store.full");
    assert_eq!(error.code().reply, "452 4.3.1");

    // A mail that is too large and a delivery that frees space, at the same time.
    let first = accepted[0];
    let recipients = ids(&store.recipients(first).unwrap());
    let child = plan(&store, first, &recipients, ChildBody::SameAsParent).await;
    let too_large = store.new_body(&vec![1; 100_000]).unwrap();
    let (refused, settled) = tokio::join!(
        store.accept(message(&["a@x.example"]), too_large),
        store.settle(settle(child, &recipients, &delivered())),
    );
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    assert!(settled.unwrap().is_finished);

    let body = store.new_body(&vec![2; 50_000]).unwrap();
    let again = store.accept(message(&["a@x.example"]), body).await.unwrap().id;
    assert_eq!(bytes(&store, again).unwrap(), vec![2; 50_000]);
    for id in &accepted[1..] {
        assert_eq!(bytes(&store, *id).unwrap(), vec![1; 50_000]);
    }
}

#[tokio::test]
async fn a_locked_database_is_later_and_not_never() {
    let directory = tempfile::tempdir().unwrap();
    let busy_timeout = Duration::from_millis(20);
    let store = Store::open(directory.path(), Options { busy_timeout, ..options() }).unwrap();
    let (id, _) = accept(&store, &["a@x.example"], b"1").await;
    let other = Connection::open(directory.path().join("chancery.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let body = store.new_body(&vec![1; LARGE]).unwrap();
    let error = store.accept(message(&["a@x.example"]), body).await.unwrap_err();
    assert_eq!((error.code().id, error.code().reply), ("store.locked", "451 4.3.0"));
    assert_eq!(bytes(&store, id).unwrap(), b"1", "reading goes on");
    assert_eq!(
        files(&directory.path().join("bodies")),
        [""; 0],
        "the body of the refused mail is removed"
    );
    other.execute_batch("COMMIT").unwrap();
    accept(&store, &["a@x.example"], b"2").await;
}

#[tokio::test]
async fn a_commit_that_fails_is_never_reported_as_done() {
    let times = Arc::new(AtomicUsize::new(0));
    let (directory, store) = failing(FailPoint::Commit, &times);
    let (id, recipients) = accept(&store, &["a@x.example"], b"1").await;
    times.store(3, Ordering::SeqCst);
    let body = store.new_body(&vec![1; LARGE]).unwrap();
    let error = store.accept(message(&["a@x.example"]), body).await.unwrap_err();
    assert_eq!(error.code().id, "store.io");
    let error = store.settle(settle(id, &recipients, &bounced())).await.unwrap_err();
    assert_eq!(error.code().id, "store.io");
    let mut plan = chancery_store::Planned::new(id, NOW);
    plan.children.push(child("k", &recipients, ChildBody::SameAsParent));
    assert!(store.commit_plan(plan).await.is_err());
    assert_eq!(states(&store, id), [State::Queued(Stage::Plan)]);
    assert_eq!(store.metrics().unwrap().queued_plan, 1);

    // The connection was opened anew, and everything works again.
    let (next, _) = accept(&store, &["a@x.example"], b"2").await;
    assert_eq!(bytes(&store, next).unwrap(), b"2");
    assert_eq!(bytes(&store, id).unwrap(), b"1");
    drop(store);
    let store = open(directory.path());
    let _lock = store.serve_lock().unwrap();
    assert_eq!(
        files(&directory.path().join("bodies")),
        [""; 0],
        "the sweep finds the body that no row names"
    );
    assert_eq!(store.due(i64::MAX, 10).unwrap().len(), 2);
}

#[tokio::test]
async fn a_panic_hangs_nobody_and_harms_no_neighbour() {
    let times = Arc::new(AtomicUsize::new(0));
    let (_directory, store) = failing(FailPoint::JobPanic, &times);
    times.store(1, Ordering::SeqCst);
    let bodies: Vec<_> = (0..8).map(|n| store.new_body(&[n]).unwrap()).collect();
    let tasks: Vec<_> = bodies
        .into_iter()
        .map(|body| {
            let store = store.clone();
            tokio::spawn(async move { store.accept(message(&["a@x.example"]), body).await })
        })
        .collect();
    let mut failed = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(id) => assert_eq!(states(&store, id.id), [State::Queued(Stage::Plan)]),
            Err(error) => {
                assert_eq!(error.code().id, "store.stopped");
                failed += 1;
            }
        }
    }
    assert_eq!(failed, 1);
    assert_eq!(store.metrics().unwrap().queued_plan, 7);
}

#[tokio::test]
async fn a_change_that_fails_harms_no_neighbour() {
    let (_directory, store) = fresh();
    let (id, recipients) = accept(&store, &["a@x.example"], b"1").await;
    plan(&store, id, &recipients, ChildBody::SameAsParent).await;
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                if n % 3 == 0 {
                    let mut stale = chancery_store::Planned::new(id, NOW);
                    stale
                        .notices
                        .push((message(&["a@x.example"]), store.new_body(b"notice").unwrap()));
                    stale.portal.push(chancery_store::RecipientId(n));
                    store.commit_plan(stale).await.map(|_| ())
                } else {
                    store
                        .accept(message(&["a@x.example"]), store.new_body(b"2").unwrap())
                        .await
                        .map(|_| ())
                }
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let result = task.await.unwrap();
        assert_eq!(result.is_err(), n % 3 == 0, "{result:?}");
    }
    assert_eq!(store.metrics().unwrap().queued_plan, 40, "no notice of a stale plan");
}

#[test]
fn only_one_process_serves() {
    let (directory, store) = fresh();
    let lock = store.serve_lock().unwrap();
    let second = open(directory.path());
    let error = second.serve_lock().unwrap_err();
    assert_eq!(error.code().id, "store.in_use");
    assert!(error.to_string().contains(&directory.path().display().to_string()), "{error}");
    drop(lock);
    second.serve_lock().unwrap();
}

#[test]
fn what_is_not_a_store_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let code = |options: Options| Store::open(directory.path(), options).unwrap_err().code().id;
    assert_eq!(code(Options::default()), "store.missing");
    assert_eq!(files(directory.path()), [""; 0], "looking makes nothing");

    fs::write(directory.path().join("chancery.db"), vec![b'x'; 10_000]).unwrap();
    assert_eq!(code(options()), "store.corrupt");
    fs::remove_file(directory.path().join("chancery.db")).unwrap();

    drop(open(directory.path()));
    let raw = Connection::open(directory.path().join("chancery.db")).unwrap();
    raw.execute("INSERT INTO schema_version (version) VALUES (1000)", []).unwrap();
    let error = Store::open(directory.path(), options()).unwrap_err();
    assert_eq!(error.code().id, "store.schema_newer");
    assert!(error.to_string().contains("1000"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    assert_eq!(
        Store::open(&directory.path().join("file/data"), options()).unwrap_err().code().id,
        "store.io"
    );
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_an_error_and_no_panic() {
    let (directory, store) = fresh();
    let (id, _) = accept(&store, &["a@x.example"], b"1").await;
    let raw = Connection::open(directory.path().join("chancery.db")).unwrap();
    raw.execute("UPDATE recipient SET state = 'lost'", []).unwrap();
    assert_eq!(store.recipients(id).unwrap_err().code().id, "store.corrupt");
    assert_eq!(store.show(id).unwrap_err().code().id, "store.corrupt");
    raw.execute("UPDATE recipient SET state = 'queued', due = x'00'", []).unwrap();
    assert_eq!(store.recipients(id).unwrap_err().code().id, "store.corrupt");
}

#[tokio::test]
async fn hostile_text_is_stored_as_it_is() {
    let (_directory, store) = fresh();
    let mut hostile =
        message(&["'; DROP TABLE recipient; --@x.example", "a\0b@\u{fc}.example", ""]);
    hostile.helo = "\0".into();
    hostile.reverse_path = "x".repeat(100_000);
    let body = store.new_body(b"1").unwrap();
    let id = store.accept(hostile.clone(), body).await.unwrap().id;
    let stored = store.message(id).unwrap().unwrap();
    assert_eq!((stored.helo, stored.reverse_path), (hostile.helo, hostile.reverse_path));
    let addresses: Vec<_> =
        store.recipients(id).unwrap().into_iter().map(|row| row.address).collect();
    let expected: Vec<_> =
        hostile.recipients.into_iter().map(|recipient| recipient.address).collect();
    assert_eq!(addresses, expected);
}

#[test]
fn every_code_is_listed_once_and_says_what_to_do() {
    let names: HashSet<_> = CODES.iter().map(|code| code.id).collect();
    assert_eq!(names.len(), CODES.len());
    for code in CODES {
        assert!(code.id.starts_with("store."), "{}", code.id);
        assert!(
            code.help.ends_with('.') && code.help.starts_with(|first: char| first.is_uppercase()),
            "{}",
            code.id
        );
        assert!(!code.summary.ends_with('.'), "{}", code.id);
    }
}

#[tokio::test]
async fn damage_is_found_and_looking_for_it_ends() {
    let (directory, store) = fresh();
    for _ in 0..20 {
        accept(&store, &["ann@acme.example"], &vec![7; 20_000]).await;
    }
    assert_eq!(store.examine(Duration::from_secs(60)).unwrap(), Soundness::Sound);
    drop(store);
    let path = directory.path().join("chancery.db");
    let sound = fs::read(&path).unwrap();
    let mut damaged = sound.clone();
    // The middle of the file: pages that the tables point to. The first pages are needed to open it at all.
    let middle = damaged.len() / 2 / 4096 * 4096;
    damaged[middle..middle + 40_960].fill(0xff);
    fs::write(&path, &damaged).unwrap();
    let store = open(directory.path());
    let found = store.examine(Duration::from_secs(60)).unwrap();
    assert!(
        matches!(&found, Soundness::Damaged(lines) if (1..=10).contains(&lines.len())),
        "{found:?}"
    );
    drop(store);
    fs::write(&path, &sound).unwrap();
    let store = open(directory.path());
    // No patience at all: it ends at once, or was faster than that.
    let found = store.examine(Duration::ZERO).unwrap();
    assert!(matches!(found, Soundness::Unfinished | Soundness::Sound), "{found:?}");
}
