//! What the tests share: stores in fresh directories, messages, and short ways through the queue.

use std::path::Path;

use chancery_store::{
    Act, Child, ChildBody, MessageId, NewMessage, NewRecipient, Options, Outcome, Planned,
    Recipient, RecipientId, Settle, State, Store,
};
use tempfile::TempDir;

/// 2026-11-21T00:00:00Z.
pub(crate) const NOW: i64 = 1_795_219_200_000;

/// More than fits in a row.
pub(crate) const LARGE: usize = 300_000;

pub(crate) fn fresh() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    (directory, store)
}

pub(crate) fn open(directory: &Path) -> Store {
    Store::open(directory, options()).unwrap()
}

pub(crate) fn options() -> Options {
    Options { create: true, ..Options::default() }
}

pub(crate) fn act(why: &str) -> Act {
    Act { who: "ada".into(), why: why.into(), at_ms: NOW + 5_000 }
}

pub(crate) fn message(recipients: &[&str]) -> NewMessage {
    NewMessage {
        received_at_ms: NOW,
        expires_at_ms: NOW + 86_400_000,
        delay_notice_at_ms: Some(NOW + 3_600_000),
        listener: "inside".into(),
        peer: "192.0.2.1".into(),
        helo: "mail.acme.example".into(),
        reverse_path: "ann@acme.example".into(),
        message_id: Some("<1@acme.example>".into()),
        from_header: Some("Ann <ann@acme.example>".into()),
        header: Some(b"From: Ann <ann@acme.example>\r\n".to_vec()),
        recipients: recipients.iter().map(|address| NewRecipient::new(*address)).collect(),
        ..NewMessage::default()
    }
}

/// Accepts a message to these recipients.
pub(crate) async fn accept(
    store: &Store,
    recipients: &[&str],
    body: &[u8],
) -> (MessageId, Vec<RecipientId>) {
    let body = store.new_body(body).unwrap();
    let id = store.accept(message(recipients), body).await.unwrap().id;
    (id, ids(&store.recipients(id).unwrap()))
}

/// Gives the recipients one child.
pub(crate) async fn plan(
    store: &Store,
    message: MessageId,
    recipients: &[RecipientId],
    body: ChildBody,
) -> MessageId {
    let mut plan = Planned::new(message, NOW + 1_000);
    plan.children.push(child("smime:globex.example", recipients, body));
    store.commit_plan(plan).await.unwrap().children[0]
}

pub(crate) fn child(key: &str, recipients: &[RecipientId], body: ChildBody) -> Child {
    Child {
        key: key.into(),
        form: "smime".into(),
        body,
        recipients: recipients.to_vec(),
        route: "mx:globex.example".into(),
        reverse_path: "ann@acme.example".into(),
    }
}

pub(crate) fn settle(carrier: MessageId, recipients: &[RecipientId], outcome: &Outcome) -> Settle {
    let mut settle = Settle::new(carrier, NOW + 2_000);
    settle.outcomes = recipients.iter().map(|recipient| (*recipient, outcome.clone())).collect();
    settle
}

pub(crate) fn delivered() -> Outcome {
    Outcome::Delivered { reply: "250 2.0.0 taken".into(), by: "mx.globex.example".into() }
}

pub(crate) fn bounced() -> Outcome {
    Outcome::Bounced { reply: "550 5.1.1 no such user".into(), code: "smtp.refused".into() }
}

pub(crate) fn retry(due_ms: i64) -> Outcome {
    Outcome::Retry { due_ms, reply: "451 4.3.0 later".into(), code: "smtp.deferred".into() }
}

pub(crate) fn ids(recipients: &[Recipient]) -> Vec<RecipientId> {
    recipients.iter().map(|recipient| recipient.id).collect()
}

pub(crate) fn states(store: &Store, message: MessageId) -> Vec<State> {
    store.recipients(message).unwrap().iter().map(|recipient| recipient.state).collect()
}

/// Returns what a message will be delivered as.
pub(crate) fn bytes(store: &Store, message: MessageId) -> Result<Vec<u8>, chancery_store::Error> {
    let message = store.message(message).unwrap().unwrap();
    Ok(store.body(&message.body)?.read_all()?.to_vec())
}

/// Returns the files in a folder of the data directory, however deep.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.append(&mut files(&entry.path()));
        } else {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
    found
}
