//! Opens a received message, layer by layer, and forms the verdict.

use std::io::{self, Read, Seek, Write};

use chancery_fault::Code;
use chancery_mail::{
    Span,
    address::{self, Mailbox},
};

use crate::{
    entity::{Entity, Head, Place},
    error::{self, Error, Result},
    header::HeaderForm,
    keys::OpeningKey,
    spool::Spools,
    trust::Trust,
    verdict::{
        HeaderVerdict, Outcome, Problem, ProtectionKind, SignerTrust, SignerVerdict, Verdict,
    },
};

use deliver::Plan;
use fields::sender_of;
use header::Comparison;
use judge::{Judge, MAX_SIGNERS};
use layers::{Content, Layer, Peeled};

mod deliver;
mod fields;
mod header;
mod judge;
mod layers;
mod signature;

/// What the opener needs to know about the world.
#[derive(Clone, Copy, Debug)]
pub struct OpenFacts<'a> {
    /// Now, in Unix seconds.
    pub at: i64,
    /// Our own domains: only an anchor of our own may speak for them.
    pub our_domains: &'a [String],
}

/// What opening a message gave.
#[derive(Debug)]
pub struct Opened {
    /// The verdict.
    pub verdict: Verdict,
    /// What was written to `out`.
    pub delivered: Delivered,
    /// The `Received` fields of the outer header, which a recovered original does not have; for loop detection.
    pub outer_trace: Vec<u8>,
}

/// What [`open`] wrote to `out`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Nothing: deliver the received bytes as they are.
    AsReceived,
    /// Nothing, and nothing may be delivered but what policy says about such mail.
    Nothing,
    /// The message that the sender's gateway protected, byte for byte.
    Original {
        /// Bytes written.
        bytes: u64,
    },
    /// The outer header with the content; fields that were protected stand as the author wrote them.
    Rebuilt {
        /// Bytes written.
        bytes: u64,
    },
}

/// Opens `message` with `keys`, judges it by `trust` and writes what may be delivered to `out`.
///
/// Nothing is written to `out` before all layers were read to their end and their tags and paddings checked.
pub fn open<R: Read + Seek>(
    message: &mut R,
    keys: &[OpeningKey],
    trust: &dyn Trust,
    facts: &OpenFacts<'_>,
    spools: &mut dyn Spools,
    out: &mut dyn Write,
) -> Result<Opened> {
    let mut entity =
        Entity::whole(Place::Message(message)).map_err(Error::io("read the message"))?;
    let outer = entity.head().map_err(Error::io("read the message"))?;
    let peeled = layers::peel(Content { entity, head: outer.clone() }, keys, spools)?;
    conclude(peeled, &outer, &Judge { trust, facts }, out)
}

/// Judges what was peeled, decides what is shown, and writes it.
fn conclude(
    mut peeled: Peeled<'_>,
    outer: &Head,
    judge: &Judge<'_>,
    out: &mut dyn Write,
) -> Result<Opened> {
    let content = peeled.content.take();
    let mut conclusion = Conclusion::new(peeled, judge, outer);
    let outer_trace = trace_of(outer);
    let Some(mut content) = content else {
        let authors = conclusion.outer_authors.clone().unwrap_or_default();
        let signers = conclusion.signers(&authors);
        let verdict = conclusion.verdict(Outcome::Undecipherable, &authors, signers);
        return Ok(Opened { verdict, delivered: Delivered::Nothing, outer_trace });
    };
    let (plan, authors) =
        conclusion.plan(&mut content).map_err(Error::io("read the opened message"))?;
    let signers = conclusion.signers(&authors);
    let outcome = conclusion.outcome(&authors, &signers);
    conclusion.note_header(&authors);
    let is_withheld = outcome != Outcome::Verified && conclusion.must_withhold(&content.head);
    let (outcome, plan) =
        if is_withheld { (Outcome::Undecipherable, Plan::Nothing) } else { (outcome, plan) };
    let written =
        plan.write(&mut content, outer, out).map_err(Error::io("write the opened message"))?;
    if written.has_changed_line_ends {
        conclusion
            .complain(&error::LINE_ENDINGS, "line ends inside that were not CRLF were made CRLF");
    }
    let verdict = conclusion.verdict(outcome, &authors, signers);
    Ok(Opened { verdict, delivered: written.delivered, outer_trace })
}

/// What a verdict is made of.
struct Conclusion<'c, 'm> {
    peeled: Peeled<'m>,
    judge: &'c Judge<'c>,
    outer: &'c Head,
    outer_authors: Authors,
    /// What is protected of the header.
    header: HeaderVerdict,
    /// The Sender that is shown, and whether it can be read.
    sender: Option<std::result::Result<Mailbox, ()>>,
    /// True if From was changed after the message was protected.
    is_from_changed: bool,
}

impl<'c, 'm> Conclusion<'c, 'm> {
    fn new(peeled: Peeled<'m>, judge: &'c Judge<'c>, outer: &'c Head) -> Self {
        Self {
            peeled,
            judge,
            outer,
            outer_authors: authors_of(outer),
            header: Comparison::default().verdict(HeaderForm::None, false),
            sender: sender_of(outer.block()),
            is_from_changed: false,
        }
    }

    /// Decides what will be shown, and who its authors are.
    fn plan(&mut self, content: &mut Content<'_>) -> io::Result<(Plan, Vec<Mailbox>)> {
        let unwrapped = self.unwrapped(content)?;
        let (plan, authors) = match unwrapped {
            Some((span, authors)) => (Plan::Original(span), authors),
            None => self.in_place(content)?,
        };
        match authors {
            Ok(authors) => Ok((plan, authors)),
            Err(error) => {
                if !self.peeled.layers.is_empty() {
                    self.complain(&error::FROM_AMBIGUOUS, error.to_string());
                }
                Ok((plan, Vec::new()))
            }
        }
    }

    /// Returns the place and the authors of the wrapped message, if there is one and it may take the place of the
    /// received message.
    ///
    /// It may if it has the same From as the wrapper, which the network has already judged; or if somebody signed it
    /// who may speak for the From inside. Else anybody could put any From in front of our users by encrypting it.
    fn unwrapped(&mut self, content: &mut Content<'_>) -> io::Result<Option<(Span, Authors)>> {
        if self.peeled.layers.is_empty()
            || self.peeled.is_partial
            || !content.head.is_wrapped_message()
        {
            return Ok(None);
        }
        if content.entity.is_received() && !self.is_signature_good() {
            return Ok(None);
        }
        let span = Span { start: content.head.body, end: content.entity.span.end };
        let inner = content.entity.head_of(span)?;
        if !inner.is_whole {
            self.complain(
                &error::HEADER_TOO_LARGE,
                "the header of the protected message is larger than 256 KiB",
            );
            self.peeled.is_ambiguous = true;
        }
        let authors = authors_of(&inner);
        let (may_replace, is_same) = match (&self.outer_authors, &authors) {
            (Ok(outer), Ok(inner)) if deliver::agree(outer, inner) => (true, true),
            (_, Ok(inner)) => (self.signers(inner).iter().any(is_good_for_from), false),
            // Nobody can speak for it, but a partner wrapped it as it was; it is shown, and not believed.
            (_, Err(_)) => (self.signers(&[]).iter().any(is_partners), true),
        };
        if !is_same {
            self.complain(
                &error::FROM_DIFFERS,
                "From of the protected message is not the From outside",
            );
        }
        if may_replace {
            self.compare(HeaderForm::Wrapped, inner.block());
            self.sender = sender_of(inner.block());
        }
        Ok(may_replace.then_some((span, authors)))
    }

    /// Judges the signers of all layers, the innermost first.
    fn signers(&self, authors: &[Mailbox]) -> Vec<SignerVerdict> {
        let inside = self.peeled.inside_encryption();
        let mut signers = Vec::new();
        for (number, layer) in self.peeled.layers.iter().enumerate().rev() {
            match layer {
                Layer::Signed(Some(report)) => {
                    signers.extend(self.judge.signers(report, authors, number >= inside));
                }
                Layer::PartlySigned(Some(report)) => {
                    signers.extend(self.judge.signers(report, authors, false));
                }
                _ => {}
            }
        }
        signers.truncate(MAX_SIGNERS);
        signers
    }

    /// Returns true if every signature over the content has at least one signer for whom it is right.
    fn is_signature_good(&self) -> bool {
        self.peeled.layers.iter().skip(self.peeled.inside_encryption()).all(|layer| match layer {
            Layer::Signed(report) => report.as_ref().is_some_and(signature::is_good),
            Layer::Encrypted(_) | Layer::PartlySigned(_) => true,
        })
    }

    /// Forms the answer in one word, and notes what speaks against a better one.
    fn outcome(&mut self, authors: &[Mailbox], signers: &[SignerVerdict]) -> Outcome {
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
            return Outcome::Failed;
        }
        let is_believed = signers.iter().any(is_good_for_from) && !authors.is_empty();
        let is_doubtful =
            self.peeled.is_partial || self.peeled.is_ambiguous || self.is_from_changed;
        if is_believed && !is_any_broken && !is_doubtful {
            return Outcome::Verified;
        }
        Outcome::Unverified
    }

    /// Notes the problems of all signers; returns true if a layer has no signer for whom it is right.
    fn note_signers(&mut self, signers: &[SignerVerdict]) -> bool {
        let mut problems: Vec<Problem> = Vec::new();
        let mut is_any_broken = false;
        for layer in &self.peeled.layers {
            let (Layer::Signed(report) | Layer::PartlySigned(report)) = layer else { continue };
            is_any_broken |= !report.as_ref().is_some_and(signature::is_good);
            for signer in report.iter().flat_map(|report| &report.signers).take(MAX_SIGNERS) {
                problems.extend(judge::problems_of_signature(signer));
            }
        }
        problems.extend(signers.iter().filter_map(judge::problem_of));
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
    /// Two signs: a signature inside that does not fit; or, without one, a header with bytes that no mail program
    /// writes. To turn a signed message into something that leaks, an attacker must rewrite the header inside, and
    /// each rewritten block of CBC garbles its neighbour (Efail, section 4 of the paper).
    fn must_withhold(&mut self, head: &Head) -> bool {
        let is_unauthenticated =
            |layer: &Layer| matches!(layer, Layer::Encrypted(Some(it)) if !it.authenticated);
        if !self.peeled.layers.iter().any(is_unauthenticated) {
            return false;
        }
        let why = if !self.is_signature_good() {
            "the signature inside does not fit what was decrypted"
        } else if !self.peeled.is_signed_inside() && !head.is_clean() {
            "the header inside has bytes that no mail program writes"
        } else {
            return false;
        };
        self.complain(&error::CONTENT_WITHHELD, why);
        true
    }

    fn complain(&mut self, code: &'static Code, text: impl Into<String>) {
        self.peeled.problems.push(Problem::new(code, text));
    }

    fn verdict(self, result: Outcome, authors: &[Mailbox], signers: Vec<SignerVerdict>) -> Verdict {
        let layers = &self.peeled.layers;
        let is_encrypted = layers.iter().any(|layer| matches!(layer, Layer::Encrypted(_)));
        let is_signed = layers.iter().any(|layer| !matches!(layer, Layer::Encrypted(_)));
        let encryption = layers.iter().rev().find_map(|layer| match layer {
            Layer::Encrypted(encryption) => encryption.clone(),
            Layer::PartlySigned(_) | Layer::Signed(_) => None,
        });
        Verdict {
            result,
            protection: match (is_signed, is_encrypted) {
                (false, false) => ProtectionKind::None,
                (true, false) => ProtectionKind::Signed,
                (false, true) => ProtectionKind::Encrypted,
                (true, true) => ProtectionKind::SignedEncrypted,
            },
            form: self.peeled.names.join(" > "),
            from: authors
                .iter()
                .take(MAX_AUTHORS)
                .map(|author| author.address.to_string())
                .collect(),
            signers,
            encryption,
            header: self.header,
            problems: self.peeled.problems,
        }
    }
}

type Authors = std::result::Result<Vec<Mailbox>, chancery_mail::Error>;

/// Returns the authors of a message, if its header can be read at all.
fn authors_of(head: &Head) -> Authors {
    address::authors(&head.block())
}

/// Returns the trace fields of a header (RFC 5321 section 4.4).
fn trace_of(head: &Head) -> Vec<u8> {
    let mut trace = Vec::new();
    for field in head.block().all("Received") {
        if trace.len() + field.raw.len() <= MAX_TRACE {
            trace.extend_from_slice(field.raw);
        }
    }
    trace
}

/// Returns true if the signature is right, over the content, and its maker may speak for From.
fn is_good_for_from(signer: &SignerVerdict) -> bool {
    is_partners(signer) && signer.speaks_for_from
}

/// Returns true if the signature is right, over the content, and its maker is a partner or we.
fn is_partners(signer: &SignerVerdict) -> bool {
    signer.signature_ok
        && !signer.is_weak
        && signer.covers_content
        && matches!(signer.trust, SignerTrust::Own | SignerTrust::Partner)
}

/// Authors reported at most.
const MAX_AUTHORS: usize = 32;

/// Trace fields returned at most: a hundred hops of long lines.
const MAX_TRACE: usize = 64 * 1024;
