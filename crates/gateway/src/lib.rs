//! The gateway role: mail in, plan, protect or open, mail out.
//!
//! It is **not** a mail server: it has no mailboxes and no users' spam. It stands between the organisation's own mail
//! server and the internet, and decides, does and records what protection each message gets.
//!
//! ```text
//!   inside (SMTP, LMTP) ─┐                                   ┌─► protect ─┐
//!                        ├─► intake ─► 250 ─► plan ──────────┼─► sign     ├─► children ─► deliver ─► next hop
//!   outside (SMTP) ──────┘   (on disk)       │ policy,       ├─► clear    │                 │
//!                                            │ partners      ├─► open ────┘                 ├─► retry, later
//!                                            │               └─► hold, reject               └─► bounce with its notice
//!                                            └─► decision record: why
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`settings`] | what the gateway is told |
//! | `server` | what its parts share; start and stop |
//! | `intake` | who may hand over what; the durable commit |
//! | `arrival` | the commit of a message, with its plan if it is small |
//! | `queue` | which message is worked on when |
//! | `plan` | what becomes of a message: outgoing in `outward`, incoming in `inward` |
//! | `release` | the only way into the outgoing queue, as a type |
//! | `deliver` | hands children to the next hop |
//! | `notices` | tells senders |
//! | [`identity`], [`partners`] | our keys; theirs |
//! | [`imported`] | certificates and revocation lists that an administrator imported |
//! | [`metrics`] | numbers |
//!
//! RFC 5321 (SMTP), RFC 8551 (S/MIME), RFC 3183 (domain signatures), RFC 3464 (delivery status), RFC 8601 (results).

pub mod codes;
pub mod identity;
pub mod imported;
pub mod metrics;
pub mod partners;
pub mod settings;

mod arrival;
mod bridges;
mod deliver;
mod desktop;
mod endpoint;
mod error;
mod failed;
mod inquiry;
mod intake;
mod inward;
mod learn;
pub mod mailbox;
mod notices;
mod outward;
mod plan;
mod queue;
mod receipts;
mod release;
mod routes;
mod seek;
mod server;
mod stored_body;
mod warning;

pub use codes::CODES;
pub use error::{Error, Result};
pub use server::{Addresses, Context, Server};
