//! Reads rows of the queue.

use std::error::Error as StdError;

use rusqlite::Row;
use rusqlite::types::Type;

use crate::body::BodyRef;
use crate::database::Db;
use crate::error::Result;
use crate::id::{MessageId, RecipientId};
use crate::queue::message::{BodyType, Direction, Message, Recipient};
use crate::queue::state::State;

/// Reads one message.
pub(crate) fn message(db: &Db<'_>, id: MessageId) -> Result<Option<Message>> {
    db.one(&format!("SELECT {MESSAGE} FROM message m WHERE m.id = $1"), [id.0], read_message)
}

/// Reads all recipients of a message that came in, in the order of the envelope.
pub(crate) fn recipients(db: &Db<'_>, message: MessageId) -> Result<Vec<Recipient>> {
    let sql = format!("SELECT {RECIPIENT} FROM recipient r WHERE r.message = $1 ORDER BY r.id");
    db.all(&sql, [message.0], |row| read_recipient(row, 0))
}

/// Reads the recipients of a child, or those of a message that came in which have no child.
pub(crate) fn carried(db: &Db<'_>, carrier: &Message) -> Result<Vec<Recipient>> {
    let sql = format!(
        "SELECT {RECIPIENT} FROM recipient r WHERE r.message = $1 AND COALESCE(r.carrier, r.message) = $2 \
         ORDER BY r.id"
    );
    db.all(&sql, [carrier.parent.unwrap_or(carrier.id).0, carrier.id.0], |row| {
        read_recipient(row, 0)
    })
}

/// Reads one recipient.
pub(crate) fn recipient(db: &Db<'_>, id: RecipientId) -> Result<Option<Recipient>> {
    db.one(&format!("SELECT {RECIPIENT} FROM recipient r WHERE r.id = $1"), [id.0], |row| {
        read_recipient(row, 0)
    })
}

/// The columns that [`read_message`] reads.
pub(crate) const MESSAGE: &str = "m.id, m.parent, m.child_key, m.form, m.route, m.received_at, m.expires_at, \
    m.delay_notice_at, m.direction, m.listener, m.peer, m.helo, m.tls, m.auth_user, m.reverse_path, m.body_type, \
    m.smtputf8, m.ret, m.envid, m.message_id, m.from_header, m.size, m.body, m.prefix";

/// Reads the columns [`MESSAGE`].
pub(crate) fn read_message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: MessageId(row.get(0)?),
        parent: row.get::<_, Option<i64>>(1)?.map(MessageId),
        child_key: row.get(2)?,
        form: row.get(3)?,
        route: row.get(4)?,
        received_at_ms: row.get(5)?,
        expires_at_ms: row.get(6)?,
        delay_notice_at_ms: row.get(7)?,
        direction: word(row, 8, Direction::from_word)?,
        listener: row.get(9)?,
        peer: row.get(10)?,
        helo: row.get(11)?,
        tls: row.get(12)?,
        auth_user: row.get(13)?,
        reverse_path: row.get(14)?,
        body_type: word(row, 15, BodyType::from_word)?,
        smtputf8: row.get(16)?,
        ret: row.get(17)?,
        envid: row.get(18)?,
        message_id: row.get(19)?,
        from_header: row.get(20)?,
        size: row.get::<_, i64>(21)?.unsigned_abs(),
        body: BodyRef {
            owner: MessageId(row.get(22)?),
            prefix: row.get::<_, Option<Vec<u8>>>(23)?.unwrap_or_default(),
            kept: None,
        },
    })
}

/// The columns that [`read_recipient`] reads.
pub(crate) const RECIPIENT: &str = "r.id, r.message, r.carrier, r.address, r.orcpt, r.notify, r.state, r.due, \
    r.attempts, r.code, r.reply, r.taken_by, r.changed_at";
/// How many columns [`RECIPIENT`] has.
pub(crate) const RECIPIENT_COLUMNS: usize = 13;

/// Reads the columns [`RECIPIENT`], which start at `first`.
pub(crate) fn read_recipient(row: &Row<'_>, first: usize) -> rusqlite::Result<Recipient> {
    let carrier: Option<i64> = row.get(first + 2)?;
    Ok(Recipient {
        id: RecipientId(row.get(first)?),
        message: MessageId(row.get(first + 1)?),
        carrier: carrier.map(MessageId),
        address: row.get(first + 3)?,
        orcpt: row.get(first + 4)?,
        notify: row.get(first + 5)?,
        state: word(row, first + 6, |word| State::from_row(word, carrier.is_some()))?,
        due_ms: row.get(first + 7)?,
        attempts: row.get(first + 8)?,
        code: row.get(first + 9)?,
        reply: row.get(first + 10)?,
        by: row.get(first + 11)?,
        changed_at_ms: row.get(first + 12)?,
    })
}

/// Reads a column that holds one of a few words.
pub(crate) fn word<T>(
    row: &Row<'_>,
    column: usize,
    from_word: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    from_word(text).ok_or_else(|| {
        let error: Box<dyn StdError + Send + Sync> = format!("unknown word {text:?}").into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    })
}
