//! Authentication-Results (RFC 8601): writing ours, finding forged ones.

use std::fmt::Write as _;
use std::ops::Range;

use crate::address::{is_deceptive, normal_domain};
use crate::header::{HeaderBlock, loose_lines, loose_name};

/// One result to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodResult {
    /// Such as `smime` (RFC 7281).
    pub method: String,
    /// Such as `pass`.
    pub result: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// `ptype`, `property` and value, such as `("body", "smime-identifier", "a@acme.example")`.
    pub properties: Vec<(String, String, String)>,
}

/// Writes the whole field, folded, with its CRLF. Without results it says `none`.
///
/// ```
/// use chancery_mail::authentication_results::{MethodResult, write};
///
/// let result = MethodResult {
///     method: "smime".into(),
///     result: "pass".into(),
///     reason: None,
///     properties: vec![("body".into(), "smime-identifier".into(), "a@globex.example".into())],
/// };
/// assert_eq!(
///     write("gate.acme.example", &[result]),
///     "Authentication-Results: gate.acme.example;\r\n\tsmime=pass body.smime-identifier=a@globex.example\r\n"
/// );
/// ```
pub fn write(authserv_id: &str, results: &[MethodResult]) -> String {
    let mut field = format!("Authentication-Results: {}", value(authserv_id));
    if results.is_empty() {
        field.push_str("; none");
    }
    for result in results {
        let _ = write!(field, ";\r\n\t{}={}", keyword(&result.method), keyword(&result.result));
        if let Some(reason) = &result.reason {
            let _ = write!(field, "\r\n\treason={}", quoted(reason));
        }
        let mut column = result.method.len() + result.result.len() + 9;
        for (kind, property, text) in &result.properties {
            let property = format!("{}.{}={}", keyword(kind), keyword(property), value(text));
            column += property.len() + 1;
            let is_long = column > MAX_COLUMN || result.reason.is_some();
            field.push_str(if is_long { "\r\n\t" } else { " " });
            if is_long {
                column = 8 + property.len();
            }
            field.push_str(&property);
        }
    }
    field.push_str("\r\n");
    field
}

/// Finds the fields that claim to be ours, so that they can be deleted: byte ranges in `message` (which may be only the
/// header block), in order.
///
/// RFC 8601 section 5 wants them gone, or anybody could write our verdict. It finds too much rather than too little:
/// names and ids in any case, folded, commented, quoted, with a version, with a trailing dot, behind a lone CR; and
/// malformed fields that name us anywhere.
pub fn forged(message: &[u8], authserv_id: &str) -> Vec<Range<usize>> {
    let header = HeaderBlock::parse(message).raw();
    let ours = normal_domain(authserv_id);
    let mut ranges = Vec::new();
    let mut field: Option<Range<usize>> = None;
    for (offset, line) in loose_lines(header) {
        let is_continued = matches!(line.first(), Some(b' ' | b'\t')) && offset > 0;
        match &mut field {
            Some(range) if is_continued => range.end = offset + line.len(),
            _ => {
                ranges.extend(field.take());
                let is_result = !is_continued && loose_name(line).is_some_and(|name| name == NAME);
                field = is_result.then_some(offset..offset + line.len());
            }
        }
    }
    ranges.extend(field);
    ranges.retain(|range| header.get(range.clone()).is_some_and(|field| is_ours(field, &ours)));
    ranges
}

/// Returns `bytes` without these ranges, which must be in order and not overlap.
pub fn without(bytes: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut start = 0;
    for range in ranges {
        kept.extend_from_slice(bytes.get(start..range.start).unwrap_or_default());
        start = range.end;
    }
    kept.extend_from_slice(bytes.get(start..).unwrap_or_default());
    kept
}

fn is_ours(field: &[u8], ours: &str) -> bool {
    let colon = memchr::memchr(b':', field).map_or(field.len(), |colon| colon + 1);
    let value = String::from_utf8_lossy(field.get(colon..).unwrap_or_default()).into_owned();
    if let Some(id) = first_word(&value) {
        return normal_domain(&id) == ours;
    }
    let squeezed: String = value.chars().filter(|&c| !is_deceptive(c)).collect();
    squeezed.to_lowercase().contains(ours)
}

/// Returns the authserv-id: the first token or quoted string, comments skipped, up to white space, `;`, `/` or a
/// comment. `None` if anything before that is malformed, or if the id holds what no id holds.
fn first_word(value: &str) -> Option<String> {
    let mut id = String::new();
    let mut depth = 0_usize;
    let mut is_quoted = false;
    let mut is_started = false;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if depth > 0 => drop(chars.next()),
            '\\' if is_quoted => id.extend(chars.next()),
            '"' if depth == 0 => {
                is_quoted = !is_quoted;
                is_started = true;
            }
            '(' if !is_quoted => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            '\r' | '\n' if is_quoted => {}
            ' ' | '\t' | '\r' | '\n' if !is_started => {}
            ';' | '/' | ' ' | '\t' | '\r' | '\n' if !is_quoted => break,
            c => {
                is_started = true;
                id.push(c);
            }
        }
    }
    let id = id.trim().trim_end_matches('.');
    let is_clear = depth == 0 && !is_quoted && !id.is_empty();
    let is_id = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    (is_clear && id.chars().all(is_id)).then(|| id.to_owned())
}

/// RFC 8601 section 2.2: keywords are letters, digits and hyphens.
fn keyword(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .take(MAX_VALUE)
        .collect()
}

/// RFC 8601 section 2.2, pvalue: a token, or a mailbox without odd characters; else a quoted string.
fn value(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`{|}~".contains(c);
    let mut halves = text.split('@');
    let is_token = halves
        .next()
        .is_some_and(|local| !local.is_empty() && local.chars().all(is_plain))
        && halves.next().is_none_or(|domain| !domain.is_empty() && domain.chars().all(is_plain))
        && halves.next().is_none();
    if is_token && text.len() <= MAX_VALUE { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars().filter(|c| !c.is_control()).take(MAX_VALUE) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(if c.is_ascii() { c } else { '?' });
    }
    quoted.push('"');
    quoted
}

const NAME: &str = "authentication-results";

/// Where lines are folded: RFC 5322 section 2.1.1 asks for 78 at most.
const MAX_COLUMN: usize = 76;

/// How long one value may get, so that no line reaches 998 bytes.
const MAX_VALUE: usize = 320;

#[cfg(test)]
mod tests;
