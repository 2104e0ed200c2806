//! The header fields of a message: found, never changed.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};

use crate::encoded_word::{self, Decoded};

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
        let mut line = 0;
        for newline in memchr_iter(b'\n', message) {
            let content = message.get(line..newline).unwrap_or_default();
            if content.is_empty() || content == b"\r" {
                return Self { raw: message.get(..line).unwrap_or_default(), body: newline + 1 };
            }
            line = newline + 1;
        }
        Self { raw: message, body: message.len() }
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

    /// Returns true if all mail programs find the same fields here.
    ///
    /// At a line that belongs to no field some programs end the header and show what follows as text, and so do some at
    /// a field with white space before its colon, a folded line without text, NUL or a lone CR. A first line
    /// `From somebody` is the one of a mailbox file, and known to all.
    pub fn is_unequivocal(&self) -> bool {
        let is_mailbox = self.raw.starts_with(b"From ");
        let mailbox = line_at(self.raw, 0).filter(|_| is_mailbox).map_or(0, <[u8]>::len);
        let fields = self.fields().filter(|field| field.offset >= mailbox);
        let (covered, is_plain) = fields.fold((mailbox, true), |(covered, is_plain), field| {
            (covered + field.raw.len(), is_plain && field.is_unequivocal())
        });
        covered == self.raw.len() && is_plain
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

    /// See [`HeaderBlock::is_unequivocal`].
    fn is_unequivocal(&self) -> bool {
        let lines = || self.raw.split_inclusive(|byte| *byte == b'\n');
        self.raw.get(self.name.len()) == Some(&b':')
            && lines().all(|line| !without_line_end(line).iter().any(|it| matches!(it, 0 | b'\r')))
            && lines().all(|line| !line.trim_ascii().is_empty())
    }

    /// Returns where the field is in the header block (and so in the message).
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.raw.len()
    }

    /// Returns the value on one line (RFC 5322 section 2.2.3), without white space around it.
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        if memchr2(b'\r', b'\n', self.value).is_none() {
            return Cow::Borrowed(self.value.trim_ascii());
        }
        let mut line: Vec<u8> = Vec::with_capacity(self.value.len());
        for piece in self.value.split_inclusive(|&byte| byte == b'\n') {
            line.extend_from_slice(without_line_end(piece));
        }
        Cow::Owned(line.trim_ascii().to_vec())
    }

    /// Returns the value for people: unfolded, encoded words decoded, never failing.
    pub fn text(&self) -> String {
        self.decoded().text
    }

    /// Returns the value for people, and whether all of it could be decoded.
    ///
    /// A rule that looks for words must count a field that could not be as one that has them, or whoever wants to pass
    /// the rule only needs an unknown character set.
    pub fn decoded(&self) -> Decoded {
        encoded_word::decode_marked(&self.unfolded())
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
        while let Some(line) = line_at(self.raw, self.offset) {
            let start = self.offset;
            self.offset += line.len();
            let Some((name, _)) = split_name(line) else { continue };
            while let Some(next @ [b' ' | b'\t', ..]) = line_at(self.raw, self.offset) {
                self.offset += next.len();
            }
            let raw = self.raw.get(start..self.offset)?;
            let (_, value) = split_name(raw)?;
            return Some(Field { name, raw, value: without_line_end(value), offset: start });
        }
        None
    }
}

/// Returns the line at `offset` with its line end, if there is one more.
fn line_at(bytes: &[u8], offset: usize) -> Option<&[u8]> {
    let rest = bytes.get(offset..)?;
    let end = memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
    rest.get(..end).filter(|line| !line.is_empty())
}

/// Splits a line at its colon if it begins a field: printable ASCII, then white space at most (RFC 5322 sections 2.2
/// and 4.5). Returns the name and everything after the colon.
pub(crate) fn split_name(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon =
        line.iter().position(|byte| !matches!(byte, b'!'..=b'9' | b';'..=b'~' | b' ' | b'\t'))?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = name.trim_ascii_end();
    if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
        return None;
    }
    Some((std::str::from_utf8(name).ok()?, value.strip_prefix(b":")?))
}

/// Splits a header block as the most careless reader might: a lone CR ends a line too. Returns the offset and the
/// bytes of each line.
///
/// For questions of the kind "could anybody see such a field here".
pub(crate) fn loose_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(offset..).filter(|rest| !rest.is_empty())?;
        let end = match memchr2(b'\r', b'\n', rest) {
            None => rest.len(),
            Some(at) if rest.get(at..at + 2) == Some(b"\r\n") => at + 2,
            Some(at) => at + 1,
        };
        let line = rest.get(..end)?;
        let start = offset;
        offset += end;
        Some((start, line))
    })
}

/// Returns the field name that a careless reader might see in a line: white space, control characters and bytes that
/// are not ASCII dropped, in lower case. `None` without a colon.
pub(crate) fn loose_name(line: &[u8]) -> Option<String> {
    let name = line.get(..memchr(b':', line)?)?;
    Some(
        name.iter()
            .filter(|byte| byte.is_ascii_graphic())
            .map(|byte| char::from(byte.to_ascii_lowercase()))
            .collect(),
    )
}

pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let Some(line) = line.strip_suffix(b"\n") else { return line };
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
