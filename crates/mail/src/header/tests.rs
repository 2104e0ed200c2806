//! Where a header block ends, and what its fields are, whatever stands in it.

use proptest::prelude::*;

use super::{HeaderBlock, loose_lines, loose_name, split_name};

fn names(message: &[u8]) -> Vec<&str> {
    HeaderBlock::parse(message).fields().map(|field| field.name).collect()
}

#[test]
fn the_block_ends_at_the_first_empty_line() {
    for (message, raw, body) in [
        ("A: 1\r\nB: 2\r\n\r\nbody", "A: 1\r\nB: 2\r\n", 14),
        ("A: 1\nB: 2\n\nbody", "A: 1\nB: 2\n", 11),
        ("A: 1\r\n\nbody", "A: 1\r\n", 7),
        ("\r\nbody", "", 2),
        ("\nbody", "", 1),
        ("A: 1\r\n \r\nB: 2\r\n\r\n", "A: 1\r\n \r\nB: 2\r\n", 17),
        ("A: 1\r\n\r\r\nB: 2\r\n\r\n", "A: 1\r\n\r\r\nB: 2\r\n", 17),
        ("A: 1", "A: 1", 4),
        ("", "", 0),
    ] {
        let block = HeaderBlock::parse(message.as_bytes());
        assert_eq!(
            (std::str::from_utf8(block.raw()).unwrap(), block.body_offset()),
            (raw, body),
            "{message:?}"
        );
    }
    assert!(HeaderBlock::parse(b"\r\n").is_terminated());
    assert!(!HeaderBlock::parse(b"A: 1\r\n").is_terminated());
}

#[test]
fn a_header_with_anything_but_fields_can_be_read_differently() {
    for header in [
        "",
        "A: 1",
        "A: 1\r\nB:\r\n\tfolded\r\n more\r\n",
        "A: 1\nB: \u{e4}\n",
        "From x@y Thu Jan  1 00:00:00 1970\r\nA: 1\r\n",
        "From x@y Thu Jan  1 00:00:00 1970\nFrom: x@y\n",
    ] {
        assert!(HeaderBlock::parse(header.as_bytes()).is_unequivocal(), "{header:?}");
    }
    for line in [
        "Dear Bob, pay today.",
        "Dear Bob: pay today.",
        "From x@y Thu Jan  1 00:00:00 1970",
        ">From x@y Thu Jan  1 00:00:00 1970",
        ": pay",
        "B : 2",
        "B\t: 2",
        " ",
        "\t",
        "\x0c",
        "\0",
        "B: 2\0",
        "B: 2\r",
        "B: 2\rDear Bob",
        "B:\r\n \r\n 2",
        "\u{e4}: 2",
        "B\u{e4}: 2",
    ] {
        let header = format!("A: 1\r\n{line}\r\nC: 3\r\n");
        assert!(!HeaderBlock::parse(header.as_bytes()).is_unequivocal(), "{header:?}");
    }
    for header in [" folded\r\nA: 1\r\n", "From x\r\n folded\r\n", "From x\r\nFrom y\r\n"] {
        assert!(!HeaderBlock::parse(header.as_bytes()).is_unequivocal(), "{header:?}");
    }
}

#[test]
fn fields_are_found_between_rubbish() {
    let message = b"From x@y Thu Jan  1 00:00:00 1970\r\n\
        A: 1\r\n folded\r\n\
        no field\r\n and no continuation\r\n\
        B :2\r\n\
        : no name\r\n\
        C d: space in the name\r\n\
        N\xc3\xa4me: not ASCII\r\n\
        E:\r\n\
        F: last";
    assert_eq!(names(message), ["A", "B", "E", "F"]);
    let block = HeaderBlock::parse(message);
    assert_eq!(block.first("a").unwrap().raw, b"A: 1\r\n folded\r\n");
    assert_eq!(block.first("a").unwrap().value, b" 1\r\n folded");
    assert_eq!(block.text("a").unwrap(), "1 folded");
    assert_eq!(block.text("b").unwrap(), "2");
    assert_eq!(block.text("e").unwrap(), "");
    assert_eq!(block.first("f").unwrap().raw, b"F: last");
    assert_eq!(&message[block.first("f").unwrap().range()], b"F: last");
}

#[test]
fn a_continuation_at_the_start_belongs_to_nothing() {
    assert_eq!(names(b" A: 1\r\nB: 2\r\n\r\n"), ["B"]);
}

#[test]
fn careless_readers_see_more() {
    let lines: Vec<_> =
        loose_lines(b"A: 1\rB: 2\r\nC: 3\nD").map(|(at, line)| (at, line.len())).collect();
    assert_eq!(lines, [(0, 5), (5, 6), (11, 5), (16, 1)]);
    assert_eq!(loose_name(b" Fr\0o\x7fm\t: x").as_deref(), Some("from"));
    assert_eq!(loose_name(b"no colon"), None);
}

#[test]
fn a_hundred_thousand_fields_are_walked_once() {
    let mut message = b"X-A: b\r\n".repeat(100_000);
    message.extend_from_slice(b"Last: 1\r\n\r\n");
    let block = HeaderBlock::parse(&message);
    assert_eq!(block.fields().count(), 100_001);
    assert_eq!(block.text("last").unwrap(), "1");
}

proptest! {
    #[test]
    fn any_bytes_have_a_header(message in proptest::collection::vec(any::<u8>(), 0..400)) {
        let block = HeaderBlock::parse(&message);
        prop_assert!(block.raw().len() <= block.body_offset() && block.body_offset() <= message.len());
        let mut end = 0;
        for field in block.fields() {
            prop_assert!(field.offset >= end && !field.name.is_empty());
            prop_assert_eq!(&message[field.range()], field.raw);
            prop_assert!(field.text().chars().all(|c| !c.is_control()));
            end = field.range().end;
        }
        prop_assert!(end <= block.raw().len());
    }

    #[test]
    fn fields_come_back(
        fields in proptest::collection::vec(("[!-9;-~]{1,20}", "[ -~]{0,30}(\r\n[ \t][ -~]{1,20}){0,2}"), 0..10),
        newline in prop_oneof![Just("\r\n"), Just("\n")],
    ) {
        let text = fields.iter().fold(String::new(), |text, (name, value)| text + name + ":" + value + "\r\n");
        let message = format!("{text}\r\nbody").replace("\r\n", newline);
        let block = HeaderBlock::parse(message.as_bytes());
        let found: Vec<_> = block.fields().map(|field| (field.name.to_owned(), String::from_utf8(field.value.to_vec()).unwrap())).collect();
        let wanted: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), value.replace("\r\n", newline))).collect();
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(&message.as_bytes()[block.body_offset()..], b"body");
    }

    #[test]
    fn a_split_line_is_name_colon_value(line in "[ -~]{0,40}") {
        if let Some((name, value)) = split_name(line.as_bytes()) {
            prop_assert!(line.starts_with(name) && line.as_bytes().ends_with(value));
        }
    }
}
