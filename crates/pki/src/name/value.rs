//! The attributes of a name as they are encoded, and the text in those that hold one (RFC 5280 section 4.1.2.4).

use const_oid::ObjectIdentifier;

use crate::revocation::cursor::{
    self, Cursor, Element, Flaw, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET,
};

/// An attribute with its value.
pub(super) struct Attribute<'a> {
    pub(super) kind: ObjectIdentifier,
    pub(super) value: Element<'a>,
    whole: Element<'a>,
}

/// Takes a name apart into its relative names and those into attributes, in the order in which they are encoded.
pub(super) fn read(der: &[u8]) -> Result<Vec<Vec<Attribute<'_>>>, Flaw> {
    let mut cursor = Cursor::new(der);
    let mut relatives = cursor.expect(SEQUENCE)?.open();
    cursor.finish()?;
    let mut read = Vec::new();
    while !relatives.is_empty() {
        let mut attributes = relatives.expect(SET)?.open();
        let mut relative = Vec::new();
        while !attributes.is_empty() {
            let whole = attributes.expect(SEQUENCE)?;
            let mut parts = whole.open();
            let kind = parts.expect(OBJECT_IDENTIFIER)?;
            let kind = ObjectIdentifier::from_bytes(kind.content)
                .map_err(|_| kind.flaw("a kind of attribute is no object identifier"))?;
            let value = parts.any()?;
            parts.finish()?;
            relative.push(Attribute { kind, value, whole });
        }
        read.push(relative);
    }
    Ok(read)
}

/// Encodes a name again with the strings of two and four octets a character in UTF-8, which is all that `x509-cert` reads
/// and prints; `None` if there are none of them.
pub(super) fn in_utf8(relatives: &[Vec<Attribute<'_>>]) -> Option<Vec<u8>> {
    let is_wide = |it: &Attribute<'_>| matches!(it.value.tag, BMP | UNIVERSAL);
    if !relatives.iter().flatten().any(is_wide) {
        return None;
    }
    let attribute = |it: &Attribute<'_>| {
        if !is_wide(it) {
            return it.whole.whole.to_vec();
        }
        let value = match text(&it.value) {
            Some(text) => cursor::element(UTF8, text.as_bytes()),
            // What is no text is shown as octets.
            None => cursor::element(OCTET_STRING, it.value.content),
        };
        let kind = cursor::element(OBJECT_IDENTIFIER, it.kind.as_bytes());
        cursor::element(SEQUENCE, &[kind, value].concat())
    };
    let relative = |it: &Vec<Attribute<'_>>| {
        cursor::element(SET, &it.iter().map(attribute).collect::<Vec<_>>().concat())
    };
    let relatives: Vec<Vec<u8>> = relatives.iter().map(relative).collect();
    Some(cursor::element(SEQUENCE, &relatives.concat()))
}

/// Returns true for the strings of `DirectoryString` and those that are used in its place.
pub(super) fn is_string(value: &Element<'_>) -> bool {
    matches!(value.tag, UTF8 | NUMERIC | PRINTABLE | TELETEX | IA5 | VISIBLE | UNIVERSAL | BMP)
}

/// Returns the text of a string, unless it is not in its encoding.
pub(super) fn text(value: &Element<'_>) -> Option<String> {
    let content = value.content;
    match value.tag {
        UTF8 | NUMERIC | PRINTABLE | IA5 | VISIBLE => {
            std::str::from_utf8(content).ok().map(str::to_owned)
        }
        // In practice a TeletexString holds Latin-1.
        TELETEX => Some(content.iter().copied().map(char::from).collect()),
        // X.690 section 8.23: two and four octets a character, the highest first.
        BMP => {
            let (units, rest) = content.as_chunks::<2>();
            let characters = units.iter().map(|it| char::from_u32(u16::from_be_bytes(*it).into()));
            rest.is_empty().then(|| characters.collect()).flatten()
        }
        UNIVERSAL => {
            let (units, rest) = content.as_chunks::<4>();
            let characters = units.iter().map(|it| char::from_u32(u32::from_be_bytes(*it)));
            rest.is_empty().then(|| characters.collect()).flatten()
        }
        _ => None,
    }
}

/// `UTF8String`.
const UTF8: u8 = 0x0c;
/// `NumericString`.
const NUMERIC: u8 = 0x12;
/// `PrintableString`.
const PRINTABLE: u8 = 0x13;
/// `TeletexString`.
const TELETEX: u8 = 0x14;
/// `IA5String`.
const IA5: u8 = 0x16;
/// `VisibleString`.
const VISIBLE: u8 = 0x1a;
/// `UniversalString`.
const UNIVERSAL: u8 = 0x1c;
/// `BMPString`.
const BMP: u8 = 0x1e;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{COMMON_NAME, DistinguishedName};

    /// A name of one common name with a value of any type.
    fn name(tag: u8, content: &[u8]) -> DistinguishedName {
        let kind = cursor::element(OBJECT_IDENTIFIER, COMMON_NAME.as_bytes());
        let attribute = cursor::element(SEQUENCE, &[kind, cursor::element(tag, content)].concat());
        let der = cursor::element(SEQUENCE, &cursor::element(SET, &attribute));
        let name = DistinguishedName::from_der(&der).unwrap();
        assert_eq!(name.der(), der);
        name
    }

    #[test]
    fn strings_of_every_type_are_one_text() {
        let text = "Café";
        let wide = |unit: fn(char) -> Vec<u8>| text.chars().flat_map(unit).collect::<Vec<u8>>();
        let bmp = wide(|it| u16::try_from(u32::from(it)).unwrap().to_be_bytes().to_vec());
        let universal = wide(|it| u32::from(it).to_be_bytes().to_vec());
        let utf8 = name(UTF8, text.as_bytes());
        for (tag, content) in [(TELETEX, b"Caf\xe9".to_vec()), (BMP, bmp), (UNIVERSAL, universal)] {
            let other = name(tag, &content);
            assert_eq!(other, utf8, "{tag:#x}");
            assert_eq!(other.fingerprint(), utf8.fingerprint(), "{tag:#x}");
            assert_eq!(other.is_within(&utf8), Some(true), "{tag:#x}");
            assert_eq!(other.common_name().as_deref(), Some(text), "{tag:#x}");
            assert!(tag == TELETEX || other.to_string() == "CN=Café", "{other}");
        }
    }

    #[test]
    fn a_string_that_is_not_in_its_encoding_is_equal_to_itself_alone() {
        for (tag, content) in [
            (UTF8, &b"Caf\xe9"[..]),
            (BMP, b"\x00"),
            (BMP, b"\xd8\x00"),
            (UNIVERSAL, b"\x00\x00\x00"),
            (UNIVERSAL, b"\x00\x11\x00\x00"),
            (UNIVERSAL, b"\x00\x00\xd8\x00"),
        ] {
            let odd = name(tag, content);
            assert_eq!(odd, odd.clone());
            assert_eq!(odd.common_name(), None);
            assert_eq!(odd.is_within(&name(UTF8, b"Cafe")), None, "{tag:#x}");
            assert_eq!(odd.is_within(&odd), None, "{tag:#x}");
        }
    }

    #[test]
    fn damaged_names_are_refused_and_nothing_panics() {
        let whole = name(UNIVERSAL, &[0, 0, 0, b'C']);
        let der = whole.der();
        for end in 0..der.len() {
            assert!(DistinguishedName::from_der(&der[..end]).is_err());
        }
        for place in 0..der.len() {
            for value in 0..=u8::MAX {
                let mut damaged = der.to_vec();
                damaged[place] = value;
                let _read = DistinguishedName::from_der(&damaged).map(|it| it.to_string());
            }
        }
    }
}
