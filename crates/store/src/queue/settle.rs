//! Commits what became of a delivery, and the notices about it.

use crate::body::NewBody;
use crate::error::Result;
use crate::id::{MessageId, RecipientId};
use crate::queue::message::{DecisionRecord, NewMessage};
use crate::store::Store;

/// What became of one attempt, committed as one.
#[derive(Debug)]
pub struct Settle {
    /// The child that was delivered, or the message that could not be planned.
    pub carrier: MessageId,
    /// The time of the outcome.
    pub now_ms: i64,
    /// What became of each recipient; who is not named stays as it is.
    pub outcomes: Vec<(RecipientId, Outcome)>,
    /// Notices that are accepted in the same commit, so that a bounce and its DSN are never apart.
    pub notices: Vec<(NewMessage, NewBody)>,
    /// Why; kept for `chancery explain`.
    pub decisions: Vec<DecisionRecord>,
    /// Whether the notices tell the sender of the delay, so that it is told once only.
    pub delay_notified: bool,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is given back to the sender.
    Bounced {
        /// The reply that the sender is shown.
        reply: String,
        /// Why, as a code.
        code: String,
    },
    /// The next hop took it.
    Delivered {
        /// What it said.
        reply: String,
        /// The name of the next hop.
        by: String,
    },
    /// It has to wait for somebody.
    Hold {
        /// Why, as a code.
        code: String,
        /// Why, as text.
        reason: String,
    },
    /// It did not work now, but may later.
    Retry {
        /// When it is its turn again.
        due_ms: i64,
        /// What the next hop said.
        reply: String,
        /// Why, as a code.
        code: String,
    },
}

/// What was settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The notices, in order; empty if every outcome was stale.
    pub notices: Vec<MessageId>,
    /// Recipients whose outcome was not written because somebody else had finished or held them meanwhile.
    pub stale: Vec<RecipientId>,
    /// Whether no recipient waits for the body of the carrier any more; it is deleted then.
    pub is_finished: bool,
}

impl Settle {
    /// Returns an outcome that names nobody yet.
    pub fn new(carrier: MessageId, now_ms: i64) -> Self {
        Self {
            carrier,
            now_ms,
            outcomes: Vec::new(),
            notices: Vec::new(),
            decisions: Vec::new(),
            delay_notified: false,
        }
    }
}

impl Store {
    /// Commits what became of a delivery.
    pub async fn settle(&self, _settle: Settle) -> Result<Settled> {
        todo!()
    }
}
