//! One connection to a server: moves octets between the socket and the machine.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use chancery_fault::Code;
use chancery_wire::codes as wire;
use chancery_wire::smtp::Envelope;
use chancery_wire::smtp::client::{Event, Features, Options, Outcome, Phase, Session, TlsWish};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::body::BLOCK;
use super::target::{Place, Target};
use super::{Body, ClientConfig, DeliveryOptions, TlsPolicy};
use crate::codes;
use crate::stream::{Plain, Stream};
use crate::tls::TlsInfo;

/// A connection that is ready for messages.
pub(super) struct Connection {
    config: Arc<ClientConfig>,
    stream: Stream,
    machine: Session,
    pub(super) tls: Option<TlsInfo>,
    /// Keeps the configuration alive whose address is part of the pool's key.
    _tls_config: Option<Arc<rustls::ClientConfig>>,
    pub(super) host: String,
    pub(super) address: Option<SocketAddr>,
    messages: u32,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

/// Why a connection did not come about.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: &'static Code,
    pub(super) reason: String,
}

/// What came first while writing.
enum Wrote {
    All,
    /// The server said something, or closed; it is in the buffer.
    Interrupted,
}

impl Connection {
    /// Connects, says hello, and secures the connection as the policy demands.
    pub(super) async fn open(
        config: &Arc<ClientConfig>,
        target: &Target,
        options: &DeliveryOptions,
    ) -> Result<Self, Refused> {
        let wish = match (&options.tls, &target.place) {
            (TlsPolicy::None, _) | (TlsPolicy::Opportunistic, Place::Unix(_)) => TlsWish::Never,
            (TlsPolicy::Opportunistic, Place::Tcp(_)) => TlsWish::IfOffered,
            (TlsPolicy::Required | TlsPolicy::RequiredVerified(_), _) => TlsWish::Required,
        };
        match Self::open_with(config, target, options, wish).await {
            // Half a handshake leaves nothing to talk on: once more, in clear.
            Err(refused) if refused.code == &codes::TLS_HANDSHAKE && wish == TlsWish::IfOffered => {
                tracing::info!(
                    host = target.host,
                    reason = refused.reason,
                    "TLS failed, going on in clear"
                );
                Self::open_with(config, target, options, TlsWish::Never).await
            }
            result => result,
        }
    }

    async fn open_with(
        config: &Arc<ClientConfig>,
        target: &Target,
        options: &DeliveryOptions,
        wish: TlsWish,
    ) -> Result<Self, Refused> {
        let connecting = connect(&target.place);
        let plain = match within(config, config.timeouts.connect, connecting).await {
            Ok(plain) => plain,
            Err(error) => return Err(Refused { code: &codes::CONNECT, reason: error.to_string() }),
        };
        let tls_config = match &options.tls {
            TlsPolicy::RequiredVerified(config) => Some(Arc::clone(config)),
            TlsPolicy::None | TlsPolicy::Opportunistic | TlsPolicy::Required => None,
        };
        let hostname = config.hostname.clone();
        let auth = options.auth.clone();
        let mut connection = Self {
            config: Arc::clone(config),
            stream: Stream::Plain(plain),
            machine: Session::new(Options { hostname, protocol: target.protocol, tls: wish, auth }),
            tls: None,
            _tls_config: tls_config.clone(),
            host: target.host.clone(),
            address: target.address(),
            messages: 0,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
        };
        connection.set_up(tls_config).await?;
        Ok(connection)
    }

    async fn set_up(
        &mut self,
        tls_config: Option<Arc<rustls::ClientConfig>>,
    ) -> Result<(), Refused> {
        loop {
            match self.next_event().await {
                Ok(Event::Ready) => return Ok(()),
                Ok(Event::StartTls) => self.start_tls(tls_config.clone()).await?,
                Ok(Event::Failed { code, reply }) => {
                    return Err(Refused { code, reason: reply.to_string() });
                }
                Ok(Event::Done(_) | Event::More | Event::SendBody) => {}
                Err(code) => return Err(Refused { code, reason: code.summary.to_owned() }),
            }
        }
    }

    async fn start_tls(
        &mut self,
        verified: Option<Arc<rustls::ClientConfig>>,
    ) -> Result<(), Refused> {
        let failed = |reason: String| Refused { code: &codes::TLS_HANDSHAKE, reason };
        let name = ServerName::try_from(self.host.clone()).or_else(|_| match self.address {
            Some(address) => Ok(ServerName::from(address.ip())),
            None => ServerName::try_from("localhost"),
        });
        let name = name.map_err(|error| failed(error.to_string()))?;
        let Stream::Plain(plain) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(failed("the connection has TLS already".to_owned()));
        };
        let is_verified = verified.is_some();
        let tls = verified.unwrap_or_else(|| Arc::clone(&self.config.tls));
        let handshake = Stream::connect(plain, tls, name, is_verified);
        let (stream, info) = within(&self.config, self.config.timeouts.greeting, handshake)
            .await
            .map_err(|error| failed(error.to_string()))?;
        self.stream = stream;
        self.tls = Some(info);
        self.machine.tls_established();
        Ok(())
    }

    /// Sends one message; there is one outcome for each recipient.
    pub(super) async fn send(
        &mut self,
        envelope: &Envelope,
        body: &Body,
        prefer_chunking: bool,
    ) -> Vec<Outcome> {
        if let Err(outcomes) = self.machine.send(envelope, &body.facts, prefer_chunking) {
            return outcomes;
        }
        self.messages += 1;
        loop {
            match self.next_event().await {
                Ok(Event::Done(outcomes)) => return outcomes,
                Ok(Event::SendBody) => {
                    if let Err(outcomes) = self.send_body(body).await {
                        return outcomes;
                    }
                }
                Ok(Event::More | Event::Ready | Event::StartTls) => {}
                Ok(Event::Failed { code, .. }) | Err(code) => return self.machine.lost(code),
            }
        }
    }

    /// Sends the body; `Err` if the message came to an end before its body did.
    async fn send_body(&mut self, body: &Body) -> Result<(), Vec<Outcome>> {
        let unreadable = |error: &dyn std::fmt::Display| tracing::error!(%error, code = codes::BODY_SOURCE.id, "cannot read a message");
        let mut reader = body.source.open().map_err(|error| {
            unreadable(&error);
            self.machine.lost(&codes::BODY_SOURCE)
        })?;
        // No larger than needed: most messages are small.
        let block =
            usize::try_from(body.facts.length).unwrap_or(BLOCK).saturating_add(1).min(BLOCK);
        let mut block = vec![0; block];
        loop {
            match reader.read(&mut block).await {
                Ok(0) => break,
                Ok(count) => self.machine.push_body(block.get(..count).unwrap_or_default()),
                Err(error) => {
                    unreadable(&error);
                    return Err(self.machine.lost(&codes::BODY_SOURCE));
                }
            }
            if self.machine.output().len() >= BLOCK {
                self.write_or_hear().await?;
            }
        }
        if let Err(error) = self.machine.end_body() {
            unreadable(&error);
            return Err(self.machine.lost(&codes::BODY_SOURCE));
        }
        self.write_or_hear().await
    }

    /// Writes a part of the body. A server that refuses in the middle says so before it closes: listen for it.
    async fn write_or_hear(&mut self) -> Result<(), Vec<Outcome>> {
        let wrote = match self.write().await {
            Ok(wrote) => wrote,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(self.machine.lost(&wire::TIMEOUT));
            }
            // What the server said before it closed may still be there to be read.
            Err(_) => {
                drop(self.read(FAREWELL).await);
                Wrote::Interrupted
            }
        };
        match wrote {
            Wrote::All => Ok(()),
            Wrote::Interrupted => match self.take_event() {
                Event::Done(outcomes) => Err(outcomes),
                _ => Err(self.machine.lost(&wire::CONNECTION_LOST)),
            },
        }
    }

    /// Returns true if the message limit leaves room for another one.
    pub(super) fn is_reusable(&self) -> bool {
        self.machine.is_usable() && self.messages < self.config.max_messages
    }

    /// Returns what the server offers.
    pub(super) fn features(&self) -> &Features {
        self.machine.features()
    }

    /// Returns true if the server has said nothing since the last reply, not even goodbye.
    pub(super) async fn is_quiet(&mut self) -> bool {
        let (stream, mut octet) = (&mut self.stream, [0]);
        poll_fn(|cx| {
            let mut buffer = ReadBuf::new(&mut octet);
            Poll::Ready(Pin::new(&mut *stream).poll_read(cx, &mut buffer).is_pending())
        })
        .await
    }

    /// Says goodbye and does not wait for an answer.
    pub(super) async fn close(mut self) {
        self.machine.quit();
        let (stream, output) = (&mut self.stream, self.machine.output());
        let goodbye = async {
            stream.write_all(output).await?;
            stream.shutdown().await
        };
        drop(within(&self.config, FAREWELL, goodbye).await);
    }

    /// Runs the machine until something happens that it cannot do alone.
    async fn next_event(&mut self) -> Result<Event, &'static Code> {
        loop {
            match self.take_event() {
                Event::More => {}
                event => return Ok(event),
            }
            let lost = |error: io::Error| match error.kind() {
                io::ErrorKind::TimedOut => &wire::TIMEOUT,
                _ => &wire::CONNECTION_LOST,
            };
            if let Wrote::Interrupted = self.write().await.map_err(lost)? {
                continue;
            }
            let timeouts = &self.config.timeouts;
            let limit = match self.machine.phase() {
                Phase::Greeting => timeouts.greeting,
                Phase::End => timeouts.end,
                Phase::Body | Phase::Command | Phase::Idle => timeouts.command,
            };
            if !self.read(limit).await.map_err(lost)? {
                return Err(&wire::CONNECTION_LOST);
            }
        }
    }

    fn take_event(&mut self) -> Event {
        let (used, event) =
            self.machine.receive(self.buffer.get(self.start..self.end).unwrap_or_default());
        self.start += used;
        event
    }

    /// Writes the machine's output; it is cleared if and only if all of it left.
    async fn write(&mut self) -> io::Result<Wrote> {
        if self.machine.output().is_empty() {
            return Ok(Wrote::All);
        }
        self.make_room();
        let is_body = matches!(self.machine.phase(), Phase::Body | Phase::End);
        let limit = if is_body { self.config.timeouts.data } else { self.config.timeouts.command };
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let mut writing = Writing {
            stream: &mut self.stream,
            output: self.machine.output(),
            written: 0,
            free: ReadBuf::new(free),
        };
        let result = within(&self.config, limit, poll_fn(|cx| writing.poll(cx, is_body))).await;
        self.end += writing.free.filled().len();
        let wrote = result?;
        if let Wrote::All = wrote {
            self.machine.clear_output();
        }
        Ok(wrote)
    }

    /// Reads more input; returns false when the server has gone.
    async fn read(&mut self, limit: Duration) -> io::Result<bool> {
        self.make_room();
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = within(&self.config, limit, self.stream.read(free)).await?;
        self.end += count;
        Ok(count > 0)
    }

    /// Moves unconsumed input to the front. The machine refuses long lines, so there is always room then.
    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }
}

/// A write that listens while it has to wait.
struct Writing<'a> {
    stream: &'a mut Stream,
    output: &'a [u8],
    written: usize,
    free: ReadBuf<'a>,
}

impl Writing<'_> {
    fn poll(&mut self, cx: &mut Context<'_>, listen: bool) -> Poll<io::Result<Wrote>> {
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut *self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => self.written += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if listen => return self.poll_hear(cx),
                Poll::Pending => return Poll::Pending,
            }
        }
        match Pin::new(&mut *self.stream).poll_flush(cx) {
            Poll::Ready(result) => Poll::Ready(result.map(|()| Wrote::All)),
            Poll::Pending if listen => self.poll_hear(cx),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Wrote>> {
        Pin::new(&mut *self.stream).poll_read(cx, &mut self.free).map_ok(|()| Wrote::Interrupted)
    }
}

async fn connect(place: &Place) -> io::Result<Plain> {
    match place {
        Place::Tcp(address) => TcpStream::connect(address).await.map(Plain::tcp),
        Place::Unix(path) => UnixStream::connect(path).await.map(Plain::Unix),
    }
}

/// Runs an operation on the socket, but not longer than `limit`.
async fn within<T>(
    config: &ClientConfig,
    limit: Duration,
    operation: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let limit = config.clock.sleep(limit);
    tokio::select! {
        biased;
        done = operation => done,
        () = limit => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Holds the longest reply line twice.
const BUFFER: usize = 8 << 10;

/// How long last words may take.
const FAREWELL: Duration = Duration::from_secs(5);
