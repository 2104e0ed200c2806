//! Everything that the bridge publishes, from what is stored.

use chancery_pki::Certificate;
use chancery_pki::bundle::Bundle;
use chancery_smime::bridge::{Peer, Peers, url};
use chancery_store::bridge::{CrossKind, MemberState};
use chancery_store::key::KeyPurpose;
use serde_json::json;

use super::{Host, proven};
use crate::assurance::{Levels, day};
use crate::error::{Error, Result};
use crate::keys;
use crate::publication::{AUTHORITY, INDEX, LEVELS, Publication};

impl Host<'_> {
    /// Returns the files to publish at this time (Unix seconds).
    pub fn publication(&self, levels: &Levels, at: i64) -> Result<Publication> {
        let mut publication = Publication::default();
        publication.add(AUTHORITY[0], self.authority.der().to_vec());
        publication.add(AUTHORITY[1], self.authority.to_pem().into_bytes());
        publication.add(url::CRL, self.book.bridge.crl.clone());
        let by = self.bundle(&[CrossKind::ToMember, CrossKind::ToPeer, CrossKind::Link], at)?;
        publication.add(url::ISSUED_BY, by.to_der());
        let mut to =
            self.bundle(&[CrossKind::FromMember, CrossKind::FromPeer, CrossKind::Link], at)?;
        to.certificates.extend(keys::certificates(self.store, KeyPurpose::Bridge)?);
        publication.add(url::ISSUED_TO, to.to_der());
        publication.add(LEVELS[0], json(levels)?);
        publication.add(LEVELS[1], levels.markdown(day(at)).into_bytes());
        let mut index = Vec::new();
        for member in self.book.members.iter().filter(|it| it.state == MemberState::Member) {
            let domains: Vec<&str> = proven(member).collect();
            for domain in &domains {
                publication.add(url::card(domain), member.card.clone());
            }
            index.push(json!({"name": member.name, "domains": domains, "level": member.level,
                "fingerprint": member.fingerprint, "since_ms": member.since_ms}));
        }
        let peers = self.book.peers.iter();
        let peers =
            peers.filter(|it| self.current(&it.fingerprint, CrossKind::ToPeer, at).is_some());
        let peers = peers.map(|it| Peer { name: it.name.clone(), url: it.url.clone() }).collect();
        publication.add(url::PEERS, json(&Peers { peers })?);
        publication.add(INDEX, json(&json!({"bridge": self.name(), "members": index}))?);
        Ok(publication)
    }

    /// Returns the certificates of these kinds that count now; those that were revoked are left out.
    fn bundle(&self, kinds: &[CrossKind], at: i64) -> Result<Bundle> {
        let rows = self.book.crosses.iter().filter(|it| {
            kinds.contains(&it.kind)
                && it.revoked.is_none()
                && it.ends_ms > at.saturating_mul(1000)
                && self.is_of_a_member(&it.member)
        });
        let certificates = rows.map(|it| Certificate::from_der(&it.certificate));
        Ok(Bundle {
            certificates: certificates.collect::<std::result::Result<_, _>>()?,
            ..Bundle::default()
        })
    }

    fn is_of_a_member(&self, fingerprint: &str) -> bool {
        fingerprint.is_empty()
            || self.book.peers.iter().any(|it| it.fingerprint == fingerprint)
            || self
                .book
                .members
                .iter()
                .any(|it| it.fingerprint == fingerprint && it.state == MemberState::Member)
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let text = serde_json::to_vec_pretty(value);
    text.map_err(|error| Error::Publish {
        doing: "write JSON".to_owned(),
        source: std::io::Error::other(error),
    })
}
