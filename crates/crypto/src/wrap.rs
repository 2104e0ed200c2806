//! Key-encryption keys: how one key carries another (RFC 3394, RFC 3217, RFC 3211).

use std::hint::black_box;

use zeroize::Zeroizing;

use crate::cipher::{BLOCK_LEN, ContentCipher, ContentKey};
use crate::digest::DigestAlgorithm;
use crate::error::Error;
use crate::random;
use crate::shim::{self, CipherStream, Direction, Padding};

/// How a key-encryption key carries a content key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyWrap {
    /// AES-128 key wrap (RFC 3394).
    Aes128,
    /// AES-192 key wrap.
    Aes192,
    /// AES-256 key wrap.
    Aes256,
    /// Triple DES key wrap (RFC 3217 section 3): only unwrapped.
    TripleDes,
}

impl KeyWrap {
    /// Returns the length of the key-encryption key in bytes.
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
        }
    }

    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128 => "aes128-wrap",
            Self::Aes192 => "aes192-wrap",
            Self::Aes256 => "aes256-wrap",
            Self::TripleDes => "des-ede3-wrap",
        }
    }

    /// Wraps a content key; refuses triple DES.
    pub fn wrap(self, wrapping_key: &[u8], key: &ContentKey) -> Result<Vec<u8>, Error> {
        if self == Self::TripleDes {
            return Err(Error::Weak { what: self.name().to_owned() });
        }
        let mut wrapped = vec![0; key.as_bytes().len() + 8];
        if wrapping_key.len() == self.key_len()
            && shim::wrap(wrapping_key, key.as_bytes(), &mut wrapped)
        {
            Ok(wrapped)
        } else {
            Err(Error::operation("key wrap"))
        }
    }

    /// Unwraps a content key; fails if the integrity check value does not match.
    pub fn unwrap(self, wrapping_key: &[u8], wrapped: &[u8]) -> Result<ContentKey, Error> {
        if wrapping_key.len() != self.key_len() {
            return Err(Error::operation("key wrap"));
        }
        if self == Self::TripleDes {
            return unwrap_triple_des(wrapping_key, wrapped);
        }
        // Room for the largest key that anybody wraps; longer input is refused.
        let mut buffer = Zeroizing::new([0; 72]);
        let length = wrapped.len().checked_sub(8).ok_or(Error::Decrypt)?;
        let key = buffer.get_mut(..length).ok_or(Error::Decrypt)?;
        if !shim::unwrap(wrapping_key, wrapped, key) {
            return Err(Error::Decrypt);
        }
        ContentKey::from_slice(key).map_err(|_| Error::Decrypt)
    }
}

/// How a key made of a password carries a content key (RFC 3211 section 2.3): CBC twice, so that every bit depends on
/// every other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordWrap {
    /// A block cipher in CBC mode.
    pub cipher: ContentCipher,
    /// Its vector.
    pub iv: Vec<u8>,
}

impl PasswordWrap {
    /// Returns AES-256 with a new vector.
    pub fn generate() -> Result<Self, Error> {
        let iv = random::bytes::<BLOCK_LEN>()?.to_vec();
        Ok(Self { cipher: ContentCipher::Aes256Cbc, iv })
    }

    /// Wraps a content key.
    pub fn wrap(&self, wrapping_key: &[u8], key: &ContentKey) -> Result<Vec<u8>, Error> {
        let key = key.as_bytes();
        let (Ok(length), [first, second, third, ..]) = (u8::try_from(key.len()), key) else {
            return Err(Error::operation("key wrap"));
        };
        let block = self.cipher.block_len();
        // At least two blocks, whole ones.
        let padded_len = (key.len() + 4).next_multiple_of(block).max(2 * block);
        let mut padded = Zeroizing::new(vec![length, !first, !second, !third]);
        padded.extend_from_slice(key);
        let mut filling = vec![0; padded_len - padded.len()];
        random::fill(&mut filling)?;
        padded.extend_from_slice(&filling);
        let inner = cbc(Direction::Encrypt, self.cipher, wrapping_key, &self.iv, &padded)?;
        let last = inner.get(inner.len().saturating_sub(block)..).unwrap_or_default();
        Ok(cbc(Direction::Encrypt, self.cipher, wrapping_key, last, &inner)?.to_vec())
    }

    /// Unwraps a content key; fails if its check bytes do not match.
    pub fn unwrap(&self, wrapping_key: &[u8], wrapped: &[u8]) -> Result<ContentKey, Error> {
        let block = self.cipher.block_len();
        if wrapped.len() < 2 * block || !wrapped.len().is_multiple_of(block) {
            return Err(Error::Decrypt);
        }
        let decrypt = |iv: &[u8], data: &[u8]| {
            cbc(Direction::Decrypt, self.cipher, wrapping_key, iv, data).map_err(|_| Error::Decrypt)
        };
        let (front, last) = wrapped.split_at(wrapped.len() - block);
        let before_last = front.get(front.len() - block..).unwrap_or_default();
        let last = decrypt(before_last, last)?;
        let mut inner = Zeroizing::new(decrypt(&last, front)?.to_vec());
        inner.extend_from_slice(&last);
        let padded = decrypt(&self.iv, &inner)?;
        let [length, checks @ ..] = padded.as_slice() else { return Err(Error::Decrypt) };
        let (Some([one, two, three]), Some(key)) =
            (checks.first_chunk::<3>(), checks.get(3..3 + usize::from(*length)))
        else {
            return Err(Error::Decrypt);
        };
        let [first, second, third, ..] = key else { return Err(Error::Decrypt) };
        let differences = (!one ^ first) | (!two ^ second) | (!three ^ third);
        if black_box(differences) == 0 { ContentKey::from_slice(key) } else { Err(Error::Decrypt) }
    }
}

/// Unwraps a triple DES key (RFC 3217 section 3.2).
fn unwrap_triple_des(wrapping_key: &[u8], wrapped: &[u8]) -> Result<ContentKey, Error> {
    let decrypt = |iv: &[u8], data: &[u8]| {
        cbc(Direction::Decrypt, ContentCipher::TripleDesCbc, wrapping_key, iv, data)
            .map_err(|_| Error::Decrypt)
    };
    if wrapped.len() != 40 {
        return Err(Error::Decrypt);
    }
    let mut turned = decrypt(&[0x4a, 0xdd, 0xa2, 0x2c, 0x79, 0xe8, 0x21, 0x05], wrapped)?;
    turned.reverse();
    let (iv, rest) = turned.split_at_checked(8).ok_or(Error::Decrypt)?;
    let checked = decrypt(iv, rest)?;
    let (key, check) = checked.split_at_checked(24).ok_or(Error::Decrypt)?;
    let expected = DigestAlgorithm::Sha1.digest(key);
    let differences = expected
        .as_ref()
        .iter()
        .zip(check)
        .fold(0, |differences, (expected, found)| differences | (expected ^ found));
    if black_box(differences) == 0 { ContentKey::from_slice(key) } else { Err(Error::Decrypt) }
}

/// Runs CBC over whole blocks.
fn cbc(
    direction: Direction,
    cipher: ContentCipher,
    key: &[u8],
    iv: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if cipher.is_authenticated() {
        return Err(Error::Unsupported { what: format!("key wrap with {cipher}") });
    }
    let mut stream = CipherStream::new(direction, cipher, Padding::None, key, iv)?;
    let mut output = Zeroizing::new(vec![0; data.len() + BLOCK_LEN]);
    let written = stream.update(data, &mut output)?;
    output.truncate(written);
    // Without padding nothing is held back.
    if written == data.len() { Ok(output) } else { Err(Error::operation("key wrap")) }
}

#[cfg(test)]
mod tests;
