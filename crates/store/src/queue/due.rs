//! What waits to be done, and when.

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
    pub fn due(&self, _now_ms: i64, _limit: usize) -> Result<Vec<Due>> {
        todo!()
    }

    /// Returns when the next message is due that is not leased.
    pub fn next_due(&self) -> Result<Option<i64>> {
        todo!()
    }

    /// Returns messages with recipients that wait past their time, queued or held.
    ///
    /// They are named as [`Store::due`] names them: give their recipients back with [`Store::settle`].
    pub fn expired(&self, _now_ms: i64, _limit: usize) -> Result<Vec<MessageId>> {
        todo!()
    }

    /// Returns messages whose sender is to be told that it takes longer.
    pub fn delayed(&self, _now_ms: i64, _limit: usize) -> Result<Vec<MessageId>> {
        todo!()
    }
}
