//! Delivers mail: finds the next hop, connects, speaks, reports for each recipient.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chancery_fault::Code;
use chancery_wire::smtp::data::Facts;
use chancery_wire::smtp::{Envelope, Protocol, Reply};
use tokio::io::AsyncRead;

use crate::clock::Clock;
use crate::dns::Resolver;
use crate::tls::TlsInfo;

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
    /// A fixed next hop, as `host:port` (no MX lookup; IPv6 in brackets).
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
    /// No mail without TLS and a certificate that verifies for the server's name with these roots.
    RequiredVerified(Arc<rustls::ClientConfig>),
}

/// User and password for the next hop.
pub use chancery_wire::smtp::server::Credentials;

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
    /// Unused connections kept for one route.
    pub max_idle: usize,
    /// Local address to connect from.
    pub bind: Option<IpAddr>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// A message to send.
pub struct Body {
    /// Where the octets are.
    pub source: Arc<dyn BodySource>,
    /// What is known about them.
    pub facts: Facts,
}

/// Octets that can be read from the start as often as needed: once for each server tried.
pub trait BodySource: Send + Sync {
    /// Opens the octets for reading.
    fn open(&self) -> io::Result<Box<dyn AsyncRead + Send + Unpin>>;
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
    /// Its address.
    pub peer: Option<SocketAddr>,
    /// The next hop takes DSN parameters and got them; otherwise a wanted success notice is ours to send
    /// (RFC 3461 section 5.2.2).
    pub dsn_passed: bool,
    /// Servers that were tried and did not get as far as an answer for the recipients.
    pub attempts: Vec<Attempt>,
}

/// What came of one recipient.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The next server took the responsibility.
    Delivered {
        /// Its reply.
        reply: Reply,
    },
    /// Refused for good.
    PermFail {
        /// The reply of the server, or ours.
        reply: Reply,
        /// Why.
        code: &'static Code,
    },
    /// Not delivered; try again later.
    TempFail {
        /// The reply of the server, or ours.
        reply: Reply,
        /// Why.
        code: &'static Code,
    },
    /// The connection was lost after the message and before its reply: try again, it may become a duplicate.
    Unknown {
        /// Our words for it.
        reply: Reply,
        /// Why.
        code: &'static Code,
    },
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
}

impl Client {
    /// Makes a client.
    pub fn new(config: ClientConfig) -> Self {
        Self { config: Arc::new(config) }
    }

    /// Delivers one message to one next hop.
    pub async fn deliver(
        &self,
        route: &Route,
        envelope: &Envelope,
        body: &Body,
        options: &DeliveryOptions,
    ) -> DeliveryReport {
        let _ = (route, envelope, body, options, &self.config);
        todo!()
    }

    /// Says goodbye on all unused connections.
    pub async fn close_idle(&self) {
        todo!()
    }
}
