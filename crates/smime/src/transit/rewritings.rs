//! What relays do to mail, done on purpose. They are as careless here as they are out there.

use chancery_mail::{
    HeaderBlock, Index,
    content_type::TransferEncoding,
    index::{Part, Tile, TileKind},
    transfer,
};

use crate::transit::Rewriting;

pub(super) fn apply(rewriting: Rewriting, message: &[u8]) -> Vec<u8> {
    match rewriting {
        Rewriting::Base64Wrapped => bodies(message, TransferEncoding::Base64, wrapped),
        Rewriting::BoundaryRenamed => boundary_renamed(message),
        Rewriting::EightBitEncoded => eight_bit_encoded(message),
        Rewriting::EndsTidied => ends_tidied(message),
        Rewriting::FooterAfter => [message, FOOTER].concat(),
        Rewriting::FooterInText => footer_in_text(message),
        Rewriting::FromQuoted => body_lines(message, |line, out| {
            if line.starts_with(b"From ") {
                out.push(b'>');
            }
            out.extend_from_slice(line);
        }),
        Rewriting::HeaderFolded => headers(message, |tile| tile.part == 0),
        Rewriting::LeadingDotDoubled => body_lines(message, |line, out| {
            if line.starts_with(b".") {
                out.push(b'.');
            }
            out.extend_from_slice(line);
        }),
        Rewriting::LineFeeds => message.split(|byte| *byte == b'\r').collect::<Vec<_>>().concat(),
        Rewriting::LongLinesCut => body_lines(message, |line, out| {
            let pieces: Vec<&[u8]> = line.chunks(MAX_LINE).collect();
            out.extend_from_slice(&pieces.join(&b"\r\n"[..]));
        }),
        Rewriting::PartHeadersFolded => headers(message, |tile| tile.part != 0),
        Rewriting::QuotedPrintableWrapped => {
            bodies(message, TransferEncoding::QuotedPrintable, requoted)
        }
        Rewriting::SubjectTagged => subject_tagged(message),
        Rewriting::TrailingSpaceStripped => body_lines(message, |line, out| {
            let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
            out.extend_from_slice(line.get(..end.map_or(0, |at| at + 1)).unwrap_or_default());
        }),
    }
}

/// Writes the message piece by piece; `change` returns another text for a piece, or nothing to keep it.
fn tiles(
    message: &[u8],
    change: impl Fn(&Index, &Part, &Tile, &[u8]) -> Option<Vec<u8>>,
) -> Vec<u8> {
    let index = Index::of(message);
    let mut out = Vec::with_capacity(message.len() + 1024);
    for tile in index.tiles() {
        let bytes = tile.span.of(message).unwrap_or_default();
        let changed = index.part(tile.part).and_then(|part| change(&index, part, &tile, bytes));
        out.extend_from_slice(changed.as_deref().unwrap_or(bytes));
    }
    out
}

/// Changes the bodies of leaves in one transfer encoding.
fn bodies(
    message: &[u8],
    encoding: TransferEncoding,
    change: impl Fn(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    tiles(message, |_, part, tile, bytes| {
        (tile.kind == TileKind::Body && part.transfer_encoding == encoding).then(|| change(bytes))
    })
}

/// Changes every line of the body of the message, without its line end.
fn body_lines(message: &[u8], change: impl Fn(&[u8], &mut Vec<u8>)) -> Vec<u8> {
    let start = HeaderBlock::parse(message).body_offset();
    let (header, body) = message.split_at_checked(start).unwrap_or((message, b""));
    let mut out = header.to_vec();
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        change(text, &mut out);
        out.extend_from_slice(line.get(text.len()..).unwrap_or_default());
    }
    out
}

/// Wraps base64 at 76 characters, and leaves the line end after it.
fn wrapped(body: &[u8]) -> Vec<u8> {
    let symbols: Vec<u8> = body.iter().copied().filter(u8::is_ascii_graphic).collect();
    let lines: Vec<&[u8]> = symbols.chunks(76).collect();
    let mut out = lines.join(&b"\r\n"[..]);
    if body.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Writes quoted-printable as programs do that escape only what they must, and fill every line.
fn requoted(body: &[u8]) -> Vec<u8> {
    let text = transfer::decode(TransferEncoding::QuotedPrintable, body);
    let mut out = Vec::with_capacity(body.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let content = line.strip_suffix(b"\r\n").unwrap_or(line);
        let mut column = 0;
        for (at, &byte) in content.iter().enumerate() {
            let is_last = at + 1 == content.len();
            let is_plain = byte != b'=' && (byte.is_ascii_graphic() || (byte == b' ' && !is_last));
            let piece = if is_plain { vec![byte] } else { format!("={byte:02X}").into_bytes() };
            if column + piece.len() > 75 {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            column += piece.len();
            out.extend_from_slice(&piece);
        }
        out.extend_from_slice(line.get(content.len()..).unwrap_or_default());
    }
    out
}

fn boundary_renamed(message: &[u8]) -> Vec<u8> {
    let index = Index::of(message);
    let root = index.root();
    let Some(boundary) = root.content_type.boundary() else { return message.to_vec() };
    let number = |part: &Part| index.children(root).any(|child| child == part);
    tiles(message, |_, part, tile, bytes| {
        let is_ours = match tile.kind {
            TileKind::Header => tile.part == 0,
            TileKind::Delimiter => tile.part == 0 || number(part),
            _ => false,
        };
        is_ours.then(|| replaced(bytes, boundary, b"----=_renamed_on_the_way"))
    })
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, from) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        out.extend_from_slice(to);
        rest = rest.get(at + from.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// Makes quoted-printable of leaves in 8 bits, with a new header field.
fn eight_bit_encoded(message: &[u8]) -> Vec<u8> {
    let body_of = |part: &Part| part.body.of(message).unwrap_or_default();
    let is_changed = |part: &Part| {
        part.is_leaf() && part.transfer_encoding.is_identity() && !body_of(part).is_ascii()
    };
    tiles(message, |_, part, tile, bytes| {
        if !is_changed(part) {
            return None;
        }
        match tile.kind {
            TileKind::Header => {
                let mut out: Vec<u8> = HeaderBlock::parse(bytes)
                    .fields()
                    .filter(|field| !field.is("Content-Transfer-Encoding"))
                    .flat_map(|field| field.raw.to_vec())
                    .collect();
                out.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n");
                Some(out)
            }
            TileKind::Body => Some(transfer::encode_quoted_printable(bytes).into_bytes()),
            _ => None,
        }
    })
}

/// Ends every multipart but the outermost as programs do that write them anew.
fn ends_tidied(message: &[u8]) -> Vec<u8> {
    tiles(message, |_, _, tile, bytes| match tile.kind {
        TileKind::Epilogue if tile.part != 0 => Some(Vec::new()),
        TileKind::Delimiter if tile.part != 0 && !bytes.ends_with(b"\n") => {
            Some([bytes, b"\r\n"].concat())
        }
        _ => None,
    })
}

fn footer_in_text(message: &[u8]) -> Vec<u8> {
    let index = Index::of(message);
    let text =
        index.parts().iter().position(|part| part.is_leaf() && part.content_type.kind == "text");
    tiles(message, |_, _, tile, bytes| {
        (Some(tile.part) == text && tile.kind == TileKind::Body).then(|| [bytes, FOOTER].concat())
    })
}

/// Folds the fields of some headers anew: unfolds them, and breaks the line before its 60th column.
fn headers(message: &[u8], is_meant: impl Fn(&Tile) -> bool) -> Vec<u8> {
    tiles(message, |_, _, tile, bytes| {
        (tile.kind == TileKind::Header && is_meant(tile)).then(|| {
            HeaderBlock::parse(bytes)
                .fields()
                .flat_map(|field| {
                    [field.name.as_bytes(), b":", &folded(&field.unfolded()), b"\r\n"].concat()
                })
                .collect()
        })
    })
}

fn folded(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 16);
    let mut column = 0;
    for word in value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()) {
        let is_full = column > 0 && column + word.len() > 60;
        out.extend_from_slice(if is_full { b"\r\n\t" } else { b" " });
        column = if is_full { 0 } else { column } + word.len() + 1;
        out.extend_from_slice(word);
    }
    out
}

fn subject_tagged(message: &[u8]) -> Vec<u8> {
    tiles(message, |_, _, tile, bytes| {
        (tile.kind == TileKind::Header && tile.part == 0).then(|| {
            let fields = HeaderBlock::parse(bytes).fields();
            fields
                .flat_map(|field| {
                    if field.is("Subject") {
                        [b"Subject: [list]", field.value, b"\r\n"].concat()
                    } else {
                        field.raw.to_vec()
                    }
                })
                .collect()
        })
    })
}

/// What lists add.
const FOOTER: &[u8] =
    b"\r\n_______________________________________________\r\nlist mailing list\r\n";

/// RFC 5322 section 2.1.1.
const MAX_LINE: usize = 998;
