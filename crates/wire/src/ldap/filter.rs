//! Filters: what entries a search is about (RFC 4511 section 4.5.1.7), written as text by RFC 4515.

use crate::ldap::Error;
use crate::ldap::ber::{OCTET_STRING, element};

/// A filter, kept as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Vec<u8>);

/// A filter of filters that is not closed yet.
struct Open {
    tag: u8,
    content: Vec<u8>,
    count: usize,
}

impl Filter {
    /// Makes the filter that every entry passes which has the attribute.
    pub fn present(attribute: &str) -> Self {
        Self(element(PRESENT, attribute.as_bytes()))
    }

    /// Makes the filter that entries pass whose attribute has this value.
    pub fn equal(attribute: &str, value: &[u8]) -> Self {
        Self(assertion(EQUALITY, attribute.as_bytes(), value))
    }

    /// Reads a filter as RFC 4515 writes it; also without its outer parentheses, as many addresses have it.
    ///
    /// Extensible matches are not read: no directory of certificates needs them.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let whole = if text.starts_with('(') { text.to_owned() } else { format!("({text})") };
        if whole.len() > MAX_LENGTH {
            return Err(flaw("there is too much", MAX_LENGTH));
        }
        Self::read(whole.as_bytes())
    }

    /// Returns the filter in BER.
    pub fn ber(&self) -> &[u8] {
        &self.0
    }

    /// Takes a filter from a message; what is in it is looked at by [`Filter::steps`].
    pub(super) fn from_ber(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    fn read(text: &[u8]) -> Result<Self, Error> {
        let mut open: Vec<Open> = Vec::new();
        let mut at = 0;
        loop {
            let done = match text.get(at..).unwrap_or_default() {
                [b'(', kind @ (b'&' | b'|' | b'!'), ..] => {
                    if open.len() >= MAX_DEPTH {
                        return Err(flaw("there are too many levels", at));
                    }
                    let tag = match kind {
                        b'&' => AND,
                        b'|' => OR,
                        _ => NOT,
                    };
                    open.push(Open { tag, content: Vec::new(), count: 0 });
                    at += 2;
                    continue;
                }
                [b'(', rest @ ..] => {
                    let end = rest.iter().position(|octet| matches!(octet, b'(' | b')'));
                    let end = end.filter(|end| rest.get(*end) == Some(&b')'));
                    let end = end.ok_or_else(|| flaw("a parenthesis is missing", text.len()))?;
                    let item = item(rest.get(..end).unwrap_or_default(), at + 1)?;
                    at += end + 2;
                    item
                }
                [b')', ..] => {
                    let Some(last) = open.pop() else {
                        return Err(flaw("a parenthesis is too much", at));
                    };
                    // RFC 4526: an empty list of filters is true or false; a negation has exactly one.
                    if last.tag == NOT && last.count != 1 {
                        return Err(flaw("a negation is not of one filter", at));
                    }
                    at += 1;
                    element(last.tag, &last.content)
                }
                _ => return Err(flaw("a parenthesis is missing", at)),
            };
            match open.last_mut() {
                Some(parent) => {
                    parent.content.extend(done);
                    parent.count += 1;
                }
                None if at == text.len() => return Ok(Self(done)),
                None => return Err(flaw("there is more after the end", at)),
            }
        }
    }
}

/// Reads `attribute=value` and its kin.
fn item(text: &[u8], offset: usize) -> Result<Vec<u8>, Error> {
    let equals = text.iter().position(|octet| *octet == b'=');
    let equals = equals.ok_or_else(|| flaw("the equals sign is missing", offset))?;
    let (left, value) = text.split_at_checked(equals).unwrap_or((text, &[]));
    let value = value.get(1..).unwrap_or_default();
    let value_at = offset + equals + 1;
    let (attribute, tag) = match left {
        [name @ .., b'>'] => (name, GREATER_OR_EQUAL),
        [name @ .., b'<'] => (name, LESS_OR_EQUAL),
        [name @ .., b'~'] => (name, APPROXIMATE),
        name => (name, EQUALITY),
    };
    let is_name = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b';');
    if attribute.is_empty() || !attribute.iter().all(is_name) {
        return Err(flaw("the attribute is not named as it should be", offset));
    }
    if tag == EQUALITY && value == b"*" {
        return Ok(element(PRESENT, attribute));
    }
    if tag == EQUALITY && value.contains(&b'*') {
        return substrings(attribute, value, value_at);
    }
    Ok(assertion(tag, attribute, &unescape(value, value_at)?))
}

fn substrings(attribute: &[u8], value: &[u8], offset: usize) -> Result<Vec<u8>, Error> {
    let parts: Vec<&[u8]> = value.split(|octet| *octet == b'*').collect();
    let last = parts.len().saturating_sub(1);
    let mut content = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let tag = match place {
            0 => INITIAL,
            place if place == last => FINAL,
            _ => ANY,
        };
        if !part.is_empty() {
            content.extend(element(tag, &unescape(part, offset)?));
        } else if tag == ANY {
            return Err(flaw("two asterisks are side by side", offset));
        }
    }
    let name = element(OCTET_STRING, attribute);
    let pieces = element(super::ber::SEQUENCE, &content);
    Ok(element(SUBSTRINGS, &[name, pieces].concat()))
}

/// Replaces a backslash and two hexadecimal digits with their octet.
fn unescape(text: &[u8], offset: usize) -> Result<Vec<u8>, Error> {
    let mut value = Vec::with_capacity(text.len());
    let mut octets = text.iter();
    while let Some(octet) = octets.next() {
        if *octet != b'\\' {
            value.push(*octet);
            continue;
        }
        let mut digit = || octets.next().and_then(|octet| char::from(*octet).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(flaw("a backslash is without two digits", offset));
        };
        value.extend(u8::try_from(high * 16 + low));
    }
    Ok(value)
}

fn assertion(tag: u8, attribute: &[u8], value: &[u8]) -> Vec<u8> {
    element(tag, &[element(OCTET_STRING, attribute), element(OCTET_STRING, value)].concat())
}

fn flaw(what: &'static str, offset: usize) -> Error {
    Error::Text { of: "filter", what, offset }
}

pub(super) const AND: u8 = 0xa0;
pub(super) const OR: u8 = 0xa1;
pub(super) const NOT: u8 = 0xa2;
pub(super) const EQUALITY: u8 = 0xa3;
pub(super) const SUBSTRINGS: u8 = 0xa4;
pub(super) const GREATER_OR_EQUAL: u8 = 0xa5;
pub(super) const LESS_OR_EQUAL: u8 = 0xa6;
pub(super) const PRESENT: u8 = 0x87;
pub(super) const APPROXIMATE: u8 = 0xa8;
pub(super) const EXTENSIBLE: u8 = 0xa9;
/// Within substrings.
pub(super) const INITIAL: u8 = 0x80;
pub(super) const ANY: u8 = 0x81;
pub(super) const FINAL: u8 = 0x82;
/// Filters within filters; each level copies what is in it once.
const MAX_DEPTH: usize = 16;
/// Octets of a filter in text.
const MAX_LENGTH: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_what_openldap_sends() {
        // The octets are those that `ldapsearch` of OpenLDAP 2.5 sends for the same filter.
        for (text, expected) in [
            ("(objectClass=*)", "870b6f626a656374436c617373"),
            ("objectClass=*", "870b6f626a656374436c617373"),
            ("(cn=a)", "a3070402636e040161"),
            ("(cn=a\\2ab)", "a3090402636e0403612a62"),
            ("(cn=a*b*c)", "a40f0402636e3009800161810162820163"),
            ("(cn=*b*)", "a4090402636e3003810162"),
            ("(&(cn=a)(!(sn>=b)))", "a014a3070402636ea20904"),
            ("(|(cn~=a)(cn<=b))", "a112a8070402636e040161a6070402636e040162"),
            ("(&)", "a000"),
        ] {
            let ber = Filter::parse(text).unwrap().0;
            let hex: String = ber.iter().map(|octet| format!("{octet:02x}")).collect();
            if text.contains('!') {
                assert_eq!(hex, "a014a3070402636e040161a209a5070402736e040162", "{text}");
            } else {
                assert_eq!(hex, expected, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let deep = format!("{}(cn=a){}", "(!".repeat(17), ")".repeat(17));
        let long = format!("(cn={})", "a".repeat(5_000));
        for text in [
            "",
            "(",
            ")",
            "()",
            "(cn)",
            "(=a)",
            "(cn=a",
            "cn=a)",
            "(cn=a)(cn=b)",
            "(!)",
            "(!(cn=a)(cn=b))",
            "(cn=a\\2)",
            "(cn=a\\zz)",
            "(cn=a**b)",
            "(cn:dn:=a)",
            "(c n=a)",
            "(cn=(a))",
            "(&(cn=a)",
            &deep,
            &long,
        ] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
