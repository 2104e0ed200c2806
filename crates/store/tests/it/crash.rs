//! The process is killed at any point: what was acknowledged is there, whole, in exactly one state.
//!
//! The parent starts this test binary again as its child. The child works and prints one line after each commit was
//! acknowledged; the parent kills it after so many lines and looks at what is left.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use chancery_store::{ChildBody, MessageId, RecipientId, State, Store};
use tokio::runtime::Builder;

use crate::support::*;

/// Tells the test binary that it is the child.
const DIRECTORY: &str = "STORE_CRASH_TEST_DIRECTORY";

/// So many commits are acknowledged before each kill.
const LINES: [usize; 10] = [1, 2, 3, 7, 20, 61, 100, 150, 200, 333];

/// What the child said.
#[derive(Default)]
struct Acknowledged {
    /// The recipients of each accepted message and the seed of its body.
    accepted: BTreeMap<MessageId, (Vec<RecipientId>, usize)>,
    planned: BTreeMap<MessageId, MessageId>,
    delivered: Vec<RecipientId>,
}

#[test]
fn nothing_acknowledged_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut said = Acknowledged::default();
    for (round, lines) in LINES.into_iter().enumerate() {
        said.run_and_kill(directory.path(), round, lines);
        let store = open(directory.path());
        let _lock = store.serve_lock().unwrap();
        said.check(&store, directory.path());
    }
    assert!(said.delivered.len() > 20 && said.accepted.len() > said.delivered.len() / 2);
}

/// Is the child if it is told so; does nothing in an ordinary run.
#[test]
fn child_process() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let store = open(Path::new(&directory));
    let _lock = store.serve_lock().unwrap();
    Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(async {
        let mut workers: Vec<_> =
            (0..8_usize).map(|worker| tokio::spawn(work(store.clone(), worker))).collect();
        workers.pop().unwrap().await.unwrap();
    });
}

/// Takes messages through the whole queue until killed; every fourth stops half way.
async fn work(store: Store, worker: usize) {
    for n in 0.. {
        let seed = worker * 1_000_000 + n;
        let (id, recipients) = accept(&store, &["a@x.example", "b@x.example"], &body(seed)).await;
        say(&format!("accepted {id} {} {} {seed}", recipients[0], recipients[1]));
        if seed % 4 == 1 {
            continue;
        }
        let child_body = match seed % 3 {
            0 => ChildBody::SameAsParent,
            _ => ChildBody::New(store.new_body(&body(seed)).unwrap()),
        };
        let child = plan(&store, id, &recipients, child_body).await;
        say(&format!("planned {id} {child}"));
        store.settle(settle(child, &recipients[..1], &delivered())).await.unwrap();
        say(&format!("delivered {}", recipients[0]));
        if seed % 4 == 2 {
            continue;
        }
        store.settle(settle(child, &recipients[1..], &delivered())).await.unwrap();
        say(&format!("delivered {}", recipients[1]));
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may be gone already, which ends the child too.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

/// Returns the body of a seed: most are small, some need a file.
fn body(seed: usize) -> Vec<u8> {
    let size = if seed.is_multiple_of(5) { LARGE } else { 10_000 };
    let mut bytes = (seed.wrapping_mul(0x9e37_79b9) as u64).to_le_bytes().repeat(size / 8);
    bytes.truncate(size);
    bytes
}

impl Acknowledged {
    fn run_and_kill(&mut self, directory: &Path, round: usize, lines: usize) {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "crash::child_process", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut seen = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            // What was still in the pipe was acknowledged too.
            seen += usize::from(self.read(&line.unwrap()));
            if seen == lines {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= lines, "round {round}: the child ended by itself after {seen} lines");
    }

    /// Reads a line of the child; those of the test harness are not for us.
    fn read(&mut self, line: &str) -> bool {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["accepted", id, first, second, seed] => {
                let recipients = vec![first.parse().unwrap(), second.parse().unwrap()];
                self.accepted.insert(id.parse().unwrap(), (recipients, seed.parse().unwrap()));
            }
            ["planned", id, child] => {
                self.planned.insert(id.parse().unwrap(), child.parse().unwrap());
            }
            ["delivered", recipient] => self.delivered.push(recipient.parse().unwrap()),
            _ => return false,
        }
        true
    }

    fn check(&self, store: &Store, directory: &Path) {
        for (id, (recipients, seed)) in &self.accepted {
            let rows = store.recipients(*id).unwrap();
            assert_eq!(&ids(&rows), recipients, "{id} was acknowledged");
            for row in rows {
                if let Some(child) = self.planned.get(id) {
                    assert_eq!(row.carrier, Some(*child));
                }
                if self.delivered.contains(&row.id) {
                    assert_eq!(row.state, State::Delivered);
                }
                if !row.state.is_terminal() {
                    let carrier = row.carrier.unwrap_or(*id);
                    assert!(
                        bytes(store, carrier).unwrap() == body(*seed),
                        "{carrier}: the body is not what came in"
                    );
                }
            }
        }
        check_files(store, directory);
    }
}

/// Nothing unfinished and no body without its row is left after the sweep.
fn check_files(store: &Store, directory: &Path) {
    assert_eq!(files(&directory.join("tmp")), [""; 0]);
    let large: Vec<MessageId> = store
        .due(i64::MAX, usize::MAX)
        .unwrap()
        .into_iter()
        .map(|due| due.message)
        .filter(|message| store.message(*message).unwrap().unwrap().size == LARGE as u64)
        .collect();
    assert_eq!(files(&directory.join("bodies")).len(), large.len());
}
