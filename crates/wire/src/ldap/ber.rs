//! The Basic Encoding Rules as LDAP restricts them (RFC 4511 section 5.1): lengths are known in advance.

use crate::ldap::Error;

/// Bytes that are read from front to back, one element after the other.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// Where `rest` begins in the whole message.
    offset: usize,
}

/// One element.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag, length and content.
    pub(super) whole: &'a [u8],
    /// Where the content begins in the whole message.
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the tag of the next element.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Reads the next element, whatever it is.
    pub(super) fn any(&mut self) -> Result<Element<'a>, Error> {
        let (head, length) = match head(self.rest) {
            Head::Known { head, length } => (head, length),
            Head::Short => return Err(self.flaw("the message ends too early")),
            Head::Bad => return Err(self.flaw("the tag or length is none that LDAP has")),
        };
        let end = head.checked_add(length).and_then(|end| self.rest.split_at_checked(end));
        let Some((whole, rest)) = end else {
            return Err(self.flaw("an element is longer than what contains it"));
        };
        let (tag, content) = (whole.first().copied(), whole.get(head..));
        let (Some(tag), Some(content)) = (tag, content) else {
            return Err(self.flaw("the message ends too early"));
        };
        let element = Element { tag, content, whole, offset: self.offset + head };
        self.rest = rest;
        self.offset += whole.len();
        Ok(element)
    }

    /// Reads an element of this kind.
    pub(super) fn expect(&mut self, tag: u8) -> Result<Element<'a>, Error> {
        if self.peek() == Some(tag) {
            self.any()
        } else {
            Err(self.flaw("another element is expected"))
        }
    }

    /// Reads an element of this kind, if it is next.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Error> {
        if self.peek() == Some(tag) { self.any().map(Some) } else { Ok(None) }
    }

    pub(super) fn flaw(&self, what: &'static str) -> Error {
        Error::Message { what, offset: self.offset }
    }
}

impl<'a> Element<'a> {
    /// Returns a reader of the elements inside.
    pub(super) fn open(&self) -> Reader<'a> {
        Reader { rest: self.content, offset: self.offset }
    }

    /// Reads a number that is not negative (`INTEGER (0 .. maxInt)` or `ENUMERATED`).
    pub(super) fn number(&self) -> Result<u32, Error> {
        let value = match self.content {
            [first, ..] if *first >= 0x80 => None,
            [0, rest @ ..] | rest if !self.content.is_empty() && rest.len() <= 4 => {
                let value = rest.iter().fold(0_u64, |all, octet| all << 8 | u64::from(*octet));
                u32::try_from(value).ok().filter(|value| *value <= MAX_INT)
            }
            _ => None,
        };
        value.ok_or_else(|| self.flaw("the number is out of range"))
    }

    /// Reads `BOOLEAN`.
    pub(super) fn boolean(&self) -> Result<bool, Error> {
        match self.content {
            [value] => Ok(*value != 0),
            _ => Err(self.flaw("the truth value is not one octet")),
        }
    }

    /// Reads `LDAPString`.
    pub(super) fn text(&self) -> Result<String, Error> {
        self.str().map(str::to_owned)
    }

    /// Reads `LDAPString` where it is.
    pub(super) fn str(&self) -> Result<&'a str, Error> {
        std::str::from_utf8(self.content).map_err(|_| self.flaw("a text is not UTF-8"))
    }

    fn flaw(&self, what: &'static str) -> Error {
        Error::Message { what, offset: self.offset }
    }
}

/// What tag and length say.
pub(super) enum Head {
    /// The octets of tag and length, and those of the content.
    Known { head: usize, length: usize },
    /// There are too few octets to say.
    Short,
    /// It is not LDAP.
    Bad,
}

/// Reads tag and length.
pub(super) fn head(bytes: &[u8]) -> Head {
    match bytes {
        [] | [_] => Head::Short,
        // Tags of more than one octet do not occur in LDAP.
        [tag, ..] if tag & 0x1f == 0x1f => Head::Bad,
        [_, length, ..] if *length < 0x80 => Head::Known { head: 2, length: usize::from(*length) },
        [_, count @ 0x81..=0x84, rest @ ..] => {
            let octets = usize::from(count & 0x7f);
            let Some(octets) = rest.get(..octets) else { return Head::Short };
            let length = octets.iter().fold(0_usize, |all, octet| all << 8 | usize::from(*octet));
            Head::Known { head: 2 + octets.len(), length }
        }
        _ => Head::Bad,
    }
}

/// Writes an element of BER: its tag, its length, its content.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = Vec::with_capacity(content.len() + 6);
    element.push(tag);
    let length = content.len().to_be_bytes();
    let skip = length.iter().take_while(|octet| **octet == 0).count();
    let octets = length.get(skip..).unwrap_or_default();
    match octets {
        [] => element.push(0),
        [short] if *short < 0x80 => element.push(*short),
        long => {
            // A length has at most eight octets.
            element.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            element.extend_from_slice(long);
        }
    }
    element.extend_from_slice(content);
    element
}

/// Writes a number.
pub(super) fn number(tag: u8, value: u32) -> Vec<u8> {
    let octets = value.to_be_bytes();
    let skip = octets.iter().take_while(|octet| **octet == 0).count().min(3);
    let mut content = octets.get(skip..).unwrap_or_default().to_vec();
    if content.first().is_some_and(|first| *first >= 0x80) {
        content.insert(0, 0);
    }
    element(tag, &content)
}

/// `maxInt` (RFC 4511 section 4.1.1).
const MAX_INT: u32 = i32::MAX.cast_unsigned();
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
