//! Key pairs and public keys of every kind: import, export, signatures, agreement, encapsulation.

use std::ffi::c_int;
use std::ptr::{self, NonNull};
use std::slice;

use aws_lc_sys::{
    CBB, CBB_cleanup, CBB_finish, CBB_init, CBS, CBS_init, EVP_DigestSign, EVP_DigestSignInit,
    EVP_DigestVerify, EVP_DigestVerifyInit, EVP_MD_CTX, EVP_MD_CTX_free, EVP_MD_CTX_new, EVP_PKEY,
    EVP_PKEY_CTX, EVP_PKEY_CTX_free, EVP_PKEY_CTX_kem_set_params, EVP_PKEY_CTX_new,
    EVP_PKEY_CTX_new_id, EVP_PKEY_CTX_pqdsa_set_params, EVP_PKEY_CTX_set_ec_paramgen_curve_nid,
    EVP_PKEY_CTX_set_rsa_keygen_bits, EVP_PKEY_EC, EVP_PKEY_ED25519, EVP_PKEY_KEM, EVP_PKEY_PQDSA,
    EVP_PKEY_RSA, EVP_PKEY_X25519, EVP_PKEY_decapsulate, EVP_PKEY_derive, EVP_PKEY_derive_init,
    EVP_PKEY_derive_set_peer, EVP_PKEY_encapsulate, EVP_PKEY_free, EVP_PKEY_get_raw_private_key,
    EVP_PKEY_keygen, EVP_PKEY_keygen_init, EVP_PKEY_sign, EVP_PKEY_sign_init, EVP_PKEY_verify,
    EVP_PKEY_verify_init, EVP_marshal_private_key, EVP_marshal_public_key, EVP_parse_private_key,
    EVP_parse_public_key, NID_MLDSA44, NID_MLDSA65, NID_MLDSA87, NID_MLKEM512, NID_MLKEM768,
    NID_MLKEM1024, NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1, OPENSSL_cleanse,
    OPENSSL_free,
};
use zeroize::Zeroizing;

use super::{allocated, rsa};
use crate::algorithm::{KeyKind, SignatureAlgorithm};

/// A key pair or a public key.
pub(crate) struct Key {
    raw: NonNull<EVP_PKEY>,
}

// SAFETY: the key is immutable once made; C counts references atomically and locks what it computes late.
unsafe impl Send for Key {}
// SAFETY: as above; no operation here changes the key.
unsafe impl Sync for Key {}

impl Key {
    /// Reads a `SubjectPublicKeyInfo`; none if it is no key of a kind that the provider has.
    pub(crate) fn from_spki(spki: &[u8]) -> Option<Self> {
        Self::parse(spki, EVP_parse_public_key)
    }

    /// Reads a `PrivateKeyInfo`.
    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        Self::parse(pkcs8, EVP_parse_private_key)
    }

    /// Makes a new key pair.
    pub(crate) fn generate(kind: KeyKind) -> Option<Self> {
        // SAFETY: takes an integer and no engine; a null result is turned into none.
        let operation =
            unsafe { Operation::from_raw(EVP_PKEY_CTX_new_id(type_of(kind), ptr::null_mut())) }?;
        let raw = operation.raw();
        let is_signing = matches!(kind, KeyKind::MlDsa44 | KeyKind::MlDsa65 | KeyKind::MlDsa87);
        // SAFETY: the context is live and prepared before its parameters are set, which are integers.
        let prepared = unsafe {
            EVP_PKEY_keygen_init(raw) == 1
                && match parameter_of(kind) {
                    None => true,
                    Some(bits) if kind.is_rsa() => EVP_PKEY_CTX_set_rsa_keygen_bits(raw, bits) == 1,
                    Some(curve) if kind.is_ec() => {
                        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(raw, curve) == 1
                    }
                    Some(set) if is_signing => EVP_PKEY_CTX_pqdsa_set_params(raw, set) == 1,
                    Some(set) => EVP_PKEY_CTX_kem_set_params(raw, set) == 1,
                }
        };
        let mut made = ptr::null_mut();
        // SAFETY: the context is live; on success the new key is ours.
        let done = prepared && unsafe { EVP_PKEY_keygen(raw, &raw mut made) == 1 };
        Some(Self { raw: NonNull::new(made).filter(|_| done)? })
    }

    /// Returns the `SubjectPublicKeyInfo`.
    pub(crate) fn spki(&self) -> Option<Vec<u8>> {
        // SAFETY: the key is live, and the writer is made and ended by `written`.
        written(|writer| unsafe { EVP_marshal_public_key(writer, self.raw()) == 1 })
            .map(|bytes| bytes.to_vec())
    }

    /// Returns the `PrivateKeyInfo`.
    pub(crate) fn pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        // SAFETY: as in `spki`.
        written(|writer| unsafe { EVP_marshal_private_key(writer, self.raw()) == 1 })
    }

    /// Returns the private key's own bytes; kinds without such a form have none.
    pub(crate) fn raw_private(&self) -> Option<Zeroizing<Vec<u8>>> {
        // SAFETY: the key is live; `produced` gives a null pointer for the length and then room for it.
        produced(|output, length| unsafe {
            EVP_PKEY_get_raw_private_key(self.raw(), output, length)
        })
    }

    /// Signs: a digest if the algorithm starts with one, else the whole message.
    pub(crate) fn sign(&self, algorithm: SignatureAlgorithm, signed: &[u8]) -> Option<Vec<u8>> {
        let (data, len) = (signed.as_ptr(), signed.len());
        let signature = if algorithm.digest().is_none() {
            let whole = Whole::new();
            // SAFETY: context and key are live; no digest, parameters or engine are given.
            let started = unsafe {
                EVP_DigestSignInit(
                    whole.raw(),
                    ptr::null_mut(),
                    ptr::null(),
                    ptr::null_mut(),
                    self.raw(),
                )
            };
            // SAFETY: the context was started, `signed` is read for its length; output as in `produced`.
            (started == 1).then_some(())?;
            produced(|output, length| unsafe {
                EVP_DigestSign(whole.raw(), output, length, data, len)
            })
        } else {
            let operation = self.operation()?;
            let raw = operation.raw();
            // SAFETY: the context is live and prepared before the padding is set.
            let ready = unsafe { EVP_PKEY_sign_init(raw) } == 1 && rsa::set_padding(raw, algorithm);
            ready.then_some(())?;
            // SAFETY: the context was prepared, `signed` is read for its length; output as in `produced`.
            produced(|output, length| unsafe { EVP_PKEY_sign(raw, output, length, data, len) })
        };
        signature.map(|bytes| bytes.to_vec())
    }

    /// Returns true if the signature is one of the digest (or message, if the algorithm has none) by this key.
    pub(crate) fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> bool {
        let (data, len) = (signed.as_ptr(), signed.len());
        let (given, given_len) = (signature.as_ptr(), signature.len());
        if algorithm.digest().is_none() {
            let whole = Whole::new();
            // SAFETY: context and key are live; both slices are read for their lengths.
            return unsafe {
                EVP_DigestVerifyInit(
                    whole.raw(),
                    ptr::null_mut(),
                    ptr::null(),
                    ptr::null_mut(),
                    self.raw(),
                ) == 1
                    && EVP_DigestVerify(whole.raw(), given, given_len, data, len) == 1
            };
        }
        let Some(operation) = self.operation() else { return false };
        let raw = operation.raw();
        // SAFETY: the context is live and prepared before the padding is set; both slices are read for their lengths.
        unsafe {
            EVP_PKEY_verify_init(raw) == 1
                && rsa::set_padding(raw, algorithm)
                && EVP_PKEY_verify(raw, given, given_len, data, len) == 1
        }
    }

    /// Agrees a secret with a public key on the same curve.
    pub(crate) fn derive(&self, peer: &Self) -> Option<Zeroizing<Vec<u8>>> {
        let operation = self.operation()?;
        let raw = operation.raw();
        // SAFETY: context and peer are live; the context takes its own reference to the peer.
        let ready = unsafe {
            EVP_PKEY_derive_init(raw) == 1 && EVP_PKEY_derive_set_peer(raw, peer.raw()) == 1
        };
        ready.then_some(())?;
        // SAFETY: the context was prepared; output as in `produced`.
        produced(|output, length| unsafe { EVP_PKEY_derive(raw, output, length) })
    }

    /// Makes a secret and the ciphertext from which only the private key gets it (FIPS 203).
    pub(crate) fn encapsulate(&self) -> Option<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        let operation = self.operation()?;
        let raw = operation.raw();
        let (mut ciphertext_len, mut secret_len) = (0, 0);
        let none = ptr::null_mut();
        // SAFETY: the context is live; null outputs ask for the lengths.
        let sized = unsafe {
            EVP_PKEY_encapsulate(raw, none, &raw mut ciphertext_len, none, &raw mut secret_len)
        };
        (sized == 1).then_some(())?;
        let mut ciphertext = vec![0; ciphertext_len];
        let mut secret = Zeroizing::new(vec![0; secret_len]);
        // SAFETY: both outputs have the lengths just asked for.
        let done = unsafe {
            EVP_PKEY_encapsulate(
                raw,
                ciphertext.as_mut_ptr(),
                &raw mut ciphertext_len,
                secret.as_mut_ptr(),
                &raw mut secret_len,
            )
        };
        (done == 1 && secret.len() == secret_len && ciphertext.len() == ciphertext_len)
            .then_some((ciphertext, secret))
    }

    /// Gets the secret out of a ciphertext; a forged one gives a secret that nobody knows.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let operation = self.operation()?;
        // SAFETY: the context is live, `ciphertext` is read for its length; output as in `produced`.
        produced(|output, length| unsafe {
            EVP_PKEY_decapsulate(
                operation.raw(),
                output,
                length,
                ciphertext.as_ptr(),
                ciphertext.len(),
            )
        })
    }

    /// Returns a context for one operation with this key.
    pub(super) fn operation(&self) -> Option<Operation> {
        // SAFETY: the key is live and the context takes its own reference to it; there is no engine.
        unsafe { Operation::from_raw(EVP_PKEY_CTX_new(self.raw(), ptr::null_mut())) }
    }

    fn raw(&self) -> *mut EVP_PKEY {
        self.raw.as_ptr()
    }

    fn parse(
        bytes: &[u8],
        parser: unsafe extern "C" fn(*mut CBS) -> *mut EVP_PKEY,
    ) -> Option<Self> {
        let mut reader = CBS { data: ptr::null(), len: 0 };
        // SAFETY: the reader points into `bytes`, which outlives the calls; the new key is ours.
        let key = unsafe {
            CBS_init(&raw mut reader, bytes.as_ptr(), bytes.len());
            parser(&raw mut reader)
        };
        let key = Self { raw: NonNull::new(key)? };
        (reader.len == 0).then_some(key)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: this value holds one reference, which is given back once; the last one clears the key.
        unsafe { EVP_PKEY_free(self.raw()) }
    }
}

/// A context for one operation with a key.
pub(super) struct Operation(NonNull<EVP_PKEY_CTX>);

impl Operation {
    /// Takes a context over; none if there is none.
    ///
    /// # Safety
    ///
    /// The pointer is null or a context that nobody else frees.
    unsafe fn from_raw(raw: *mut EVP_PKEY_CTX) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }

    pub(super) fn raw(&self) -> *mut EVP_PKEY_CTX {
        self.0.as_ptr()
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        // SAFETY: the context is ours and freed once.
        unsafe { EVP_PKEY_CTX_free(self.raw()) }
    }
}

/// A context for algorithms that take the whole message.
struct Whole(NonNull<EVP_MD_CTX>);

impl Whole {
    fn new() -> Self {
        // SAFETY: takes nothing; a null result does not return.
        Self(allocated(unsafe { EVP_MD_CTX_new() }))
    }

    fn raw(&self) -> *mut EVP_MD_CTX {
        self.0.as_ptr()
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // SAFETY: the context is ours and freed once.
        unsafe { EVP_MD_CTX_free(self.raw()) }
    }
}

/// Calls an operation for the length of its output, then with room for it, as `EVP` functions work.
pub(super) fn produced(
    mut call: impl FnMut(*mut u8, *mut usize) -> c_int,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut length = 0;
    (call(ptr::null_mut(), &raw mut length) == 1).then_some(())?;
    let mut output = Zeroizing::new(vec![0; length]);
    (call(output.as_mut_ptr(), &raw mut length) == 1).then_some(())?;
    output.truncate(length);
    Some(output)
}

/// Returns what a function of C writes in DER.
fn written(write: impl FnOnce(*mut CBB) -> bool) -> Option<Zeroizing<Vec<u8>>> {
    // SAFETY: all bytes zero is a valid writer that was not started.
    let mut writer: CBB = unsafe { std::mem::zeroed() };
    let writer = &raw mut writer;
    let (mut bytes, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the writer is started before it is used, and ended or cleaned up afterwards; on success the bytes are
    // ours, copied, cleared and freed.
    unsafe {
        if CBB_init(writer, 512) != 1 {
            return None;
        }
        if !write(writer) || CBB_finish(writer, &raw mut bytes, &raw mut length) != 1 {
            CBB_cleanup(writer);
            return None;
        }
        let copy = Zeroizing::new(slice::from_raw_parts(bytes, length).to_vec());
        OPENSSL_cleanse(bytes.cast(), length);
        OPENSSL_free(bytes.cast());
        Some(copy)
    }
}

fn type_of(kind: KeyKind) -> c_int {
    match kind {
        KeyKind::EcP256 | KeyKind::EcP384 | KeyKind::EcP521 => EVP_PKEY_EC,
        KeyKind::Ed25519 => EVP_PKEY_ED25519,
        KeyKind::MlDsa44 | KeyKind::MlDsa65 | KeyKind::MlDsa87 => EVP_PKEY_PQDSA,
        KeyKind::MlKem512 | KeyKind::MlKem768 | KeyKind::MlKem1024 => EVP_PKEY_KEM,
        KeyKind::X25519 => EVP_PKEY_X25519,
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 | KeyKind::RsaOther { .. } => {
            EVP_PKEY_RSA
        }
    }
}

/// Returns the bits of an RSA key or C's number of the curve or parameter set.
fn parameter_of(kind: KeyKind) -> Option<c_int> {
    match kind {
        KeyKind::EcP256 => Some(NID_X9_62_prime256v1),
        KeyKind::EcP384 => Some(NID_secp384r1),
        KeyKind::EcP521 => Some(NID_secp521r1),
        KeyKind::MlDsa44 => Some(NID_MLDSA44),
        KeyKind::MlDsa65 => Some(NID_MLDSA65),
        KeyKind::MlDsa87 => Some(NID_MLDSA87),
        KeyKind::MlKem512 => Some(NID_MLKEM512),
        KeyKind::MlKem768 => Some(NID_MLKEM768),
        KeyKind::MlKem1024 => Some(NID_MLKEM1024),
        KeyKind::Ed25519 | KeyKind::X25519 => None,
        rsa => c_int::try_from(rsa.rsa_bits()).ok(),
    }
}
