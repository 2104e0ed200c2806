//! What a decision is made from, one recipient at a time.

use serde::Serialize;

/// Everything [`crate::decide`] looks at for one recipient of an outgoing message.
#[derive(Clone)]
pub struct Facts<'a> {
    /// The message, as seen by this recipient.
    pub message: Message<'a>,
    /// Where this recipient is.
    pub destination: Destination,
}

/// A message and one of its recipients.
#[derive(Clone)]
pub struct Message<'a> {
    /// Envelope sender, `local@domain`; empty for the null sender of notices (RFC 5321 section 4.5.5).
    pub sender: &'a str,
    /// Envelope recipient, `local@domain`.
    pub recipient: &'a str,
    /// Size of the message in octets.
    pub size: u64,
    /// How the message is already protected.
    pub form: Form,
    /// What its `Sensitivity` field says; see [`Sensitivity::of_fields`].
    pub sensitivity: Sensitivity,
    /// The security labels that its signers put on it.
    pub labels: &'a [Label],
    /// Whether an administrator has released it (`chancery queue release`): it is past every demand to `hold`. A
    /// demand to `protect` stays.
    pub released: bool,
    /// Returns the values of all fields with this name, unfolded and decoded (RFC 2047).
    pub header: &'a dyn Fn(&str) -> Vec<FieldValue>,
}

/// A security label in a signature (RFC 2634 section 3). On mail of our own users it is what their program wrote; on mail
/// from outside it counts only if the signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// One that can be read.
    Readable {
        /// The policy as an object identifier with dots.
        policy: String,
        /// 0 unmarked, 1 unclassified, 2 restricted, 3 confidential, 4 secret, 5 top secret, others by the policy.
        classification: Option<u64>,
        /// The privacy mark, or nothing.
        mark: String,
    },
    /// One that cannot be read.
    Unreadable,
}

/// The value of one header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValue {
    /// What could be decoded.
    pub text: String,
    /// Whether that is all of it. What is in an unknown character set counts as whatever a rule to `protect`, `hold` or
    /// `reject` looks for; otherwise nobody would need more than that to get past the rule.
    pub is_whole: bool,
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self { text, is_whole: true }
    }
}

/// What is known about a message and one of its recipients before its content has come.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// As in [`Message::sender`].
    pub sender: &'a str,
    /// As in [`Message::recipient`].
    pub recipient: &'a str,
    /// The size in octets that the client announced (RFC 1870); it binds nobody.
    pub announced_size: Option<u64>,
}

/// Where a recipient of an outgoing message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// In one of our own domains: the message does not cross the internet.
    Internal,
    /// Anywhere else, with what the key book knows about that organisation.
    Outside(PartnerKey),
}

/// What the key book knows about a recipient and its organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartnerKey {
    /// A partner whose encryption key can be used now.
    Usable,
    /// No partner has this domain.
    NoPartner,
    /// A partner, but each of its encryption certificates has expired.
    Expired,
    /// A partner, but its encryption certificate is not valid yet.
    NotYetValid,
    /// A partner, but its key cannot be used; says why in a few words.
    Unsuitable(String),
    /// The recipient has a key of its own that can be used; says why it is this one.
    OfRecipient(String),
    /// Several keys are known for the recipient, and a person must say which is right; says why.
    Review(String),
}

/// How a message is protected before we touch it (by the user's own mail program).
///
/// The gateway must take this from the structure of the message and not from a label alone: a message that only *says*
/// `application/pkcs7-mime` would otherwise satisfy a demand for protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Not protected.
    Plain,
    /// OpenPGP, encrypted (PGP/MIME, RFC 3156 section 4).
    PgpEncrypted,
    /// OpenPGP, signed but readable.
    PgpSigned,
    /// S/MIME, enveloped or authenticated-enveloped data.
    SmimeEncrypted,
    /// S/MIME, signed but readable.
    SmimeSigned,
}

/// The sender's own mark of sensitivity, from the mildest to the strictest (RFC 2156 section 5.3.4, RFC 4021).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// No mark.
    Normal,
    /// `Sensitivity: Personal`.
    Personal,
    /// `Sensitivity: Private`.
    Private,
    /// `Sensitivity: Company-Confidential`.
    CompanyConfidential,
}

impl Message<'_> {
    /// Returns true if this is a notice that must never be answered.
    pub fn is_null_sender(&self) -> bool {
        self.sender.is_empty() || self.sender == "<>"
    }
}

impl Form {
    /// Returns true if only the holder of a key can read the message.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::PgpEncrypted | Self::SmimeEncrypted)
    }

    /// Returns true if the message is signed and everybody can read it.
    pub fn is_signed_only(self) -> bool {
        matches!(self, Self::PgpSigned | Self::SmimeSigned)
    }
}

impl Sensitivity {
    /// Returns the strictest of all `Sensitivity` field values.
    ///
    /// A value that no standard knows still means that the sender asked for care, so it counts as [`Self::Private`].
    pub fn of_fields<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().map(|value| Self::of_field(value.as_ref())).max().unwrap_or(Self::Normal)
    }

    /// Returns the word used in the policy file and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Personal => "personal",
            Self::Private => "private",
            Self::CompanyConfidential => "company-confidential",
        }
    }

    fn of_field(value: &str) -> Self {
        // A comment may follow the word (RFC 5322 section 3.2.2).
        let value = value.split('(').next().unwrap_or_default();
        let word = value.trim().to_ascii_lowercase().replace([' ', '_'], "-");
        match word.as_str() {
            "" | "none" | "normal" => Self::Normal,
            "personal" => Self::Personal,
            "company-confidential" | "confidential" => Self::CompanyConfidential,
            _ => Self::Private,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_sensitivity_wins() {
        for (values, expected) in [
            (&[][..], Sensitivity::Normal),
            (&["Normal"], Sensitivity::Normal),
            (&["personal "], Sensitivity::Personal),
            (&["Private", "Personal"], Sensitivity::Private),
            (&["Company-Confidential"], Sensitivity::CompanyConfidential),
            (&["company confidential", "none"], Sensitivity::CompanyConfidential),
            (&["Company-Confidential (board)"], Sensitivity::CompanyConfidential),
            (&["top secret"], Sensitivity::Private),
        ] {
            assert_eq!(Sensitivity::of_fields(values), expected, "{values:?}");
        }
    }
}
