//! What `chancery-pki` says.

use std::collections::BTreeSet;

use chancery_pki::path::{
    self, Answer, PolicyDemand, Pool, Purpose, Question, Strictness, Trust, Verifier,
};
use chancery_pki::revocation::{Evidence, RevocationList};
use chancery_pki::{Certificate, ObjectIdentifier};

use crate::graph::{AT, Ask, Graph, Issued};

/// A graph as `chancery-pki` reads it.
#[derive(Debug)]
pub struct Ours<'a> {
    graph: &'a Graph,
    evidence: Evidence,
    verifier: &'a Verifier,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// A path holds.
    pub is_trusted: bool,
    /// The path, the anchor first.
    pub path: Vec<Vec<u8>>,
    /// The codes of the rules that do not hold on it.
    pub broken: BTreeSet<&'static str>,
}

impl<'a> Ours<'a> {
    /// Reads the lists of a graph.
    pub fn new(graph: &'a Graph, verifier: &'a Verifier) -> Self {
        let mut evidence = Evidence::new();
        evidence.extend(graph.lists.iter().map(|list| {
            #[expect(clippy::expect_used, reason = "a test of our own writer")]
            RevocationList::from_der(list.der.clone()).expect("a list that can be read")
        }));
        Self { graph, evidence, verifier }
    }

    /// Decides with all certificates and anchors.
    pub fn whole(&self) -> Answer {
        self.decide(&self.graph.anchors, self.graph.pool.iter())
    }

    /// Decides with the certificates of one chain, the anchor first and the target last.
    pub fn chain(&self, chain: &[&Issued]) -> Said {
        let [anchor, between @ .., _] = chain else {
            return Said { is_trusted: false, path: Vec::new(), broken: BTreeSet::new() };
        };
        let answer = self.decide(&[(*anchor).clone()], between.iter().copied());
        said(&answer, chain)
    }

    fn decide<'i>(&self, anchors: &[Issued], pool: impl Iterator<Item = &'i Issued>) -> Answer {
        let anchors: Vec<Certificate> = anchors.iter().map(read).collect();
        let mut trust = Trust::anchors(&anchors);
        trust.policies = demand(&self.graph.ask);
        if self.graph.ask.revocation {
            trust.revocation.strictness = Strictness::Hard;
        }
        let certificates: Vec<Certificate> = pool.map(read).collect();
        let pool: Pool = certificates.iter().collect();
        let target = read(&self.graph.target);
        let purpose = if self.graph.ask.is_for_mail { Purpose::SmimeSign } else { Purpose::Any };
        let question =
            Question::new(&target, purpose, AT, &trust, &pool, &self.evidence, self.verifier);
        path::decide(&question)
    }
}

/// Reads what an answer says of a chain: of the path that holds, or of the attempt with these certificates.
pub fn said(answer: &Answer, chain: &[&Issued]) -> Said {
    let ders = |attempt: &path::Attempt| -> Vec<Vec<u8>> {
        attempt.steps.iter().map(|step| step.certificate.der().to_vec()).collect()
    };
    let wanted: Vec<Vec<u8>> = chain.iter().map(|it| it.der.clone()).collect();
    let attempts = std::iter::once(&answer.path).chain(&answer.others);
    let same = attempts.clone().find(|attempt| ders(attempt) == wanted);
    let attempt = if answer.is_trusted() { &answer.path } else { same.unwrap_or(&answer.path) };
    Said {
        is_trusted: answer.is_trusted(),
        path: ders(attempt),
        broken: attempt.failures().map(|failure| failure.rule.code().id).collect(),
    }
}

fn demand(ask: &Ask) -> PolicyDemand {
    let identifiers = |list: &Vec<&'static str>| {
        list.iter().map(|text| ObjectIdentifier::new_unwrap(text)).collect()
    };
    PolicyDemand {
        acceptable: ask.policies.as_ref().map(identifiers),
        explicit: ask.explicit,
        inhibit_mapping: ask.inhibit_mapping,
        inhibit_any: ask.inhibit_any,
    }
}

/// Reads a certificate.
pub fn read(issued: &Issued) -> Certificate {
    #[expect(clippy::expect_used, reason = "a test of our own writer")]
    Certificate::from_der(&issued.der).expect("a certificate that can be read")
}
