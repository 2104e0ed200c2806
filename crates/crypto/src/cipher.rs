//! Content encryption as streams: AES-CBC with padding, and AES-GCM with one tag at the end.

mod late_aad;

use std::fmt;
use std::hint::black_box;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, EncryptionContext,
    StreamingDecryptingKey, StreamingEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::random;
use crate::shim::{Direction, GcmStream};

/// The block length of AES: output buffers need this much more room than the input.
pub const BLOCK_LEN: usize = 16;

/// The length of the tag that GCM encryption writes.
pub const TAG_LEN: usize = 16;

/// A content encryption algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentCipher {
    /// AES-128 in CBC mode with padding (RFC 3565).
    Aes128Cbc,
    /// AES-128 in Galois/Counter mode (RFC 5084).
    Aes128Gcm,
    /// AES-192 in CBC mode with padding.
    Aes192Cbc,
    /// AES-192 in Galois/Counter mode.
    Aes192Gcm,
    /// AES-256 in CBC mode with padding.
    Aes256Cbc,
    /// AES-256 in Galois/Counter mode.
    Aes256Gcm,
}

impl ContentCipher {
    /// Returns the length of the key in bytes.
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128Cbc | Self::Aes128Gcm => 16,
            Self::Aes192Cbc | Self::Aes192Gcm => 24,
            Self::Aes256Cbc | Self::Aes256Gcm => 32,
        }
    }

    /// Returns the length of the initialisation vector or nonce in bytes.
    pub fn iv_len(self) -> usize {
        if self.is_authenticated() { 12 } else { BLOCK_LEN }
    }

    /// Returns true if a tag proves that nobody changed the content.
    pub fn is_authenticated(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes192Gcm | Self::Aes256Gcm)
    }

    /// Returns the length of the ciphertext of so many bytes of content (without the tag).
    pub fn ciphertext_len(self, content: u64) -> Option<u64> {
        if self.is_authenticated() {
            Some(content)
        } else {
            (content / 16).checked_add(1)?.checked_mul(16)
        }
    }

    /// Returns the name used in logs and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128Cbc => "aes128-cbc",
            Self::Aes128Gcm => "aes128-gcm",
            Self::Aes192Cbc => "aes192-cbc",
            Self::Aes192Gcm => "aes192-gcm",
            Self::Aes256Cbc => "aes256-cbc",
            Self::Aes256Gcm => "aes256-gcm",
        }
    }

    fn provider(self) -> &'static Algorithm {
        match self {
            Self::Aes128Cbc | Self::Aes128Gcm => &AES_128,
            Self::Aes192Cbc | Self::Aes192Gcm => &AES_192,
            Self::Aes256Cbc | Self::Aes256Gcm => &AES_256,
        }
    }
}

impl fmt::Display for ContentCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A content-encryption key; cleared when dropped, never shown.
#[derive(Clone)]
pub struct ContentKey {
    bytes: Zeroizing<[u8; ContentKey::MAX_LEN]>,
    length: usize,
}

impl ContentKey {
    /// The longest key of any cipher here.
    const MAX_LEN: usize = 32;

    /// Makes a new key for a cipher.
    pub fn generate(cipher: ContentCipher) -> Result<Self, Error> {
        Self::random(cipher.key_len())
    }

    /// Makes a random key of so many bytes.
    pub fn random(length: usize) -> Result<Self, Error> {
        let mut key = Self { bytes: Zeroizing::new([0; Self::MAX_LEN]), length };
        random::fill(key.bytes.get_mut(..length).ok_or(Error::Decrypt)?)?;
        Ok(key)
    }

    /// Takes key bytes; fails if they are longer than any key.
    pub fn from_slice(key: &[u8]) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; Self::MAX_LEN]);
        bytes.get_mut(..key.len()).ok_or(Error::Decrypt)?.copy_from_slice(key);
        Ok(Self { bytes, length: key.len() })
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Returns a key made of `found` if the choice is true and of `substitute` otherwise, in constant time.
    pub(crate) fn select(choice: bool, found: &[u8], substitute: &Self) -> Result<Self, Error> {
        // Opaque to the optimiser, or it would turn the mask back into a branch.
        let mask = black_box(0u8.wrapping_sub(u8::from(choice)));
        let mut bytes = Zeroizing::new([0; Self::MAX_LEN]);
        let found = found.get(..substitute.length).ok_or(Error::Decrypt)?;
        for ((byte, found), substitute) in bytes.iter_mut().zip(found).zip(substitute.as_bytes()) {
            *byte = (found & mask) | (substitute & !mask);
        }
        Ok(Self { bytes, length: substitute.length })
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentKey({} bytes)", self.length)
    }
}

/// Encrypts a stream.
pub struct Encryptor(EncryptorKind);

enum EncryptorKind {
    Cbc(StreamingEncryptingKey),
    Gcm(GcmStream),
}

impl Encryptor {
    /// Starts with a fresh key and nonce; they must never be used for two contents.
    pub fn new(cipher: ContentCipher, key: &ContentKey, iv: &[u8]) -> Result<Self, Error> {
        if cipher.is_authenticated() {
            return Ok(Self(EncryptorKind::Gcm(GcmStream::new(
                Direction::Encrypt,
                key.as_bytes(),
                iv,
            )?)));
        }
        let iv: [u8; BLOCK_LEN] =
            iv.try_into().map_err(|_| Error::operation("CBC initialisation vector"))?;
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        StreamingEncryptingKey::less_safe_cbc_pkcs7(unbound(cipher, key)?, context)
            .map(|key| Self(EncryptorKind::Cbc(key)))
            .map_err(|_| Error::operation("CBC encryption"))
    }

    /// Encrypts more content; `output` needs [`BLOCK_LEN`] bytes more room than `input`. Returns the bytes written.
    pub fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        match &mut self.0 {
            EncryptorKind::Gcm(stream) => stream.update(input, output),
            EncryptorKind::Cbc(key) => key
                .update(input, output)
                .map(|update| update.written().len())
                .map_err(|_| Error::operation("CBC encryption")),
        }
    }

    /// Writes the last block, if any, and returns its length and the tag of an authenticated cipher.
    pub fn finish(self, output: &mut [u8]) -> Result<(usize, Option<[u8; TAG_LEN]>), Error> {
        match self.0 {
            EncryptorKind::Gcm(stream) => Ok((0, Some(stream.finish_encrypt()?))),
            EncryptorKind::Cbc(key) => {
                let (_, update) =
                    key.finish(output).map_err(|_| Error::operation("CBC encryption"))?;
                Ok((update.written().len(), None))
            }
        }
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryptor").finish_non_exhaustive()
    }
}

/// Decrypts a stream. What it writes is not verified until `finish` succeeds.
pub struct Decryptor {
    kind: DecryptorKind,
    cipher: ContentCipher,
    /// Kept for additional data that comes after the content.
    key: ContentKey,
    length: u64,
}

enum DecryptorKind {
    Cbc(StreamingDecryptingKey),
    Gcm(GcmStream),
}

impl Decryptor {
    /// Starts; fails if the key or the initialisation vector does not fit the cipher.
    pub fn new(cipher: ContentCipher, key: &ContentKey, iv: &[u8]) -> Result<Self, Error> {
        if key.as_bytes().len() != cipher.key_len() {
            return Err(Error::Decrypt);
        }
        let kind = if cipher.is_authenticated() {
            DecryptorKind::Gcm(GcmStream::new(Direction::Decrypt, key.as_bytes(), iv)?)
        } else {
            let iv: [u8; BLOCK_LEN] = iv.try_into().map_err(|_| Error::Decrypt)?;
            let context = DecryptionContext::Iv128(FixedLength::from(iv));
            let key = StreamingDecryptingKey::cbc_pkcs7(unbound(cipher, key)?, context);
            DecryptorKind::Cbc(key.map_err(|_| Error::Decrypt)?)
        };
        Ok(Self { kind, cipher, key: key.clone(), length: 0 })
    }

    /// Decrypts more ciphertext; `output` needs [`BLOCK_LEN`] bytes more room than `input`. Returns the bytes written.
    pub fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        self.length = self.length.saturating_add(input.len() as u64);
        match &mut self.kind {
            DecryptorKind::Gcm(stream) => stream.update(input, output).map_err(|_| Error::Decrypt),
            DecryptorKind::Cbc(key) => key
                .update(input, output)
                .map(|update| update.written().len())
                .map_err(|_| Error::Decrypt),
        }
    }

    /// Ends a CBC stream: writes the last block without its padding and returns its length.
    pub fn finish_padded(self, output: &mut [u8]) -> Result<usize, Error> {
        match self.kind {
            DecryptorKind::Cbc(key) => {
                key.finish(output).map(|update| update.written().len()).map_err(|_| Error::Decrypt)
            }
            DecryptorKind::Gcm(_) => Err(Error::operation("GCM has a tag and no padding")),
        }
    }

    /// Ends a GCM stream: checks the tag over the content and over additional data that came after it.
    ///
    /// `AuthEnvelopedData` puts the authenticated attributes behind the content (RFC 5083 section 2.1), while GCM
    /// hashes them first. GHASH is linear, so their share is computed apart and taken out of the received tag.
    pub fn finish_authenticated(self, tag: &[u8], additional_data: &[u8]) -> Result<(), Error> {
        let DecryptorKind::Gcm(stream) = self.kind else {
            return Err(Error::operation("CBC has padding and no tag"));
        };
        // RFC 5084 section 3.2: 12 to 16 bytes.
        if !(12..=TAG_LEN).contains(&tag.len()) {
            return Err(Error::Decrypt);
        }
        if additional_data.is_empty() {
            return stream.finish_decrypt(tag);
        }
        let subkey = hash_subkey(self.cipher, &self.key)?;
        let share = late_aad::share(&subkey, additional_data, self.length);
        let mut expected = Zeroizing::new([0; TAG_LEN]);
        for ((byte, tag), share) in expected.iter_mut().zip(tag).zip(share) {
            *byte = tag ^ share;
        }
        stream.finish_decrypt(expected.get(..tag.len()).ok_or(Error::Decrypt)?)
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decryptor").field("cipher", &self.cipher).finish_non_exhaustive()
    }
}

/// Returns GHASH's key: the encryption of the zero block (NIST SP 800-38D section 7.1).
fn hash_subkey(
    cipher: ContentCipher,
    key: &ContentKey,
) -> Result<Zeroizing<[u8; BLOCK_LEN]>, Error> {
    let failed = |_| Error::operation("GCM hash key");
    // One CBC block with a zero vector is the bare block cipher.
    let context = EncryptionContext::Iv128(FixedLength::from([0; BLOCK_LEN]));
    let mut bare = StreamingEncryptingKey::less_safe_cbc_pkcs7(unbound(cipher, key)?, context)
        .map_err(failed)?;
    let mut output = Zeroizing::new([0; 2 * BLOCK_LEN]);
    bare.update(&[0; BLOCK_LEN], output.as_mut_slice()).map_err(failed)?;
    let mut subkey = Zeroizing::new([0; BLOCK_LEN]);
    for (to, from) in subkey.iter_mut().zip(output.iter()) {
        *to = *from;
    }
    Ok(subkey)
}

fn unbound(cipher: ContentCipher, key: &ContentKey) -> Result<UnboundCipherKey, Error> {
    UnboundCipherKey::new(cipher.provider(), key.as_bytes())
        .map_err(|_| Error::operation("AES key"))
}

#[cfg(test)]
mod tests;
