//! Path checking with its reasons: from a certificate to an anchor, or why not (RFC 5280 section 6).
//!
//! The search takes every certificate of the pool as a possible issuer, so that the order in which a message carries
//! them does not matter. Each candidate path is checked completely and all failures are kept; the verdict shows the
//! path that fails least. Revocation and policy mapping are not looked at; what would need them is refused.

use std::fmt;

use chancery_fault::Code;
use serde::{Serialize, Serializer};

use crate::certificate::Certificate;

mod build;
mod codes;
mod constraints;
mod rules;
#[cfg(test)]
mod tests;

/// What a certificate is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Anything: key usages are not looked at.
    Any,
    /// Encrypting mail to it (RFC 8550 section 4.4).
    SmimeEncrypt,
    /// Verifying signatures of mail (RFC 8550 section 4.4).
    SmimeSign,
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
    /// No issuer demands policies that we cannot evaluate.
    Policy,
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
    /// The extended key usages permit the purpose.
    ExtendedKeyUsage,
    /// The path ends at an anchor.
    NoAnchor,
    /// The search stays within its budget.
    Budget,
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
    build::Search::new(pool, anchors, rules::Facts { purpose, at }).run(target)
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
            Self::NameConstraints => "RFC 5280 section 6.1.3 (b) and (c)",
            Self::Policy => "RFC 5280 section 6.1.5 (g)",
            Self::BasicConstraints => "RFC 5280 section 6.1.4 (k)",
            Self::PathLength => "RFC 5280 section 6.1.4 (l) and (m)",
            Self::KeyCertSign => "RFC 5280 section 6.1.4 (n)",
            Self::UnknownCriticalExtension => "RFC 5280 section 4.2",
            Self::KeyUsage => "RFC 5280 section 4.2.1.3",
            Self::ExtendedKeyUsage => "RFC 5280 section 4.2.1.12",
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
