//! A range of an entity with some bytes exchanged, read as one stream.

use std::{
    io::{self, Cursor, Read},
    vec::IntoIter,
};

use chancery_mail::Span;

use super::{Entity, Place};

/// Bytes that take the place of a range of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    /// The range; empty where bytes are only added.
    pub(crate) span: Span,
    /// What stands there instead.
    pub(crate) bytes: Vec<u8>,
}

/// Reads a range with its patches.
pub(crate) struct Patched<'e, 'm> {
    place: &'e mut Place<'m>,
    pieces: IntoIter<Piece>,
    current: Current,
}

enum Piece {
    Kept(Span),
    New(Vec<u8>),
}

enum Current {
    /// Bytes left of a kept range; the stream stands at them.
    Kept(u64),
    New(Cursor<Vec<u8>>),
}

impl<'m> Entity<'m> {
    /// Returns a reader of a range in which the patches, in their order and without overlaps, take the place of what was
    /// there; one that does not fit into the range is left out.
    pub(crate) fn patched(&mut self, span: Span, patches: Vec<Patch>) -> Patched<'_, 'm> {
        let mut pieces = Vec::with_capacity(2 * patches.len() + 1);
        let mut at = span.start;
        for Patch { span: place, bytes } in patches {
            if place.start < at || place.end < place.start || place.end > span.end {
                continue;
            }
            pieces.push(Piece::Kept(Span { start: at, end: place.start }));
            pieces.push(Piece::New(bytes));
            at = place.end;
        }
        pieces.push(Piece::Kept(Span { start: at, end: span.end }));
        Patched { place: &mut self.place, pieces: pieces.into_iter(), current: Current::Kept(0) }
    }
}

impl Read for Patched<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.current {
                Current::Kept(left) => {
                    let read = (&mut *self.place).take(*left).read(buffer)?;
                    if read == 0 && *left > 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    *left = left.saturating_sub(read as u64);
                    read
                }
                Current::New(bytes) => bytes.read(buffer)?,
            };
            if read > 0 {
                return Ok(read);
            }
            match self.pieces.next() {
                None => return Ok(0),
                Some(Piece::New(bytes)) => self.current = Current::New(Cursor::new(bytes)),
                Some(Piece::Kept(span)) => {
                    io::Seek::seek(self.place, io::SeekFrom::Start(span.start))?;
                    self.current = Current::Kept(span.len());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_replace_add_and_remove() {
        let patch =
            |start, end, bytes: &[u8]| Patch { span: Span { start, end }, bytes: bytes.to_vec() };
        let mut source = Cursor::new(b"0123456789");
        let mut entity = Entity::whole(Place::Message(&mut source)).unwrap();
        for (patches, expected) in [
            (vec![], "12345678"),
            (vec![patch(1, 1, b"a"), patch(3, 5, b""), patch(9, 9, b"z")], "a125678z"),
            (vec![patch(1, 9, b"x")], "x"),
            (
                vec![patch(0, 3, b"x"), patch(5, 6, b"y"), patch(5, 7, b"q"), patch(8, 10, b"x")],
                "1234y678",
            ),
        ] {
            let mut text = String::new();
            entity.patched(Span { start: 1, end: 9 }, patches).read_to_string(&mut text).unwrap();
            assert_eq!(text, expected);
        }
    }
}
