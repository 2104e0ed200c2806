//! Graphs made by somebody who means harm, and what each costs: a table of counts, which are the same on every machine.

mod evidence;
mod meshes;
mod names;

use std::fmt;

use chancery_pki::path::{self, Answer, Pool, Purpose, Question, Strictness, Trust, Verifier};
use chancery_pki::revocation::Evidence;
use chancery_pki::{Certificate, Outcome};

use crate::graph::{AT, CERT_SIGN, CRL_SIGN, DAY, DIGITAL_SIGNATURE, authority_name};
use crate::keys;
use crate::measure::processor_time;
use crate::recipe::{GeneralName, Recipe, key_id};

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was tried.
    pub attack: &'static str,
    /// How large it was.
    pub size: String,
    /// What came of it.
    pub outcome: String,
    /// Certificates tried as issuers, paths validated, signatures verified, names compared.
    pub counts: [u32; 4],
    /// Milliseconds of processor time, which differ from machine to machine.
    pub milliseconds: u64,
}

/// Tries everything. `entries` is the length of the largest revocation list.
pub fn table(entries: u64) -> Vec<Row> {
    [meshes::rows(), names::rows(), evidence::rows(entries)].concat()
}

/// Returns the page for people, `docs/reference/hostile-graphs.md`; without the time, which no test can hold.
pub fn page(rows: &[Row]) -> String {
    let mut page = String::from(PAGE);
    for Row {
        attack, size, outcome, counts: [candidates, paths, signatures, comparisons], ..
    } in rows
    {
        page += &format!(
            "| {attack} | {size} | {outcome} | {candidates} | {paths} | {signatures} | {comparisons} |\n"
        );
    }
    page
}

/// How the page begins.
const PAGE: &str = "# What hostile certificate graphs cost

Certificates come from whoever sends mail, so whoever sends mail chooses the graph in which a path is searched.
Each line is a graph that was made to cost much, and what deciding about it took: certificates tried as issuers, paths validated to the end, signatures verified, and names compared with constraints.
`Budget` in `crates/pki/src/path/question.rs` bounds all four; the counts are the same on every machine, and a test of `tests/graphs` holds them (`cargo nextest run -p chancery-graphs hostile --no-capture` prints the time too).

| attack | size | outcome | issuers | paths | signatures | comparisons |
|---|---|---|---|---|---|---|
";

/// A graph about which is asked.
struct Attack {
    anchor: Vec<u8>,
    pool: Vec<Vec<u8>>,
    target: Vec<u8>,
    evidence: Evidence,
    checks_revocation: bool,
}

impl Attack {
    fn new(anchor: Vec<u8>, pool: Vec<Vec<u8>>, target: Vec<u8>) -> Self {
        Self { anchor, pool, target, evidence: Evidence::new(), checks_revocation: false }
    }

    /// Decides, and tells what it took.
    fn row(&self, attack: &'static str, size: String) -> Row {
        let (answer, milliseconds) = self.decide();
        let spent = answer.spent;
        let outcome = match (answer.outcome, answer.exhausted) {
            (_, Some(limit)) => format!("given up: {limit}"),
            (Outcome::Trusted, None) => "trusted".to_owned(),
            (Outcome::Stranger, None) => "no path".to_owned(),
            (Outcome::Rejected, None) => {
                let first = answer.path.failures().next();
                first.map_or("refused".to_owned(), |it| format!("refused: {}", it.rule.code().id))
            }
        };
        let counts = [spent.candidates, spent.paths, spent.signatures, spent.comparisons];
        Row { attack, size, outcome, counts, milliseconds }
    }

    fn decide(&self) -> (Answer, u64) {
        let anchor = read(&self.anchor);
        let pool: Vec<Certificate> = self.pool.iter().map(|der| read(der)).collect();
        let (pool, target): (Pool, _) = (pool.iter().collect(), read(&self.target));
        let mut trust = Trust::anchors(std::slice::from_ref(&anchor));
        if self.checks_revocation {
            trust.revocation.strictness = Strictness::Hard;
        }
        let verifier = Verifier::new();
        let question =
            Question::new(&target, Purpose::Any, AT, &trust, &pool, &self.evidence, &verifier);
        let start = processor_time();
        let answer = path::decide(&question);
        (answer, (processor_time() - start) / 1_000_000)
    }
}

/// An authority: its number is that of its name and of its key.
fn authority(issuer: usize, subject: usize) -> Recipe {
    Recipe {
        serial: (issuer * 1000 + subject + 1) as u64,
        issuer: authority_name(issuer),
        subject: authority_name(subject),
        valid: (AT - 365 * DAY, AT + 365 * DAY),
        basic: Some((true, None)),
        usage: Some(CERT_SIGN | CRL_SIGN),
        key_ids: (Some(key_id(keys::key(subject))), Some(key_id(keys::key(issuer)))),
        ..Recipe::default()
    }
}

/// Certifies one authority by another one.
fn certify(issuer: usize, subject: usize) -> Vec<u8> {
    write(&authority(issuer, subject), issuer, subject)
}

fn write(recipe: &Recipe, issuer: usize, subject: usize) -> Vec<u8> {
    recipe.write(keys::key(subject), keys::key(issuer))
}

/// Somebody with a mail address.
fn user(issuer: usize) -> Recipe {
    Recipe {
        subject: vec![("2.5.4.3", "User".to_owned())],
        basic: None,
        usage: Some(DIGITAL_SIGNATURE),
        names: vec![GeneralName::Email("user@a.example".to_owned())],
        ..authority(issuer, USER)
    }
}

fn read(der: &[u8]) -> Certificate {
    #[expect(clippy::expect_used, reason = "it was written here")]
    Certificate::from_der(der).expect("a certificate that can be read")
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [candidates, paths, signatures, comparisons] = self.counts;
        write!(
            formatter,
            "{:<46} {:<34} {:<40} {candidates:>7} {paths:>6} {signatures:>5} {comparisons:>7} {:>7} ms",
            self.attack, self.size, self.outcome, self.milliseconds
        )
    }
}

/// The key of the user.
const USER: usize = 63;
