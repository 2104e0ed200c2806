//! Replies: what a server says after each command (RFC 5321 section 4.2, RFC 2034).

use std::borrow::Cow;
use std::fmt;

use chancery_fault::Code;

mod ascii;

/// An enhanced status code: class, subject, detail (RFC 3463).
pub type Enhanced = (u8, u16, u16);

/// One reply, of one or more lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// The enhanced status code, if there is one.
    pub enhanced: Option<Enhanced>,
    /// The text without codes; lines are separated by LF.
    pub text: Cow<'static, str>,
}

impl Reply {
    /// Makes a reply with an enhanced status code.
    pub fn new(code: u16, enhanced: Enhanced, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: Some(enhanced), text: text.into() }
    }

    /// Makes a reply without an enhanced status code (RFC 2034 forbids it for greetings, EHLO and 3yz).
    pub fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: None, text: text.into() }
    }

    /// Makes the reply that tells `code` to the other side; `detail` is added to the summary unless it is empty.
    ///
    /// ```
    /// use chancery_wire::{codes, smtp::Reply};
    ///
    /// let reply = Reply::from_code(&codes::NUL, "offset 17");
    /// assert_eq!(reply.to_string(), "550 5.6.0 the message has a NUL character: offset 17 (smtp.nul)");
    /// ```
    pub fn from_code(code: &Code, detail: &str) -> Self {
        let mut parts = code.reply.split(' ');
        let number =
            parts.next().and_then(|digits| digits.parse().ok()).filter(|n| (200..600).contains(n));
        let enhanced = parts.next().and_then(parse_enhanced);
        let text = if detail.is_empty() {
            format!("{} ({})", code.summary, code.id)
        } else {
            format!("{}: {detail} ({})", code.summary, code.id)
        };
        Self { code: number.unwrap_or(451), enhanced, text: text.into() }
    }

    /// Returns true for 2yz.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// Returns true for 4yz.
    pub fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }

    /// Returns true for 5yz.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// Iterates over the lines of text; there is at least one.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }

    /// Appends the reply as it goes over the wire.
    ///
    /// The text may come from anywhere, so control characters become spaces and what is not ASCII is spelled in it; lines
    /// are cut to the limit of RFC 5321 section 4.5.3.1.5.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let mut lines = self.lines().peekable();
        while let Some(line) = lines.next() {
            self.write_line(line, lines.peek().is_none(), out);
        }
    }

    fn write_line(&self, line: &str, is_last: bool, out: &mut Vec<u8>) {
        write_number(self.code.min(999), out);
        out.push(if is_last { b' ' } else { b'-' });
        if let Some((class, subject, detail)) = self.enhanced {
            for (number, end) in [(u16::from(class), b'.'), (subject, b'.'), (detail, b' ')] {
                write_number(number, out);
                out.push(end);
            }
        }
        let start = out.len();
        for character in line.chars().take(MAX_TEXT) {
            ascii::spelled(character, out);
        }
        // A character may be spelled with several.
        out.truncate(start.saturating_add(MAX_TEXT).min(out.len()));
        out.extend_from_slice(b"\r\n");
    }
}

impl fmt::Display for Reply {
    /// Writes the reply on one line, as in a log or a `Diagnostic-Code` field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.code)?;
        if let Some((class, subject, detail)) = self.enhanced {
            write!(f, " {class}.{subject}.{detail}")?;
        }
        for line in self.lines().filter(|line| !line.is_empty()) {
            f.write_str(" ")?;
            for c in line.chars() {
                f.write_fmt(format_args!("{}", if c.is_control() { ' ' } else { c }))?;
            }
        }
        Ok(())
    }
}

fn write_number(number: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(number.to_string().as_bytes());
}

/// Reads `5.7.1`.
pub fn parse_enhanced(text: &str) -> Option<Enhanced> {
    let mut parts = text.splitn(3, '.');
    let mut number = || {
        parts.next().filter(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
    };
    let (class, subject, detail) = (number()?, number()?, number()?);
    let class = class.parse().ok().filter(|class| matches!(class, 2 | 4 | 5))?;
    Some((class, subject.parse().ok()?, detail.parse().ok()?))
}

/// Text octets in one line: 512 less codes, separators and CRLF.
const MAX_TEXT: usize = 490;

/// Reads replies off the wire, each with a budget.
#[derive(Debug, Default)]
pub struct Parser {
    code: u16,
    enhanced: Option<Enhanced>,
    text: String,
    lines: usize,
}

/// What a server sent is not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl Parser {
    /// Takes lines from `input`; returns how many octets, and the reply once its last line is there.
    ///
    /// Show the rest again with more behind it. LF alone ends a line too: a reply carries no mail, so nothing can be
    /// smuggled in it.
    pub fn next(&mut self, input: &[u8]) -> (usize, Result<Option<Reply>, Malformed>) {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', rest.get(..MAX_REPLY_LINE).unwrap_or(rest))
            else {
                let result = if rest.len() >= MAX_REPLY_LINE { Err(Malformed) } else { Ok(None) };
                return (used, result);
            };
            used += end + 1;
            let line = rest.get(..end).unwrap_or_default();
            match self.line(line.strip_suffix(b"\r").unwrap_or(line)) {
                Ok(false) => {}
                Ok(true) => return (used, Ok(Some(self.take()))),
                Err(malformed) => return (used, Err(malformed)),
            }
        }
    }

    /// Takes one line; returns true if it is the last one of a reply.
    fn line(&mut self, line: &[u8]) -> Result<bool, Malformed> {
        let (digits, rest) = line.split_at_checked(3).ok_or(Malformed)?;
        let code = number(digits).ok_or(Malformed)?;
        // RFC 5321 section 4.2.1: the first digit is 2 to 5; all lines of a reply have the same code.
        if !(200..=599).contains(&code) || (self.lines > 0 && code != self.code) {
            return Err(Malformed);
        }
        let is_last = match rest.first() {
            None | Some(b' ') => true,
            Some(b'-') => false,
            Some(_) => return Err(Malformed),
        };
        let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default());
        let (enhanced, text) = split_enhanced(code, &text);
        if self.lines == 0 {
            self.code = code;
            self.enhanced = enhanced;
        } else {
            self.text.push('\n');
        }
        self.text.push_str(text);
        self.lines += 1;
        if self.lines > MAX_REPLY_LINES || self.text.len() > MAX_REPLY_TEXT {
            Err(Malformed)
        } else {
            Ok(is_last)
        }
    }

    fn take(&mut self) -> Reply {
        let Self { code, enhanced, text, .. } = std::mem::take(self);
        Reply { code, enhanced, text: text.into() }
    }
}

/// Reads three digits and nothing else; `parse` would take a sign.
fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0'))
    })
}

/// Splits the enhanced code off the text, if it has one of the reply's class (RFC 2034 section 4).
fn split_enhanced(code: u16, text: &str) -> (Option<Enhanced>, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match parse_enhanced(word) {
        Some(enhanced) if u16::from(enhanced.0) == code / 100 => (Some(enhanced), rest),
        _ => (None, text),
    }
}

/// Twice the 512 octets of RFC 5321 section 4.5.3.1.5 and more, for servers that put stories into replies.
pub const MAX_REPLY_LINE: usize = 4_096;

/// More lines than any EHLO reply has.
const MAX_REPLY_LINES: usize = 256;

/// More than a person reads.
const MAX_REPLY_TEXT: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(input: &[u8]) -> Result<Option<Reply>, Malformed> {
        Parser::default().next(input).1
    }

    fn written(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write_to(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn replies_are_written_as_the_rfc_says() {
        assert_eq!(written(&Reply::new(250, (2, 1, 0), "ok")), "250 2.1.0 ok\r\n");
        assert_eq!(written(&Reply::plain(250, "a\nb")), "250-a\r\n250 b\r\n");
        assert_eq!(written(&Reply::plain(354, "")), "354 \r\n");
        assert_eq!(written(&Reply::new(550, (5, 1, 1), "x\ry\tü\0")), "550 5.1.1 x y ue \r\n");
        assert!(written(&Reply::plain(250, "ß".repeat(2_000))).len() <= 512);
        assert!(written(&Reply::plain(250, "x".repeat(2_000))).len() <= 512);
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for input in [
            "25\r\n",
            "HTTP/1.1 400\r\n",
            "150 x\r\n",
            "600 x\r\n",
            "250x\r\n",
            "250-a\r\n251 b\r\n",
            "\r\n",
            "+50 x\r\n",
        ] {
            assert_eq!(parse(input.as_bytes()), Err(Malformed), "{input:?}");
        }
        assert_eq!(parse(&[b'2'; 5_000]), Err(Malformed));
        assert_eq!(parse("250-x\r\n".repeat(300).as_bytes()), Err(Malformed));
        assert_eq!(
            parse(format!("250-{}\r\n", "x".repeat(3_000)).repeat(20).as_bytes()),
            Err(Malformed)
        );
    }

    #[test]
    fn replies_of_real_servers_are_read() {
        let cases = [
            ("250\r\n", Reply::plain(250, "")),
            ("250 ok\n", Reply::plain(250, "ok")),
            ("250-a\r\n250-b c\r\n250 d\r\n", Reply::plain(250, "a\nb c\nd")),
            ("550-5.1.1 no\r\n550 5.1.1 such\r\n", Reply::new(550, (5, 1, 1), "no\nsuch")),
            ("250 5.1.1 odd\r\n", Reply::plain(250, "5.1.1 odd")),
        ];
        for (input, expected) in cases {
            assert_eq!(parse(input.as_bytes()), Ok(Some(expected)), "{input:?}");
            assert_eq!(parse(&input.as_bytes()[..input.len() - 1]), Ok(None));
        }
        assert_eq!(parse(b"550 caf\xe9\r\n"), Ok(Some(Reply::plain(550, "caf\u{fffd}"))));
    }

    #[test]
    fn code_text_becomes_a_reply() {
        let reply = Reply::from_code(&crate::codes::MESSAGE_TOO_BIG, "");
        assert_eq!((reply.code, reply.enhanced), (552, Some((5, 3, 4))));
        for code in crate::CODES {
            let reply = Reply::from_code(code, "x");
            assert_eq!(reply.is_temporary(), code.is_temporary(), "{}", code.id);
            assert!(reply.enhanced.is_some(), "{}", code.id);
        }
    }

    proptest! {
        #[test]
        fn written_replies_are_read_back(code in 200_u16..600, subject in 0_u16..1000, detail in 0_u16..1000,
                                         lines in prop::collection::vec("[a-z][ -~]{0,80}", 1..5)) {
            let enhanced = Some((u8::try_from(code / 100).unwrap(), subject, detail)).filter(|_| code / 100 != 3);
            let reply = Reply { code, enhanced, text: lines.join("\n").into() };
            prop_assert_eq!(parse(written(&reply).as_bytes()), Ok(Some(reply)));
        }

        #[test]
        fn any_octets_are_answered(input in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut parser = Parser::default();
            let (used, _) = parser.next(&input);
            prop_assert!(used <= input.len());
        }
    }
}
