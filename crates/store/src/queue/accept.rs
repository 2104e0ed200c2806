//! Accepts a message: one commit for body, envelope and recipients.

use crate::body::NewBody;
use crate::error::Result;
use crate::id::MessageId;
use crate::queue::change::insert_message;
use crate::queue::message::NewMessage;
use crate::store::Store;

impl Store {
    /// Accepts a message; when this returns, it is on disk and 250 may be said.
    ///
    /// Every recipient is queued for a plan. If the caller stops waiting, the message may be accepted all the same.
    pub async fn accept(&self, message: NewMessage, body: NewBody) -> Result<MessageId> {
        self.database
            .write("accept a message", vec![body], move |write| insert_message(write, &message, 0))
            .await
    }
}
