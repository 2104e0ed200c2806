//! Says who encrypted a message, as far as somebody says so who is believed.
//!
//! A clear-signed message can be encrypted to us by anybody who reads it on the way, and looks like one that its author
//! kept secret. Two things tell them apart: what the author signed says how it was sent (RFC 9788 section 2.1.1), or the
//! author signed the ciphertext too (triple wrapping, RFC 2634 section 1.1).

use chancery_mail::address::Mailbox;

use crate::{
    entity::Head,
    error,
    header::{says_cipher, says_clear},
    open::{Conclusion, is_good_for_from, layers::Layer},
    verdict::{EncryptedBy, Outcome},
};

impl Conclusion<'_, '_> {
    /// Says who made the innermost encryption; `content` is the header of what lies inside of all layers.
    pub(super) fn encrypted_by(
        &mut self,
        outcome: Outcome,
        authors: &[Mailbox],
        content: &Head,
    ) -> EncryptedBy {
        let inside = self.peeled.inside_encryption();
        // Of what is not verified, nobody is believed.
        if inside == 0 || outcome != Outcome::Verified {
            return EncryptedBy::Unknown;
        }
        let outer = self.peeled.layers.iter().take(inside);
        let is_ciphertext_signed = outer.into_iter().any(|layer| match layer {
            Layer::Signed(Some(report)) => {
                self.judge.signers(report, authors, true).iter().any(is_good_for_from)
            }
            _ => false,
        });
        if is_ciphertext_signed || says_cipher(content.block()) {
            return EncryptedBy::Signer;
        }
        if says_clear(content.block()) {
            self.complain(
                &error::ENCRYPTED_BY_OTHER,
                "the signed content says that it was sent without encryption",
            );
            return EncryptedBy::Other;
        }
        EncryptedBy::Unknown
    }
}
