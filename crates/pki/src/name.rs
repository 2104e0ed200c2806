//! Distinguished names and subject alternative names, as read from foreign certificates.
//!
//! The original bytes are kept: what an issuer wrote is copied byte for byte into the next certificate, and comparing
//! follows RFC 5280 section 7.1 (the case, the way of writing and superfluous white space do not count).

mod prepare;
mod value;

use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use chancery_crypto::DigestAlgorithm;
use const_oid::ObjectIdentifier;
use der::asn1::{Any, AnyRef};
use der::{Decode, Encode, Length, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use crate::error::Error;
use crate::revocation::cursor::{Cursor, Element};

/// A subject or issuer name.
#[derive(Clone, Debug)]
pub struct DistinguishedName {
    der: Vec<u8>,
    text: String,
    /// One sorted list of (type, prepared value) for each relative name; what comparing looks at.
    prepared: Vec<Vec<(ObjectIdentifier, Vec<u8>)>>,
    /// Digest of `prepared`, so that names that differ are told apart at once.
    digest: u64,
    emails: Vec<String>,
}

/// One name of a subject alternative name extension (RFC 5280 section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlternativeName {
    /// `directoryName`.
    Directory(DistinguishedName),
    /// `dNSName`.
    Dns(String),
    /// `rfc822Name`, or `SmtpUTF8Mailbox` (RFC 9598).
    Email(String),
    /// `iPAddress`, with a mask when it is a constraint.
    Ip(Vec<u8>),
    /// Any other form, known only by its tag number.
    Other(u8),
    /// `otherName` of a kind that is not read here.
    OtherName(ObjectIdentifier),
    /// `otherName` with the principal name under which Windows knows a user.
    Upn(String),
    /// `uniformResourceIdentifier`.
    Uri(String),
}

impl DistinguishedName {
    /// Builds a name from attributes in order, each of its own relative name.
    pub fn new(attributes: &[(ObjectIdentifier, &str)]) -> Result<Self, Error> {
        let mut names = Vec::with_capacity(attributes.len());
        for (oid, value) in attributes {
            // RFC 5280 section 4.1.2.4: UTF8String, except country, which is a PrintableString.
            let tag = if *oid == COUNTRY { Tag::PrintableString } else { Tag::Utf8String };
            let value = Any::new(tag, value.as_bytes())
                .map_err(|error| Error::malformed("a name", error))?;
            let attribute = AttributeTypeAndValue { oid: *oid, value };
            names.push(
                RelativeDistinguishedName::try_from(vec![attribute])
                    .map_err(|error| Error::malformed("a name", error))?,
            );
        }
        let der =
            RdnSequence::from(names).to_der().map_err(|error| Error::malformed("a name", error))?;
        Self::from_der(&der).map_err(|error| Error::malformed("a name", error))
    }

    /// Reads a name, keeping its bytes.
    pub(crate) fn from_der(der: &[u8]) -> der::Result<Self> {
        let read = value::read(der).map_err(|flaw| {
            let place = Length::try_from(flaw.offset).unwrap_or(Length::MAX);
            der::Error::new(Tag::Sequence.value_error(), place)
        })?;
        let mut emails = Vec::new();
        let mut prepared = Vec::with_capacity(read.len());
        for relative in &read {
            let attributes = relative.iter();
            let mut attributes: Vec<_> =
                attributes.map(|it| (it.kind, prepare(&it.value))).collect();
            attributes.sort();
            prepared.push(attributes);
            let addresses = relative.iter().filter(|it| it.kind == EMAIL_ADDRESS);
            let addresses = addresses.filter_map(|it| value::text(&it.value));
            emails.extend(addresses.map(|it| with_ascii_domain(&it).into_owned()));
        }
        let in_utf8 = value::in_utf8(&read);
        let text = printable(&Name::from_der(in_utf8.as_deref().unwrap_or(der))?.to_string());
        let mut hasher = DefaultHasher::new();
        prepared.hash(&mut hasher);
        Ok(Self { der: der.to_vec(), text, prepared, digest: hasher.finish(), emails })
    }

    /// Returns the DER encoding as it was read.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the SHA-256 of what is compared of a name: equal names have the same, in every release.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut bytes = Vec::new();
        // Counts and lengths in front of everything, so that two names cannot run together to the same.
        let mut put = |part: &[u8]| {
            bytes.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            bytes.extend_from_slice(part);
        };
        for relative in &self.prepared {
            put(&relative.len().to_be_bytes());
            for (kind, value) in relative {
                put(kind.as_bytes());
                put(value);
            }
        }
        let digest = DigestAlgorithm::Sha256.digest(&bytes);
        digest.as_ref().try_into().unwrap_or([0; 32])
    }

    /// Returns the common name, safe to print: of several that which [`Display`](fmt::Display) writes first.
    pub fn common_name(&self) -> Option<String> {
        self.value_of(COMMON_NAME)
    }

    /// Returns the name of the organisation, in the same way.
    pub fn organisation(&self) -> Option<String> {
        self.value_of(ORGANIZATION)
    }

    fn value_of(&self, kind: ObjectIdentifier) -> Option<String> {
        let read = value::read(&self.der).ok()?;
        let in_utf8 = value::in_utf8(&read);
        let names = RdnSequence::from_der(in_utf8.as_deref().unwrap_or(&self.der)).ok()?;
        // RFC 4514 section 2.1: the text begins with the last one.
        let attributes = names.as_ref().iter().rev().flat_map(RelativeDistinguishedName::iter);
        let mut values = attributes.filter(|it| it.oid == kind).filter_map(|it| {
            let value = it.value.to_der().ok()?;
            value::text(&Cursor::new(&value).any().ok()?)
        });
        values.next().map(|value| printable(&value))
    }

    /// Returns true if the name has no attribute at all.
    pub fn is_empty(&self) -> bool {
        self.prepared.is_empty()
    }

    /// Returns the values of the old `emailAddress` attribute.
    pub(crate) fn emails(&self) -> &[String] {
        &self.emails
    }

    /// Returns true if this name lies in the subtree below `base` (RFC 5280 section 7.1), `None` if that cannot be told
    /// because one of them holds text that cannot be compared.
    pub(crate) fn is_within(&self, base: &Self) -> Option<bool> {
        if self.prepared.len() < base.prepared.len() {
            return Some(false);
        }
        let is_unknown = |relative: &[(ObjectIdentifier, Vec<u8>)]| {
            relative.iter().any(|(_, value)| value.first() == Some(&INCOMPARABLE))
        };
        let mut is_all_known = true;
        for (own, base) in self.prepared.iter().zip(&base.prepared) {
            if is_unknown(own) || is_unknown(base) {
                is_all_known = false;
            } else if own != base {
                return Some(false);
            }
        }
        is_all_known.then_some(true)
    }
}

impl Default for DistinguishedName {
    /// The name without attributes, which a subject may have whose names are all alternative ones.
    fn default() -> Self {
        let mut hasher = DefaultHasher::new();
        Vec::<Vec<(ObjectIdentifier, Vec<u8>)>>::new().hash(&mut hasher);
        Self {
            der: vec![0x30, 0],
            text: String::new(),
            prepared: Vec::new(),
            digest: hasher.finish(),
            emails: Vec::new(),
        }
    }
}

impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && (self.der == other.der || self.prepared == other.prepared)
    }
}

impl Hash for DistinguishedName {
    /// Equal bytes are prepared equally, so what comparing looks at is enough.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl Eq for DistinguishedName {}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Display for AlternativeName {
    /// Writes the form and the value, safe to print.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(name) => write!(formatter, "DN {name}"),
            Self::Dns(name) => write!(formatter, "DNS {}", printable(name)),
            Self::Email(address) => write!(formatter, "mail {}", printable(address)),
            Self::Ip(bytes) => write!(formatter, "IP {}", chancery_crypto::hex(bytes)),
            Self::Other(number) => write!(formatter, "form {number}"),
            Self::OtherName(kind) => write!(formatter, "otherName {kind}"),
            Self::Upn(name) => write!(formatter, "UPN {}", printable(name)),
            Self::Uri(uri) => write!(formatter, "URI {}", printable(uri)),
        }
    }
}

impl AlternativeName {
    /// Reads the value of a subject alternative name extension.
    pub(crate) fn list_from_der(der: &[u8]) -> der::Result<Vec<Self>> {
        let mut names = Vec::new();
        let mut reader = SliceReader::new(der)?;
        reader.sequence(|reader| {
            while !reader.is_finished() {
                names.push(Self::read(reader)?);
            }
            der::Result::Ok(())
        })?;
        reader.finish()?;
        Ok(names)
    }

    /// Reads one `GeneralName`; forms that we do not know are kept as their number, so that they neither match nor hide.
    pub(crate) fn read<'a>(reader: &mut impl Reader<'a>) -> der::Result<Self> {
        let any = AnyRef::decode(reader)?;
        let number = match any.tag() {
            Tag::ContextSpecific { number, .. } => number,
            other => return Err(other.unexpected_error(None).into()),
        };
        Ok(match number {
            TagNumber(0) => other_name(any.value())?,
            TagNumber(1) => Self::Email(ia5(any)?),
            TagNumber(2) => Self::Dns(ia5(any)?),
            TagNumber(4) => Self::Directory(DistinguishedName::from_der(any.value())?),
            TagNumber(6) => Self::Uri(ia5(any)?),
            TagNumber(7) => Self::Ip(any.value().to_vec()),
            TagNumber(number) => Self::Other(u8::try_from(number).unwrap_or(u8::MAX)),
        })
    }
}

/// Makes foreign text safe to print on a terminal and in a log: control and direction characters become visible,
/// and the length is limited.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(MAX_TEXT));
    for character in text.chars() {
        if safe.len() >= MAX_TEXT {
            safe.push('…');
            break;
        }
        // The ranges are the invisible and the bidirectional format characters, with which one name can look like another.
        let is_format = matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if character.is_control() || is_format {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Reads an `IA5String`: ASCII or refused.
fn ia5(any: AnyRef<'_>) -> der::Result<String> {
    match std::str::from_utf8(any.value()) {
        Ok(text) if text.is_ascii() => Ok(text.to_owned()),
        _ => Err(Tag::Ia5String.value_error().into()),
    }
}

/// Reads an `otherName`: internationalised mailboxes (RFC 9598 section 3) and principal names, others by their kind.
fn other_name(der: &[u8]) -> der::Result<AlternativeName> {
    let mut reader = SliceReader::new(der)?;
    let kind: ObjectIdentifier = reader.decode()?;
    let value = AnyRef::decode(&mut reader)?;
    reader.finish()?;
    let text = || String::from_der(value.value()).ok();
    Ok(match kind {
        SMTP_UTF8_MAILBOX => text().map_or(AlternativeName::OtherName(kind), |mailbox| {
            AlternativeName::Email(with_ascii_domain(&mailbox).into_owned())
        }),
        UPN => text().map_or(AlternativeName::OtherName(kind), AlternativeName::Upn),
        kind => AlternativeName::OtherName(kind),
    })
}

/// Returns a mailbox with its domain in A-labels: so RFC 9598 section 3 wants it, RFC 8398 wanted U-labels.
pub(crate) fn with_ascii_domain(mailbox: &str) -> Cow<'_, str> {
    let converted = mailbox.rsplit_once('@').filter(|(_, domain)| !domain.is_ascii());
    let converted = converted.and_then(|(local, domain)| {
        Some(format!("{local}@{}", idna::domain_to_ascii(domain).ok()?))
    });
    converted.map_or(Cow::Borrowed(mailbox), Cow::Owned)
}

/// Prepares one attribute value for comparing (RFC 5280 section 7.1): strings of all types by their text, everything else
/// as it is. A string that cannot be compared equals only itself, byte by byte.
fn prepare(value: &Element<'_>) -> Vec<u8> {
    let marked = |mark: u8| [&[mark], value.whole].concat();
    if !value::is_string(value) {
        return marked(BINARY);
    }
    let text = value::text(value);
    text.and_then(|text| prepare::prepare(&text)).unwrap_or_else(|| marked(INCOMPARABLE))
}

/// `id-at-commonName`.
pub(crate) const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// `id-at-countryName`.
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
/// `id-at-organizationName`.
pub(crate) const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
/// `id-emailAddress` (PKCS #9), the place of addresses before alternative names.
const EMAIL_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");
/// `id-on-SmtpUTF8Mailbox` (RFC 9598).
pub(crate) const SMTP_UTF8_MAILBOX: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.9");
/// The user principal name of Windows.
const UPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");
/// Begins a prepared value that is no text. It does not occur in UTF-8, so that no such value equals a text.
const BINARY: u8 = 0xff;
/// Begins a prepared value that is a string and cannot be compared, for the same reason.
const INCOMPARABLE: u8 = 0xfe;
/// A name longer than this is no name; it would fill screens and logs.
const MAX_TEXT: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a name; the attributes of an inner list are together in one relative name.
    fn name(relatives: &[&[(ObjectIdentifier, &str)]]) -> DistinguishedName {
        let attribute = |(oid, value): &(ObjectIdentifier, &str)| AttributeTypeAndValue {
            oid: *oid,
            value: Any::new(Tag::Utf8String, value.as_bytes()).unwrap(),
        };
        let relative = |attributes: &&[(ObjectIdentifier, &str)]| {
            let all: Vec<_> = attributes.iter().map(attribute).collect();
            RelativeDistinguishedName::try_from(all).unwrap()
        };
        let names: Vec<_> = relatives.iter().map(relative).collect();
        DistinguishedName::from_der(&RdnSequence::from(names).to_der().unwrap()).unwrap()
    }

    #[test]
    fn attributes_are_found() {
        let (cn, o) = (COMMON_NAME, ORGANIZATION);
        for (read, text, person, organisation) in [
            (
                name(&[&[(o, "Acme")], &[(cn, "Ann Lee")]]),
                "CN=Ann Lee,O=Acme",
                Some("Ann Lee"),
                Some("Acme"),
            ),
            (
                name(&[&[(cn, "Ann, Lee"), (o, "Acme, Inc.")]]),
                "CN=Ann\\, Lee+O=Acme\\, Inc.",
                Some("Ann, Lee"),
                Some("Acme, Inc."),
            ),
            (name(&[&[(cn, "Users")], &[(cn, "Ann")]]), "CN=Ann,CN=Users", Some("Ann"), None),
            (name(&[&[(o, "cn=x")]]), "O=cn=x", None, Some("cn=x")),
            (name(&[]), "", None, None),
            (name(&[&[(cn, "Ann\u{202e}")]]), "CN=Ann\\u{202e}", Some("Ann\\u{202e}"), None),
        ] {
            assert_eq!(read.to_string(), text);
            assert_eq!(read.common_name().as_deref(), person, "{text}");
            assert_eq!(read.organisation().as_deref(), organisation, "{text}");
        }
    }

    #[test]
    fn a_subtree_is_found_however_it_is_written() {
        let (cn, o) = (COMMON_NAME, ORGANIZATION);
        let base = name(&[&[(o, "Café")]]);
        for (subject, is_within) in [
            (name(&[&[(o, "Cafe\u{301}")], &[(cn, "Ann")]]), Some(true)),
            (name(&[&[(o, "CA\u{200b}F\u{c9}")]]), Some(true)),
            (name(&[&[(o, "Cafe")]]), Some(false)),
            (name(&[]), Some(false)),
            // Nobody can tell what the lost character was; behind the subtree it does not matter.
            (name(&[&[(o, "Caf\u{fffd}")]]), None),
            (name(&[&[(o, "Café")], &[(cn, "Ann\u{e000}")]]), Some(true)),
        ] {
            assert_eq!(subject.is_within(&base), is_within, "{subject}");
        }
        let lost = name(&[&[(o, "Caf\u{fffd}")]]);
        assert_eq!(base.is_within(&lost), None);
        assert_eq!(lost, lost.clone());
        assert_ne!(lost, name(&[&[(o, "CAF\u{fffd}")]]));
    }

    #[test]
    fn the_fingerprint_of_a_name_is_that_of_what_is_compared() {
        let of = |text: &str| name(&[&[(ORGANIZATION, text)]]).fingerprint();
        assert_eq!(of("Straße"), of("STRASSE"));
        assert_eq!(of("Café"), of("Cafe\u{301}"));
        assert_ne!(of("Café"), of("Cafe"));
    }
}
