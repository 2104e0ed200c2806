//! A few connections that only read, for code that is not async.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use crate::database::Opener;
use crate::database::statement::Db;
use crate::error::{Error, Result};

/// The connections that are free, and how many there are.
#[derive(Debug)]
pub(crate) struct Readers {
    opener: Opener,
    state: Mutex<Pool>,
    freed: Condvar,
}

#[derive(Debug)]
struct Pool {
    free: Vec<Connection>,
    open: usize,
}

/// Puts a connection back when dropped, also when the read panics.
struct Borrowed<'r> {
    readers: &'r Readers,
    connection: Option<Connection>,
}

impl Readers {
    /// Opens the first connection, so that a store that cannot be read fails at once.
    pub(crate) fn new(opener: Opener) -> Result<Self> {
        let first = opener.reader()?;
        Ok(Self {
            opener,
            state: Mutex::new(Pool { free: vec![first], open: 1 }),
            freed: Condvar::new(),
        })
    }

    /// Runs reads in one transaction.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Db<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut borrowed = Borrowed { readers: self, connection: Some(self.take()?) };
        let Some(connection) = &borrowed.connection else {
            return Err(Error::Stopped { doing });
        };
        let db = Db::new(connection, doing);
        db.run("BEGIN", [])?;
        let result = read(&db);
        if db.run("COMMIT", []).is_err() {
            // A connection that cannot even end its transaction is replaced by a fresh one.
            borrowed.connection = None;
        }
        result
    }

    fn take(&self) -> Result<Connection> {
        let mut pool = self.pool();
        loop {
            if let Some(connection) = pool.free.pop() {
                return Ok(connection);
            }
            if pool.open < MOST {
                pool.open += 1;
                drop(pool);
                return self.opener.reader().inspect_err(|_| self.lost());
            }
            pool = self.freed.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lost(&self) {
        self.pool().open -= 1;
        self.freed.notify_one();
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        match self.connection.take() {
            // Still in a transaction: the read panicked.
            Some(connection)
                if !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err() =>
            {
                self.readers.lost();
            }
            Some(connection) => {
                self.readers.pool().free.push(connection);
                self.readers.freed.notify_one();
            }
            None => self.readers.lost(),
        }
    }
}

/// Reads are short; more than this many at once would wait for the processor anyway.
const MOST: usize = 8;
