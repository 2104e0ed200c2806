//! Partner cards: making ours, taking theirs.

use chancery_gateway::identity::Identity;
use chancery_pki::Organisation;
use chancery_smime::card::{Capabilities, Card, Contents};
use chancery_store::Store;
use chancery_store::partner::PartnerRow;

use crate::failure::{Failure, Result};
use crate::installation::{Installation, act, now_ms};

/// Makes this organisation's card, armoured, with its fingerprint.
pub fn make(installation: &Installation, identity: &Identity) -> Result<(String, String)> {
    let settings = &installation.settings;
    let now = now_ms() / 1000;
    // The card is good as long as the first of its certificates.
    let expires = identity.signing().not_after().min(identity.encryption().not_after());
    let organisation = Organisation::new(&settings.organisation, settings.domains.clone())
        .map_err(|error| Failure::of("cannot write the card", &error))?;
    let contents = Contents {
        organisation,
        authority: identity.authority().clone(),
        chain: Vec::new(),
        signing: vec![identity.signing().clone()],
        encryption: vec![identity.encryption().clone()],
        capabilities: Capabilities::ours(),
        hosts: vec![settings.hostname.clone()],
        issued: now,
        expires,
    };
    let text = Card::write(&contents, identity.signer())
        .map_err(|error| Failure::of("cannot write the card", &error))?;
    let (card, _) = Card::read(text.as_bytes(), now)
        .map_err(|error| Failure::of("the card does not read back", &error))?;
    Ok((text, card.fingerprint()))
}

/// Adds a partner whose card was read and whose fingerprint was compared.
pub async fn add(store: &Store, card: &Card, bytes: &[u8]) -> Result {
    let act = act("chancery partner add");
    let row = PartnerRow {
        name: card.organisation().to_owned(),
        domains: card.domains().to_vec(),
        card: bytes.to_vec(),
        fingerprint: card.fingerprint(),
        added_at_ms: act.at_ms,
        added_by: act.who.clone(),
        expires_at_ms: card.expires().saturating_mul(1000),
    };
    Ok(store.put_partner(row, act).await?)
}
