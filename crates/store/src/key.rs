//! The organisation's own keys, sealed, with their certificates.

use rusqlite::params;
use serde::Serialize;
use serde_json::json;

use chancery_crypto::DigestAlgorithm;

use crate::audit;
use crate::database::Write;
use crate::error::Result;
use crate::queue::admin::Act;
use crate::queue::change::insert_fresh;
use crate::store::Store;
use crate::version::Versioned;

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
    /// Signs what a bridge says of its members.
    Bridge,
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
    /// Stores keys in one commit and returns their numbers; an active key takes the place of the one before.
    pub async fn put_keys(&self, keys: Vec<NewKey>, act: Act) -> Result<Vec<i64>> {
        self.database
            .write("store keys", Vec::new(), move |write| insert_all(write, &keys, &act))
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

    /// Destroys the private key of a key that is not used any more; its certificate stays as a record. Returns false if
    /// there is no such key, it is in use, or was destroyed before.
    pub async fn destroy_key(&self, id: i64, act: Act) -> Result<bool> {
        self.database
            .write("destroy a key", Vec::new(), move |write| {
                let sql = "UPDATE own_key SET sealed_key = $1 WHERE organisation = $2 AND id = $3 AND active = 0 \
                           AND sealed_key <> $1";
                let nothing: &[u8] = &[];
                let is_done = write.run(sql, params![nothing, write.organisation, id])? > 0;
                if is_done {
                    grow_version(write)?;
                    audit::append(write, &act, "key.destroy", &id.to_string(), json!({}))?;
                }
                Ok(is_done)
            })
            .await
    }

    /// Seals all private keys anew, in one commit. Returns false, and changes nothing, if the keys given are not exactly
    /// those that are there: somebody else has changed them meanwhile.
    pub async fn reseal_keys(&self, keys: Vec<Resealed>, act: Act) -> Result<bool> {
        self.database
            .write("seal the keys anew", Vec::new(), move |write| {
                let sql = "SELECT id, sealed_key FROM own_key WHERE organisation = $1 AND length(sealed_key) > 0 ORDER BY id";
                let found = write.all(sql, [write.organisation], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
                })?;
                let mut known: Vec<_> = keys.iter().map(|key| (key.id, key.before.clone())).collect();
                known.sort_unstable();
                if found != known {
                    return Ok(false);
                }
                for key in &keys {
                    let sql = "UPDATE own_key SET sealed_key = $1 WHERE organisation = $2 AND id = $3";
                    write.run(sql, params![key.after, write.organisation, key.id])?;
                }
                grow_version(write)?;
                let details = json!({"keys": keys.len()});
                audit::append(write, &act, "key.reseal", "all", details)?;
                Ok(true)
            })
            .await
    }

    /// Returns a number that grows with each change of the keys, so that keys in memory know when they are old. The
    /// number of the book of partners grows along.
    pub fn key_version(&self) -> Result<i64> {
        Versioned::Keys.read(&self.database)
    }
}

/// A private key that was sealed anew.
#[derive(Clone, Debug)]
pub struct Resealed {
    /// The number of the key.
    pub id: i64,
    /// As it was sealed.
    pub before: Vec<u8>,
    /// As it is sealed from now on.
    pub after: Vec<u8>,
}

impl KeyRow {
    /// Returns true if the private key was destroyed.
    pub fn is_destroyed(&self) -> bool {
        self.sealed_key.is_empty()
    }
}

/// Stores keys, if there are any, and returns their numbers.
pub(crate) fn insert_all(write: &Write<'_>, keys: &[NewKey], act: &Act) -> Result<Vec<i64>> {
    let ids = keys.iter().map(|key| insert(write, key, act)).collect();
    if !keys.is_empty() {
        grow_version(write)?;
    }
    ids
}

fn insert(write: &Write<'_>, key: &NewKey, act: &Act) -> Result<i64> {
    if key.active {
        let sql = "UPDATE own_key SET active = 0 WHERE organisation = $1 AND purpose = $2";
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
    audit::append(write, act, "key.add", &id.to_string(), details)?;
    Ok(id)
}

/// The book of partners grows along, so that whoever looks at that number alone notices.
fn grow_version(write: &Write<'_>) -> Result<()> {
    Versioned::Keys.grow(write)?;
    Versioned::Partners.grow(write)
}

impl KeyPurpose {
    /// All of them, those that vouch for others first.
    pub const ALL: [Self; 5] = [Self::Ca, Self::Signing, Self::Encryption, Self::Tls, Self::Bridge];

    /// Returns what binds a sealed key to its purpose and certificate, so that rows cannot be exchanged.
    pub fn seal_context(self, certificate: &[u8]) -> Vec<u8> {
        let mut context = format!("key:{}:", self.name()).into_bytes();
        context.extend_from_slice(DigestAlgorithm::Sha256.digest(certificate).as_ref());
        context
    }

    /// Returns the name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Ca => "authority",
            Self::Encryption => "encryption",
            Self::Signing => "signing",
            Self::Tls => "TLS",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Ca => "ca",
            Self::Encryption => "encryption",
            Self::Signing => "signing",
            Self::Tls => "tls",
        }
    }
}

const INSERT: &str = "INSERT INTO own_key (id, organisation, purpose, active, not_after, added_at, certificate, \
    sealed_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";
