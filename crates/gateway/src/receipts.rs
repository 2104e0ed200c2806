//! Answers requests for signed receipts with the organisation's key, where the policy says so (RFC 2634 section 2).
//!
//! A receipt says that this gateway got the message for this recipient and found its signature right; nobody has read it
//! by then. Only a verified message is answered, only to addresses in the domains of its From, and never one from the null
//! sender, so that nobody can make us write to somebody else.

use chancery_crypto::hex;
use chancery_mail::{Address, message_id};
use chancery_policy::Receipts;
use chancery_smime::{Answer, Asked, Opened};
use chancery_store::Recipient;

use crate::error::Result;
use crate::metrics::Counter;
use crate::notices;
use crate::plan::{Draft, Subject};

/// What was done about a request, as the record shows it.
#[derive(serde::Serialize)]
struct ReceiptRecord<'a> {
    recipient: &'a str,
    to: Vec<String>,
    /// Why nobody is answered.
    why: Option<&'a str>,
}

/// Adds the receipts for one recipient who gets the message.
pub(crate) fn answer(
    subject: &Subject<'_>,
    opened: &Opened,
    recipient: &Recipient,
    draft: &mut Draft,
) -> Result<()> {
    let gateway = subject.gateway;
    let Ok(from) = Address::parse(&recipient.address) else { return Ok(()) };
    for asked in opened.asked.iter().take(MAX_ASKED) {
        let is_wanted = gateway.policy().inbound().receipts == Receipts::Verified;
        let why = match asked.excludes(&from) {
            _ if !is_wanted => Some("the policy answers nobody"),
            _ if subject.message.reverse_path.is_empty() => Some("the message has no sender"),
            why => why,
        };
        let to = if why.is_none() { addressees(asked, opened) } else { Vec::new() };
        let record = ReceiptRecord {
            recipient: &recipient.address,
            to: to.iter().map(ToString::to_string).collect(),
            why: why.or_else(|| to.is_empty().then_some("no address in the domain of From asks")),
        };
        draft.record("receipt", &record);
        for to in &to {
            write(subject, asked, &from, to, draft)?;
        }
    }
    Ok(())
}

/// Returns where the receipts go: nobody else may be written to than the organisation that signed.
fn addressees(asked: &Asked, opened: &Opened) -> Vec<Address> {
    let authors: Vec<String> = opened
        .verdict
        .from
        .iter()
        .filter_map(|author| Some(Address::parse(author).ok()?.ascii_domain()))
        .collect();
    let mut to = asked.to();
    to.retain(|address| authors.contains(&address.ascii_domain()));
    to.dedup_by(|one, other| one.same_mailbox(other));
    to.truncate(MAX_ADDRESSEES);
    to
}

fn write(
    subject: &Subject<'_>,
    asked: &Asked,
    from: &Address,
    to: &Address,
    draft: &mut Draft,
) -> Result<()> {
    let gateway = subject.gateway;
    // The same for a plan that is made again.
    let identity = gateway.identity();
    let seed = identity.boundary_seed(&format!("{} receipt {from} {to}", subject.message.id));
    let unique = hex(seed.get(..16).unwrap_or(&seed));
    let message_id = message_id::make(&unique, &gateway.settings.hostname);
    let mut receipt = Vec::new();
    let answer = Answer {
        signer: identity.signer(),
        signing_time: subject.now_ms / 1000,
        from,
        to,
        message_id: &message_id,
    };
    asked.answer(&answer, &mut receipt)?;
    draft.planned.notices.push(notices::to_anybody(gateway, to, message_id.clone(), &receipt)?);
    draft.count(Counter::Notices, 1);
    Ok(())
}

/// Signers answered; honest messages have one.
const MAX_ASKED: usize = 4;

/// Addresses that one recipient's receipts go to.
const MAX_ADDRESSEES: usize = 4;
