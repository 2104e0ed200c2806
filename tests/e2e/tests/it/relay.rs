//! No open relay, and no second message inside a first one.

use chancery_e2e::{
    chancery::section,
    message,
    peers::{Dialogue, swaks},
};

use crate::world::Lone;

#[test]
fn outside_takes_mail_for_our_domains_only() {
    let organisation = Lone::start(|_| {});
    let ours =
        ["alice@acme.example", "ALICE@ACME.EXAMPLE", "\"al ice\"@acme.example", "Postmaster"];
    let foreign = [
        // Old servers behind us would follow these routes.
        "user%initech.example@acme.example",
        "\"dave@initech.example\"@acme.example",
        "dave@initech.example",
        "alice@acme.example.initech.example",
        "alice@sub.acme.example",
        "alice@notacme.example",
        "dave@[127.0.0.1]",
        "dave@initech.example@acme.example",
        // RFC 5321 appendix C: the route is ignored, and what is left is a stranger.
        "@acme.example:dave@initech.example",
        "acme.example!dave@initech.example",
        "dave",
        "alice@acme.example\0.initech.example",
        "",
    ];
    let mut dialogue = Dialogue::greeted(organisation.gateway.outside());
    assert!(dialogue.say("MAIL FROM:<bob@globex.example>").starts_with("250"));
    for recipient in ours {
        let answer = dialogue.say(&format!("RCPT TO:<{recipient}>"));
        assert!(answer.starts_with("250"), "{recipient}: {answer}");
    }
    for recipient in foreign {
        let mut dialogue = Dialogue::greeted(organisation.gateway.outside());
        assert!(dialogue.say("MAIL FROM:<alice@acme.example>").starts_with("250"));
        let answer = dialogue.say(&format!("RCPT TO:<{recipient}>"));
        assert!(answer.starts_with("55") || answer.starts_with("50"), "{recipient:?}: {answer}");
        let answer = dialogue.say("DATA");
        assert!(answer.starts_with("503") || answer.starts_with("554"), "{recipient:?}: {answer}");
    }
    assert!(organisation.internet.commands().is_empty(), "nothing may go to the internet");
}

#[test]
fn inside_takes_mail_from_our_own_hosts_only() {
    let organisation = Lone::start(|gateway| {
        gateway.configure(|configuration| {
            section(configuration, "inside").insert("allow".into(), vec!["192.0.2.0/24"].into());
        });
    });
    let mail = message::plain("alice@acme.example", "dave@initech.example", "stranger");
    for address in [organisation.gateway.inside(), organisation.gateway.inside_lmtp()] {
        let mut dialogue = Dialogue::connect(address);
        let mut answer = dialogue.reply();
        let hello = if address == organisation.gateway.inside() {
            "EHLO x.example"
        } else {
            "LHLO x.example"
        };
        if answer.starts_with("220") {
            answer = dialogue.say(hello);
        }
        if answer.starts_with("250") {
            answer = dialogue.deliver("alice@acme.example", &["dave@initech.example"], &mail);
        }
        assert!(answer.starts_with('5'), "{address}: {answer}");
    }
    assert!(organisation.internet.commands().is_empty());
}

#[test]
fn one_message_never_hides_a_second_one() {
    let endings = [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r\n.\r",
        "\r.\r\n",
        "\r\n\0.\r\n",
        "\r\n.\r\r\n",
        "\n\n.\r\n\r\n",
    ];
    let organisation = Lone::start(|_| {});
    let gateway = &organisation.gateway;
    let listeners = [
        (gateway.outside(), "EHLO", "bob@globex.example", "alice@acme.example"),
        (gateway.inside(), "EHLO", "alice@acme.example", "dave@initech.example"),
        (gateway.inside_lmtp(), "LHLO", "alice@acme.example", "dave@initech.example"),
    ];
    for (address, hello, from, to) in listeners {
        for ending in endings {
            let mut dialogue = Dialogue::connect(address);
            assert!(dialogue.reply().starts_with("220"));
            assert!(dialogue.say(&format!("{hello} client.example")).starts_with("250"));
            assert!(dialogue.say(&format!("MAIL FROM:<{from}>")).starts_with("250"));
            assert!(dialogue.say(&format!("RCPT TO:<{to}>")).starts_with("250"));
            assert!(dialogue.say("DATA").starts_with("354"));
            dialogue.send(format!(
                "Subject: first\r\n\r\nfirst{ending}MAIL FROM:<smuggled@acme.example>\r\nRCPT TO:<{to}>\r\nDATA\r\n\
                 Subject: smuggled\r\n\r\nsmuggled\r\n.\r\n"
            ));
            let answer = dialogue.reply();
            assert!(answer.starts_with('5'), "{ending:?} at {address}: {answer}");
            dialogue.send("QUIT\r\n");
            let rest = dialogue.finish();
            assert!(!rest.contains("354"), "{ending:?}: what follows is not a command: {rest}");
        }
    }
    // A message sent after all of them, in each direction, is the only one that arrives.
    assert!(
        organisation
            .send(
                &["dave@initech.example"],
                &message::plain("alice@acme.example", "dave@initech.example", "last")
            )
            .starts_with("250")
    );
    assert!(
        organisation
            .receive(
                "bob@globex.example",
                &message::plain("bob@globex.example", "alice@acme.example", "last")
            )
            .starts_with("250")
    );
    organisation.internet.received("mark last");
    organisation.mailboxes.received("mark last");
    assert_eq!(organisation.internet.accepted().len(), 1);
    assert_eq!(organisation.mailboxes.accepted().len(), 1);
}

#[test]
fn commands_sent_before_the_handshake_are_not_obeyed_after_it() {
    // CVE-2011-0411: what came in clear after STARTTLS must be forgotten.
    let organisation = Lone::start(|_| {});
    for address in [organisation.gateway.outside(), organisation.gateway.inside()] {
        let mut dialogue = Dialogue::greeted(address);
        dialogue.send("STARTTLS\r\nEHLO injected.example\r\nMAIL FROM:<injected@acme.example>\r\n");
        let answer = dialogue.reply();
        assert!(answer.starts_with("220") || answer.starts_with('5'), "{answer}");
        let rest = dialogue.finish();
        assert!(!rest.contains("250"), "answered in clear: {rest:?}");
    }
}

#[test]
fn an_address_cannot_carry_commands_or_a_password_go_in_clear() {
    let organisation = Lone::start(|_| {});
    let refused = swaks(
        organisation.gateway.inside(),
        &[
            "--auth",
            "PLAIN",
            "--auth-user",
            "a",
            "--auth-password",
            "b",
            "--to",
            "dave@initech.example",
            "--from",
            "alice@acme.example",
        ],
    );
    assert_eq!(refused.code, 28, "AUTH is not offered without TLS:\n{}", refused.transcript);
    let mut dialogue = Dialogue::greeted(organisation.gateway.inside());
    let answer = dialogue.say("AUTH PLAIN AGEAYg==");
    assert!(answer.starts_with('5'), "{answer}");
}
