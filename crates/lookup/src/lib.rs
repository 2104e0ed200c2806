//! Finds what is not here and caches it: certificates of issuers, revocation lists and OCSP responses.
//!
//! It is the one place that asks others for the path engine's sake. It does **not** decide whom to trust and it verifies
//! nothing: what it brings is as good as its signature, which the engine checks each time.
//!
//! ```text
//!   role ─► Lookup::decide ─► ask(&Known) ─► Answer {missing: what, of whom, urls}
//!               ▲                                   │
//!               │        fetch, in parallel, within a budget; the same address once for all who ask
//!               │                                   ▼
//!             Known ◄── what proved useful ── shelf ◄── net: HTTP, OCSP, LDAP
//!                                               │  ▲
//!                                               │  ├── refresh: what was used is fetched again before it ends
//!                                               └──┴── store: kept for the next start
//! ```
//!
//! What was fetched for one decision helps that decision only, until an answer was built on it: so nobody can fill what
//! all decisions share by sending certificates that point to junk.
//!
//! ```no_run
//! use chancery_lookup::{Budget, Lookup};
//! use chancery_pki::path::{self, Trust};
//! use chancery_pki::{Certificate, Purpose};
//!
//! # async fn example(lookup: Lookup, signer: Certificate, trust: Trust, now: i64) {
//! let decided = lookup
//!     .decide(Budget::default(), |known| {
//!         path::decide(&known.question(&signer, Purpose::SmimeSign, now, &trust))
//!     })
//!     .await;
//! println!("{}", decided.answer);
//! for fetch in &decided.fetches {
//!     println!("{fetch}");
//! }
//! # }
//! ```
//!
//! RFC 5280 sections 4.2.1.13, 4.2.2.1, 4.2.2.2 and 5.2.6 (where things are), 4325 (certificates of list issuers),
//! 6960, 9654 and 9919 (OCSP), 4158 section 3 (what a path builder fetches).

mod ask;
mod codes;
mod content;
mod decide;
mod error;
mod fetch;
pub mod keys;
mod learned;
mod lookup;
pub mod metrics;
mod refresh;
mod saved;
mod shelf;
mod source;
mod story;

pub use codes::CODES;
pub use content::Content;
pub use decide::{Brought, Budget, Decided};
pub use error::Error;
pub use lookup::{Lookup, Settings};
pub use story::{Fetch, Outcome};
