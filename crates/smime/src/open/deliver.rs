//! Decides what of an opened message is shown, and writes it.

use std::io::{self, Write};

use chancery_mail::{Span, address::Mailbox, header::HeaderBlock};

use crate::{
    entity::{Head, is_content_field},
    header::{PROTECTED, parameter::without_protection, payload::push_line, protected_name},
    line_ends::are_crlf,
    open::{Delivered, header::Restoration, layers::Content},
    sign::sturdy,
};

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing: the received bytes are delivered.
    AsReceived,
    /// Nothing at all.
    Nothing,
    /// The wrapped message at this place of the content's stream.
    Original(Span),
    /// The outer header with the content; fields of the protected header take the place of outer ones.
    Rebuilt(Option<Restoration>),
    /// The received message with the fields of its header as they were signed; it ends here in the stream.
    Restored(Restoration, u64),
}

/// What was written.
pub(super) struct Written {
    pub(super) delivered: Delivered,
    /// True if the bytes are not those that were inside.
    pub(super) has_changed_line_ends: bool,
}

impl Plan {
    /// Writes what is planned.
    pub(super) fn write(
        self,
        content: &mut Content<'_>,
        outer: &Head,
        out: &mut dyn Write,
    ) -> io::Result<Written> {
        let mut out = CrlfWriter::new(out);
        match self {
            Self::AsReceived => return Ok(Written::nothing(Delivered::AsReceived)),
            Self::Nothing => return Ok(Written::nothing(Delivered::Nothing)),
            Self::Original(span) => write_original(content, span, &mut out)?,
            Self::Rebuilt(ref restoration) => {
                let inner = content.head.block();
                let mut header = Vec::with_capacity(2048);
                write_fields(&mut header, outer.block(), inner, restoration.as_ref())?;
                push_line(&mut header, b"MIME-Version: 1.0");
                push_plain_content_fields(&mut header, inner);
                let body = Span { start: content.head.body, end: content.entity.span.end };
                // Text without a header of its own has no parts.
                let has_header = body.start > content.entity.span.start;
                let is_text = content.entity.has_only_crlf(body)?;
                if has_header && !is_text {
                    sturdy::write_armored(&mut content.entity, &header, &mut out)?;
                } else {
                    header.extend_from_slice(b"\r\n");
                    out.write_all(&header)?;
                    let display =
                        restoration.as_ref().map(|it| it.display.clone()).unwrap_or_default();
                    // What a removed display leaves behind was not looked at as it is then.
                    out.is_known = is_text && display.is_empty();
                    io::copy(&mut content.entity.patched(body, display), &mut out)?;
                }
            }
            Self::Restored(ref restoration, end) => {
                write_fields(&mut out, outer.block(), content.head.block(), Some(restoration))?;
                write_line(&mut out, b"MIME-Version: 1.0")?;
                write_content_fields(&mut out, outer.block())?;
                content.entity.copy(Span { start: outer.body, end }, &mut out)?;
            }
        }
        let (bytes, has_changed_line_ends) = out.finish()?;
        let delivered = match self {
            Self::Original(_) => Delivered::Original { bytes },
            _ => Delivered::Rebuilt { bytes },
        };
        Ok(Written { delivered, has_changed_line_ends })
    }
}

impl Written {
    fn nothing(delivered: Delivered) -> Self {
        Self { delivered, has_changed_line_ends: false }
    }
}

/// Writes a message that was wrapped, as it is; but parts in binary, which no server takes, become base64.
fn write_original(
    content: &mut Content<'_>,
    span: Span,
    out: &mut CrlfWriter<'_>,
) -> io::Result<()> {
    let entity = &mut content.entity;
    if entity.has_only_crlf(span)? {
        out.is_known = true;
        return entity.copy(span, out).map(|_| ());
    }
    let whole = std::mem::replace(&mut entity.span, span);
    let head = entity.head()?;
    let written = if head.is_whole {
        sturdy::write_armored(entity, head.block().raw(), out)
    } else {
        entity.copy(span, out).map(|_| ())
    };
    entity.span = whole;
    written
}

/// Returns true if both lists name the same mailboxes, in any order.
pub(super) fn agree(outer: &[Mailbox], inner: &[Mailbox]) -> bool {
    let covers = |these: &[Mailbox], those: &[Mailbox]| {
        those.iter().all(|that| these.iter().any(|this| this.address.same_mailbox(&that.address)))
    };
    covers(outer, inner) && covers(inner, outer)
}

/// Writes the outer fields that describe the message; those that are protected inside are taken from there.
fn write_fields(
    out: &mut impl Write,
    outer: HeaderBlock<'_>,
    inner: HeaderBlock<'_>,
    restoration: Option<&Restoration>,
) -> io::Result<()> {
    let inner_of = |name: &str| restoration.and_then(|restoration| restoration.inner(name, inner));
    let mut written = Vec::new();
    for field in outer.fields().filter(|field| !is_content_field(field)) {
        let Some(name) = protected_name(&field) else {
            write_line(out, field.raw)?;
            continue;
        };
        if restoration.is_some_and(|restoration| restoration.dropped.contains(&name)) {
            continue;
        }
        match inner_of(name) {
            Some(_) if written.contains(&name) => {}
            Some(inner) => {
                write_line(out, inner.raw)?;
                written.push(name);
            }
            None => write_line(out, field.raw)?,
        }
    }
    for name in PROTECTED.into_iter().filter(|name| !written.contains(name)) {
        if let Some(inner) = inner_of(name) {
            write_line(out, inner.raw)?;
        }
    }
    Ok(())
}

/// Writes the fields that describe the content, and the empty line.
fn write_content_fields(out: &mut impl Write, header: HeaderBlock<'_>) -> io::Result<()> {
    for field in header.fields().filter(|it| is_content_field(it) && !it.is("MIME-Version")) {
        write_line(out, field.raw)?;
    }
    out.write_all(b"\r\n")
}

/// Writes the fields that describe the content, without what they say about a protection that is no more there.
fn push_plain_content_fields(out: &mut Vec<u8>, header: HeaderBlock<'_>) {
    for field in header.fields().filter(|it| is_content_field(it) && !it.is("MIME-Version")) {
        let plain = if field.is("Content-Type") { without_protection(&field) } else { None };
        push_line(out, plain.as_deref().unwrap_or(field.raw));
    }
}

/// Writes a field, with a line end if it has none.
fn write_line(out: &mut impl Write, field: &[u8]) -> io::Result<()> {
    out.write_all(field)?;
    if field.ends_with(b"\n") { Ok(()) } else { out.write_all(b"\r\n") }
}

/// Makes every line end CRLF.
///
/// What was inside of an encryption never passed the receiver that refuses bare CR and LF, and would reach the next
/// server's DATA as it is: there a bare line end can smuggle a second message (RFC 5321 section 2.3.8).
struct CrlfWriter<'a> {
    sink: &'a mut dyn Write,
    last: u8,
    written: u64,
    has_changed: bool,
    /// True if all that is still to come was looked at before: it has CRLF at the ends of all lines.
    is_known: bool,
}

impl<'a> CrlfWriter<'a> {
    fn new(sink: &'a mut dyn Write) -> Self {
        Self { sink, last: 0, written: 0, has_changed: false, is_known: false }
    }

    /// Returns the number of bytes written, and whether there were other line ends.
    fn finish(mut self) -> io::Result<(u64, bool)> {
        if self.last == b'\r' {
            self.mend(b"\n")?;
        }
        Ok((self.written, self.has_changed))
    }

    /// Writes what a line end lacks.
    fn mend(&mut self, missing: &[u8]) -> io::Result<()> {
        self.has_changed = true;
        self.emit(missing)
    }

    fn emit(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.sink.write_all(bytes)
    }
}

impl Write for CrlfWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(&last) = bytes.last() else { return Ok(0) };
        if self.is_known || are_crlf(self.last, bytes) {
            self.emit(bytes)?;
            self.last = last;
            return Ok(bytes.len());
        }
        if self.last == b'\r' && bytes.first() != Some(&b'\n') {
            self.mend(b"\n")?;
        }
        let mut start = 0;
        for at in memchr::memchr2_iter(b'\r', b'\n', bytes) {
            let before =
                at.checked_sub(1).and_then(|at| bytes.get(at).copied()).unwrap_or(self.last);
            let (end, missing) = match (before, bytes.get(at), bytes.get(at + 1)) {
                (b'\r', Some(b'\n'), _) => continue,
                (_, Some(b'\n'), _) => (at, b"\r"),
                // A CR at the end of the chunk waits for the next one.
                (_, _, Some(b'\n') | None) => continue,
                _ => (at + 1, b"\n"),
            };
            self.emit(bytes.get(start..end).unwrap_or_default())?;
            self.mend(missing)?;
            start = end;
        }
        self.emit(bytes.get(start..).unwrap_or_default())?;
        self.last = last;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_line_end_becomes_crlf_however_the_bytes_are_cut(text in "[ab\r\n]{0,60}", cut in 0_usize..60) {
            let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
            let mut written = Vec::new();
            let mut writer = CrlfWriter::new(&mut written);
            writer.write_all(first).unwrap();
            writer.write_all(second).unwrap();
            let (length, has_changed) = writer.finish().unwrap();
            prop_assert_eq!(length, written.len() as u64);
            let expected = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
            prop_assert_eq!(has_changed, expected != text);
            prop_assert_eq!(String::from_utf8(written).unwrap(), expected);
        }
    }
}
