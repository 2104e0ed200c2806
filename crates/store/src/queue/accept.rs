//! Accepts a message: one commit for body, envelope and recipients, and for the plan if there is one already.

use std::sync::Arc;

use crate::body::{self, NewBody};
use crate::error::{Error, Result};
use crate::id::{MessageId, RecipientId};
use crate::queue::change::{insert_message, insert_message_row, insert_recipient_row};
use crate::queue::lease::Claim;
use crate::queue::message::{Message, NewMessage, Recipient};
use crate::queue::plan::{Made, Planned, Recipients, Writing};
use crate::store::Store;

/// A message that has its ids, so that it can be planned; nothing of it is on disk yet.
#[derive(Debug)]
pub struct Arrived {
    /// The message.
    pub message: Message,
    /// Its recipients, in the order of the envelope.
    pub recipients: Vec<Recipient>,
    header: Option<Vec<u8>>,
    body: NewBody,
}

/// A message that is on disk.
#[derive(Debug)]
pub struct Accepted {
    /// Its id.
    pub id: MessageId,
    /// What there is to do next, without reading it from the database again; dropped, it is found by [`Store::due`].
    pub work: Option<Claim>,
}

impl Store {
    /// Accepts a message; when this returns, it is on disk and 250 may be said.
    ///
    /// Every recipient is queued for a plan. If the caller stops waiting, the message may be accepted all the same.
    pub async fn accept(&self, message: NewMessage, body: NewBody) -> Result<Accepted> {
        let (leases, memory) = (Arc::clone(&self.leases), Arc::clone(&self.memory));
        self.database
            .write("accept a message", vec![body], move |write| {
                let (mut stored, recipients) = insert_message(write, &message, 0)?;
                let id = stored.id;
                stored.body.kept = write.bodies.first().and_then(|body| body.keep(&memory));
                let work = Claim::hand_on(&leases, stored, recipients, message.received_at_ms);
                Ok(Accepted { id, work })
            })
            .await
    }

    /// Gives a message its ids, so that it can be planned before it is accepted.
    ///
    /// Its body can be read with [`Store::body`]. Returns the message and the body if that is not in memory, because it
    /// is large or there is no room: then accept it first and plan it when it is its turn.
    pub fn arrive(
        &self,
        message: NewMessage,
        body: NewBody,
    ) -> std::result::Result<Arrived, Box<(NewMessage, NewBody)>> {
        let Some(kept) = body.keep(&self.memory) else { return Err(Box::new((message, body))) };
        let now_ms = message.received_at_ms;
        let id = MessageId(self.ids.next(now_ms));
        let recipients = message.recipients.iter();
        let recipients = recipients
            .map(|recipient| recipient.stored(RecipientId(self.ids.next(now_ms)), id, now_ms))
            .collect();
        let mut stored = message.stored(id, body.size());
        stored.body.kept = Some(kept);
        Ok(Arrived { message: stored, recipients, header: message.header, body })
    }

    /// Accepts a message with its plan: all of both or nothing, in one commit.
    ///
    /// A recipient that the plan does not name is queued for one. A body that nobody waits for afterwards, because every
    /// recipient has a child with bytes of its own or gets nothing, is never written. Fails with [`Error::Stale`] if
    /// the plan names a foreign recipient, or if another process took one of the ids meanwhile.
    pub async fn accept_planned(&self, arrived: Arrived, plan: Planned) -> Result<Made> {
        let Arrived { message, recipients, header, body } = arrived;
        let (writing, bodies) = Writing::new(self, plan, vec![body]);
        self.database
            .write("accept a message", bodies, move |write| {
                let stale = Error::Stale { message: message.id };
                if insert_message_row(write, message.id.0, &message, header.as_deref())? == 0 {
                    return Err(stale);
                }
                let mut envelope = Recipients::fresh(message.clone(), recipients.clone());
                let made = writing.carry_out(write, &mut envelope)?;
                for recipient in &envelope.rows {
                    if insert_recipient_row(write, recipient.id.0, recipient)? == 0 {
                        return Err(stale);
                    }
                }
                if envelope.need_body()
                    && let Some(body) = write.bodies.first()
                {
                    body::insert(write, write.organisation, message.id, body)?;
                }
                Ok(made)
            })
            .await
    }
}
