//! Sockets as the configuration writes them: a TCP address or `unix:` and a path.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::address::HostPort;

/// Where we listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A Unix socket file; whoever can connect to it is a process of this machine.
    Unix(PathBuf),
}

/// A mail server that mail goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// A machine and a port.
    Tcp(HostPort),
    /// A Unix socket file.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Reads `127.0.0.1:10025`, `[::1]:25` or `unix:/run/chancery/lmtp`; a relative path starts at `base`.
    pub fn parse(text: &str, base: &Path) -> Option<Self> {
        match text.strip_prefix(UNIX) {
            Some(path) => socket_file(path, base).map(Self::Unix),
            None => text.parse().ok().map(Self::Tcp),
        }
    }

    /// Returns the TCP address, if it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl Server {
    /// Reads what [`HostPort::parse`] reads, or `unix:` and a path, which may start at `base`.
    pub fn parse(text: &str, default_port: u16, base: &Path) -> Option<Self> {
        match text.strip_prefix(UNIX) {
            Some(path) => socket_file(path, base).map(Self::Unix),
            None => HostPort::parse(text, default_port).map(Self::Tcp),
        }
    }

    /// Returns true if connecting there reaches a socket that listens here.
    pub(super) fn is_listener(&self, listener: &ListenAddress, hostname: &str) -> bool {
        match (self, listener) {
            (Self::Tcp(server), ListenAddress::Tcp(address)) => {
                server.is_listener(*address, hostname)
            }
            (Self::Unix(server), ListenAddress::Unix(path)) => server == path,
            _ => false,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(server) => server.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

fn socket_file(text: &str, base: &Path) -> Option<PathBuf> {
    let is_path = !text.is_empty() && !text.ends_with('/') && !text.contains(char::is_control);
    let path = is_path.then(|| base.join(text))?;
    (path.as_os_str().len() <= LONGEST_PATH).then_some(path)
}

const UNIX: &str = "unix:";

/// `sun_path` of `sockaddr_un` on Linux has 108 octets, the last of them zero (`unix(7)`).
const LONGEST_PATH: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_read_and_written() {
        let base = Path::new("/etc/chancery");
        for (text, expected) in [
            ("127.0.0.1:10025", Some("127.0.0.1:10025")),
            ("[::]:25", Some("[::]:25")),
            ("unix:/run/lmtp", Some("unix:/run/lmtp")),
            ("unix:run/lmtp", Some("unix:/etc/chancery/run/lmtp")),
            ("unix:", None),
            ("unix:/run/", None),
            ("unix:/run/a\nb", None),
            ("127.0.0.1", None),
            ("localhost:25", None),
        ] {
            let read = ListenAddress::parse(text, base).map(|address| address.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        assert_eq!(ListenAddress::parse(&format!("unix:/{}", "x".repeat(107)), base), None);
        let server = Server::parse("unix:run/lmtp", 24, base).unwrap();
        assert_eq!(server.to_string(), "unix:/etc/chancery/run/lmtp");
        assert_eq!(Server::parse("mail.example", 24, base).unwrap().to_string(), "mail.example:24");
    }
}
