//! Runs `wire`'s server machine over sockets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chancery_wire::codes::TOO_MANY_CONNECTIONS;
use chancery_wire::smtp::Reply;
use chancery_wire::smtp::server::Config;
use tokio::task::JoinSet;

use crate::clock::{Clock, SystemClock};
use crate::limits::Limits;
use crate::listener::{Listener, Peer};
use crate::shutdown::Shutdown;
use crate::smtp::Handler;
use crate::stream::Plain;

mod connection;

use connection::Connection;

/// How a listener behaves.
#[derive(Clone)]
pub struct ServerConfig {
    /// Protocol, name, limits and extensions of each session. `offer_starttls` follows `tls`.
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

/// What all connections of a listener share.
struct Shared<H> {
    handler: Arc<H>,
    session: Arc<Config>,
    tls: TlsMode,
    clock: Arc<dyn Clock>,
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
///
/// On shutdown idle connections get 421 at once; a message that is coming in may be finished within `shutdown_grace`.
pub async fn serve<H: Handler>(
    listener: impl Into<Listener>,
    handler: Arc<H>,
    config: ServerConfig,
    shutdown: Shutdown,
) -> io::Result<()> {
    let listener = listener.into();
    let mut session = config.session;
    session.offer_starttls = matches!(config.tls, TlsMode::StartTls(_));
    let limits = Limits::new(config.max_connections, config.max_connections_per_ip);
    let shared = Arc::new(Shared {
        handler,
        session: Arc::new(session),
        tls: config.tls,
        clock: config.clock,
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.triggered() => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept() => match accepted {
                Ok((plain, peer)) => match limits.admit(peer.ip()) {
                    Some(permit) => {
                        let (shared, shutdown) = (Arc::clone(&shared), shutdown.clone());
                        connections.spawn(async move {
                            run(&shared, plain, peer, &shutdown).await;
                            drop(permit);
                        });
                    }
                    None => refuse(&plain, &peer),
                },
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end will free some.
                    tracing::warn!(%error, "cannot accept a connection");
                    shared.clock.sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let mut grace = shared.clock.sleep(config.shutdown_grace);
    loop {
        tokio::select! {
            biased;
            ended = connections.join_next() => match ended {
                Some(ended) => report(ended),
                None => return Ok(()),
            },
            () = &mut grace => {
                tracing::warn!(left = connections.len(), "closing connections that did not finish in time");
                connections.shutdown().await;
                return Ok(());
            }
        }
    }
}

async fn run<H: Handler>(shared: &Shared<H>, plain: Plain, peer: Peer, shutdown: &Shutdown) {
    let result = match shared.handler.connect(&peer).await {
        Ok(session) => Connection::run(shared, plain, session, shutdown).await,
        Err(reply) => {
            send_now(&plain, &reply);
            Ok(())
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

fn refuse(plain: &Plain, peer: &Peer) {
    tracing::info!(%peer, code = TOO_MANY_CONNECTIONS.id, "connection refused");
    send_now(plain, &Reply::from_code(&TOO_MANY_CONNECTIONS, ""));
}

/// Sends a few octets into the empty buffer of a new connection; whoever does not read them loses nothing.
fn send_now(plain: &Plain, reply: &Reply) {
    let mut out = Vec::new();
    reply.write_to(&mut out);
    drop(plain.try_write(&out));
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

/// Long enough not to spin, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
