//! Trust settings: what an administrator has decided about whom to believe, for one partner, all partners or everybody
//! else.
//!
//! Settings say only what differs: what is left open comes from those they lie [over](TrustSettings::over), and at last
//! from what is usual. Out of them and a partner's card comes the [`Trust`](path::Trust) that the path engine asks for.
//!
//! ```text
//! one partner ──over──► all partners ──over──► usual ──trust(card's authority, domains)──► path::Trust
//! ```
//!
//! As a document they are JSON with a version; a field that is not known is an error, because leaving out a limit would
//! believe more than was decided.

mod document;

use std::collections::BTreeSet;
use std::time::Duration;

use const_oid::ObjectIdentifier;
use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::extension::ANY_POLICY;
use crate::name::AlternativeName;
use crate::path::{
    self, Algorithms, AnchorConstraints, KeyFamily, NameLimits, PolicyDemand, RevocationDemand,
    Strictness,
};
use crate::revocation;

use document::Document;
pub use document::Mistake;

/// What was decided; `None` where nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct TrustSettings {
    /// Authorities that are believed beside that of a partner's card.
    pub anchors: Vec<TrustedAuthority>,
    /// SHA-256 of the `SubjectPublicKeyInfo` of keys that are believed without a path.
    pub pinned_keys: BTreeSet<[u8; 32]>,
    /// The certificate policies that satisfy (RFC 5280 section 6.1.1 (c)).
    pub policies: Option<BTreeSet<ObjectIdentifier>>,
    /// A path must be valid for one of them (RFC 5280 section 6.1.1 (f)).
    pub require_policy: Option<bool>,
    /// No authority may say that its policy is like another one (RFC 5280 section 6.1.1 (e)).
    pub inhibit_mapping: Option<bool>,
    /// `anyPolicy` is no policy (RFC 5280 section 6.1.1 (g)).
    pub inhibit_any: Option<bool>,
    /// The level of assurance that a path must have.
    pub assurance: Option<Assurance>,
    /// The mail domains that may be spoken for; those of the card where nothing is decided.
    pub domains: Option<BTreeSet<String>>,
    /// The fewest bits of an RSA modulus.
    pub min_rsa_bits: Option<u32>,
    /// The fewest bits of a NIST curve.
    pub min_ec_bits: Option<u32>,
    /// The families of keys that are accepted.
    pub algorithms: Option<Vec<KeyFamily>>,
    /// What a certificate of unknown status means.
    pub revocation: Option<Strictness>,
    /// How old a list or response may be, whatever it says itself.
    pub max_evidence_age: Option<Duration>,
}

/// An authority that is believed, and the limits of that belief (RFC 5914 section 1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedAuthority {
    /// Its certificate.
    pub certificate: Certificate,
    /// The most authorities below it.
    pub path_length: Option<u32>,
    /// The mail domains of addresses that it may certify, without those below them; empty for any.
    pub domains: BTreeSet<String>,
}

/// A level of assurance: the name that people use, and the policies that stand for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assurance {
    /// Such as `medium`.
    pub level: String,
    /// The certificate policies that mean this level or a higher one.
    pub policies: BTreeSet<ObjectIdentifier>,
}

impl TrustSettings {
    /// Returns what is in force if these settings lie over others: authorities and pins are added, everything else that is
    /// decided here counts instead.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        let mut anchors = self.anchors.clone();
        for anchor in &below.anchors {
            // Who set it again for this partner has set its limits too.
            if anchors.iter().all(|known| known.certificate != anchor.certificate) {
                anchors.push(anchor.clone());
            }
        }
        Self {
            anchors,
            pinned_keys: self.pinned_keys.union(&below.pinned_keys).copied().collect(),
            policies: self.policies.clone().or_else(|| below.policies.clone()),
            require_policy: self.require_policy.or(below.require_policy),
            inhibit_mapping: self.inhibit_mapping.or(below.inhibit_mapping),
            inhibit_any: self.inhibit_any.or(below.inhibit_any),
            assurance: self.assurance.clone().or_else(|| below.assurance.clone()),
            domains: self.domains.clone().or_else(|| below.domains.clone()),
            min_rsa_bits: self.min_rsa_bits.or(below.min_rsa_bits),
            min_ec_bits: self.min_ec_bits.or(below.min_ec_bits),
            algorithms: self.algorithms.clone().or_else(|| below.algorithms.clone()),
            revocation: self.revocation.or(below.revocation),
            max_evidence_age: self.max_evidence_age.or(below.max_evidence_age),
        }
    }

    /// Returns true if nothing is decided.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whom to believe: the authority of a card, if there is one, and those that were set.
    ///
    /// `domains` are those of the card, or the one that is asked for; `None` for mailboxes of any domain. They count
    /// where the settings have none.
    pub fn trust(&self, card: Option<&Certificate>, domains: Option<&[String]>) -> path::Trust {
        let own = card.cloned().map(path::Anchor::from);
        let set = self.anchors.iter().filter(|it| card != Some(&it.certificate));
        let set_domains = self.domains.as_ref().map(|set| set.iter().cloned().collect());
        path::Trust {
            anchors: own.into_iter().chain(set.map(TrustedAuthority::anchor)).collect(),
            pinned_keys: self.pinned_keys.iter().copied().collect(),
            policies: self.policy_demand(),
            domains: set_domains.or_else(|| domains.map(<[String]>::to_vec)),
            algorithms: self.accepted_algorithms(),
            revocation: self.revocation_demand(),
        }
    }

    /// Returns the policies that are asked for. A level of assurance asks for its policies, and for one of them to hold.
    pub fn policy_demand(&self) -> PolicyDemand {
        let level = self.assurance.as_ref().map(|assurance| &assurance.policies);
        let acceptable = match (&self.policies, level) {
            // Both were asked for; what satisfies one alone does not do.
            (Some(policies), Some(level)) if !policies.contains(&ANY_POLICY) => {
                Some(policies.intersection(level).copied().collect())
            }
            (Some(_), Some(level)) => Some(level.clone()),
            (policies, level) => policies.as_ref().or(level).cloned(),
        };
        PolicyDemand {
            acceptable,
            explicit: self.require_policy.unwrap_or(false) || level.is_some(),
            inhibit_mapping: self.inhibit_mapping.unwrap_or(false),
            inhibit_any: self.inhibit_any.unwrap_or(false),
        }
    }

    /// Returns the algorithms and key sizes that are accepted.
    pub fn accepted_algorithms(&self) -> Algorithms {
        let usual = Algorithms::CURRENT;
        let families = self.algorithms.as_ref().map(|list| list.iter().copied().collect());
        Algorithms {
            min_rsa_bits: self.min_rsa_bits.unwrap_or(usual.min_rsa_bits),
            min_ec_bits: self.min_ec_bits.unwrap_or(usual.min_ec_bits),
            families: families.unwrap_or(usual.families),
            ..usual
        }
    }

    /// Returns how revocation counts.
    pub fn revocation_demand(&self) -> RevocationDemand {
        let settings =
            revocation::Settings { max_age: self.max_evidence_age, ..Default::default() };
        RevocationDemand { strictness: self.revocation.unwrap_or(USUAL_STRICTNESS), settings }
    }
}

impl TrustedAuthority {
    /// Believes an authority without limits.
    pub fn new(certificate: Certificate) -> Self {
        Self { certificate, path_length: None, domains: BTreeSet::new() }
    }

    /// Returns it as the path engine takes it.
    pub fn anchor(&self) -> path::Anchor {
        // RFC 5280 section 4.2.1.10: a host stands for all mailboxes on it.
        let permitted = self.domains.iter().cloned().map(AlternativeName::Email).collect();
        let names = NameLimits::new(permitted, Vec::new());
        let constraints =
            AnchorConstraints { path_length: self.path_length, names, ..Default::default() };
        path::Anchor { certificate: self.certificate.clone(), constraints }
    }
}

/// A certificate counts unless it is known to be revoked: most authorities of partners publish nothing.
pub const USUAL_STRICTNESS: Strictness = Strictness::Soft;

#[cfg(test)]
mod tests;
