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
//! ```
//! use chancery_crypto::{KeyKind, PrivateKey};
//! use chancery_pki::{Organisation, issue};
//! use chancery_smime::{
//!     Anchor, Capabilities, MemorySpools, OpenFacts, OpeningKey, Outcome, OuterHeaders, OuterSubject, Permitted, Reach,
//!     Protection, RecipientKey, Signer, Statement, choose, open, protect,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let at = 1_790_000_000;
//! # let organisation = |name: &str, domain: &str| -> Result<_, Box<dyn std::error::Error>> {
//! #     let organisation = Organisation::new(name, [domain])?;
//! #     let (ca_key, key) = (PrivateKey::generate(KeyKind::EcP256)?, PrivateKey::generate(KeyKind::EcP256)?);
//! #     let ca = issue::ca(&organisation, &ca_key, at, [1; 20])?;
//! #     let authority = issue::Authority { key: &ca_key, certificate: &ca };
//! #     let signing = issue::organisation_signing(&organisation, &authority, key.public_key(), at, [2; 20])?;
//! #     let encryption = issue::organisation_encryption(&organisation, &authority, key.public_key(), at, [3; 20])?;
//! #     Ok((ca, key, signing, encryption))
//! # };
//! # let (acme_ca, acme_key, acme_signing, _) = organisation("Acme", "acme.example")?;
//! # let (_, globex_key, _, globex_encryption) = organisation("Globex", "globex.example")?;
//! let original = b"From: alice@acme.example\r\nTo: bob@globex.example\r\nSubject: plans\r\n\r\nHello\r\n";
//!
//! // Acme's gateway
//! let signer = Signer::new(acme_key, acme_signing.der(), &[])?;
//! let known = [Statement::card(Capabilities::ours(), at)];
//! let recipient = RecipientKey::new(globex_encryption.der(), &known)?;
//! let choice = choose(&[&recipient], &Permitted::default());
//! let protection = Protection {
//!     signer: &signer,
//!     recipients: &[&recipient],
//!     cipher: choice.cipher,
//!     signing_time: at,
//!     boundary_seed: b"something random for each child",
//! };
//! let outer = OuterHeaders::copied_from(original, OuterSubject::Hide);
//! let mut wire = Vec::new();
//! let protected = protect(&mut &original[..], &outer, &protection, &mut wire)?;
//! assert_eq!(protected.cipher, "aes256-gcm");
//!
//! // Globex' gateway
//! let acme = Anchor::new("Acme", acme_ca, Reach::Domains(vec!["acme.example".into()]), false);
//! let keys = [OpeningKey::new(globex_key, globex_encryption.der())?];
//! let facts = OpenFacts { at, our_domains: &["globex.example".into()] };
//! let (mut spools, mut delivered) = (MemorySpools::new(1 << 20), Vec::new());
//! let opened = open(&mut std::io::Cursor::new(wire), &keys, &vec![acme], &facts, &mut spools, &mut delivered)?;
//! assert_eq!(opened.verdict.result, Outcome::Verified);
//! assert_eq!(delivered, original);
//! # Ok(())
//! # }
//! ```
//!
//! Mail for everybody is signed in clear ([`sign()`]), in a form that relays leave alone, with its header protected;
//! [`transit::Survey`] plays the relays and says what a message survives. Mail for a desktop is encrypted in place
//! ([`protect_in_place`], RFC 9788).
//!
//! Invariants:
//! - Everything is one pass and constant memory, whatever the size of the message.
//! - A [`Protected`] can come only from [`protect`]; it is the proof that a message may go to the network.
//! - Decrypted bytes reach `out` only after the tag or the structure of every layer around them was found complete.
//! - A signature counts only for the bytes it covered, and only for the From that the reader is going to see.

#![warn(clippy::indexing_slicing)]

pub mod bridge;
pub mod card;

pub mod danger;

pub mod transit;

mod capability;
mod choice;
mod desk;
mod entity;
mod error;
mod header;
mod keys;
mod line_ends;
mod open;
mod outer;
mod protect;
mod receipt;
mod sign;
mod sole_signer;
mod spool;
mod trust;
mod verdict;

pub use capability::{Capabilities, ContentAlgorithm, KeyTransport};
pub use choice::{Choice, Permitted, RecipientChoice, Source, Statement, choose};
pub use desk::{decrypt, encrypt_in_place, sign_opaque};
pub use error::{CODES, Error, Result};
pub use header::{HeaderConfidentiality, HeaderForm};
pub use keys::{OpeningKey, RecipientKey, Signer, Wishes};
pub use open::{Delivered, OpenFacts, Opened, examine, open};
pub use outer::{OuterHeaders, OuterSubject};
pub use protect::{InPlace, Protected, ProtectedRecipient, Protection, protect, protect_in_place};
pub use receipt::{Answer, Asked, check_receipt, claimed_services};
pub use sign::{Signed, Signing, sign};
pub use spool::{MemorySpools, Spool, Spools};
pub use trust::{Anchor, AskedPath, NoTrust, Reach, Trust};
pub use verdict::{
    CounterSignatureVerdict, EncryptedBy, EncryptionVerdict, HeaderVerdict, LabelVerdict,
    ListVerdict, Outcome, PartialVerdict, PathVerdict, Problem, ProtectionKind, ReceiptVerdict,
    RequestVerdict, RevocationVerdict, ServicesVerdict, SignerTrust, SignerVerdict,
    UnsignedVerdict, Verdict,
};
