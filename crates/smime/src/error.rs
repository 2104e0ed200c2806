//! Errors of this crate, and the stable codes of everything a verdict can complain about.

use std::io;

use chancery_fault::{Code, Coded, Fault, Retry};

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a message could not be protected, signed or looked at.
///
/// A bad message is not an error: [`open`](crate::open()) tells about it in its verdict. An error means that the work
/// could not be done at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A CMS structure could not be made.
    #[error("cannot make the CMS structure: {0}")]
    Cms(#[source] chancery_cms::Error),
    /// The header is larger than what can be looked at.
    #[error("cannot sign a message with a header over 256 KiB")]
    HeaderTooLarge,
    /// Reading the message, writing the result or using the spool failed.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The media type of the message cannot be read in one way only.
    #[error("cannot protect a message in place: its media type is not clear")]
    MediaType,
    /// There is nobody to encrypt to.
    #[error("cannot protect a message for nobody")]
    NoRecipient,
    /// A recipient's certificate cannot be used for encryption.
    #[error("cannot encrypt to certificate {fingerprint}: {why}")]
    RecipientCertificate {
        /// SHA-256 of the certificate.
        fingerprint: String,
        /// What is wrong with it.
        why: String,
    },
    /// Our own key and certificate cannot be used.
    #[error("cannot use our own key: {why}")]
    OwnKey {
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        match self {
            Self::Cms(error) => error.code(),
            Self::HeaderTooLarge => &HEADER_TOO_LARGE,
            Self::Io { .. } => &IO,
            Self::MediaType => &MEDIA_TYPE,
            Self::NoRecipient => &NO_RECIPIENT,
            Self::OwnKey { .. } => &OWN_KEY,
            Self::RecipientCertificate { .. } => &RECIPIENT_CERTIFICATE,
        }
    }
}

macro_rules! codes {
    ($($name:ident: $id:literal, $fault:ident, $retry:ident, $reply:literal, $summary:literal, $help:literal;)*) => {
        $(
            pub(crate) static $name: Code = Code {
                id: $id,
                fault: Fault::$fault,
                retry: Retry::$retry,
                reply: $reply,
                summary: $summary,
                help: $help,
            };
        )*
        /// All codes of this crate, for `chancery explain` and the reference.
        pub const CODES: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    CERTIFICATE_EXPIRED: "smime.certificate_expired", Partner, Later, "550 5.7.1",
        "the signer's certificate is out of its time",
        "The signature is mathematically right, but the certificate of the signer, or of the authority that issued it, \
         was not valid at the time of checking. Ask the partner to renew it and \
         to send a new card. Until then its mail is shown as unverified.";
    CERTIFICATE_REVOKED: "smime.certificate_revoked", Partner, Never, "550 5.7.1",
        "the signer's certificate was revoked",
        "The authority that issued the certificate of the signer, or one above it, says that it must not be believed any more. \
         The verdict names the list or response that says so. Ask the partner, by another way than mail, what happened to the \
         key, and for a new card.";
    CERTIFICATES_ONLY: "smime.certificates_only", Sender, Never, "550 5.6.0",
        "the message has certificates only",
        "The message is a bag of certificates (RFC 8551 section 3.8). There is nothing in it to read or to verify; the mail \
         program can offer to keep the certificates.";
    CIPHER_UNAUTHENTICATED: "smime.cipher_unauthenticated", Partner, Never, "550 5.7.7",
        "the cipher does not notice changes",
        "The message came as enveloped-data with a CBC cipher. Such a cipher hides the text but does not notice when \
         somebody changes it on the way; only a good signature inside does. Ask the partner to state AES-256-GCM in its card.";
    CONTENT_WITHHELD: "smime.content_withheld", Partner, Never, "550 5.7.7",
        "the decrypted content was changed and is not released",
        "The message was decrypted with a cipher that does not notice changes, and the signature inside does not fit or \
         is damaged, or the content has bytes that cannot stand in such a text. This is what an attack on the encryption looks like, so the content is not released to anybody. \
         Ask the sender to send it again; compare the two decision records if it happens again.";
    COUNTER_SIGNATURE_BAD: "smime.counter_signature_bad", Sender, Never, "550 5.7.7",
        "a counter-signature does not fit the signature",
        "Somebody's signature over the signer's signature (RFC 5652 section 11.4) is not one of this signature: it was taken from \
         another message, damaged or forged. It is not part of what the signer signed, and the signer's own signature counts as \
         before. Do not rely on what the counter-signature should prove, such as that somebody else had seen the message.";
    ENCRYPTED_BY_OTHER: "smime.encrypted_by_other", Partner, Never, "550 5.7.1",
        "the message was sent readable, and somebody else encrypted it",
        "The signer says in the signed content that the message was sent without encryption (hp=\"clear\", RFC 9788), and it came \
         encrypted: somebody who could read it on the way encrypted it to us. The signature counts; the text was not secret, so \
         the message does not meet a demand for protection.";
    ENCRYPTION_UNSUPPORTED: "smime.encryption_unsupported", Partner, Never, "550 5.7.6",
        "the message is encrypted in a way that is not supported",
        "The cipher, the way in which its key is carried, or the structure around it is not one that is read here, or is larger \
         than any that mail programs make. The message says so in clear, before any key is used, so that nothing is wrong with \
         our keys or with the message. Ask the sender to encrypt with AES and RSA, or with an elliptic curve of NIST.";
    FROM_AMBIGUOUS: "smime.from_ambiguous", Sender, Never, "550 5.7.1",
        "the message has no single clear From",
        "From is missing, occurs more than once or cannot be read, so that mail programs may show different senders. \
         No signature is believed for it. Ask the sender to mend the program that wrote the message.";
    FROM_DIFFERS: "smime.from_differs", Sender, Never, "550 5.7.1",
        "the From inside of the protection and the one outside differ",
        "The protected message has another From than the wrapper it came in. The verdict speaks only about the From that \
         is shown. Mailing lists and forwarders cause this without bad intent; see the form and the signer in the verdict.";
    FROM_LOOKALIKE: "smime.from_lookalike", Sender, Never, "550 5.7.1",
        "the domain in From looks like another domain",
        "Letters of another script stand in the domain of the author's address in place of Latin ones, so that it reads like a \
         domain that it is not. The verdict is about the domain as it is written. Ask the sender in another way whether the \
         domain is theirs.";
    FROM_MISLEADING: "smime.from_misleading", Sender, Never, "550 5.7.1",
        "the name in From shows another address",
        "The name beside the author's address is or has an address of somebody else, for whom no signer speaks. Many mail \
         programs show the name alone, so the signature is not believed. Treat the message as an attempt to deceive, unless \
         you know the sender for such names.";
    HEADER_DIFFERS: "smime.header_differs", Sender, Never, "550 5.7.1",
        "fields of the header are not those that were protected",
        "The author protected the header (RFC 9788), and outside of the protection some fields stand in another way: a mailing \
         list or a forwarder changed them, or somebody who meant to deceive. What is delivered has the fields as the author \
         wrote them. The verdict names the fields.";
    HEADER_NOT_COVERED: "smime.header_not_covered", Partner, Never, "550 5.7.1",
        "the signature does not cover the header",
        "The signature covers the content of the message. From, Subject and the other fields lie outside of it and could be \
         changed on the way; that From belongs to the signer was checked, as far as the signer's certificate names an \
         address or a domain. Ask the sender to turn on header protection (RFC 9788).";
    HEADER_TOO_LARGE: "smime.header_too_large", Sender, Never, "550 5.6.0",
        "the header is too large to be looked at",
        "The header of the message, or of a layer inside it, is larger than 256 KiB. The message is not opened and counts \
         as unprotected. Ask the sender what writes such headers.";
    IO: "smime.io", Us, Later, "451 4.3.0",
        "reading or writing the message failed",
        "The spool or the store could not be read or written while a message was protected or opened. Look at the disk \
         space and the system log; the message stays in the queue and is tried again.";
    LINE_ENDINGS: "smime.line_endings", Partner, Never, "550 5.7.7",
        "line ends had to be made CRLF",
        "RFC 8551 section 3.1.1 has text signed with CRLF line ends. Here a relay changed them in a signed part, and the \
         signature is right again with CRLF; or the encrypted content had others, which were made CRLF before delivery, because \
         bare CR and LF can smuggle a second message into the next server. The signature counts. Nothing needs to be done.";
    MALFORMED: "smime.malformed", Partner, Never, "550 5.6.0",
        "the S/MIME structure is damaged, or holds no mail",
        "The message says that it is S/MIME, but the structure inside is of a kind that is not used in mail, or cannot be read to its \
         end: it was cut, re-encoded or never right. Ask the sender to send it again and look for a relay that changes messages.";
    MEDIA_TYPE: "smime.media_type", Sender, Never, "550 5.6.0",
        "the media type of the message is not clear",
        "The message has several Content-Type fields, or one that programs would read in different ways. It cannot be \
         protected in place for a mail program, only as a whole for a gateway. Ask the sender what wrote it.";
    MICALG: "smime.micalg", Partner, Never, "550 5.6.0",
        "the micalg parameter does not fit the signature",
        "The multipart/signed header announces another digest than the signature uses. The signature's own digest counts. \
         Nothing needs to be done.";
    NESTED_NOT_OPENED: "smime.nested_not_opened", Sender, Never, "550 5.7.1",
        "an encrypted part inside an unprotected message was not opened",
        "An encrypted part lies beside unprotected parts. Opening it there would let whoever wrote the other parts read \
         it (the Efail attack), so it stays closed. Ask the sender to encrypt the whole message.";
    NO_RECIPIENT: "smime.no_recipient", Us, Never, "451 4.3.0",
        "there is nobody to encrypt to",
        "A message was to be encrypted without any recipient certificate. This is a fault of the program: report it with \
         the decision record. The message is kept.";
    NOT_FOR_US: "smime.not_for_us", Partner, Never, "550 5.7.5",
        "the message is encrypted to somebody else's certificate",
        "None of our certificates is among the recipients of the encryption. Send the partner our current card with \
         `chancery partner card`, or keep the old key on the ring if the partner used an old certificate. A message that \
         is encrypted to a person's own certificate is meant to be opened by that person's mail program.";
    NOT_SIGNED: "smime.not_signed", Partner, Never, "550 5.7.1",
        "the encrypted message is not signed",
        "Anybody who has our certificate can encrypt to us, so encryption alone says nothing about the sender. Ask the \
         partner to sign before encrypting.";
    OWN_KEY: "smime.own_key", Us, Never, "451 4.3.5",
        "our own key or certificate cannot be used",
        "The private key and the certificate do not belong together or cannot be read. Restore the data directory from a backup, or \
         make new keys with `chancery key renew`.";
    PARTIALLY_PROTECTED: "smime.partially_protected", Sender, Never, "550 5.7.1",
        "only a part of what is shown is signed",
        "The signed part lies beside parts that nobody signed, such as a mailing list's footer. What is shown is more than \
         what was signed, so the signature is not believed for the message.";
    PATH_FAILED: "smime.path_failed", Partner, Never, "550 5.7.1",
        "the signer's certificate breaks a rule",
        "The signer's certificate leads to the partner's authority, but it or a certificate on the way breaks a rule, for example \
         it may not sign mail. The reason is in the verdict. Ask the partner for a right certificate.";
    RECIPIENT_CERTIFICATE: "smime.recipient_certificate", Partner, Never, "451 4.7.5",
        "a recipient's certificate cannot be used for encryption",
        "The certificate in the partner's card cannot be read, or its key cannot be used for encryption. Ask the partner \
         for a new card; the message is held until then.";
    RELABELLED: "smime.relabelled", Partner, Never, "550 5.6.0",
        "a signed message calls itself something else",
        "A relay changed the type multipart/signed to another one. The parts are still there and the signature was checked; \
         mail programs will not see that the message is signed. Look for the relay that rewrites messages.";
    REMOTE_CONTENT: "smime.remote_content", Sender, Never, "550 5.7.7",
        "decrypted HTML would load something from elsewhere",
        "No good signature covers what was decrypted, and it has HTML that loads something from another server when it is \
         shown. An attack on the encryption (Efail) looks like this if the cipher does not notice changes \
         (smime.cipher_unauthenticated), and so does a careless newsletter. Show it without remote content.";
    REVOCATION_UNKNOWN: "smime.revocation_unknown", Partner, Later, "451 4.7.1",
        "nobody says whether the signer's certificate was revoked",
        "The trust in this partner demands that revocation is known, and no revocation list or response of the time could be had. \
         The verdict says what was looked for and where. See whether this host reaches those addresses, or relax the demand with \
         `chancery partner trust`.";
    SENDER_DIFFERS: "smime.sender_differs", Sender, Never, "550 5.7.1",
        "the field Sender names somebody whom the signer does not speak for",
        "Mail programs show such a message as sent by one address on behalf of another. The verdict speaks about From \
         alone. Mailing lists write Sender without bad intent; see whether it is the list you expect.";
    SIGNATURE_BAD: "smime.signature_bad", Sender, Never, "550 5.7.7",
        "the signature does not fit the message",
        "The message was changed after it was signed, or the signature is a forgery. Relays that rewrite messages (footers, \
         re-encoding) cause this too. Ask the sender to send it again encrypted, which relays cannot rewrite.";
    SIGNATURE_MALFORMED: "smime.signature_malformed", Sender, Never, "550 5.6.0",
        "the signed message is not built as RFC 1847 says",
        "A multipart/signed must have exactly two parts, of which the second is the signature. Here a part is missing, empty \
         or too many, or the signature cannot be read. Ask the sender to send it again.";
    SIGNATURE_UNCHECKED: "smime.signature_unchecked", Partner, Never, "550 5.7.1",
        "a signature could not be checked",
        "The signature uses an algorithm that is not known here, or comes without the signer's certificate. Nothing says that \
         the message was changed, and nothing says that it was not.";
    SIGNED_OUTSIDE: "smime.signed_outside", Partner, Never, "550 5.7.1",
        "only the encrypted bytes are signed, not the content",
        "The signature lies around the encryption. Its maker need not have known the content (RFC 8551 section 3.7), so it \
         does not vouch for the author. Ask the partner to sign first and encrypt then.";
    SIGNER_MISMATCH: "smime.signer_mismatch", Sender, Never, "550 5.7.1",
        "a known partner signed, but not one that may speak for From",
        "The signature is right and its maker is known, but the address in From is not one this signer may speak for. Look \
         whether the partner has a domain that its card does not list yet; else treat the message as a forgery.";
    SIGNER_UNKNOWN: "smime.signer_unknown", Partner, Later, "550 5.7.1",
        "nobody we know vouches for the signer",
        "The signature is right, but its certificate does not lead to any partner's authority. Ask the sender's organisation \
         for its card, compare the fingerprint by telephone and run `chancery partner add`.";
    SIGNERS_DISAGREE: "smime.signers_disagree", Sender, Never, "550 5.7.7",
        "one signature fits the message and another one does not",
        "The message has several signatures over the same content, and they do not agree: one of the signers saw another text. \
         None of them is believed. Ask the sender to send the message again.";
    SIGNING_TIME: "smime.signing_time", Sender, Never, "550 5.7.1",
        "the signer states a time that cannot be right",
        "The signer says that it signed before its certificate began, after it ended, or later than now by more than a day. \
         Nobody vouches for that time, and the signature counts as if it stated none: do not take it as the date of anything. \
         A clock that is wrong causes this too; ask the signer to set it.";
    TNEF: "smime.tnef", Sender, Never, "550 5.6.0",
        "the S/MIME message is inside an attachment of Outlook's own format",
        "Exchange packed the message into winmail.dat (application/ms-tnef), which only Outlook opens. If it is the whole \
         message, it was taken out and judged; beside other parts it is left as it is, and what is inside was not checked. Ask \
         the sender's administrator to turn off rich text (TNEF) for mail to the outside: \
         Set-RemoteDomain -TNEFEnabled $false.";
    TOO_DEEP: "smime.too_deep", Sender, Never, "550 5.6.0",
        "there are too many layers of protection",
        "More than eight layers of signatures and encryption lie in each other. What lies deeper is not opened.";
    UNDECIPHERABLE: "smime.undecipherable", Partner, Never, "550 5.7.5",
        "the message cannot be decrypted",
        "The message is encrypted to us, but it cannot be decrypted: it was damaged on the way, or is an attack on the \
         encryption. All causes look the same on purpose. Ask the sender to send it again.";
    WEAK_ALGORITHM: "smime.weak_algorithm", Partner, Never, "550 5.7.1",
        "the signature uses an algorithm that is no longer safe",
        "The signature uses SHA-1 or MD5, for which forgeries can be made. It does not count as verified. Ask the partner to \
         sign with SHA-256 or better.";
    WEAK_ENCRYPTION: "smime.weak_encryption", Partner, Never, "550 5.7.7",
        "the encryption can be broken",
        "The message came with a cipher or a key that can be broken today (triple DES, RC2, RSA under 2048 bits). Somebody who \
         kept it may read it. Ask the partner to encrypt with AES-256-GCM to a current certificate.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_sorted_and_belong_here() {
        assert!(CODES.windows(2).all(|pair| pair[0].id < pair[1].id), "sorted by id, each once");
        for code in CODES {
            assert!(code.id.starts_with("smime."), "{}", code.id);
            assert!(code.help.len() > 60 && code.help.ends_with('.'), "{}", code.id);
            assert!(
                !code.summary.ends_with('.') && code.summary.starts_with(char::is_lowercase),
                "{}",
                code.id
            );
            assert!(!code.help.contains("  "), "{}: stray indentation", code.id);
        }
    }
}
