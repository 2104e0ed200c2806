//! The bridge vouches for a member, takes back what the member says of it, and revokes.

use chancery_pki::Certificate;
use chancery_pki::issue::{self, Crossing, Limits, Reason, Revoked};
use chancery_smime::bridge::{Answer, is_vouched_for, url};
use chancery_store::Act;
use chancery_store::bridge::{
    BridgeChange, CrossKind, CrossRow, DomainRow, MemberRow, MemberState, OwnBridge,
};
use serde_json::json;

use super::{CRL_LIFE, CROSS_LIFE, Host, REVIEW, card, is_policy, proven};
use crate::assurance::{Levels, day};
use crate::error::{Error, Result};
use crate::keys;

/// What the bridge grants.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// The level; `None` for the one that was asked for.
    pub level: Option<String>,
}

/// A certificate of a member, or of another bridge, for the bridge that was taken.
#[derive(Clone, Debug)]
pub struct Returned {
    /// What the member or the other bridge calls itself.
    pub name: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// The domains of a member.
    pub domains: Vec<DomainRow>,
}

impl Host<'_> {
    /// Vouches for a member whose domains are proven; returns the answer to give to it. What was said of it before stays
    /// valid until its end.
    pub async fn cross_sign(
        &mut self,
        domain: &str,
        grant: &Grant,
        levels: &Levels,
        act: Act,
    ) -> Result<String> {
        let at = act.at_ms / 1000;
        let mut member = self.member(domain)?.clone();
        let level = grant.level.clone().unwrap_or_else(|| member.wanted.clone());
        if levels.level(&level).is_none() {
            return Err(Error::state(format!(
                "there is no level {level:?}; see `chancery bridge levels`"
            )));
        }
        for row in &member.domains {
            if row.proof.is_none() {
                return Err(Error::domain(&row.domain, "it is not proven"));
            }
            // Between the request and now another member may have become faster.
            self.refuse_taken(&row.domain, &member.fingerprint)?;
        }
        member.state = MemberState::Member;
        member.level = Some(level);
        member.since_ms = member.since_ms.or(Some(act.at_ms));
        member.review_at_ms = Some(act.at_ms + REVIEW * 1000);
        let certificate = self.certificate_for(&member, levels, at)?;
        let answer = self.answer(&member, &certificate, levels, at)?;
        let details = json!({"name": member.name, "domains": names(&member.domains), "level": member.level,
            "certificate": certificate.fingerprint_sha256()});
        let subject = member.fingerprint.clone();
        let change = BridgeChange {
            crosses: vec![row(&certificate, &member.fingerprint, CrossKind::ToMember, act.at_ms)],
            members: vec![member],
            ..BridgeChange::default()
        };
        self.commit(change, act.clone(), "bridge.cross_sign", &subject, details).await?;
        // Another bridge must not speak for the new member.
        self.renew(levels, act).await?;
        Ok(answer)
    }

    /// Takes what a member's authority, or another bridge, says of the bridge, for publishing.
    pub async fn returned(&mut self, certificate: &Certificate, act: Act) -> Result<Returned> {
        let at = act.at_ms / 1000;
        let wrong = |reason: &str| Error::paper("certificate", reason);
        if !keys::certificates(self.store, chancery_store::key::KeyPurpose::Bridge)?
            .iter()
            .any(|own| own.spki() == certificate.spki())
            || certificate.subject_name() != self.authority.subject_name()
        {
            return Err(wrong("it is not for this bridge"));
        }
        let found = match self.member_behind(certificate, at)? {
            Some(member) => Some((CrossKind::FromMember, member)),
            None => self.peer_behind(certificate, at)?.map(|peer| (CrossKind::FromPeer, peer)),
        };
        let (kind, returned) = found.ok_or_else(|| {
            wrong("it is by none of the members' authorities and of the bridges that we vouch for, or is not valid now")
        })?;
        let details =
            json!({"name": returned.name, "certificate": certificate.fingerprint_sha256()});
        let change = BridgeChange {
            crosses: vec![row(certificate, &returned.fingerprint, kind, act.at_ms)],
            ..BridgeChange::default()
        };
        self.commit(change, act, "bridge.returned", &returned.fingerprint, details).await?;
        Ok(returned)
    }

    /// Finds the member whose authority issued a certificate for the bridge.
    fn member_behind(&self, certificate: &Certificate, at: i64) -> Result<Option<Returned>> {
        for member in self.book.members.iter().filter(|it| it.state == MemberState::Member) {
            if is_vouched_for(certificate, card(member)?.authority(), at) {
                let MemberRow { name, fingerprint, domains, .. } = member.clone();
                return Ok(Some(Returned { name, fingerprint, domains }));
            }
        }
        Ok(None)
    }

    /// Takes back every word for a member, in a new revocation list; its domains are free for others.
    pub async fn revoke(&mut self, domain: &str, reason: Reason, act: Act) -> Result<MemberRow> {
        let mut member = self.member(domain)?.clone();
        member.state = MemberState::Revoked;
        let crosses = self.taken_back(&member.fingerprint, CrossKind::ToMember, reason, act.at_ms);
        let bridge = self.with_list(&crosses, act.at_ms / 1000)?;
        let details = json!({"name": member.name, "domains": names(&member.domains),
            "reason": word(reason), "certificates": crosses.len()});
        let change = BridgeChange {
            bridge: Some(bridge),
            members: vec![member.clone()],
            crosses,
            ..BridgeChange::default()
        };
        self.commit(change, act, "bridge.revoke", &member.fingerprint, details).await?;
        Ok(member)
    }

    /// Returns what the bridge says of a member, or of another bridge, revoked.
    pub(super) fn taken_back(
        &self,
        of: &str,
        kind: CrossKind,
        reason: Reason,
        at_ms: i64,
    ) -> Vec<CrossRow> {
        let its = |it: &&CrossRow| it.member == of && it.kind == kind && it.revoked.is_none();
        let revoked = |it: &CrossRow| CrossRow {
            revoked: Some((at_ms, word(reason).to_owned())),
            ..it.clone()
        };
        self.book.crosses.iter().filter(its).map(revoked).collect()
    }

    /// Issues what the bridge says of a member.
    pub(super) fn certificate_for(
        &self,
        member: &MemberRow,
        levels: &Levels,
        at: i64,
    ) -> Result<Certificate> {
        let level = member.level.as_deref().unwrap_or_default();
        let proven: Vec<String> = proven(member).map(str::to_owned).collect();
        let mut policies = levels.policies(level);
        policies.retain(|policy| is_policy(policy));
        let here = |file: &str| vec![format!("{}{file}", self.url())];
        let crossing = Crossing {
            subject: card(member)?.authority().clone(),
            limits: Limits {
                names: issue::within(&proven)?,
                policy_mappings: levels.pairs(&proven, level, day(at)),
                require_explicit_policy: None,
                // What is mapped here is mapped for the last time, and nothing below may claim all policies.
                inhibit_policy_mapping: Some(0),
                inhibit_any_policy: Some(0),
            },
            // Authorities of the member's own below the one that is vouched for: a department, a gateway's.
            path_length: Some(1),
            policies,
            crl_urls: here(url::CRL),
            issuer_urls: here(url::ISSUED_TO),
            repository_urls: member
                .publication
                .iter()
                .map(|base| format!("{base}{}", url::ISSUED_BY))
                .collect(),
            not_after: at + CROSS_LIFE,
        };
        Ok(issue::cross(&crossing, &self.issuer(), at, keys::bytes()?)?)
    }

    /// Signs the answer that brings a certificate to its member.
    pub(super) fn answer(
        &self,
        member: &MemberRow,
        certificate: &Certificate,
        levels: &Levels,
        at: i64,
    ) -> Result<String> {
        let level = member.level.clone().unwrap_or_default();
        let answer = Answer {
            request: member.request_id.clone(),
            bridge: self.book.bridge.name.clone(),
            url: self.book.bridge.url.clone(),
            policies: levels.policies(&level),
            level,
            certificate: certificate.to_pem(),
            issued: at,
        };
        Ok(answer.write(&self.key, &self.authority)?)
    }

    /// Issues the next revocation list, with these rows in place of what is stored of them.
    pub(super) fn with_list(&self, changed: &[CrossRow], at: i64) -> Result<OwnBridge> {
        let mut revoked = Vec::new();
        let unchanged = self
            .book
            .crosses
            .iter()
            .filter(|it| !changed.iter().any(|changed| changed.fingerprint == it.fingerprint));
        for it in changed.iter().chain(unchanged) {
            let is_ours = !matches!(it.kind, CrossKind::FromMember | CrossKind::FromPeer);
            let (Some((when, reason)), true) = (&it.revoked, is_ours) else {
                continue;
            };
            // RFC 5280 section 3.3: an entry stays until one list after the end of its certificate.
            if it.ends_ms / 1000 + CRL_LIFE > at {
                let certificate = Certificate::from_der(&it.certificate)?;
                revoked.push(Revoked {
                    serial: certificate.serial().to_vec(),
                    at: when / 1000,
                    reason: reason_of(reason),
                });
            }
        }
        let number = self.book.bridge.crl_number + 1;
        let ends = at + CRL_LIFE;
        let crl = issue::crl(
            &self.issuer(),
            &revoked,
            at,
            ends,
            u64::try_from(number).unwrap_or(u64::MAX),
        )?;
        Ok(OwnBridge {
            crl_number: number,
            crl_ends_ms: ends * 1000,
            crl,
            ..self.book.bridge.clone()
        })
    }
}

/// Returns a certificate as the store keeps it.
pub(super) fn row(
    certificate: &Certificate,
    member: &str,
    kind: CrossKind,
    at_ms: i64,
) -> CrossRow {
    CrossRow {
        fingerprint: certificate.fingerprint_sha256(),
        member: member.to_owned(),
        kind,
        added_at_ms: at_ms,
        ends_ms: certificate.not_after().saturating_mul(1000),
        revoked: None,
        certificate: certificate.der().to_vec(),
    }
}

fn names(domains: &[DomainRow]) -> Vec<&str> {
    domains.iter().map(|it| it.domain.as_str()).collect()
}

pub(super) fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::AffiliationChanged => "affiliation-changed",
        Reason::CessationOfOperation => "cessation-of-operation",
        Reason::KeyCompromise => "key-compromise",
        Reason::Superseded => "superseded",
        Reason::Unspecified => "unspecified",
    }
}

fn reason_of(word_of_it: &str) -> Reason {
    let all = [
        Reason::AffiliationChanged,
        Reason::CessationOfOperation,
        Reason::KeyCompromise,
        Reason::Superseded,
    ];
    all.into_iter().find(|it| word(*it) == word_of_it).unwrap_or(Reason::Unspecified)
}
