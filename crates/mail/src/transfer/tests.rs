//! What is encoded is decoded again however the streams are cut, and rubbish never hurts.

use std::io::{Read, Write};

use proptest::prelude::*;

use super::{
    Base64Decoder, Base64Encoder, Decoder, QuotedPrintableDecoder, decode, encode_quoted_printable,
};
use crate::content_type::TransferEncoding::{Base64, EightBit, QuotedPrintable};

/// Gives at most `step` bytes a call.
struct Slow<'a> {
    rest: &'a [u8],
    step: usize,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let step = self.step.min(buffer.len());
        self.rest.read(&mut buffer[..step])
    }
}

fn base64(bytes: &[u8], step: usize) -> Vec<u8> {
    let mut encoder = Base64Encoder::new(Vec::new());
    for chunk in bytes.chunks(step) {
        encoder.write_all(chunk).unwrap();
    }
    encoder.finish().unwrap()
}

fn read_all(mut source: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    source.read_to_end(&mut all).unwrap();
    all
}

#[test]
fn base64_is_read_as_loosely_as_it_is_written() {
    for (text, bytes) in [
        ("", &b""[..]),
        ("aGVsbG8=", b"hello"),
        ("aGVsbG8=\r\n", b"hello"),
        ("aGVs\nbG8", b"hello"),
        ("a G*V!s\0b\u{ff}G8=", b"hello"),
        ("aGVsbG8=\r\n-- \r\nfooter of a list", b"hello"),
        ("aGVsbG8h", b"hello!"),
        ("aGVsbG9=", b"hello"),
        ("aGVsb", b"hel"),
        ("====", b""),
        ("a", b""),
    ] {
        // The string holds Latin-1, one char for each byte.
        let text: Vec<u8> =
            text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(0xff)).collect();
        assert_eq!(decode(Base64, &text), bytes, "{text:?}");
    }
}

#[test]
fn base64_lines_have_76_characters() {
    let text = base64(&[7; 1000], 1000);
    let lines: Vec<_> = text.split(|&byte| byte == b'\n').collect();
    assert!(lines[..17].iter().all(|line| line.len() == 77 && line.ends_with(b"\r")));
    assert_eq!(lines[18], b"");
    assert_eq!(base64(b"", 1), b"");
    assert_eq!(base64(&[0; 57], 57).len(), 78);
}

#[test]
fn quoted_printable_is_read_as_loosely_as_it_is_written() {
    for (text, bytes) in [
        ("a=20b=C3=BC", "a b\u{fc}"),
        ("a=c3=bc", "a\u{fc}"),
        ("soft=\r\nbreak=  \r\nhere=\nthere", "softbreakherethere"),
        ("padding  \t\r\nnext \nend ", "padding\r\nnext\nend"),
        ("bad =G1 =4 = x", "bad =G1 =4 = x"),
        ("==41", "=A"),
        ("=\r=41", "=\rA"),
        ("cr\rcr\r\r\n", "cr\rcr\r\r\n"),
        ("last =", "last "),
        ("last =4", "last =4"),
    ] {
        assert_eq!(
            String::from_utf8_lossy(&decode(QuotedPrintable, text.as_bytes())),
            text_of(bytes),
            "{text:?}"
        );
    }
}

fn text_of(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_body_of_spaces_needs_no_memory() {
    let spaces = vec![b' '; 1 << 20];
    let mut decoder = QuotedPrintableDecoder::new(&spaces[..]);
    let mut total = 0;
    let mut buffer = [0; 4096];
    loop {
        let length = decoder.read(&mut buffer).unwrap();
        assert!(buffer[..length].iter().all(|&byte| byte == b' '));
        total += length;
        if length == 0 {
            break;
        }
    }
    assert!((1 << 20) - total <= 1024);
}

#[test]
fn an_error_of_the_sink_comes_through() {
    let mut room = [0; 100];
    let mut encoder = Base64Encoder::new(&mut room[..]);
    let outcome = encoder.write_all(&vec![1; 1 << 20]);
    assert_eq!(outcome.unwrap_err().kind(), std::io::ErrorKind::WriteZero);
}

proptest! {
    #[test]
    fn base64_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..2000), write in 1_usize..200, read in 1_usize..200) {
        let text = base64(&bytes, write);
        prop_assert_eq!(&text, &base64(&bytes, bytes.len().max(1)));
        prop_assert_eq!(read_all(Base64Decoder::new(Slow { rest: &text, step: read })), bytes);
    }

    #[test]
    fn quoted_printable_comes_back(text in "([a-zA-Z=. \t\u{fc}\u{0}-\u{8}\u{20ac}]{0,200}\r\n){0,5}[a-z =]{0,9}", read in 1_usize..50) {
        let encoded = encode_quoted_printable(text.as_bytes());
        prop_assert!(encoded.split("\r\n").all(|line| line.len() <= 76 && line.is_ascii() && !line.ends_with([' ', '\t'])));
        let decoded = read_all(QuotedPrintableDecoder::new(Slow { rest: encoded.as_bytes(), step: read }));
        prop_assert_eq!(String::from_utf8(decoded).unwrap(), text);
    }

    #[test]
    fn rubbish_is_decoded_alike_however_it_is_cut(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'='), Just(b'\r'), Just(b'\n'), Just(b' '), Just(b'4')], 0..300),
        step in 1_usize..20,
    ) {
        for encoding in [Base64, QuotedPrintable, EightBit] {
            let slow = read_all(Decoder::new(encoding, Slow { rest: &bytes, step }));
            prop_assert_eq!(slow, decode(encoding, &bytes));
        }
    }
}

proptest! {
    // Each case is slow where our own code is not optimised.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn large_base64_comes_back(length in 30_000_usize..120_000, write in 1_usize..70_000, seed in any::<u8>()) {
        let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap() ^ seed).collect();
        prop_assert_eq!(read_all(Base64Decoder::new(&base64(&bytes, write)[..])), bytes);
    }
}
