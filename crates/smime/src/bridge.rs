//! Documents between a bridge and its members: what an organisation asks, and what the bridge answers.
//!
//! Like a card, each is JSON inside CMS `SignedData`; unlike a card it is signed by the authority that it is about, so
//! that nobody has another one's key vouched for. Who has joined what, and why, is no matter of this module.
//!
//! ```text
//! member: Request {card, domains, level} ──signed by its authority──► bridge
//! member ◄──signed by the bridge── Answer {certificate: bridge ► member}
//! ```

use chancery_fault::{Code, Coded, Fault, Retry};
use chancery_pki::path::{self, Pool, Question, Trust, Verifier};
use chancery_pki::revocation::Evidence;
use chancery_pki::{Certificate, Purpose};

pub mod url;

mod answer;
mod paper;
mod peers;
mod request;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use paper::{Kind, kind};
pub use peers::{Peer, Peers};
pub use request::{Request, plain};

/// Why a document was not taken, or not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot take the {what}: {reason}")]
pub struct Error {
    /// Request, answer or certificate.
    pub what: &'static str,
    /// What is wrong.
    pub reason: String,
}

impl Error {
    /// Says what is wrong with a document.
    pub fn new(what: &'static str, reason: impl Into<String>) -> Self {
        Self { what, reason: reason.into() }
    }
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        &PAPER
    }
}

/// All codes of this module.
pub const CODES: &[&Code] = &[&PAPER];

static PAPER: Code = Code {
    id: "bridge.paper",
    fault: Fault::Partner,
    retry: Retry::Never,
    reply: "550 5.7.5",
    summary: "a request, an answer or a certificate for a bridge is not what it must be",
    help: "Ask the other side to make it again. A request counts once, for one bridge and for 30 days; an answer belongs to the \
           newest request; both are signed by the key that they are about, and nothing in them may change on the way.",
};

/// Returns true if one authority says so of another one at this time (Unix seconds).
pub fn is_vouched_for(certificate: &Certificate, issuer: &Certificate, at: i64) -> bool {
    let trust = Trust::anchors(std::slice::from_ref(issuer));
    let (pool, evidence, verifier) = (Pool::default(), Evidence::new(), Verifier::new());
    let question =
        Question::new(certificate, Purpose::Any, at, &trust, &pool, &evidence, &verifier);
    path::decide(&question).is_trusted()
}
