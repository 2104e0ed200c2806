//! Numbers that grow with each change, so that a copy in memory knows when it is old.

use rusqlite::params;

use crate::database::{Database, Write};
use crate::error::Result;

/// What has such a number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Versioned {
    /// The bridge that this installation runs.
    Bridge,
    /// Certificates and lists that were imported.
    Certificates,
    /// The keys of others.
    KeyBook,
    /// Our own keys.
    Keys,
    /// The book of partners, and what is known of their software.
    Partners,
    /// What strangers may find.
    Publication,
}

impl Versioned {
    /// Returns the number; 0 before the first change.
    pub(crate) fn read(self, database: &Database) -> Result<i64> {
        let sql = "SELECT version FROM version WHERE organisation = $1 AND name = $2";
        let params = params![database.organisation, self.name()];
        database
            .read("read a version", |db| Ok(db.one(sql, params, |row| row.get(0))?.unwrap_or(0)))
    }

    /// Returns the number within a change.
    pub(crate) fn now(self, write: &Write<'_>) -> Result<i64> {
        let sql = "SELECT version FROM version WHERE organisation = $1 AND name = $2";
        let params = params![write.organisation, self.name()];
        Ok(write.one(sql, params, |row| row.get(0))?.unwrap_or(0))
    }

    /// Says that something has changed.
    pub(crate) fn grow(self, write: &Write<'_>) -> Result<()> {
        let sql = "INSERT INTO version (organisation, name, version) VALUES ($1, $2, 1) \
                   ON CONFLICT (organisation, name) DO UPDATE SET version = version.version + 1";
        write.run(sql, params![write.organisation, self.name()]).map(|_| ())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Certificates => "certificate",
            Self::KeyBook => "key-book",
            Self::Keys => "key",
            Self::Partners => "partner",
            Self::Publication => "publication",
        }
    }
}
