//! Writes the header of the protected content: its MIME fields, and the message's fields beside them (RFC 9788 section 2).

use chancery_mail::{
    address::{Mailbox, parse_mailbox_list},
    content_type::{ContentType, TransferEncoding},
    encoded_word,
    header::{Field, HeaderBlock},
    transfer::encode_quoted_printable,
};

use crate::{
    entity::{Head, is_content_field},
    header::{ADDRESSES, HeaderConfidentiality, PROTECTED, protected_name},
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
    let is_sealed = original.first("Content-Type").is_some_and(|field| is_sealed(&field));
    let content = if is_sealed { None } else { content_fields(original, "hp=\"clear\"") };
    let Some(content) = content else {
        let fields = original.fields().filter(is_inner_content_field);
        let bytes = fields.fold(Vec::new(), |mut bytes, field| {
            push_line(&mut bytes, field.raw);
            bytes
        });
        return ClearHeader { bytes, covered: Vec::new() };
    };
    let mut header = ClearHeader { bytes: Vec::with_capacity(1024), covered: Vec::new() };
    for name in PROTECTED {
        // A field that is there twice has no single meaning to protect.
        let mut fields = original.all(name);
        if let (Some(field), None) = (fields.next(), fields.next())
            && let Some(line) = sturdy(name, &field)
        {
            header.bytes.extend_from_slice(&line);
            header.covered.push(name);
        }
    }
    header.bytes.extend_from_slice(&content);
    header
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
    /// The header of the content with its empty line, and the legacy display after it.
    pub(crate) inside: Vec<u8>,
    /// The fields outside, without those that describe the content.
    pub(crate) outside: Vec<u8>,
}

/// Makes both headers of an encrypted message (RFC 9788 section 5.2); nothing if its media type is not clear.
pub(crate) fn cipher(head: &Head, how: InPlace) -> Option<CipherHeader> {
    let original = head.block();
    let mut outside = Vec::with_capacity(1024);
    for name in PROTECTED {
        if let Some(field) = original.first(name)
            && let Some(plain) = sturdy(name, &field)
            && let Some(shown) = how.confidentiality.outside(name, &field, plain)
        {
            outside.extend_from_slice(&shown);
        }
    }
    let mut inside = Vec::with_capacity(2048);
    for field in HeaderBlock::parse(&outside).fields() {
        inside.extend_from_slice(b"HP-Outer: ");
        inside.extend_from_slice(field.raw);
    }
    for field in original.fields().filter(goes_inside) {
        push_line(&mut inside, field.raw);
    }
    let is_hidden = how.confidentiality != HeaderConfidentiality::None;
    let display = if how.legacy_display && is_hidden { legacy_display(head) } else { None };
    let parameters = match display {
        Some(_) => "hp-legacy-display=\"1\"; hp=\"cipher\"",
        None => "hp=\"cipher\"",
    };
    inside.extend_from_slice(&content_fields(original, parameters)?);
    inside.extend_from_slice(b"\r\n");
    inside.extend(display.unwrap_or_default());
    Some(CipherHeader { inside, outside })
}

/// Returns the hidden Subject for the start of the text (RFC 9788 section 5.2.2); nothing if the content is not a plain
/// text that it can be put before.
fn legacy_display(head: &Head) -> Option<Vec<u8>> {
    let part = head.part();
    let subject = head.block().first("Subject").map(|field| field.decoded())?;
    if !part.content_type.is("text", "plain") || !subject.is_whole {
        return None;
    }
    let charset = part.content_type.parameter("charset").unwrap_or("us-ascii");
    let line = format!("Subject: {}\r\n\r\n", subject.text);
    match part.transfer_encoding {
        _ if !line.is_ascii() && !charset.eq_ignore_ascii_case("utf-8") => None,
        TransferEncoding::QuotedPrintable => {
            Some(encode_quoted_printable(line.as_bytes()).into_bytes())
        }
        TransferEncoding::SevenBit if !line.is_ascii() => None,
        encoding if encoding.is_identity() => Some(line.into_bytes()),
        _ => None,
    }
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
        (Some(field), None) => bytes.extend_from_slice(&with_parameter(&field, parameter)?),
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

/// Adds a parameter to a Content-Type field; nothing if it would not be read from there.
fn with_parameter(field: &Field<'_>, parameter: &str) -> Option<Vec<u8>> {
    let before = ContentType::parse(field.value)?;
    let kept = field.value.trim_ascii_end();
    let kept = kept.strip_suffix(b";").unwrap_or(kept).trim_ascii_end();
    let line = [b"Content-Type:", kept, b";\r\n ", parameter.as_bytes(), b"\r\n"].concat();
    let block = HeaderBlock::parse(&line);
    let mut fields = block.fields();
    let (Some(written), None) = (fields.next(), fields.next()) else { return None };
    let after = ContentType::parse(written.value)?;
    let is_new = |name: &str| before.parameter(name).is_none();
    let is_kept = after.parameters.starts_with(&before.parameters)
        && (&after.kind, &after.subtype) == (&before.kind, &before.subtype)
        && after.boundary() == before.boundary();
    let added = after.parameters.get(before.parameters.len()..)?;
    (is_kept && !added.is_empty() && added.iter().all(|it| is_new(&it.name))).then_some(line)
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
    fn fields_are_copied_in_a_form_that_relays_leave_alone() {
        let (text, covered) = clear_text(
            "Received: from a\r\nX-Other: 1\r\nSubject: Gr\u{fc}\u{df}e  \r\nFrom: J\u{f6}rg, Gr\u{f6}\u{df}e <j@acme.example>\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8;\r\nContent-Language: de\r\n\r\n",
        );
        assert_eq!(covered, ["Subject"], "From is not clear: {text}");
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
            "From: a@b.example\r\nContent-Type: text/plain; hp=\"cipher\"\r\n",
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
