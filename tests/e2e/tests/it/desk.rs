//! `chancery message` at a desk: openssl reads what it writes, it reads what openssl writes, and the guide is true.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use chancery_e2e::{
    chancery::{self, Outcome},
    peers::OpenSsl,
    place::Folder,
};

pub(crate) const LETTER: &str = "From: Alice <alice@acme.example>\nTo: bob@acme.example\nSubject: Secret plans\n\
    Date: Sun, 22 Nov 2026 04:00:00 +0000\nMessage-ID: <1@acme.example>\n\nHello Bob, meet me at noon.\n";
pub(crate) const TEXT: &str = "Hello Bob, meet me at noon.";
pub(crate) const PASSPHRASE: &str = "correct horse";

/// A person's folder, with an authority and two people that OpenSSL made.
pub(crate) struct Desk {
    openssl: OpenSsl,
    folder: Folder,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let desk = Self { openssl: OpenSsl::within(folder.path()), folder };
        desk.write("passphrase", PASSPHRASE);
        desk.write("letter.eml", LETTER);
        let curve = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let usage = "keyUsage=critical,keyCertSign";
        let subject = [
            "-subj",
            "/CN=Desk CA",
            "-days",
            "9",
            "-addext",
            usage,
            "-addext",
            "basicConstraints=critical,CA:TRUE",
        ];
        desk.ssl(&[
            &["req", "-x509", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-newkey"],
            &curve[..],
            &subject,
        ]);
        desk.person("alice", &curve, "keyAgreement");
        desk.person("bob", &["rsa:2048"], "keyEncipherment");
        desk
    }

    pub(crate) fn person(&self, name: &str, key: &[&str], usage: &str) {
        let file = |end: &str| format!("{name}.{end}");
        let (key_file, pem) = (file("key"), file("pem"));
        self.key(name, name, key);
        self.certify(name, name, &pem, &format!("digitalSignature,{usage}"), "9");
        let pair = ["-in", &pem, "-inkey", &key_file, "-passout", "file:passphrase"];
        self.ssl(&[&["pkcs12", "-export", "-out", &file("p12")], &pair, &["-certfile", "ca.pem"]]);
        // What Windows and OpenSSL 1 wrote, as far as it can be without a provider that is not loaded everywhere.
        let old = ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
        self.ssl(&[&["pkcs12", "-export", "-out", &file("old.p12")], &pair, &old]);
        let out = file("locked.key");
        self.ssl(&[&[
            "pkcs8",
            "-topk8",
            "-in",
            &key_file,
            "-out",
            &out,
            "-passout",
            "file:passphrase",
        ]]);
    }

    /// Makes a key of a person, and the request for its certificate.
    pub(crate) fn key(&self, person: &str, name: &str, key: &[&str]) {
        let (key_file, csr) = (format!("{name}.key"), format!("{name}.csr"));
        let subject = format!("/CN={person}");
        let request = ["req", "-new", "-nodes", "-keyout", &key_file, "-out", &csr];
        self.ssl(&[&request, &["-subj", &subject, "-newkey"], key]);
    }

    /// Certifies a key of a person for these usages and so many days.
    pub(crate) fn certify(&self, person: &str, key: &str, file: &str, usages: &str, days: &str) {
        self.write(
            "extensions",
            &format!(
                "subjectAltName=email:{person}@acme.example\nkeyUsage=critical,{usages}\n\
                 extendedKeyUsage=emailProtection\nbasicConstraints=CA:FALSE\n"
            ),
        );
        let csr = format!("{key}.csr");
        let ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days];
        self.ssl(&[&["x509", "-req", "-in", &csr, "-out", file, "-extfile", "extensions"], &ca]);
    }

    pub(crate) fn ssl(&self, words: &[&[&str]]) -> String {
        String::from_utf8_lossy(&self.openssl.demand(&words.concat(), b"")).into_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder is ours");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs `chancery message` in the folder, with words that are separated by spaces.
    pub(crate) fn message(&self, words: &str, input: &str) -> Outcome {
        let output = self.shell(&format!("chancery message {words}"), input);
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn done(&self, words: &str, input: &str) -> String {
        let outcome = self.message(words, input);
        assert_eq!(outcome.code, Some(0), "{words}: {outcome:?}");
        outcome.stdout
    }

    /// Runs a line of shell as a mail program does, with `chancery` in its path and the folder as home.
    pub(crate) fn shell(&self, line: &str, input: &str) -> Output {
        let binary = chancery::binary();
        let folder = binary.parent().and_then(Path::to_str).expect("a plain path");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("PATH={folder}:$PATH; {line}")]);
        command.current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("there is a shell");
        let mut stdin = child.stdin.take().expect("it is piped");
        // Smaller than what a pipe holds, so nobody waits; who reads none of it says so by the exit code.
        let _ok = std::io::Write::write_all(&mut stdin, input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("it is ours")
    }
}

#[test]
fn openssl_reads_what_is_signed_and_encrypted_at_the_desk() {
    let desk = Desk::new();
    for key in [
        "--signer alice.key --certificate alice.pem",
        "--signer alice.locked.key --certificate alice.pem --passphrase-file passphrase",
        "--signer alice.p12 --passphrase-file passphrase",
        "--signer alice.old.p12 --passphrase-file passphrase",
    ] {
        for form in ["", "--opaque"] {
            desk.done(&format!("sign letter.eml {key} {form} --out signed.eml --force"), "");
            let text = desk.ssl(&[&["cms", "-verify", "-in", "signed.eml", "-CAfile", "ca.pem"]]);
            assert!(
                text.contains(TEXT) && text.contains("Subject: Secret plans"),
                "{key} {form}: {text}"
            );
        }
        desk.done(
            &format!(
                "encrypt letter.eml --to bob.pem --to alice.pem {key} --out sealed.eml --force"
            ),
            "",
        );
        let sealed = desk.read("sealed.eml");
        assert!(!sealed.contains("Secret") && !sealed.contains('\r'), "{sealed}");
        for person in ["bob", "alice"] {
            let (pem, key) = (format!("{person}.pem"), format!("{person}.key"));
            let inside = [
                "cms",
                "-decrypt",
                "-in",
                "sealed.eml",
                "-recip",
                &pem,
                "-inkey",
                &key,
                "-out",
                "inside.eml",
            ];
            desk.ssl(&[&inside]);
            let text = desk.ssl(&[&["cms", "-verify", "-in", "inside.eml", "-CAfile", "ca.pem"]]);
            assert!(text.contains(TEXT), "{person}: {text}");
        }
    }
    let quiet = desk.message("encrypt --to bob.pem", LETTER);
    assert_eq!(quiet.stderr, "", "a mail program would show it, and wait");
    let made = desk.message("encrypt --verbose --to bob.pem", LETTER);
    assert!(made.stderr.starts_with("aes256-cbc: "), "{made:?}");
    assert!(made.stderr.contains("nothing says that") && made.stderr.contains("reads aes256-gcm"));
    desk.write("only.eml", &made.stdout);
    let text = desk
        .ssl(&[&["cms", "-decrypt", "-in", "only.eml", "-recip", "bob.pem", "-inkey", "bob.key"]]);
    assert!(text.contains(TEXT));
}

#[test]
fn what_openssl_signs_and_encrypts_is_read_at_the_desk() {
    let desk = Desk::new();
    desk.write("text", &format!("Content-Type: text/plain\n\n{TEXT}\n"));
    let signer = ["-signer", "alice.pem", "-inkey", "alice.key", "-from", "alice@acme.example"];
    for (form, verified) in
        [(&["-to", "bob@acme.example"][..], "multipart/signed"), (&["-nodetach"], "signed-data")]
    {
        desk.ssl(&[&["cms", "-sign", "-in", "text", "-out", "signed.eml"], &signer, form]);
        let verdict = desk.done("verify signed.eml --anchor ca.pem --format json", "");
        let verdict: serde_json::Value = serde_json::from_str(&verdict).expect("it is JSON");
        assert_eq!(verdict["result"], "verified");
        assert!(verdict["form"].as_str().is_some_and(|it| it.starts_with(verified)), "{verdict}");
    }
    desk.ssl(&[&[
        "cms",
        "-sign",
        "-in",
        "text",
        "-out",
        "inside.eml",
        "-signer",
        "alice.pem",
        "-inkey",
        "alice.key",
    ]]);
    desk.ssl(&[&[
        "cms",
        "-encrypt",
        "-aes256",
        "-in",
        "inside.eml",
        "-out",
        "sealed.eml",
        "-from",
        "alice@acme.example",
        "bob.pem",
    ]]);
    let opened = desk.message(
        "decrypt sealed.eml --key bob.p12 --passphrase-file passphrase --anchor ca.pem",
        "",
    );
    assert_eq!(opened.code, Some(0), "{opened:?}");
    assert!(opened.stdout.contains(TEXT) && opened.stderr.contains("verified"), "{opened:?}");
    // As a filter behind a separator of mailbox files.
    let mailbox =
        format!("From alice@acme.example Sun Nov 22 04:00:00 2026\n{}", desk.read("sealed.eml"));
    let filtered = desk.done("decrypt --key bob.key --certificate bob.pem", &mailbox);
    assert!(
        filtered.starts_with("From alice@acme.example Sun Nov 22 04:00:00 2026\n"),
        "{filtered}"
    );
    assert!(filtered.contains(TEXT) && !filtered.contains('\r'), "{filtered}");
}

#[test]
fn a_no_is_said_by_status_and_code_and_nothing_is_written() {
    let desk = Desk::new();
    desk.done(
        "sign letter.eml --signer alice.p12 --passphrase-file passphrase --out signed.eml",
        "",
    );
    desk.write("changed.eml", &desk.read("signed.eml").replace("noon", "nine"));
    let no = |words: &str, code: i32, says: &str| {
        let outcome = desk.message(words, "");
        assert_eq!(outcome.code, Some(code), "{words}: {outcome:?}");
        assert!(outcome.stderr.contains(says), "{words}: {outcome:?}");
        assert!(!outcome.stderr.contains("at noon"), "plaintext in {outcome:?}");
        outcome
    };
    no("verify changed.eml --anchor ca.pem", 1, "smime.signature_bad");
    no("verify signed.eml --anchor bob.pem", 1, "smime.signer_unknown");
    no("verify letter.eml --anchor ca.pem", 1, "neither signed nor encrypted");
    no("verify signed.eml", 2, "--anchor");
    no("sign letter.eml --signer alice.p12", 2, "pki.key_encrypted");
    desk.write("wrong", "wrong");
    no("sign letter.eml --signer alice.p12 --passphrase-file wrong", 2, "pki.passphrase");
    no(
        "sign letter.eml --signer alice.locked.key --certificate alice.pem --passphrase-file wrong",
        2,
        "pki.passphrase",
    );
    no("sign letter.eml --signer alice.key --certificate bob.pem", 2, "no certificate belongs");
    no("sign letter.eml --signer alice.key --certificate alice.pem --out signed.eml", 2, "--force");

    desk.certify("bob", "bob", "signs.pem", "digitalSignature", "9");
    no("encrypt letter.eml --to signs.pem --out sealed.eml", 2, "for signing only");
    no("encrypt letter.eml --to ca.pem --out sealed.eml", 2, "for signing only");

    desk.done("encrypt letter.eml --to bob.pem --cipher aes256-gcm --out sealed.eml", "");
    let mode = fs::metadata(desk.path("sealed.eml")).expect("it was written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let not_ours = no(
        "decrypt sealed.eml --key alice.key --certificate alice.pem --out opened.eml",
        1,
        "smime.not_for_us",
    );
    assert!(not_ours.stdout.is_empty());
    // One character of the ciphertext, in the middle of a line.
    let mut sealed = desk.read("sealed.eml").into_bytes();
    let at = sealed.len() - 150;
    sealed[at] = if sealed[at] == b'A' { b'B' } else { b'A' };
    desk.write("broken.eml", &String::from_utf8(sealed).expect("it is ASCII"));
    no(
        "decrypt broken.eml --key bob.key --certificate bob.pem --out opened.eml",
        1,
        "smime.undecipherable",
    );
    no(
        "decrypt signed.eml --key bob.key --certificate bob.pem --out opened.eml",
        1,
        "not encrypted",
    );
    assert!(!desk.path("opened.eml").exists());
}

#[test]
fn what_would_give_itself_away_when_it_is_shown_is_not_written() {
    let desk = Desk::new();
    let page = "Content-Type: text/html\n\n<p>noon<img src=\"http://logo.example/\">\n";
    let from = "From: alice@acme.example\n";
    let letter = format!("{from}MIME-Version: 1.0\n{page}");
    let opening = "decrypt --key bob.key --certificate bob.pem --anchor ca.pem";
    let sealed = desk.done("encrypt --to bob.pem", &letter);
    let refused = desk.message(opening, &sealed);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    assert!(refused.stderr.contains("smime.remote_content"), "{refused:?}");
    assert!(desk.done(&format!("{opening} --allow-remote-content"), &sealed).contains("logo"));
    // Nobody can have changed these unseen.
    let sealed = desk.done("encrypt --to bob.pem --cipher aes256-gcm", &letter);
    assert!(desk.done(opening, &sealed).contains("logo"));
    let signed = "encrypt --to bob.pem --signer alice.key --certificate alice.pem";
    let sealed = desk.done(signed, &letter);
    assert!(desk.done(opening, &sealed).contains("logo"));
}

#[test]
fn blind_copies_stay_outside_for_the_program_that_sends_them() {
    let desk = Desk::new();
    let blind = "Bcc: eve@acme.example,\n dave@acme.example\n";
    let letter = format!("{blind}{LETTER}");
    let signed = "encrypt --to bob.pem --signer alice.key --certificate alice.pem";
    for words in ["encrypt --to bob.pem", signed] {
        let sealed = desk.done(words, &letter);
        let header = sealed.split("\n\n").next().expect("there is a header");
        assert_eq!(header.matches(blind).count(), 1, "{sealed}");
        desk.write("sealed.eml", &sealed);
        let inside =
            ["cms", "-decrypt", "-in", "sealed.eml", "-recip", "bob.pem", "-inkey", "bob.key"];
        let inside = desk.ssl(&[&inside]);
        assert!(inside.contains(TEXT) && !inside.contains("eve@"), "{inside}");
    }
}

#[test]
fn show_draws_what_can_be_seen_without_a_key() {
    let desk = Desk::new();
    let sealed = desk.done("encrypt --to bob.pem --to alice.pem", LETTER);
    let tree = desk.done("show", &sealed);
    for part in [
        "application/pkcs7-mime",
        "enveloped-data",
        "aes256-cbc",
        "rsa-pkcs1",
        "ecdh",
        "CN=Desk CA",
    ] {
        assert!(tree.contains(part), "{part} in {tree}");
    }
    let signed = desk.done("sign --signer alice.p12 --passphrase-file passphrase --opaque", LETTER);
    let tree = desk.done("show --format json", &signed);
    let tree: serde_json::Value = serde_json::from_str(&tree).expect("it is JSON");
    let layer = &tree["parts"][0];
    assert_eq!(layer["what"], "signed-data");
    assert_eq!(layer["signers"][0]["fits"], true);
    assert_eq!(layer["certificates"].as_array().map(Vec::len), Some(2));
    assert_eq!(layer["parts"][0]["what"], "text/plain");
    let clear = desk.done("sign --signer alice.p12 --passphrase-file passphrase", LETTER);
    assert!(desk.done("show", &clear).contains("signer CN=alice: fits"));
    assert!(
        desk.done("show", &clear.replace("noon", "nine")).contains("signer CN=alice: does not fit")
    );
}

#[test]
fn a_receipt_is_asked_for_given_and_compared_at_the_desk() {
    let desk = Desk::new();
    let words = "sign --signer alice.p12 --passphrase-file passphrase --request-receipt alice@acme.example \
                 --receipt-from bob@acme.example --label 1.3.6.1.4.1.99.1:secret:eyes-only";
    let signed = desk.done(words, LETTER);
    desk.write("signed.eml", &signed);
    let tree = desk.done("show", &signed);
    for line in [
        "label: secret by policy 1.3.6.1.4.1.99.1, marked \"eyes-only\"",
        "wants a receipt from bob@acme.example to alice@acme.example",
    ] {
        assert!(tree.contains(line), "{line} in {tree}");
    }
    let answer =
        "receipt signed.eml --anchor ca.pem --signer bob.p12 --passphrase-file passphrase --from";
    let receipt = desk.done(&format!("{answer} bob@acme.example"), "");
    assert!(
        receipt.contains("smime-type=signed-receipt") && receipt.contains("To: alice@acme.example")
    );
    desk.write("receipt.eml", &receipt);
    let verified = desk.message("verify receipt.eml --anchor ca.pem --original signed.eml", "");
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.stderr.contains("the receipt is for this message"), "{verified:?}");
    // OpenSSL finds the same.
    desk.ssl(&[&[
        "cms",
        "-verify_receipt",
        "receipt.eml",
        "-in",
        "signed.eml",
        "-CAfile",
        "ca.pem",
    ]]);
    // A receipt for another message, an answer by somebody else, and a message that is not what was signed.
    desk.write("other.eml", &desk.done(words, LETTER));
    for (words, why) in [
        ("verify receipt.eml --anchor ca.pem --original other.eml".to_owned(), "another request"),
        (format!("{answer} eve@acme.example"), "only others shall answer"),
    ] {
        let refused = desk.message(&words, "");
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(why), "{refused:?}");
    }
    desk.write("signed.eml", &signed.replace("noon", "nine"));
    let refused = desk.message(&format!("{answer} bob@acme.example"), "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
}

/// Returns the commands of the guide for mutt, by the names of their settings.
fn muttrc() -> impl Fn(&str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = fs::read_to_string(root.join("docs/guides/desk.md")).expect("the guide is there");
    move |name| {
        let start = format!("set {name}=\"");
        let line = guide.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix('"'));
        line.unwrap_or_else(|| panic!("the guide has no {name}")).to_owned()
    }
}

#[test]
fn the_lines_for_mutt_work_with_openssl_on_the_other_side() {
    let desk = Desk::new();
    fs::create_dir(desk.path(".smime")).expect("the folder is ours");
    fs::copy(desk.path("ca.pem"), desk.path(".smime/ca.pem")).expect("the folder is ours");
    let part = format!("Content-Type: text/plain\n\n{TEXT}\n");
    desk.write("part", &part);
    // What was signed; OpenSSL takes bare content as it is.
    desk.write("canonical", &part.replace('\n', "\r\n"));
    let setting = muttrc();
    // mutt's own expansion (`mutt_smime_command` fields: %f content, %s signature, %k key, %c certificates).
    let mutt = |name: &str, content: &str, person: &str| {
        let pem = if name == "smime_encrypt_command" {
            "alice.pem bob.pem".to_owned()
        } else {
            format!("{person}.pem")
        };
        let key = format!("{person}.locked.key");
        let fields =
            [("%f", content), ("%s", "signature"), ("%k", key.as_str()), ("%c", pem.as_str())];
        let line =
            fields.iter().fold(setting(name), |line, (field, value)| line.replace(field, value));
        let output = desk.shell(&line, &format!("{PASSPHRASE}\n"));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), output.stdout, complaint)
    };
    let write =
        |name: &str, bytes: &[u8]| fs::write(desk.path(name), bytes).expect("the folder is ours");

    let (code, signature, complaint) = mutt("smime_sign_command", "part", "alice");
    assert_eq!(code, Some(0), "{complaint}");
    write("signature", &signature);
    let check = [
        "smime",
        "-verify",
        "-inform",
        "DER",
        "-in",
        "signature",
        "-content",
        "canonical",
        "-CAfile",
        "ca.pem",
    ];
    assert!(desk.ssl(&[&check]).contains(TEXT));

    // mutt looks at the first line of standard error, and at nothing else.
    desk.ssl(&[&[
        "smime",
        "-sign",
        "-in",
        "part",
        "-outform",
        "DER",
        "-out",
        "signature",
        "-signer",
        "alice.pem",
        "-inkey",
        "alice.key",
    ]]);
    let (code, _, words) = mutt("smime_verify_command", "part", "alice");
    assert_eq!((code, words.lines().next()), (Some(0), Some("Verification successful")));
    let outcome = desk.message("verify --bare signature --content part --anchor bob.pem", "");
    assert_eq!(outcome.code, Some(1), "nobody believed vouches for it: {outcome:?}");
    assert!(!outcome.stderr.contains("successful"), "{outcome:?}");
    desk.write("changed", &desk.read("part").replace("noon", "nine"));
    let (code, _, words) = mutt("smime_verify_command", "changed", "alice");
    assert_eq!(code, Some(1));
    assert!(!words.contains("successful"), "{words}");

    desk.ssl(&[&[
        "smime",
        "-sign",
        "-nodetach",
        "-in",
        "part",
        "-outform",
        "DER",
        "-out",
        "signature",
        "-signer",
        "alice.pem",
        "-inkey",
        "alice.key",
    ]]);
    let (code, content, words) = mutt("smime_verify_opaque_command", "part", "alice");
    assert_eq!((code, words.lines().next()), (Some(0), Some("Verification successful")));
    assert!(String::from_utf8_lossy(&content).contains(TEXT));

    let (code, sealed, complaint) = mutt("smime_encrypt_command", "part", "bob");
    assert_eq!(code, Some(0), "{complaint}");
    write("sealed", &sealed);
    for person in ["alice", "bob"] {
        let (pem, key) = (format!("{person}.pem"), format!("{person}.key"));
        let open =
            ["cms", "-decrypt", "-inform", "DER", "-in", "sealed", "-recip", &pem, "-inkey", &key];
        assert!(desk.ssl(&[&open]).contains(TEXT), "{person}");
    }
    desk.ssl(&[&[
        "smime", "-encrypt", "-aes256", "-in", "part", "-outform", "DER", "-out", "sealed",
        "bob.pem",
    ]]);
    let (code, content, complaint) = mutt("smime_decrypt_command", "sealed", "bob");
    assert_eq!(code, Some(0), "{complaint}");
    assert!(String::from_utf8_lossy(&content).contains(TEXT));
    let (code, content, _) = mutt("smime_decrypt_command", "sealed", "alice");
    assert_eq!((code, content.len()), (Some(1), 0));
}

#[test]
fn an_installation_lends_its_keys_and_its_book() {
    let desk = Desk::new();
    for (domain, folder) in [("acme.example", "acme"), ("globex.example", "globex")] {
        assert!(desk.shell(&format!("chancery init {domain} --dir {folder}"), "").status.success());
    }
    let (acme, globex) = ("--config acme/chancery.toml", "--config globex/chancery.toml");
    desk.write("letter.eml", &LETTER.replace("bob@acme", "bob@globex"));
    let words =
        format!("encrypt letter.eml --to bob@globex.example --sign {acme} --out sealed.eml");
    let stranger = desk.message(&words, "");
    assert_eq!(stranger.code, Some(1), "{stranger:?}");
    assert!(!desk.path("sealed.eml").exists());
    for (from, to) in [(globex, acme), (acme, globex)] {
        let card =
            desk.shell(&format!("chancery partner card {from} --out card --format json"), "");
        let card: serde_json::Value = serde_json::from_slice(&card.stdout).expect("it is JSON");
        let fingerprint = card["fingerprint"].as_str().expect("a card has one");
        let add = format!("chancery partner add card {to} --yes --fingerprint {fingerprint}");
        assert!(desk.shell(&add, "").status.success());
    }
    desk.done(&words, "");
    let opened = desk.message(&format!("decrypt sealed.eml {globex}"), "");
    assert_eq!(opened.code, Some(0), "{opened:?}");
    assert!(
        opened.stdout.contains(TEXT) && opened.stderr.contains("verified: it is"),
        "{opened:?}"
    );
    // The organisation's own signature, and one whose maker may not speak for From.
    let signed = desk.done(&format!("sign letter.eml {acme}"), "");
    desk.done(&format!("verify {globex}"), &signed);
    let foreign = desk.done(&format!("sign letter.eml {globex}"), "");
    let outcome = desk.message(&format!("verify {acme}"), &foreign);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("smime.signer_"), "{outcome:?}");
}
