//! Finds the certificates of an address: in corporate directories, at partners and bridges, in the DNS, in certificate
//! stores on the web.
//!
//! What it brings was looked at (it is a certificate, for mail, for that very address, and lives) and says from where it
//! came and how sure that is. It is **not** trusted: whether a certificate may be used is decided by paths, pins and
//! policy, for which [`Origin`] is one fact among others.
//!
//! ```text
//!   gateway, directory, CLI ─► Finder::find(address) ─► which sources are asked (domain patterns, order)
//!                                   │        one question a source and address, whoever asks; all in parallel
//!                                   ▼
//!             cache: yes and no ── LDAP ── DNS (SMIMEA) ── HTTP (RFC 4387)
//!                                   │
//!                                   ▼
//!        Found { candidates: best origin first, unanswered: who and why, dropped: what came and is no good }
//! ```

mod breaker;
mod cache;
mod check;
mod finder;
mod flight;
mod found;
mod given;
mod ldap;
mod metrics;
mod smimea;
mod source;
mod web;

pub use chancery_net::dns::secure::Association;
pub use finder::Finder;
pub use found::{
    Asked, Candidate, Channel, Confirmation, Dnssec, Dropped, Found, Hop, Kind, Origin, Unanswered,
};
pub use metrics::Numbers;
pub use smimea::owner_name;
pub use source::{Directory, Domains, How, Pattern, Place, Settings, Source, Web};
pub use web::parts;
