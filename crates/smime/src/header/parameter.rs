//! The parameters of header protection in a Content-Type field: added, and taken off (RFC 9788 section 2.1).

use chancery_mail::{
    content_type::ContentType,
    header::{Field, HeaderBlock},
};

/// Adds a parameter to a Content-Type field; nothing if it would not be read from there.
pub(crate) fn with_parameter(field: &Field<'_>, parameter: &str) -> Option<Vec<u8>> {
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

/// Returns a Content-Type field without the parameters of header protection; nothing if it has none, or if it would not
/// be read as the same type without them.
pub(crate) fn without_protection(field: &Field<'_>) -> Option<Vec<u8>> {
    let before = ContentType::parse(field.value)?;
    let is_ours = |name: &str| OURS.iter().any(|it| name.eq_ignore_ascii_case(it));
    if !before.parameters.iter().any(|parameter| is_ours(&parameter.name)) {
        return None;
    }
    let value = field.value.trim_ascii_end();
    let mut line = b"Content-Type:".to_vec();
    for (number, piece) in pieces(value).enumerate() {
        let name = piece.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        if number > 0 {
            if std::str::from_utf8(name).is_ok_and(is_ours) {
                continue;
            }
            line.push(b';');
        }
        line.extend_from_slice(piece);
    }
    line.extend_from_slice(b"\r\n");
    let block = HeaderBlock::parse(&line);
    let mut fields = block.fields();
    let (Some(written), None) = (fields.next(), fields.next()) else { return None };
    let after = ContentType::parse(written.value)?;
    let kept = before.parameters.iter().filter(|parameter| !is_ours(&parameter.name));
    let is_same = (&after.kind, &after.subtype) == (&before.kind, &before.subtype)
        && after.boundary() == before.boundary()
        && after.parameters.iter().eq(kept);
    is_same.then_some(line)
}

/// Splits the value of a field at its semicolons, but for those in quotes and comments.
fn pieces(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped, mut comments) = (false, false, 0_usize);
    value.split(move |byte| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match byte {
            _ if was_escaped => {}
            b'\\' => is_escaped = is_quoted || comments > 0,
            b'"' if comments == 0 => is_quoted = !is_quoted,
            b'(' if !is_quoted => comments += 1,
            b')' if !is_quoted => comments = comments.saturating_sub(1),
            _ => {}
        }
        *byte == b';' && !is_quoted && comments == 0
    })
}

/// Parameters that speak about the protection of a header: RFC 9788 section 2.1, and the form before it.
const OURS: [&str; 3] = ["hp", "hp-legacy-display", "protected-headers"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_type_says_about_an_earlier_protection_is_taken_off() {
        for (before, after) in [
            ("text/plain; hp=\"cipher\"", Some("text/plain")),
            (
                "text/plain; hp-legacy-display=1;\r\n charset=\"a;hp=x\";\r\n HP=clear",
                Some("text/plain;\r\n charset=\"a;hp=x\""),
            ),
            (
                "multipart/mixed; protected-headers=v1; boundary=\"a\\\";hp=b\"",
                Some("multipart/mixed; boundary=\"a\\\";hp=b\""),
            ),
            ("text/plain; charset=utf-8", None),
            ("text/plain (; \\) hp=x); hp=clear", Some("text/plain (; \\) hp=x)")),
            ("text/plain (; hp=clear", None),
        ] {
            let line = format!("Content-Type: {before}\r\n");
            let block = HeaderBlock::parse(line.as_bytes());
            let plain = without_protection(&block.first("Content-Type").unwrap());
            let after = after.map(|after| format!("Content-Type: {after}\r\n").into_bytes());
            assert_eq!(plain, after, "{before}");
        }
    }
}
