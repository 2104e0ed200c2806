//! What can go wrong, as one enum with stable codes.

use chancery_fault::{Code, Coded, Fault, Retry};

/// Why an operation failed. It never says more than its caller may know: a failed decryption has no reasons.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The key cannot do what was asked (an RSA operation with an EC key, say).
    #[error("{kind} key cannot be used for {operation}")]
    KeyMismatch {
        /// The kind of the key.
        kind: String,
        /// What was asked of it.
        operation: &'static str,
    },
    /// The bytes are no key that we accept.
    #[error("cannot read {what}: {reason}")]
    KeyRejected {
        /// Which kind of key or structure was being read.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// An operation of the provider failed that should not.
    #[error("cryptographic operation failed: {operation}")]
    Operation {
        /// Which one.
        operation: &'static str,
    },
    /// Sealed bytes were opened with the wrong key or were changed.
    #[error("cannot open the sealed secret: wrong master key, or the bytes were changed")]
    Seal,
    /// The signature is not one of this message by this key.
    #[error("signature does not match")]
    Signature,
    /// The data do not decrypt under this key.
    #[error("cannot decrypt")]
    Decrypt,
    /// We do not have this algorithm or key size.
    #[error("algorithm not supported: {what}")]
    Unsupported {
        /// Which one.
        what: String,
    },
    /// The algorithm or key is too weak for this use; `verify_weak` would check it.
    #[error("algorithm too weak: {what}")]
    Weak {
        /// Which one.
        what: String,
    },
}

impl Error {
    /// Returns the error for an operation that has no reason to fail.
    pub(crate) fn operation(operation: &'static str) -> Self {
        Self::Operation { operation }
    }
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Decrypt => &DECRYPT,
            Self::KeyMismatch { .. } => &KEY_MISMATCH,
            Self::KeyRejected { .. } => &KEY_REJECTED,
            Self::Operation { .. } => &OPERATION,
            Self::Seal => &SEAL,
            Self::Signature => &SIGNATURE,
            Self::Unsupported { .. } => &UNSUPPORTED,
            Self::Weak { .. } => &WEAK,
        }
    }
}

/// Every code of this crate.
pub const CODES: &[&Code] =
    &[&DECRYPT, &KEY_MISMATCH, &KEY_REJECTED, &OPERATION, &SEAL, &SIGNATURE, &UNSUPPORTED, &WEAK];

static DECRYPT: Code = Code {
    id: "crypto.decrypt",
    fault: Fault::Partner,
    retry: Retry::Never,
    reply: "554 5.7.5",
    summary: "the data do not decrypt under this key",
    help: "Ask the sender to encrypt to the current certificate and to send the message again. The reason is not given \
           on purpose: it would help an attacker to recover messages.",
};

static KEY_MISMATCH: Code = Code {
    id: "crypto.key_mismatch",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.5",
    summary: "a key was asked to do what its kind cannot",
    help: "Check that the certificate and the key named in the message belong together and fit the use: RSA or EC for \
           encryption, RSA, EC or Ed25519 for signing.",
};

static KEY_REJECTED: Code = Code {
    id: "crypto.key_rejected",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.5",
    summary: "the bytes are no key that can be used",
    help: "Convert the private key to unencrypted PKCS#8 DER or PEM (`openssl pkcs8 -topk8 -nocrypt`). Accepted are RSA \
           with 2048 to 8192 bits (from 1024 to read old mail), EC on P-256, P-384 or P-521, Ed25519, X25519, ML-DSA \
           and ML-KEM.",
};

static OPERATION: Code = Code {
    id: "crypto.operation",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.0",
    summary: "the cryptographic provider failed",
    help: "Look for memory exhaustion or a broken random source on this machine; the operation itself cannot fail \
           otherwise. Report it if it happens again.",
};

static SEAL: Code = Code {
    id: "crypto.seal",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.0",
    summary: "a sealed secret does not open",
    help: "Check that the master key file or passphrase is the one this data directory was made with. If it is, the \
           database was damaged or changed: restore it from a backup.",
};

static SIGNATURE: Code = Code {
    id: "crypto.signature",
    fault: Fault::Partner,
    retry: Retry::Never,
    reply: "550 5.7.7",
    summary: "the signature does not match",
    help: "Ask the signer to send it again: the signed bytes were changed on the way, or another key signed them.",
};

static UNSUPPORTED: Code = Code {
    id: "crypto.unsupported",
    fault: Fault::Partner,
    retry: Retry::Never,
    reply: "550 5.7.6",
    summary: "the algorithm or key size is not supported",
    help: "Ask the partner to use RSA with 2048 bits or more, or EC on P-256, P-384 or P-521, with SHA-2 and AES.",
};

static WEAK: Code = Code {
    id: "crypto.weak",
    fault: Fault::Partner,
    retry: Retry::Never,
    reply: "550 5.7.6",
    summary: "the algorithm or key is too weak to be relied on",
    help: "Ask the partner to renew the key and to update the program: MD5, SHA-1 and RSA keys under 2048 bits can be \
           forged, RC2 and triple DES can be broken.",
};
