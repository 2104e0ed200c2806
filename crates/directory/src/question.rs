//! What a search asks for: full mail addresses, what the directory is, or an authority. Everything else is refused.
//!
//! No part of an address, no name of a person, no serial number and no presence of an attribute finds anything, so that
//! there is nothing to enumerate.

use chancery_mail::Address;
use chancery_wire::ldap::{Composed, Item, Outcome, Scope, SearchRequest, Step, Test};

use crate::name::{Bases, Place, normal};

/// What a search asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question<'b> {
    /// An entry by its name; it may be that of an authority.
    Authority(String),
    /// The entries of mailboxes.
    Mailboxes {
        /// The addresses, each once.
        wanted: Vec<Wanted>,
        /// The base of their names.
        base: &'b str,
        /// They were asked for by the name of the entry, so that it is an error if there is none.
        is_by_name: bool,
    },
    /// What the server can do (RFC 4512 section 5.1).
    Root,
    /// The attributes that there are (RFC 4512 section 4.2).
    Schema,
    /// A base itself.
    Suffix(&'b str),
}

/// A mailbox that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its address as it was asked for.
    pub(crate) address: Address,
    /// What it is kept under.
    pub(crate) key: String,
}

/// Why a search is not answered: `resultCode` and a text for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The code.
    pub(crate) code: u32,
    /// The text.
    pub(crate) text: &'static str,
}

/// What a part of a filter lets through.
enum Passed {
    /// Entries whatever their address.
    All,
    /// Those of these addresses.
    These(Vec<Wanted>),
}

impl Wanted {
    /// Reads an address that is asked for; `None` if it is not one whole address.
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.trim();
        // As Active Directory writes addresses in `proxyAddresses`.
        let prefix = text.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("smtp:"));
        let text = prefix.and_then(|prefix| text.get(prefix.len()..)).unwrap_or(text);
        let address = Address::parse(text).ok()?;
        let key = key_of(&address);
        Some(Self { address, key })
    }
}

impl Wanted {
    /// Returns the address in small letters, so that the many ways to write it are one question to others. An address that
    /// cannot be written so stays as it is.
    pub(crate) fn folded(&self) -> Address {
        let text = self.address.to_string().to_lowercase();
        Address::parse(&text).unwrap_or_else(|_| self.address.clone())
    }
}

/// Returns what a mailbox is kept under. Directories compare addresses without case (RFC 4524 section 2.16), and no
/// organisation has two people whose addresses differ by case alone.
pub fn key_of(address: &Address) -> String {
    address.folded()
}

/// Reads what a search asks for; at most so many addresses.
pub(crate) fn read<'b>(
    request: &SearchRequest,
    bases: &'b Bases,
    most: usize,
) -> Result<Question<'b>, Refusal> {
    let passed = passed(request, most)?;
    let wanted = match passed {
        Passed::These(wanted) => wanted,
        Passed::All => return by_name(request, bases),
    };
    match bases.place(&request.base) {
        Place::Base(base) => Ok(Question::Mailboxes { wanted, base, is_by_name: false }),
        Place::Entry { address, base } => {
            let named = Wanted::read(address.as_bytes());
            let is_it = |it: &Wanted| named.as_ref().is_some_and(|named| named.key == it.key);
            let wanted = wanted.into_iter().filter(is_it).collect();
            Ok(Question::Mailboxes { wanted, base, is_by_name: false })
        }
        Place::Foreign => Err(NO_SUCH_OBJECT),
    }
}

/// Reads what is asked for by the name of the entry alone.
fn by_name<'b>(request: &SearchRequest, bases: &'b Bases) -> Result<Question<'b>, Refusal> {
    if request.scope != Scope::Base {
        return Err(NOT_AN_ADDRESS);
    }
    if request.base.trim().is_empty() {
        return Ok(Question::Root);
    }
    if normal(&request.base) == SCHEMA {
        return Ok(Question::Schema);
    }
    match bases.place(&request.base) {
        Place::Base(base) if bases.is_base(&request.base) => Ok(Question::Suffix(base)),
        Place::Entry { address, base } => {
            let wanted = Wanted::read(address.as_bytes()).ok_or(NO_SUCH_OBJECT)?;
            Ok(Question::Mailboxes { wanted: vec![wanted], base, is_by_name: true })
        }
        _ => Ok(Question::Authority(normal(&request.base))),
    }
}

/// Walks through the filter.
fn passed(request: &SearchRequest, most: usize) -> Result<Passed, Refusal> {
    let broken = Refusal { code: Outcome::PROTOCOL_ERROR, text: "the filter cannot be read" };
    let steps = request.filter.steps().map_err(|_| broken)?;
    let mut open: Vec<(Composed, Option<Passed>)> = Vec::new();
    for step in steps {
        let done = match step {
            Step::Open(Composed::Not) => return Err(NOT_AN_ADDRESS),
            Step::Open(composed) => {
                open.push((composed, None));
                continue;
            }
            Step::Item(item) => one(&item)?,
            Step::Close(_) => match open.pop() {
                Some((_, Some(passed))) => passed,
                // RFC 4526: nothing at all of all is true, nothing at all of one is false.
                Some((Composed::And, None)) => Passed::All,
                _ => Passed::These(Vec::new()),
            },
        };
        let Some((composed, before)) = open.last_mut() else { return Ok(done) };
        let joined = match (before.take(), done) {
            (None, done) => done,
            (Some(before), done) => join(*composed, before, done)?,
        };
        if matches!(&joined, Passed::These(these) if these.len() > most) {
            return Err(Refusal { code: Outcome::ADMIN_LIMIT, text: "too many addresses at once" });
        }
        *before = Some(joined);
    }
    Err(broken)
}

fn join(composed: Composed, one: Passed, other: Passed) -> Result<Passed, Refusal> {
    match (composed, one, other) {
        (Composed::And, Passed::All, it) | (Composed::And, it, Passed::All) => Ok(it),
        (Composed::And, Passed::These(mut these), Passed::These(others)) => {
            these.retain(|it| others.iter().any(|other| other.key == it.key));
            Ok(Passed::These(these))
        }
        (_, Passed::These(mut these), Passed::These(others)) => {
            for other in others {
                if these.iter().all(|it| it.key != other.key) {
                    these.push(other);
                }
            }
            Ok(Passed::These(these))
        }
        // Whoever passes one of two, and one of them is everybody, is everybody.
        _ => Err(NOT_AN_ADDRESS),
    }
}

/// Reads one condition.
fn one(item: &Item<'_>) -> Result<Passed, Refusal> {
    let kind = item.attribute.split(';').next().unwrap_or_default();
    let is_any = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(kind));
    let value = match &item.test {
        Test::Present if is_any(ALWAYS_THERE) => return Ok(Passed::All),
        Test::Equal(value) if is_any(&["objectClass", "2.5.4.0", "objectCategory"]) => {
            let is_class = value.iter().all(|octet| {
                octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'=' | b',' | b' ')
            });
            return if is_class { Ok(Passed::All) } else { Err(NOT_AN_ADDRESS) };
        }
        Test::Equal(value) | Test::Approximate(value) => *value,
        // dirmngr asks for `(mail=*a@b*)` when it means a@b.
        Test::Substrings { initial, any, last } => {
            let mut pieces = initial.iter().chain(any).chain(last).filter(|it| !it.is_empty());
            match (pieces.next(), pieces.next()) {
                (Some(value), None) => *value,
                _ => return Err(NOT_AN_ADDRESS),
            }
        }
        _ => return Err(NOT_AN_ADDRESS),
    };
    if !is_any(ADDRESSES) {
        return Err(NOT_AN_ADDRESS);
    }
    let wanted = Wanted::read(value).ok_or(NOT_AN_ADDRESS)?;
    Ok(Passed::These(vec![wanted]))
}

/// The one text for everything that is no address, so that nothing is learned from it.
const NOT_AN_ADDRESS: Refusal = Refusal {
    code: Outcome::UNWILLING,
    text: "this directory finds certificates of full mail addresses only, such as (mail=ann@acme.example)",
};
const NO_SUCH_OBJECT: Refusal = Refusal { code: Outcome::NO_SUCH_OBJECT, text: "" };
/// Attributes in which clients look for an address that somebody typed.
const ADDRESSES: &[&str] = &[
    "mail",
    "rfc822mailbox",
    "0.9.2342.19200300.100.1.3",
    "rfc822name",
    "email",
    "emailAddress",
    "e",
    "1.2.840.113549.1.9.1",
    "mailLocalAddress",
    "mailAlternateAddress",
    "proxyAddresses",
    "cn",
    "commonName",
    "2.5.4.3",
    "sn",
    "surname",
    "2.5.4.4",
    "givenName",
    "displayName",
    "uid",
    "anr",
    "userPrincipalName",
];
/// What every entry has, so that its presence excludes nobody.
const ALWAYS_THERE: &[&str] = &[
    "objectClass",
    "2.5.4.0",
    "mail",
    "rfc822mailbox",
    "userCertificate",
    "2.5.4.36",
    "userSMIMECertificate",
    "cn",
];
/// The name of the schema's entry, for comparing.
pub(crate) const SCHEMA: &str = "cn=subschema";

#[cfg(test)]
mod tests;
