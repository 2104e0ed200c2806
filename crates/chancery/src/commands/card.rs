//! Partner cards: making ours, taking theirs.

use chancery_gateway::identity::Identity;
use chancery_pki::Certificate;
use chancery_smime::card::{Capabilities, Card, Contents};
use chancery_store::Store;
use chancery_store::partner::PartnerRow;

use crate::failure::{Failure, Result};
use crate::installation::{Installation, act, now_ms};

/// Makes this organisation's card, armoured, with its fingerprint.
pub fn make(installation: &Installation, identity: &Identity) -> Result<(String, String)> {
    let settings = &installation.settings;
    let now = now_ms() / 1000;
    let signing = listed(identity.signing(), now);
    let encryption = listed(identity.encryption(), now);
    // The card is good as long as the first of the certificates in use.
    let ends = signing.first().into_iter().chain(encryption.first()).map(Certificate::not_after);
    let expires = ends.min().unwrap_or(now);
    let contents = Contents {
        organisation: installation.organisation()?,
        authority: identity.authority().clone(),
        chain: Vec::new(),
        signing,
        encryption,
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

/// Returns the certificates for the card: the one in use, and those before it that are valid still, so that what was made
/// for them is known as well.
fn listed(certificates: &[Certificate], now: i64) -> Vec<Certificate> {
    let old = certificates.iter().skip(1).filter(|it| it.is_valid_at(now)).take(MAX_OLD);
    certificates.iter().take(1).chain(old).cloned().collect()
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

/// A card takes sixteen certificates of a kind; whoever renews more often than this has no use for the oldest.
const MAX_OLD: usize = 7;
