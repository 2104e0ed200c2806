//! Ciphers over a stream: CBC with or without padding, and authenticated ciphers with one tag at the end.

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use aws_lc_sys::{
    EVP_CIPHER, EVP_CIPHER_CTX, EVP_CIPHER_CTX_ctrl, EVP_CIPHER_CTX_free, EVP_CIPHER_CTX_new,
    EVP_CIPHER_CTX_set_key_length, EVP_CIPHER_CTX_set_padding, EVP_CTRL_AEAD_GET_TAG,
    EVP_CTRL_AEAD_SET_IVLEN, EVP_CTRL_AEAD_SET_TAG, EVP_CTRL_SET_RC2_KEY_BITS, EVP_CipherFinal_ex,
    EVP_CipherInit_ex, EVP_CipherUpdate, EVP_aes_128_cbc, EVP_aes_128_gcm, EVP_aes_192_cbc,
    EVP_aes_192_gcm, EVP_aes_256_cbc, EVP_aes_256_gcm, EVP_chacha20_poly1305, EVP_des_ede3_cbc,
    EVP_rc2_cbc,
};

use super::allocated;
use crate::cipher::{BLOCK_LEN, ContentCipher};
use crate::error::Error;

/// Whether a stream encrypts or decrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Decrypt,
    Encrypt,
}

/// How the last block of CBC is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// Whole blocks only.
    None,
    /// RFC 5652 section 6.3.
    Pkcs7,
}

/// A cipher in progress.
pub(crate) struct CipherStream {
    context: NonNull<EVP_CIPHER_CTX>,
}

// SAFETY: the context is one heap allocation that only this value points to; AWS-LC keeps no thread-local state for
// it, and all access goes through `&mut self` or `self`.
unsafe impl Send for CipherStream {}

impl CipherStream {
    /// Starts; fails unless key and vector have lengths that the cipher takes.
    pub(crate) fn new(
        direction: Direction,
        cipher: ContentCipher,
        padding: Padding,
        key: &[u8],
        iv: &[u8],
    ) -> Result<Self, Error> {
        if key.len() != cipher.key_len() || !cipher.takes_iv_len(iv.len()) {
            return Err(Error::operation("length of key or vector"));
        }
        // SAFETY: takes nothing; a null result does not return.
        let context = allocated(unsafe { EVP_CIPHER_CTX_new() });
        // From here on `stream` owns the context and frees it on every path.
        let stream = Self { context };
        let encrypts = c_int::from(direction == Direction::Encrypt);
        let raw = stream.context.as_ptr();
        // SAFETY: the context is live; a null key and vector mean "set later".
        let chosen = unsafe {
            EVP_CipherInit_ex(
                raw,
                table(cipher),
                ptr::null_mut(),
                ptr::null(),
                ptr::null(),
                encrypts,
            )
        };
        let padded = c_int::from(padding == Padding::Pkcs7);
        // SAFETY: the context has its cipher.
        let filled = unsafe { EVP_CIPHER_CTX_set_padding(raw, padded) };
        let sized = chosen == 1 && filled == 1 && stream.set_lengths(cipher, key.len(), iv.len());
        // SAFETY: `key` and `iv` have the lengths that were just set or that the cipher has (checked above); both are
        // only read during the call.
        let keyed = sized
            && unsafe {
                EVP_CipherInit_ex(
                    raw,
                    ptr::null(),
                    ptr::null_mut(),
                    key.as_ptr(),
                    iv.as_ptr(),
                    encrypts,
                ) == 1
            };
        if keyed { Ok(stream) } else { Err(Error::operation("start of a cipher")) }
    }

    /// Tells the cipher the lengths that it leaves open.
    fn set_lengths(&self, cipher: ContentCipher, key_len: usize, iv_len: usize) -> bool {
        let raw = self.context.as_ptr();
        let (Ok(key_len), Ok(iv_len)) = (u32::try_from(key_len), c_int::try_from(iv_len)) else {
            return false;
        };
        if let Some(bits) = cipher.rc2_bits() {
            // SAFETY: the context has its cipher; these commands take integers and no pointers.
            return unsafe {
                EVP_CIPHER_CTX_set_key_length(raw, key_len) == 1
                    && EVP_CIPHER_CTX_ctrl(raw, EVP_CTRL_SET_RC2_KEY_BITS, bits, ptr::null_mut())
                        == 1
            };
        }
        if !cipher.is_authenticated() {
            return true;
        }
        // SAFETY: as above.
        unsafe { EVP_CIPHER_CTX_ctrl(raw, EVP_CTRL_AEAD_SET_IVLEN, iv_len, ptr::null_mut()) == 1 }
    }

    /// Processes more data and returns the number of bytes written; `output` needs a block more room than `input`.
    pub(crate) fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        if input.is_empty() {
            return Ok(0);
        }
        let input_len =
            c_int::try_from(input.len()).map_err(|_| Error::operation("cipher input length"))?;
        if output.len() < input.len() + BLOCK_LEN {
            return Err(Error::operation("cipher output length"));
        }
        let mut written: c_int = 0;
        // SAFETY: a cipher writes at most one block more than it reads, `output` has room for that (checked above),
        // and the borrows make the two buffers distinct.
        let done = unsafe {
            EVP_CipherUpdate(
                self.context.as_ptr(),
                output.as_mut_ptr(),
                &raw mut written,
                input.as_ptr(),
                input_len,
            )
        };
        if done != 1 {
            return Err(Error::operation("cipher update"));
        }
        usize::try_from(written).map_err(|_| Error::operation("cipher update"))
    }

    /// Writes the last block and returns its length; decryption fails if the padding is wrong.
    pub(crate) fn finish(self, output: &mut [u8]) -> Result<usize, Error> {
        if output.len() < BLOCK_LEN {
            return Err(Error::operation("cipher output length"));
        }
        let mut written: c_int = 0;
        // SAFETY: the context is live and `output` has room for a block, the most that any cipher writes here.
        let done = unsafe {
            EVP_CipherFinal_ex(self.context.as_ptr(), output.as_mut_ptr(), &raw mut written)
        };
        if done != 1 {
            return Err(Error::Decrypt);
        }
        usize::try_from(written).map_err(|_| Error::Decrypt)
    }

    /// Ends authenticated encryption and returns the tag.
    pub(crate) fn finish_tag(self) -> Result<[u8; 16], Error> {
        let mut tag = [0; 16];
        if !self.finalize() {
            return Err(Error::operation("end of a cipher"));
        }
        // SAFETY: the command writes 16 bytes, the length given and that of `tag`.
        let read = unsafe {
            EVP_CIPHER_CTX_ctrl(
                self.context.as_ptr(),
                EVP_CTRL_AEAD_GET_TAG,
                16,
                tag.as_mut_ptr().cast(),
            )
        };
        if read == 1 { Ok(tag) } else { Err(Error::operation("tag of a cipher")) }
    }

    /// Ends authenticated decryption; fails unless the tag (or its first bytes, if it is short) matches. Compared in
    /// constant time.
    pub(crate) fn check_tag(self, tag: &[u8]) -> Result<(), Error> {
        let tag_len = c_int::try_from(tag.len()).map_err(|_| Error::Decrypt)?;
        if tag.is_empty() || tag_len > 16 {
            return Err(Error::Decrypt);
        }
        // The interface wants a pointer to mutable bytes, so it gets a copy.
        let mut tag = tag.to_vec();
        // SAFETY: the command reads `tag_len` bytes, the length of `tag`, and copies them.
        let set = unsafe {
            EVP_CIPHER_CTX_ctrl(
                self.context.as_ptr(),
                EVP_CTRL_AEAD_SET_TAG,
                tag_len,
                tag.as_mut_ptr().cast(),
            )
        };
        if set == 1 && self.finalize() { Ok(()) } else { Err(Error::Decrypt) }
    }

    fn finalize(&self) -> bool {
        // Authenticated ciphers have no last block, but the interface may write one.
        let mut rest = [0; BLOCK_LEN];
        let mut written: c_int = 0;
        // SAFETY: the context is live and `rest` has room for a block, the most that any cipher writes here.
        unsafe {
            EVP_CipherFinal_ex(self.context.as_ptr(), rest.as_mut_ptr(), &raw mut written) == 1
        }
    }
}

impl Drop for CipherStream {
    fn drop(&mut self) {
        // SAFETY: the context came from `EVP_CIPHER_CTX_new` and is freed once; freeing also clears the key.
        unsafe { EVP_CIPHER_CTX_free(self.context.as_ptr()) }
    }
}

/// Returns C's table of a cipher.
fn table(cipher: ContentCipher) -> *const EVP_CIPHER {
    // SAFETY: these functions take nothing and return pointers to static tables.
    unsafe {
        match cipher {
            ContentCipher::Aes128Cbc => EVP_aes_128_cbc(),
            ContentCipher::Aes128Gcm => EVP_aes_128_gcm(),
            ContentCipher::Aes192Cbc => EVP_aes_192_cbc(),
            ContentCipher::Aes192Gcm => EVP_aes_192_gcm(),
            ContentCipher::Aes256Cbc => EVP_aes_256_cbc(),
            ContentCipher::Aes256Gcm => EVP_aes_256_gcm(),
            ContentCipher::ChaCha20Poly1305 => EVP_chacha20_poly1305(),
            ContentCipher::Rc2Cbc40 | ContentCipher::Rc2Cbc64 | ContentCipher::Rc2Cbc128 => {
                EVP_rc2_cbc()
            }
            ContentCipher::TripleDesCbc => EVP_des_ede3_cbc(),
        }
    }
}
