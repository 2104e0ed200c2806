//! What is wrong with the bridge and its members, or will be soon: everything at once, each with its mend.

use chancery_net::dns::Resolver;
use chancery_pki::Certificate;
use chancery_smime::bridge::url;
use chancery_store::bridge::{CrossKind, MemberRow, MemberState};
use serde::Serialize;

use super::{CROSS_RENEWAL, DAY, Host, card};
use crate::assurance::{Levels, day};
use crate::error::Error;
use crate::proof;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// As it must be.
    Good,
    /// It will be a problem.
    Warning,
    /// It is one.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The member, or the bridge.
    pub of: String,
    /// How it is.
    pub condition: Condition,
    /// What was found.
    pub what: String,
    /// What to do; empty if nothing.
    pub mend: String,
}

impl Host<'_> {
    /// Looks at everything: lists, certificates, proofs, reviews, mappings. Without a resolver, proofs are not looked for.
    pub async fn check(&self, levels: &Levels, resolver: Option<&Resolver>, at: i64) -> Vec<Found> {
        let mut found = self.check_bridge(at);
        for member in &self.book.members {
            match member.state {
                MemberState::Asked => found.push(asked(member, at)),
                MemberState::Member => {
                    self.check_member(member, levels, at, &mut found);
                    if let Some(resolver) = resolver {
                        check_proofs(member, resolver, &mut found).await;
                    }
                }
                MemberState::Revoked => {}
            }
        }
        self.check_peers(at, &mut found);
        found
    }

    fn check_peers(&self, at: i64, found: &mut Vec<Found>) {
        for peer in &self.book.peers {
            let of = &peer.name;
            let mend = "chancery bridge renew; `chancery serve` does it by itself";
            match self.current(&peer.fingerprint, CrossKind::ToPeer, at) {
                None => found.push(problem(of, "has no certificate that counts".to_owned(), mend)),
                Some(it) => {
                    let end = it.not_after();
                    found.push(term(of, "our certificate for it", end, at, CROSS_RENEWAL, mend));
                }
            }
            if self.is_peer_due(peer, at) {
                let what =
                    "its certificate ends soon, or does not exclude the domains of all members";
                found.push(warning(of, what.to_owned(), mend));
            }
            let mend = "ask it for what `chancery bridge peer OUR-CERTIFICATE --out FILE` wrote, then chancery bridge peer FILE";
            match self.current(&peer.fingerprint, CrossKind::FromPeer, at) {
                None => {
                    let what = "its certificate for our bridge is not here".to_owned();
                    found.push(warning(of, what, mend));
                }
                Some(it) => {
                    let end = it.not_after();
                    found.push(term(of, "its certificate for ours", end, at, CROSS_RENEWAL, mend));
                }
            }
        }
    }

    /// Judges what somebody gets who fetches the revocation list from where members look for it.
    pub fn judge_published(&self, fetched: Result<&[u8], &str>) -> Found {
        let place = format!("{}{}", self.url(), url::CRL);
        let of = self.name().to_owned();
        let mend = "run `chancery serve`, or `chancery bridge publish --out DIR` where a web server serves it";
        match fetched {
            Ok(bytes) if bytes == self.book.bridge.crl => {
                good(&of, format!("{place} is up to date"))
            }
            Ok(_) => {
                problem(&of, format!("{place} has another revocation list than the newest"), mend)
            }
            Err(why) => problem(&of, format!("{place} cannot be fetched: {why}"), mend),
        }
    }

    fn check_bridge(&self, at: i64) -> Vec<Found> {
        let of = self.name();
        let mut found = Vec::new();
        let list = self.book.bridge.crl_ends_ms / 1000;
        let mend = "chancery bridge renew; `chancery serve` does it by itself";
        found.push(term(of, "the revocation list", list, at, DAY, mend));
        let end = self.authority.not_after();
        let mend = "chancery bridge renew --new-key";
        found.push(term(of, "the bridge's certificate", end, at, 365 * DAY, mend));
        found
    }

    fn check_member(&self, member: &MemberRow, levels: &Levels, at: i64, found: &mut Vec<Found>) {
        let of = &member.name;
        let domain = member.domains.first().map_or("", |it| it.domain.as_str());
        let review = member.review_at_ms.unwrap_or(0) / 1000;
        let mend = format!("look at the member again, then chancery bridge cross-sign {domain}");
        found.push(term(of, "the membership without a review", review, at, 30 * DAY, &mend));
        match self.current(&member.fingerprint, CrossKind::ToMember, at) {
            None => {
                found.push(problem(of, "has no cross-certificate that counts".to_owned(), &mend));
            }
            Some(certificate) => {
                let end = certificate.not_after();
                found.push(term(
                    of,
                    "its cross-certificate",
                    end,
                    at,
                    CROSS_RENEWAL,
                    "chancery bridge renew",
                ));
                check_words(member, &certificate, levels, at, found);
            }
        }
        match self.current(&member.fingerprint, CrossKind::FromMember, at) {
            None => found.push(warning(
                of,
                "its own certificate for the bridge is not here".to_owned(),
                "ask it for what `chancery bridge cross-sign ANSWER --out FILE` wrote, then chancery bridge cross-sign FILE",
            )),
            Some(certificate) => found.push(term(of, "its certificate for the bridge", certificate.not_after(), at, CROSS_RENEWAL, "ask it for a new one")),
        }
        match card(member) {
            Err(error) => found.push(problem(of, error.to_string(), "ask it for a new request")),
            Ok(card) => found.push(term(
                of,
                "its card",
                card.expires(),
                at,
                30 * DAY,
                "ask it for a new request",
            )),
        }
    }
}

/// What the certificate says, beside what the table says now.
fn check_words(
    member: &MemberRow,
    certificate: &Certificate,
    levels: &Levels,
    at: i64,
    found: &mut Vec<Found>,
) {
    let (of, today) = (&member.name, day(at));
    let domains: Vec<String> = member.domains.iter().map(|it| it.domain.clone()).collect();
    let domain = domains.first().map_or("", String::as_str);
    let again = format!("chancery bridge cross-sign {domain}");
    let level = member.level.as_deref().unwrap_or_default();
    if levels.level(level).is_none() {
        found.push(problem(
            of,
            format!("its level {level:?} is not in the table"),
            "correct levels.toml",
        ));
    }
    for mapping in levels.of(&domains).filter(|it| !it.is_in_force(today)) {
        let what = format!(
            "the mapping of its policy {} to {}: {}",
            mapping.policy,
            mapping.level,
            mapping.state(today)
        );
        found.push(problem(of, what, &format!("review it in levels.toml, then {again}")));
    }
    if certificate.policy_mappings() != levels.pairs(&domains, level, today) {
        found.push(problem(
            of,
            "its cross-certificate maps other policies than the table does now".to_owned(),
            &again,
        ));
    }
    let unmapped = member
        .policies
        .iter()
        .filter(|policy| !levels.of(&domains).any(|it| &it.policy == *policy));
    for policy in unmapped {
        found.push(warning(
            of,
            format!("nobody has compared its policy {policy} with a level"),
            "add a [[mapping]] to levels.toml",
        ));
    }
}

fn asked(member: &MemberRow, at: i64) -> Found {
    let domain = member.domains.first().map_or("", |it| it.domain.as_str());
    let unproven = member.domains.iter().filter(|it| it.proof.is_none());
    let is_expired = unproven.clone().any(|it| it.token_ends_ms / 1000 < at);
    let (what, mend) = if unproven.clone().count() == 0 {
        ("asks, and its domains are proven", format!("chancery bridge cross-sign {domain}"))
    } else if is_expired {
        ("asks, and its token has expired", "let it ask again".to_owned())
    } else {
        ("asks, and has not proven its domains", format!("chancery bridge prove {domain}"))
    };
    warning(&member.name, what.to_owned(), &mend)
}

async fn check_proofs(member: &MemberRow, resolver: &Resolver, found: &mut Vec<Found>) {
    for row in &member.domains {
        let Some(proven) = &row.proof else {
            let mend = format!("chancery bridge prove {}", row.domain);
            found.push(warning(&member.name, format!("{} is not proven", row.domain), &mend));
            continue;
        };
        if proven.how != "dns" {
            found.push(good(
                &member.name,
                format!("{} was confirmed by {}", row.domain, proven.who),
            ));
            continue;
        }
        match proof::look(resolver, &row.domain, &row.token).await {
            Ok(_) => {
                found
                    .push(good(&member.name, format!("the proof for {} still stands", row.domain)));
            }
            // What cannot be seen now says nothing about who has the domain.
            Err(error @ Error::LookUp { .. }) => found.push(warning(
                &member.name,
                error.to_string(),
                "try again later; `dns.servers` names who is asked",
            )),
            Err(error) => {
                let mend = format!(
                    "ask whether the domain has changed hands; if so, chancery bridge revoke {}",
                    row.domain
                );
                found.push(problem(&member.name, error.to_string(), &mend));
            }
        }
    }
}

/// Judges something that ends.
fn term(of: &str, what: &str, end: i64, at: i64, ahead: i64, mend: &str) -> Found {
    let until = day(end);
    if end <= at {
        problem(of, format!("{what} ended {until}"), mend)
    } else if end < at + ahead {
        warning(of, format!("{what} ends {until}"), mend)
    } else {
        good(of, format!("{what} counts until {until}"))
    }
}

fn good(of: &str, what: String) -> Found {
    Found { of: of.to_owned(), condition: Condition::Good, what, mend: String::new() }
}

fn warning(of: &str, what: String, mend: &str) -> Found {
    Found { of: of.to_owned(), condition: Condition::Warning, what, mend: mend.to_owned() }
}

fn problem(of: &str, what: String, mend: &str) -> Found {
    Found { of: of.to_owned(), condition: Condition::Problem, what, mend: mend.to_owned() }
}
