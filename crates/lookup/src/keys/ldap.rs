//! Directories (RFC 4511): one search for the entries of an address, and of them nothing but the certificates.

use chancery_mail::Address;
use chancery_net::ldap::Security;
use chancery_net::outbound;
use chancery_wire::ldap::{Chain, Control, Dereference, Scope, SearchEntry, SearchRequest};

use crate::content::Content;

use super::found::{Channel, Hop};
use super::given::{Failure, Given};
use super::source::{Directory, Source};

/// Asks a directory; `passed` tells it which directories know of the question, should it pass it on itself.
pub(super) async fn ask(
    directory: &Directory,
    source: &Source,
    address: &Address,
    passed: Vec<Hop>,
) -> Result<Given, Failure> {
    let filter =
        directory.filter.fill(address.local(), &address.ascii_domain()).map_err(|error| {
            Failure::from(outbound::Error::Address(format!("is too long to be asked for: {error}")))
        })?;
    let request = SearchRequest {
        base: directory.base.clone(),
        scope: Scope::Subtree,
        dereference: Dereference::Never,
        size_limit: MAX_ENTRIES,
        time_limit: u32::try_from(source.timeout.as_secs()).unwrap_or(60).clamp(1, 60),
        types_only: false,
        filter,
        attributes: directory.attributes.clone(),
    };
    // Who does not know it answers as if it were not there.
    let chain = Control {
        kind: Chain::OID.to_owned(),
        is_critical: false,
        value: Some(Chain { passed }.to_ber()),
    };
    let entries = directory.client.search(&request, &[chain], source.max_octets).await?;
    let channel = match directory.client.security() {
        Security::Clear => Channel::Clear,
        Security::StartTls | Security::Tls => Channel::Tls,
    };
    let mut given = Given::nothing(channel);
    for entry in &entries {
        read(entry, &directory.attributes, &mut given);
    }
    Ok(given)
}

/// Takes the certificates out of an entry. A server may send attributes that nobody asked for; they are not looked at.
fn read(entry: &SearchEntry, wanted: &[String], given: &mut Given) {
    let kind =
        |description: &str| description.split(';').next().unwrap_or_default().to_ascii_lowercase();
    let wanted: Vec<String> = wanted.iter().map(|description| kind(description)).collect();
    let attributes = entry.attributes.iter().filter(|it| wanted.contains(&kind(&it.description)));
    for value in attributes.flat_map(|attribute| &attribute.values).take(MAX_VALUES) {
        match Content::from_bytes(value) {
            Ok(content) => given.certificates.extend(content.certificates),
            Err(error) => given.unreadable.push(error.to_string()),
        }
    }
}

/// Entries of one address; a directory has one, or one for each of its parts.
const MAX_ENTRIES: u32 = 20;
/// Values of one entry; people have a handful of certificates.
const MAX_VALUES: usize = 64;
