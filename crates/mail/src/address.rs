//! Mailbox addresses, as SMTP and as header fields write them.

use crate::error::Error;
use crate::header::HeaderBlock;

/// A mailbox: local part (without quotes) and domain (in lower case).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    local: String,
    domain: String,
}

/// One entry of an address field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name, decoded for people; empty if there is none. Never use it to decide anything.
    pub display: String,
    /// The address.
    pub address: Address,
}

/// What an address field holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxList {
    /// The entries that can be read in one way only, groups flattened.
    pub mailboxes: Vec<Mailbox>,
    /// What could not be read, one error for each entry.
    pub problems: Vec<Error>,
}

/// How local parts are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LocalPart {
    /// Byte for byte, as RFC 5321 section 2.4 says.
    #[default]
    Exact,
    /// ASCII letters alike, as nearly all sites do and gematik KIM demands. Only for domains known to do so: with
    /// it, `A@x` speaks for `a@x`.
    IgnoreAsciiCase,
}

impl Address {
    /// Reads `local@domain` as in an SMTP path, without angle brackets (RFC 5321 section 4.1.2, RFC 6531).
    pub fn parse(text: &str) -> Result<Self, Error> {
        todo!("{text}")
    }

    /// Returns the local part, without quotes.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Returns the domain in lower case, as written (U-labels stay); or an address literal with its brackets.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the domain with U-labels turned into A-labels, for comparing and for DNS.
    pub fn ascii_domain(&self) -> String {
        todo!()
    }

    /// Returns true if the address needs no SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.domain.is_ascii()
    }

    /// Returns true if both name the same mailbox: same domain, and the same local part byte for byte.
    pub fn same_mailbox(&self, other: &Self) -> bool {
        self.same_mailbox_by(other, LocalPart::Exact)
    }

    /// Returns true if both name the same mailbox when local parts are compared like this.
    pub fn same_mailbox_by(&self, other: &Self, local: LocalPart) -> bool {
        todo!("{other} {local:?}")
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl std::str::FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Reads the value of an address field (From, To, Cc …) and returns the mailboxes that are clear.
pub fn parse_mailboxes(value: &[u8]) -> Vec<Mailbox> {
    parse_mailbox_list(value).mailboxes
}

/// Reads the value of an address field and says what could not be read.
pub fn parse_mailbox_list(value: &[u8]) -> MailboxList {
    todo!("{value:?}")
}

/// Returns the authors of a message: the mailboxes of its one From field, which must be clear in every part.
///
/// This is what a signature is bound to, so anything that two programs could read differently is an error.
pub fn authors(header: &HeaderBlock<'_>) -> Result<Vec<Mailbox>, Error> {
    todo!("{header:?}")
}

/// Returns a domain in the form for comparing: lower case, A-labels. A trailing dot is dropped.
pub fn normal_domain(domain: &str) -> String {
    todo!("{domain}")
}
