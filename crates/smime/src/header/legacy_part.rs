//! The legacy display of the older form (`protected-headers="v1"`): a part of its own before the text, which repeats what
//! the encryption hides (draft-autocrypt-lamps-protected-headers section 4). It is never written, and taken off like the
//! other one when we read.

use std::io::{self, Read};

use chancery_mail::{Span, index::Part, transfer::Decoder};

use crate::{
    entity::{Entity, Head, Patch},
    header::legacy::repeats_fields,
};

/// Prepares the removal of the part: the first of two in a `multipart/mixed`, which says what it is, and has nothing but
/// fields that the header inside has too.
pub(crate) fn remove(entity: &mut Entity<'_>, head: &Head) -> io::Result<Vec<Patch>> {
    let index = entity.index()?;
    let root = index.root();
    let children: Vec<&Part> = index.children(root).collect();
    let [display, text] = children.as_slice() else { return Ok(Vec::new()) };
    let is_meant = root.content_type.is("multipart", "mixed")
        && !index.is_truncated()
        && says_display(display)
        && display.body.len() <= MAX_DISPLAY;
    if !is_meant {
        return Ok(Vec::new());
    }
    let source = entity.reader(entity.placed(display.body))?;
    let mut lines = Vec::new();
    Decoder::new(display.transfer_encoding, source).read_to_end(&mut lines)?;
    if !repeats_fields(lines.trim_ascii(), head.block()) {
        return Ok(Vec::new());
    }
    // The delimiter before it then stands before the text.
    let span = Span { start: display.whole().start, end: text.whole().start };
    Ok(vec![Patch { span: entity.placed(span), bytes: Vec::new() }])
}

fn says_display(part: &Part) -> bool {
    let kind = &part.content_type;
    let is_attached = part.disposition.as_ref().is_some_and(|it| it.kind == "attachment");
    part.is_leaf()
        && !is_attached
        && (kind.is("text", "plain") || kind.is("text", "rfc822-headers"))
        && kind
            .parameter("protected-headers")
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("v1"))
}

/// A few fields; what is longer is shown.
const MAX_DISPLAY: u64 = 64 * 1024;
