//! A person's keys at the desk: several, old ones, and certificates that ended; and whom a named authority speaks for.

use crate::desk::{Desk, LETTER, TEXT};

/// Has the authority make another certificate for a key, with these extensions.
fn certify(desk: &Desk, key: &str, certificate: &str, days: &str, extensions: &str) {
    desk.write("extensions", extensions);
    desk.ssl(&[&["req", "-new", "-key", key, "-out", "csr", "-subj", "/CN=again"]]);
    let ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days];
    let request = ["x509", "-req", "-in", "csr", "-out", certificate, "-extfile", "extensions"];
    desk.ssl(&[&request, &ca]);
}

/// Writes a file that holds what some others hold.
fn join(desk: &Desk, name: &str, parts: &[&str]) {
    let all: String = parts.iter().map(|part| desk.read(part)).collect();
    desk.write(name, &all);
}

#[test]
fn a_header_that_was_changed_is_not_verified_where_it_is_seen() {
    let desk = Desk::new();
    let key = "--signer alice.key --certificate alice.pem";
    let signed = desk.done(&format!("sign letter.eml {key}"), "");
    let (_, body) = signed.split_once("\n\n").expect("a message");
    let header = "From: Alice <alice@acme.example>\nTo: bob@acme.example\nSubject: Pay Eve\n\
        Date: Sun, 22 Nov 2026 04:00:00 +0000\nMessage-ID: <1@acme.example>\n";
    let kind = signed.lines().skip_while(|line| !line.starts_with("MIME-Version"));
    let kind: Vec<&str> = kind.take_while(|line| !line.is_empty()).collect();
    let changed = format!("{header}{}\n\n{body}", kind.join("\n"));
    let verified = desk.message("verify --anchor ca.pem --format json", &changed);
    assert_eq!(verified.code, Some(1), "{verified:?}");
    assert!(verified.stdout.contains("\"unverified\""), "{verified:?}");
    assert!(verified.stderr.contains("smime.header_differs"), "{verified:?}");
    // What is written has the header that was signed.
    desk.done("verify --anchor ca.pem --out signed.txt", &changed);
    let written = desk.read("signed.txt");
    assert!(written.contains("Subject: Secret plans") && !written.contains("Pay Eve"), "{written}");
}

#[test]
fn a_part_in_binary_keeps_its_bytes_in_a_file_with_local_line_ends() {
    let desk = Desk::new();
    let picture: Vec<u8> = (0..=255).chain([13, 13, 10, 10, 13, 9]).collect();
    let head = "From: alice@acme.example\nTo: bob@acme.example\nSubject: picture\nMIME-Version: 1.0\n\
        Content-Type: multipart/mixed; boundary=o\n\n--o\n\nsee\n--o\nContent-Type: image/jpeg\n\
        Content-Transfer-Encoding: binary\n\n";
    std::fs::write(desk.path("picture.eml"), [head.as_bytes(), &picture, b"\n--o--\n"].concat())
        .expect("the folder is ours");
    let key = "--signer alice.key --certificate alice.pem";
    desk.done(&format!("encrypt picture.eml --to bob.pem {key} --out sealed.eml"), "");
    let open = "decrypt sealed.eml --key bob.key --certificate bob.pem --anchor ca.pem";
    let opened = desk.done(open, "");
    let signed = desk.done(&format!("sign picture.eml {key}"), "");
    desk.done("verify --anchor ca.pem", &signed);
    for message in [opened, signed] {
        let (_, part) = message.split_once("image/jpeg").expect("the part");
        let (fields, body) = part.split_once("\n\n").expect("a header");
        assert!(fields.contains("Content-Transfer-Encoding: base64"), "{fields}");
        let text: String = body.lines().take_while(|line| !line.starts_with("--")).collect();
        desk.write("part", &format!("{text}\n"));
        desk.ssl(&[&["base64", "-d", "-A", "-in", "part", "-out", "decoded"]]);
        assert_eq!(std::fs::read(desk.path("decoded")).expect("it was written"), picture);
    }
}

#[test]
fn what_a_signature_survives_is_told() {
    let desk = Desk::new();
    let key = "--signer alice.key --certificate alice.pem";
    desk.done(&format!("sign letter.eml {key} --out signed.eml"), "");
    let told = desk.done("transit signed.eml", "");
    assert!(told.contains("survives    line ends become LF\n"), "{told}");
    assert!(told.contains("breaks      a footer is put into the text\n"), "{told}");
    let told = desk.done("transit signed.eml --format json", "");
    assert!(
        told.contains("\"rewriting\": \"line-feeds\"") && told.contains("\"holds\": true"),
        "{told}"
    );
    desk.done(&format!("encrypt letter.eml --to bob.pem {key} --out sealed.eml"), "");
    let told = desk.done("transit sealed.eml --key bob.key --certificate bob.pem", "");
    assert!(!told.contains("breaks "), "{told}");
    let refused = desk.message("transit letter.eml", "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
}

#[test]
fn only_files_are_replaced() {
    let desk = Desk::new();
    let sign = "chancery message sign letter.eml --signer alice.key --certificate alice.pem";
    // A named pipe is written to, with --force and without.
    for force in ["", "--force"] {
        let line = format!(
            "rm -f pipe; mkfifo pipe; {sign} --out pipe {force} & timeout 20 cat pipe; wait"
        );
        let read = String::from_utf8_lossy(&desk.shell(&line, "").stdout).into_owned();
        assert!(read.contains("multipart/signed"), "{force}: {read}");
        assert!(desk.shell("test -p pipe", "").status.success());
    }
    // A link stays one, and what it leads to is replaced.
    desk.write("old", "old");
    let line = format!("ln -s old link; {sign} --out link --force && test -L link");
    assert!(desk.shell(&line, "").status.success());
    assert!(desk.read("old").contains("multipart/signed"));
    // A reader that goes away is no failure.
    let line = format!("({sign}; echo $? >status) | head -c 1 >/dev/null; cat status");
    assert_eq!(String::from_utf8_lossy(&desk.shell(&line, "").stdout).trim(), "0");
    let folder = desk.message("show .", "");
    assert_eq!(folder.code, Some(2), "{folder:?}");
    assert!(folder.stderr.contains("directory"), "{folder:?}");
}

const ALICE: &str = "subjectAltName=email:alice@acme.example\nkeyUsage=critical,digitalSignature,keyAgreement\n\
    extendedKeyUsage=emailProtection\n";

#[test]
fn every_key_of_a_person_is_tried() {
    let desk = Desk::new();
    desk.done("encrypt letter.eml --to bob.pem --out sealed.eml", "");
    join(&desk, "two.pem", &["alice.key", "alice.pem", "bob.key", "bob.pem"]);
    join(&desk, "one.pem", &["alice.key", "alice.pem"]);
    join(&desk, "other.pem", &["bob.key", "bob.pem"]);
    for keys in ["--key two.pem", "--key one.pem --key other.pem", "--key other.pem --key one.pem"]
    {
        let opened = desk.done(&format!("decrypt sealed.eml {keys}"), "");
        assert!(opened.contains(TEXT), "{keys}: {opened}");
    }
    // The same with what Java keeps: two entries in one PKCS#12.
    desk.ssl(&[&[
        "pkcs12",
        "-export",
        "-in",
        "two.pem",
        "-inkey",
        "alice.key",
        "-name",
        "one",
        "-passout",
        "file:passphrase",
        "-out",
        "a.p12",
    ]]);
    for (name, key, pem) in [("one", "alice.key", "alice.pem"), ("two", "bob.key", "bob.pem")] {
        let out = format!("{name}.p12");
        desk.ssl(&[&[
            "pkcs12",
            "-export",
            "-in",
            pem,
            "-inkey",
            key,
            "-name",
            name,
            "-passout",
            "file:passphrase",
            "-out",
            &out,
        ]]);
        let line = format!(
            "keytool -importkeystore -noprompt -srckeystore {out} -srcstoretype PKCS12 -srcstorepass:file passphrase \
             -destkeystore both.p12 -deststoretype PKCS12 -deststorepass:file passphrase"
        );
        let made = desk.shell(&line, "");
        assert!(made.status.success(), "{made:?}");
    }
    let opened = desk.done("decrypt sealed.eml --key both.p12 --passphrase-file passphrase", "");
    assert!(opened.contains(TEXT), "{opened}");
}

#[test]
fn a_password_or_a_shared_key_opens_what_openssl_encrypted() {
    let desk = Desk::new();
    desk.write("text", &format!("Content-Type: text/plain\n\n{TEXT}\n"));
    desk.write("password", "open sesame\n");
    desk.write("secret", "000102030405060708090a0b0c0d0e0f\n");
    let head = ["cms", "-encrypt", "-in", "text", "-out", "sealed"];
    let secret = "000102030405060708090a0b0c0d0e0f";
    for (how, open, wrong) in [
        (
            &["-pwri_password", "open sesame"][..],
            "--password-file password",
            "--password-file passphrase",
        ),
        (
            &["-secretkey", secret, "-secretkeyid", "c0ffee"],
            "--secret-key secret --secret-key-id C0FFEE",
            "--secret-key secret --secret-key-id c0ffe0",
        ),
    ] {
        // OpenSSL 3.0 takes no password with AES-GCM.
        for cipher in ["-aes256", "-aes128"] {
            desk.ssl(&[&head, &[cipher], how]);
            let sealed = format!("From: alice@acme.example\n{}", desk.read("sealed"));
            assert!(desk.done(&format!("decrypt {open}"), &sealed).contains(TEXT), "{open}");
            let refused = desk.message(&format!("decrypt {wrong}"), &sealed);
            assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
            // A certificate's key beside it does no harm.
            let both = format!("decrypt {open} --key bob.key --certificate bob.pem");
            assert!(desk.done(&both, &sealed).contains(TEXT), "{both}");
        }
    }
    for options in [
        "--secret-key text --secret-key-id 01",
        "--secret-key secret --secret-key-id x",
        "--secret-key secret",
    ] {
        let refused = desk.message(&format!("decrypt {options}"), LETTER);
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
}

#[test]
fn a_renewed_certificate_does_not_close_old_mail() {
    let desk = Desk::new();
    desk.done("encrypt letter.eml --to alice.pem --out sealed.eml", "");
    certify(&desk, "alice.key", "new.pem", "9", ALICE);
    join(&desk, "both.pem", &["alice.key", "new.pem", "alice.pem"]);
    assert!(desk.done("decrypt sealed.eml --key both.pem", "").contains(TEXT));
}

#[test]
fn an_expired_certificate_does_not_hide_a_valid_one() {
    let desk = Desk::new();
    certify(&desk, "alice.key", "new.pem", "9", ALICE);
    certify(&desk, "alice.key", "old.pem", "-1", ALICE);
    join(&desk, "key.pem", &["alice.key", "old.pem", "new.pem"]);
    join(&desk, "certificates.pem", &["old.pem", "new.pem", "ca.pem"]);
    let signed = desk.done("sign letter.eml --signer key.pem", "");
    desk.done("verify --anchor ca.pem", &signed);
    let sealed = desk.done("encrypt letter.eml --to certificates.pem", "");
    assert!(desk.done("decrypt --key key.pem", &sealed).contains(TEXT));
    // Nobody encrypts to the authority because the person's own certificate has ended.
    join(&desk, "ended.pem", &["old.pem", "ca.pem"]);
    let refused = desk.message("encrypt letter.eml --to ended.pem", "");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("out of its time"), "{refused:?}");
}

#[test]
fn an_authority_for_mailboxes_vouches_for_no_organisation() {
    let desk = Desk::new();
    let gateway = |domain: &str| {
        ALICE.replace("alice@acme.example", &format!("domain-signing-authority@{domain}"))
    };
    desk.write("text", LETTER);
    for (domain, options, code) in [
        ("acme.example", "", 1),
        ("example", "", 1),
        ("example", "--domain acme.example", 1),
        ("acme.example", "--domain globex.example", 1),
        ("acme.example", "--domain ACME.example", 0),
    ] {
        certify(&desk, "alice.key", "gateway.pem", "9", &gateway(domain));
        join(&desk, "key.pem", &["alice.key", "gateway.pem"]);
        let signed = desk.done("sign letter.eml --signer key.pem", "");
        let verified = desk.message(&format!("verify --anchor ca.pem {options}"), &signed);
        assert_eq!(verified.code, Some(code), "{domain} {options}: {verified:?}");
    }
    let odd = desk.message("verify letter.eml --anchor ca.pem --domain not_a_domain", "");
    assert_eq!(odd.code, Some(2), "{odd:?}");
}
