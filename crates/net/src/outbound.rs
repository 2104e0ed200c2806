//! Connections to places that foreign data names: each address is looked at before it is asked, and exactly that address
//! is asked, so that a name that changes its mind between two look-ups gains nothing.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chancery_fault::{Code, Coded};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use crate::clock::Clock;
use crate::codes;
use crate::dns::Resolver;
use crate::reach::Reach;
use crate::stream::{Plain, Stream};

/// Makes connections to places that foreign data names; clones share the resolver.
#[derive(Clone)]
pub struct Dialer {
    /// Finds addresses.
    pub resolver: Resolver,
    /// How far requests go.
    pub reach: Reach,
    /// TLS for `https` and `ldaps`.
    pub tls: Arc<rustls::ClientConfig>,
    /// Measures the time limits.
    pub clock: Arc<dyn Clock>,
}

/// Why nothing was fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not written as it should be, or is of a kind that we do not ask.
    #[error("the address {0}")]
    Address(String),
    /// No server answered the connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The host name could not be looked up.
    #[error("{0}")]
    Dns(#[from] crate::dns::Error),
    /// The server does not take our name and password.
    #[error("the server does not let us in: {0}")]
    Login(String),
    /// The host is in a network that must not be asked.
    #[error("{0} is not on the public internet")]
    OutOfReach(String),
    /// The server does not keep to the protocol.
    #[error("the server's answer cannot be read: {0}")]
    Protocol(String),
    /// The server sends elsewhere too often, or to where nothing may be asked.
    #[error("the server sends elsewhere: {0}")]
    Redirect(String),
    /// The server says that it has no such thing, or no answer.
    #[error("the server says {0}")]
    Refused(String),
    /// The time is over.
    #[error("no complete answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The TLS handshake failed.
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
    /// The answer is larger than it may be.
    #[error("the answer has more than {0} octets")]
    TooLarge(usize),
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Address(_) => &codes::FETCH_ADDRESS,
            Self::Connect(_) => &codes::FETCH_CONNECT,
            Self::Dns(_) => &codes::FETCH_NAME,
            Self::Login(_) => &codes::FETCH_LOGIN,
            Self::OutOfReach(_) => &codes::FETCH_OUT_OF_REACH,
            Self::Protocol(_) => &codes::FETCH_PROTOCOL,
            Self::Redirect(_) => &codes::FETCH_REDIRECT,
            Self::Refused(_) => &codes::FETCH_REFUSED,
            Self::TimedOut(_) => &codes::FETCH_TIMED_OUT,
            Self::Tls(_) => &codes::TLS_HANDSHAKE,
            Self::TooLarge(_) => &codes::FETCH_TOO_LARGE,
        }
    }
}

impl Dialer {
    /// Connects to the first address that answers, of those that may be asked.
    ///
    /// `usual` are the ports of the protocol.
    pub(crate) async fn dial(
        &self,
        host: &str,
        port: u16,
        usual: &[u16],
        with_tls: bool,
    ) -> Result<Stream, Error> {
        if !self.reach.permits_port(port, usual) {
            return Err(Error::OutOfReach(format!("port {port}")));
        }
        let found = self.resolver.addresses(host, port).await?;
        let (good, bad): (Vec<SocketAddr>, Vec<SocketAddr>) =
            found.into_iter().partition(|address| self.reach.permits(address.ip()));
        let mut last = match bad.first() {
            Some(address) => Error::OutOfReach(format!("{} of {host}", address.ip())),
            None => Error::Connect("the host has no address".to_owned()),
        };
        for address in good.into_iter().take(MAX_ADDRESSES) {
            match self.within(CONNECT, async { Ok(TcpStream::connect(address).await) }).await {
                Ok(Ok(stream)) if with_tls => {
                    return self.shake_hands(Plain::tcp(stream), host).await;
                }
                Ok(Ok(stream)) => return Ok(Stream::Plain(Plain::tcp(stream))),
                Ok(Err(error)) => last = Error::Connect(format!("{address}: {error}")),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Shakes hands over a connection that is there.
    pub(crate) async fn shake_hands(&self, plain: Plain, host: &str) -> Result<Stream, Error> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::Address("has no host name that TLS knows".to_owned()))?;
        let connected = Stream::connect(plain, Arc::clone(&self.tls), name, false);
        connected.await.map(|(stream, _)| stream).map_err(|error| Error::Tls(error.to_string()))
    }

    /// Gives up after `limit`.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            result = work => result,
            () = self.clock.sleep(limit) => Err(Error::TimedOut(limit)),
        }
    }
}

/// For one TCP connection; a host that is up answers within a second or two, and others may have more addresses.
const CONNECT: Duration = Duration::from_secs(5);
/// Addresses of one host that are tried.
const MAX_ADDRESSES: usize = 4;
