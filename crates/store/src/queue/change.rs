//! What all changes of the queue are made of: insert a message, move a recipient, free a body.

use rusqlite::params;

use crate::body::{self, NewBody};
use crate::database::{Db, Write};
use crate::error::Result;
use crate::id::{MessageId, RecipientId};
use crate::queue::message::{DecisionRecord, Message, NewMessage, Recipient, domain};
use crate::queue::state::{Event, State, next};

/// What is written with a new state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    /// The child, if the recipient gets one now.
    pub(crate) carrier: Option<MessageId>,
    /// When it is its turn, if it is queued afterwards; `None` for now.
    pub(crate) due_ms: Option<i64>,
    /// Whether delivery was tried.
    pub(crate) is_attempt: bool,
    pub(crate) code: Option<String>,
    pub(crate) reply: Option<String>,
    pub(crate) by: Option<String>,
}

impl Details {
    /// Returns the details of a recipient whose turn is later.
    pub(crate) fn later(due_ms: i64, reply: String, code: String) -> Self {
        Self { due_ms: Some(due_ms), code: Some(code), reply: Some(reply), ..Self::default() }
    }
}

/// Moves a recipient to its next state, in the row and in `recipient`; returns false if the state table forbids it.
pub(crate) fn apply(
    db: &Db<'_>,
    recipient: &mut Recipient,
    event: Event,
    now_ms: i64,
    details: Details,
) -> Result<bool> {
    if !advance(recipient, event, now_ms, details) {
        return Ok(false);
    }
    db.run(
        "UPDATE recipient SET state = $1, carrier = $2, due = $3, attempts = $4, changed_at = $5, code = $6, \
         reply = $7, taken_by = $8 WHERE id = $9",
        params![
            recipient.state.word(),
            recipient.carrier.map(|carrier| carrier.0),
            recipient.due_ms,
            recipient.attempts,
            now_ms,
            recipient.code,
            recipient.reply,
            recipient.by,
            recipient.id.0
        ],
    )?;
    Ok(true)
}

/// Moves a recipient that has no row yet to its next state; returns false if the state table forbids it.
pub(crate) fn advance(
    recipient: &mut Recipient,
    event: Event,
    now_ms: i64,
    details: Details,
) -> bool {
    let Ok(state) = next(recipient.state, event) else {
        return false;
    };
    recipient.state = state;
    recipient.carrier = details.carrier.or(recipient.carrier);
    recipient.due_ms = matches!(state, State::Queued(_)).then(|| details.due_ms.unwrap_or(now_ms));
    recipient.attempts = recipient.attempts.saturating_add(u32::from(details.is_attempt));
    recipient.changed_at_ms = now_ms;
    recipient.code = details.code;
    recipient.reply = details.reply;
    recipient.by = details.by;
    true
}

/// Inserts a message that came in, with its recipients and the body at `body` among those of the change.
pub(crate) fn insert_message(
    write: &Write<'_>,
    message: &NewMessage,
    body: usize,
) -> Result<(Message, Vec<Recipient>)> {
    let now_ms = message.received_at_ms;
    let body = write.bodies.get(body);
    let mut stored = message.stored(MessageId(0), body.map_or(0, NewBody::size));
    let id = insert_fresh(write.new_id(now_ms), |id| {
        insert_message_row(write, id, &stored, message.header.as_deref())
    })?;
    stored.id = MessageId(id);
    stored.body.owner = stored.id;
    // Without recipients nobody would ever ask for the body or delete it.
    if let (Some(body), false) = (body, message.recipients.is_empty()) {
        body::insert(write, write.organisation, stored.id, body)?;
    }
    let mut recipients = Vec::with_capacity(message.recipients.len());
    for recipient in &message.recipients {
        let mut recipient = recipient.stored(RecipientId(0), stored.id, now_ms);
        let id =
            insert_fresh(write.new_id(now_ms), |id| insert_recipient_row(write, id, &recipient))?;
        recipient.id = RecipientId(id);
        recipients.push(recipient);
    }
    Ok((stored, recipients))
}

/// Inserts the row of a message that came in; returns 0 if the id is taken.
pub(crate) fn insert_message_row(
    write: &Write<'_>,
    id: i64,
    message: &Message,
    header: Option<&[u8]>,
) -> Result<usize> {
    write.run(
        INSERT_MESSAGE,
        params![
            id,
            write.organisation,
            message.received_at_ms,
            message.expires_at_ms,
            message.delay_notice_at_ms,
            message.direction.word(),
            message.listener,
            message.peer,
            message.helo,
            message.tls,
            message.auth_user,
            message.reverse_path,
            message.body_type.word(),
            message.smtputf8,
            message.ret,
            message.envid,
            message.message_id,
            message.from_header,
            message.size.cast_signed(),
            header
        ],
    )
}

/// Inserts the row of a recipient; returns 0 if the id is taken.
pub(crate) fn insert_recipient_row(
    write: &Write<'_>,
    id: i64,
    recipient: &Recipient,
) -> Result<usize> {
    write.run(
        INSERT_RECIPIENT,
        params![
            id,
            write.organisation,
            recipient.message.0,
            recipient.carrier.map(|carrier| carrier.0),
            recipient.state.word(),
            recipient.due_ms,
            recipient.attempts,
            recipient.changed_at_ms,
            recipient.address,
            domain(&recipient.address),
            recipient.orcpt,
            recipient.notify,
            recipient.code,
            recipient.reply,
            recipient.by
        ],
    )
}

/// Writes down why something was done.
pub(crate) fn insert_decision(write: &Write<'_>, decision: &DecisionRecord) -> Result<()> {
    insert_fresh(write.new_id(decision.at_ms), |id| {
        write.run(
            "INSERT INTO decision (id, organisation, message, at, kind, facts) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (id) DO NOTHING",
            params![
                id,
                write.organisation,
                decision.message.0,
                decision.at_ms,
                decision.kind,
                decision.json
            ],
        )
    })
    .map(|_| ())
}

/// Deletes a body if no recipient of `message`, whose own or whose children's body it is, waits for it any more.
pub(crate) fn free_body(write: &Write<'_>, message: MessageId, owner: MessageId) -> Result<bool> {
    let waits = write.one(
        "SELECT 1 FROM recipient r LEFT JOIN message m ON m.id = r.carrier \
         WHERE r.message = $1 AND r.state IN ('queued', 'held', 'portal') AND COALESCE(m.body, r.message) = $2 \
         LIMIT 1",
        [message.0, owner.0],
        |_| Ok(()),
    )?;
    if waits.is_some() {
        return Ok(false);
    }
    delete_body(write, owner)?;
    Ok(true)
}

/// Deletes a body: the row in this commit, its file afterwards.
pub(crate) fn delete_body(write: &Write<'_>, owner: MessageId) -> Result<()> {
    let file =
        write.one("DELETE FROM body WHERE id = $1 RETURNING file", [owner.0], |row| row.get(0))?;
    if let Some(Some(name)) = file {
        write.remove_file(name);
    }
    Ok(())
}

/// Inserts with the first free id from `id` on: another process may have made the same one by chance.
pub(crate) fn insert_fresh(
    mut id: i64,
    mut insert: impl FnMut(i64) -> Result<usize>,
) -> Result<i64> {
    while insert(id)? == 0 {
        id = id.saturating_add(1);
    }
    Ok(id)
}

const INSERT_MESSAGE: &str = "INSERT INTO message (id, organisation, body, received_at, expires_at, delay_notice_at, \
    direction, listener, peer, helo, tls, auth_user, reverse_path, body_type, smtputf8, ret, envid, message_id, \
    from_header, size, header) \
    VALUES ($1, $2, $1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) \
    ON CONFLICT (id) DO NOTHING";

const INSERT_RECIPIENT: &str = "INSERT INTO recipient (id, organisation, message, carrier, state, due, attempts, \
    changed_at, address, domain, orcpt, notify, code, reply, taken_by) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING";
