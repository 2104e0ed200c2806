//! The table `[directory]`: where it is asked, what it shows, what strangers may ask.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::Cidr;
use super::check::Listener;
use super::read::{Source, timeout};
use super::socket::ListenAddress;
use super::values::read_proxy;

/// The directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where strangers ask by LDAP, in clear and with `StartTLS`.
    pub outside_listen: Vec<ListenAddress>,
    /// Where strangers ask by LDAP over TLS.
    pub outside_tls_listen: Vec<ListenAddress>,
    /// Where our own people ask, in clear and with `StartTLS`.
    pub inside_listen: Vec<ListenAddress>,
    /// Where our own people ask over TLS.
    pub inside_tls_listen: Vec<ListenAddress>,
    /// Where strangers ask over HTTP.
    pub outside_http_listen: Vec<ListenAddress>,
    /// Where strangers ask over HTTP with TLS.
    pub outside_https_listen: Vec<ListenAddress>,
    /// Where our own people ask over HTTP.
    pub inside_http_listen: Vec<ListenAddress>,
    /// Where our own people ask over HTTP with TLS.
    pub inside_https_listen: Vec<ListenAddress>,
    /// Who may ask inside without a password or a certificate.
    pub inside_allow: Vec<Cidr>,
    /// Whose connections begin with a header of the PROXY protocol.
    pub proxies: Vec<Cidr>,
    /// The names under which the directory is found; none for those of the domains.
    pub bases: Vec<String>,
    /// The names in certificates are shown.
    pub names: bool,
    /// Where free and busy times are, with `{address}` in it.
    pub calendar: Option<String>,
    /// Names and password hashes.
    pub auth_file: Option<PathBuf>,
    /// Authorities of clients' certificates.
    pub client_ca: Option<PathBuf>,
    /// New addresses of one stranger in an hour.
    pub lookups: u32,
    /// Addresses that lead to nothing, of one stranger in an hour.
    pub misses: u32,
    /// Addresses of one search.
    pub addresses: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Connections of one client at a time.
    pub connections_per_client: usize,
    /// How long a connection may be idle.
    pub idle_timeout: Duration,
    /// How addresses are kept in the list of who asked.
    pub audit: Audit,
    /// The path of the certificate store.
    pub store_path: String,
    /// How long others may keep what they found over HTTP.
    pub lifetime: Duration,
    /// How long they may keep that there is nothing.
    pub negative_lifetime: Duration,
}

/// How addresses are kept in the list of who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// As they are.
    Clear,
    /// As a keyed hash.
    Hashed,
    /// Not at all.
    Off,
}

impl Directory {
    /// Returns true if it is asked anywhere.
    pub fn is_on(&self) -> bool {
        let lists = [
            &self.outside_listen,
            &self.outside_tls_listen,
            &self.inside_listen,
            &self.inside_tls_listen,
            &self.outside_http_listen,
            &self.outside_https_listen,
            &self.inside_http_listen,
            &self.inside_https_listen,
        ];
        lists.iter().any(|list| !list.is_empty())
    }
}

pub(super) fn read<'d>(
    source: &Source<'d>,
    base: &Path,
    listeners: &mut Vec<Listener<'d>>,
) -> Option<Directory> {
    let mut listen = |path| source.listen(path, base, false, listeners);
    let (outside_listen, outside_tls_listen) =
        (listen("directory.outside-listen"), listen("directory.outside-tls-listen"));
    let (inside_listen, inside_tls_listen) =
        (listen("directory.inside-listen"), listen("directory.inside-tls-listen"));
    let networks = |path| source.list(path, read_proxy).into_iter().map(|(it, _)| it).collect();
    let bases = source.list("directory.bases", |value| {
        value.parse("a distinguished name such as \"o=Acme,c=DE\"", |text| {
            (text.contains('=') && !text.contains(char::is_control)).then(|| text.to_owned())
        })
    });
    let calendar = source.written("directory.calendar").and_then(|value| {
        value.parse("an address with {address} in it", |text| {
            text.contains("{address}").then(|| text.to_owned())
        })
    });
    let count = |path, most| source.count(path, most);
    let audit = source.value("directory.audit").and_then(|value| value.choice(AUDITS));
    let names = source.value("directory.names").and_then(|value| value.boolean());
    let (lookups, misses) =
        (count("directory.lookups", 1_000_000), count("directory.misses", 1_000_000));
    let addresses = count("directory.addresses", 1_000);
    let connections = count("directory.connections", 100_000);
    let connections_per_client = count("directory.connections-per-client", 100_000);
    let idle_timeout = timeout(source, "directory.idle-timeout");
    let store_path = source.value("directory.store-path").and_then(|value| {
        value.parse("a path such as \"/search.cgi\"", |text| {
            let is_plain = |octet: u8| octet.is_ascii_graphic() && !b"?#%".contains(&octet);
            (text.starts_with('/') && text.bytes().all(is_plain)).then(|| text.to_owned())
        })
    });
    let lifetime = timeout(source, "directory.lifetime");
    let negative_lifetime = timeout(source, "directory.negative-lifetime");
    Some(Directory {
        outside_listen,
        outside_tls_listen,
        inside_listen,
        inside_tls_listen,
        outside_http_listen: listen("directory.outside-http-listen"),
        outside_https_listen: listen("directory.outside-https-listen"),
        inside_http_listen: listen("directory.inside-http-listen"),
        inside_https_listen: listen("directory.inside-https-listen"),
        inside_allow: networks("directory.inside-allow"),
        proxies: networks("directory.proxies"),
        bases: bases.into_iter().map(|(base, _)| base).collect(),
        names: names?,
        calendar,
        auth_file: source.file("directory.auth-file", base),
        client_ca: source.file("directory.client-ca", base),
        lookups: u32::try_from(lookups?).ok()?,
        misses: u32::try_from(misses?).ok()?,
        addresses: addresses?,
        connections: connections?,
        connections_per_client: connections_per_client?,
        idle_timeout: idle_timeout?,
        audit: audit?,
        store_path: store_path?,
        lifetime: lifetime?,
        negative_lifetime: negative_lifetime?,
    })
}

const AUDITS: &[(&str, Audit)] =
    &[("hashed", Audit::Hashed), ("clear", Audit::Clear), ("off", Audit::Off)];
