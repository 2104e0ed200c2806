//! Writes the header of the protected content: its MIME fields, and the message's fields beside them (RFC 9788 section 2).

use std::io;

use chancery_mail::{
    address::{Mailbox, parse_mailbox_list},
    content_type::ContentType,
    encoded_word,
    header::{Field, HeaderBlock},
};

use crate::{
    entity::{Entity, Head, Patch, is_content_field},
    header::{
        ADDRESSES, PROTECTED, legacy,
        parameter::{with_parameter, without_protection},
        protected_name,
    },
    protect::InPlace,
};

/// The header of the content of a message that is signed in clear, without the empty line.
pub(crate) struct ClearHeader {
    pub(crate) bytes: Vec<u8>,
    /// The message's fields in it; none if the header could not be protected.
    pub(crate) covered: Vec<&'static str>,
}

/// Makes the header of content that is signed in clear: `hp="clear"`, and the fields in a form that relays leave alone.
///
/// A message whose media type is not clear keeps its header outside: a parameter more would not be read by all. So does
/// one that its author has signed or encrypted: readers look for the header inside of all layers (RFC 9788 section 4.1).
pub(crate) fn clear(original: HeaderBlock<'_>) -> ClearHeader {
    covered(original).unwrap_or_else(|| {
        let fields = original.fields().filter(is_inner_content_field);
        let bytes = fields.fold(Vec::new(), |mut bytes, field| {
            push_line(&mut bytes, field.raw);
            bytes
        });
        ClearHeader { bytes, covered: Vec::new() }
    })
}

/// Returns the header with all protected fields; nothing if one of them cannot be protected. To the reader a field that
/// is outside only is one that was added on the way, so it is all of them or none.
fn covered(original: HeaderBlock<'_>) -> Option<ClearHeader> {
    if original.first("Content-Type").is_some_and(|field| is_sealed(&field)) {
        return None;
    }
    let content = content_fields(original, "hp=\"clear\"")?;
    let mut header = ClearHeader { bytes: Vec::with_capacity(1024), covered: Vec::new() };
    for name in PROTECTED {
        let mut fields = original.all(name);
        let Some(field) = fields.next() else { continue };
        // A field that is there twice has no single meaning to protect, and raw octets of an unknown character set none
        // that could be written otherwise.
        if fields.next().is_some() || std::str::from_utf8(field.raw).is_err() {
            return None;
        }
        header.bytes.extend_from_slice(&sturdy(name, &field)?);
        header.covered.push(name);
    }
    header.bytes.extend_from_slice(&content);
    Some(header)
}

/// Returns true for content that is a layer of protection itself.
fn is_sealed(content_type: &Field<'_>) -> bool {
    ContentType::parse(content_type.value).is_some_and(|kind| {
        matches!(
            (kind.kind.as_str(), kind.subtype.as_str()),
            ("multipart", "signed" | "encrypted") | ("application", "pkcs7-mime" | "x-pkcs7-mime")
        )
    })
}

/// The two headers of an encrypted message.
pub(crate) struct CipherHeader {
    /// The header of the content, with its empty line.
    pub(crate) inside: Vec<u8>,
    /// The fields outside, without those that describe the content.
    pub(crate) outside: Vec<u8>,
    /// The legacy display in the body.
    pub(crate) display: Vec<Patch>,
}

/// Makes both headers of an encrypted message (RFC 9788 section 5.2); nothing if its media type is not clear.
pub(crate) fn cipher(
    entity: &mut Entity<'_>,
    head: &Head,
    how: InPlace,
) -> io::Result<Option<CipherHeader>> {
    let original = head.block();
    let mut outside = Vec::with_capacity(1024);
    let mut hidden = Vec::new();
    for name in PROTECTED {
        let Some(field) = original.first(name) else { continue };
        let plain = sturdy(name, &field);
        // A message has a From outside, however it is written (RFC 9788 section 3.1.1).
        let plain = plain.or_else(|| (name == "From").then(|| with_line_end(field.raw)));
        let Some(plain) = plain else { continue };
        let shown = how.confidentiality.outside(name, &field, plain.clone());
        if shown.as_ref() != Some(&plain) && USER_FACING.contains(&name) {
            hidden.push(name);
        }
        outside.extend(shown.unwrap_or_default());
    }
    let mut inside = Vec::with_capacity(2048);
    for field in HeaderBlock::parse(&outside).fields() {
        inside.extend_from_slice(b"HP-Outer: ");
        inside.extend_from_slice(field.raw);
    }
    for field in original.fields().filter(goes_inside) {
        push_line(&mut inside, field.raw);
    }
    if how.keeps_bcc {
        for field in original.all("Bcc") {
            push_line(&mut outside, field.raw);
        }
    }
    let lines = if how.legacy_display { display_lines(original, &hidden) } else { Vec::new() };
    let display = legacy::write(entity, head, &lines)?;
    let parameters =
        if display.is_root { "hp-legacy-display=\"1\"; hp=\"cipher\"" } else { "hp=\"cipher\"" };
    let Some(fields) = content_fields(original, parameters) else { return Ok(None) };
    inside.extend_from_slice(&fields);
    inside.extend_from_slice(b"\r\n");
    Ok(Some(CipherHeader { inside, outside, display: display.patches }))
}

/// Returns the hidden fields as lines of text, Subject first (RFC 9788 section 5.2.2); none of it if one cannot be read.
fn display_lines(original: HeaderBlock<'_>, hidden: &[&'static str]) -> Vec<String> {
    let mut lines = Vec::new();
    for name in USER_FACING.into_iter().filter(|name| hidden.contains(name)) {
        let Some(field) = original.first(name).map(|field| field.decoded()) else { continue };
        if !field.is_whole {
            return Vec::new();
        }
        let words: Vec<&str> = field.text.split_whitespace().collect();
        lines.push(format!("{name}: {}", words.join(" ")));
    }
    lines
}

/// Returns the fields that describe the content, with a parameter added to the media type (RFC 9788 section 2.1).
pub(crate) fn content_fields(original: HeaderBlock<'_>, parameter: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(512);
    let mut kinds = original.all("Content-Type");
    match (kinds.next(), kinds.next()) {
        (None, _) => {
            bytes
                .extend_from_slice(format!("Content-Type: text/plain; {parameter}\r\n").as_bytes());
        }
        (Some(field), None) => {
            // What it says about an earlier protection is not true of this one.
            let plain = without_protection(&field);
            let plain = HeaderBlock::parse(plain.as_deref().unwrap_or(field.raw));
            bytes.extend_from_slice(&with_parameter(&plain.first("Content-Type")?, parameter)?);
        }
        (Some(_), Some(_)) => return None,
    }
    for field in original.fields().filter(is_inner_content_field) {
        if !field.is("Content-Type") {
            push_line(&mut bytes, field.raw);
        }
    }
    Some(bytes)
}

/// Returns true for fields that describe the content inside; its `MIME-Version` stands outside.
fn is_inner_content_field(field: &Field<'_>) -> bool {
    is_content_field(field) && !field.is("MIME-Version")
}

/// Returns a field with its line end in a form that relays have no reason to change: ASCII, no line over 998 octets, no
/// white space at a line's end. Nothing if it has no such form.
pub(crate) fn sturdy(name: &str, field: &Field<'_>) -> Option<Vec<u8>> {
    if is_sturdy(field.raw) {
        return Some(field.raw.to_vec());
    }
    if field.raw.len() > MAX_REWRITTEN {
        return None;
    }
    let line = if ADDRESSES.contains(&name) {
        let list = parse_mailbox_list(field.value);
        if !list.problems.is_empty() || list.mailboxes.is_empty() {
            return None;
        }
        let written: Vec<String> = list.mailboxes.iter().map(written).collect();
        format!("{name}: {}\r\n", written.join(",\r\n "))
    } else {
        let decoded = field.decoded();
        if !decoded.is_whole {
            return None;
        }
        let words: Vec<&str> = decoded.text.split_whitespace().collect();
        let text = words.join(" ");
        let text = if text.is_ascii() && !text.contains("=?") {
            folded(&words)
        } else {
            encoded_word::encode(&text)
        };
        format!("{name}: {text}\r\n")
    };
    is_sturdy(line.as_bytes()).then(|| line.into_bytes())
}

fn is_sturdy(raw: &[u8]) -> bool {
    let Some(text) = std::str::from_utf8(raw).ok().and_then(|text| text.strip_suffix("\r\n"))
    else {
        return false;
    };
    text.split("\r\n").enumerate().all(|(number, line)| {
        line.len() <= MAX_LINE
            && line.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
            && !line.ends_with([' ', '\t'])
            && !line.is_empty()
            && (number == 0 || line.starts_with([' ', '\t']))
    })
}

/// Writes a mailbox in ASCII as far as its address allows.
fn written(mailbox: &Mailbox) -> String {
    let display = mailbox.display.trim();
    let is_atom = |it: char| it.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~ ".contains(it);
    let name = if display.is_empty() {
        return mailbox.address.to_string();
    } else if !display.is_ascii() || display.contains("=?") {
        encoded_word::encode(display)
    } else if display.chars().all(is_atom) {
        display.to_owned()
    } else {
        format!("\"{}\"", display.replace('\\', "\\\\").replace('"', "\\\""))
    };
    format!("{name} <{}>", mailbox.address)
}

/// Puts words on lines of about 76 characters.
fn folded(words: &[&str]) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in words {
        if column > 0 && column + word.len() >= FOLD_AT {
            text.push_str("\r\n ");
            column = 0;
        } else if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
        column += word.len() + 1;
    }
    text
}

fn with_line_end(field: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(field.len() + 2);
    push_line(&mut line, field);
    line
}

/// Adds a field, with a line end if it has none.
pub(crate) fn push_line(header: &mut Vec<u8>, field: &[u8]) {
    header.extend_from_slice(field);
    if !field.ends_with(b"\n") {
        header.extend_from_slice(b"\r\n");
    }
}

/// Returns true if the field goes inside of an encryption: all but what describes the content, what belongs to the way,
/// and the hidden recipients.
pub(crate) fn goes_inside(field: &Field<'_>) -> bool {
    protected_name(field).is_some()
        || !(is_content_field(field)
            || TRACE.iter().any(|name| field.is(name))
            || starts_trace(field))
}

fn starts_trace(field: &Field<'_>) -> bool {
    TRACE_STARTS.iter().any(|start| {
        field.name.get(..start.len()).is_some_and(|name| name.eq_ignore_ascii_case(start))
    })
}

/// Fields that people read, of those that are protected (RFC 9787 section 1.1.2); the first is what they look for.
const USER_FACING: [&str; 7] = ["Subject", "From", "To", "Cc", "Date", "Reply-To", "Sender"];

/// Fields that the servers on the way write, and two that must never travel.
const TRACE: [&str; 9] = [
    "Authentication-Results",
    "Bcc",
    "Delivered-To",
    "DKIM-Signature",
    "DomainKey-Signature",
    "HP-Outer",
    "Received",
    "Received-SPF",
    "Return-Path",
];

const TRACE_STARTS: [&str; 3] = ["ARC-", "Resent-", "X-Spam-"];

/// RFC 5322 section 2.1.1.
const MAX_LINE: usize = 998;

/// RFC 5322 section 2.1.1 recommends 78; the name of the field takes some.
const FOLD_AT: usize = 64;

/// Larger fields are protected only if they are sturdy as they are.
const MAX_REWRITTEN: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn clear_text(original: &str) -> (String, Vec<&'static str>) {
        let header = clear(HeaderBlock::parse(original.as_bytes()));
        (String::from_utf8(header.bytes).unwrap(), header.covered)
    }

    #[test]
    fn all_fields_are_covered_or_none_is() {
        for field in [
            &b"From: J\xc3\xb6rg, Gr\xc3\xb6\xc3\x9fe <j@acme.example>\r\n"[..],
            b"From: J\xf6rg <j@acme.example>\r\n",
            b"To: a@globex.example\r\nTo: b@globex.example\r\n",
            b"Subject: Gr\xfc\xdfe\r\n",
        ] {
            let original = [b"Date: Sun, 22 Nov 2026 00:00:00 +0000\r\n", field].concat();
            let header = clear(HeaderBlock::parse(&original));
            assert_eq!((header.bytes, header.covered), (Vec::new(), Vec::new()), "{field:?}");
        }
    }

    #[test]
    fn fields_are_copied_in_a_form_that_relays_leave_alone() {
        let (text, covered) = clear_text(
            "Received: from a\r\nX-Other: 1\r\nSubject: Gr\u{fc}\u{df}e  \r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8;\r\nContent-Language: de\r\n\r\n",
        );
        assert_eq!(covered, ["Subject"]);
        assert_eq!(
            text,
            "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\nContent-Type: text/plain; charset=utf-8;\r\n hp=\"clear\"\r\n\
             Content-Language: de\r\n"
        );
        let (text, covered) = clear_text(
            "From: \"J\u{f6}rg\" <j@acme.example>, \"B, C\" <b@acme.example> \r\nComments: a \r\n",
        );
        assert_eq!(covered, ["From", "Comments"]);
        assert!(text.starts_with(
            "From: =?utf-8?B?SsO2cmc=?= <j@acme.example>,\r\n \"B, C\" <b@acme.example>\r\nComments: a\r\n\
             Content-Type: text/plain; hp=\"clear\"\r\n"
        ), "{text}");
    }

    #[test]
    fn a_media_type_that_is_not_clear_keeps_the_header_outside() {
        for original in [
            "From: a@b.example\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n",
            "From: a@b.example\r\nContent-Type: text/plain; x=\"open\r\n",
            "From: a@b.example\r\nContent-Type: text/plain (open\r\n",
            "From: a@b.example\r\nContent-Type: text\r\n",
        ] {
            let (text, covered) = clear_text(original);
            assert!(covered.is_empty() && !text.contains("hp=\"clear\""), "{original}: {text}");
            assert!(original.ends_with(&text), "{original}: {text}");
        }
    }

    #[test]
    fn a_stale_parameter_is_replaced() {
        let (text, covered) =
            clear_text("From: a@b.example\r\nContent-Type: text/plain; hp=\"cipher\"\r\n");
        assert_eq!(covered, ["From"]);
        assert!(text.ends_with("text/plain;\r\n hp=\"clear\"\r\n"), "{text}");
    }

    #[test]
    fn long_texts_are_folded() {
        let long = format!("Subject: {}\r\n", "word ".repeat(500));
        let (text, covered) = clear_text(&long);
        assert_eq!(covered, ["Subject"]);
        assert!(text.lines().all(|line| line.len() < 78), "{text}");
        assert_eq!(
            HeaderBlock::parse(text.as_bytes()).text("Subject"),
            HeaderBlock::parse(long.as_bytes()).text("Subject")
        );
        let (_, covered) = clear_text(&format!("Subject: {}\r\n", "x".repeat(2000)));
        assert!(covered.is_empty());
    }
}
