//! Tells senders what became of their mail: held, late, given up, passed on (RFC 3461, RFC 3464).
//!
//! Nobody is told anything about a message from the null sender (RFC 5321 section 4.5.5), and `NOTIFY=` is obeyed. A
//! notice is accepted in the same commit as the fact it tells, and then goes through plan and delivery like any mail.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_crypto::hex;
use chancery_fault::{Code, Coded as _};
use chancery_mail::address::Address;
use chancery_mail::notice::{self, Action, Notice, Report};
use chancery_mail::{message_id, xtext};
use chancery_policy::AskForKey;
use chancery_store::keybook::KeyEvent;
use chancery_store::{
    BodyType, Direction, Message, MessageId, NewBody, NewMessage, NewRecipient, Outcome, Recipient,
    Settle, Waiting,
};

use crate::codes;
use crate::error::Result;
use crate::metrics::Counter;
use crate::plan::{Draft, Stopped, Subject};
use crate::server::Gateway;

/// The listener name of mail that the gateway itself writes.
pub(crate) const LISTENER: &str = "notice";

/// The listener name of requests for keys, which leave readable.
pub(crate) const REQUEST: &str = "key-request";

/// Nobody is asked for a key more often, in milliseconds: 30 days.
const ASK_EVERY_MS: i64 = 30 * 86_400_000;

/// What happened to one recipient, as a notice tells it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Who.
    pub(crate) recipient: Recipient,
    /// What.
    pub(crate) action: Action,
    /// Enhanced status code.
    pub(crate) status: String,
    /// The reply of the other server.
    pub(crate) diagnostic: Option<String>,
    /// The other server.
    pub(crate) remote: Option<String>,
    /// Why, in words.
    pub(crate) reason: String,
}

impl Event {
    /// Returns true if the sender wants to know (RFC 3461 section 4.1; without NOTIFY, failures and delays).
    fn is_wanted(&self) -> bool {
        let notify = self.recipient.notify.as_deref();
        let word = match self.action {
            Action::Failed => "FAILURE",
            Action::Delayed => "DELAY",
            Action::Delivered | Action::Relayed => "SUCCESS",
        };
        match notify {
            None => !matches!(self.action, Action::Delivered | Action::Relayed),
            Some(list) => list.split(',').any(|it| it.eq_ignore_ascii_case(word)),
        }
    }
}

/// Adds the notices that a plan makes necessary: one about what is held, one about what is refused.
pub(crate) fn of_plan(subject: &Subject<'_>, draft: &mut Draft) -> Result<()> {
    let gateway = subject.gateway;
    let header = subject.index.header();
    let refused: Vec<Event> = draft.refused.iter().map(refusal).collect();
    let report = delivery_report(gateway, subject.message, header, &refused)?;
    let mut notices: Vec<_> = report.into_iter().collect();
    // One for each cause, because what happens next depends on it.
    let mut stopped: BTreeMap<(&str, &str), Vec<&Stopped>> = BTreeMap::new();
    for it in &draft.newly_held {
        stopped.entry((it.code.id, it.text.as_str())).or_default().push(it);
    }
    for group in stopped.values() {
        let asked = requests(subject, group, &mut draft.planned.keys)?;
        notices.extend(held(gateway, subject.message, header, group, !asked.is_empty())?);
        notices.extend(asked);
    }
    for notice in notices {
        draft.count(Counter::Notices, 1);
        draft.planned.notices.push(notice);
    }
    Ok(())
}

/// Gives up every recipient that has waited too long.
pub(crate) async fn give_up(gateway: &Arc<Gateway>, message: MessageId) {
    let Some(Waiting { message: waits, recipients, lease: _lease }) =
        claim_waiting(gateway, message)
    else {
        return;
    };
    let now_ms = gateway.now_ms();
    let mut settle = Settle::new(message, now_ms);
    let mut events = Vec::new();
    for recipient in recipients {
        let last = recipient.reply.clone().unwrap_or_else(|| "no attempt was possible".to_owned());
        let reply = format!(
            "{} {}; last: {last} ({})",
            codes::EXPIRED.reply,
            codes::EXPIRED.summary,
            codes::EXPIRED.id
        );
        settle
            .outcomes
            .push((recipient.id, Outcome::Bounced { reply, code: codes::EXPIRED.id.to_owned() }));
        let status = if recipient.state.word() == "held" { "5.7.5" } else { "5.4.7" };
        events.push(Event {
            action: Action::Failed,
            status: status.to_owned(),
            diagnostic: recipient.reply.clone().filter(|_| status == "5.4.7"),
            remote: recipient.by.clone(),
            reason: format!("It could not be delivered in time. The last problem was: {last}"),
            recipient,
        });
    }
    let counted = settle.outcomes.len() as u64;
    if settle_with_report(gateway, &waits, settle, &events).await {
        gateway.metrics.add(Counter::Bounced, counted);
        gateway.metrics.failure(codes::EXPIRED.id);
    }
}

/// Tells the sender, once, that delivery takes longer.
pub(crate) async fn tell_delay(gateway: &Arc<Gateway>, message: MessageId) {
    let Some(Waiting { message: waits, recipients, lease: _lease }) =
        claim_waiting(gateway, message)
    else {
        return;
    };
    let mut settle = Settle::new(message, gateway.now_ms());
    settle.delay_notified = true;
    // Whoever is held was told so already.
    let events: Vec<Event> = recipients
        .into_iter()
        .filter(|recipient| recipient.state.word() == "queued")
        .map(|recipient| Event {
            action: Action::Delayed,
            status: "4.4.1".to_owned(),
            diagnostic: recipient.reply.clone(),
            remote: recipient.by.clone(),
            reason: "It has not been delivered yet. Nothing needs to be done; it is tried again by itself.".to_owned(),
            recipient,
        })
        .collect();
    settle_with_report(gateway, &waits, settle, &events).await;
}

/// Makes the delivery status notification about these events; `None` if nobody wants it.
pub(crate) fn delivery_report(
    gateway: &Gateway,
    message: &Message,
    header: &[u8],
    events: &[Event],
) -> Result<Option<(NewMessage, NewBody)>> {
    let wanted: Vec<&Event> = events.iter().filter(|event| event.is_wanted()).collect();
    let addresses: Vec<Address> =
        wanted.iter().filter_map(|it| Address::parse(&it.recipient.address).ok()).collect();
    if wanted.is_empty() || addresses.len() != wanted.len() {
        return Ok(None);
    }
    let Some(parties) = Parties::of(gateway, message) else { return Ok(None) };
    let until = message.expires_at_ms / 1000;
    let recipients: Vec<notice::Recipient<'_>> = wanted
        .iter()
        .zip(&addresses)
        .map(|(event, address)| notice::Recipient {
            address,
            original: event.recipient.orcpt.as_deref(),
            action: event.action,
            status: &event.status,
            diagnostic: event.diagnostic.as_deref(),
            remote_mta: event.remote.as_deref(),
            last_attempt: None,
            retry_until: (event.action == Action::Delayed).then_some(until),
            reason: &event.reason,
        })
        .collect();
    let envelope_id =
        message.envid.as_deref().and_then(xtext::decode).and_then(|id| String::from_utf8(id).ok());
    let report = Report {
        envelope: parties.envelope(gateway, header),
        arrived: Some(message.received_at_ms / 1000),
        envelope_id: envelope_id.as_deref(),
        recipients: &recipients,
    };
    parties.accept(gateway, &report.write()).map(Some)
}

fn held(
    gateway: &Gateway,
    message: &Message,
    header: &[u8],
    stopped: &[&Stopped],
    is_asked: bool,
) -> Result<Option<(NewMessage, NewBody)>> {
    let (Some(first), Some(parties)) = (stopped.first(), Parties::of(gateway, message)) else {
        return Ok(None);
    };
    let wants = |it: &&&Stopped| {
        it.recipient.notify.as_deref().is_none_or(|list| !list.eq_ignore_ascii_case("NEVER"))
    };
    let recipients: Vec<Address> = stopped
        .iter()
        .filter(wants)
        .filter_map(|it| Address::parse(&it.recipient.address).ok())
        .collect();
    if recipients.is_empty() {
        return Ok(None);
    }
    let notice = notice::Held {
        envelope: parties.envelope(gateway, header),
        recipients: &recipients,
        reason: &first.text,
        next: if is_asked {
            "It waits here safely and was not sent to anybody. The recipient has been asked, in a short mail that tells \
             nothing of yours, to answer with a signed mail; then it goes on by itself, encrypted. You can ask the \
             recipient, too. You need not send it again."
        } else if first.code == &chancery_policy::HELD_BY_RULE {
            "It waits here safely and was not sent to anybody. Your mail administrator looks at it and releases it or \
             gives it up. You need not send it again."
        } else {
            "It waits here safely and was not sent to anybody. It goes on by itself as soon as that is mended; your \
             mail administrator can also give it up. You need not send it again."
        },
        until: Some(message.expires_at_ms / 1000),
        code: Some(first.code.id),
    };
    parties.accept(gateway, &notice.write()).map(Some)
}

/// Asks the recipients who have no key, and whose organisation is no partner, for one: each once.
fn requests(
    subject: &Subject<'_>,
    stopped: &[&Stopped],
    events: &mut Vec<KeyEvent>,
) -> Result<Vec<(NewMessage, NewBody)>> {
    let (gateway, message) = (subject.gateway, subject.message);
    let mut requests = Vec::new();
    let Ok(sender) = Address::parse(&message.reverse_path) else { return Ok(requests) };
    if gateway.policy().outbound().ask_for_key == AskForKey::Never {
        return Ok(requests);
    }
    for it in stopped.iter().filter(|it| is_for_want_of_a_key(it.code)) {
        let Ok(to) = Address::parse(&it.recipient.address) else { continue };
        let address = to.folded();
        let asked_since = subject.now_ms.saturating_sub(ASK_EVERY_MS);
        if subject.partners.partner(&to.ascii_domain()).is_some()
            || gateway.store.key_asked_at(&address)?.is_some_and(|at_ms| at_ms > asked_since)
            || !gateway.may_ask(message.id, &address, subject.now_ms)
        {
            continue;
        }
        let Some(parties) = Parties::to(gateway, message, to) else { continue };
        let request = notice::KeyRequest {
            envelope: parties.envelope(gateway, b""),
            sender: &sender,
            organisation: &gateway.settings.organisation,
            until: message.expires_at_ms / 1000,
        };
        let (rows, body) = parties.accept(gateway, &request.write())?;
        requests.push((NewMessage { listener: REQUEST.to_owned(), ..rows }, body));
        events.push(KeyEvent::Asked { address, at_ms: subject.now_ms });
    }
    Ok(requests)
}

fn is_for_want_of_a_key(code: &Code) -> bool {
    [&chancery_policy::NO_PARTNER, &chancery_policy::KEY_UNSUITABLE].contains(&code)
}

fn refusal(stopped: &Stopped) -> Event {
    Event {
        recipient: stopped.recipient.clone(),
        action: Action::Failed,
        status: enhanced(stopped.code).to_owned(),
        diagnostic: None,
        remote: None,
        reason: format!("{} ({})", stopped.text, stopped.code.id),
    }
}

/// Returns the enhanced status code of a code.
pub(crate) fn enhanced(code: &Code) -> &'static str {
    code.reply.split(' ').nth(1).unwrap_or("5.0.0")
}

/// Who writes and who reads a notice.
struct Parties {
    from: Address,
    to: Address,
    id: String,
    date: i64,
}

impl Parties {
    /// Returns `None` if the message has no sender that can be told.
    fn of(gateway: &Gateway, message: &Message) -> Option<Self> {
        Self::to(gateway, message, Address::parse(&message.reverse_path).ok()?)
    }

    fn to(gateway: &Gateway, message: &Message, to: Address) -> Option<Self> {
        let from = Address::parse(&gateway.settings.postmaster).ok()?;
        let unique = chancery_crypto::random::bytes::<12>().ok()?;
        let unique = format!("{}.{}", message.id, hex(&unique));
        let id = message_id::make(&unique, &gateway.settings.hostname);
        Some(Self { from, to, id, date: gateway.now_ms() / 1000 })
    }

    fn envelope<'a>(&'a self, gateway: &'a Gateway, header: &'a [u8]) -> notice::Envelope<'a> {
        notice::Envelope {
            host: &gateway.settings.hostname,
            from: &self.from,
            to: &self.to,
            message_id: &self.id,
            date: self.date,
            original_header: header,
        }
    }

    /// Makes the rows of the notice.
    fn accept(&self, gateway: &Gateway, notice: &Notice) -> Result<(NewMessage, NewBody)> {
        let rows = to_anybody(gateway, &self.to, self.id.clone(), &notice.message)?;
        Ok(if notice.smtputf8 { with_utf8(rows) } else { rows })
    }
}

fn with_utf8((message, body): (NewMessage, NewBody)) -> (NewMessage, NewBody) {
    (NewMessage { body_type: BodyType::EightBit, smtputf8: true, ..message }, body)
}

/// Makes the rows of a message of ours from the null sender, in ASCII.
pub(crate) fn to_anybody(
    gateway: &Gateway,
    to: &Address,
    message_id: String,
    text: &[u8],
) -> Result<(NewMessage, NewBody)> {
    let now_ms = gateway.now_ms();
    let patience = i64::try_from(
        gateway.settings.queue.expire.max(gateway.settings.queue.hold_expire).as_millis(),
    )
    .unwrap_or(i64::MAX);
    let is_ours = gateway.settings.is_ours(to.domain());
    let message = NewMessage {
        received_at_ms: now_ms,
        expires_at_ms: now_ms.saturating_add(patience),
        direction: if is_ours { Direction::Inbound } else { Direction::Outbound },
        listener: LISTENER.to_owned(),
        body_type: BodyType::SevenBit,
        message_id: Some(message_id),
        recipients: vec![NewRecipient {
            address: to.to_string(),
            notify: Some("NEVER".to_owned()),
            orcpt: None,
        }],
        ..NewMessage::default()
    };
    Ok((message, gateway.store.new_body(text)?))
}

fn claim_waiting(gateway: &Gateway, message: MessageId) -> Option<Waiting> {
    match gateway.store.claim_waiting(message) {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::error!(%message, code = error.code().id, %error, "cannot read the message");
            None
        }
    }
}

/// Writes an outcome together with the notice about it; returns true if it was written.
async fn settle_with_report(
    gateway: &Arc<Gateway>,
    message: &Message,
    mut settle: Settle,
    events: &[Event],
) -> bool {
    let header = gateway.store.header(message.id).ok().flatten().unwrap_or_default();
    match delivery_report(gateway, message, &header, events) {
        Ok(notice) => settle.notices.extend(notice),
        Err(error) => {
            // Without the notice the outcome is not written either; the next round tries both again.
            tracing::error!(message = %message.id, %error, "cannot write a notice");
            return false;
        }
    }
    let notices = settle.notices.len() as u64;
    match gateway.store.settle(settle).await {
        Ok(settled) => {
            gateway.metrics.add(Counter::Notices, notices);
            for notice in settled.notices {
                gateway.dispatch(notice);
            }
            true
        }
        Err(error) => {
            tracing::error!(message = %message.id, code = error.code().id, %error, "cannot write an outcome");
            false
        }
    }
}
