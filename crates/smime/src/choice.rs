//! Chooses the content cipher of a message and the way of its key from what is known of the recipients.
//!
//! What is known are [`Statement`]s, each with where it comes from and its time. A partner's card decides. Without one
//! the newest of the signed attribute and the certificate's extension does, so that no old mail can turn the choice back;
//! what the recipient was seen to write only adds to what every program reads. The choice is a value with its reasons.
//!
//! ```text
//!   card ─► newest of attribute, extension ─► default + observed ─► default
//!   every recipient reads it ∩ the policy permits it ─► the best
//! ```

use chancery_crypto::KeyKind;
use chancery_pki::{Certificate, time};
use serde::Serialize;

use crate::{
    capability::{Capabilities, ContentAlgorithm, KeyTransport},
    keys::RecipientKey,
    verdict::EncryptionVerdict,
};

mod reading;
#[cfg(test)]
mod tests;

pub(crate) use reading::Reading;

/// Where something known of a recipient's software comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Nothing is known: what every program since S/MIME 3.1 reads is written.
    Default,
    /// The recipient wrote in this way itself.
    Observed,
    /// The certificate says so (RFC 4262).
    Extension,
    /// A message that the recipient signed says so (RFC 8551 section 2.5.2).
    Attribute,
    /// The partner's card says so.
    Card,
}

/// Something that is known of a recipient's software.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Where from.
    pub source: Source,
    /// When it was said, in Unix seconds.
    pub at: i64,
    /// What.
    pub capabilities: Capabilities,
}

/// The ciphers that may be used at all; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted(Vec<ContentAlgorithm>);

/// The cipher for one message, and the reasons for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Choice {
    /// The content cipher.
    pub cipher: ContentAlgorithm,
    /// Why this one.
    pub why: String,
    /// Who perhaps cannot read it, because nothing better was permitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// What was believed of each recipient.
    pub recipients: Vec<RecipientChoice>,
}

/// What was believed of one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecipientChoice {
    /// SHA-256 of the certificate in hexadecimal.
    pub fingerprint: String,
    /// Where the ciphers are known from.
    pub source: Source,
    /// When that was said, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stated_at: Option<i64>,
    /// The ciphers.
    pub reads: Vec<ContentAlgorithm>,
    /// How the content key is carried.
    pub key_management: KeyTransport,
    /// Where the ways to carry keys are known from.
    pub key_source: Source,
    /// Everything that was considered, in words; what decided comes first.
    pub reasons: Vec<String>,
}

/// Chooses the best cipher that the policy permits and every recipient is known to read.
///
/// All recipients of one message share the content key, so the weakest of them decides. If there is no such cipher, the
/// one that most programs read of those permitted is taken, and the choice says so: never one that is not permitted.
pub fn choose(recipients: &[&RecipientKey], permitted: &Permitted) -> Choice {
    let believed = recipients.iter().map(|it| it.choice().clone()).collect();
    let unread_by = |cipher| recipients.iter().find(move |it| !it.reads(cipher));
    let Some(cipher) = permitted.0.iter().copied().find(|it| unread_by(*it).is_none()) else {
        let cipher = permitted.most_read();
        let why = "the most widely read of those that are permitted".to_owned();
        let warning = unread_by(cipher).map(|who| unsaid(who, cipher));
        return Choice { cipher, why, warning, recipients: believed };
    };
    let best = permitted.0.first().copied().unwrap_or(cipher);
    let why = match unread_by(best) {
        None => "every recipient reads it, the best that is permitted".to_owned(),
        Some(who) => {
            format!("the best that every recipient is known to read: {}", unsaid(who, best))
        }
    };
    Choice { cipher, why, warning: None, recipients: believed }
}

impl Choice {
    /// Returns the choice of a person who names the cipher.
    pub fn named(cipher: ContentAlgorithm, recipients: &[&RecipientKey]) -> Self {
        let unread = recipients.iter().find(|it| !it.reads(cipher));
        Self {
            cipher,
            why: "it was asked for by name".to_owned(),
            warning: unread.map(|who| unsaid(who, cipher)),
            recipients: recipients.iter().map(|it| it.choice().clone()).collect(),
        }
    }
}

impl Permitted {
    /// Permits some ciphers; `None` if it is none.
    pub fn of(ciphers: &[ContentAlgorithm]) -> Option<Self> {
        let permitted = ContentAlgorithm::ALL.into_iter().filter(|it| ciphers.contains(it));
        Some(Self(permitted.collect())).filter(|it| !it.0.is_empty())
    }

    /// Returns the one to use for somebody of whom nothing fitting is known.
    fn most_read(&self) -> ContentAlgorithm {
        let known = MOST_READ.into_iter().find(|it| self.0.contains(it));
        // It is never empty, and all ciphers are in the list.
        known.unwrap_or(ContentAlgorithm::Aes256Gcm)
    }
}

impl Default for Permitted {
    /// Permits everything that we write.
    fn default() -> Self {
        Self(ContentAlgorithm::ALL.to_vec())
    }
}

impl Statement {
    /// Makes what a partner's card of this time says.
    pub fn card(capabilities: Capabilities, at: i64) -> Self {
        Self { source: Source::Card, at, capabilities }
    }

    /// Makes what the capabilities attribute of a message signed at this time says. Whose signature that was is for the
    /// caller to know.
    pub fn attribute<'a>(names: impl IntoIterator<Item = &'a str>, at: i64) -> Self {
        Self { source: Source::Attribute, at, capabilities: Capabilities::of_names(names) }
    }

    /// Makes what follows from how the recipient encrypted at this time: the cipher and the way of the key.
    pub fn observed<'a>(names: impl IntoIterator<Item = &'a str>, at: i64) -> Self {
        Self { source: Source::Observed, at, capabilities: Capabilities::of_names(names) }
    }

    /// Returns the names for [`Statement::observed`] of how a message to us was encrypted.
    pub fn names_of(encryption: &EncryptionVerdict) -> Vec<String> {
        let words: Vec<&str> = encryption.key_management.split(' ').collect();
        let way = match words.as_slice() {
            ["rsa-oaep", digest] => Some(("rsa-oaep", digest)),
            ["ecdh", digest, _wrap] => Some(("ecdh", digest)),
            _ => None,
        };
        let way = way.map(|(name, digest)| format!("{name}-{}", digest.replacen("sha-", "sha", 1)));
        std::iter::once(encryption.cipher.clone()).chain(way).collect()
    }

    /// Returns what the certificate says, if it does.
    pub(crate) fn of_certificate(certificate: &Certificate) -> Option<Self> {
        let names = chancery_cms::capability_names(certificate.smime_capabilities()?);
        Some(Self {
            source: Source::Extension,
            at: certificate.not_before(),
            capabilities: Capabilities::of_names(names.iter().map(String::as_str)),
        })
    }

    /// Says it in words.
    fn describe(&self) -> String {
        let day: String = time::text(self.at).chars().take(DAY).collect();
        let what = match self.source {
            Source::Attribute => "the capabilities in what it signed on",
            Source::Card => "its card of",
            Source::Default => "what is known on",
            Source::Extension => "its certificate of",
            Source::Observed => "what it encrypted itself on",
        };
        let ciphers = self.capabilities.content.iter().map(|it| it.as_str());
        let ways = self.capabilities.key_transport.iter().map(|it| it.as_str());
        let names: Vec<&str> = ciphers.chain(ways).collect();
        let names = if names.is_empty() {
            "nothing that is written today".to_owned()
        } else {
            names.join(", ")
        };
        format!("{what} {day} names {names}")
    }
}

impl RecipientChoice {
    pub(crate) fn new(fingerprint: String, reading: Reading, way: KeyTransport) -> Self {
        Self {
            fingerprint,
            source: reading.content_source,
            stated_at: reading.content_at,
            reads: reading.content,
            key_management: way,
            key_source: reading.key_source,
            reasons: reading.reasons,
        }
    }
}

impl Reading {
    pub(crate) fn key_transport(&self, kind: KeyKind) -> KeyTransport {
        KeyTransport::suited(kind, &self.ways)
    }
}

fn unsaid(who: &RecipientKey, cipher: ContentAlgorithm) -> String {
    let who: String = who.fingerprint().chars().take(SHORT).collect();
    format!("nothing says that {who} reads {}", cipher.as_str())
}

/// Every program since S/MIME 3.1 reads AES in CBC (RFC 8551 section 2.7); it is followed by what newer ones read.
const MOST_READ: [ContentAlgorithm; 5] = [
    ContentAlgorithm::Aes256Cbc,
    ContentAlgorithm::Aes128Cbc,
    ContentAlgorithm::Aes256Gcm,
    ContentAlgorithm::Aes128Gcm,
    ContentAlgorithm::ChaCha20Poly1305,
];

/// The day in `2026-06-01T12:00:00Z`.
const DAY: usize = 10;

/// So much of a fingerprint tells the recipients of one message apart.
const SHORT: usize = 16;
