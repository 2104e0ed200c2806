//! The BER reader for streams: constant memory at any size, budgets for everything foreign (ITU-T X.690 section 8).
//!
//! The reader walks down a message element by element. Small structures are captured whole, brought into definite
//! form and parsed by [`crate::tlv`]; the content is handed on in slices of the buffer and never collected.

mod form;

use std::io::{ErrorKind, Read};

use crate::error::Error;
use crate::tlv::tag;

pub(crate) use form::definite_form;

/// Reads one BER element with everything inside it from a stream.
pub(crate) struct Reader<R> {
    source: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Offset in the stream of `buffer[start]`.
    offset: u64,
    frames: Vec<Frame>,
    peeked: Option<Header>,
    captured: u64,
}

/// A constructed element that the reader is inside of.
#[derive(Clone, Copy)]
struct Frame {
    /// Where it ends; unknown if its length is indefinite.
    end: Option<u64>,
    /// Where the innermost element of definite length around here ends.
    limit: u64,
}

/// The identifier and length octets of an element.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    /// The identifier octet; there are no tags above 30 in CMS.
    pub(crate) tag: u8,
    /// The length of the content; none if indefinite.
    length: Option<u64>,
    octets: [u8; MAX_HEADER],
    octets_len: usize,
}

impl<R: Read> Reader<R> {
    /// Starts to read.
    pub(crate) fn new(source: R) -> Self {
        let buffer = vec![0; BUFFER_LEN].into_boxed_slice();
        Self {
            source,
            buffer,
            start: 0,
            end: 0,
            offset: 0,
            frames: Vec::new(),
            peeked: None,
            captured: 0,
        }
    }

    /// Returns the tag of the next element, or none at the end of the current one.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, Error> {
        if self.peeked.is_none() {
            match self.frames.last().copied() {
                Some(Frame { end: Some(end), .. }) if self.offset == end => return Ok(None),
                Some(Frame { end: None, .. }) if self.at_end_of_contents()? => return Ok(None),
                _ => self.peeked = Some(self.read_header()?),
            }
        }
        Ok(self.peeked.map(|header| header.tag))
    }

    /// Enters the next element, which must be constructed and have the given tag.
    pub(crate) fn enter(&mut self, expected: u8, what: &'static str) -> Result<(), Error> {
        let header = self.expect(expected, what)?;
        self.push(header)
    }

    /// Leaves the current element, which must be at its end.
    pub(crate) fn leave(&mut self) -> Result<(), Error> {
        if self.peek()?.is_some() {
            return Err(self.malformed("unexpected element"));
        }
        if let Some(Frame { end: None, .. }) = self.frames.pop() {
            self.consume(END_OF_CONTENTS.len());
        }
        Ok(())
    }

    /// Returns the next element whole, in definite form. `limit` is the most bytes it may have.
    pub(crate) fn element(
        &mut self,
        expected: u8,
        limit: u64,
        what: &'static str,
    ) -> Result<Vec<u8>, Error> {
        // A string may be given in pieces; the definite form joins them.
        let is_string =
            self.peek()? == Some(expected | tag::CONSTRUCTED) && expected == tag::OCTET_STRING;
        if !is_string && self.peek()? != Some(expected) {
            return Err(self.malformed(what));
        }
        self.any_element(limit)
    }

    /// Returns the next element whole and as it is: what others signed must not be touched.
    pub(crate) fn element_as_is(
        &mut self,
        expected: u8,
        limit: u64,
        what: &'static str,
    ) -> Result<Vec<u8>, Error> {
        if self.peek()? != Some(expected) {
            return Err(self.malformed(what));
        }
        self.capture(limit)
    }

    /// Returns the next element whole, whatever its tag, in definite form.
    pub(crate) fn any_element(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let start = self.offset;
        let raw = self.capture(limit)?;
        definite_form(raw, start)
    }

    /// Skips the next element.
    pub(crate) fn skip(&mut self) -> Result<(), Error> {
        let base = self.frames.len();
        loop {
            if self.frames.len() > base && self.peek()?.is_none() {
                self.leave()?;
            } else {
                let header = self.take_header()?;
                match header.length {
                    Some(length) => self.stream(length, |_| Ok(()))?,
                    None => self.push(header)?,
                }
            }
            if self.frames.len() == base {
                return Ok(());
            }
        }
    }

    /// Hands the bytes of an OCTET STRING on in pieces, whether it is primitive or constructed to any depth.
    ///
    /// `primitive` is the tag it has when primitive: its own, or that of the field if implicitly tagged.
    pub(crate) fn octets(
        &mut self,
        primitive: u8,
        mut sink: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let header = self.take_header()?;
        if header.tag == primitive {
            return self.stream(self.definite(header)?, sink);
        }
        if header.tag != primitive | tag::CONSTRUCTED {
            return Err(self.malformed("expected an octet string"));
        }
        let base = self.frames.len();
        self.push(header)?;
        while self.frames.len() > base {
            match self.peek()? {
                None => self.leave()?,
                Some(tag::OCTET_STRING) => {
                    let header = self.take_header()?;
                    self.stream(self.definite(header)?, &mut sink)?;
                }
                Some(CONSTRUCTED_OCTET_STRING) => {
                    let header = self.take_header()?;
                    self.push(header)?;
                }
                Some(_) => return Err(self.malformed("expected a piece of an octet string")),
            }
        }
        Ok(())
    }

    /// Reads to the end of the stream and returns how many bytes follow the message.
    pub(crate) fn finish(mut self) -> Result<u64, Error> {
        let mut trailing = 0;
        while self.available() > 0 || self.fill()? {
            let length = self.available();
            self.consume(length);
            trailing += length as u64;
        }
        Ok(trailing)
    }

    /// Returns the error for bytes that are not as they should be, at the current place.
    pub(crate) fn malformed(&self, what: &'static str) -> Error {
        Error::Malformed { offset: self.offset, what }
    }

    /// Returns where the reader is in the stream.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    fn expect(&mut self, expected: u8, what: &'static str) -> Result<Header, Error> {
        if self.peek()? != Some(expected) {
            return Err(self.malformed(what));
        }
        self.take_header()
    }

    fn take_header(&mut self) -> Result<Header, Error> {
        if self.peek()?.is_none() {
            return Err(self.malformed("element is missing"));
        }
        self.peeked
            .take()
            .ok_or(Error::Malformed { offset: self.offset, what: "element is missing" })
    }

    fn definite(&self, header: Header) -> Result<u64, Error> {
        header.length.ok_or_else(|| self.malformed("primitive element of indefinite length"))
    }

    fn push(&mut self, header: Header) -> Result<(), Error> {
        if header.tag & tag::CONSTRUCTED == 0 {
            return Err(self.malformed("expected a constructed element"));
        }
        if self.frames.len() >= MAX_DEPTH {
            return Err(Error::Limit { what: "levels of nesting", limit: MAX_DEPTH as u64 });
        }
        let end = header.length.map(|length| self.offset.saturating_add(length));
        let limit = self.limit().min(end.unwrap_or(u64::MAX));
        self.frames.push(Frame { end, limit });
        Ok(())
    }

    fn limit(&self) -> u64 {
        self.frames.last().map_or(u64::MAX, |frame| frame.limit)
    }

    fn at_end_of_contents(&mut self) -> Result<bool, Error> {
        self.require(END_OF_CONTENTS.len())?;
        Ok(self.window().starts_with(&END_OF_CONTENTS))
    }

    /// Reads identifier and length octets (X.690 sections 8.1.2 and 8.1.3).
    fn read_header(&mut self) -> Result<Header, Error> {
        self.require(2)?;
        let [tag, first, ..] = *self.window() else { return Err(self.malformed(ENDS_EARLY)) };
        if tag & 0x1f == 0x1f {
            return Err(self.malformed("tag number above 30"));
        }
        let more = match first {
            0x80 if tag & tag::CONSTRUCTED == 0 => {
                return Err(self.malformed("primitive element of indefinite length"));
            }
            0x00..=0x80 => 0,
            0x81..=0x88 => usize::from(first & 0x7f),
            _ => return Err(self.malformed("length of more than eight bytes")),
        };
        let octets_len = 2 + more;
        self.require(octets_len)?;
        let mut octets = [0; MAX_HEADER];
        for (to, from) in octets.iter_mut().zip(self.window().iter().take(octets_len)) {
            *to = *from;
        }
        let long = octets
            .iter()
            .take(octets_len)
            .skip(2)
            .fold(0u64, |length, byte| length << 8 | u64::from(*byte));
        let length = match first {
            0x80 => None,
            0x00..0x80 => Some(u64::from(first)),
            _ => Some(long),
        };
        let content = self.offset + octets_len as u64;
        let end = content.checked_add(length.unwrap_or(0)).filter(|end| *end <= self.limit());
        if end.is_none() {
            return Err(self.malformed("element is longer than the one around it"));
        }
        self.consume(octets_len);
        Ok(Header { tag, length, octets, octets_len })
    }

    /// Hands on so many bytes in slices of the buffer.
    fn stream(
        &mut self,
        length: u64,
        mut sink: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut left = length;
        while left > 0 {
            if self.available() == 0 && !self.fill()? {
                return Err(self.malformed(ENDS_EARLY));
            }
            let piece = self.available().min(usize::try_from(left).unwrap_or(usize::MAX));
            sink(self.window().get(..piece).unwrap_or_default())?;
            self.consume(piece);
            left -= piece as u64;
        }
        Ok(())
    }

    /// Copies the next element as it is.
    fn capture(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let header = self.take_header()?;
        let mut raw = Vec::new();
        let mut open = 0;
        let mut header = Some(header);
        while let Some(current) = header {
            raw.extend(current.octets.iter().take(current.octets_len));
            match current.length {
                Some(length) => {
                    self.charge(length, raw.len() as u64, limit)?;
                    self.stream(length, |piece| {
                        raw.extend_from_slice(piece);
                        Ok(())
                    })?;
                }
                None if open == MAX_DEPTH => {
                    return Err(Error::Limit {
                        what: "levels of nesting",
                        limit: MAX_DEPTH as u64,
                    });
                }
                None => open += 1,
            }
            while open > 0 && self.at_end_of_contents()? {
                self.consume(END_OF_CONTENTS.len());
                raw.extend_from_slice(&END_OF_CONTENTS);
                open -= 1;
            }
            self.charge(END_OF_CONTENTS.len() as u64, raw.len() as u64, limit)?;
            header = if open > 0 { Some(self.read_header()?) } else { None };
        }
        Ok(raw)
    }

    /// Counts captured bytes against the limit of the element and of the whole message.
    fn charge(&mut self, length: u64, so_far: u64, limit: u64) -> Result<(), Error> {
        if so_far.saturating_add(length) > limit {
            return Err(Error::Limit { what: "bytes in one structure", limit });
        }
        self.captured = self.captured.saturating_add(length);
        if self.captured > MAX_CAPTURED {
            return Err(Error::Limit { what: "bytes of structures", limit: MAX_CAPTURED });
        }
        Ok(())
    }

    /// Makes sure that so many bytes are in the buffer and inside the current element.
    fn require(&mut self, length: usize) -> Result<(), Error> {
        if self.offset.saturating_add(length as u64) > self.limit() {
            return Err(self.malformed("element ends inside another one"));
        }
        while self.available() < length {
            if !self.fill()? {
                return Err(self.malformed(ENDS_EARLY));
            }
        }
        Ok(())
    }

    /// Reads more bytes behind those in the buffer; returns false at the end of the stream.
    fn fill(&mut self) -> Result<bool, Error> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            // Only a few octets of a header are ever left over.
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        loop {
            match self.source.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => return Ok(false),
                Ok(length) => {
                    self.end = (self.end + length).min(self.buffer.len());
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn available(&self) -> usize {
        self.end - self.start
    }

    fn window(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn consume(&mut self, length: usize) {
        self.start += length;
        self.offset += length as u64;
    }
}

const ENDS_EARLY: &str = "the message ends too early";
const END_OF_CONTENTS: [u8; 2] = [0, 0];
const CONSTRUCTED_OCTET_STRING: u8 = tag::OCTET_STRING | tag::CONSTRUCTED;

/// An identifier octet, a length octet and up to eight more.
const MAX_HEADER: usize = 10;

/// Large enough for long runs of the ciphers, small enough for thousands of messages at once.
pub(crate) const BUFFER_LEN: usize = 64 * 1024;

/// Real messages need about ten levels; every level costs a frame.
pub(crate) const MAX_DEPTH: usize = 32;

/// All small structures of one message together: thousands of recipients, hundreds of certificates.
const MAX_CAPTURED: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
