//! How a session behaves: its name, limits and extensions.

use std::fmt;

use crate::smtp::Protocol;

/// How a session behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name in the greeting.
    pub hostname: String,
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// Largest message in octets.
    pub max_message_size: u64,
    /// Most recipients of one message.
    pub max_recipients: usize,
    /// Mistakes of the client after which the connection is closed.
    pub max_errors: u32,
    /// Messages after which the connection is closed.
    pub max_messages: u32,
    /// Longest command line in octets, at most [`MAX_LINE`](super::MAX_LINE).
    pub max_line: usize,
    /// Offer STARTTLS; the driver must be able to do it.
    pub offer_starttls: bool,
    /// Refuse MAIL before STARTTLS.
    pub require_tls: bool,
    /// When AUTH is offered.
    pub auth: AuthOffer,
    /// Take messages with NUL octets.
    pub allow_nul: bool,
    /// Time for each command, in milliseconds.
    pub command_timeout_ms: u64,
    /// Time without any octet inside a message, in milliseconds.
    pub data_timeout_ms: u64,
    /// Lowest average speed of a message in octets a second, after the first `data_timeout_ms`.
    pub min_data_rate: u64,
    /// Time for the whole session, in milliseconds, whatever the client does in it.
    pub session_timeout_ms: u64,
}

/// When AUTH is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthOffer {
    /// Once TLS protects it.
    AfterTls,
    /// Always; passwords may cross the network in clear.
    Always,
    /// Never.
    #[default]
    Never,
}

/// User and password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Who.
    pub user: String,
    /// The secret.
    pub password: String,
}

impl Config {
    /// Makes a configuration with the limits that RFC 5321 section 4.5.3 asks for or more.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            protocol: Protocol::Smtp,
            max_message_size: 50 << 20,
            max_recipients: 1_000,
            max_errors: 20,
            max_messages: 1_000,
            max_line: 4_096,
            offer_starttls: false,
            require_tls: false,
            auth: AuthOffer::Never,
            allow_nul: false,
            command_timeout_ms: 300_000,
            data_timeout_ms: 180_000,
            min_data_rate: 500,
            session_timeout_ms: 3_600_000,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}
