//! Text for people as a MIME body: wrapped, 7 bit clean.

use std::fmt::Write as _;

use crate::transfer;

/// Adds a paragraph with a heading, wrapped and indented.
pub(super) fn section(body: &mut String, heading: &str, text: &str) {
    let _ = write!(body, "\n{heading}:\n");
    paragraph(body, text);
}

/// Adds a paragraph, wrapped and indented.
pub(super) fn paragraph(body: &mut String, text: &str) {
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column == 0 {
            body.push_str("  ");
        } else if column + width + 1 > MAX_COLUMN {
            body.push_str("\n  ");
            column = 0;
        } else {
            body.push(' ');
        }
        body.push_str(word);
        column += width + 1;
    }
    body.push('\n');
}

/// Writes Content-Type and Content-Transfer-Encoding, the empty line and the text (lines end in LF or CRLF).
pub(super) fn body(text: &str) -> String {
    let (encoding, mut lines) = clean(text.as_bytes());
    if !lines.ends_with("\r\n") {
        lines.push_str("\r\n");
    }
    let charset = if text.is_ascii() { "us-ascii" } else { "utf-8" };
    format!(
        "Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{lines}"
    )
}

/// Returns bytes as lines of ASCII that end in CRLF: as they are if they are that already, else quoted-printable; and
/// the name of the encoding.
pub(super) fn clean(text: &[u8]) -> (&'static str, String) {
    let is_clean_line = |line: &[u8]| {
        let line = crate::header::without_line_end(line);
        line.len() <= MAX_LINE
            && line.iter().all(|&byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t'))
    };
    if !text.split_inclusive(|&byte| byte == b'\n').all(is_clean_line) {
        return ("quoted-printable", transfer::encode_quoted_printable(text));
    }
    let mut lines = String::with_capacity(text.len() + text.len() / 32);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        lines.extend(crate::header::without_line_end(line).iter().copied().map(char::from));
        lines.push_str("\r\n");
    }
    ("7bit", lines)
}

/// Folds the value of an unstructured field at spaces before words, so that no line is empty. Encoded words are folded
/// already.
pub(super) fn folded(value: &str) -> String {
    if value.contains('\n') {
        return value.to_owned();
    }
    let mut folded = String::new();
    let mut column = "Subject: ".len();
    for (number, word) in value.split(' ').enumerate() {
        let has_text = folded.bytes().any(|byte| byte != b' ');
        if has_text && !word.is_empty() && column + 1 + word.len() > FOLD_AT {
            folded.push_str("\r\n ");
            column = 1;
        } else if number > 0 {
            folded.push(' ');
            column += 1;
        }
        folded.push_str(word);
        column += word.len();
    }
    folded
}

/// Cuts a text for people to so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Makes text fit for one line of a status field: printable ASCII, single spaces, not too long.
pub(super) fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .take(MAX_STATUS)
        .collect()
}

/// Where paragraphs wrap.
const MAX_COLUMN: usize = 70;

/// Where header fields fold (RFC 5322 section 2.1.1).
const FOLD_AT: usize = 76;

/// Longer lines are encoded; RFC 5322 allows 998.
const MAX_LINE: usize = 900;

/// Replies may have many lines of 512 bytes; this much of one is repeated.
const MAX_STATUS: usize = 800;
