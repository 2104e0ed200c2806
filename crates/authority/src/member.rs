//! The member's side: asking a bridge, taking its answer, leaving.

use chancery_crypto::hex;
use chancery_crypto::seal::MasterKey;
use chancery_pki::issue::{self, Authority, Crossing, Limits};
use chancery_pki::{Certificate, ObjectIdentifier};
use chancery_smime::bridge::{Answer, Request, plain, url};
use chancery_smime::card;
use chancery_store::bridge::JoinedBridge;
use chancery_store::key::KeyPurpose;
use chancery_store::{Act, Store};
use serde_json::json;

use crate::error::{Error, Result};
use crate::keys;

/// What is asked of a bridge.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The assurance level.
    pub level: String,
    /// The domains.
    pub domains: Vec<String>,
    /// Object identifiers of our own certificate policies.
    pub policies: Vec<String>,
    /// Where we publish ourselves.
    pub publication: Option<String>,
    /// Our card.
    pub card: String,
}

/// What we let a bridge speak for.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Domains that it may not speak for, ours above all; those below them neither.
    pub excluded: Vec<String>,
    /// The only domains that it may speak for; empty for all but the excluded ones.
    pub permitted: Vec<String>,
    /// Pairs of a policy of ours and the bridge's policy that we take for it; without any, the bridge's policies count as
    /// they are.
    pub mappings: Vec<(String, String)>,
}

/// What came of an answer.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The bridge as it is stored now.
    pub bridge: JoinedBridge,
    /// What our authority says of the bridge, to give back to it.
    pub certificate: Certificate,
    /// What the bridge says of us.
    pub from_bridge: Certificate,
}

/// Asks a bridge whose fingerprint was compared; returns the request to give to it.
pub async fn ask(
    store: &Store,
    master: &MasterKey,
    bridge: &Certificate,
    wish: Wish,
    act: Act,
) -> Result<String> {
    if !bridge.is_ca() || !bridge.is_self_issued() {
        return Err(Error::paper("certificate", "it is not that of a bridge"));
    }
    let (key, authority) = keys::unseal(store, master, KeyPurpose::Ca)?;
    if bridge.spki() == authority.spki() {
        return Err(Error::state("this is our own authority, and no bridge"));
    }
    let at = act.at_ms / 1000;
    let fingerprint = keys::fingerprint(bridge);
    let request = Request {
        id: hex(&keys::bytes::<16>()?),
        bridge: fingerprint.clone(),
        level: wish.level,
        domains: wish.domains,
        policies: wish.policies,
        publication: wish.publication,
        card: wish.card,
        issued: at,
    };
    let text = request.write(&key, &authority)?;
    // What the bridge would refuse does not leave.
    Request::read(text.as_bytes(), &fingerprint, at)?;
    let known = store.bridges()?.into_iter().find(|it| it.fingerprint == fingerprint);
    let details = json!({"name": bridge.subject(), "domains": request.domains, "level": request.level, "request": request.id});
    let row = JoinedBridge {
        request_id: request.id,
        asked_at_ms: act.at_ms,
        ..known.unwrap_or_else(|| JoinedBridge {
            fingerprint,
            name: bridge.subject(),
            url: String::new(),
            level: request.level,
            request_id: String::new(),
            asked_at_ms: act.at_ms,
            since_ms: None,
            ends_ms: None,
            authority: bridge.der().to_vec(),
            to_bridge: None,
            from_bridge: None,
        })
    };
    store.put_joined_bridge(row, act, "bridge.ask", details).await?;
    Ok(text)
}

/// Takes the answer of a bridge, vouches for it within our terms, and stores both certificates in one commit.
pub async fn accept(
    store: &Store,
    master: &MasterKey,
    answer: &[u8],
    terms: &Terms,
    act: Act,
) -> Result<Joined> {
    let at = act.at_ms / 1000;
    let (key, authority) = keys::unseal(store, master, KeyPurpose::Ca)?;
    let mut refusal =
        Error::state("we have not asked any bridge; begin with `chancery bridge join`");
    for row in store.bridges()? {
        let bridge = Certificate::from_der(&row.authority)?;
        match Answer::read(answer, &bridge, &row.request_id, &authority, at) {
            Err(error) => refusal = error.into(),
            Ok((answer, from_bridge)) => {
                let issuer = Authority { key: &key, certificate: &authority };
                let certificate = vouch(&issuer, &bridge, &answer, terms, at)?;
                let ends = from_bridge.not_after().min(certificate.not_after());
                let details = json!({"name": plain(&answer.bridge), "url": answer.url, "level": answer.level,
                    "excluded": terms.excluded, "permitted": terms.permitted, "mappings": terms.mappings,
                    "to_bridge": certificate.fingerprint_sha256(), "from_bridge": from_bridge.fingerprint_sha256()});
                let joined = JoinedBridge {
                    name: answer.bridge,
                    url: answer.url,
                    level: answer.level,
                    since_ms: row.since_ms.or(Some(act.at_ms)),
                    ends_ms: Some(ends.saturating_mul(1000)),
                    to_bridge: Some(certificate.der().to_vec()),
                    from_bridge: Some(from_bridge.der().to_vec()),
                    ..row
                };
                store.put_joined_bridge(joined.clone(), act, "bridge.join", details).await?;
                return Ok(Joined { bridge: joined, certificate, from_bridge });
            }
        }
    }
    Err(refusal)
}

/// Leaves a bridge, known by its name, its address or its fingerprint: nothing is reached through it from then on.
pub async fn leave(store: &Store, bridge: &str, act: Act) -> Result<JoinedBridge> {
    let row = store.bridges()?.into_iter().find(|it| {
        it.name == bridge || it.url == bridge || card::is_fingerprint(bridge, &it.fingerprint)
    });
    let row = row.ok_or_else(|| Error::state("we have not joined a bridge of this name"))?;
    store.remove_joined_bridge(&row.fingerprint, act).await?;
    Ok(row)
}

/// Issues what our authority says of a bridge.
fn vouch(
    issuer: &Authority<'_>,
    bridge: &Certificate,
    answer: &Answer,
    terms: &Terms,
    at: i64,
) -> Result<Certificate> {
    if issuer.certificate.path_length().is_some_and(|length| length <= u32::from(BELOW)) {
        return Err(Error::state(
            "our authority's certificate permits no other authorities below it; renew it: `chancery key renew authority`",
        ));
    }
    let known = |policy: &String| answer.policies.contains(policy);
    if let Some((_, strange)) = terms.mappings.iter().find(|(_, theirs)| !known(theirs)) {
        return Err(Error::state(format!("the bridge has not granted the policy {strange}")));
    }
    let is_oid = |policy: &&String| ObjectIdentifier::new(policy).is_ok();
    let policies: Vec<String> = if terms.mappings.is_empty() {
        answer.policies.iter().filter(is_oid).cloned().collect()
    } else {
        let mut ours: Vec<String> = terms.mappings.iter().map(|(ours, _)| ours.clone()).collect();
        ours.sort();
        ours.dedup();
        ours
    };
    let crossing = Crossing {
        subject: bridge.clone(),
        limits: Limits {
            names: issue::except(&terms.excluded, &terms.permitted)?,
            policy_mappings: terms.mappings.clone(),
            require_explicit_policy: None,
            // The bridge maps to its members or to another bridge, that one to its members, and nobody after it.
            inhibit_policy_mapping: Some(2),
            inhibit_any_policy: Some(0),
        },
        path_length: Some(BELOW),
        policies,
        crl_urls: Vec::new(),
        issuer_urls: vec![format!("{}{}", answer.url, url::ISSUED_TO)],
        repository_urls: vec![format!("{}{}", answer.url, url::ISSUED_BY)],
        not_after: at + LIFE,
    };
    Ok(issue::cross(&crossing, issuer, at, keys::bytes()?)?)
}

/// Authorities below a bridge: another bridge, the member's, and one of the member's own.
const BELOW: u8 = 3;
/// How long we vouch for a bridge: two years, in seconds.
const LIFE: i64 = 2 * 365 * 86_400;
