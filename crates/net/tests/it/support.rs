//! What the tests share: a handler that records, a running server, and a scripted one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use chancery_net::clock::ManualClock;
use chancery_net::dns::{Resolver, Zone};
use chancery_net::listener::{Listener, Peer};
use chancery_net::shutdown::Shutdown;
use chancery_net::smtp::{
    Body, Client, ClientConfig, DeliveryOptions, DeliveryReport, Final, Handler, Outcome, Route,
    ServerConfig, Session, serve,
};
use chancery_net::tls::TlsInfo;
use chancery_wire::smtp::server::Config;
use chancery_wire::smtp::{Envelope, MailFrom, Protocol, RcptTo, Reply};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A message as the handler got it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) hello: String,
    pub(crate) user: Option<String>,
    pub(crate) tls: Option<TlsInfo>,
    pub(crate) mail: MailFrom,
    pub(crate) recipients: Vec<RcptTo>,
    pub(crate) body: Vec<u8>,
}

/// Records messages. Recipients that begin with `bad` are refused, with `later` put off.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) messages: Mutex<Vec<Message>>,
    pub(crate) resets: Mutex<usize>,
    /// Octets of bodies that have come in.
    pub(crate) octets: tokio::sync::watch::Sender<usize>,
}

pub(crate) struct Recording {
    recorder: Arc<Recorder>,
    message: Message,
}

/// [`Recorder`] behind an `Arc`, so that each session can have it too.
pub(crate) struct Shared(pub(crate) Arc<Recorder>);

impl Handler for Shared {
    type Session = Recording;

    async fn connect(&self, _peer: &Peer) -> Result<Recording, Reply> {
        Ok(Recording { recorder: Arc::clone(&self.0), message: Message::default() })
    }
}

impl Session for Recording {
    fn hello(&mut self, name: &str) {
        name.clone_into(&mut self.message.hello);
    }

    async fn tls_established(&mut self, info: &TlsInfo) {
        self.message = Message { tls: Some(info.clone()), ..Message::default() };
    }

    async fn auth(&mut self, user: &str, password: &str) -> bool {
        self.message.user = Some(user.to_owned());
        password == "secret"
    }

    async fn mail(&mut self, mail: &MailFrom) -> Result<(), Reply> {
        self.message.mail = mail.clone();
        Ok(())
    }

    async fn rcpt(&mut self, recipient: &RcptTo) -> Result<(), Reply> {
        if recipient.address.starts_with("bad") {
            return Err(Reply::new(550, (5, 1, 1), "no such person"));
        }
        if recipient.address.starts_with("later") {
            return Err(Reply::new(450, (4, 2, 1), "come back later"));
        }
        self.message.recipients.push(recipient.clone());
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), Reply> {
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> Result<(), Reply> {
        self.message.body.extend_from_slice(octets);
        self.recorder.octets.send_modify(|count| *count += octets.len());
        Ok(())
    }

    async fn end(&mut self) -> Final {
        let replies = self.message.recipients.iter().map(|recipient| {
            if recipient.address.starts_with("full") {
                Reply::new(452, (4, 2, 2), "mailbox full")
            } else {
                Reply::new(250, (2, 0, 0), "taken")
            }
        });
        let replies = replies.collect();
        self.recorder.messages.lock().unwrap().push(self.message.clone());
        self.forget();
        Final::Each(replies)
    }

    async fn reset(&mut self) {
        *self.recorder.resets.lock().unwrap() += 1;
        self.forget();
    }
}

impl Recording {
    fn forget(&mut self) {
        self.message.mail = MailFrom::default();
        self.message.recipients.clear();
        self.message.body.clear();
    }
}

/// A server of ours on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) shutdown: Shutdown,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start(config: ServerConfig) -> Self {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (recorder, shutdown) = (Arc::new(Recorder::default()), Shutdown::new());
        let handler = Arc::new(Shared(Arc::clone(&recorder)));
        let task = tokio::spawn(serve(listener, handler, config, shutdown.clone()));
        Self { address, recorder, shutdown, task }
    }

    pub(crate) async fn smtp() -> Self {
        Self::start(ServerConfig::new(config())).await
    }

    pub(crate) async fn lmtp() -> Self {
        Self::start(ServerConfig::new(Config { protocol: Protocol::Lmtp, ..config() })).await
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.recorder.messages.lock().unwrap().clone()
    }

    pub(crate) fn route(&self) -> Route {
        route(self.address, Protocol::Smtp)
    }

    /// Stops the server and waits until its last connection has ended.
    pub(crate) async fn stop(self) {
        self.shutdown.trigger();
        self.task.await.unwrap().unwrap();
    }

    /// Waits until the server, which was told to stop, has stopped.
    pub(crate) async fn stopped(self) {
        self.task.await.unwrap().unwrap();
    }
}

pub(crate) fn config() -> Config {
    Config::new("mx.test")
}

pub(crate) fn route(address: SocketAddr, protocol: Protocol) -> Route {
    Route::Host { host: address.ip().to_string(), port: address.port(), protocol }
}

pub(crate) fn client_config() -> ClientConfig {
    ClientConfig::new("us.test", Resolver::fixed(Zone::default())).unwrap()
}

pub(crate) fn client() -> Client {
    Client::new(client_config())
}

pub(crate) fn zone(hosts: impl IntoIterator<Item = (&'static str, Vec<SocketAddr>)>) -> Zone {
    Zone {
        hosts: hosts.into_iter().map(|(name, list)| (name.to_owned(), list)).collect(),
        ..Zone { mx: BTreeMap::new(), ..Zone::default() }
    }
}

pub(crate) async fn deliver(
    client: &Client,
    route: &Route,
    recipients: &[&str],
    body: &[u8],
) -> DeliveryReport {
    deliver_with(client, route, recipients, body, &DeliveryOptions::default()).await
}

pub(crate) async fn deliver_with(
    client: &Client,
    route: &Route,
    recipients: &[&str],
    body: &[u8],
    options: &DeliveryOptions,
) -> DeliveryReport {
    let envelope =
        Envelope::new("sender@a.test", recipients.iter().map(|name| format!("{name}@b.test")));
    client.deliver(route, &envelope, &Body::from_bytes(body), options).await
}

/// One letter for each outcome: delivered, permanent, temporary, unknown.
pub(crate) fn letters(report: &DeliveryReport) -> String {
    let letter = |outcome: &Outcome| match outcome {
        Outcome::Delivered { .. } => 'D',
        Outcome::PermFail { .. } => 'P',
        Outcome::TempFail { .. } => 'T',
        Outcome::Unknown { .. } => 'U',
    };
    report.outcomes.iter().map(letter).collect()
}

pub(crate) fn codes(report: &DeliveryReport) -> Vec<&'static str> {
    report.outcomes.iter().map(|outcome| outcome.code().map_or("ok", |code| code.id)).collect()
}

/// A server that plays a fixed part on each connection: says the first line, then for each line it gets the next one.
/// `DATA` is answered like any other line; the body counts as one line that ends with its final dot. When the part is
/// over the connection is closed.
pub(crate) async fn scripted(parts: Vec<Vec<&'static str>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for part in parts {
            let (stream, _) = listener.accept().await.unwrap();
            play(stream, &part).await;
        }
    });
    address
}

async fn play(stream: TcpStream, part: &[&'static str]) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut in_body = false;
    for line in part {
        if write.write_all(format!("{line}\r\n").as_bytes()).await.is_err() {
            return;
        }
        in_body |= line.starts_with("354");
        loop {
            match lines.next_line().await {
                Ok(Some(line)) if !in_body || line == "." => break,
                Ok(Some(_)) => {}
                _ => return,
            }
        }
        in_body = in_body && line.starts_with("not yet");
    }
}

/// Reads reply lines up to the last one of a reply.
pub(crate) async fn reply(lines: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> String {
    let mut text = String::new();
    loop {
        let start = text.len();
        if lines.read_line(&mut text).await.unwrap() == 0
            || text.as_bytes().get(start + 3) == Some(&b' ')
        {
            return text;
        }
    }
}

/// Moves a clock on by `step` again and again until `event` has come.
pub(crate) async fn advance_until<T>(
    clock: &ManualClock,
    step: std::time::Duration,
    event: impl Future<Output = T>,
) -> T {
    let mut event = std::pin::pin!(event);
    loop {
        tokio::select! {
            biased;
            done = &mut event => return done,
            () = tokio::task::yield_now() => clock.advance(step),
        }
    }
}
