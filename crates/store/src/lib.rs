//! Database, bodies, queue, key book and audit log; the only crate that knows the database.
//!
//! A message is safe once [`Store::accept`] has returned: its body, its envelope and one row per recipient are on disk.
//! From then on each recipient is in exactly one [`State`], and every change of state is one commit.
//!
//! It is **not** a place for decisions: what a message needs is decided by `policy` and the gateway, which hand the
//! outcome to [`Store::commit_plan`] and [`Store::settle`]. It has no clock either: every time is a parameter, in
//! milliseconds since 1970.
//!
//! ```text
//!   body_writer ─► accept ──► due ─► claim ─► Work::Plan ────► commit_plan ─┐ one commit: children, holds, bounces
//!                              ▲                                            │
//!                              └──────────────◄─────────────────────────────┘
//!                              due ─► claim ─► Work::Deliver ─► settle       one commit: outcomes, notices
//!
//!   many callers ─► one writer thread ─► one transaction for everything waiting ─► one fsync ─► all are answered
//! ```
//!
//! The data directory:
//!
//! ```text
//! chancery.db        rows; bodies up to 128 KiB too (SQLite, WAL, synchronous=FULL)
//! bodies/xx/NAME     larger bodies; written, synced and renamed before the row that names them commits
//! tmp/               bodies being written
//! serve.lock         held by the one process that serves
//! ```

pub mod audit;
pub mod body;
pub mod bridge;
pub mod certificate;
pub mod fetched;
pub mod key;
pub mod keybook;
pub mod metrics;
pub mod partner;
pub mod peer;
pub mod published;
pub mod queue;
pub mod trust;

mod database;
mod error;
mod fail;
mod id;
mod layout;
mod spool;
mod store;
mod version;

pub use body::{BodyReader, BodyRef, BodyWriter, NewBody};
pub use database::Soundness;
pub use error::{CODES, Error, Result};
pub use fail::{FailPoint, FailPoints};
pub use id::{BadId, MessageId, RecipientId, child_id};
pub use layout::ServeLock;
pub use queue::accept::{Accepted, Arrived};
pub use queue::admin::{Act, QueueFilter, QueueRow, Selection};
pub use queue::due::Due;
pub use queue::lease::{Claim, Lease, Waiting};
pub use queue::message::{
    BodyType, DecisionRecord, Direction, Message, NewMessage, NewRecipient, Recipient, Work,
};
pub use queue::plan::{Child, ChildBody, Held, Made, Planned, Refused};
pub use queue::settle::{Outcome, Settle, Settled};
pub use queue::state::{Event, Illegal, Stage, State};
pub use queue::view::{DecisionView, MessageView};
pub use spool::Spool;
pub use store::{Options, Store};
