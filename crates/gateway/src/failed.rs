//! Notes in the key book that mail which was encrypted to somebody's own key did not reach them: the next hop refused it,
//! or a report came back later (RFC 3464).
//!
//! It is told to people and changes nothing by itself: whoever knows a Message-ID can write a report.

use std::io::Read as _;

use chancery_mail::notice::Failures;
use chancery_store::keybook::KeyEvent;
use chancery_store::{Direction, Message, MessageView, Recipient};

use crate::error::Result;
use crate::plan::{Draft, Subject};
use crate::release;
use crate::server::Gateway;

/// Returns what to note about the key of a child that the next hop refused for good; `None` if it was encrypted to the
/// organisation, or to nobody.
pub(crate) fn of_refusal(
    gateway: &Gateway,
    carrier: &Message,
    reply: &str,
    at_ms: i64,
) -> Result<Option<KeyEvent>> {
    let whom = carrier.child_key.as_deref().and_then(release::protected_for);
    let Some(address) = whom.filter(|whom| whom.contains('@')) else { return Ok(None) };
    let story = gateway.store.show(carrier.id)?;
    Ok(story.and_then(|story| event(&story, address, reply, at_ms)))
}

/// Reads a report that came from the outside about a message of ours to somebody with a key of their own.
pub(crate) fn of_report(
    subject: &Subject<'_>,
    recipients: &[&Recipient],
    draft: &mut Draft,
) -> Result<()> {
    let is_notice = subject.message.reverse_path.is_empty();
    if !is_notice || !subject.index.root().content_type.is("multipart", "report") {
        return Ok(());
    }
    let mut start = Vec::new();
    subject.gateway.store.body(&subject.message.body)?.take(MAX_REPORT).read_to_end(&mut start)?;
    let Some(report) = Failures::read(&subject.index, &start) else { return Ok(()) };
    let Some(message_id) = report.message_id else { return Ok(()) };
    for story in subject.gateway.store.show_by_message_id(&message_id, MAX_STORIES)? {
        let sender = &story.message.reverse_path;
        let goes_to_sender = recipients.iter().any(|it| it.address.eq_ignore_ascii_case(sender));
        if story.message.direction != Direction::Outbound || !goes_to_sender {
            continue;
        }
        for failure in &report.recipients {
            let why = format!("a report says: {}", failure.reply);
            let events = failure
                .addresses
                .iter()
                .find_map(|address| event(&story, &address.to_lowercase(), &why, subject.now_ms));
            draft.planned.keys.extend(events);
        }
    }
    Ok(())
}

/// Returns what to note about the key that a message was encrypted to for an address, by the record of the message.
fn event(story: &MessageView, address: &str, why: &str, at_ms: i64) -> Option<KeyEvent> {
    let keys = story
        .decisions
        .iter()
        .rev()
        .filter(|decision| decision.kind == "protect")
        .filter_map(|decision| decision.facts.get("key"));
    let key = keys.into_iter().find(|key| word(key, "address").as_deref() == Some(address))?;
    Some(KeyEvent::Failed {
        address: address.to_owned(),
        fingerprint: word(key, "fingerprint_sha256")?,
        at_ms,
        why: why.to_owned(),
    })
}

fn word(facts: &serde_json::Value, name: &str) -> Option<String> {
    Some(facts.get(name)?.as_str()?.to_owned())
}

/// What is read of a report; the message that it sends back whole is of no use.
const MAX_REPORT: u64 = 256 << 10;

/// Messages with one Message-ID that are looked at.
const MAX_STORIES: usize = 4;
