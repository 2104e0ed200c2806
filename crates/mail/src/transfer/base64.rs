//! Base64 with lines of 76 characters (RFC 2045 section 6.8), as streams.

use std::io::{self, Read, Write};

/// Writes base64 in lines of 76 characters that end in CRLF.
#[derive(Debug)]
pub struct Base64Encoder<W: Write> {
    sink: W,
}

impl<W: Write> Base64Encoder<W> {
    /// Writes to `sink`.
    pub fn new(sink: W) -> Self {
        Self { sink }
    }

    /// Writes what is left and the last CRLF, and returns the sink. Without it the text is cut short.
    pub fn finish(self) -> io::Result<W> {
        todo!()
    }
}

impl<W: Write> Write for Base64Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        todo!("{bytes:?}")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Reads base64, skipping everything outside its alphabet (RFC 2045 section 6.8); ends at the padding.
#[derive(Debug)]
pub struct Base64Decoder<R> {
    source: R,
}

impl<R: Read> Base64Decoder<R> {
    /// Reads from `source`.
    pub fn new(source: R) -> Self {
        Self { source }
    }
}

impl<R: Read> Read for Base64Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.read(buffer)?;
        todo!()
    }
}
