//! What must be true after the demo.

use std::collections::HashSet;

use chancery_mail::{HeaderBlock, authentication_results};
use serde_json::Value;

/// Returns what is wrong; nothing if all is well.
///
/// A result that the message brought along and that names the receiving host is a forgery, which is taken off on the
/// way (RFC 8601 section 5).
pub(super) fn all(
    sent: &[u8],
    wire: &[u8],
    delivered: &[u8],
    verdict: &Value,
    receiver: &str,
) -> Vec<String> {
    let mut problems = Vec::new();
    let forged = authentication_results::forged(sent, receiver);
    problems.extend(differs(&authentication_results::without(sent, &forged), delivered));
    problems.extend(leaks(sent, wire));
    for (key, expected) in [("result", "verified"), ("protection", "signed+encrypted")] {
        let found = verdict.get(key).and_then(Value::as_str).unwrap_or("nothing");
        if found != expected {
            let why = verdict.pointer("/problems/0/text").and_then(Value::as_str);
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            problems
                .push(format!("the verdict says {key} = {found}, and it must be {expected}{why}"));
        }
    }
    problems
}

/// The delivered message must be the sent one behind trace and result fields.
fn differs(sent: &[u8], delivered: &[u8]) -> Option<String> {
    let Some(added) = delivered.strip_suffix(sent) else {
        return Some(
            "the delivered message does not end with the sent one, octet for octet".to_owned(),
        );
    };
    if added.is_empty() {
        return None;
    }
    // The added lines have no empty line after them, so the parser sees them as a header of their own.
    let other =
        HeaderBlock::parse(added).fields().find(|field| !ADDED.iter().any(|name| field.is(name)));
    other.map(|field| format!("the delivered message has a new field {}", field.name))
}

/// No line of the body, and not the subject, may be readable on the wire.
fn leaks(sent: &[u8], wire: &[u8]) -> Option<String> {
    let header = HeaderBlock::parse(sent);
    let body = sent.get(header.body_offset()..).unwrap_or_default();
    let wire_header = HeaderBlock::parse(wire);
    let wire_body = wire.get(wire_header.body_offset()..).unwrap_or_default();
    // A line of the body may well be somebody's address, which is meant to be seen.
    let visible: Vec<u8> = wire_header
        .fields()
        .filter(|field| !SEEN.iter().any(|name| field.is(name)))
        .flat_map(|field| field.raw.to_vec())
        .collect();
    let whole_lines: HashSet<&[u8]> = lines(wire_body).collect();
    let secret: Vec<&[u8]> = lines(body).filter(|line| line.len() >= MIN_LINE).collect();
    if let Some(line) = secret.iter().find(|line| whole_lines.contains(*line)) {
        return Some(format!("the wire shows the line {:?}", String::from_utf8_lossy(line)));
    }
    // Every line is looked for as a whole; parts of lines only as far as a large message can be searched in seconds.
    let affordable = (MAX_SEARCHED / wire_body.len().max(1)).max(1);
    for line in secret.iter().step_by(secret.len().div_ceil(affordable).max(1)) {
        let is_seen = contains(wire_body, line) || (!is_field(line) && contains(&visible, line));
        if is_seen {
            return Some(format!("the wire shows the line {:?}", String::from_utf8_lossy(line)));
        }
    }
    let subject = header.first("subject").map(|field| field.unfolded().trim_ascii().to_vec());
    let subject = subject.filter(|subject| subject.len() >= MIN_LINE)?;
    (contains(wire_body, &subject) || contains(&visible, &subject))
        .then(|| "the wire shows the subject".to_owned())
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)
}

/// A field that every message has, such as a part's Content-Transfer-Encoding, tells nothing.
fn is_field(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    line.contains(&b':') && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// Fields that servers add on the way.
const ADDED: [&str; 3] = ["Received", "Authentication-Results", "Return-Path"];

/// Octets searched through for parts of lines: a second or two.
const MAX_SEARCHED: usize = 4 << 30;

/// Fields that the protected message shows to everybody.
const SEEN: [&str; 5] = ["From", "To", "Cc", "Date", "Message-ID"];

/// Shorter lines can appear by chance in base64.
const MIN_LINE: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &[u8] = b"From: a@acme.example\r\nSubject: secret plan\r\n\r\nattack at dawn\r\n";

    #[test]
    fn new_trace_fields_are_no_difference() {
        let delivered =
            [b"Received: by x\r\n\tfor y\r\nAuthentication-Results: x; none\r\n", SENT].concat();
        assert_eq!(differs(SENT, &delivered), None);
    }

    #[test]
    fn a_result_that_the_message_brought_along_is_no_difference() {
        let verdict = serde_json::json!({"result": "verified", "protection": "signed+encrypted"});
        let forged = [b"Authentication-Results: x; smime=pass\r\n", SENT].concat();
        let others = [b"Authentication-Results: y; spf=pass\r\n", SENT].concat();
        let delivered = |rest: &[u8]| [b"Authentication-Results: x; smime=none\r\n", rest].concat();
        let problems =
            |sent: &[u8], delivered: &[u8]| all(sent, b"\r\n", delivered, &verdict, "x").len();
        assert_eq!(problems(&forged, &delivered(SENT)), 0);
        assert_eq!(problems(&others, &delivered(&others)), 0);
        assert_eq!(problems(&others, &delivered(SENT)), 1, "what others found must stay");
    }

    #[test]
    fn any_other_difference_is_found() {
        let changed = [b"Received: x\r\n".as_slice(), &SENT[..SENT.len() - 2]].concat();
        assert!(differs(SENT, &changed).is_some());
        assert!(differs(SENT, &[b"X-Mine: 1\r\n", SENT].concat()).is_some());
    }

    #[test]
    fn a_line_or_the_subject_on_the_wire_is_a_leak() {
        assert!(leaks(SENT, b"From: a@acme.example\r\n\r\nxx attack at dawn").is_some());
        assert!(leaks(SENT, b"Subject: secret plan\r\n\r\nMIIB").is_some());
        let mentions =
            b"From: eve@dawn.example\r\nSubject: dawn.example\r\n\r\neve@dawn.example\r\n";
        assert_eq!(leaks(mentions, b"From: eve@dawn.example\r\n\r\nMIIB\r\n"), None);
        assert_eq!(leaks(SENT, b"From: a@acme.example\r\nSubject: ...\r\n\r\nMIIB\r\n"), None);
    }
}
