//! Keys and certificates in the forms that older programs and authorities write, and authorities by the hundred.

use std::fs;

use crate::desk::{Desk, TEXT};

const PASS: &str = "--passphrase-file passphrase";

#[test]
fn older_forms_of_keys_are_read() {
    let desk = Desk::new();
    desk.done("encrypt letter.eml --to bob.pem --out sealed.eml", "");
    let pass = ["-passout", "file:passphrase"];
    for (cipher, key) in
        [("-aes128", "1.key"), ("-aes192", "2.key"), ("-aes256", "3.key"), ("-des3", "4.key")]
    {
        desk.ssl(&[&["rsa", "-in", "bob.key", "-traditional", cipher, "-out", key], &pass]);
        assert!(desk.read(key).contains("DEK-Info"));
        let open = format!("decrypt sealed.eml --key {key} --certificate bob.pem");
        assert!(desk.done(&format!("{open} {PASS}"), "").contains(TEXT), "{cipher}");
        let asked = desk.message(&open, "");
        assert!(asked.stderr.contains("pki.key_encrypted"), "{cipher}: {asked:?}");
        desk.write("wrong", "wrong");
        let refused = desk.message(&format!("{open} --passphrase-file wrong"), "");
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
    // Without encryption: PKCS#1 and SEC 1 in DER, and a text that Windows wrote.
    desk.ssl(&[&["rsa", "-in", "bob.key", "-traditional", "-outform", "DER", "-out", "bob.der"]]);
    desk.write("bom.key", &format!("\u{feff}{}", desk.read("bob.key")));
    desk.write("bom.pem", &format!("\u{feff}{}", desk.read("bob.pem")));
    for words in [
        "--key bob.der --certificate bob.pem",
        "--key bob.der --certificate bom.pem",
        "--key bom.key --certificate bob.pem",
    ] {
        for pass in ["", PASS] {
            let opened = desk.done(&format!("decrypt sealed.eml {words} {pass}"), "");
            assert!(opened.contains(TEXT), "{words} {pass}");
        }
    }
    desk.ssl(&[&["ec", "-in", "alice.key", "-outform", "DER", "-out", "alice.der"]]);
    desk.done("sign letter.eml --signer alice.der --certificate alice.pem", "");
    desk.ssl(&[&["ec", "-in", "alice.key", "-aes256", "-out", "5.key"], &pass]);
    desk.done(&format!("sign letter.eml --signer 5.key --certificate alice.pem {PASS}"), "");
}

#[test]
fn what_is_not_read_is_named() {
    let desk = Desk::new();
    let scrypt = ["pkcs8", "-topk8", "-scrypt", "-in", "bob.key", "-out", "scrypt.key"];
    desk.ssl(&[&scrypt, &["-passout", "file:passphrase"]]);
    let open = format!("decrypt letter.eml --key scrypt.key --certificate bob.pem {PASS}");
    let refused = desk.message(&open, "");
    assert!(refused.stderr.contains("scrypt (1.3.6.1.4.1.11591.4.11)"), "{refused:?}");
    let key = desk.read("bob.key").replace(
        "PRIVATE KEY-----\n",
        "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: SEED-CBC,00112233\n\n",
    );
    desk.write("seed.key", &key);
    let refused = desk.message(&open.replace("scrypt", "seed"), "");
    assert!(refused.stderr.contains("not known here: SEED-CBC"), "{refused:?}");
}

#[test]
fn bags_of_certificates_are_read() {
    let desk = Desk::new();
    for (form, name) in [("PEM", "pem.p7b"), ("DER", "der.p7b")] {
        let bag = ["crl2pkcs7", "-nocrl", "-certfile", "bob.pem", "-outform", form, "-out", name];
        desk.ssl(&[&bag]);
        let sealed = desk.done(&format!("encrypt letter.eml --to {name}"), "");
        let opened = desk.done(&format!("decrypt --key bob.key --certificate {name}"), &sealed);
        assert!(opened.contains(TEXT), "{form}");
        desk.ssl(&[&[
            "crl2pkcs7",
            "-nocrl",
            "-certfile",
            "ca.pem",
            "-outform",
            form,
            "-out",
            "ca.p7b",
        ]]);
        let signed = desk
            .done("sign letter.eml --signer alice.key --certificate alice.pem --chain ca.p7b", "");
        desk.done("verify --anchor ca.p7b", &signed);
        fs::remove_file(desk.path("ca.p7b")).expect("the folder is ours");
    }
}

#[test]
fn a_whole_store_of_authorities_can_be_named() {
    let desk = Desk::new();
    let mut store = String::new();
    for number in 0..40 {
        let subject = format!("/CN=Authority {number}");
        desk.ssl(&[&["req", "-x509", "-key", "ca.key", "-subj", &subject, "-out", "other.pem"]]);
        store += &desk.read("other.pem");
    }
    desk.write("others.pem", &store);
    desk.write("store.pem", &format!("{store}{}", desk.read("ca.pem")));
    let signed = desk.done("sign letter.eml --signer alice.key --certificate alice.pem", "");
    desk.done("verify --anchor store.pem --anchor others.pem --anchor store.pem", &signed);
    let stranger = desk.message("verify --anchor others.pem", &signed);
    assert!(stranger.stderr.contains("smime.signer_unknown"), "{stranger:?}");
    // What is named again and again is one authority.
    desk.write("many.pem", &desk.read("ca.pem").repeat(600));
    desk.done("verify --anchor many.pem", &signed);
}
