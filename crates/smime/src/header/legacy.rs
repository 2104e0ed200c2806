//! The legacy display: hidden fields repeated at the start of the text, for programs that do not look for them in the
//! protected header (RFC 9788 section 2.1.2). It is written for those (section 5.2.2) and taken off when we read, because
//! the fields stand in the header then (section 4.5.3).

use std::io::{self, Read};

use chancery_mail::{
    Index, Span,
    content_type::TransferEncoding,
    header::{Field, HeaderBlock},
    index::Part,
    transfer::{self, Base64Encoder, Decoder, encode_quoted_printable},
};

use crate::{
    entity::{Entity, Head, Patch},
    header::{parameter::with_parameter, payload::push_line, protected_name, same_value},
};

/// What to do with the decoded start of a text: put bytes in the place of a range.
struct Edit {
    at: usize,
    removed: usize,
    added: Vec<u8>,
}

/// A legacy display that is to be written.
pub(super) struct Written {
    /// The changes of the body.
    pub(super) patches: Vec<Patch>,
    /// True if the content itself is such a text, so that its own header has to say so.
    pub(super) is_root: bool,
}

/// Prepares a legacy display of these lines (`Subject: text`) at the start of the texts that readers show first; none of
/// it where the text has no place for it.
pub(super) fn write(entity: &mut Entity<'_>, head: &Head, lines: &[String]) -> io::Result<Written> {
    let mut written = Written { patches: Vec::new(), is_root: false };
    if lines.is_empty() {
        return Ok(written);
    }
    for part in main_texts(entity, head)? {
        let is_root = part.parent.is_none();
        let Some(body) = edited(entity, &part, |text| insertion(&part, lines, text))? else {
            continue;
        };
        if !is_root {
            let span = entity.placed(part.header);
            let mut header = Vec::new();
            entity.reader(span)?.read_to_end(&mut header)?;
            let Some(bytes) = marked(&header) else { continue };
            written.patches.push(Patch { span, bytes });
        }
        written.is_root |= is_root;
        written.patches.push(body);
    }
    Ok(written)
}

/// Prepares the removal of every legacy display. Only lines that repeat fields of the header inside are one: nothing else
/// is hidden from the reader.
pub(crate) fn remove(entity: &mut Entity<'_>, head: &Head) -> io::Result<Vec<Patch>> {
    let mut patches = Vec::new();
    for part in main_texts(entity, head)? {
        if part.content_type.parameter(PARAMETER) == Some("1") {
            let edit = edited(entity, &part, |text| removal(&part, head.block(), text))?;
            patches.extend(edit);
        }
    }
    Ok(patches)
}

/// Returns the texts that are shown first (RFC 9787 section 7.1): of alternatives all, of other multiparts the first.
/// Their places are counted from the start of the entity.
fn main_texts(entity: &mut Entity<'_>, head: &Head) -> io::Result<Vec<Part>> {
    if !head.is_multipart() {
        let start = head.body.saturating_sub(entity.span.start);
        let body = Span { start, end: entity.span.len().max(start) };
        let part = Part { body, ..head.part().clone() };
        return Ok(if is_text(&part) { vec![part] } else { Vec::new() });
    }
    let index = entity.index()?;
    let mut texts = Vec::new();
    if !index.is_truncated() {
        collect(&index, index.root(), &mut texts);
    }
    Ok(texts)
}

/// The index bounds how deep parts lie in each other.
fn collect(index: &Index, part: &Part, texts: &mut Vec<Part>) {
    let kind = &part.content_type;
    if kind.kind != "multipart" {
        if is_text(part) && texts.len() < MAX_TEXTS {
            texts.push(part.clone());
        }
        return;
    }
    // What somebody else signed or encrypted is never touched.
    let shown = match kind.subtype.as_str() {
        "signed" | "encrypted" => 0,
        "alternative" => MAX_TEXTS,
        _ => 1,
    };
    for child in index.children(part).take(shown) {
        collect(index, child, texts);
    }
}

fn is_text(part: &Part) -> bool {
    let is_attached = part.disposition.as_ref().is_some_and(|it| it.kind == "attachment");
    !is_attached && (part.content_type.is("text", "plain") || part.content_type.is("text", "html"))
}

/// Edits a text; nothing if it cannot be done, or if the encoding would not give back the same text.
fn edited(
    entity: &mut Entity<'_>,
    part: &Part,
    edit: impl FnOnce(&[u8]) -> Option<Edit>,
) -> io::Result<Option<Patch>> {
    let span = entity.placed(part.body);
    let mut text = Vec::new();
    if part.transfer_encoding.is_identity() {
        entity.reader(span)?.take(MAX_START).read_to_end(&mut text)?;
        return Ok(edit(&text).map(|edit| {
            let start = span.start + edit.at as u64;
            let place = Span { start, end: start + edit.removed as u64 };
            Patch { span: place, bytes: edit.added }
        }));
    }
    if part.transfer_encoding == TransferEncoding::Unknown || span.len() > MAX_ENCODED {
        return Ok(None);
    }
    Decoder::new(part.transfer_encoding, entity.reader(span)?).read_to_end(&mut text)?;
    let Some(edit) = edit(&text) else { return Ok(None) };
    let (Some(before), Some(after)) = (text.get(..edit.at), text.get(edit.at + edit.removed..))
    else {
        return Ok(None);
    };
    let text = [before, &edit.added, after].concat();
    let bytes = encoded(part.transfer_encoding, &text)?;
    let is_same = transfer::decode(part.transfer_encoding, &bytes) == text;
    Ok(is_same.then_some(Patch { span, bytes }))
}

fn encoded(encoding: TransferEncoding, text: &[u8]) -> io::Result<Vec<u8>> {
    if encoding == TransferEncoding::QuotedPrintable {
        return Ok(encode_quoted_printable(text).into_bytes());
    }
    let mut lines = Base64Encoder::new(Vec::with_capacity(text.len() + text.len() / 2));
    io::Write::write_all(&mut lines, text)?;
    lines.finish()
}

/// Finds the place for the lines in a text.
fn insertion(part: &Part, lines: &[String], text: &[u8]) -> Option<Edit> {
    if part.content_type.is("text", "html") {
        let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
        let element = format!(
            "\r\n<div class=\"{CLASS}\">\r\n<pre>{}</pre>\r\n</div>\r\n",
            lines.join("\r\n")
        );
        return Some(Edit { at: start_of_body(text)?, removed: 0, added: element.into_bytes() });
    }
    let charset = part.content_type.parameter("charset").unwrap_or("us-ascii");
    let is_ascii = lines.iter().all(|line| line.is_ascii());
    let takes_utf8 = charset.eq_ignore_ascii_case("utf-8")
        && part.transfer_encoding != TransferEncoding::SevenBit;
    // A text in two bytes for each letter has no place for lines in one.
    let is_wide = charset.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("utf-"))
        && !charset.eq_ignore_ascii_case("utf-8");
    let fits = (is_ascii && !is_wide) || takes_utf8;
    fits.then(|| Edit {
        at: 0,
        removed: 0,
        added: format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes(),
    })
}

/// Writes text for HTML in ASCII, which is right in every charset.
fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len() + 16);
    for letter in line.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            letter if letter.is_ascii() => text.push(letter),
            letter => text.push_str(&format!("&#{};", u32::from(letter))),
        }
    }
    text
}

/// Returns the place after the tag that opens the body of an HTML text; the start of a text that has none of the tags
/// around the body.
fn start_of_body(html: &[u8]) -> Option<usize> {
    // UTF-16, where the tags look different.
    if html.contains(&0) {
        return None;
    }
    let lower = html.to_ascii_lowercase();
    if let Some(tag) = memchr::memmem::find(&lower, b"<body") {
        let rest = lower.get(tag + 5..)?;
        let is_tag = rest.first().is_some_and(|next| *next == b'>' || next.is_ascii_whitespace());
        return is_tag.then(|| memchr::memchr(b'>', rest).map(|end| tag + 5 + end + 1)).flatten();
    }
    let has_frame = [&b"<html"[..], b"<!", b"<head"]
        .iter()
        .any(|tag| memchr::memmem::find(&lower, tag).is_some());
    let is_whole = (html.len() as u64) < MAX_START;
    (!has_frame && is_whole && html.is_ascii()).then_some(0)
}

/// Finds the legacy display in a text.
fn removal(part: &Part, inner: HeaderBlock<'_>, text: &[u8]) -> Option<Edit> {
    let (at, removed) = if part.content_type.is("text", "html") {
        let start = start_of_body(text)?;
        let rest = text.get(start..)?;
        let blank = rest.len() - rest.trim_ascii_start().len();
        let element = rest.get(blank..)?;
        let length = element_of(element, inner)?;
        let line_end = element.get(length..)?.starts_with(b"\r\n");
        (start, blank + length + if line_end { 2 } else { 0 })
    } else {
        let end = text
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .map(|end| (end, 4))
            .into_iter()
            .chain(text.windows(2).position(|window| window == b"\n\n").map(|end| (end, 2)))
            .min()?;
        repeats_fields(text.get(..end.0)?, inner).then_some((0, end.0 + end.1))?
    };
    Some(Edit { at, removed, added: Vec::new() })
}

/// Returns the length of the element that starts here, if it is a legacy display (RFC 9788 section 4.5.3.3).
fn element_of(html: &[u8], inner: HeaderBlock<'_>) -> Option<usize> {
    let lower = html.to_ascii_lowercase();
    let tag_end = memchr::memchr(b'>', &lower)?;
    let tag = lower.get(..tag_end)?;
    if !tag.starts_with(b"<div") || memchr::memmem::find(tag, CLASS.as_bytes()).is_none() {
        return None;
    }
    let end = memchr::memmem::find(&lower, b"</div>")?;
    let content = html.get(tag_end + 1..end)?;
    let mut text = Vec::with_capacity(content.len());
    let mut is_tag = false;
    for &byte in content {
        match byte {
            b'<' => is_tag = true,
            b'>' if is_tag => is_tag = false,
            byte if !is_tag => text.push(byte),
            _ => {}
        }
    }
    let has_element_inside = memchr::memmem::find(lower.get(tag_end..end)?, b"<div").is_some();
    let text = unescaped(&text);
    (!has_element_inside && repeats_fields(text.trim_ascii(), inner)).then_some(end + 6)
}

/// Returns true if all lines are fields that the header inside has with the same words; no others can hide among them.
pub(super) fn repeats_fields(lines: &[u8], inner: HeaderBlock<'_>) -> bool {
    let display = HeaderBlock::parse(lines);
    let covered: usize = display.fields().map(|field| field.raw.len()).sum();
    let repeats = |field: Field<'_>| {
        inner.first(field.name).is_some_and(|known| {
            same_value(protected_name(&field).unwrap_or(field.name), &field, &known)
        })
    };
    !lines.is_empty() && covered == lines.len() && display.fields().all(repeats)
}

/// Returns text of HTML with its references read: those that [`escaped`] and other programs write.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest) {
        let (before, reference) = rest.split_at(at);
        out.extend_from_slice(before);
        let length = memchr::memchr(b';', reference.get(..MAX_REFERENCE).unwrap_or(reference));
        let letter = length
            .and_then(|length| reference.get(1..length))
            .and_then(|name| std::str::from_utf8(name).ok())
            .and_then(letter_of);
        if let (Some(letter), Some(length)) = (letter, length) {
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            rest = reference.get(length + 1..).unwrap_or_default();
        } else {
            out.push(b'&');
            rest = reference.get(1..).unwrap_or_default();
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Returns the letter that a reference names, without its `&` and `;`.
fn letter_of(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok();
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let digits = name.strip_prefix('#')?;
            let hexadecimal = digits.strip_prefix(['x', 'X']);
            let number = hexadecimal.map_or_else(|| number(digits, 10), |it| number(it, 16));
            number.and_then(char::from_u32)
        }
    }
}

/// Returns the header of a part that says that there is a legacy display; nothing if it would not be read so.
fn marked(header: &[u8]) -> Option<Vec<u8>> {
    let block = HeaderBlock::parse(header);
    let parameter = format!("{PARAMETER}=\"1\"");
    let mut kinds = block.all("Content-Type");
    let kind = match (kinds.next(), kinds.next()) {
        (None, _) => format!("Content-Type: text/plain; {parameter}\r\n").into_bytes(),
        (Some(field), None) => with_parameter(&field, &parameter)?,
        (Some(_), Some(_)) => return None,
    };
    let mut marked = kind;
    for field in block.fields().filter(|field| !field.is("Content-Type")) {
        push_line(&mut marked, field.raw);
    }
    Some(marked)
}

/// RFC 9788 section 2.1.2.
const PARAMETER: &str = "hp-legacy-display";

/// RFC 9788 section 5.2.3.1.
const CLASS: &str = "header-protection-legacy-display";

/// The place for the element is near the start: after the styles of an HTML text.
const MAX_START: u64 = 64 * 1024;

/// Encoded texts are edited in memory.
const MAX_ENCODED: u64 = 1024 * 1024;

/// The longest reference is `&#1114111;`, and zeros may stand before the digits.
const MAX_REFERENCE: usize = 16;

/// Honest messages have two or three alternatives.
const MAX_TEXTS: usize = 8;
