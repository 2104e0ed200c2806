//! What ends is renewed in time: the revocation list, cross-certificates, the bridge's own key.

use chancery_crypto::seal::MasterKey;
use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::Certificate;
use chancery_pki::issue::{self, Authority, Crossing, Reason};
use chancery_smime::bridge::url;
use chancery_store::Act;
use chancery_store::bridge::{BridgeChange, CrossKind, MemberRow, MemberState};
use chancery_store::key::KeyPurpose;
use serde_json::json;

use super::grant::row;
use super::{CRL_LIFE, CROSS_RENEWAL, Host};
use crate::assurance::Levels;
use crate::error::Result;
use crate::keys;

impl Host<'_> {
    /// Renews the revocation list if half of its time is over, and cross-certificates that end within 90 days and whose
    /// membership is not due for review; those of other bridges also if they lack a domain of a member. Returns what was
    /// renewed, as ends of sentences.
    pub async fn renew(&mut self, levels: &Levels, act: Act) -> Result<Vec<String>> {
        let at = act.at_ms / 1000;
        let mut done = Vec::new();
        let mut change = BridgeChange::default();
        let is_list_due = self.book.bridge.crl_ends_ms < (at + CRL_LIFE / 2) * 1000;
        if is_list_due {
            done.push("the revocation list".to_owned());
        }
        for member in self.book.members.iter().filter(|it| self.is_due(it, at)) {
            let certificate = self.certificate_for(member, levels, at)?;
            change.crosses.push(row(
                &certificate,
                &member.fingerprint,
                CrossKind::ToMember,
                act.at_ms,
            ));
            done.push(format!("the cross-certificate of {}", member.name));
        }
        let mut taken_back = Vec::new();
        for peer in self.book.peers.iter().filter(|it| self.is_peer_due(it, at)) {
            let certificate = self.certificate_for_peer(peer, levels, at)?;
            let of = &peer.fingerprint;
            let reason = Reason::Superseded;
            taken_back.extend(self.taken_back(of, CrossKind::ToPeer, reason, act.at_ms));
            change.crosses.push(row(&certificate, of, CrossKind::ToPeer, act.at_ms));
            done.push(format!("the certificate of the bridge {}", peer.name));
        }
        if is_list_due || !taken_back.is_empty() {
            change.bridge = Some(self.with_list(&taken_back, at)?);
        }
        change.crosses.extend(taken_back);
        if !done.is_empty() {
            let subject = self.book.bridge.name.clone();
            self.commit(change, act, "bridge.renew", &subject, json!({"renewed": done})).await?;
        }
        Ok(done)
    }

    /// Gives the bridge a new key: what it says of members is said anew with it, and each key vouches for the other, so
    /// that members reach each other whether they have heard of it or not.
    pub async fn roll_over(
        &mut self,
        master: &MasterKey,
        kind: KeyKind,
        levels: &Levels,
        act: Act,
    ) -> Result<()> {
        let at = act.at_ms / 1000;
        let key =
            PrivateKey::generate(kind).map_err(|error| crate::Error::key("bridge", &error))?;
        let repository = format!("{}{}", self.url(), url::ISSUED_BY);
        let new = issue::bridge(self.name(), &repository, &key, at, keys::bytes()?)?;
        let issuer = Authority { key: &key, certificate: &new };
        let links = [
            issue::cross(&Crossing::rollover(&new), &self.issuer(), at, keys::bytes()?)?,
            issue::cross(&Crossing::rollover(&self.authority), &issuer, at, keys::bytes()?)?,
        ];
        let sealed = keys::seal(master, KeyPurpose::Bridge, &key, &new)?;
        let details = json!({"certificate": new.fingerprint_sha256(), "fingerprint": keys::fingerprint(&new)});
        (self.key, self.authority) = (key, new);
        let mut crosses: Vec<_> =
            links.iter().map(|link| row(link, "", CrossKind::Link, act.at_ms)).collect();
        for member in self.book.members.iter().filter(|it| it.state == MemberState::Member) {
            let certificate = self.certificate_for(member, levels, at)?;
            crosses.push(row(&certificate, &member.fingerprint, CrossKind::ToMember, act.at_ms));
        }
        for peer in &self.book.peers {
            let certificate = self.certificate_for_peer(peer, levels, at)?;
            crosses.push(row(&certificate, &peer.fingerprint, CrossKind::ToPeer, act.at_ms));
        }
        let change = BridgeChange {
            bridge: Some(self.with_list(&[], at)?),
            keys: vec![sealed],
            crosses,
            ..BridgeChange::default()
        };
        let subject = self.book.bridge.name.clone();
        self.commit(change, act, "bridge.roll_over", &subject, details).await
    }

    /// Returns true if the cross-certificate of a member is to be renewed now.
    fn is_due(&self, member: &MemberRow, at: i64) -> bool {
        let is_reviewed =
            member.review_at_ms.is_some_and(|review| review > at.saturating_mul(1000));
        let current = self.current(&member.fingerprint, CrossKind::ToMember, at);
        let ends = current.as_ref().map_or(i64::MIN, Certificate::not_after);
        member.state == MemberState::Member && is_reviewed && ends < at + CROSS_RENEWAL
    }
}
