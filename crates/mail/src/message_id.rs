//! Message-ID, In-Reply-To and References (RFC 5322 section 3.6.4).

/// Returns the first message id in a field's value, with its angle brackets.
pub fn parse(value: &[u8]) -> Option<String> {
    ids(value).next()
}

/// Returns all message ids in a field's value (References), with their angle brackets.
pub fn parse_all(value: &[u8]) -> Vec<String> {
    ids(value).collect()
}

/// Makes a message id from something unique and a domain, leaving out what may not stand in one.
pub fn make(unique: &str, domain: &str) -> String {
    let clean = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
            .take(MAX_MADE)
            .collect()
    };
    format!("<{}@{}>", clean(unique), clean(domain))
}

fn ids(value: &[u8]) -> impl Iterator<Item = String> {
    value.split(|&byte| byte == b'<').skip(1).filter_map(|piece| {
        let id = piece.get(..memchr::memchr(b'>', piece)?)?;
        let is_clear = !id.is_empty()
            && id.len() <= MAX_READ
            && id.iter().all(|byte| byte.is_ascii_graphic() || *byte >= 128);
        let id = std::str::from_utf8(id).ok().filter(|_| is_clear)?;
        Some(format!("<{id}>"))
    })
}

/// A line has 998 bytes at most, so an id does.
const MAX_READ: usize = 996;

/// Half a line for each half of an id.
const MAX_MADE: usize = 255;

#[cfg(test)]
mod tests {
    use super::{make, parse, parse_all};

    #[test]
    fn ids_are_found_with_their_brackets() {
        assert_eq!(parse(b" (x) <a.1@b.example>\r\n").as_deref(), Some("<a.1@b.example>"));
        assert_eq!(parse_all(b"<a@b>\r\n <c@d> <e"), ["<a@b>", "<c@d>"]);
        assert_eq!(parse(b"<a b@c>"), None);
        assert_eq!(parse(b"a@b"), None);
    }

    #[test]
    fn made_ids_hold_nothing_foreign() {
        assert_eq!(make("42>\r\nX: y", "gate.acme.example"), "<42Xy@gate.acme.example>");
    }
}
