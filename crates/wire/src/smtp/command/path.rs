//! Paths: addresses in angle brackets (RFC 5321 section 4.1.2, RFC 6531 section 3.3).

/// Reads `<address>` or `<>`; returns the address and what follows the bracket.
pub(super) fn reverse(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix("<>") {
        Some(rest) => Some(("", rest)),
        None => path(text),
    }
}

/// Reads `<address>`, `<@relay:address>` or `<postmaster>`; returns the address and what follows the bracket.
pub(super) fn forward(text: &str) -> Option<(&str, &str)> {
    const POSTMASTER: &str = "<postmaster>";
    match text.split_at_checked(POSTMASTER.len()) {
        // RFC 5321 section 4.5.1: postmaster alone, in any case, is always an address.
        Some((head, rest)) if head.eq_ignore_ascii_case(POSTMASTER) => {
            Some((head.get(1..head.len() - 1)?, rest))
        }
        _ => path(text),
    }
}

/// Returns true if `text` is `local@domain` as a path holds it.
pub fn is_address(text: &str) -> bool {
    mailbox(text).is_some_and(|(_, rest)| rest.is_empty())
}

fn path(text: &str) -> Option<(&str, &str)> {
    let mut inner = text.strip_prefix('<')?;
    if inner.starts_with('@') {
        inner = source_route(inner)?;
    }
    let (address, rest) = mailbox(inner)?;
    Some((address, rest.strip_prefix('>')?))
}

/// Skips `@one,@two:`; source routes are to be accepted and ignored (RFC 5321 section 4.1.1.3).
fn source_route(text: &str) -> Option<&str> {
    let (route, rest) = text.split_once(':')?;
    let is_route = route.split(',').all(|hop| hop.strip_prefix('@').is_some_and(is_domain));
    is_route.then_some(rest)
}

fn mailbox(text: &str) -> Option<(&str, &str)> {
    let after_local = local_part(text)?;
    let local_length = text.len() - after_local.len();
    let after_at = after_local.strip_prefix('@')?;
    let domain_length = domain_length(after_at)?;
    let (domain, rest) = after_at.split_at_checked(domain_length)?;
    // RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.2.
    let is_short = local_length <= 64 && domain.len() <= 255;
    let is_domain = if domain.starts_with('[') { is_literal(domain) } else { is_domain(domain) };
    (is_short && is_domain).then(|| (text.split_at(local_length + 1 + domain_length).0, rest))
}

/// Skips the local part.
fn local_part(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted_string(quoted);
    }
    let end = text.find(|c: char| !is_atext(c) && c != '.').unwrap_or(text.len());
    let (local, rest) = text.split_at_checked(end)?;
    local.split('.').all(|atom| !atom.is_empty()).then_some(rest)
}

/// Skips the rest of a quoted string, whose opening quote is gone.
fn quoted_string(text: &str) -> Option<&str> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return text.get(at + 1..),
            '\\' => {
                chars.next().filter(|(_, c)| matches!(c, ' '..='~'))?;
            }
            c if c.is_control() => return None,
            _ => {}
        }
    }
    None
}

fn domain_length(text: &str) -> Option<usize> {
    if text.starts_with('[') {
        return text.find(']').map(|at| at + 1);
    }
    Some(text.find(['>', ' ']).unwrap_or(text.len()))
}

/// Underscores are against the rules and in use; a name cannot hurt with them.
fn is_domain(text: &str) -> bool {
    let is_label_char = |c: char| {
        c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && !c.is_control())
    };
    text.split('.').all(|label| {
        (1..=63).contains(&label.chars().count())
            && label.chars().all(is_label_char)
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

/// `[192.0.2.1]`, `[IPv6:2001:db8::1]` or `[tag:text]` (RFC 5321 section 4.1.3).
fn is_literal(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else {
        return false;
    };
    if inner.parse::<std::net::Ipv4Addr>().is_ok() {
        return true;
    }
    let Some((tag, value)) = inner.split_once(':') else { return false };
    if tag.eq_ignore_ascii_case("IPv6") {
        return value.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let is_tag = !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_tag && !value.is_empty() && value.bytes().all(|b| matches!(b, b'!'..=b'Z' | b'^'..=b'~'))
}

/// RFC 5322 section 3.2.3, and UTF-8 by RFC 6531 section 3.3.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
}
