//! Content encryption as streams: CBC with padding, and authenticated ciphers with one tag at the end.

mod late_aad;

use std::fmt;
use std::hint::black_box;

use zeroize::Zeroizing;

use crate::error::Error;
use crate::random;
use crate::shim::{CipherStream, Direction, Padding};

/// The block length of AES: output buffers need this much more room than the input.
pub const BLOCK_LEN: usize = 16;

/// The length of the tag that GCM encryption writes.
pub const TAG_LEN: usize = 16;

/// A content encryption algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    /// The stream cipher of RFC 8439 with Poly1305 (RFC 8103).
    ChaCha20Poly1305,
    /// RC2 with 40 bits in CBC mode (RFC 3370 section 5.2): only read, anybody can break it.
    Rc2Cbc40,
    /// RC2 with 64 bits in CBC mode: only read.
    Rc2Cbc64,
    /// RC2 with 128 bits in CBC mode: only read.
    Rc2Cbc128,
    /// Triple DES in CBC mode (RFC 3370 section 5.1): only read.
    TripleDesCbc,
}

impl ContentCipher {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Aes128Cbc,
        Self::Aes128Gcm,
        Self::Aes192Cbc,
        Self::Aes192Gcm,
        Self::Aes256Cbc,
        Self::Aes256Gcm,
        Self::ChaCha20Poly1305,
        Self::Rc2Cbc40,
        Self::Rc2Cbc64,
        Self::Rc2Cbc128,
        Self::TripleDesCbc,
    ];

    /// Returns the length of the key in bytes.
    pub fn key_len(self) -> usize {
        match self {
            Self::Rc2Cbc40 => 5,
            Self::Rc2Cbc64 => 8,
            Self::Aes128Cbc | Self::Aes128Gcm | Self::Rc2Cbc128 => 16,
            Self::Aes192Cbc | Self::Aes192Gcm | Self::TripleDesCbc => 24,
            Self::Aes256Cbc | Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Returns the length of the initialisation vector or nonce in bytes.
    pub fn iv_len(self) -> usize {
        if self.is_authenticated() { 12 } else { self.block_len() }
    }

    /// Returns true if nothing new may rest on it; it is decrypted and never used to encrypt.
    pub fn is_weak(self) -> bool {
        self.block_len() == 8
    }

    /// Returns true if a tag proves that nobody changed the content.
    pub fn is_authenticated(self) -> bool {
        self.is_gcm() || self == Self::ChaCha20Poly1305
    }

    /// Returns the length of the ciphertext of so many bytes of content (without the tag).
    pub fn ciphertext_len(self, content: u64) -> Option<u64> {
        if self.is_authenticated() {
            Some(content)
        } else {
            let block = self.block_len() as u64;
            (content / block).checked_add(1)?.checked_mul(block)
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
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
            Self::Rc2Cbc40 => "rc2-40-cbc",
            Self::Rc2Cbc64 => "rc2-64-cbc",
            Self::Rc2Cbc128 => "rc2-128-cbc",
            Self::TripleDesCbc => "des-ede3-cbc",
        }
    }

    /// Returns the block length in bytes; stream ciphers have that of AES too.
    pub(crate) fn block_len(self) -> usize {
        let is_old = self.rc2_bits().is_some() || self == Self::TripleDesCbc;
        if is_old { 8 } else { BLOCK_LEN }
    }

    /// Returns the effective bits of RC2.
    pub(crate) fn rc2_bits(self) -> Option<i32> {
        match self {
            Self::Rc2Cbc40 => Some(40),
            Self::Rc2Cbc64 => Some(64),
            Self::Rc2Cbc128 => Some(128),
            _ => None,
        }
    }

    /// Returns true if the vector may have this length; GCM takes others than its usual one.
    pub(crate) fn takes_iv_len(self, length: usize) -> bool {
        length == self.iv_len() || (self.is_gcm() && (1..=MAX_NONCE).contains(&length))
    }

    fn is_gcm(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes192Gcm | Self::Aes256Gcm)
    }

    /// Returns the bare block cipher of a GCM cipher in the mode that computes its hash key.
    fn bare(self) -> Option<Self> {
        match self {
            Self::Aes128Gcm => Some(Self::Aes128Cbc),
            Self::Aes192Gcm => Some(Self::Aes192Cbc),
            Self::Aes256Gcm => Some(Self::Aes256Cbc),
            _ => None,
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
    /// The longest key of any cipher or HMAC here.
    const MAX_LEN: usize = 64;

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

    /// Returns a key made of `found` if the mask is all ones and of `substitute` if it is zero, in constant time.
    pub(crate) fn select(mask: u8, found: &[u8], substitute: &Self) -> Result<Self, Error> {
        // Opaque to the optimiser, or it would turn the mask back into a branch.
        let mask = black_box(mask);
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
pub struct Encryptor {
    stream: CipherStream,
    is_authenticated: bool,
}

impl Encryptor {
    /// Starts with a fresh key and nonce; they must never be used for two contents. Refuses weak ciphers.
    pub fn new(cipher: ContentCipher, key: &ContentKey, iv: &[u8]) -> Result<Self, Error> {
        if cipher.is_weak() {
            return Err(Error::Weak { what: format!("encryption with {cipher}") });
        }
        let stream =
            CipherStream::new(Direction::Encrypt, cipher, Padding::Pkcs7, key.as_bytes(), iv)?;
        Ok(Self { stream, is_authenticated: cipher.is_authenticated() })
    }

    /// Encrypts more content; `output` needs [`BLOCK_LEN`] bytes more room than `input`. Returns the bytes written.
    pub fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        self.stream.update(input, output)
    }

    /// Writes the last block, if any, and returns its length and the tag of an authenticated cipher.
    pub fn finish(self, output: &mut [u8]) -> Result<(usize, Option<[u8; TAG_LEN]>), Error> {
        if self.is_authenticated {
            Ok((0, Some(self.stream.finish_tag()?)))
        } else {
            Ok((self.stream.finish(output)?, None))
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
    stream: CipherStream,
    cipher: ContentCipher,
    /// Kept for additional data that comes after the content.
    key: ContentKey,
    length: u64,
}

impl Decryptor {
    /// Starts; fails if the key or the initialisation vector does not fit the cipher.
    pub fn new(cipher: ContentCipher, key: &ContentKey, iv: &[u8]) -> Result<Self, Error> {
        let stream =
            CipherStream::new(Direction::Decrypt, cipher, Padding::Pkcs7, key.as_bytes(), iv)
                .map_err(|_| Error::Decrypt)?;
        Ok(Self { stream, cipher, key: key.clone(), length: 0 })
    }

    /// Decrypts more ciphertext; `output` needs [`BLOCK_LEN`] bytes more room than `input`. Returns the bytes written.
    pub fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        self.length = self.length.saturating_add(input.len() as u64);
        self.stream.update(input, output).map_err(|_| Error::Decrypt)
    }

    /// Ends a CBC stream: writes the last block without its padding and returns its length.
    pub fn finish_padded(self, output: &mut [u8]) -> Result<usize, Error> {
        if self.cipher.is_authenticated() {
            return Err(Error::operation("an authenticated cipher has a tag and no padding"));
        }
        // A padded stream has at least one block; the provider takes none at all for none.
        if self.length == 0 {
            return Err(Error::Decrypt);
        }
        self.stream.finish(output).map_err(|_| Error::Decrypt)
    }

    /// Ends an authenticated stream: checks the tag over the content and over additional data that came after it.
    ///
    /// `AuthEnvelopedData` puts the authenticated attributes behind the content (RFC 5083 section 2.1), while GCM
    /// hashes them first. GHASH is linear, so their share is computed apart and taken out of the received tag.
    pub fn finish_authenticated(self, tag: &[u8], additional_data: &[u8]) -> Result<(), Error> {
        if !self.cipher.is_authenticated() {
            return Err(Error::operation("CBC has padding and no tag"));
        }
        // RFC 5084 section 3.2: 12 to 16 bytes.
        if !(12..=TAG_LEN).contains(&tag.len()) {
            return Err(Error::Decrypt);
        }
        if additional_data.is_empty() {
            return self.stream.check_tag(tag);
        }
        let subkey = hash_subkey(self.cipher, &self.key)?;
        let share = late_aad::share(&subkey, additional_data, self.length);
        let mut expected = Zeroizing::new([0; TAG_LEN]);
        for ((byte, tag), share) in expected.iter_mut().zip(tag).zip(share) {
            *byte = tag ^ share;
        }
        self.stream.check_tag(expected.get(..tag.len()).ok_or(Error::Decrypt)?)
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
    // Poly1305 is linear too, but nobody puts attributes into messages with it yet.
    let bare = cipher.bare().ok_or_else(|| Error::Unsupported {
        what: format!("{cipher} with authenticated attributes"),
    })?;
    // One CBC block with a zero vector is the bare block cipher.
    let zero = [0; BLOCK_LEN];
    let mut stream =
        CipherStream::new(Direction::Encrypt, bare, Padding::None, key.as_bytes(), &zero)?;
    let mut output = Zeroizing::new([0; 2 * BLOCK_LEN]);
    stream.update(&zero, output.as_mut_slice())?;
    let mut subkey = Zeroizing::new([0; BLOCK_LEN]);
    for (to, from) in subkey.iter_mut().zip(output.iter()) {
        *to = *from;
    }
    Ok(subkey)
}

/// The longest nonce that the provider takes for GCM.
const MAX_NONCE: usize = 128;

#[cfg(test)]
mod tests;
