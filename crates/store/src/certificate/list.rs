//! Stored lists of revoked certificates.

use chancery_crypto::{DigestAlgorithm, hex};
use chancery_pki::revocation::RevocationList;
use rusqlite::params;
use serde::Serialize;

use crate::database::Write;
use crate::error::{Error, Result};
use crate::queue::admin::Act;
use crate::store::Store;

/// A stored list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListRow {
    /// The SHA-256 of the list, in lower-case hexadecimal.
    pub fingerprint: String,
    /// The list.
    pub list: RevocationList,
    /// Where it came from.
    pub source: String,
    /// When it was stored.
    pub added_at_ms: i64,
    /// Who stored it.
    pub added_by: String,
}

impl Store {
    /// Returns the lists by issuer, the newest first. Old ones stay, because they tell what was known at their time.
    pub fn revocation_lists(&self) -> Result<Vec<ListRow>> {
        let sql = "SELECT fingerprint, source, added_at, added_by, list FROM revocation_list \
                   WHERE organisation = $1 ORDER BY issuer, this_update DESC, fingerprint";
        let rows = self.database.read(READING, |db| {
            db.all(sql, [self.database.organisation], |row| {
                let (fingerprint, source): (String, String) = (row.get(0)?, row.get(1)?);
                let (added_at_ms, added_by): (i64, String) = (row.get(2)?, row.get(3)?);
                Ok(((fingerprint, source, added_at_ms, added_by), row.get::<_, Vec<u8>>(4)?))
            })
        })?;
        let whole = |((fingerprint, source, added_at_ms, added_by), der): (_, Vec<u8>)| {
            let list = RevocationList::from_der(der)
                .map_err(|error| Error::Corrupt { doing: READING, why: error.to_string() })?;
            Ok(ListRow { fingerprint, list, source, added_at_ms, added_by })
        };
        rows.into_iter().map(whole).collect()
    }
}

/// Stores a list unless it is there.
pub(super) fn insert(
    write: &Write<'_>,
    list: &RevocationList,
    source: &str,
    act: &Act,
) -> Result<bool> {
    let fingerprint = hex(DigestAlgorithm::Sha256.digest(list.der()).as_ref());
    let sql = "INSERT INTO revocation_list (organisation, fingerprint, issuer, issuer_name, this_update, next_update, \
               source, added_at, added_by, list) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
    let params = params![
        write.organisation,
        fingerprint,
        list.issuer_name().to_string(),
        list.issuer_name().fingerprint(),
        list.this_update(),
        list.next_update(),
        source,
        act.at_ms,
        act.who,
        list.der()
    ];
    Ok(write.run(sql, params)? > 0)
}

const READING: &str = "read revocation lists";
