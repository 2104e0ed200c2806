//! Bad input, bad partners and bad days: each has one clear outcome, and the gateway goes on.

use std::{fs, process::Command};

use chancery_e2e::{
    chancery::{Gateway, section},
    faults::FileFaults,
    message::{self, SECRET},
    peers::{Answer, Dialogue, OpenSsl, Script, SmtpSink, Stage},
    place::Folder,
    wait,
};

use crate::world::Lone;

const ALICE: &str = "alice@acme.example";
const BOB: &str = "bob@globex.example";

/// Acme and Globex who know each other, with sinks for mailboxes, connected directly.
fn partners() -> (Lone, Lone) {
    let globex = Lone::start_as("globex.example");
    let acme = Lone::start(|gateway| gateway.route("globex.example", globex.gateway.outside()));
    acme.gateway.meet(&globex.gateway);
    (acme, globex)
}

fn head(mark: &str) -> String {
    format!(
        "From: {ALICE}\r\nTo: {BOB}\r\nMessage-ID: <{mark}@test.invalid>\r\nSubject: {mark}\r\n"
    )
}

/// A message of parts in parts in parts.
fn nested(depth: usize) -> String {
    let mut text = String::new();
    for level in 0..depth {
        text.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=\"b{level}\"\r\n\r\n--b{level}\r\n"
        ));
    }
    text.push_str("\r\nthe middle\r\n");
    for level in (0..depth).rev() {
        text.push_str(&format!("--b{level}--\r\n"));
    }
    text
}

#[test]
fn strange_messages_arrive_as_they_were_sent() {
    let (acme, globex) = partners();
    let messages = [
        ("nested", format!("{}MIME-Version: 1.0\r\n{}", head("nested"), nested(10_000))),
        ("long-line", format!("{}\r\n{}\r\n", head("long-line"), "x".repeat(10_000_000))),
        (
            "bad-base64",
            format!(
                "{}Content-Transfer-Encoding: base64\r\n\r\n!!!! no base64 ====\r\nAAA\r\n",
                head("bad-base64")
            ),
        ),
        (
            "bad-charset",
            format!(
                "{}Content-Type: text/plain; charset=klingon\r\nX-Name: =?klingon?B?//8=?= =?utf-8?Q?=FF=ZZ?=\r\n\r\nx\r\n",
                head("bad-charset")
            ),
        ),
        (
            "no-end",
            format!(
                "{}Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nno closing line\r\n",
                head("no-end")
            ),
        ),
        ("no-body", head("no-body")),
        ("no-header", "\r\nno-header, only a body\r\n".into()),
        ("colonless", format!("{}this line has no colon\r\n\r\nbody\r\n", head("colonless"))),
        ("folded", format!("{}X-Folded: a\r\n\t\r\n  b\r\n\r\nbody\r\n", head("folded"))),
    ];
    for (mark, sent) in messages {
        let answer = acme.send(&[BOB], &sent);
        assert!(answer.starts_with("250"), "{mark}: {answer}");
        let delivered = globex.mailboxes.received(mark).text();
        assert!(
            message::without_trace(&delivered) == message::without_trace(&sent),
            "{mark} arrived changed"
        );
    }
    assert!(acme.send(&[BOB], &message::plain(ALICE, BOB, "after")).starts_with("250"));
    globex.mailboxes.received("mark after");
}

#[test]
fn what_cannot_be_mail_is_refused() {
    let organisation = Lone::start(|_| {});
    let nul = format!("{}\r\na\0b\r\n", head("nul"));
    let answer = organisation.send(&["dave@initech.example"], &nul);
    assert!(answer.starts_with('5'), "{answer}");
    let many_headers: String =
        (0..100_000).map(|number| format!("X-{number}: {number}\r\n")).collect();
    let answer = organisation
        .send(&["dave@initech.example"], &format!("{}{many_headers}\r\nbody\r\n", head("headers")));
    assert!(answer.starts_with('5') && answer.contains("header"), "{answer}");
    let circle: String =
        (0..200).map(|number| format!("Received: from a by b; {number}\r\n")).collect();
    let answer = organisation
        .send(&["dave@initech.example"], &format!("{circle}{}\r\nbody\r\n", head("circle")));
    if answer.starts_with("250") {
        // Noticed only once it was read: then the sender is told.
        organisation.mailboxes.received("circle");
    } else {
        assert!(answer.starts_with('5'), "{answer}");
    }
    let mut dialogue = Dialogue::connect(organisation.gateway.inside());
    dialogue.reply();
    dialogue.send("EHLO ");
    // The server may hang up in the middle of it, which is an answer too.
    for _ in 0..10 {
        dialogue.send("x".repeat(1_000_000));
    }
    dialogue.send("\r\n");
    let answer = dialogue.reply();
    assert!(answer.is_empty() || answer.starts_with('5'), "{answer}");
    assert!(
        organisation
            .send(
                &["dave@initech.example"],
                &message::plain(ALICE, "dave@initech.example", "after")
            )
            .starts_with("250")
    );
    organisation.internet.received("mark after");
    assert_eq!(organisation.internet.accepted().len(), 1);
}

#[test]
fn a_message_cut_short_is_forgotten() {
    let organisation = Lone::start(|_| {});
    let whole = format!("{}\r\nbody of the message\r\n.\r\n", head("cut"));
    for end in [0, 10, whole.len() / 2, whole.len() - 5, whole.len() - 3, whole.len() - 1] {
        let mut dialogue = Dialogue::greeted(organisation.gateway.inside());
        assert!(dialogue.say(&format!("MAIL FROM:<{ALICE}>")).starts_with("250"));
        assert!(dialogue.say("RCPT TO:<dave@initech.example>").starts_with("250"));
        assert!(dialogue.say("DATA").starts_with("354"));
        dialogue.send(whole.get(..end).unwrap_or_default());
        assert_eq!(dialogue.finish(), "", "nothing is promised for {end} octets");
    }
    let mut dialogue = Dialogue::greeted(organisation.gateway.inside());
    assert!(dialogue.say(&format!("MAIL FROM:<{ALICE}>")).starts_with("250"));
    assert!(dialogue.say("RCPT TO:<dave@initech.example>").starts_with("250"));
    dialogue.send("BDAT 1000 LAST\r\nSubject: cut\r\n\r\n");
    assert_eq!(dialogue.finish(), "");
    assert!(
        organisation
            .send(
                &["dave@initech.example"],
                &message::plain(ALICE, "dave@initech.example", "after")
            )
            .starts_with("250")
    );
    organisation.internet.received("mark after");
    assert_eq!(organisation.internet.accepted().len(), 1);
}

#[test]
fn mail_that_cannot_be_opened_is_held_and_never_lost() {
    let folder = Folder::new();
    let openssl = OpenSsl::within(folder.path());
    let stranger = openssl.organisation("initech.example", 30);
    let certificate = stranger.encryption.to_str().expect("a plain path");
    let encrypted = openssl.demand(
        &["cms", "-encrypt", "-aes256", certificate],
        b"Content-Type: text/plain\r\n\r\nx\r\n",
    );
    let for_others = String::from_utf8(encrypted)
        .expect("openssl writes text")
        .replace("\r\n", "\n")
        .replace('\n', "\r\n");
    let head = "From: dave@initech.example\r\nTo: alice@acme.example\r\n";
    let type_line = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n";
    let organisation = Lone::start(|_| {});
    let messages = [
        ("for-others", format!("{head}Message-ID: <for-others@test.invalid>\r\n{for_others}")),
        (
            "no-base64",
            format!("{head}Message-ID: <no-base64@test.invalid>\r\n{type_line}\r\n%%%%\r\n"),
        ),
        (
            "no-cms",
            format!("{head}Message-ID: <no-cms@test.invalid>\r\n{type_line}\r\nAAAAAAAA\r\n"),
        ),
        ("empty", format!("{head}Message-ID: <empty@test.invalid>\r\n{type_line}\r\n")),
    ];
    for (mark, mail) in messages {
        let answer = organisation.receive("dave@initech.example", &mail);
        assert!(answer.starts_with("250"), "{mark}: {answer}");
        wait::until(mark, || {
            organisation.waiting("held").contains(&format!("{mark}@test.invalid")).then_some(())
        });
        let story = organisation.gateway.demand(&["explain", &format!("{mark}@test.invalid")]);
        assert!(story.contains("held"), "{story}");
    }
    assert!(
        organisation
            .mailboxes
            .accepted()
            .iter()
            .all(|mail| !mail.text().contains("initech.example\r\nTo: alice"))
    );
}

#[test]
fn a_bad_partner_card_is_refused_with_its_reason() {
    let organisation = Lone::start(|_| {});
    let globex = Gateway::init("globex.example", organisation.mailboxes.address());
    let card = fs::read_to_string(globex.card()).expect("the card was written");
    let middle = card.len() / 2;
    let flipped: String = card
        .chars()
        .enumerate()
        .map(
            |(place, letter)| {
                if place == middle { if letter == 'A' { 'B' } else { 'A' } } else { letter }
            },
        )
        .collect();
    let bad = [
        ("changed", flipped),
        ("cut", card.get(..middle).unwrap_or_default().to_owned()),
        ("empty", String::new()),
        ("text", "I am a card, believe me.\n".into()),
    ];
    for (name, text) in bad {
        let path = organisation.gateway.path(&format!("{name}.pem"));
        fs::write(&path, text).expect("the folder is ours");
        let path = path.to_str().expect("a plain path");
        let outcome = organisation.gateway.command(&[
            "partner",
            "add",
            path,
            "--yes",
            "--fingerprint",
            &globex.fingerprint(),
        ]);
        assert!(matches!(outcome.code, Some(1 | 2)), "{name}: {outcome:?}");
        assert!(
            outcome.stderr.contains("card") && !outcome.stderr.contains("panicked"),
            "{name}: {}",
            outcome.stderr
        );
    }
    let right = globex.card();
    let words = [
        "partner",
        "add",
        right.to_str().expect("a plain path"),
        "--yes",
        "--fingerprint",
        "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA",
    ];
    assert_eq!(organisation.gateway.command(&words).code, Some(1), "a wrong fingerprint is a no");
    assert_eq!(organisation.gateway.json(&["partner", "list"]), serde_json::json!([]));
}

#[test]
fn a_next_hop_that_dies_anywhere_gets_the_mail_in_the_end() {
    let stages = [
        Stage::Connect,
        Stage::Hello,
        Stage::Mail,
        Stage::Recipient,
        Stage::Data,
        Stage::Body,
        Stage::End,
        Stage::Quit,
    ];
    let organisation = Lone::start(|_| {});
    for stage in stages {
        for (kind, answer) in [
            ("close", Answer::Close),
            ("451", Answer::Reply("451 4.3.0 not now")),
            ("421", Answer::Reply("421 4.3.2 going down")),
        ] {
            if stage == Stage::Body && kind != "close" {
                // Nobody answers in the middle of a message.
                continue;
            }
            let mark = format!("dies-{stage:?}-{kind}-");
            organisation.internet.behave(Script::default().once(stage, answer));
            assert!(
                organisation
                    .send(
                        &["dave@initech.example"],
                        &message::plain(ALICE, "dave@initech.example", &mark)
                    )
                    .starts_with("250")
            );
            let is_it = |mail: &&chancery_e2e::peers::Accepted| {
                mail.text().contains(&format!("mark {mark}"))
            };
            organisation.internet.wait_for(&mark, |accepted| {
                accepted.iter().filter(is_it).any(|mail| mail.acknowledged).then_some(())
            });
            wait::until("an empty queue", || {
                (organisation.waiting("queued").trim() == "[]").then_some(())
            });
            let times = organisation.internet.accepted().iter().filter(is_it).count();
            // Without an answer to the whole message nobody can know; once more is right then, and only then.
            let expected = if stage == Stage::End && kind == "close" { 2 } else { 1 };
            assert_eq!(times, expected, "{mark}");
        }
    }
    organisation.internet.behave(Script::default().times(
        1,
        Stage::Recipient,
        "dave",
        Answer::Reply("550 5.1.1 no such user"),
    ));
    assert!(
        organisation
            .send(
                &["dave@initech.example", "erin@initech.example"],
                &message::plain(ALICE, "dave@initech.example", "bounce")
            )
            .starts_with("250")
    );
    let report = organisation.mailboxes.received("no such user").text();
    assert!(
        report.contains("multipart/report")
            && report.contains("dave@initech.example")
            && !report.contains(SECRET),
        "{report}"
    );
    assert_eq!(
        organisation.internet.received_for("erin@initech.example").recipients,
        ["erin@initech.example"]
    );
}

#[test]
fn the_last_of_the_disk_is_for_mail_that_is_here_already() {
    let mut acme = Lone::start(|_| {});
    let to = "dave@initech.example";
    let later = Answer::Reply("451 4.2.1 mailbox busy");
    acme.internet.behave(Script::default().always(Stage::Recipient, later));
    assert!(acme.send(&[to], &message::plain(ALICE, to, "waits-")).starts_with("250"));
    // No disk has so much: from now on all of it is kept.
    acme.gateway.stop();
    acme.gateway.configure(|configuration| {
        let limits = section(configuration, "limits");
        limits.insert("disk-reserve".into(), "100000000GB".into());
    });
    acme.gateway.start();
    let answer = acme.send(&[to], &message::plain(ALICE, to, "late-"));
    assert!(answer.starts_with("452 4.3.1") && answer.contains("store.full"), "{answer}");
    // What is in the queue goes out, with everything that has to be written for it.
    acme.internet.behave(Script::default());
    acme.internet.received("waits-@");
    assert_eq!(acme.internet.accepted().len(), 1);
    let numbers = acme.gateway.metric_values();
    assert!(
        numbers.get("chancery_failures_total{code=\"store.full\"}").is_some_and(|it| *it >= 1.0)
    );
}

#[test]
fn a_full_disk_refuses_mail_for_now_and_loses_none() {
    let (mailboxes, internet) = (SmtpSink::start(), SmtpSink::start());
    let mut gateway = Gateway::init("acme.example", mailboxes.address());
    gateway.route_outside(internet.address());
    let layer = FileFaults::under(&mut gateway);
    gateway.start();
    let to = "dave@initech.example";
    let send = |mark: &str, size: usize| {
        let mail = message::plain(ALICE, to, mark) + &"y".repeat(size) + "\r\n";
        Dialogue::greeted(gateway.inside()).deliver(ALICE, &[to], &mail)
    };
    assert!(send("before-", 10).starts_with("250"));
    layer.set_full(true);
    let mut taken = Vec::new();
    for number in 0..20 {
        let mark = format!("full-{number}-");
        let answer = send(&mark, 300_000);
        if answer.starts_with("250") {
            taken.push(mark);
        } else {
            assert!(answer.starts_with("452") || answer.starts_with("451"), "{answer}");
        }
    }
    assert!(taken.is_empty(), "300 kB went on a full disk: {taken:?}");
    layer.set_full(false);
    assert!(send("after-", 300_000).starts_with("250"));
    internet.received("mark before-");
    internet.received("mark after-");
    assert_eq!(internet.accepted().len(), 2);
}

#[test]
fn a_locked_database_refuses_mail_for_now() {
    const LOCK: &str = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\nc.execute('BEGIN IMMEDIATE')\nprint('locked', flush=True)\nsys.stdin.read()\n";

    let organisation = Lone::start(|_| {});
    let mut holder = Command::new("python3")
        .args(["-c", LOCK])
        .arg(organisation.gateway.path("data/chancery.db"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let mut line = [0; 7];
    std::io::Read::read_exact(holder.stdout.as_mut().expect("piped"), &mut line)
        .expect("python takes the lock");
    let mail = message::plain(ALICE, "dave@initech.example", "locked-");
    let answer = organisation.send(&["dave@initech.example"], &mail);
    assert!(answer.starts_with("451"), "{answer}");
    drop(holder.stdin.take());
    assert!(holder.wait().expect("python ends").success());
    assert!(
        organisation
            .send(
                &["dave@initech.example"],
                &message::plain(ALICE, "dave@initech.example", "unlocked-")
            )
            .starts_with("250")
    );
    organisation.internet.received("mark unlocked-");
    assert_eq!(organisation.internet.accepted().len(), 1);
}
