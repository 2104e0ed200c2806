//! What the metrics show of the queue.

use serde::Serialize;

use crate::error::Result;
use crate::store::Store;

/// The queue in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metrics {
    /// Recipients that wait for a plan.
    pub queued_plan: u64,
    /// Recipients that wait for delivery.
    pub queued_deliver: u64,
    /// Recipients that are held.
    pub held: u64,
    /// Recipients whose mail is at the portal.
    pub portal: u64,
    /// When the oldest message came in that has a queued recipient.
    pub oldest_queued_ms: Option<i64>,
    /// When the oldest message came in that has a held recipient.
    pub oldest_held_ms: Option<i64>,
    /// Messages that are being worked on.
    pub leased: u64,
    /// Octets of the database file.
    pub database_size: u64,
}

impl Store {
    /// Counts the open recipients.
    pub fn metrics(&self) -> Result<Metrics> {
        todo!()
    }
}
