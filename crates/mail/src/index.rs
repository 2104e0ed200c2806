//! Where every part of a message is: byte ranges found in one pass, with constant memory for each part.

use crate::content_type::{ContentType, Disposition, TransferEncoding};
use crate::encoded_word;

mod builder;

pub use builder::IndexBuilder;

/// A range of bytes in the message, `start` included and `end` not.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

/// The structure of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    parts: Vec<Part>,
    length: u64,
    header: Vec<u8>,
    limit: Option<Limit>,
}

/// One part: the message itself, a body part of a multipart, or the message inside a `message/rfc822`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The number of the part that contains this one; `None` for the message itself.
    pub parent: Option<usize>,
    /// How many parts contain this one.
    pub depth: usize,
    /// The delimiter line before this part, with the line end before it (RFC 2046 section 5.1.1); empty unless the
    /// parent is a multipart.
    pub delimiter: Span,
    /// The header fields, with their line ends, without the empty line after them.
    pub header: Span,
    /// The body, without the line end that belongs to the delimiter after it. Of a multipart: everything from the
    /// preamble to the epilogue.
    pub body: Span,
    /// The closing delimiter line of a multipart; `None` if it is missing, or for other parts.
    pub close: Option<Span>,
    /// Media type; the default of RFC 2045 section 5.2 (or RFC 2046 section 5.1.5 in a digest) if there is none.
    pub content_type: ContentType,
    /// Content-Transfer-Encoding, 7bit if there is none.
    pub transfer_encoding: TransferEncoding,
    /// Content-Disposition.
    pub disposition: Option<Disposition>,
    /// The armour that opens this text, for text parts only.
    pub armor: Option<Armor>,
    /// The numbers of the parts directly inside this one, in order.
    pub children: Vec<usize>,
}

/// The kind of a PGP armour whose first line is the first line of a text that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armor {
    /// `-----BEGIN PGP MESSAGE-----`.
    Message,
    /// `-----BEGIN PGP SIGNED MESSAGE-----`.
    SignedMessage,
}

/// The limit at which the index stopped looking inside. What lies beyond it is one opaque leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// A boundary is longer than [`MAX_BOUNDARY`].
    Boundary,
    /// Parts are nested deeper than [`MAX_DEPTH`].
    Depth,
    /// The header fields of the parts need more than [`MAX_KEPT`] bytes.
    Memory,
    /// There are more than [`MAX_PARTS`] parts.
    Parts,
}

/// A piece of the message. The tiles of an index cover the message without gaps or overlaps, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Where it is.
    pub span: Span,
    /// The part it belongs to.
    pub part: usize,
    /// What it is.
    pub kind: TileKind,
}

/// What a [`Tile`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileKind {
    /// Body of a leaf.
    Body,
    /// Delimiter or closing delimiter with its line ends.
    Delimiter,
    /// What follows the closing delimiter.
    Epilogue,
    /// Header fields.
    Header,
    /// What stands before the first delimiter.
    Preamble,
    /// The empty line between header and body.
    Separator,
}

impl Span {
    /// Returns the number of bytes.
    pub fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Returns true if there is no byte in it.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Returns the bytes of this range, or `None` if it does not lie inside `message`.
    pub fn of(self, message: &[u8]) -> Option<&[u8]> {
        message.get(usize::try_from(self.start).ok()?..usize::try_from(self.end).ok()?)
    }
}

impl Index {
    /// Indexes a message that is in memory.
    pub fn of(message: &[u8]) -> Self {
        let mut builder = IndexBuilder::new();
        builder.push(message);
        builder.finish()
    }

    /// Returns all parts in the order in which they begin; the first is the message itself.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the message itself.
    pub fn root(&self) -> &Part {
        #[expect(
            clippy::expect_used,
            clippy::missing_panics_doc,
            reason = "the builder makes the root first and never removes a part"
        )]
        self.parts.first().expect("the builder makes the root first")
    }

    /// Returns one part by its number.
    pub fn part(&self, number: usize) -> Option<&Part> {
        self.parts.get(number)
    }

    /// Returns the parts directly inside a part.
    pub fn children<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = &'a Part> {
        part.children.iter().filter_map(|&number| self.parts.get(number))
    }

    /// Returns the length of the message in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Returns true if the message has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the raw header block of the message (without the empty line), at most [`MAX_HEADER`] bytes of it.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Returns true if [`Index::header`] holds the whole header block.
    pub fn is_header_whole(&self) -> bool {
        self.header.len() as u64 == self.root().header.len()
    }

    /// Returns the first limit that was reached; then some parts were not looked into.
    pub fn limit(&self) -> Option<Limit> {
        self.limit
    }

    /// Returns true if a limit was reached.
    pub fn is_truncated(&self) -> bool {
        self.limit.is_some()
    }

    /// Returns what the signature of a `multipart/signed` covers: its first part, header and body, byte for byte
    /// (RFC 1847 section 2.1). `None` if the part is something else or has no first part.
    pub fn signed_content(&self, part: &Part) -> Option<Span> {
        if !part.content_type.is("multipart", "signed") {
            return None;
        }
        self.children(part).next().map(Part::whole)
    }

    /// Returns the pieces that cover the whole message, in order, without gaps or overlaps.
    pub fn tiles(&self) -> Vec<Tile> {
        let mut tiles = Vec::with_capacity(self.parts.len().saturating_mul(4));
        for (number, part) in self.parts.iter().enumerate() {
            let mut add = |start, end, kind| {
                let span = Span { start, end };
                if !span.is_empty() {
                    tiles.push(Tile { span, part: number, kind });
                }
            };
            add(part.delimiter.start, part.delimiter.end, TileKind::Delimiter);
            add(part.header.start, part.header.end, TileKind::Header);
            add(part.header.end, part.body.start, TileKind::Separator);
            let first = self.children(part).next();
            let close = part.close.unwrap_or(Span { start: part.body.end, end: part.body.end });
            match first {
                Some(child) if child.delimiter.is_empty() => {}
                Some(child) => add(part.body.start, child.delimiter.start, TileKind::Preamble),
                None if part.close.is_some() => {
                    add(part.body.start, close.start, TileKind::Preamble);
                }
                None => add(part.body.start, part.body.end, TileKind::Body),
            }
            add(close.start, close.end, TileKind::Delimiter);
            add(close.end, part.body.end, TileKind::Epilogue);
        }
        tiles.sort_by_key(|tile| tile.span.start);
        tiles
    }
}

impl Part {
    /// Returns header, separator and body together.
    pub fn whole(&self) -> Span {
        Span { start: self.header.start, end: self.body.end }
    }

    /// Returns the file name from Content-Disposition, or else the `name` of the media type.
    pub fn file_name(&self) -> Option<String> {
        let disposition =
            self.disposition.as_ref().and_then(|disposition| disposition.parameter("filename"));
        let name = disposition.or_else(|| self.content_type.parameter("name"))?;
        // RFC 2047 section 5 forbids encoded words here; many programs write them all the same.
        Some(encoded_word::decode(name.as_bytes()))
    }

    /// Returns true if nothing is inside this part.
    pub fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }
}

/// How much of the message's header block is kept: Postfix takes 100 KiB, Exchange 256 KiB.
pub const MAX_HEADER: usize = 256 * 1024;

/// How deep parts may be nested; no honest message reaches ten.
pub const MAX_DEPTH: usize = 100;

/// How many parts a message may have.
pub const MAX_PARTS: usize = 10_000;

/// How long a boundary may be. RFC 2046 allows 70, some programs write more.
pub const MAX_BOUNDARY: usize = 998;

/// How many bytes the media types and dispositions of all parts may take together.
pub const MAX_KEPT: usize = 4 * 1024 * 1024;
