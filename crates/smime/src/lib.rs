//! S/MIME messages between gateways: protect, sign, open and judge (RFC 8551, RFC 3183, RFC 7281).
//!
//! It is **not** a mail store, a trust store or a policy: keys, anchors, time and spool space are passed in, and what
//! to do with a [`Verdict`] is decided elsewhere.
//!
//! ```text
//!   original ─► protect ─► outer headers
//!                          application/pkcs7-mime        (enveloped-data or authEnveloped-data, base64)
//!                            └ multipart/signed          (organisation's signature, RFC 3183 section 3)
//!                                ├ message/rfc822; forwarded=no   = the original, byte for byte
//!                                └ application/pkcs7-signature
//!
//!   received ─► open ─► Verdict  + Delivered  (nothing is written before every layer is complete)
//! ```
//!
//! The running example is `examples/round_trip.rs`.
//!
//! Invariants:
//! - Everything is one pass and constant memory, whatever the size of the message.
//! - A [`Protected`] can come only from [`protect`]; it is the proof that a message may go to the network.
//! - Decrypted bytes reach `out` only after the tag or the structure of every layer around them was found complete.
//! - A signature counts only for the bytes it covered, and only for the From that the reader is going to see.

pub mod card;

mod choice;
mod entity;
mod error;
mod keys;
mod open;
mod outer;
mod protect;
mod sign;
mod spool;
mod trust;
mod verdict;

pub use choice::{Choice, choose};
pub use error::{CODES, Error, Result};
pub use keys::{Capabilities, ContentAlgorithm, KeyTransport, OpeningKey, RecipientKey, Signer};
pub use open::{Delivered, OpenFacts, Opened, open};
pub use outer::{OuterHeaders, OuterSubject};
pub use protect::{Protected, ProtectedRecipient, Protection, protect};
pub use sign::{Signed, Signing, sign};
pub use spool::{MemorySpools, Spool, Spools};
pub use trust::{Anchor, NoTrust, Trust};
pub use verdict::{
    EncryptionVerdict, Outcome, Problem, ProtectionKind, SignerTrust, SignerVerdict, Verdict,
};
