//! Bridges: the one that this installation runs, with its members, and those that its organisation has joined.
//!
//! Rows only; what a certificate says and whether a member may have it is decided elsewhere.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit;
use crate::database::Write;
use crate::error::{Error, Result};
use crate::key::{self, NewKey};
use crate::queue::admin::Act;
use crate::store::Store;
use crate::version::Versioned;

mod joined;
mod peer;

pub use joined::JoinedBridge;
pub use peer::{PeerRow, PeerTerms};

/// Everything of the bridge that this installation runs, as it was at one moment.
#[derive(Clone, Debug)]
pub struct BridgeBook {
    /// The number of this state; a [`BridgeChange`] is made from it.
    pub version: i64,
    /// The bridge.
    pub bridge: OwnBridge,
    /// Who asked to join, and who did.
    pub members: Vec<MemberRow>,
    /// Other bridges that it vouches for.
    pub peers: Vec<PeerRow>,
    /// Every cross-certificate, the newest first.
    pub crosses: Vec<CrossRow>,
}

/// The bridge that this installation runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnBridge {
    /// Its name.
    pub name: String,
    /// Where it publishes, ending in a slash.
    pub url: String,
    /// When it was made.
    pub made_at_ms: i64,
    /// The number of the newest revocation list.
    pub crl_number: i64,
    /// When that list ends.
    pub crl_ends_ms: i64,
    /// The list, DER.
    pub crl: Vec<u8>,
}

/// A member of the bridge, or somebody who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// What was compared over the telephone: of its name and its authority's key.
    pub fingerprint: String,
    /// What it calls itself.
    pub name: String,
    /// How far it is.
    pub state: MemberState,
    /// The assurance level that it asked for.
    pub wanted: String,
    /// The assurance level that was granted.
    pub level: Option<String>,
    /// The object identifiers of its own certificate policies.
    pub policies: Vec<String>,
    /// Where it publishes certificates itself.
    pub publication: Option<String>,
    /// When it asked.
    pub asked_at_ms: i64,
    /// Since when it is a member.
    pub since_ms: Option<i64>,
    /// When its membership must be looked at again.
    pub review_at_ms: Option<i64>,
    /// Its domains with their proofs.
    pub domains: Vec<DomainRow>,
    /// The number of the request that this comes from.
    pub request_id: String,
    /// Its card as it came.
    pub card: Vec<u8>,
}

/// How far a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// It has asked; its domains are to be proven.
    Asked,
    /// It has a cross-certificate.
    Member,
    /// Its cross-certificates were revoked.
    Revoked,
}

/// One domain of a member, and how it was proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainRow {
    /// The domain.
    pub domain: String,
    /// What the member publishes to prove it.
    pub token: String,
    /// Until when that counts for a first proof.
    pub token_ends_ms: i64,
    /// The proof, if there is one.
    pub proof: Option<ProofRow>,
}

/// How a domain was proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofRow {
    /// `dns`, `http` or `person`.
    pub how: String,
    /// Who ran the check or compared the fingerprint.
    pub who: String,
    /// When.
    pub at_ms: i64,
    /// What was found, or what a person says about it.
    pub evidence: String,
}

/// A certificate of one authority by another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossRow {
    /// SHA-256 of the certificate in lower-case hexadecimal.
    pub fingerprint: String,
    /// The fingerprint of the member or of the other bridge; empty for [`CrossKind::Link`].
    pub member: String,
    /// In which direction it goes.
    pub kind: CrossKind,
    /// When it was stored.
    pub added_at_ms: i64,
    /// When it ends.
    pub ends_ms: i64,
    /// When and why it was revoked, if it was.
    pub revoked: Option<(i64, String)>,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
}

/// In which direction a cross-certificate goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrossKind {
    /// From a member's authority to the bridge.
    FromMember,
    /// From another bridge to the bridge.
    FromPeer,
    /// From one key of the bridge to another.
    Link,
    /// From the bridge to a member's authority.
    ToMember,
    /// From the bridge to another bridge.
    ToPeer,
}

/// What changes in one commit.
#[derive(Clone, Debug, Default)]
pub struct BridgeChange {
    /// The number of the state that it was made from; if another one is there, nothing is written.
    pub version: i64,
    /// The bridge, if it is new or has a new revocation list.
    pub bridge: Option<OwnBridge>,
    /// New keys.
    pub keys: Vec<NewKey>,
    /// Members that are new or have changed.
    pub members: Vec<MemberRow>,
    /// Members of which nothing remains but certificates.
    pub gone: Vec<String>,
    /// Other bridges that are new or have changed.
    pub peers: Vec<PeerRow>,
    /// Other bridges of which nothing remains but certificates.
    pub gone_peers: Vec<String>,
    /// Cross-certificates that are new or have changed.
    pub crosses: Vec<CrossRow>,
    /// The number of a request that was taken.
    pub request: Option<String>,
}

impl Store {
    /// Returns the bridge that this installation runs with all that belongs to it, if it runs one.
    pub fn bridge(&self) -> Result<Option<BridgeBook>> {
        // The number first: what changes meanwhile is then noticed when something is written.
        let version = self.bridge_version()?;
        let organisation = self.database.organisation;
        self.database.read("read the bridge", |db| {
            let Some(bridge) = db.one(BRIDGE, [organisation], bridge)? else { return Ok(None) };
            let members = db.all(MEMBERS, [organisation], member)?;
            let members = members.into_iter().collect::<Option<Vec<_>>>().ok_or_else(damaged)?;
            let crosses = db.all(CROSSES, [organisation], cross)?;
            let crosses = crosses.into_iter().collect::<Option<Vec<_>>>().ok_or_else(damaged)?;
            let peers = peer::read(db, organisation)?.ok_or_else(damaged)?;
            Ok(Some(BridgeBook { version, bridge, members, peers, crosses }))
        })
    }

    /// Returns a number that grows with each change of the bridge; 0 before there is one.
    pub fn bridge_version(&self) -> Result<i64> {
        Versioned::Bridge.read(&self.database)
    }

    /// Returns true if a request with this number was taken before.
    pub fn has_bridge_request(&self, id: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM bridge_request WHERE organisation = $1 AND id = $2";
        let params = params![self.database.organisation, id];
        self.database.read("read the requests", |db| {
            Ok(db.one(sql, params, |row| row.get::<_, i64>(0))?.is_some())
        })
    }

    /// Writes a change in one commit, with an entry of the audit log. Returns false, and writes nothing, if somebody
    /// else has changed the bridge meanwhile.
    pub async fn change_bridge(
        &self,
        change: BridgeChange,
        act: Act,
        action: &'static str,
        subject: &str,
        details: Value,
    ) -> Result<bool> {
        let subject = subject.to_owned();
        self.database
            .write("change the bridge", Vec::new(), move |write| {
                if Versioned::Bridge.now(write)? != change.version {
                    return Ok(false);
                }
                apply(write, &change, &act)?;
                Versioned::Bridge.grow(write)?;
                audit::append(write, &act, action, &subject, details.clone())?;
                Ok(true)
            })
            .await
    }
}

impl MemberState {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Member => "member",
            Self::Revoked => "revoked",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Asked, Self::Member, Self::Revoked].into_iter().find(|it| it.word() == word)
    }
}

impl CrossKind {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::FromMember => "from-member",
            Self::FromPeer => "from-peer",
            Self::Link => "link",
            Self::ToMember => "to-member",
            Self::ToPeer => "to-peer",
        }
    }

    fn of(word: &str) -> Option<Self> {
        let all = [Self::FromMember, Self::FromPeer, Self::Link, Self::ToMember, Self::ToPeer];
        all.into_iter().find(|it| it.word() == word)
    }
}

fn apply(write: &Write<'_>, change: &BridgeChange, act: &Act) -> Result<()> {
    let organisation = write.organisation;
    if let Some(it) = &change.bridge {
        let row = params![
            organisation,
            it.name,
            it.url,
            it.made_at_ms,
            it.crl_number,
            it.crl_ends_ms,
            it.crl
        ];
        write.run(PUT_BRIDGE, row)?;
    }
    key::insert_all(write, &change.keys, act)?;
    for it in &change.members {
        let domains = serde_json::to_string(&it.domains).map_err(|_| damaged())?;
        let row = params![
            organisation,
            it.fingerprint,
            it.name,
            it.state.word(),
            it.wanted,
            it.level,
            it.policies.join(" "),
            it.publication,
            it.asked_at_ms,
            it.since_ms,
            it.review_at_ms,
            domains,
            it.request_id,
            it.card
        ];
        write.run(PUT_MEMBER, row)?;
    }
    for fingerprint in &change.gone {
        let sql = "DELETE FROM bridge_member WHERE organisation = $1 AND fingerprint = $2";
        write.run(sql, params![organisation, fingerprint])?;
    }
    peer::write(write, &change.peers, &change.gone_peers)?;
    for it in &change.crosses {
        let (revoked_at, reason) = it.revoked.clone().unzip();
        let row = params![
            organisation,
            it.fingerprint,
            it.member,
            it.kind.word(),
            it.added_at_ms,
            it.ends_ms,
            revoked_at,
            reason,
            it.certificate
        ];
        write.run(PUT_CROSS, row)?;
    }
    if let Some(id) = &change.request {
        let sql = "INSERT INTO bridge_request (organisation, id) VALUES ($1, $2)";
        write.run(sql, params![organisation, id])?;
    }
    Ok(())
}

fn bridge(row: &Row<'_>) -> rusqlite::Result<OwnBridge> {
    Ok(OwnBridge {
        name: row.get(0)?,
        url: row.get(1)?,
        made_at_ms: row.get(2)?,
        crl_number: row.get(3)?,
        crl_ends_ms: row.get(4)?,
        crl: row.get(5)?,
    })
}

/// `None` if a word of the row is not one of ours.
fn member(row: &Row<'_>) -> rusqlite::Result<Option<MemberRow>> {
    let (state, policies, domains): (String, String, String) =
        (row.get(2)?, row.get(5)?, row.get(10)?);
    let Some((state, domains)) = MemberState::of(&state).zip(serde_json::from_str(&domains).ok())
    else {
        return Ok(None);
    };
    Ok(Some(MemberRow {
        fingerprint: row.get(0)?,
        name: row.get(1)?,
        state,
        wanted: row.get(3)?,
        level: row.get(4)?,
        policies: policies.split_ascii_whitespace().map(str::to_owned).collect(),
        publication: row.get(6)?,
        asked_at_ms: row.get(7)?,
        since_ms: row.get(8)?,
        review_at_ms: row.get(9)?,
        domains,
        request_id: row.get(11)?,
        card: row.get(12)?,
    }))
}

fn cross(row: &Row<'_>) -> rusqlite::Result<Option<CrossRow>> {
    let kind: String = row.get(2)?;
    let Some(kind) = CrossKind::of(&kind) else { return Ok(None) };
    let (revoked_at, reason): (Option<i64>, Option<String>) = (row.get(5)?, row.get(6)?);
    Ok(Some(CrossRow {
        fingerprint: row.get(0)?,
        member: row.get(1)?,
        kind,
        added_at_ms: row.get(3)?,
        ends_ms: row.get(4)?,
        revoked: revoked_at.map(|at| (at, reason.unwrap_or_default())),
        certificate: row.get(7)?,
    }))
}

fn damaged() -> Error {
    Error::Corrupt { doing: "read the bridge", why: "a row has a word of no meaning".to_owned() }
}

const BRIDGE: &str =
    "SELECT name, url, made_at, crl_number, crl_ends, crl FROM own_bridge WHERE organisation = $1";

const MEMBERS: &str = "SELECT fingerprint, name, state, wanted, level, policies, publication, asked_at, since, review_at, domains, \
    request_id, card FROM bridge_member WHERE organisation = $1 ORDER BY name, fingerprint";

const CROSSES: &str = "SELECT fingerprint, member, kind, added_at, ends, revoked_at, reason, certificate \
    FROM bridge_cross WHERE organisation = $1 ORDER BY added_at DESC, fingerprint";

const PUT_BRIDGE: &str = "INSERT INTO own_bridge (organisation, name, url, made_at, crl_number, crl_ends, crl) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organisation) DO UPDATE SET name = excluded.name, \
    url = excluded.url, crl_number = excluded.crl_number, crl_ends = excluded.crl_ends, crl = excluded.crl";

const PUT_MEMBER: &str = "INSERT INTO bridge_member (organisation, fingerprint, name, state, wanted, level, policies, publication, \
    asked_at, since, review_at, domains, request_id, card) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
    ON CONFLICT (organisation, fingerprint) DO UPDATE SET name = excluded.name, state = excluded.state, \
    wanted = excluded.wanted, level = excluded.level, policies = excluded.policies, publication = excluded.publication, \
    asked_at = excluded.asked_at, since = excluded.since, review_at = excluded.review_at, domains = excluded.domains, \
    request_id = excluded.request_id, card = excluded.card";

const PUT_CROSS: &str = "INSERT INTO bridge_cross (organisation, fingerprint, member, kind, added_at, ends, revoked_at, \
    reason, certificate) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
    ON CONFLICT (organisation, fingerprint) DO UPDATE SET revoked_at = excluded.revoked_at, reason = excluded.reason";
