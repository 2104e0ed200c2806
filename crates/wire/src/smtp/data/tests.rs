//! Tests of the body receiver and stuffer.

use proptest::prelude::*;

use super::*;

/// Feeds `wire` cut into pieces of the given lengths (repeated); returns body, flaw and what is left after the end.
fn receive(wire: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<Flaw>, Option<Vec<u8>>) {
    let mut receiver = Receiver::new();
    let mut body = Vec::new();
    let mut cuts = cuts.iter().copied().chain([usize::MAX]).cycle();
    let mut rest = wire;
    while !rest.is_empty() {
        let (mut chunk, after) = rest.split_at(cuts.next().unwrap().clamp(1, rest.len()));
        loop {
            let (used, piece) = receiver.next(chunk);
            chunk = &chunk[used..];
            match piece {
                Piece::Body(octets) => body.extend_from_slice(octets),
                Piece::End => return (body, receiver.flaw(), Some([chunk, after].concat())),
                Piece::More => break,
            }
        }
        assert!(chunk.is_empty());
        rest = after;
    }
    (body, receiver.flaw(), None)
}

fn stuff(body: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut stuffer = Stuffer::new();
    let mut out = Vec::new();
    let mut cuts = cuts.iter().copied().chain([usize::MAX]).cycle();
    let mut rest = body;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(cuts.next().unwrap().clamp(1, rest.len()));
        stuffer.push(chunk, &mut out);
        rest = after;
    }
    stuffer.finish(&mut out);
    out
}

#[test]
fn bodies_come_out_exactly() {
    for (wire, body) in [
        (".\r\n", ""),
        ("\r\n.\r\n", "\r\n"),
        ("a\r\n.\r\n", "a\r\n"),
        ("..\r\n.\r\n", ".\r\n"),
        ("...\r\n.\r\n", "..\r\n"),
        (".a\r\n.\r\n", "a\r\n"),
        ("a.b\r\n..c\r\n\r\n..\r\n.\r\n", "a.b\r\n.c\r\n\r\n.\r\n"),
    ] {
        for cuts in [&[][..], &[1], &[2], &[3], &[1, 3]] {
            let wire = [wire.as_bytes(), b"QUIT\r\n"].concat();
            let (received, flaw, left) = receive(&wire, cuts);
            assert_eq!(received, body.as_bytes(), "{wire:?}");
            assert_eq!(flaw, None);
            assert_eq!(left.as_deref(), Some(&b"QUIT\r\n"[..]));
        }
    }
}

#[test]
fn smuggling_endings_neither_end_the_body_nor_pass() {
    for ending in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r\n.\r",
        "\r.\r\n",
        "\n.\r",
        "\r.\n",
        "\r\n\0.\r\n",
        "\r\n.\0\r\n",
        "\r\n.\r\r\n",
        "\r\r\n.\r\r\n",
        "\n\n.\r\n",
        "\r\n.\r\0\n",
        "\0\r\n.\n",
    ] {
        let wire = format!("text{ending}MAIL FROM:<evil@example.com>\r\n.\r\nQUIT\r\n");
        for cuts in [&[][..], &[1], &[2], &[3], &[5], &[7, 1]] {
            let (_, flaw, left) = receive(wire.as_bytes(), cuts);
            assert!(flaw.is_some(), "{ending:?} passed");
            assert_eq!(left.as_deref(), Some(&b"QUIT\r\n"[..]), "{ending:?} ended the body");
        }
    }
}

#[test]
fn body_may_begin_with_a_false_end() {
    for start in [".\n", ".\r", "\n.\r\n", "\r.\r\n"] {
        let wire = format!("{start}x\r\n.\r\n");
        let (_, flaw, left) = receive(wire.as_bytes(), &[1]);
        assert_eq!(flaw, Some(Flaw::BareNewline), "{start:?}");
        assert_eq!(left.as_deref(), Some(&b""[..]));
    }
}

#[test]
fn nul_is_told_from_bare_newline() {
    assert_eq!(receive(b"a\0b\r\n.\r\n", &[]).1, Some(Flaw::Nul));
    // The first one counts, however the body is cut.
    assert_eq!(receive(b"a\0b\n\r\n.\r\n", &[]).1, Some(Flaw::Nul));
    assert_eq!(receive(b"a\nb\0\r\n.\r\n", &[]).1, Some(Flaw::BareNewline));
    assert_eq!(receive(b"\r\0\n\r\n.\r\n", &[]).1, Some(Flaw::BareNewline));
}

#[test]
fn stuffer_never_writes_a_bare_newline() {
    assert_eq!(stuff(b"a\n.\nMAIL", &[]), b"a\r\n..\r\nMAIL\r\n.\r\n");
    assert_eq!(stuff(b"a\r.\rb\r", &[1]), b"a\r\n..\r\nb\r\n.\r\n");
    assert_eq!(stuff(b"\r\r\n", &[1]), b"\r\n\r\n.\r\n");
    assert_eq!(stuff(b"", &[]), b".\r\n");
    assert_eq!(stuff(b".", &[]), b"..\r\n.\r\n");
}

#[test]
fn facts_are_found() {
    let base = Facts { ends_with_crlf: true, ..Facts::default() };
    assert_eq!(Facts::of(b""), base);
    assert_eq!(Facts::of(b"a\r\n"), Facts { length: 3, ..base });
    assert_eq!(Facts::of(b"a"), Facts { length: 1, ends_with_crlf: false, ..base });
    assert_eq!(Facts::of("ü\r\n".as_bytes()), Facts { length: 4, is_8bit: true, ..base });
    assert!(Facts::of(b"a\n").has_bare_newline);
    assert!(Facts::of(b"a\r").has_bare_newline);
    assert!(Facts::of(b"\0").has_nul);
}

/// Octets that are all special to the receiver, with a few that are not.
fn nasty() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"\r\n\r\n..\0ab".to_vec()), 0..60)
}

fn crlf_text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::collection::vec(prop::sample::select(b"..ab \xc3\xff".to_vec()), 0..6);
    prop::collection::vec(line, 0..12).prop_map(|lines| {
        lines.into_iter().flat_map(|line| [line, b"\r\n".to_vec()].concat()).collect()
    })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..8_usize, 0..6)
}

proptest! {
    #[test]
    fn stuffed_text_comes_back(body in crlf_text(), cut in cuts(), cut2 in cuts()) {
        let (received, flaw, left) = receive(&stuff(&body, &cut), &cut2);
        prop_assert_eq!(received, body);
        prop_assert_eq!(flaw, None);
        prop_assert_eq!(left, Some(Vec::new()));
    }

    #[test]
    fn whatever_is_stuffed_is_clean_on_the_wire(mut body in nasty(), cut in cuts()) {
        body.retain(|octet| *octet != 0);
        let (_, flaw, left) = receive(&stuff(&body, &cut), &[]);
        prop_assert_eq!(flaw, None);
        prop_assert_eq!(left, Some(Vec::new()));
    }

    #[test]
    fn cutting_changes_nothing(wire in nasty(), cut in cuts()) {
        prop_assert_eq!(receive(&wire, &cut), receive(&wire, &[]));
    }

    #[test]
    fn ends_only_at_the_one_true_end(wire in nasty()) {
        let with_start = [b"\r\n".as_slice(), &wire].concat();
        let end = with_start.windows(5).position(|window| window == b"\r\n.\r\n");
        let left = receive(&wire, &[]).2;
        prop_assert_eq!(left.map(|left| wire.len() - left.len()), end.map(|at| at + 3));
    }

    #[test]
    fn scanner_agrees_with_a_slow_one(body in nasty(), cut in cuts()) {
        let mut scanner = Scanner::default();
        let mut rest = &body[..];
        let mut sizes = cut.iter().copied().chain([7]).cycle();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(sizes.next().unwrap().min(rest.len()));
            scanner.push(chunk);
            rest = after;
        }
        let text = String::from_utf8(body.clone()).unwrap();
        let without = text.replace("\r\n", "");
        prop_assert_eq!(scanner.finish(), Facts {
            length: body.len() as u64,
            is_8bit: false,
            ends_with_crlf: body.is_empty() || body.ends_with(b"\r\n"),
            has_bare_newline: without_crlf_has_newline(&body),
            has_nul: without.contains('\0'),
        });
    }
}

fn without_crlf_has_newline(body: &[u8]) -> bool {
    body.iter().enumerate().any(|(at, octet)| match octet {
        b'\r' => body.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || body[at - 1] != b'\r',
        _ => false,
    })
}
