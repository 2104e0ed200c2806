//! Looks for HTML that loads something from elsewhere as soon as it is shown.
//!
//! Efail (2018) makes decrypted text part of such an address. Whoever decrypts a message without a good signature should
//! know of it before showing the message.

use std::io::{self, Read};

use chancery_mail::{Span, index::Part, transfer::Decoder};

use crate::open::{html::calls_home, layers::Content};

/// Returns true if a part of the content is HTML that would load something from elsewhere, or cannot be looked through.
pub(super) fn has_remote_content(content: &mut Content<'_>) -> io::Result<bool> {
    let index = content.entity.index()?;
    let base = content.entity.span.start;
    let mut left = MAX_HTML;
    // A program that fetches it tells when (RFC 2046 section 5.2.3).
    if index.parts().iter().any(|part| part.content_type.is("message", "external-body")) {
        return Ok(true);
    }
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
        if length > left || calls_home(&html, part.content_type.subtype != "html") {
            return Ok(true);
        }
        left -= length;
    }
    Ok(index.is_truncated())
}

fn is_markup(part: &Part) -> bool {
    let subtype = part.content_type.subtype.as_str();
    ["css", "html", "xml"].contains(&subtype) || subtype.ends_with("+xml")
}

/// HTML that is looked through in one message; mail programs write some hundred kilobytes at most.
const MAX_HTML: u64 = 4 * 1024 * 1024;
