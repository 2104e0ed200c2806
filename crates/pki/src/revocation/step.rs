//! The steps of an answer: each rule with its clause, what it was applied to, and what was found.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::revocation::list::RevocationList;
use crate::revocation::ocsp::SingleResponse;

/// One rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rule.
    pub rule: Rule,
    /// The list or response it was applied to; `None` for the evidence as a whole.
    pub source: Option<Source>,
    /// Whether the rule holds.
    pub holds: bool,
    /// What was found, as the end of a sentence that starts with the source or with "the certificate".
    pub detail: String,
}

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Source {
    /// A list, complete or delta.
    List(RevocationList),
    /// An answer of an OCSP responder.
    Response(SingleResponse),
}

/// The steps so far.
#[derive(Default)]
pub(crate) struct Steps(Vec<Step>);

/// The rules, in the order of RFC 5280 section 6.3.3 and then of RFC 6960 section 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// There is evidence at all.
    Available,
    /// It is of the time in question.
    Current,
    /// Every critical extension is known.
    CriticalExtension,
    /// Who issued the list is who should.
    Issuer,
    /// The list is the one of the distribution point.
    DistributionPoint,
    /// The list is about certificates of this kind.
    CertificateKind,
    /// The delta list fits the complete one.
    Delta,
    /// The list covers reasons that no other did.
    Reasons,
    /// Somebody trusted may have signed it.
    Signer,
    /// The signature matches.
    Signature,
    /// The certificate is not in it.
    NotListed,
    /// All reasons are covered.
    Complete,
    /// The search stays within its budget.
    Budget,
    /// The response is signed by whom it names.
    ResponseSignature,
    /// The responder is known.
    ResponderIdentity,
    /// The responder may respond for the authority.
    Responder,
    /// The response is of the time in question.
    ResponseCurrent,
    /// The responder says that the certificate is good.
    CertificateStatus,
}

impl Steps {
    /// Notes a step that holds.
    pub(crate) fn hold(&mut self, rule: Rule, source: &Source, detail: impl Into<String>) {
        self.note(rule, Some(source.clone()), true, detail);
    }

    /// Notes a step that does not hold, after which there is nothing.
    pub(crate) fn fail<T>(
        &mut self,
        rule: Rule,
        source: Source,
        detail: impl Into<String>,
    ) -> Option<T> {
        self.note(rule, Some(source), false, detail);
        None
    }

    pub(crate) fn note(
        &mut self,
        rule: Rule,
        source: Option<Source>,
        holds: bool,
        detail: impl Into<String>,
    ) {
        if self.0.len() < MAX_STEPS {
            self.0.push(Step { rule, source, holds, detail: detail.into() });
        }
    }

    pub(crate) fn finish(self) -> Vec<Step> {
        self.0
    }
}

impl Source {
    /// Returns the list, if it is one.
    pub fn list(&self) -> Option<&RevocationList> {
        match self {
            Self::List(list) => Some(list),
            Self::Response(_) => None,
        }
    }

    /// Returns the time at which it was right, in Unix time.
    pub fn this_update(&self) -> i64 {
        match self {
            Self::List(list) => list.this_update(),
            Self::Response(answer) => answer.this_update(),
        }
    }
}

impl Rule {
    /// Returns the clause that states the rule.
    pub fn clause(self) -> &'static str {
        match self {
            Self::Available | Self::Current => "RFC 5280 section 6.3.3 (a)",
            Self::CriticalExtension => "RFC 5280 sections 5.2 and 5.3",
            Self::Issuer => "RFC 5280 section 6.3.3 (b)(1)",
            Self::DistributionPoint => "RFC 5280 section 6.3.3 (b)(2)(i)",
            Self::CertificateKind => "RFC 5280 section 6.3.3 (b)(2)(ii) to (iv)",
            Self::Delta => "RFC 5280 sections 5.2.4 and 6.3.3 (c)",
            Self::Reasons => "RFC 5280 section 6.3.3 (d) and (e)",
            Self::Signer => "RFC 5280 section 6.3.3 (f)",
            Self::Signature => "RFC 5280 section 6.3.3 (g) and (h)",
            Self::NotListed => "RFC 5280 section 6.3.3 (i) to (k)",
            Self::Complete => "RFC 5280 section 6.3.3 (l)",
            Self::Budget => "RFC 5280 section 6.3",
            Self::ResponseSignature => "RFC 6960 section 3.2 (2)",
            Self::ResponderIdentity => "RFC 6960 section 3.2 (3)",
            Self::Responder => "RFC 6960 sections 3.2 (4) and 4.2.2.2",
            Self::ResponseCurrent => "RFC 6960 section 3.2 (5) and (6)",
            Self::CertificateStatus => "RFC 6960 section 2.2",
        }
    }

    /// Returns the name under which programs know the rule.
    pub fn id(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Current => "current",
            Self::CriticalExtension => "critical-extension",
            Self::Issuer => "issuer",
            Self::DistributionPoint => "distribution-point",
            Self::CertificateKind => "certificate-kind",
            Self::Delta => "delta",
            Self::Reasons => "reasons",
            Self::Signer => "signer",
            Self::Signature => "signature",
            Self::NotListed => "not-listed",
            Self::Complete => "complete",
            Self::Budget => "budget",
            Self::ResponseSignature => "response-signature",
            Self::ResponderIdentity => "responder-identity",
            Self::Responder => "responder",
            Self::ResponseCurrent => "response-current",
            Self::CertificateStatus => "certificate-status",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(formatter, "the {source} ")?,
            None => formatter.write_str("the certificate ")?,
        }
        write!(formatter, "{} ({})", self.detail, self.rule.clause())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(list) => list.fmt(formatter),
            Self::Response(answer) => answer.fmt(formatter),
        }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Step", 5)?;
        fields.serialize_field("rule", self.rule.id())?;
        fields.serialize_field("clause", self.rule.clause())?;
        fields.serialize_field("holds", &self.holds)?;
        fields.serialize_field("source", &self.source)?;
        fields.serialize_field("detail", &self.detail)?;
        fields.end()
    }
}

/// Steps that are kept; somebody should be able to read them.
const MAX_STEPS: usize = 256;
