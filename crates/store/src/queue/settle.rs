//! Commits what became of a delivery, and the notices about it.

use crate::body::NewBody;
use crate::database::Write;
use crate::error::Result;
use crate::id::{MessageId, RecipientId};
use crate::keybook::{self, KeyEvent};
use crate::queue::change::{Details, apply, free_body, insert_decision, insert_message};
use crate::queue::message::{DecisionRecord, Message, NewMessage};
use crate::queue::plan::split;
use crate::queue::rows;
use crate::queue::state::Event;
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
    /// What came of the keys that it was encrypted to.
    pub keys: Vec<KeyEvent>,
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
    /// It was not tried, because it could not work now.
    Postponed {
        /// When it is its turn again.
        due_ms: i64,
        /// Why, in words.
        reply: String,
        /// Why, as a code.
        code: String,
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
            keys: Vec::new(),
            delay_notified: false,
        }
    }
}

impl Store {
    /// Commits what became of a delivery.
    ///
    /// An outcome that the state table forbids, because an administrator was faster, is left out and named in the
    /// result. If all are, no notice is sent either.
    pub async fn settle(&self, settle: Settle) -> Result<Settled> {
        let Settle { carrier, now_ms, outcomes, notices, decisions, keys, delay_notified } = settle;
        let mut bodies = Vec::new();
        let notices = split(notices, &mut bodies);
        let moves: Vec<(RecipientId, Event, Details)> =
            outcomes.into_iter().map(|(recipient, outcome)| outcome.into_move(recipient)).collect();
        self.database
            .write("settle a delivery", bodies, move |write| {
                let mut settled = Settled::default();
                let Some(message) = rows::message(write, carrier)? else {
                    settled.stale = moves.iter().map(|(recipient, _, _)| *recipient).collect();
                    return Ok(settled);
                };
                for (recipient, event, details) in &moves {
                    if !settle_one(write, &message, *recipient, *event, now_ms, details)? {
                        settled.stale.push(*recipient);
                    }
                }
                if moves.is_empty() || settled.stale.len() < moves.len() {
                    for (notice, body) in &notices {
                        settled.notices.push(insert_message(write, notice, *body)?.0.id);
                    }
                    for decision in &decisions {
                        insert_decision(write, decision)?;
                    }
                    keys.iter().try_for_each(|event| keybook::note(write, event))?;
                }
                if delay_notified {
                    write.run(
                        "UPDATE message SET delay_notice_at = NULL WHERE id = $1",
                        [carrier.0],
                    )?;
                }
                let original = message.parent.unwrap_or(carrier);
                settled.is_finished = free_body(write, original, message.body.owner)?;
                Ok(settled)
            })
            .await
    }
}

impl Outcome {
    fn into_move(self, recipient: RecipientId) -> (RecipientId, Event, Details) {
        let details = Details::default();
        let (event, details) = match self {
            Self::Bounced { reply, code } => (
                Event::Bounced,
                Details { code: Some(code), reply: Some(reply), is_attempt: true, ..details },
            ),
            Self::Delivered { reply, by } => (
                Event::Delivered,
                Details { reply: Some(reply), by: Some(by), is_attempt: true, ..details },
            ),
            Self::Hold { code, reason } => {
                (Event::Held, Details { code: Some(code), reply: Some(reason), ..details })
            }
            Self::Postponed { due_ms, reply, code } => {
                (Event::Retry, Details::later(due_ms, reply, code))
            }
            Self::Retry { due_ms, reply, code } => {
                (Event::Retry, Details { is_attempt: true, ..Details::later(due_ms, reply, code) })
            }
        };
        (recipient, event, details)
    }
}

/// Writes the outcome of one recipient; returns false if it is not the carrier's any more or the state forbids it.
fn settle_one(
    write: &Write<'_>,
    carrier: &Message,
    recipient: RecipientId,
    event: Event,
    now_ms: i64,
    details: &Details,
) -> Result<bool> {
    let row = rows::recipient(write, recipient)?;
    let expected = (carrier.parent.unwrap_or(carrier.id), carrier.parent.map(|_| carrier.id));
    match row.filter(|row| (row.message, row.carrier) == expected) {
        Some(mut row) => apply(write, &mut row, event, now_ms, details.clone()),
        None => Ok(false),
    }
}
