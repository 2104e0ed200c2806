//! Forms the answer in one word, and decides what must not be released.

use std::io;

use chancery_mail::address::Mailbox;

use crate::{
    error,
    open::{
        Conclusion, damage, is_good_for_from,
        judge::{self, MAX_SIGNERS},
        layers::{Content, Layer},
        remarks, remote, signature,
    },
    verdict::{Outcome, Problem, SignerVerdict},
};

impl Conclusion<'_, '_> {
    /// Returns true if every signature over the content has at least one signer for whom it is right.
    pub(super) fn is_signature_good(&self) -> bool {
        self.peeled.layers.iter().skip(self.peeled.inside_encryption()).all(|layer| match layer {
            Layer::Signed(report) => report.as_ref().is_some_and(signature::is_good),
            Layer::Encrypted(_) | Layer::PartlySigned(_) => true,
        })
    }

    /// Returns true if no signature over the content is wrong, only such that we cannot check.
    fn is_only_unchecked(&self) -> bool {
        self.peeled.layers.iter().skip(self.peeled.inside_encryption()).all(|layer| match layer {
            Layer::Signed(Some(report)) => {
                signature::is_good(report) || signature::is_unknown(report)
            }
            Layer::Signed(None) => false,
            Layer::Encrypted(_) | Layer::PartlySigned(_) => true,
        })
    }

    /// Forms the answer in one word, and notes what speaks against a better one.
    pub(super) fn outcome(&mut self, authors: &[Mailbox], signers: &[SignerVerdict]) -> Outcome {
        if self.peeled.layers.is_empty() {
            return if self.peeled.is_partial { Outcome::Unverified } else { Outcome::Unprotected };
        }
        let is_signed = |layer: &Layer| matches!(layer, Layer::Signed(_) | Layer::PartlySigned(_));
        let is_covered =
            self.peeled.layers.iter().skip(self.peeled.inside_encryption()).any(is_signed);
        match (is_covered, self.peeled.layers.iter().any(is_signed)) {
            (true, _) => {}
            (false, true) => {
                self.complain(&error::SIGNED_OUTSIDE, "the signature lies around the encryption");
            }
            (false, false) => {
                self.complain(&error::NOT_SIGNED, "the message is encrypted but nobody signed it");
            }
        }
        let is_any_broken = self.note_signers(signers);
        if !self.is_signature_good() {
            return if self.is_only_unchecked() { Outcome::Unverified } else { Outcome::Failed };
        }
        let is_believed = signers.iter().any(is_good_for_from) && !authors.is_empty();
        let is_doubtful =
            self.peeled.is_partial || self.peeled.is_ambiguous || self.is_from_changed;
        if is_believed && !is_any_broken && !is_doubtful {
            return Outcome::Verified;
        }
        Outcome::Unverified
    }

    /// Notes the problems of all signers; returns true if a layer has no signer for whom it is right, or if one signature
    /// of it fits and another does not.
    fn note_signers(&mut self, signers: &[SignerVerdict]) -> bool {
        let (mut problems, mut remarks): (Vec<Problem>, Vec<Problem>) = (Vec::new(), Vec::new());
        let mut is_any_broken = false;
        for layer in &self.peeled.layers {
            let (Layer::Signed(report) | Layer::PartlySigned(report)) = layer else { continue };
            is_any_broken |= !report.as_ref().is_some_and(signature::is_good);
            if report.as_ref().is_some_and(signature::disagree) {
                is_any_broken = true;
                problems.push(Problem::new(
                    &error::SIGNERS_DISAGREE,
                    "one signature fits the content and another one does not",
                ));
            }
            for signer in report.iter().flat_map(|report| &report.signers).take(MAX_SIGNERS) {
                problems.extend(judge::problems_of_signature(signer));
                remarks.extend(remarks::on_signer(signer, self.judge.facts.at));
            }
        }
        problems.extend(signers.iter().filter_map(judge::problem_of));
        problems.extend(remarks);
        for problem in problems.into_iter().take(MAX_SIGNERS) {
            if !self.peeled.problems.contains(&problem) {
                self.peeled.problems.push(problem);
            }
        }
        is_any_broken
    }

    /// Returns true if the content was decrypted with a cipher that does not notice changes, and looks changed.
    ///
    /// To the outside this is the same as content that does not decrypt: whether the padding fits must not show.
    ///
    /// Two signs: a signature inside that does not fit; or, without one that could be checked, a header or a text with bytes
    /// that no mail program writes. Whoever makes a message into something that leaks rewrites blocks of it, and each
    /// rewritten block of CBC garbles its neighbour (Efail, section 4 of the paper).
    pub(super) fn must_withhold(&mut self, content: &mut Content<'_>) -> io::Result<bool> {
        if !self.is_unauthenticated() {
            return Ok(false);
        }
        let is_good = self.is_signature_good();
        let why = if !is_good && !self.is_only_unchecked() {
            "the signature inside does not fit what was decrypted"
        } else if is_good && self.peeled.is_signed_inside() {
            return Ok(false);
        } else if !content.head.is_clean() {
            "the header inside has bytes that no mail program writes"
        } else if damage::is_damaged(content)? {
            "a text inside has bytes that cannot stand in it"
        } else {
            return Ok(false);
        };
        self.complain(&error::CONTENT_WITHHELD, why);
        Ok(true)
    }

    /// Returns true if a layer was decrypted with a cipher that does not notice changes.
    fn is_unauthenticated(&self) -> bool {
        self.peeled
            .layers
            .iter()
            .any(|layer| matches!(layer, Layer::Encrypted(Some(it)) if !it.authenticated))
    }

    /// Notes HTML in decrypted content that would tell somebody else what was decrypted.
    pub(super) fn look_for_efail(&mut self, content: &mut Content<'_>) -> io::Result<()> {
        if self.peeled.inside_encryption() > 0 && remote::has_remote_content(content)? {
            self.complain(
                &error::REMOTE_CONTENT,
                "HTML inside loads something from elsewhere, and nothing proves that the author wrote it",
            );
        }
        Ok(())
    }
}
