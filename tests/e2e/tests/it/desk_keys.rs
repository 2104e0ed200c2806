//! Certificates at a desk that are there and must not be taken: out of their time, or for another purpose.

use crate::desk::{Desk, LETTER};

/// Writes a file of several others.
fn join(desk: &Desk, parts: &[&str], out: &str) {
    let parts: Vec<String> = parts.iter().map(|part| desk.read(part)).collect();
    desk.write(out, &parts.concat());
}

#[track_caller]
fn refused(desk: &Desk, words: &str, code: i32, says: &str) {
    let outcome = desk.message(words, LETTER);
    assert_eq!(outcome.code, Some(code), "{words}: {outcome:?}");
    assert!(outcome.stderr.contains(says) && outcome.stdout.is_empty(), "{words}: {outcome:?}");
}

#[test]
fn nothing_is_encrypted_to_who_may_only_sign_or_is_an_authority() {
    let desk = Desk::new();
    desk.certify("bob", "bob", "expired.pem", "keyEncipherment", "-1");
    desk.certify("bob", "bob", "signs.pem", "digitalSignature", "9");
    join(&desk, &["expired.pem", "ca.pem"], "old.pem");
    refused(&desk, "encrypt --to old.pem", 2, "out of its time");
    join(&desk, &["expired.pem", "signs.pem", "ca.pem"], "both.pem");
    refused(&desk, "encrypt --to both.pem", 2, "for signing only");
    join(&desk, &["signs.pem", "bob.pem"], "right.pem");
    desk.done("encrypt letter.eml --to right.pem --out sealed.eml", "");
    desk.done("decrypt sealed.eml --key bob.key --certificate bob.pem", "");
}

#[test]
fn mew_182_who_has_expired_certificates_signs_with_the_valid_one() {
    let desk = Desk::new();
    desk.certify("alice", "alice", "expired.pem", "digitalSignature", "-1");
    join(&desk, &["expired.pem", "alice.pem"], "all.pem");
    desk.done("sign letter.eml --signer alice.key --certificate all.pem --out signed.eml", "");
    desk.done("verify signed.eml --anchor ca.pem", "");
    desk.certify("alice", "alice", "encrypts.pem", "keyAgreement", "9");
    join(&desk, &["encrypts.pem", "alice.pem"], "all.pem");
    desk.done(
        "sign letter.eml --signer alice.key --certificate all.pem --out signed.eml --force",
        "",
    );
    desk.done("verify signed.eml --anchor ca.pem", "");
    refused(&desk, "sign --signer alice.key --certificate expired.pem", 2, "out of its time");
}
