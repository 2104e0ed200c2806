//! Lines of the file of people who may submit mail: `name:pbkdf2-sha256:ROUNDS:SALT:HASH[:SENDERS]`, salt and hash in
//! base64, and who the person may write as.

use std::num::NonZeroU32;

use chancery_crypto::password::PasswordHash;
use chancery_mail::Address;
use chancery_policy::document::domain;

use crate::failure::{Failure, Result};

/// One person: the password, hashed, and who they may write as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    password: PasswordHash,
    senders: Vec<Sender>,
}

/// Addresses that a person may write as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Exactly this one; its local part in lower case.
    Address(String, String),
    /// Every one of all our domains: `*`.
    Any,
    /// Every one of a domain: `@acme.example`.
    Domain(String),
}

impl User {
    /// Reads a line; `None` if it is not one.
    pub fn parse(line: &str) -> Option<(String, Self)> {
        let mut fields = line.trim_end().split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        if fields.next() != Some(SCHEME) {
            return None;
        }
        let rounds = fields
            .next()?
            .parse()
            .ok()
            .filter(|rounds: &NonZeroU32| (MIN_ROUNDS..=MAX_ROUNDS).contains(&rounds.get()))?;
        let salt = decoded(fields.next()?).filter(|salt| !salt.is_empty())?;
        let hash = decoded(fields.next()?)?.try_into().ok()?;
        let senders = match fields.next() {
            Some(list) => list.split(',').map(Sender::parse).collect::<Option<_>>()?,
            // Whose name is an address is that address; other names are of machines and the like.
            None => vec![Sender::parse(name).unwrap_or(Sender::Any)],
        };
        let password = PasswordHash { rounds, salt, hash };
        fields.next().is_none().then(|| (name.to_owned(), Self { password, senders }))
    }

    /// Returns a user whom no password fits, for the time that checking takes.
    pub fn nobody() -> Self {
        let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
        let password = PasswordHash { rounds, salt: vec![0; 16], hash: [0; 32] };
        Self { password, senders: Vec::new() }
    }

    /// Returns true if this is the user's password.
    pub fn check(&self, password: &str) -> bool {
        self.password.is_of(password.as_bytes())
    }

    /// Returns true if the user may write as this address.
    pub fn may_be(&self, address: &Address) -> bool {
        self.senders.iter().any(|sender| sender.covers(address))
    }
}

impl Sender {
    /// Reads `alice@acme.example`, `@acme.example` or `*`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::Any);
        }
        if let Some(name) = text.strip_prefix('@') {
            return domain(name).map(Self::Domain);
        }
        let address = Address::parse(text).ok()?;
        Some(Self::Address(address.local().to_lowercase(), domain(address.domain())?))
    }

    /// Local parts are ours to compare, and ours do not depend on case (RFC 5321 section 2.4 leaves it to the owner).
    fn covers(&self, address: &Address) -> bool {
        let is_at = |name: &String| domain(address.domain()).as_ref() == Some(name);
        match self {
            Self::Any => true,
            Self::Domain(name) => is_at(name),
            Self::Address(local, name) => address.local().to_lowercase() == *local && is_at(name),
        }
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    base64_simd::STANDARD.decode_to_vec(text).ok()
}

/// Makes the line for a user.
pub fn line(name: &str, password: &str, senders: &[String]) -> Result<String> {
    let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
    let hash = PasswordHash::new(password.as_bytes(), rounds)
        .map_err(|e| Failure::of("cannot hash the password", &e))?;
    let encode = |octets: &[u8]| base64_simd::STANDARD.encode_to_string(octets);
    let mut line =
        format!("{name}:{SCHEME}:{ROUNDS}:{}:{}", encode(&hash.salt), encode(&hash.hash));
    if !senders.is_empty() {
        line = format!("{line}:{}", senders.join(","));
    }
    Ok(line)
}

const SCHEME: &str = "pbkdf2-sha256";

/// OWASP Password Storage Cheat Sheet for HMAC-SHA-256.
const ROUNDS: u32 = 600_000;

/// Fewer are too quick to guess.
const MIN_ROUNDS: u32 = 100_000;

/// More would let a line of the file keep a processor busy for a minute.
const MAX_ROUNDS: u32 = 50_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_and_fits_its_password_only() {
        let (name, user) = User::parse(&line("alice", "s3cret", &[]).unwrap()).unwrap();
        assert_eq!(name, "alice");
        assert!(user.check("s3cret"));
        assert!(!user.check("S3cret"));
    }

    #[test]
    fn other_lines_are_refused() {
        for wrong in [
            "",
            "alice:s3cret",
            "alice:pbkdf2-sha256:1000:AAAA:AAAA",
            "alice:pbkdf2-sha256:600000:AAAA:AAAA",
            "alice:sha1:600000:AAAA:AAAA",
            "alice:pbkdf2-sha256:600000:AAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:nobody",
            "alice:pbkdf2-sha256:600000:AAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:",
            "alice:pbkdf2-sha256:600000:AAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:*:*",
        ] {
            assert_eq!(User::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_user_writes_as_nobody_else() {
        let line = "pbkdf2-sha256:600000:AAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        for (name, senders, address, expected) in [
            ("alice@acme.example", "", "alice@acme.example", true),
            ("alice@acme.example", "", "Alice@ACME.example", true),
            ("alice@acme.example", "", "boss@acme.example", false),
            ("alice@acme.example", "", "alice@acme.test", false),
            ("alice@acme.example", ":sales@acme.example", "alice@acme.example", false),
            ("alice", ":alice@acme.example, sales@acme.example", "sales@acme.example", true),
            ("alice", ":@acme.example", "boss@acme.example", true),
            ("alice", ":@acme.example", "boss@sub.acme.example", false),
            ("alice@acme.example", ":*", "boss@acme.example", true),
            ("scanner", "", "boss@acme.example", true),
        ] {
            let (_, user) = User::parse(&format!("{name}:{line}{senders}")).unwrap();
            let address = Address::parse(address).unwrap();
            assert_eq!(user.may_be(&address), expected, "{name}{senders} as {address:?}");
        }
    }
}
