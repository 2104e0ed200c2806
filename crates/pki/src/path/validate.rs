//! One path, validated: RFC 5280 section 6.1 from the anchor down, with the policy graph of RFC 9618.
//!
//! All rules are applied even after a failure, so that whoever must mend a path is told everything at once.

use crate::certificate::Certificate;
use crate::extension::ANY_POLICY;
use crate::path::answer::{Attempt, InForce, Spent, Step};
use crate::path::constraints;
use crate::path::policies::{self, PolicyGraph};
use crate::path::question::{Anchor, AnchorConstraints, PolicyDemand, Question};
use crate::path::rules;
use crate::path::signatures::{Flaw, WorkingKey};
use crate::path::{Purpose, Rule};

/// A path to validate: its certificates, the anchor first and the target last.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    pub(super) certificates: &'a [&'a Certificate],
    /// `None` if the first certificate is none, but all that is known.
    pub(super) anchor: Option<&'a Anchor>,
    /// The only certificate is the target, whose key is pinned.
    pub(super) is_pinned: bool,
}

/// Validates a path whose names chain.
pub(super) fn validate(question: &Question<'_>, path: Path<'_>, spent: &mut Spent) -> Attempt {
    let mut validation = Validation::begin(question, path, spent);
    let last = path.certificates.len().saturating_sub(1);
    for (depth, certificate) in path.certificates.iter().enumerate() {
        let is_anchor = depth == 0 && (path.anchor.is_some() || path.is_pinned);
        let mut step = Step::new(certificate, is_anchor);
        rules::check_itself(question, &mut step);
        if depth > 0 {
            validation.process(depth, depth == last, &mut step);
        }
        if depth == last {
            validation.wrap_up(depth, &mut step);
        } else {
            validation.prepare(depth, &mut step);
        }
        validation.steps.push(step);
    }
    validation.end()
}

/// Verifies the signature of the certificate at a depth; `None` if the budget does not allow it.
pub(super) fn verify(
    question: &Question<'_>,
    path: Path<'_>,
    depth: usize,
    spent: &mut Spent,
) -> Option<Result<(), Flaw>> {
    let certificate = path.certificates.get(depth)?;
    let key = working_key(path.certificates.get(..depth)?)?;
    let left = question.budget.signatures.saturating_sub(spent.signatures);
    let algorithms = question.trust.algorithms;
    let checked = question.verifier.check(certificate, key, algorithms, || left > 0)?;
    if checked.was_known {
        spent.remembered += 1;
    } else {
        spent.signatures += 1;
    }
    Some(checked.result)
}

/// Returns the key of the last certificate. Keys of DSA may leave their parameters to the issuer's (RFC 5280 section
/// 6.1.4 (d) to (f)); those of the kinds that we know never do.
fn working_key<'a>(path: &[&'a Certificate]) -> Option<WorkingKey<'a>> {
    let (certificate, above) = path.split_last()?;
    let public_key = certificate.public_key();
    let giver = above.last().filter(|_| public_key.is_none());
    let id =
        (certificate.key_fingerprint(), giver.map_or([0; 32], |giver| giver.key_fingerprint()));
    let spki = certificate.spki();
    Some(WorkingKey { spki, parameters: giver.map(|giver| giver.spki()), public_key, id })
}

/// The state variables (RFC 5280 section 6.1.2).
struct Validation<'a> {
    question: &'a Question<'a>,
    path: Path<'a>,
    spent: &'a mut Spent,
    demand: PolicyDemand,
    graph: PolicyGraph,
    explicit_policy: u32,
    policy_mapping: u32,
    inhibit_any_policy: u32,
    max_path_length: u32,
    /// Who set `max_path_length`.
    limited_by: Option<&'a Certificate>,
    /// Authorities whose constraints apply below them.
    constrained_by: Vec<&'a Certificate>,
    /// That no policy is left is said once.
    is_policy_lost: bool,
    steps: Vec<Step>,
}

impl<'a> Validation<'a> {
    /// RFC 5280 section 6.1.2, with the anchor's own limits (RFC 5937 section 3).
    fn begin(question: &'a Question<'a>, path: Path<'a>, spent: &'a mut Spent) -> Self {
        let length = count(path.certificates.len().saturating_sub(1));
        let mut demand = question.trust.policies.clone();
        if let Some(anchor) = path.anchor {
            apply(&anchor.constraints, &mut demand);
        }
        let unless = |inhibited| if inhibited { 0 } else { length + 1 };
        Self {
            question,
            path,
            spent,
            graph: PolicyGraph::new(),
            explicit_policy: unless(demand.explicit),
            policy_mapping: unless(demand.inhibit_mapping),
            inhibit_any_policy: unless(demand.inhibit_any),
            demand,
            max_path_length: length,
            limited_by: None,
            constrained_by: Vec::new(),
            is_policy_lost: false,
            steps: Vec::with_capacity(path.certificates.len()),
        }
    }

    /// RFC 5280 section 6.1.3: basic certificate processing.
    fn process(&mut self, depth: usize, is_target: bool, step: &mut Step) {
        let Some(certificate) = self.path.certificates.get(depth).copied() else { return };
        self.check_signature(depth, certificate, step);
        let is_exempt = certificate.is_self_issued() && !is_target;
        // Steps (b) and (c).
        if !is_exempt {
            self.check_names(certificate, step);
        }
        // Steps (d) and (e).
        let policies = certificate.extensions().policies.as_ref();
        let may_be_any = self.inhibit_any_policy > 0 || is_exempt;
        self.graph.descend(policies.map(|it| it.identifiers.as_slice()), may_be_any);
        // Step (f).
        let is_lost = self.needs_policy() && self.graph.is_null();
        let failure = (is_lost && !self.is_policy_lost)
            .then(|| "leaves no certificate policy valid, and one is required".to_owned());
        self.is_policy_lost |= is_lost;
        step.note(Rule::Policy, failure);
    }

    /// Step (a)(1).
    fn check_signature(&mut self, depth: usize, certificate: &Certificate, step: &mut Step) {
        if certificate.algorithms_differ() {
            // RFC 5280 section 4.1.1.2: the identifier beside the signature must be the signed one.
            step.note(Rule::Signature, Some("names two different signature algorithms".to_owned()));
            return;
        }
        match verify(self.question, self.path, depth, self.spent) {
            Some(Ok(())) => step.note(Rule::Signature, None),
            Some(Err(Flaw::Forged)) => {
                let detail = format!("is not signed by the key of <{}>", certificate.issuer());
                step.note(Rule::Signature, Some(detail));
            }
            Some(Err(Flaw::Refused(what))) => step.note(Rule::Algorithm, Some(what)),
            None => {
                let detail = "has more possible issuers than may be tried";
                step.note(Rule::Budget, Some(detail.to_owned()));
            }
        }
    }

    fn check_names(&mut self, certificate: &Certificate, step: &mut Step) {
        let limits = self.path.anchor.map(|anchor| &anchor.constraints.names.0);
        let of_anchor = limits.map(|limits| (limits, None));
        let of_authorities = self.constrained_by.iter().filter_map(|authority| {
            Some((authority.extensions().name_constraints.as_ref()?, Some(*authority)))
        });
        let mut budget = self.question.budget.comparisons.saturating_sub(self.spent.comparisons);
        let before = budget;
        let mut broken = None;
        for (limits, by) in of_anchor.into_iter().chain(of_authorities) {
            broken = constraints::check(limits, by, certificate, &mut budget);
            if broken.is_some() {
                break;
            }
        }
        self.spent.comparisons += before - budget;
        match broken {
            Some((rule, detail)) => step.note(rule, Some(detail)),
            None => step.note(Rule::NameConstraints, None),
        }
    }

    /// RFC 5280 section 6.1.4: preparation for the next certificate. Of an anchor only its limits count (RFC 5937).
    fn prepare(&mut self, depth: usize, step: &mut Step) {
        let Some(certificate) = self.path.certificates.get(depth).copied() else { return };
        let extensions = certificate.extensions();
        if depth == 0 {
            self.take_policies_of_anchor(certificate);
        } else {
            self.map_policies(certificate, step);
        }
        // Step (g).
        if extensions.name_constraints.is_some() {
            self.constrained_by.push(certificate);
        }
        // Step (h).
        if depth > 0 && !certificate.is_self_issued() {
            for counter in
                [&mut self.explicit_policy, &mut self.policy_mapping, &mut self.inhibit_any_policy]
            {
                *counter = counter.saturating_sub(1);
            }
        }
        // Steps (i) and (j).
        let constraints = extensions.policy_constraints;
        lower(&mut self.explicit_policy, constraints.require_explicit_policy);
        lower(&mut self.policy_mapping, constraints.inhibit_policy_mapping);
        lower(&mut self.inhibit_any_policy, extensions.inhibit_any_policy);
        // Steps (k) and (n).
        rules::check_issuer(self.question, step);
        self.limit_length(depth, certificate, step);
        step.in_force = self.in_force();
    }

    /// Steps (a) and (b).
    fn map_policies(&mut self, certificate: &Certificate, step: &mut Step) {
        let mappings = &certificate.extensions().policy_mappings;
        if mappings.is_empty() {
            return;
        }
        let has_any = mappings.iter().any(|(from, to)| *from == ANY_POLICY || *to == ANY_POLICY);
        step.expect(Rule::PolicyMapping, !has_any, || {
            "maps a policy to or from anyPolicy".to_owned()
        });
        self.graph.map(mappings, self.policy_mapping > 0);
    }

    /// An anchor whose certificate names policies vouches for no other ones (RFC 5937 section 3.2).
    fn take_policies_of_anchor(&mut self, certificate: &Certificate) {
        if let Some(policies) = &certificate.extensions().policies {
            restrict(&mut self.demand, &policies.identifiers.iter().copied().collect());
        }
    }

    /// Steps (l) and (m).
    fn limit_length(&mut self, depth: usize, certificate: &'a Certificate, step: &mut Step) {
        if depth > 0 && !certificate.is_self_issued() {
            let by = self.limited_by.map(|by| format!("<{}>", by.subject()));
            step.expect(Rule::PathLength, self.max_path_length > 0, || {
                let by = by.unwrap_or_else(|| "the trust in the anchor".to_owned());
                format!("is one authority more than {by} permits below it")
            });
            self.max_path_length = self.max_path_length.saturating_sub(1);
        }
        let own = certificate.extensions().basic_constraints.and_then(|it| it.path_length);
        let given = self.path.anchor.filter(|_| depth == 0);
        let given = given.and_then(|anchor| anchor.constraints.path_length);
        if own.is_some_and(|limit| limit < self.max_path_length) {
            self.limited_by = Some(certificate);
        }
        if given.is_some_and(|limit| limit < self.max_path_length.min(own.unwrap_or(u32::MAX))) {
            self.limited_by = None;
        }
        lower(&mut self.max_path_length, own);
        lower(&mut self.max_path_length, given);
    }

    /// RFC 5280 section 6.1.5: wrap-up.
    fn wrap_up(&mut self, depth: usize, step: &mut Step) {
        let Some(certificate) = self.path.certificates.get(depth).copied() else { return };
        // Steps (a) and (b).
        self.explicit_policy = self.explicit_policy.saturating_sub(1);
        if certificate.extensions().policy_constraints.require_explicit_policy == Some(0) {
            self.explicit_policy = 0;
        }
        rules::check_target(self.question, step);
        step.in_force = self.in_force();
    }

    /// Step (g) of the wrap-up, and the result.
    fn end(mut self) -> Attempt {
        let is_whole = self.path.certificates.len() > 1;
        let authority =
            if is_whole { self.graph.authority_constrained() } else { [ANY_POLICY].into() };
        let user = policies::user_constrained(&authority, self.demand.acceptable.as_ref());
        let needs_policy = self.needs_policy();
        if needs_policy
            && user.is_empty()
            && !self.is_policy_lost
            && let Some(step) = self.steps.last_mut()
        {
            let detail = "is not valid for any of the certificate policies that are asked for";
            step.note(Rule::Policy, Some(detail.to_owned()));
        }
        Attempt {
            steps: self.steps,
            is_anchored: self.path.anchor.is_some() || self.path.is_pinned,
            authority_policies: authority,
            user_policies: user,
            needs_policy,
        }
    }

    /// Returns true if a policy must be left. Who answers for an authority needs none (RFC 6960 section 4.2.2.2).
    fn needs_policy(&self) -> bool {
        self.explicit_policy == 0 && self.question.purpose != Purpose::OcspSign
    }

    fn in_force(&self) -> InForce {
        InForce {
            policies: self.graph.valid(),
            explicit_policy: self.explicit_policy,
            policy_mapping: self.policy_mapping,
            inhibit_any_policy: self.inhibit_any_policy,
            max_path_length: self.max_path_length,
            constrained_by: self
                .constrained_by
                .iter()
                .map(|&authority| authority.clone())
                .collect(),
        }
    }
}

/// Adds what whoever trusts the anchor demands of paths that end there (RFC 5937 section 3.2).
fn apply(constraints: &AnchorConstraints, demand: &mut PolicyDemand) {
    demand.explicit |= constraints.explicit_policy;
    demand.inhibit_mapping |= constraints.inhibit_mapping;
    demand.inhibit_any |= constraints.inhibit_any;
    if let Some(policies) = &constraints.policies {
        restrict(demand, policies);
    }
}

/// Leaves of the acceptable policies those that are also among these.
fn restrict(
    demand: &mut PolicyDemand,
    policies: &std::collections::BTreeSet<const_oid::ObjectIdentifier>,
) {
    demand.acceptable = match demand.acceptable.take() {
        acceptable if policies.contains(&ANY_POLICY) => acceptable,
        Some(acceptable) if !acceptable.contains(&ANY_POLICY) => {
            Some(acceptable.intersection(policies).copied().collect())
        }
        _ => Some(policies.clone()),
    };
}

fn lower(counter: &mut u32, limit: Option<u32>) {
    *counter = limit.unwrap_or(u32::MAX).min(*counter);
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX - 1)
}
