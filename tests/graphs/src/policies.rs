//! Certificate policies once more, as RFC 9618 has them and as others do: so a disagreement about policies is explained
//! only if it is exactly what comes of the other's habit.
//!
//! It shares nothing with `chancery-pki`: sets of ways through the mappings, which is the tree of RFC 5280.

use std::collections::BTreeSet;

use crate::compare::Case;
use crate::graph::Issued;
use crate::recipe::Recipe;
use crate::themes::ANY_POLICY;

/// What somebody does otherwise than RFC 9618 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// certval: a policy that the user does not want is deleted with all that is below it, even what is below a wanted one
    /// too.
    DeletesBelow,
    /// OpenSSL: `anyPolicy` passes a policy that was mapped from `anyPolicy` on under the name from before.
    KeepsOldName,
    /// OpenSSL: a policy that is mapped counts as named beside `anyPolicy`, even where that is inhibited.
    NamesMapped,
}

/// A policy after some certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    policy: &'static str,
    expected: BTreeSet<&'static str>,
    /// The policies that it had below `anyPolicy`: under those the way here is valid.
    roots: BTreeSet<&'static str>,
    /// It was mapped once, and only from `anyPolicy`.
    is_from_any: bool,
}

/// The counters of RFC 5280 section 6.1.2.
struct Counters {
    explicit: u64,
    mapping: u64,
    any: u64,
}

/// Returns true if the policies of a chain satisfy the question, with these habits.
pub fn hold(case: &Case<'_>, habits: &[Habit]) -> bool {
    let (ask, below) = (&case.graph.ask, case.chain.get(1..).unwrap_or_default());
    let length = u64::try_from(below.len()).unwrap_or(u64::MAX);
    let start = |is_zero: bool| if is_zero { 0 } else { length + 1 };
    let mut counters = Counters {
        explicit: start(ask.explicit),
        mapping: start(ask.inhibit_mapping),
        any: start(ask.inhibit_any),
    };
    let any = || BTreeSet::from([ANY_POLICY]);
    let root =
        Node { policy: ANY_POLICY, expected: any(), roots: BTreeSet::new(), is_from_any: false };
    let mut nodes = vec![root];
    for (place, issued) in below.iter().enumerate() {
        let (is_last, recipe) = (place + 1 == below.len(), &issued.recipe);
        let may_be_any = counters.any > 0 || !is_last && is_self_issued(issued);
        nodes = descend(&nodes, recipe, may_be_any, habits);
        if !is_last {
            map(&mut nodes, recipe, counters.mapping > 0);
        }
        counters.pass(issued, is_last);
    }
    counters.explicit > 0 || is_wanted(&nodes, ask.policies.as_deref(), habits)
}

/// RFC 9618 section 5.3 (d).
fn descend(above: &[Node], recipe: &Recipe, may_be_any: bool, habits: &[Habit]) -> Vec<Node> {
    let Some(policies) = &recipe.policies else { return Vec::new() };
    let has_any = policies.contains(&ANY_POLICY);
    let mut named: BTreeSet<&'static str> =
        policies.iter().copied().filter(|policy| *policy != ANY_POLICY).collect();
    if has_any && habits.contains(&Habit::NamesMapped) {
        named.extend(recipe.mappings.iter().map(|(from, _)| *from));
    }
    let mut made: Vec<Node> = Vec::new();
    for policy in &named {
        let parents: Vec<&Node> =
            above.iter().filter(|node| node.expected.contains(policy)).collect();
        let any = above.iter().filter(|node| node.policy == ANY_POLICY);
        let parents = if parents.is_empty() { any.collect() } else { parents };
        made.extend(child(policy, &parents));
    }
    if has_any && may_be_any {
        for node in above {
            if habits.contains(&Habit::KeepsOldName) && node.is_from_any {
                let has_child = node.expected.iter().any(|policy| named.contains(policy));
                made.extend(child(node.policy, &[node]).filter(|_| !has_child));
                continue;
            }
            for policy in node.expected.iter().filter(|policy| !named.contains(*policy)) {
                made.extend(child(policy, &[node]));
            }
        }
    }
    merge(made)
}

/// Makes the node of a policy below others.
fn child(policy: &'static str, parents: &[&Node]) -> Option<Node> {
    let roots = parents.iter().flat_map(|parent| match parent.policy {
        ANY_POLICY => BTreeSet::from([policy]),
        _ => parent.roots.clone(),
    });
    let roots = roots.collect();
    let expected = BTreeSet::from([policy]);
    (!parents.is_empty()).then_some(Node { policy, expected, roots, is_from_any: false })
}

/// Puts nodes of one policy together.
fn merge(nodes: Vec<Node>) -> Vec<Node> {
    let mut merged: Vec<Node> = Vec::new();
    for node in nodes {
        match merged.iter_mut().find(|other| other.policy == node.policy) {
            Some(other) => other.roots.extend(node.roots),
            None => merged.push(node),
        }
    }
    merged
}

/// RFC 9618 section 5.4 (b).
fn map(nodes: &mut Vec<Node>, recipe: &Recipe, is_permitted: bool) {
    let sources: BTreeSet<&'static str> = recipe.mappings.iter().map(|(from, _)| *from).collect();
    if !is_permitted {
        nodes.retain(|node| !sources.contains(node.policy));
        return;
    }
    let has_any = nodes.iter().any(|node| node.policy == ANY_POLICY);
    let is_named = |policy| recipe.policies.iter().flatten().any(|named| *named == policy);
    for policy in sources {
        let targets = recipe.mappings.iter().filter(|(from, _)| *from == policy);
        let expected: BTreeSet<&'static str> = targets.clone().map(|(_, to)| *to).collect();
        // OpenSSL takes a policy that is mapped twice for one that the certificate has.
        let is_from_any = targets.count() == 1 && !is_named(policy);
        if let Some(node) = nodes.iter_mut().find(|node| node.policy == policy) {
            (node.expected, node.is_from_any) = (expected, is_from_any);
        } else if has_any {
            nodes.push(Node { policy, expected, roots: BTreeSet::from([policy]), is_from_any });
        }
    }
}

impl Counters {
    /// RFC 5280 sections 6.1.4 (h) to (j) and 6.1.5 (a) and (b).
    fn pass(&mut self, issued: &Issued, is_last: bool) {
        let recipe = &issued.recipe;
        if is_last || !is_self_issued(issued) {
            for counter in [&mut self.explicit, &mut self.mapping, &mut self.any] {
                *counter = counter.saturating_sub(1);
            }
        }
        let limit = |counter: &mut u64, limit: Option<u64>| {
            *counter = limit.map_or(*counter, |limit| limit.min(*counter));
        };
        if is_last {
            limit(&mut self.explicit, recipe.require_explicit.filter(|skip| *skip == 0));
            return;
        }
        limit(&mut self.explicit, recipe.require_explicit);
        limit(&mut self.mapping, recipe.inhibit_mapping);
        limit(&mut self.any, recipe.inhibit_any);
    }
}

/// RFC 9618 section 5.5 (g).
fn is_wanted(nodes: &[Node], wanted: Option<&[&'static str]>, habits: &[Habit]) -> bool {
    let Some(wanted) = wanted else { return !nodes.is_empty() };
    let has_any = nodes.iter().any(|node| node.policy == ANY_POLICY);
    let roots = || nodes.iter().flat_map(|node| &node.roots);
    if habits.contains(&Habit::DeletesBelow) {
        // It stands for what is wanted and has no node yet, deleted ones included.
        let is_left = has_any && wanted.iter().any(|policy| !roots().any(|root| root == policy));
        let is_kept = |node: &&Node| node.roots.iter().all(|root| wanted.contains(root));
        return is_left
            || nodes.iter().filter(|node| node.policy != ANY_POLICY).any(|it| is_kept(&it));
    }
    has_any || roots().any(|root| wanted.contains(root))
}

fn is_self_issued(issued: &Issued) -> bool {
    issued.recipe.issuer == issued.recipe.subject
}
