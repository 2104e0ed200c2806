//! Forgets what is finished and old.

use std::collections::BTreeSet;

use crate::database::Write;
use crate::error::Result;
use crate::id::MessageId;
use crate::queue::change::delete_body;
use crate::queue::rows;
use crate::store::Store;

impl Store {
    /// Deletes messages that came in before the time and of whose recipients none is open, with all that belongs to
    /// them; returns how many came in.
    pub async fn purge_finished(&self, before_ms: i64) -> Result<u64> {
        let before = MessageId::first_at(before_ms);
        let mut after = 0_i64;
        let mut purged = 0_u64;
        // In several changes, so that mail that comes in meanwhile does not wait for all of them.
        loop {
            let finished = self.database.read("look for finished messages", |db| {
                db.all(FINISHED, [after, before.0, AT_ONCE], |row| row.get(0).map(MessageId))
            })?;
            let Some(last) = finished.last() else {
                return Ok(purged);
            };
            after = last.0;
            purged += finished.len() as u64;
            self.database
                .write("forget finished messages", Vec::new(), move |write| {
                    finished.iter().try_for_each(|message| forget(write, *message))
                })
                .await?;
        }
    }
}

/// Deletes everything about a message; a finished message stays finished, so nothing is checked again.
fn forget(write: &Write<'_>, message: MessageId) -> Result<()> {
    let recipients = rows::recipients(write, message)?;
    let mut messages: BTreeSet<MessageId> =
        recipients.iter().filter_map(|row| row.carrier).collect();
    messages.insert(message);
    write.run("DELETE FROM recipient WHERE message = $1", [message.0])?;
    for message in messages {
        write.run("DELETE FROM decision WHERE message = $1", [message.0])?;
        write.run("DELETE FROM message WHERE id = $1", [message.0])?;
        delete_body(write, message)?;
    }
    Ok(())
}

const FINISHED: &str = "SELECT m.id FROM message m WHERE m.id > $1 AND m.id < $2 AND m.parent IS NULL \
    AND NOT EXISTS (SELECT 1 FROM recipient r WHERE r.message = m.id AND r.state IN ('queued', 'held', 'portal')) \
    ORDER BY m.id LIMIT $3";

/// A few milliseconds of work.
const AT_ONCE: i64 = 200;
