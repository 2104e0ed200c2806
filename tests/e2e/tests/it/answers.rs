//! What the desk says when it cannot do what was asked: the reason that anybody can see, for people and for programs.

use std::fs;

use serde_json::Value;

use crate::desk::{Desk, TEXT};

/// A CMS structure (base64) that is neither encrypted nor signed.
const DATA: &str = "MBAGCSqGSIb3DQEHAaADBAF4";

const HEADER: &str = "From: alice@acme.example\nTo: bob@acme.example\nMIME-Version: 1.0\n\
    Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\
    Content-Transfer-Encoding: base64\n\n";

#[test]
fn what_a_message_says_in_clear_is_told() {
    let desk = Desk::new();
    let encrypt = ["cms", "-encrypt", "-in", "letter.eml", "-out", "odd.eml", "-camellia256"];
    desk.ssl(&[&encrypt, &["-from", "alice@acme.example", "bob.pem"]]);
    let key = "--key bob.key --certificate bob.pem";
    let odd = desk.message(&format!("decrypt odd.eml {key}"), "");
    assert_eq!((odd.code, odd.stdout.as_str()), (Some(1), ""), "{odd:?}");
    assert!(odd.stderr.contains("smime.encryption_unsupported"), "{odd:?}");
    assert!(odd.stderr.contains("1.2.392.200011.61.1.1.1.4 is not supported"), "{odd:?}");
    assert!(!odd.stderr.contains("attack"), "{odd:?}");
    let none = desk.message(&format!("decrypt {key}"), &format!("{HEADER}{DATA}\n"));
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.stderr.contains("the message is not encrypted"), "{none:?}");
    assert!(!none.stderr.contains("attack"), "{none:?}");
}

#[test]
fn what_depends_on_a_key_all_looks_alike() {
    let desk = Desk::new();
    let encrypt = ["cms", "-encrypt", "-aes256", "-in", "letter.eml", "-out"];
    desk.ssl(&[&encrypt, &["sealed.der", "-outform", "DER", "bob.pem"]]);
    let sealed = fs::read(desk.path("sealed.der")).expect("it was written");
    let said = |at: usize, bits: u8| {
        let mut changed = sealed.clone();
        changed[at] ^= bits;
        fs::write(desk.path("changed.der"), changed).expect("the folder is ours");
        let changed = desk.ssl(&[&["base64", "-in", "changed.der"]]);
        let changed = format!("{HEADER}{changed}");
        let said = desk.message("decrypt --key bob.key --certificate bob.pem", &changed);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
        said.stderr
    };
    // The last block, so that the padding is wrong; the encrypted key; the beginning of the content.
    let last = sealed.len() - 20;
    let in_key = sealed.len() - sealed.len() / 2;
    let expected = said(last, 1);
    assert!(expected.contains("(smime.undecipherable)"), "{expected}");
    assert_eq!(said(last, 0x80), expected);
    assert_eq!(said(in_key, 1), expected);
}

#[test]
fn nothing_is_written_of_a_message_that_is_not_encrypted() {
    let desk = Desk::new();
    let sign =
        "sign letter.eml --signer alice.key --certificate alice.pem --out signed.eml --force";
    for form in ["", "--opaque"] {
        desk.done(&format!("{sign} {form}"), "");
        let refused = desk.message("decrypt signed.eml --key bob.key --certificate bob.pem", "");
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{form}: {refused:?}");
        assert!(refused.stderr.contains("not encrypted"), "{form}: {refused:?}");
    }
}

/// Returns a text that must be one JSON document.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn programs_get_verdicts_and_errors_as_json() {
    let desk = Desk::new();
    let alice = "--signer alice.key --certificate alice.pem";
    let bob = "--key bob.key --certificate bob.pem";
    // What standard output has none of a message for, stands there; else it stands alone on standard error.
    let made = desk.message(&format!("sign letter.eml {alice} --out signed.eml --format json"), "");
    assert!(json(&made.stdout)["signer"].is_string(), "{made:?}");
    let made = desk.message("encrypt letter.eml --to bob.pem --format json", "");
    assert_eq!(json(&made.stderr)["cipher"], "aes256-cbc", "{made:?}");
    desk.write("sealed.eml", &made.stdout);
    let opened = desk.message(&format!("decrypt sealed.eml {bob} --format json"), "");
    assert!(opened.stdout.contains(TEXT), "{opened:?}");
    assert_eq!(json(&opened.stderr)["result"], "unverified", "{opened:?}");

    let others = "decrypt sealed.eml --key alice.key --certificate alice.pem --format json";
    for (words, is_beside, code) in [
        (others.to_owned(), true, "smime.not_for_us"),
        (format!("{others} --out out.eml"), false, "smime.not_for_us"),
        (format!("decrypt signed.eml {bob} --format json"), true, ""),
        (format!("decrypt signed.eml {bob} --format json --out out.eml"), false, ""),
        (
            "verify signed.eml --anchor bob.pem --format json".to_owned(),
            false,
            "smime.signer_unknown",
        ),
        (
            "verify signed.eml --anchor bob.pem --format json --out -".to_owned(),
            true,
            "smime.signer_unknown",
        ),
        (
            "verify sealed.eml --anchor ca.pem --format json --out out.eml".to_owned(),
            false,
            "smime.not_for_us",
        ),
    ] {
        let failed = desk.message(&words, "");
        assert_eq!(failed.code, Some(1), "{words}: {failed:?}");
        let told = json(if is_beside { &failed.stderr } else { &failed.stdout });
        assert!(told["result"].is_string() && told["form"].is_string(), "{words}: {told}");
        assert_eq!(told["error"]["code"].as_str().unwrap_or_default(), code, "{words}: {told}");
        assert!(is_beside || failed.stderr.starts_with("chancery: "), "{words}: {failed:?}");
    }
    assert!(!desk.path("out.eml").exists());

    for (words, status) in [
        ("chancery message verify letter.eml --anchor nowhere --format json", 2),
        ("chancery message verify letter.eml --anchr nowhere --format=json", 2),
        ("chancery message sign letter.eml --signer nowhere --out x --format json", 2),
        ("chancery partner list --config nowhere --format json", 2),
        ("chancery explain no.code --config nowhere --format json", 2),
    ] {
        let output = desk.shell(words, "");
        assert_eq!(output.status.code(), Some(status), "{words}: {output:?}");
        let told = json(&String::from_utf8_lossy(&output.stdout));
        let error = &told["error"];
        assert!(error["message"].as_str().is_some_and(|it| !it.is_empty()), "{words}: {told}");
        assert!(error.get("code").is_some() && error.get("hint").is_some(), "{words}: {told}");
    }
}
