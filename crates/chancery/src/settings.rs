//! The configuration: one TOML file, checked once and turned into [`Settings`]; nothing else reads TOML or the environment.
//!
//! One table, [`schema::KEYS`], says everything about a key: its name, unit, default, meaning and an example. Checking,
//! defaults, the file that `chancery init` writes ([`template`]) and the reference page ([`reference_markdown`]) are all made
//! from it, so that they cannot differ.
//!
//! ```
//! use chancery::settings::Settings;
//!
//! let settings = Settings::parse("organisation = \"acme.example\"", "chancery.toml").unwrap();
//! assert_eq!(settings.domains, ["acme.example"]);
//!
//! let mistakes = Settings::parse("organisation = \"acme.example\"\n[inside]\nlisen = []", "chancery.toml").unwrap_err();
//! assert_eq!(
//!     mistakes[0].to_string(),
//!     "chancery.toml:3:1: unknown key \"lisen\" in [inside]; did you mean \"listen\"?",
//! );
//! ```
//!
//! Secrets are never values in the file, only paths of files that hold them.

mod address;
mod check;
mod directory;
mod read;
mod route;
pub mod schema;
mod socket;
mod sources;
mod template;
mod values;

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chancery_policy::Mistake;
use chancery_smime::Permitted;

pub use address::{Cidr, Host, HostPort, NextHop};
pub use directory::{Audit, Directory};
pub use socket::{ListenAddress, Server};
pub use sources::{Find, FindSource, LdapPlace, Secret, ServerTrust, SourceKind, SourcePlace};
pub use template::{InitAnswers, reference_markdown, template};

/// Everything the program needs to know about this installation; every default is safe.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The primary domain.
    pub organisation: String,
    /// All our domains, the primary one first, in lower case and as A-labels.
    pub domains: Vec<String>,
    /// The name we greet with, and the authserv-id of our results (RFC 8601 section 2.5).
    pub hostname: String,
    /// Where notices say they come from.
    pub postmaster: String,
    /// The data directory.
    pub data: PathBuf,
    /// The policy file.
    pub policy: PathBuf,
    /// Where our own mail server hands mail in.
    pub inside: Inside,
    /// Where the internet hands mail in.
    pub outside: Outside,
    /// Where mail goes next.
    pub route: Route,
    /// The certificate that our listeners show.
    pub tls: Tls,
    /// How the private keys are unsealed.
    pub keys: Keys,
    /// What one client can use up.
    pub limits: Limits,
    /// How long and how often delivery is tried.
    pub queue: Queue,
    /// The content ciphers that may be used; never empty.
    pub ciphers: Permitted,
    /// How names are looked up.
    pub dns: Dns,
    /// Where certificates of others are found.
    pub find: Find,
    /// What is fetched for deciding about certificates.
    pub lookup: Lookup,
    /// What a bridge publishes.
    pub authority: Authority,
    /// Who finds whose certificates.
    pub directory: Directory,
    /// Where metrics can be read.
    pub metrics: Metrics,
    /// What is logged and how.
    pub log: Log,
    /// What the author should know although the file is valid.
    pub warnings: Vec<Mistake>,
}

/// Where our own mail server hands mail in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// SMTP listeners.
    pub listen: Vec<ListenAddress>,
    /// LMTP listeners (RFC 2033), for a Postfix `content_filter`.
    pub lmtp_listen: Vec<ListenAddress>,
    /// Clients that may send without a password or a certificate.
    pub allow: Vec<Cidr>,
    /// Users and password hashes for SMTP AUTH.
    pub auth_file: Option<PathBuf>,
    /// The CA whose client certificates may send.
    pub client_ca: Option<PathBuf>,
    /// Whether mail for the outside may have a sender of other domains.
    pub foreign_senders: bool,
}

/// Where the internet hands mail in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// SMTP listeners.
    pub listen: Vec<ListenAddress>,
}

/// Where mail goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Mail for our own domains.
    pub inside: NextHop,
    /// Everything else.
    pub outside: NextHop,
    /// Domains with a way of their own, which wins over the two above. Names are normal, as in [`Settings::domains`].
    pub domains: Vec<(String, NextHop)>,
    /// TLS towards the internet and the domains above.
    pub tls: TlsDemand,
    /// TLS towards `inside`.
    pub inside_tls: TlsDemand,
}

/// How much TLS a connection must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsDemand {
    /// Never.
    None,
    /// When offered, with any certificate (RFC 7435).
    Opportunistic,
    /// Always, with any certificate.
    Required,
    /// Always, with a certificate for that host.
    Verified,
}

/// The certificate that our listeners show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// How the private keys are unsealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Where the master key comes from.
    pub unseal: Unseal,
}

/// Where the master key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseal {
    /// A systemd credential of this name that holds a passphrase.
    Credential(String),
    /// A file with the key itself.
    KeyFile(PathBuf),
    /// A file with a passphrase.
    PassphraseFile(PathBuf),
}

/// What one client can use up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest message in octets.
    pub message_size: u64,
    /// Most recipients of one message.
    pub recipients: usize,
    /// Most connections of all clients together.
    pub connections: usize,
    /// Most connections of one client address.
    pub connections_per_client: usize,
    /// Longest wait for a command.
    pub command_timeout: Duration,
    /// Longest wait for the next octets of a message.
    pub data_timeout: Duration,
    /// Longest session.
    pub session_timeout: Duration,
    /// Most faulty commands of one session.
    pub errors: usize,
    /// Octets of the disk that new mail may not have; `None` for the usual.
    pub disk_reserve: Option<u64>,
}

/// How long and how often delivery is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Waits between attempts; the last one repeats. Never empty.
    pub retry: Vec<Duration>,
    /// How much a wait is made longer or shorter by chance, in percent.
    pub jitter_percent: u32,
    /// When the sender is told that the message could not be delivered.
    pub expire: Duration,
    /// When the sender is told that delivery takes long; zero: never.
    pub delay_notice: Duration,
    /// When a held message goes back to its sender.
    pub hold_expire: Duration,
    /// Messages that are protected, opened or delivered at the same time.
    pub workers: usize,
}

/// How names are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// Resolvers; none: those of the system.
    pub servers: Vec<SocketAddr>,
    /// The file with the keys by which answers are believed; none: those of the root.
    pub trust_anchor: Option<PathBuf>,
}

/// What is fetched for deciding about certificates.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Anything is.
    pub fetch: bool,
    /// How long one decision waits for it.
    pub wait: Duration,
    /// Addresses in private networks are asked too.
    pub allow_private: bool,
    /// For one request, from the look-up of the name to the last octet.
    pub timeout: Duration,
    /// Octets of one answer.
    pub max_octets: usize,
    /// Octets of everything that is kept.
    pub cache_octets: usize,
    /// Directories are asked.
    pub ldap: bool,
    /// Responders are asked.
    pub ocsp: bool,
    /// Responders are asked for an answer made for this very request (RFC 9654).
    pub nonce: bool,
}

/// What a bridge publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// HTTP listener; `None`: off.
    pub listen: Option<SocketAddr>,
}

/// Where metrics can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// HTTP listener for Prometheus; `None`: off.
    pub listen: Option<SocketAddr>,
}

/// What is logged and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// The least important level that is logged.
    pub level: LogLevel,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// How important a log line is, from the most important on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something may soon fail.
    Warn,
    /// What happens to each message.
    Info,
    /// How it happens.
    Debug,
    /// Every step.
    Trace,
}

impl Settings {
    /// Reads and checks a configuration file.
    pub fn load(path: &Path) -> Result<Self, Vec<Mistake>> {
        let name = path.display().to_string();
        let bytes = read_limited(path).map_err(|error| {
            let hint =
                "name the file with --config, or make one with `chancery init DOMAIN`".to_owned();
            vec![Mistake::of_file(
                &name,
                format!("cannot read the configuration: {error}"),
                Some(hint),
            )]
        })?;
        let text = Mistake::check_text(&bytes, &name).map_err(|mistake| vec![mistake])?;
        Self::parse(text, &name)
    }

    /// Checks the text of a configuration; relative paths in it start at the directory of `file`.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Mistake>> {
        read::settings(text, file)
    }

    /// Returns true if the domain, in any spelling, is one of ours.
    pub fn is_ours(&self, domain: &str) -> bool {
        let domain = chancery_policy::document::domain(domain);
        domain.is_some_and(|domain| self.domains.contains(&domain))
    }

    /// Returns where mail for this domain goes, and how much TLS it must have on its way.
    pub fn route_for(&self, domain: &str) -> (&NextHop, TlsDemand) {
        let normal = chancery_policy::document::domain(domain);
        let own = self.route.domains.iter().find(|(name, _)| Some(name) == normal.as_ref());
        match own {
            Some((_, hop)) => (hop, self.route.tls),
            None if self.is_ours(domain) => (&self.route.inside, self.route.inside_tls),
            None => (&self.route.outside, self.route.tls),
        }
    }
}

impl Unseal {
    /// Returns the file to read; `None` for a credential that systemd has not handed over.
    ///
    /// `credentials` is the directory that [`credentials_directory`] returns.
    pub fn path(&self, credentials: Option<&Path>) -> Option<PathBuf> {
        match self {
            Self::Credential(name) => credentials.map(|directory| directory.join(name)),
            Self::KeyFile(path) | Self::PassphraseFile(path) => Some(path.clone()),
        }
    }

    /// Returns true if the file holds a passphrase and not the key itself.
    pub fn is_passphrase(&self) -> bool {
        !matches!(self, Self::KeyFile(_))
    }
}

/// Returns the directory in which systemd hands credentials over (`LoadCredential=`).
#[expect(clippy::disallowed_methods, reason = "the settings are where the environment is read")]
pub fn credentials_directory() -> Option<PathBuf> {
    std::env::var("CREDENTIALS_DIRECTORY").ok().map(PathBuf::from)
}

impl LogLevel {
    /// Returns the word used in the configuration and in filters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Reads a file that should be small; a mistaken path to a huge one is noticed by its first too many octets.
fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    const LIMIT: u64 = (1 << 20) + 1; // one more than the document reader accepts
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
