//! Brings content into a form that relays have no reason to rewrite, before it is signed (RFC 8551 section 3.1.3).
//!
//! Relays encode bytes over 127, cut long lines, strip white space at the end of lines, put `>` before `From ` and
//! double or drop a dot at the start of a line; and some wrap base64 anew, always to 76 characters, and quoted-printable
//! in ways of their own, or write multiparts anew and with them the blank lines after the last delimiter.

use std::io::{self, Read, Write};

use chancery_mail::{
    Index, IndexBuilder, Span,
    content_type::TransferEncoding,
    header::HeaderBlock,
    index::{Part, TileKind},
    transfer::{Base64Encoder, Decoder, encode_quoted_printable},
};

use crate::{
    entity::{Entity, Head},
    error::Result,
    header::payload::push_line,
    sign::{reading, writing},
};

/// Writes the content with `header` as its own; returns the number of parts that were re-encoded.
pub(crate) fn write(
    entity: &mut Entity<'_>,
    head: &Head,
    header: &[u8],
    out: &mut dyn Write,
) -> Result<usize> {
    let mut builder = IndexBuilder::new();
    let mut scan = Scan::default();
    entity
        .for_each_chunk(entity.span, |chunk| {
            builder.push(chunk);
            scan.look(chunk);
        })
        .map_err(reading)?;
    let index = builder.finish();
    let is_encoded = |part: &Part| !part.transfer_encoding.is_identity();
    let is_sturdy = !scan.is_fragile() && !index.parts().iter().any(is_encoded);
    let is_tidy = is_sturdy && has_tidy_ends(entity, &index).map_err(reading)?;
    if is_tidy || index.is_truncated() {
        out.write_all(header).and_then(|()| out.write_all(b"\r\n")).map_err(writing)?;
        let body = Span { start: head.body, end: entity.span.end };
        entity.copy(body, out).map_err(writing)?;
        return Ok(0);
    }
    let encodings = choose_encodings(entity, &index).map_err(reading)?;
    write_encoded(entity, &index, &encodings, header, out).map_err(writing)?;
    let is_encoded = |it: &&Encoding| matches!(it, Encoding::Base64 | Encoding::QuotedPrintable);
    Ok(encodings.iter().filter(is_encoded).count())
}

/// Writes an entity whose parts in binary become base64, so that nothing on the way changes a byte of them; `header` takes
/// the place of its own. Text with other line ends than CRLF stays as it is.
pub(crate) fn write_armored(
    entity: &mut Entity<'_>,
    header: &[u8],
    out: &mut dyn Write,
) -> io::Result<()> {
    let index = entity.index()?;
    let mut encodings = Vec::with_capacity(index.parts().len());
    for (part, is_sealed) in index.parts().iter().zip(sealed(&index)) {
        encodings.push(if is_sealed { Encoding::Keep } else { armor_of(entity, part)? });
    }
    write_encoded(entity, &index, &encodings, header, out)
}

/// Decides whether a part is more than text, and must be encoded to keep its bytes.
fn armor_of(entity: &mut Entity<'_>, part: &Part) -> io::Result<Encoding> {
    if !part.transfer_encoding.is_identity() {
        return Ok(Encoding::Keep);
    }
    if !part.is_leaf() || matches!(part.content_type.kind.as_str(), "multipart" | "message") {
        let is_binary = part.transfer_encoding == TransferEncoding::Binary;
        return Ok(if is_binary { Encoding::Declared } else { Encoding::Keep });
    }
    let is_text =
        part.content_type.kind == "text" && part.transfer_encoding != TransferEncoding::Binary;
    let is_safe = is_text || entity.has_only_crlf(entity.placed(part.body))?;
    Ok(if is_safe { Encoding::Keep } else { Encoding::Base64 })
}

/// Returns true if every multipart ends with its last delimiter and a line end, as programs write it that make it anew.
fn has_tidy_ends(entity: &mut Entity<'_>, index: &Index) -> io::Result<bool> {
    for tile in index.tiles() {
        let is_tidy = match tile.kind {
            TileKind::Epilogue => !is_blank(entity, tile.span)?,
            TileKind::Delimiter => ends_line(entity, tile.span)?,
            _ => true,
        };
        if !is_tidy {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns true if there is something, and nothing but blank lines, which no program shows.
fn is_blank(entity: &mut Entity<'_>, span: Span) -> io::Result<bool> {
    let mut is_blank = !span.is_empty();
    entity
        .for_each_chunk(entity.placed(span), |chunk| is_blank &= chunk.trim_ascii().is_empty())?;
    Ok(is_blank)
}

fn ends_line(entity: &mut Entity<'_>, span: Span) -> io::Result<bool> {
    let last = Span { start: span.end.saturating_sub(1).max(span.start), end: span.end };
    let mut ends = true;
    entity.for_each_chunk(entity.placed(last), |chunk| ends = chunk == b"\n")?;
    Ok(ends)
}

/// What becomes of one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// It is written as base64.
    Base64,
    /// It stays as it is, but is no longer declared 8bit or binary: what is inside of it was encoded.
    Declared,
    /// It stays as it is.
    Keep,
    /// It is written as quoted-printable, which people can read without a mail program, if there is only one way to do so.
    QuotedPrintable,
}

/// Decides for every part whether it must be encoded.
fn choose_encodings(entity: &mut Entity<'_>, index: &Index) -> io::Result<Vec<Encoding>> {
    let mut encodings = Vec::with_capacity(index.parts().len());
    for (part, is_sealed) in index.parts().iter().zip(sealed(index)) {
        encodings.push(if is_sealed { Encoding::Keep } else { encoding_of(entity, part)? });
    }
    Ok(encodings)
}

/// Returns for every part whether it belongs to what somebody else signed or encrypted, which is never touched.
fn sealed(index: &Index) -> Vec<bool> {
    let mut is_sealed: Vec<bool> = Vec::with_capacity(index.parts().len());
    for part in index.parts() {
        let parent = part.parent.and_then(|number| is_sealed.get(number).copied());
        let kind = &part.content_type;
        let is_seal = kind.is("multipart", "signed") || kind.is("multipart", "encrypted");
        is_sealed.push(parent.unwrap_or(false) || is_seal);
    }
    is_sealed
}

fn encoding_of(entity: &mut Entity<'_>, part: &Part) -> io::Result<Encoding> {
    if !part.is_leaf() || matches!(part.content_type.kind.as_str(), "multipart" | "message") {
        let is_identity = part.transfer_encoding.is_identity();
        return Ok(if is_identity { Encoding::Declared } else { Encoding::Keep });
    }
    let mut scan = Scan::default();
    entity.for_each_chunk(entity.placed(part.body), |chunk| scan.look(chunk))?;
    let is_quoted = part.transfer_encoding == TransferEncoding::QuotedPrintable;
    match part.transfer_encoding {
        TransferEncoding::Unknown => return Ok(Encoding::Keep),
        TransferEncoding::Base64 => {
            let is_wrapped = !scan.is_fragile() && !scan.is_ragged();
            return Ok(if is_wrapped { Encoding::Keep } else { Encoding::Base64 });
        }
        _ if !is_quoted && !scan.is_fragile() => return Ok(Encoding::Keep),
        _ => {}
    }
    if part.content_type.kind != "text" || scan.has_nul || part.body.len() > MAX_QUOTED {
        return Ok(Encoding::Base64);
    }
    let text = decoded(entity, part, part.body)?;
    let quoted = encode_quoted_printable(&text);
    if !is_settled(&quoted) || (is_quoted && has_other_line_ends(&text)) {
        return Ok(Encoding::Base64);
    }
    let mut raw = Vec::new();
    entity.reader(entity.placed(part.body))?.read_to_end(&mut raw)?;
    let is_same = is_quoted && raw == quoted.as_bytes();
    Ok(if is_same { Encoding::Keep } else { Encoding::QuotedPrintable })
}

/// Returns true if every program writes the text in this way: where to break a line, whether one may be as long as the
/// limit, and whether to escape `From ` or a dot, is taste, and relays that encode anew have another one.
fn is_settled(quoted: &str) -> bool {
    quoted.lines().all(|line| {
        line.len() < QUOTED_LINE
            && !line.ends_with('=')
            && !line.contains('\t')
            && !line.starts_with("=46rom")
            && !line.starts_with("=2E")
    })
}

/// Returns true if a text has line ends that quoted-printable would lose.
fn has_other_line_ends(text: &[u8]) -> bool {
    let is_bare =
        |pair: &[u8]| (pair == b"\r\n") != (pair.ends_with(b"\n") || pair.starts_with(b"\r"));
    text.windows(2).any(is_bare) || text.first() == Some(&b'\n') || text.last() == Some(&b'\r')
}

/// Reads a text of at most [`MAX_QUOTED`] bytes.
fn decoded(entity: &mut Entity<'_>, part: &Part, span: Span) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Decoder::new(part.transfer_encoding, entity.reader(entity.placed(span))?)
        .read_to_end(&mut text)?;
    Ok(text)
}

/// Writes the content tile by tile with the new encodings; `header` is that of the content as a whole.
fn write_encoded(
    entity: &mut Entity<'_>,
    index: &Index,
    encodings: &[Encoding],
    header: &[u8],
    out: &mut dyn Write,
) -> io::Result<()> {
    write_part_header(header, encodings.first().copied().unwrap_or(Encoding::Keep), out)?;
    out.write_all(b"\r\n")?;
    for tile in index.tiles() {
        let encoding = encodings.get(tile.part).copied().unwrap_or(Encoding::Keep);
        let Some(part) = index.part(tile.part) else { continue };
        // Only a multipart that is nobody else's is declared anew.
        if encoding == Encoding::Declared && tile.kind == TileKind::Epilogue {
            if !is_blank(entity, tile.span)? {
                entity.copy(entity.placed(tile.span), out)?;
            }
            continue;
        }
        match (tile.kind, encoding) {
            (TileKind::Header | TileKind::Separator, _) if tile.part == 0 => {}
            (TileKind::Header, encoding) if encoding != Encoding::Keep => {
                let mut raw = Vec::new();
                entity.reader(entity.placed(tile.span))?.read_to_end(&mut raw)?;
                write_part_header(&raw, encoding, out)?;
            }
            // A part without any field has no header tile.
            (TileKind::Separator, encoding)
                if encoding != Encoding::Keep && part.header.is_empty() =>
            {
                write_part_header(b"", encoding, out)?;
                entity.copy(entity.placed(tile.span), out)?;
            }
            (TileKind::Body, Encoding::Base64) => {
                let mut lines = Base64Encoder::new(WithoutLastLineEnd::new(&mut *out));
                let source = entity.reader(entity.placed(tile.span))?;
                io::copy(&mut Decoder::new(part.transfer_encoding, source), &mut lines)?;
                lines.finish()?;
            }
            (TileKind::Body, Encoding::QuotedPrintable) => {
                let text = decoded(entity, part, tile.span)?;
                out.write_all(encode_quoted_printable(&text).as_bytes())?;
            }
            (kind, encoding) => {
                entity.copy(entity.placed(tile.span), out)?;
                let is_end = kind == TileKind::Delimiter && encoding == Encoding::Declared;
                if is_end && !ends_line(entity, tile.span)? {
                    out.write_all(b"\r\n")?;
                }
            }
        }
    }
    Ok(())
}

/// Writes the header of a part with another transfer encoding.
fn write_part_header(raw: &[u8], encoding: Encoding, out: &mut dyn Write) -> io::Result<()> {
    if encoding == Encoding::Keep {
        return out.write_all(raw);
    }
    let mut header = Vec::with_capacity(raw.len() + 64);
    for field in
        HeaderBlock::parse(raw).fields().filter(|field| !field.is("Content-Transfer-Encoding"))
    {
        push_line(&mut header, field.raw);
    }
    match encoding {
        Encoding::Base64 => header.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n"),
        Encoding::QuotedPrintable => {
            header.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n");
        }
        Encoding::Declared | Encoding::Keep => {}
    }
    out.write_all(&header)
}

/// Holds the last line end back, which belongs to the delimiter that follows.
struct WithoutLastLineEnd<'o> {
    out: &'o mut dyn Write,
    held: Vec<u8>,
}

impl<'o> WithoutLastLineEnd<'o> {
    fn new(out: &'o mut dyn Write) -> Self {
        Self { out, held: Vec::with_capacity(2) }
    }
}

impl Write for WithoutLastLineEnd<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        // Line ends are written whole.
        self.out.write_all(&std::mem::take(&mut self.held))?;
        let kept = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
        self.out.write_all(kept)?;
        self.held.extend_from_slice(bytes.get(kept.len()..).unwrap_or_default());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Looks for what relays change on the way.
#[derive(Default)]
struct Scan {
    last: u8,
    /// Bytes of the line so far, its CR included.
    line: usize,
    /// The first bytes of the line.
    start: [u8; 5],
    is_fragile: bool,
    has_nul: bool,
    wrapping: Wrapping,
}

/// Whether lines are as long as everybody writes base64.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Wrapping {
    /// All lines are full.
    #[default]
    Full,
    /// A line was shorter; it must be the last one.
    Last,
    /// Lines of several lengths, or lines that are too long.
    Ragged,
}

impl Wrapping {
    fn after(self, length: usize) -> Self {
        match (self, length) {
            (Self::Full, BASE64_LINE) => Self::Full,
            (Self::Full, 0..BASE64_LINE) | (Self::Last, 0) => Self::Last,
            _ => Self::Ragged,
        }
    }
}

impl Scan {
    /// Returns true if there are bytes over 127, NUL, lines that are long or end with white space, lines that begin with
    /// `From ` or a dot, or line ends other than CRLF.
    fn is_fragile(&self) -> bool {
        let ends_blank = matches!(self.last, b' ' | b'\t');
        self.is_fragile || ends_blank || self.is_line_fragile(self.line)
    }

    /// Returns true if the lines are not those of base64 as everybody wraps it.
    fn is_ragged(&self) -> bool {
        self.wrapping == Wrapping::Ragged
            || (self.line > 0 && self.wrapping.after(self.line) == Wrapping::Ragged)
    }

    fn look(&mut self, chunk: &[u8]) {
        let Some(&last) = chunk.last() else { return };
        self.has_nul |= memchr::memchr(0, chunk).is_some();
        self.is_fragile |= self.has_nul || !chunk.is_ascii();
        self.is_fragile |= self.last == b'\r' && chunk.first() != Some(&b'\n');
        let mut start = 0;
        for at in memchr::memchr2_iter(b'\r', b'\n', chunk) {
            let before =
                at.checked_sub(1).and_then(|at| chunk.get(at).copied()).unwrap_or(self.last);
            if chunk.get(at) == Some(&b'\r') {
                self.is_fragile |= chunk.get(at + 1).is_some_and(|&next| next != b'\n');
                self.is_fragile |= matches!(before, b' ' | b'\t');
                continue;
            }
            self.is_fragile |= before != b'\r';
            self.take(chunk.get(start..at).unwrap_or_default());
            self.end_line();
            start = at + 1;
        }
        self.take(chunk.get(start..).unwrap_or_default());
        self.last = last;
    }

    /// Takes bytes of the current line.
    fn take(&mut self, bytes: &[u8]) {
        if let Some(room) = self.start.get_mut(self.line..) {
            for (place, byte) in room.iter_mut().zip(bytes) {
                *place = *byte;
            }
        }
        self.line += bytes.len();
    }

    fn end_line(&mut self) {
        let length = self.line.saturating_sub(1);
        self.is_fragile |= self.is_line_fragile(length);
        self.wrapping = self.wrapping.after(length);
        self.line = 0;
        self.start = [0; 5];
    }

    fn is_line_fragile(&self, length: usize) -> bool {
        length > MAX_LINE || self.start == *b"From " || self.start.first() == Some(&b'.')
    }
}

/// RFC 5322 section 2.1.1 recommends it.
const MAX_LINE: usize = 78;

/// RFC 2045 section 6.8.
const BASE64_LINE: usize = 76;

/// The longest line of quoted-printable (RFC 2045 section 6.7); some programs keep its last place for a soft line break.
const QUOTED_LINE: usize = 76;

/// Text is made quoted-printable in memory; larger texts become base64, which is a stream.
const MAX_QUOTED: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::{QUOTED_LINE, Scan, is_settled};

    fn scan(text: &[u8], step: usize) -> (bool, bool) {
        let mut scan = Scan::default();
        for chunk in text.chunks(step) {
            scan.look(chunk);
        }
        (scan.is_fragile(), scan.is_ragged())
    }

    #[test]
    fn what_relays_change_is_seen_however_the_reads_are_cut() {
        let long = format!("{}\r\n", "x".repeat(79));
        let fits = format!("{}\r\n", "x".repeat(78));
        for (text, is_fragile) in [
            ("hello\r\n\r\nworld", false),
            (&fits, false),
            ("From: x\r\nFrom\r\nfrom me\r\n From me\r\n", false),
            ("a .\r\n >From x\r\n", false),
            (&long, true),
            (long.trim_end(), true),
            ("hello\r\nFrom me", true),
            (".\r\n", true),
            ("a\r\n.b", true),
            ("-- \r\n", true),
            ("a\t\r\nb", true),
            ("a\nb", true),
            ("a\rb", true),
            ("\u{fc}", true),
            ("a\0", true),
        ] {
            for step in 1..9 {
                assert_eq!(scan(text.as_bytes(), step).0, is_fragile, "{text:?} by {step}");
            }
        }
    }

    #[test]
    fn a_line_that_some_programs_would_break_is_not_settled() {
        assert!(is_settled(&"x".repeat(QUOTED_LINE - 1)));
        assert!(!is_settled(&"x".repeat(QUOTED_LINE)));
    }

    #[test]
    fn base64_is_ragged_unless_all_lines_but_the_last_have_76_characters() {
        let (full, half) = ("A".repeat(76), "A".repeat(72));
        for (text, is_ragged) in [
            (format!("{full}\r\n{full}\r\n{half}"), false),
            (format!("{full}\r\n{half}\r\n"), false),
            (full.clone(), false),
            (String::new(), false),
            (format!("{half}\r\n{half}\r\n"), true),
            (format!("{half}\r\n{half}"), true),
            (format!("{full}A"), true),
            (format!("{full}\r\n\r\n{full}"), true),
        ] {
            for step in [1, 7, 1000] {
                assert_eq!(scan(text.as_bytes(), step).1, is_ragged, "{text:?} by {step}");
            }
        }
    }
}
