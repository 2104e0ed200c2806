//! Any bytes as CMS of every content type: reading ends, releases no more than it should, and gives the same whether the
//! bytes come in one go or in odd pieces.
#![no_main]

#[path = "shared/ber.rs"]
mod ber;
#[path = "shared/keys.rs"]
mod keys;

use std::io::{self, Read};

use chancery_cms::{
    DetachedVerifier, ExpansionLimit, inspect, open_authenticated, open_compressed, open_digested, open_enveloped,
    open_signed_attached,
};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

use ber::Dice;
use keys::KEYS;

/// A bomb is for the tests of the limits; here it would only be slow.
const LIMIT: ExpansionLimit = ExpansionLimit { max_bytes: 1 << 22, max_ratio: 100 };

/// What reading gave, in words, and the content.
type Outcome = (Result<String, String>, Vec<u8>);

/// A reader of one content type.
type Opener = fn(&mut dyn Read) -> Outcome;

const OPENERS: [Opener; 6] = [
    |source| outcome(|out| open_enveloped(source, &*KEYS, out)),
    |source| outcome(|out| open_signed_attached(source, out)),
    |source| outcome(|out| open_authenticated(source, &*KEYS, out)),
    |source| outcome(|out| open_compressed(source, LIMIT, out)),
    |source| outcome(|out| open_digested(source, out)),
    |source| outcome(|_| inspect(source)),
];

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice::new(seed);
    match ber::changed(&data[..size], &mut dice).filter(|changed| changed.len() <= max_size) {
        Some(changed) if dice.below(4) > 0 => {
            data[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});

fuzz_target!(|bytes: &[u8]| {
    for open in OPENERS {
        let whole = open(&mut &bytes[..]);
        let pieces = open(&mut Pieces { rest: bytes, turn: bytes.len() });
        // A random key that stands for a wrong one can give a padding that looks right (RFC 3218): look again.
        if whole != pieces && is_steady(open, bytes, &whole) {
            assert_eq!(whole, pieces);
        }
    }
    let Ok(mut whole) = DetachedVerifier::new(bytes) else { return };
    let mut pieces = DetachedVerifier::new(bytes).expect("as before");
    whole.update(CONTENT);
    CONTENT.chunks(3).for_each(|piece| pieces.update(piece));
    assert_eq!(format!("{:?}", whole.finish()), format!("{:?}", pieces.finish()));
});

fn outcome<T: std::fmt::Debug>(open: impl FnOnce(&mut Vec<u8>) -> Result<T, chancery_cms::Error>) -> Outcome {
    let mut out = Vec::new();
    let result = open(&mut out).map(|report| format!("{report:?}")).map_err(|error| error.to_string());
    // What came out before a failure depends on where pieces ended, and is thrown away.
    if result.is_err() {
        out.clear();
    }
    (result, out)
}

fn is_steady(open: Opener, bytes: &[u8], first: &Outcome) -> bool {
    (0..4).all(|_| open(&mut &bytes[..]) == *first)
}

/// Gives one byte, then two, three, five, and so on.
struct Pieces<'b> {
    rest: &'b [u8],
    turn: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        let length = [1, 2, 3, 5, 1, 17, 64][self.turn % 7].min(buffer.len());
        self.rest.by_ref().take(length as u64).read(buffer)
    }
}

/// What the detached signatures among the seeds are over.
const CONTENT: &[u8] = b"Content-Type: text/plain\r\n\r\nhello\r\n";
