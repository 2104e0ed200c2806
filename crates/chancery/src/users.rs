//! Lines of the file of people who may submit mail: `name:pbkdf2-sha256:ROUNDS:SALT:HASH`, salt and hash in base64.

use std::num::NonZeroU32;

use chancery_crypto::password::PasswordHash;

use crate::failure::{Failure, Result};

/// One person's password, hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(PasswordHash);

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
        fields
            .next()
            .is_none()
            .then(|| (name.to_owned(), Self(PasswordHash { rounds, salt, hash })))
    }

    /// Returns a user whom no password fits, for the time that checking takes.
    pub fn nobody() -> Self {
        let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
        Self(PasswordHash { rounds, salt: vec![0; 16], hash: [0; 32] })
    }

    /// Returns true if this is the user's password.
    pub fn check(&self, password: &str) -> bool {
        self.0.is_of(password.as_bytes())
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    base64_simd::STANDARD.decode_to_vec(text).ok()
}

/// Makes the line for a user.
pub fn line(name: &str, password: &str) -> Result<String> {
    let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
    let hash = PasswordHash::new(password.as_bytes(), rounds)
        .map_err(|e| Failure::of("cannot hash the password", &e))?;
    let encode = |octets: &[u8]| base64_simd::STANDARD.encode_to_string(octets);
    Ok(format!("{name}:{SCHEME}:{ROUNDS}:{}:{}", encode(&hash.salt), encode(&hash.hash)))
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
        let (name, user) = User::parse(&line("alice", "s3cret").unwrap()).unwrap();
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
        ] {
            assert_eq!(User::parse(wrong), None, "{wrong}");
        }
    }
}
