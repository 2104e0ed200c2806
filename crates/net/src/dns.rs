//! DNS for mail: MX hosts in order and their addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use chancery_fault::{Code, Coded};

use crate::codes;

/// A mail server of a domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailServer {
    /// Lower is better.
    pub preference: u16,
    /// Its name, lower case, without the final dot.
    pub host: String,
}

/// Why a lookup gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// NXDOMAIN, or neither MX nor address records.
    #[error("{name} does not exist or has no mail server")]
    NoSuchDomain {
        /// What was looked for.
        name: String,
    },
    /// Null MX (RFC 7505).
    #[error("{name} takes no mail (null MX)")]
    NullMx {
        /// What was looked for.
        name: String,
    },
    /// Timeout, SERVFAIL or an answer that fails DNSSEC.
    #[error("cannot look up {name}: {reason}")]
    Temporary {
        /// What was looked for.
        name: String,
        /// What the resolver said.
        reason: String,
    },
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::NoSuchDomain { .. } => &codes::DNS_NO_SUCH_DOMAIN,
            Self::NullMx { .. } => &codes::DNS_NO_MAIL,
            Self::Temporary { .. } => &codes::DNS_TEMPORARY,
        }
    }
}

/// Where names are looked up; clones share the cache.
#[derive(Clone)]
pub enum Resolver {
    /// A table, for tests, demos and closed networks.
    Fixed(std::sync::Arc<Zone>),
    /// Real DNS.
    Dns(Box<hickory_resolver::TokioResolver>),
}

/// The table of [`Resolver::Fixed`].
#[derive(Clone, Debug, Default)]
pub struct Zone {
    /// Mail servers by domain; an empty list is a null MX.
    pub mx: BTreeMap<String, Vec<MailServer>>,
    /// Addresses by host; a port other than 0 replaces the port asked for.
    pub hosts: BTreeMap<String, Vec<SocketAddr>>,
    /// Names whose lookup fails for now.
    pub broken: Vec<String>,
}

impl Resolver {
    /// Uses the system's name servers (`/etc/resolv.conf`).
    pub fn system() -> Result<Self, Error> {
        todo!()
    }

    /// Uses these name servers.
    pub fn with_servers(servers: &[SocketAddr]) -> Result<Self, Error> {
        let _ = servers;
        todo!()
    }

    /// Uses a table.
    pub fn fixed(zone: Zone) -> Self {
        Self::Fixed(std::sync::Arc::new(zone))
    }

    /// Returns the mail servers of `domain`, best first; without MX records the domain itself (RFC 5321 section 5.1).
    pub async fn mail_servers(&self, domain: &str) -> Result<Vec<MailServer>, Error> {
        let _ = domain;
        todo!()
    }

    /// Returns the addresses of `host` with `port`.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let _ = (host, port);
        let _: Option<IpAddr> = None;
        todo!()
    }
}
