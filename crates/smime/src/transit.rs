//! A self-test: runs a signed message through what relays are known to do, and says which of it the signature survives.
//!
//! It needs the message in memory a few times over, so it is for samples and for the desk, not for the way of every
//! message.

use std::io::Cursor;

use serde::Serialize;

use crate::{
    error::Result,
    keys::OpeningKey,
    open::{OpenFacts, open},
    spool::MemorySpools,
    trust::NoTrust,
    verdict::Outcome,
};

mod rewritings;

/// Something that relays and lists are known to do to mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rewriting {
    /// Base64 is wrapped at 76 characters (`SendGrid`, from 72).
    Base64Wrapped,
    /// The multipart around everything gets another boundary.
    BoundaryRenamed,
    /// Text in 8 bits becomes quoted-printable (RFC 6152 section 3).
    EightBitEncoded,
    /// Multiparts inside are written anew: blank lines after their last delimiter go, and one line end stays.
    EndsTidied,
    /// A footer is put after the last delimiter.
    FooterAfter,
    /// A footer is put into the first text.
    FooterInText,
    /// `From ` at the start of a line gets a `>` (mbox files).
    FromQuoted,
    /// The fields of the message's header are folded anew.
    HeaderFolded,
    /// A dot at the start of a line is lost or doubled (RFC 5321 section 4.5.2 done twice, or not at all).
    LeadingDotDoubled,
    /// Line ends become LF.
    LineFeeds,
    /// Lines over 998 characters are cut (RFC 5322 section 2.1.1).
    LongLinesCut,
    /// The fields of the parts' headers are folded anew.
    PartHeadersFolded,
    /// Quoted-printable is decoded and encoded by other habits.
    QuotedPrintableWrapped,
    /// A list puts its name before the Subject.
    SubjectTagged,
    /// White space at the end of lines is dropped.
    TrailingSpaceStripped,
}

/// What a rewriting did to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The signature does not fit any more, or the message cannot be opened.
    Breaks,
    /// The bytes changed, and the signature still fits.
    Survives,
    /// There was nothing to rewrite.
    Untouched,
}

/// What one rewriting did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was done.
    pub rewriting: Rewriting,
    /// What came of it.
    pub effect: Effect,
}

/// What a message survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// True if the message is signed and its signature fits as it is; without that the findings mean nothing.
    pub holds: bool,
    /// Every rewriting with its effect.
    pub findings: Vec<Finding>,
}

impl Rewriting {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Base64Wrapped,
        Self::BoundaryRenamed,
        Self::EightBitEncoded,
        Self::EndsTidied,
        Self::FooterAfter,
        Self::FooterInText,
        Self::FromQuoted,
        Self::HeaderFolded,
        Self::LeadingDotDoubled,
        Self::LineFeeds,
        Self::LongLinesCut,
        Self::PartHeadersFolded,
        Self::QuotedPrintableWrapped,
        Self::SubjectTagged,
        Self::TrailingSpaceStripped,
    ];

    /// Rewrites a message as the relay would.
    pub fn apply(self, message: &[u8]) -> Vec<u8> {
        rewritings::apply(self, message)
    }
}

impl Survey {
    /// Runs a message through all rewritings. `keys` open it if it is encrypted; nobody needs to be trusted, since only
    /// the mathematics of the signature are looked at.
    pub fn of(message: &[u8], keys: &[OpeningKey]) -> Result<Self> {
        let holds = is_intact(message, keys)?;
        let mut findings = Vec::with_capacity(Rewriting::ALL.len());
        for rewriting in Rewriting::ALL {
            let rewritten = rewriting.apply(message);
            let effect = if rewritten == message {
                Effect::Untouched
            } else if is_intact(&rewritten, keys)? {
                Effect::Survives
            } else {
                Effect::Breaks
            };
            findings.push(Finding { rewriting, effect });
        }
        Ok(Self { holds, findings })
    }

    /// Returns the rewritings that break the message.
    pub fn broken_by(&self) -> Vec<Rewriting> {
        let breaks = self.findings.iter().filter(|finding| finding.effect == Effect::Breaks);
        breaks.map(|finding| finding.rewriting).collect()
    }
}

/// Returns true if the message is signed as a whole and the signature fits.
fn is_intact(message: &[u8], keys: &[OpeningKey]) -> Result<bool> {
    let facts = OpenFacts { at: 0, our_domains: &[] };
    let mut spools = MemorySpools::new(message.len().saturating_mul(2).saturating_add(SPARE));
    let opened =
        open(&mut Cursor::new(message), keys, &NoTrust, &facts, &mut spools, &mut std::io::sink())?;
    let verdict = opened.verdict;
    Ok(verdict.result == Outcome::Unverified
        && verdict.partial.is_none()
        && verdict.signers.iter().any(|signer| signer.signature_ok && signer.covers_content))
}

/// What is decrypted is no larger than the message; small ones get some room.
const SPARE: usize = 64 * 1024;
