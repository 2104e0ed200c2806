//! Finds out whether decrypted content looks changed.
//!
//! Whoever changes a block of CBC turns the one before it into noise, wherever in the message (Efail, section 4 of the paper).
//! Noise has bytes that cannot stand in what its part says it is.

use std::io;

use chancery_mail::{
    Index,
    content_type::TransferEncoding,
    index::{Part, Tile, TileKind},
};

use crate::open::layers::Content;

/// Returns true if some of the content is noise. Data in binary may look like anything, and is not looked at.
pub(super) fn is_damaged(content: &mut Content<'_>) -> io::Result<bool> {
    let index = content.entity.index()?;
    for tile in index.tiles() {
        let Some(kind) = kind_of(&index, &tile) else { continue };
        let mut text = Text::new(kind);
        content
            .entity
            .for_each_chunk(content.entity.placed(tile.span), |chunk| text.push(chunk))?;
        if text.is_noise() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the bytes of a text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Some character set that has a meaning for all bytes but control characters.
    Bytes,
    /// Nobody says what.
    Undeclared,
    /// UTF-8, or ASCII only.
    Utf8,
}

/// Tells what a piece of a message may be; nothing if anything.
fn kind_of(index: &Index, tile: &Tile) -> Option<Kind> {
    match tile.kind {
        TileKind::Body => kind_of_body(index.part(tile.part)?),
        TileKind::Header => Some(Kind::Utf8),
        TileKind::Delimiter | TileKind::Epilogue | TileKind::Preamble | TileKind::Separator => {
            Some(Kind::Undeclared)
        }
    }
}

fn kind_of_body(part: &Part) -> Option<Kind> {
    let encoding = part.transfer_encoding;
    if matches!(encoding, TransferEncoding::Base64 | TransferEncoding::QuotedPrintable) {
        return Some(Kind::Utf8);
    }
    if !matches!(part.content_type.kind.as_str(), "text" | "multipart" | "message") {
        return None;
    }
    let charset = part.content_type.parameter("charset").unwrap_or_default();
    match charset.trim().to_ascii_lowercase().as_str() {
        "" => Some(Kind::Undeclared),
        "us-ascii" | "ascii" | "utf-8" | "utf8" => Some(Kind::Utf8),
        it if it.starts_with("utf-16") || it.starts_with("utf-32") || it.starts_with("ucs-") => {
            None
        }
        _ => Some(Kind::Bytes),
    }
}

/// A text that is looked at.
struct Text {
    kind: Kind,
    /// The start of a character at the end of a chunk.
    begun: Vec<u8>,
    is_utf8: bool,
    has_controls: bool,
    /// True if there are bytes that are control characters in ISO 8859 and have few letters in other character sets.
    has_high_controls: bool,
}

impl Text {
    fn new(kind: Kind) -> Self {
        let begun = Vec::new();
        Self { kind, begun, is_utf8: true, has_controls: false, has_high_controls: false }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.has_controls = self.has_controls || chunk.iter().any(|byte| is_control(*byte));
        if self.kind == Kind::Bytes || (self.begun.is_empty() && chunk.is_ascii()) {
            return;
        }
        self.has_high_controls =
            self.has_high_controls || chunk.iter().any(|byte| matches!(byte, 0x80..=0x9f));
        if !self.is_utf8 {
            return;
        }
        self.begun.extend_from_slice(chunk);
        match std::str::from_utf8(&self.begun) {
            Ok(_) => self.begun.clear(),
            Err(error) => {
                self.is_utf8 = error.error_len().is_none();
                self.begun.drain(..error.valid_up_to());
            }
        }
    }

    fn is_noise(&self) -> bool {
        let is_utf8 = self.is_utf8 && self.begun.is_empty();
        self.has_controls
            || match self.kind {
                Kind::Bytes => false,
                // Letters of ISO 8859-1 under no label are careless.
                Kind::Undeclared => !is_utf8 && self.has_high_controls,
                Kind::Utf8 => !is_utf8,
            }
    }
}

/// Returns true for control characters that are in no text: all but white space and what switches character sets.
fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, 0x09..=0x0d | 0x0e | 0x0f | 0x1b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_noise(kind: Kind, chunks: &[&[u8]]) -> bool {
        let mut text = Text::new(kind);
        for chunk in chunks {
            text.push(chunk);
        }
        text.is_noise()
    }

    #[test]
    fn text_in_its_character_set_is_none() {
        for (kind, text) in [
            (Kind::Utf8, "Grüße, 你好 😀\r\n\t\x0c".as_bytes()),
            (Kind::Undeclared, "Grüße".as_bytes()),
            (Kind::Undeclared, b"Gr\xfc\xdfe"),
            (Kind::Bytes, b"Gr\xfc\xdfe \x93so\x94"),
            (Kind::Bytes, b"\x1b$B8+\x1b(B \x0eabc\x0f"),
        ] {
            assert!(!is_noise(kind, &[text]), "{text:?}");
        }
    }

    #[test]
    fn noise_is_found() {
        for (kind, text) in [
            (Kind::Utf8, &b"Gr\xfc\xdfe"[..]),
            (Kind::Utf8, b"so \xe4\xbd"),
            (Kind::Undeclared, b"\x93so\x94"),
            (Kind::Bytes, b"so\x01"),
            (Kind::Utf8, b"\0"),
        ] {
            assert!(is_noise(kind, &[text]), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_is_read_however_it_is_cut(text in "[ -~äß€😀\r\n]{0,40}", cut in 0_usize..160) {
            let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert!(!is_noise(Kind::Utf8, &[first, second]));
        }
    }
}
