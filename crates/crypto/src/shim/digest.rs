//! Digests over a stream.

use std::ptr::{self, NonNull};

use aws_lc_sys::{
    EVP_DigestFinal_ex, EVP_DigestFinalXOF, EVP_DigestInit_ex, EVP_DigestUpdate, EVP_MD,
    EVP_MD_CTX, EVP_MD_CTX_copy_ex, EVP_MD_CTX_free, EVP_MD_CTX_new, EVP_md5, EVP_sha1,
    EVP_sha3_224, EVP_sha3_256, EVP_sha3_384, EVP_sha3_512, EVP_sha224, EVP_sha256, EVP_sha384,
    EVP_sha512, EVP_shake128, EVP_shake256,
};

use super::allocated;
use crate::digest::DigestAlgorithm;

/// A digest in progress.
pub(crate) struct DigestStream {
    context: NonNull<EVP_MD_CTX>,
    algorithm: DigestAlgorithm,
}

// SAFETY: the context is one heap allocation that only this value points to; C keeps no thread-local state for it.
unsafe impl Send for DigestStream {}
// SAFETY: shared references only copy the context, which reads it.
unsafe impl Sync for DigestStream {}

impl DigestStream {
    /// Starts.
    pub(crate) fn new(algorithm: DigestAlgorithm) -> Self {
        // SAFETY: takes nothing; a null result does not return.
        let context = allocated(unsafe { EVP_MD_CTX_new() });
        let stream = Self { context, algorithm };
        // SAFETY: context and table are live. It fails only if it cannot allocate its state.
        let started =
            unsafe { EVP_DigestInit_ex(context.as_ptr(), table(algorithm), ptr::null_mut()) };
        assert_allocated(started);
        stream
    }

    /// Adds data.
    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: the context was started, and `data` is read for its length.
        let done =
            unsafe { EVP_DigestUpdate(self.context.as_ptr(), data.as_ptr().cast(), data.len()) };
        assert_allocated(done);
    }

    /// Writes the digest and returns its length.
    pub(crate) fn finish(self, output: &mut [u8; 64]) -> usize {
        let length = self.algorithm.output_len();
        let raw = self.context.as_ptr();
        // SAFETY: no digest here is longer than the 64 bytes of `output`, and the context was started.
        let done = unsafe {
            if self.algorithm.has_any_length() {
                EVP_DigestFinalXOF(raw, output.as_mut_ptr(), length)
            } else {
                EVP_DigestFinal_ex(raw, output.as_mut_ptr(), ptr::null_mut())
            }
        };
        assert_allocated(done);
        length
    }
}

/// Digests have no way to fail but memory.
fn assert_allocated(status: i32) {
    if status != 1 {
        allocated::<EVP_MD_CTX>(ptr::null_mut());
    }
}

impl Clone for DigestStream {
    fn clone(&self) -> Self {
        // SAFETY: takes nothing; a null result does not return.
        let context = allocated(unsafe { EVP_MD_CTX_new() });
        let copy = Self { context, algorithm: self.algorithm };
        // SAFETY: both contexts are live and distinct; the source was started.
        let done = unsafe { EVP_MD_CTX_copy_ex(context.as_ptr(), self.context.as_ptr()) };
        assert_allocated(done);
        copy
    }
}

impl Drop for DigestStream {
    fn drop(&mut self) {
        // SAFETY: the context came from `EVP_MD_CTX_new` and is freed once.
        unsafe { EVP_MD_CTX_free(self.context.as_ptr()) }
    }
}

/// Returns C's table of a digest.
pub(super) fn table(algorithm: DigestAlgorithm) -> *const EVP_MD {
    // SAFETY: these functions take nothing and return pointers to static tables.
    unsafe {
        match algorithm {
            DigestAlgorithm::Md5 => EVP_md5(),
            DigestAlgorithm::Sha1 => EVP_sha1(),
            DigestAlgorithm::Sha224 => EVP_sha224(),
            DigestAlgorithm::Sha256 => EVP_sha256(),
            DigestAlgorithm::Sha384 => EVP_sha384(),
            DigestAlgorithm::Sha512 => EVP_sha512(),
            DigestAlgorithm::Sha3_224 => EVP_sha3_224(),
            DigestAlgorithm::Sha3_256 => EVP_sha3_256(),
            DigestAlgorithm::Sha3_384 => EVP_sha3_384(),
            DigestAlgorithm::Sha3_512 => EVP_sha3_512(),
            DigestAlgorithm::Shake128 => EVP_shake128(),
            DigestAlgorithm::Shake256 => EVP_shake256(),
        }
    }
}
