//! Compares what we say with what others say, and finds what nobody has explained.

use std::collections::BTreeMap;
use std::{fmt, io};

use chancery_pki::path::Verifier;

use crate::chains;
use crate::graph::{Graph, Issued, generate};
use crate::known::{self, Oracle};
use crate::others::certval;
use crate::others::openssl::{FIRST_ANCHOR, OpenSsl};
use crate::ours::{Ours, Said, said};
use crate::policies;

/// What came of many graphs.
#[derive(Debug, Default)]
pub struct Tally {
    /// Graphs, and those of them in which a path holds.
    pub graphs: (u64, u64),
    /// Chains that we decided, and those of them that hold.
    pub chains: (u64, u64),
    /// Chains that each oracle decided too.
    pub by_openssl: u64,
    /// Chains that each oracle decided too.
    pub by_certval: u64,
    /// Chains of which OpenSSL or we looked at another one made of the same certificates.
    pub other_chain: u64,
    /// Graphs with more chains than brute force goes through.
    pub too_many: u64,
    /// Graphs in which the search gave up, though a chain holds.
    pub given_up: u64,
    /// How often each known disagreement was met.
    pub known: BTreeMap<&'static str, u64>,
    /// Disagreements that are in no table.
    pub unknown: Vec<Disagreement>,
}

/// Somebody is wrong.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// The graph.
    pub seed: u64,
    /// Who disagrees, and what both say; equal for equal reasons.
    pub what: String,
    /// The chain for people.
    pub chain: String,
}

/// A chain about which somebody disagrees.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The chain, the anchor first.
    pub chain: &'a [&'a Issued],
    /// What we say.
    pub ours: &'a Said,
    /// Why the other one refuses; empty if it does not.
    pub theirs: &'a str,
}

/// What compares.
#[derive(Debug)]
pub struct Comparison {
    verifier: Verifier,
    openssl: OpenSsl,
    /// What came out so far.
    pub tally: Tally,
}

impl Comparison {
    /// Begins with OpenSSL running.
    pub fn new(openssl: OpenSsl) -> Self {
        Self { verifier: Verifier::new(), openssl, tally: Tally::default() }
    }

    /// Compares the graph of a seed.
    pub fn run(&mut self, seed: u64) -> io::Result<()> {
        let graph = generate(seed);
        let verifier = std::mem::take(&mut self.verifier);
        let ours = Ours::new(&graph, &verifier);
        let answer = ours.whole();
        self.tally.graphs.0 += 1;
        self.tally.graphs.1 += u64::from(answer.is_trusted());
        let (chains, are_more) = chains::all(&graph);
        self.tally.too_many += u64::from(are_more);
        let mut some_holds = false;
        let mut wanted = Vec::new();
        for chain in &chains {
            let certificates = chain.certificates(&graph);
            let said = ours.chain(&certificates);
            self.tally.chains.0 += 1;
            self.tally.chains.1 += u64::from(said.is_trusted);
            some_holds |= said.is_trusted;
            if wanted.len() < MAX_COMPARED {
                wanted.push((certificates, said));
            }
        }
        // Whoever signed a list may be in the graph and in none of the chains.
        let may_need_others = graph.ask.revocation;
        // A search that gives up says so; brute force has a fresh budget for each chain.
        self.tally.given_up += u64::from(answer.exhausted.is_some() && some_holds);
        let is_missed = some_holds && !answer.is_trusted() && answer.exhausted.is_none();
        let is_extra = answer.is_trusted() && !some_holds && !may_need_others && !are_more;
        if is_missed || is_extra {
            let limit = answer.exhausted.unwrap_or("no limit reached");
            let is_trusted = answer.is_trusted();
            let what = format!("search: {is_trusted} ({limit}) but brute force {some_holds}");
            self.tally.unknown.push(Disagreement { seed, what, chain: String::new() });
        }
        if answer.is_trusted() && !may_need_others {
            let path: Vec<_> =
                answer.path.steps.iter().map(|step| step.certificate.der()).collect();
            let is_it = |chain: &Vec<&Issued>| {
                chain.iter().map(|it| it.der.as_slice()).eq(path.iter().copied())
            };
            let found = chains.iter().map(|chain| chain.certificates(&graph)).find(is_it);
            wanted.extend(found.map(|chain| {
                let said = said(&answer, &chain);
                (chain, said)
            }));
        }
        for (chain, said) in &wanted {
            self.compare(&graph, chain, said)?;
        }
        drop(ours);
        // What one graph proved is of no use to the next.
        self.verifier = if seed.is_multiple_of(64) { Verifier::new() } else { verifier };
        Ok(())
    }

    fn compare(&mut self, graph: &Graph, chain: &[&Issued], ours: &Said) -> io::Result<()> {
        let is_same = |ours: &Said| ours.path.iter().eq(chain.iter().map(|it| &it.der));
        if !is_same(ours) {
            self.tally.other_chain += 1;
            return Ok(());
        }
        self.check_policies(&Case { graph, chain, ours, theirs: "" });
        let theirs = self.openssl.chain(graph, chain)?;
        let below = u32::try_from(chain.len() - 1).unwrap_or(u32::MAX);
        if theirs.chain.iter().copied().eq((0..below).chain([FIRST_ANCHOR])) {
            self.tally.by_openssl += 1;
            let why =
                if theirs.error == 0 { String::new() } else { known::openssl_error(theirs.error) };
            self.judge(Oracle::OpenSsl, &Case { graph, chain, ours, theirs: &why });
        } else {
            self.tally.other_chain += 1;
        }
        if !graph.ask.revocation || graph.has_plain_lists {
            self.tally.by_certval += 1;
            let why = certval::chain(graph, chain).err().unwrap_or_default();
            self.judge(Oracle::Certval, &Case { graph, chain, ours, theirs: &why });
        }
        Ok(())
    }

    /// Compares the policies with a second reading of RFC 9618, which explains what others make of them.
    fn check_policies(&mut self, case: &Case<'_>) {
        let breaks = |rule| case.ours.broken.contains(rule);
        if !breaks("pki.path.policy_mapping")
            && policies::hold(case, &[]) == breaks("pki.path.policy")
        {
            let what = "policies: the second reading says otherwise".to_owned();
            self.tally.unknown.push(Disagreement::new(case, what));
        }
    }

    fn judge(&mut self, oracle: Oracle, case: &Case<'_>) {
        if case.ours.is_trusted == case.theirs.is_empty() {
            return;
        }
        if let Some(known) = known::find(oracle, case) {
            *self.tally.known.entry(known.name).or_default() += 1;
            return;
        }
        let broken: Vec<&str> = case.ours.broken.iter().copied().collect();
        let ours = if broken.is_empty() { "trusted".to_owned() } else { broken.join(" ") };
        let theirs = if case.theirs.is_empty() { "trusted" } else { case.theirs };
        let what = format!("{oracle:?}: we say {ours}, it says {theirs}");
        self.tally.unknown.push(Disagreement::new(case, what));
    }
}

impl Disagreement {
    fn new(case: &Case<'_>, what: String) -> Self {
        let chain =
            format!("  {:?} {:?}\n{}", case.graph.ask, case.graph.schemes, describe(case.chain));
        Self { seed: case.graph.seed, what, chain }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { graphs, chains, .. } = self;
        writeln!(
            formatter,
            "graphs                   {:>9}, a path holds in {}",
            graphs.0, graphs.1
        )?;
        writeln!(formatter, "chains                   {:>9}, {} hold", chains.0, chains.1)?;
        writeln!(formatter, "compared with OpenSSL    {:>9}", self.by_openssl)?;
        writeln!(formatter, "compared with certval    {:>9}", self.by_certval)?;
        writeln!(formatter, "another chain was chosen {:>9}", self.other_chain)?;
        writeln!(formatter, "graphs with more chains  {:>9}", self.too_many)?;
        writeln!(formatter, "searches given up        {:>9}", self.given_up)?;
        for (name, count) in &self.known {
            writeln!(formatter, "  {count:>9}  {name}")?;
        }
        let mut kinds: BTreeMap<&str, Vec<&Disagreement>> = BTreeMap::new();
        for disagreement in &self.unknown {
            kinds.entry(&disagreement.what).or_default().push(disagreement);
        }
        writeln!(formatter, "not explained            {:>9}", self.unknown.len())?;
        for (what, list) in kinds {
            let Some(first) = list.iter().min_by_key(|it| it.chain.len()) else { continue };
            writeln!(
                formatter,
                "\n{} times, such as seed {}: {what}\n{}",
                list.len(),
                first.seed,
                first.chain
            )?;
        }
        Ok(())
    }
}

/// Writes a chain for people.
pub fn describe(chain: &[&Issued]) -> String {
    chain.iter().map(|it| format!("  {}\n", line(it))).collect()
}

fn line(issued: &Issued) -> String {
    let recipe = &issued.recipe;
    let name = |name: &crate::recipe::Name| {
        name.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("/")
    };
    let mut line = format!(
        "{} ({}) by {} ({})",
        name(&recipe.subject),
        issued.key,
        name(&recipe.issuer),
        issued.signer
    );
    line += &format!(
        " basic {:?} usage {:?} eku {:?}",
        recipe.basic, recipe.usage, recipe.extended_usage
    );
    for (what, text) in [
        ("names", format!("{:?}", recipe.names)),
        ("permitted", format!("{:?}", recipe.permitted)),
        ("excluded", format!("{:?}", recipe.excluded)),
        ("policies", format!("{:?}", recipe.policies)),
        ("mappings", format!("{:?}", recipe.mappings)),
    ] {
        if !matches!(text.as_str(), "[]" | "None") {
            line += &format!(" {what} {text}");
        }
    }
    let counters = (recipe.require_explicit, recipe.inhibit_mapping, recipe.inhibit_any);
    if counters != (None, None, None) {
        line += &format!(" explicit, mapping, any {counters:?}");
    }
    line
}

/// Chains of one graph that are given to the others.
const MAX_COMPARED: usize = 6;
