//! The header that travels outside of the protection: only what transport and filing need.

use chancery_mail::{
    address::parse_mailboxes,
    header::{Field, HeaderBlock},
};

/// The outer header fields of a protected message, without the MIME fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuterHeaders {
    bytes: Vec<u8>,
}

/// What the world sees as Subject; the real one is always inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OuterSubject {
    /// `[...]`, as RFC 9788 section 3.2.1 (`hcp_baseline`) hides it.
    #[default]
    Hide,
    /// As in the original.
    Keep,
}

impl OuterHeaders {
    /// Copies what must be seen outside from the beginning of the original message.
    ///
    /// `original` is the header block, or any longer beginning of the message. Each field is copied once, byte for
    /// byte if every relay can carry it, else in a plain form, and not at all if it has none: the whole field is
    /// inside in any case.
    pub fn copied_from(original: &[u8], subject: OuterSubject) -> Self {
        let header = HeaderBlock::parse(original);
        let mut bytes = Vec::with_capacity(512);
        for name in ADDRESS_FIELDS {
            if let Some(field) = header.first(name) {
                push_addresses(&mut bytes, name, &field);
            }
        }
        for name in OTHER_FIELDS {
            if let Some(field) = header.first(name) {
                push_if_plain(&mut bytes, &field);
            }
        }
        match (subject, header.first("Subject")) {
            (OuterSubject::Keep, Some(field)) => push_if_plain(&mut bytes, &field),
            (OuterSubject::Hide, Some(_)) => bytes.extend_from_slice(HIDDEN_SUBJECT),
            (_, None) => {}
        }
        Self { bytes }
    }

    /// Returns the fields, each ending with CRLF, without the empty line.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Copies an address field, or writes its bare addresses one on each line if relays could not carry it.
fn push_addresses(bytes: &mut Vec<u8>, name: &str, field: &Field<'_>) {
    if is_plain(field) {
        bytes.extend_from_slice(field.raw);
        return;
    }
    if field.raw.len() > MAX_PARSED_FIELD {
        return;
    }
    let mailboxes = parse_mailboxes(field.value);
    let mut text = String::new();
    for address in mailboxes.iter().take(MAX_ADDRESSES).map(|mailbox| mailbox.address.to_string()) {
        // Control characters can hide in quoted local parts; such an address stays inside.
        if address.len() <= MAX_ADDRESS
            && !address.chars().any(|it| it.is_control() || it.is_whitespace())
        {
            text.push_str(if text.is_empty() { " " } else { ",\r\n " });
            text.push_str(&address);
        }
    }
    if !text.is_empty() {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b':');
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
}

fn push_if_plain(bytes: &mut Vec<u8>, field: &Field<'_>) {
    if is_plain(field) {
        bytes.extend_from_slice(field.raw);
    }
}

/// Returns true if every relay can carry the field: ASCII, CRLF line ends, short lines, no folded empty line.
fn is_plain(field: &Field<'_>) -> bool {
    if field.raw.len() > MAX_COPIED_FIELD {
        return false;
    }
    let Some(text) = std::str::from_utf8(field.raw).ok().and_then(|text| text.strip_suffix("\r\n"))
    else {
        return false;
    };
    text.split("\r\n").enumerate().all(|(number, line)| {
        line.len() <= MAX_LINE
            && line.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
            && (number == 0 || line.starts_with([' ', '\t']))
            // RFC 5322 section 3.2.2: a line of nothing but white space may be taken for the end of the header.
            && line.contains(|it| !matches!(it, ' ' | '\t'))
    })
}

/// Address fields that are seen outside. Reply-To, Sender and the like are found inside.
const ADDRESS_FIELDS: [&str; 3] = ["From", "To", "Cc"];

/// Date and Message-ID for filing and for following a message; Auto-Submitted (RFC 3834) and Precedence so that
/// automatic answers do not start a loop. Everything else, threads included, is found inside.
const OTHER_FIELDS: [&str; 4] = ["Date", "Message-ID", "Auto-Submitted", "Precedence"];

const HIDDEN_SUBJECT: &[u8] = b"Subject: [...]\r\n";

/// Copying more than this would let one field fill the header limits of receivers (Postfix: 100 KiB for all).
const MAX_COPIED_FIELD: usize = 32 * 1024;

/// Larger address fields are not parsed at all.
const MAX_PARSED_FIELD: usize = 256 * 1024;

/// So many addresses are written anew at most: 32 KiB at usual lengths.
const MAX_ADDRESSES: usize = 1_000;

/// RFC 5321 section 4.5.3.1.3: a path has 256 characters with its angle brackets; a few more for UTF-8.
const MAX_ADDRESS: usize = 320;

/// RFC 5322 section 2.1.1.
const MAX_LINE: usize = 998;

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(original: &[u8]) -> String {
        String::from_utf8(OuterHeaders::copied_from(original, OuterSubject::Hide).bytes).unwrap()
    }

    #[test]
    fn only_what_transport_needs_is_copied() {
        let original = b"Received: from secret-host\r\nFrom: \"A, B\" <a@acme.example>\r\nReply-To: r@acme.example\r\n\
            To: b@globex.example,\r\n\tc@globex.example\r\nSubject: takeover\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\
            Message-ID: <1@acme.example>\r\nReferences: <0@acme.example>\r\nAuto-Submitted: auto-replied\r\n\
            X-Secret: x\r\nDKIM-Signature: v=1\r\nContent-Type: text/plain\r\n\r\nFrom: body\r\n";
        assert_eq!(
            copied(original),
            "From: \"A, B\" <a@acme.example>\r\nTo: b@globex.example,\r\n\tc@globex.example\r\n\
             Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@acme.example>\r\nAuto-Submitted: auto-replied\r\n\
             Subject: [...]\r\n"
        );
    }

    #[test]
    fn subject_is_kept_only_on_request() {
        let original = b"From: a@acme.example\r\nSubject: lunch\r\n\r\n";
        let kept = OuterHeaders::copied_from(original, OuterSubject::Keep);
        assert_eq!(kept.as_bytes(), b"From: a@acme.example\r\nSubject: lunch\r\n");
    }

    #[test]
    fn first_of_a_repeated_field_is_copied() {
        assert_eq!(
            copied(b"From: a@acme.example\r\nFrom: b@acme.example\r\n\r\n"),
            "From: a@acme.example\r\n"
        );
    }

    #[test]
    fn fields_that_relays_cannot_carry_are_rewritten_or_left_out() {
        let long = format!("To: {}x@globex.example\r\n\r\n", "x@globex.example, ".repeat(100));
        let rewritten = copied(long.as_bytes());
        assert!(rewritten.lines().all(|line| line.len() < 80), "{rewritten}");
        assert_eq!(rewritten.matches("x@globex.example").count(), 101);

        let name = "From: J\u{f6}rg <joerg@acme.example>\r\nDate: J\u{e4}nner\r\n\r\n";
        assert_eq!(copied(name.as_bytes()), "From: joerg@acme.example\r\n");
        assert_eq!(copied(b"From: \0 <a@acme.example>\r\n\r\n").matches('\0').count(), 0);
        assert_eq!(copied(b"Date: x\0\r\n\r\n"), "");
        assert_eq!(
            copied(b"Date: a\r\n \r\n b\r\n\r\n"),
            "",
            "a folded empty line ends the header for some"
        );
    }

    #[test]
    fn an_address_field_of_megabytes_stays_inside() {
        let mut original = b"To: ".to_vec();
        original.resize(10_000_000, b'a');
        original.extend_from_slice(b"\r\nFrom: a@acme.example\r\n\r\n");
        assert_eq!(copied(&original), "From: a@acme.example\r\n");
    }
}
