//! Runs `wire`'s server machine over sockets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chancery_wire::smtp::server::Config;

use crate::clock::{Clock, SystemClock};
use crate::listener::Listener;
use crate::shutdown::Shutdown;
use crate::smtp::Handler;

/// How a listener behaves.
#[derive(Clone)]
pub struct ServerConfig {
    /// Protocol, name, limits and extensions of each session.
    pub session: Config,
    /// Whether TLS is offered.
    pub tls: TlsMode,
    /// Connections at a time; more are refused with 421.
    pub max_connections: usize,
    /// Connections at a time from one IP address (an IPv6 /64 counts as one).
    pub max_connections_per_ip: usize,
    /// How long a message in progress may go on after shutdown was asked for.
    pub shutdown_grace: Duration,
    /// The clock that timeouts are measured with.
    pub clock: Arc<dyn Clock>,
}

/// Whether and when a listener speaks TLS.
#[derive(Clone, Debug, Default)]
pub enum TlsMode {
    /// From the first octet (RFC 8314).
    Implicit(Arc<rustls::ServerConfig>),
    /// Never.
    #[default]
    None,
    /// After STARTTLS (RFC 3207).
    StartTls(Arc<rustls::ServerConfig>),
}

impl ServerConfig {
    /// Makes a configuration with safe defaults around a session configuration.
    pub fn new(session: Config) -> Self {
        Self {
            session,
            tls: TlsMode::None,
            max_connections: 1_000,
            max_connections_per_ip: 50,
            shutdown_grace: Duration::from_secs(30),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// Accepts connections until shutdown and runs a session on each; returns when the last one has ended.
pub async fn serve<H: Handler>(
    listener: impl Into<Listener>,
    handler: Arc<H>,
    config: ServerConfig,
    shutdown: Shutdown,
) -> io::Result<()> {
    let _ = (listener.into(), handler, config, shutdown);
    todo!()
}
