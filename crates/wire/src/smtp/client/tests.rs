//! Tests of the client's machine against scripted servers.

use proptest::prelude::*;

use super::*;
use crate::smtp::{Notify, RcptTo, Return};

const EHLO: &str = "250-mx\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250 DSN\r\n";

fn session(tls: TlsWish, protocol: Protocol) -> Session {
    let auth = None;
    Session::new(Options { hostname: "us.example".into(), protocol, tls, auth })
}

/// Feeds replies; returns the last event and what was sent.
fn feed(session: &mut Session, replies: &str) -> (Event, String) {
    let (used, event) = session.receive(replies.as_bytes());
    assert!(used == replies.len() || !matches!(event, Event::More));
    let sent = String::from_utf8(session.output().to_vec()).unwrap();
    session.clear_output();
    (event, sent)
}

fn ready(ehlo: &str) -> Session {
    ready_with(ehlo, Protocol::Smtp)
}

fn ready_with(ehlo: &str, protocol: Protocol) -> Session {
    let mut session = session(TlsWish::IfOffered, protocol);
    let verb = if protocol == Protocol::Lmtp { "LHLO" } else { "EHLO" };
    assert_eq!(feed(&mut session, "220 mx\r\n").1, format!("{verb} us.example\r\n"));
    assert!(matches!(feed(&mut session, ehlo).0, Event::Ready));
    session
}

fn envelope(count: usize) -> Envelope {
    Envelope::new("a@a.example", (0..count).map(|number| format!("r{number}@b.example")))
}

fn start(session: &mut Session, envelope: &Envelope, body: &[u8], prefer_chunking: bool) -> String {
    session.send(envelope, &Facts::of(body), prefer_chunking).unwrap();
    let sent = String::from_utf8(session.output().to_vec()).unwrap();
    session.clear_output();
    sent
}

fn send_body(session: &mut Session, body: &[u8]) -> String {
    session.push_body(body);
    session.end_body().unwrap();
    let sent = String::from_utf8(session.output().to_vec()).unwrap();
    session.clear_output();
    sent
}

/// One letter for each outcome.
fn letters(outcomes: &[Outcome]) -> String {
    let letter = |outcome: &Outcome| match outcome {
        Outcome::Delivered { .. } => 'D',
        Outcome::PermFail { .. } => 'P',
        Outcome::TempFail { .. } => 'T',
        Outcome::Unknown { .. } => 'U',
    };
    outcomes.iter().map(letter).collect()
}

fn done(event: &Event) -> String {
    match event {
        Event::Done(outcomes) => letters(outcomes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_pipelined_and_each_recipient_gets_its_reply() {
    let mut session = ready(EHLO);
    let sent = start(&mut session, &envelope(3), b".x\r\n", false);
    assert_eq!(
        sent,
        "MAIL FROM:<a@a.example> SIZE=4\r\nRCPT TO:<r0@b.example>\r\nRCPT TO:<r1@b.example>\r\nRCPT TO:<r2@b.example>\r\nDATA\r\n"
    );
    let (event, _) =
        feed(&mut session, "250 ok\r\n250 ok\r\n450 4.2.1 later\r\n550 5.1.1 no\r\n354 go\r\n");
    assert!(matches!(event, Event::SendBody));
    assert_eq!(send_body(&mut session, b".x\r\n"), "..x\r\n.\r\n");
    assert_eq!(session.phase(), Phase::End);
    let (event, _) = feed(&mut session, "250 2.0.0 taken\r\n");
    assert_eq!(done(&event), "DTP");
    assert!(session.is_usable());
    // The next message goes over the same connection, without RSET.
    assert!(start(&mut session, &envelope(1), b"", false).starts_with("MAIL"));
}

#[test]
fn without_pipelining_each_command_waits() {
    let mut session = ready("250 mx\r\n");
    assert_eq!(start(&mut session, &envelope(2), b"x\r\n", true), "MAIL FROM:<a@a.example>\r\n");
    assert_eq!(feed(&mut session, "250 ok\r\n").1, "RCPT TO:<r0@b.example>\r\n");
    assert_eq!(feed(&mut session, "550 no\r\n").1, "RCPT TO:<r1@b.example>\r\n");
    assert_eq!(feed(&mut session, "251 ok\r\n").1, "DATA\r\n");
    assert!(matches!(feed(&mut session, "354 go\r\n").0, Event::SendBody));
    send_body(&mut session, b"x\r\n");
    assert_eq!(done(&feed(&mut session, "452 full\r\n").0), "PT");
}

#[test]
fn many_recipients_go_in_batches() {
    let mut session = ready(EHLO);
    let sent = start(&mut session, &envelope(250), b"x\r\n", false);
    assert_eq!(sent.lines().count(), 100);
    let second = feed(&mut session, &"250 ok\r\n".repeat(100)).1;
    assert_eq!(second.lines().count(), 100);
    let third = feed(&mut session, &"250 ok\r\n".repeat(100)).1;
    assert_eq!(third.lines().count(), 52);
    let (event, _) = feed(&mut session, &format!("{}354 go\r\n", "250 ok\r\n".repeat(51)));
    assert!(matches!(event, Event::SendBody));
}

#[test]
fn nobody_wants_it() {
    for (replies, expected, dot) in [
        ("550 no\r\n503 no\r\n503 no\r\n503 no\r\n", "PP", false),
        ("451 no\r\n503 no\r\n503 no\r\n503 no\r\n", "TT", false),
        ("250 ok\r\n550 no\r\n450 no\r\n554 no\r\n", "PT", false),
        ("250 ok\r\n250 ok\r\n250 ok\r\n452 full\r\n", "TT", false),
        ("250 ok\r\n550 no\r\n550 no\r\n354 go\r\n", "PP", true),
        ("250 ok\r\n421 bye\r\n", "TT", false),
        ("250 ok\r\n250 ok\r\nHTTP/1.1\r\n", "TT", false),
        ("250 ok\r\n250 ok\r\n250 ok\r\n250 what\r\n", "TT", false),
        ("250 ok\r\n354 what\r\n250 ok\r\n550 no\r\n", "TP", false),
    ] {
        let mut session = ready(EHLO);
        start(&mut session, &envelope(2), b"x\r\n", false);
        let (mut event, sent) = feed(&mut session, replies);
        if dot {
            assert_eq!(sent, ".\r\n", "{replies}");
            event = feed(&mut session, "554 no valid recipients\r\n").0;
        }
        assert_eq!(done(&event), expected, "{replies}");
        if session.is_usable() && !dot {
            let sent = start(&mut session, &envelope(1), b"x\r\n", false);
            assert!(sent.starts_with("RSET\r\nMAIL FROM"), "{sent}");
            let (event, _) = feed(&mut session, "250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n");
            assert!(matches!(event, Event::SendBody));
        }
    }
}

#[test]
fn chunking_is_used_when_wanted_or_needed() {
    let mut session = ready(EHLO);
    let sent = start(&mut session, &envelope(2), b"no newline", false);
    assert!(!sent.contains("DATA"));
    let (event, sent) = feed(&mut session, "250 ok\r\n550 no\r\n250 ok\r\n");
    assert!(matches!(event, Event::SendBody));
    assert_eq!(sent, "BDAT 10 LAST\r\n");
    assert_eq!(send_body(&mut session, b"no newline"), "no newline");
    assert_eq!(done(&feed(&mut session, "250 taken\r\n").0), "PD");
    let mut session = ready(EHLO);
    start(&mut session, &envelope(1), b".\r\n", true);
    assert_eq!(feed(&mut session, "250 ok\r\n250 ok\r\n").1, "BDAT 3 LAST\r\n");
    // Bare newlines must not travel: DATA, and mended.
    let mut session = ready(EHLO);
    assert!(start(&mut session, &envelope(1), b"a\n.\nb", true).ends_with("DATA\r\n"));
    feed(&mut session, "250 ok\r\n250 ok\r\n354 go\r\n");
    assert_eq!(send_body(&mut session, b"a\n.\nb"), "a\r\n..\r\nb\r\n.\r\n");
}

#[test]
fn lmtp_has_one_reply_for_each_accepted_recipient() {
    let mut session = ready_with(EHLO, Protocol::Lmtp);
    start(&mut session, &envelope(4), b"x\r\n", false);
    feed(&mut session, "250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n250 ok\r\n354 go\r\n");
    send_body(&mut session, b"x\r\n");
    assert!(matches!(feed(&mut session, "250 one\r\n").0, Event::More));
    assert!(matches!(feed(&mut session, "452 full\r\n").0, Event::More));
    assert_eq!(letters(&session.lost(&codes::CONNECTION_LOST)), "DPTU");
}

#[test]
fn loss_is_harmless_before_the_end_and_unknown_after() {
    for (replies, has_ended, expected) in [
        ("", false, "TT"),
        ("250 ok\r\n550 no\r\n", false, "PT"),
        ("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", false, "TT"),
        ("250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n", true, "UP"),
    ] {
        let mut session = ready(EHLO);
        start(&mut session, &envelope(2), b"x\r\n", false);
        feed(&mut session, replies);
        if has_ended {
            send_body(&mut session, b"x\r\n");
        } else if replies.contains("354") {
            session.push_body(b"x\r\n");
        }
        assert_eq!(letters(&session.lost(&codes::TIMEOUT)), expected, "{replies}");
        assert!(!session.is_usable());
        assert!(session.lost(&codes::TIMEOUT).is_empty());
    }
}

#[test]
fn an_end_that_did_not_leave_is_no_end() {
    let mut session = ready(EHLO);
    start(&mut session, &envelope(1), b"x\r\n", false);
    feed(&mut session, "250 ok\r\n250 ok\r\n354 go\r\n");
    session.push_body(b"x\r\n");
    session.end_body().unwrap();
    assert!(session.output().ends_with(b"\r\n.\r\n"));
    assert_eq!(letters(&session.lost(&codes::CONNECTION_LOST)), "T");
}

#[test]
fn nonsense_after_the_end_is_unknown() {
    let mut session = ready(EHLO);
    start(&mut session, &envelope(1), b"x\r\n", false);
    feed(&mut session, "250 ok\r\n250 ok\r\n354 go\r\n");
    send_body(&mut session, b"x\r\n");
    assert_eq!(done(&feed(&mut session, "what?\r\n").0), "U");
}

#[test]
fn a_short_body_is_not_ended() {
    let mut session = ready(EHLO);
    start(&mut session, &envelope(1), b"12345\r\n", false);
    feed(&mut session, "250 ok\r\n250 ok\r\n354 go\r\n");
    session.push_body(b"123");
    assert_eq!(session.end_body(), Err(WrongLength { announced: 7, pushed: 3 }));
    assert!(!session.output().ends_with(b".\r\n"));
    assert_eq!(letters(&session.lost(&codes::CONNECTION_LOST)), "T");
}

#[test]
fn an_early_refusal_counts() {
    let mut session = ready(EHLO);
    start(&mut session, &envelope(1), b"x\r\n", false);
    feed(&mut session, "250 ok\r\n250 ok\r\n354 go\r\n");
    session.push_body(b"x");
    assert_eq!(done(&feed(&mut session, "552 5.3.4 too big\r\n").0), "P");
    assert!(!session.is_usable());
}

#[test]
fn what_the_server_lacks_is_reported_and_not_worked_around() {
    let eight_bit = Facts::of("ü\r\n".as_bytes());
    let mut utf8 = envelope(1);
    utf8.mail.smtputf8 = true;
    let mut mixed = envelope(2);
    mixed.recipients[1] = RcptTo::new("ü@b.example");
    let cases = [
        (envelope(1), eight_bit, &codes::NEEDS_8BIT),
        (Envelope::new("ü@a.example", ["b@b.example"]), Facts::of(b""), &codes::NEEDS_SMTPUTF8),
        (utf8, eight_bit, &codes::NEEDS_SMTPUTF8),
        (Envelope::new("a@a.example", ["b\r\nRSET@b.example"]), Facts::of(b""), &codes::SYNTAX),
        (Envelope::new("a@a.example>\r\nRSET", ["b@b.example"]), Facts::of(b""), &codes::SYNTAX),
    ];
    for (envelope, facts, code) in cases {
        let outcomes =
            ready("250-mx\r\n250 PIPELINING\r\n").send(&envelope, &facts, false).unwrap_err();
        assert_eq!(outcomes[0].code(), Some(code), "{envelope:?}");
        assert_eq!(letters(&outcomes), "P");
    }
    let big = Facts { length: 1_001, ..Facts::of(b"") };
    assert_eq!(
        ready(EHLO).send(&envelope(1), &big, false).unwrap_err()[0].code(),
        Some(&codes::MESSAGE_TOO_BIG)
    );
    // Only the recipient that needs it fails.
    let mut session = ready("250-mx\r\n250 PIPELINING\r\n");
    let sent = start(&mut session, &mixed, b"", false);
    assert_eq!(sent, "MAIL FROM:<a@a.example>\r\nRCPT TO:<r0@b.example>\r\nDATA\r\n");
    feed(&mut session, "250 ok\r\n250 ok\r\n354 go\r\n");
    assert_eq!(send_body(&mut session, b""), ".\r\n");
    assert_eq!(done(&feed(&mut session, "250 ok\r\n").0), "DP");
}

#[test]
fn parameters_are_passed_when_offered() {
    let mut envelope = envelope(1);
    envelope.mail.ret = Some(Return::Headers);
    envelope.mail.envid = Some("id+2B".into());
    envelope.mail.smtputf8 = true;
    envelope.recipients[0].notify = Some(Notify { success: true, failure: true, delay: false });
    envelope.recipients[0].orcpt = Some("rfc822;x@y.example".into());
    let sent = start(&mut ready(EHLO), &envelope, "ü\r\n".as_bytes(), false);
    assert_eq!(
        sent,
        "MAIL FROM:<a@a.example> SIZE=4 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+2B\r\n\
         RCPT TO:<r0@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@y.example\r\nDATA\r\n"
    );
    let sent = start(&mut ready("250-mx\r\n250 PIPELINING\r\n"), &envelope, b"x\r\n", false);
    assert_eq!(sent, "MAIL FROM:<a@a.example>\r\nRCPT TO:<r0@b.example>\r\nDATA\r\n");
    envelope.mail.envid = Some("x\r\nRSET".into());
    assert!(!start(&mut ready(EHLO), &envelope, b"x\r\n", false).contains("RSET"));
}

#[test]
fn old_servers_get_helo() {
    let mut session = session(TlsWish::IfOffered, Protocol::Smtp);
    feed(&mut session, "220 mx\r\n");
    assert_eq!(feed(&mut session, "502 what?\r\n").1, "HELO us.example\r\n");
    assert!(matches!(feed(&mut session, "250 mx\r\n").0, Event::Ready));
    assert_eq!(session.features(), &Features::default());
}

#[test]
fn a_session_that_cannot_start_says_why() {
    for (tls, replies, code) in [
        (TlsWish::IfOffered, &["554 go away\r\n"][..], &codes::GREETING_REFUSED),
        (TlsWish::IfOffered, &["SSH-2.0-OpenSSH\r\n"], &codes::MALFORMED_REPLY),
        (TlsWish::IfOffered, &["220 mx\r\n", "421 busy\r\n"], &codes::GREETING_REFUSED),
        (TlsWish::IfOffered, &["220 mx\r\n", "550 no\r\n", "550 no\r\n"], &codes::GREETING_REFUSED),
        (TlsWish::Required, &["220 mx\r\n", "250 mx\r\n"], &codes::TLS_REQUIRED),
        (TlsWish::Required, &["220 mx\r\n", "502 mx\r\n", "250 mx\r\n"], &codes::TLS_REQUIRED),
        (
            TlsWish::Required,
            &["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "454 no\r\n"],
            &codes::TLS_REQUIRED,
        ),
        // A reply in clear behind the one to STARTTLS was put there by somebody else.
        (
            TlsWish::Required,
            &["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n250 mx\r\n"],
            &codes::MALFORMED_REPLY,
        ),
    ] {
        let mut session = session(tls, Protocol::Smtp);
        let (last, first) = replies.split_last().unwrap();
        for reply in first {
            assert!(matches!(feed(&mut session, reply).0, Event::More), "{replies:?}");
        }
        match feed(&mut session, last).0 {
            Event::Failed { code: found, .. } => assert_eq!(found, code, "{replies:?}"),
            other => panic!("{replies:?}: {other:?}"),
        }
        assert!(!session.is_usable());
    }
}

#[test]
fn starttls_is_followed_by_a_second_ehlo() {
    let mut session = session(TlsWish::IfOffered, Protocol::Smtp);
    feed(&mut session, "220 mx\r\n");
    assert_eq!(feed(&mut session, "250-mx\r\n250-DSN\r\n250 STARTTLS\r\n").1, "STARTTLS\r\n");
    assert!(matches!(feed(&mut session, "220 go\r\n").0, Event::StartTls));
    session.tls_established();
    assert!(!session.features().dsn, "what was said in clear no longer counts");
    let (event, sent) = feed(&mut session, "250-mx\r\n250 STARTTLS\r\n");
    assert!(matches!(event, Event::Ready));
    assert_eq!(sent, "EHLO us.example\r\n");
    // Refused: go on in clear.
    let mut session = self::session(TlsWish::IfOffered, Protocol::Smtp);
    feed(&mut session, "220 mx\r\n");
    feed(&mut session, "250-mx\r\n250 STARTTLS\r\n");
    assert!(matches!(feed(&mut session, "454 not now\r\n").0, Event::Ready));
}

#[test]
fn passwords_go_over_tls_only() {
    let credentials = Arc::new(Credentials { user: "joe".into(), password: "secret".into() });
    let with_auth = || {
        let auth = Some(Arc::clone(&credentials));
        Session::new(Options {
            hostname: "us.example".into(),
            protocol: Protocol::Smtp,
            tls: TlsWish::IfOffered,
            auth,
        })
    };
    let mut clear = with_auth();
    feed(&mut clear, "220 mx\r\n");
    let (event, sent) = feed(&mut clear, "250-mx\r\n250 AUTH PLAIN LOGIN\r\n");
    assert!(matches!(event, Event::Failed { code, .. } if code == &codes::TLS_REQUIRED));
    assert!(sent.is_empty());
    for (offer, replies, expected) in [
        ("AUTH LOGIN PLAIN", &["235 ok\r\n"][..], "AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n"),
        ("AUTH LOGIN", &["334 UGFzc3dvcmQ6\r\n", "235 ok\r\n"], "AUTH LOGIN am9l\r\n"),
    ] {
        let mut session = with_auth();
        feed(&mut session, "220 mx\r\n");
        feed(&mut session, "250-mx\r\n250 STARTTLS\r\n");
        feed(&mut session, "220 go\r\n");
        session.tls_established();
        session.clear_output();
        let (mut event, sent) = feed(&mut session, &format!("250-mx\r\n250 {offer}\r\n"));
        assert_eq!(sent, expected);
        for reply in replies {
            event = feed(&mut session, reply).0;
        }
        assert!(matches!(event, Event::Ready));
    }
}

/// Replies in an order that makes sense only now and then, and things that are no replies.
fn replies() -> impl Strategy<Value = Vec<&'static str>> {
    let reply = prop::sample::select(vec![
        "220 hi\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "354 go\r\n",
        "354 go\r\n",
        "450 later\r\n",
        "550 no\r\n",
        "421 bye\r\n",
        "334 \r\n",
        "235 in\r\n",
        "250-a\r\n250 b\r\n",
        "what?\r\n",
        "\n",
        "25",
    ]);
    prop::collection::vec(reply, 0..16)
}

proptest! {
    #[test]
    fn every_recipient_gets_one_outcome_and_no_success_comes_from_nothing(
        replies in replies(), cut in 1..20_usize, is_lmtp: bool, prefer_chunking: bool,
    ) {
        let protocol = if is_lmtp { Protocol::Lmtp } else { Protocol::Smtp };
        let mut session = ready_with(EHLO, protocol);
        start(&mut session, &envelope(3), b"x\r\n", prefer_chunking);
        let input = replies.concat();
        let (mut buffer, mut has_ended, mut outcomes) = (Vec::new(), false, None);
        'input: for piece in input.as_bytes().chunks(cut) {
            buffer.extend_from_slice(piece);
            loop {
                let (used, event) = session.receive(&buffer);
                buffer.drain(..used);
                match event {
                    Event::More => break,
                    Event::SendBody => {
                        send_body(&mut session, b"x\r\n");
                        has_ended = true;
                    }
                    Event::Done(list) => {
                        outcomes = Some(list);
                        break 'input;
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
                session.clear_output();
            }
            session.clear_output();
        }
        let outcomes = outcomes.unwrap_or_else(|| session.lost(&codes::CONNECTION_LOST));
        prop_assert_eq!(outcomes.len(), 3);
        if !has_ended {
            let letters = letters(&outcomes);
            prop_assert!(!letters.contains(['D', 'U']), "{}", letters);
        }
    }
}
