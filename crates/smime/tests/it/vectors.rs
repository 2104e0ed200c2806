//! Messages kept as files: a folder for each, with what must come out of it.
//!
//! `message.eml` is opened with Hank's key by somebody who knows Acme's authority; `expect` has one `name: value` on a line
//! for everything that the verdict says, and `shown.eml` is what is delivered, if that is not the message itself. `make.py`
//! made the messages with OpenSSL, `README.md` says what they are for.

use std::{fmt::Write as _, fs, io::Cursor, path::Path};

use chancery_pki::{Certificate, key_file};
use chancery_smime::{Anchor, Delivered, MemorySpools, OpenFacts, Opened, OpeningKey, Reach, open};

/// 2027-03-01, when the certificates are valid.
const AT: i64 = 1_803_859_200;

#[test]
fn every_message_has_the_verdict_that_is_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut cases: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.join("message.eml").is_file());
    cases.sort();
    assert!(cases.len() >= 70, "only {} messages", cases.len());
    let reader = Reader::new(&folder.join("keys"));
    let mut wrong = String::new();
    for case in cases {
        let name = case.file_name().unwrap().display();
        let (opened, shown) = reader.open(&fs::read(case.join("message.eml")).unwrap());
        let expected = fs::read_to_string(case.join("expect")).unwrap_or_default();
        let found = describe(&opened);
        if found != expected {
            let _ = write!(wrong, "=== {name}\n--- expected\n{expected}--- found\n{found}");
        }
        if fs::read(case.join("shown.eml")).unwrap_or_default() != shown {
            let _ = write!(wrong, "=== {name} shows\n{}", String::from_utf8_lossy(&shown));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Hank, who knows Acme's authority.
struct Reader {
    keys: Vec<OpeningKey>,
    trust: Vec<Anchor>,
}

impl Reader {
    fn new(folder: &Path) -> Self {
        let read = |name: &str| fs::read(folder.join(name)).unwrap();
        let certificate = |name: &str| Certificate::from_pem(&read(name)).unwrap().der().to_vec();
        let key = key_file::read(&read("hank.key")).unwrap();
        let authority = Certificate::from_pem(&read("acme.pem")).unwrap();
        let reach = Reach::Domains(vec!["acme.example".to_owned()]);
        let acme = Anchor::new("Acme", authority, reach, false);
        let keys = vec![OpeningKey::new(key, &certificate("hank.pem")).unwrap()];
        Self { keys, trust: vec![acme] }
    }

    fn open(&self, message: &[u8]) -> (Opened, Vec<u8>) {
        let our_domains = ["globex.example".to_owned()];
        let facts = OpenFacts { at: AT, our_domains: &our_domains };
        let (mut spools, mut shown) = (MemorySpools::new(64 << 20), Vec::new());
        let opened = open(
            &mut Cursor::new(message),
            &self.keys,
            &self.trust,
            &facts,
            &mut spools,
            &mut shown,
        )
        .unwrap();
        (opened, shown)
    }
}

/// Writes what the verdict says, a line for each thing; what is empty has none.
fn describe(opened: &Opened) -> String {
    let verdict = &opened.verdict;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name}: {value}");
        }
    };
    line("result", format!("{:?}", verdict.result));
    line("form", verdict.form.clone());
    line("from", verdict.from.join(", "));
    let signers = verdict.signers.iter().map(|signer| {
        let is = |what: bool, name: &'static str| if what { name } else { "" };
        [
            is(signer.signature_ok, "right"),
            is(signer.is_weak, "weak"),
            is(signer.covers_content, "over the content"),
            is(signer.speaks_for_from, "for From"),
        ]
        .into_iter()
        .filter(|word| !word.is_empty())
        .fold(format!("{:?}", signer.trust), |words, word| format!("{words} {word}"))
    });
    line("signers", signers.collect::<Vec<_>>().join("; "));
    let encryption = verdict.encryption.as_ref();
    line(
        "encryption",
        encryption.map_or(String::new(), |it| format!("{} by {:?}", it.cipher, it.by)),
    );
    let header = &verdict.header;
    line("header", format!("{:?}", header.form));
    line("covered", header.covered.join(" "));
    line("hidden", header.hidden.join(" "));
    line("differing", header.differing.join(" "));
    line("added", header.added.join(" "));
    let codes: Vec<&str> = verdict.problems.iter().map(|problem| problem.code).collect();
    line("problems", codes.join(" "));
    let delivered = match opened.delivered {
        Delivered::AsReceived => "as received",
        Delivered::Nothing => "nothing",
        Delivered::Original { .. } => "the message inside",
        Delivered::Rebuilt { .. } => "rebuilt",
    };
    line("delivered", delivered.to_owned());
    text
}
