//! One MIME entity in a stream: the received message, or what a layer of protection held.

use std::io::{self, Read, Seek, SeekFrom, Take, Write};

use chancery_mail::{
    Index, IndexBuilder, Span,
    content_type::ContentType,
    form::{self, Form},
    header::{Field, HeaderBlock},
    index::{MAX_HEADER, Part},
};

use crate::header::protected_name;
use crate::line_ends::are_crlf;
use crate::spool::Spool;

pub(crate) use patched::Patch;

mod patched;

/// What a message can be read from.
pub(crate) trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// Where the bytes of an entity are.
pub(crate) enum Place<'m> {
    /// In the received message.
    Message(&'m mut dyn ReadSeek),
    /// In a spool that a layer was decrypted or unpacked into.
    Spool(Box<dyn Spool>),
}

/// An entity: a range of a stream.
pub(crate) struct Entity<'m> {
    place: Place<'m>,
    pub(crate) span: Span,
}

/// The header of an entity, read up to the limit.
#[derive(Clone)]
pub(crate) struct Head {
    /// The header fields with their line ends, without the empty line.
    raw: Vec<u8>,
    /// The index of an entity that has only this header: what it says about its type.
    index: Index,
    /// Where the body starts in the stream.
    pub(crate) body: u64,
    /// False if the header is longer than the limit; then nothing may rest on it.
    pub(crate) is_whole: bool,
    /// See [`Head::is_clean`].
    is_clean: bool,
}

impl<'m> Entity<'m> {
    /// Takes a whole stream as one entity.
    pub(crate) fn whole(mut place: Place<'m>) -> io::Result<Self> {
        let end = place.seek(SeekFrom::End(0))?;
        Ok(Self { place, span: Span { start: 0, end } })
    }

    /// Returns where in the stream a range is that is counted from the start of the entity.
    pub(crate) fn placed(&self, span: Span) -> Span {
        Span { start: self.span.start + span.start, end: self.span.start + span.end }
    }

    /// Returns where the stream ends.
    pub(crate) fn stream_end(&mut self) -> io::Result<u64> {
        self.place.seek(SeekFrom::End(0))
    }

    /// Narrows to a range of the same stream.
    pub(crate) fn narrowed(self, span: Span) -> Self {
        let span = Span { start: span.start.min(self.span.end), end: span.end.min(self.span.end) };
        Self { place: self.place, span }
    }

    /// Returns true if this is still the received message or a part of it.
    pub(crate) fn is_received(&self) -> bool {
        matches!(self.place, Place::Message(_))
    }

    /// Returns a reader of a range.
    pub(crate) fn reader(&mut self, span: Span) -> io::Result<Take<&mut Place<'m>>> {
        self.place.seek(SeekFrom::Start(span.start))?;
        Ok((&mut self.place).take(span.len()))
    }

    /// Calls `each` with every chunk of a range.
    pub(crate) fn for_each_chunk(
        &mut self,
        span: Span,
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK.min(usize::try_from(span.len()).unwrap_or(CHUNK))];
        let mut reader = self.reader(span)?;
        let mut left = span.len();
        while left > 0 {
            let read = reader.read(&mut buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            each(buffer.get(..read).unwrap_or_default());
            left = left.saturating_sub(read as u64);
        }
        Ok(())
    }

    /// Returns true if the line ends in a range are all CRLF.
    pub(crate) fn has_only_crlf(&mut self, span: Span) -> io::Result<bool> {
        let (mut last, mut is_so) = (0, true);
        self.for_each_chunk(span, |chunk| {
            is_so = is_so && are_crlf(last, chunk);
            last = chunk.last().copied().unwrap_or(last);
        })?;
        Ok(is_so && last != b'\r')
    }

    /// Copies a range to `out`.
    pub(crate) fn copy(&mut self, span: Span, out: &mut dyn Write) -> io::Result<u64> {
        let mut failed = Ok(());
        self.for_each_chunk(span, |chunk| {
            if failed.is_ok() {
                failed = out.write_all(chunk);
            }
        })?;
        failed.map(|()| span.len())
    }

    /// Reads the header of the entity.
    pub(crate) fn head(&mut self) -> io::Result<Head> {
        self.head_of(self.span)
    }

    /// Reads the header of the entity in a range of the same stream.
    pub(crate) fn head_of(&mut self, span: Span) -> io::Result<Head> {
        let mut raw = Vec::new();
        let mut reader = self.reader(span)?;
        let mut scanned = 0;
        loop {
            let before = raw.len();
            (&mut reader).take(HEAD_STEP).read_to_end(&mut raw)?;
            if let Some((fields, body)) = find_body(&raw, scanned) {
                raw.truncate(fields);
                return Ok(Head::new(raw, span.start + body as u64, true));
            }
            if raw.len() == before {
                return Ok(Head::new(raw, span.end, true));
            }
            if raw.len() > MAX_HEADER {
                return Ok(Head::new(Vec::new(), span.end, false));
            }
            // The empty line may begin in the bytes that were already here.
            scanned = raw.len().saturating_sub(3);
        }
    }

    /// Reads the header of what a layer held. Somebody may have protected text without one: none of its words are taken for
    /// a header then (RFC 2045 section 5.2 says what it is), or they would not be shown.
    pub(crate) fn inner_head(&mut self) -> io::Result<Head> {
        let head = self.head()?;
        let is_terminated = head.body > self.span.start + head.raw.len() as u64;
        if !head.is_whole || head.is_header(is_terminated) {
            return Ok(head);
        }
        // What stands in the place of a header still tells whether somebody wrote it.
        let is_clean = head.is_clean;
        Ok(Head { is_clean, ..Head::new(Vec::new(), self.span.start, true) })
    }

    /// Indexes the whole entity, positions counted from its start.
    pub(crate) fn index(&mut self) -> io::Result<Index> {
        let mut builder = IndexBuilder::new();
        self.for_each_chunk(self.span, |chunk| builder.push(chunk))?;
        Ok(builder.finish())
    }
}

impl Head {
    fn new(raw: Vec<u8>, body: u64, is_whole: bool) -> Self {
        let index = Index::of(&raw);
        let is_clean = raw.iter().all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~'));
        Self { raw, index, body, is_whole, is_clean }
    }

    pub(crate) fn block(&self) -> HeaderBlock<'_> {
        HeaderBlock::parse(&self.raw)
    }

    /// Returns the content type and the encoding, as far as this header tells.
    pub(crate) fn part(&self) -> &Part {
        self.index.root()
    }

    /// Returns what the header says about protection; a multipart needs the index of the whole entity instead.
    pub(crate) fn form(&self) -> Form {
        form::classify(&self.index)
    }

    /// Returns true if the entity is a multipart of any kind.
    pub(crate) fn is_multipart(&self) -> bool {
        self.part().content_type.kind == "multipart"
    }

    /// Returns true if mail programs could see the end of this header in different places, or take different types from
    /// it, and so show different content.
    pub(crate) fn is_ambiguous(&self) -> bool {
        let header = self.block();
        let mut names = ["Content-Type", "Content-Transfer-Encoding"].into_iter();
        let is_repeated = names.any(|name| header.all(name).count() > 1);
        // The boundary says where the parts are, and a multipart has no encoding of its own (RFC 2045 section 6.4).
        let is_odd_multipart = || {
            let content_type = header.first("Content-Type");
            let is_plain = content_type.is_none_or(|it| ContentType::is_unequivocal(it.value));
            !is_plain || !self.part().transfer_encoding.is_identity()
        };
        !header.is_unequivocal() || is_repeated || self.is_multipart() && is_odd_multipart()
    }

    /// Returns true if each line belongs to a field, and one of them is known: of any message if the header ends, of the
    /// content if nothing follows it.
    fn is_header(&self, is_terminated: bool) -> bool {
        let header = self.block();
        let covered: usize = header.fields().map(|field| field.raw.len()).sum();
        let is_known = |field: Field<'_>| {
            is_content_field(&field) || is_terminated && protected_name(&field).is_some()
        };
        self.raw.is_empty() || covered == self.raw.len() && header.fields().any(is_known)
    }

    /// Returns true if the header has only bytes that mail programs write: ASCII text with its line ends. The same is asked
    /// of what stands in the place of a header.
    pub(crate) fn is_clean(&self) -> bool {
        self.is_clean
    }

    /// Returns true if this is a message wrapped for its protection, not one that was forwarded (RFC 8551 section 3.1).
    pub(crate) fn is_wrapped_message(&self) -> bool {
        let root = self.part();
        let forwarded = root.content_type.parameter("forwarded");
        root.content_type.is_message()
            && root.transfer_encoding.is_identity()
            && forwarded.is_some_and(|value| value.eq_ignore_ascii_case("no"))
    }
}

impl Read for Place<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Message(message) => message.read(buffer),
            Self::Spool(spool) => spool.read(buffer),
        }
    }
}

impl Seek for Place<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Message(message) => message.seek(to),
            Self::Spool(spool) => spool.seek(to),
        }
    }
}

/// Returns true for fields that describe the content and not the message (RFC 2045).
pub(crate) fn is_content_field(field: &Field<'_>) -> bool {
    field.is("MIME-Version")
        || field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("Content-"))
}

/// Finds the empty line: returns the length of the fields and where the body starts. Looks from `scanned` on.
fn find_body(bytes: &[u8], scanned: usize) -> Option<(usize, usize)> {
    if scanned == 0 {
        if bytes.starts_with(b"\r\n") {
            return Some((0, 2));
        }
        if bytes.starts_with(b"\n") {
            return Some((0, 1));
        }
    }
    let tail = bytes.get(scanned..)?;
    memchr::memchr_iter(b'\n', tail).find_map(|at| {
        let next = scanned + at + 1;
        let rest = bytes.get(next..)?;
        if rest.starts_with(b"\r\n") {
            Some((next, next + 2))
        } else if rest.starts_with(b"\n") {
            Some((next, next + 1))
        } else {
            None
        }
    })
}

/// Read at once when bodies are walked over.
const CHUNK: usize = 64 * 1024;

/// Read at once when looking for the end of a header: most end within it.
const HEAD_STEP: u64 = 8 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn head(message: &[u8]) -> Head {
        Entity::whole(Place::Message(&mut Cursor::new(message))).unwrap().head().unwrap()
    }

    #[test]
    fn header_ends_at_the_first_empty_line() {
        for (message, fields, body) in [
            (&b"A: 1\r\n\r\nbody"[..], &b"A: 1\r\n"[..], 8),
            (b"A: 1\n\nbody", b"A: 1\n", 6),
            (b"\r\nbody", b"", 2),
            (b"\nbody", b"", 1),
            (b"A: 1\r\nB: 2", b"A: 1\r\nB: 2", 10),
            (b"", b"", 0),
        ] {
            let head = head(message);
            assert_eq!((head.raw.as_slice(), head.body), (fields, body));
        }
    }

    #[test]
    fn empty_line_is_found_wherever_the_reads_are_cut() {
        for length in 8_180..8_200 {
            let mut message = vec![b'a'; length];
            message.extend_from_slice(b"\r\n\r\nbody");
            assert_eq!(head(&message).body, length as u64 + 4);
        }
    }

    #[test]
    fn text_without_a_header_keeps_all_its_words() {
        for text in [
            &b"Dear Bob,\n\nthe password is x.\n"[..],
            b"Hello Bob",
            b"Note: one\r\nDear Bob,\r\n\r\ntwo",
            b"Note: one\r\n\r\ntwo",
            b"Subject: lunch",
            b"Content-Type: text/plain\r\nDear Bob,\r\n\r\ntwo",
            b" folded\r\n\r\ntwo",
        ] {
            let head = Entity::whole(Place::Message(&mut Cursor::new(text)))
                .unwrap()
                .inner_head()
                .unwrap();
            assert_eq!((head.raw.as_slice(), head.body), (&b""[..], 0), "{text:?}");
            assert!(head.is_clean(), "{text:?}");
        }
        // What Efail leaves behind (section 4.1 of the paper), with and without a line end among it.
        for text in [&b"Content-Type: te\x8f\nxt/html\r\n\r\n<img"[..], b"te\x00xt\r\n\r\n<img"] {
            let head = Entity::whole(Place::Message(&mut Cursor::new(text)))
                .unwrap()
                .inner_head()
                .unwrap();
            assert!(head.body == 0 && !head.is_clean(), "{text:?}");
        }
        for (message, body) in [
            (&b"Content-Type: text/plain\r\n\r\ntwo"[..], 28),
            (b"Content-Type: text/plain", 24),
            (b"Subject: lunch\r\n\r\ntwo", 18),
            (b"X-Note: one\r\nContent-ID:\r\n <a@b>\r\n\r\ntwo", 36),
            (b"\r\ntwo", 2),
        ] {
            let head = Entity::whole(Place::Message(&mut Cursor::new(message)))
                .unwrap()
                .inner_head()
                .unwrap();
            assert_eq!(head.body, body, "{message:?}");
        }
    }

    #[test]
    fn header_over_the_limit_is_reported_and_dropped() {
        let head = head(&vec![b'a'; MAX_HEADER + 100_000]);
        assert!(!head.is_whole && head.raw.is_empty());
    }

    #[test]
    fn wrapped_and_forwarded_messages_are_told_apart() {
        assert!(head(b"Content-Type: message/rfc822; forwarded=no\r\n\r\n").is_wrapped_message());
        assert!(
            head(b"Content-Type: Message/RFC822; Forwarded=\"NO\"\r\n\r\n").is_wrapped_message()
        );
        assert!(!head(b"Content-Type: message/rfc822\r\n\r\n").is_wrapped_message());
        assert!(!head(b"Content-Type: message/rfc822; forwarded=yes\r\n\r\n").is_wrapped_message());
        assert!(!head(b"Content-Type: text/plain; forwarded=no\r\n\r\n").is_wrapped_message());
    }
}
