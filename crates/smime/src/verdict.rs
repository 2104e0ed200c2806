//! The verdict on one received message: how it was protected, by whom, and what is wrong with it.

use chancery_fault::Code;
use chancery_mail::authentication_results::{self, MethodResult};
use serde::Serialize;

use crate::{error, header::HeaderForm};

pub use path::{PathVerdict, RevocationVerdict};
pub use services::{LabelVerdict, ListVerdict, ReceiptVerdict, RequestVerdict, ServicesVerdict};
pub use unsigned::{CounterSignatureVerdict, UnsignedVerdict};

mod path;
mod services;
mod unsigned;

/// What opening a message found out; its JSON form is stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The answer in one word.
    pub result: Outcome,
    /// How the message was protected on its way.
    pub protection: ProtectionKind,
    /// The layers from the outside in, such as `authenveloped-data > multipart/signed > message/rfc822`.
    pub form: String,
    /// The address or addresses of From that the reader will see; the verdict speaks about these.
    pub from: Vec<String>,
    /// Every signer of every layer, innermost layer first.
    pub signers: Vec<SignerVerdict>,
    /// The innermost encryption; none if there was none, or it did not open.
    pub encryption: Option<EncryptionVerdict>,
    /// Which fields of the header the protection covers.
    pub header: HeaderVerdict,
    /// What is protected if only a part of the message is.
    pub partial: Option<PartialVerdict>,
    /// What the message confirms, if it is a signed receipt (RFC 2634 section 2.8).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptVerdict>,
    /// Everything that is wrong or worth knowing, in the order it was found.
    pub problems: Vec<Problem>,
}

/// Which fields of the header the protection covers (RFC 9788). Names are written as in the standards.
///
/// What the reader sees is what was signed: a covered field is delivered as it stands inside, and one of `added` is
/// not delivered, if the signer may speak for From.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeaderVerdict {
    /// How the header is protected.
    pub form: HeaderForm,
    /// Fields that a right signature covers.
    pub covered: Vec<&'static str>,
    /// Fields that the author hid from the world by encryption.
    pub hidden: Vec<&'static str>,
    /// Fields that stand outside in another way than the author protected and announced them.
    pub differing: Vec<&'static str>,
    /// Fields that somebody added outside.
    pub added: Vec<&'static str>,
}

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Signed over all that is shown, by somebody who may speak for From.
    Verified,
    /// Readable, but nobody we can believe vouches for all of it.
    Unverified,
    /// There is a signature and it is wrong: the message was changed, or is a forgery.
    Failed,
    /// Encrypted, and it cannot be opened; nothing is released.
    Undecipherable,
    /// Not an S/MIME message.
    Unprotected,
}

/// How a message was protected on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ProtectionKind {
    /// Not at all.
    #[serde(rename = "none")]
    None,
    /// Signed in clear.
    #[serde(rename = "signed")]
    Signed,
    /// Encrypted by an unknown hand.
    #[serde(rename = "encrypted")]
    Encrypted,
    /// Signed and encrypted.
    #[serde(rename = "signed+encrypted")]
    SignedEncrypted,
}

/// Which parts of a message are protected, and which are shown beside them, by their numbers in IMAP (`1.2`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartialVerdict {
    /// Parts that are signed or encrypted.
    pub protected: Vec<String>,
    /// Parts that anybody could have written, sixteen at most.
    pub outside: Vec<String>,
}

/// What is known of one signer.
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own in the JSON")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignerVerdict {
    /// Subject of the certificate, or the identifier in the signature if there is no certificate.
    pub subject: String,
    /// Issuer of the certificate.
    pub issuer: String,
    /// Serial number in hexadecimal.
    pub serial: String,
    /// E-mail addresses in the certificate.
    pub emails: Vec<String>,
    /// SHA-256 of the certificate in hexadecimal.
    pub fingerprint: String,
    /// Signature algorithm.
    pub algorithm: String,
    /// Digest algorithm.
    pub digest: String,
    /// The time the signer states, in Unix seconds; nobody vouches for it.
    pub signing_time: Option<i64>,
    /// True if the signature says that it is an organisation's (RFC 3183 section 3.1).
    pub is_domain_signature: bool,
    /// True if the mathematics of the signature are right.
    pub signature_ok: bool,
    /// True if the algorithm or the key is too weak to be believed.
    pub is_weak: bool,
    /// True if the signature is under the encryption, so that its maker knew the content.
    pub covers_content: bool,
    /// Subjects of the certificates from the signer to the anchor.
    pub path: Vec<String>,
    /// What the path says about the signer.
    pub trust: SignerTrust,
    /// The partner whose anchor the path ends in.
    pub partner: Option<String>,
    /// True if this signer may speak for From.
    pub speaks_for_from: bool,
    /// The reason for `trust` and `speaks_for_from` in words.
    pub why: String,
    /// What the path stands on, and which rules it breaks.
    #[serde(skip_serializing_if = "PathVerdict::is_empty")]
    pub validation: PathVerdict,
    /// What the signer asks for, and marks the message with (RFC 2634). As true as the signature.
    #[serde(skip_serializing_if = "ServicesVerdict::is_empty")]
    pub services: ServicesVerdict,
    /// What stands beside the signature and is not covered by it.
    #[serde(skip_serializing_if = "UnsignedVerdict::is_empty")]
    pub unsigned: UnsignedVerdict,
    /// What the signer says that it reads, best first, by name (RFC 8551 section 2.5.2); the first 64.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// The certificate (DER) that it wants to be encrypted to, if it may speak for From and the same anchor vouches for
    /// that certificate (RFC 8551 section 2.5.3).
    #[serde(skip)]
    pub encryption_certificate: Option<Vec<u8>>,
}

/// What the path of a signer's certificate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignerTrust {
    /// The path ends at a partner's anchor.
    Partner,
    /// The path ends at our own anchor.
    Own,
    /// The path ends at an anchor, but the certificate or an issuer is out of its time.
    Expired,
    /// The path ends at an anchor, but breaks a rule.
    PathFailed,
    /// The path ends at an anchor, and the certificate or an issuer was revoked.
    Revoked,
    /// The path ends at an anchor and breaks no rule, but nobody says whether a certificate was revoked, which is demanded.
    RevocationUnknown,
    /// No anchor we know.
    Stranger,
    /// The signature does not come with the signer's certificate.
    NoCertificate,
}

/// What is known of the encryption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EncryptionVerdict {
    /// Content cipher, such as `aes256-gcm`.
    pub cipher: String,
    /// How the content key reached us, such as `rsa-oaep` or `ecdh`.
    pub key_management: String,
    /// True if the cipher notices every change (RFC 5083).
    pub authenticated: bool,
    /// True if the cipher, the wrap of its key, or our own key can be broken today.
    pub is_weak: bool,
    /// SHA-256 of our certificate that opened it, in hexadecimal.
    pub recipient: Option<String>,
    /// Who encrypted it, as far as somebody says so who is believed.
    pub by: EncryptedBy,
}

/// Who encrypted a message. Encryption alone says nothing about it: whoever reads a signed message can encrypt it to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EncryptedBy {
    /// The signer says that the message was sent readable (RFC 9788 section 2.1.1), so somebody else encrypted it.
    Other,
    /// The signer says that the message was sent encrypted (RFC 9788 section 2.1.1), or signed the ciphertext (RFC 2634
    /// section 1.1).
    Signer,
    /// Nobody says so who is believed.
    Unknown,
}

/// One thing that is wrong or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A code of [`CODES`](crate::CODES) or of a layer below.
    pub code: &'static str,
    /// What was found, in words.
    pub text: String,
}

impl Verdict {
    /// Returns true if the list of problems has this code.
    pub fn has_problem(&self, code: &Code) -> bool {
        self.problems.iter().any(|problem| problem.code == code.id)
    }

    /// Returns the verdict for somebody who looks at the message as it was received, and not at what
    /// [`open`](crate::open) writes: there, fields of the header that were changed on the way are seen.
    #[must_use]
    pub fn of_received(mut self) -> Self {
        if self.result == Outcome::Verified && self.has_problem(&error::HEADER_DIFFERS) {
            self.result = Outcome::Unverified;
        }
        self
    }
}

impl Verdict {
    /// Returns the whole `Authentication-Results` field, folded, with its CRLF (RFC 8601, method `smime` of RFC 7281).
    pub fn authentication_results(&self, authserv_id: &str) -> String {
        authentication_results::write(authserv_id, &[self.method_result()])
    }

    /// Returns the result for the field, to write it together with those of other methods.
    pub fn method_result(&self) -> MethodResult {
        let shown =
            self.signers.iter().find(|signer| signer.speaks_for_from).or(self.signers.first());
        let mut properties = Vec::new();
        if let Some(signer) = shown {
            // RFC 7281 section 3.2.
            let identifier = signer.emails.first();
            let texts = [
                ("smime-identifier", identifier),
                ("smime-serial", Some(&signer.serial)),
                ("smime-issuer", Some(&signer.issuer)),
            ];
            for (property, text) in texts {
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    properties.push(("body".to_owned(), property.to_owned(), text.clone()));
                }
            }
        }
        MethodResult {
            method: "smime".to_owned(),
            result: self.result_word().to_owned(),
            reason: self.reason(),
            properties,
        }
    }

    /// Returns the word of RFC 7281 section 3.1.
    fn result_word(&self) -> &'static str {
        match self.result {
            Outcome::Verified => "pass",
            Outcome::Failed if self.has_problem(&error::SIGNATURE_BAD) => "fail",
            Outcome::Failed | Outcome::Undecipherable => "permerror",
            Outcome::Unverified if self.signers.iter().any(|signer| signer.signature_ok) => {
                "policy"
            }
            Outcome::Unverified if self.has_problem(&error::SIGNATURE_UNCHECKED) => "neutral",
            Outcome::Unprotected | Outcome::Unverified => "none",
        }
    }

    /// Returns the code to show to the outside, in a reply or a notice; none if all is well.
    pub fn public_code(&self) -> Option<&'static Code> {
        self.public_problem().map(|(code, _)| code)
    }

    /// Returns the code to show to the outside with what was found, if that can be told; none if all is well.
    ///
    /// It is the same for everything that goes wrong while decrypting, or the sender of changed messages could learn
    /// from it what they decrypt to. What the message says in clear, before any key is used, is told.
    pub fn public_problem(&self) -> Option<(&'static Code, Option<&str>)> {
        let known =
            |problem: &Problem| error::CODES.iter().find(|code| code.id == problem.code).copied();
        match self.result {
            Outcome::Verified | Outcome::Unprotected => None,
            Outcome::Undecipherable => {
                // Once a layer was opened, what lies deeper depends on a key.
                let is_in_clear = |problem: &&Problem| {
                    self.encryption.is_none() && IN_CLEAR.iter().any(|it| it.id == problem.code)
                };
                let told = self.problems.iter().rev().find(is_in_clear);
                told.and_then(|problem| Some((known(problem)?, Some(problem.text.as_str()))))
                    .or(Some((&error::UNDECIPHERABLE, None)))
            }
            Outcome::Failed | Outcome::Unverified => {
                let decisive =
                    |problem: &&Problem| !NOTES.iter().any(|note| note.id == problem.code);
                let problem = self.problems.iter().find(decisive).or(self.problems.first())?;
                Some((known(problem)?, Some(&problem.text)))
            }
        }
    }

    /// Returns why, in a few words and without anything that the sender can choose.
    fn reason(&self) -> Option<String> {
        if self.result == Outcome::Verified {
            let encrypted = match (self.protection, self.encryption.as_ref().map(|it| it.by)) {
                (ProtectionKind::SignedEncrypted, Some(EncryptedBy::Signer)) => ", encrypted",
                (ProtectionKind::SignedEncrypted, Some(EncryptedBy::Other)) => {
                    ", sent readable, encrypted by somebody else"
                }
                (ProtectionKind::SignedEncrypted, _) => ", encrypted by an unknown hand",
                _ => "",
            };
            let uncovered = if self.has_problem(&error::HEADER_NOT_COVERED) {
                ", header not covered"
            } else {
                ""
            };
            return Some(format!(
                "{}{encrypted}{uncovered}",
                self.signers.iter().find(|it| it.speaks_for_from)?.partner.as_ref()?
            ));
        }
        let code = self.public_code()?;
        Some(format!("{}: {}", code.id, code.summary))
    }
}

/// Why a message does not open, as anybody can see who looks at it.
const IN_CLEAR: [&Code; 3] =
    [&error::ENCRYPTION_UNSUPPORTED, &error::MALFORMED, &error::NOT_FOR_US];

/// Problems that do not make a result worse by themselves.
const NOTES: [&Code; 13] = [
    &error::CIPHER_UNAUTHENTICATED,
    &error::COUNTER_SIGNATURE_BAD,
    &error::ENCRYPTED_BY_OTHER,
    &error::FROM_LOOKALIKE,
    &error::HEADER_DIFFERS,
    &error::HEADER_NOT_COVERED,
    &error::LINE_ENDINGS,
    &error::MICALG,
    &error::RELABELLED,
    &error::SENDER_DIFFERS,
    &error::SIGNING_TIME,
    &error::TNEF,
    &error::WEAK_ENCRYPTION,
];

impl Outcome {
    /// Returns the word used in JSON, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unverified => "unverified",
            Self::Failed => "failed",
            Self::Undecipherable => "undecipherable",
            Self::Unprotected => "unprotected",
        }
    }
}

impl EncryptedBy {
    /// Returns what is known in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Other => "the signer sent it readable, and somebody else encrypted it",
            Self::Signer => "the signer vouches for the encryption",
            Self::Unknown => "nobody vouches for who encrypted it",
        }
    }
}

impl ProtectionKind {
    /// Returns the word used in JSON, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Signed => "signed",
            Self::Encrypted => "encrypted",
            Self::SignedEncrypted => "signed+encrypted",
        }
    }
}

impl Problem {
    /// Makes a problem of a code and what was found.
    pub(crate) fn new(code: &'static Code, text: impl Into<String>) -> Self {
        Self { code: code.id, text: text.into() }
    }
}
