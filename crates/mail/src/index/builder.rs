//! Builds an [`Index`] from chunks of any size.
//!
//! Two ways of walking take turns. In headers, and in a text until its first line that is not empty, every line is
//! looked at. In other bodies only lines that begin with `--` are, found at memory speed. Either way a line costs time
//! in its own length only: boundaries are looked up in a map, however many are open.

use std::collections::BTreeMap;

use memchr::{memchr, memmem};

use crate::header::{split_name, without_line_end};
use crate::index::{Armor, Index, Limit, MAX_HEADER, Part, Span};

mod kept;
mod tree;

use kept::Kept;

/// Builds an [`Index`] in one pass; how the message is cut into chunks makes no difference.
#[derive(Debug)]
pub struct IndexBuilder {
    parts: Vec<Part>,
    /// The parts that have not ended, outermost first.
    open: Vec<Open>,
    /// The open boundaries and who uses each: positions in `open`, the innermost last.
    boundaries: BTreeMap<Vec<u8>, Vec<usize>>,
    mode: Mode,
    /// How many bytes were taken.
    offset: u64,
    /// The last byte taken.
    last: u8,
    line: Line,
    /// The length of the line end before the current line: 2, 1, or 0 at the start of the message.
    line_end_before: u64,
    header: Vec<u8>,
    kept: Kept,
    kept_total: usize,
    limit: Option<Limit>,
    needle: memmem::Finder<'static>,
}

#[derive(Debug)]
struct Open {
    part: usize,
    boundary: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// In a header: every line counts.
    Header,
    /// In a text of which only empty lines were seen: every line counts, one may be an armour.
    Text,
    /// In a line of a body that begins with `--`.
    Dashes,
    /// In a body, looking for a line that begins with `--`; so many bytes of "LF - -" were just seen.
    Seek { matched: usize },
    /// Nothing is left to find.
    Rest,
}

/// The line that is being read.
#[derive(Debug, Default)]
struct Line {
    start: u64,
    length: u64,
    /// At most [`LINE_KEPT`] bytes of it.
    bytes: Vec<u8>,
}

impl Default for IndexBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl IndexBuilder {
    /// Starts an empty message.
    pub fn new() -> Self {
        Self {
            parts: vec![Part::starting(None, 0, Span::default(), 0)],
            open: vec![Open { part: 0, boundary: None }],
            boundaries: BTreeMap::new(),
            mode: Mode::Header,
            offset: 0,
            last: 0,
            line: Line::default(),
            line_end_before: 0,
            header: Vec::new(),
            kept: Kept::default(),
            kept_total: 0,
            limit: None,
            needle: memmem::Finder::new(b"\n--"),
        }
    }

    /// Takes the next bytes of the message.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let used = match self.mode {
                Mode::Header | Mode::Text | Mode::Dashes => self.take_line(bytes),
                Mode::Seek { matched } => self.seek(bytes, matched),
                Mode::Rest => {
                    self.offset += bytes.len() as u64;
                    return;
                }
            };
            bytes = bytes.get(used..).unwrap_or_default();
        }
    }

    /// Ends the message.
    pub fn finish(mut self) -> Index {
        if self.line.length > 0 && self.mode != Mode::Rest {
            self.end_line();
        }
        self.end_parts(0, self.offset);
        Index { parts: self.parts, length: self.offset, header: self.header, limit: self.limit }
    }

    /// Takes bytes up to the next line end; returns how many.
    fn take_line(&mut self, bytes: &[u8]) -> usize {
        let newline = memchr(b'\n', bytes);
        let piece = newline.and_then(|at| bytes.get(..=at)).unwrap_or(bytes);
        if self.line.length == 0 {
            self.line.start = self.offset;
        }
        let room = LINE_KEPT.saturating_sub(self.line.bytes.len());
        self.line.bytes.extend_from_slice(piece.get(..room).unwrap_or(piece));
        self.line.length += piece.len() as u64;
        if self.mode == Mode::Header && self.parts.len() == 1 {
            let room = MAX_HEADER.saturating_sub(self.header.len());
            self.header.extend_from_slice(piece.get(..room).unwrap_or(piece));
        }
        let before = match piece.len() {
            0 | 1 => self.last,
            length => piece.get(length - 2).copied().unwrap_or_default(),
        };
        self.advance(piece);
        if newline.is_some() {
            self.end_line();
            self.line.bytes.clear();
            self.line.length = 0;
            self.line_end_before = if before == b'\r' { 2 } else { 1 };
        }
        piece.len()
    }

    /// Looks for the next line that begins with `--`; returns how many bytes were used.
    fn seek(&mut self, bytes: &[u8], mut matched: usize) -> usize {
        let mut used = 0;
        while matched > 0 && used < bytes.len() {
            if bytes.get(used) != Some(&b'-') {
                matched = 0;
                break;
            }
            used += 1;
            matched += 1;
            if matched == 3 {
                self.advance(bytes.get(..used).unwrap_or_default());
                self.start_dashes();
                return used;
            }
        }
        if matched > 0 {
            self.advance(bytes);
            self.mode = Mode::Seek { matched };
            return bytes.len();
        }
        let rest = bytes.get(used..).unwrap_or_default();
        if let Some(at) = self.needle.find(rest) {
            let newline = used + at;
            self.note_newline(bytes, newline);
            self.advance(bytes.get(..newline + 3).unwrap_or(bytes));
            self.start_dashes();
            return newline + 3;
        }
        let tail = if rest.ends_with(b"\n-") { 2 } else { usize::from(rest.ends_with(b"\n")) };
        if tail > 0 {
            self.note_newline(bytes, bytes.len() - tail);
        }
        self.advance(bytes);
        self.mode = Mode::Seek { matched: tail };
        bytes.len()
    }

    fn note_newline(&mut self, bytes: &[u8], at: usize) {
        let before = match at {
            0 => self.last,
            at => bytes.get(at - 1).copied().unwrap_or_default(),
        };
        self.line_end_before = if before == b'\r' { 2 } else { 1 };
    }

    fn advance(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    fn start_dashes(&mut self) {
        self.mode = Mode::Dashes;
        self.line.start = self.offset - 2;
        self.line.length = 2;
        self.line.bytes.clear();
        self.line.bytes.extend_from_slice(b"--");
    }

    /// Understands the line that has just ended, with or without a line end.
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line.bytes);
        let content = without_line_end(&line);
        if let Some((level, is_close)) = self.find_boundary(content) {
            self.delimit(level, is_close);
        } else {
            match self.mode {
                Mode::Header => self.header_line(content),
                Mode::Text => self.text_line(content),
                _ => self.mode = self.seek_or_rest(),
            }
        }
        self.line.bytes = line;
    }

    /// Returns whose boundary the line is, innermost first, and whether it closes it. The line must be the boundary and
    /// nothing else but white space (RFC 2046 section 5.1.1): with boundaries that begin alike, `--ab` is not `--a`.
    fn find_boundary(&self, content: &[u8]) -> Option<(usize, bool)> {
        if self.boundaries.is_empty() || self.line.length > LINE_KEPT as u64 {
            return None;
        }
        let text = trim_end(content.strip_prefix(b"--")?);
        let find =
            |text: &[u8]| self.boundaries.get(text).and_then(|levels| levels.last()).copied();
        let open = find(text).map(|level| (level, false));
        let close = text.strip_suffix(b"--").and_then(find).map(|level| (level, true));
        open.max(close)
    }

    fn header_line(&mut self, content: &[u8]) {
        if content.is_empty() {
            self.end_header(self.line.start, self.offset);
        } else if matches!(content.first(), Some(b' ' | b'\t')) {
            self.kept.add_line(content);
        } else if let Some((name, value)) = split_name(content) {
            self.kept.start_field(name, value);
        } else if self.is_first_line_of_body_part() {
            // No header and no empty line: the text begins at once. Many programs write that, all read it.
            self.end_header(self.line.start, self.line.start);
            self.line_again(content);
        } else {
            self.kept.current = None;
        }
    }

    /// Looks at the line once more, now that it turned out to be the first of a body.
    fn line_again(&mut self, content: &[u8]) {
        match self.mode {
            Mode::Header => self.header_line(content),
            Mode::Text => self.text_line(content),
            _ => {}
        }
    }

    fn text_line(&mut self, content: &[u8]) {
        let text = trim_end(content);
        if text.is_empty() && self.line.length <= LINE_KEPT as u64 {
            return;
        }
        let armor = match text {
            b"-----BEGIN PGP MESSAGE-----" => Some(Armor::Message),
            b"-----BEGIN PGP SIGNED MESSAGE-----" => Some(Armor::SignedMessage),
            _ => None,
        };
        if let Some(part) = self.parts.last_mut() {
            part.armor = armor;
        }
        self.mode = self.seek_or_rest();
    }

    fn is_first_line_of_body_part(&self) -> bool {
        self.parts
            .last()
            .is_some_and(|part| !part.delimiter.is_empty() && part.header.start == self.line.start)
    }
}

fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [head @ .., b' ' | b'\t' | b'\r'] = text {
        text = head;
    }
    text
}

/// How much of one line is looked at; the longest line that RFC 5322 allows has 998 bytes.
const LINE_KEPT: usize = 16 * 1024;
