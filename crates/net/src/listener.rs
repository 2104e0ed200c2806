//! Addresses to listen on, TCP or Unix, and the streams they give.

use std::fmt;
use std::fs::Permissions;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};

use crate::stream::Plain;

/// A bound listening socket.
#[derive(Debug)]
pub enum Listener {
    /// On a TCP port.
    Tcp(TcpListener),
    /// On a Unix socket file.
    Unix(UnixListener, PathBuf),
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A process of this machine, through a Unix socket.
    Unix,
}

/// Who asks on a connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its address; `None` for a process of this machine.
    pub address: Option<IpAddr>,
    /// The name that it proved by password or certificate.
    pub identity: Option<Arc<str>>,
    /// The connection is encrypted.
    pub is_tls: bool,
}

impl Listener {
    /// Binds `host:port` (port 0 takes a free one) or `unix:/path`; a stale socket file is replaced.
    pub async fn bind(address: &str) -> io::Result<Self> {
        match address.strip_prefix("unix:") {
            None => Ok(Self::Tcp(TcpListener::bind(address).await?)),
            Some(path) => {
                let path = PathBuf::from(path);
                if is_stale_socket(&path).await {
                    tokio::fs::remove_file(&path).await?;
                }
                let listener = UnixListener::bind(&path)?;
                // Its group may connect, such as that of the mail server; the usual umask lets nobody but the owner.
                tokio::fs::set_permissions(&path, Permissions::from_mode(0o660)).await?;
                Ok(Self::Unix(listener, path))
            }
        }
    }

    /// Returns the bound address in the form that [`Listener::bind`] takes, with the real port.
    pub fn local(&self) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => Ok(listener.local_addr()?.to_string()),
            Self::Unix(_, path) => Ok(format!("unix:{}", path.display())),
        }
    }

    /// Returns the bound TCP address; an error for a Unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            Self::Unix(..) => Err(io::Error::from(io::ErrorKind::Unsupported)),
        }
    }
}

impl Listener {
    pub(crate) async fn accept(&self) -> io::Result<(Plain, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok((Plain::tcp(stream), Peer::Tcp(address)))
            }
            Self::Unix(listener, _) => Ok((Plain::Unix(listener.accept().await?.0), Peer::Unix)),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener, _) => listener.as_fd(),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl Peer {
    /// Returns the IP address, with IPv4-mapped IPv6 addresses as IPv4.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip().to_canonical()),
            Self::Unix => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// A socket file that nobody listens on is left over from a crash.
async fn is_stale_socket(path: &std::path::Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let is_socket =
        tokio::fs::symlink_metadata(path).await.is_ok_and(|meta| meta.file_type().is_socket());
    is_socket && tokio::net::UnixStream::connect(path).await.is_err()
}
