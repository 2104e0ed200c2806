//! Odd but honest clients: each gets the answer that the RFC gives.

use chancery_e2e::{
    message,
    peers::{Dialogue, swaks},
};

use crate::world::Lone;

#[test]
fn swaks_speaks_every_dialect() {
    let organisation = Lone::start(|_| {});
    let base = ["--from", "bob@globex.example", "--to", "alice@acme.example"];
    let dialects: &[(&str, &[&str])] = &[
        ("plain", &[]),
        ("pipelined", &["--pipeline"]),
        ("tls", &["--tls"]),
        ("helo", &["--protocol", "SMTP"]),
        ("null", &["--from", "<>"]),
        ("dotted", &["--body", "line\\n.\\n..\\n.x\\nend"]),
        ("long-ehlo", &["--ehlo", "[127.0.0.1]"]),
    ];
    for (mark, options) in dialects {
        let subject = format!("Subject: dialect-{mark}-");
        swaks(
            organisation.gateway.outside(),
            &[&base[..], &["--header", &subject], options].concat(),
        )
        .accepted();
        organisation.mailboxes.received(&format!("dialect-{mark}-"));
    }
    let options = [
        "--protocol",
        "LMTP",
        "--from",
        "alice@acme.example",
        "--to",
        "carol@acme.example",
        "--header",
        "Subject: dialect-lmtp-",
    ];
    swaks(organisation.gateway.inside_lmtp(), &options).accepted();
    organisation.mailboxes.received("dialect-lmtp-");
    // Left alone in the middle, the server forgets the message.
    swaks(
        organisation.gateway.outside(),
        &[&base[..], &["--quit-after", "RCPT", "--header", "Subject: dialect-quit-"]].concat(),
    );
    swaks(
        organisation.gateway.outside(),
        &[&base[..], &["--drop-after", "DATA", "--header", "Subject: dialect-drop-"]].concat(),
    );
    let taken = organisation.mailboxes.accepted();
    assert_eq!(taken.len(), dialects.len() + 1);
    assert!(
        taken.iter().any(|mail| mail.text().contains("\r\n.\r\n..\r\n.x\r\nend")),
        "dots are as they were"
    );
}

#[test]
fn commands_get_the_answers_of_the_rfc() {
    let organisation = Lone::start(|_| {});
    let address = organisation.gateway.outside();
    let cases: &[(&[&str], &str)] = &[
        (&["MAIL FROM:<a@b.example>"], "503"),
        (&["EHLO x.example", "RCPT TO:<alice@acme.example>"], "503"),
        (&["EHLO x.example", "DATA"], "503"),
        (&["EHLO x.example", "MAIL FROM:<a@b.example>", "MAIL FROM:<a@b.example>"], "503"),
        (&["EHLO x.example", "MAIL FROM:<a@b.example", "NOOP"], "250"),
        (&["EHLO x.example", "MAIL FROM:<a@b.example"], "501"),
        (&["EHLO x.example", "MAIL FROM:<a@b.example> NONSENSE=1"], "555"),
        (&["EHLO x.example", "MAIL FROM:<a@b.example> SIZE=999999999999"], "552"),
        (&["EHLO x.example", "NONSENSE"], "500"),
        (&["EHLO"], "501"),
        (&["EHLO x.example", "VRFY alice"], "252"),
        (&["EHLO x.example", "EXPN list"], "502"),
        (&["EHLO x.example", "RSET"], "250"),
        (&["EHLO x.example", "NOOP with words"], "250"),
        (&["HELP"], "214"),
        (&["noop"], "250"),
        (&["EHLO x.example", "mail from:<a@b.example> body=8bitmime"], "250"),
        (&["EHLO x.example", "MAIL FROM:<\u{fc}@b.example> SMTPUTF8"], "250"),
        (&["EHLO x.example", "MAIL FROM:<\u{fc}@b.example>"], "553"),
        (&["QUIT"], "221"),
    ];
    for (commands, expected) in cases {
        let mut dialogue = Dialogue::connect(address);
        assert!(dialogue.reply().starts_with("220"));
        let mut answer = String::new();
        for command in *commands {
            answer = dialogue.say(command);
        }
        assert!(
            answer.starts_with(expected),
            "{commands:?} was answered {answer:?}, not {expected}"
        );
    }
}

#[test]
fn the_offer_names_every_extension() {
    let organisation = Lone::start(|_| {});
    let wanted = [
        "PIPELINING",
        "SIZE ",
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "ENHANCEDSTATUSCODES",
        "DSN",
        "STARTTLS",
    ];
    for address in [organisation.gateway.outside(), organisation.gateway.inside()] {
        let mut dialogue = Dialogue::connect(address);
        dialogue.reply();
        let offer = dialogue.say("EHLO x.example");
        for extension in wanted {
            assert!(offer.contains(extension), "{extension} is missing from {offer}");
        }
    }
}

#[test]
fn chunks_make_the_same_message_as_data() {
    let organisation = Lone::start(|_| {});
    let sent = message::plain("bob@globex.example", "alice@acme.example", "chunks");
    for size in [1, 7, 100, sent.len()] {
        let mut dialogue = Dialogue::greeted(organisation.gateway.outside());
        assert!(dialogue.say("MAIL FROM:<bob@globex.example>").starts_with("250"));
        assert!(dialogue.say("RCPT TO:<alice@acme.example>").starts_with("250"));
        let mut answer = String::new();
        for chunk in sent.as_bytes().chunks(size) {
            dialogue.send(format!("BDAT {}\r\n", chunk.len()));
            dialogue.send(chunk);
            answer = dialogue.reply();
            assert!(answer.starts_with("250"), "{answer}");
        }
        assert!(answer.starts_with("250"));
        answer = dialogue.say("BDAT 0 LAST");
        assert!(answer.starts_with("250"), "{answer}");
    }
    let taken = organisation
        .mailboxes
        .wait_for("four messages", |accepted| (accepted.len() == 4).then(|| accepted.to_vec()));
    for mail in taken {
        assert_eq!(message::without_trace(&mail.text()), message::without_trace(&sent));
    }
}

#[test]
fn everything_in_one_packet_is_answered_in_order() {
    let organisation = Lone::start(|_| {});
    let mut dialogue = Dialogue::connect(organisation.gateway.outside());
    dialogue.send(
        "EHLO x.example\r\nMAIL FROM:<bob@globex.example>\r\nRCPT TO:<alice@acme.example>\r\nRCPT TO:<dave@initech.example>\r\n\
         DATA\r\nSubject: packet\r\n\r\nmark packet\r\n.\r\nQUIT\r\n",
    );
    let answers = dialogue.finish();
    let codes: Vec<&str> = answers
        .lines()
        .filter(|line| line.get(3..4) == Some(" "))
        .filter_map(|line| line.get(..3))
        .collect();
    assert_eq!(codes, ["220", "250", "250", "250", "550", "354", "250", "221"], "{answers}");
    organisation.mailboxes.received("mark packet");
}
