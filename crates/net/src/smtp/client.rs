//! Delivers mail: finds the next hop, connects, speaks, reports for each recipient.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chancery_fault::Code;
use chancery_wire::smtp::{Envelope, Protocol};

use crate::clock::{Clock, SystemClock};
use crate::dns::Resolver;
use crate::tls::{self, TlsInfo};

mod body;
mod connection;
mod deliver;
mod pool;
mod target;

pub use body::{Body, BodySource};
pub use chancery_wire::smtp::client::Outcome;
pub use chancery_wire::smtp::server::Credentials;

use pool::Pool;

/// Where a message goes next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// The mail servers of a domain, by MX.
    Domain {
        /// The domain.
        domain: String,
        /// The port, 25 but in tests.
        port: u16,
    },
    /// A fixed next hop (no MX lookup).
    Host {
        /// Name or address.
        host: String,
        /// The port.
        port: u16,
        /// What it speaks.
        protocol: Protocol,
    },
    /// A Unix socket.
    Unix {
        /// The socket file.
        path: PathBuf,
        /// What it speaks.
        protocol: Protocol,
    },
}

/// How much TLS a delivery demands.
#[derive(Clone, Debug, Default)]
pub enum TlsPolicy {
    /// Never use it.
    None,
    /// Use it when offered, whoever the certificate names; go on in clear when it fails.
    #[default]
    Opportunistic,
    /// No mail without TLS; the certificate is not checked.
    Required,
    /// No mail without TLS and a certificate that verifies for the server's name; see [`tls::client_verified`].
    RequiredVerified(Arc<rustls::ClientConfig>),
}

/// Options of one delivery.
#[derive(Clone, Debug, Default)]
pub struct DeliveryOptions {
    /// What TLS to demand.
    pub tls: TlsPolicy,
    /// Log in at the next hop, over TLS only.
    pub auth: Option<Arc<Credentials>>,
    /// Send by BDAT when it is offered (RFC 3030).
    pub prefer_chunking: bool,
}

/// How long to wait (RFC 5321 section 4.5.3.2).
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// For a TCP connection.
    pub connect: Duration,
    /// For the greeting and the TLS handshake.
    pub greeting: Duration,
    /// For the reply to a command.
    pub command: Duration,
    /// For a block of the body to leave.
    pub data: Duration,
    /// For the reply to the whole message; long, because giving up early makes duplicates (RFC 1047).
    pub end: Duration,
}

/// What a client needs to know.
#[derive(Clone)]
pub struct ClientConfig {
    /// Our name in EHLO.
    pub hostname: String,
    /// Finds servers.
    pub resolver: Resolver,
    /// TLS for `Opportunistic` and `Required`.
    pub tls: Arc<rustls::ClientConfig>,
    /// Our names; an MX that bears one is ourselves.
    pub own_names: Vec<String>,
    /// Our listening addresses; an MX with one is ourselves. Port 0 stands for every port.
    pub own_addresses: Vec<SocketAddr>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Addresses tried for one delivery.
    pub max_addresses: usize,
    /// Messages sent over one connection.
    pub max_messages: u32,
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// Unused connections kept for one server.
    pub max_idle: usize,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// What came of a delivery; there is exactly one outcome for each recipient.
#[derive(Debug)]
pub struct DeliveryReport {
    /// One for each recipient of the envelope, in its order.
    pub outcomes: Vec<Outcome>,
    /// TLS of the connection that took the message.
    pub tls: Option<TlsInfo>,
    /// Name of the server that answered last.
    pub host: Option<String>,
    /// Its address; `None` for a Unix socket.
    pub peer: Option<SocketAddr>,
    /// The next hop takes DSN parameters and got them; otherwise a wanted success notice is ours to send
    /// (RFC 3461 section 5.2.2).
    pub dsn_passed: bool,
    /// Servers that were tried in vain.
    pub attempts: Vec<Attempt>,
}

/// One server that was tried in vain.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its name.
    pub host: String,
    /// Its address, if it came so far.
    pub address: Option<SocketAddr>,
    /// Why it failed.
    pub code: &'static Code,
    /// In words.
    pub reason: String,
}

/// Delivers messages and keeps connections for reuse; clones share them.
#[derive(Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    pool: Arc<Pool>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(300),
            command: Duration::from_secs(300),
            data: Duration::from_secs(180),
            end: Duration::from_secs(600),
        }
    }
}

impl ClientConfig {
    /// Makes a configuration with opportunistic TLS and the timeouts of RFC 5321.
    pub fn new(hostname: impl Into<String>, resolver: Resolver) -> Result<Self, tls::Error> {
        let hostname = hostname.into();
        Ok(Self {
            own_names: vec![hostname.clone()],
            hostname,
            resolver,
            tls: tls::client_opportunistic(None)?,
            own_addresses: Vec::new(),
            timeouts: Timeouts::default(),
            max_addresses: 8,
            max_messages: 100,
            idle: Duration::from_secs(10),
            max_idle: 20,
            clock: Arc::new(SystemClock::new()),
        })
    }
}

impl Client {
    /// Makes a client.
    pub fn new(config: ClientConfig) -> Self {
        let pool = Pool::new(Arc::clone(&config.clock), config.idle, config.max_idle);
        Self { config: Arc::new(config), pool: Arc::new(pool) }
    }

    /// Delivers one message to one next hop and tries its servers in turn.
    ///
    /// Another server is tried only as long as nobody can have got the message, and only for the recipients that no
    /// server has decided about.
    pub async fn deliver(
        &self,
        route: &Route,
        envelope: &Envelope,
        body: &Body,
        options: &DeliveryOptions,
    ) -> DeliveryReport {
        deliver::Delivery::new(&self.config, &self.pool, envelope, body, options).run(route).await
    }

    /// Says goodbye on all unused connections.
    pub async fn close_idle(&self) {
        self.pool.close_all().await;
    }
}

impl Route {
    /// Reads `host:port`, `[2001:db8::1]:port` or `unix:/path`.
    pub fn fixed(text: &str, protocol: Protocol) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Some(Self::Unix { path: path.into(), protocol });
        }
        let (host, port) = text.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_good =
            !host.is_empty() && (!host.contains(':') || host.parse::<std::net::Ipv6Addr>().is_ok());
        let port = port.parse().ok().filter(|port| *port > 0)?;
        is_good.then(|| Self::Host { host: host.to_owned(), port, protocol })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_routes_are_read() {
        let host = |host: &str, port| {
            Some(Route::Host { host: host.to_owned(), port, protocol: Protocol::Lmtp })
        };
        for (text, expected) in [
            ("mail.example:24", host("mail.example", 24)),
            ("127.0.0.1:2525", host("127.0.0.1", 2525)),
            ("[2001:db8::1]:25", host("2001:db8::1", 25)),
            (
                "unix:/run/lmtp",
                Some(Route::Unix { path: "/run/lmtp".into(), protocol: Protocol::Lmtp }),
            ),
            ("mail.example", None),
            (":25", None),
            ("mail.example:0", None),
            ("a:b:25", None),
        ] {
            assert_eq!(Route::fixed(text, Protocol::Lmtp), expected, "{text}");
        }
    }
}
