//! Reads the configuration: what the file says, and the schema's default for everything else.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chancery_policy::Mistake;
use chancery_policy::document::{Document, KeyDoc, Table, Value};
use chancery_smime::{ContentAlgorithm, Permitted};

use super::check::{self, Listener};
use super::schema::{KEYS, TABLES, keys_of};
use super::socket::ListenAddress;
use super::sources;
use super::values::{
    credential, read_address, read_domain, read_listener, read_network, read_path, read_port,
    read_server,
};
use super::{
    Authority, Dns, Inside, Keys, Limits, Log, LogFormat, LogLevel, Lookup, Metrics, Outside,
    Queue, Settings, Tls, Unseal,
};
use super::{directory, route};

/// Checks the text of a configuration.
pub(super) fn settings(text: &str, file: &str) -> Result<Settings, Vec<Mistake>> {
    let written = Document::parse(text, file);
    let default_text = default_text();
    let defaults = Document::parse(&default_text, "built-in defaults");
    let settings = {
        let source = Source { written: tables(&written), defaults: tables(&defaults) };
        let base = Path::new(file).parent().unwrap_or(Path::new(""));
        read(&source, base)
    };
    let mut mistakes = written.finish();
    mistakes.extend(defaults.finish());
    match settings {
        Some(mut settings) if !mistakes.iter().any(Mistake::is_error) => {
            settings.warnings = mistakes;
            Ok(settings)
        }
        _ => Err(mistakes),
    }
}

/// Where values come from: the file if it has the key, the schema otherwise.
pub(super) struct Source<'d> {
    written: BTreeMap<&'static str, Table<'d>>,
    defaults: BTreeMap<&'static str, Table<'d>>,
}

impl<'d> Source<'d> {
    pub(super) fn value(&self, path: &str) -> Option<Value<'d>> {
        self.written(path).or_else(|| Self::find(&self.defaults, path))
    }

    pub(super) fn written(&self, path: &str) -> Option<Value<'d>> {
        Self::find(&self.written, path)
    }

    fn find(tables: &BTreeMap<&'static str, Table<'d>>, path: &str) -> Option<Value<'d>> {
        debug_assert!(KEYS.iter().any(|key| key.path == path), "{path} is not in the schema");
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        tables.get(table)?.value(key)
    }

    pub(super) fn list<T>(
        &self,
        path: &str,
        read: impl Fn(&Value<'d>) -> Option<T>,
    ) -> Vec<(T, Value<'d>)> {
        let items = self.value(path).and_then(|value| value.list()).unwrap_or_default();
        items.into_iter().filter_map(|item| read(&item).map(|read| (read, item))).collect()
    }

    pub(super) fn duration(&self, path: &str) -> Option<Duration> {
        self.value(path)?.duration()
    }

    /// Reads addresses that we listen on, and notes them beside all others.
    pub(super) fn listen(
        &self,
        path: &'static str,
        base: &Path,
        is_mail: bool,
        listeners: &mut Vec<Listener<'d>>,
    ) -> Vec<ListenAddress> {
        let found = self.list(path, |value| read_listener(value, base));
        let is_written = self.written(path).is_some();
        let addresses = found.iter().map(|(address, _)| address.clone()).collect();
        listeners.extend(found.into_iter().map(|(address, place)| Listener {
            path,
            address,
            place,
            is_written,
            is_mail,
        }));
        addresses
    }

    pub(super) fn count(&self, path: &str, most: u64) -> Option<usize> {
        usize::try_from(self.value(path)?.integer(1..=most)?).ok()
    }

    pub(super) fn file(&self, path: &str, base: &Path) -> Option<PathBuf> {
        read_path(&self.value(path)?, base)
    }
}

/// Opens all tables of the schema and notes every key that is in none of them.
fn tables<'d>(document: &'d Document<'_>) -> BTreeMap<&'static str, Table<'d>> {
    let mut known: Vec<&str> = keys_of("").map(KeyDoc::key).collect();
    known.extend(TABLES.iter().map(|(table, _)| *table).filter(|table| !table.is_empty()));
    let root = document.root(&known);
    let mut tables = BTreeMap::new();
    for (name, _) in TABLES.iter().filter(|(name, _)| !name.is_empty()) {
        let known: Vec<&str> = keys_of(name).map(KeyDoc::key).collect();
        if let Some(table) =
            root.value(name).and_then(|value| value.table(format!("[{name}]"), &known))
        {
            tables.insert(*name, table);
        }
    }
    tables.insert("", root);
    tables
}

/// Returns the schema's defaults as a file.
fn default_text() -> String {
    let mut text = String::new();
    for (table, _) in TABLES {
        if !table.is_empty() {
            let _ = writeln!(text, "[{table}]");
        }
        for key in keys_of(table).filter(|key| !key.default.is_empty()) {
            let _ = writeln!(text, "{} = {}", key.key(), key.default);
        }
    }
    text
}

/// Reads everything, so that every mistake is noted; `None` if something that is needed is not right.
fn read(source: &Source<'_>, base: &Path) -> Option<Settings> {
    let organisation = source
        .written
        .get("")
        .and_then(|root| {
            root.required(
                "organisation",
                "add your domain, such as organisation = \"acme.example\"",
            )
        })
        .and_then(|value| read_domain(&value));
    let domains = read_domains(source, organisation.as_deref());
    let hostname = source.written("hostname").map(|value| read_domain(&value));
    let hostname =
        hostname.unwrap_or_else(|| organisation.as_ref().map(|domain| format!("mail.{domain}")));
    let postmaster = source.written("postmaster").map(|value| read_address(&value));
    let postmaster = postmaster
        .unwrap_or_else(|| organisation.as_ref().map(|domain| format!("postmaster@{domain}")));
    let data = source.file("data", base);
    let policy = source.file("policy", base);
    let (inside, outside, metrics, mut listeners) = read_listeners(source, base);
    let authority = read_authority(source, &mut listeners);
    let directory = directory::read(source, base, &mut listeners);
    let route = route::read(source, base, &listeners, hostname.as_deref());
    check::listeners(&listeners);
    let tls = data.as_ref().and_then(|data| read_tls(source, base, data));
    let keys = data.as_ref().and_then(|data| read_keys(source, base, data));
    let limits = read_limits(source);
    let queue = read_queue(source);
    let dns = Dns {
        servers: source
            .list("dns.servers", read_server)
            .into_iter()
            .map(|(server, _)| server)
            .collect(),
        trust_anchor: source.file("dns.trust-anchor", base),
    };
    let find = sources::read(source, base, &domains);
    let lookup = read_lookup(source);
    let log = read_log(source);
    let ciphers = read_ciphers(source);
    Some(Settings {
        organisation: organisation?,
        domains,
        hostname: hostname?,
        postmaster: postmaster?,
        data: data?,
        policy: policy?,
        inside,
        outside,
        route: route?,
        tls: tls?,
        keys: keys?,
        limits: limits?,
        queue: queue?,
        ciphers: ciphers?,
        dns,
        find: find?,
        lookup: lookup?,
        authority,
        directory: directory?,
        metrics,
        log: log?,
        warnings: Vec::new(),
    })
}

fn read_ciphers(source: &Source<'_>) -> Option<Permitted> {
    let value = source.value("protection.ciphers")?;
    let words = ContentAlgorithm::ALL.map(|cipher| (cipher.as_str(), cipher));
    let items = value.list()?;
    let ciphers: Vec<ContentAlgorithm> =
        items.iter().filter_map(|item| item.choice(&words)).collect();
    if items.is_empty() {
        let hint = Some("leave it out to permit all".to_owned());
        value.mistake("no cipher is permitted, so nothing could be encrypted".to_owned(), hint);
    }
    Permitted::of(&ciphers)
}

fn read_domains(source: &Source<'_>, organisation: Option<&str>) -> Vec<String> {
    let mut domains: Vec<String> = organisation.into_iter().map(str::to_owned).collect();
    let Some(value) = source.written("domains") else {
        return domains;
    };
    let mut listed = Vec::new();
    for item in value.list().unwrap_or_default() {
        if let Some(domain) = read_domain(&item) {
            if listed.contains(&domain) {
                item.mistake(
                    format!("domain \"{domain}\" is listed twice"),
                    Some("remove one of them".to_owned()),
                );
            }
            listed.push(domain);
        }
    }
    if let Some(organisation) =
        organisation.filter(|organisation| !listed.iter().any(|domain| domain == organisation))
    {
        value.mistake(
            format!("\"domains\" lacks the organisation \"{organisation}\""),
            Some(format!("add \"{organisation}\" to the list")),
        );
    }
    domains.extend(listed.into_iter().filter(|domain| Some(domain.as_str()) != organisation));
    domains
}

fn read_listeners<'d>(
    source: &Source<'d>,
    base: &Path,
) -> (Inside, Outside, Metrics, Vec<Listener<'d>>) {
    let mut listeners = Vec::new();
    let mut listen = |path| source.listen(path, base, true, &mut listeners);
    let inside = Inside {
        listen: listen("inside.listen"),
        lmtp_listen: listen("inside.lmtp-listen"),
        allow: source
            .list("inside.allow", read_network)
            .into_iter()
            .map(|(network, _)| network)
            .collect(),
        auth_file: source.file("inside.auth-file", base),
        client_ca: source.file("inside.client-ca", base),
        foreign_senders: source
            .value("inside.foreign-senders")
            .and_then(|value| value.choice(FOREIGN_SENDERS))
            .unwrap_or(false),
    };
    let outside = Outside { listen: listen("outside.listen") };
    let metrics =
        source.value("metrics.listen").filter(|value| value.text() != Some("")).and_then(|value| {
            let address = read_port(&value)?;
            let is_written = source.written("metrics.listen").is_some();
            check::metrics(address, &value);
            listeners.push(Listener {
                path: "metrics.listen",
                address: ListenAddress::Tcp(address),
                place: value,
                is_written,
                is_mail: false,
            });
            Some(address)
        });
    (inside, outside, Metrics { listen: metrics }, listeners)
}

fn read_authority<'d>(source: &Source<'d>, listeners: &mut Vec<Listener<'d>>) -> Authority {
    let value = source.written("authority.listen").filter(|value| value.text() != Some(""));
    let listen = value.and_then(|value| {
        let address = read_port(&value)?;
        listeners.push(Listener {
            path: "authority.listen",
            address: ListenAddress::Tcp(address),
            place: value,
            is_written: true,
            is_mail: false,
        });
        Some(address)
    });
    Authority { listen }
}

fn read_tls(source: &Source<'_>, base: &Path, data: &Path) -> Option<Tls> {
    match (source.written("tls.certificate"), source.written("tls.key")) {
        (None, None) => Some(Tls { certificate: data.join("tls.pem"), key: data.join("tls.key") }),
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (read_path(&certificate, base), read_path(&key, base));
            Some(Tls { certificate: certificate?, key: key? })
        }
        (Some(lonely), None) => {
            lonely.mistake(
                "\"certificate\" in [tls] is there without \"key\"",
                Some("add \"key\"".to_owned()),
            );
            None
        }
        (None, Some(lonely)) => {
            lonely.mistake(
                "\"key\" in [tls] is there without \"certificate\"",
                Some("add \"certificate\"".to_owned()),
            );
            None
        }
    }
}

fn read_keys(source: &Source<'_>, base: &Path, data: &Path) -> Option<Keys> {
    let Some(value) = source.written("keys.unseal") else {
        return Some(Keys { unseal: Unseal::KeyFile(data.join("master.key")) });
    };
    let unseal = value.parse("a file, \"passphrase:FILE\" or \"credential:NAME\"", |text| {
        if let Some(name) = text.strip_prefix("credential:") {
            return credential(name).map(Unseal::Credential);
        }
        if let Some(file) = text.strip_prefix("passphrase:") {
            return (!file.is_empty()).then(|| Unseal::PassphraseFile(base.join(file)));
        }
        (!text.is_empty()).then(|| Unseal::KeyFile(base.join(text)))
    })?;
    Some(Keys { unseal })
}

fn read_limits(source: &Source<'_>) -> Option<Limits> {
    let message_size = source.value("limits.message-size").and_then(|value| {
        let size = value.size()?;
        if !(SMALLEST_MESSAGE_LIMIT..=LARGEST_MESSAGE_LIMIT).contains(&size) {
            // RFC 5321 section 4.5.3.1.7 asks for at least 64 KiB.
            value.mistake(format!("{} must be from 64KiB to 10GB", value.label()), None);
        }
        Some(size)
    });
    let recipients = source.count("limits.recipients", 100_000);
    let connections = source.count("limits.connections", 100_000);
    let connections_per_client = source.count("limits.connections-per-client", 100_000);
    if let (Some(all), Some(one)) = (connections, connections_per_client)
        && one > all
        && let Some(value) =
            source.written("limits.connections-per-client").or(source.written("limits.connections"))
    {
        value.warning(
            format!("one client may open {one} connections, but all together only {all}"),
            Some(
                "one client can lock everybody else out; make \"connections-per-client\" smaller"
                    .to_owned(),
            ),
        );
    }
    let command_timeout = timeout(source, "limits.command-timeout");
    let data_timeout = timeout(source, "limits.data-timeout");
    let session_timeout = timeout(source, "limits.session-timeout");
    let errors = source.count("limits.errors", 1_000);
    let disk_reserve = source.written("limits.disk-reserve").and_then(|value| value.size());
    Some(Limits {
        disk_reserve,
        message_size: message_size?,
        recipients: recipients?,
        connections: connections?,
        connections_per_client: connections_per_client?,
        command_timeout: command_timeout?,
        data_timeout: data_timeout?,
        session_timeout: session_timeout?,
        errors: errors?,
    })
}

pub(super) fn timeout(source: &Source<'_>, path: &str) -> Option<Duration> {
    let value = source.value(path)?;
    let time = value.duration()?;
    if time.is_zero() || time > LONGEST_TIMEOUT {
        value.mistake(format!("{} must be from 1s to 1d", value.label()), None);
    }
    Some(time)
}

fn read_queue(source: &Source<'_>) -> Option<Queue> {
    let waits = source.value("queue.retry").and_then(|value| {
        let items = value.list()?;
        if items.is_empty() {
            value.mistake(
                format!("{} is empty, so that nothing would be tried again", value.label()),
                None,
            );
        }
        let waits: Vec<Duration> = items.iter().filter_map(read_wait).collect();
        (!waits.is_empty()).then_some(waits)
    });
    let jitter = source.value("queue.jitter").and_then(|value| value.integer(0..=90));
    let expire = source.duration("queue.expire");
    let delay_notice = source.duration("queue.delay-notice");
    let hold_expire = source.duration("queue.hold-expire");
    let workers = source.count("queue.workers", 10_000);
    for (path, time) in [("queue.expire", expire), ("queue.hold-expire", hold_expire)] {
        if let Some(value) = time.filter(Duration::is_zero).and_then(|_| source.written(path)) {
            value.mistake(format!("{} of zero would return all mail at once", value.label()), None);
        }
    }
    if let (Some(expire), Some(delay)) = (expire, delay_notice)
        && delay >= expire
        && let Some(value) = source.written("queue.delay-notice").or(source.written("queue.expire"))
    {
        value.warning(
            "the delay notice comes after the message has expired, so it never comes",
            None,
        );
    }
    Some(Queue {
        retry: waits?,
        jitter_percent: u32::try_from(jitter?).ok()?,
        expire: expire?,
        delay_notice: delay_notice?,
        hold_expire: hold_expire?,
        workers: workers?,
    })
}

fn read_lookup(source: &Source<'_>) -> Option<Lookup> {
    let switch = |path| source.value(path).and_then(|value| value.boolean());
    let size = |path: &str, least: u64| {
        let value = source.value(path)?;
        let size = value.size()?;
        if size < least {
            value.mistake(format!("{} must be at least {} kB", value.label(), least / 1000), None);
        }
        usize::try_from(size).ok()
    };
    let (fetch, allow_private) = (switch("lookup.fetch"), switch("lookup.allow-private"));
    let (ldap, ocsp, nonce) =
        (switch("lookup.ldap"), switch("lookup.ocsp"), switch("lookup.nonce"));
    let (wait, time) = (timeout(source, "lookup.wait"), timeout(source, "lookup.timeout"));
    // Smaller ones hold no bundle of certificates.
    let (max, cache) = (size("lookup.max-size", 100_000), size("lookup.cache-size", 1_000_000));
    Some(Lookup {
        fetch: fetch?,
        wait: wait?,
        allow_private: allow_private?,
        timeout: time?,
        max_octets: max?,
        cache_octets: cache?,
        ldap: ldap?,
        ocsp: ocsp?,
        nonce: nonce?,
    })
}

fn read_wait(value: &Value<'_>) -> Option<Duration> {
    let wait = value.duration()?;
    if wait.is_zero() {
        value.mistake(format!("a wait of zero in {} would hammer the server", value.label()), None);
    }
    Some(wait)
}

fn read_log(source: &Source<'_>) -> Option<Log> {
    let format = source.value("log.format").and_then(|value| value.choice(LOG_FORMATS));
    let level = source.value("log.level").and_then(|value| value.choice(LOG_LEVELS));
    Some(Log { format: format?, level: level? })
}

const FOREIGN_SENDERS: &[(&str, bool)] = &[("refuse", false), ("accept", true)];
const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
const LOG_LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
const SMALLEST_MESSAGE_LIMIT: u64 = 64 << 10;
const LARGEST_MESSAGE_LIMIT: u64 = 10_000_000_000;
const LONGEST_TIMEOUT: Duration = Duration::from_hours(24);
