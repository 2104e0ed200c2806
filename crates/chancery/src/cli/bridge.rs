//! The commands for bridges: running one, joining one.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::KeyChoice;

/// What to do with bridges.
#[derive(Debug, Subcommand)]
pub enum Bridge {
    /// Make a bridge: its key and certificate, the table of assurance levels, the first revocation list
    Init(Init),
    /// Ask a bridge, with its certificate; or take a request, as the bridge
    Join(Join),
    /// As the bridge: look for the proof of a member's domains in the DNS, or note that a person has settled it
    Prove(Prove),
    /// As the bridge: vouch for a member, or take its certificate; as a member: take the answer and vouch for the bridge
    CrossSign(CrossSign),
    /// As the bridge: vouch for another bridge, so that the members of both reach each other; or take its certificate for ours
    Peer(Peer),
    /// List the members of our bridge and the bridges that we have joined
    List,
    /// Find every problem of the bridge and its members, and of the bridges that we have joined
    Check(Check),
    /// Show the assurance levels and what policies of members are taken for them
    Levels(Levels),
    /// As the bridge: renew the revocation list and the cross-certificates that end soon
    Renew(Renew),
    /// As the bridge: take back every word for a member or another bridge, at once
    Revoke(Revoke),
    /// As a member: forget a bridge; nothing is reached through it from then on
    Leave(Leave),
    /// As the bridge: write everything that it publishes to a folder, for any web server
    Publish(Publish),
}

/// Options of `bridge init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The bridge's name, such as "Sky Bridge"
    pub name: String,
    /// Where it publishes, such as `http://bridge.example/`
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Make a data directory of its own here, with a configuration [default: the installation that is there]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The domain of who runs it, for the configuration in a directory of its own [default: the host of the address]
    #[arg(long, value_name = "DOMAIN", requires = "dir")]
    pub domain: Option<String>,
    /// Where it listens, for the configuration in a directory of its own
    #[arg(long, value_name = "ADDRESS:PORT", requires = "dir")]
    pub listen: Option<String>,
    /// The arc below which the identifiers of the levels are, such as your enterprise number 1.3.6.1.4.1.N.1
    /// [default: a random one below the arc for examples]
    #[arg(long, value_name = "OID")]
    pub arc: Option<String>,
    /// Kind of its key
    #[arg(long, value_enum, default_value_t = KeyChoice::P384)]
    pub key_type: KeyChoice,
}

/// Options of `bridge join`.
#[derive(Debug, Args)]
pub struct Join {
    /// The bridge's certificate, to ask it; or a request, to take it as the bridge
    pub file: PathBuf,
    /// File to write the request to; - for standard output
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The assurance level to ask for
    #[arg(long, value_name = "LEVEL", default_value = "basic")]
    pub level: String,
    /// Only these of our domains [default: all of them]
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Vec<String>,
    /// Certificate policies of ours, to be compared with the bridge's levels
    #[arg(long, value_name = "OID")]
    pub policy: Vec<String>,
    /// Where we publish certificates ourselves
    #[arg(long, value_name = "URL")]
    pub publication: Option<String>,
    /// The bridge's fingerprint that somebody read to you
    #[arg(long, value_name = "FINGERPRINT")]
    pub fingerprint: Option<String>,
}

/// Options of `bridge prove`.
#[derive(Debug, Args)]
pub struct Prove {
    /// A domain of the member, or its fingerprint; all its domains are proven
    pub domain: String,
    /// Do not look in the DNS: a person has settled it, and the member has read out this fingerprint
    #[arg(long, value_name = "FINGERPRINT", requires = "evidence")]
    pub confirm: Option<String>,
    /// How it was settled, for the audit log
    #[arg(long, value_name = "TEXT", requires = "confirm")]
    pub evidence: Option<String>,
}

/// Options of `bridge cross-sign`.
#[derive(Debug, Args)]
pub struct CrossSign {
    /// A domain or the fingerprint of a member to vouch for; an answer to take; or a certificate of a member for our bridge
    pub what: String,
    /// File to write the answer, or our certificate for the bridge, to; - for standard output
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// As the bridge: the level [default: the one that was asked for]
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<String>,
    /// As a member: domains that the bridge may not speak for, beside ours
    #[arg(long, value_name = "DOMAIN")]
    pub exclude: Vec<String>,
    /// As a member: the only domains that the bridge may speak for [default: all but ours]
    #[arg(long, value_name = "DOMAIN")]
    pub permit: Vec<String>,
    /// As a member: a policy of ours, and the bridge's that we take for it
    #[arg(long, value_name = "OURS=THEIRS")]
    pub map: Vec<String>,
}

/// Options of `bridge peer`.
#[derive(Debug, Args)]
pub struct Peer {
    /// The other bridge's certificate, to vouch for it; or its certificate for our bridge, to take it
    pub file: PathBuf,
    /// File to write our certificate for the other bridge to; - for standard output
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The other bridge's fingerprint that somebody read to you
    #[arg(long, value_name = "FINGERPRINT")]
    pub fingerprint: Option<String>,
    /// Domains that it may not speak for, beside those of our members
    #[arg(long, value_name = "DOMAIN")]
    pub exclude: Vec<String>,
    /// The only domains that it may speak for, with all below them [default: all but those of our members]
    #[arg(long, value_name = "DOMAIN")]
    pub permit: Vec<String>,
    /// A level or policy of ours, and the other bridge's policy that we take for it
    #[arg(long, value_name = "OURS=THEIRS")]
    pub map: Vec<String>,
    /// Authorities that may be below it: a member's, one of the member's own, and so on
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    pub path_length: u8,
}

/// Options of `bridge check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Look only at what is on this machine: no DNS, no publication
    #[arg(long)]
    pub offline: bool,
}

/// Options of `bridge levels`.
#[derive(Debug, Args)]
pub struct Levels {
    /// As a page in Markdown
    #[arg(long)]
    pub markdown: bool,
}

/// Options of `bridge renew`.
#[derive(Debug, Args)]
pub struct Renew {
    /// Give the bridge a new key; members need not do anything
    #[arg(long)]
    pub new_key: bool,
    /// Kind of the new key
    #[arg(long, value_enum, default_value_t = KeyChoice::P384, requires = "new_key")]
    pub key_type: KeyChoice,
}

/// Options of `bridge revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    /// A domain of the member, or its fingerprint; or the name, address or fingerprint of another bridge
    pub domain: String,
    /// Why
    #[arg(long, value_enum, default_value_t = Reason::Unspecified)]
    pub reason: Reason,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Why a member is revoked (RFC 5280 section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reason {
    /// Its domains or its name have changed
    AffiliationChanged,
    /// It leaves
    CessationOfOperation,
    /// Somebody else may have its key
    KeyCompromise,
    /// It comes back with another key
    Superseded,
    /// No reason is published
    Unspecified,
}

/// Options of `bridge leave`.
#[derive(Debug, Args)]
pub struct Leave {
    /// The bridge's name, address or fingerprint
    pub bridge: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Options of `bridge publish`.
#[derive(Debug, Args)]
pub struct Publish {
    /// The folder
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
