//! The server's machine.

use std::fmt;

use super::{MailFrom, Protocol, RcptTo};

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
    /// Errors after which the connection is closed.
    pub max_errors: u32,
    /// Messages after which the connection is closed.
    pub max_messages: u32,
    /// Longest command line in octets.
    pub max_line: usize,
    /// When AUTH is offered.
    pub auth: AuthOffer,
    /// Refuse MAIL before STARTTLS.
    pub require_tls: bool,
    /// Take messages with NUL octets.
    pub allow_nul: bool,
    /// Time for each command, in milliseconds.
    pub command_timeout_ms: u64,
    /// Time without any octet inside a message, in milliseconds.
    pub data_timeout_ms: u64,
    /// Lowest average speed of a message in octets a second, after one `data_timeout_ms`.
    pub min_data_rate: u64,
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

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
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
            auth: AuthOffer::Never,
            require_tls: false,
            allow_nul: false,
            command_timeout_ms: 300_000,
            data_timeout_ms: 180_000,
            min_data_rate: 500,
        }
    }
}

/// One connection.
pub struct Session {
    output: Vec<u8>,
}

/// What happened.
pub enum Event<'a> {
    /// The client said its name.
    Hello {
        /// The name.
        name: &'a str,
    },
    /// MAIL.
    Mail(MailFrom),
    /// RCPT.
    Rcpt(RcptTo),
}

impl Session {
    /// Starts a session.
    pub fn new(config: Config, now: u64) -> Self {
        let _ = (config, now);
        Self { output: Vec::new() }
    }

    /// Takes input.
    pub fn step<'a>(&mut self, input: &'a [u8], now: u64) -> (usize, Event<'a>) {
        let _ = (input, now);
        todo!()
    }

    /// Pending output.
    pub fn output(&self) -> &[u8] {
        &self.output
    }
}
