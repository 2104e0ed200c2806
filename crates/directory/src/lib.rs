//! The directory: who asks for the certificates of one full mail address gets them, and nobody gets anything else.
//!
//! Strangers ask on the outside face and find what is published of our own people. Our own people and programs ask on the
//! inside face and find everybody, through [`chancery_lookup::keys::Finder`]. It is **not** a directory server: there are
//! no entries, only answers, each made from certificates; nothing can be listed, matched in part, or written.
//!
//! ```text
//!  octets ─► net::ldap::server ─► face: quick::read ──────────────► catalogue ─► entry, ready to be sent
//!                                   │ else                              ▲
//!                                   └► question::read ─► limiter ───────┤ not there: Finder (inside; own directories outside)
//!                                      full addresses, or refused       │
//!                                                         judge ◄───────┘ alive, for mail, for the address, published
//! ```
//!
//! The same is asked over HTTP (`web`), with the same limiter and the same catalogue.
//!
//! RFC 4511 to 4515 (LDAP), 4522 and 4523 (certificates in directories), 4519 and 4524 (attributes), 2798
//! (`userSMIMECertificate`), 2739 (`calFBURL`), 4387 (certificate stores).

pub mod asked;
pub mod catalogue;
pub mod judge;
pub mod limiter;
pub mod metrics;
pub mod settings;

mod authority;
mod entry;
mod error;
mod face;
mod name;
mod question;
mod quick;
mod selection;
mod server;
mod special;
mod web;

pub use entry::Shown;
pub use error::{CODES, Error, Result};
pub use question::key_of;
pub use server::{Context, Directory, Listening};
