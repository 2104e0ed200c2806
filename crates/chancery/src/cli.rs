//! The command line: every command, option and help text. Man page, completions and the reference come from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub mod bridge;
pub mod cert;
pub mod directory;
pub mod dns;
pub mod message;
pub mod trust;

use bridge::Bridge;
use cert::Cert;
use directory::Directory;
use message::Message;
use trust::PartnerTrust;

/// Secure mail between organisations: encrypts, signs, opens and verifies mail at the edge of your network
#[derive(Debug, Parser)]
#[command(name = "chancery", version, propagate_version = true, after_help = AFTER_HELP)]
pub struct Cli {
    /// Configuration file [default: ./chancery.toml, then /etc/chancery/chancery.toml]
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set up an organisation: data directory, keys, certificates, configuration, DNS records
    Init(Box<Init>),
    /// Run the roles that the configuration switches on
    Serve(Serve),
    /// Find every problem of configuration, keys, DNS, ports, next hop and clock
    Check(Check),
    /// Exchange cards with the organisations you write to
    #[command(subcommand)]
    Partner(Partner),
    /// Run a bridge between organisations, or join one
    #[command(subcommand)]
    Bridge(Box<Bridge>),
    /// Let strangers find the certificates of your people, and see who asked
    #[command(subcommand)]
    Directory(Directory),
    /// See, renew and seal this organisation's own keys; find those of others
    #[command(subcommand)]
    Key(Key),
    /// See and steer the mail that is waiting
    #[command(subcommand)]
    Queue(Queue),
    /// Sign, encrypt, decrypt, verify or show one message in a file or a pipe
    #[command(subcommand)]
    Message(Box<Message>),
    /// Show, validate, import, export and watch certificates; with files alone it needs no installation
    #[command(subcommand)]
    Cert(Box<Cert>),
    /// Tell the whole story of one message, or the long text of one error code
    Explain(Explain),
    /// Show the whole thing on this machine: two organisations, one message
    Demo(Demo),
    /// Make a line for the file of people who may submit mail with a password
    Password(Password),
    /// Print a page of the reference
    #[command(hide = true)]
    Doc(Doc),
}

/// Options of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Your mail domain, such as acme.example
    pub domain: String,
    /// More mail domains of yours
    #[arg(long = "domain", value_name = "DOMAIN")]
    pub more_domains: Vec<String>,
    /// Where configuration and data go
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Name of this host, as its certificate and greeting say it [default: mail.DOMAIN]
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// Kind of the organisation's keys
    #[arg(long, value_enum, default_value_t = KeyChoice::P256)]
    pub key_type: KeyChoice,
    /// Seal the keys under the passphrase in this file instead of a key file beside them
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Where the inside server hands over mail: addresses to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub inside_listen: Vec<String>,
    /// The same over LMTP, for a Postfix `content_filter`
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub inside_lmtp_listen: Vec<String>,
    /// Where the internet hands over mail: addresses to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub outside_listen: Vec<String>,
    /// Where mail for your people goes, such as smtp:127.0.0.1:10026 or lmtp:127.0.0.1:24
    #[arg(long, value_name = "ROUTE")]
    pub inside_route: Option<String>,
    /// Where mail for everybody else goes: mx, or a relay such as smtp:relay.example:25
    #[arg(long, value_name = "ROUTE")]
    pub outside_route: Option<String>,
    /// Where the metrics are served; empty for nowhere
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<String>,
}

/// Kinds of organisation keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyChoice {
    /// Elliptic curve P-256: fast, read by everything since about 2016
    #[value(name = "p-256")]
    P256,
    /// Elliptic curve P-384
    #[value(name = "p-384")]
    P384,
    /// RSA, 2048 bits: read by everything
    #[value(name = "rsa-2048")]
    Rsa2048,
    /// RSA, 3072 bits
    #[value(name = "rsa-3072")]
    Rsa3072,
    /// RSA, 4096 bits
    #[value(name = "rsa-4096")]
    Rsa4096,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Run only this role
    #[arg(long, value_enum)]
    pub role: Option<Role>,
}

/// The roles of the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// What a bridge publishes, over HTTP
    Authority,
    /// Who finds whose certificates, over LDAP
    Directory,
    /// The secure mail gateway
    Gateway,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Look only at what is on this machine: no DNS, no next hop
    #[arg(long)]
    pub offline: bool,
}

/// What to do with partners.
#[derive(Debug, Subcommand)]
pub enum Partner {
    /// Write this organisation's card, signed, to give to a partner
    Card {
        /// File to write; - for standard output
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take a partner's card, so that mail to that organisation is protected
    Add {
        /// The card; - for standard input
        file: PathBuf,
        /// Do not ask; needs --fingerprint
        #[arg(long, requires = "fingerprint")]
        yes: bool,
        /// The fingerprint that the partner read to you
        #[arg(long, value_name = "FINGERPRINT")]
        fingerprint: Option<String>,
    },
    /// List the partners
    List,
    /// Show one partner
    Show {
        /// A domain of the partner
        domain: String,
    },
    /// Forget a partner; mail that must be protected is then held
    Remove {
        /// A domain of the partner
        domain: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show or change whom to believe for a domain: authorities, pins, policies, algorithms, revocation
    Trust(Box<PartnerTrust>),
}

/// What to do with the organisation's own keys, and with the keys of others.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Ask the configured sources for the certificates of somebody
    Find(FindKeys),
    /// List our own keys with their ends, or what the key book has of others
    List {
        /// Keys of others: of an address, or of everybody at a domain
        #[arg(value_name = "ADDRESS|DOMAIN")]
        of: Option<String>,
        /// Keys of all others
        #[arg(long, conflicts_with = "of")]
        others: bool,
    },
    /// Show the keys of an address, which of them mail is encrypted to, and why
    Show {
        /// The address
        address: String,
    },
    /// Put certificates of others into the key book
    Import {
        /// A file with certificates: PEM, DER or PKCS#7; - for standard input
        file: PathBuf,
        /// Whose they are, if only some of the addresses in them are meant
        #[arg(long)]
        address: Vec<String>,
        /// Use them even if nobody whom we believe vouches for them: you have compared the fingerprint
        #[arg(long)]
        trust: bool,
    },
    /// Decide that a key is the right one for an address, so that it is used before all others
    Trust {
        /// The address
        address: String,
        /// SHA-256 of the certificate, or its first eight letters or more
        fingerprint: String,
        /// Take such a decision back, or that a key is retired
        #[arg(long)]
        undo: bool,
    },
    /// Make new certificates; partners go on without a telephone call, and old keys still open old mail
    Renew(Renew),
    /// Destroy the private key of an old certificate; mail encrypted to it can then never be opened again. With --address:
    /// never encrypt to a key of somebody else again
    Retire {
        /// The key is this address's, and not our own
        #[arg(long)]
        address: Option<String>,
        /// SHA-256 of the certificate, or its first eight letters or more
        fingerprint: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Seal the private keys under another master key or passphrase
    Reseal {
        /// What shall unseal them from then on, as `keys.unseal` says it: FILE or passphrase:FILE [default: a new key in the file in use]
        #[arg(long, value_name = "FILE|passphrase:FILE")]
        unseal: Option<String>,
    },
}

/// Options of `key find`.
#[derive(Debug, Args)]
pub struct FindKeys {
    /// A mail address
    pub address: String,
    /// How many seconds to wait for all answers together
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub wait: u64,
}

/// Options of `key renew`.
#[derive(Debug, Args)]
pub struct Renew {
    /// Which certificates [default: signing, encryption and tls]
    #[arg(value_enum)]
    pub what: Vec<KeyUse>,
    /// Keep the private keys and renew only the certificates
    #[arg(long)]
    pub same_key: bool,
    /// Kind of the new keys for mail [default: that of the old ones]
    #[arg(long, value_enum, conflicts_with = "same_key")]
    pub key_type: Option<KeyChoice>,
}

/// What a key of the organisation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyUse {
    /// Vouches for the others; its key always stays, because partners have compared its fingerprint
    Authority,
    /// Signs mail and the card
    Signing,
    /// Opens mail
    Encryption,
    /// Secures connections to the listeners
    Tls,
}

/// What to do with the queue.
#[derive(Debug, Subcommand)]
pub enum Queue {
    /// List recipients that wait
    List {
        /// Only this state
        #[arg(long, value_enum)]
        state: Option<QueueState>,
        /// Only recipients at this address or domain
        #[arg(long, value_name = "ADDRESS|DOMAIN")]
        recipient: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u32,
    },
    /// Show one message with its recipients
    Show {
        /// Queue id or Message-ID
        message: String,
    },
    /// Send held mail through the policy again
    Release(Pick),
    /// Try waiting mail again now
    Retry(Pick),
    /// Give mail up without telling anybody
    Drop {
        /// Which
        #[command(flatten)]
        pick: Pick,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// States to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum QueueState {
    /// Waiting for its plan or its delivery
    Queued,
    /// Waiting for a key, an approval or an administrator
    Held,
    /// Accepted by the next hop
    Delivered,
    /// Given up
    Bounced,
    /// Given up by an administrator
    Dropped,
}

/// Which messages.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Pick {
    /// Queue ids or Message-IDs
    pub messages: Vec<String>,
    /// All of them
    #[arg(long)]
    pub all: bool,
}

/// Options of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A queue id, a Message-ID, or an error code such as `policy.no_partner`
    pub what: String,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Message to send instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub message: Option<PathBuf>,
    /// Write sent.eml, wire.eml, delivered.eml and verdict.json here
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Leave both gateways running and say how to send more
    #[arg(long)]
    pub keep: bool,
    /// Kind of the organisations' keys
    #[arg(long, value_enum, default_value_t = KeyChoice::P256)]
    pub key_type: KeyChoice,
}

/// Options of `password`.
#[derive(Debug, Args)]
pub struct Password {
    /// Who logs in; the password is read from standard input
    pub user: String,
    /// Who they may write as: an address, @DOMAIN or *; without it, NAME alone if that is an address, else anybody of us
    #[arg(long, value_name = "SENDER")]
    pub sender: Vec<String>,
}

/// Options of `doc`.
#[derive(Debug, Args)]
pub struct Doc {
    /// The page
    pub page: String,
}

const AFTER_HELP: &str = "\
Exit status: 0 done, or the answer is yes; 1 the answer is no; 2 usage or configuration; 3 our failure.

First steps: `chancery demo` shows everything on this machine; `chancery init DOMAIN` sets up your organisation.";
