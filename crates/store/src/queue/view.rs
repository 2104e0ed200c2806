//! The whole story of one message.

use std::collections::BTreeSet;

use rusqlite::{Row, params};
use serde::Serialize;
use serde_json::Value;

use crate::database::Db;
use crate::error::Result;
use crate::id::MessageId;
use crate::queue::message::{Message, Recipient};
use crate::queue::rows;
use crate::store::Store;

/// The whole story of one message that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageView {
    /// The message that came in.
    pub message: Message,
    /// Its recipients.
    pub recipients: Vec<Recipient>,
    /// What was made of it.
    pub children: Vec<Message>,
    /// Why.
    pub decisions: Vec<DecisionView>,
}

/// A decision as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionView {
    /// The message it was about: the one that came in or a child.
    pub message: MessageId,
    /// When.
    pub at_ms: i64,
    /// What kind.
    pub kind: String,
    /// The facts.
    pub facts: Value,
}

impl Store {
    /// Returns the story of a message by its id or the id of a child.
    pub fn show(&self, message: MessageId) -> Result<Option<MessageView>> {
        self.database.read("read a message", |db| match rows::message(db, message)? {
            None => Ok(None),
            Some(row) => story(db, row.parent.unwrap_or(message)),
        })
    }

    /// Returns the stories of the messages with this Message-ID field, the newest first; with or without the angle
    /// brackets.
    pub fn show_by_message_id(&self, message_id: &str, limit: usize) -> Result<Vec<MessageView>> {
        let bare = message_id.trim().trim_start_matches('<').trim_end_matches('>');
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT id FROM message WHERE parent IS NULL AND message_id IN ($1, $2) ORDER BY id DESC LIMIT $3";
        self.database.read("look for a message", |db| {
            let found = db.all(sql, params![bare, format!("<{bare}>"), limit], |row| row.get(0))?;
            let stories: Result<Vec<_>> =
                found.into_iter().map(|id| story(db, MessageId(id))).collect();
            Ok(stories?.into_iter().flatten().collect())
        })
    }

    /// Returns a message by its id.
    pub fn message(&self, message: MessageId) -> Result<Option<Message>> {
        self.database.read("read a message", |db| rows::message(db, message))
    }

    /// Returns all recipients of a message that came in, or of a child.
    pub fn recipients(&self, message: MessageId) -> Result<Vec<Recipient>> {
        self.database.read("read a message", |db| {
            let Some(row) = rows::message(db, message)? else {
                return Ok(Vec::new());
            };
            match row.parent {
                Some(_) => rows::carried(db, &row),
                None => rows::recipients(db, message),
            }
        })
    }

    /// Returns the header block of the message that came in, for a notice about it or about a child of it.
    pub fn header(&self, message: MessageId) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT o.header FROM message m JOIN message o ON o.id = COALESCE(m.parent, m.id) WHERE m.id = $1";
        let header =
            self.database.read("read a header", |db| db.one(sql, [message.0], |row| row.get(0)))?;
        Ok(header.flatten())
    }
}

fn story(db: &Db<'_>, id: MessageId) -> Result<Option<MessageView>> {
    let Some(message) = rows::message(db, id)? else {
        return Ok(None);
    };
    let recipients = rows::recipients(db, id)?;
    let sql = "SELECT message, at, kind, facts FROM decision WHERE message = $1 ORDER BY id";
    let mut decisions = db.all(sql, [id.0], read_decision)?;
    let mut children = Vec::new();
    let carriers: BTreeSet<MessageId> =
        recipients.iter().filter_map(|recipient| recipient.carrier).collect();
    for carrier in carriers {
        children.extend(rows::message(db, carrier)?);
        decisions.extend(db.all(sql, [carrier.0], read_decision)?);
    }
    decisions.sort_by_key(|decision| decision.at_ms);
    Ok(Some(MessageView { message, recipients, children, decisions }))
}

fn read_decision(row: &Row<'_>) -> rusqlite::Result<DecisionView> {
    let facts: String = row.get(3)?;
    Ok(DecisionView {
        message: MessageId(row.get(0)?),
        at_ms: row.get(1)?,
        kind: row.get(2)?,
        // What is not JSON is shown as it is.
        facts: serde_json::from_str(&facts).unwrap_or(Value::String(facts)),
    })
}
