//! From a route to the servers to try, in order (RFC 5321 section 5.1).

use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use chancery_fault::Coded as _;
use chancery_wire::smtp::Protocol;
use chancery_wire::smtp::client::Outcome;

use super::{Attempt, ClientConfig, Route};
use crate::codes;
use crate::dns::MailServer;

/// One server to try.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Target {
    /// Its name, for TLS and reports.
    pub(super) host: String,
    pub(super) place: Place,
    pub(super) protocol: Protocol,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Target {
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Tcp(address) => Some(*address),
            Place::Unix(_) => None,
        }
    }
}

/// Finds the servers of a route; notes those without a usable address. `Err` is the outcome for every recipient.
pub(super) async fn find(
    config: &ClientConfig,
    route: &Route,
    attempts: &mut Vec<Attempt>,
) -> Result<Vec<Target>, Outcome> {
    match route {
        Route::Unix { path, protocol } => {
            let host = path.display().to_string();
            Ok(vec![Target { host, place: Place::Unix(path.clone()), protocol: *protocol }])
        }
        Route::Host { host, port, protocol } => {
            let addresses = config.resolver.addresses(host, *port).await;
            // A next hop that the administrator wrote down exists; that its name does not resolve will be mended.
            let addresses = addresses
                .map_err(|error| Outcome::from_code(&codes::DNS_TEMPORARY, &error.to_string()))?;
            Ok(targets(host, addresses, *protocol))
        }
        Route::Domain { domain, port } => {
            let servers = config.resolver.mail_servers(domain).await;
            let servers =
                servers.map_err(|error| Outcome::from_code(error.code(), &error.to_string()))?;
            by_mail_servers(config, domain, *port, servers, attempts).await
        }
    }
}

async fn by_mail_servers(
    config: &ClientConfig,
    domain: &str,
    port: u16,
    servers: Vec<MailServer>,
    attempts: &mut Vec<Attempt>,
) -> Result<Vec<Target>, Outcome> {
    let mut found: Vec<(u16, Vec<Target>)> = Vec::new();
    for server in in_random_order(servers) {
        if config.own_names.iter().any(|name| name.eq_ignore_ascii_case(&server.host)) {
            return better_than(found, server.preference, domain);
        }
        match config.resolver.addresses(&server.host, port).await {
            Ok(addresses) if addresses.iter().any(|address| is_own(config, *address)) => {
                return better_than(found, server.preference, domain);
            }
            Ok(addresses) => {
                found.push((server.preference, targets(&server.host, addresses, Protocol::Smtp)));
            }
            Err(error) => {
                attempts.push(Attempt {
                    host: server.host,
                    address: None,
                    code: error.code(),
                    reason: error.to_string(),
                });
            }
        }
    }
    let found: Vec<_> = found.into_iter().flat_map(|(_, targets)| targets).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    // Only if each server's name is known not to exist is there nothing to wait for.
    let waiting = attempts.iter().find(|attempt| attempt.code.is_temporary()).or(attempts.last());
    match waiting {
        Some(attempt) => Err(Outcome::from_code(attempt.code, &attempt.reason)),
        None => Err(Outcome::from_code(&codes::DNS_NO_SUCH_DOMAIN, domain)),
    }
}

/// We are a mail server of this domain ourselves: only better ones count, lest mail goes round in circles.
fn better_than(
    found: Vec<(u16, Vec<Target>)>,
    own: u16,
    domain: &str,
) -> Result<Vec<Target>, Outcome> {
    let better: Vec<_> = found
        .into_iter()
        .filter(|(preference, _)| *preference < own)
        .flat_map(|(_, targets)| targets)
        .collect();
    if better.is_empty() { Err(Outcome::from_code(&codes::ROUTE_LOOP, domain)) } else { Ok(better) }
}

fn is_own(config: &ClientConfig, address: SocketAddr) -> bool {
    config
        .own_addresses
        .iter()
        .any(|own| own.ip() == address.ip() && (own.port() == 0 || own.port() == address.port()))
}

/// Spreads load over servers of the same preference. The hasher's keys are random, which is all the chance needed.
fn in_random_order(mut servers: Vec<MailServer>) -> Vec<MailServer> {
    let chance = std::hash::RandomState::new();
    servers.sort_by_cached_key(|server| (server.preference, chance.hash_one(&server.host)));
    servers
}

fn targets(host: &str, addresses: Vec<SocketAddr>, protocol: Protocol) -> Vec<Target> {
    let target = |address| Target { host: host.to_owned(), place: Place::Tcp(address), protocol };
    addresses.into_iter().map(target).collect()
}
