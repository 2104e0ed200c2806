//! Plans a message for recipients outside the organisation: protect, sign, pass, hold or refuse.

use std::collections::BTreeMap;
use std::io::Write as _;

use chancery_mail::Address;
use chancery_policy::{
    ClearKind, ClearPermit, Decision, Destination, Facts, Message, PartnerKey, Sensitivity,
    Treatment, decide, decide_request,
};
use chancery_smime::{
    Choice, OuterHeaders, OuterSubject, Protected, Protection, RecipientKey, Signing, choose,
    protect, sign,
};
use chancery_store::{Recipient, RecipientId};
use serde::Serialize;

use crate::error::Result;
use crate::mailbox::{self, MailboxKey, Prospect};
use crate::metrics::Counter;
use crate::notices;
use crate::plan::{Draft, Subject};
use crate::queue;
use crate::release::Releasable;

/// Plans the message for every outside domain it goes to.
pub(crate) fn plan(
    subject: &Subject<'_>,
    domains: &BTreeMap<String, Vec<(Address, &Recipient)>>,
    draft: &mut Draft,
) -> Result<()> {
    let policy = subject.gateway.policy();
    let partners = &subject.partners;
    for (domain, recipients) in domains {
        let key = partners.key_for(domain, subject.now_ms / 1000);
        if key == PartnerKey::NoPartner && partners.may_be_a_member(domain, subject.now_ms) {
            draft.strangers.push(domain.clone());
        }
        let (mut protected, mut own_keys) = (Vec::new(), Vec::new());
        let mut readable: BTreeMap<&'static str, Vec<(RecipientId, ClearPermit)>> = BTreeMap::new();
        for (address, recipient) in recipients {
            let Prospect { key, own, aside } = mailbox::for_recipient(subject, address, &key)?;
            let decision = if subject.message.listener == notices::REQUEST {
                decide_request(&policy, &recipient.address)
            } else {
                decision(subject, &policy, recipient, &key)
            };
            draft.record("policy", &decision);
            if turns_on_a_key(decision.treatment()) {
                aside.add_to(draft);
            }
            match (decision.treatment(), own) {
                (Treatment::Protect, Some(own)) => own_keys.push((recipient.id, own)),
                (Treatment::Protect, None) => protected.push(recipient.id),
                (Treatment::Hold { code }, _) => {
                    let told = decision.notify_sender().then(|| words(&decision, code.summary));
                    draft.hold(recipient, code, last_reason(&decision), told);
                }
                (Treatment::Reject { code }, _) => {
                    draft.refuse(recipient, code, words(&decision, REJECTED));
                }
                (Treatment::Clear | Treatment::Pass | Treatment::Sign, _) => {
                    if let Some(permit) = decision.clear_permit() {
                        readable
                            .entry(decision.treatment().as_str())
                            .or_default()
                            .push((recipient.id, permit));
                    }
                }
            }
        }
        if !protected.is_empty() {
            protect_for_partner(subject, domain, protected, draft)?;
        }
        for (recipient, own) in own_keys {
            protect_for_mailbox(subject, domain, recipient, &own, draft)?;
        }
        for permits in readable.into_values() {
            release_readable(subject, domain, permits, draft)?;
        }
    }
    Ok(())
}

/// Returns true if another key, or one at all, would change what happens.
fn turns_on_a_key(treatment: Treatment) -> bool {
    match treatment {
        Treatment::Clear | Treatment::Protect => true,
        Treatment::Hold { code } => queue::KEY_CODES.contains(&code),
        Treatment::Pass | Treatment::Reject { .. } | Treatment::Sign => false,
    }
}

/// Asks the policy about one recipient.
fn decision(
    subject: &Subject<'_>,
    policy: &chancery_policy::Policy,
    recipient: &Recipient,
    key: &PartnerKey,
) -> Decision {
    let header = subject.header();
    let values = |name: &str| Subject::field_values(&header, name);
    let facts = Facts {
        message: Message {
            sender: &subject.message.reverse_path,
            recipient: &recipient.address,
            size: subject.message.size,
            form: subject.form,
            sensitivity: Sensitivity::of_fields(
                values("sensitivity").into_iter().map(|it| it.text),
            ),
            labels: &subject.labels,
            released: recipient.code.as_deref() == Some(chancery_policy::HELD_BY_RULE.id),
            header: &values,
        },
        destination: Destination::Outside(key.clone()),
    };
    decide(policy, &facts)
}

/// Whom a copy is encrypted to.
struct Reader<'a, K> {
    /// The partner, if it is its key; otherwise it is the recipient's own.
    partner: Option<&'a str>,
    /// The domain or the address of which the key is; it tells the copy from its siblings.
    whose: &'a str,
    key: &'a RecipientKey,
    /// Why the key is believed to be the right one.
    why: &'a K,
}

/// What was done for one group, as the record shows it.
#[derive(Serialize)]
struct ProtectRecord<'a, K> {
    #[serde(skip_serializing_if = "Option::is_none")]
    partner: Option<&'a str>,
    /// Recipients of the message; those of the encryption are in what follows.
    addresses: usize,
    choice: &'a Choice,
    key: &'a K,
    #[serde(flatten)]
    protected: &'a Protected,
}

/// Makes the protected child for one partner.
fn protect_for_partner(
    subject: &Subject<'_>,
    domain: &str,
    recipients: Vec<RecipientId>,
    draft: &mut Draft,
) -> Result<()> {
    let partners = &subject.partners;
    let Some(partner) = partners.partner(domain) else { return Ok(()) };
    let Some(key) = partners.usable_key(domain, subject.now_ms / 1000) else { return Ok(()) };
    let reader = Reader {
        partner: Some(partner.organisation()),
        whose: domain,
        key: key.recipient,
        why: key.path.as_ref(),
    };
    protect_for(subject, &reader, domain, recipients, draft)
}

/// Makes the protected child for one recipient with a key of its own. Several recipients get a child each: who else got
/// the message is nobody's business whose key is on it.
fn protect_for_mailbox(
    subject: &Subject<'_>,
    domain: &str,
    recipient: RecipientId,
    key: &MailboxKey,
    draft: &mut Draft,
) -> Result<()> {
    let MailboxKey { address, recipient: own, record } = key;
    let reader = Reader { partner: None, whose: address, key: own, why: record };
    protect_for(subject, &reader, domain, vec![recipient], draft)
}

/// Signs the message and encrypts it to one key, for these recipients at a domain.
fn protect_for<K: Serialize>(
    subject: &Subject<'_>,
    reader: &Reader<'_, K>,
    domain: &str,
    recipients: Vec<RecipientId>,
    draft: &mut Draft,
) -> Result<()> {
    let gateway = subject.gateway;
    let identity = gateway.identity();
    let keys = [reader.key];
    let choice = choose(&keys, &gateway.settings.ciphers);
    let seed = identity.boundary_seed(&format!("{} {}", subject.message.id, reader.whose));
    let protection = Protection {
        signer: identity.signer(),
        recipients: &keys,
        cipher: choice.cipher,
        signing_time: subject.now_ms / 1000,
        boundary_seed: &seed,
    };
    let outer = OuterHeaders::copied_from(subject.index.header(), OuterSubject::Hide);
    let mut original = gateway.store.body(&subject.message.body)?;
    let mut out = gateway.store.body_writer();
    out.write_all(&subject.received())?;
    let protected = protect(&mut original, &outer, &protection, &mut out)?;
    let body = out.finish()?;
    draft.count(Counter::Protected, 1);
    let record = ProtectRecord {
        partner: reader.partner,
        addresses: recipients.len(),
        choice: &choice,
        key: reader.why,
        protected: &protected,
    };
    draft.record("protect", &record);
    let child = Releasable::protected(&protected, body, reader.whose, domain, recipients);
    draft.release(child, subject.message);
    Ok(())
}

/// Makes the child for recipients that may get the message readable.
fn release_readable(
    subject: &Subject<'_>,
    domain: &str,
    permits: Vec<(RecipientId, ClearPermit)>,
    draft: &mut Draft,
) -> Result<()> {
    let Some(kind) = permits.first().map(|(_, permit)| permit.kind()) else { return Ok(()) };
    if kind != ClearKind::Sign {
        draft.count(Counter::Clear, permits.len());
        draft.release(
            Releasable::as_it_came(kind, subject.received(), domain, permits),
            subject.message,
        );
        return Ok(());
    }
    let gateway = subject.gateway;
    let identity = gateway.identity();
    let seed = identity.boundary_seed(&format!("{} sign", subject.message.id));
    let signing = Signing {
        signer: identity.signer(),
        signing_time: subject.now_ms / 1000,
        boundary_seed: &seed,
    };
    let mut original = gateway.store.body(&subject.message.body)?;
    let mut out = gateway.store.body_writer();
    out.write_all(&subject.received())?;
    let signed = sign(&mut original, &signing, &mut out)?;
    let body = out.finish()?;
    draft.count(Counter::Signed, 1);
    draft.record("sign", &signed);
    draft.release(Releasable::signed(&signed, body, domain, permits), subject.message);
    Ok(())
}

/// Returns the reason that stopped the message, for the sender and the administrator.
fn last_reason(decision: &Decision) -> String {
    decision.reasons().last().map(|reason| reason.text.clone()).unwrap_or_default()
}

/// Returns what the sender of a message that was stopped reads: the words of the rule's author, if there are any.
fn words(decision: &Decision, otherwise: &str) -> String {
    let by_author = decision.rule().and_then(|rule| rule.reason.clone());
    by_author.unwrap_or_else(|| otherwise.to_owned())
}

const REJECTED: &str = "the policy of this organisation does not let this message out";
