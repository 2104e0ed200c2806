//! Other bridges: what ours says of one, so that members of both reach each other (RFC 4158 section 2.4).
//!
//! ```text
//! ours                                             another bridge
//! peer(its certificate, fingerprint compared) ──►  certificate: ours ► theirs ──► returned
//! returned  ◄──  certificate: theirs ► ours  ◄──── peer(our certificate)
//! publish: issued-by.p7c has ours ► theirs, issued-to.p7c theirs ► ours, peers.json where its members are found
//! ```
//!
//! A certificate that was compared is as good as a request: nobody gains anything by having it vouched for but who has its
//! key.

use chancery_pki::Certificate;
use chancery_pki::issue::{self, Crossing, Limits, Reason};
use chancery_smime::bridge::{is_vouched_for, url};
use chancery_smime::card::is_fingerprint;
use chancery_store::Act;
use chancery_store::bridge::{BridgeChange, CrossKind, MemberState, PeerRow, PeerTerms};
use serde_json::json;

use super::grant::{Returned, row, word};
use super::{CROSS_LIFE, CROSS_RENEWAL, Host, is_policy, proven};
use crate::assurance::Levels;
use crate::error::{Error, Result};
use crate::keys;

impl Host<'_> {
    /// Vouches for another bridge whose fingerprint was compared, on these terms; who has been vouched for before gets a
    /// new certificate. Domains of our members are always excluded. Returns the certificate to give to the other bridge.
    pub async fn peer(
        &mut self,
        bridge: &Certificate,
        terms: PeerTerms,
        levels: &Levels,
        act: Act,
    ) -> Result<Certificate> {
        let wrong = |reason: &str| Error::paper("certificate", reason);
        if !bridge.is_ca() || !bridge.is_self_issued() {
            return Err(wrong("it is not that of a bridge"));
        }
        let own = keys::certificates(self.store, chancery_store::key::KeyPurpose::Bridge)?;
        if own.iter().any(|own| own.spki() == bridge.spki()) {
            return Err(Error::state("this is our own bridge"));
        }
        let place = bridge.repository_urls().find_map(|it| it.strip_suffix(url::ISSUED_BY));
        let place = place.filter(|base| url::is_base(base));
        let place = place.ok_or_else(|| wrong("it does not say where the bridge publishes"))?;
        let fingerprint = keys::fingerprint(bridge);
        if self.book.members.iter().any(|it| it.fingerprint == fingerprint) {
            return Err(Error::state("this is a member, and no bridge"));
        }
        let known = self.book.peers.iter().find(|it| it.fingerprint == fingerprint);
        let peer = PeerRow {
            fingerprint,
            name: bridge.subject_name().organisation().unwrap_or_else(|| bridge.subject()),
            url: place.to_owned(),
            since_ms: known.map_or(act.at_ms, |it| it.since_ms),
            terms,
            authority: bridge.der().to_vec(),
        };
        let certificate = self.certificate_for_peer(&peer, levels, act.at_ms / 1000)?;
        let subject = peer.fingerprint.clone();
        // What was said on other terms no longer counts.
        let mut crosses =
            self.taken_back(&subject, CrossKind::ToPeer, Reason::Superseded, act.at_ms);
        let bridge = if crosses.is_empty() {
            None
        } else {
            Some(self.with_list(&crosses, act.at_ms / 1000)?)
        };
        crosses.push(row(&certificate, &subject, CrossKind::ToPeer, act.at_ms));
        let details = json!({"name": peer.name, "url": peer.url, "terms": peer.terms,
            "certificate": certificate.fingerprint_sha256()});
        let change = BridgeChange { bridge, peers: vec![peer], crosses, ..BridgeChange::default() };
        self.commit(change, act, "bridge.peer", &subject, details).await?;
        Ok(certificate)
    }

    /// Returns the other bridge of this name, address or fingerprint.
    pub fn find_peer(&self, which: &str) -> Option<&PeerRow> {
        self.book.peers.iter().find(|it| {
            it.name == which || it.url == which || is_fingerprint(which, &it.fingerprint)
        })
    }

    /// Finds the other bridge that issued a certificate for ours.
    pub(super) fn peer_behind(
        &self,
        certificate: &Certificate,
        at: i64,
    ) -> Result<Option<Returned>> {
        for peer in &self.book.peers {
            if is_vouched_for(certificate, &Certificate::from_der(&peer.authority)?, at) {
                let PeerRow { name, fingerprint, .. } = peer.clone();
                return Ok(Some(Returned { name, fingerprint, domains: Vec::new() }));
            }
        }
        Ok(None)
    }

    /// Takes back every word for another bridge, in a new revocation list, and forgets it.
    pub async fn part(&mut self, which: &str, reason: Reason, act: Act) -> Result<PeerRow> {
        let peer = self.find_peer(which).cloned();
        let peer = peer.ok_or_else(|| Error::state("we vouch for no bridge of this name"))?;
        let crosses = self.taken_back(&peer.fingerprint, CrossKind::ToPeer, reason, act.at_ms);
        let details =
            json!({"name": peer.name, "reason": word(reason), "certificates": crosses.len()});
        let change = BridgeChange {
            bridge: Some(self.with_list(&crosses, act.at_ms / 1000)?),
            gone_peers: vec![peer.fingerprint.clone()],
            crosses,
            ..BridgeChange::default()
        };
        self.commit(change, act, "bridge.part", &peer.fingerprint, details).await?;
        Ok(peer)
    }

    /// Returns true if our certificate for another bridge ends within 90 days, or does not exclude a domain of a member.
    pub(super) fn is_peer_due(&self, peer: &PeerRow, at: i64) -> bool {
        let current = self.current(&peer.fingerprint, CrossKind::ToPeer, at);
        let ends = current.as_ref().map_or(i64::MIN, Certificate::not_after);
        ends < at + CROSS_RENEWAL || !self.excludes_members(current.as_ref(), &peer.terms)
    }

    /// Issues what the bridge says of another one.
    pub(super) fn certificate_for_peer(
        &self,
        peer: &PeerRow,
        levels: &Levels,
        at: i64,
    ) -> Result<Certificate> {
        let terms = &peer.terms;
        let mut mappings = Vec::new();
        let mut policies: Vec<String> = levels.all_policies();
        policies.retain(|policy| is_policy(policy));
        for (ours, theirs) in &terms.mappings {
            // A level can be named, which people can read.
            let ours = levels.level(ours).map_or(ours, |level| &level.policy);
            if !policies.contains(ours) {
                return Err(Error::state(format!("{ours} is the policy of none of our levels")));
            }
            mappings.push((ours.clone(), theirs.clone()));
        }
        if !mappings.is_empty() {
            policies.retain(|policy| mappings.iter().any(|(ours, _)| ours == policy));
        }
        let here = |file: &str| vec![format!("{}{file}", self.url())];
        let crossing = Crossing {
            subject: Certificate::from_der(&peer.authority)?,
            limits: Limits {
                names: issue::except(&self.excluded(terms), &terms.permitted)?,
                policy_mappings: mappings,
                require_explicit_policy: None,
                // The other bridge maps to its members, and nobody after it.
                inhibit_policy_mapping: Some(1),
                inhibit_any_policy: Some(0),
            },
            path_length: Some(terms.path_length),
            policies,
            crl_urls: here(url::CRL),
            issuer_urls: here(url::ISSUED_TO),
            repository_urls: vec![format!("{}{}", peer.url, url::ISSUED_BY)],
            not_after: at + CROSS_LIFE,
        };
        Ok(issue::cross(&crossing, &self.issuer(), at, keys::bytes()?)?)
    }

    /// Returns the domains that another bridge may not speak for: those of our members first of all.
    fn excluded(&self, terms: &PeerTerms) -> Vec<String> {
        let mut excluded: Vec<String> = self.member_domains().map(str::to_owned).collect();
        excluded.extend(terms.excluded.iter().cloned());
        excluded.sort();
        excluded.dedup();
        excluded
    }

    /// Returns the proven domains of members.
    fn member_domains(&self) -> impl Iterator<Item = &str> {
        let members = self.book.members.iter().filter(|it| it.state == MemberState::Member);
        members.flat_map(proven)
    }

    /// Returns true if a certificate has exactly the constraints that it would get today.
    fn excludes_members(&self, certificate: Option<&Certificate>, terms: &PeerTerms) -> bool {
        let limits = issue::except(&self.excluded(terms), &terms.permitted);
        certificate.zip(limits.ok()).is_some_and(|(it, limits)| it.name_limits() == limits)
    }
}
