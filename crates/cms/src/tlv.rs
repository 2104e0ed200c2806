//! Small structures in memory: a reader over a slice and the writers (DER, ITU-T X.690 sections 8 and 10).

use crate::error::Error;

/// Identifier octets.
pub(crate) mod tag {
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
    /// The bit that says that an element contains others.
    pub(crate) const CONSTRUCTED: u8 = 0x20;

    /// Returns the tag of a primitive field `[number] IMPLICIT`.
    pub(crate) const fn implicit(number: u8) -> u8 {
        0x80 | number
    }

    /// Returns the tag of a constructed field `[number]`.
    pub(crate) const fn context(number: u8) -> u8 {
        0xa0 | number
    }
}

/// An element of definite length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    /// The value.
    pub(crate) content: &'a [u8],
    /// Tag, length and value as they were.
    pub(crate) whole: &'a [u8],
    /// Where the value starts in the message.
    pub(crate) offset: u64,
}

impl<'a> Tlv<'a> {
    /// Returns a reader over the elements inside.
    pub(crate) fn children(self) -> Slice<'a> {
        Slice { rest: self.content, offset: self.offset }
    }

    /// Returns the value of a non-negative INTEGER of at most eight bytes.
    pub(crate) fn unsigned(self) -> Result<u64, Error> {
        let digits = match self.content {
            [0, digits @ ..] | digits @ [0x01..=0x7f, ..] => digits,
            _ => &[0; 9],
        };
        if digits.len() > 8 {
            return Err(Error::Malformed { offset: self.offset, what: "number out of range" });
        }
        Ok(digits.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}

/// Reads elements of definite length one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Slice<'a> {
    /// Reads a slice that was at this offset of the message.
    pub(crate) fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self { rest: bytes, offset }
    }

    /// Returns true at the end.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the tag of the next element.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Returns the next element.
    pub(crate) fn any(&mut self) -> Result<Tlv<'a>, Error> {
        let malformed = || self.malformed("element is cut off or has no definite length");
        let found = header(self.rest).ok_or_else(malformed)?;
        let length = found.length.ok_or_else(malformed)?;
        let end = found.octets.checked_add(length).ok_or_else(malformed)?;
        let whole = self.rest.get(..end).ok_or_else(malformed)?;
        let content = whole.get(found.octets..).ok_or_else(malformed)?;
        let element =
            Tlv { tag: found.tag, content, whole, offset: self.offset + found.octets as u64 };
        self.rest = self.rest.get(end..).unwrap_or_default();
        self.offset += end as u64;
        Ok(element)
    }

    /// Returns the next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8, what: &'static str) -> Result<Tlv<'a>, Error> {
        if self.peek() == Some(tag) { self.any() } else { Err(self.malformed(what)) }
    }

    /// Returns the next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>, Error> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// Fails if anything is left.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(self.malformed("unexpected element")) }
    }

    fn malformed(&self, what: &'static str) -> Error {
        Error::Malformed { offset: self.offset, what }
    }
}

/// Identifier and length octets found at the beginning of a slice.
#[derive(Clone, Copy)]
pub(crate) struct HeaderOctets {
    pub(crate) tag: u8,
    /// How many octets the header has.
    pub(crate) octets: usize,
    /// The length of the content; none if indefinite.
    pub(crate) length: Option<usize>,
    pub(crate) is_minimal: bool,
}

/// Reads identifier and length octets; none if they are cut off or not allowed here.
pub(crate) fn header(bytes: &[u8]) -> Option<HeaderOctets> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (tag, first) = (*tag, *first);
    if tag & 0x1f == 0x1f {
        return None;
    }
    match first {
        0x00..0x80 => Some(HeaderOctets {
            tag,
            octets: 2,
            length: Some(usize::from(first)),
            is_minimal: true,
        }),
        0x80 if tag & tag::CONSTRUCTED != 0 => {
            Some(HeaderOctets { tag, octets: 2, length: None, is_minimal: false })
        }
        0x81..=0x88 => {
            let count = usize::from(first & 0x7f);
            let octets = rest.get(..count)?;
            let length = octets.iter().fold(0u64, |length, byte| length << 8 | u64::from(*byte));
            let length = usize::try_from(length).ok()?;
            let is_minimal = octets.first() != Some(&0) && length >= 0x80;
            Some(HeaderOctets { tag, octets: 2 + count, length: Some(length), is_minimal })
        }
        _ => None,
    }
}

/// Appends an element.
pub(crate) fn write(output: &mut Vec<u8>, tag: u8, content: &[u8]) {
    write_header(output, tag, content.len() as u64);
    output.extend_from_slice(content);
}

/// Appends identifier and length octets.
pub(crate) fn write_header(output: &mut Vec<u8>, tag: u8, length: u64) {
    output.push(tag);
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        output.push(short);
        return;
    }
    let octets = length.to_be_bytes();
    let used = octets.iter().skip_while(|byte| **byte == 0);
    #[expect(clippy::cast_possible_truncation, reason = "at most eight octets")]
    output.push(0x80 | used.clone().count() as u8);
    output.extend(used);
}

/// Returns an element whose content is the parts one after the other.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut output = Vec::with_capacity(length + 6);
    write_header(&mut output, tag, length as u64);
    for part in parts {
        output.extend_from_slice(part);
    }
    output
}

/// Returns a SEQUENCE of the parts.
pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(tag::SEQUENCE, parts)
}

/// Returns a set with its elements in the order that DER asks for (X.690 section 11.6).
pub(crate) fn set_of(tag: u8, mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort_unstable();
    let parts: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
    element(tag, &parts)
}

/// Returns a small non-negative INTEGER.
pub(crate) fn small_integer(value: u8) -> Vec<u8> {
    if value < 0x80 { vec![tag::INTEGER, 1, value] } else { vec![tag::INTEGER, 2, 0, value] }
}

/// Returns a non-negative INTEGER.
pub(crate) fn integer(value: u64) -> Vec<u8> {
    let octets = value.to_be_bytes();
    let skipped = octets.iter().take(7).take_while(|byte| **byte == 0).count();
    let digits = octets.get(skipped..).unwrap_or_default();
    // A first bit would be a sign.
    let sign: &[u8] = if digits.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
    element(tag::INTEGER, &[sign, digits])
}

/// Returns the whole encoded length of an element with so many bytes of content.
pub(crate) fn encoded_len(content: u64) -> Option<u64> {
    let more =
        if content < 0x80 { 0 } else { u64::from((64 - content.leading_zeros()).div_ceil(8)) };
    content.checked_add(2 + more)
}

#[cfg(test)]
mod tests {
    use super::{Slice, integer};

    #[test]
    fn numbers_survive_writing_and_reading() {
        for value in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x8000, 2048, u64::MAX] {
            let der = integer(value);
            assert_eq!(Slice::new(&der, 0).any().unwrap().unsigned().unwrap(), value);
        }
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(0x80), [2, 2, 0, 0x80]);
        for wrong in [&[2, 0][..], &[2, 1, 0x80], &[2, 10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            assert!(Slice::new(wrong, 0).any().unwrap().unsigned().is_err());
        }
    }
}
