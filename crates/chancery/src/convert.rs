//! Turns the configuration into what the gateway is told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use chancery_gateway::settings::{Inside, Limits, Network, Queue, Routes, Settings, Users};
use chancery_lookup::Lookup;
use chancery_net::clock::SystemClock;
use chancery_net::dns::Resolver;
use chancery_net::outbound::Dialer;
use chancery_net::reach::Reach;
use chancery_net::smtp::{Route, TlsPolicy};
use chancery_net::tls;
use chancery_pki::Certificate;
use chancery_store::Store;
use chancery_wire::smtp::Protocol;

use crate::commands;
use crate::failure::{Failure, Result};
use crate::settings::{self, ListenAddress, NextHop, Server, TlsDemand};

/// Returns the gateway's settings; reads the files that the configuration names.
pub fn settings(from: &settings::Settings) -> Result<Settings> {
    Ok(Settings {
        organisation: from.organisation.clone(),
        postmaster: from.postmaster.clone(),
        domains: from.domains.clone(),
        hostname: from.hostname.clone(),
        inside: inside(&from.inside)?,
        outside: text(&from.outside.listen),
        routes: Routes {
            inside: route(&from.route.inside),
            outside: outside_route(&from.route.outside),
            domains: from
                .route
                .domains
                .iter()
                .filter_map(|(domain, hop)| Some((domain.clone(), domain_route(domain, hop)?)))
                .collect(),
            inside_tls: tls_policy(from.route.inside_tls)?,
            outside_tls: tls_policy(from.route.tls)?,
        },
        limits: Limits {
            message_size: from.limits.message_size,
            recipients: from.limits.recipients,
            connections: from.limits.connections,
            connections_per_client: from.limits.connections_per_client,
            command_timeout: from.limits.command_timeout,
            data_timeout: from.limits.data_timeout,
            session_timeout: from.limits.session_timeout,
            errors: u32::try_from(from.limits.errors).unwrap_or(u32::MAX),
            hops: MAX_HOPS,
        },
        queue: Queue {
            retry: from.queue.retry.clone(),
            jitter_percent: from.queue.jitter_percent,
            expire: from.queue.expire,
            hold_expire: from.queue.hold_expire,
            delay_notice: Some(from.queue.delay_notice).filter(|it| !it.is_zero()),
            // Most deliveries wait for the network, so there are more of them than of what keeps a processor busy.
            deliveries: from.queue.workers.saturating_mul(4),
            deliveries_per_route: from.queue.workers,
        },
        ciphers: from.ciphers.clone(),
        metrics: from.metrics.listen,
        lookup_wait: from.lookup.wait,
        name_servers: from.dns.servers.clone(),
    })
}

/// Returns what asks the network about certificates and keeps what it finds in the store, unless the configuration
/// forbids it.
pub fn lookup(from: &settings::Settings, store: &Store) -> Result<Option<Lookup>> {
    if !from.lookup.fetch {
        return Ok(None);
    }
    let dialer = dialer(&from.dns.servers, from.lookup.allow_private)?;
    let settings::Lookup { timeout, max_octets, cache_octets, ldap, ocsp, nonce, .. } = from.lookup;
    let how = chancery_lookup::Settings { timeout, max_octets, cache_octets, ldap, ocsp, nonce };
    let lookup = Lookup::with_store(how, dialer, store);
    lookup.map(Some).map_err(|error| Failure::of("", &error))
}

/// Returns what connects to the places that certificates name.
pub fn dialer(name_servers: &[SocketAddr], allow_private: bool) -> Result<Dialer> {
    Ok(Dialer {
        resolver: Resolver::with_servers(name_servers).map_err(|error| Failure::of("", &error))?,
        reach: if allow_private { Reach::Anywhere } else { Reach::Public },
        // What is fetched is signed itself and is looked at as if it had come in clear.
        tls: tls::client_opportunistic(None).map_err(|error| Failure::of("", &error))?,
        clock: Arc::new(SystemClock::new()),
    })
}

fn inside(from: &settings::Inside) -> Result<Inside> {
    let users = match &from.auth_file {
        None => None,
        Some(file) => Some(Arc::new(commands::Users::read(file)?) as Arc<dyn Users>),
    };
    let client_authorities = match &from.client_ca {
        None => Vec::new(),
        Some(file) => certificates(file, "inside.client-ca")?,
    };
    Ok(Inside {
        listen: text(&from.listen),
        lmtp_listen: text(&from.lmtp_listen),
        allow: from
            .allow
            .iter()
            .map(|it| Network { address: it.network(), prefix: it.prefix() })
            .collect(),
        client_authorities,
        users,
        accepts_foreign_senders: from.foreign_senders,
    })
}

/// Returns listeners as `net` names them.
fn text(list: &[ListenAddress]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

/// Reads the certificates of a PEM file.
pub fn certificates(file: &Path, key: &str) -> Result<Vec<Certificate>> {
    let bytes = std::fs::read(file).map_err(|error| {
        Failure::usage(format!("cannot read `{key}` {}: {error}", file.display()))
    })?;
    Certificate::chain_from_bytes(&bytes)
        .map_err(|error| Failure::of(&format!("cannot use `{key}` {}", file.display()), &error))
}

fn route(hop: &NextHop) -> Route {
    match hop {
        NextHop::Lmtp(server) => fixed(server, Protocol::Lmtp),
        NextHop::Smtp(server) => fixed(server, Protocol::Smtp),
        // The checked settings have no MX for the inside.
        NextHop::Mx => {
            Route::Host { host: "localhost".to_owned(), port: 25, protocol: Protocol::Smtp }
        }
    }
}

fn outside_route(hop: &NextHop) -> Option<Route> {
    (*hop != NextHop::Mx).then(|| route(hop))
}

fn domain_route(domain: &str, hop: &NextHop) -> Option<Route> {
    match hop {
        NextHop::Mx => Some(Route::Domain { domain: domain.to_owned(), port: 25 }),
        hop => outside_route(hop),
    }
}

fn fixed(server: &Server, protocol: Protocol) -> Route {
    match server {
        Server::Tcp(server) => {
            Route::Host { host: server.host.to_string(), port: server.port, protocol }
        }
        Server::Unix(path) => Route::Unix { path: path.clone(), protocol },
    }
}

fn tls_policy(demand: TlsDemand) -> Result<TlsPolicy> {
    Ok(match demand {
        TlsDemand::None => TlsPolicy::None,
        TlsDemand::Opportunistic => TlsPolicy::Opportunistic,
        TlsDemand::Required => TlsPolicy::Required,
        TlsDemand::Verified => TlsPolicy::RequiredVerified(system_tls()?),
    })
}

/// Returns what verifies servers by the authorities that the system believes.
pub fn system_tls() -> Result<Arc<tls::ClientConfig>> {
    let mut roots = Vec::new();
    if let Some(bundle) = BUNDLES.iter().map(Path::new).find(|file| file.is_file()) {
        let bytes = std::fs::read(bundle).map_err(|error| {
            Failure::failed(format!("cannot read {}: {error}", bundle.display()))
        })?;
        for block in chancery_pki::pem::blocks(&bytes).map_err(|error| Failure::of("", &error))? {
            roots.push(block.der.to_vec());
        }
    }
    let config = tls::client_verified(&roots, None);
    config.map_err(|error| {
        Failure::of("cannot verify servers", &error).hint("install the package `ca-certificates`")
    })
}

/// Where systems keep the authorities that they trust for TLS.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// RFC 5321 section 6.3 says at least 100 for a check by counting; what passes more servers goes in circles.
const MAX_HOPS: usize = 100;
