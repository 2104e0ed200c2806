//! Quoted-printable (RFC 2045 section 6.7).

use std::io::{self, Read};

use crate::content_type::hex_pair;

/// Reads quoted-printable; what is not well formed stays as it is.
#[derive(Debug)]
pub struct QuotedPrintableDecoder<R> {
    source: R,
    input: Vec<u8>,
    output: Vec<u8>,
    taken: usize,
    /// What cannot be decided yet: white space (is it at the end of a line?) or the start of an escape.
    pending: Vec<u8>,
    has_ended: bool,
}

impl<R: Read> QuotedPrintableDecoder<R> {
    /// Reads from `source`.
    pub fn new(source: R) -> Self {
        Self {
            source,
            input: vec![0; BLOCK],
            output: Vec::with_capacity(BLOCK),
            taken: 0,
            pending: Vec::new(),
            has_ended: false,
        }
    }

    /// Returns the source, which may have been read further than what was decoded.
    pub fn into_inner(self) -> R {
        self.source
    }

    fn fill(&mut self) -> io::Result<()> {
        let length = loop {
            match self.source.read(&mut self.input) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.output.clear();
        self.taken = 0;
        if length == 0 {
            self.has_ended = true;
            // A lone "=" at the end is a soft line break whose line end got lost, white space there is not meant.
            if !self.is_blank_or_soft_break() {
                self.output.append(&mut self.pending);
            }
            return Ok(());
        }
        let input = std::mem::take(&mut self.input);
        for &byte in input.get(..length).unwrap_or_default() {
            self.take(byte);
        }
        self.input = input;
        Ok(())
    }

    fn take(&mut self, byte: u8) {
        if self.pending.is_empty() {
            self.start(byte);
            return;
        }
        match (self.pending.as_slice(), byte) {
            // An escape.
            ([b'='], byte) if byte.is_ascii_hexdigit() => self.pending.push(byte),
            (&[b'=', high], low) if high.is_ascii_hexdigit() => {
                if let Some(byte) = hex_pair(high, low) {
                    self.pending.clear();
                    self.output.push(byte);
                } else {
                    self.give_up(low);
                }
            }
            // White space, perhaps padding; it is bounded so that a body of spaces needs no memory.
            (_, b' ' | b'\t' | b'\r')
                if self.pending.len() < MAX_PADDING && !self.pending.ends_with(b"\r") =>
            {
                self.pending.push(byte);
            }
            // A line end: padding and soft breaks vanish, rules 3 and 5.
            (pending, b'\n') if self.is_blank_or_soft_break() => {
                let is_soft = pending.first() == Some(&b'=');
                let has_cr = pending.ends_with(b"\r");
                self.pending.clear();
                if !is_soft {
                    self.output.extend_from_slice(if has_cr { b"\r\n" } else { b"\n" });
                }
            }
            _ => self.give_up(byte),
        }
    }

    fn is_blank_or_soft_break(&self) -> bool {
        let blank = self.pending.strip_prefix(b"=").unwrap_or(&self.pending);
        blank.iter().all(u8::is_ascii_whitespace)
    }

    /// What was pending is no escape and no padding: it stays as it is.
    fn give_up(&mut self, byte: u8) {
        self.output.append(&mut self.pending);
        self.start(byte);
    }

    fn start(&mut self, byte: u8) {
        match byte {
            b'=' | b' ' | b'\t' | b'\r' => self.pending.push(byte),
            byte => self.output.push(byte),
        }
    }
}

impl<R: Read> Read for QuotedPrintableDecoder<R> {
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

/// Encodes text whose lines end in CRLF or LF; the lines of the result end in CRLF and have at most 76 characters.
pub fn encode(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len() + text.len() / 8);
    for piece in text.split_inclusive(|&byte| byte == b'\n') {
        let line = crate::header::without_line_end(piece);
        encode_line(line, &mut encoded);
        if piece.ends_with(b"\n") {
            encoded.push_str("\r\n");
        }
    }
    encoded
}

fn encode_line(line: &[u8], encoded: &mut String) {
    let mut column = 0;
    for (at, &byte) in line.iter().enumerate() {
        let is_last = at + 1 == line.len();
        let is_plain = match byte {
            b'=' => false,
            b' ' | b'\t' => !is_last,
            // Both get changed at the start of a line on the way (mbox files; RFC 5321 section 4.5.2).
            b'F' if column == 0 => !line.get(at..).is_some_and(|rest| rest.starts_with(b"From ")),
            b'.' => column > 0,
            byte => byte.is_ascii_graphic(),
        };
        let width = if is_plain { 1 } else { 3 };
        // One column stays free for the soft break.
        if column + width > MAX_LINE - usize::from(!is_last) {
            encoded.push_str("=\r\n");
            column = 0;
        }
        if is_plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push('=');
            encoded.extend([byte >> 4, byte & 15].map(hex_digit));
        }
        column += width;
    }
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
}

/// RFC 2045 section 6.7 rule 5.
const MAX_LINE: usize = 76;

/// How much white space may stand at the end of a line and still be dropped.
const MAX_PADDING: usize = 1024;

const BLOCK: usize = 16 * 1024;
