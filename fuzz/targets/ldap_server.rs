//! Any bytes as what a client sends, in pieces: the session never panics, keeps no more than a request, and what it answers
//! can be read.
#![no_main]

use chancery_wire::ldap::server::{Event, Session, Settings};
use chancery_wire::ldap::{Message, Outcome, length_of_first};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (size, is_tls, bytes) = input;
    let settings = Settings { max_request: 4_096, offers_tls: true, takes_passwords: true };
    let mut session = Session::new(settings);
    if is_tls {
        session.tls_established();
    }
    let mut output = Vec::new();
    'connection: for piece in bytes.chunks(usize::from(size) + 1) {
        session.feed(piece);
        loop {
            match session.first() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => break 'connection,
            }
            match session.take(usize::from(size & 1)) {
                Event::Close => break 'connection,
                Event::Bind { id, name, .. } => session.bound(id, &name, Outcome::default()),
                Event::StartTls => session.tls_established(),
                Event::Search { request, .. } => drop(request.filter.steps()),
                Event::Abandon(_) | Event::Answered => {}
            }
        }
    }
    session.take_output(&mut output);
    let mut rest = output.as_slice();
    while let Some(length) = length_of_first(rest).expect("an answer is a message") {
        let (first, later) = rest.split_at(length);
        Message::from_ber(first).expect("an answer can be read");
        rest = later;
    }
    assert!(rest.is_empty());
});
