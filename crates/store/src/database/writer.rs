//! The writer: one thread, one transaction for every change that waits, one fsync for all of them.
//!
//! A change that fails takes nothing of its neighbours with it: they run again, each in a savepoint. If the whole
//! transaction is lost because the disk is full, the changes run again one by one: what needs no space still works.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::body::NewBody;
use crate::database::Opener;
use crate::database::statement::Db;
use crate::error::{Doing, Error, Result};
use crate::fail::{FailPoint, FailPoints};
use crate::id::Ids;
use crate::store::Options;

/// What a change writes with.
pub(crate) struct Write<'a> {
    db: Db<'a>,
    /// The bodies that came with the change.
    pub(crate) bodies: &'a [NewBody],
    /// The organisation that every row belongs to.
    pub(crate) organisation: i64,
    ids: &'a Ids,
    /// Body files to remove after the commit: first the row, then the file.
    doomed: RefCell<Vec<String>>,
}

impl<'a> Deref for Write<'a> {
    type Target = Db<'a>;

    fn deref(&self) -> &Db<'a> {
        &self.db
    }
}

impl Write<'_> {
    /// Returns a new id.
    pub(crate) fn new_id(&self, now_ms: i64) -> i64 {
        self.ids.next(now_ms)
    }

    /// Removes a body file once the commit is on disk.
    pub(crate) fn remove_file(&self, name: String) {
        self.doomed.borrow_mut().push(name);
    }
}

/// The handle of the thread; dropping it waits until the thread has closed the database.
pub(crate) struct Writer {
    sender: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    first_version: i64,
}

enum Request {
    Change(Box<dyn Change>),
    DataVersion(oneshot::Sender<Result<i64>>),
}

/// A change with its caller.
trait Change: Send {
    /// Runs the change.
    fn attempt(&mut self, connection: &Connection, context: &Context) -> Result<()>;
    /// Answers the caller; after this the change is done.
    fn answer(self: Box<Self>, result: Result<()>, context: &Context);
    /// Returns what the change is for.
    fn doing(&self) -> &'static str;
}

struct Pending<F, T> {
    doing: &'static str,
    change: F,
    bodies: Vec<NewBody>,
    doomed: Vec<String>,
    value: Option<T>,
    caller: oneshot::Sender<Result<T>>,
}

/// What the thread has besides the connection.
struct Context {
    opener: Opener,
    organisation: i64,
    ids: Arc<Ids>,
    fail_points: FailPoints,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(
        connection: Connection,
        opener: Opener,
        options: Options,
        ids: Arc<Ids>,
    ) -> Result<Self> {
        let first_version = data_version(&connection)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let context = Context {
            opener,
            organisation: options.organisation,
            ids,
            fail_points: options.fail_points,
        };
        let thread = Builder::new()
            .name("store-writer".into())
            .spawn(move || Thread { connection: Some(connection), context }.run(receiver))
            .doing("start the database writer")?;
        Ok(Self { sender: Some(sender), thread: Some(thread), first_version })
    }

    /// Runs a change and returns when it is on disk.
    pub(crate) async fn write<T, F>(
        &self,
        doing: &'static str,
        bodies: Vec<NewBody>,
        change: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Write<'_>) -> Result<T> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let change = Pending { doing, change, bodies, doomed: Vec::new(), value: None, caller };
        self.send(doing, Request::Change(Box::new(change))).await?;
        answer.await.unwrap_or(Err(Error::Stopped { doing }))
    }

    /// Returns a number that changes when another process changes the database.
    pub(crate) async fn data_version(&self) -> Result<i64> {
        let (caller, answer) = oneshot::channel();
        self.send(DATA_VERSION, Request::DataVersion(caller)).await?;
        answer.await.unwrap_or(Err(Error::Stopped { doing: DATA_VERSION }))
    }

    /// Returns that number as it was at the start.
    pub(crate) fn first_version(&self) -> i64 {
        self.first_version
    }

    async fn send(&self, doing: &'static str, request: Request) -> Result<()> {
        let sender = self.sender.as_ref().ok_or(Error::Stopped { doing })?;
        sender.send(request).await.map_err(|_| Error::Stopped { doing })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was answered with `Stopped` to everybody who waited.
            let _joined = thread.join();
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl<F, T> Change for Pending<F, T>
where
    T: Send,
    F: FnMut(&Write<'_>) -> Result<T> + Send,
{
    fn attempt(&mut self, connection: &Connection, context: &Context) -> Result<()> {
        if context.fail_points.is_hit(FailPoint::JobPanic) {
            resume_unwind(Box::new("made to panic by a test"));
        }
        // What an earlier attempt made does not hold any more.
        self.value = None;
        let write = Write {
            db: Db::new(connection, self.doing),
            bodies: &self.bodies,
            organisation: context.organisation,
            ids: &context.ids,
            doomed: RefCell::default(),
        };
        let value = (self.change)(&write)?;
        self.doomed = write.doomed.into_inner();
        self.value = Some(value);
        Ok(())
    }

    fn answer(mut self: Box<Self>, result: Result<()>, context: &Context) {
        // Where it is uncertain whether the row is there, the next sweep finds out.
        if result.as_ref().map_or_else(Error::is_ambiguous, |()| true) {
            self.bodies.iter_mut().for_each(NewBody::settle);
        }
        let done = result.is_ok();
        let value =
            result.and_then(|()| self.value.take().ok_or(Error::Stopped { doing: self.doing }));
        // Who does not wait any more does not want to know.
        let _sent = self.caller.send(value);
        if done {
            self.doomed.iter().for_each(|name| context.opener.layout.remove_body(name));
        }
    }

    fn doing(&self) -> &'static str {
        self.doing
    }
}

/// What the thread owns.
struct Thread {
    /// `None` after an error that leaves its state in doubt.
    connection: Option<Connection>,
    context: Context,
}

impl Thread {
    fn run(mut self, mut receiver: mpsc::Receiver<Request>) {
        while let Some(first) = receiver.blocking_recv() {
            let mut changes = Vec::new();
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Change(change) => changes.push(change),
                    Request::DataVersion(caller) => {
                        let version = self.connection().and_then(data_version);
                        let _sent = caller.send(version);
                    }
                }
                next = if changes.len() < WAITING { receiver.try_recv().ok() } else { None };
            }
            if !changes.is_empty() {
                self.commit(changes);
            }
        }
    }

    /// Commits all changes, and answers them.
    fn commit(&mut self, mut changes: Vec<Box<dyn Change>>) {
        match self.transact(&mut changes) {
            Ok(results) => {
                for (change, result) in changes.into_iter().zip(results) {
                    change.answer(result, &self.context);
                }
            }
            Err(Error::Full { .. }) if changes.len() > 1 => {
                // One of them was too much and took the transaction with it; the others may need no space.
                for change in changes {
                    self.commit(vec![change]);
                }
            }
            Err(error) => {
                tracing::error!(%error, changes = changes.len(), "cannot commit");
                for change in changes {
                    change.answer(Err(error.clone()), &self.context);
                }
            }
        }
    }

    /// Runs the changes in one transaction and returns their results.
    ///
    /// An error means that none of them is on disk; if it was the disk that failed, nobody knows.
    fn transact(&mut self, changes: &mut [Box<dyn Change>]) -> Result<Vec<Result<()>>> {
        self.connection()?;
        let Some(connection) = &self.connection else {
            return Err(Error::Stopped { doing: COMMIT });
        };
        let result = transact(connection, &self.context, changes);
        if result.as_ref().is_err_and(Error::is_ambiguous) {
            // What the connection remembers may not be on disk: read it again from there.
            self.connection = None;
        }
        result
    }

    /// Returns the connection, a new one if the last one failed.
    fn connection(&mut self) -> Result<&Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.context.opener.writer()?,
        };
        Ok(self.connection.insert(connection))
    }
}

fn transact(
    connection: &Connection,
    context: &Context,
    changes: &mut [Box<dyn Change>],
) -> Result<Vec<Result<()>>> {
    let mut results = vec![Ok(()); changes.len()];
    // Savepoints copy every page before it is changed, so they are used only once a change has failed. That one is
    // answered with its error; the others run again, each protected from the next that fails.
    if !run_all(connection, context, changes, &mut results, false)?
        && results.iter().any(Result::is_ok)
    {
        run_all(connection, context, changes, &mut results, true)?;
    }
    Ok(results)
}

/// Runs the changes that have not failed yet in one transaction, and commits it.
///
/// Without savepoints it returns false, and nothing is on disk, as soon as a change fails.
fn run_all(
    connection: &Connection,
    context: &Context,
    changes: &mut [Box<dyn Change>],
    results: &mut [Result<()>],
    with_savepoints: bool,
) -> Result<bool> {
    let db = Db::new(connection, COMMIT);
    db.run("BEGIN IMMEDIATE", [])?;
    let committed = attempt_all(&db, connection, context, changes, results, with_savepoints)
        .and_then(|all| {
            if all {
                context.fail_points.check(FailPoint::Commit).doing(COMMIT)?;
                db.run("COMMIT", [])?;
            }
            Ok(all)
        });
    if !connection.is_autocommit() {
        db.run("ROLLBACK", [])?;
    }
    committed
}

fn attempt_all(
    db: &Db<'_>,
    connection: &Connection,
    context: &Context,
    changes: &mut [Box<dyn Change>],
    results: &mut [Result<()>],
    with_savepoints: bool,
) -> Result<bool> {
    for (change, result) in changes.iter_mut().zip(results).filter(|(_, result)| result.is_ok()) {
        if with_savepoints {
            db.run("SAVEPOINT change", [])?;
        }
        let attempt = catch_unwind(AssertUnwindSafe(|| change.attempt(connection, context)));
        *result = attempt.unwrap_or_else(|_panic| Err(Error::Stopped { doing: change.doing() }));
        if connection.is_autocommit() {
            // The engine has rolled back everything, not just the statement.
            return Err(result.clone().err().unwrap_or(Error::Stopped { doing: COMMIT }));
        }
        match (with_savepoints, result.is_err()) {
            (true, true) => {
                db.run("ROLLBACK TO change", [])?;
                db.run("RELEASE change", [])?;
            }
            (true, false) => {
                db.run("RELEASE change", [])?;
            }
            (false, true) => return Ok(false),
            (false, false) => {}
        }
    }
    Ok(true)
}

fn data_version(connection: &Connection) -> Result<i64> {
    let version =
        Db::new(connection, DATA_VERSION).one("PRAGMA data_version", [], |row| row.get(0))?;
    Ok(version.unwrap_or_default())
}

const COMMIT: &str = "commit";
const DATA_VERSION: &str = "look for changes of other processes";
/// So many changes wait at most, and go into one transaction: 256 bodies of 128 KiB are 32 MiB of memory.
const WAITING: usize = 256;
