//! Members of the bridges that we have joined: found by their domain when mail goes to them, and believed as far as a path
//! through the bridge leads to them.
//!
//! ```text
//! a domain that is no partner's ─► members/DOMAIN.card of each bridge ─► guest of the partner book, for an hour
//! issued-by.p7c of each bridge, once an hour ─► certificates that may help with every path
//! peers.json of each bridge that we have joined ─► bridges behind it, which are asked next and likewise
//! ```
//!
//! Nothing of it is trusted for coming from the bridge: a key counts if a path leads to it from our own authority, and if
//! an authority on the path was limited to the domain by the one above it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use chancery_lookup::Lookup;
use chancery_pki::Certificate;
use chancery_pki::bundle::Bundle;
use chancery_pki::is_domain;
use chancery_smime::bridge::Peers;
use chancery_smime::bridge::url::{self, ISSUED_BY};
use chancery_smime::card::{self, Card};
use chancery_smime::{Anchor, Reach};
use chancery_store::Store;
use chancery_store::bridge::JoinedBridge;
use chancery_store::trust::{Scope, Trusts};

use crate::error::Result;
use crate::inquiry;
use crate::partners::{Partner, PartnerBook};
use crate::server::Gateway;

/// What is known of the members of bridges; a change makes a new value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guests {
    /// By domain, those that were asked for.
    by_domain: BTreeMap<String, Guest>,
    /// What the bridges say of their members, and of other bridges.
    pub(crate) certificates: Vec<Certificate>,
    /// Where bridges publish that ours vouch for; `None` before it was asked.
    further: Option<Vec<String>>,
}

/// The bridges that we have joined.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    /// Where they publish, with a slash at the end.
    pub(crate) urls: Vec<String>,
    /// Certificates of the bridges by our own authority: where every path to a member begins.
    pub(crate) certificates: Vec<Certificate>,
    /// Whom we believe about their members.
    pub(crate) anchor: Anchor,
}

/// A domain that was asked for.
#[derive(Clone, Debug)]
struct Guest {
    /// The member that has it; `None` if no bridge has such a member.
    member: Option<Arc<Partner>>,
    until_ms: i64,
}

impl Guests {
    /// Returns the member that has a domain.
    pub(crate) fn member(&self, domain: &str) -> Option<&Partner> {
        self.by_domain.get(domain)?.member.as_deref()
    }

    /// Returns true if a domain was asked for lately, or cannot be one.
    pub(crate) fn is_known(&self, domain: &str, now_ms: i64) -> bool {
        !is_domain(domain) || self.by_domain.get(domain).is_some_and(|it| now_ms < it.until_ms)
    }
}

impl Joined {
    /// Reads which bridges we have joined; `None` if there is none. `authority` is our own.
    pub(crate) fn read(
        store: &Store,
        trusts: &Trusts,
        authority: &Certificate,
    ) -> Result<Option<Self>> {
        let bridges = store.bridges()?.into_iter().filter(JoinedBridge::is_joined);
        let (mut urls, mut names, mut certificates) = (Vec::new(), Vec::new(), Vec::new());
        for bridge in bridges {
            let to_bridge = bridge.to_bridge.as_deref();
            certificates.extend(to_bridge.and_then(|der| Certificate::from_der(der).ok()));
            urls.push(bridge.url);
            names.push(bridge.name);
        }
        if urls.is_empty() {
            return Ok(None);
        }
        let settings = trusts.of(&Scope::Partners).cloned().unwrap_or_default();
        let trust = Arc::new(settings.trust(Some(authority), None));
        let name = format!("member of {}", names.join(" or "));
        let anchor = Anchor { name, trust, reach: Reach::Constrained, own: false };
        Ok(Some(Self { urls, certificates, anchor }))
    }
}

/// Looks for members with these domains, and keeps what was found.
pub(crate) async fn find(gateway: &Gateway, lookup: &Lookup, domains: Vec<String>) {
    let book = gateway.partners();
    let at = gateway.now_ms() / 1000;
    let mut found = Vec::new();
    let is_refreshed = gateway.guests().further.is_none();
    if is_refreshed {
        refresh(gateway, lookup, &book).await;
    }
    let guests = gateway.guests();
    // The nearest are asked first: what they say of a domain is said with fewer words between.
    let bridges: Vec<&String> =
        book.bridges().iter().chain(guests.further.iter().flatten()).collect();
    for domain in domains.into_iter().take(MAX_DOMAINS) {
        let mut member = None;
        for bridge in &bridges {
            let url = format!("{bridge}{}", url::card(&domain));
            let bytes = match lookup.file(&url, card::MAX_LENGTH).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    tracing::info!(url, %error, "no card of a member");
                    continue;
                }
            };
            match Card::read(&bytes, at) {
                Ok((card, _)) if card.domains().contains(&domain) => {
                    member = book.guest(&card, &domain).map(Arc::new);
                }
                Ok(_) => tracing::warn!(url, "the bridge gives the card of somebody else"),
                Err(error) => {
                    tracing::warn!(url, %error, "the bridge gives a card that does not count");
                }
            }
            if member.is_some() {
                break;
            }
        }
        found.push((domain, member));
    }
    if !is_refreshed && found.iter().any(|(_, member)| member.is_some()) {
        // A member may be newer than what we know of the bridge.
        refresh(gateway, lookup, &book).await;
    }
    let Ok(book) = gateway.current_partners() else { return };
    for member in found.iter().filter_map(|(_, member)| member.as_ref()) {
        let inquiries = book.inquiries_of(member, at);
        let wait = gateway.settings.lookup_wait;
        drop(inquiry::ask_around(lookup, inquiries, wait).await);
    }
    let now_ms = gateway.now_ms();
    gateway.change_guests(|guests| {
        guests.by_domain.retain(|_, guest| now_ms < guest.until_ms);
        for (domain, member) in found {
            let pause_ms = if member.is_some() { KEPT_MS } else { MISSED_MS };
            let until_ms = now_ms.saturating_add(pause_ms);
            guests.by_domain.insert(domain, Guest { member, until_ms });
        }
    });
}

/// Fetches which bridges ours vouch for; only those next to ours count. `None` if no bridge says.
async fn further(lookup: &Lookup, book: &PartnerBook) -> Option<Vec<String>> {
    let (mut further, mut is_told) = (Vec::new(), false);
    for bridge in book.bridges() {
        let url = format!("{bridge}{}", url::PEERS);
        let bytes = match lookup.file(&url, Peers::MAX_LENGTH).await {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::info!(url, %error, "no bridges behind this one");
                continue;
            }
        };
        is_told = true;
        for address in Peers::addresses(&bytes) {
            if !book.bridges().contains(&address) && !further.contains(&address) {
                further.push(address);
            }
        }
    }
    further.truncate(Peers::LIMIT);
    is_told.then_some(further)
}

/// Fetches what the bridges say of their members, and which bridges are behind them.
pub(crate) async fn refresh(gateway: &Gateway, lookup: &Lookup, book: &PartnerBook) {
    let mut certificates: Vec<Certificate> = Vec::new();
    let further = further(lookup, book).await;
    // Who is silent now has not taken back what it said before.
    let further = further.or_else(|| gateway.guests().further.clone()).unwrap_or_default();
    for bridge in book.bridges().iter().chain(&further) {
        let url = format!("{bridge}{ISSUED_BY}");
        let bundle = match lookup.file(&url, MAX_BUNDLE).await {
            Ok(bytes) => Bundle::from_bytes(&bytes).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match bundle {
            Ok(bundle) => certificates.extend(bundle.certificates),
            Err(error) => {
                tracing::warn!(url, error, "cannot fetch what a bridge says of its members");
            }
        }
    }
    gateway.change_guests(|guests| {
        guests.further = Some(further);
        // A bridge that cannot be reached now has not taken back what it said; its revocation list would say so.
        if !certificates.is_empty() {
            guests.certificates = certificates;
        }
    });
}

impl Gateway {
    /// Returns what is known of the members of bridges.
    pub(crate) fn guests(&self) -> Arc<Guests> {
        Arc::clone(&self.guests.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change_guests(&self, change: impl FnOnce(&mut Guests)) {
        let mut place = self.guests.write().unwrap_or_else(PoisonError::into_inner);
        let mut guests = Guests::clone(&place);
        change(&mut guests);
        *place = Arc::new(guests);
    }
}

/// How long a member that was found counts before it is asked for again.
const KEPT_MS: i64 = 3_600_000;
/// How long a domain that no bridge has is not asked for again.
const MISSED_MS: i64 = 300_000;
/// Domains of one message that are asked for.
const MAX_DOMAINS: usize = 16;
/// What a bridge of ten thousand members says of them.
const MAX_BUNDLE: usize = 32 << 20;
