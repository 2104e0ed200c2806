//! The stations that the demo plays itself: an internet that records and passes on, and a mailbox.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use chancery_net::dns::{Resolver, Zone};
use chancery_net::listener::Peer;
use chancery_net::shutdown::Shutdown;
use chancery_net::smtp::{
    self, Body, Client, ClientConfig, DeliveryOptions, Final, Handler, Outcome, Route,
    ServerConfig, Session, TlsPolicy,
};
use chancery_wire::smtp::data::Facts;
use chancery_wire::smtp::server::Config;
use chancery_wire::smtp::{Envelope, MailFrom, Protocol, RcptTo, Reply};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::failure::{Failure, Result};

/// A server that keeps what it gets, and passes it on if it knows where to.
pub(super) struct Station {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// What it got.
    pub(super) mail: UnboundedReceiver<Vec<u8>>,
    /// Where it passes mail on to.
    pub(super) next: Arc<OnceLock<SocketAddr>>,
}

impl Station {
    /// Starts a station on a free port; `passes_on` says whether mail goes on from here.
    pub(super) async fn start(name: &str, passes_on: bool, shutdown: &Shutdown) -> Result<Self> {
        let cannot =
            |error: std::io::Error| Failure::failed(format!("cannot start {name}: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (sender, mail) = unbounded_channel();
        let next = Arc::new(OnceLock::new());
        let client = client(name)?;
        let handler =
            Arc::new(Recorder { mail: sender, next: passes_on.then(|| Arc::clone(&next)), client });
        let mut config = Config::new(name);
        config.max_message_size = MAX_MESSAGE;
        let config = ServerConfig::new(config);
        tokio::spawn(smtp::serve(listener, handler, config, shutdown.clone()));
        Ok(Self { address, mail, next })
    }
}

/// Makes a client that speaks to loopback addresses only, and never hides anything behind TLS.
pub(super) fn client(name: &str) -> Result<Client> {
    let config = ClientConfig::new(name, Resolver::fixed(Zone::default()));
    Ok(Client::new(config.map_err(|error| Failure::of("cannot start a client", &error))?))
}

/// Sends a message to a server of this machine.
pub(super) async fn send(
    client: &Client,
    to: SocketAddr,
    envelope: &Envelope,
    message: &[u8],
) -> std::result::Result<Reply, Reply> {
    let route =
        Route::Host { host: to.ip().to_string(), port: to.port(), protocol: Protocol::Smtp };
    let bytes: Arc<[u8]> = message.into();
    let body = Body { facts: Facts::of(&bytes), source: Arc::new(bytes) };
    let options = DeliveryOptions { tls: TlsPolicy::None, ..DeliveryOptions::default() };
    let mut report = client.deliver(&route, envelope, &body, &options).await;
    match report.outcomes.pop() {
        Some(Outcome::Delivered { reply }) => Ok(reply),
        Some(
            Outcome::PermFail { reply, .. }
            | Outcome::TempFail { reply, .. }
            | Outcome::Unknown { reply, .. },
        ) => Err(reply),
        None => Err(Reply::plain(451, "no recipient")),
    }
}

struct Recorder {
    mail: UnboundedSender<Vec<u8>>,
    next: Option<Arc<OnceLock<SocketAddr>>>,
    client: Client,
}

struct Recording {
    mail: UnboundedSender<Vec<u8>>,
    next: Option<SocketAddr>,
    passes_on: bool,
    client: Client,
    envelope: Envelope,
    body: Vec<u8>,
}

impl Handler for Recorder {
    type Session = Recording;

    async fn connect(&self, _peer: &Peer) -> std::result::Result<Recording, Reply> {
        Ok(Recording {
            mail: self.mail.clone(),
            next: self.next.as_ref().and_then(|next| next.get().copied()),
            passes_on: self.next.is_some(),
            client: self.client.clone(),
            envelope: Envelope::default(),
            body: Vec::new(),
        })
    }
}

impl Session for Recording {
    async fn mail(&mut self, mail: &MailFrom) -> std::result::Result<(), Reply> {
        self.envelope = Envelope { mail: mail.clone(), recipients: Vec::new() };
        Ok(())
    }

    async fn rcpt(&mut self, recipient: &RcptTo) -> std::result::Result<(), Reply> {
        self.envelope.recipients.push(recipient.clone());
        Ok(())
    }

    async fn begin(&mut self) -> std::result::Result<(), Reply> {
        self.body.clear();
        Ok(())
    }

    async fn chunk(&mut self, octets: &[u8]) -> std::result::Result<(), Reply> {
        self.body.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self) -> Final {
        if self.passes_on {
            let Some(next) = self.next else {
                return Reply::plain(451, "nobody is there yet").into();
            };
            if let Err(reply) = send(&self.client, next, &self.envelope, &self.body).await {
                return reply.into();
            }
        }
        // Nobody listens any more when the demo ends.
        let _ended = self.mail.send(std::mem::take(&mut self.body));
        Reply::new(250, (2, 0, 0), "got it").into()
    }

    async fn reset(&mut self) {
        self.body.clear();
    }
}

/// Octets of a message in the demo.
const MAX_MESSAGE: u64 = 200 << 20;
