//! Walks `tests/vectors/path`: each folder is one case, made by OpenSSL (`tests/vectors/make.py`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chancery_pki::{Certificate, Outcome, Purpose, path};

/// What the `expect` file of a case says.
struct Expect {
    purpose: Purpose,
    at: i64,
    outcome: Outcome,
    failures: Vec<String>,
    openssl_accepts: bool,
}

#[test]
fn every_case_has_its_outcome_and_its_failures() {
    let cases = cases();
    assert!(cases.len() > 40, "the vectors are missing");
    for case in cases {
        let expect = Expect::read(&case);
        let [target, pool, anchors] =
            ["target", "pool", "anchors"].map(|name| certificates(&case, name));
        let verdict = path::check(&target[0], &pool, &anchors, expect.purpose, expect.at);
        let failures: Vec<_> =
            verdict.failures.iter().map(|failure| failure.rule.code().id).collect();
        let name = case.display();
        assert_eq!(verdict.outcome, expect.outcome, "{name}: {:?}", verdict.failures);
        assert_eq!(failures, expect.failures, "{name}");
        assert_eq!(verdict.is_trusted(), failures.is_empty(), "{name}");
        assert_eq!(verdict.path.first(), target.first(), "{name}");
        assert_eq!(
            verdict.anchor().is_some_and(|anchor| anchors.contains(anchor)),
            verdict.anchor().is_some(),
            "{name}"
        );
        for failure in &verdict.failures {
            assert!(failure.to_string().contains(failure.clause), "{name}");
        }
    }
}

/// The order of what a message carries is the sender's choice, so it must not matter; nor may doubles.
#[test]
fn the_order_of_the_pool_does_not_matter() {
    for case in cases() {
        let expect = Expect::read(&case);
        let [target, mut pool, anchors] =
            ["target", "pool", "anchors"].map(|name| certificates(&case, name));
        pool.reverse();
        pool.extend(pool.clone());
        pool.extend(anchors.clone());
        pool.push(target[0].clone());
        let verdict = path::check(&target[0], &pool, &anchors, expect.purpose, expect.at);
        assert_eq!(verdict.outcome, expect.outcome, "{}", case.display());
    }
}

/// OpenSSL is the oracle; where it differs, the case says why.
#[test]
fn openssl_agrees_or_the_case_says_why() {
    for case in cases() {
        let expect = Expect::read(&case);
        let purpose = match expect.purpose {
            Purpose::SmimeSign => "smimesign",
            Purpose::SmimeEncrypt => "smimeencrypt",
            Purpose::TlsServer => "sslserver",
            Purpose::TlsClient => "sslclient",
            Purpose::CrlSign => "crlsign",
            Purpose::OcspSign => "ocsphelper",
            Purpose::Any => "any",
        };
        let mut command = Command::new("openssl");
        command
            .args([
                "verify",
                "-x509_strict",
                "-purpose",
                purpose,
                "-attime",
                &expect.at.to_string(),
            ])
            .args(["-no-CApath", "-no-CAstore"]);
        // OpenSSL refuses to read a file without certificates.
        for (option, name) in [("-CAfile", "anchors"), ("-untrusted", "pool")] {
            if !certificates(&case, name).is_empty() {
                command.arg(option).arg(case.join(name).with_extension("pem"));
            }
        }
        let output = command.arg(case.join("target.pem")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), expect.openssl_accepts, "{}: {text}", case.display());
        if expect.openssl_accepts != (expect.outcome == Outcome::Trusted) {
            let note = fs::read_to_string(case.join("expect")).unwrap();
            assert!(
                note.contains("why: "),
                "{}: differs from OpenSSL without a reason",
                case.display()
            );
        }
    }
}

/// One flipped bit anywhere in the target must never leave it trusted.
#[test]
fn no_changed_certificate_is_trusted() {
    let case = root().join("good");
    let expect = Expect::read(&case);
    let [target, pool, anchors] =
        ["target", "pool", "anchors"].map(|name| certificates(&case, name));
    for index in 0..target[0].der().len() {
        for bit in [0, 4, 7] {
            let mut changed = target[0].der().to_vec();
            changed[index] ^= 1 << bit;
            let Ok(certificate) = Certificate::from_der(&changed) else { continue };
            let verdict = path::check(&certificate, &pool, &anchors, expect.purpose, expect.at);
            assert!(!verdict.is_trusted(), "byte {index} bit {bit}");
        }
    }
}

impl Expect {
    fn read(case: &Path) -> Self {
        let text = fs::read_to_string(case.join("expect")).unwrap();
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("{} has no {key}", case.display())).trim().to_owned()
        };
        Self {
            purpose: match value("purpose").as_str() {
                "smime-sign" => Purpose::SmimeSign,
                "smime-encrypt" => Purpose::SmimeEncrypt,
                "tls-server" => Purpose::TlsServer,
                other => panic!("unknown purpose {other}"),
            },
            at: value("at").parse().unwrap(),
            outcome: match value("outcome").as_str() {
                "trusted" => Outcome::Trusted,
                "rejected" => Outcome::Rejected,
                "stranger" => Outcome::Stranger,
                other => panic!("unknown outcome {other}"),
            },
            failures: value("failures").split_whitespace().map(str::to_owned).collect(),
            openssl_accepts: value("openssl") == "accept",
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/path")
}

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<_> =
        fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn certificates(case: &Path, name: &str) -> Vec<Certificate> {
    Certificate::chain_from_pem(&fs::read(case.join(name).with_extension("pem")).unwrap()).unwrap()
}
