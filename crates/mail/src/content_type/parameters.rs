//! Tokens and parameters of structured MIME fields, with the continuations of RFC 2231.

use crate::charset;
use crate::content_type::Parameter;

/// Reads a field value from left to right.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    rest: &'a [u8],
}

/// A parameter as it was written: name in lower case, value without quotes.
#[derive(Debug)]
pub(super) struct Raw {
    name: String,
    value: Vec<u8>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self { rest: value }
    }

    /// Returns the next token in lower case (RFC 2045 section 5.1), skipping white space and comments before it.
    pub(super) fn token(&mut self) -> Option<String> {
        self.skip_comments();
        let length = self.rest.iter().take_while(|&&byte| is_token(byte)).count();
        let (token, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        if token.is_empty() {
            return None;
        }
        Some(String::from_utf8_lossy(token).to_ascii_lowercase())
    }

    /// Takes this byte if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.skip_comments();
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Reads all `; name=value` that follow, in order; what is neither is skipped.
    pub(super) fn parameters(&mut self) -> Vec<Raw> {
        let mut parameters = Vec::new();
        while parameters.len() < MAX_PARAMETERS && self.seek_parameter() {
            let Some(name) = self.token() else { continue };
            if self.take(b'=') {
                let value = self.value(&name);
                parameters.push(Raw { name, value });
            }
        }
        parameters
    }

    fn value(&mut self, name: &str) -> Vec<u8> {
        self.skip_comments();
        if self.rest.first() == Some(&b'"') {
            return self.quoted();
        }
        let length = self.rest.iter().position(|&byte| byte == b';').unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        self.rest = rest;
        let value = value.trim_ascii();
        // File names with spaces and without quotes are wrong and common; elsewhere a space ends the value.
        if name.starts_with("filename") || name.starts_with("name") {
            return value.to_vec();
        }
        value.split(u8::is_ascii_whitespace).next().unwrap_or_default().to_vec()
    }

    fn quoted(&mut self) -> Vec<u8> {
        let mut value = Vec::new();
        let mut bytes = self.rest.get(1..).unwrap_or_default().iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => value.extend(bytes.next()),
                b'\r' | b'\n' => {}
                _ => value.push(byte),
            }
        }
        self.rest = bytes.as_slice();
        value
    }

    /// Goes to the name of the next parameter. The semicolon before it is often forgotten.
    fn seek_parameter(&mut self) -> bool {
        loop {
            self.skip_comments();
            match self.rest.first() {
                None => return false,
                Some(b'"') => drop(self.quoted()),
                Some(&byte) if is_token(byte) => return true,
                Some(_) => self.rest = self.rest.get(1..).unwrap_or_default(),
            }
        }
    }

    /// Skips white space and comments (RFC 5322 section 3.2.2), which nest.
    fn skip_comments(&mut self) {
        let mut depth = 0_usize;
        let mut bytes = self.rest.iter();
        loop {
            let here = bytes.as_slice();
            match bytes.next() {
                Some(b'(') => depth += 1,
                Some(b')') if depth > 0 => depth -= 1,
                Some(b'\\') if depth > 0 => drop(bytes.next()),
                Some(b' ' | b'\t' | b'\r' | b'\n') => {}
                Some(_) if depth > 0 => {}
                _ => {
                    self.rest = here;
                    return;
                }
            }
        }
    }
}

/// Returns true if there is one way to read `token/token; name=value; name="value"` only.
pub(super) fn are_unequivocal(value: &[u8]) -> bool {
    let is_odd = |byte: &u8| matches!(byte, b'(' | b')' | b'\\') || !byte.is_ascii();
    let is_open = value.iter().fold(false, |is_open, &byte| is_open ^ (byte == b'"'));
    if is_open || value.iter().any(is_odd) {
        return false;
    }
    let mut is_quoted = false;
    let mut pieces = value.split(|&byte| {
        is_quoted ^= byte == b'"';
        byte == b';' && !is_quoted
    });
    let kind = pieces.next().unwrap_or_default().trim_ascii();
    let mut names: Vec<Vec<u8>> = Vec::new();
    let has_kind = matches!(
        kind.split(|&byte| byte == b'/').collect::<Vec<_>>().as_slice(),
        [kind, subtype] if are_tokens(kind) && are_tokens(subtype)
    );
    has_kind
        && pieces.map(<[u8]>::trim_ascii).filter(|piece| !piece.is_empty()).all(|piece| {
            let equals = piece.iter().position(|&byte| byte == b'=').unwrap_or(piece.len());
            let (name, value) = piece.split_at_checked(equals).unwrap_or((piece, &[]));
            let name = name.to_ascii_lowercase();
            let is_new = names.len() < MAX_PARAMETERS && !names.contains(&name);
            let is_plain = are_tokens(&name) && !name.contains(&b'*');
            names.push(name);
            is_new && is_plain && is_one_value(value.get(1..).unwrap_or_default())
        })
}

fn are_tokens(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token)
}

/// Returns true for a quoted string, and for what has no quotes and no space; programs forget quotes.
fn is_one_value(value: &[u8]) -> bool {
    let inside = match value {
        [b'"', inside @ .., b'"'] => return !inside.contains(&b'"'),
        _ => value,
    };
    !inside.is_empty() && inside.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"')
}

/// Returns the value of a parameter byte for byte, put together from its continuations if it has some.
pub(super) fn joined(raw: &[Raw], base: &str) -> Option<Vec<u8>> {
    if let Some(whole) = raw.iter().find(|raw| raw.name == base) {
        return Some(whole.value.clone());
    }
    if let Some(single) = single(raw, base) {
        return Some(percent_decoded(charset_and_text(single).1));
    }
    sections(raw, base).map(|(_, value)| value)
}

/// Returns the parameters as people read them: continuations joined, percent signs and character sets decoded.
pub(super) fn decoded(raw: Vec<Raw>) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::with_capacity(raw.len());
    for parameter in &raw {
        let Some((base, _)) = parameter.name.split_once('*') else { continue };
        if parameters.iter().any(|known| known.name == base) {
            continue;
        }
        if let Some(value) = extended(&raw, base) {
            parameters.push(Parameter { name: base.to_owned(), value });
        }
    }
    // RFC 2231 gives no order; like browsers (RFC 6266 section 4.3) we prefer the extended form, so it comes first.
    for parameter in raw {
        if !parameter.name.contains('*') {
            parameters.push(Parameter {
                name: parameter.name,
                value: charset::guess(&parameter.value).into_owned(),
            });
        }
    }
    parameters
}

/// Reads `base*` or `base*0`, `base*1` … (RFC 2231 sections 3 and 4).
fn extended(raw: &[Raw], base: &str) -> Option<String> {
    if let Some(single) = single(raw, base) {
        let (charset, text) = charset_and_text(single);
        return Some(in_charset(&charset, &percent_decoded(text)));
    }
    sections(raw, base).map(|(charset, value)| in_charset(&charset, &value))
}

/// Puts `base*0`, `base*1` … together; returns the character set that the first one names.
fn sections(raw: &[Raw], base: &str) -> Option<(String, Vec<u8>)> {
    let (first, is_encoded) = section(raw, base, 0)?;
    let (charset, mut value) = if is_encoded {
        let (charset, text) = charset_and_text(first);
        (charset, percent_decoded(text))
    } else {
        (String::new(), first.to_vec())
    };
    for (piece, is_encoded) in (1..MAX_PARAMETERS).map_while(|number| section(raw, base, number)) {
        value.extend(if is_encoded { percent_decoded(piece) } else { piece.to_vec() });
    }
    Some((charset, value))
}

fn single<'a>(raw: &'a [Raw], base: &str) -> Option<&'a [u8]> {
    raw.iter().find(|raw| raw.name.strip_suffix('*') == Some(base)).map(|raw| raw.value.as_slice())
}

fn section<'a>(raw: &'a [Raw], base: &str, number: usize) -> Option<(&'a [u8], bool)> {
    raw.iter().find_map(|raw| {
        let digits = raw.name.strip_prefix(base)?.strip_prefix('*')?;
        let (digits, is_encoded) =
            digits.strip_suffix('*').map_or((digits, false), |digits| (digits, true));
        (digits.parse() == Ok(number)).then_some((raw.value.as_slice(), is_encoded))
    })
}

fn in_charset(charset: &str, bytes: &[u8]) -> String {
    charset::decode(charset, bytes)
        .filter(|it| it.is_whole)
        .map_or_else(|| charset::guess(bytes).into_owned(), |it| it.text)
}

/// Splits `utf-8'de'text`.
fn charset_and_text(value: &[u8]) -> (String, &[u8]) {
    let mut pieces = value.splitn(3, |&byte| byte == b'\'');
    match (pieces.next(), pieces.next(), pieces.next()) {
        (Some(charset), Some(_), Some(text)) => {
            (String::from_utf8_lossy(charset).into_owned(), text)
        }
        _ => (String::new(), value),
    }
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let pair = tail
            .first_chunk::<2>()
            .filter(|_| first == b'%')
            .and_then(|&[high, low]| hex_pair(high, low));
        decoded.push(pair.unwrap_or(first));
        rest = if pair.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    decoded
}

/// Returns the byte that two hexadecimal digits stand for.
pub(crate) fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// RFC 2045 section 5.1: a token; bytes that are not ASCII are let through, they are common in names.
fn is_token(byte: u8) -> bool {
    !matches!(
        byte,
        0..=b' '
            | 127
            | b'('
            | b')'
            | b'<'
            | b'>'
            | b'@'
            | b','
            | b';'
            | b':'
            | b'\\'
            | b'"'
            | b'/'
            | b'['
            | b']'
            | b'?'
            | b'='
    )
}

/// How many parameters of one field are read: a long file name in RFC 2231 pieces needs about ten.
const MAX_PARAMETERS: usize = 64;
