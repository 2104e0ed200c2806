//! Any bytes as a client's side of a session: it ends, its output is bounded, and cutting the input changes nothing.
#![no_main]

use chancery_wire::smtp::Reply;
use chancery_wire::smtp::server::{AuthOffer, Config, Event, Session};
use libfuzzer_sys::fuzz_target;

/// What a driver must be able to rely on: more replies than this for one octet would be an amplifier.
const MOST_OUTPUT_PER_OCTET: usize = 600;

fuzz_target!(|bytes: &[u8]| {
    let Some((&cut, input)) = bytes.split_first() else { return };
    let whole = replies(input, usize::MAX);
    assert!(whole.len() <= (input.len() + 1) * MOST_OUTPUT_PER_OCTET);
    assert_eq!(replies(input, usize::from(cut).max(1)), whole, "the same input in other pieces");
});

/// Runs a session over the input and returns all it said, as a driver does that shows what was not consumed again.
fn replies(input: &[u8], size: usize) -> Vec<u8> {
    let mut config = Config::new("gateway.acme.example");
    config.max_message_size = 10_000;
    config.max_recipients = 3;
    config.offer_starttls = true;
    config.auth = AuthOffer::Always;
    let mut session = Session::new(config);
    let mut said = Vec::new();
    let mut start = 0;
    let mut end = 0;
    let mut recipients = 0;
    // Every step consumes, answers or asks for more; ten for each octet is far more than any needs.
    for _ in 0..(input.len() + 1) * 10 {
        let (used, event) = session.step(&input[start..end]);
        let mut over = false;
        match event {
            Event::Auth(_) => session.answer(Ok(())),
            Event::Begin => session.answer(Ok(())),
            Event::Mail(_) => {
                recipients = 0;
                session.answer(Ok(()));
            }
            Event::Rcpt(_) => {
                recipients += 1;
                session.answer(Ok(()));
            }
            Event::End => session.finish(&vec![Reply::new(250, (2, 0, 0), "ok"); recipients.max(1)]),
            // What follows in clear is thrown away, and how much of it is there depends on the pieces.
            Event::StartTls => over = true,
            Event::Close => over = true,
            Event::More => {
                if session.output().is_empty() {
                    over = end == input.len();
                    end = (end.saturating_add(size)).min(input.len());
                }
            }
            Event::Body(_) | Event::Discard(_) | Event::Hello { .. } | Event::Reset => {}
        }
        start += used;
        said.extend_from_slice(session.output());
        session.clear_output();
        if over {
            return said;
        }
    }
    panic!("the session does not come to an end");
}
