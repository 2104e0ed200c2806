//! Tests of the reader for streams.

use std::io::Read;

use proptest::prelude::*;

use super::{Reader, definite_form};
use crate::error::Error;
use crate::tlv::{Slice, element, header, tag, write_header};

/// Gives one byte at a time, the least that a source may.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

fn octets(bytes: &[u8]) -> Result<(Vec<u8>, u64), Error> {
    let mut content = Vec::new();
    let mut reader = Reader::new(Drip(bytes));
    reader.octets(tag::OCTET_STRING, |piece| {
        content.extend_from_slice(piece);
        Ok(())
    })?;
    Ok((content, reader.finish()?))
}

#[test]
fn octet_strings_of_every_form_are_read() {
    let cases: [(&[u8], &[u8]); 6] = [
        (&[0x04, 0x00], b""),
        (&[0x04, 0x03, 1, 2, 3], &[1, 2, 3]),
        (&[0x04, 0x82, 0x00, 0x03, 1, 2, 3], &[1, 2, 3]),
        (&[0x24, 0x80, 0x04, 1, 1, 0x04, 2, 2, 3, 0, 0], &[1, 2, 3]),
        (&[0x24, 0x07, 0x04, 1, 1, 0x24, 0x02, 0x04, 0x00], &[1]),
        (&[0x24, 0x80, 0x24, 0x80, 0x24, 0x80, 0x04, 1, 9, 0, 0, 0, 0, 0, 0], &[9]),
    ];
    for (bytes, expected) in cases {
        assert_eq!(octets(bytes).unwrap(), (expected.to_vec(), 0), "{bytes:x?}");
        for length in 0..bytes.len() {
            assert!(
                matches!(octets(&bytes[..length]), Err(Error::Malformed { .. })),
                "{bytes:x?} cut at {length}"
            );
        }
        let (_, trailing) = octets(&[bytes, &[0, 1, 2]].concat()).unwrap();
        assert_eq!(trailing, 3);
    }
}

#[test]
fn wrong_octet_strings_are_refused_with_their_place() {
    let cases: [(&[u8], u64); 6] = [
        // Something else inside.
        (&[0x24, 0x80, 0x02, 1, 1, 0, 0], 4),
        // Longer than the one around it.
        (&[0x24, 0x03, 0x04, 2, 1, 2], 2),
        // A header that is cut by the end of the one around it.
        (&[0x24, 0x01, 0x04, 0, 0], 2),
        // Primitive of indefinite length, a tag above 30, a length of nine bytes.
        (&[0x04, 0x80, 0, 0], 0),
        (&[0x1f, 0x81, 0x01, 0], 0),
        (&[0x04, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0),
    ];
    for (bytes, place) in cases {
        let error = octets(bytes).unwrap_err();
        assert!(
            matches!(error, Error::Malformed { offset, .. } if offset == place),
            "{bytes:x?}: {error}"
        );
    }
}

#[test]
fn depth_has_a_limit() {
    let deep = |levels: usize| [[0x24, 0x80].repeat(levels), vec![0; 2 * levels]].concat();
    assert!(octets(&deep(32)).is_ok());
    assert!(matches!(octets(&deep(33)), Err(Error::Limit { .. })));
    let deep = |levels: usize| [[0x30, 0x80].repeat(levels), vec![0; 2 * levels]].concat();
    let capture = |bytes: &[u8]| Reader::new(bytes).any_element(10_000);
    assert!(capture(&deep(31)).is_ok());
    assert!(matches!(capture(&deep(40)), Err(Error::Limit { .. })));
    // Definite lengths nest as deeply.
    let definite = (0..40).fold(Vec::new(), |inner, _| element(tag::SEQUENCE, &[&inner]));
    assert!(matches!(capture(&definite), Err(Error::Limit { .. })));
}

#[test]
fn captured_elements_have_limits() {
    let long = element(tag::SEQUENCE, &[&[0; 1000]]);
    assert!(matches!(
        Reader::new(long.as_slice()).any_element(999),
        Err(Error::Limit { limit: 999, .. })
    ));
    let pieces = [vec![0x30, 0x80], [0x04, 0x00].repeat(600), vec![0, 0]].concat();
    assert!(matches!(Reader::new(pieces.as_slice()).any_element(999), Err(Error::Limit { .. })));
    assert!(Reader::new(pieces.as_slice()).any_element(2000).is_ok());
}

#[test]
fn definite_form_joins_strings_and_shortens_lengths() {
    let bytes = [
        0x30, 0x80, 0x24, 0x80, 0x04, 1, 1, 0x04, 1, 2, 0, 0, 0x02, 0x81, 0x01, 5, 0x31, 0x80, 0,
        0, 0, 0,
    ];
    let expected = [0x30, 0x09, 0x04, 2, 1, 2, 0x02, 1, 5, 0x31, 0];
    assert_eq!(definite_form(bytes.to_vec(), 0).unwrap(), expected);
    assert_eq!(definite_form(expected.to_vec(), 0).unwrap(), expected);
    assert!(definite_form(vec![0x30, 0x05, 0x02, 0x80, 0, 0, 0], 0).is_err());
}

#[test]
fn skipping_finds_the_next_element() {
    let first = [0x30, 0x80, 0x30, 0x80, 0x02, 1, 7, 0, 0, 0x04, 2, 0, 0, 0, 0];
    let bytes = [&first[..], &[0x02, 1, 9]].concat();
    let whole = element(tag::SEQUENCE, &[&bytes]);
    let mut reader = Reader::new(whole.as_slice());
    reader.enter(tag::SEQUENCE, "x").unwrap();
    reader.skip().unwrap();
    assert_eq!(reader.element(tag::INTEGER, 10, "x").unwrap(), [2, 1, 9]);
    reader.leave().unwrap();
}

/// A tree of elements, and its encoding with any mixture of forms.
fn element_strategy() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let leaf = (
        prop_oneof![Just(0x02u8), Just(0x04), Just(0x80)],
        proptest::collection::vec(any::<u8>(), 0..200),
    )
        .prop_map(|(tag, content)| {
            let plain = element(tag, &[&content]);
            (plain.clone(), plain)
        });
    leaf.prop_recursive(5, 40, 5, |inner| {
        (
            proptest::collection::vec(inner, 0..5),
            0u8..3,
            prop_oneof![Just(0x30u8), Just(0x31), Just(0xa1)],
        )
            .prop_map(|(children, form, tag)| {
                let definite: Vec<&[u8]> =
                    children.iter().map(|(definite, _)| definite.as_slice()).collect();
                let ber: Vec<u8> = children.iter().flat_map(|(_, ber)| ber.clone()).collect();
                let encoded = match form {
                    0 => element(tag, &[&ber]),
                    1 => [&[tag, 0x80], ber.as_slice(), &[0, 0]].concat(),
                    _ => [&[tag, 0x84], &u32::try_from(ber.len()).unwrap().to_be_bytes()[..], &ber]
                        .concat(),
                };
                (element(tag, &definite), encoded)
            })
    })
}

proptest! {
    #[test]
    fn any_form_becomes_the_definite_one((definite, ber) in element_strategy()) {
        let mut reader = Reader::new(ber.as_slice());
        prop_assert_eq!(reader.any_element(1 << 20).unwrap(), definite);
        prop_assert_eq!(reader.finish().unwrap(), 0);
        let mut reader = Reader::new(Drip(&ber));
        reader.skip().unwrap();
        prop_assert_eq!(reader.offset(), ber.len() as u64);
        for length in 0..ber.len() {
            prop_assert!(Reader::new(&ber[..length]).any_element(1 << 20).is_err());
        }
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _definite = definite_form(bytes.clone(), 0);
        let _element = Reader::new(bytes.as_slice()).any_element(50);
        let _skipped = Reader::new(bytes.as_slice()).skip();
        let _octets = octets(&bytes);
        let mut slice = Slice::new(&bytes, 0);
        while !slice.is_empty() && slice.any().is_ok() {}
    }

    #[test]
    fn lengths_survive_writing_and_reading(length in any::<u64>()) {
        let mut bytes = Vec::new();
        write_header(&mut bytes, tag::SEQUENCE, length);
        let found = header(&bytes).unwrap();
        prop_assert_eq!(found.length.map(|length| length as u64), Some(length));
        prop_assert!(found.is_minimal);
        prop_assert_eq!(crate::tlv::encoded_len(length), length.checked_add(bytes.len() as u64));
    }
}
