//! Looks for damage in the database file.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use crate::database::Database;
use crate::error::{Doing, Result};

/// What looking for damage found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// Something is wrong: what SQLite says, ten lines at most.
    Damaged(Vec<String>),
    /// All that was looked at is right.
    Sound,
    /// The database is too large for the time given; nothing was found so far.
    Unfinished,
}

impl Database {
    /// Looks through every page for damage, for so long at most.
    pub(crate) fn examine(&self, patience: Duration) -> Result<Soundness> {
        let connection = self.opener.reader()?;
        let stop = connection.get_interrupt_handle();
        let (done, waiting) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                if waiting.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                    stop.interrupt();
                }
            });
            let found = quick_check(&connection);
            drop(done);
            found
        })
    }
}

fn quick_check(connection: &Connection) -> Result<Soundness> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare("PRAGMA quick_check(10)")?;
        let lines = statement.query_map([], |row| row.get(0))?;
        lines.collect()
    };
    match read() {
        Ok(lines) if lines == ["ok"] => Ok(Soundness::Sound),
        Ok(lines) => Ok(Soundness::Damaged(lines)),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Ok(Soundness::Unfinished),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Ok(Soundness::Damaged(vec![error.to_string()]))
            }
            _ => Err(error).doing("look for damage"),
        },
    }
}
