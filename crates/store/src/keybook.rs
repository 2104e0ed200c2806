//! The key book: whose certificate for which address, where it came from, what was decided about it, and what came of it.
//!
//! None is trusted for being here: whether a key is used is decided each time, from its origin, a path to an authority and
//! what an administrator said. What the software of its owner reads is in [`peer`](crate::peer).

use chancery_pki::Certificate;
use rusqlite::{Row, params};
use serde::Serialize;
use serde_json::json;

use crate::audit;
use crate::database::{Db, Write};
use crate::error::{Error, Result};
use crate::queue::admin::Act;
use crate::store::Store;
use crate::version::Versioned;

/// A key of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookKey {
    /// Whose it is, in lower case.
    pub address: String,
    /// The certificate.
    #[serde(serialize_with = "fingerprint", rename = "fingerprint_sha256")]
    pub certificate: Certificate,
    /// The surest way by which it came.
    pub origin: Origin,
    /// The file, message, directory or zone that it came from.
    pub source: String,
    /// When it came first, in milliseconds since 1970.
    pub found_at_ms: i64,
    /// When it was last seen there or anywhere.
    pub seen_at_ms: i64,
    /// What an administrator said.
    pub decision: Option<KeyDecision>,
    /// When mail was last encrypted to it; zero for never.
    pub used_at_ms: i64,
    /// When its owner last wrote, encrypted or signed, after it was used; zero for never.
    pub confirmed_at_ms: i64,
    /// When mail that was encrypted to it could last not be delivered; zero for never.
    pub failed_at_ms: i64,
    /// What was said then; empty for nothing.
    pub failure: String,
}

/// The ways by which a key comes, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// An authority of ours issued it.
    Issued,
    /// An administrator brought it.
    Imported,
    /// A directory of our own organisation, asked over TLS.
    Directory,
    /// The partner's directory, asked over TLS.
    Partner,
    /// SMIMEA records in a signed zone.
    Dnssec,
    /// The directory of a bridge.
    Bridge,
    /// Any other directory or store; only a path makes it count.
    Discovered,
    /// A message that its owner signed.
    Harvested,
}

/// What an administrator said about a key for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyDecision {
    /// It is the right one; no path is needed.
    Trusted,
    /// It is not used any more.
    Retired,
}

/// An address about whose keys a person must decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Whose keys.
    pub address: String,
    /// Why.
    pub why: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

/// What happened to keys while a message was planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEvent {
    /// A key was seen.
    Seen(Box<BookKey>),
    /// Mail was encrypted to it.
    Used {
        /// Whose key.
        address: String,
        /// SHA-256 of the certificate, in hexadecimal.
        fingerprint: String,
        /// When, in milliseconds since 1970.
        at_ms: i64,
    },
    /// Mail that was encrypted to it could not be delivered.
    Failed {
        /// Whose key.
        address: String,
        /// SHA-256 of the certificate, in hexadecimal.
        fingerprint: String,
        /// When, in milliseconds since 1970.
        at_ms: i64,
        /// What was said.
        why: String,
    },
    /// Its keys need a person.
    Review(Review),
    /// Its keys need nobody any more.
    Settled {
        /// Whose.
        address: String,
    },
    /// It was asked for a key.
    Asked {
        /// Who.
        address: String,
        /// When, in milliseconds since 1970.
        at_ms: i64,
    },
}

/// What sources say about an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Whose keys, in lower case.
    pub address: String,
    /// The keys that were named.
    pub keys: Vec<BookKey>,
    /// The sources that gave no answer, about whose keys nothing is known now.
    pub silent: Vec<String>,
}

/// Which keys to list; everything that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// An address, or a domain with `@` in front.
    pub of: Option<String>,
    /// The beginning of the SHA-256, in lower-case hexadecimal.
    pub fingerprint: Option<String>,
}

impl BookKey {
    /// Makes an entry for a key that was seen now, in milliseconds since 1970.
    pub fn seen(
        address: &str,
        certificate: Certificate,
        origin: Origin,
        source: impl Into<String>,
        at_ms: i64,
    ) -> Self {
        Self {
            address: address.to_lowercase(),
            certificate,
            origin,
            source: source.into(),
            found_at_ms: at_ms,
            seen_at_ms: at_ms,
            decision: None,
            used_at_ms: 0,
            confirmed_at_ms: 0,
            failed_at_ms: 0,
            failure: String::new(),
        }
    }

    /// Returns the domain.
    pub fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl Store {
    /// Returns the keys of an address, those of the surest origin first; of more than 64 those that were decided about, used,
    /// or seen last.
    pub fn book_keys_of(&self, address: &str) -> Result<Vec<BookKey>> {
        let sql = format!(
            "{SELECT} WHERE organisation = $1 AND address = $2 \
             ORDER BY decision IS NULL, used_at DESC, seen_at DESC, fingerprint LIMIT $3"
        );
        let address = address.to_lowercase();
        let keys = self.database.read(READING, |db| {
            all(db, &sql, params![self.database.organisation, address, MAX_OF_ADDRESS])
        })?;
        Ok(sorted(keys))
    }

    /// Lists keys by address.
    pub fn book_keys(&self, filter: &KeyFilter) -> Result<Vec<BookKey>> {
        let of = filter.of.as_deref().map(str::to_lowercase);
        let domain = of.as_deref().and_then(|of| of.strip_prefix('@'));
        let address = of.as_deref().filter(|of| !of.starts_with('@'));
        let prefix = filter.fingerprint.as_deref().unwrap_or_default();
        let sql = format!(
            "{SELECT} WHERE organisation = $1 AND ($2 IS NULL OR address = $2) AND ($3 IS NULL OR domain = $3) \
             AND substr(fingerprint, 1, length($4)) = $4"
        );
        let params = params![self.database.organisation, address, domain, prefix];
        let mut keys = sorted(self.database.read(READING, |db| all(db, &sql, params))?);
        keys.sort_by(|one, other| one.address.cmp(&other.address));
        Ok(keys)
    }

    /// Returns the addresses about whose keys a person must decide, those that wait longest first.
    pub fn key_reviews(&self) -> Result<Vec<Review>> {
        let sql = "SELECT address, why, since FROM book_review WHERE organisation = $1 ORDER BY since, address";
        self.database.read(READING, |db| db.all(sql, [self.database.organisation], read_review))
    }

    /// Returns when an address was last asked for its key, in milliseconds since 1970.
    pub fn key_asked_at(&self, address: &str) -> Result<Option<i64>> {
        let sql = "SELECT asked_at FROM book_request WHERE organisation = $1 AND address = $2";
        let params = params![self.database.organisation, address.to_lowercase()];
        self.database.read(READING, |db| db.one(sql, params, |row| row.get(0)))
    }

    /// Writes what sources say about an address now. A key that its source names no more loses what the source gave it;
    /// returns true if a key is new, or surer than before.
    pub async fn sight_keys(&self, sighting: Sighting) -> Result<bool> {
        self.database
            .write("keep keys that were found", Vec::new(), move |write| {
                let before = Versioned::KeyBook.now(write)?;
                withdraw(write, &sighting)?;
                sighting.keys.iter().try_for_each(|key| see(write, key))?;
                Ok(Versioned::KeyBook.now(write)? != before)
            })
            .await
    }

    /// Writes keys that an administrator brings.
    pub async fn import_keys(&self, keys: Vec<BookKey>, act: Act) -> Result<()> {
        self.database
            .write("import keys", Vec::new(), move |write| {
                for key in &keys {
                    see(write, key)?;
                    let details = json!({"fingerprint": key.certificate.fingerprint_sha256()});
                    audit::append(write, &act, "key.import", &key.address, details)?;
                }
                Ok(())
            })
            .await
    }

    /// Writes what an administrator decides about a key for an address, and that its keys need nobody any more; returns
    /// false if there is no such key.
    pub async fn decide_key(
        &self,
        address: &str,
        fingerprint: String,
        decision: Option<KeyDecision>,
        act: Act,
    ) -> Result<bool> {
        let address = address.to_lowercase();
        self.database
            .write("decide about a key", Vec::new(), move |write| {
                let sql = "UPDATE book_key SET decision = $1 WHERE organisation = $2 AND address = $3 AND fingerprint = $4";
                let word = decision.map(KeyDecision::word);
                if write.run(sql, params![word, write.organisation, address, fingerprint])? == 0 {
                    return Ok(false);
                }
                settle(write, &address)?;
                let details = json!({"fingerprint": fingerprint, "decision": word});
                audit::append(write, &act, "key.decide", &address, details)?;
                Versioned::KeyBook.grow(write)?;
                Ok(true)
            })
            .await
    }

    /// Returns a number that grows when a key comes that was not there, or a decision.
    pub fn key_book_version(&self) -> Result<i64> {
        Versioned::KeyBook.read(&self.database)
    }
}

/// Writes what happened to a key.
pub(crate) fn note(write: &Write<'_>, event: &KeyEvent) -> Result<()> {
    match event {
        KeyEvent::Seen(key) => see(write, key),
        KeyEvent::Used { address, fingerprint, at_ms } => {
            let sql = "UPDATE book_key SET used_at = CASE WHEN used_at > $1 THEN used_at ELSE $1 END \
                       WHERE organisation = $2 AND address = $3 AND fingerprint = $4";
            write.run(sql, params![at_ms, write.organisation, address, fingerprint]).map(|_| ())
        }
        KeyEvent::Failed { address, fingerprint, at_ms, why } => {
            let sql = "UPDATE book_key SET failed_at = $1, failure = $2 \
                       WHERE organisation = $3 AND address = $4 AND fingerprint = $5 AND failed_at <= $1";
            write
                .run(sql, params![at_ms, why, write.organisation, address, fingerprint])
                .map(|_| ())
        }
        KeyEvent::Asked { address, at_ms } => {
            let sql = "INSERT INTO book_request (organisation, address, asked_at) VALUES ($1, $2, $3) \
                       ON CONFLICT (organisation, address) DO UPDATE SET asked_at = excluded.asked_at";
            write.run(sql, params![write.organisation, address, at_ms]).map(|_| ())
        }
        KeyEvent::Settled { address } => settle(write, address),
        KeyEvent::Review(Review { address, why, since_ms }) => {
            let sql = "INSERT INTO book_review (organisation, address, why, since) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (organisation, address) DO UPDATE SET why = excluded.why";
            write.run(sql, params![write.organisation, address, why, since_ms]).map(|_| ())
        }
    }
}

/// Forgets that a person must decide.
fn settle(write: &Write<'_>, address: &str) -> Result<()> {
    let sql = "DELETE FROM book_review WHERE organisation = $1 AND address = $2";
    write.run(sql, params![write.organisation, address]).map(|_| ())
}

/// Writes a key that was seen: a new one, or a known one that was seen again, perhaps by a surer way.
///
/// A domain keeps a limited number of keys that nobody decided about or used, those that were seen last, so that nobody
/// can fill the disk with them.
pub(crate) fn see(write: &Write<'_>, key: &BookKey) -> Result<()> {
    let fingerprint = key.certificate.fingerprint_sha256();
    let sql = format!("{SELECT} WHERE organisation = $1 AND address = $2 AND fingerprint = $3");
    let known = write
        .one(&sql, params![write.organisation, key.address, fingerprint], read)?
        .map(whole)
        .transpose()?;
    let Some(known) = known else {
        write.run(
            INSERT,
            params![
                write.organisation,
                key.address,
                key.domain(),
                fingerprint,
                key.certificate.der(),
                key.certificate.not_after(),
                key.origin.word(),
                key.source,
                key.found_at_ms,
                key.seen_at_ms,
                key.decision.map(KeyDecision::word),
                key.used_at_ms,
                key.confirmed_at_ms
            ],
        )?;
        // Only these are ever taken away for their number; with many of the others, looking takes a while.
        if matches!(key.origin, Origin::Discovered | Origin::Harvested) {
            write.run(TRIM, params![write.organisation, key.domain(), MAX_UNUSED])?;
        }
        return Versioned::KeyBook.grow(write);
    };
    let (origin, source) = if key.origin < known.origin {
        (key.origin, &key.source)
    } else {
        (known.origin, &known.source)
    };
    let is_reply = key.origin == Origin::Harvested && known.used_at_ms > 0;
    let confirmed_at = if is_reply { key.seen_at_ms } else { 0 }.max(known.confirmed_at_ms);
    let decision = key.decision.or(known.decision).map(KeyDecision::word);
    let sql = "UPDATE book_key SET origin = $1, source = $2, seen_at = $3, confirmed_at = $4, decision = $5 \
               WHERE organisation = $6 AND address = $7 AND fingerprint = $8";
    let seen_at = key.seen_at_ms.max(known.seen_at_ms);
    write.run(
        sql,
        params![
            origin.word(),
            source,
            seen_at,
            confirmed_at,
            decision,
            write.organisation,
            key.address,
            fingerprint
        ],
    )?;
    if origin != known.origin || decision != known.decision.map(KeyDecision::word) {
        Versioned::KeyBook.grow(write)?;
    }
    Ok(())
}

/// Takes their origin from keys that came from sources which do not name them any more.
fn withdraw(write: &Write<'_>, sighting: &Sighting) -> Result<()> {
    let sql = format!("{SELECT} WHERE organisation = $1 AND address = $2");
    let known = write.all(&sql, params![write.organisation, sighting.address], read)?;
    for key in known.into_iter().map(whole) {
        let key = key?;
        let is_named = sighting.keys.iter().any(|it| it.certificate == key.certificate);
        let is_sourced = (Origin::Directory..=Origin::Bridge).contains(&key.origin);
        if is_sourced && !is_named && !sighting.silent.contains(&key.source) {
            let sql = "UPDATE book_key SET origin = $1 \
                       WHERE organisation = $2 AND address = $3 AND fingerprint = $4";
            let (origin, fingerprint) =
                (Origin::Discovered.word(), key.certificate.fingerprint_sha256());
            write.run(sql, params![origin, write.organisation, key.address, fingerprint])?;
        }
    }
    Ok(())
}

/// Forgets a key that an administrator takes out again, unless it was found by itself too.
pub(crate) fn forget_imported(write: &Write<'_>, fingerprint: &str) -> Result<()> {
    let sql =
        "DELETE FROM book_key WHERE organisation = $1 AND fingerprint = $2 AND origin = 'imported'";
    if write.run(sql, params![write.organisation, fingerprint])? > 0 {
        Versioned::KeyBook.grow(write)?;
    }
    Ok(())
}

fn sorted(mut keys: Vec<BookKey>) -> Vec<BookKey> {
    keys.sort_by_key(|key| (key.origin, -key.certificate.not_before()));
    keys
}

impl Origin {
    /// All of them, the surest first.
    pub const ALL: [Self; 8] = [
        Self::Issued,
        Self::Imported,
        Self::Directory,
        Self::Partner,
        Self::Dnssec,
        Self::Bridge,
        Self::Discovered,
        Self::Harvested,
    ];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Directory => "directory",
            Self::Discovered => "discovered",
            Self::Dnssec => "dnssec",
            Self::Harvested => "harvested",
            Self::Imported => "imported",
            Self::Issued => "issued",
            Self::Partner => "partner",
        }
    }
}

impl KeyDecision {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Retired => "retired",
            Self::Trusted => "trusted",
        }
    }
}

/// Shows a certificate as its SHA-256.
fn fingerprint<S: serde::Serializer>(
    certificate: &Certificate,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    certificate.fingerprint_sha256().serialize(serializer)
}

/// A row as it is stored.
type Unread = (String, Vec<u8>, String, String, [i64; 5], Option<String>, String);

fn read(row: &Row<'_>) -> rusqlite::Result<Unread> {
    let times = [row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?, row.get(9)?];
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, times, row.get(8)?, row.get(10)?))
}

fn whole(unread: Unread) -> Result<BookKey> {
    let corrupt = |why: String| Error::Corrupt { doing: READING, why };
    let (address, der, origin, source, times, decision, failure) = unread;
    let certificate = Certificate::from_der(&der).map_err(|error| corrupt(error.to_string()))?;
    let origin = Origin::ALL.into_iter().find(|it| it.word() == origin);
    let origin = origin.ok_or_else(|| corrupt("a key of an unknown origin".to_owned()))?;
    let decided = |word: String| {
        let all = [KeyDecision::Retired, KeyDecision::Trusted];
        let decision = all.into_iter().find(|it| it.word() == word);
        decision.ok_or_else(|| corrupt("an unknown decision about a key".to_owned()))
    };
    let [found_at_ms, seen_at_ms, used_at_ms, confirmed_at_ms, failed_at_ms] = times;
    let decision = decision.map(decided).transpose()?;
    Ok(BookKey {
        address,
        certificate,
        origin,
        source,
        found_at_ms,
        seen_at_ms,
        decision,
        used_at_ms,
        confirmed_at_ms,
        failed_at_ms,
        failure,
    })
}

fn all(db: &Db<'_>, sql: &str, params: impl rusqlite::Params) -> Result<Vec<BookKey>> {
    db.all(sql, params, read)?.into_iter().map(whole).collect()
}

fn read_review(row: &Row<'_>) -> rusqlite::Result<Review> {
    Ok(Review { address: row.get(0)?, why: row.get(1)?, since_ms: row.get(2)? })
}

const READING: &str = "read the key book";

const SELECT: &str = "SELECT address, certificate, origin, source, found_at, seen_at, used_at, confirmed_at, decision, \
    failed_at, failure FROM book_key";

const INSERT: &str = "INSERT INTO book_key (organisation, address, domain, fingerprint, certificate, not_after, origin, \
    source, found_at, seen_at, decision, used_at, confirmed_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// What lies beyond the limit is found over the index, so this costs little while there is nothing.
const TRIM: &str = "DELETE FROM book_key WHERE organisation = $1 AND domain = $2 AND decision IS NULL AND used_at = 0 \
    AND origin IN ('discovered', 'harvested') AND seen_at <= \
    (SELECT seen_at FROM book_key WHERE organisation = $1 AND domain = $2 ORDER BY seen_at DESC LIMIT 1 OFFSET $3)";

/// Keys of one address that are looked at.
const MAX_OF_ADDRESS: i64 = 64;

/// Keys that are remembered of one domain without having been used.
const MAX_UNUSED: i64 = 20_000;
