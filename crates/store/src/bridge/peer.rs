//! Other bridges that the bridge of this installation vouches for.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use super::damaged;
use crate::database::{Db, Write};
use crate::error::Result;

/// Another bridge: its members are reached through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRow {
    /// What was compared over the telephone: of its name and its key.
    pub fingerprint: String,
    /// Its name.
    pub name: String,
    /// Where it publishes, ending in a slash.
    pub url: String,
    /// Since when we vouch for it.
    pub since_ms: i64,
    /// What it may speak for.
    pub terms: PeerTerms,
    /// Its own certificate, DER.
    pub authority: Vec<u8>,
}

/// What another bridge may speak for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerTerms {
    /// Domains that it may not speak for, beside those of our members.
    pub excluded: Vec<String>,
    /// The only domains that it may speak for, with all below them; empty for all but the excluded ones.
    pub permitted: Vec<String>,
    /// Pairs of a policy of ours and the other bridge's policy that we take for it.
    pub mappings: Vec<(String, String)>,
    /// How many authorities may be below it.
    pub path_length: u8,
}

/// Reads all of them by name; `None` if a row has terms of no meaning.
pub(super) fn read(db: &Db<'_>, organisation: i64) -> Result<Option<Vec<PeerRow>>> {
    let sql = "SELECT fingerprint, name, url, since, terms, authority FROM bridge_peer \
        WHERE organisation = $1 ORDER BY name, fingerprint";
    Ok(db.all(sql, [organisation], peer)?.into_iter().collect())
}

/// Writes those that are new or have changed, and forgets others.
pub(super) fn write(write: &Write<'_>, peers: &[PeerRow], gone: &[String]) -> Result<()> {
    for it in peers {
        let terms = serde_json::to_string(&it.terms).map_err(|_| damaged())?;
        let organisation = write.organisation;
        let row = params![
            organisation,
            it.fingerprint,
            it.name,
            it.url,
            it.since_ms,
            terms,
            it.authority
        ];
        write.run(PUT, row)?;
    }
    for fingerprint in gone {
        let sql = "DELETE FROM bridge_peer WHERE organisation = $1 AND fingerprint = $2";
        write.run(sql, params![write.organisation, fingerprint])?;
    }
    Ok(())
}

fn peer(row: &Row<'_>) -> rusqlite::Result<Option<PeerRow>> {
    let terms: String = row.get(4)?;
    let Ok(terms) = serde_json::from_str(&terms) else { return Ok(None) };
    Ok(Some(PeerRow {
        fingerprint: row.get(0)?,
        name: row.get(1)?,
        url: row.get(2)?,
        since_ms: row.get(3)?,
        terms,
        authority: row.get(5)?,
    }))
}

const PUT: &str = "INSERT INTO bridge_peer (organisation, fingerprint, name, url, since, terms, authority) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organisation, fingerprint) DO UPDATE SET name = excluded.name, \
    url = excluded.url, terms = excluded.terms, authority = excluded.authority";
