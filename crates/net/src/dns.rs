//! DNS for mail: MX hosts in order and their addresses; with DNSSEC what certificates are found by ([`secure`]).

pub mod secure;
pub mod update;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chancery_fault::{Code, Coded};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};

use crate::codes;

/// A mail server of a domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailServer {
    /// Lower is better.
    pub preference: u16,
    /// Its name, lower case, without the final dot; or an address.
    pub host: String,
}

/// Why a lookup gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What shall be believed of the DNS cannot be read.
    #[error("cannot read the keys that the DNS is believed by: {0}")]
    Anchor(String),
    /// The answer breaks the signatures of its zone, or lacks them.
    #[error("the answer about {name} breaks the signatures of its zone")]
    Bogus {
        /// What was looked for.
        name: String,
    },
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
    /// A zone's server did not take a change.
    #[error("cannot change the zone: {reason}")]
    Update {
        /// What the server said, or what is wrong.
        reason: String,
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
            Self::Anchor(_) => &codes::DNS_ANCHOR,
            Self::Bogus { .. } => &codes::DNS_BOGUS,
            Self::NoSuchDomain { .. } => &codes::DNS_NO_SUCH_DOMAIN,
            Self::NullMx { .. } => &codes::DNS_NO_MAIL,
            Self::Temporary { .. } => &codes::DNS_TEMPORARY,
            Self::Update { .. } => &codes::DNS_UPDATE,
        }
    }
}

/// Where names are looked up; clones share the cache.
#[derive(Clone)]
pub enum Resolver {
    /// Real DNS.
    Dns(Box<hickory_resolver::TokioResolver>),
    /// A table, for tests, demos and closed networks.
    Fixed(Arc<Zone>),
}

/// The table of [`Resolver::Fixed`]; names in lower case.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    /// Mail servers by domain; an empty list is a null MX.
    pub mx: BTreeMap<String, Vec<MailServer>>,
    /// Addresses by host; a port other than 0 replaces the port asked for.
    pub hosts: BTreeMap<String, Vec<SocketAddr>>,
    /// TXT records by name.
    pub texts: BTreeMap<String, Vec<String>>,
    /// Names whose lookup fails for now.
    pub broken: Vec<String>,
}

impl Resolver {
    /// Uses the system's name servers (`/etc/resolv.conf`).
    fn system() -> Result<Self, Error> {
        let resolver = hickory_resolver::TokioResolver::builder_tokio()
            .and_then(hickory_resolver::ResolverBuilder::build);
        resolver.map(|resolver| Self::Dns(Box::new(resolver))).map_err(|error| unusable(&error))
    }

    /// Uses these name servers; without any, those of the system.
    pub fn with_servers(servers: &[SocketAddr]) -> Result<Self, Error> {
        if servers.is_empty() {
            return Self::system();
        }
        let provider = TokioRuntimeProvider::default();
        let resolver =
            hickory_resolver::TokioResolver::builder_with_config(configuration(servers), provider)
                .build();
        resolver.map(|resolver| Self::Dns(Box::new(resolver))).map_err(|error| unusable(&error))
    }

    /// Uses a table.
    pub fn fixed(zone: Zone) -> Self {
        Self::Fixed(Arc::new(zone))
    }

    /// Returns the mail servers of `domain`, best first; without MX records the domain itself (RFC 5321 section 5.1).
    pub async fn mail_servers(&self, domain: &str) -> Result<Vec<MailServer>, Error> {
        if let Some(address) = address_literal(domain) {
            return Ok(vec![MailServer { preference: 0, host: address.to_string() }]);
        }
        let domain = normal(domain);
        let mut servers = match self {
            Self::Dns(resolver) => dns_mail_servers(resolver, &domain).await?,
            Self::Fixed(zone) => zone.mail_servers(&domain)?,
        };
        // RFC 7505 section 3: "." alone says no mail; beside others it is nonsense and dropped.
        let is_null = servers.iter().all(|server| server.host.is_empty());
        if is_null {
            return Err(Error::NullMx { name: domain });
        }
        servers.retain(|server| !server.host.is_empty());
        servers.sort();
        servers.truncate(MAX_SERVERS);
        Ok(servers)
    }

    /// Returns the texts of the TXT records at a name, each with its strings put together (RFC 1035 section 3.3.14); texts
    /// that are not UTF-8 are left out.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        let name = normal(name);
        match self {
            Self::Fixed(zone) => zone.texts(&name),
            Self::Dns(resolver) => match resolver.lookup(absolute(&name), RecordType::TXT).await {
                Ok(lookup) => {
                    let records = lookup.answers().iter().take(MAX_TEXTS);
                    Ok(records.filter_map(|record| text(&record.data)).collect())
                }
                Err(error) => match negative(&name, &error)? {
                    Negative::NoDomain => Err(Error::NoSuchDomain { name }),
                    Negative::NoRecords => Ok(Vec::new()),
                },
            },
        }
    }

    /// Returns the addresses of `host` with `port`, IPv6 and IPv4 in turn.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let host = normal(host);
        match self {
            Self::Dns(resolver) => {
                let addresses = dns_addresses(resolver, &host).await?;
                Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
            }
            Self::Fixed(zone) => zone.addresses(&host, port),
        }
    }
}

impl Zone {
    fn mail_servers(&self, domain: &str) -> Result<Vec<MailServer>, Error> {
        self.check(domain)?;
        match self.mx.get(domain) {
            Some(servers) => Ok(servers.clone()),
            None if self.hosts.contains_key(domain) => {
                Ok(vec![MailServer { preference: 0, host: domain.to_owned() }])
            }
            None => Err(Error::NoSuchDomain { name: domain.to_owned() }),
        }
    }

    fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        self.check(host)?;
        let addresses =
            self.hosts.get(host).ok_or_else(|| Error::NoSuchDomain { name: host.to_owned() })?;
        let with_port = |address: &SocketAddr| match address.port() {
            0 => SocketAddr::new(address.ip(), port),
            _ => *address,
        };
        Ok(addresses.iter().map(with_port).collect())
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        self.check(name)?;
        let texts = self.texts.get(name).cloned();
        texts.ok_or_else(|| Error::NoSuchDomain { name: name.to_owned() })
    }

    fn check(&self, name: &str) -> Result<(), Error> {
        if self.broken.iter().any(|broken| broken == name) {
            return Err(Error::Temporary {
                name: name.to_owned(),
                reason: "the table says so".to_owned(),
            });
        }
        Ok(())
    }
}

fn configuration(servers: &[SocketAddr]) -> ResolverConfig {
    let connection = |address: &SocketAddr, mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let server = |address: &SocketAddr| {
        let connections = vec![
            connection(address, ConnectionConfig::udp()),
            connection(address, ConnectionConfig::tcp()),
        ];
        NameServerConfig::new(address.ip(), true, connections)
    };
    ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(server).collect())
}

async fn dns_mail_servers(
    resolver: &hickory_resolver::TokioResolver,
    domain: &str,
) -> Result<Vec<MailServer>, Error> {
    let answer = resolver.lookup(absolute(domain), RecordType::MX).await;
    let servers: Vec<_> = match answer {
        Ok(lookup) => {
            lookup.answers().iter().filter_map(|record| mail_server(&record.data)).collect()
        }
        Err(error) => match negative(domain, &error)? {
            Negative::NoDomain => return Err(Error::NoSuchDomain { name: domain.to_owned() }),
            Negative::NoRecords => Vec::new(),
        },
    };
    if servers.is_empty() {
        // RFC 5321 section 5.1: the implicit MX; it must have an address to count.
        dns_addresses(resolver, domain).await?;
        return Ok(vec![MailServer { preference: 0, host: domain.to_owned() }]);
    }
    Ok(servers)
}

fn mail_server(data: &RData) -> Option<MailServer> {
    match data {
        RData::MX(mx) => {
            Some(MailServer { preference: mx.preference, host: normal(&mx.exchange.to_ascii()) })
        }
        _ => None,
    }
}

fn text(data: &RData) -> Option<String> {
    match data {
        RData::TXT(txt) => String::from_utf8(txt.txt_data.concat()).ok(),
        _ => None,
    }
}

async fn dns_addresses(
    resolver: &hickory_resolver::TokioResolver,
    host: &str,
) -> Result<Vec<IpAddr>, Error> {
    let (six, four) = tokio::join!(
        resolver.lookup(absolute(host), RecordType::AAAA),
        resolver.lookup(absolute(host), RecordType::A)
    );
    let mut failure = None;
    let mut lists = [Vec::new(), Vec::new()];
    for (list, answer) in lists.iter_mut().zip([six, four]) {
        match answer {
            Ok(lookup) => {
                *list =
                    lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
            }
            // One family may be missing; a lookup that failed may hide addresses.
            Err(error) => failure = negative(host, &error).err().or(failure),
        }
    }
    let [six, four] = lists;
    let longest = six.len().max(four.len());
    let in_turn = |at: usize| [six.get(at), four.get(at)].into_iter().flatten().copied();
    let addresses: Vec<_> = (0..longest).flat_map(in_turn).collect();
    if addresses.is_empty() {
        return Err(failure.unwrap_or_else(|| Error::NoSuchDomain { name: host.to_owned() }));
    }
    Ok(addresses)
}

/// An answer that says no.
enum Negative {
    NoDomain,
    NoRecords,
}

/// Tells an answer that says no from a lookup that failed. Only a plain no may end a message.
fn negative(name: &str, error: &NetError) -> Result<Negative, Error> {
    if let NetError::Dns(DnsError::NoRecordsFound(no_records)) = error {
        match no_records.response_code {
            ResponseCode::NXDomain => return Ok(Negative::NoDomain),
            ResponseCode::NoError => return Ok(Negative::NoRecords),
            _ => {}
        }
    }
    Err(Error::Temporary { name: name.to_owned(), reason: error.to_string() })
}

fn unusable(error: &NetError) -> Error {
    Error::Temporary { name: "any name".to_owned(), reason: format!("no name servers: {error}") }
}

/// With a final dot, so that no search list is applied.
fn absolute(name: &str) -> String {
    format!("{name}.")
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_lowercase()
}

/// `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3).
fn address_literal(domain: &str) -> Option<IpAddr> {
    let inner = domain.strip_prefix('[')?.strip_suffix(']')?;
    match inner.split_once(':') {
        Some((tag, rest)) if tag.eq_ignore_ascii_case("IPv6") => rest.parse().ok().map(IpAddr::V6),
        _ => inner.parse().ok().map(IpAddr::V4),
    }
}

/// TXT records looked at; names of services have one or two.
const MAX_TEXTS: usize = 100;
/// Mail servers looked at; a domain with more gains nothing but our time.
const MAX_SERVERS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn server(preference: u16, host: &str) -> MailServer {
        MailServer { preference, host: host.to_owned() }
    }

    #[tokio::test]
    async fn table_answers_like_dns() {
        let address: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let zone = Zone {
            mx: BTreeMap::from([
                (
                    "a.example".to_owned(),
                    vec![server(20, "two.example"), server(10, "one.example"), server(5, "")],
                ),
                ("null.example".to_owned(), Vec::new()),
                ("dot.example".to_owned(), vec![server(0, "")]),
            ]),
            hosts: BTreeMap::from([("bare.example".to_owned(), vec![address])]),
            texts: BTreeMap::from([("t.example".to_owned(), vec!["one".to_owned()])]),
            broken: vec!["broken.example".to_owned()],
        };
        let resolver = Resolver::fixed(zone);
        let servers = resolver.mail_servers("A.example.").await.unwrap();
        assert_eq!(servers, [server(10, "one.example"), server(20, "two.example")]);
        assert_eq!(
            resolver.mail_servers("bare.example").await.unwrap(),
            [server(0, "bare.example")]
        );
        assert_eq!(resolver.mail_servers("[192.0.2.7]").await.unwrap(), [server(0, "192.0.2.7")]);
        assert_eq!(
            resolver.mail_servers("[IPv6:2001:db8::1]").await.unwrap(),
            [server(0, "2001:db8::1")]
        );
        for null in ["null.example", "dot.example"] {
            assert!(
                matches!(resolver.mail_servers(null).await, Err(Error::NullMx { .. })),
                "{null}"
            );
        }
        assert_eq!(resolver.texts("T.example.").await.unwrap(), ["one"]);
        assert!(matches!(resolver.texts("no.example").await, Err(Error::NoSuchDomain { .. })));
        assert!(matches!(resolver.texts("broken.example").await, Err(Error::Temporary { .. })));
        assert!(matches!(
            resolver.mail_servers("no.example").await,
            Err(Error::NoSuchDomain { .. })
        ));
        assert!(matches!(
            resolver.mail_servers("broken.example").await,
            Err(Error::Temporary { .. })
        ));
        assert_eq!(
            resolver.addresses("bare.example", 25).await.unwrap(),
            ["192.0.2.1:25".parse().unwrap()]
        );
        assert_eq!(
            resolver.addresses("2001:db8::1", 25).await.unwrap(),
            ["[2001:db8::1]:25".parse().unwrap()]
        );
    }
}
