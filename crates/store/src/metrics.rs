//! What the metrics show of the queue.

use serde::Serialize;

use crate::error::Result;
use crate::id::MessageId;
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
        let mut metrics = self.database.read("count the queue", |db| {
            let mut metrics = Metrics::default();
            let open = db.all(OPEN, [self.database.organisation], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, bool>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get(3)?,
                ))
            })?;
            for (state, is_planned, count, oldest) in open {
                let count = count.unsigned_abs();
                // An id tells when the message came in.
                let oldest = Some(MessageId(oldest).time_ms());
                match (state.as_str(), is_planned) {
                    ("queued", true) => metrics.queued_deliver += count,
                    ("queued", false) => metrics.queued_plan += count,
                    ("held", _) => metrics.held += count,
                    _ => metrics.portal += count,
                }
                match state.as_str() {
                    "queued" => metrics.oldest_queued_ms = older(metrics.oldest_queued_ms, oldest),
                    "held" => metrics.oldest_held_ms = older(metrics.oldest_held_ms, oldest),
                    _ => {}
                }
            }
            let size = db.one(
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                [],
                |row| row.get::<_, i64>(0),
            )?;
            metrics.database_size = size.unwrap_or_default().unsigned_abs();
            Ok(metrics)
        })?;
        metrics.leased = self.leases.len() as u64;
        Ok(metrics)
    }
}

fn older(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

/// Spelled as in the indexes of the open recipients, so that finished ones are not read.
const OPEN: &str = "SELECT state, carrier IS NOT NULL, COUNT(*), MIN(message) FROM recipient \
    WHERE state = 'queued' AND due IS NOT NULL AND organisation = $1 GROUP BY 1, 2 \
    UNION ALL SELECT state, carrier IS NOT NULL, COUNT(*), MIN(message) FROM recipient \
    WHERE state IN ('held', 'portal') AND organisation = $1 GROUP BY 1, 2";
