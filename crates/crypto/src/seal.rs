//! Secrets at rest: sealed with AES-256-GCM under one master key.
//!
//! A sealed secret is a format byte, a random nonce of 12 bytes, the ciphertext and the tag of 16 bytes. The random
//! nonce allows 2^32 secrets under one key (NIST SP 800-38D section 8.3), far more than there are keys to keep.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;
use crate::random;

/// The least number of PBKDF2 rounds accepted (OWASP Password Storage Cheat Sheet for HMAC-SHA-256).
pub const MIN_ROUNDS: u32 = 600_000;

/// The key that all sealed secrets of an installation are under.
pub struct MasterKey(LessSafeKey);

impl MasterKey {
    /// Takes 32 random bytes; the caller's copy should clear itself too.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        let key =
            UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| Error::operation("master key"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Derives the key from a passphrase (PBKDF2-HMAC-SHA-256, RFC 8018 section 5.2).
    ///
    /// Salt and rounds are stored beside the sealed secrets; the salt has 16 bytes or more, the rounds are at least
    /// [`MIN_ROUNDS`].
    pub fn from_passphrase(passphrase: &[u8], salt: &[u8], rounds: u32) -> Result<Self, Error> {
        if salt.len() < 16 || rounds < MIN_ROUNDS {
            return Err(Error::Weak {
                what: format!("{} bytes of salt and {rounds} rounds", salt.len()),
            });
        }
        let rounds = NonZeroU32::new(rounds).ok_or(Error::operation("PBKDF2 rounds"))?;
        let mut bytes = Zeroizing::new([0; 32]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, passphrase, bytes.as_mut_slice());
        Self::from_bytes(&bytes)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Seals a secret. `context` says what it is and whose (`key:7:encryption`, say) and must be the same to open it.
pub fn seal(key: &MasterKey, context: &[u8], secret: &[u8]) -> Result<Vec<u8>, Error> {
    let nonce = random::bytes::<NONCE_LEN>()?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + secret.len() + TAG_LEN);
    sealed.push(FORMAT);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(secret);
    let Some(in_place) = sealed.get_mut(1 + NONCE_LEN..) else {
        return Err(Error::operation("seal"));
    };
    let nonce = Nonce::assume_unique_for_key(nonce);
    let Ok(tag) = key.0.seal_in_place_separate_tag(nonce, Aad::from(context), in_place) else {
        sealed.zeroize();
        return Err(Error::operation("seal"));
    };
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens a sealed secret; fails if the key or the context is another one, or a byte was changed.
pub fn open(key: &MasterKey, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (&format, rest) = sealed.split_first().ok_or(Error::Seal)?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Error::Seal)?;
    if format != FORMAT {
        return Err(Error::Seal);
    }
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length =
        key.0.open_in_place(nonce, Aad::from(context), &mut buffer).map_err(|_| Error::Seal)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

const FORMAT: u8 = 1;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::{MasterKey, open, seal};
    use crate::error::Error;

    #[test]
    fn sealed_secrets_open_only_unchanged_and_in_their_context() {
        let key = MasterKey::from_bytes(&[7; 32]).unwrap();
        let sealed = seal(&key, b"key:1", b"secret").unwrap();
        assert_eq!(open(&key, b"key:1", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(open(&key, b"key:2", &sealed), Err(Error::Seal));
        let other = MasterKey::from_bytes(&[8; 32]).unwrap();
        assert_eq!(open(&other, b"key:1", &sealed), Err(Error::Seal));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, b"key:1", &changed), Err(Error::Seal), "byte {at}");
            assert_eq!(open(&key, b"key:1", &sealed[..at]), Err(Error::Seal), "cut at {at}");
        }
    }

    #[test]
    fn the_same_secret_is_sealed_differently_each_time() {
        let key = MasterKey::from_bytes(&[7; 32]).unwrap();
        assert_ne!(seal(&key, b"", b"secret").unwrap(), seal(&key, b"", b"secret").unwrap());
    }

    #[test]
    fn passphrases_give_stable_keys_and_weak_parameters_are_refused() {
        let salt = [1; 16];
        let key = MasterKey::from_passphrase(b"correct horse", &salt, 600_000).unwrap();
        let sealed = seal(&key, b"", b"secret").unwrap();
        let again = MasterKey::from_passphrase(b"correct horse", &salt, 600_000).unwrap();
        assert_eq!(open(&again, b"", &sealed).unwrap().as_slice(), b"secret");
        assert!(matches!(
            MasterKey::from_passphrase(b"x", &salt, 599_999),
            Err(Error::Weak { .. })
        ));
        assert!(matches!(
            MasterKey::from_passphrase(b"x", &salt[..15], 600_000),
            Err(Error::Weak { .. })
        ));
    }
}
