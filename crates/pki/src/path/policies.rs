//! Certificate policies along a path: the graph of RFC 9618, which takes the place of the tree of RFC 5280.
//!
//! The tree has a node for each way through the mappings, whose number is exponential in the length of the path. The
//! graph has each policy at most once at each depth, so that it is never larger than the certificates that make it.

use std::collections::{BTreeMap, BTreeSet};

use const_oid::ObjectIdentifier;

use crate::extension::ANY_POLICY;

/// `valid_policy_graph` (RFC 9618 section 5.1).
#[derive(Debug)]
pub(super) struct PolicyGraph {
    /// The nodes of each depth; the first depth has `anyPolicy` alone.
    depths: Vec<Vec<Node>>,
    /// No policy is valid any more; the RFC says that the graph is NULL.
    is_null: bool,
}

/// One policy at one depth.
#[derive(Debug)]
struct Node {
    valid_policy: ObjectIdentifier,
    /// The policies of the next certificate that satisfy this one.
    expected_policy_set: Vec<ObjectIdentifier>,
    /// Places in the depth above.
    parents: Vec<usize>,
}

/// A policy that is valid after some certificate, and what the next certificate may call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidPolicy {
    /// The policy as the certificate names it.
    pub policy: ObjectIdentifier,
    /// The same, or what it was mapped to.
    pub expected: Vec<ObjectIdentifier>,
}

impl PolicyGraph {
    /// Makes the graph before the first certificate (RFC 9618 section 5.2).
    pub(super) fn new() -> Self {
        let root = Node {
            valid_policy: ANY_POLICY,
            expected_policy_set: vec![ANY_POLICY],
            parents: Vec::new(),
        };
        Self { depths: vec![vec![root]], is_null: false }
    }

    /// Returns true if no policy is valid any more.
    pub(super) fn is_null(&self) -> bool {
        self.is_null
    }

    /// Takes in the policies of the next certificate (RFC 9618 section 5.3, step (d)); without the extension none is
    /// valid from here on (step (e)).
    pub(super) fn descend(&mut self, policies: Option<&[ObjectIdentifier]>, may_be_any: bool) {
        let Some(policies) = policies else {
            self.is_null = true;
            return;
        };
        if self.is_null {
            return;
        }
        let above = self.depths.last().map_or(&[][..], Vec::as_slice);
        let mut expecting: BTreeMap<ObjectIdentifier, Vec<usize>> = BTreeMap::new();
        for (place, node) in above.iter().enumerate() {
            for expected in &node.expected_policy_set {
                expecting.entry(*expected).or_default().push(place);
            }
        }
        let any = above.iter().position(|node| node.valid_policy == ANY_POLICY);
        let mut made: BTreeMap<ObjectIdentifier, Vec<usize>> = BTreeMap::new();
        for policy in policies.iter().filter(|policy| **policy != ANY_POLICY) {
            // Steps (d)(1)(i) and (ii).
            let parents = expecting.get(policy).cloned().or_else(|| any.map(|place| vec![place]));
            if let Some(parents) = parents {
                made.insert(*policy, parents);
            }
        }
        if may_be_any && policies.contains(&ANY_POLICY) {
            // Step (d)(2).
            for (policy, parents) in expecting {
                made.entry(policy).or_insert(parents);
            }
        }
        self.is_null = made.is_empty();
        let node = |(policy, parents)| Node {
            valid_policy: policy,
            expected_policy_set: vec![policy],
            parents,
        };
        // Step (d)(3), pruning, waits for the end: nothing looks at the depths above before that.
        self.depths.push(made.into_iter().map(node).collect());
    }

    /// Applies the policy mappings of the certificate just taken in (RFC 9618 section 5.4, step (b)).
    pub(super) fn map(
        &mut self,
        mappings: &[(ObjectIdentifier, ObjectIdentifier)],
        is_permitted: bool,
    ) {
        if self.is_null || mappings.is_empty() {
            return;
        }
        let Some(nodes) = self.depths.last_mut() else { return };
        let mut mapped: BTreeMap<ObjectIdentifier, BTreeSet<ObjectIdentifier>> = BTreeMap::new();
        for (issuer_policy, subject_policy) in mappings {
            mapped.entry(*issuer_policy).or_default().insert(*subject_policy);
        }
        if !is_permitted {
            // Step (b)(2).
            nodes.retain(|node| !mapped.contains_key(&node.valid_policy));
            self.is_null = nodes.is_empty();
            return;
        }
        // Step (b)(1); what is left over after it are policies that only `anyPolicy` stands for.
        for node in nodes.iter_mut() {
            if let Some(set) = mapped.remove(&node.valid_policy) {
                node.expected_policy_set = set.into_iter().collect();
            }
        }
        let any = nodes.iter().find(|node| node.valid_policy == ANY_POLICY);
        if let Some(parents) = any.map(|node| node.parents.clone()) {
            nodes.extend(mapped.into_iter().map(|(policy, set)| Node {
                valid_policy: policy,
                expected_policy_set: set.into_iter().collect(),
                parents: parents.clone(),
            }));
        }
    }

    /// Returns the policies that are valid after the last certificate taken in.
    pub(super) fn valid(&self) -> Vec<ValidPolicy> {
        let nodes = self.depths.last().filter(|_| !self.is_null);
        let policy = |node: &Node| ValidPolicy {
            policy: node.valid_policy,
            expected: node.expected_policy_set.clone(),
        };
        nodes.into_iter().flatten().map(policy).collect()
    }

    /// Returns the policies under which the whole path is valid, as its first authority names them: the
    /// `authority_constrained_policy_set` (RFC 9618 section 5.5, step (g)).
    pub(super) fn authority_constrained(&self) -> BTreeSet<ObjectIdentifier> {
        let mut policies = BTreeSet::new();
        let Some(last) = self.depths.last().filter(|_| !self.is_null) else { return policies };
        if last.iter().any(|node| node.valid_policy == ANY_POLICY) {
            policies.insert(ANY_POLICY);
        }
        // From the end to the beginning, only over nodes that have a descendant at the end.
        let mut alive: BTreeSet<usize> = (0..last.len()).collect();
        for pair in self.depths.windows(2).rev() {
            let [above, nodes] = pair else { break };
            let mut alive_above = BTreeSet::new();
            for node in alive.iter().filter_map(|place| nodes.get(*place)) {
                let is_below_any = node.parents.iter().any(|place| {
                    above.get(*place).is_some_and(|parent| parent.valid_policy == ANY_POLICY)
                });
                if is_below_any && node.valid_policy != ANY_POLICY {
                    policies.insert(node.valid_policy);
                }
                alive_above.extend(node.parents.iter().copied());
            }
            alive = alive_above;
        }
        policies
    }
}

/// Returns the `user_constrained_policy_set`: what is left of the authority's policies for those whom `wanted` satisfies;
/// `None` wants any (RFC 9618 section 5.5, step (g)).
pub(super) fn user_constrained(
    authority: &BTreeSet<ObjectIdentifier>,
    wanted: Option<&BTreeSet<ObjectIdentifier>>,
) -> BTreeSet<ObjectIdentifier> {
    match wanted {
        None => authority.clone(),
        Some(wanted) if wanted.contains(&ANY_POLICY) => authority.clone(),
        Some(wanted) if authority.contains(&ANY_POLICY) => wanted.clone(),
        Some(wanted) => authority.intersection(wanted).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(number: usize) -> ObjectIdentifier {
        ObjectIdentifier::new(&format!("1.3.6.1.4.1.99999.{number}")).unwrap()
    }

    /// Each certificate has each of a hundred policies and maps each to all: the tree of RFC 5280 would have a hundred to
    /// the power of the depth nodes.
    #[test]
    fn mappings_of_everything_to_everything_stay_small() {
        let policies: Vec<_> = (1..=100).map(oid).collect();
        let mappings: Vec<_> =
            policies.iter().flat_map(|from| policies.iter().map(|to| (*from, *to))).collect();
        let mut graph = PolicyGraph::new();
        for _ in 0..10 {
            graph.descend(Some(&policies), true);
            graph.map(&mappings, true);
        }
        assert!(graph.depths.iter().all(|nodes| nodes.len() <= 100));
        assert_eq!(graph.authority_constrained(), policies.iter().copied().collect());
    }

    #[test]
    fn a_policy_that_is_mapped_keeps_the_name_of_the_first_authority() {
        let mut graph = PolicyGraph::new();
        graph.descend(Some(&[oid(1), oid(2)]), true);
        graph.map(&[(oid(1), oid(7))], true);
        graph.descend(Some(&[oid(7)]), true);
        assert_eq!(graph.authority_constrained(), [oid(1)].into());
        // Policy 2 ended one depth above, and 7 is known only to the second authority.
        let wanted = [oid(2), oid(7)].into();
        assert!(user_constrained(&graph.authority_constrained(), Some(&wanted)).is_empty());
    }

    #[test]
    fn any_policy_stands_for_what_is_wanted_unless_it_is_inhibited() {
        let mut graph = PolicyGraph::new();
        graph.descend(Some(&[ANY_POLICY]), true);
        let authority = graph.authority_constrained();
        assert_eq!(user_constrained(&authority, Some(&[oid(5)].into())), [oid(5)].into());
        graph.descend(Some(&[ANY_POLICY]), false);
        assert!(graph.is_null() && graph.authority_constrained().is_empty());
        // What is NULL stays so.
        graph.descend(Some(&[oid(1)]), true);
        assert!(graph.is_null());
    }

    #[test]
    fn a_mapping_that_is_not_permitted_ends_its_policy() {
        let mut graph = PolicyGraph::new();
        graph.descend(Some(&[oid(1), oid(2)]), true);
        graph.map(&[(oid(1), oid(3))], false);
        graph.descend(Some(&[oid(1), oid(2), oid(3)]), true);
        assert_eq!(graph.authority_constrained(), [oid(2)].into());
    }
}
