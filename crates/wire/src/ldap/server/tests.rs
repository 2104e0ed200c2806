//! What a connection answers by itself, and that nothing breaks it.

use proptest::prelude::*;

use super::*;
use crate::ldap::{Filter, Foreign, Scope};

fn search(id: u32) -> Message {
    let request = SearchRequest {
        base: String::new(),
        scope: Scope::Subtree,
        dereference: crate::ldap::Dereference::Never,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: Filter::equal("mail", b"a@b.example"),
        attributes: vec![],
    };
    Message::new(id, Operation::SearchRequest(request))
}

fn session() -> Session {
    Session::new(Settings { offers_tls: true, takes_passwords: true, ..Settings::default() })
}

/// Sends one request; returns what was made of it and the answers.
fn say(session: &mut Session, message: &Message) -> (Event, Vec<Message>) {
    session.feed(&message.to_ber());
    assert!(session.first().unwrap().is_some());
    let event = session.take(0);
    (event, answers(session))
}

fn answers(session: &mut Session) -> Vec<Message> {
    let mut octets = Vec::new();
    session.take_output(&mut octets);
    let (mut rest, mut messages) = (octets.as_slice(), Vec::new());
    while let Ok(Some(length)) = length_of_first(rest) {
        messages.push(Message::from_ber(&rest[..length]).unwrap());
        rest = &rest[length..];
    }
    assert!(rest.is_empty());
    messages
}

fn code(answers: &[Message]) -> u32 {
    match &answers[0].operation {
        Operation::BindDone(outcome)
        | Operation::SearchDone(outcome)
        | Operation::ForeignDone(_, outcome) => outcome.code,
        Operation::Extended(response) => response.outcome.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn binds_are_answered_as_they_should_be() {
    let bind = |name: &str, password: &str| BindRequest::simple(name, password.into());
    let sasl = BindRequest {
        authentication: Authentication::Sasl("GSSAPI".to_owned()),
        ..BindRequest::anonymous()
    };
    let old = BindRequest { version: 2, ..BindRequest::anonymous() };
    for (request, expected) in [
        (bind("", ""), Outcome::SUCCESS),
        (bind("cn=ann", ""), Outcome::UNWILLING),
        (bind("cn=ann", "secret"), Outcome::CONFIDENTIALITY_REQUIRED),
        (sasl, Outcome::METHOD_NOT_SUPPORTED),
        (old, Outcome::PROTOCOL_ERROR),
    ] {
        let (event, answers) = say(&mut session(), &Message::new(7, Operation::Bind(request)));
        assert_eq!((event, answers[0].id, code(&answers)), (Event::Answered, 7, expected));
    }
}

#[test]
fn passwords_are_asked_about_over_tls_only_and_a_failed_bind_is_nobody() {
    let mut session = session();
    session.tls_established();
    let request = Message::new(1, Operation::Bind(BindRequest::simple("ann", b"secret".to_vec())));
    let (event, answers) = say(&mut session, &request);
    let password = Password(b"secret".to_vec());
    assert_eq!(format!("{password:?}"), "Password(..)");
    assert_eq!(event, Event::Bind { id: 1, name: "ann".to_owned(), password });
    assert!(answers.is_empty());
    session.bound(1, "ann", Outcome::default());
    assert_eq!((code(&self::answers(&mut session)), session.identity()), (0, "ann"));
    let who = Message::new(2, Operation::ExtendedRequest(ExtendedRequest::new(WHO_AM_I)));
    let (_, answers) = say(&mut session, &who);
    let Operation::Extended(response) = &answers[0].operation else { panic!() };
    assert_eq!(response.value.as_deref(), Some(&b"u:ann"[..]));
    say(&mut session, &request);
    assert_eq!(session.identity(), "");
    session.bound(1, "ann", Outcome::new(Outcome::INVALID_CREDENTIALS, ""));
    assert_eq!(session.identity(), "");
}

#[test]
fn writes_are_refused_and_unknown_critical_controls_too() {
    for foreign in
        [Foreign::Add, Foreign::Compare, Foreign::Delete, Foreign::Modify, Foreign::ModifyName]
    {
        let (event, answers) = say(&mut session(), &Message::new(3, Operation::Foreign(foreign)));
        assert_eq!((event, code(&answers)), (Event::Answered, Outcome::UNWILLING));
        assert!(matches!(answers[0].operation, Operation::ForeignDone(it, _) if it == foreign));
    }
    let control =
        |kind: &str, is_critical| Control { kind: kind.to_owned(), is_critical, value: None };
    let paging = "1.2.840.113556.1.4.319";
    let mut message = search(4);
    message.controls = vec![control(paging, false), control(HARMLESS_CONTROLS[0], true)];
    assert!(matches!(say(&mut session(), &message).0, Event::Search { id: 4, .. }));
    message.controls = vec![control(paging, true)];
    let (event, answers) = say(&mut session(), &message);
    assert_eq!((event, code(&answers)), (Event::Answered, Outcome::UNAVAILABLE_CRITICAL));
}

#[test]
fn tls_begins_once_and_nothing_may_come_behind_its_request() {
    let start = Message::new(1, Operation::ExtendedRequest(ExtendedRequest::new(START_TLS)));
    let mut open = session();
    let (event, answers) = say(&mut open, &start);
    assert_eq!((event, code(&answers)), (Event::StartTls, 0));
    open.tls_established();
    assert_eq!(code(&say(&mut open, &start).1), Outcome::OPERATIONS_ERROR);
    let mut injected = session();
    injected.feed(&[start.to_ber(), search(2).to_ber()].concat());
    assert!(injected.first().unwrap().is_some());
    assert_eq!(injected.take(0), Event::Answered);
    assert_eq!(code(&self::answers(&mut injected)), Outcome::OPERATIONS_ERROR);
    let mut without = Session::new(Settings::default());
    assert_eq!(code(&say(&mut without, &start).1), Outcome::PROTOCOL_ERROR);
    let mut busy = session();
    busy.feed(&start.to_ber());
    assert_eq!(busy.take(1), Event::Answered);
}

#[test]
fn what_is_broken_ends_the_connection_with_a_notice() {
    let answer = Message::new(1, Operation::BindDone(Outcome::default())).to_ber();
    let long = [0x30, 0x84, 0x7f, 0xff, 0xff, 0xff];
    for octets in [&answer[..], &search(0).to_ber(), &[0x30, 1, 0], &long, b"GET / HTTP/1.1"] {
        let mut session = session();
        session.feed(octets);
        let is_whole = session.first().is_ok_and(|first| first.is_some());
        assert!(!is_whole || session.take(0) == Event::Close);
        let answers = answers(&mut session);
        let Operation::Extended(notice) = &answers[0].operation else { panic!() };
        assert_eq!((answers[0].id, notice.name.as_deref()), (0, Some(DISCONNECTION)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn pieces_of_any_size_give_the_same_requests(sizes in prop::collection::vec(1..90_usize, 1..40)) {
        let octets: Vec<u8> = (1..20).flat_map(|id| search(id).to_ber()).collect();
        let (mut session, mut rest, mut seen) = (session(), octets.as_slice(), Vec::new());
        for size in sizes.iter().cycle() {
            let (piece, later) = rest.split_at((*size).min(rest.len()));
            session.feed(piece);
            rest = later;
            while session.first().unwrap().is_some() {
                let Event::Search { id, .. } = session.take(0) else { panic!() };
                seen.push(id);
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(seen, (1..20).collect::<Vec<_>>());
    }

    #[test]
    fn any_octets_are_served_or_end_the_connection(
        octets in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut changed = [search(1).to_ber(), search(2).to_ber()].concat();
        let place = at.index(changed.len());
        changed[place] ^= flip;
        for octets in [octets, changed] {
            let mut session = session();
            session.feed(&octets);
            for _ in 0..octets.len() {
                if !matches!(session.first(), Ok(Some(_))) || session.take(0) == Event::Close {
                    break;
                }
            }
            answers(&mut session);
        }
    }
}
