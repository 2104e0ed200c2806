//! Who may hand in mail: users with a password, machines with a certificate, and nobody for ever.

use std::path::Path;

use chancery_e2e::{
    chancery::{Gateway, section},
    message::{self, SECRET},
    peers::{Dialogue, OpenSsl, SmtpSink, Swaks, serve_socket_file, swaks, swaks_at_file},
    place::Folder,
    wait,
};

use crate::world::Lone;

const ALICE: &str = "alice@acme.example";
const BOB: &str = "bob@globex.example";
const PASSWORD: &str = "correct horse battery staple";

/// Lets nobody in by address alone.
fn trust_no_address(gateway: &Gateway) {
    gateway.configure(|configuration| {
        section(configuration, "inside").insert("allow".into(), vec!["192.0.2.0/24"].into());
    });
}

/// Hands a message in with swaks, in TLS.
fn submit(organisation: &Lone, mark: &str, options: &[&str]) -> Swaks {
    let subject = format!("Subject: {mark}");
    let base =
        ["--tls", "--from", ALICE, "--to", BOB, "--header", subject.as_str(), "--body", SECRET];
    swaks(organisation.gateway.inside(), &[&base[..], options].concat())
}

#[test]
fn a_user_who_logs_in_sends_protected_mail() {
    let organisation = Lone::start(|gateway| {
        trust_no_address(gateway);
        gateway.add_user(ALICE, PASSWORD, "");
    });
    let globex = Lone::start_as("globex.example");
    organisation.gateway.meet(&globex.gateway);
    let auth = |mechanism, password| {
        ["--auth", mechanism, "--auth-user", ALICE, "--auth-password", password]
    };
    let refused = submit(&organisation, "no-login-", &[]);
    assert!(refused.transcript.contains("530 5.7.0"), "{}", refused.transcript);
    let refused = submit(&organisation, "wrong-login-", &auth("PLAIN", "guess"));
    assert_eq!(refused.code, 28, "{}", refused.transcript);
    assert!(refused.transcript.contains("535 5.7.8"), "{}", refused.transcript);
    for mechanism in ["PLAIN", "LOGIN"] {
        submit(&organisation, &format!("by-{mechanism}-"), &auth(mechanism, PASSWORD)).accepted();
    }
    let sent = organisation
        .internet
        .wait_for("both messages", |accepted| (accepted.len() >= 2).then(|| accepted.to_vec()));
    assert_eq!(sent.len(), 2, "who has not logged in sends nothing");
    for mail in sent {
        assert_eq!(mail.recipients, [BOB]);
        let wire = mail.text();
        assert!(wire.contains("application/pkcs7-mime") && !wire.contains(SECRET), "{wire}");
        let answer = Dialogue::greeted(globex.gateway.outside()).deliver(ALICE, &[BOB], &wire);
        assert!(answer.starts_with("250"), "{answer}");
    }
    for mechanism in ["PLAIN", "LOGIN"] {
        let delivered = globex.mailboxes.received(&format!("by-{mechanism}-")).text();
        assert!(delivered.contains(SECRET) && delivered.contains("smime=pass"), "{delivered}");
    }
    assert!(!organisation.gateway.log().contains(PASSWORD));
}

#[test]
fn a_certificate_of_our_authority_opens_the_inside_door_and_no_other_does() {
    let folder = Folder::new();
    let openssl = OpenSsl::within(folder.path());
    let ours = openssl.organisation("acme.example", 30);
    let strange = openssl.organisation("initech.example", 30);
    let word = |path: &Path| path.to_str().expect("a plain path").to_owned();
    let organisation = Lone::start(|gateway| {
        trust_no_address(gateway);
        gateway.configure(|configuration| {
            section(configuration, "inside").insert("client-ca".into(), word(&ours.ca).into());
        });
    });
    let shown = |certificate: &Path, key: &Path| {
        ["--tls-cert".to_owned(), word(certificate), "--tls-key".to_owned(), word(key)]
    };
    let strange = shown(&strange.signing, &strange.signing_key);
    for (mark, options) in [("stranger-", &strange[..]), ("nothing-", &[])] {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let refused = submit(&organisation, mark, &options);
        assert!(refused.transcript.contains("530 5.7.0"), "{mark}: {}", refused.transcript);
    }
    let ours = shown(&ours.signing, &ours.signing_key);
    submit(&organisation, "known-", &ours.each_ref().map(String::as_str)).accepted();
    organisation.internet.received("known-");
    assert_eq!(organisation.internet.accepted().len(), 1);
    // The certificate was shown in TLS; in clear there is none.
    let mail = message::plain(ALICE, BOB, "clear-");
    assert!(organisation.send(&[BOB], &mail).starts_with("530"));
}

#[test]
fn clients_that_hold_on_without_mail_are_sent_away() {
    let organisation = Lone::start(|gateway| {
        gateway.configure(|configuration| {
            let limits = section(configuration, "limits");
            limits.insert("session-timeout".into(), "2s".into());
            limits.insert("data-timeout".into(), "1s".into());
            limits.insert("connections-per-client".into(), 3.into());
        });
    });
    let address = organisation.gateway.outside();
    // Connections that looked whether the gateway is there may be counted for a moment after they are closed.
    let greeted = || {
        wait::until("a free connection", || {
            let mut dialogue = Dialogue::connect(address);
            let is_in = dialogue.reply().starts_with("220");
            (is_in && dialogue.say("EHLO client.example").starts_with("250")).then_some(dialogue)
        })
    };
    let mut idle = greeted();
    let mut slow = greeted();
    assert!(slow.say("MAIL FROM:<bob@globex.example>").starts_with("250"));
    assert!(slow.say(&format!("RCPT TO:<{ALICE}>")).starts_with("250"));
    assert!(slow.say("DATA").starts_with("354"));
    slow.send("Subject: half a mess");
    let _third = greeted();
    let mut fourth = Dialogue::connect(address);
    let answer = fourth.reply();
    assert!(answer.starts_with("421 4.7.0 ") && fourth.is_closed(), "{answer}");
    let answer = slow.reply();
    assert!(answer.starts_with("421 4.4.2 ") && slow.is_closed(), "{answer}");
    // It would have five minutes for its next command.
    let answer = idle.reply();
    assert!(answer.starts_with("421 4.7.0 ") && idle.is_closed(), "{answer}");
    let mail = message::plain("bob@globex.example", ALICE, "after-");
    assert!(greeted().deliver("bob@globex.example", &[ALICE], &mail).starts_with("250"));
    organisation.mailboxes.received("mark after-");
    assert_eq!(organisation.mailboxes.accepted().len(), 1);
}

#[test]
fn a_user_writes_as_nobody_else() {
    const CAROL: &str = "carol@acme.example";
    const DAVE: &str = "dave@initech.example";
    let organisation = Lone::start(|gateway| {
        trust_no_address(gateway);
        gateway.add_user(ALICE, PASSWORD, "");
        gateway.add_user("carol", PASSWORD, ":carol@acme.example,sales@acme.example");
        gateway.add_user("scanner", PASSWORD, "");
    });
    let cases = [
        (ALICE, ALICE, ALICE, "250"),
        (ALICE, CAROL, CAROL, "553"),
        (ALICE, ALICE, CAROL, "553"),
        (ALICE, ALICE, "Alice <carol@acme.example>, alice@acme.example", "553"),
        (ALICE, ALICE, "carol at acme.example", "553"),
        (ALICE, ALICE, "alice@acme.example, \"Carol\" <carol@acme.example", "553"),
        (ALICE, ALICE, "\"carol@acme.example\" <alice@acme.example>", "553"),
        (ALICE, ALICE, "alice@acme.example\r\nSender: carol@acme.example", "553"),
        (ALICE, "alice@initech.example", ALICE, "553"),
        ("carol", CAROL, "sales@acme.example", "250"),
        ("carol", ALICE, CAROL, "553"),
        ("scanner", CAROL, ALICE, "250"),
    ];
    for (number, (user, sender, author, expected)) in cases.into_iter().enumerate() {
        let (from, subject) = (format!("From: {author}"), format!("Subject: case-{number}-"));
        let result = swaks(
            organisation.gateway.inside(),
            &[
                "--tls",
                "--auth",
                "PLAIN",
                "--auth-user",
                user,
                "--auth-password",
                PASSWORD,
                "--from",
                sender,
                "--to",
                DAVE,
                "--header",
                &from,
                "--header",
                &subject,
            ],
        );
        let transcript = &result.transcript;
        assert_eq!(
            result.code == 0,
            expected == "250",
            "{user} as {sender}, {author}:\n{transcript}"
        );
        assert!(transcript.contains(&format!(" {expected} ")), "{transcript}");
        if expected == "250" {
            organisation.internet.received(&format!("case-{number}-"));
        }
    }
    let expected = cases.iter().filter(|case| case.3 == "250").count();
    assert_eq!(organisation.internet.accepted().len(), expected);
}

#[test]
fn listeners_and_next_hops_may_be_socket_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let mailboxes = SmtpSink::start();
    let organisation = Lone::start(|gateway| {
        serve_socket_file(&gateway.path("mailboxes.sock"), mailboxes.address());
        gateway.configure(|configuration| {
            let inside = section(configuration, "inside");
            let lmtp = inside.get_mut("lmtp-listen").and_then(|list| list.as_array_mut());
            lmtp.expect("init was told one").push("unix:handover.sock".into());
            section(configuration, "route")
                .insert("inside".into(), "lmtp:unix:mailboxes.sock".into());
        });
    });
    let handover = organisation.gateway.path("handover.sock");
    let mode = std::fs::metadata(&handover).expect("the socket is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "others may not connect");
    let options = ["--protocol", "LMTP", "--from", ALICE, "--header", "Subject: by-file-"];
    for to in ["dave@initech.example", "carol@acme.example"] {
        swaks_at_file(&handover, &[&options[..], &["--to", to]].concat()).accepted();
    }
    organisation.internet.received("by-file-");
    mailboxes.received("by-file-");
    assert!(mailboxes.commands().iter().any(|command| command.starts_with("LHLO")));
    // A crash leaves the file behind, and the next start takes its place.
    let mut organisation = organisation;
    organisation.gateway.kill();
    assert!(handover.exists());
    organisation.gateway.start();
    swaks_at_file(&handover, &[&options[..], &["--to", "dave@initech.example"]].concat())
        .accepted();
    organisation.internet.wait_for("the second one", |mail| (mail.len() == 2).then_some(()));
}

#[test]
fn what_a_rule_refuses_by_the_envelope_is_refused_at_once() {
    let organisation = Lone::start(|gateway| {
        gateway.set_policy(
            "version = 1\n\
             [[rule]]\nname = \"hooli\"\nthen = \"reject\"\nreason = \"we do not write to Hooli\"\n\
             when = { recipient-domain = \"hooli.example\" }\n\
             [[rule]]\nname = \"large\"\nthen = \"reject\"\nwhen = { size-over = \"1MB\" }\n\
             [[rule]]\nname = \"marked\"\nthen = \"pass\"\nwhen = { header = { name = \"X-Ok\" } }\n\
             [[rule]]\nname = \"umbrella\"\nthen = \"reject\"\nwhen = { recipient-domain = \"umbrella.example\" }\n",
        );
    });
    let mut dialogue = Dialogue::greeted(organisation.gateway.inside());
    assert!(dialogue.say(&format!("MAIL FROM:<{ALICE}>")).starts_with("250"));
    let answer = dialogue.say("RCPT TO:<gavin@hooli.example>");
    assert!(answer.starts_with("550 5.7.1 ") && answer.contains("write to Hooli"), "{answer}");
    assert!(dialogue.say("RCPT TO:<dave@initech.example>").starts_with("250"), "the others go on");
    assert!(dialogue.say("RSET").starts_with("250"));
    assert!(dialogue.say(&format!("MAIL FROM:<{ALICE}> SIZE=2000000")).starts_with("250"));
    let answer = dialogue.say("RCPT TO:<dave@initech.example>");
    assert!(answer.starts_with("550 5.7.1 "), "{answer}");
    assert!(
        dialogue.say("RCPT TO:<carol@acme.example>").starts_with("250"),
        "rules are for outside"
    );
    // What could still be saved by its content is refused after it; if others get it, the sender is told.
    let to = "albert@umbrella.example";
    let answer = organisation.send(&[to], &message::plain(ALICE, to, "refused-"));
    assert!(answer.starts_with("550 5.7.1 ") && answer.contains("policy.rejected"), "{answer}");
    let both = [to, "dave@initech.example"];
    assert!(organisation.send(&both, &message::plain(ALICE, to, "told-")).starts_with("250"));
    let notice = organisation.mailboxes.received_for(ALICE).text();
    assert!(notice.contains("policy.rejected") && notice.contains("told-"), "{notice}");
    let saved = format!("X-Ok: yes\r\n{}", message::plain(ALICE, to, "saved-"));
    assert!(organisation.send(&[to], &saved).starts_with("250"));
    organisation.internet.received("mark saved-");
    assert_eq!(organisation.internet.accepted().len(), 2);
    assert_eq!(organisation.mailboxes.accepted().len(), 1, "who is refused at once gets no notice");
}
