//! The header fields of a message: found, never changed.

use std::borrow::Cow;
use std::ops::Range;

/// The header block at the start of a message.
///
/// It ends at the first empty line, whatever stands before it. Lines that are no fields are skipped: a mail reader
/// that does the same would otherwise see fields that we did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderBlock<'a> {
    raw: &'a [u8],
    body: usize,
}

/// One header field with its folded lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as written, without white space.
    pub name: &'a str,
    /// Everything from the first byte of the name to the last line end.
    pub raw: &'a [u8],
    /// Everything between the colon and the last line end, folded as it is.
    pub value: &'a [u8],
    /// Where `raw` starts in the header block.
    pub offset: usize,
}

impl<'a> HeaderBlock<'a> {
    /// Finds the header block at the start of `message`; never fails.
    pub fn parse(message: &'a [u8]) -> Self {
        todo!("{message:?}")
    }

    /// Returns the bytes of the block, with the line end of its last field, without the empty line.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Returns where the body starts: after the empty line, or at the end of the message if there is none.
    pub fn body_offset(&self) -> usize {
        self.body
    }

    /// Returns true if an empty line ends the block.
    pub fn is_terminated(&self) -> bool {
        self.body > self.raw.len()
    }

    /// Returns the fields in order.
    pub fn fields(&self) -> Fields<'a> {
        Fields { raw: self.raw, offset: 0 }
    }

    /// Returns the first field of this name (case does not matter).
    pub fn first(&self, name: &str) -> Option<Field<'a>> {
        self.fields().find(|field| field.is(name))
    }

    /// Returns all fields of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = Field<'a>> {
        self.fields().filter(move |field| field.is(name))
    }

    /// Returns the first field of this name, unfolded and with its encoded words decoded.
    pub fn text(&self, name: &str) -> Option<String> {
        self.first(name).map(|field| field.text())
    }
}

impl<'a> Field<'a> {
    /// Returns true if the field has this name; case does not matter.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Returns where the field is in the header block (and so in the message).
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.raw.len()
    }

    /// Returns the value on one line (RFC 5322 section 2.2.3), without white space around it.
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        todo!()
    }

    /// Returns the value for people: unfolded, encoded words decoded, never failing.
    pub fn text(&self) -> String {
        todo!()
    }
}

/// The fields of a header block, in order.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    raw: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        todo!("{:?} {}", self.raw, self.offset)
    }
}
