//! A client of one directory server: a few connections that live long, many questions at once on each (RFC 4511 section 4).
//!
//! Whoever no longer waits for an answer drops the question, and the server is told to abandon it. A connection on which
//! nothing comes any more is given up; a question that was lost with a connection is put once more on another one.

use std::sync::{Arc, Mutex, PoisonError};

use chancery_wire::ldap::{
    BindRequest, Control, ExtendedRequest, Message, Operation, Outcome, Password, START_TLS,
    SearchEntry, SearchRequest,
};

use super::connection::{Connection, Lost};
use super::{Messages, refused, send};
use crate::outbound::{Dialer, Error};
use crate::stream::Stream;

/// Where a directory server is and how one speaks to it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name; its certificate must bear it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Who we are; nobody in particular without it.
    pub login: Option<Login>,
    /// Connections at most.
    pub connections: usize,
    /// Octets of one message at most.
    pub max_octets: usize,
}

/// How a connection is protected. With TLS, the dialer's configuration decides which certificate is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Clear,
    /// By TLS that the client asks for (section 4.14).
    StartTls,
    /// By TLS from the start (`ldaps`).
    Tls,
}

/// A name with its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name of an entry.
    pub name: String,
    /// Its password.
    pub password: Password,
}

/// A client of one server; clones share the connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    server: Server,
    dialer: Dialer,
    connections: Mutex<Vec<Arc<Connection>>>,
    /// Held by who makes a connection.
    dialing: tokio::sync::Mutex<()>,
}

impl Client {
    /// Makes a client; it connects when there is something to ask.
    pub fn new(server: Server, dialer: Dialer) -> Self {
        let (connections, dialing) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { server, dialer, connections, dialing }))
    }

    /// Returns how connections are protected.
    pub fn security(&self) -> Security {
        self.0.server.security
    }

    /// Asks; the answer may have so many octets. It waits as long as the caller does.
    pub async fn search(
        &self,
        request: &SearchRequest,
        controls: &[Control],
        octets: usize,
    ) -> Result<Vec<SearchEntry>, Error> {
        let operation = || Operation::SearchRequest(request.clone());
        let connection = self.connection().await?;
        match connection.ask(operation(), controls, octets).await {
            // A server may close a connection at any time, also just now.
            Err(Lost::Connection(error)) => {
                tracing::debug!("the directory server closed the connection: {error}");
                let connection = self.connection().await?;
                connection.ask(operation(), controls, octets).await.map_err(Lost::into_error)
            }
            other => other.map_err(Lost::into_error),
        }
    }

    /// Returns the connection with the least to do, or a new one if all have much to do.
    async fn connection(&self) -> Result<Arc<Connection>, Error> {
        let best = self.best();
        if let Some((connection, false)) = &best {
            return Ok(Arc::clone(connection));
        }
        let _dialing = match (best, self.0.dialing.try_lock()) {
            (_, Ok(held)) => held,
            (Some((connection, _)), Err(_)) => return Ok(connection),
            (None, Err(_)) => self.0.dialing.lock().await,
        };
        // Somebody else may have made one meanwhile.
        if let Some((connection, false)) = self.best() {
            return Ok(connection);
        }
        let made = Arc::new(self.connect().await?);
        self.connections().push(Arc::clone(&made));
        Ok(made)
    }

    /// Returns the connection with the least to do, and whether one more should be made.
    fn best(&self) -> Option<(Arc<Connection>, bool)> {
        let mut connections = self.connections();
        connections.retain(|connection| connection.is_alive());
        let may_grow = connections.len() < self.0.server.connections.max(1);
        let best = connections.iter().min_by_key(|connection| connection.waiting())?;
        Some((Arc::clone(best), may_grow && best.waiting() >= MUCH))
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Connection>>> {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let Server { host, port, security, login, max_octets, .. } = &self.0.server;
        let dialer = &self.0.dialer;
        let is_tls = *security == Security::Tls;
        let mut stream = dialer.dial(host, *port, &[389, 636, 3268, 3269], is_tls).await?;
        if *security == Security::StartTls {
            stream = start_tls(dialer, stream, host).await?;
        }
        if let Some(login) = login {
            if *security == Security::Clear {
                // The settings refuse it too; a password must not depend on them.
                return Err(Error::Login("no password is sent without TLS".to_owned()));
            }
            stream = bind(stream, login).await?;
        }
        Ok(Connection::new(stream, *max_octets))
    }
}

/// Asks for TLS and shakes hands. What the server sent in clear before that is not taken for an answer afterwards.
async fn start_tls(dialer: &Dialer, stream: Stream, host: &str) -> Result<Stream, Error> {
    let request = Operation::ExtendedRequest(ExtendedRequest::new(START_TLS));
    let (operation, stream) = converse(stream, request).await?;
    let Operation::Extended(response) = operation else {
        return Err(Error::Protocol("it does not belong to the question".to_owned()));
    };
    if response.outcome.code != Outcome::SUCCESS {
        let why = refused(&response.outcome);
        return Err(Error::Tls(format!("the server does not start TLS: {why}")));
    }
    match stream {
        Stream::Plain(plain) => dialer.shake_hands(plain, host).await,
        _ => Err(Error::Tls("there is TLS already".to_owned())),
    }
}

async fn bind(stream: Stream, login: &Login) -> Result<Stream, Error> {
    let request = BindRequest::simple(&login.name, login.password.0.clone());
    let (operation, stream) = converse(stream, Operation::Bind(request)).await?;
    let Operation::BindDone(outcome) = operation else {
        return Err(Error::Protocol("it does not belong to the question".to_owned()));
    };
    match outcome.code {
        Outcome::SUCCESS => Ok(stream),
        code => Err(Error::Login(format!("result code {code}"))),
    }
}

/// Puts one question and reads its answer, with nothing after it.
async fn converse(mut stream: Stream, request: Operation) -> Result<(Operation, Stream), Error> {
    send(&mut stream, &Message::new(FIRST, request)).await?;
    let mut messages = Messages::new(stream, SMALL);
    let message = messages.next().await?;
    if message.id != FIRST {
        return Err(Error::Protocol("it does not belong to the question".to_owned()));
    }
    let stream = messages.end()?;
    Ok((message.operation, stream))
}

/// The number of a message before any search.
const FIRST: u32 = 1;
/// Octets of an answer to something else than a search.
const SMALL: usize = 16 * 1024;
/// Questions on a connection from which on another one is worth its price.
const MUCH: usize = 8;
