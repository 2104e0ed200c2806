//! `chancery queue`: see and steer what waits.

use chancery_store::{MessageId, MessageView, QueueFilter, QueueRow, Recipient, Selection, Store};
use serde::Serialize;

use super::block_on;
use crate::cli::{Pick, Queue, QueueState};
use crate::failure::{Failure, Result};
use crate::installation::{Installation, act};
use crate::output::{Output, counted, note, plain, table, time};
use crate::story;

/// Runs the command.
pub(super) fn run(installation: &Installation, command: Queue, output: Output) -> Result {
    let store = installation.store()?;
    match command {
        Queue::List { state, recipient, limit } => {
            list(&store, state, recipient.as_deref(), limit, output)
        }
        Queue::Show { message } => {
            let view = find(&store, &message)?;
            output.show(&view, || story::summary(&view))
        }
        Queue::Release(pick) => change(&store, &pick, output, "released", Change::Release),
        Queue::Retry(pick) => change(&store, &pick, output, "retried", Change::Retry),
        Queue::Drop { pick, reason } => {
            change(&store, &pick, output, "dropped", Change::Drop(reason))
        }
    }
}

/// Finds a message by its id, the id of a child, or its Message-ID.
pub(super) fn find(store: &Store, text: &str) -> Result<MessageView> {
    if let Ok(id) = text.parse::<MessageId>()
        && let Some(view) = store.show(id)?
    {
        return Ok(view);
    }
    let found = store.show_by_message_id(text, 1)?.into_iter().next();
    found.ok_or_else(|| {
        Failure::no(format!("there is no message {}", plain(text)))
            .hint("give a queue id (`chancery queue list`) or a Message-ID; what is finished is forgotten after 90 days")
    })
}

fn list(
    store: &Store,
    state: Option<QueueState>,
    recipient: Option<&str>,
    limit: u32,
    output: Output,
) -> Result {
    let mut filter = QueueFilter {
        state: state.map(|state| word(state).to_owned()),
        // One more than is shown tells whether there are more.
        limit: usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1),
        ..QueueFilter::default()
    };
    match recipient {
        Some(text) if text.contains('@') => filter.address = Some(text.to_owned()),
        Some(text) => filter.domain = Some(text.to_ascii_lowercase()),
        None => {}
    }
    let mut rows = store.list(&filter)?;
    if rows.len() == filter.limit {
        rows.truncate(filter.limit - 1);
        note(&format!("only the first {limit} are shown; `--limit` shows more"));
    }
    output.show(&rows, || {
        if rows.is_empty() {
            return "nothing waits".to_owned();
        }
        let cells: Vec<Vec<String>> = rows.iter().map(row).collect();
        table(&["ID", "STATE", "RECEIVED", "FROM", "TO", "TRIES", "WHY"], &cells)
    })
}

fn row(row: &QueueRow) -> Vec<String> {
    let recipient = &row.recipient;
    let sender = if row.reverse_path.is_empty() { "<>" } else { &row.reverse_path };
    let why = match (&recipient.code, &recipient.reply) {
        (Some(code), Some(reply)) => format!("{code}: {}", shortened(reply)),
        (Some(code), None) => code.clone(),
        _ => String::new(),
    };
    vec![
        recipient.message.to_string(),
        recipient.state.word().to_owned(),
        time(row.received_at_ms),
        plain(sender),
        plain(&recipient.address),
        recipient.attempts.to_string(),
        plain(&why),
    ]
}

enum Change {
    Drop(String),
    Release,
    Retry,
}

#[derive(Serialize)]
struct Changed {
    recipients: Vec<String>,
    /// The messages that they are of.
    messages: Vec<String>,
}

fn change(store: &Store, pick: &Pick, output: Output, done: &str, change: Change) -> Result {
    let state = if matches!(change, Change::Release) { "held" } else { "queued" };
    let mut picked: Vec<Recipient> = Vec::new();
    if pick.all {
        let filter = QueueFilter {
            state: Some(state.to_owned()),
            limit: usize::MAX >> 1,
            ..QueueFilter::default()
        };
        picked.extend(store.list(&filter)?.into_iter().map(|row| row.recipient));
    } else {
        for text in &pick.messages {
            picked.extend(find(store, text)?.recipients);
        }
    }
    let mut messages: Vec<MessageId> = picked.iter().map(|recipient| recipient.message).collect();
    messages.sort_unstable();
    messages.dedup();
    let selection = Selection::Messages(messages);
    let changed = block_on(async {
        Ok(match change {
            Change::Drop(reason) => store.drop_recipients(selection, act(&reason)).await?,
            Change::Release => store.release(selection, act("chancery queue release")).await?,
            Change::Retry => store.retry(selection, act("chancery queue retry")).await?,
        })
    })?;
    let is_changed = |recipient: &&Recipient| changed.contains(&recipient.id);
    let mut of: Vec<MessageId> = picked.iter().filter(is_changed).map(|it| it.message).collect();
    of.sort_unstable();
    of.dedup();
    let shown = Changed {
        recipients: changed.iter().map(ToString::to_string).collect(),
        messages: of.iter().map(ToString::to_string).collect(),
    };
    output.show(&shown, || {
        let (recipients, of) = (counted(changed.len(), "recipient"), counted(of.len(), "message"));
        format!("{done}: {recipients} of {of}")
    })?;
    if done == "released" && !changed.is_empty() {
        note(
            "a rule that demands protection holds again what still has no key: see `chancery queue list`",
        );
    }
    if changed.is_empty() {
        return Err(Failure::no(format!("nothing could be {done}"))
            .hint("only held mail is released, only queued mail is retried, and what is finished stays finished"));
    }
    Ok(())
}

fn word(state: QueueState) -> &'static str {
    match state {
        QueueState::Bounced => "bounced",
        QueueState::Delivered => "delivered",
        QueueState::Dropped => "dropped",
        QueueState::Held => "held",
        QueueState::Queued => "queued",
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
