//! What the role is told.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chancery_pki::Certificate;

use crate::asked::Kept;
use crate::entry::Shown;
use crate::limiter::Limits;

/// Tells whether a password is that of a name.
pub type Passwords = Arc<dyn Fn(&str, &[u8]) -> bool + Send + Sync>;
/// Tells whether an address is one of a list.
pub type Addresses = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// What the role is told.
#[derive(Clone)]
pub struct Settings {
    /// Our mail domains, in lower case and as A-labels.
    pub domains: Vec<String>,
    /// The names under which the directory is found; none for those of the domains.
    pub bases: Vec<String>,
    /// What is shown besides certificates.
    pub shown: Shown,
    /// What strangers may ask.
    pub limits: Limits,
    /// Addresses of one search.
    pub max_addresses: usize,
    /// Who may ask inside without a password or a certificate.
    pub inside_allow: Addresses,
    /// Whose connections begin with a header of the PROXY protocol.
    pub proxies: Addresses,
    /// Authorities whose certificates prove who a client is.
    pub client_authorities: Vec<Certificate>,
    /// How long others are asked.
    pub wait: Duration,
    /// Connections at a time, of each face.
    pub connections: usize,
    /// Connections of one client at a time.
    pub connections_per_client: usize,
    /// How long a connection may be idle.
    pub idle_timeout: Duration,
    /// How addresses are kept in the list of who asked.
    pub kept: Kept,
    /// The path of the certificate store, besides `/certificates/search.cgi`.
    pub store_path: String,
    /// How long others may keep what they found over HTTP, at most.
    pub lifetime: Duration,
    /// How long they may keep that there is nothing.
    pub negative_lifetime: Duration,
    /// Where strangers ask, in clear and with `StartTLS`.
    pub outside: Vec<String>,
    /// Where strangers ask over TLS.
    pub outside_tls: Vec<String>,
    /// Where our own people ask, in clear and with `StartTLS`.
    pub inside: Vec<String>,
    /// Where our own people ask over TLS.
    pub inside_tls: Vec<String>,
    /// Where strangers ask over HTTP.
    pub outside_http: Vec<String>,
    /// Where strangers ask over HTTP with TLS.
    pub outside_https: Vec<String>,
    /// Where our own people ask over HTTP.
    pub inside_http: Vec<String>,
    /// Where our own people ask over HTTP with TLS.
    pub inside_https: Vec<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("domains", &self.domains).finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            bases: Vec::new(),
            shown: Shown::default(),
            limits: Limits::default(),
            max_addresses: 100,
            inside_allow: Arc::new(|_| true),
            proxies: Arc::new(|_| false),
            client_authorities: Vec::new(),
            wait: Duration::from_secs(10),
            connections: 1_000,
            connections_per_client: 50,
            idle_timeout: Duration::from_mins(5),
            kept: Kept::default(),
            store_path: "/search.cgi".to_owned(),
            lifetime: Duration::from_hours(1),
            negative_lifetime: Duration::from_mins(5),
            outside: Vec::new(),
            outside_tls: Vec::new(),
            inside: Vec::new(),
            inside_tls: Vec::new(),
            outside_http: Vec::new(),
            outside_https: Vec::new(),
            inside_http: Vec::new(),
            inside_https: Vec::new(),
        }
    }
}
