//! The organisation's own keys, sealed, with their certificates.

use rusqlite::params;
use serde::Serialize;
use serde_json::json;

use chancery_crypto::DigestAlgorithm;

use crate::audit;
use crate::error::Result;
use crate::queue::admin::Act;
use crate::queue::change::insert_fresh;
use crate::store::Store;

/// A key to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// The private key, sealed by `crypto::seal`; never in clear.
    pub sealed_key: Vec<u8>,
    /// When the certificate ends.
    pub not_after_ms: i64,
    /// Whether it is the one that is used from now on.
    pub active: bool,
}

/// A stored key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyRow {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Its certificate, DER.
    #[serde(skip)]
    pub certificate: Vec<u8>,
    /// The private key, sealed.
    #[serde(skip)]
    pub sealed_key: Vec<u8>,
    /// When the certificate ends.
    pub not_after_ms: i64,
    /// Whether it is used for new mail; the others are kept for reading old mail.
    pub active: bool,
    /// When it was stored.
    pub added_at_ms: i64,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPurpose {
    /// Signs the organisation's certificates.
    Ca,
    /// Opens mail.
    Encryption,
    /// Signs mail and cards.
    Signing,
    /// Secures connections.
    Tls,
}

impl Store {
    /// Stores a key and returns its number; an active key takes the place of the one before.
    pub async fn put_key(&self, key: NewKey, act: Act) -> Result<i64> {
        self.database
            .write("store a key", Vec::new(), move |write| {
                if key.active {
                    let sql =
                        "UPDATE own_key SET active = 0 WHERE organisation = $1 AND purpose = $2";
                    write.run(sql, params![write.organisation, key.purpose.word()])?;
                }
                let id = insert_fresh(write.new_id(act.at_ms), |id| {
                    write.run(
                        INSERT,
                        params![
                            id,
                            write.organisation,
                            key.purpose.word(),
                            key.active,
                            key.not_after_ms,
                            act.at_ms,
                            key.certificate,
                            key.sealed_key
                        ],
                    )
                })?;
                let digest = DigestAlgorithm::Sha256.digest(&key.certificate);
                let details = json!({"purpose": key.purpose, "active": key.active,
                    "not_after_ms": key.not_after_ms, "certificate": format!("{digest:?}")});
                audit::append(write, &act, "key.add", &id.to_string(), details)?;
                Ok(id)
            })
            .await
    }

    /// Returns the keys for a purpose: the active one first, then the newest.
    pub fn keys(&self, purpose: KeyPurpose) -> Result<Vec<KeyRow>> {
        let sql = "SELECT id, active, not_after, added_at, certificate, sealed_key FROM own_key \
                   WHERE organisation = $1 AND purpose = $2 ORDER BY active DESC, id DESC";
        self.database.read("read the keys", |db| {
            db.all(sql, params![self.database.organisation, purpose.word()], |row| {
                Ok(KeyRow {
                    id: row.get(0)?,
                    purpose,
                    active: row.get(1)?,
                    not_after_ms: row.get(2)?,
                    added_at_ms: row.get(3)?,
                    certificate: row.get(4)?,
                    sealed_key: row.get(5)?,
                })
            })
        })
    }

    /// Stops using a key for new mail; it stays for reading. Returns false if there is no such active key.
    pub async fn retire_key(&self, id: i64, act: Act) -> Result<bool> {
        self.database
            .write("retire a key", Vec::new(), move |write| {
                let sql = "UPDATE own_key SET active = 0 WHERE organisation = $1 AND id = $2 AND active = 1";
                let is_retired = write.run(sql, [write.organisation, id])? > 0;
                if is_retired {
                    audit::append(write, &act, "key.retire", &id.to_string(), json!({}))?;
                }
                Ok(is_retired)
            })
            .await
    }
}

impl KeyPurpose {
    fn word(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Encryption => "encryption",
            Self::Signing => "signing",
            Self::Tls => "tls",
        }
    }
}

const INSERT: &str = "INSERT INTO own_key (id, organisation, purpose, active, not_after, added_at, certificate, \
    sealed_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";
