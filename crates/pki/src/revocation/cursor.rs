//! A cursor over strict DER (X.690 section 10) that copies nothing: lists of revoked certificates reach 100 MB.

use der::SliceReader;

use crate::error::Error;
use crate::time;

/// Bytes that are read from front to back, one element after the other.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    /// Where `rest` begins in the whole input.
    offset: usize,
}

/// One element: identifier, length and content.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    /// The identifier octet.
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
    /// Where the element begins in the whole input.
    pub(crate) offset: usize,
}

/// What is wrong with the bytes, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flaw {
    pub(crate) offset: usize,
    pub(crate) reason: &'static str,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the identifier octet of the next element.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Reads the next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Element<'a>, Flaw> {
        let (tag, length_at) = match *self.rest {
            [] => return Err(self.flaw("the structure ends too early")),
            [tag, ..] if tag & 0x1f == 0x1f => return Err(self.flaw("the tag is none we know")),
            [_] => return Err(self.flaw("an element has no length")),
            [tag, ..] => (tag, 1),
        };
        let (length, content_at) = self.length(length_at)?;
        let end = content_at.checked_add(length).filter(|end| *end <= self.rest.len());
        let parts = end.and_then(|end| self.rest.split_at_checked(end));
        let Some((whole, rest)) = parts else {
            return Err(self.flaw("an element is longer than what contains it"));
        };
        let content = whole.get(content_at..).unwrap_or_default();
        let element = Element { tag, content, whole, offset: self.offset };
        self.offset += whole.len();
        self.rest = rest;
        Ok(element)
    }

    /// Reads the next element, which must have this identifier.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, Flaw> {
        match self.peek() {
            Some(found) if found == tag => self.any(),
            Some(_) => Err(self.flaw("another element was expected")),
            None => Err(self.flaw("the structure ends too early")),
        }
    }

    /// Reads the next element if it has this identifier.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Flaw> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// Makes sure that nothing is left.
    pub(crate) fn finish(self) -> Result<(), Flaw> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.flaw("there is more than the structure has"))
        }
    }

    /// Names what is wrong at this place.
    pub(crate) fn flaw(&self, reason: &'static str) -> Flaw {
        Flaw { offset: self.offset, reason }
    }

    /// Reads the length octets; returns the length and where the content begins.
    fn length(&self, at: usize) -> Result<(usize, usize), Flaw> {
        let first = self.rest.get(at).copied().unwrap_or(0x80);
        if first < 0x80 {
            return Ok((usize::from(first), at + 1));
        }
        let count = usize::from(first & 0x7f);
        // Four octets are 4 GB; zero is the indefinite form, which DER does not have.
        if !(1..=4).contains(&count) {
            return Err(self.flaw("a length is not in DER"));
        }
        let octets = self.rest.get(at + 1..at + 1 + count);
        let octets = octets.ok_or_else(|| self.flaw("an element has no length"))?;
        let length = octets.iter().fold(0_usize, |all, octet| (all << 8) | usize::from(*octet));
        let is_shortest = length >= 0x80 && octets.first() != Some(&0);
        if is_shortest {
            Ok((length, at + 1 + count))
        } else {
            Err(self.flaw("a length is not in DER"))
        }
    }
}

impl<'a> Element<'a> {
    /// Returns a cursor over the content.
    pub(crate) fn open(&self) -> Cursor<'a> {
        Cursor { rest: self.content, offset: self.offset + self.whole.len() - self.content.len() }
    }

    /// Names what is wrong with this element.
    pub(crate) fn flaw(&self, reason: &'static str) -> Flaw {
        Flaw { offset: self.offset, reason }
    }

    /// Reads the content of an `INTEGER` in the form in which numbers are compared: two's complement, not longer than needed.
    pub(crate) fn integer(&self) -> Result<&'a [u8], Flaw> {
        match self.content {
            [] => Err(self.flaw("a number has no digits")),
            [0, next, ..] if *next < 0x80 => Err(self.flaw("a number is not in DER")),
            [0xff, next, ..] if *next >= 0x80 => Err(self.flaw("a number is not in DER")),
            content => Ok(content),
        }
    }

    /// Reads the content of a `BOOLEAN`.
    pub(crate) fn boolean(&self) -> Result<bool, Flaw> {
        match self.content {
            [0] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(self.flaw("a truth value is not in DER")),
        }
    }

    /// Reads the content of a `BIT STRING` that is a whole number of octets.
    pub(crate) fn octets_of_bits(&self) -> Result<&'a [u8], Flaw> {
        match self.content {
            [0, octets @ ..] => Ok(octets),
            _ => Err(self.flaw("a bit string is no whole number of octets")),
        }
    }
}

impl Flaw {
    /// Says in which structure the flaw is.
    pub(crate) fn within(self, what: &'static str) -> Error {
        Error::Malformed { what, offset: self.offset, reason: self.reason.to_owned() }
    }
}

/// Reads the next element as a `Time` (RFC 5280 section 5.1.2.4), in Unix time.
pub(crate) fn time(cursor: &mut Cursor<'_>) -> Result<i64, Flaw> {
    let element = cursor.any()?;
    let seconds = SliceReader::new(element.whole).and_then(|mut reader| time::read(&mut reader));
    seconds.map_err(|_| element.flaw("a time is not in the form of RFC 5280"))
}

/// Returns true for the identifier octets of times.
pub(crate) fn is_time(tag: u8) -> bool {
    matches!(tag, 0x17 | GENERALIZED_TIME)
}

/// Writes one element.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = length.iter().position(|octet| *octet != 0).unwrap_or(length.len() - 1);
    let length = length.get(significant..).unwrap_or_default();
    let mut der = Vec::with_capacity(2 + length.len() + content.len());
    der.push(tag);
    if content.len() >= 0x80 {
        // At most eight octets, so the sum stays below 0x89.
        der.push(0x80 | u8::try_from(length.len()).unwrap_or(0));
    }
    der.extend_from_slice(length);
    der.extend_from_slice(content);
    der
}

/// `BOOLEAN`.
pub(crate) const BOOLEAN: u8 = 0x01;
/// `INTEGER`.
pub(crate) const INTEGER: u8 = 0x02;
/// `BIT STRING`.
pub(crate) const BIT_STRING: u8 = 0x03;
/// `OCTET STRING`.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// `OBJECT IDENTIFIER`.
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
/// `ENUMERATED`.
pub(crate) const ENUMERATED: u8 = 0x0a;
/// `GeneralizedTime`.
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
/// `SEQUENCE`, always constructed.
pub(crate) const SEQUENCE: u8 = 0x30;
/// `SET`, always constructed.
pub(crate) const SET: u8 = 0x31;

/// Returns the identifier octet of a context-specific element that contains others.
pub(crate) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// Returns the identifier octet of a context-specific element that contains a value.
pub(crate) const fn primitive(number: u8) -> u8 {
    0x80 | number
}
