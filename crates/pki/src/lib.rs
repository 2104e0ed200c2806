//! Certificates: reading, issuing, path checking, and the reasons for each verdict (RFC 5280).
//!
//! It is **not** a certificate authority service and it never looks anything up: time, randomness, trust anchors and
//! the certificates that may help come in as arguments, and so do the lists and responses that say whether a certificate
//! was revoked ([`revocation`]).
//!
//! ```text
//!            PEM, DER ──► pem ──► Certificate ──┬─► path::check ──► Verdict {outcome, path, failures + clause}
//!                                               │                      ▲ anchors: one partner's, never the world's
//!  Organisation, keys ──► issue ──► Certificate ┘                      │
//!                                       └─► binding: speaks_for / encrypts_for (address, scope of the anchor)
//! ```
//!
//! ```
//! use chancery_crypto::{KeyKind, PrivateKey};
//! use chancery_pki::{Organisation, Purpose, Scope, issue, path, speaks_for};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let acme = Organisation::new("Acme", ["acme.example"])?;
//! let (ca_key, gateway_key) = (PrivateKey::generate(KeyKind::EcP256)?, PrivateKey::generate(KeyKind::EcP256)?);
//! let at = 1_790_000_000;
//!
//! let ca = issue::ca(&acme, &ca_key, at, [1; 20])?;
//! let authority = issue::Authority { key: &ca_key, certificate: &ca };
//! let gateway = issue::organisation_signing(&acme, &authority, &gateway_key.public_key(), at, [2; 20])?;
//!
//! let verdict = path::check(&gateway, &[], &[ca], Purpose::SmimeSign, at);
//! assert!(verdict.is_trusted());
//! assert!(speaks_for(&gateway, "alice@acme.example", Scope::Domains(acme.domains())).is_some());
//! assert!(speaks_for(&gateway, "bob@globex.example", Scope::Domains(acme.domains())).is_none());
//! # Ok(())
//! # }
//! ```
//!
//! RFCs: 5280 (profile and path validation), 8550 (S/MIME certificates), 3183 (domain signatures), 7468 (PEM),
//! 5480 and 4055 (algorithms).

#![warn(clippy::indexing_slicing)]

mod algorithm;
mod binding;
pub mod bundle;
mod certificate;
pub mod describe;
mod error;
mod extension;
pub mod issue;
pub mod key_file;
mod name;
pub mod path;
pub mod pem;
pub mod pkcs12;
pub mod revocation;
pub mod time;
pub mod trust;

pub use binding::{
    CONFIDENTIALITY_AUTHORITY, SIGNING_AUTHORITY, Scope, Speaks, encrypts_for, is_domain,
    speaks_for,
};
pub use certificate::Certificate;
pub use const_oid::ObjectIdentifier;
pub use error::{CODES, Error};
pub use extension::{ExtendedKeyUsage, KeyUsage};
pub use issue::Organisation;
pub use name::{AlternativeName, DistinguishedName};
pub use path::{Failure, Outcome, Purpose, Rule, Verdict};
