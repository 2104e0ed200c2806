//! What can go wrong with certificates, each cause with its stable code.

use chancery_fault::{Code, Coded, Fault, Retry};
use thiserror::Error;

use crate::path::Rule;

/// Why a certificate, a key file or an issuing request was refused.
///
/// A path that does not hold is not an error: see [`crate::path::Verdict`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The cryptography refused a key or an operation.
    #[error("cannot {doing}: {source}")]
    Crypto {
        /// What was being done, such as `sign the certificate`.
        doing: &'static str,
        /// The cause.
        source: chancery_crypto::Error,
    },
    /// The answer of an OCSP responder is not one to what was asked.
    #[error("cannot use the answer of the OCSP responder: {reason}")]
    Answer {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A private key in a file is protected by a passphrase, and there is none.
    #[error("cannot read the private key: it is encrypted with a passphrase")]
    KeyEncrypted,
    /// A private key is protected in a way that we do not know.
    #[error("cannot read the private key: its protection is not known here: {what}")]
    KeyProtection {
        /// The algorithm, or what about it.
        what: String,
    },
    /// The bytes are not the DER structure that they should be.
    #[error("cannot read {what}: {reason} at byte {offset}")]
    Malformed {
        /// Which structure was being read.
        what: &'static str,
        /// Offset of the offending byte.
        offset: usize,
        /// What was wrong there.
        reason: String,
    },
    /// The passphrase does not open the file.
    #[error("cannot read the private key: the passphrase is wrong, or the file is damaged")]
    Passphrase,
    /// The text holds no usable PEM block.
    #[error("cannot read PEM at byte {offset}: {reason}")]
    Pem {
        /// Offset of the offending line or of the end of the text.
        offset: usize,
        /// What was wrong there.
        reason: &'static str,
    },
    /// An OCSP responder said that it has no answer (RFC 6960 section 4.2.1).
    #[error("cannot learn the status of the certificate: the OCSP responder says {status}")]
    Responder {
        /// The `OCSPResponseStatus`.
        status: &'static str,
    },
    /// A certificate or list cannot be issued as asked.
    #[error("cannot issue: {reason}")]
    Request {
        /// What is wrong with the request.
        reason: String,
    },
}

impl Error {
    /// Wraps an error of the ASN.1 layer, keeping the place.
    pub(crate) fn malformed(what: &'static str, error: der::Error) -> Self {
        let offset = error.position().map_or(0, u32::from);
        Self::Malformed {
            what,
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            reason: error.kind().to_string(),
        }
    }

    /// Says why a request to issue cannot be met.
    pub(crate) fn request(reason: impl Into<String>) -> Self {
        Self::Request { reason: reason.into() }
    }
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Answer { .. } => &OCSP_ANSWER,
            Self::Crypto { source, .. } => source.code(),
            Self::KeyEncrypted => &KEY_ENCRYPTED,
            Self::KeyProtection { .. } => &KEY_PROTECTION,
            Self::Passphrase => &PASSPHRASE,
            Self::Malformed { .. } => &MALFORMED,
            Self::Pem { .. } => &PEM,
            Self::Request { .. } => &REQUEST,
            Self::Responder { .. } => &OCSP_RESPONDER,
        }
    }
}

/// All codes of this crate: its errors and the rules of path checking.
pub const CODES: &[&Code] = &[
    &KEY_ENCRYPTED,
    &KEY_PROTECTION,
    &MALFORMED,
    &OCSP_ANSWER,
    &OCSP_RESPONDER,
    &PASSPHRASE,
    &PEM,
    &REQUEST,
    Rule::Address.code(),
    Rule::Algorithm.code(),
    Rule::BasicConstraints.code(),
    Rule::Budget.code(),
    Rule::Expired.code(),
    Rule::ExtendedKeyUsage.code(),
    Rule::KeyCertSign.code(),
    Rule::KeyUsage.code(),
    Rule::NameConstraints.code(),
    Rule::NoAnchor.code(),
    Rule::NotYetValid.code(),
    Rule::PathLength.code(),
    Rule::Policy.code(),
    Rule::PolicyMapping.code(),
    Rule::RevocationUnknown.code(),
    Rule::Revoked.code(),
    Rule::Signature.code(),
    Rule::UnknownCriticalExtension.code(),
];

static KEY_ENCRYPTED: Code = Code {
    id: "pki.key_encrypted",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.3.5",
    summary: "the private key file is protected by a passphrase",
    help: "Give the passphrase (`--passphrase-file` of `chancery message`), or convert the key with \
           `openssl pkcs8 -topk8 -nocrypt -in key.pem -out plain.pem`, import it, and delete the plain copy; Chancery seals keys \
           under its own master key.",
};

static KEY_PROTECTION: Code = Code {
    id: "pki.key_protection",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.3.5",
    summary: "a private key is protected in a way that is not known here",
    help: "Export the key again with AES and PBKDF2, which every current program writes: \
           `openssl pkcs12 -export -in cert.pem -inkey key.pem -out key.p12`. Known are PBES2 with AES or triple DES, and the older \
           schemes of PKCS#12 with triple DES and RC2.",
};

static PASSPHRASE: Code = Code {
    id: "pki.passphrase",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.3.5",
    summary: "the passphrase does not open the private key",
    help: "Look whether it is the passphrase of this file: the first line of the file that `--passphrase-file` names counts, without \
           its line end. If it is, the file was damaged; export the key again.",
};

static MALFORMED: Code = Code {
    id: "pki.malformed",
    fault: Fault::Partner,
    retry: Retry::Never,
    reply: "550 5.7.5",
    summary: "a certificate or key is not valid DER",
    help: "Ask for the certificate again, in PEM or DER. The message names the structure and the byte where reading stopped; \
           `openssl asn1parse -inform DER -in FILE` shows what is there.",
};

static OCSP_ANSWER: Code = Code {
    id: "pki.ocsp.answer",
    fault: Fault::Partner,
    retry: Retry::Later,
    reply: "451 4.7.5",
    summary: "an OCSP responder answered something that was not asked",
    help: "Ask again. If it stays so, somebody between us and the responder may be replaying old answers; ask the authority whose \
           certificate it is, and use its revocation list until then.",
};

static OCSP_RESPONDER: Code = Code {
    id: "pki.ocsp.responder",
    fault: Fault::Partner,
    retry: Retry::Later,
    reply: "451 4.4.3",
    summary: "an OCSP responder has no answer",
    help: "Ask again later. `unauthorized` means that the responder does not know the authority; `sigRequired` that it answers signed \
           requests only, which are not sent. The revocation list of the authority says the same.",
};

static PEM: Code = Code {
    id: "pki.pem",
    fault: Fault::Partner,
    retry: Retry::Never,
    reply: "550 5.7.5",
    summary: "a text holds no usable PEM block",
    help: "Check that the file has complete `-----BEGIN …-----` and `-----END …-----` lines with the same label and that mail or an \
           editor did not change the lines between them (RFC 7468).",
};

static REQUEST: Code = Code {
    id: "pki.request",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.3.5",
    summary: "a certificate cannot be issued as asked",
    help: "Correct the organisation name, the domains or the validity that the message names: domains are lower-case ASCII names such \
           as `acme.example` (use the `xn--` form for others), and the end of a validity lies after its start.",
};
