//! What correspondents' software reads: learned from mail that they signed, used when the next mail to them is encrypted.
//!
//! Only the newest word counts, by the time at which it was signed, so that no old mail can take anything back.

use chancery_crypto::{DigestAlgorithm, hex};
use rusqlite::{Row, params};
use serde::Serialize;

use crate::database::Write;
use crate::error::Result;
use crate::store::Store;
use crate::version::Versioned;

/// What is known of one correspondent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PeerRow {
    /// `alice@acme.example`, or `@acme.example` for what the organisation itself signs, in lower case.
    pub address: String,
    /// When something was last learned, in milliseconds since 1970.
    pub seen_at_ms: i64,
    /// When it signed what it reads, in seconds since 1970; zero for never.
    pub stated_at: i64,
    /// The names of what it reads, the best first.
    pub capabilities: Vec<String>,
    /// When it signed what it had encrypted, in seconds since 1970; zero for never.
    pub observed_at: i64,
    /// The names of the algorithms that it encrypted with.
    pub observed: Vec<String>,
    /// The certificate (DER) that it wants to be encrypted to, if it is not one that is known otherwise.
    #[serde(serialize_with = "fingerprint", skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Vec<u8>>,
}

impl PeerRow {
    /// Returns true if this is about an organisation and not about a person.
    pub fn is_organisation(&self) -> bool {
        self.address.starts_with('@')
    }

    /// Returns the domain.
    pub fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl Store {
    /// Returns what is known of an address, or of an organisation as `@domain`.
    pub fn peer(&self, address: &str) -> Result<Option<PeerRow>> {
        let sql = format!("{SELECT} WHERE organisation = $1 AND address = $2");
        let address = address.to_ascii_lowercase();
        self.database.read("read about a correspondent", |db| {
            db.one(&sql, params![self.database.organisation, address], read)
        })
    }

    /// Returns what is known of organisations, by domain.
    pub fn organisation_peers(&self) -> Result<Vec<PeerRow>> {
        let sql = format!(
            "{SELECT} WHERE organisation = $1 AND address = '@' || domain ORDER BY address"
        );
        self.database.read("read about correspondents", |db| {
            db.all(&sql, [self.database.organisation], read)
        })
    }
}

/// Writes what was learned: of each kind the newer, and the certificate if there is one.
///
/// A domain keeps a limited number of addresses, those that were seen last, so that nobody who may vouch for addresses
/// can fill the disk with them.
pub(crate) fn learn(write: &Write<'_>, news: &PeerRow) -> Result<()> {
    let sql = format!("{SELECT} WHERE organisation = $1 AND address = $2");
    let known = write.one(&sql, params![write.organisation, news.address], read)?;
    let is_new = known.is_none();
    let before = known.unwrap_or_default();
    let mut now = PeerRow { address: news.address.clone(), ..before.clone() };
    now.seen_at_ms = news.seen_at_ms;
    if news.stated_at > before.stated_at {
        now.stated_at = news.stated_at;
        now.capabilities.clone_from(&news.capabilities);
    }
    if news.observed_at > before.observed_at {
        now.observed_at = news.observed_at;
        now.observed.clone_from(&news.observed);
    }
    now.certificate = news.certificate.clone().or(now.certificate);
    write.run(
        UPSERT,
        params![
            write.organisation,
            now.address,
            now.domain(),
            now.seen_at_ms,
            now.stated_at,
            now.capabilities.join(" "),
            now.observed_at,
            now.observed.join(" "),
            now.certificate
        ],
    )?;
    if is_new {
        write.run(TRIM, params![write.organisation, now.domain(), MAX_ADDRESSES])?;
    }
    let is_said =
        |row: &PeerRow| (row.capabilities.clone(), row.observed.clone(), row.certificate.clone());
    if now.is_organisation() && is_said(&now) != is_said(&before) {
        Versioned::Partners.grow(write)?;
    }
    Ok(())
}

/// Forgets everybody at a domain, because nobody vouches for them any more.
pub(crate) fn forget(write: &Write<'_>, domain: &str) -> Result<()> {
    let sql = "DELETE FROM peer WHERE organisation = $1 AND domain = $2";
    write.run(sql, params![write.organisation, domain]).map(|_| ())
}

/// Shows a certificate as its SHA-256.
#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn fingerprint<S: serde::Serializer>(
    certificate: &Option<Vec<u8>>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let digest = |der: &Vec<u8>| hex(DigestAlgorithm::Sha256.digest(der).as_ref());
    certificate.as_ref().map(digest).serialize(serializer)
}

fn read(row: &Row<'_>) -> rusqlite::Result<PeerRow> {
    let words = |text: String| text.split_ascii_whitespace().map(str::to_owned).collect();
    Ok(PeerRow {
        address: row.get(0)?,
        seen_at_ms: row.get(1)?,
        stated_at: row.get(2)?,
        capabilities: words(row.get(3)?),
        observed_at: row.get(4)?,
        observed: words(row.get(5)?),
        certificate: row.get(6)?,
    })
}

const SELECT: &str = "SELECT address, seen_at, stated_at, capabilities, observed_at, observed, certificate FROM peer";

const UPSERT: &str = "INSERT INTO peer (organisation, address, domain, seen_at, stated_at, capabilities, observed_at, \
    observed, certificate) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
    ON CONFLICT (organisation, address) DO UPDATE SET seen_at = excluded.seen_at, stated_at = excluded.stated_at, \
    capabilities = excluded.capabilities, observed_at = excluded.observed_at, observed = excluded.observed, \
    certificate = excluded.certificate";

/// What lies beyond the limit is found over the index, so this costs little while there is nothing.
const TRIM: &str = "DELETE FROM peer WHERE organisation = $1 AND domain = $2 AND seen_at <= \
    (SELECT seen_at FROM peer WHERE organisation = $1 AND domain = $2 ORDER BY seen_at DESC LIMIT 1 OFFSET $3)";

/// Addresses that are remembered of one domain.
const MAX_ADDRESSES: i64 = 10_000;
