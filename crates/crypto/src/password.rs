//! Passwords that are checked and never kept: PBKDF2-HMAC-SHA-256 (RFC 8018 section 5.2).

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};

use crate::error::Error;

/// What is kept of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash {
    /// Rounds of the function.
    pub rounds: NonZeroU32,
    /// Random octets, different for each password.
    pub salt: Vec<u8>,
    /// The 32 octets that come out.
    pub hash: [u8; 32],
}

impl PasswordHash {
    /// Hashes a password with a new salt.
    pub fn new(password: &[u8], rounds: NonZeroU32) -> Result<Self, Error> {
        let salt = crate::random::bytes::<16>()?.to_vec();
        let mut hash = [0; 32];
        pbkdf2::derive(PBKDF2_HMAC_SHA256, rounds, &salt, password, &mut hash);
        Ok(Self { rounds, salt, hash })
    }

    /// Returns true if this is the password, in a time that does not tell how much of it was right.
    pub fn is_of(&self, password: &[u8]) -> bool {
        pbkdf2::verify(PBKDF2_HMAC_SHA256, self.rounds, &self.salt, password, &self.hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_fits() {
        let hash = PasswordHash::new(b"correct horse", NonZeroU32::new(1_000).unwrap()).unwrap();
        assert!(hash.is_of(b"correct horse"));
        assert!(!hash.is_of(b"correct hors"));
        assert!(!hash.is_of(b""));
    }
}
