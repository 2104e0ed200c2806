//! Looks for keys of recipients where the configuration says, and puts what was found into the key book.
//!
//! ```text
//! a plan lacks a key ─► find (all sources at once, within `lookup.wait`) ─► key book ─► the plan is made again
//! a key is used that its source named more than an hour ago ─► find, and nobody waits
//! ```
//!
//! Nothing of it holds up other mail. That somebody forges the DNS is no answer: the message waits.

use chancery_fault::Code;
use chancery_lookup::keys::{Asked, Candidate, Confirmation, Finder, Found, Kind};
use chancery_mail::Address;
use chancery_net::codes::DNS_BOGUS;
use chancery_store::keybook::{BookKey, Origin, Sighting};
use tokio::task::JoinSet;

use crate::server::Gateway;

/// What came of looking.
#[derive(Debug, Default)]
pub(crate) struct Sought {
    /// Whether there is anything that was not there before.
    pub(crate) is_new: bool,
    /// Why the message must wait: what came was forged, or somebody is in the way.
    pub(crate) wait: Option<(&'static Code, String)>,
}

/// Looks for the keys of these addresses, all at once, and keeps what was found.
pub(crate) async fn seek(gateway: &Gateway, finder: &Finder, addresses: Vec<Address>) -> Sought {
    let wait = gateway.settings.lookup_wait;
    let mut asking = JoinSet::new();
    for address in addresses.into_iter().take(MAX_ADDRESSES) {
        let finder = finder.clone();
        asking.spawn(async move {
            let found = finder.find(&address, Asked { wait, ..Asked::default() }).await;
            (address, found)
        });
    }
    let mut sought = Sought::default();
    for (address, found) in asking.join_all().await {
        if found.candidates.is_empty()
            && let Some(bogus) = found.unanswered.iter().find(|it| it.code == DNS_BOGUS.id)
        {
            let words = format!("the key of {address} cannot be looked up: {}", bogus.why);
            sought.wait.get_or_insert((&DNS_BOGUS, words));
        }
        match gateway.store.sight_keys(sightings(&address, &found, gateway.now_ms())).await {
            Ok(is_new) => sought.is_new |= is_new,
            Err(error) => {
                use chancery_fault::Coded as _;
                tracing::error!(code = error.code().id, %error, "cannot keep keys that were found");
            }
        }
    }
    sought
}

/// Returns what each source that answered says about an address now.
fn sightings(address: &Address, found: &Found, now_ms: i64) -> Sighting {
    let name = format!("{}@{}", address.local(), address.ascii_domain()).to_lowercase();
    let silent = found.unanswered.iter().map(|it| it.source.to_string()).collect();
    let keys = found.candidates.iter().filter(|it| it.is_fresh).map(|candidate| {
        let source = candidate.origin.source.to_string();
        BookKey::seen(&name, candidate.certificate.clone(), origin(candidate), source, now_ms)
    });
    let keys = keys.collect();
    Sighting { address: name, keys, silent }
}

fn origin(candidate: &Candidate) -> Origin {
    if candidate.confirmation == Confirmation::Confirmed {
        return Origin::Dnssec;
    }
    match candidate.origin.kind {
        Kind::Bridge => Origin::Bridge,
        Kind::Directory if candidate.origin.vouches() => Origin::Directory,
        Kind::Dns if candidate.origin.vouches() => Origin::Dnssec,
        Kind::Partner if candidate.origin.vouches() => Origin::Partner,
        Kind::Directory | Kind::Dns | Kind::Http | Kind::Partner => Origin::Discovered,
    }
}

/// Addresses of one message that are looked for.
const MAX_ADDRESSES: usize = 32;
