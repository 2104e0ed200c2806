//! Walks `tests/vectors/revocation`: each folder is one case of who may say that a certificate was revoked, and what counts.

use std::fs;
use std::path::{Path, PathBuf};

use chancery_pki::path::{self, Pool, Question, RevocationDemand, Strictness, Trust, Verifier};
use chancery_pki::revocation::{Evidence, OcspResponse, RevocationList, Status};
use chancery_pki::{Certificate, Outcome, Purpose, pem};

#[test]
fn every_case_has_its_status_and_its_outcome() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/revocation");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let cases: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    assert!(cases.len() > 10, "the vectors are missing");
    for case in cases {
        let name = case.display();
        let expect = fs::read_to_string(case.join("expect")).unwrap();
        let value = |key: &str| {
            let found = expect.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            found.unwrap_or_else(|| panic!("{name} has no {key}"))
        };
        assert_eq!(value("purpose"), "smime-sign", "{name}");
        let revocation = RevocationDemand {
            strictness: Strictness::from_word(value("strictness")).unwrap(),
            ..RevocationDemand::default()
        };
        let anchors = Trust::anchors(&certificates(&case, "anchors"));
        let trust = Trust { revocation, ..anchors };
        let target = certificates(&case, "target");
        let mut pool = Pool::new();
        for certificate in certificates(&case, "pool") {
            pool.add(&certificate);
        }
        let (evidence, verifier) = (evidence(&case), Verifier::default());
        let at = value("at").parse().unwrap();
        let purpose = Purpose::SmimeSign;
        let question = Question::new(&target[0], purpose, at, &trust, &pool, &evidence, &verifier);
        let answer = path::decide(&question);
        let step = answer.path.steps.last().unwrap();
        let status = match step.revocation.as_ref().map(|it| &it.status) {
            Some(Status::Good { .. }) => "good",
            Some(Status::Revoked { .. }) => "revoked",
            Some(Status::Unknown { .. }) => "unknown",
            None => "not asked",
        };
        assert_eq!(status, value("status"), "{name}: {:#?}", step.revocation);
        let is_trusted = answer.outcome == Outcome::Trusted;
        assert_eq!(is_trusted, value("outcome") == "trusted", "{name}");
    }
}

fn certificates(case: &Path, name: &str) -> Vec<Certificate> {
    let file = fs::read(case.join(name).with_extension("pem")).unwrap();
    Certificate::chain_from_pem(&file).unwrap()
}

/// Reads the lists, which are in PEM, and the responses, which are not.
fn evidence(case: &Path) -> Evidence {
    let mut evidence = Evidence::new();
    for entry in fs::read_dir(case).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        if !path.file_name().unwrap().to_str().unwrap().starts_with("evidence-") {
            continue;
        }
        if path.extension().unwrap() == "der" {
            evidence.add_response(&OcspResponse::from_der(bytes).unwrap());
        } else {
            let block = pem::blocks(&bytes).unwrap().remove(0);
            evidence.add_list(RevocationList::from_der(block.der.to_vec()).unwrap());
        }
    }
    evidence
}
