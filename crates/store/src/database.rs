//! The database engine: connections, one writer, several readers, and the dialect.
//!
//! The dialect is what SQLite and PostgreSQL share: `$n` parameters that first appear in ascending order (SQLite numbers
//! them by appearance), BIGINT, TEXT and BYTEA, ON CONFLICT and RETURNING. Only this module knows the engine.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::body::NewBody;
use crate::error::{Doing, Result};
use crate::id::Ids;
use crate::layout::Layout;
use crate::store::Options;

use readers::Readers;
use writer::Writer;

pub use examine::Soundness;
pub(crate) use statement::Db;
pub(crate) use writer::Write;

mod examine;
mod migrate;
mod readers;
mod statement;
mod writer;

/// The open database.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) organisation: i64,
    opener: Opener,
    // The writer is closed last, so that it can move everything from the log to the database file.
    readers: Readers,
    writer: Writer,
}

impl Database {
    /// Opens the database and brings its schema up to date.
    pub(crate) fn open(layout: Arc<Layout>, options: Options, ids: Arc<Ids>) -> Result<Self> {
        let organisation = options.organisation;
        let opener =
            Opener { layout, busy_timeout: options.busy_timeout, max_pages: options.max_pages };
        let mut connection = opener.writer()?;
        migrate::migrate(&mut connection)?;
        let readers = Readers::new(opener.clone())?;
        let writer = Writer::start(connection, opener.clone(), options, ids)?;
        Ok(Self { organisation, opener, readers, writer })
    }

    /// Runs reads that see one state of the database.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce(&Db<'_>) -> Result<T>,
    ) -> Result<T> {
        self.readers.read(doing, read)
    }

    /// Runs a change and returns when it is on disk.
    ///
    /// The change may run again if others in the same transaction broke it, so it must not give away what it owns.
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
        self.writer.write(doing, bodies, change).await
    }

    /// Returns a number that changes when another process changes the database.
    pub(crate) async fn data_version(&self) -> Result<i64> {
        self.writer.data_version().await
    }

    /// Returns that number as it was when the database was opened.
    pub(crate) fn first_version(&self) -> i64 {
        self.writer.first_version()
    }
}

/// Opens connections.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    layout: Arc<Layout>,
    busy_timeout: Duration,
    max_pages: Option<u32>,
}

impl Opener {
    /// Opens a connection that may change the database.
    fn writer(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = self.open(flags)?;
        let pages = self
            .max_pages
            .map_or(String::new(), |pages| format!("PRAGMA max_page_count = {pages};"));
        connection
            .execute_batch(&format!("{WRITER_SETTINGS}{pages}"))
            .doing("set up the database")?;
        Ok(connection)
    }

    /// Opens a connection that cannot change the database.
    fn reader(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = self.open(flags)?;
        connection.execute_batch(READER_SETTINGS).doing("set up the database")?;
        Ok(connection)
    }

    fn open(&self, flags: OpenFlags) -> Result<Connection> {
        let connection = Connection::open_with_flags(self.layout.database(), flags)
            .doing("open the database")?;
        connection.busy_timeout(self.busy_timeout).doing("set up the database")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Otherwise a statement on a table with partial indexes is prepared anew each time its parameters change.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .doing("set up the database")?;
        Ok(connection)
    }
}

/// WAL with synchronous=FULL: a commit returns after the fsync of the log. The log is moved to the database file every
/// 16,000 pages (64 MB): often enough to keep it small, seldom enough that a body which is delivered soon is never
/// copied. The log keeps its size up to 128 MB, because overwriting a file needs no change of its metadata.
const WRITER_SETTINGS: &str = "
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 16000;
    PRAGMA journal_size_limit = 134217728;
    PRAGMA cache_size = -32768;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
";

const READER_SETTINGS: &str = "
    PRAGMA query_only = ON;
    PRAGMA cache_size = -8192;
    PRAGMA mmap_size = 268435456;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
";

/// More than there are statements in this crate.
const STATEMENTS: usize = 128;

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::fail::FailPoints;

    /// Everything that was said about durability rests on these.
    #[test]
    fn a_commit_of_the_writer_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::open(directory.path(), true, FailPoints::default()).unwrap();
        let opener =
            Opener { layout: Arc::new(layout), busy_timeout: Duration::ZERO, max_pages: None };
        let connection = opener.writer().unwrap();
        let text =
            |pragma| connection.query_row(pragma, [], |row| row.get::<_, String>(0)).unwrap();
        let number = |pragma| connection.query_row(pragma, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(text("PRAGMA journal_mode"), "wal");
        assert_eq!(number("PRAGMA synchronous"), 2, "FULL");
        assert_eq!(number("PRAGMA wal_autocheckpoint"), 16_000);
        let reader = opener.reader().unwrap();
        assert!(reader.execute("CREATE TABLE t (x BIGINT)", []).is_err());
    }

    /// It was a quarter of the time that a message took.
    #[test]
    fn a_statement_is_prepared_once_whatever_its_parameters_are() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::open(directory.path(), true, FailPoints::default()).unwrap();
        let opener =
            Opener { layout: Arc::new(layout), busy_timeout: Duration::ZERO, max_pages: None };
        let connection = opener.writer().unwrap();
        connection
            .execute_batch("CREATE TABLE t (s TEXT); CREATE INDEX i ON t (s) WHERE s = 'queued';")
            .unwrap();
        let mut statement = connection.prepare("SELECT 1 FROM t WHERE s = $1").unwrap();
        for parameter in ["queued", "held", "queued"] {
            assert!(!statement.exists([parameter]).unwrap());
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
