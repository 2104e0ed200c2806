//! Base64 with lines of 76 characters (RFC 2045 section 6.8), as streams.

use std::io::{self, Read, Write};

use base64_simd::{AsOut as _, STANDARD, STANDARD_NO_PAD};
use memchr::{memchr, memchr2};

/// Writes base64 in lines of 76 characters that end in CRLF.
#[derive(Debug)]
pub struct Base64Encoder<W> {
    sink: W,
    /// Less than one line of input.
    pending: Vec<u8>,
    /// Characters of whole lines without their ends: the encoder is several times as fast on many lines as on one.
    symbols: Vec<u8>,
    /// Finished lines, written in large pieces.
    lines: Vec<u8>,
}

impl<W: Write> Base64Encoder<W> {
    /// Writes to `sink`.
    pub fn new(sink: W) -> Self {
        Self {
            sink,
            pending: Vec::with_capacity(LINE_BYTES),
            symbols: Vec::new(),
            lines: Vec::with_capacity(BLOCK + LINE_CHARS + 2),
        }
    }

    /// Writes what is left and the last CRLF, and returns the sink. Without it the text is cut short.
    pub fn finish(mut self) -> io::Result<W> {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.push_lines(&pending);
        }
        self.write_lines()?;
        Ok(self.sink)
    }

    /// Adds whole lines, or the last one, which may be shorter.
    fn push_lines(&mut self, bytes: &[u8]) {
        self.symbols.resize(STANDARD.encoded_length(bytes.len()), 0);
        let _ = STANDARD.encode(bytes, self.symbols.as_mut_slice().as_out());
        for line in self.symbols.chunks(LINE_CHARS) {
            self.lines.extend_from_slice(line);
            self.lines.extend_from_slice(b"\r\n");
        }
    }

    fn write_lines(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.lines)?;
        self.lines.clear();
        Ok(())
    }
}

impl<W: Write> Write for Base64Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Written first, so that an error says that none of these bytes was taken.
        if self.lines.len() >= BLOCK {
            self.write_lines()?;
        }
        let bytes = bytes.get(..BLOCK / 2).unwrap_or(bytes);
        let mut rest = bytes;
        if !self.pending.is_empty() {
            let (head, tail) =
                rest.split_at_checked(LINE_BYTES - self.pending.len()).unwrap_or((rest, &[]));
            self.pending.extend_from_slice(head);
            rest = tail;
            if self.pending.len() == LINE_BYTES {
                let pending = std::mem::take(&mut self.pending);
                self.push_lines(&pending);
                self.pending = pending;
                self.pending.clear();
            }
        }
        let whole = rest.len() - rest.len() % LINE_BYTES;
        let (whole, remainder) = rest.split_at_checked(whole).unwrap_or_default();
        self.pending.extend_from_slice(remainder);
        if !whole.is_empty() {
            self.push_lines(whole);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_lines()?;
        self.sink.flush()
    }
}

/// Reads base64, skipping everything outside its alphabet (RFC 2045 section 6.8); ends at the padding.
///
/// What follows the padding is not looked at: mailing lists append their text there, and others their attacks.
#[derive(Debug)]
pub struct Base64Decoder<R> {
    source: R,
    input: Vec<u8>,
    /// Characters of the alphabet that are not decoded yet.
    symbols: Vec<u8>,
    output: Vec<u8>,
    taken: usize,
    has_ended: bool,
}

impl<R: Read> Base64Decoder<R> {
    /// Reads from `source`.
    pub fn new(source: R) -> Self {
        Self {
            source,
            input: vec![0; BLOCK],
            symbols: Vec::with_capacity(BLOCK),
            output: Vec::with_capacity(BLOCK),
            taken: 0,
            has_ended: false,
        }
    }

    /// Returns the source, which may have been read further than what was decoded.
    pub fn into_inner(self) -> R {
        self.source
    }

    /// Decodes the next piece of the source.
    fn fill(&mut self) -> io::Result<()> {
        let length = loop {
            match self.source.read(&mut self.input) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        let mut piece = self.input.get(..length).unwrap_or_default();
        self.has_ended |= length == 0;
        // Cut off first: padding is in every text's last piece, which would not decode with it.
        if let Some(padding) = memchr(b'=', piece) {
            piece = piece.get(..padding).unwrap_or_default();
            self.has_ended = true;
        }
        self.output.clear();
        self.taken = 0;
        let carried = self.symbols.len();
        push_without_line_ends(&mut self.symbols, piece);
        // Nearly always there is nothing else between the line ends; if there is, look at each byte.
        if !decode_groups(&mut self.symbols, &mut self.output) {
            self.symbols.truncate(carried);
            self.symbols.extend(piece.iter().copied().filter(|byte| is_symbol(*byte)));
            decode_groups(&mut self.symbols, &mut self.output);
        }
        if self.has_ended {
            decode_last(&self.symbols, &mut self.output);
            self.symbols.clear();
        }
        Ok(())
    }
}

impl<R: Read> Read for Base64Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.output.len() {
            if self.has_ended || buffer.is_empty() {
                return Ok(0);
            }
            self.fill()?;
        }
        let mut ready = self.output.get(self.taken..).unwrap_or_default();
        let length = ready.read(buffer)?;
        self.taken += length;
        Ok(length)
    }
}

fn is_symbol(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Lines of one length are copied without looking for their ends; should a line end hide in one, it does not decode.
fn push_without_line_ends(symbols: &mut Vec<u8>, mut piece: &[u8]) {
    while let Some(length) = memchr2(b'\r', b'\n', piece) {
        while let Some((line, rest)) = piece.split_at_checked(length)
            && let [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] = rest
        {
            symbols.extend_from_slice(line);
            piece = rest;
        }
        // A line of another length, or a CR alone.
        let Some(other) = memchr2(b'\r', b'\n', piece) else { break };
        symbols.extend_from_slice(piece.get(..other).unwrap_or_default());
        piece = piece.get(other + 1..).unwrap_or_default();
    }
    symbols.extend_from_slice(piece);
}

/// Decodes the groups of four and keeps the rest; false (and nothing done) if not all are of the alphabet.
fn decode_groups(symbols: &mut Vec<u8>, output: &mut Vec<u8>) -> bool {
    let whole = symbols.len() / 4 * 4;
    let (groups, rest) = symbols.split_at_checked(whole).unwrap_or_default();
    let is_good = rest.iter().all(|&byte| is_symbol(byte)) && decode_whole(groups, output);
    if is_good {
        symbols.drain(..whole);
    }
    is_good
}

/// Decodes groups of four characters; false (and nothing added) if one is not of the alphabet.
fn decode_whole(symbols: &[u8], output: &mut Vec<u8>) -> bool {
    let start = output.len();
    output.resize(start + symbols.len() / 4 * 3, 0);
    let Some(room) = output.get_mut(start..) else { return false };
    let is_good = STANDARD_NO_PAD.decode(symbols, room.as_out()).is_ok();
    if !is_good {
        output.truncate(start);
    }
    is_good
}

/// Decodes the two or three characters before the padding; bits left over are dropped, one character alone is too.
fn decode_last(symbols: &[u8], output: &mut Vec<u8>) {
    let mut padded = symbols.to_vec();
    padded.resize(4, b'A');
    let mut bytes = Vec::with_capacity(3);
    if decode_whole(&padded, &mut bytes) {
        output.extend(bytes.into_iter().take(symbols.len().saturating_sub(1)));
    }
}

/// 57 bytes make 76 characters, the longest line that RFC 2045 section 6.8 allows.
const LINE_BYTES: usize = 57;
const LINE_CHARS: usize = 76;

/// How much is handled at a time: enough to hide the cost of a call, little enough for the second-level cache.
const BLOCK: usize = 32 * 1024;
