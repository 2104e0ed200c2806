//! Runs `wire`'s LDAP session over sockets: TLS, time, limits, answers in any order, shutdown.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chancery_wire::ldap::server::Settings as SessionSettings;
use chancery_wire::ldap::{Control, SearchRequest};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::limits::Limits;
use crate::listener::{Client, Listener, Peer};
use crate::shutdown::Shutdown;
use crate::smtp::TlsMode;
use crate::tls::TlsInfo;

mod connection;

use connection::Connection;

/// What answers searches.
pub trait Handler: Send + Sync + 'static {
    /// Appends the whole answer to a request, if it is one that needs no waiting; returns false to leave it to
    /// [`Handler::search`].
    fn quick(&self, client: &Client, message: &[u8], output: &mut Vec<u8>) -> bool;

    /// Returns the whole answer to a search: entries and how it ended. It is dropped if nobody waits any more.
    fn search(
        self: Arc<Self>,
        client: Client,
        search: Search,
    ) -> impl Future<Output = Vec<u8>> + Send;

    /// Returns true if this is the password of the name.
    fn is_password(
        self: Arc<Self>,
        client: Client,
        name: String,
        password: Vec<u8>,
    ) -> impl Future<Output = bool> + Send;

    /// Returns the name of the client, if its certificate proves one.
    fn certified(&self, tls: &TlsInfo) -> Option<String>;
}

/// A search.
#[derive(Clone, Debug)]
pub struct Search {
    /// The number of the request, for the answer.
    pub id: u32,
    /// What is searched.
    pub request: Box<SearchRequest>,
    /// What else was said.
    pub controls: Vec<Control>,
}

/// How a listener behaves.
#[derive(Clone)]
pub struct ServerConfig {
    /// What a session permits; whether it offers TLS follows `tls`.
    pub session: SessionSettings,
    /// Whether TLS is offered.
    pub tls: TlsMode,
    /// Whose connections begin with a header of the PROXY protocol (version 2).
    pub proxies: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// Connections at a time; a further one takes the place of one that is silent.
    pub max_connections: usize,
    /// Connections at a time from one address (an IPv6 /64 counts as one); a further one takes the place of one of them.
    pub max_connections_per_ip: usize,
    /// How long a connection may be idle.
    pub idle_timeout: Duration,
    /// For the first octet, a handshake, the rest of a request, and reading our answer.
    pub slow_timeout: Duration,
    /// For one search, whatever its client permits.
    pub search_timeout: Duration,
    /// The clock that these are measured with.
    pub clock: Arc<dyn Clock>,
}

/// What all connections of a listener share.
struct Shared<H> {
    handler: Arc<H>,
    config: ServerConfig,
    limits: Limits,
}

/// Accepts connections until shutdown and serves each; returns when the last one has ended.
///
/// On shutdown a connection still gets the answers that it waits for, within `slow_timeout`, and a goodbye.
pub async fn serve<H: Handler>(
    listener: impl Into<Listener>,
    handler: Arc<H>,
    mut config: ServerConfig,
    shutdown: Shutdown,
) {
    let listener = listener.into();
    config.session.offers_tls = matches!(config.tls, TlsMode::StartTls(_));
    let limits = Limits::new(config.max_connections, config.max_connections_per_ip);
    let shared = Arc::new(Shared { handler, config, limits });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.triggered() => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept() => match accepted {
                Ok((plain, peer)) => {
                    let is_proxy = peer.ip().is_some_and(|ip| (shared.config.proxies)(ip));
                    let counted = if is_proxy { None } else { peer.ip() };
                    let now = shared.config.clock.monotonic_ms();
                    let Some(permit) = shared.limits.admit_instead(counted, now) else {
                        tracing::info!(%peer, "connection refused: there are too many");
                        continue;
                    };
                    let (shared, shutdown) = (Arc::clone(&shared), shutdown.clone());
                    connections.spawn(async move {
                        let ended = tokio::select! {
                            ended = Connection::run(&shared, &permit, plain, &peer, is_proxy, &shutdown) => ended,
                            () = permit.lost() => Err(io::Error::other("it made room for another one")),
                        };
                        log(&peer, &ended);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely.
                    tracing::warn!(%error, "cannot accept a connection");
                    shared.limits.make_room();
                    shared.config.clock.sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

fn log(peer: &Peer, ended: &io::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

/// Long enough not to spin, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
