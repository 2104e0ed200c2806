//! Where certificates of others are found: `[find]` and its sources.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chancery_crypto::unhex;
use chancery_policy::document::{KeyDoc, Table, Value, domain};
use chancery_wire::ldap::{Filter, Scope, Template, Url};

use super::read::Source;
use super::schema::SOURCE_KEYS;
use super::values::{read_path, read_secret};

/// Where certificates of others are found.
#[derive(Clone, Debug, PartialEq)]
pub struct Find {
    /// SMIMEA records are asked for.
    pub dns: bool,
    /// Certificate stores are asked that the DNS names.
    pub web: bool,
    /// How long an answer with certificates is used at most.
    pub lifetime: Duration,
    /// How long it is remembered that there are none.
    pub negative_lifetime: Duration,
    /// How much longer an answer is used while its source is out.
    pub stale: Duration,
    /// Addresses for which answers are kept.
    pub cached: usize,
    /// The other sources, in the order of the file.
    pub sources: Vec<FindSource>,
}

/// Somebody who is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct FindSource {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// Where it is.
    pub place: SourcePlace,
    /// How its server is recognised.
    pub server: ServerTrust,
    /// Patterns of the domains that it is asked about: `*`, `*.domain` or a domain.
    pub domains: Vec<String>,
    /// For one question.
    pub timeout: Duration,
    /// Octets of one answer.
    pub max_octets: usize,
}

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// The directory of a bridge.
    Bridge,
    /// A directory of our own.
    Directory,
    /// The directory of a partner.
    Partner,
    /// A certificate store.
    Store,
}

/// Where a source is.
#[derive(Clone, Debug, PartialEq)]
pub enum SourcePlace {
    /// A directory.
    Ldap(LdapPlace),
    /// A certificate store at this address.
    Web(String),
}

/// A directory and how it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct LdapPlace {
    /// The address: TLS from the start or not, host, port and base.
    pub url: Url,
    /// The entries of an address.
    pub filter: Template,
    /// What is asked for of them.
    pub attributes: Vec<String>,
    /// The name of an entry and where its password is.
    pub bind: Option<(String, Secret)>,
    /// Connections at most.
    pub connections: usize,
}

/// How a server is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerTrust {
    /// By a certificate of one of the authorities in this file.
    Authority(PathBuf),
    /// Not at all: without TLS.
    Clear,
    /// By the SHA-256 of its public key.
    Pin([u8; 32]),
    /// By a certificate of an authority that the system believes.
    System,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In a systemd credential of this name.
    Credential(String),
    /// In a file.
    File(PathBuf),
}

/// Reads `[find]`.
pub(super) fn read(source: &Source<'_>, base: &Path, own: &[String]) -> Option<Find> {
    let switch = |path| source.value(path).and_then(|value| value.boolean());
    let (dns, web) = (switch("find.dns"), switch("find.web"));
    let lifetime = source.duration("find.lifetime");
    let negative = source.duration("find.negative-lifetime");
    let stale = source.duration("find.stale");
    let cached = source.count("find.cached-addresses", 10_000_000);
    let listed = source.value("find.source").and_then(|value| value.list()).unwrap_or_default();
    let mut sources: Vec<FindSource> = Vec::new();
    for item in &listed {
        let Some(read) = read_source(item, base, own) else { continue };
        if RESERVED.contains(&read.name.as_str()) || sources.iter().any(|it| it.name == read.name) {
            let hint = Some("give each source a name of its own".to_owned());
            item.mistake(format!("the name \"{}\" is taken", read.name), hint);
        }
        sources.push(read);
    }
    Some(Find {
        dns: dns?,
        web: web?,
        lifetime: lifetime?,
        negative_lifetime: negative?,
        stale: stale?,
        cached: cached?,
        sources,
    })
}

fn read_source(item: &Value<'_>, base: &Path, own: &[String]) -> Option<FindSource> {
    let known: Vec<&str> = SOURCE_KEYS.iter().map(KeyDoc::key).collect();
    let table = item.table("[[find.source]]", &known)?;
    let name = table.required("name", "add a name, such as name = \"corporate\"").and_then(|it| {
        it.parse("a name of letters, digits, hyphens and dots", |text| {
            let is_good = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            let is_name = !text.is_empty() && text.len() <= 64 && text.bytes().all(is_good);
            is_name.then(|| text.to_owned())
        })
    });
    let kind =
        table.required("kind", "add kind = \"directory\", \"partner\", \"bridge\" or \"store\"");
    let kind = kind.and_then(|value| value.choice(KINDS));
    let place = read_place(&table, base);
    let server = read_server(&table, base);
    if let (Some(SourcePlace::Ldap(LdapPlace { bind: Some(_), .. })), Some(ServerTrust::Clear)) =
        (&place, &server)
    {
        table.mistake(
            "a password would be sent without TLS",
            Some("remove tls = \"none\", or \"bind\" and \"password\"".to_owned()),
        );
    }
    let domains = read_domains(&table, kind, own);
    let timeout = table.value("timeout").map_or(Some(TIMEOUT), |value| {
        let time = value.duration()?;
        if time.is_zero() || time > LONGEST {
            value.mistake(format!("{} must be from 1s to 60s", value.label()), None);
        }
        Some(time)
    });
    let max_octets = table.value("max-size").map_or(Some(1_000_000), |value| {
        let size = value.size()?;
        if !(10_000..=100_000_000).contains(&size) {
            value.mistake(format!("{} must be from 10kB to 100MB", value.label()), None);
        }
        usize::try_from(size).ok()
    });
    Some(FindSource {
        name: name?,
        kind: kind?,
        place: place?,
        server: server?,
        domains: domains?,
        timeout: timeout?,
        max_octets: max_octets?,
    })
}

fn read_place(table: &Table<'_>, base: &Path) -> Option<SourcePlace> {
    let url = table.required("url", "add url = \"ldaps://HOST/BASE\" or \"https://HOST/PATH\"")?;
    let what = "an address such as \"ldaps://dc1.acme.example/dc=acme,dc=example\" or \"https://certs.globex.example/search\"";
    let is_web = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    let text = url.parse(what, |text| {
        let is_directory = Url::parse(text).is_ok_and(|url| {
            let plain = Filter::present("objectClass");
            !url.host.is_empty()
                && (url.scope, &url.filter) == (Scope::Base, &plain)
                && url.attributes.is_empty()
        });
        let is_plain = !text.contains(['#', '@', ' ']) && text.is_ascii() && text.len() <= 1_000;
        (is_directory || is_web(text) && is_plain).then_some(text)
    })?;
    if is_web(text) {
        for key in ["bind", "password", "filter", "attributes", "connections"] {
            if let Some(value) = table.value(key) {
                value.mistake(format!("{} is for directories", value.label()), None);
            }
        }
        if text.starts_with("http://")
            && table.value("tls").is_none_or(|it| it.text() != Some("none"))
        {
            let hint = "write https://, or add tls = \"none\"".to_owned();
            url.mistake(format!("{} is without TLS", url.label()), Some(hint));
        }
        return Some(SourcePlace::Web(text.to_owned()));
    }
    let filter = table.value("filter").map_or(Template::parse(FILTER).ok(), |value| {
        let text = value.text()?;
        let wrong = |error| value.mistake(format!("cannot use {}: {error}", value.label()), None);
        Template::parse(text).map_err(wrong).ok()
    });
    let attributes = match table.value("attributes") {
        None => Some(ATTRIBUTES.map(str::to_owned).to_vec()),
        Some(value) => {
            let items = value.list()?;
            if items.is_empty() {
                value.mistake(
                    format!("{} is empty, so nothing could be found", value.label()),
                    None,
                );
            }
            items
                .iter()
                .map(|item| {
                    item.parse("an attribute such as \"userCertificate;binary\"", attribute)
                })
                .collect()
        }
    };
    let connections = table.value("connections").map_or(Some(4), |value| value.integer(1..=100));
    Some(SourcePlace::Ldap(LdapPlace {
        url: Url::parse(text).ok()?,
        filter: filter?,
        attributes: attributes?,
        // What is wrong with it was noted.
        bind: read_bind(table, base),
        connections: usize::try_from(connections?).ok()?,
    }))
}

fn read_bind(table: &Table<'_>, base: &Path) -> Option<(String, Secret)> {
    match (table.value("bind"), table.value("password")) {
        (None, None) => None,
        (Some(name), Some(secret)) => {
            let name = name.parse("the name of an entry", |text| {
                (!text.is_empty() && text.len() <= 1_000).then(|| text.to_owned())
            });
            let secret = read_secret(&secret, base);
            Some((name?, secret?))
        }
        (Some(lonely), None) => {
            lonely.mistake(
                format!("{} is there without \"password\"", lonely.label()),
                Some("add \"password\", the name of a file".to_owned()),
            );
            None
        }
        (None, Some(lonely)) => {
            lonely.mistake(
                format!("{} is there without \"bind\"", lonely.label()),
                Some("add \"bind\"".to_owned()),
            );
            None
        }
    }
}

fn read_server(table: &Table<'_>, base: &Path) -> Option<ServerTrust> {
    let is_verified = table.value("tls").map_or(Some(true), |value| value.choice(TLS))?;
    match (table.value("ca"), table.value("pin")) {
        (Some(value), _) | (None, Some(value)) if !is_verified => {
            value.mistake(format!("{} has no meaning with tls = \"none\"", value.label()), None);
            None
        }
        (None, None) if !is_verified => Some(ServerTrust::Clear),
        (None, None) => Some(ServerTrust::System),
        (Some(file), None) => read_path(&file, base).map(ServerTrust::Authority),
        (None, Some(pin)) => pin.parse("64 hexadecimal digits", fingerprint).map(ServerTrust::Pin),
        (Some(_), Some(pin)) => {
            pin.mistake(format!("{} and \"ca\" exclude each other", pin.label()), None);
            None
        }
    }
}

fn read_domains(
    table: &Table<'_>,
    kind: Option<SourceKind>,
    own: &[String],
) -> Option<Vec<String>> {
    let Some(value) = table.value("domains") else {
        return match kind? {
            SourceKind::Directory => Some(own.to_vec()),
            SourceKind::Bridge | SourceKind::Store => Some(vec!["*".to_owned()]),
            SourceKind::Partner => {
                let hint = "add the partner's, such as domains = [\"globex.example\"]".to_owned();
                table.mistake(
                    "a partner is asked about its own domains only, and none are named",
                    Some(hint),
                );
                None
            }
        };
    };
    let pattern = |text: &str| match text.strip_prefix("*.") {
        Some(above) => domain(above).map(|above| format!("*.{above}")),
        None if text == "*" && kind != Some(SourceKind::Partner) => Some(text.to_owned()),
        None => domain(text),
    };
    let items = value.list()?;
    items
        .iter()
        .map(|item| {
            item.parse("a domain such as \"globex.example\" or \"*.globex.example\"", pattern)
        })
        .collect()
}

fn attribute(text: &str) -> Option<String> {
    let is_good = |b: u8| b.is_ascii_alphanumeric() || b"-.;".contains(&b);
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.len() <= 100;
    (is_name && text.bytes().all(is_good)).then(|| text.to_owned())
}

fn fingerprint(text: &str) -> Option<[u8; 32]> {
    unhex(&text.replace(':', ""))?.as_slice().try_into().ok()
}

/// Names of sources that are switched on by a key.
const RESERVED: [&str; 2] = ["dns", "web"];
const KINDS: &[(&str, SourceKind)] = &[
    ("directory", SourceKind::Directory),
    ("partner", SourceKind::Partner),
    ("bridge", SourceKind::Bridge),
    ("store", SourceKind::Store),
];
const TLS: &[(&str, bool)] = &[("verified", true), ("none", false)];
const FILTER: &str = "(mail={address})";
/// Some servers know the option and some do not.
const ATTRIBUTES: [&str; 4] = [
    "userCertificate;binary",
    "userCertificate",
    "userSMIMECertificate;binary",
    "userSMIMECertificate",
];
const TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
