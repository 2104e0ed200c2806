//! Builds an [`Index`] from chunks of any size.
//!
//! Two ways of walking take turns. In headers, and in a text until its first line that is not empty, every line is
//! looked at. In other bodies only lines that begin with `--` are, found at memory speed. Either way a line costs time
//! in its own length only: boundaries are looked up in a map, however many are open.

use std::collections::BTreeMap;

use memchr::{memchr, memmem};

use crate::content_type::{ContentType, Disposition, TransferEncoding};
use crate::header::{split_name, without_line_end};
use crate::index::{
    Armor, Index, Limit, MAX_BOUNDARY, MAX_DEPTH, MAX_HEADER, MAX_KEPT, MAX_PARTS, Part, Span,
};

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

/// The fields of the part whose header is being read, raw; the first of each kind counts.
#[derive(Debug, Default)]
struct Kept {
    content_type: Option<Vec<u8>>,
    transfer_encoding: Option<Vec<u8>>,
    disposition: Option<Vec<u8>>,
    current: Option<Kind>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    ContentType,
    Disposition,
    TransferEncoding,
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

    /// Ends what is inside the multipart at `level`, and begins its next part or its epilogue.
    fn delimit(&mut self, level: usize, is_close: bool) {
        let Some(multipart) = self.open.get(level).map(|open| open.part) else { return };
        // The line end before the delimiter belongs to it (RFC 2046 section 5.1.1), even if it is the empty line after
        // a header without body. It cannot reach back over where the part began.
        let floor = match self.open.get(level + 1) {
            Some(child) => self.parts.get(child.part).map(|part| part.header.start),
            None => self.parts.get(multipart).map(|part| part.body.start),
        };
        let end =
            self.line.start.saturating_sub(self.line_end_before).max(floor.unwrap_or_default());
        self.end_parts(level + 1, end);
        let delimiter = Span { start: end, end: self.offset };
        if is_close {
            if let Some(part) = self.parts.get_mut(multipart) {
                part.close = Some(delimiter);
            }
            self.forget_boundary(level);
            self.mode = self.seek_or_rest();
        } else {
            self.start_part(multipart, delimiter, self.offset);
        }
    }

    fn start_part(&mut self, parent: usize, delimiter: Span, start: u64) {
        let number = self.parts.len();
        let Some(outer) = self.parts.get_mut(parent) else { return };
        outer.children.push(number);
        let depth = outer.depth + 1;
        self.parts.push(Part::starting(Some(parent), depth, delimiter, start));
        self.open.push(Open { part: number, boundary: None });
        self.kept = Kept::default();
        if self.parts.len() == MAX_PARTS {
            self.limit.get_or_insert(Limit::Parts);
            if let Some(part) = self.parts.last_mut() {
                part.content_type = ContentType::opaque();
            }
            self.mode = Mode::Rest;
        } else {
            self.mode = Mode::Header;
        }
    }

    /// Ends the open parts from `level` inwards at `end`.
    fn end_parts(&mut self, level: usize, end: u64) {
        if self.mode == Mode::Header {
            self.understand_header(end, end);
        }
        while self.open.len() > level {
            self.forget_boundary(self.open.len() - 1);
            let Some(part) = self.open.pop().and_then(|open| self.parts.get_mut(open.part)) else {
                return;
            };
            part.end(end);
        }
    }

    fn forget_boundary(&mut self, level: usize) {
        let Some(boundary) = self.open.get_mut(level).and_then(|open| open.boundary.take()) else {
            return;
        };
        if let Some(levels) = self.boundaries.get_mut(&boundary) {
            levels.pop();
            if levels.is_empty() {
                self.boundaries.remove(&boundary);
            }
        }
    }

    fn seek_or_rest(&self) -> Mode {
        if self.boundaries.is_empty() { Mode::Rest } else { Mode::Seek { matched: 1 } }
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

    /// The header of the innermost part ends; decides how its body is read.
    fn end_header(&mut self, header_end: u64, body_start: u64) {
        self.understand_header(header_end, body_start);
        let Some(part) = self.parts.last() else { return };
        self.mode = if part.content_type.kind == "text" { Mode::Text } else { self.seek_or_rest() };
        if self.kept_total > MAX_KEPT {
            self.limit.get_or_insert(Limit::Memory);
            self.mode = Mode::Rest;
        } else if part.content_type.kind == "multipart" {
            self.open_multipart();
        } else if part.content_type.is_message() && part.transfer_encoding.is_identity() {
            if part.depth >= MAX_DEPTH {
                self.limit.get_or_insert(Limit::Depth);
                return;
            }
            let here = Span { start: body_start, end: body_start };
            self.start_part(self.parts.len() - 1, here, body_start);
        }
    }

    /// The innermost part is a multipart: from now on its boundary counts.
    fn open_multipart(&mut self) {
        let Some(part) = self.parts.last() else { return };
        let Some(boundary) = part.content_type.boundary().map(<[u8]>::to_vec) else { return };
        if boundary.len() > MAX_BOUNDARY {
            self.limit.get_or_insert(Limit::Boundary);
        } else if part.depth >= MAX_DEPTH {
            self.limit.get_or_insert(Limit::Depth);
        } else {
            let level = self.open.len() - 1;
            self.boundaries.entry(boundary.clone()).or_default().push(level);
            if let Some(open) = self.open.last_mut() {
                open.boundary = Some(boundary);
            }
            self.mode = Mode::Seek { matched: 1 };
        }
    }

    /// Gives the innermost part its header range and what its fields say.
    fn understand_header(&mut self, header_end: u64, body_start: u64) {
        let kept = std::mem::take(&mut self.kept);
        self.kept_total += kept.cost();
        let default = self.default_type();
        let is_root = self.parts.len() == 1;
        let Some(part) = self.parts.last_mut() else { return };
        part.header.end = header_end;
        part.body = Span { start: body_start, end: body_start };
        part.content_type = kept
            .content_type
            .as_deref()
            .map_or(Some(default), ContentType::parse)
            .unwrap_or_else(ContentType::text);
        part.transfer_encoding =
            kept.transfer_encoding.as_deref().map(TransferEncoding::parse).unwrap_or_default();
        part.disposition = kept.disposition.as_deref().and_then(Disposition::parse);
        if is_root {
            let length = usize::try_from(header_end).unwrap_or(usize::MAX);
            self.header.truncate(length);
        }
    }

    /// Returns the type of a part without Content-Type (RFC 2045 section 5.2, RFC 2046 section 5.1.5).
    fn default_type(&self) -> ContentType {
        let parent = self
            .parts
            .last()
            .and_then(|part| part.parent)
            .and_then(|number| self.parts.get(number));
        if parent.is_some_and(|parent| parent.content_type.is("multipart", "digest")) {
            ContentType::message()
        } else {
            ContentType::text()
        }
    }
}

impl Part {
    fn starting(parent: Option<usize>, depth: usize, delimiter: Span, start: u64) -> Self {
        Self {
            parent,
            depth,
            delimiter,
            header: Span { start, end: start },
            body: Span { start, end: start },
            close: None,
            content_type: ContentType::text(),
            transfer_encoding: TransferEncoding::default(),
            disposition: None,
            armor: None,
            children: Vec::new(),
        }
    }

    /// Ends the part. An outer delimiter may own the line end of what came last in here, so everything is cut there.
    fn end(&mut self, end: u64) {
        self.body.end = end;
        self.body.start = self.body.start.min(end);
        self.header.start = self.header.start.min(end);
        self.header.end = self.header.end.min(end);
        self.delimiter.start = self.delimiter.start.min(end);
        self.delimiter.end = self.delimiter.end.min(end);
        if let Some(close) = &mut self.close {
            close.end = close.end.min(end);
        }
    }
}

impl Kept {
    fn start_field(&mut self, name: &str, value: &[u8]) {
        let kind = if name.eq_ignore_ascii_case("content-type") {
            Kind::ContentType
        } else if name.eq_ignore_ascii_case("content-transfer-encoding") {
            Kind::TransferEncoding
        } else if name.eq_ignore_ascii_case("content-disposition") {
            Kind::Disposition
        } else {
            self.current = None;
            return;
        };
        let slot = self.slot(kind);
        if slot.is_some() {
            self.current = None;
        } else {
            *slot = Some(value.to_vec());
            self.current = Some(kind);
        }
    }

    fn add_line(&mut self, content: &[u8]) {
        let Some(kind) = self.current else { return };
        if let Some(value) = self.slot(kind) {
            let room = FIELD_KEPT.saturating_sub(value.len());
            value.extend_from_slice(content.get(..room).unwrap_or(content));
        }
    }

    fn slot(&mut self, kind: Kind) -> &mut Option<Vec<u8>> {
        match kind {
            Kind::ContentType => &mut self.content_type,
            Kind::Disposition => &mut self.disposition,
            Kind::TransferEncoding => &mut self.transfer_encoding,
        }
    }

    /// Returns about how much memory these fields take once they are read: the text, and two strings a parameter.
    fn cost(&self) -> usize {
        [&self.content_type, &self.disposition]
            .into_iter()
            .flatten()
            .map(|value| value.len() + 64 * memchr::memchr_iter(b';', value).count())
            .sum()
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

/// How much of one field of a part is kept, over all its lines.
const FIELD_KEPT: usize = 32 * 1024;
