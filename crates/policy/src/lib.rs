//! Facts in, decision with its reasons out; typed, versioned, no IO.
//!
//! The policy file says what each recipient of a message needs. [`decide`] answers for outgoing mail and
//! [`inbound_decide`] for what came from outside; both are pure, so that the same facts always give the same answer and a
//! recorded decision can be replayed against a changed policy.
//!
//! ```text
//! policy.toml ──parse──► Policy ─┐
//!                                ├─► Decision ── treatment ─► protect │ sign │ clear │ pass │ hold │ reject
//! message, partner key ► Facts ──┘        └───── reasons, rules tried ─► decision record, `chancery explain`
//! ```
//!
//! It is **not** the place that looks keys up, reads headers or sends mail: the gateway brings the facts and carries out
//! the treatment. Text that is not protected can leave only with a [`ClearPermit`], and only a [`Decision`] makes one.
//!
//! ```
//! use chancery_policy::{Destination, Facts, Form, Message, PartnerKey, Policy, Sensitivity, Treatment, decide};
//!
//! let policy = Policy::parse(
//!     r#"
//!     version = 1
//!     [[rule]]
//!     name = "globex is always protected"
//!     when = { recipient-domain = "globex.example" }
//!     then = "protect"
//!     "#,
//!     "policy.toml",
//! )
//! .unwrap();
//! let facts = Facts {
//!     message: Message {
//!         sender: "alice@acme.example",
//!         recipient: "bob@globex.example",
//!         size: 10_000,
//!         form: Form::Plain,
//!         sensitivity: Sensitivity::Normal,
//!         labels: &[],
//!         released: false,
//!         header: &|_| Vec::new(),
//!     },
//!     destination: Destination::Outside(PartnerKey::NoPartner),
//! };
//! let decision = decide(&policy, &facts);
//! assert!(matches!(decision.treatment(), Treatment::Hold { .. }));
//! assert!(decision.clear_permit().is_none());
//! ```
//!
//! Standards: RFC 2156 section 5.3.4 and RFC 4021 (Sensitivity), RFC 5890 (domain names), RFC 3183 (what a domain
//! signature says).
#![warn(clippy::indexing_slicing)]

mod codes;
mod decision;
pub mod document;
mod facts;
mod inbound;
mod keys;
mod parse;
mod pattern;
mod reference;
mod rules;

pub use codes::{
    CODES, ENCRYPTED_TO_OTHERS, HELD_BY_RULE, KEY_EXPIRED, KEY_NOT_YET_VALID, KEY_REVIEW,
    KEY_UNSUITABLE, NO_PARTNER, NOT_PROTECTED, NOT_SIGNED, REJECTED_BY_RULE, SIGNATURE_FAILED,
    SIGNATURE_UNVERIFIED, UNDECIPHERABLE,
};
pub use decision::{
    ClearKind, ClearPermit, Decision, Demand, Reason, RuleReference, RuleTried, Treatment, decide,
    decide_request, refuses_envelope,
};
pub use document::{Mistake, Severity};
pub use facts::{
    Destination, Envelope, Facts, FieldValue, Form, Label, Message, PartnerKey, Sensitivity,
};
pub use inbound::{
    Arrival, ArrivalEncryption, ArrivalResult, InboundDecision, InboundTreatment, inbound_decide,
};
pub use keys::{Decided, KeyChoice, KeyFacts, choose_key};
pub use reference::{KEYS, reference_markdown};
pub use rules::{
    AskForKey, DesktopProtected, EncryptTo, EncryptionBy, InboundAction, InboundPolicy,
    OutboundPolicy, Policy, Receipts, UnusablePartnerKey,
};
