//! Looks for HTML that loads something from elsewhere as soon as it is shown.
//!
//! Efail (2018) makes decrypted text part of such an address. Whoever decrypts a message without a good signature should
//! know of it before showing the message.

use std::io::{self, Read};

use chancery_mail::{
    content_type::TransferEncoding,
    header::HeaderBlock,
    index::{MAX_HEADER, Part},
    transfer::Decoder,
};

use crate::open::{html::calls_home, layers::Content};

/// Returns true if a part of the content is HTML that would load something from elsewhere, or cannot be looked through.
pub(super) fn has_remote_content(content: &mut Content<'_>) -> io::Result<bool> {
    let index = content.entity.index()?;
    let mut left = MAX_HTML;
    // A program that fetches it tells when (RFC 2046 section 5.2.3).
    if index.parts().iter().any(|part| part.content_type.is("message", "external-body")) {
        return Ok(true);
    }
    for part in index.parts() {
        if is_read_in_two_ways(content, part)? {
            return Ok(true);
        }
        if !part.is_leaf() || !is_markup(part) {
            continue;
        }
        let charset = part.content_type.parameter("charset").unwrap_or_default();
        if ["utf-7", "utf-16", "utf-32"]
            .iter()
            .any(|start| charset.trim().to_ascii_lowercase().starts_with(start))
        {
            return Ok(true);
        }
        let span = content.entity.placed(part.body);
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

/// Returns true if programs may take something else from a part than we do: its type or its encoding stands there twice, is
/// not known, or hides other parts (RFC 2045 section 6.4).
fn is_read_in_two_ways(content: &mut Content<'_>, part: &Part) -> io::Result<bool> {
    let header = content.entity.placed(part.header);
    let mut raw = Vec::new();
    content.entity.reader(header)?.take(MAX_HEADER as u64).read_to_end(&mut raw)?;
    let block = HeaderBlock::parse(&raw);
    let is_repeated = ["Content-Type", "Content-Transfer-Encoding"]
        .into_iter()
        .any(|name| block.all(name).count() > 1);
    let kind = part.content_type.kind.as_str();
    let hides_parts =
        matches!(kind, "multipart" | "message") && !part.transfer_encoding.is_identity();
    let is_unknown = is_markup(part) && part.transfer_encoding == TransferEncoding::Unknown;
    Ok(is_repeated || hides_parts || is_unknown)
}

fn is_markup(part: &Part) -> bool {
    let subtype = part.content_type.subtype.as_str();
    ["css", "html", "xml"].contains(&subtype) || subtype.ends_with("+xml")
}

/// HTML that is looked through in one message; mail programs write some hundred kilobytes at most.
const MAX_HTML: u64 = 4 * 1024 * 1024;
