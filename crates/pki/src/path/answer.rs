//! The answer: the path with every step explained, or the attempts and what was missing.

use std::collections::BTreeSet;

use const_oid::ObjectIdentifier;
use serde::Serialize;

use crate::certificate::Certificate;
use crate::name::{DistinguishedName, with_ascii_domain};
use crate::path::constraints;
use crate::path::policies::ValidPolicy;
use crate::path::{Failure, Outcome, Purpose, Rule};
use crate::revocation::{self, Status};

/// What came out of a question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// For what it was asked.
    pub asked: Asked,
    /// Whether the certificate is good for what was asked, never whether it is good.
    pub outcome: Outcome,
    /// The path that holds; or, if none does, the one that fails least.
    pub path: Attempt,
    /// Other paths that were tried and did not hold, the nearest miss first; the first few of them.
    pub others: Vec<Attempt>,
    /// What might help and is not there. If the path holds, it is what would tell more about revocation.
    pub missing: Vec<Missing>,
    /// A limit of the budget was reached before the search was over; says which.
    pub exhausted: Option<&'static str>,
    /// What the search took.
    pub spent: Spent,
}

/// For what a certificate was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The purpose.
    pub purpose: Purpose,
    /// The mail address, if it counted.
    pub address: Option<String>,
    /// The time, in Unix seconds.
    pub at: i64,
}

/// One path that was tried.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its certificates in the order of RFC 5280 section 6: the anchor first, the target last.
    pub steps: Vec<Step>,
    /// True if the first step is an anchor, or a pinned key.
    pub is_anchored: bool,
    /// `authority_constrained_policy_set`: the policies of the whole path, as its first authority names them.
    pub authority_policies: BTreeSet<ObjectIdentifier>,
    /// `user_constrained_policy_set`: those of them that satisfy the question; `anyPolicy` stands for all.
    pub user_policies: BTreeSet<ObjectIdentifier>,
    /// `explicit_policy` was zero at the end: the path had to be valid for a policy.
    pub needs_policy: bool,
}

/// One certificate of a path, with what was checked of it and what was in force when the next one was looked at.
#[derive(Clone, Debug)]
pub struct Step {
    /// The certificate.
    pub certificate: Certificate,
    /// True for the anchor.
    pub is_anchor: bool,
    /// Every rule that was applied, in order.
    pub checks: Vec<Check>,
    /// What its successors must obey.
    pub in_force: InForce,
    /// Whether it was revoked, if that was asked.
    pub revocation: Option<revocation::Answer>,
}

/// One rule applied to one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The rule.
    pub rule: Rule,
    /// What was found if it does not hold, as the end of a sentence that starts with the subject.
    pub failure: Option<String>,
}

/// The state variables of RFC 5280 section 6.1.2 after a certificate.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// The policies of the last depth of the `valid_policy_graph`.
    pub policies: Vec<ValidPolicy>,
    /// `explicit_policy`: after so many more certificates a policy is needed.
    pub explicit_policy: u32,
    /// `policy_mapping`: so many more certificates may map policies.
    pub policy_mapping: u32,
    /// `inhibit_anyPolicy`: in so many more certificates `anyPolicy` counts.
    pub inhibit_any_policy: u32,
    /// `max_path_length`: so many more authorities may follow.
    pub max_path_length: u32,
    /// The authorities so far whose name constraints apply to all below.
    pub constrained_by: Vec<Certificate>,
}

/// Something that could help if it were fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is missing.
    pub what: Wanted,
    /// The certificate that needs it.
    pub of: Certificate,
    /// Where it says that it may be had.
    pub urls: Vec<String>,
}

/// A kind of thing that can be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted {
    /// A certificate of an issuer that is in no pool.
    Issuer {
        /// The name of the issuer.
        name: DistinguishedName,
        /// The identifier of its key, if it is told.
        key_id: Option<Vec<u8>>,
    },
    /// A delta list to a complete one that counts: it would be newer (RFC 5280 section 5.2.4).
    Delta,
    /// Something that says whether the certificate was revoked.
    Revocation {
        /// The certificate of its issuer on the path, which a responder must be told of (RFC 6960 section 4.1.1).
        issuer: Certificate,
    },
    /// Certificates that the authority issued: the way down from an anchor (RFC 5280 section 4.2.2.2).
    IssuedBy,
}

/// What a search took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// Certificates tried as issuers.
    pub candidates: u32,
    /// Paths validated.
    pub paths: u32,
    /// Signatures verified.
    pub signatures: u32,
    /// Signatures that were remembered.
    pub remembered: u32,
    /// Comparisons of a name with a constraint.
    pub comparisons: u32,
}

/// The first thing on a path that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The last second, in Unix time.
    pub at: i64,
    /// What ends.
    pub what: String,
}

impl Answer {
    /// Returns true if a path to an anchor holds.
    pub fn is_trusted(&self) -> bool {
        self.outcome == Outcome::Trusted
    }
}

impl Attempt {
    /// Returns every rule that does not hold, from the anchor to the target.
    pub fn failures(&self) -> impl Iterator<Item = Failure> {
        self.steps.iter().flat_map(Step::failures)
    }

    /// Returns true if it is not known of one of its certificates whether it was revoked.
    pub(super) fn is_revocation_unknown(&self) -> bool {
        let mut answers = self.steps.iter().filter_map(|step| step.revocation.as_ref());
        answers.any(|answer| answer.status.is_unknown())
    }

    /// Returns true if every rule holds.
    pub fn holds(&self) -> bool {
        self.broken().next().is_none()
    }

    /// Returns true if some authority on the path was limited to mail domains by the one above it, the highest such one to
    /// those of this address (RFC 5280 section 4.2.1.10). Whether the whole path keeps its limits is a rule of its own.
    pub fn limits_mail_to(&self, address: &str) -> bool {
        let issued = self.steps.iter().filter(|step| !step.is_anchor && step.certificate.is_ca());
        let address = with_ascii_domain(address);
        let mut limits =
            issued.filter_map(|step| constraints::permits_mail(&step.certificate, &address));
        limits.next() == Some(true)
    }

    /// Returns how far the path misses: one that some key did not sign is farther than one with broken rules.
    pub(super) fn miss(&self) -> (bool, usize) {
        let is_unsigned = self.broken().any(|rule| matches!(rule, Rule::Signature | Rule::Budget));
        (is_unsigned, self.broken().count())
    }

    fn broken(&self) -> impl Iterator<Item = Rule> {
        let checks = self.steps.iter().flat_map(|step| &step.checks);
        checks.filter(|check| check.failure.is_some()).map(|check| check.rule)
    }

    /// Returns what ends first.
    pub fn expiry(&self) -> Option<Expiry> {
        let ends = self.steps.iter().flat_map(|step| {
            let status = step.revocation.as_ref().map(|answer| &answer.status);
            let known = status.and_then(|status| match status {
                Status::Good { until, .. } => {
                    Some((*until, "what is known of the revocation of", step))
                }
                _ => None,
            });
            known.into_iter().chain([(step.certificate.not_after(), "certificate", step)])
        });
        let (at, what, step) = ends.min_by_key(|(at, ..)| *at)?;
        Some(Expiry { at, what: format!("{what} <{}>", step.certificate.subject()) })
    }
}

impl Spent {
    /// Adds what a search within this one took.
    pub(super) fn add(&mut self, other: &Self) {
        self.candidates += other.candidates;
        self.paths += other.paths;
        self.signatures += other.signatures;
        self.remembered += other.remembered;
        self.comparisons += other.comparisons;
    }
}

impl Step {
    /// Returns every rule that does not hold.
    pub fn failures(&self) -> impl Iterator<Item = Failure> {
        let failed =
            self.checks.iter().filter_map(|check| Some((check.rule, check.failure.clone()?)));
        failed.map(|(rule, detail)| Failure {
            rule,
            clause: rule.clause(),
            subject: self.certificate.subject(),
            detail,
        })
    }

    pub(super) fn new(certificate: &Certificate, is_anchor: bool) -> Self {
        let (checks, in_force) = (Vec::with_capacity(12), InForce::default());
        Self { certificate: certificate.clone(), is_anchor, checks, in_force, revocation: None }
    }

    /// Notes a rule and what is wrong with it, if something is.
    pub(super) fn note(&mut self, rule: Rule, failure: Option<String>) {
        self.checks.push(Check { rule, failure });
    }

    /// Notes a rule that holds if there is no reason against it.
    pub(super) fn expect(&mut self, rule: Rule, holds: bool, failure: impl FnOnce() -> String) {
        self.note(rule, (!holds).then(failure));
    }
}
