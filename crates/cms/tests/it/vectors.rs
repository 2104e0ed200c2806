//! Messages of other programs, kept as files: a folder for each, with what must be found in it.
//!
//! `message.der` is the message, `key.p8` and `certificate.der` (if there) open it, `expect` has one `name: value` on a
//! line. Names are `kind` (`enveloped` or `signed`), `cipher`, `key-management`, `algorithm`, `digest`, `problems`,
//! and `content`, the content itself. `README.md` says where they come from.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chancery_cms::{DecryptionKey, verify_attached};
use chancery_crypto::PrivateKey;

use crate::encrypt::decrypt;

#[test]
fn messages_of_others_say_what_they_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut cases: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.is_dir());
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let text = fs::read_to_string(case.join("expect")).unwrap();
        let expected: BTreeMap<String, String> = text
            .lines()
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(found(&case, &expected["kind"]), expected, "{}", case.display());
    }
}

/// Returns what is found in the message of a case, under the names of `expect`.
fn found(case: &Path, kind: &str) -> BTreeMap<String, String> {
    let message = fs::read(case.join("message.der")).unwrap();
    let mut found = vec![("kind", kind.to_owned())];
    let content = if kind == "enveloped" {
        let key = PrivateKey::from_pkcs8_der(&fs::read(case.join("key.p8")).unwrap()).unwrap();
        let certificate = fs::read(case.join("certificate.der")).unwrap();
        let key = DecryptionKey::new(key, &certificate).unwrap();
        let (content, report) = decrypt(&message, &[key]).unwrap();
        found.push(("cipher", report.content_cipher.to_string()));
        found.push(("key-management", report.key_management));
        found.push(("problems", format!("{:?}", report.problems)));
        content
    } else {
        let (content, report) = verify_attached(&message).unwrap();
        let [signer] = report.signers.as_slice() else { panic!("{report:?}") };
        assert!(signer.result.is_ok(), "{}: {signer:?}", case.display());
        found.push(("algorithm", signer.algorithm.clone()));
        found.push(("digest", signer.digest.unwrap().to_string()));
        found.push(("problems", format!("{:?}", signer.problems)));
        content
    };
    found.push(("content", String::from_utf8(content).unwrap()));
    found.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
