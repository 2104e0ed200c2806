//! What can go wrong, as one enum with stable codes.

use std::io;

use chancery_fault::{Code, Coded, Fault, Retry};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The signed attribute that protects the choice of algorithms does not match them (RFC 6211).
    #[error("cannot verify the signature: its algorithms are not those that the signer protected")]
    AlgorithmProtection,
    /// A certificate given by the caller cannot be used.
    #[error("cannot use the certificate: {reason}")]
    Certificate {
        /// Why not.
        reason: String,
    },
    /// A cryptographic operation of ours failed.
    #[error(transparent)]
    Crypto(#[from] chancery_crypto::Error),
    /// The message does not decrypt. All causes look the same on purpose.
    #[error("cannot decrypt the message")]
    Decrypt,
    /// Reading or writing failed.
    #[error("cannot read or write the stream: {0}")]
    Io(#[from] io::Error),
    /// The message exceeds a limit that protects us.
    #[error("cannot read the message: more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// The bytes are not well-formed.
    #[error("cannot read the message at byte {offset}: {what}")]
    Malformed {
        /// Where the reader stopped.
        offset: u64,
        /// What was wrong there.
        what: &'static str,
    },
    /// The content does not have the digest that was signed: it was changed.
    #[error("cannot verify the signature: the content was changed after it was signed")]
    MessageDigest,
    /// No certificate for the signer is in the message or was given.
    #[error("cannot verify the signature: no certificate of the signer {signer}")]
    NoCertificate {
        /// The signer's identifier.
        signer: String,
    },
    /// The message is encrypted to other keys than ours.
    #[error("cannot decrypt the message: none of its {recipients} recipients is one of our keys")]
    NotForUs {
        /// How many recipients the message has.
        recipients: usize,
    },
    /// The signature does not match the signed bytes and the signer's key.
    #[error("cannot verify the signature: it does not match")]
    Signature,
    /// The signed attributes contradict the rules (RFC 5652 section 5.3) or the message.
    #[error("cannot verify the signature: {reason}")]
    SignedAttributes {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The signer's certificate is not the one that was signed for (RFC 5035).
    #[error("cannot verify the signature: the signer named another certificate")]
    SigningCertificate,
    /// The message is of another kind than expected.
    #[error("cannot read the message: it is {found}, expected {expected}")]
    UnexpectedContent {
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// An algorithm or a structure that we do not have.
    #[error("cannot process the message: {what} is not supported")]
    Unsupported {
        /// Which one.
        what: String,
    },
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            other => Self::other(other),
        }
    }
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::AlgorithmProtection => &ALGORITHM_PROTECTION,
            Self::Certificate { .. } => &CERTIFICATE,
            Self::Crypto(error) => error.code(),
            Self::Decrypt => &DECRYPT,
            Self::Io(_) => &IO,
            Self::Limit { .. } => &LIMIT,
            Self::Malformed { .. } => &MALFORMED,
            Self::MessageDigest => &MESSAGE_DIGEST,
            Self::NoCertificate { .. } => &NO_CERTIFICATE,
            Self::NotForUs { .. } => &NOT_FOR_US,
            Self::Signature => &SIGNATURE,
            Self::SignedAttributes { .. } => &SIGNED_ATTRIBUTES,
            Self::SigningCertificate => &SIGNING_CERTIFICATE,
            Self::UnexpectedContent { .. } => &UNEXPECTED_CONTENT,
            Self::Unsupported { .. } => &UNSUPPORTED,
        }
    }
}

/// Every code of this crate.
pub const CODES: &[&Code] = &[
    &ALGORITHM_PROTECTION,
    &CERTIFICATE,
    &DECRYPT,
    &IO,
    &LIMIT,
    &MALFORMED,
    &MESSAGE_DIGEST,
    &NO_CERTIFICATE,
    &NOT_FOR_US,
    &SIGNATURE,
    &SIGNED_ATTRIBUTES,
    &SIGNING_CERTIFICATE,
    &UNEXPECTED_CONTENT,
    &UNSUPPORTED,
];

/// Makes a code for a message that a partner sent and that will not get better.
const fn partner(
    id: &'static str,
    reply: &'static str,
    summary: &'static str,
    help: &'static str,
) -> Code {
    Code { id, fault: Fault::Partner, retry: Retry::Never, reply, summary, help }
}

static ALGORITHM_PROTECTION: Code = partner(
    "cms.algorithm_protection",
    "550 5.7.7",
    "the signature's algorithms were swapped",
    "Treat the message as forged: the signer protected the names of the algorithms, and the message names others. Ask \
     the sender by another way whether the message is genuine.",
);

static CERTIFICATE: Code = Code {
    id: "cms.certificate",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.7.5",
    summary: "a certificate in use here cannot be used",
    help: "Check the certificate named in the message: it must be an X.509 certificate with a key that fits the use (RSA \
           and EC for both, Ed25519 and ML-DSA for signing, X25519 and ML-KEM for encryption), and a private key must \
           belong to its certificate.",
};

static DECRYPT: Code = partner(
    "cms.decrypt",
    "554 5.7.5",
    "an encrypted message does not decrypt",
    "Ask the sender to send the message again, encrypted to the current certificate. It was damaged, changed on the \
     way, or encrypted with a wrong key; which of them is not told, because it would help an attacker.",
);

static IO: Code = Code {
    id: "cms.io",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.0",
    summary: "reading or writing failed while a message was processed",
    help: "Check disk space and permissions of the spool directory; the message is tried again.",
};

static LIMIT: Code = partner(
    "cms.limit",
    "550 5.7.7",
    "a message exceeds a limit of the CMS reader",
    "Ask the sender what made the message: its protection has more recipients, signers, certificates or nesting than \
     any mail program produces. The limits protect this server from messages made to exhaust it.",
);

static MALFORMED: Code = partner(
    "cms.malformed",
    "550 5.7.7",
    "a protected message is not well-formed",
    "Ask the sender to send the message again. If it is cut off at the same byte each time, look for a mail server on \
     the way that changes or truncates attachments.",
);

static MESSAGE_DIGEST: Code = partner(
    "cms.message_digest",
    "550 5.7.7",
    "signed content was changed after signing",
    "Look for a server that rewrites messages between the sender and here: footers, mailing lists and line-end \
     conversions break signatures. If there is none, treat the message as forged.",
);

static NO_CERTIFICATE: Code = partner(
    "cms.no_certificate",
    "550 5.7.7",
    "the signer's certificate is missing",
    "Ask the sender to include the signing certificate in signed messages (in OpenSSL: leave out -nocerts), or import \
     it for the partner.",
);

static NOT_FOR_US: Code = partner(
    "cms.not_for_us",
    "550 5.7.5",
    "a message is encrypted, but not to any key here",
    "Send the partner the current partner card: the message was encrypted to a certificate whose key is not here. If \
     the key was here once, import it again to read old mail.",
);

static SIGNATURE: Code = partner(
    "cms.signature",
    "550 5.7.7",
    "a signature does not match",
    "Treat the message as forged or damaged: the signature was not made by the key of the certificate over these \
     bytes. Ask the sender to send it again.",
);

static SIGNED_ATTRIBUTES: Code = partner(
    "cms.signed_attributes",
    "550 5.7.7",
    "signed attributes break the rules",
    "Treat the message as unverified: the attributes that the signature covers are missing, doubled or contradict the \
     content. Ask the sender which program signs there.",
);

static SIGNING_CERTIFICATE: Code = partner(
    "cms.signing_certificate",
    "550 5.7.7",
    "the signer named another certificate than the one in the message",
    "Treat the message as forged: somebody exchanged the certificate. Ask the sender by another way whether the \
     message is genuine.",
);

static UNEXPECTED_CONTENT: Code = partner(
    "cms.unexpected_content",
    "550 5.7.7",
    "a protected message contains another kind of content than it says",
    "Ask the sender which program protects the mail there: the label of the message part and its content disagree.",
);

static UNSUPPORTED: Code = partner(
    "cms.unsupported",
    "550 5.7.6",
    "a protected message uses an algorithm that is not supported",
    "Ask the sender to use AES (CBC or GCM) with RSA or EC keys on P-256, P-384 or P-521, and SHA-2. The message above \
     names what was used instead.",
);
