//! Whether a certificate was revoked, from lists and responses that somebody else fetched (RFC 5280 section 6.3, RFC 6960).
//!
//! ```text
//! CRL, OCSP response ──► Evidence ──┐
//! certificate, issuer, time ────────┴─► status ──► Answer {Good | Revoked | Unknown, every step with its clause}
//!                                         ▲
//!   Signers: the path engine lends its pool and its path check, because whoever signed a list must be trusted too
//! ```
//!
//! Nothing is fetched and nothing is trusted because it is there: a list counts when its issuer, its scope, its dates,
//! its signer's path and its signature hold. What holds about the certificate itself (dates, path) is not looked at here.

pub(crate) mod cursor;
mod evidence;
mod freshness;
pub(crate) mod list;
mod lists;
pub(crate) mod ocsp;
pub(crate) mod point;
mod reason;
mod responses;
mod scope;
pub(crate) mod signed;
mod step;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::certificate::Certificate;
use crate::name::DistinguishedName;

pub use evidence::Evidence;
pub use list::RevocationList;
pub use ocsp::{Nonce, OcspRequest, OcspResponse, SingleResponse};
pub use reason::Reason;
pub use signed::Signed;
use step::Steps;
pub use step::{Rule, Source, Step};

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The certificate that may be revoked.
    pub certificate: &'a Certificate,
    /// The certificate of the authority that issued it, which is on the same path.
    pub issuer: &'a Certificate,
    /// What there is to answer from.
    pub evidence: &'a Evidence,
    /// How it is judged.
    pub settings: &'a Settings,
    /// The time for which it is asked, in Unix seconds: evidence of that time counts.
    pub at: i64,
}

/// How evidence is judged.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How far the clocks of issuers may be ahead of ours.
    pub skew: Duration,
    /// How long evidence still counts after the time at which newer should have come.
    pub grace: Duration,
    /// How old evidence may be, whatever it says itself.
    pub max_age: Option<Duration>,
    /// How old evidence may be that does not say when newer comes.
    pub max_age_without_next_update: Duration,
    /// Delta lists are used where they fit (RFC 5280 section 6.3.1 (b)).
    pub use_deltas: bool,
    /// Responders that may respond for every authority (RFC 6960 section 4.2.2.2, item 1).
    pub responders: Vec<Certificate>,
}

/// What the path engine lends to this one.
pub trait Signers {
    /// Returns certificates whose subject has this name and which may have signed evidence.
    fn named(&mut self, name: &DistinguishedName) -> Vec<Certificate>;

    /// Returns true if a certificate with the name of the authority in question is that authority's, with another key: for
    /// lists only, or before or after a change of keys. The name says nothing by itself: below a bridge many have a path to
    /// the same anchor, and anybody may certify any name.
    fn is_authority(&mut self, certificate: &Certificate) -> bool;

    /// Returns true if a path leads from the signer to the anchor of the path in question (RFC 5280 section 6.3.3 (f)),
    /// its own revocation included. The engine that lends this answers false when it is asked in a circle.
    fn trusts(&mut self, signer: &Certificate, role: SignerRole) -> bool;

    /// Checks one signature; the place for a budget or for algorithms that are not built in.
    fn verify(&mut self, signed: &Signed<'_>, signer: &Certificate) -> Result<(), String> {
        signed.verify(signer)
    }
}

/// No other signers: evidence counts only if the issuer of the certificate signed it with the same key.
#[derive(Clone, Copy, Debug)]
pub struct IssuerOnly;

/// What a signer signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignerRole {
    /// A list.
    CrlIssuer,
    /// A response; the responder's certificate may say that its revocation is not to be checked
    /// (RFC 6960 section 4.2.2.2.1).
    OcspResponder {
        /// `id-pkix-ocsp-nocheck` is there.
        no_check: bool,
    },
}

/// What came out, and how.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What came out.
    pub status: Status,
    /// Every rule that was looked at, in order.
    pub steps: Vec<Step>,
}

/// Whether the certificate was revoked at the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was not.
    Good {
        /// What says so.
        by: Vec<Source>,
        /// Until when this can be said again from the same evidence, in Unix time.
        until: i64,
    },
    /// It was, or is on hold.
    Revoked {
        /// What says so.
        by: Source,
        /// Why.
        reason: Reason,
        /// Since when, in Unix time.
        since: i64,
        /// Since when it is suspected to be worth nothing, if that is said (RFC 5280 section 5.3.2).
        invalid_since: Option<i64>,
    },
    /// The evidence does not say.
    Unknown {
        /// Why not, as a sentence without its full stop.
        why: String,
    },
}

/// Looks for the answer in the evidence.
pub fn status(question: &Question<'_>, signers: &mut dyn Signers) -> Answer {
    let mut steps = Steps::default();
    let by_response = responses::Search::new(question, signers, &mut steps).run();
    // A certificate whose authority publishes no lists needs none.
    let is_answered = by_response.as_ref().is_some_and(|status| !status.is_unknown());
    let status = match by_response {
        Some(status) if is_answered && !lists::are_there(question) => status,
        Some(status) => status.and(lists::Search::new(question, signers, &mut steps).run()),
        None => lists::Search::new(question, signers, &mut steps).run(),
    };
    Answer { status, steps: steps.finish() }
}

/// Returns the addresses of the complete lists that may be about a certificate, in its order (`cRLDistributionPoints`).
pub fn list_urls(certificate: &Certificate) -> Vec<String> {
    point::urls(certificate.extensions().crl_distribution_points.as_deref())
}

/// Returns the addresses of the delta lists that may be about a certificate, in its order (`freshestCRL`).
pub fn delta_urls(certificate: &Certificate) -> Vec<String> {
    point::urls(certificate.extensions().freshest_crl.as_deref())
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            skew: Duration::from_secs(300),
            grace: Duration::ZERO,
            max_age: None,
            max_age_without_next_update: Duration::from_secs(86_400),
            use_deltas: true,
            responders: Vec::new(),
        }
    }
}

impl Signers for IssuerOnly {
    fn named(&mut self, _: &DistinguishedName) -> Vec<Certificate> {
        Vec::new()
    }

    fn is_authority(&mut self, _: &Certificate) -> bool {
        false
    }

    fn trusts(&mut self, _: &Certificate, _: SignerRole) -> bool {
        false
    }
}

impl Status {
    /// Puts together what a response and the lists say. What was revoked for good stays so whoever says it; a hold ends
    /// when somebody says so later (RFC 5280 section 5.3.1).
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (known, Self::Unknown { why: _ }) if !known.is_unknown() => known,
            (Self::Unknown { why: one }, Self::Unknown { why: other }) => {
                Self::Unknown { why: format!("{one}, and {other}") }
            }
            (Self::Unknown { .. }, known) => known,
            (Self::Good { by, until }, Self::Good { by: also_by, until: also_until }) => {
                Self::Good { by: [by, also_by].concat(), until: until.max(also_until) }
            }
            (one, other) => {
                let is_permanent = |status: &Self| matches!(status, Self::Revoked { reason, .. } if reason.is_permanent());
                let takes_other = match (is_permanent(&one), is_permanent(&other)) {
                    (true, _) => false,
                    (false, true) => true,
                    (false, false) => other.as_of() > one.as_of(),
                };
                if takes_other { other } else { one }
            }
        }
    }

    /// Returns the time for which it was said.
    fn as_of(&self) -> i64 {
        match self {
            Self::Good { by, .. } => by.iter().map(Source::this_update).min().unwrap_or(i64::MIN),
            Self::Revoked { by, .. } => by.this_update(),
            Self::Unknown { .. } => i64::MIN,
        }
    }

    /// Returns true if the evidence does not say.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// Returns true if the evidence says that the certificate was not revoked.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good { .. })
    }

    /// Returns true if the evidence says that the certificate was revoked or on hold.
    pub fn is_revoked(&self) -> bool {
        matches!(self, Self::Revoked { .. })
    }
}
