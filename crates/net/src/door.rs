//! What a listener does before anybody speaks: how many connections there may be, and who is behind a proxy.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chancery_wire::proxy::{self, Header};
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;

use crate::clock::{Clock, Sleep};
use crate::limits::{Limits, Permit};
use crate::listener::Listener;
use crate::shutdown::Shutdown;
use crate::stream::Plain;

/// Who may come in.
pub(crate) struct Door {
    limits: Limits,
    proxies: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// For the header of a proxy.
    slow_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl Door {
    pub(crate) fn new(
        (max_connections, max_connections_per_ip): (usize, usize),
        proxies: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
        slow_timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let limits = Limits::new(max_connections, max_connections_per_ip);
        Self { limits, proxies, slow_timeout, clock }
    }

    /// Accepts connections until shutdown and serves each; returns when the last one has ended. `serve` is told who the
    /// client is: nobody for a process of this machine.
    pub(crate) async fn open<F>(
        self,
        listener: Listener,
        shutdown: Shutdown,
        serve: impl Fn(Plain, Option<IpAddr>, Arc<Permit>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = io::Result<()>> + Send,
    {
        let (door, serve) = (Arc::new(self), Arc::new(serve));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.triggered() => break,
                Some(ended) = connections.join_next() => report(ended),
                accepted = listener.accept() => match accepted {
                    Ok((plain, peer)) => {
                        let address = peer.ip();
                        let is_proxy = address.is_some_and(|ip| (door.proxies)(ip));
                        // The proxy itself is no place; its clients are.
                        let counted = address.filter(|_| !is_proxy);
                        let now = door.clock.monotonic_ms();
                        let Some(permit) = door.limits.admit_instead(counted, now) else {
                            tracing::info!(%peer, "connection refused: there are too many");
                            continue;
                        };
                        let (door, serve) = (Arc::clone(&door), Arc::clone(&serve));
                        connections.spawn(async move {
                            let permit = Arc::new(permit);
                            let passed = door.pass(plain, address, is_proxy, &permit, &*serve);
                            let ended = tokio::select! {
                                ended = passed => ended,
                                () = permit.lost() => {
                                    Err(io::Error::other("it made room for another one"))
                                }
                            };
                            if let Err(error) = ended {
                                tracing::debug!(%peer, %error, "connection ended");
                            }
                        });
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely.
                        tracing::warn!(%error, "cannot accept a connection");
                        door.limits.make_room();
                        door.clock.sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    }

    async fn pass<F: Future<Output = io::Result<()>>>(
        &self,
        mut plain: Plain,
        mut address: Option<IpAddr>,
        is_proxy: bool,
        permit: &Arc<Permit>,
        serve: &impl Fn(Plain, Option<IpAddr>, Arc<Permit>) -> F,
    ) -> io::Result<()> {
        if is_proxy {
            let limit = self.clock.sleep(self.slow_timeout);
            if let Some(client) = within(limit, read_header(&mut plain)).await? {
                if !self.limits.name(permit, client) {
                    return Err(io::Error::other("there are too many connections of this client"));
                }
                address = Some(client);
            }
        }
        serve(plain, address, Arc::clone(permit)).await
    }
}

/// Reads the header that a proxy writes; not an octet more, because TLS may begin behind it.
pub(crate) async fn read_header(plain: &mut Plain) -> io::Result<Option<IpAddr>> {
    let mut octets = Vec::with_capacity(64);
    loop {
        match proxy::read(&octets) {
            Header::Whole { client, .. } => return Ok(client),
            Header::Wrong => return Err(io::Error::other("the proxy sent no header")),
            Header::Short => {}
        }
        let wanted = match octets.get(14..16) {
            Some(&[high, low]) => 16 + usize::from(u16::from_be_bytes([high, low])),
            _ => 16,
        };
        let start = octets.len();
        octets.resize(wanted, 0);
        let count = plain.read(octets.get_mut(start..).unwrap_or_default()).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        octets.truncate(start + count);
    }
}

/// Runs an operation on the socket until `limit`.
pub(crate) async fn within<T>(
    limit: Sleep,
    operation: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    tokio::select! {
        biased;
        done = operation => done,
        () = limit => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

/// Long enough not to spin, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
