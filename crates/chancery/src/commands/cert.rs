//! `chancery cert`: certificates in files, without an installation, and those that were imported into one.

mod export;
mod fetch;
mod files;
mod import;
mod list;
mod show;
mod watch;

use std::collections::BTreeSet;
use std::path::Path;

use chancery_lookup::{Decided, Fetch};
use chancery_pki::path::{self, Answer, Known, Strictness, Trust};
use chancery_pki::{ObjectIdentifier, Purpose};
use serde::Serialize;

use crate::cli::cert::{Cert, PurposeChoice, Question, RevocationChoice};
use crate::failure::{Failure, Result};
use crate::installation::{Installation, now_ms};
use crate::output::{Output, plain};

pub(super) use files::certificates;

/// Runs a command.
pub(super) fn run(config: Option<&Path>, command: Cert, output: Output) -> Result {
    let load = || Installation::load(config);
    match command {
        Cert::Export(options) => export::run(&load()?, &options, output),
        Cert::Import(options) => import::run(&load()?, &options, output),
        Cert::List(options) => list::run(&load()?, &options, output),
        Cert::Remove { fingerprints } => list::remove(&load()?, &fingerprints, output),
        Cert::Watch(options) => watch::run(config, &options, output),
        Cert::Show(options) => show::run(&options, output),
        Cert::Validate(question) => finish(&decide(&question)?, &question, output),
        Cert::Path(options) => {
            let decided = decide(&options.question)?;
            if let Some(file) = &options.svg {
                std::fs::write(file, path::svg(&decided.answer)).map_err(|error| {
                    let shown = plain(&file.display().to_string());
                    Failure::failed(format!("cannot write {shown}: {error}"))
                })?;
            }
            finish(&decided, &options.question, output)
        }
    }
}

/// What is printed: the answer, and what was asked over the network for it.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    answer: &'a Answer,
    #[serde(skip_serializing_if = "<[Fetch]>::is_empty")]
    fetches: &'a [Fetch],
}

/// Prints an answer; the exit status tells it too.
fn finish(decided: &Decided, question: &Question, output: Output) -> Result {
    let Decided { answer, fetches, exhausted, .. } = decided;
    output.show(&Report { answer, fetches }, || {
        let mut text = answer.to_string();
        if !fetches.is_empty() {
            text.push_str("\nasked\n");
            for fetch in fetches {
                text.push_str(&format!("  {fetch}\n"));
            }
        }
        if let Some(limit) = exhausted {
            text.push_str(&format!("  no more was asked: the limit is reached ({limit})\n"));
        }
        text
    })?;
    if answer.is_trusted() {
        return Ok(());
    }
    let code = answer.path.failures().next().map(|failure| failure.rule.code());
    let mut failure = Failure::no("the certificate is not valid for this");
    failure.code = code.map(|code| code.id);
    if question.anchor.is_empty() {
        // Then nothing can be valid, whatever else is wrong.
        failure = failure.hint(
            "name the authorities to trust with --anchor FILE; without one nobody is trusted",
        );
    }
    Err(failure)
}

fn decide(question: &Question) -> Result<Decided> {
    let (target, mut pool) = files::target(&question.file)?;
    let anchors = files::anchors(&question.anchor)?;
    files::pool(&question.pool, &mut pool)?;
    let evidence = files::evidence(&question.crls)?;
    let mut trust = Trust::anchors(&anchors);
    if !question.domain.is_empty() {
        trust.domains = Some(question.domain.iter().map(|it| it.to_ascii_lowercase()).collect());
    }
    trust.policies.acceptable = policies(&question.policy)?;
    trust.policies.explicit = question.explicit_policy;
    trust.policies.inhibit_mapping = question.inhibit_mapping;
    trust.policies.inhibit_any = question.inhibit_any;
    // Who brings lists wants them to count, and who fetches wants them to count where there are some.
    let default = match (question.crls.is_empty(), question.network.fetch) {
        (false, _) => RevocationChoice::Hard,
        (true, true) => RevocationChoice::Soft,
        (true, false) => RevocationChoice::Ignore,
    };
    trust.revocation.strictness = question.revocation.unwrap_or(default).into();
    let purpose = match question.purpose {
        PurposeChoice::Any => Purpose::Any,
        PurposeChoice::CrlSign => Purpose::CrlSign,
        PurposeChoice::OcspSign => Purpose::OcspSign,
        PurposeChoice::SmimeEncrypt => Purpose::SmimeEncrypt,
        PurposeChoice::SmimeSign => Purpose::SmimeSign,
        PurposeChoice::TlsClient => Purpose::TlsClient,
        PurposeChoice::TlsServer => Purpose::TlsServer,
    };
    let at = question.at.as_deref().map_or_else(|| Ok(now_ms() / 1000), time)?;
    let known = Known { pool: pool.into(), evidence: evidence.into(), ..Known::default() };
    let ask = |known: &Known| {
        let mut asked = known.question(&target, purpose, at, &trust);
        asked.address = question.address.as_deref();
        path::decide(&asked)
    };
    if question.network.fetch {
        return fetch::decide(known, question.network.allow_private, ask);
    }
    let brought = chancery_lookup::Brought::default();
    Ok(Decided { answer: ask(&known), fetches: Vec::new(), exhausted: None, brought })
}

fn policies(list: &[String]) -> Result<Option<BTreeSet<ObjectIdentifier>>> {
    if list.is_empty() {
        return Ok(None);
    }
    list.iter().map(|it| policy(it)).collect::<Result<_>>().map(Some)
}

/// Reads a certificate policy.
pub(super) fn policy(text: &str) -> Result<ObjectIdentifier> {
    let any = if text == "any" { "2.5.29.32.0" } else { text };
    ObjectIdentifier::new(any).map_err(|_| {
        Failure::usage(format!("the policy {} is no object identifier", plain(text)))
            .hint("write it with dots, such as 2.16.840.1.101.3.2.1.48.1, or any")
    })
}

impl From<RevocationChoice> for Strictness {
    fn from(choice: RevocationChoice) -> Self {
        match choice {
            RevocationChoice::Hard => Self::Hard,
            RevocationChoice::Ignore => Self::Ignore,
            RevocationChoice::Soft => Self::Soft,
        }
    }
}

/// Reads how far to look ahead, in seconds.
fn within(text: &str) -> Result<i64> {
    let found = chancery_policy::document::duration(text);
    found.and_then(|it| i64::try_from(it.as_secs()).ok()).ok_or_else(|| {
        Failure::usage(format!("{} is no time", plain(text))).hint("write it such as 30d or 36h")
    })
}

/// Reads the beginning of a SHA-256, with or without colons.
pub(super) fn fingerprint(text: &str) -> Result<String> {
    let digits: String =
        text.chars().filter(|it| *it != ':').collect::<String>().to_ascii_lowercase();
    if digits.len() >= SHORTEST && digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(Failure::usage(format!("{} is no fingerprint", plain(text)))
        .hint(format!("give {SHORTEST} digits of the SHA-256 or more")))
}

/// Reads a time as people and programs write it.
fn time(text: &str) -> Result<i64> {
    let seconds = text.parse::<i64>().ok();
    let moment = || chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp());
    let day = || {
        let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp())
    };
    seconds.or_else(moment).or_else(day).ok_or_else(|| {
        Failure::usage(format!("`--at` {} is no time", plain(text)))
            .hint("write seconds since 1970, 2026-06-01 or 2026-06-01T12:00:00Z")
    })
}

/// Nobody mistakes one fingerprint for another by so many digits, and they can be copied by hand.
const SHORTEST: usize = 8;

#[cfg(test)]
mod tests {
    use chancery_crypto::{KeyKind, PrivateKey};
    use chancery_pki::bundle::Bundle;
    use chancery_pki::path::{Answer, Wanted};
    use chancery_pki::{Organisation, Outcome, issue, path};
    use clap::Parser as _;

    use super::{decide, files, finish, policies, time};
    use crate::cli::{Cli, Command, cert::Cert};

    /// Asks as the command line would; `@` stands for the folder of the files.
    fn ask(folder: &std::path::Path, line: &str) -> Answer {
        // Only where a word begins with it: it is in addresses too.
        let line = format!(" {line}").replace(" @", &format!(" {}", folder.display()));
        let words = ["chancery", "cert", "validate"].into_iter().chain(line.split_whitespace());
        let Command::Cert(command) = Cli::try_parse_from(words).unwrap().command else { panic!() };
        let Cert::Validate(question) = *command else { panic!() };
        decide(&question).unwrap().answer
    }

    #[test]
    fn files_and_folders_make_a_question() {
        const AT: i64 = 1_780_315_200;
        let folder = tempfile::tempdir().unwrap();
        let acme = Organisation::new("Acme", ["acme.example"]).unwrap();
        let key = || PrivateKey::generate(KeyKind::EcP256).unwrap();
        let (ca_key, key) = (key(), key());
        let ca = issue::ca(&acme, &ca_key, AT, [1; 20]).unwrap();
        let authority = issue::Authority { key: &ca_key, certificate: &ca };
        let signing =
            issue::organisation_signing(&acme, &authority, key.public_key(), AT, [2; 20]).unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca.to_pem()).unwrap();
        std::fs::write(folder.path().join("leaf.der"), signing.der()).unwrap();
        let all = "@/leaf.der --purpose smime-sign --at 2026-06-02 --anchor @/ca.pem";
        assert!(ask(folder.path(), all).is_trusted());
        assert!(path::svg(&ask(folder.path(), all)).starts_with("<svg "));
        for (more, outcome) in [
            ("--pool @", Outcome::Trusted),
            ("--revocation soft", Outcome::Trusted),
            ("--revocation hard", Outcome::Rejected),
            ("--address eve@globex.example", Outcome::Rejected),
            ("--address eve@acme.example", Outcome::Rejected),
            ("--address eve@acme.example --domain acme.example", Outcome::Trusted),
            ("--address eve@acme.example --domain globex.example", Outcome::Rejected),
            ("--explicit-policy --policy 1.2.3", Outcome::Rejected),
        ] {
            assert_eq!(ask(folder.path(), &format!("{all} {more}")).outcome, outcome, "{more}");
        }
        let before = ask(folder.path(), "@/leaf.der --anchor @/ca.pem --at 1999-01-01");
        assert_eq!(before.outcome, Outcome::Rejected);
        let before = ask(folder.path(), "@/leaf.der --anchor @/ca.pem --at -252460800");
        assert_eq!(before.asked.at, -252_460_800);
        let stranger = ask(folder.path(), "@/leaf.der --at 2026-06-02");
        assert_eq!(stranger.outcome, Outcome::Stranger);
        assert!(stranger.missing.iter().any(|it| matches!(it.what, Wanted::Issuer { .. })));
    }

    #[test]
    fn who_names_no_anchor_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let acme = Organisation::new("Acme", ["acme.example"]).unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, issue::ca(&acme, &key, 1_780_315_200, [1; 20]).unwrap().to_pem())
            .unwrap();
        let file = file.to_str().unwrap();
        for (more, is_told) in [(&[][..], true), (&["--anchor", file][..], false)] {
            let words = ["chancery", "cert", "validate", file, "--address", "a@b.example"];
            let cli = Cli::try_parse_from(words.iter().chain(more)).unwrap();
            let Command::Cert(command) = cli.command else { panic!() };
            let Cert::Validate(question) = *command else { panic!() };
            let output = crate::output::Output::new(crate::cli::Format::Text);
            let failure = finish(&decide(&question).unwrap(), &question, output).unwrap_err();
            let hint = failure.hint.unwrap_or_default();
            assert_eq!(hint.contains("--anchor FILE"), is_told, "{hint}");
        }
    }

    #[test]
    fn a_bundle_is_a_pool() {
        let folder = tempfile::tempdir().unwrap();
        let certificates: Vec<_> = ["acme", "globex"]
            .map(|name| {
                let organisation = Organisation::new(name, [format!("{name}.example")]).unwrap();
                let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
                issue::ca(&organisation, &key, 1_780_315_200, [1; 20]).unwrap()
            })
            .into();
        let bundle = Bundle { certificates, ..Bundle::default() };
        for (name, bytes) in
            [("a.p7c", bundle.to_der()), ("b.p7b", bundle.to_pem().into_bytes()), ("c", vec![0x30])]
        {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        for (place, is_good) in [("a.p7c", true), ("b.p7b", true), ("", true), ("c", false)] {
            let mut pool = path::Pool::new();
            let read = files::pool(&[folder.path().join(place)], &mut pool);
            assert_eq!(read.is_ok(), is_good, "{place}: {read:?}");
            assert_eq!(pool.len(), if is_good { 2 } else { 0 }, "{place}");
        }
    }

    #[test]
    fn times_are_read_as_people_and_programs_write_them() {
        for text in ["1780315200", "2026-06-01T12:00:00Z", "2026-06-01T14:00:00+02:00"] {
            assert_eq!(time(text).unwrap(), 1_780_315_200, "{text}");
        }
        assert_eq!(time("2026-06-01").unwrap(), 1_780_315_200 - 43_200);
        assert_eq!(time("-86400").unwrap(), time("1969-12-31").unwrap());
        assert!(time("tomorrow").is_err());
        assert!(policies(&["1.2.x".to_owned()]).is_err());
        assert_eq!(policies(&[]).unwrap(), None);
    }
}
