//! Who a signature or an encrypted key belongs to: issuer and serial number, or a key identifier.

use std::fmt::{self, Write as _};

use crate::error::Error;
use crate::tlv::{Slice, Tlv, element, sequence, tag};

/// Names a certificate (RFC 5652 sections 5.3 and 6.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// The issuer's name and the serial number that it gave.
    IssuerAndSerial {
        /// `Name` in DER.
        issuer: Vec<u8>,
        /// Content octets of the INTEGER.
        serial: Vec<u8>,
    },
    /// The subject key identifier.
    SubjectKeyIdentifier(Vec<u8>),
}

impl Identifier {
    /// Reads an `IssuerAndSerialNumber`, or a key identifier that is implicitly tagged `[0]`.
    pub(crate) fn from_tlv(identifier: Tlv<'_>) -> Result<Self, Error> {
        match identifier.tag {
            tag::SEQUENCE => {
                let mut fields = identifier.children();
                let issuer = fields.expect(tag::SEQUENCE, "expected an issuer")?;
                let serial = fields.expect(tag::INTEGER, "expected a serial number")?;
                fields.finish()?;
                Ok(Self::IssuerAndSerial {
                    issuer: issuer.whole.to_vec(),
                    serial: serial.content.to_vec(),
                })
            }
            KEY_IDENTIFIER => Ok(Self::SubjectKeyIdentifier(identifier.content.to_vec())),
            _ => Err(Error::Malformed {
                offset: identifier.offset,
                what: "expected issuer and serial number or a key identifier",
            }),
        }
    }

    /// Returns the form that [`Identifier::from_tlv`] reads.
    pub(crate) fn to_der(&self) -> Vec<u8> {
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                sequence(&[issuer, &element(tag::INTEGER, &[serial])])
            }
            Self::SubjectKeyIdentifier(identifier) => element(KEY_IDENTIFIER, &[identifier]),
        }
    }
}

/// Text for people: `serial 1A2B, issuer CN=Acme CA,O=Acme` or `key identifier 1A2B`.
impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                write!(f, "serial {}, issuer {}", hex(serial), name_text(issuer))
            }
            Self::SubjectKeyIdentifier(identifier) => {
                write!(f, "key identifier {}", hex(identifier))
            }
        }
    }
}

/// Returns true if two names in DER are the same.
///
/// Most senders copy the issuer's bytes. Some write it anew with another string type or other capitals, so that names
/// are compared as RFC 5280 section 7.1 asks, in its usual simple form: letters fold in ASCII, white space collapses.
/// The serial number and the key decide in the end; a name that compares too easily does no harm.
pub(crate) fn same_name(left: &[u8], right: &[u8]) -> bool {
    left == right || matches!((folded(left), folded(right)), (Ok(left), Ok(right)) if left == right)
}

/// One attribute of a name, such as `CN=Acme`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Attribute<'a> {
    kind: &'a [u8],
    value: String,
}

/// Returns the attributes with their values folded, each relative name in an order of its own.
fn folded(name: &[u8]) -> Result<Vec<Vec<Attribute<'_>>>, Error> {
    let mut sets = attributes(name)?;
    for set in &mut sets {
        for attribute in &mut *set {
            let words: Vec<&str> = attribute.value.split_ascii_whitespace().collect();
            attribute.value = words.join(" ").to_ascii_lowercase();
        }
        set.sort_unstable();
    }
    Ok(sets)
}

/// Reads `RDNSequence` (RFC 5280 section 4.1.2.4).
fn attributes(name: &[u8]) -> Result<Vec<Vec<Attribute<'_>>>, Error> {
    let mut outer = Slice::new(name, 0);
    let mut sets = outer.expect(tag::SEQUENCE, "expected a name")?.children();
    let mut found = Vec::new();
    while !sets.is_empty() {
        let mut set = sets.expect(tag::SET, "expected a part of a name")?.children();
        let mut attributes = Vec::new();
        while !set.is_empty() {
            let mut fields =
                set.expect(tag::SEQUENCE, "expected an attribute of a name")?.children();
            let kind = fields.expect(tag::OID, "expected an attribute's type")?.content;
            attributes.push(Attribute { kind, value: text_of(fields.any()?) });
        }
        found.push(attributes);
    }
    Ok(found)
}

fn text_of(value: Tlv<'_>) -> String {
    if value.tag == BMP_STRING {
        let (pairs, _) = value.content.as_chunks::<2>();
        let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
        return char::decode_utf16(units)
            .map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
    }
    String::from_utf8_lossy(value.content).into_owned()
}

/// Returns the name as in RFC 4514, last part first; control characters become dots, because it goes into logs.
fn name_text(name: &[u8]) -> String {
    let Ok(sets) = attributes(name) else { return "unreadable".to_owned() };
    let mut text = String::new();
    for Attribute { kind: id, value } in sets.into_iter().rev().flatten() {
        let separator = if text.is_empty() { "" } else { "," };
        let known =
            NAMES.iter().find(|(known, _)| *known == id).map(|(_, name)| (*name).to_owned());
        let kind = known.unwrap_or_else(|| crate::oid::text(id));
        let value: String =
            value.chars().take(MAX_SHOWN).map(|c| if c.is_control() { '.' } else { c }).collect();
        text.push_str(separator);
        text.push_str(&kind);
        text.push('=');
        for char in value.chars() {
            if matches!(char, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
                text.push('\\');
            }
            text.push(char);
        }
        if text.len() > MAX_TEXT {
            text.push_str(",...");
            break;
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len().min(MAX_SHOWN));
    for byte in bytes.iter().take(MAX_SHOWN) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

const KEY_IDENTIFIER: u8 = tag::implicit(0);
const BMP_STRING: u8 = 0x1e;

/// Longest value shown in a log line.
const MAX_SHOWN: usize = 64;

/// Longest name shown in a log line.
const MAX_TEXT: usize = 300;

/// Short names of RFC 4514 section 3 and the address of old certificates.
const NAMES: [(&[u8], &str); 8] = [
    (&[0x55, 0x04, 0x03], "CN"),
    (&[0x55, 0x04, 0x06], "C"),
    (&[0x55, 0x04, 0x07], "L"),
    (&[0x55, 0x04, 0x08], "ST"),
    (&[0x55, 0x04, 0x0a], "O"),
    (&[0x55, 0x04, 0x0b], "OU"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19], "DC"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01], "emailAddress"),
];

#[cfg(test)]
mod tests {
    use super::{Identifier, NAMES, same_name};
    use crate::tlv::{Slice, element, sequence, tag};

    fn name(parts: &[(usize, u8, &[u8])]) -> Vec<u8> {
        let sets: Vec<Vec<u8>> = parts
            .iter()
            .map(|(which, kind, value)| {
                let id = element(tag::OID, &[NAMES[*which].0]);
                element(tag::SET, &[&sequence(&[&id, &element(*kind, &[value])])])
            })
            .collect();
        sequence(&sets.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn names_compare_without_regard_to_string_type_case_and_space() {
        let utf8 = name(&[(4, 0x0c, b"Acme  Works"), (0, 0x0c, b"Mail CA")]);
        let printable = name(&[(4, 0x13, b"ACME Works"), (0, 0x1e, b"\0m\0a\0i\0l\0 \0c\0a")]);
        let other = name(&[(4, 0x0c, b"Acme Works"), (0, 0x0c, b"Mail CB")]);
        let turned = name(&[(0, 0x0c, b"Mail CA"), (4, 0x0c, b"Acme Works")]);
        assert!(same_name(&utf8, &printable));
        assert!(!same_name(&utf8, &other));
        assert!(!same_name(&utf8, &turned));
        assert!(!same_name(b"", b"\x30"));
    }

    #[test]
    fn text_is_safe_to_log() {
        let issuer = name(&[(1, 0x13, b"DE"), (0, 0x0c, b"a,b\r\nFake: header")]);
        let identifier = Identifier::IssuerAndSerial { issuer, serial: vec![0x0a, 0xff] };
        assert_eq!(identifier.to_string(), "serial 0AFF, issuer CN=a\\,b..Fake: header,C=DE");
        let broken = Identifier::IssuerAndSerial { issuer: vec![0x30, 0x80], serial: vec![] };
        assert_eq!(broken.to_string(), "serial , issuer unreadable");
        assert_eq!(Identifier::SubjectKeyIdentifier(vec![1; 2]).to_string(), "key identifier 0101");
    }

    #[test]
    fn identifiers_survive_writing_and_reading() {
        let issuer = name(&[(0, 0x0c, b"x")]);
        for identifier in [
            Identifier::IssuerAndSerial { issuer, serial: vec![1] },
            Identifier::SubjectKeyIdentifier(vec![1, 2, 3]),
        ] {
            let der = identifier.to_der();
            let again = Identifier::from_tlv(Slice::new(&der, 0).any().unwrap()).unwrap();
            assert_eq!(again, identifier);
        }
    }
}
