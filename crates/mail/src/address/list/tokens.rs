//! The tokens of structured header fields (RFC 5322 section 3.2).

/// One token, with what stood before it.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Where it starts in the value.
    pub(super) offset: usize,
    /// White space or a comment stands before it.
    pub(super) is_spaced: bool,
    /// The comments before it, if it begins an entry.
    pub(super) comment_before: Option<String>,
    /// The comments between it and the next token.
    pub(super) comment_after: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Characters of RFC 5322 atext, and all that is not ASCII.
    Atom(String),
    /// A domain literal with its brackets.
    Literal(String),
    /// A quoted string: as it stands with its quotes, and the text in it.
    Quoted { raw: String, text: String },
    /// One of `< > @ , ; : .`
    Special(u8),
}

/// Splits a field value into tokens, as far as it is well formed; then says where and why it is not.
pub(super) fn tokenize(value: &[u8]) -> (Vec<Token>, Option<(usize, &'static str)>) {
    let mut tokens: Vec<Token> = Vec::new();
    if value.len() > MAX_VALUE {
        return (tokens, Some((MAX_VALUE, "the field is too long")));
    }
    if let Some(offset) = bad_control(value) {
        return (tokens, Some((offset, "there is a control character")));
    }
    let mut offset = 0;
    let mut is_spaced = false;
    let mut leading = None;
    while let Some(rest) = value.get(offset..).filter(|rest| !rest.is_empty()) {
        match next(rest) {
            Ok((Piece::Space, length)) => {
                is_spaced = true;
                offset += length;
            }
            Ok((Piece::Comment(text), length)) => {
                is_spaced = true;
                let place = match tokens.last_mut() {
                    Some(token) if !token.ends_entry() => &mut token.comment_after,
                    _ => &mut leading,
                };
                *place = Some(match place.take() {
                    Some(before) => before + " " + &text,
                    None => text,
                });
                offset += length;
            }
            Ok((Piece::Token(kind), length)) => {
                let comment_before = leading.take();
                tokens.push(Token { kind, offset, is_spaced, comment_before, comment_after: None });
                is_spaced = false;
                offset += length;
            }
            Err(why) => return (tokens, Some((offset, why))),
        }
    }
    (tokens, None)
}

impl Token {
    /// Returns true if the next token begins another entry.
    fn ends_entry(&self) -> bool {
        matches!(self.kind, Kind::Special(b',' | b':' | b';'))
    }
}

enum Piece {
    Space,
    Comment(String),
    Token(Kind),
}

/// Reads what stands at the start of `rest`, which is not empty; returns it and its length.
fn next(rest: &[u8]) -> Result<(Piece, usize), &'static str> {
    let special = match rest {
        [b' ' | b'\t', ..] => return Ok((Piece::Space, 1)),
        [b'\r', b'\n', b' ' | b'\t', ..] => return Ok((Piece::Space, 3)),
        [b'\n', b' ' | b'\t', ..] => return Ok((Piece::Space, 2)),
        [b'(', ..] => return comment(rest).map(|(text, length)| (Piece::Comment(text), length)),
        [b'"', ..] => return quoted(rest).map(|(kind, length)| (Piece::Token(kind), length)),
        [b'[', ..] => return literal(rest).map(|(kind, length)| (Piece::Token(kind), length)),
        [b'<' | b'>' | b'@' | b',' | b';' | b':' | b'.', ..] => rest.first().copied(),
        _ => None,
    };
    if let Some(special) = special {
        return Ok((Piece::Token(Kind::Special(special)), 1));
    }
    let length = rest.iter().take_while(|&&byte| is_atom(byte)).count();
    if length == 0 {
        return Err("there is a character that may not stand outside quotes");
    }
    let atom = text(rest.get(..length).unwrap_or_default());
    Ok((Piece::Token(Kind::Atom(atom)), length))
}

/// Comments nest; counting replaces recursion, so that no depth can hurt.
fn comment(rest: &[u8]) -> Result<(String, usize), &'static str> {
    let mut depth = 0_usize;
    let mut content = Vec::new();
    let mut bytes = rest.iter().enumerate();
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\\' => {
                content.extend(bytes.next().map(|(_, byte)| *byte));
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            let content = content.get(1..).unwrap_or_default();
            return Ok((String::from_utf8_lossy(content).trim().to_owned(), at + 1));
        }
        content.push(byte);
    }
    Err("a comment is not closed")
}

fn quoted(rest: &[u8]) -> Result<(Kind, usize), &'static str> {
    let mut content = Vec::new();
    let mut bytes = rest.iter().enumerate().skip(1);
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b'"' => {
                let raw = text(rest.get(..=at).unwrap_or_default());
                return Ok((Kind::Quoted { raw, text: text(&content) }, at + 1));
            }
            b'\\' => content.extend(bytes.next().map(|(_, byte)| *byte)),
            b'\r' | b'\n' => {}
            _ => content.push(byte),
        }
    }
    Err("a quote is not closed")
}

fn literal(rest: &[u8]) -> Result<(Kind, usize), &'static str> {
    let end = memchr::memchr(b']', rest).ok_or("an address literal is not closed")?;
    let literal = text(rest.get(..=end).unwrap_or_default());
    Ok((Kind::Literal(literal), end + 1))
}

/// Header fields are ASCII or UTF-8 (RFC 6532). Other bytes do no harm in a name; an address refuses what they become.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Finds a NUL (where some programs stop reading) or a line end that folds nothing (where others begin a new field).
fn bad_control(value: &[u8]) -> Option<usize> {
    let is_bad = |at: usize, byte: u8| match byte {
        0 => true,
        b'\r' => value.get(at + 1) != Some(&b'\n'),
        b'\n' => !matches!(value.get(at + 1), Some(b' ' | b'\t')),
        _ => false,
    };
    value.iter().enumerate().find_map(|(at, &byte)| is_bad(at, byte).then_some(at))
}

fn is_atom(byte: u8) -> bool {
    byte >= 128
        || (byte.is_ascii_graphic()
            && !matches!(
                byte,
                b'(' | b')'
                    | b'<'
                    | b'>'
                    | b'['
                    | b']'
                    | b':'
                    | b';'
                    | b'@'
                    | b'\\'
                    | b','
                    | b'.'
                    | b'"'
            ))
}

/// Longer address fields are refused whole: 10,000 recipients take about 400 KiB.
const MAX_VALUE: usize = 1024 * 1024;
