//! Runs `wire`'s HTTP requests over sockets: TLS, time, limits, one request a connection.
//!
//! One request a connection: what is asked here is asked seldom, and a client that wants more opens another one.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use chancery_wire::http::{self, Head, MAX_HEAD, Reply, Request, Status};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::clock::Clock;
use crate::door::{Door, within};
use crate::limits::Permit;
use crate::listener::{Client, Listener};
use crate::shutdown::Shutdown;
use crate::smtp::TlsMode;
use crate::stream::{Plain, Stream};
use crate::tls::TlsInfo;

/// What answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Returns the answer. It is dropped if it takes longer than it may.
    fn answer(
        self: Arc<Self>,
        client: Client,
        request: Request,
    ) -> impl Future<Output = Reply> + Send;

    /// Returns the name of the client, if its certificate proves one.
    fn certified(&self, tls: &TlsInfo) -> Option<String>;
}

/// How a listener behaves.
#[derive(Clone)]
pub struct ServerConfig {
    /// Whether TLS is spoken; there is no way from the clear to TLS.
    pub tls: TlsMode,
    /// Whose connections begin with a header of the PROXY protocol (version 2).
    pub proxies: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// Connections at a time; a further one takes the place of one that has not asked yet.
    pub max_connections: usize,
    /// Connections at a time from one address (an IPv6 /64 counts as one); a further one takes the place of one of them.
    pub max_connections_per_ip: usize,
    /// For a handshake, for the whole request, and for reading our answer.
    pub slow_timeout: Duration,
    /// For making one answer.
    pub answer_timeout: Duration,
    /// The clock that these are measured with.
    pub clock: Arc<dyn Clock>,
}

/// Accepts connections until shutdown and serves each; returns when the last one has ended.
///
/// On shutdown a client whose request is whole still gets its answer.
pub async fn serve<H: Handler>(
    listener: impl Into<Listener>,
    handler: Arc<H>,
    config: ServerConfig,
    shutdown: Shutdown,
) {
    let most = (config.max_connections, config.max_connections_per_ip);
    let (proxies, clock) = (Arc::clone(&config.proxies), Arc::clone(&config.clock));
    let door = Door::new(most, proxies, config.slow_timeout, clock);
    let (config, ending) = (Arc::new(config), shutdown.clone());
    let run = move |plain, address, permit: Arc<Permit>| {
        let (handler, config) = (Arc::clone(&handler), Arc::clone(&config));
        let ending = ending.clone();
        async move { converse(&handler, &config, plain, address, &permit, &ending).await }
    };
    door.open(listener.into(), shutdown, run).await;
}

async fn converse<H: Handler>(
    handler: &Arc<H>,
    config: &ServerConfig,
    plain: Plain,
    address: Option<IpAddr>,
    permit: &Permit,
    shutdown: &Shutdown,
) -> io::Result<()> {
    let slow = || config.clock.sleep(config.slow_timeout);
    let mut client = Client { address, identity: None, is_tls: false };
    let mut stream = match &config.tls {
        TlsMode::Implicit(tls) => {
            let (stream, info) = within(slow(), Stream::accept(plain, Arc::clone(tls))).await?;
            client.is_tls = true;
            client.identity = handler.certified(&info).map(Into::into);
            stream
        }
        TlsMode::None | TlsMode::StartTls(_) => Stream::Plain(plain),
    };
    let head = tokio::select! {
        biased;
        () = shutdown.triggered() => return Ok(()),
        head = within(slow(), read(&mut stream)) => head?,
    };
    let (reply, is_head) = match head {
        Head::Short => return Ok(()),
        Head::Wrong(status) => (Reply::new(status, ""), false),
        Head::Whole(request) => {
            let is_head = request.is_head;
            permit.set_busy(true);
            let mut answer = pin!(Arc::clone(handler).answer(client, request));
            let reply = tokio::select! {
                biased;
                reply = &mut answer => reply,
                () = config.clock.sleep(config.answer_timeout) => {
                    Reply::new(Status::Unavailable, "").with("Cache-Control", "no-store")
                }
            };
            (reply, is_head)
        }
    };
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(config.clock.unix_ms()));
    let octets = reply.write(&date, is_head);
    let write = async {
        stream.write_all(&octets).await?;
        stream.shutdown().await
    };
    within(slow(), write).await?;
    permit.set_busy(false);
    // What was sent behind the request would make the system reset the connection before the answer is read
    // (RFC 9112 section 9.6).
    within(config.clock.sleep(LINGER), drain(&mut stream)).await
}

/// Reads a request; what the client does not send before it ends its side is missing.
async fn read(stream: &mut Stream) -> io::Result<Head> {
    let mut octets = Vec::with_capacity(1024);
    loop {
        match http::read(&octets) {
            // One octet more than there may be tells that there are too many.
            Head::Short if octets.len() <= MAX_HEAD + 2 => {}
            head => return Ok(head),
        }
        if stream.read_buf(&mut octets).await? == 0 {
            return Ok(if octets.is_empty() {
                Head::Short
            } else {
                Head::Wrong(Status::BadRequest)
            });
        }
    }
}

async fn drain(stream: &mut Stream) -> io::Result<()> {
    let mut octets = [0; 1024];
    for _ in 0..MAX_DRAINED {
        if stream.read(&mut octets).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// For a client that has its answer and goes on sending.
const LINGER: Duration = Duration::from_secs(1);
/// Pieces that are read and thrown away in that time.
const MAX_DRAINED: usize = 64;
