//! Commits what a message becomes: its children, its holds, its bounces.

use crate::body::NewBody;
use crate::error::Result;
use crate::id::{MessageId, RecipientId};
use crate::queue::message::{DecisionRecord, NewMessage};
use crate::store::Store;

/// The outcome of planning one message, committed as one.
///
/// A recipient that is not named stays as it is.
#[derive(Debug)]
pub struct Planned {
    /// The message that came in.
    pub message: MessageId,
    /// The time of the plan; children are due at once.
    pub now_ms: i64,
    /// One for each group of recipients that gets the same bytes over the same route.
    pub children: Vec<Child>,
    /// Recipients that wait for a key, an approval or an administrator.
    pub held: Vec<Held>,
    /// Recipients whose mail waits at the portal; the body of the message that came in is kept for them.
    pub portal: Vec<RecipientId>,
    /// Recipients that are given back to the sender.
    pub bounced: Vec<Refused>,
    /// Recipients that get nothing and about whom nobody is told.
    pub dropped: Vec<Refused>,
    /// Notices that are accepted in the same commit.
    pub notices: Vec<(NewMessage, NewBody)>,
    /// Why; kept for `chancery explain`.
    pub decisions: Vec<DecisionRecord>,
}

/// One child of a message.
#[derive(Debug)]
pub struct Child {
    /// The group; with the parent and the recipients it makes the id, see [`child_id`](crate::child_id).
    pub key: String,
    /// How it is protected, as text for people and metrics.
    pub form: String,
    /// Its bytes.
    pub body: ChildBody,
    /// Who gets it.
    pub recipients: Vec<RecipientId>,
    /// Where it goes; the gateway knows what it means.
    pub route: String,
    /// The envelope sender.
    pub reverse_path: String,
}

/// The bytes of a child.
#[derive(Debug)]
pub enum ChildBody {
    /// Bytes of its own.
    New(NewBody),
    /// The bytes of the parent; they are not copied.
    SameAsParent,
    /// A trace header, then the bytes of the parent; they are not copied.
    SameWithPrefix(Vec<u8>),
}

/// A recipient that has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who.
    pub recipient: RecipientId,
    /// Why, as a code.
    pub code: String,
    /// Why, as text.
    pub reason: String,
}

/// A recipient that gets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Who.
    pub recipient: RecipientId,
    /// Why, as a code.
    pub code: String,
    /// The reply that the sender is shown.
    pub reply: String,
}

/// What a plan made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedIds {
    /// The children, in the order of the plan.
    pub children: Vec<MessageId>,
    /// The notices, in the order of the plan.
    pub notices: Vec<MessageId>,
}

impl Planned {
    /// Returns a plan that does nothing yet.
    pub fn new(message: MessageId, now_ms: i64) -> Self {
        Self {
            message,
            now_ms,
            children: Vec::new(),
            held: Vec::new(),
            portal: Vec::new(),
            bounced: Vec::new(),
            dropped: Vec::new(),
            notices: Vec::new(),
            decisions: Vec::new(),
        }
    }
}

impl Store {
    /// Commits a plan: all of it or nothing.
    ///
    /// Fails with [`Error::Stale`](crate::Error::Stale) if a recipient it names does not wait for a plan any more.
    pub async fn commit_plan(&self, _plan: Planned) -> Result<PlannedIds> {
        todo!()
    }
}
