//! Every chain of a graph by brute force, as a second opinion about the search.

use crate::graph::{Graph, Issued};

/// A chain: an anchor, and the certificates below it down to the target's issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Place among the anchors.
    pub anchor: usize,
    /// Places in the pool, the one that the anchor issued first.
    pub between: Vec<usize>,
}

/// Returns all chains of a graph, shorter ones first, and whether there are more than those.
pub fn all(graph: &Graph) -> (Vec<Chain>, bool) {
    let mut found = Vec::new();
    let mut open: Vec<Vec<usize>> = vec![Vec::new()];
    let mut work = 0;
    while let Some(partial) = open.pop() {
        work += 1;
        if found.len() >= MAX_CHAINS || work > MAX_WORK {
            return (found, true);
        }
        let top = partial.last().and_then(|place| graph.pool.get(*place)).unwrap_or(&graph.target);
        for (anchor, it) in graph.anchors.iter().enumerate() {
            if is_named(it, &top.recipe.issuer) && !is_loop(graph, &partial, it) {
                let between = partial.iter().rev().copied().collect();
                found.push(Chain { anchor, between });
            }
        }
        if partial.len() < MAX_BETWEEN {
            for (place, it) in graph.pool.iter().enumerate() {
                if is_named(it, &top.recipe.issuer) && !is_loop(graph, &partial, it) {
                    open.push([partial.as_slice(), &[place]].concat());
                }
            }
        }
    }
    found.sort_by_key(|chain| chain.between.len());
    (found, false)
}

fn is_named(issued: &Issued, name: &crate::recipe::Name) -> bool {
    issued.recipe.subject == *name
}

/// A name with the same key twice is a detour (RFC 4158 section 5.1).
fn is_loop(graph: &Graph, partial: &[usize], next: &Issued) -> bool {
    let below = partial.iter().filter_map(|place| graph.pool.get(*place));
    below
        .chain([&graph.target])
        .any(|it| it.key == next.key && it.recipe.subject == next.recipe.subject)
}

impl Chain {
    /// Returns the certificates, the anchor first and the target last.
    pub fn certificates<'a>(&self, graph: &'a Graph) -> Vec<&'a Issued> {
        let anchor = graph.anchors.get(self.anchor);
        let between = self.between.iter().filter_map(|place| graph.pool.get(*place));
        anchor.into_iter().chain(between).chain([&graph.target]).collect()
    }
}

/// Chains that are looked at.
const MAX_CHAINS: usize = 200;
/// Partial chains that are looked at.
const MAX_WORK: usize = 20_000;
/// What `Budget::depth` leaves between target and anchor is more; no graph here needs it.
const MAX_BETWEEN: usize = 9;
