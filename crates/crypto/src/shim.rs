//! Streaming AES-GCM with one tag at the end, which aws-lc-rs does not offer: the only unsafe code of the workspace.
//!
//! The contexts are owned by [`GcmStream`], every pointer comes from a Rust slice or array with its length checked,
//! and nothing outlives a call.
#![expect(
    unsafe_code,
    reason = "aws-lc-rs seals GCM in one piece; streams need the C interface of aws-lc-sys"
)]

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use aws_lc_sys::{
    EVP_CIPHER, EVP_CIPHER_CTX, EVP_CIPHER_CTX_ctrl, EVP_CIPHER_CTX_free, EVP_CIPHER_CTX_new,
    EVP_CTRL_AEAD_GET_TAG, EVP_CTRL_AEAD_SET_IVLEN, EVP_CTRL_AEAD_SET_TAG, EVP_CipherFinal_ex,
    EVP_CipherInit_ex, EVP_CipherUpdate, EVP_aes_128_gcm, EVP_aes_192_gcm, EVP_aes_256_gcm,
};

use crate::error::Error;

/// Whether a stream encrypts or decrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Decrypt,
    Encrypt,
}

/// An AES-GCM operation in progress.
pub(crate) struct GcmStream {
    context: NonNull<EVP_CIPHER_CTX>,
}

// SAFETY: the context is one heap allocation that only this value points to; AWS-LC keeps no thread-local state for
// it, and all access goes through `&mut self` or `self`.
unsafe impl Send for GcmStream {}

impl GcmStream {
    /// Starts with a key of 16, 24 or 32 bytes and a nonce of 1 to 128 bytes.
    pub(crate) fn new(direction: Direction, key: &[u8], nonce: &[u8]) -> Result<Self, Error> {
        // SAFETY: these functions take no arguments and return pointers to static tables.
        let cipher: *const EVP_CIPHER = match key.len() {
            16 => unsafe { EVP_aes_128_gcm() },
            24 => unsafe { EVP_aes_192_gcm() },
            32 => unsafe { EVP_aes_256_gcm() },
            _ => return Err(Error::operation("GCM key length")),
        };
        if nonce.is_empty() || nonce.len() > 128 {
            return Err(Error::operation("GCM nonce length"));
        }
        let nonce_len =
            c_int::try_from(nonce.len()).map_err(|_| Error::operation("GCM nonce length"))?;
        // SAFETY: takes nothing; a null result is turned into an error.
        let context =
            NonNull::new(unsafe { EVP_CIPHER_CTX_new() }).ok_or(Error::operation("GCM context"))?;
        // From here on `stream` owns the context and frees it on every path.
        let stream = Self { context };
        let encrypts = c_int::from(direction == Direction::Encrypt);
        let raw = stream.context.as_ptr();
        // SAFETY: the context is live; a null key and nonce mean "set later".
        let chosen = unsafe {
            EVP_CipherInit_ex(raw, cipher, ptr::null_mut(), ptr::null(), ptr::null(), encrypts)
        };
        // SAFETY: the context has its cipher; this command takes an integer and no pointer.
        let sized = unsafe {
            EVP_CIPHER_CTX_ctrl(raw, EVP_CTRL_AEAD_SET_IVLEN, nonce_len, ptr::null_mut())
        };
        // SAFETY: `key` has the length the cipher reads (matched above), `nonce` the length just set; both are only
        // read during the call.
        let keyed = unsafe {
            EVP_CipherInit_ex(
                raw,
                ptr::null(),
                ptr::null_mut(),
                key.as_ptr(),
                nonce.as_ptr(),
                encrypts,
            )
        };
        if chosen != 1 || sized != 1 || keyed != 1 {
            return Err(Error::operation("GCM start"));
        }
        Ok(stream)
    }

    /// Processes more data and returns the number of bytes written, which is that of the input.
    pub(crate) fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        if input.is_empty() {
            return Ok(0);
        }
        let input_len =
            c_int::try_from(input.len()).map_err(|_| Error::operation("GCM input length"))?;
        if output.len() < input.len() {
            return Err(Error::operation("GCM output length"));
        }
        let mut written: c_int = 0;
        // SAFETY: GCM writes exactly as many bytes as it reads, `output` has room for them (checked above), and the
        // borrows make the two buffers distinct.
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
            return Err(Error::operation("GCM update"));
        }
        usize::try_from(written).map_err(|_| Error::operation("GCM update"))
    }

    /// Ends encryption and returns the tag.
    pub(crate) fn finish_encrypt(self) -> Result<[u8; 16], Error> {
        let mut tag = [0; 16];
        if !self.finalize() {
            return Err(Error::operation("GCM finish"));
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
        if read == 1 { Ok(tag) } else { Err(Error::operation("GCM tag")) }
    }

    /// Ends decryption; fails unless the tag (or its first bytes, if it is short) matches. Compared in constant time.
    pub(crate) fn finish_decrypt(self, tag: &[u8]) -> Result<(), Error> {
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
        // GCM has no last block, but the interface may write one.
        let mut rest = [0; 16];
        let mut written: c_int = 0;
        // SAFETY: the context is live and `rest` has room for a block, the most that any cipher writes here.
        unsafe {
            EVP_CipherFinal_ex(self.context.as_ptr(), rest.as_mut_ptr(), &raw mut written) == 1
        }
    }
}

impl Drop for GcmStream {
    fn drop(&mut self) {
        // SAFETY: the context came from `EVP_CIPHER_CTX_new` and is freed once; freeing also clears the key.
        unsafe { EVP_CIPHER_CTX_free(self.context.as_ptr()) }
    }
}
