//! Who works on what: leases within one process.
//!
//! One process serves a data directory (see [`ServeLock`](crate::ServeLock)), so leases live in memory and end with it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::id::MessageId;
use crate::queue::message::{Message, Recipient, Work};
use crate::queue::rows;
use crate::queue::state::State;
use crate::store::Store;

/// Keeps others from working on a message until it is dropped.
#[derive(Debug)]
pub struct Lease {
    message: MessageId,
    leases: Arc<Leases>,
}

/// Work that nobody else has.
#[derive(Debug)]
pub struct Claim {
    /// What there is to do.
    pub work: Work,
    /// Keeps others from it; drop it after the commit.
    pub lease: Lease,
}

/// Open recipients that nobody else has.
#[derive(Debug)]
pub struct Waiting {
    /// The message that came in, or the child.
    pub message: Message,
    /// Its queued and held recipients.
    pub recipients: Vec<Recipient>,
    /// Keeps others from it; drop it after the commit.
    pub lease: Lease,
}

impl Store {
    /// Takes the work that is due for a message, or returns `None` if somebody has it or nothing is due.
    ///
    /// The rows are read after the lease is taken, so what is returned is still to be done.
    pub fn claim(&self, message: MessageId, now_ms: i64) -> Result<Option<Claim>> {
        let waiting = self.claim_waiting(message)?;
        Ok(waiting.and_then(|waiting| Claim::of(waiting, now_ms)))
    }

    /// Takes every queued or held recipient of a message, due or not, to give up ([`Store::expired`]) or to send a notice
    /// ([`Store::delayed`]); or returns `None` if somebody has it or none waits.
    pub fn claim_waiting(&self, message: MessageId) -> Result<Option<Waiting>> {
        let Some(lease) = self.leases.take(message) else {
            return Ok(None);
        };
        self.database.read("take a message from the queue", |db| {
            let Some(message) = rows::message(db, message)? else {
                return Ok(None);
            };
            let mut recipients = rows::carried(db, &message)?;
            recipients.retain(|row| matches!(row.state, State::Queued(_) | State::Held(_)));
            Ok((!recipients.is_empty()).then_some(Waiting { message, recipients, lease }))
        })
    }
}

impl Claim {
    /// Returns the work that is due, if any.
    fn of(waiting: Waiting, now_ms: i64) -> Option<Self> {
        let Waiting { message, mut recipients, lease } = waiting;
        recipients.retain(|recipient| recipient.due_ms.is_some_and(|due| due <= now_ms));
        if recipients.is_empty() {
            return None;
        }
        let work = match message.route.clone() {
            Some(route) if message.parent.is_some() => {
                Work::Deliver { carrier: message, route, recipients }
            }
            _ => Work::Plan { message, recipients },
        };
        Some(Self { work, lease })
    }

    /// Returns the work that a change which is about to commit makes. It has the lease before anybody else can see the
    /// rows, so they are as they are here.
    pub(crate) fn hand_on(
        leases: &Arc<Leases>,
        message: Message,
        recipients: Vec<Recipient>,
        now_ms: i64,
    ) -> Option<Self> {
        let lease = leases.take(message.id)?;
        Self::of(Waiting { message, recipients, lease }, now_ms)
    }
}

impl Lease {
    /// Returns the message that is leased.
    pub fn message(&self) -> MessageId {
        self.message
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.set().remove(&self.message);
    }
}

/// The messages that are being worked on.
#[derive(Debug, Default)]
pub(crate) struct Leases(Mutex<HashSet<MessageId>>);

impl Leases {
    /// Takes a message, unless somebody has it.
    pub(crate) fn take(self: &Arc<Self>, message: MessageId) -> Option<Lease> {
        self.set().insert(message).then(|| Lease { message, leases: Arc::clone(self) })
    }

    /// Returns true if somebody has the message.
    pub(crate) fn has(&self, message: MessageId) -> bool {
        self.set().contains(&message)
    }

    /// Returns how many are being worked on.
    pub(crate) fn len(&self) -> usize {
        self.set().len()
    }

    fn set(&self) -> std::sync::MutexGuard<'_, HashSet<MessageId>> {
        // A set cannot be left half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
