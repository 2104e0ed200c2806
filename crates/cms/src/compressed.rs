//! Compressed content: `CompressedData` (RFC 3274), for reading, within limits of expansion.

use std::io::{Read, Write};

use flate2::{Decompress, FlushDecompress, Status};

use crate::algorithms::AlgorithmIdentifier;
use crate::ber::Reader;
use crate::content_info;
use crate::error::Error;
use crate::oid;
use crate::tlv::{Slice, tag};

/// How far compressed content may expand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpansionLimit {
    /// The most bytes of content.
    pub max_bytes: u64,
    /// The most bytes of content for each compressed byte; the first megabyte is free.
    pub max_ratio: u64,
}

impl Default for ExpansionLimit {
    /// A gigabyte, and a hundredfold: text compresses five times, long runs of spaces in tables fifty times, and bombs a
    /// thousand times.
    fn default() -> Self {
        Self { max_bytes: 1 << 30, max_ratio: 100 }
    }
}

/// What compressed content was like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompressedReport {
    /// Type of the content.
    pub content_type: String,
    /// Length of the compressed content in bytes.
    pub compressed_length: u64,
    /// Length of the content in bytes.
    pub content_length: u64,
    /// How many bytes follow the message; they are ignored.
    pub trailing_bytes: u64,
}

/// Reads a compressed message; fails with [`Error::Limit`] before the content expands too far.
pub fn open_compressed<R: Read, W: Write>(
    source: R,
    limit: ExpansionLimit,
    sink: W,
) -> Result<CompressedReport, Error> {
    let mut reader = Reader::new(source);
    content_info::open_as(&mut reader, oid::COMPRESSED_DATA, "compressed-data")?;
    let offset = reader.offset();
    let algorithm =
        reader.element(tag::SEQUENCE, MAX_STRUCTURE, "expected a compression algorithm")?;
    let algorithm = AlgorithmIdentifier::from_tlv(Slice::new(&algorithm, offset).any()?)?;
    if algorithm.oid != oid::ZLIB {
        let what = format!("compression {}", oid::text(algorithm.oid));
        return Err(Error::Unsupported { what });
    }
    let start = reader.offset();
    let mut expansion = Expansion {
        inflater: Decompress::new(true),
        output: vec![0; OUTPUT_LEN],
        limit,
        is_finished: false,
        start,
        sink,
    };
    let (content_type, _) = content_info::encapsulated(&mut reader, |piece| expansion.take(piece))?;
    let trailing_bytes = content_info::close(reader)?;
    expansion.finish()?;
    Ok(CompressedReport {
        content_type: oid::text(&content_type),
        compressed_length: expansion.inflater.total_in(),
        content_length: expansion.inflater.total_out(),
        trailing_bytes,
    })
}

/// Expands pieces as they come.
struct Expansion<W> {
    inflater: Decompress,
    output: Vec<u8>,
    limit: ExpansionLimit,
    /// Whether the stream came to its end, with the right checksum.
    is_finished: bool,
    /// Where the message has it, for errors.
    start: u64,
    sink: W,
}

impl<W: Write> Expansion<W> {
    fn take(&mut self, mut piece: &[u8]) -> Result<(), Error> {
        loop {
            if self.is_finished {
                // Bytes after the end would be content that others show.
                return if piece.is_empty() { Ok(()) } else { Err(self.malformed()) };
            }
            let (before_in, before_out) = (self.inflater.total_in(), self.inflater.total_out());
            let status = self
                .inflater
                .decompress(piece, &mut self.output, FlushDecompress::None)
                .map_err(|_| self.malformed())?;
            let read = usize::try_from(self.inflater.total_in() - before_in).unwrap_or(0);
            let written = usize::try_from(self.inflater.total_out() - before_out).unwrap_or(0);
            self.check_limit()?;
            self.sink.write_all(self.output.get(..written).unwrap_or_default())?;
            piece = piece.get(read..).unwrap_or_default();
            self.is_finished = status == Status::StreamEnd;
            // A full buffer may have more behind it even if all input is read.
            if !self.is_finished && piece.is_empty() && written < self.output.len() {
                return Ok(());
            }
            if read == 0 && written == 0 && !self.is_finished {
                return Err(self.malformed());
            }
        }
    }

    fn check_limit(&self) -> Result<(), Error> {
        let (read, written) = (self.inflater.total_in(), self.inflater.total_out());
        let ExpansionLimit { max_bytes, max_ratio } = self.limit;
        if written > max_bytes {
            return Err(Error::Limit { what: "bytes of expanded content", limit: max_bytes });
        }
        if written > FREE && written / max_ratio.max(1) > read {
            return Err(Error::Limit { what: "bytes of content for each one", limit: max_ratio });
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        if !self.is_finished {
            return Err(self.malformed());
        }
        Ok(self.sink.flush()?)
    }

    fn malformed(&self) -> Error {
        let offset = self.start.saturating_add(self.inflater.total_in());
        Error::Malformed { offset, what: "compressed content is damaged" }
    }
}

/// Expanded content passes in pieces of this size.
const OUTPUT_LEN: usize = 64 * 1024;

/// So much content may come out of anything: small texts of one letter are not bombs.
const FREE: u64 = 1024 * 1024;

/// An algorithm identifier.
const MAX_STRUCTURE: u64 = 1024;
