//! The second half of the builder: what a delimiter or the end of a header does to the tree of parts.

use crate::content_type::{ContentType, Disposition, TransferEncoding};
use crate::index::builder::kept::Kept;
use crate::index::builder::{IndexBuilder, Mode, Open};
use crate::index::{Limit, MAX_BOUNDARY, MAX_DEPTH, MAX_KEPT, MAX_PARTS, Part, Span};

impl IndexBuilder {
    /// Ends what is inside the multipart at `level`, and begins its next part or its epilogue.
    pub(super) fn delimit(&mut self, level: usize, is_close: bool) {
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
    pub(super) fn end_parts(&mut self, level: usize, end: u64) {
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

    pub(super) fn seek_or_rest(&self) -> Mode {
        if self.boundaries.is_empty() { Mode::Rest } else { Mode::Seek { matched: 1 } }
    }

    /// The header of the innermost part ends; decides how its body is read.
    pub(super) fn end_header(&mut self, header_end: u64, body_start: u64) {
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
    pub(super) fn starting(
        parent: Option<usize>,
        depth: usize,
        delimiter: Span,
        start: u64,
    ) -> Self {
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
