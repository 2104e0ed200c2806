//! What is asked: a certificate, whom to trust for it, for which purpose, address and time.

use std::collections::BTreeSet;

use const_oid::ObjectIdentifier;

use crate::certificate::Certificate;
use crate::extension::NameConstraints;
use crate::name::AlternativeName;
use crate::path::Purpose;
use crate::path::pool::Pool;
use crate::path::signatures::{Algorithms, Verifier};
use crate::revocation::{self, Evidence};

/// One question to the path engine.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The certificate in question.
    pub target: &'a Certificate,
    /// What it is to be used for.
    pub purpose: Purpose,
    /// The mail address that it is to be used for, if that counts.
    pub address: Option<&'a str>,
    /// The time for which is asked, in Unix seconds.
    pub at: i64,
    /// Whom to believe.
    pub trust: &'a Trust,
    /// Certificates that may help; they are not trusted.
    pub pool: &'a Pool,
    /// Lists and responses that may say whether a certificate was revoked.
    pub evidence: &'a Evidence,
    /// What verifies signatures.
    pub verifier: &'a Verifier,
    /// What the answer may cost.
    pub budget: Budget,
}

/// Whom to believe, and under which conditions: one for each partner, never the world.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The authorities at which a path may end.
    pub anchors: Vec<Anchor>,
    /// SHA-256 of the `SubjectPublicKeyInfo` of keys that are believed without a path.
    pub pinned_keys: Vec<[u8; 32]>,
    /// The certificate policies that are asked for.
    pub policies: PolicyDemand,
    /// The mail domains that these anchors may speak for; `None` for mailboxes of any domain.
    pub domains: Option<Vec<String>>,
    /// The algorithms and key sizes that are accepted.
    pub algorithms: Algorithms,
    /// How revocation counts.
    pub revocation: RevocationDemand,
}

/// How revocation counts.
#[derive(Clone, Debug, Default)]
pub struct RevocationDemand {
    /// What a certificate of unknown status means.
    pub strictness: Strictness,
    /// How evidence is judged.
    pub settings: revocation::Settings,
}

/// What a certificate of unknown status means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// A certificate of unknown status is not used.
    Hard,
    /// Revocation is not looked at.
    #[default]
    Ignore,
    /// A certificate counts unless it is known to be revoked.
    Soft,
}

impl Strictness {
    /// Returns the word for it in settings and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Ignore => "ignore",
            Self::Soft => "soft",
        }
    }

    /// Returns what a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Hard, Self::Ignore, Self::Soft].into_iter().find(|it| it.word() == word)
    }
}

/// The inputs of RFC 5280 section 6.1.1 (c) and (e) to (g).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyDemand {
    /// `user-initial-policy-set`: the policies that satisfy; `None` for any.
    pub acceptable: Option<BTreeSet<ObjectIdentifier>>,
    /// `initial-explicit-policy`: the path must be valid for one of them.
    pub explicit: bool,
    /// `initial-policy-mapping-inhibit`: no authority may say that its policy is like another one.
    pub inhibit_mapping: bool,
    /// `initial-any-policy-inhibit`: `anyPolicy` is no policy.
    pub inhibit_any: bool,
}

/// An authority that is trusted for being it, and the limits of that trust (RFC 5937).
#[derive(Clone, Debug)]
pub struct Anchor {
    /// Its certificate, of which name, key and constraints count.
    pub certificate: Certificate,
    /// What its owner allows it beyond what its certificate does.
    pub constraints: AnchorConstraints,
}

/// Limits set by whoever trusts an anchor (RFC 5914 section 1.3, `CertPathControls`).
#[derive(Clone, Debug, Default)]
pub struct AnchorConstraints {
    /// The most authorities below the anchor.
    pub path_length: Option<u32>,
    /// The policies that it may vouch for; `None` for any.
    pub policies: Option<BTreeSet<ObjectIdentifier>>,
    /// The names that it may give.
    pub names: NameLimits,
    /// The path must be valid for a policy.
    pub explicit_policy: bool,
    /// No policy may be mapped.
    pub inhibit_mapping: bool,
    /// `anyPolicy` is no policy.
    pub inhibit_any: bool,
}

/// Names that an authority may and may not give (RFC 5280 section 4.2.1.10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameLimits(pub(crate) NameConstraints);

/// What one answer may cost; the certificates come from whoever sent the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Certificates of a path, target and anchor included.
    pub depth: usize,
    /// Certificates tried as issuers, over all paths.
    pub candidates: u32,
    /// Paths validated to the end.
    pub paths: u32,
    /// Signatures verified: the costly part, up to 0.3 ms each with RSA keys of 8192 bits.
    pub signatures: u32,
    /// Comparisons of a name with a constraint.
    pub comparisons: u32,
}

impl<'a> Question<'a> {
    /// Asks whether the trust reaches a certificate, for any address. `at` is in Unix seconds.
    pub fn new(
        target: &'a Certificate,
        purpose: Purpose,
        at: i64,
        trust: &'a Trust,
        pool: &'a Pool,
        evidence: &'a Evidence,
        verifier: &'a Verifier,
    ) -> Self {
        let budget = Budget::default();
        Self { target, purpose, address: None, at, trust, pool, evidence, verifier, budget }
    }
}

impl Trust {
    /// Trusts these authorities without further conditions.
    pub fn anchors(certificates: &[Certificate]) -> Self {
        let anchors = certificates.iter().cloned().map(Anchor::from).collect();
        Self { anchors, ..Self::default() }
    }
}

impl From<Certificate> for Anchor {
    fn from(certificate: Certificate) -> Self {
        Self { certificate, constraints: AnchorConstraints::default() }
    }
}

impl NameLimits {
    /// Makes limits; a name must lie in one of the permitted trees of its form, if there is one, and in no excluded one.
    pub fn new(permitted: Vec<AlternativeName>, excluded: Vec<AlternativeName>) -> Self {
        Self(NameConstraints { permitted, excluded, has_distances: false })
    }

    /// Returns true if every name may be given.
    pub fn is_empty(&self) -> bool {
        self.0.permitted.is_empty() && self.0.excluded.is_empty()
    }
}

impl Default for Budget {
    /// Generous for honest meshes: real paths through bridges have up to eight certificates, which with a list for each are
    /// sixteen signatures. Each certificate and each list costs one, however many paths need it, so that 200 are sixty
    /// bridges that have taken back their word before the one that has not.
    fn default() -> Self {
        Self { depth: 16, candidates: 20_000, paths: 1_000, signatures: 200, comparisons: 500_000 }
    }
}
