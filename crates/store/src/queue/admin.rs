//! What an administrator does with the queue: list, release, retry, drop.

use serde::Serialize;

use crate::error::Result;
use crate::id::{MessageId, RecipientId};
use crate::queue::message::{Direction, Recipient};
use crate::store::Store;

/// Which recipients to list; everything that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueFilter {
    /// The word of a state; `None` for all that are open.
    pub state: Option<String>,
    /// The recipient's or the sender's address, in any case.
    pub address: Option<String>,
    /// The recipient's domain.
    pub domain: Option<String>,
    /// The code of the hold or of the last failure.
    pub code: Option<String>,
    /// Received before this time.
    pub before_ms: Option<i64>,
    /// Only recipients after this one: the last of the page before.
    pub after: Option<RecipientId>,
    /// How many at most.
    pub limit: usize,
}

/// One recipient in a list, with what people need to recognise the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueRow {
    /// The recipient.
    #[serde(flatten)]
    pub recipient: Recipient,
    /// The envelope sender of the message.
    pub reverse_path: String,
    /// Into or out of the organisation.
    pub direction: Direction,
    /// When the message came in.
    pub received_at_ms: i64,
    /// When it is given up.
    pub expires_at_ms: i64,
    /// The Message-ID field.
    pub message_id: Option<String>,
    /// Octets of the message that came in.
    pub size: u64,
    /// Where it goes, once planned.
    pub route: Option<String>,
}

/// Which recipients an administrator acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All that are held for a domain, with this code if one is given: a key for the domain has come.
    HeldForDomain {
        /// The recipient's domain.
        domain: String,
        /// The code of the hold.
        code: Option<String>,
    },
    /// Those of these messages, incoming or children.
    Messages(Vec<MessageId>),
    /// These.
    Recipients(Vec<RecipientId>),
}

/// Who acts, why and when; every act is in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub who: String,
    /// Why; may be empty.
    pub why: String,
    /// When.
    pub at_ms: i64,
}

impl Store {
    /// Lists recipients in the order of their age.
    pub fn list(&self, _filter: &QueueFilter) -> Result<Vec<QueueRow>> {
        todo!()
    }

    /// Lets held recipients go on, and returns those that did.
    pub async fn release(&self, _which: Selection, _act: Act) -> Result<Vec<RecipientId>> {
        todo!()
    }

    /// Makes queued recipients due now, and returns them.
    pub async fn retry(&self, _which: Selection, _act: Act) -> Result<Vec<RecipientId>> {
        todo!()
    }

    /// Gives recipients up without telling anybody, and returns those that were still open.
    pub async fn drop_recipients(&self, _which: Selection, _act: Act) -> Result<Vec<RecipientId>> {
        todo!()
    }
}
