//! RSA with every choice of padding: PSS and OAEP with any digests, raw decryption for padding checks of our own.

use std::ffi::c_int;
use std::ptr;

use aws_lc_sys::{
    EVP_PKEY_CTX, EVP_PKEY_CTX_set_rsa_mgf1_md, EVP_PKEY_CTX_set_rsa_oaep_md,
    EVP_PKEY_CTX_set_rsa_padding, EVP_PKEY_CTX_set_rsa_pss_saltlen, EVP_PKEY_CTX_set_signature_md,
    EVP_PKEY_CTX_set0_rsa_oaep_label, EVP_PKEY_decrypt, EVP_PKEY_decrypt_init, EVP_PKEY_encrypt,
    EVP_PKEY_encrypt_init, OPENSSL_free, OPENSSL_malloc, RSA_NO_PADDING, RSA_PKCS1_OAEP_PADDING,
    RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING,
};
use zeroize::Zeroizing;

use super::Key;
use super::digest::table;
use super::key::produced;
use crate::algorithm::SignatureAlgorithm;
use crate::digest::DigestAlgorithm;

/// What OAEP depends on (RFC 8017 section 7.1).
#[derive(Clone, Copy)]
pub(crate) struct OaepParameters<'a> {
    pub(crate) digest: DigestAlgorithm,
    pub(crate) mask_digest: DigestAlgorithm,
    pub(crate) label: &'a [u8],
}

/// How an RSA ciphertext is to be read.
#[derive(Clone, Copy)]
pub(crate) enum RsaDecryption<'a> {
    Oaep(OaepParameters<'a>),
    /// As many bytes as the modulus has, whatever is in them.
    Raw,
}

impl Key {
    /// Encrypts with OAEP, or with PKCS#1 v1.5 if there are no parameters.
    pub(crate) fn rsa_encrypt(
        &self,
        oaep: Option<OaepParameters<'_>>,
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        let operation = self.operation()?;
        let raw = operation.raw();
        // SAFETY: the context is live and prepared before its padding is set.
        let ready = unsafe { EVP_PKEY_encrypt_init(raw) } == 1
            && match oaep {
                Some(parameters) => set_oaep(raw, parameters),
                // SAFETY: as above; takes an integer.
                None => unsafe { EVP_PKEY_CTX_set_rsa_padding(raw, RSA_PKCS1_PADDING) == 1 },
            };
        ready.then_some(())?;
        // SAFETY: the context was prepared, `plain` is read for its length; output as in `produced`.
        produced(|output, length| unsafe {
            EVP_PKEY_encrypt(raw, output, length, plain.as_ptr(), plain.len())
        })
        .map(|bytes| bytes.to_vec())
    }

    /// Decrypts.
    pub(crate) fn rsa_decrypt(
        &self,
        how: RsaDecryption<'_>,
        encrypted: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let operation = self.operation()?;
        let raw = operation.raw();
        // SAFETY: the context is live and prepared before its padding is set.
        let ready = unsafe { EVP_PKEY_decrypt_init(raw) } == 1
            && match how {
                RsaDecryption::Oaep(parameters) => set_oaep(raw, parameters),
                // SAFETY: as above; takes an integer.
                RsaDecryption::Raw => unsafe {
                    EVP_PKEY_CTX_set_rsa_padding(raw, RSA_NO_PADDING) == 1
                },
            };
        ready.then_some(())?;
        // SAFETY: the context was prepared, `encrypted` is read for its length; output as in `produced`.
        produced(|output, length| unsafe {
            EVP_PKEY_decrypt(raw, output, length, encrypted.as_ptr(), encrypted.len())
        })
    }
}

/// Sets the padding of an RSA signature; other algorithms need nothing.
pub(super) fn set_padding(raw: *mut EVP_PKEY_CTX, algorithm: SignatureAlgorithm) -> bool {
    // SAFETY: the caller's context is live and prepared to sign or verify; these calls take integers and static
    // tables.
    unsafe {
        match algorithm {
            SignatureAlgorithm::RsaPkcs1(digest) => {
                EVP_PKEY_CTX_set_rsa_padding(raw, RSA_PKCS1_PADDING) == 1
                    && EVP_PKEY_CTX_set_signature_md(raw, table(digest)) == 1
            }
            SignatureAlgorithm::RsaPss { digest, mask_digest, salt_length } => {
                EVP_PKEY_CTX_set_rsa_padding(raw, RSA_PKCS1_PSS_PADDING) == 1
                    && EVP_PKEY_CTX_set_signature_md(raw, table(digest)) == 1
                    && EVP_PKEY_CTX_set_rsa_pss_saltlen(raw, c_int::from(salt_length)) == 1
                    && EVP_PKEY_CTX_set_rsa_mgf1_md(raw, table(mask_digest)) == 1
            }
            _ => true,
        }
    }
}

fn set_oaep(raw: *mut EVP_PKEY_CTX, parameters: OaepParameters<'_>) -> bool {
    let OaepParameters { digest, mask_digest, label } = parameters;
    // SAFETY: the caller's context is live and prepared to encrypt or decrypt; these calls take an integer and static
    // tables.
    let set = unsafe {
        EVP_PKEY_CTX_set_rsa_padding(raw, RSA_PKCS1_OAEP_PADDING) == 1
            && EVP_PKEY_CTX_set_rsa_oaep_md(raw, table(digest)) == 1
            && EVP_PKEY_CTX_set_rsa_mgf1_md(raw, table(mask_digest)) == 1
    };
    if !set || label.is_empty() {
        return set;
    }
    // SAFETY: the copy has the length of the label. The context takes it over if the call succeeds; else it is freed
    // here.
    unsafe {
        let copy = OPENSSL_malloc(label.len());
        if copy.is_null() {
            return false;
        }
        ptr::copy_nonoverlapping(label.as_ptr(), copy.cast(), label.len());
        let taken = EVP_PKEY_CTX_set0_rsa_oaep_label(raw, copy.cast(), label.len()) == 1;
        if !taken {
            OPENSSL_free(copy);
        }
        taken
    }
}
