//! Whose certificates strangers may find, and who asked for them.

use std::collections::BTreeMap;

use rusqlite::{Row, params};
use serde::Serialize;
use serde_json::json;

use crate::audit;
use crate::database::Write;
use crate::error::Result;
use crate::queue::admin::Act;
use crate::store::Store;
use crate::version::Versioned;

/// What was decided about one address, or one domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicationRow {
    /// `alice@acme.example`, or `@acme.example` for everybody there who has no row of their own; in lower case.
    pub who: String,
    /// What may be found; nothing if it was decided that nothing may.
    pub kinds: Kinds,
    /// A word for those that were published together; empty without one.
    pub label: String,
    /// When it was decided.
    pub changed_at_ms: i64,
    /// Who decided it.
    pub changed_by: String,
}

/// Which certificates of somebody may be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kinds {
    /// Those that mail is encrypted to.
    pub encryption: bool,
    /// Those that mail is signed with only.
    pub signing: bool,
}

/// Everything that was decided, ready to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publications(BTreeMap<String, Kinds>);

/// A question that the directory was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuestionRow {
    /// When.
    pub at_ms: i64,
    /// On which face: `outside` or `inside`.
    pub face: String,
    /// By whom: an address of the network, or a name that was proven.
    pub client: String,
    /// For whom; a keyed hash in hexadecimal, or the address.
    pub address: String,
    /// What came of it.
    pub outcome: String,
    /// How often within a few seconds.
    pub times: i64,
}

impl Kinds {
    /// Nothing.
    pub const NONE: Self = Self { encryption: false, signing: false };

    /// Returns true if nothing may be found.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Returns the words for them.
    pub fn words(self) -> String {
        let words = [(self.encryption, "encryption"), (self.signing, "signing")];
        let words: Vec<_> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        words.join(" ")
    }

    fn read(words: &str) -> Self {
        let has = |word| words.split(' ').any(|it| it == word);
        Self { encryption: has("encryption"), signing: has("signing") }
    }
}

impl Publications {
    /// Takes decisions that were read.
    pub fn new(rows: &[PublicationRow]) -> Self {
        Self(rows.iter().map(|row| (row.who.clone(), row.kinds)).collect())
    }

    /// Returns what may be found of an address: what was decided for it, or else for its domain.
    pub fn of(&self, address: &str) -> Kinds {
        let domain = || address.rfind('@').and_then(|at| address.get(at..));
        let found = self.0.get(address).or_else(|| self.0.get(domain()?));
        found.copied().unwrap_or_default()
    }
}

impl Store {
    /// Returns what was decided, by address.
    pub fn publications(&self) -> Result<Vec<PublicationRow>> {
        let sql = "SELECT who, kinds, label, changed_at, changed_by FROM publication \
                   WHERE organisation = $1 ORDER BY who";
        self.database
            .read("read what is published", |db| db.all(sql, [self.database.organisation], read))
    }

    /// Returns the same, ready to be asked.
    pub fn published(&self) -> Result<Publications> {
        Ok(Publications::new(&self.publications()?))
    }

    /// Decides what strangers may find, for several at once; returns how many decisions are new.
    pub async fn publish(
        &self,
        who: Vec<String>,
        kinds: Kinds,
        label: String,
        act: Act,
    ) -> Result<usize> {
        let action = if kinds.is_none() { "directory.unpublish" } else { "directory.publish" };
        self.database
            .write("change what is published", Vec::new(), move |write| {
                let mut changed = 0;
                for who in who.iter().map(|who| who.to_lowercase()) {
                    let params =
                        params![write.organisation, who, kinds.words(), label, act.at_ms, act.who];
                    if write.run(PUT, params)? > 0 {
                        changed += 1;
                        let details = json!({"kinds": kinds.words(), "label": label});
                        audit::append(write, &act, action, &who, details)?;
                    }
                }
                if changed > 0 {
                    Versioned::Publication.grow(write)?;
                }
                Ok(changed)
            })
            .await
    }

    /// Forgets decisions: those with a label, or those of these addresses and domains. Then their domain's counts, or
    /// nothing is published. Returns how many there were.
    pub async fn forget_publications(
        &self,
        who: Vec<String>,
        label: Option<String>,
        act: Act,
    ) -> Result<usize> {
        self.database
            .write("change what is published", Vec::new(), move |write| {
                let mut gone: Vec<String> = who.iter().map(|who| who.to_lowercase()).collect();
                if let Some(label) = &label {
                    let sql = "SELECT who FROM publication WHERE organisation = $1 AND label = $2";
                    gone.extend(write.all(sql, params![write.organisation, label], |row| {
                        row.get::<_, String>(0)
                    })?);
                }
                let mut removed = 0;
                for who in gone {
                    let sql = "DELETE FROM publication WHERE organisation = $1 AND who = $2";
                    if write.run(sql, params![write.organisation, who])? > 0 {
                        removed += 1;
                        audit::append(write, &act, "directory.unpublish", &who, json!({}))?;
                    }
                }
                if removed > 0 {
                    Versioned::Publication.grow(write)?;
                }
                Ok(removed)
            })
            .await
    }

    /// Returns a number that grows with each change of what is published.
    pub fn publication_version(&self) -> Result<i64> {
        Versioned::Publication.read(&self.database)
    }

    /// Keeps questions; of all, so many newest ones remain.
    pub async fn note_questions(&self, questions: Vec<QuestionRow>, keep: i64) -> Result<()> {
        self.database
            .write("note who asked the directory", Vec::new(), move |write| {
                let sql = "SELECT COALESCE(MAX(id), 0) FROM directory_question";
                let mut id = write.one(sql, [], |row| row.get::<_, i64>(0))?.unwrap_or(0);
                for row in &questions {
                    id += 1;
                    note(write, id, row)?;
                }
                let sql = "DELETE FROM directory_question WHERE id <= $1";
                write.run(sql, [id.saturating_sub(keep)])?;
                Ok(())
            })
            .await
    }

    /// Returns questions since a time, the newest first; for one address as it is kept, if one is given.
    pub fn questions(
        &self,
        address: Option<&str>,
        since_ms: i64,
        limit: usize,
    ) -> Result<Vec<QuestionRow>> {
        let sql = "SELECT at, face, client, address, outcome, times FROM directory_question \
                   WHERE organisation = $1 AND at >= $2 AND ($3 IS NULL OR address = $3) \
                   ORDER BY id DESC LIMIT $4";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let params = params![self.database.organisation, since_ms, address, limit];
        self.database.read("read who asked the directory", |db| {
            db.all(sql, params, |row| {
                Ok(QuestionRow {
                    at_ms: row.get(0)?,
                    face: row.get(1)?,
                    client: row.get(2)?,
                    address: row.get(3)?,
                    outcome: row.get(4)?,
                    times: row.get(5)?,
                })
            })
        })
    }
}

fn note(write: &Write<'_>, id: i64, row: &QuestionRow) -> Result<()> {
    let sql = "INSERT INTO directory_question (id, organisation, at, face, client, address, outcome, times) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let params = params![
        id,
        write.organisation,
        row.at_ms,
        row.face,
        row.client,
        row.address,
        row.outcome,
        row.times
    ];
    write.run(sql, params).map(|_| ())
}

fn read(row: &Row<'_>) -> rusqlite::Result<PublicationRow> {
    let kinds: String = row.get(1)?;
    Ok(PublicationRow {
        who: row.get(0)?,
        kinds: Kinds::read(&kinds),
        label: row.get(2)?,
        changed_at_ms: row.get(3)?,
        changed_by: row.get(4)?,
    })
}

/// What is decided again is no change.
const PUT: &str = "INSERT INTO publication (organisation, who, kinds, label, changed_at, changed_by) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (organisation, who) DO UPDATE SET kinds = excluded.kinds, \
    label = excluded.label, changed_at = excluded.changed_at, changed_by = excluded.changed_by \
    WHERE publication.kinds <> excluded.kinds OR publication.label <> excluded.label";
