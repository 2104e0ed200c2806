//! Mail of any size that needs no memory: a header, and lines of text for as long as wanted.

use std::io::{self, Read, Seek, SeekFrom};

const HEADER: &[u8] = b"From: a@acme.example\r\nTo: b@acme.example\r\nSubject: x\r\n\r\n";
const LINE: &[u8] = b"A line of text as people write it, neither long nor short, with CRLF.\r\n";

/// Returns the mail in memory.
pub(crate) fn text(size: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(size);
    Generated::new(size as u64).read_to_end(&mut text)?;
    Ok(text)
}

/// A mail that can be read in any order.
pub(crate) struct Generated {
    size: u64,
    at: u64,
    /// Many lines, so that a read is few copies.
    block: Vec<u8>,
}

impl Generated {
    /// Makes a mail of so many octets, more than a kilobyte.
    pub(crate) fn new(size: u64) -> Self {
        Self { size, at: 0, block: LINE.repeat(1024) }
    }

    /// Returns the octets at a place: as many as are at hand.
    fn piece(&self) -> &[u8] {
        let left = self.size.saturating_sub(self.at);
        if left <= END.len() as u64 {
            let at = usize::try_from(END.len() as u64 - left).unwrap_or(END.len());
            return END.get(at..).unwrap_or_default();
        }
        let piece = match usize::try_from(self.at) {
            Ok(at) if at < HEADER.len() => HEADER.get(at..),
            _ => {
                let inside = (self.at - HEADER.len() as u64) % LINE.len() as u64;
                self.block.get(usize::try_from(inside).unwrap_or(0)..)
            }
        };
        let piece = piece.unwrap_or_default();
        let most = usize::try_from(left - END.len() as u64).unwrap_or(usize::MAX);
        piece.get(..most).unwrap_or(piece)
    }
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.piece().read(buffer)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Generated {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// The mail ends with a whole line, wherever that falls.
const END: &[u8] = b"\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_place_reads_as_in_one_go() {
        let whole = text(100_000).unwrap();
        assert_eq!(whole.len(), 100_000);
        assert!(whole.starts_with(HEADER) && whole.ends_with(END));
        let mut mail = Generated::new(100_000);
        for at in [0, 1, 55, 57, 5000, 99_990, 99_999, 100_000] {
            mail.seek(SeekFrom::Start(at as u64)).unwrap();
            let mut rest = Vec::new();
            mail.read_to_end(&mut rest).unwrap();
            assert!(rest == whole[at..], "{at}");
        }
    }
}
