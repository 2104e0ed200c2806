//! Keys on their way between programs: what we write as PKCS#12 others import and work with, and what they export we read.

use std::fs;

use chancery_e2e::peers::smime::{Mailer as _, Nss};

use crate::desk::{Desk, LETTER, TEXT};

const PEOPLE: [&str; 2] = ["alice", "bob"];

/// Writes both people's keys, alice's on a curve and bob's RSA, as `NAME.ours.p12` under the passphrase in `new`.
fn exported() -> Desk {
    let desk = Desk::new();
    desk.write("new", "a new one\n");
    for name in PEOPLE {
        desk.done(
            &format!(
                "export-key {name}.key --certificate {name}.pem --chain ca.pem --out {name}.ours.p12 --new-passphrase-file new"
            ),
            "",
        );
    }
    desk
}

#[test]
fn thunderbird_and_outlook_and_java_import_what_we_export() {
    let desk = exported();
    fs::create_dir(desk.path("nss")).expect("the folder is ours");
    let nss = Nss::stranger(desk.path("nss"), &desk.path("ca.pem"));
    assert!(nss.import(&desk.path("bob.ours.p12"), &desk.path("passphrase")).is_err());
    for name in PEOPLE {
        let file = format!("{name}.ours.p12");
        nss.import(&desk.path(&file), &desk.path("new")).expect("NSS imports it");
        // Both as a program reads it that asks for everything in it.
        for openssl in ["openssl", "openssl-4"] {
            let line = format!("{openssl} pkcs12 -in {file} -passin file:new -nodes");
            let output = desk.shell(&line, "");
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 2, "{openssl}: {output:?}");
            assert_eq!(text.matches("BEGIN PRIVATE KEY").count(), 1, "{openssl}");
            assert!(text.contains(&format!("friendlyName: {name}@acme.example")), "{text}");
        }
        let listed = desk.shell(
            &format!("keytool -list -storetype PKCS12 -keystore {file} -storepass:file new"),
            "",
        );
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(listed.contains("PrivateKeyEntry"), "{listed}");
    }
    // What was imported works: it signs what we verify, and opens what we encrypt to it.
    let content = format!("Content-Type: text/plain\r\n\r\n{TEXT}\r\n");
    for name in PEOPLE {
        let signature = chancery_e2e::peers::smime::Signature {
            signer: if name == "alice" { "alice@acme.example" } else { "bob@acme.example" },
            digest: "sha256",
            pss: false,
            opaque: false,
            beside: None,
        };
        let signed = nss.sign(content.as_bytes(), &signature).expect("it signs");
        let header = format!("From: {name}@acme.example\r\n");
        desk.done("verify --anchor ca.pem", &(header + &String::from_utf8_lossy(&signed)));
    }
    let sealed = desk
        .done("encrypt letter.eml --to bob.pem --signer alice.ours.p12 --passphrase-file new", "");
    let sealed = sealed.replace('\n', "\r\n");
    let opened = nss.decrypt(sealed.as_bytes(), "bob").expect("it decrypts");
    let opened = nss.verify(&opened, "alice").expect("it verifies");
    assert!(String::from_utf8_lossy(&opened).contains(TEXT));
}

#[test]
fn what_others_export_is_read() {
    let desk = exported();
    fs::create_dir(desk.path("nss")).expect("the folder is ours");
    let nss = Nss::stranger(desk.path("nss"), &desk.path("ca.pem"));
    for name in PEOPLE {
        nss.import(&desk.path(&format!("{name}.ours.p12")), &desk.path("new")).expect("it imports");
        let file = format!("{name}.nss.p12");
        nss.export(&format!("{name}@acme.example"), &desk.path(&file), &desk.path("new"))
            .expect("it exports");
        let start = fs::read(desk.path(&file)).expect("it was written");
        assert!(start.starts_with(&[0x30, 0x80]), "NSS writes BER, or this test is about nothing");
        for line in [
            format!(
                "keytool -importkeystore -noprompt -srckeystore {name}.ours.p12 -srcstorepass:file new \
                 -destkeystore {name}.java.p12 -deststoretype PKCS12 -deststorepass:file new"
            ),
            format!(
                "openssl-4 pkcs12 -export -pbmac1_pbkdf2 -in {name}.pem -inkey {name}.key -passout file:new -out {name}.pbmac1.p12"
            ),
        ] {
            let output = desk.shell(&line, "");
            assert!(output.status.success(), "{line}: {output:?}");
        }
        for maker in ["ours", "nss", "java", "pbmac1"] {
            let key = format!("{name}.{maker}.p12");
            let letter =
                LETTER.replace("Alice <alice@acme.example>", &format!("{name}@acme.example"));
            let signed = desk.done(&format!("sign --signer {key} --passphrase-file new"), &letter);
            desk.done("verify --anchor ca.pem", &signed);
            if maker == "java" {
                continue;
            }
            let wrong = desk.message(
                &format!("sign letter.eml --signer {key} --passphrase-file passphrase"),
                "",
            );
            assert_eq!(wrong.code, Some(2), "{key}: {wrong:?}");
            assert!(wrong.stderr.contains("pki.passphrase"), "{key}: {wrong:?}");
        }
    }
}

#[test]
fn an_export_says_what_is_wrong() {
    let desk = exported();
    desk.write("empty", "\n");
    for (words, says) in [
        ("bob.key --certificate bob.pem --out x.p12 --new-passphrase-file empty", "is empty"),
        (
            "bob.key --certificate alice.pem --out x.p12 --new-passphrase-file new",
            "no certificate belongs",
        ),
        ("bob.key --certificate bob.pem --out bob.p12 --new-passphrase-file new", "--force"),
        ("bob.p12 --passphrase-file - --out x.p12 --new-passphrase-file -", "standard input"),
        ("bob.p12 --out x.p12 --new-passphrase-file new", "pki.key_encrypted"),
    ] {
        let outcome = desk.message(&format!("export-key {words}"), "");
        assert_eq!(outcome.code, Some(2), "{words}: {outcome:?}");
        assert!(outcome.stderr.contains(says), "{words}: {outcome:?}");
        assert!(!desk.path("x.p12").exists(), "{words}");
    }
}
