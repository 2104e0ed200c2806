//! Real mutt, neomutt and procmail with the lines of the guide, as a person at a terminal uses them.

use std::{fs, path::Path};

use chancery_e2e::{chancery, peers::Terminal};

use crate::desk::{Desk, PASSPHRASE, TEXT};

/// Returns the blocks of the guide in a language.
fn guide(language: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = fs::read_to_string(root.join("docs/guides/desk.md")).expect("the guide is there");
    let start = format!("```{language}\n");
    let block = guide.split(&start).nth(1).and_then(|rest| rest.split("```").next());
    block.unwrap_or_else(|| panic!("the guide has no {language}")).to_owned()
}

/// Returns the search path with our binary in it.
fn path() -> String {
    let binary = chancery::binary();
    let folder = binary.parent().and_then(Path::to_str).expect("a plain path").to_owned();
    format!("{folder}:/usr/local/bin:/usr/bin:/bin")
}

/// Lays both people's keys out as `smime_keys` does, each a file with a number for its name.
fn keys(desk: &Desk) {
    for folder in [".smime/keys", ".smime/certificates"] {
        fs::create_dir_all(desk.path(folder)).expect("the folder is ours");
    }
    let copy = |from: &str, to: &str| {
        fs::copy(desk.path(from), desk.path(to)).expect("the folder is ours");
    };
    copy("ca.pem", ".smime/ca.pem");
    let mut index = String::new();
    for (name, number) in [("alice", "11111111.0"), ("bob", "22222222.0")] {
        copy(&format!("{name}.locked.key"), &format!(".smime/keys/{number}"));
        copy(&format!("{name}.pem"), &format!(".smime/certificates/{number}"));
        index += &format!("{name}@acme.example {number} {name} ? t\n");
    }
    for folder in [".smime/keys", ".smime/certificates"] {
        desk.write(&format!("{folder}/.index"), &index);
    }
}

#[test]
fn mutt_and_neomutt_send_and_read_with_the_lines_of_the_guide() {
    for (program, defaults) in
        [("mutt", "/etc/Muttrc.d/smime.rc"), ("neomutt", "/etc/neomuttrc.d/smime.rc")]
    {
        let desk = Desk::new();
        keys(&desk);
        desk.write("body", &format!("{TEXT}\n"));
        desk.write("mailer", "cat > half\nmv half posted\n");
        let lines = guide("muttrc");
        let common = format!(
            "source {defaults}\n{lines}\n\
             set smime_is_default crypt_autosmime crypt_use_gpgme=no crypt_verify_sig=yes\n\
             set realname=Alice use_from hostname=acme.example copy=no wait_key=no folder=.\n\
             set editor=true autoedit edit_headers abort_unmodified=no abort_noattach=no\n\
             set sendmail=\"/bin/sh mailer\"\n"
        );
        let own = |key: &str| {
            format!(
                "set smime_default_key={key} smime_sign_as={key} crypt_autosign crypt_autoencrypt\n"
            )
        };
        desk.write(
            "alice.rc",
            &format!("{common}set from=alice@acme.example\n{}", own("11111111.0")),
        );
        desk.write("bob.rc", &format!("{common}set from=bob@acme.example\n{}", own("22222222.0")));
        let passphrase = format!("{PASSPHRASE}\n");

        let line = format!("{program} -n -F alice.rc -s plans -i body bob@acme.example");
        let mut terminal = Terminal::run(&line, &desk.path(""), &path());
        terminal.when("Sign, Encrypt (S/MIME)", "y");
        terminal.when("passphrase", &passphrase);
        let (status, screen) = terminal.end();
        assert_eq!(status, Some(0), "{program}: {screen}");
        let sent = desk.read("posted");
        assert!(!sent.contains(TEXT), "{program}: {sent}");
        let opened =
            desk.message("decrypt posted --key bob.key --certificate bob.pem --anchor ca.pem", "");
        assert!(opened.stdout.contains(TEXT), "{program}: {opened:?}");
        assert!(opened.stderr.contains("verified: it is"), "{program}: {opened:?}");
        let inside = [
            "cms", "-decrypt", "-in", "posted", "-recip", "bob.pem", "-inkey", "bob.key", "-out",
            "inside",
        ];
        desk.ssl(&[&inside]);
        let verified = desk.ssl(&[&["smime", "-verify", "-in", "inside", "-CAfile", "ca.pem"]]);
        assert!(verified.contains(TEXT), "{program}: {verified}");

        desk.write(
            "mailbox",
            &format!("From alice@acme.example Sun Nov 22 04:00:00 2026\n{sent}\n"),
        );
        let mut terminal =
            Terminal::run(&format!("{program} -n -F bob.rc -f mailbox"), &desk.path(""), &path());
        terminal.when("plans", "\n");
        terminal.when("passphrase", &passphrase);
        terminal.when("Verification successful", "");
        terminal.when(TEXT, "q");
        terminal.when("plans", "x");
        let (status, screen) = terminal.end();
        assert_eq!(status, Some(0), "{program}: {screen}");
    }
}

#[test]
fn procmail_decrypts_with_the_lines_of_the_guide() {
    let desk = Desk::new();
    fs::create_dir(desk.path(".smime")).expect("the folder is ours");
    fs::copy(desk.path("bob.p12"), desk.path(".smime/me.p12")).expect("the folder is ours");
    desk.write(".smime/passphrase", PASSPHRASE);
    // procmail takes the home from the list of users, not from its environment.
    let home = desk.path("");
    let rules =
        format!("PATH={}\nHOME={}\nDEFAULT=mailbox\n{}", path(), home.display(), guide("procmail"));
    desk.write("rules", &rules);
    let sealed = |reader: &str| {
        desk.done(
            &format!("encrypt letter.eml --to {reader}.pem --signer alice.p12 --passphrase-file passphrase"),
            "",
        )
    };
    let (ours, foreign) = (sealed("bob"), sealed("alice"));
    let letter = desk.read("letter.eml");
    for (mail, expected) in [(&ours, TEXT), (&foreign, "application/pkcs7-mime"), (&letter, TEXT)] {
        fs::remove_file(desk.path("mailbox")).ok();
        let output = desk.shell("procmail -m rules", mail);
        assert!(output.status.success(), "{output:?}");
        let mailbox = desk.read("mailbox");
        assert!(mailbox.contains(expected), "{expected}: {mailbox}");
        let authors = mailbox.lines().filter(|line| line.starts_with("From: ")).count();
        assert_eq!(authors, 1, "{mailbox}");
        assert!(!mailbox.contains("pkcs7-mime") || mail == &foreign, "{mailbox}");
    }
}

#[test]
fn a_large_message_shows_its_progress_on_a_terminal_and_nowhere_else() {
    let desk = Desk::new();
    let line = "What is said a million times is said.\n";
    desk.write("large.eml", &format!("From: alice@acme.example\n\n{}", line.repeat(880_000)));
    let sign =
        "chancery message sign large.eml --signer alice.key --certificate alice.pem --force --out";
    let terminal = Terminal::run(&format!("{sign} signed.eml"), &desk.path(""), &path());
    let (status, screen) = terminal.end();
    assert_eq!(status, Some(0), "{screen}");
    assert!(screen.contains("\rread 8 MB of 33 MB"), "{screen:?}");
    assert!(screen.ends_with("\r\u{1b}[K"), "the line is cleared: {screen:?}");
    assert!(!screen.contains("read 40 MB"), "there are not as many: {screen:?}");
    let small = Terminal::run(
        &format!("{sign} small.eml").replace("large", "letter"),
        &desk.path(""),
        &path(),
    );
    let (status, screen) = small.end();
    assert_eq!((status, screen.contains("read ")), (Some(0), false), "{screen:?}");
    let output = desk.shell("chancery message show large.eml", "");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
