//! What aws-lc-rs does not offer, over the C interface of aws-lc-sys: the only unsafe code of the workspace.
//!
//! aws-lc-rs seals GCM in one piece, has no MD5, triple DES, RC2 or AES-192 key wrap, ties OAEP and PSS to one digest
//! each and refuses small RSA keys. Old mail has all of that, so keys, digests and ciphers go through the `EVP`
//! interface, in one way for all algorithms. Every context is owned by a Rust value that frees it, every pointer comes
//! from a slice or array whose length is given or checked, and nothing that C returns outlives its owner.
#![expect(unsafe_code, reason = "aws-lc-rs lacks what old mail needs; the C interface has it")]

mod cipher;
mod digest;
mod key;
mod rsa;
mod wrap;

use std::alloc::{Layout, handle_alloc_error};
use std::ptr::NonNull;

pub(crate) use cipher::{CipherStream, Direction, Padding};
pub(crate) use digest::DigestStream;
pub(crate) use key::Key;
pub(crate) use rsa::{OaepParameters, RsaDecryption};
pub(crate) use wrap::{unwrap, wrap};

/// Returns the pointer; C allocates only when memory is there, so none means what it means to a `Vec`.
fn allocated<T>(pointer: *mut T) -> NonNull<T> {
    NonNull::new(pointer).unwrap_or_else(|| handle_alloc_error(Layout::new::<usize>()))
}
