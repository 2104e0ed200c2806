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
    let name = address.folded();
    let silent = found.unanswered.iter().map(|it| it.source.to_string()).collect();
    let keys = found.candidates.iter().filter(|it| it.is_fresh).map(|candidate| {
        let source = candidate.origin.source.to_string();
        BookKey::seen(&name, candidate.certificate.clone(), origin(candidate), source, now_ms)
    });
    let keys = keys.collect();
    Sighting { address: name, keys, silent }
}

fn origin(candidate: &Candidate) -> Origin {
    match (candidate.origin.kind, candidate.is_vouched_for()) {
        (_, true) if candidate.confirmation == Confirmation::Confirmed => Origin::Dnssec,
        (Kind::Directory, true) => Origin::Directory,
        (Kind::Partner, true) => Origin::Partner,
        (Kind::Bridge, _) => Origin::Bridge,
        (Kind::Directory | Kind::Dns | Kind::Http | Kind::Partner, _) => Origin::Discovered,
    }
}

/// Addresses of one message that are looked for.
const MAX_ADDRESSES: usize = 32;

#[cfg(test)]
mod tests {
    use chancery_crypto::{KeyKind, PrivateKey};
    use chancery_lookup::keys::{Channel, Dnssec, Origin as Found};
    use chancery_pki::{Organisation, Speaks, issue};

    use super::*;

    #[test]
    fn only_what_vouches_by_itself_needs_no_path() {
        let organisation = Organisation::new("globex", ["globex.example".to_owned()]).unwrap();
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let certificate = issue::ca(&organisation, &key, 1_700_000_000, [1; 20]).unwrap();
        let secure = Channel::Dns(Dnssec::Secure);
        for (kind, channel, confirmation, is_fresh, expected) in [
            (Kind::Dns, secure, Confirmation::Confirmed, true, Origin::Dnssec),
            // Usages 0 to 2 of RFC 6698 want a path; a usage that is not understood says nothing.
            (Kind::Dns, secure, Confirmation::NeedsPath, true, Origin::Discovered),
            (Kind::Dns, secure, Confirmation::None, true, Origin::Discovered),
            (
                Kind::Dns,
                Channel::Dns(Dnssec::Insecure),
                Confirmation::None,
                true,
                Origin::Discovered,
            ),
            (Kind::Http, Channel::Tls, Confirmation::Confirmed, true, Origin::Dnssec),
            (Kind::Http, Channel::Tls, Confirmation::None, true, Origin::Discovered),
            (Kind::Directory, Channel::Tls, Confirmation::None, true, Origin::Directory),
            (Kind::Directory, Channel::Clear, Confirmation::None, true, Origin::Discovered),
            (Kind::Directory, Channel::Tls, Confirmation::NeedsPath, true, Origin::Discovered),
            (Kind::Partner, Channel::Tls, Confirmation::None, true, Origin::Partner),
            (Kind::Partner, Channel::Tls, Confirmation::None, false, Origin::Discovered),
            (Kind::Bridge, Channel::Tls, Confirmation::None, true, Origin::Bridge),
        ] {
            let candidate = Candidate {
                certificate: certificate.clone(),
                origin: Found { source: "source".into(), kind, channel },
                speaks: Speaks::Mailbox("bob@globex.example".into()),
                found_at: 0,
                is_fresh,
                confirmation,
            };
            assert_eq!(origin(&candidate), expected, "{candidate:?}");
        }
    }
}
