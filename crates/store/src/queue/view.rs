//! The whole story of one message.

use serde::Serialize;

use crate::error::Result;
use crate::id::MessageId;
use crate::queue::message::{Message, Recipient};
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
    pub facts: serde_json::Value,
}

impl Store {
    /// Returns the story of a message by its id or the id of a child.
    pub fn show(&self, _message: MessageId) -> Result<Option<MessageView>> {
        todo!()
    }

    /// Returns the stories of the messages with this Message-ID field, the newest first; with or without the angle
    /// brackets.
    pub fn show_by_message_id(&self, _message_id: &str, _limit: usize) -> Result<Vec<MessageView>> {
        todo!()
    }

    /// Returns a message by its id.
    pub fn message(&self, _message: MessageId) -> Result<Option<Message>> {
        todo!()
    }

    /// Returns all recipients of a message that came in, or of a child.
    pub fn recipients(&self, _message: MessageId) -> Result<Vec<Recipient>> {
        todo!()
    }

    /// Returns the header block of the message that came in, for a notice about it or about a child of it.
    pub fn header(&self, _message: MessageId) -> Result<Option<Vec<u8>>> {
        todo!()
    }
}
