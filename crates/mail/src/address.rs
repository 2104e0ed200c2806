//! Mailbox addresses, as SMTP and as header fields write them.
//!
//! Reading is strict where two programs could see two addresses: white space, comments, control characters and
//! invisible characters inside an address make it unreadable. (In 2026 a gateway accepted white space in the address of
//! an S/MIME certificate, and so let anybody sign for anybody: CVE-2026-2748.)

mod list;
mod lookalike;
mod punycode;
mod shown;

pub use list::{Mailbox, MailboxList, authors, parse_mailbox_list, parse_mailboxes};
pub use shown::MAX_MISLEADING;

use crate::error::Error;

/// A mailbox: local part (without quotes) and domain (in lower case).
///
/// `==` compares what was written; ask [`Address::same_mailbox`] whether two addresses name the same mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    local: String,
    domain: String,
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
    ///
    /// Dots may stand anywhere in the local part, as some providers let them.
    ///
    /// ```
    /// use chancery_mail::Address;
    ///
    /// let address = Address::parse("\"Ann Lee\"@ACME.example")?;
    /// assert_eq!((address.local(), address.domain()), ("Ann Lee", "acme.example"));
    /// assert_eq!(address.to_string(), "\"Ann Lee\"@acme.example");
    /// # Ok::<(), chancery_mail::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (local, at) =
            if text.starts_with('"') { quoted_local(text)? } else { plain_local(text)? };
        let domain = text.get(at + 1..).filter(|_| text.as_bytes().get(at) == Some(&b'@'));
        let domain = domain
            .ok_or(Error::Address { offset: at, why: "there is no @ after the local part" })?;
        check_domain(domain).map_err(|why| Error::Address { offset: at + 1, why })?;
        Ok(Self { local, domain: domain.to_lowercase() })
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
        normal_domain(&self.domain)
    }

    /// Returns the address as books of keys and directories keep it: without case, the domain in A-labels. No organisation
    /// has two people whose addresses differ by case alone; what a certificate says of one counts letter by letter all the
    /// same ([`Address::same_mailbox`]).
    pub fn folded(&self) -> String {
        self.normal().to_lowercase()
    }

    /// Returns the address in the form for comparing with those in certificates and lists: the local part as it is, without
    /// quotes, and [`Address::ascii_domain`].
    ///
    /// ```
    /// use chancery_mail::Address;
    ///
    /// assert_eq!(Address::parse("\"Ann Lee\"@Bücher.example")?.normal(), "Ann Lee@xn--bcher-kva.example");
    /// # Ok::<(), chancery_mail::Error>(())
    /// ```
    pub fn normal(&self) -> String {
        format!("{}@{}", self.local, self.ascii_domain())
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
        let same_local = match local {
            LocalPart::Exact => self.local == other.local,
            LocalPart::IgnoreAsciiCase => self.local.eq_ignore_ascii_case(&other.local),
        };
        same_local && self.ascii_domain() == other.ascii_domain()
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.local.chars().all(is_local_char) {
            return write!(f, "{}@{}", self.local, self.domain);
        }
        f.write_str("\"")?;
        for c in self.local.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"@{}", self.domain)
    }
}

impl std::str::FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Returns a domain in the form for comparing: lower case, A-labels, without a dot at the end.
///
/// This is not the full mapping of UTS 46: two spellings that only that mapping makes equal stay different, which errs
/// on the safe side when trust is decided.
pub fn normal_domain(domain: &str) -> String {
    let domain = domain.strip_suffix('.').unwrap_or(domain).to_lowercase();
    if domain.is_ascii() {
        return domain;
    }
    let labels = domain.split('.').map(|label| {
        let encoded = if label.is_ascii() { None } else { punycode::encode(label) };
        encoded.map_or_else(|| label.to_owned(), |encoded| format!("xn--{encoded}"))
    });
    labels.collect::<Vec<_>>().join(".")
}

/// Reads a local part without quotes; returns it and where it ends.
fn plain_local(text: &str) -> Result<(String, usize), Error> {
    let at = text.find(|c| !is_local_char(c)).unwrap_or(text.len());
    let local = text.get(..at).unwrap_or_default();
    if local.is_empty() {
        return Err(Error::Address { offset: 0, why: "the local part is empty" });
    }
    if at > MAX_LOCAL {
        return Err(Error::Address { offset: 0, why: "the local part is too long" });
    }
    Ok((local.to_owned(), at))
}

/// Reads a local part in quotes (RFC 5321 section 4.1.2, Quoted-string); returns it and where it ends.
fn quoted_local(text: &str) -> Result<(String, usize), Error> {
    let mut local = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((offset, c)) = chars.next() {
        let c = match c {
            '"' if local.is_empty() => {
                return Err(Error::Address { offset, why: "the local part is empty" });
            }
            '"' if local.len() > MAX_LOCAL => {
                return Err(Error::Address { offset, why: "the local part is too long" });
            }
            '"' => return Ok((local, offset + 1)),
            '\\' => chars.next().map_or('\0', |(_, c)| c),
            c => c,
        };
        if is_deceptive(c) && c != ' ' {
            return Err(Error::Address { offset, why: "there is a character that cannot be seen" });
        }
        local.push(c);
    }
    Err(Error::Address { offset: text.len(), why: "the quote is not closed" })
}

fn check_domain(domain: &str) -> Result<(), &'static str> {
    if domain.len() > MAX_DOMAIN {
        return Err("the domain is too long");
    }
    if let Some(literal) = domain.strip_prefix('[') {
        return check_literal(literal);
    }
    for label in domain.split('.') {
        if label.is_empty() {
            return Err("the domain has an empty label");
        }
        if label.len() > MAX_LABEL && label.is_ascii() {
            return Err("a label of the domain is too long");
        }
        if !label.chars().all(is_label_char) {
            return Err("the domain has a character that may not stand there");
        }
    }
    Ok(())
}

/// RFC 5321 section 4.1.3.
fn check_literal(literal: &str) -> Result<(), &'static str> {
    let inner = literal.strip_suffix(']').ok_or("the address literal is not closed")?;
    let prefix = inner.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("ipv6:"));
    let is_address = match prefix {
        Some(_) => {
            inner.get(5..).is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
        }
        None => inner.parse::<std::net::Ipv4Addr>().is_ok(),
    };
    if is_address { Ok(()) } else { Err("the address literal is no IP address") }
}

/// RFC 5322 atext, the dot, and what RFC 6531 section 3.3 adds.
fn is_local_char(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || ".!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !is_deceptive(c))
}

fn is_label_char(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => true,
        // UTS 46 maps these to a dot and to ASCII: other programs would see another domain.
        '\u{3002}' | '\u{FF61}' | '\u{FF01}'..='\u{FF5E}' => false,
        c => !c.is_ascii() && !is_deceptive(c),
    }
}

/// Returns true for white space, control and format characters: what cannot be seen, or moves what can. U+FFFD too: it
/// stands for bytes that were not UTF-8.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        )
        || matches!(c, '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}')
        || matches!(c, '\u{FFF0}'..='\u{FFFD}' | '\u{E0000}'..='\u{E0FFF}')
}

/// RFC 5321 section 4.5.3.1.1 says 64; bounce and forwarding addresses are often longer.
const MAX_LOCAL: usize = 256;

/// RFC 5321 section 4.5.3.1.2.
const MAX_DOMAIN: usize = 255;

/// RFC 1035 section 2.3.4.
const MAX_LABEL: usize = 63;

#[cfg(test)]
mod tests;
