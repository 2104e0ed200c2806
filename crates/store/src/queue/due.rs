//! What waits to be done, and when.

use std::collections::HashSet;

use crate::error::Result;
use crate::id::MessageId;
use crate::store::Store;

/// A message for which something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The message that came in if it is to be planned, or the child that is to be delivered.
    pub message: MessageId,
    /// Since when it is due.
    pub due_ms: i64,
}

impl Store {
    /// Returns up to `limit` messages that are due and not leased, the longest waiting first.
    pub fn due(&self, now_ms: i64, limit: usize) -> Result<Vec<Due>> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        if limit == 0 {
            return Ok(found);
        }
        self.database.read("look for due messages", |db| {
            db.find(DUE, [now_ms], |row| {
                let due = Due { message: MessageId(row.get(0)?), due_ms: row.get(1)? };
                if seen.insert(due.message) && !self.leases.has(due.message) {
                    found.push(due);
                }
                Ok((found.len() == limit).then_some(()))
            })
        })?;
        Ok(found)
    }

    /// Returns when the next message is due that is not leased.
    pub fn next_due(&self) -> Result<Option<i64>> {
        self.database.read("look for due messages", |db| {
            db.find(DUE, [i64::MAX], |row| {
                Ok(if self.leases.has(MessageId(row.get(0)?)) { None } else { Some(row.get(1)?) })
            })
        })
    }

    /// Returns messages with recipients that wait past their time, queued or held.
    ///
    /// They are named as [`Store::due`] names them: take one with [`Store::claim_waiting`], and give its recipients
    /// back with [`Store::settle`].
    pub fn expired(&self, now_ms: i64, limit: usize) -> Result<Vec<MessageId>> {
        self.late(EXPIRED, now_ms, limit)
    }

    /// Returns messages with queued recipients whose sender is to be told that it takes longer.
    pub fn delayed(&self, now_ms: i64, limit: usize) -> Result<Vec<MessageId>> {
        self.late(DELAYED, now_ms, limit)
    }

    fn late(&self, sql: &str, now_ms: i64, limit: usize) -> Result<Vec<MessageId>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.database.read("look for late messages", |db| {
            db.all(sql, [now_ms, limit], |row| row.get(0).map(MessageId))
        })?;
        Ok(found.into_iter().filter(|message| !self.leases.has(*message)).collect())
    }
}

const DUE: &str = "SELECT COALESCE(carrier, message), due FROM recipient WHERE state = 'queued' AND due <= $1 \
    ORDER BY due";

const EXPIRED: &str = "SELECT m.id FROM recipient r JOIN message m ON m.id = COALESCE(r.carrier, r.message) \
    WHERE r.state = 'queued' AND r.due IS NOT NULL AND m.expires_at <= $1 \
    UNION SELECT m.id FROM recipient r JOIN message m ON m.id = COALESCE(r.carrier, r.message) \
    WHERE r.state IN ('held', 'portal') AND r.state = 'held' AND m.expires_at <= $1 LIMIT $2";

const DELAYED: &str = "SELECT DISTINCT m.id FROM recipient r JOIN message m ON m.id = COALESCE(r.carrier, r.message) \
    WHERE r.state = 'queued' AND r.due IS NOT NULL AND m.delay_notice_at <= $1 LIMIT $2";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Options;

    /// The queue must not become slow with the number of finished messages.
    #[test]
    fn the_queue_is_read_through_its_index() {
        let directory = tempfile::tempdir().unwrap();
        let store =
            Store::open(directory.path(), Options { create: true, ..Options::default() }).unwrap();
        for sql in [DUE, EXPIRED, DELAYED] {
            let sql = format!("EXPLAIN QUERY PLAN {}", sql.replace("$1", "1").replace("$2", "2"));
            let plan = store
                .database
                .read("explain", |db| db.all(&sql, [], |row| row.get::<_, String>(3)))
                .unwrap();
            assert!(
                plan.iter().all(|step| !step.starts_with("SCAN r ") && step != "SCAN recipient"),
                "{plan:?}"
            );
            assert!(plan.iter().any(|step| step.contains("recipient_due")), "{plan:?}");
            assert!(
                sql != DUE || plan.iter().all(|step| !step.contains("TEMP B-TREE")),
                "{plan:?}"
            );
        }
    }
}
