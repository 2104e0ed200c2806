//! The bridge's side: requests in, proofs, cross-certificates out, revocation.
//!
//! Each step is one commit with its entry in the audit log; a step that was made from an old state writes nothing.

use chancery_crypto::PrivateKey;
use chancery_crypto::seal::MasterKey;
use chancery_pki::issue::{self, Authority};
use chancery_pki::{Certificate, ObjectIdentifier};
use chancery_smime::bridge::url;
use chancery_smime::card::{Card, is_fingerprint};
use chancery_store::bridge::{
    BridgeBook, BridgeChange, CrossKind, MemberRow, MemberState, OwnBridge,
};
use chancery_store::key::KeyPurpose;
use chancery_store::{Act, Store};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::keys;

mod check;
mod grant;
mod join;
mod peer;
mod publish;
mod renew;

pub use check::{Condition, Found};
pub use grant::{Grant, Returned};
pub use join::Taken;

/// A bridge as the store has it, with its key.
#[derive(Debug)]
pub struct Host<'a> {
    store: &'a Store,
    book: BridgeBook,
    key: PrivateKey,
    authority: Certificate,
}

/// What a new bridge is given.
#[derive(Clone, Debug)]
pub struct NewBridge {
    /// Its name.
    pub name: String,
    /// Where it publishes, ending in a slash.
    pub url: String,
    /// Its key.
    pub key: PrivateKey,
}

impl<'a> Host<'a> {
    /// Makes a bridge in a data directory that has none.
    pub async fn create(
        store: &'a Store,
        master: &MasterKey,
        new: NewBridge,
        act: Act,
    ) -> Result<Self> {
        if store.bridge()?.is_some() {
            return Err(Error::state("there is a bridge in this data directory already"));
        }
        if !url::is_base(&new.url) {
            return Err(Error::state(
                "the address of a bridge starts with http:// or https:// and ends in a slash",
            ));
        }
        let at = act.at_ms / 1000;
        let repository = format!("{}{}", new.url, url::ISSUED_BY);
        let authority = issue::bridge(&new.name, &repository, &new.key, at, keys::bytes()?)?;
        let issuer = Authority { key: &new.key, certificate: &authority };
        let ends = at + CRL_LIFE;
        let bridge = OwnBridge {
            name: new.name,
            url: new.url,
            made_at_ms: act.at_ms,
            crl_number: 1,
            crl_ends_ms: ends * 1000,
            crl: issue::crl(&issuer, &[], at, ends, 1)?,
        };
        let details = json!({"name": bridge.name, "url": bridge.url, "fingerprint": keys::fingerprint(&authority)});
        let subject = bridge.name.clone();
        let change = BridgeChange {
            version: store.bridge_version()?,
            bridge: Some(bridge),
            keys: vec![keys::seal(master, KeyPurpose::Bridge, &new.key, &authority)?],
            ..BridgeChange::default()
        };
        if !store.change_bridge(change, act, "bridge.init", &subject, details).await? {
            return Err(Error::Changed);
        }
        Self::open(store, master)
    }

    /// Opens the bridge of a data directory.
    pub fn open(store: &'a Store, master: &MasterKey) -> Result<Self> {
        let book = store.bridge()?;
        let book = book.ok_or_else(|| Error::state("there is no bridge in this data directory"))?;
        let (key, authority) = keys::unseal(store, master, KeyPurpose::Bridge)?;
        Ok(Self { store, book, key, authority })
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.book.bridge.name
    }

    /// Returns where it publishes.
    pub fn url(&self) -> &str {
        &self.book.bridge.url
    }

    /// Returns its certificate.
    pub fn authority(&self) -> &Certificate {
        &self.authority
    }

    /// Returns everything that is stored of it.
    pub fn book(&self) -> &BridgeBook {
        &self.book
    }

    /// Returns what members compare by telephone.
    pub fn fingerprint(&self) -> String {
        keys::fingerprint(&self.authority)
    }

    /// Returns the member with this fingerprint; or the one that has the domain or, if nobody has it, asks for it.
    pub fn member(&self, which: &str) -> Result<&MemberRow> {
        let members = self.book.members.iter();
        if let Some(named) = members.clone().find(|it| is_fingerprint(which, &it.fingerprint)) {
            return Ok(named);
        }
        let has = |member: &&MemberRow| member.domains.iter().any(|it| it.domain == which);
        for state in [MemberState::Member, MemberState::Asked, MemberState::Revoked] {
            let found: Vec<_> =
                members.clone().filter(has).filter(|it| it.state == state).collect();
            match found.as_slice() {
                [] => {}
                [one] => return Ok(one),
                // Who asks first must not keep others from being heard.
                several => {
                    let all: Vec<&str> = several.iter().map(|it| it.fingerprint.as_str()).collect();
                    let all = all.join(", ");
                    return Err(Error::state(format!(
                        "several ask for this domain; name one by its fingerprint: {all}"
                    )));
                }
            }
        }
        Err(Error::state("no member has this domain, and nobody asks for it"))
    }

    fn issuer(&self) -> Authority<'_> {
        Authority { key: &self.key, certificate: &self.authority }
    }

    /// Writes a change and reads the bridge again.
    async fn commit(
        &mut self,
        change: BridgeChange,
        act: Act,
        action: &'static str,
        subject: &str,
        details: Value,
    ) -> Result<()> {
        let change = BridgeChange { version: self.book.version, ..change };
        if !self.store.change_bridge(change, act, action, subject, details).await? {
            return Err(Error::Changed);
        }
        let book = self.store.bridge()?;
        self.book = book.ok_or_else(|| Error::state("the bridge has gone"))?;
        Ok(())
    }

    /// Returns the cross-certificate of a member that counts: the newest that was not revoked and has not ended.
    fn current(&self, member: &str, kind: CrossKind, at: i64) -> Option<Certificate> {
        let mut rows = self.book.crosses.iter();
        let row = rows.find(|row| {
            row.kind == kind
                && row.member == member
                && row.revoked.is_none()
                && row.ends_ms > at.saturating_mul(1000)
        })?;
        Certificate::from_der(&row.certificate).ok()
    }
}

/// Reads the card of a member as it was stored.
fn card(member: &MemberRow) -> Result<Card> {
    Card::read_stored(&member.card)
        .map_err(|error| Error::state(format!("the card of {}: {error}", member.name)))
}

/// Returns the domains of a member that are proven to be its own.
fn proven(member: &MemberRow) -> impl Iterator<Item = &str> {
    let proven = member.domains.iter().filter(|it| it.proof.is_some());
    proven.map(|it| it.domain.as_str())
}

/// Returns true if the text is the object identifier of a policy.
fn is_policy(text: &str) -> bool {
    ObjectIdentifier::new(text).is_ok()
}

/// How long a revocation list counts, in seconds; it is renewed after half of that, so a bridge may be away for days.
const CRL_LIFE: i64 = 7 * DAY;
/// How long a cross-certificate counts at most.
const CROSS_LIFE: i64 = 2 * 365 * DAY;
/// How long before its end a cross-certificate is renewed.
const CROSS_RENEWAL: i64 = 90 * DAY;
/// How long a membership counts before somebody looks at it again.
const REVIEW: i64 = 365 * DAY;
/// How long a token counts for the first proof.
const TOKEN_LIFE: i64 = 14 * DAY;
const DAY: i64 = 86_400;
