//! Replies: what a server says after each command (RFC 5321 section 4.2, RFC 2034).

use std::borrow::Cow;
use std::fmt;

use chancery_fault::Code;

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
    /// The text may come from anywhere, so control characters become spaces and what is not ASCII becomes `?`; lines
    /// are cut to the limit of RFC 5321 section 4.5.3.1.5.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let mut lines = self.lines().peekable();
        while let Some(line) = lines.next() {
            self.write_line(line, lines.peek().is_none(), out);
        }
    }

    fn write_line(&self, line: &str, is_last: bool, out: &mut Vec<u8>) {
        use std::io::Write as _;
        let separator = if is_last { ' ' } else { '-' };
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{:03}{separator}", self.code.min(999));
        if let Some((class, subject, detail)) = self.enhanced {
            let _ = write!(out, "{class}.{subject}.{detail} ");
        }
        out.extend(line.chars().take(MAX_TEXT).map(|c| match c {
            c if c.is_ascii_control() => b' ',
            c if c.is_ascii() => c as u8,
            _ => b'?',
        }));
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
