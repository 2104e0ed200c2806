//! Bridges: organisations that trust one authority between them, instead of each other one by one (RFC 4158, RFC 5217).
//!
//! A bridge vouches for the authority of each member, for exactly the mail domains that the member has proven, at an
//! assurance level; each member vouches for the bridge, for all domains but its own. It is **not** a root: nobody trusts
//! the bridge as an anchor, every path starts at the own authority.
//!
//! ```text
//! member                                  bridge
//! ask ── request: card, domains, level ──►  take: tokens ──► TXT _chancery-bridge.DOMAIN
//!                                           prove: DNS, or a person
//! accept ◄── answer: bridge ► member ─────  cross_sign
//!    └────── certificate: member ► bridge ─► returned
//!                                           publish: issued-by.p7c, issued-to.p7c, bridge.crl, members/DOMAIN.card
//! ```
//!
//! RFC 5280 (cross-certificates, name constraints, policy mappings), RFC 3647 (certificate policies), RFC 5652.

pub mod assurance;
pub mod member;
pub mod proof;
pub mod publication;
pub mod server;

mod error;
mod host;
mod keys;

pub use error::{CODES, Error, Result};
pub use host::{Condition, Found, Grant, Host, NewBridge, Returned, Taken};
pub use keys::fingerprint;
