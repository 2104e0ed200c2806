//! The body on the wire: transparency dots, the final dot, and what must never pass (RFC 5321 section 4.5.2).
//!
//! [`Receiver`] ends at CRLF `.` CRLF and at nothing else. Every other ending that some server somewhere takes for one
//! (LF `.` LF, LF `.` CRLF, CR `.` CR, CRLF `.` CR, CRLF NUL `.` CRLF …) stays text and marks the message as faulty, so
//! that one message cannot hide a second one (SMTP smuggling, CVE-2023-51764 and its kin).

use memchr::{memchr2, memchr3};

/// Takes a body off the wire, in whatever pieces it comes.
#[derive(Clone, Debug)]
pub struct Receiver {
    state: State,
    flaw: Option<Flaw>,
}

/// What [`Receiver::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Octets of the body.
    Body(&'a [u8]),
    /// The final dot. What follows it are commands.
    End,
    /// The input is used up.
    More,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// CR without LF, or LF without CR.
    BareNewline,
    /// A NUL octet.
    Nul,
}

/// What came before the next octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A CR that has been passed on.
    Cr,
    /// A dot at the start of a line, held back.
    Dot,
    /// A dot and a CR at the start of a line, held back.
    DotCr,
    /// Nothing, or CRLF.
    LineStart,
    /// Anything else.
    Text,
}

impl Receiver {
    /// Makes a receiver at the start of a body.
    pub fn new() -> Self {
        Self { state: State::LineStart, flaw: None }
    }

    /// Returns the first flaw seen, so that the answer does not depend on the pieces in which the body came.
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// Takes octets from `input`; returns how many, and the piece they make.
    ///
    /// Call it again with the rest until it returns [`Piece::More`] or [`Piece::End`].
    pub fn next<'a>(&mut self, input: &'a [u8]) -> (usize, Piece<'a>) {
        let mut used = 0;
        loop {
            let Some(&octet) = input.get(used) else { return (used, Piece::More) };
            match (self.state, octet) {
                (State::LineStart, b'.') => self.state = State::Dot,
                (State::Dot, b'\r') => self.state = State::DotCr,
                (State::DotCr, b'\n') => {
                    self.state = State::LineStart;
                    return (used + 1, Piece::End);
                }
                (State::DotCr, _) => {
                    // The line was "." CR and something else. The dot falls, the CR is text after all.
                    self.state = State::Cr;
                    return (used, Piece::Body(b"\r"));
                }
                // The dot before any other octet is transparency and falls.
                (State::Dot, _) => {
                    self.state = State::Text;
                    return self.text(input, used);
                }
                _ => return self.text(input, used),
            }
            used += 1;
        }
    }

    /// Takes text from `start` up to the next line that begins with a dot.
    fn text<'a>(&mut self, input: &'a [u8], start: usize) -> (usize, Piece<'a>) {
        let Some(text) = input.get(start..) else { return (start, Piece::More) };
        if self.state == State::Cr && text.first() != Some(&b'\n') {
            self.mark(Flaw::BareNewline);
        }
        let mut at = 0;
        while let Some(found) = text.get(at..).and_then(|rest| memchr3(b'\r', b'\n', 0, rest)) {
            let here = at + found;
            let next = text.get(here + 1).copied();
            at = here + 1;
            match (text.get(here), next) {
                (Some(b'\r'), Some(b'\n')) => {
                    at += 1;
                    if text.get(at).is_none_or(|octet| *octet == b'.') {
                        return self.passed(text, start, at, State::LineStart);
                    }
                }
                (Some(b'\r'), None) => return self.passed(text, start, at, State::Cr),
                // The LF of a CRLF that was cut between two inputs.
                (Some(b'\n'), _) if here == 0 && self.state == State::Cr => match next {
                    Some(octet) if octet != b'.' => {}
                    _ => return self.passed(text, start, at, State::LineStart),
                },
                (Some(0), _) => self.mark(Flaw::Nul),
                _ => self.mark(Flaw::BareNewline),
            }
        }
        self.passed(text, start, text.len(), State::Text)
    }

    fn passed<'a>(
        &mut self,
        text: &'a [u8],
        start: usize,
        length: usize,
        state: State,
    ) -> (usize, Piece<'a>) {
        self.state = state;
        (start + length, Piece::Body(text.get(..length).unwrap_or_default()))
    }

    fn mark(&mut self, flaw: Flaw) {
        self.flaw.get_or_insert(flaw);
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

/// Puts a body on the wire for DATA: adds transparency dots and the final dot.
///
/// A bare CR or LF becomes CRLF on the way: the next server could take it for the end of a line, and then a message
/// that we opened could smuggle a second one. Text whose lines end in CRLF leaves octet for octet; if the last line
/// has no CRLF it gets one, for DATA cannot say otherwise.
#[derive(Clone, Debug)]
pub struct Stuffer {
    /// The last octet written was the LF of a CRLF, or none was.
    is_at_line_start: bool,
    /// The last octet taken was a CR; nothing was written for it yet.
    has_pending_cr: bool,
}

impl Stuffer {
    /// Makes a stuffer at the start of a body.
    pub fn new() -> Self {
        Self { is_at_line_start: true, has_pending_cr: false }
    }

    /// Appends the wire form of the next octets of the body to `out`.
    pub fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len() + 64);
        while !input.is_empty() {
            if self.has_pending_cr {
                self.newline(out);
                input = input.strip_prefix(b"\n").unwrap_or(input);
                continue;
            }
            if self.is_at_line_start && input.first() == Some(&b'.') {
                out.push(b'.');
            }
            let end = memchr2(b'\r', b'\n', input).unwrap_or(input.len());
            let (text, rest) = input.split_at(end);
            out.extend_from_slice(text);
            if !text.is_empty() {
                self.is_at_line_start = false;
            }
            input = match rest {
                [b'\r', b'\n', after @ ..] | [b'\n', after @ ..] => {
                    self.newline(out);
                    after
                }
                [_, after @ ..] => {
                    self.has_pending_cr = true;
                    after
                }
                [] => rest,
            };
        }
    }

    /// Appends the final dot, after a CRLF if the text does not end in one.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        if self.has_pending_cr || !self.is_at_line_start {
            self.newline(out);
        }
        out.extend_from_slice(b".\r\n");
    }

    fn newline(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        self.is_at_line_start = true;
        self.has_pending_cr = false;
    }
}

impl Default for Stuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// What the sender of a message must know about its octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent fact")]
pub struct Facts {
    /// Their number.
    pub length: u64,
    /// There are octets above 127.
    pub is_8bit: bool,
    /// They end in CRLF, or there are none.
    pub ends_with_crlf: bool,
    /// There are CR or LF outside of CRLF.
    pub has_bare_newline: bool,
    /// There are NUL octets.
    pub has_nul: bool,
}

/// Finds the [`Facts`] of a body in one pass.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    length: u64,
    is_8bit: bool,
    has_bare_newline: bool,
    has_nul: bool,
    last: Last,
    flaw: Option<Flaw>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    Cr,
    #[default]
    LineStart,
    Text,
}

impl Facts {
    /// Finds the facts of a body in memory.
    pub fn of(body: &[u8]) -> Self {
        let mut scanner = Scanner::default();
        scanner.push(body);
        scanner.finish()
    }
}

impl Scanner {
    /// Takes the next octets.
    pub fn push(&mut self, input: &[u8]) {
        let Some(&final_octet) = input.last() else { return };
        self.length = self.length.saturating_add(input.len() as u64);
        self.is_8bit |= !input.is_ascii();
        if self.last == Last::Cr && input.first() != Some(&b'\n') {
            self.mark(Flaw::BareNewline);
        }
        let mut at = 0;
        let mut line_start = None;
        while let Some(found) = input.get(at..).and_then(|rest| memchr3(b'\r', b'\n', 0, rest)) {
            let here = at + found;
            at = here + 1;
            match (input.get(here), input.get(at)) {
                (Some(b'\r'), Some(b'\n')) => {
                    at += 1;
                    line_start = Some(at);
                }
                (Some(b'\r'), None) => {}
                (Some(b'\n'), _) if here == 0 && self.last == Last::Cr => line_start = Some(at),
                (Some(0), _) => self.mark(Flaw::Nul),
                _ => self.mark(Flaw::BareNewline),
            }
        }
        self.last = match final_octet {
            b'\r' => Last::Cr,
            _ if line_start == Some(input.len()) => Last::LineStart,
            _ => Last::Text,
        };
    }

    /// Returns what was found first that makes a message unacceptable.
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    fn mark(&mut self, flaw: Flaw) {
        self.flaw.get_or_insert(flaw);
        match flaw {
            Flaw::BareNewline => self.has_bare_newline = true,
            Flaw::Nul => self.has_nul = true,
        }
    }

    /// Returns the facts of everything taken.
    pub fn finish(&self) -> Facts {
        Facts {
            length: self.length,
            is_8bit: self.is_8bit,
            ends_with_crlf: self.last == Last::LineStart,
            has_bare_newline: self.has_bare_newline || self.last == Last::Cr,
            has_nul: self.has_nul,
        }
    }
}

#[cfg(test)]
mod tests;
