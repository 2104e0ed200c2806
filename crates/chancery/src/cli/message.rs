//! The commands for one message at a desk: sign, encrypt, decrypt, verify, show.

use std::path::PathBuf;

use chancery_smime::ContentAlgorithm;
use clap::{Args, Subcommand, ValueEnum};

/// What to do with a message in a file or a pipe.
#[derive(Debug, Subcommand)]
pub enum Message {
    /// Sign a message with its header, so that everybody can read it and S/MIME programs can check it
    Sign(Sign),
    /// Encrypt a message, and sign it before if a signer is named
    Encrypt(Encrypt),
    /// Decrypt a message and write what was inside; nothing is written before all of it was found whole
    Decrypt(Decrypt),
    /// Say who signed a message and whether it is what they signed; exit status 0 means verified
    Verify(Verify),
    /// Answer a request for a signed receipt; only a verified message is answered
    Receipt(Receipt),
    /// Show the structure of a message as a tree, without any key
    Show(Show),
    /// Run a signed message through what relays and lists are known to do, and say what its signature survives
    Transit(Transit),
    /// Write a key with its certificates as PKCS#12, for Thunderbird, Outlook and other mail programs to import
    ExportKey(ExportKey),
}

/// Where the message comes from and where the result goes.
#[derive(Debug, Args)]
pub struct Files {
    /// The message; - or nothing for standard input
    pub file: Option<PathBuf>,
    /// File to write, readable by you alone; - or nothing for standard output
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file to write if it is there
    #[arg(long)]
    pub force: bool,
    /// Take and give the bare content and CMS (DER) in place of whole messages, as mutt does
    #[arg(long)]
    pub bare: bool,
}

/// A private key and its certificate.
#[derive(Debug, Args)]
pub struct KeyFiles {
    /// The certificate (PEM or DER), if it is not in the file of the key
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// File whose first line is the passphrase of the key; - for standard input
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// What opens a message.
#[derive(Debug, Args)]
pub struct OpeningKeys {
    /// Your private keys, old ones too: PEM or PKCS#12 [default: the organisation's keys]
    #[arg(long, value_name = "KEY")]
    pub key: Vec<PathBuf>,
    /// The rest of the keys
    #[command(flatten)]
    pub rest: KeyFiles,
    /// File whose first line is the password that the message is encrypted with; - for standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// File whose first line is a key, in hexadecimal, that both sides have
    #[arg(long, value_name = "FILE", requires = "secret_key_id")]
    pub secret_key: Option<PathBuf>,
    /// The name of that key, in hexadecimal
    #[arg(long, value_name = "HEX", requires = "secret_key")]
    pub secret_key_id: Option<String>,
}

impl OpeningKeys {
    /// Returns true if the command line names anything that opens.
    pub fn is_any(&self) -> bool {
        !self.key.is_empty() || self.password_file.is_some() || self.secret_key.is_some()
    }
}

/// Whom to believe about signatures.
#[derive(Debug, Args)]
pub struct Trusted {
    /// Authorities to believe, for every mailbox they certify [default: the partners in the installation's book]
    #[arg(long, value_name = "CERT")]
    pub anchor: Vec<PathBuf>,
    /// Domains whose organisation the authorities vouch for too, so that its gateway may sign for everybody there (RFC 3183)
    #[arg(long, value_name = "DOMAIN", requires = "anchor")]
    pub domain: Vec<String>,
}

/// What a signer marks a message with, and asks for.
#[derive(Debug, Args)]
pub struct Wishes {
    /// Ask those who get the message to send a signed receipt to this address
    #[arg(long, value_name = "ADDRESS")]
    pub request_receipt: Option<String>,
    /// Ask only these addresses for a receipt
    #[arg(long, value_name = "ADDRESS", requires = "request_receipt")]
    pub receipt_from: Vec<String>,
    /// Security label: object identifier of its policy, then classification and mark, such as 1.3.6.1.4.1.99.1:secret:"eyes only"
    #[arg(long, value_name = "POLICY[:CLASS[:MARK]]")]
    pub label: Option<String>,
}

/// Options of `message sign`.
#[derive(Debug, Args)]
pub struct Sign {
    /// Files
    #[command(flatten)]
    pub files: Files,
    /// The signer's private key: PEM or PKCS#12; several sign side by side [default: the organisation's]
    #[arg(long, value_name = "KEY")]
    pub signer: Vec<PathBuf>,
    /// The rest of the key
    #[command(flatten)]
    pub key: KeyFiles,
    /// Certificates between the signer's and the authority's, for readers who lack them
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
    /// Put the content into the signature; only S/MIME programs can read it
    #[arg(long)]
    pub opaque: bool,
    /// Labels and receipts
    #[command(flatten)]
    pub wishes: Wishes,
}

/// Options of `message receipt`.
#[derive(Debug, Args)]
pub struct Receipt {
    /// Files
    #[command(flatten)]
    pub files: Files,
    /// Your address, at which you got the message
    #[arg(long, value_name = "ADDRESS")]
    pub from: String,
    /// Your private key, to sign the receipt and to open the message: PEM or PKCS#12 [default: the organisation's]
    #[arg(long, value_name = "KEY")]
    pub signer: Option<PathBuf>,
    /// The rest of the key
    #[command(flatten)]
    pub key: KeyFiles,
    /// Certificates between the signer's and the authority's, for readers who lack them
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
    /// Whom to believe [default: the partners in the installation's book]
    #[command(flatten)]
    pub trusted: Trusted,
}

/// Options of `message encrypt`.
#[derive(Debug, Args)]
pub struct Encrypt {
    /// Files
    #[command(flatten)]
    pub files: Files,
    /// Who may read: a certificate (PEM or DER), or an address of a partner in the installation's book
    #[arg(long, value_name = "CERT|ADDRESS", required = true, num_args = 1..)]
    pub to: Vec<PathBuf>,
    /// Sign before, with the organisation's key if no signer is named
    #[arg(long)]
    pub sign: bool,
    /// Sign before, with this private key: PEM or PKCS#12; several sign side by side
    #[arg(long, value_name = "KEY")]
    pub signer: Vec<PathBuf>,
    /// The rest of the key
    #[command(flatten)]
    pub key: KeyFiles,
    /// Certificates between the signer's and the authority's, for readers who lack them
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
    /// The content cipher [default: the best that all recipients are known to read]
    #[arg(long, value_enum)]
    pub cipher: Option<Cipher>,
    /// Say on standard error why each algorithm was chosen
    #[arg(long)]
    pub verbose: bool,
    /// Leave Subject and other fields of the header readable outside
    #[arg(long)]
    pub show_header: bool,
    /// Labels and receipts, if it is signed
    #[command(flatten)]
    pub wishes: Wishes,
}

/// Content ciphers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Cipher {
    /// Notices every change; read by programs since about 2020
    Aes256Gcm,
    /// Notices every change; read by few programs
    #[value(name = "chacha20-poly1305")]
    ChaCha20Poly1305,
    /// Notices every change, with a shorter key
    Aes128Gcm,
    /// Read by everything
    Aes256Cbc,
    /// Read by everything, with a shorter key
    Aes128Cbc,
}

impl From<Cipher> for ContentAlgorithm {
    fn from(cipher: Cipher) -> Self {
        match cipher {
            Cipher::Aes128Cbc => Self::Aes128Cbc,
            Cipher::Aes128Gcm => Self::Aes128Gcm,
            Cipher::Aes256Cbc => Self::Aes256Cbc,
            Cipher::Aes256Gcm => Self::Aes256Gcm,
            Cipher::ChaCha20Poly1305 => Self::ChaCha20Poly1305,
        }
    }
}

/// Options of `message decrypt`.
#[derive(Debug, Args)]
pub struct Decrypt {
    /// Files
    #[command(flatten)]
    pub files: Files,
    /// What opens it
    #[command(flatten)]
    pub keys: OpeningKeys,
    /// Whom to believe about signatures inside [default: the partners in the book, if a configuration is named]
    #[command(flatten)]
    pub trusted: Trusted,
    /// Write HTML that loads something from elsewhere too, where nobody signed and the cipher does not notice changes
    #[arg(long)]
    pub allow_remote_content: bool,
}

/// Options of `message verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Files; what was signed is written only if --out says where
    #[command(flatten)]
    pub files: Files,
    /// Whom to believe [default: the partners in the installation's book]
    #[command(flatten)]
    pub trusted: Trusted,
    /// With --bare: the signed content, if it is not inside of the signature
    #[arg(long, value_name = "FILE", requires = "bare")]
    pub content: Option<PathBuf>,
    /// The message is a signed receipt: say too whether it is for this message, as it was sent
    #[arg(long, value_name = "FILE", conflicts_with = "bare")]
    pub original: Option<PathBuf>,
    /// What opens it
    #[command(flatten)]
    pub keys: OpeningKeys,
}

/// Options of `message export-key`.
#[derive(Debug, Args)]
pub struct ExportKey {
    /// The private key: PEM or PKCS#12
    pub key: PathBuf,
    /// The rest of the key
    #[command(flatten)]
    pub rest: KeyFiles,
    /// Certificates between the key's and the authority's, and the authority's own
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
    /// File to write, readable by you alone
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace the file to write if it is there
    #[arg(long)]
    pub force: bool,
    /// File whose first line is the passphrase that the mail program will ask for; - for standard input
    #[arg(long, value_name = "FILE")]
    pub new_passphrase_file: PathBuf,
    /// What the mail program calls the key [default: its first address]
    #[arg(long)]
    pub name: Option<String>,
}

/// Options of `message transit`.
#[derive(Debug, Args)]
pub struct Transit {
    /// The message; - or nothing for standard input
    pub file: Option<PathBuf>,
    /// What opens it
    #[command(flatten)]
    pub keys: OpeningKeys,
}

/// Options of `message show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The message; - or nothing for standard input
    pub file: Option<PathBuf>,
}
