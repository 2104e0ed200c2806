//! The commands for certificates: in files (show, validate, draw the path), and in the store.

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
    /// Take certificates and revocation lists that may help to find paths; nothing is trusted for being imported
    Import(Import),
    /// Write certificates to a file, your own with their private keys if that is asked for
    Export(Export),
    /// List what was imported
    List(List),
    /// Remove what was imported
    Remove {
        /// SHA-256 of a certificate or list, or its first eight digits or more
        #[arg(required = true, value_name = "SHA256")]
        fingerprints: Vec<String>,
    },
    /// List what will break and when: keys, cards, authorities, certificates, revocation lists; exit status 1 if something does in time
    Watch(Watch),
}

/// Options of `cert import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Files and folders: PEM, DER, PKCS#7, PKCS#12, revocation lists
    #[arg(required = true, value_name = "FILE|DIR")]
    pub files: Vec<PathBuf>,
    /// File with the passphrase of PKCS#12 files in its first line; - for standard input
    #[arg(long, visible_alias = "password-file", value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Options of `cert export`.
#[derive(Debug, Args)]
pub struct Export {
    /// own, authorities, all, partner:DOMAIN, a mail address, or the first eight digits or more of a SHA-256
    #[arg(required = true)]
    pub what: Vec<String>,
    /// File to write, never over another one; - for standard output
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Form::Pem)]
    pub form: Form,
    /// With the imported revocation lists of the authorities among them
    #[arg(long)]
    pub crls: bool,
    /// With the private keys of your own certificates among them; only into PKCS#12
    #[arg(long, requires = "passphrase_file")]
    pub key: bool,
    /// File with the passphrase of the PKCS#12 file in its first line; - for standard input
    #[arg(long, visible_alias = "password-file", value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Forms of certificates in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Text, one block for each
    Pem,
    /// One certificate as it is
    Der,
    /// PKCS#7, certificates only
    P7c,
    /// PKCS#12
    P12,
}

/// Options of `cert list`.
#[derive(Debug, Args)]
pub struct List {
    /// Only certificates for this mail address, or of a domain as @DOMAIN
    #[arg(long, value_name = "ADDRESS|@DOMAIN")]
    pub address: Option<String>,
    /// Only those with this in their subject, and lists with it in their issuer
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<String>,
    /// Only what ends within this time, such as 30d, or has ended
    #[arg(long, value_name = "TIME")]
    pub expiring: Option<String>,
    /// Only certificates of this kind
    #[arg(long, value_enum)]
    pub kind: Option<KindChoice>,
}

/// Kinds of imported certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindChoice {
    /// Of an authority, issued by itself
    Authority,
    /// Of an authority, issued by another one
    Cross,
    /// Of somebody who issues nothing
    EndEntity,
    /// For a key of this organisation, issued by somebody else
    Own,
}

/// Options of `cert watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// How far to look ahead
    #[arg(long, value_name = "TIME", default_value = "90d")]
    pub within: String,
    /// For which time: seconds since 1970, a day, or such as 2026-06-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub at: Option<String>,
    /// Look at these files and folders with certificates in place of the installation
    #[arg(long, value_name = "FILE|DIR")]
    pub pool: Vec<PathBuf>,
    /// Look at these files and folders with revocation lists in place of the installation
    #[arg(long, value_name = "FILE|DIR")]
    pub crls: Vec<PathBuf>,
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
    /// Mail domains that the anchors may speak for, as a gateway does for its domain [default: single mailboxes of any]
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Vec<String>,
    /// For which time: seconds since 1970, a day, or such as 2026-06-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
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
    /// Whether the network is asked
    #[command(flatten)]
    pub network: Network,
    /// What a certificate of unknown status means [default: hard with --crls, soft with --fetch, else ignore]
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

/// Whether the network is asked for what the files lack.
#[derive(Debug, Args)]
pub struct Network {
    /// Ask the addresses in certificates for issuers, revocation lists and OCSP responses that are missing
    #[arg(long)]
    pub fetch: bool,
    /// With --fetch: ask addresses in private networks too
    #[arg(long, requires = "fetch")]
    pub allow_private: bool,
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
