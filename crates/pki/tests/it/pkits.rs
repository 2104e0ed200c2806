//! NIST's Public Key Interoperability Test Suite: every case with the settings that it prescribes.
//!
//! The certificates and lists are in the folder that `CHANCERY_PKITS` names, or in the cache to which
//! `cargo xtask test tools` fetches them; what must come out is in `tests/vectors/pkits.txt`. All certificates of the
//! suite lie in one pool, so that the search is tested with every case.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use chancery_pki::path::{self, Answer, PolicyDemand, Pool, Question, Strictness, Trust, Verifier};
use chancery_pki::revocation::{Evidence, RevocationList};
use chancery_pki::{Certificate, ObjectIdentifier, Purpose};

use crate::dsa;

/// One line of the table.
struct Case {
    number: String,
    certificate: String,
    /// `None` if the path holds, else a rule that does not.
    broken: Option<String>,
    demand: PolicyDemand,
    /// What must come out, for the cases that tell.
    expect: Option<Expect>,
}

/// What the policies of a path must come to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expect {
    needs_policy: bool,
    authority: BTreeSet<ObjectIdentifier>,
    user: BTreeSet<ObjectIdentifier>,
}

/// The suite and what all cases share.
struct Suite {
    folder: PathBuf,
    pool: Pool,
    anchor: Certificate,
    evidence: Evidence,
    verifier: Verifier,
}

#[test]
fn every_path_is_decided_as_prescribed() {
    let suite = Suite::read();
    let cases = cases();
    assert_eq!(cases.len(), 247);
    let mut sections: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let answer = suite.decide(case);
        let section = case.number.split('.').nth(1).unwrap().parse().unwrap();
        let (all, right) = sections.entry(section).or_default();
        *all += 1;
        match case.judge(&answer) {
            Ok(()) => *right += 1,
            Err(why) => wrong.push(format!("{} {}: {why}", case.number, case.certificate)),
        }
    }
    println!("section  cases  right");
    for (section, (all, right)) in &sections {
        println!("4.{section:<6} {all:>5}  {right:>5}");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

impl Suite {
    fn read() -> Self {
        let folder = folder();
        let certificates: Vec<Certificate> = files(&folder.join("certs"))
            .iter()
            .map(|file| {
                Certificate::from_der(&fs::read(file).unwrap())
                    .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
            })
            .collect();
        let anchor = read(&folder, "TrustAnchorRootCertificate");
        Self {
            pool: certificates.iter().collect(),
            evidence: lists(&folder.join("crls")),
            anchor,
            verifier: Verifier::with(Box::new(dsa::WithDsa)),
            folder,
        }
    }

    fn decide(&self, case: &Case) -> Answer {
        let target = read(&self.folder, &format!("{}EE", case.certificate));
        let mut trust = Trust::anchors(std::slice::from_ref(&self.anchor));
        trust.policies = case.demand.clone();
        trust.revocation.strictness = Strictness::Hard;
        let question = Question::new(
            &target,
            Purpose::Any,
            AT,
            &trust,
            &self.pool,
            &self.evidence,
            &self.verifier,
        );
        path::decide(&question)
    }
}

impl Case {
    fn read(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap().to_owned();
        let (number, certificate, outcome) = (next(), next(), next());
        let mut demand = PolicyDemand::default();
        let mut expect = None;
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key {
                "policies" => demand.acceptable = Some(policies(value)),
                "explicit" => demand.explicit = true,
                "inhibit-mapping" => demand.inhibit_mapping = true,
                "inhibit-any" => demand.inhibit_any = true,
                "needed" | "free" => {
                    expect.get_or_insert_with(Expect::default).needs_policy = key == "needed";
                }
                "authority" => {
                    expect.get_or_insert_with(Expect::default).authority = policies(value);
                }
                "user" => expect.get_or_insert_with(Expect::default).user = policies(value),
                other => panic!("{number} has the unknown word {other}"),
            }
        }
        let broken = (outcome != "valid").then(|| format!("pki.path.{outcome}"));
        Self { number, certificate, broken, demand, expect }
    }

    /// Says what is wrong with an answer.
    fn judge(&self, answer: &Answer) -> Result<(), String> {
        let failures: Vec<_> = answer.path.failures().collect();
        let text: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let found = failures.iter().any(|it| Some(it.rule.code().id) == self.broken.as_deref());
        if answer.is_trusted() != self.broken.is_none() || answer.is_trusted() == found {
            return Err(format!("{:?}: {}", answer.outcome, text.join("; ")));
        }
        let Some(expect) = &self.expect else { return Ok(()) };
        let came = Expect {
            needs_policy: answer.path.needs_policy,
            authority: answer.path.authority_policies.clone(),
            user: answer.path.user_policies.clone(),
        };
        if came == *expect { Ok(()) } else { Err(format!("{came:?} instead of {expect:?}")) }
    }
}

fn cases() -> Vec<Case> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/pkits.txt");
    let text = fs::read_to_string(table).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(Case::read).collect()
}

/// Reads a set of the test policies that NIST numbered.
fn policies(list: &str) -> BTreeSet<ObjectIdentifier> {
    let policy = |name: &str| match name {
        "any" => ObjectIdentifier::new("2.5.29.32.0").unwrap(),
        number => ObjectIdentifier::new(&format!("2.16.840.1.101.3.2.1.48.{number}")).unwrap(),
    };
    list.split(',').filter(|name| *name != "-").map(policy).collect()
}

fn folder() -> PathBuf {
    let named = std::env::var_os("CHANCERY_PKITS").map(PathBuf::from);
    let cache = || {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        Some(base.or_else(home)?.join("chancery/pkits"))
    };
    let folder = named.or_else(cache).unwrap_or_default();
    assert!(folder.join("certs").is_dir(), "PKITS is not there; run `cargo xtask test tools`");
    folder
}

/// Reads all lists; those that cannot be read are none.
fn lists(folder: &Path) -> Evidence {
    let read = |file: &PathBuf| RevocationList::from_der(fs::read(file).unwrap()).ok();
    let lists: Vec<_> = files(folder).iter().filter_map(read).collect();
    assert!(lists.len() >= 172, "only {} lists can be read", lists.len());
    let mut evidence = Evidence::new();
    evidence.extend(lists);
    evidence
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn read(folder: &Path, name: &str) -> Certificate {
    let file = folder.join("certs").join(name).with_extension("crt");
    Certificate::from_der(&fs::read(file).unwrap()).unwrap()
}

/// 2026-06-01 12:00 UTC; the suite is valid until 2030.
const AT: i64 = 1_780_315_200;
