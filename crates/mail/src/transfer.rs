//! Content-Transfer-Encoding as streams: base64 both ways, quoted-printable both ways.

use std::io::{self, Read};

use crate::content_type::TransferEncoding;

mod base64;
mod quoted_printable;

pub use base64::{Base64Decoder, Base64Encoder};
pub use quoted_printable::QuotedPrintableDecoder;
pub use quoted_printable::encode as encode_quoted_printable;

/// Reads a body and undoes its transfer encoding; an unknown encoding is passed through.
#[derive(Debug)]
pub enum Decoder<R> {
    /// Base64.
    Base64(Base64Decoder<R>),
    /// Nothing to undo.
    Identity(R),
    /// Quoted-printable.
    QuotedPrintable(QuotedPrintableDecoder<R>),
}

impl<R: Read> Decoder<R> {
    /// Reads the body `source`, which has this encoding.
    pub fn new(encoding: TransferEncoding, source: R) -> Self {
        match encoding {
            TransferEncoding::Base64 => Self::Base64(Base64Decoder::new(source)),
            TransferEncoding::QuotedPrintable => {
                Self::QuotedPrintable(QuotedPrintableDecoder::new(source))
            }
            _ => Self::Identity(source),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Base64(decoder) => decoder.read(buffer),
            Self::Identity(source) => source.read(buffer),
            Self::QuotedPrintable(decoder) => decoder.read(buffer),
        }
    }
}

/// Decodes a whole body that is in memory.
pub fn decode(encoding: TransferEncoding, body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    // Reading from memory cannot fail, and the decoders have no errors of their own.
    match Decoder::new(encoding, body).read_to_end(&mut decoded) {
        Ok(_) | Err(_) => decoded,
    }
}

#[cfg(test)]
mod tests;
