//! Bare structures, as mutt takes them, are examined like whole messages before anything of them is written.

use std::fs;

use crate::desk::{Desk, TEXT};

const KEY: &str = "--key bob.key --certificate bob.pem";

/// Encrypts a file to Bob as OpenSSL does.
fn encrypt(desk: &Desk, file: &str, cipher: &str) {
    let words = ["cms", "-encrypt", "-binary", cipher, "-in", file, "-outform", "DER"];
    desk.ssl(&[&words, &["-out", "sealed.der", "bob.pem"]]);
}

#[test]
fn html_that_calls_home_is_reported_before_it_is_written() {
    let desk = Desk::new();
    desk.write("page", "Content-Type: text/html\r\n\r\n<img src=http://evil.example/>\r\n");
    encrypt(&desk, "page", "-aes256");
    let opened = desk.message(&format!("decrypt --bare sealed.der {KEY}"), "");
    assert_eq!(opened.code, Some(0), "{opened:?}");
    assert!(opened.stderr.contains("smime.remote_content"), "{opened:?}");
    assert!(opened.stdout.contains("evil.example"), "{opened:?}");
    let told = desk.message(&format!("decrypt --bare sealed.der {KEY} --format json"), "");
    let told: serde_json::Value = serde_json::from_str(&told.stderr).expect("it is JSON");
    assert_eq!(told["result"], "unverified", "{told}");
    // What somebody signed as it is was put together by nobody else.
    let page =
        desk.read("page").replace("Content-Type", "From: alice@acme.example\r\nContent-Type");
    let sign = "sign --signer alice.key --certificate alice.pem --out signed.eml";
    desk.done(sign, &page);
    encrypt(&desk, "signed.eml", "-aes256");
    let opened = desk.message(&format!("decrypt --bare sealed.der {KEY}"), "");
    assert_eq!(opened.code, Some(0), "{opened:?}");
    assert!(!opened.stderr.contains("smime."), "{opened:?}");
    assert_eq!(opened.stdout, desk.read("signed.eml"), "byte for byte");
}

#[test]
fn content_that_looks_changed_is_withheld_as_if_it_did_not_decrypt() {
    let desk = Desk::new();
    desk.done("sign letter.eml --signer alice.key --certificate alice.pem --out signed.eml", "");
    desk.write("changed.eml", &desk.read("signed.eml").replace("noon", "nine"));
    fs::write(desk.path("odd.eml"), b"Content-Type: text/html\r\nX-\x80\xff: 1\r\n\r\nSecret\r\n")
        .expect("ours");
    encrypt(&desk, "letter.eml", "-aes256");
    let mut sealed = fs::read(desk.path("sealed.der")).expect("it was written");
    // The block before the last: the padding is wrong.
    let at = sealed.len() - 17;
    sealed[at] ^= 0x80;
    fs::write(desk.path("sealed.der"), sealed).expect("the folder is ours");
    let expected = desk.message(&format!("decrypt --bare sealed.der {KEY}"), "");
    assert_eq!((expected.code, expected.stdout.as_str()), (Some(1), ""), "{expected:?}");
    for file in ["changed.eml", "odd.eml"] {
        encrypt(&desk, file, "-aes256");
        let refused = desk.message(&format!("decrypt --bare sealed.der {KEY}"), "");
        assert_eq!((refused.code, refused.stdout), (Some(1), String::new()), "{file}");
        assert_eq!(refused.stderr, expected.stderr, "{file}");
    }
}

#[test]
fn bytes_behind_a_bare_structure_are_reported() {
    let desk = Desk::new();
    let append = |name: &str| {
        let mut bytes = fs::read(desk.path(name)).expect("it was written");
        bytes.extend_from_slice(b"xyz");
        fs::write(desk.path(name), bytes).expect("the folder is ours");
    };
    encrypt(&desk, "letter.eml", "-aes256");
    append("sealed.der");
    let opened = desk.message(&format!("decrypt --bare sealed.der {KEY}"), "");
    assert!(opened.stdout.contains(TEXT) && opened.stderr.contains("3 bytes follow"), "{opened:?}");
    let sign = "sign --bare letter.eml --signer alice.key --certificate alice.pem --out signed.der";
    desk.done(sign, "");
    append("signed.der");
    let verify = "verify --bare signed.der --content letter.eml --anchor ca.pem";
    let verified = desk.message(verify, "");
    assert!(verified.stderr.starts_with("Verification successful\n3 bytes follow"), "{verified:?}");
}
