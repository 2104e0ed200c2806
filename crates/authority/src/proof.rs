//! Proof that a member runs a domain: a token that only the domain's own people can publish.
//!
//! The token is in a TXT record below `_chancery-bridge`, a name that mail users cannot make mailboxes or hosts of. It
//! stays there as long as the membership lasts, so that the bridge sees when a domain changes hands.

use chancery_net::dns::{self, Resolver};

use crate::error::{Error, Result};

/// Returns the name at which a token is published.
pub fn record_name(domain: &str) -> String {
    format!("_chancery-bridge.{domain}")
}

/// Returns the text of the record.
pub fn record_text(token: &str) -> String {
    format!("chancery-bridge={token}")
}

/// Returns the line for the zone file of the domain.
pub fn zone_line(domain: &str, token: &str) -> String {
    format!("{}. IN TXT \"{}\"", record_name(domain), record_text(token))
}

/// Looks for the token; returns what was found as evidence.
pub async fn look(resolver: &Resolver, domain: &str, token: &str) -> Result<String> {
    let (name, expected) = (record_name(domain), record_text(token));
    let texts = match resolver.texts(&name).await {
        Ok(texts) => texts,
        Err(dns::Error::NoSuchDomain { .. }) => Vec::new(),
        Err(error) => {
            return Err(Error::LookUp { domain: domain.to_owned(), reason: error.to_string() });
        }
    };
    if texts.contains(&expected) {
        return Ok(format!("TXT {name} \"{expected}\""));
    }
    let reason = if texts.is_empty() {
        format!("there is no TXT record at {name}")
    } else {
        format!("the TXT record at {name} has another text")
    };
    Err(Error::proof(domain, reason))
}
