//! The one question that nearly all clients ask, read without building anything: `(mail=ann@acme.example)`.
//!
//! Whatever looks unusual is left to the general way, which answers the same: a differential test compares the octets.

use crate::name::Bases;
use crate::selection::Selection;

/// A usual question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Usual<'m, 'b> {
    /// The number of the message, as it is encoded.
    pub(crate) id: &'m [u8],
    /// The address, in lower case.
    pub(crate) key: String,
    /// The base of the answer's name.
    pub(crate) base: &'b str,
    /// The attributes wanted.
    pub(crate) selection: Selection,
}

/// Reads a whole message; `None` if it is not a usual question.
pub(crate) fn read<'m, 'b>(message: &'m [u8], bases: &'b Bases) -> Option<Usual<'m, 'b>> {
    let mut outer = Cursor(message);
    let mut fields = Cursor(outer.take(0x30)?);
    let id = fields.take(0x02).filter(|id| (1..=4).contains(&id.len()) && is_small(id))?;
    let mut search = Cursor(fields.take(0x63)?);
    // Controls are for the general way.
    if !outer.0.is_empty() || !fields.0.is_empty() {
        return None;
    }
    let base = search.take(0x04)?;
    let base = if base.is_empty() || base == bases.first().as_bytes() {
        bases.first()
    } else {
        return None;
    };
    search.take(0x0a).filter(|scope| matches!(scope, [0..=2]))?;
    search.take(0x0a).filter(|aliases| matches!(aliases, [0..=3]))?;
    for _ in 0..2 {
        search.take(0x02).filter(|limit| (1..=4).contains(&limit.len()) && is_small(limit))?;
    }
    search.take(0x01).filter(|types_only| *types_only == [0])?;
    let mut filter = Cursor(search.take(0xa3)?);
    filter.take(0x04).filter(|name| name.eq_ignore_ascii_case(b"mail"))?;
    let key = key(filter.take(0x04)?)?;
    let mut list = Cursor(search.take(0x30)?);
    if !filter.0.is_empty() || !search.0.is_empty() {
        return None;
    }
    let mut names: [&str; MOST_ATTRIBUTES] = [""; MOST_ATTRIBUTES];
    let mut count = 0;
    while !list.0.is_empty() {
        *names.get_mut(count)? = std::str::from_utf8(list.take(0x04)?).ok()?;
        count += 1;
    }
    let selection = Selection::read(names.into_iter().take(count), false);
    Some(Usual { id, key, base, selection })
}

/// Returns what an address is kept under, if it is a plain one: letters, digits and a few signs, one at sign.
fn key(value: &[u8]) -> Option<String> {
    let is_plain =
        |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_' | b'@');
    let is_one = value.split(|octet| *octet == b'@').count() == 2;
    if value.len() > LONGEST || !is_one || !value.iter().all(is_plain) {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    // Other ends are written in ways of which only the general way knows what they mean.
    let is_usual = text.starts_with(|it: char| it.is_ascii_alphanumeric())
        && text.ends_with(|it: char| it.is_ascii_alphanumeric());
    is_usual.then(|| text.to_ascii_lowercase())
}

/// Elements from front to back.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Takes the content of the next element, if it has this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (length, rest) = match self.0 {
            [found, length @ 0..=0x7f, rest @ ..] if *found == tag => (usize::from(*length), rest),
            [found, 0x81, length, rest @ ..] if *found == tag => (usize::from(*length), rest),
            [found, 0x82, high, low, rest @ ..] if *found == tag => {
                (usize::from(u16::from_be_bytes([*high, *low])), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }
}

/// Returns true for a number that is not negative and is not written longer than it must be.
fn is_small(number: &[u8]) -> bool {
    match number {
        [0, next, ..] => *next >= 0x80,
        [first, ..] => *first < 0x80,
        [] => false,
    }
}

/// Attributes of a usual question.
const MOST_ATTRIBUTES: usize = 8;
/// Octets of a usual address.
const LONGEST: usize = 128;
