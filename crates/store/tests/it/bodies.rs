//! Bodies and spools: in memory, in files, and never left behind.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;

use chancery_store::{ChildBody, Error, FailPoint, FailPoints, Options, Store};
use proptest::prelude::*;

use crate::support::*;

const LIMIT: usize = 128 * 1024;

#[tokio::test]
async fn every_size_comes_back_as_it_was() {
    let (directory, store) = fresh();
    for (size, files_expected) in [(0, 0), (1, 0), (LIMIT, 0), (LIMIT + 1, 1), (LARGE, 2)] {
        let content: Vec<u8> = (0..size).map(|n| (n % 251).to_le_bytes()[0]).collect();
        let mut writer = store.body_writer();
        for chunk in content.chunks(10_000) {
            writer.write_all(chunk).unwrap();
        }
        assert_eq!(writer.size(), size as u64);
        let body = writer.finish().unwrap();
        assert_eq!(body.size(), size as u64);
        let id = store.accept(message(&["a@x.example"]), body).await.unwrap().id;
        assert_eq!(bytes(&store, id).unwrap(), content);
        assert_eq!(files(&directory.path().join("bodies")).len(), files_expected, "{size}");
    }
    assert_eq!(files(&directory.path().join("tmp")), [""; 0]);
}

#[tokio::test]
async fn a_file_is_deleted_with_its_last_recipient() {
    let (directory, store) = fresh();
    let bodies = directory.path().join("bodies");
    let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], &vec![1; LARGE]).await;
    let child = plan(&store, id, &recipients, ChildBody::SameAsParent).await;
    let reading = store.message(child).unwrap().unwrap().body;
    let reader = store.body(&reading).unwrap();
    store.settle(settle(child, &recipients[..1], &delivered())).await.unwrap();
    assert_eq!(files(&bodies).len(), 1);
    store.settle(settle(child, &recipients[1..], &delivered())).await.unwrap();
    // The file goes after the answer, on the writer thread; the next change comes after that.
    store.retry(chancery_store::Selection::Messages(vec![]), act("")).await.unwrap();
    assert_eq!(files(&bodies), [""; 0]);
    assert_eq!(reader.read_all().unwrap().len(), LARGE, "who reads already reads on");
    assert!(matches!(store.body(&reading), Err(Error::BodyGone { .. })));
}

#[test]
fn what_is_not_finished_or_not_accepted_is_removed() {
    let (directory, store) = fresh();
    let mut writer = store.body_writer();
    writer.write_all(&vec![1; LARGE]).unwrap();
    assert_eq!(files(&directory.path().join("tmp")).len(), 1);
    drop(writer);
    let body = store.new_body(&vec![1; LARGE]).unwrap();
    assert_eq!(files(&directory.path().join("bodies")).len(), 1);
    drop(body);
    assert_eq!(files(&directory.path().join("tmp")), [""; 0]);
    assert_eq!(files(&directory.path().join("bodies")), [""; 0]);
}

#[tokio::test]
async fn the_sweep_removes_orphans_and_nothing_else() {
    let (directory, store) = fresh();
    let (bodies, unfinished) = (directory.path().join("bodies"), directory.path().join("tmp"));
    let (id, _) = accept(&store, &["a@x.example"], &vec![1; LARGE]).await;
    drop(store);
    std::fs::create_dir_all(bodies.join("zz")).unwrap();
    std::fs::write(bodies.join("zz/00000000000zz"), "orphan").unwrap();
    std::fs::write(unfinished.join("00000000000zz"), "unfinished").unwrap();

    let store = open(directory.path());
    let pending = store.new_body(&vec![2; LARGE]).unwrap();
    let mut writer = store.body_writer();
    writer.write_all(&vec![3; LARGE]).unwrap();
    assert_eq!(files(&bodies).len(), 3, "who only looks does not sweep");
    let _lock = store.serve_lock().unwrap();
    assert_eq!(files(&bodies).len(), 2, "what is about to be accepted stays");
    assert_eq!(files(&unfinished).len(), 1);
    assert_eq!(bytes(&store, id).unwrap(), vec![1; LARGE]);
    let second = store.accept(message(&["a@x.example"]), pending).await.unwrap().id;
    let third = store.accept(message(&["a@x.example"]), writer.finish().unwrap()).await.unwrap().id;
    assert_eq!(bytes(&store, second).unwrap(), vec![2; LARGE]);
    assert_eq!(bytes(&store, third).unwrap(), vec![3; LARGE]);
}

#[tokio::test]
async fn a_missing_file_is_named_and_never_empty_mail() {
    let (directory, store) = fresh();
    let (id, _) = accept(&store, &["a@x.example"], &vec![1; LARGE]).await;
    std::fs::remove_dir_all(directory.path().join("bodies")).unwrap();
    assert!(matches!(bytes(&store, id), Err(Error::BodyGone { message }) if message == id));
}

#[test]
fn a_body_that_cannot_be_synced_or_renamed_is_an_error() {
    for point in [FailPoint::BodySync, FailPoint::BodyRename] {
        let directory = tempfile::tempdir().unwrap();
        let fail_points = FailPoints::new(move |hit| hit == point);
        let store = Store::open(directory.path(), Options { fail_points, ..options() }).unwrap();
        assert!(matches!(store.new_body(&vec![1; LARGE]), Err(Error::Io { .. })));
        assert_eq!(files(&directory.path().join("tmp")), [""; 0]);
        assert_eq!(files(&directory.path().join("bodies")), [""; 0]);
    }
}

#[tokio::test]
async fn nobody_else_can_read_the_data_directory() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("data");
    let store = Store::open(&root, options()).unwrap();
    let _lock = store.serve_lock().unwrap();
    accept(&store, &["a@x.example"], &vec![1; LARGE]).await;
    let mode =
        |path: &str| std::fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
    for folder in ["", "bodies", "tmp"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
    for file in ["chancery.db", "chancery.db-wal", "chancery.db-shm", "serve.lock"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    let folder = std::fs::read_dir(root.join("bodies")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let body = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    assert_eq!(body.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_spool_leaves_no_name_behind() {
    let (directory, store) = fresh();
    let mut spool = store.spool();
    spool.write_all(&vec![1; LARGE]).unwrap();
    assert_eq!(files(&directory.path().join("tmp")), [""; 0]);
    spool.clear();
    assert_eq!(spool.read(&mut [0; 8]).unwrap(), 0);
}

/// What may be done to a file.
#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    Seek(u64),
    SeekEnd(i64),
    Write(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_usize..90_000).prop_map(Step::Read),
        (0_u64..300_000).prop_map(Step::Seek),
        (-200_000_i64..100).prop_map(Step::SeekEnd),
        (0_usize..90_000).prop_map(Step::Write),
    ];
    proptest::collection::vec(step, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_spool_behaves_as_a_file(steps in steps()) {
        let (_directory, store) = fresh();
        let mut spool = store.spool();
        let mut file = tempfile::tempfile().unwrap();
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Read(size) => {
                    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                    Read::by_ref(&mut spool).take(size as u64).read_to_end(&mut ours).unwrap();
                    Read::by_ref(&mut file).take(size as u64).read_to_end(&mut theirs).unwrap();
                    prop_assert!(ours == theirs);
                }
                Step::Seek(to) => {
                    prop_assert_eq!(spool.seek(SeekFrom::Start(to)).unwrap(), file.seek(SeekFrom::Start(to)).unwrap());
                }
                Step::SeekEnd(by) => {
                    let ours = spool.seek(SeekFrom::End(by)).ok();
                    prop_assert_eq!(ours, file.seek(SeekFrom::End(by)).ok());
                }
                Step::Write(size) => {
                    let fill = n.to_le_bytes()[0];
                    spool.write_all(&vec![fill; size]).unwrap();
                    file.write_all(&vec![fill; size]).unwrap();
                }
            }
        }
    }

    #[test]
    fn a_body_with_a_trace_header_reads_as_one(size in 0_usize..200_000, reads in proptest::collection::vec((0_u64..210_000, 0_usize..5_000), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_directory, store) = fresh();
        let content: Vec<u8> = (0..size).map(|n| (n % 251).to_le_bytes()[0]).collect();
        let prefix = b"Received: from mail.acme.example\r\n".to_vec();
        let (id, recipients) = runtime.block_on(accept(&store, &["a@x.example"], &content));
        let child = runtime.block_on(plan(&store, id, &recipients, ChildBody::SameWithPrefix(prefix.clone())));
        let whole = [prefix, content].concat();
        let body = store.message(child).unwrap().unwrap().body;
        let mut reader = store.body(&body).unwrap();
        prop_assert_eq!(reader.size(), whole.len() as u64);
        for (from, count) in reads {
            reader.seek(SeekFrom::Start(from)).unwrap();
            let mut read = Vec::new();
            Read::by_ref(&mut reader).take(count as u64).read_to_end(&mut read).unwrap();
            let from = usize::try_from(from).unwrap().min(whole.len());
            prop_assert!(read == whole[from..(from + count).min(whole.len())]);
        }
        prop_assert!(*reader.read_all().unwrap() == *whole);
    }
}
