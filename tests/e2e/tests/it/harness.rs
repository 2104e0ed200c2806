//! The harness itself: a recorder that records wrongly would make every other test worthless.

use std::{fs, process::Command};

use chancery_e2e::{
    faults::FileFaults,
    message::{self, SECRET},
    peers::{
        Accepted, Answer, Dialogue, Filter, OpenSsl, Postfix, Role, Script, SmtpSink, Stage, Tap,
        swaks,
    },
    place::Folder,
};

#[test]
fn postfix_keeps_mail_of_its_domain_and_refuses_the_rest() {
    let role = Role { domain: "globex.example".into(), filter: Filter::None };
    let postfix = Postfix::new();
    postfix.start(&role);
    let mail = message::rich("alice@acme.example", "bob@globex.example", "m1");
    let answer = Dialogue::greeted(postfix.inside()).deliver(
        "alice@acme.example",
        &["bob@globex.example"],
        &mail,
    );
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(message::without_trace(&postfix.delivered("m1")), message::without_trace(&mail));
    let options = ["--from", "alice@acme.example", "--to", "carol@initech.example"];
    let refused = swaks(postfix.submission(), &options);
    assert_eq!(refused.code, 24, "{}", refused.transcript);
}

#[test]
fn postfix_hands_outgoing_mail_to_the_next_hop_both_ways() {
    let sink = SmtpSink::start();
    for filter in [Filter::Relay(sink.address()), Filter::Content(sink.address())] {
        let postfix = Postfix::new();
        postfix.start(&Role { domain: "acme.example".into(), filter });
        let mail = message::plain("alice@acme.example", "bob@globex.example", "m2");
        let answer = Dialogue::greeted(postfix.submission()).deliver(
            "alice@acme.example",
            &["bob@globex.example"],
            &mail,
        );
        assert!(answer.starts_with("250"), "{answer}");
        let taken = sink.wait_for("the mail", |accepted| accepted.last().cloned());
        assert_eq!(taken.recipients, ["bob@globex.example"]);
        assert_eq!(taken.from, "alice@acme.example");
        assert_eq!(message::without_trace(&taken.text()), message::without_trace(&mail));
    }
    assert!(
        sink.commands().iter().any(|line| line.starts_with("LHLO")),
        "the content filter speaks LMTP"
    );
}

#[test]
fn sink_records_bytes_and_dies_where_told() {
    let stages = [
        Stage::Connect,
        Stage::Hello,
        Stage::Mail,
        Stage::Recipient,
        Stage::Data,
        Stage::Body,
        Stage::End,
    ];
    for stage in stages {
        let sink = SmtpSink::with(Script::default().once(stage, Answer::Close));
        let mail = message::plain("a@acme.example", "b@globex.example", "m3");
        let lost = std::panic::catch_unwind(|| {
            Dialogue::greeted(sink.address()).deliver(
                "a@acme.example",
                &["b@globex.example"],
                &mail,
            )
        });
        assert!(!lost.is_ok_and(|answer| answer.starts_with("250")), "{stage:?}");
        let answer = Dialogue::greeted(sink.address()).deliver(
            "a@acme.example",
            &["b@globex.example"],
            &mail,
        );
        assert!(answer.starts_with("250"), "{stage:?} {answer}");
        let accepted = sink.accepted();
        assert_eq!(accepted.last().map(Accepted::text), Some(mail));
        let unconfirmed = accepted.iter().filter(|one| !one.acknowledged).count();
        assert_eq!(unconfirmed, usize::from(stage == Stage::End), "{stage:?}");
    }
}

#[test]
fn sink_refuses_one_recipient() {
    let script =
        Script::default().times(1, Stage::Recipient, "carol", Answer::Reply("450 4.2.1 later"));
    let sink = SmtpSink::with(script);
    let mut dialogue = Dialogue::greeted(sink.address());
    assert!(dialogue.say("MAIL FROM:<a@acme.example>").starts_with("250"));
    assert!(dialogue.say("RCPT TO:<bob@globex.example>").starts_with("250"));
    assert!(dialogue.say("RCPT TO:<carol@globex.example>").starts_with("450"));
    assert!(dialogue.say("RCPT TO:<carol@globex.example>").starts_with("250"));
}

#[test]
fn tap_sees_everything_and_hides_starttls() {
    let sink = SmtpSink::start();
    let tap = Tap::before(sink.address());
    let mail = message::plain("a@acme.example", "b@globex.example", "m4");
    let answer =
        Dialogue::greeted(tap.address()).deliver("a@acme.example", &["b@globex.example"], &mail);
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(sink.received("m4").text(), mail);
    assert!(tap.seen().contains(SECRET));
}

#[test]
fn openssl_makes_an_organisation_that_it_believes_itself() {
    let folder = Folder::new();
    let openssl = OpenSsl::within(folder.path());
    let identity = openssl.organisation("initech.example", 30);
    for (certificate, purpose) in
        [(&identity.signing, "smimesign"), (&identity.encryption, "smimeencrypt")]
    {
        let words =
            [identity.ca.to_str(), certificate.to_str()].map(|path| path.expect("a plain path"));
        openssl.demand(&["verify", "-purpose", purpose, "-CAfile", words[0], words[1]], b"");
    }
}

#[test]
fn power_cut_takes_what_was_not_synced_and_nothing_else() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let layer = FileFaults::new(folder.path(), &data);
    let run = |program: &str, words: &[&str]| {
        let status = Command::new(program)
            .args(words)
            .current_dir(&data)
            .envs(layer.environment())
            .status()
            .unwrap();
        assert!(status.success(), "{program} {words:?}");
    };
    let write = |name: &str, text: &str, options: &str| {
        fs::write(folder.path().join("input"), text).unwrap();
        let output = format!("of={name}");
        let words = ["status=none", "if=../input", &output].into_iter().chain(options.split(' '));
        run("dd", &words.collect::<Vec<_>>());
    };
    let read = |name: &str| fs::read_to_string(data.join(name)).ok();

    for name in ["appended", "replaced", "removed", "renamed", "emptied"] {
        write(name, "old", "conv=fsync");
    }
    write("nameless", "its data is synced, its name is not", "conv=fsync");
    layer.cut_all();
    assert_eq!(read("appended"), None, "a name is durable only with its folder");

    for name in ["appended", "replaced", "removed", "renamed", "emptied"] {
        write(name, "old", "conv=fsync");
    }
    run("sync", &["."]);
    write("appended", "+new", "oflag=append conv=notrunc");
    write("replaced", "new", "conv=notrunc");
    write("emptied", "", "conv=fdatasync");
    write("fresh", "x", "conv=notrunc");
    run("rm", &["removed"]);
    run("mv", &["renamed", "moved"]);
    run("mkdir", &["folder"]);
    let cut = layer.cut_all();
    assert_eq!((cut.unsynced_writes, cut.unsynced_names), (3, 4));
    let left =
        ["appended", "replaced", "removed", "renamed", "emptied", "fresh", "moved"].map(read);
    let expected = [Some("old"), Some("old"), Some("old"), Some("old"), Some(""), None, None];
    assert_eq!(left, expected.map(|text| text.map(str::to_owned)));
    assert!(!data.join("folder").exists());

    layer.set_full(true);
    let command = &mut Command::new("dd");
    let full = command
        .args(["status=none", "if=../input", "of=more"])
        .current_dir(&data)
        .envs(layer.environment());
    assert!(!full.status().unwrap().success(), "a full disk takes nothing");
}
