//! Certification paths with their reasons: from a certificate to an anchor, or why not (RFC 5280 section 6).
//!
//! ```text
//!   Question ──► search ──► validate ──► Answer {path, each step's rules, policies, constraints, what ends first}
//!   {target,        │           │                {other attempts, what is missing and where it may be had}
//!    purpose,       │           └─ policies, constraints, rules, signatures
//!    address,       └─ pool, distances: the graph of certificates
//!    time, trust}
//! ```
//!
//! [`decide`] takes one [`Question`] and gives one [`Answer`]; [`check`] is for those who have a few certificates and want
//! a verdict. A certificate is good for a purpose, an address and a time, never good by itself.

use std::fmt;

use chancery_fault::Code;
use serde::{Serialize, Serializer};

use crate::certificate::Certificate;

mod answer;
mod codes;
mod constraints;
mod distances;
mod explain;
mod families;
mod json;
mod known;
mod policies;
mod pool;
mod question;
mod render;
mod revoke;
mod rules;
mod search;
mod signatures;
mod svg;
#[cfg(test)]
mod tests;
mod validate;

pub use answer::{Answer, Asked, Attempt, Check, Expiry, InForce, Missing, Spent, Step, Wanted};
pub use families::{KeyFamilies, KeyFamily};
pub use known::Known;
pub use policies::ValidPolicy;
pub use pool::Pool;
pub use question::{
    Anchor, AnchorConstraints, Budget, NameLimits, PolicyDemand, Question, RevocationDemand,
    Strictness, Trust,
};
pub use signatures::{
    Algorithms, CheckSignature, Flaw, OurCryptography, Signed, Verifier, WorkingKey,
};
pub use svg::svg;

/// What a certificate is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Anything: key usages are not looked at.
    Any,
    /// Signing revocation lists (RFC 5280 section 6.3.3 (f)).
    CrlSign,
    /// Answering whether certificates are revoked (RFC 6960 section 4.2.2.2).
    OcspSign,
    /// Encrypting mail to it (RFC 8550 section 4.4).
    SmimeEncrypt,
    /// Verifying signatures of mail (RFC 8550 section 4.4).
    SmimeSign,
    /// A TLS client (RFC 5280 section 4.2.1.12).
    TlsClient,
    /// A TLS server (RFC 5280 section 4.2.1.12); the host name is not checked here.
    TlsServer,
}

/// The result of one check.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What came out.
    pub outcome: Outcome,
    /// The certificates looked at, the target first. The anchor is last unless the target is a stranger.
    pub path: Vec<Certificate>,
    /// Every rule that does not hold, in the order of the path. Empty if and only if the path is trusted.
    pub failures: Vec<Failure>,
}

/// What came out of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A path to an anchor exists, but a rule does not hold on it.
    Rejected,
    /// No path leads to an anchor: nobody we know vouches for it.
    Stranger,
    /// A path to an anchor exists and every rule holds.
    Trusted,
}

/// One rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The rule.
    #[serde(serialize_with = "rule_id")]
    pub rule: Rule,
    /// Where the rule is written.
    pub clause: &'static str,
    /// The subject of the certificate that breaks it.
    pub subject: String,
    /// What was found, as the end of a sentence that starts with the subject.
    pub detail: String,
}

/// The rules, in the order of RFC 5280 section 6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The signature or the key uses an algorithm or size that we accept.
    Algorithm,
    /// The signature matches the issuer's key.
    Signature,
    /// The validity has begun.
    NotYetValid,
    /// The validity has not ended.
    Expired,
    /// The names obey the constraints of the issuers above.
    NameConstraints,
    /// The path is valid for a policy that is asked for, if one is.
    Policy,
    /// No policy is mapped to or from `anyPolicy`.
    PolicyMapping,
    /// Each issuer is an authority.
    BasicConstraints,
    /// No issuer has more authorities below it than it may.
    PathLength,
    /// Each issuer's key may sign certificates.
    KeyCertSign,
    /// Every critical extension is known.
    UnknownCriticalExtension,
    /// The key usage permits the purpose.
    KeyUsage,
    /// The certificate was not revoked.
    Revoked,
    /// It is known whether the certificate was revoked.
    RevocationUnknown,
    /// The extended key usages permit the purpose.
    ExtendedKeyUsage,
    /// The certificate is for the address.
    Address,
    /// The path ends at an anchor.
    NoAnchor,
    /// The search stays within its budget.
    Budget,
}

/// Answers a question.
pub fn decide(question: &Question<'_>) -> Answer {
    search::Search::new(question).run().0
}

/// Checks whether a path leads from the target to one of the anchors, and whether it holds for the purpose at the time.
///
/// `pool` are certificates that may help, such as those in a message; they are not trusted. The anchors decide: give
/// one partner's anchors to check that partner, and an empty list to have a stranger explained. An anchor may also be
/// the target itself (a pinned certificate). `at` is in Unix seconds.
pub fn check(
    target: &Certificate,
    pool: &[Certificate],
    anchors: &[Certificate],
    purpose: Purpose,
    at: i64,
) -> Verdict {
    let known = Known::default().with(pool, []);
    decide(&known.question(target, purpose, at, &Trust::anchors(anchors))).into()
}

impl Verdict {
    /// Returns true if a path to an anchor holds.
    pub fn is_trusted(&self) -> bool {
        self.outcome == Outcome::Trusted
    }

    /// Returns the anchor at which the path ends, if it reaches one.
    pub fn anchor(&self) -> Option<&Certificate> {
        if self.outcome == Outcome::Stranger { None } else { self.path.last() }
    }

    /// Returns true if the rule is among the failures.
    pub fn fails(&self, rule: Rule) -> bool {
        self.failures.iter().any(|failure| failure.rule == rule)
    }
}

impl From<Answer> for Verdict {
    /// Leaves of an answer the path, the target first.
    fn from(answer: Answer) -> Self {
        let steps = || answer.path.steps.iter().rev();
        let mut failures: Vec<Failure> = steps().flat_map(Step::failures).collect();
        if let (Some(limit), Some(step)) = (answer.exhausted, answer.path.steps.last()) {
            let detail = format!("comes with more certificates than may be searched ({limit})");
            let (rule, subject) = (Rule::Budget, step.certificate.subject());
            failures.push(Failure { rule, clause: rule.clause(), subject, detail });
        }
        let path = steps().map(|step| step.certificate.clone()).collect();
        Self { outcome: answer.outcome, path, failures }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "certificate <{}> {} ({})", self.subject, self.detail, self.clause)
    }
}

impl Rule {
    /// Returns the clause that states the rule.
    pub fn clause(self) -> &'static str {
        match self {
            Self::Algorithm => "RFC 8550 section 4.3",
            Self::Signature => "RFC 5280 section 6.1.3 (a)(1)",
            Self::NotYetValid | Self::Expired => "RFC 5280 section 6.1.3 (a)(2)",
            Self::Revoked | Self::RevocationUnknown => "RFC 5280 section 6.1.3 (a)(3)",
            Self::NameConstraints => "RFC 5280 section 6.1.3 (b) and (c)",
            Self::Policy => "RFC 5280 section 6.1.3 (f) and 6.1.5 (g)",
            Self::PolicyMapping => "RFC 5280 section 6.1.4 (a)",
            Self::BasicConstraints => "RFC 5280 section 6.1.4 (k)",
            Self::PathLength => "RFC 5280 section 6.1.4 (l) and (m)",
            Self::KeyCertSign => "RFC 5280 section 6.1.4 (n)",
            Self::UnknownCriticalExtension => "RFC 5280 section 4.2",
            Self::KeyUsage => "RFC 5280 section 4.2.1.3",
            Self::ExtendedKeyUsage => "RFC 5280 section 4.2.1.12",
            Self::Address => "RFC 8550 section 3",
            Self::NoAnchor => "RFC 5280 section 6.1.1 (d)",
            Self::Budget => "RFC 5280 section 6.1",
        }
    }

    /// Returns the stable code, for `chancery explain`.
    pub const fn code(self) -> &'static Code {
        codes::of(self)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn rule_id<S: Serializer>(rule: &Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.code().id)
}
