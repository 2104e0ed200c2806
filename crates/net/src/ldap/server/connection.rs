//! One connection: moves octets between the socket, the session and the handler.

use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chancery_wire::ldap::server::{Event, Session};
use chancery_wire::ldap::{Message, Operation, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::{AbortHandle, JoinSet};

use super::{Handler, Search, Shared};
use crate::door::{read_header, within};
use crate::limits::Permit;
use crate::listener::{Client, Peer};
use crate::shutdown::Shutdown;
use crate::smtp::TlsMode;
use crate::stream::{Plain, Stream};

/// The state of one connection.
pub(super) struct Connection<'a, H> {
    shared: &'a Shared<H>,
    permit: &'a Permit,
    stream: Stream,
    session: Session,
    client: Client,
    /// The name that the client's certificate proves.
    certified: Option<Arc<str>>,
    input: Box<[u8]>,
    output: Vec<u8>,
    /// Answers that are being made, by what identifies their task.
    searches: JoinSet<(u32, Vec<u8>)>,
    running: HashMap<u32, AbortHandle>,
    /// When the request must be whole that has begun to come in, in milliseconds of the clock.
    due: Option<u64>,
}

/// What to do when everything that came is served.
enum Next {
    Close,
    StartTls,
    Wait,
}

impl<'a, H: Handler> Connection<'a, H> {
    /// Serves the connection to its end.
    pub(super) async fn run(
        shared: &'a Shared<H>,
        permit: &'a Permit,
        mut plain: Plain,
        peer: &Peer,
        is_proxy: bool,
        shutdown: &Shutdown,
    ) -> io::Result<()> {
        let mut address = peer.ip();
        if is_proxy {
            let limit = shared.config.clock.sleep(shared.config.slow_timeout);
            if let Some(client) = within(limit, read_header(&mut plain)).await? {
                // The proxy itself was not counted as a place.
                if !shared.limits.name(permit, client) {
                    return Err(too_many());
                }
                address = Some(client);
            }
        }
        let mut connection = Self {
            shared,
            permit,
            stream: Stream::Plain(plain),
            session: Session::new(shared.config.session),
            client: Client { address, identity: None, is_tls: false },
            certified: None,
            input: vec![0; BLOCK].into_boxed_slice(),
            output: Vec::new(),
            searches: JoinSet::new(),
            running: HashMap::new(),
            due: None,
        };
        if let TlsMode::Implicit(_) = shared.config.tls {
            connection.start_tls().await?;
        }
        connection.converse(shutdown).await
    }

    async fn converse(&mut self, shutdown: &Shutdown) -> io::Result<()> {
        let mut going_down = pin!(shutdown.triggered());
        let mut has_asked = false;
        loop {
            match self.serve().await? {
                Next::Wait => {}
                Next::StartTls => {
                    self.session.take_output(&mut self.output);
                    self.write().await?;
                    self.start_tls().await?;
                }
                Next::Close => return self.close().await,
            }
            self.write().await?;
            let is_free = self.searches.len() < MAX_OUTSTANDING;
            self.permit.set_busy(!self.searches.is_empty());
            let time = self.patience(has_asked);
            let timer = self.shared.config.clock.sleep(time);
            tokio::select! {
                biased;
                Some(done) = self.searches.join_next_with_id() => self.finish(done),
                read = self.stream.read(&mut self.input), if is_free => {
                    let count = read?;
                    if count == 0 {
                        // It has no more to ask, and may still be reading.
                        self.finish_all().await;
                        return self.close().await;
                    }
                    has_asked = true;
                    self.permit.seen(self.shared.config.clock.monotonic_ms());
                    self.session.feed(self.input.get(..count).unwrap_or_default());
                }
                () = going_down.as_mut() => return self.farewell().await,
                () = timer => {
                    self.session.disconnect(Outcome::UNAVAILABLE, "the connection was idle");
                    return self.close().await;
                }
            }
        }
    }

    /// Returns how long the client may now be silent. Whoever sends a request octet by octet gets no more time for that.
    fn patience(&mut self, has_asked: bool) -> Duration {
        let config = &self.shared.config;
        if !self.searches.is_empty() {
            // A client that waits for us is not idle.
            return config.search_timeout + config.slow_timeout;
        }
        if has_asked && !self.session.has_more() {
            self.due = None;
            return config.idle_timeout;
        }
        let now = config.clock.monotonic_ms();
        let slow = u64::try_from(config.slow_timeout.as_millis()).unwrap_or(u64::MAX);
        let due = *self.due.get_or_insert(now.saturating_add(slow));
        Duration::from_millis(due.saturating_sub(now))
    }

    /// Serves what has come in, as far as there may be more answers to wait for.
    async fn serve(&mut self) -> io::Result<Next> {
        while self.searches.len() < MAX_OUTSTANDING {
            match self.session.first() {
                Err(_) => return Ok(Next::Close),
                Ok(None) => break,
                Ok(Some(message)) => {
                    self.due = None;
                    if self.shared.handler.quick(&self.client, message, &mut self.output) {
                        self.session.skip();
                        if self.output.len() > MAX_OUTPUT {
                            self.write().await?;
                        }
                        continue;
                    }
                }
            }
            match self.session.take(self.searches.len()) {
                Event::Answered => {}
                Event::Abandon(id) => {
                    if let Some(task) = self.running.remove(&id) {
                        task.abort();
                    }
                }
                Event::Bind { id, name, password } => {
                    let handler = Arc::clone(&self.shared.handler);
                    let (client, asked) = (self.client.clone(), name.clone());
                    let is_right = handler.is_password(client, asked, password.0).await;
                    let code =
                        if is_right { Outcome::SUCCESS } else { Outcome::INVALID_CREDENTIALS };
                    self.session.bound(id, &name, Outcome::new(code, ""));
                }
                Event::Close => return Ok(Next::Close),
                Event::Search { id, request, controls } => {
                    self.search(Search { id, request, controls });
                }
                Event::StartTls => return Ok(Next::StartTls),
            }
            let bound = Some(self.session.identity()).filter(|identity| !identity.is_empty());
            if self.client.identity.as_deref() != bound.or(self.certified.as_deref()) {
                self.client.identity = bound.map(Into::into).or_else(|| self.certified.clone());
            }
            self.session.take_output(&mut self.output);
        }
        Ok(Next::Wait)
    }

    fn search(&mut self, search: Search) {
        let config = &self.shared.config;
        let wanted = match search.request.time_limit {
            0 => config.search_timeout,
            seconds => Duration::from_secs(u64::from(seconds)).min(config.search_timeout),
        };
        let (id, limit) = (search.id, config.clock.sleep(wanted));
        if self.running.contains_key(&id) {
            // RFC 4511 section 4.1.1.1: nobody could tell the answers apart.
            let outcome = Outcome::new(Outcome::PROTOCOL_ERROR, "the number is in use");
            let done = Message::new(id, Operation::SearchDone(outcome));
            self.output.extend(done.to_ber());
            return;
        }
        let answer = Arc::clone(&self.shared.handler).search(self.client.clone(), search);
        let task = self.searches.spawn(async move {
            let answer = tokio::select! {
                answer = answer => answer,
                () = limit => {
                    let outcome = Outcome::new(Outcome::TIME_LIMIT, "");
                    Message::new(id, Operation::SearchDone(outcome)).to_ber()
                }
            };
            (id, answer)
        });
        self.running.insert(id, task);
    }

    fn finish(&mut self, done: Result<(tokio::task::Id, (u32, Vec<u8>)), tokio::task::JoinError>) {
        match done {
            Ok((task, (id, answer))) => {
                if self.running.get(&id).is_some_and(|it| it.id() == task) {
                    self.running.remove(&id);
                    self.output.extend(answer);
                }
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => {
                tracing::error!(%error, "a search failed");
                let failed = error.id();
                let id = self.running.iter().find(|(_, task)| task.id() == failed);
                if let Some(id) = id.map(|(id, _)| *id) {
                    self.running.remove(&id);
                    let outcome = Outcome::new(Outcome::OTHER, "");
                    self.output.extend(Message::new(id, Operation::SearchDone(outcome)).to_ber());
                }
            }
        }
    }

    /// Answers what is waited for, within a limited time.
    async fn finish_all(&mut self) {
        let mut limit = self.shared.config.clock.sleep(self.shared.config.slow_timeout);
        while !self.searches.is_empty() {
            tokio::select! {
                biased;
                Some(done) = self.searches.join_next_with_id() => self.finish(done),
                () = &mut limit => break,
            }
        }
    }

    /// Answers what is waited for, says goodbye, and ends.
    async fn farewell(&mut self) -> io::Result<()> {
        self.finish_all().await;
        self.session.disconnect(Outcome::UNAVAILABLE, "the server stops");
        self.close().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.session.take_output(&mut self.output);
        self.write().await?;
        let limit = self.shared.config.clock.sleep(FAREWELL);
        within(limit, self.stream.shutdown()).await
    }

    async fn write(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let limit = self.shared.config.clock.sleep(self.shared.config.slow_timeout);
        let (stream, output) = (&mut self.stream, &self.output);
        let write = async {
            stream.write_all(output).await?;
            stream.flush().await
        };
        within(limit, write).await?;
        self.output.clear();
        self.output.shrink_to(MAX_OUTPUT);
        Ok(())
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let config = &self.shared.config;
        let (TlsMode::Implicit(tls) | TlsMode::StartTls(tls)) = &config.tls else {
            return Err(io::Error::other("TLS was asked for and is not configured"));
        };
        let Stream::Plain(plain) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(io::Error::other("TLS was asked for twice"));
        };
        let limit = config.clock.sleep(config.slow_timeout);
        let (stream, info) = within(limit, Stream::accept(plain, Arc::clone(tls))).await?;
        self.stream = stream;
        self.session.tls_established();
        self.client.is_tls = true;
        self.certified = self.shared.handler.certified(&info).map(Into::into);
        self.client.identity.clone_from(&self.certified);
        Ok(())
    }
}

fn too_many() -> io::Error {
    io::Error::other("there are too many connections of this client")
}

/// Octets read at once.
const BLOCK: usize = 8 * 1024;
/// Octets of answers that are collected before they are sent; what is larger goes at once.
const MAX_OUTPUT: usize = 64 * 1024;
/// Searches of one connection at a time; more wait in the socket.
const MAX_OUTSTANDING: usize = 32;
/// For the end of TLS, which fits into an empty socket buffer.
const FAREWELL: Duration = Duration::from_secs(1);
