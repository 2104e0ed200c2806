//! The store: opening it, and what is not worth a module of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::body::{self, BodyReader, BodyRef, BodyWriter, Content, Memory, NewBody};
use crate::database::{Database, Soundness};
use crate::error::{Doing, Error, Result};
use crate::fail::FailPoints;
use crate::id::Ids;
use crate::layout::{Layout, ServeLock};
use crate::queue::lease::Leases;
use crate::spool::Spool;

/// An open data directory; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) database: Arc<Database>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) data_version: Arc<AtomicI64>,
    reserve: Option<u64>,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to make what is missing.
    pub create: bool,
    /// The organisation that everything belongs to; one installation may serve several.
    pub organisation: i64,
    /// How long to wait for another process that holds the database.
    pub busy_timeout: Duration,
    /// The octets of the disk that new mail may not have; `None` for 100 MB, or a tenth of a small disk.
    pub reserve: Option<u64>,
    /// The most pages of 4 KiB the database may have; `None` for what the disk has.
    pub max_pages: Option<u32>,
    /// Where a test makes the store fail.
    pub fail_points: FailPoints,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: false,
            organisation: 1,
            // A command that changes a few rows holds the database for milliseconds, a checkpoint for a second.
            busy_timeout: Duration::from_secs(5),
            reserve: None,
            max_pages: None,
            fail_points: FailPoints::default(),
        }
    }
}

impl Store {
    /// Opens the store in a directory.
    pub fn open(directory: &Path, options: Options) -> Result<Self> {
        let layout =
            Arc::new(Layout::open(directory, options.create, options.fail_points.clone())?);
        let (ids, reserve) = (Arc::new(Ids::default()), options.reserve);
        let database = Arc::new(Database::open(Arc::clone(&layout), options, Arc::clone(&ids))?);
        layout.sync().doing("sync the data directory")?;
        let version = database.first_version();
        Ok(Self {
            database,
            layout,
            leases: Arc::default(),
            memory: Arc::default(),
            ids,
            data_version: Arc::new(AtomicI64::new(version)),
            reserve,
        })
    }

    /// Takes the lock that only the serving process holds, and removes bodies that no row names.
    ///
    /// Fails with [`Error::InUse`](crate::Error::InUse) if another process serves. Commands that list or change the
    /// queue do not take it; only its holder may accept mail, or a body could be swept before its row commits.
    pub fn serve_lock(&self) -> Result<ServeLock> {
        let lock = self.layout.lock()?;
        self.sweep()?;
        Ok(lock)
    }

    /// Fails with [`Error::Full`] if there is no room for a message of so many octets.
    ///
    /// Some room is always kept, because mail that is in the queue needs some to get out: its protected copy, and the
    /// rows that say what became of it.
    pub fn check_room(&self, size: u64) -> Result<()> {
        let doing = "accept a message";
        let (free, total) = self.layout.room().doing(doing)?;
        let reserve = self.reserve.unwrap_or_else(|| usual_reserve(total));
        if has_room(free, reserve, size) {
            return Ok(());
        }
        let why = format!("{} MB are free, and {} MB are kept", free >> 20, reserve >> 20);
        Err(Error::Full { doing, why })
    }

    /// Starts a body that is to be accepted.
    pub fn body_writer(&self) -> BodyWriter {
        BodyWriter::new(Arc::clone(&self.layout))
    }

    /// Makes a body of bytes that are in memory, such as a notice.
    pub fn new_body(&self, bytes: &[u8]) -> Result<NewBody> {
        let mut writer = self.body_writer();
        std::io::Write::write_all(&mut writer, bytes).doing("write a body")?;
        writer.finish()
    }

    /// Opens the body of a message.
    pub fn body(&self, body: &BodyRef) -> Result<BodyReader> {
        let content = match &body.kept {
            Some(kept) => Content::Memory(kept.bytes()),
            None => {
                self.database.read("read a body", |db| body::load(db, &self.layout, body.owner))?
            }
        };
        Ok(BodyReader::new(body.prefix.clone(), content))
    }

    /// Returns a place for bytes that are not verified yet.
    pub fn spool(&self) -> Spool {
        Spool::new(Arc::clone(&self.layout))
    }

    /// Returns true if another process has changed the database since the last call; then scan again.
    pub async fn changed_elsewhere(&self) -> Result<bool> {
        let now = self.database.data_version().await?;
        Ok(self.data_version.swap(now, Ordering::Relaxed) != now)
    }

    /// Looks through the database file for damage, for so long at most; readers and writers go on meanwhile.
    pub fn examine(&self, patience: Duration) -> Result<Soundness> {
        self.database.examine(patience)
    }

    /// Removes what a process that ended left behind.
    fn sweep(&self) -> Result<()> {
        let unfinished = self.layout.sweep_temporary().doing("sweep tmp/")?;
        // The files are listed first: a row that commits afterwards belongs to a file that is pending or known.
        let names = self.layout.bodies().doing("sweep bodies/")?;
        let orphans: Vec<String> = self.database.read("sweep bodies/", |db| {
            let known = db.all("SELECT file FROM body WHERE file IS NOT NULL", [], |row| {
                row.get::<_, String>(0)
            })?;
            let known: std::collections::HashSet<String> = known.into_iter().collect();
            Ok(names.into_iter().filter(|name| !known.contains(name)).collect())
        })?;
        for name in &orphans {
            self.layout.remove_body(name);
        }
        if unfinished + orphans.len() > 0 {
            tracing::info!(
                unfinished,
                orphans = orphans.len(),
                "removed bodies that no message needs"
            );
        }
        Ok(())
    }
}

/// A message and its protected copy, which is half as large again, are on the disk at the same time.
fn has_room(free: u64, reserve: u64, size: u64) -> bool {
    let wanted = size.saturating_add(size / 2).saturating_add(size);
    free >= reserve.saturating_add(wanted)
}

/// Returns the octets that new mail may not have: 100 MB, or a tenth of a small disk.
fn usual_reserve(total: u64) -> u64 {
    (total / 10).min(100 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_room_is_for_mail_that_is_here() {
        const MB: u64 = 1 << 20;
        let has_room = |free, total, size| has_room(free, usual_reserve(total), size);
        assert!(has_room(200 * MB, 50_000 * MB, 40 * MB), "100 kept, 40 + 60 wanted");
        assert!(!has_room(200 * MB - 1, 50_000 * MB, 40 * MB));
        assert!(has_room(3 * MB, 10 * MB, MB / 10), "a tenth of a small disk");
        assert!(!has_room(MB - 1, 10 * MB, 0));
        assert!(!has_room(200 * MB, 50_000 * MB, u64::MAX));
    }

    #[test]
    fn a_store_knows_its_room() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { create: true, ..Options::default() };
        let store = Store::open(directory.path(), options).unwrap();
        let error = store.check_room(u64::MAX).unwrap_err();
        assert!(matches!(error, Error::Full { .. }), "{error}");
    }
}
