//! Quoted-printable (RFC 2045 section 6.7).

use std::io::{self, Read};

/// Reads quoted-printable; what is not well formed stays as it is.
#[derive(Debug)]
pub struct QuotedPrintableDecoder<R> {
    source: R,
}

impl<R: Read> QuotedPrintableDecoder<R> {
    /// Reads from `source`.
    pub fn new(source: R) -> Self {
        Self { source }
    }
}

impl<R: Read> Read for QuotedPrintableDecoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.read(buffer)?;
        todo!()
    }
}

/// Encodes text whose lines end in CRLF or LF; the lines of the result end in CRLF and have at most 76 characters.
pub fn encode(text: &[u8]) -> String {
    todo!("{text:?}")
}
