//! Certificate graphs made by a seed, and what others say about them.
//!
//! ```text
//!   seed ─► graph ─► certificates, lists ─┬─► chancery-pki   decides the whole graph, and each chain by itself
//!                                         ├─► openssl        verifies each chain (a process, OpenSSL's library)
//!                                         └─► certval        verifies each chain (a library)
//!   compare: who disagrees, and is it in the table of `known`?
//! ```
//!
//! It is **not** part of the product. The writer of certificates here shares nothing with `chancery-pki`, which could
//! otherwise read its own mistakes.

#![expect(
    clippy::missing_panics_doc,
    reason = "it serves tests, and panics only where it is wrong itself"
)]

pub mod chains;
pub mod compare;
pub mod der;
pub mod federation;
pub mod graph;
pub mod hostile;
pub mod keys;
pub mod known;
pub mod list;
pub mod measure;
pub mod others;
pub mod ours;
pub mod policies;
pub mod random;
pub mod recipe;
pub mod speed;
pub mod themes;
