//! The options of `directory dns`: your people's certificates in the DNS.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The certificates of people that are published, as SMIMEA records (RFC 8162).
#[derive(Debug, Subcommand)]
pub enum DirectoryDns {
    /// Print the records as lines of a zone file
    Zone(Zone),
    /// Put the records in place at the server of the zone, and look through a validating resolver whether they are there
    Update(Update),
}

/// Options of `directory dns zone`.
#[derive(Debug, Args)]
pub struct Zone {
    /// The mail domain [default: that of the organisation]
    pub domain: Option<String>,
    /// How long others may remember a record, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub ttl: u32,
}

/// Options of `directory dns update`.
#[derive(Debug, Args)]
pub struct Update {
    /// Which records
    #[command(flatten)]
    pub zone: Zone,
    /// The server that takes changes of the zone: HOST or HOST:PORT
    #[arg(long, value_name = "HOST[:PORT]")]
    pub server: String,
    /// A file with the key that the server knows (TSIG), in one line: hmac-sha256:NAME:SECRET, the secret in base64
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The zone that the names are in, if it is not the domain itself
    #[arg(long = "in-zone", value_name = "ZONE")]
    pub in_zone: Option<String>,
    /// Do not look afterwards whether the records are there
    #[arg(long)]
    pub no_check: bool,
}
