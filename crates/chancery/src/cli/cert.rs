//! The commands for certificates in files: show, validate, and draw the path.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What to do with a certificate in a file.
#[derive(Debug, Subcommand)]
pub enum Cert {
    /// Show a certificate, revocation list, OCSP response or bundle (p7c); nothing is verified
    Show(Show),
    /// Say whether a certificate is good for a purpose, an address and a time, and why; exit status 0 means valid
    Validate(Question),
    /// The same, with a drawing of the paths that were tried
    Path(Path),
}

/// What is shown.
#[derive(Debug, Args)]
pub struct Show {
    /// The file; - or nothing for standard input
    pub file: Option<PathBuf>,
}

/// What is asked.
#[derive(Debug, Args)]
pub struct Question {
    /// The certificate, in PEM or DER; what follows it in the file goes into the pool
    pub file: PathBuf,
    /// What it is to be used for
    #[arg(long, value_enum, default_value_t = PurposeChoice::Any)]
    pub purpose: PurposeChoice,
    /// The mail address that it is to be used for
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
    /// For which time: seconds since 1970, a day, or such as 2026-06-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Certificates to trust; without one nothing is
    #[arg(long, value_name = "FILE")]
    pub anchor: Vec<PathBuf>,
    /// Files and folders with certificates that may help
    #[arg(long, value_name = "FILE|DIR")]
    pub pool: Vec<PathBuf>,
    /// Files and folders with revocation lists and OCSP responses
    #[arg(long, value_name = "FILE|DIR")]
    pub crls: Vec<PathBuf>,
    /// What a certificate of unknown status means [default: hard with --crls, else ignore]
    #[arg(long, value_enum)]
    pub revocation: Option<RevocationChoice>,
    /// Certificate policies that satisfy, as object identifiers [default: any]
    #[arg(long, value_name = "OID")]
    pub policy: Vec<String>,
    /// The path must be valid for a policy
    #[arg(long)]
    pub explicit_policy: bool,
    /// No authority may map policies
    #[arg(long)]
    pub inhibit_mapping: bool,
    /// `anyPolicy` is no policy
    #[arg(long)]
    pub inhibit_any: bool,
}

/// Options of `cert path`.
#[derive(Debug, Args)]
pub struct Path {
    /// What is asked
    #[command(flatten)]
    pub question: Question,
    /// File to write the drawing to
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// What a certificate is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PurposeChoice {
    /// Anything: key usages are not looked at
    Any,
    /// Signing revocation lists
    CrlSign,
    /// Answering whether certificates are revoked
    OcspSign,
    /// Encrypting mail
    SmimeEncrypt,
    /// Signing mail
    SmimeSign,
    /// A TLS client
    TlsClient,
    /// A TLS server
    TlsServer,
}

/// What a certificate of unknown status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RevocationChoice {
    /// It is not used
    Hard,
    /// Revocation is not looked at
    Ignore,
    /// It counts unless it is known to be revoked
    Soft,
}
