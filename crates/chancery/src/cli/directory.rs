//! The options of `directory`: who finds whose certificates.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::dns::DirectoryDns;

/// What strangers find of your people.
#[derive(Debug, Subcommand)]
pub enum Directory {
    /// Let strangers find the certificates of people, by their full addresses
    Publish(Publish),
    /// Let strangers find them no more
    Unpublish(Unpublish),
    /// Show whose certificates strangers find, and why not
    Status(Status),
    /// Ask your own directory as a stranger does, and compare with what it should say
    Test(TestDirectory),
    /// Put the same certificates into the DNS
    #[command(subcommand)]
    Dns(DirectoryDns),
    /// Show who asked for whom
    Asked(AskedFor),
}

/// Options of `directory publish`.
#[derive(Debug, Args)]
pub struct Publish {
    /// Addresses, or @DOMAIN for everybody there of whom nothing else was decided
    pub who: Vec<String>,
    /// What may be found
    #[arg(long, value_enum, default_value_t = KindChoice::Encryption)]
    pub kind: KindChoice,
    /// A file with more addresses, one a line
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
    /// A word for these people, for taking all of them back at once
    #[arg(long, value_name = "WORD", default_value = "")]
    pub label: String,
    /// Certificates to import first; without addresses, all that are in them are published
    #[arg(long, value_name = "FILE")]
    pub cert: Vec<PathBuf>,
}

/// Options of `directory unpublish`.
#[derive(Debug, Args)]
pub struct Unpublish {
    /// Addresses, or @DOMAIN to forget what was decided for everybody there
    #[arg(required_unless_present = "label")]
    pub who: Vec<String>,
    /// All that were published under this word
    #[arg(long, value_name = "WORD")]
    pub label: Option<String>,
}

/// Options of `directory status`.
#[derive(Debug, Args)]
pub struct Status {
    /// One address [default: everybody]
    pub address: Option<String>,
}

/// Options of `directory test`.
#[derive(Debug, Args)]
pub struct TestDirectory {
    /// The address that a stranger looks for
    pub address: String,
    /// Ask there instead of at the listeners of this installation: `ldap://HOST`, `ldaps://HOST`, `http://HOST` or
    /// `https://HOST`
    #[arg(long, value_name = "URL")]
    pub at: Option<String>,
}

/// Options of `directory asked`.
#[derive(Debug, Args)]
pub struct AskedFor {
    /// Only questions for this address
    pub address: Option<String>,
    /// Only the last so many days
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub days: u32,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}

/// What may be found of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindChoice {
    /// Certificates that mail is encrypted to
    Encryption,
    /// Certificates that mail is signed with only
    Signing,
    /// Both
    All,
}
