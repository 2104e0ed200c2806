//! Plans a message for the organisation's own people: open, judge, deliver with the verdict, hold or refuse.

use std::io::{self, Read, Seek as _, Write};

use chancery_fault::Code;
use chancery_mail::form::{self, Form as MailForm};
use chancery_mail::{Address, HeaderBlock, address, authentication_results};
use chancery_policy::{
    Arrival, ArrivalEncryption, ArrivalResult, InboundDecision, InboundTreatment, Label, Message,
    Sensitivity, inbound_decide,
};
use chancery_smime::{
    Delivered, EncryptedBy, OpenFacts, Opened, Outcome, Problem, ProtectionKind, Spools, Verdict,
};
use chancery_store::{ChildBody, NewBody, Recipient, RecipientId, Spool, Store};

use crate::error::Result;
use crate::inquiry::Asking;
use crate::metrics::Counter;
use crate::plan::{Draft, Subject, is_hold};
use crate::release::Releasable;
use crate::{codes, desktop, failed, learn, receipts, warning};

/// Plans the message for its inside recipients.
pub(crate) fn plan(
    subject: &Subject<'_>,
    recipients: &[&Recipient],
    draft: &mut Draft,
) -> Result<()> {
    if subject.message.listener == crate::notices::LISTENER {
        // Our own words need no verdict.
        let all = recipients.iter().map(|it| it.id).collect();
        draft.release(Releasable::inward("notice", ChildBody::SameAsParent, all), subject.message);
        return Ok(());
    }
    let mut content = subject.gateway.store.spool();
    let mut opened = open(subject, &mut content, draft)?;
    let inside = header_inside(&mut opened, &mut content)?;
    draft.record("verdict", &opened.verdict);
    learn::from_verdict(subject, &opened.verdict, draft)?;
    failed::of_report(subject, recipients, draft)?;
    if matches!(opened.delivered, Delivered::Original { .. } | Delivered::Rebuilt { .. }) {
        draft.count(Counter::Opened, 1);
    }
    if !matches!(opened.verdict.result, Outcome::Verified | Outcome::Unprotected) {
        // Of other mail they are notes.
        draft.failures.extend(opened.verdict.problems.iter().map(|problem| problem.code));
    }
    let mut plainly = Vec::new();
    let mut warned = Vec::new();
    let mut warning_code: Option<&'static Code> = None;
    for recipient in recipients {
        let decision = decision(subject, &opened, &inside, recipient);
        draft.record("inbound-policy", &decision);
        match decision.treatment() {
            InboundTreatment::Deliver => {
                plainly.push(recipient.id);
                receipts::answer(subject, &opened, recipient, draft)?;
            }
            InboundTreatment::DeliverWithWarning => {
                warning_code = warning_code.or(stopping_code(&decision));
                warned.push(recipient.id);
            }
            InboundTreatment::Hold { code } => {
                draft.hold(recipient, code, last_reason(&decision), None);
            }
            InboundTreatment::Reject { code } => {
                draft.refuse(recipient, code, rejection(&decision));
            }
        }
    }
    deliver(subject, &opened, &mut content, plainly, draft)?;
    if !warned.is_empty() {
        let body =
            warning::wrap(subject, &opened, &mut content, warning_code, &trace(subject, &opened))?;
        draft.release(Releasable::inward("warning", ChildBody::New(body), warned), subject.message);
    }
    Ok(())
}

/// Opens and judges the message; what may be delivered is in `content` afterwards.
fn open(subject: &Subject<'_>, content: &mut Spool, draft: &mut Draft) -> Result<Opened> {
    let gateway = subject.gateway;
    let asking = Asking::new(&subject.partners);
    let mut received = gateway.store.body(&subject.message.body)?;
    let facts = OpenFacts {
        at: subject.message.received_at_ms / 1000,
        our_domains: &gateway.settings.domains,
    };
    let identity = gateway.identity();
    let keys = identity.opening_keys();
    let mut spools = DiskSpools { store: &gateway.store };
    let opened = chancery_smime::open(&mut received, keys, &asking, &facts, &mut spools, content)?;
    content.rewind()?;
    draft.lacking = asking.lacking();
    Ok(opened)
}

/// Returns the header of what was opened, for the rules.
///
/// Nothing is delivered as it is whose header is larger than any that is looked at: results that pretend to be ours
/// could be in the rest of it.
fn header_inside(opened: &mut Opened, content: &mut Spool) -> Result<Vec<u8>> {
    if !matches!(opened.delivered, Delivered::Original { .. } | Delivered::Rebuilt { .. }) {
        return Ok(Vec::new());
    }
    let mut start = Vec::new();
    (&mut *content).take(MAX_HEADER).read_to_end(&mut start)?;
    content.rewind()?;
    if start.len() as u64 == MAX_HEADER && !HeaderBlock::parse(&start).is_terminated() {
        let code = &codes::HEADER_TOO_LARGE;
        let text = "the header inside is larger than 256 KiB, so it was not looked at".to_owned();
        opened.verdict.problems.push(Problem { code: code.id, text });
        opened.verdict.result = Outcome::Failed;
    }
    start.truncate(HeaderBlock::parse(&start).body_offset());
    Ok(start)
}

/// Spools of the store: small ones in memory, large ones in files without a name.
pub(crate) struct DiskSpools<'a> {
    pub(crate) store: &'a Store,
}

impl Spools for DiskSpools<'_> {
    fn fresh(&mut self) -> io::Result<Box<dyn chancery_smime::Spool>> {
        Ok(Box::new(self.store.spool()))
    }
}

/// Asks the policy about one recipient.
fn decision(
    subject: &Subject<'_>,
    opened: &Opened,
    inside: &[u8],
    recipient: &Recipient,
) -> InboundDecision {
    let (header, inside) = (subject.header(), HeaderBlock::parse(inside));
    // Outside of encrypted mail the Subject says nothing.
    let values = |name: &str| {
        let mut values = Subject::field_values(&header, name);
        values.append(&mut Subject::field_values(&inside, name));
        values
    };
    let verdict = &opened.verdict;
    let domains = sender_domains(&header, verdict, &subject.message.reverse_path);
    let arrival = Arrival {
        result: arrival_result(subject, verdict),
        encryption: arrival_encryption(verdict),
        speaks_for_from: verdict.signers.iter().any(|signer| signer.speaks_for_from),
        sender_domains: &domains,
    };
    let message = Message {
        sender: &subject.message.reverse_path,
        recipient: &recipient.address,
        size: subject.message.size,
        form: subject.form,
        sensitivity: Sensitivity::of_fields(values("sensitivity").into_iter().map(|it| it.text)),
        labels: &labels(verdict),
        released: recipient.code.as_deref().is_some_and(is_hold),
        header: &values,
    };
    inbound_decide(&subject.gateway.policy(), &arrival, &message)
}

/// Returns the labels of signatures that are right.
fn labels(verdict: &Verdict) -> Vec<Label> {
    let right = verdict.signers.iter().filter(|signer| signer.signature_ok);
    right.flat_map(|signer| desktop::labels_of(&signer.services)).collect()
}

fn arrival_encryption(verdict: &Verdict) -> ArrivalEncryption {
    let opened = verdict.encryption.as_ref().filter(|it| it.recipient.is_some());
    opened.map_or(ArrivalEncryption::None, |encryption| match encryption.by {
        EncryptedBy::Other => ArrivalEncryption::ByOther,
        EncryptedBy::Signer => ArrivalEncryption::BySigner,
        EncryptedBy::Unknown => ArrivalEncryption::ByUnknown,
    })
}

fn arrival_result(subject: &Subject<'_>, verdict: &Verdict) -> ArrivalResult {
    match verdict.result {
        Outcome::Failed => ArrivalResult::Failed,
        Outcome::Undecipherable if verdict.problems.iter().any(|it| it.code == NOT_FOR_US) => {
            ArrivalResult::EncryptedToOthers
        }
        Outcome::Undecipherable => ArrivalResult::Undecipherable,
        // It says that it is encrypted, and there is nothing in it that could be opened.
        Outcome::Unprotected
            if matches!(
                form::classify(&subject.index),
                MailForm::SmimeEnveloped | MailForm::SmimeAuthEnveloped
            ) =>
        {
            ArrivalResult::Undecipherable
        }
        Outcome::Unprotected => ArrivalResult::Unprotected,
        // A user's own signature by somebody who is no partner is no worse than no signature: the reader's mail
        // program judges it, and the message is passed with its bytes unchanged. Whoever claims to be a partner or
        // one of us is another matter.
        Outcome::Unverified
            if verdict.protection == ProtectionKind::Signed
                && opened_by_reader(&subject.index)
                && !claims_a_known_domain(subject, verdict) =>
        {
            ArrivalResult::Unprotected
        }
        Outcome::Unverified => ArrivalResult::Unverified,
        Outcome::Verified => ArrivalResult::Verified,
    }
}

/// Returns true if the message is signed in a form that the reader's mail program checks by itself.
fn opened_by_reader(index: &chancery_mail::Index) -> bool {
    matches!(form::classify(index), MailForm::SmimeSignedDetached | MailForm::SmimeSignedOpaque)
}

/// Returns true if an author's domain is ours or a partner's, so that a right signature would be one we can verify.
fn claims_a_known_domain(subject: &Subject<'_>, verdict: &Verdict) -> bool {
    let partners = &subject.partners;
    let known =
        |domain: &str| subject.gateway.settings.is_ours(domain) || partners.knows_domain(domain);
    let mut domains = verdict.from.iter().filter_map(|it| Address::parse(it).ok());
    domains.any(|address| known(&address.ascii_domain()))
        || verdict.signers.iter().any(|signer| signer.is_domain_signature)
}

/// Returns the domains of the authors that the reader will see and of the envelope sender.
fn sender_domains(header: &HeaderBlock<'_>, verdict: &Verdict, reverse_path: &str) -> Vec<String> {
    let outer = header.all("from").flat_map(|field| address::parse_mailboxes(&field.unfolded()));
    let inner = verdict.from.iter().filter_map(|it| Address::parse(it).ok());
    let envelope = Address::parse(reverse_path).ok();
    let all = outer.map(|mailbox| mailbox.address).chain(inner).chain(envelope);
    let mut domains: Vec<String> = all.map(|address| address.ascii_domain()).collect();
    domains.sort();
    domains.dedup();
    domains
}

/// Makes the child that is delivered without a warning.
fn deliver(
    subject: &Subject<'_>,
    opened: &Opened,
    content: &mut Spool,
    recipients: Vec<RecipientId>,
    draft: &mut Draft,
) -> Result<()> {
    if recipients.is_empty() {
        return Ok(());
    }
    let trace = trace(subject, opened);
    let (form, body) = match opened.delivered {
        Delivered::Original { .. } | Delivered::Rebuilt { .. } => {
            content.rewind()?;
            ("opened", ChildBody::New(with_trace(subject, &trace, content)?))
        }
        Delivered::AsReceived | Delivered::Nothing => {
            let forged = authentication_results::forged(
                subject.index.header(),
                &subject.gateway.settings.hostname,
            );
            if forged.is_empty() && subject.index.is_header_whole() {
                ("passed", ChildBody::SameWithPrefix(trace))
            } else {
                let mut received = subject.gateway.store.body(&subject.message.body)?;
                ("passed", ChildBody::New(with_trace(subject, &trace, &mut received)?))
            }
        }
    };
    draft.release(Releasable::inward(form, body, recipients), subject.message);
    Ok(())
}

/// Returns the fields that go before the message: the result of our checks, our trace field, and those of the servers
/// that handled the protected form, which the original does not have.
pub(crate) fn trace(subject: &Subject<'_>, opened: &Opened) -> Vec<u8> {
    let mut fields =
        opened.verdict.authentication_results(&subject.gateway.settings.hostname).into_bytes();
    fields.extend_from_slice(&subject.received());
    if matches!(opened.delivered, Delivered::Original { .. }) {
        // Every other form still has the outer header with its trace.
        fields.extend_from_slice(&opened.outer_trace);
    }
    fields
}

/// Copies a message behind a trace, without the results that only pretend to be ours (RFC 8601 section 5).
fn with_trace(subject: &Subject<'_>, trace: &[u8], message: &mut dyn Read) -> Result<NewBody> {
    let gateway = subject.gateway;
    let mut out = gateway.store.body_writer();
    out.write_all(trace)?;
    copy_without_forgeries(message, &gateway.settings.hostname, &mut out)?;
    Ok(out.finish()?)
}

/// Copies a message and leaves out Authentication-Results fields that bear our name.
pub(crate) fn copy_without_forgeries(
    message: &mut dyn Read,
    authserv_id: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut start = Vec::new();
    (&mut *message).take(MAX_HEADER).read_to_end(&mut start)?;
    let header_end = HeaderBlock::parse(&start).body_offset();
    let (header, body) = start.split_at(header_end.min(start.len()));
    let forged = authentication_results::forged(header, authserv_id);
    out.write_all(&authentication_results::without(header, &forged))?;
    out.write_all(body)?;
    io::copy(message, out)?;
    Ok(())
}

fn last_reason(decision: &InboundDecision) -> String {
    decision.reasons().last().map(|reason| reason.text.clone()).unwrap_or_default()
}

/// Returns what a stranger whose message is refused reads: the words of the rule's author, and nothing of our policy.
fn rejection(decision: &InboundDecision) -> String {
    let by_author = decision.rule().and_then(|rule| rule.reason.clone());
    by_author
        .unwrap_or_else(|| "the policy of this organisation does not take this message".to_owned())
}

/// Returns the code of the reason that made a warning necessary.
fn stopping_code(decision: &InboundDecision) -> Option<&'static Code> {
    let named = |reason: &chancery_policy::Reason| {
        chancery_policy::CODES.iter().find(|code| code.id == reason.code)
    };
    decision.reasons().iter().find_map(named).copied()
}

/// The problem that says: encrypted, and none of the keys it names is ours.
const NOT_FOR_US: &str = "smime.not_for_us";

/// The largest header that is looked at, as at the door.
const MAX_HEADER: u64 = 256 * 1024;
