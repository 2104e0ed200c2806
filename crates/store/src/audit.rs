//! The audit log: who changed keys, trust, or the fate of a message.
//!
//! An entry is written in the transaction of the act itself. Each one holds the SHA-256 over the entry before it and its
//! own fields, and the database refuses to change or delete entries. What the chain cannot show is that the newest
//! entries are missing: compare the last hash with a copy kept elsewhere.

use std::fmt;

use rusqlite::params;
use serde::Serialize;
use serde_json::Value;

use chancery_crypto::{DigestAlgorithm, Hasher};

use crate::database::Write;
use crate::error::{Error, Result};
use crate::queue::admin::Act;
use crate::store::Store;

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its number, from 1 without gaps.
    pub id: i64,
    /// When.
    pub at_ms: i64,
    /// Who.
    pub who: String,
    /// What was done, such as `queue.release`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The details.
    pub details: Value,
    /// The SHA-256 over the entry before it and this one.
    #[serde(serialize_with = "as_hex")]
    pub hash: Vec<u8>,
}

impl Store {
    /// Writes an entry about something that is not in the store, such as a new policy; returns its number.
    ///
    /// The reason of the act goes into the details as `why`.
    pub async fn audit(
        &self,
        act: Act,
        action: &str,
        subject: &str,
        details: Value,
    ) -> Result<i64> {
        let (action, subject) = (action.to_owned(), subject.to_owned());
        self.database
            .write("write the audit log", Vec::new(), move |write| {
                append(write, &act, &action, &subject, details.clone())
            })
            .await
    }

    /// Returns up to `limit` entries after this number.
    pub fn audit_log(&self, after: i64, limit: usize) -> Result<Vec<AuditEntry>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT id, at, who, action, subject, details, hash FROM audit \
                   WHERE organisation = $1 AND id > $2 ORDER BY id LIMIT $3";
        self.database.read("read the audit log", |db| {
            db.all(sql, [self.database.organisation, after, limit], |row| {
                let details: String = row.get(5)?;
                Ok(AuditEntry {
                    id: row.get(0)?,
                    at_ms: row.get(1)?,
                    who: row.get(2)?,
                    action: row.get(3)?,
                    subject: row.get(4)?,
                    details: serde_json::from_str(&details).unwrap_or(Value::String(details)),
                    hash: row.get(6)?,
                })
            })
        })
    }

    /// Checks that every entry is what was written, and returns how many there are.
    pub fn verify_audit(&self) -> Result<i64> {
        let mut last = (0_i64, Vec::from(GENESIS));
        let sql = "SELECT id, organisation, at, who, action, subject, details, hash FROM audit ORDER BY id";
        let broken = self.database.read("check the audit log", |db| {
            db.find(sql, [], |row| {
                let entry: i64 = row.get(0)?;
                if entry != last.0 + 1 {
                    return Ok(Some(Error::AuditBroken {
                        entry: last.0 + 1,
                        what: "the entry is missing",
                    }));
                }
                let (who, action): (String, String) = (row.get(3)?, row.get(4)?);
                let (subject, details): (String, String) = (row.get(5)?, row.get(6)?);
                let numbers = [entry, row.get(1)?, row.get(2)?];
                let hash: Vec<u8> = row.get(7)?;
                if hash != chain(&last.1, numbers, [&who, &action, &subject, &details]) {
                    return Ok(Some(Error::AuditBroken { entry, what: "the hash does not fit" }));
                }
                last = (entry, hash);
                Ok(None)
            })
        })?;
        broken.map_or(Ok(last.0), Err)
    }
}

/// Writes an entry in the transaction of the act; returns its number.
pub(crate) fn append(
    write: &Write<'_>,
    act: &Act,
    action: &str,
    subject: &str,
    mut details: Value,
) -> Result<i64> {
    if let (false, Value::Object(fields)) = (act.why.is_empty(), &mut details) {
        fields.insert("why".into(), Value::String(act.why.clone()));
    }
    let details = details.to_string();
    let last = write.one("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    let (last, previous) = last.unwrap_or((0, GENESIS.into()));
    let id = last + 1;
    let hash = chain(
        &previous,
        [id, write.organisation, act.at_ms],
        [&act.who, action, subject, &details],
    );
    write.run(
        "INSERT INTO audit (id, organisation, at, who, action, subject, details, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![id, write.organisation, act.at_ms, act.who, action, subject, details, hash],
    )?;
    Ok(id)
}

/// Returns the hash of an entry. Each text is preceded by its length, so that two entries cannot look the same.
fn chain(previous: &[u8], numbers: [i64; 3], texts: [&str; 4]) -> Vec<u8> {
    let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
    hasher.update(previous);
    for number in numbers {
        hasher.update(&number.to_be_bytes());
    }
    for text in texts {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finish().as_ref().to_vec()
}

fn as_hex<S: serde::Serializer>(
    hash: &[u8],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(hash))
}

struct Hex<'h>(&'h [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Stands before the first entry.
const GENESIS: [u8; 32] = [0; 32];
