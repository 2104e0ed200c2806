//! What every message must satisfy, whatever is in it.

use std::fmt::Write as _;

use chancery_mail::form;
use chancery_mail::index::{Index, IndexBuilder, Part, Span, TileKind};
use chancery_mail::{HeaderBlock, address};

/// Indexes a message in chunks of these sizes, again and again.
pub(crate) fn in_chunks(message: &[u8], sizes: &[usize]) -> Index {
    let mut builder = IndexBuilder::new();
    let mut rest = message;
    for size in sizes.iter().copied().cycle() {
        let (chunk, tail) = rest.split_at(size.clamp(1, rest.len().max(1)).min(rest.len()));
        builder.push(chunk);
        rest = tail;
        if rest.is_empty() {
            break;
        }
    }
    builder.finish()
}

/// Checks everything that holds for the index of any message.
pub(crate) fn check(message: &[u8], index: &Index) {
    assert_eq!(index.len(), message.len() as u64);
    let mut rebuilt = Vec::with_capacity(message.len());
    let mut end = 0;
    for tile in index.tiles() {
        assert_eq!(tile.span.start, end, "a gap or overlap before {tile:?}");
        assert!(!tile.span.is_empty());
        let bytes = tile.span.of(message).unwrap();
        if tile.kind == TileKind::Separator {
            assert!(matches!(bytes, b"\r\n" | b"\n"), "{tile:?} is {bytes:?}");
        }
        rebuilt.extend_from_slice(bytes);
        end = tile.span.end;
    }
    assert_eq!(end, index.len(), "the tiles end early");
    assert_eq!(rebuilt, message);
    for (number, part) in index.parts().iter().enumerate() {
        check_part(message, index, number, part);
    }
    let block = HeaderBlock::parse(message);
    assert_eq!(index.root().header, Span { start: 0, end: block.raw().len() as u64 });
    assert_eq!(index.root().body.start, block.body_offset() as u64);
    let kept = block.raw().len().min(chancery_mail::index::MAX_HEADER);
    assert_eq!(index.header(), &block.raw()[..kept]);
    assert_eq!(index.is_header_whole(), kept == block.raw().len());
    form::classify(index);
}

fn check_part(message: &[u8], index: &Index, number: usize, part: &Part) {
    let spans = [part.delimiter, part.header, part.body];
    assert!(spans.iter().all(|span| span.of(message).is_some()), "{number}: {part:?}");
    assert!(
        part.header.end <= part.body.start && part.delimiter.end <= part.header.start,
        "{number}: {part:?}"
    );
    assert_eq!(part.depth == 0, part.parent.is_none());
    if let Some(parent) = part.parent.and_then(|parent| index.part(parent)) {
        assert!(parent.children.contains(&number));
        assert_eq!(parent.depth + 1, part.depth);
        assert!(
            parent.body.start <= part.delimiter.start && part.body.end <= parent.body.end,
            "{number}: {part:?}"
        );
    }
    for &child in &part.children {
        assert!(child > number);
        assert_eq!(index.part(child).unwrap().parent, Some(number));
    }
}

/// Describes the index for people: what the vectors expect.
pub(crate) fn describe(message: &[u8], index: &Index) -> String {
    let mut text = format!("form {:?}\n", form::classify(index));
    match address::authors(&HeaderBlock::parse(message)) {
        Ok(authors) => {
            for author in authors {
                let _ = writeln!(text, "author {}", author.address);
            }
        }
        Err(problem) => _ = writeln!(text, "author unclear: {problem}"),
    }
    if let Some(limit) = index.limit() {
        let _ = writeln!(text, "limit {limit:?}");
    }
    for (number, part) in index.parts().iter().enumerate() {
        let indent = "  ".repeat(part.depth);
        let encoding = part.transfer_encoding;
        let _ = write!(text, "{indent}{number} {} {encoding:?}", part.content_type.essence());
        let _ = write!(text, " header {} body {}", shown(part.header), shown(part.body));
        if let Some(name) = part.file_name() {
            let _ = write!(text, " file {name:?}");
        }
        if let Some(armor) = part.armor {
            let _ = write!(text, " armor {armor:?}");
        }
        if let Some(close) = part.close {
            let _ = write!(text, " close {}", shown(close));
        }
        if let Some(signed) = index.signed_content(part) {
            let _ = write!(text, " signed {}", shown(signed));
        }
        text.push('\n');
    }
    text
}

fn shown(span: Span) -> String {
    format!("{}..{}", span.start, span.end)
}
