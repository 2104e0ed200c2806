//! Opens a received message, layer by layer, and forms the verdict.

use std::io::{self, Read, Seek, Write};

use chancery_cms::{EnvelopeReport, Receipt, SignerReport};
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
    receipt::Asked,
    spool::Spools,
    trust::Trust,
    verdict::{
        HeaderVerdict, Outcome, Problem, ProtectionKind, ReceiptVerdict, SignerTrust,
        SignerVerdict, Verdict,
    },
};

use deliver::Plan;
use fields::sender_of;
use header::Comparison;
use judge::{Judge, MAX_SIGNERS};
use layers::{Content, Layer, Peeled};

mod answer;
mod body;
mod damage;
mod deliver;
mod encrypter;
mod fields;
mod header;
mod html;
mod judge;
mod kind;
mod layers;
mod parts;
mod preference;
mod remarks;
mod remote;
mod signature;
mod tnef;
mod voucher;

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
    /// Requests for signed receipts, if the message is verified (RFC 2634 section 2.7).
    pub asked: Vec<Asked>,
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
    open_by(message, keys, trust, facts, Manner::default(), spools, out)
}

/// In which way a message is opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// True if signatures count that can be forged today.
    pub(crate) accepts_weak: bool,
    /// True if nothing is written of a message that is not encrypted.
    pub(crate) only_encrypted: bool,
}

/// Opens a message in a certain way.
pub(crate) fn open_by<R: Read + Seek>(
    message: &mut R,
    keys: &[OpeningKey],
    trust: &dyn Trust,
    facts: &OpenFacts<'_>,
    manner: Manner,
    spools: &mut dyn Spools,
    out: &mut dyn Write,
) -> Result<Opened> {
    let mut entity =
        Entity::whole(Place::Message(message)).map_err(Error::io("read the message"))?;
    let outer = entity.head().map_err(Error::io("read the message"))?;
    let peeled = layers::peel(Content { entity, head: outer.clone() }, keys, spools)?;
    let judge = Judge { trust, facts, accepts_weak: manner.accepts_weak };
    conclude(peeled, &outer, &judge, manner.only_encrypted, out)
}

/// Examines content that was decrypted apart from a message, the way [`open`] does: the verdict is `undecipherable` if it must
/// not be shown, and names what would tell somebody else what was decrypted.
///
/// `report` says how it was decrypted, with one of `keys`. There is no From for which a signer could speak.
pub fn examine<R: Read + Seek>(
    content: &mut R,
    report: EnvelopeReport,
    keys: &[OpeningKey],
    trust: &dyn Trust,
    facts: &OpenFacts<'_>,
    spools: &mut dyn Spools,
) -> Result<Verdict> {
    let reading = || Error::io("read the decrypted content");
    let mut entity = Entity::whole(Place::Message(content)).map_err(reading())?;
    // Whoever reads it next takes its fields for what they say, whatever stands between them.
    let head = entity.head().map_err(reading())?;
    let has_type = head.block().all("Content-Type").next().is_some();
    let head = if has_type { head } else { entity.inner_head().map_err(reading())? };
    let inside = Content { entity, head: head.clone() };
    let peeled = layers::peel_decrypted(inside, report, keys, spools)?;
    let judge = Judge { trust, facts, accepts_weak: false };
    Ok(conclude(peeled, &head, &judge, false, &mut io::sink())?.verdict)
}

/// Judges what was peeled, decides what is shown, and writes it.
fn conclude(
    mut peeled: Peeled<'_>,
    outer: &Head,
    judge: &Judge<'_>,
    only_encrypted: bool,
    out: &mut dyn Write,
) -> Result<Opened> {
    let content = peeled.content.take();
    let mut conclusion = Conclusion::new(peeled, judge, outer);
    let outer_trace = trace_of(outer);
    let Some(mut content) = content else {
        let authors = conclusion.outer_authors.clone().unwrap_or_default();
        let signers = conclusion.signers(&authors);
        let verdict = conclusion.verdict(Outcome::Undecipherable, &authors, signers);
        let asked = Vec::new();
        return Ok(Opened { verdict, delivered: Delivered::Nothing, outer_trace, asked });
    };
    let (plan, authors) =
        conclusion.plan(&mut content).map_err(Error::io("read the opened message"))?;
    let signers = conclusion.signers(&authors);
    conclusion.look_at_names(&authors);
    let outcome = conclusion.outcome(&authors, &signers);
    conclusion.note_header(&authors);
    let is_withheld = outcome != Outcome::Verified
        && conclusion.must_withhold(&mut content).map_err(Error::io("read the opened message"))?;
    let (outcome, plan) =
        if is_withheld { (Outcome::Undecipherable, Plan::Nothing) } else { (outcome, plan) };
    // What was only packed is unpacked for the reader if it is verified, and left as it came else.
    let is_only_packed =
        conclusion.peeled.is_from_tnef && conclusion.peeled.inside_encryption() == 0;
    let plan = if is_only_packed && outcome != Outcome::Verified { Plan::AsReceived } else { plan };
    let is_refused = only_encrypted && conclusion.peeled.inside_encryption() == 0;
    let plan = if is_refused { Plan::AsReceived } else { plan };
    if !is_withheld && outcome != Outcome::Verified {
        conclusion.look_for_efail(&mut content).map_err(Error::io("read the opened message"))?;
    }
    let written =
        plan.write(&mut content, outer, out).map_err(Error::io("write the opened message"))?;
    if written.has_changed_line_ends {
        conclusion
            .complain(&error::LINE_ENDINGS, "line ends inside that were not CRLF were made CRLF");
    }
    let encrypted_by = conclusion.encrypted_by(outcome, &authors, &content.head);
    let asked = conclusion.asked(outcome, &authors);
    let mut verdict = conclusion.verdict(outcome, &authors, signers);
    if let Some(encryption) = &mut verdict.encryption {
        encryption.by = encrypted_by;
    }
    Ok(Opened { verdict, delivered: written.delivered, outer_trace, asked })
}

/// Returns all signatures of a message, as far as its layers open, and what it confirms if it is a receipt.
pub(crate) fn peel_signatures(
    mut entity: Entity<'_>,
    keys: &[OpeningKey],
    spools: &mut dyn Spools,
) -> Result<(Vec<SignerReport>, Option<Receipt>)> {
    let head = entity.head().map_err(Error::io("read the message"))?;
    let peeled = layers::peel(Content { entity, head }, keys, spools)?;
    let reports = peeled.layers.into_iter().filter_map(|layer| match layer {
        Layer::Signed(report) => report,
        Layer::Encrypted(_) | Layer::PartlySigned(_) => None,
    });
    Ok((reports.flat_map(|report| report.signers).collect(), peeled.receipt))
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
    ///
    /// A message that does not say whether it was wrapped or forwarded was wrapped if it is the message around it: of the
    /// same author, with the same Message-ID (RFC 9788 section 4.10).
    fn unwrapped(&mut self, content: &mut Content<'_>) -> io::Result<Option<(Span, Authors)>> {
        let is_declared = content.head.is_wrapped_message();
        if self.peeled.layers.is_empty()
            || self.peeled.is_partial
            || !(is_declared || fields::is_undeclared_message(&content.head))
        {
            return Ok(None);
        }
        if content.entity.is_received() && !self.is_signature_good() {
            return Ok(None);
        }
        let span = Span { start: content.head.body, end: content.entity.span.end };
        let inner = content.entity.head_of(span)?;
        if !is_declared && !self.is_message_around(&inner) {
            return Ok(None);
        }
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
            self.compare(HeaderForm::Wrapped, inner.block(), true);
            self.sender = sender_of(inner.block());
        }
        Ok(may_replace.then_some((span, authors)))
    }

    /// Returns the requests for receipts of those who are believed: of the innermost signature, over the content itself
    /// (RFC 2634 section 2.2). Takes the reports out of that layer.
    fn asked(&mut self, outcome: Outcome, authors: &[Mailbox]) -> Vec<Asked> {
        // A receipt asks for none (RFC 2634 section 2.1).
        if outcome != Outcome::Verified || self.peeled.receipt.is_some() {
            return Vec::new();
        }
        let right = self.peeled.layers.iter().filter_map(|layer| match layer {
            Layer::Signed(report) | Layer::PartlySigned(report) => report.as_ref(),
            Layer::Encrypted(_) => None,
        });
        let lists: Vec<bool> = right
            .flat_map(|report| report.signers.iter().filter(|signer| signer.result.is_ok()))
            .flat_map(|signer| &signer.services.list_expansions)
            .map(|list| list.changes_receipts)
            .collect();
        let inside = self.peeled.inside_encryption();
        let innermost =
            self.peeled.layers.iter_mut().skip(inside).rev().find_map(|layer| match layer {
                Layer::Signed(report) => report.as_mut(),
                Layer::Encrypted(_) | Layer::PartlySigned(_) => None,
            });
        let asks = |signer: &SignerReport| signer.services.receipt_request.is_some();
        // Few ask, and judging a signer again costs the check of a path.
        let Some(report) = innermost.filter(|report| report.signers.iter().any(asks)) else {
            return Vec::new();
        };
        let verdicts = self.judge.signers(report, authors, true);
        let signers = std::mem::take(&mut report.signers).into_iter().zip(verdicts);
        signers
            .filter(|(signer, verdict)| is_good_for_from(verdict) && asks(signer))
            .map(|(signature, _)| Asked {
                signature,
                is_from_list: !lists.is_empty(),
                is_changed_by_list: lists.contains(&true),
            })
            .collect()
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
            partial: self.peeled.partial,
            receipt: self.peeled.receipt.as_ref().map(ReceiptVerdict::of),
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
