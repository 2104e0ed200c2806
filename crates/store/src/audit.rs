//! The audit log: who changed keys, trust, or the fate of a message.

use serde::Serialize;

use crate::error::Result;
use crate::queue::admin::Act;
use crate::store::Store;

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its number, from 1 without gaps.
    pub id: i64,
    /// When.
    pub at_ms: i64,
    /// Who.
    pub who: String,
    /// What was done, such as `queue.release`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The details.
    pub details: serde_json::Value,
}

impl Store {
    /// Writes an entry about something that is not in the store, such as a new policy.
    pub async fn audit(
        &self,
        _act: Act,
        _action: &str,
        _subject: &str,
        _details: &serde_json::Value,
    ) -> Result<i64> {
        todo!()
    }

    /// Returns up to `limit` entries after this number.
    pub fn audit_log(&self, _after: i64, _limit: usize) -> Result<Vec<AuditEntry>> {
        todo!()
    }

    /// Checks that every entry is what was written, and returns how many there are.
    pub fn verify_audit(&self) -> Result<i64> {
        todo!()
    }
}
