//! Signs a stream and writes it along: content in, message out, one buffer of constant size between them.

use std::fmt;
use std::io::{self, Write};

use crate::error::Error;
use crate::oid;
use crate::signed::signer::{ContentKind, DetachedSigner, SignOptions, SignerKey};
use crate::tlv::{small_integer, tag, write_header};

/// Signs what is written to it and writes a message that contains it (BER, indefinite form) to the sink.
///
/// Nothing is complete without [`AttachedSigner::finish`]: a writer that is dropped leaves a message that no reader accepts.
/// Small content is better signed with [`sign_attached`](crate::sign_attached), which writes DER.
pub struct AttachedSigner<W: Write> {
    sink: W,
    signer: DetachedSigner,
    /// Content that was digested and is not written yet, up to [`CHUNK_LEN`].
    buffer: Vec<u8>,
    has_failed: bool,
}

impl<W: Write> AttachedSigner<W> {
    /// Starts; `extra_certificates` (DER) go along with the signers' own.
    pub fn new(
        mut sink: W,
        signers: &[SignerKey],
        extra_certificates: &[Vec<u8>],
        options: &SignOptions,
    ) -> Result<Self, Error> {
        let signer = DetachedSigner::new(signers, extra_certificates, options)?;
        let open = |tag| [tag, 0x80];
        let prefix = [
            &open(tag::SEQUENCE)[..],
            &oid::element(oid::SIGNED_DATA),
            &open(tag::context(0)),
            &open(tag::SEQUENCE),
            &small_integer(ContentKind::DATA.version),
            &signer.digest_identifiers(),
            &open(tag::SEQUENCE),
            &oid::element(oid::DATA),
            &open(tag::context(0)),
            &open(tag::OCTET_STRING | tag::CONSTRUCTED),
        ];
        sink.write_all(&prefix.concat())?;
        Ok(Self { sink, signer, buffer: Vec::with_capacity(CHUNK_LEN), has_failed: false })
    }

    /// Returns the signature that is being made.
    pub fn signer(&self) -> &DetachedSigner {
        &self.signer
    }

    /// Ends the message and returns the sink, not flushed.
    pub fn finish(mut self) -> Result<W, Error> {
        if self.has_failed {
            return Err(Error::Io(io::Error::other("an earlier write failed")));
        }
        self.write_chunk()?;
        let Self { mut sink, signer, .. } = self;
        // The octet string, its field and EncapsulatedContentInfo.
        sink.write_all(&[0; 6])?;
        sink.write_all(&signer.ending(&ContentKind::DATA)?)?;
        // SignedData, the content field and ContentInfo.
        sink.write_all(&[0; 6])?;
        Ok(sink)
    }

    /// Writes the buffer as one octet string.
    fn write_chunk(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut header = Vec::new();
        write_header(&mut header, tag::OCTET_STRING, self.buffer.len() as u64);
        let written = self.sink.write_all(&header).and_then(|()| self.sink.write_all(&self.buffer));
        // What was written in part cannot become right any more.
        self.has_failed |= written.is_err();
        self.buffer.clear();
        written
    }
}

impl<W: Write> Write for AttachedSigner<W> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == CHUNK_LEN {
            self.write_chunk()?;
        }
        let room = CHUNK_LEN - self.buffer.len();
        let piece = content.get(..room).unwrap_or(content);
        self.signer.update(piece);
        self.buffer.extend_from_slice(piece);
        Ok(piece.len())
    }

    /// Does nothing: pieces are written when they are full, and all of them at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> fmt::Debug for AttachedSigner<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachedSigner").field("signer", &self.signer).finish_non_exhaustive()
    }
}

/// Octet strings in pieces of this size: few headers, little memory.
const CHUNK_LEN: usize = 64 * 1024;
