//! A request comes in, and its domains are proven.

use chancery_crypto::hex;
use chancery_net::dns::Resolver;
use chancery_smime::bridge::{Request, plain};
use chancery_smime::card;
use chancery_store::Act;
use chancery_store::bridge::{BridgeChange, DomainRow, MemberRow, MemberState, ProofRow};
use serde_json::json;

use super::{Host, TOKEN_LIFE};
use crate::error::{Error, Result};
use crate::{keys, proof};

/// A request that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Who asks.
    pub member: MemberRow,
    /// True if it is a member already, and asks for a change.
    pub is_known: bool,
}

impl Host<'_> {
    /// Takes a request: checks it, and gives a token for each domain that is not proven yet.
    ///
    /// Nobody gets anything by asking: what a member has stays as it is until [`Host::cross_sign`].
    pub async fn take(&mut self, request: &[u8], act: Act) -> Result<Taken> {
        let at = act.at_ms / 1000;
        let (request, card) = Request::read(request, &self.fingerprint(), at)?;
        if self.store.has_bridge_request(&request.id)? {
            return Err(Error::paper("request", "it was taken before"));
        }
        let fingerprint = card.fingerprint();
        for domain in &request.domains {
            self.refuse_taken(domain, &fingerprint)?;
        }
        let known = self.book.members.iter().find(|it| it.fingerprint == fingerprint);
        let is_known = known.is_some_and(|it| it.state == MemberState::Member);
        let before = known.map_or(&[][..], |it| &it.domains);
        let mut domains = Vec::with_capacity(request.domains.len());
        for domain in &request.domains {
            let proven = before.iter().find(|it| &it.domain == domain && it.proof.is_some());
            domains.push(match proven {
                Some(proven) if is_known => proven.clone(),
                _ => DomainRow {
                    domain: domain.clone(),
                    token: hex(&keys::bytes::<16>()?),
                    token_ends_ms: act.at_ms + TOKEN_LIFE * 1000,
                    proof: None,
                },
            });
        }
        let member = MemberRow {
            fingerprint: fingerprint.clone(),
            name: plain(card.organisation()),
            state: if is_known { MemberState::Member } else { MemberState::Asked },
            wanted: request.level.clone(),
            level: known.and_then(|it| it.level.clone()).filter(|_| is_known),
            policies: request.policies.clone(),
            publication: request.publication.clone(),
            asked_at_ms: act.at_ms,
            since_ms: known.and_then(|it| it.since_ms).filter(|_| is_known),
            review_at_ms: known.and_then(|it| it.review_at_ms).filter(|_| is_known),
            domains,
            request_id: request.id.clone(),
            card: request.card.into_bytes(),
        };
        let details = json!({"name": member.name, "domains": request.domains, "level": member.wanted,
            "policies": member.policies, "request": request.id});
        let change = BridgeChange {
            members: vec![member.clone()],
            request: Some(request.id),
            ..BridgeChange::default()
        };
        self.commit(change, act, "bridge.request", &fingerprint, details).await?;
        Ok(Taken { member, is_known })
    }

    /// Looks for the tokens of a member's domains; writes what was found, and fails with the first that is missing.
    pub async fn prove(
        &mut self,
        domain: &str,
        resolver: &Resolver,
        act: Act,
    ) -> Result<MemberRow> {
        let mut member = self.member(domain)?.clone();
        let (mut missing, mut proven) = (None, Vec::new());
        for row in member.domains.iter_mut().filter(|it| it.proof.is_none()) {
            if row.token_ends_ms < act.at_ms {
                missing = missing.or_else(|| {
                    Some(Error::proof(
                        &row.domain,
                        "the token has expired; the member must ask again",
                    ))
                });
                continue;
            }
            match proof::look(resolver, &row.domain, &row.token).await {
                Ok(evidence) => {
                    proven.push(row.domain.clone());
                    row.proof = Some(ProofRow {
                        how: "dns".to_owned(),
                        who: act.who.clone(),
                        at_ms: act.at_ms,
                        evidence,
                    });
                }
                Err(error) => missing = missing.or(Some(error)),
            }
        }
        self.write_proofs(&member, &proven, "dns", act).await?;
        missing.map_or(Ok(member), Err)
    }

    /// Notes that a person has settled by telephone, or in another way, that the member's domains are its own.
    pub async fn confirm(
        &mut self,
        domain: &str,
        fingerprint: &str,
        evidence: &str,
        act: Act,
    ) -> Result<MemberRow> {
        let mut member = self.member(domain)?.clone();
        if !card::is_fingerprint(fingerprint, &member.fingerprint) {
            let reason =
                format!("the fingerprint is {}, not {}", member.fingerprint, plain(fingerprint));
            return Err(Error::proof(domain, reason));
        }
        if evidence.trim().is_empty() {
            return Err(Error::state("say how it was settled that the domains are the member's"));
        }
        let mut proven = Vec::new();
        for row in member.domains.iter_mut().filter(|it| it.proof.is_none()) {
            proven.push(row.domain.clone());
            row.proof = Some(ProofRow {
                how: "person".to_owned(),
                who: act.who.clone(),
                at_ms: act.at_ms,
                evidence: plain(evidence),
            });
        }
        self.write_proofs(&member, &proven, "person", act).await?;
        Ok(member)
    }

    async fn write_proofs(
        &mut self,
        member: &MemberRow,
        proven: &[String],
        how: &str,
        act: Act,
    ) -> Result<()> {
        if proven.is_empty() {
            return Ok(());
        }
        let details = json!({"name": member.name, "domains": proven, "how": how});
        let change = BridgeChange { members: vec![member.clone()], ..BridgeChange::default() };
        self.commit(change, act, "bridge.prove", &member.fingerprint, details).await
    }

    /// A domain belongs to one member.
    pub(super) fn refuse_taken(&self, domain: &str, fingerprint: &str) -> Result<()> {
        let others = self.book.members.iter();
        let others =
            others.filter(|it| it.state == MemberState::Member && it.fingerprint != fingerprint);
        for other in others {
            if other.domains.iter().any(|it| it.proof.is_some() && it.domain == domain) {
                return Err(Error::domain(
                    domain,
                    format!("it belongs to the member {}", other.name),
                ));
            }
        }
        Ok(())
    }
}
