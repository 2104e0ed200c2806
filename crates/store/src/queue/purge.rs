//! Forgets what is finished and old.

use crate::error::Result;
use crate::store::Store;

impl Store {
    /// Deletes messages that came in before the time and of whose recipients none is open, with all that belongs to
    /// them; returns how many came in.
    pub async fn purge_finished(&self, _before_ms: i64) -> Result<u64> {
        todo!()
    }
}
