//! What was fetched over the network for deciding about certificates: kept for the next start, never trusted for it.

use rusqlite::{Row, params};

use crate::error::Result;
use crate::store::Store;

/// One thing that was fetched. Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// By what it is found again.
    pub name: String,
    /// Where it was.
    pub url: String,
    /// By what its server recognises it: `ETag`.
    pub tag: Option<String>,
    /// By what its server recognises it: `Last-Modified`.
    pub modified: Option<String>,
    /// When it came.
    pub fetched_at: i64,
    /// Until when it is used without asking again.
    pub expires_at: i64,
    /// When it is renewed.
    pub refresh_at: i64,
    /// When it was used last.
    pub used_at: i64,
    /// A decision was built on it.
    pub is_proven: bool,
    /// What it is: a bundle or a response in DER.
    pub content: Vec<u8>,
}

/// How something that is kept was used since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// By what it is found.
    pub name: String,
    /// When it was used last.
    pub used_at: i64,
    /// A decision was built on it.
    pub is_proven: bool,
}

impl Store {
    /// Returns what was fetched, that which was used last first.
    pub fn fetched(&self) -> Result<Vec<Fetched>> {
        let sql = "SELECT name, url, tag, modified, fetched_at, expires_at, refresh_at, used_at, proven, content \
                   FROM fetched WHERE organisation = $1 ORDER BY used_at DESC";
        self.database
            .read("read what was fetched", |db| db.all(sql, [self.database.organisation], read))
    }

    /// Keeps what was fetched, notes what was used, and forgets the rest, in one commit.
    pub async fn keep_fetched(
        &self,
        new: Vec<Fetched>,
        used: Vec<Use>,
        forgotten: Vec<String>,
    ) -> Result<()> {
        self.database
            .write("keep what was fetched", Vec::new(), move |write| {
                for it in &new {
                    write.run(
                        UPSERT,
                        params![
                            write.organisation,
                            it.name,
                            it.url,
                            it.tag,
                            it.modified,
                            it.fetched_at,
                            it.expires_at,
                            it.refresh_at,
                            it.used_at,
                            it.is_proven,
                            it.content
                        ],
                    )?;
                }
                let sql = "UPDATE fetched SET used_at = $1, proven = $2 WHERE organisation = $3 AND name = $4";
                for it in &used {
                    write.run(sql, params![it.used_at, it.is_proven, write.organisation, it.name])?;
                }
                let sql = "DELETE FROM fetched WHERE organisation = $1 AND name = $2";
                for name in &forgotten {
                    write.run(sql, params![write.organisation, name])?;
                }
                Ok(())
            })
            .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Fetched> {
    Ok(Fetched {
        name: row.get(0)?,
        url: row.get(1)?,
        tag: row.get(2)?,
        modified: row.get(3)?,
        fetched_at: row.get(4)?,
        expires_at: row.get(5)?,
        refresh_at: row.get(6)?,
        used_at: row.get(7)?,
        is_proven: row.get(8)?,
        content: row.get(9)?,
    })
}

const UPSERT: &str = "INSERT INTO fetched (organisation, name, url, tag, modified, fetched_at, expires_at, refresh_at, \
    used_at, proven, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
    ON CONFLICT (organisation, name) DO UPDATE SET url = excluded.url, tag = excluded.tag, modified = excluded.modified, \
    fetched_at = excluded.fetched_at, expires_at = excluded.expires_at, refresh_at = excluded.refresh_at, \
    used_at = excluded.used_at, proven = excluded.proven, content = excluded.content";
