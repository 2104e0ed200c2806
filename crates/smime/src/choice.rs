//! Chooses the content cipher for one child message from what its recipients can read.

use crate::keys::{Capabilities, ContentAlgorithm};

/// The cipher for one child message, and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The content cipher.
    pub cipher: ContentAlgorithm,
    /// Why, for the decision record.
    pub why: &'static str,
}

/// Chooses AES-256-GCM if every recipient of the child says that it reads it, else AES-256-CBC (RFC 8551 section 2.7).
///
/// All recipients of one message share the content key, so the weakest of them decides.
pub fn choose(recipients: &[&Capabilities]) -> Choice {
    if recipients.is_empty() {
        return Choice {
            cipher: ContentAlgorithm::Aes256Cbc,
            why: "no recipient states what it can read",
        };
    }
    if recipients
        .iter()
        .all(|capabilities| capabilities.content.contains(&ContentAlgorithm::Aes256Gcm))
    {
        return Choice {
            cipher: ContentAlgorithm::Aes256Gcm,
            why: "every recipient reads AES-256-GCM (authEnveloped-data)",
        };
    }
    Choice {
        cipher: ContentAlgorithm::Aes256Cbc,
        why: "a recipient does not state that it reads AES-256-GCM, so AES-256-CBC (enveloped-data)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gcm_needs_the_word_of_every_recipient() {
        let modern = Capabilities::parse(["aes256-gcm", "aes256-cbc"], ["rsa-oaep-sha256"]);
        let old = Capabilities::default();
        assert_eq!(choose(&[&modern, &modern]).cipher, ContentAlgorithm::Aes256Gcm);
        assert_eq!(choose(&[&modern, &old]).cipher, ContentAlgorithm::Aes256Cbc);
        assert_eq!(choose(&[]).cipher, ContentAlgorithm::Aes256Cbc);
    }
}
