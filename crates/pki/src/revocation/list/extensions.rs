//! The extensions of a list (RFC 5280 section 5.2), and which critical ones we do not know.

use std::cmp::Ordering;
use std::fmt;

use chancery_crypto::hex;

use crate::revocation::cursor::{
    Cursor, Element, Flaw, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, primitive,
};
use crate::revocation::list::entries::oid_text;
use crate::revocation::point::{
    DistributionPoint, FRESHEST_CRL, ISSUER_ALTERNATIVE_NAME, Scope, extension_parts,
};

/// What the extensions of one list say.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    /// The whole value of the `AuthorityKeyIdentifier`; compared, and taken apart for choosing a key.
    pub(crate) authority_key: Option<Vec<u8>>,
    /// `keyIdentifier` within it.
    pub(crate) authority_key_id: Option<Vec<u8>>,
    /// `CRLNumber` (section 5.2.3).
    pub(crate) number: Option<Number>,
    /// `BaseCRLNumber` of a delta list (section 5.2.4).
    pub(crate) base: Option<Number>,
    /// What the list covers; everything if it does not say (section 5.2.5).
    pub(crate) scope: Option<Scope>,
    /// Where the delta lists of this one are (section 5.2.6).
    pub(crate) freshest: Vec<DistributionPoint>,
    /// Where the certificate of the issuer is (section 5.2.7).
    pub(crate) issuer_urls: Vec<String>,
    pub(crate) unknown_critical: Option<String>,
}

/// A number of a list: up to 20 octets (section 5.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number(Vec<u8>);

impl Extensions {
    /// Reads `crlExtensions`.
    pub(super) fn read(list: &Element<'_>) -> Result<Self, Flaw> {
        let mut outer = list.open();
        let mut cursor = outer.expect(SEQUENCE)?.open();
        outer.finish()?;
        let mut extensions = Self::default();
        let mut seen: Vec<&[u8]> = Vec::new();
        while !cursor.is_empty() {
            let extension = cursor.expect(SEQUENCE)?;
            let (oid, critical, value) = extension_parts(&extension)?;
            // RFC 5280 section 4.2: no extension twice, or two readers see two lists.
            if seen.contains(&oid) || seen.len() >= MAX_EXTENSIONS {
                return Err(extension.flaw("an extension occurs twice, or there are too many"));
            }
            seen.push(oid);
            extensions.read_one(oid, critical, value)?;
        }
        Ok(extensions)
    }

    fn read_one(&mut self, oid: &[u8], critical: bool, mut value: Cursor<'_>) -> Result<(), Flaw> {
        match oid {
            AUTHORITY_KEY_ID => {
                let identifier = value.expect(SEQUENCE)?;
                let key = identifier.open().optional(primitive(0))?;
                self.authority_key_id = key.map(|key| key.content.to_vec());
                self.authority_key = Some(identifier.content.to_vec());
            }
            CRL_NUMBER => self.number = Some(Number::read(&mut value)?),
            DELTA_INDICATOR => self.base = Some(Number::read(&mut value)?),
            ISSUING_DISTRIBUTION_POINT => self.scope = Some(Scope::read(&mut value)?),
            FRESHEST_CRL => self.freshest = DistributionPoint::list(&mut value)?,
            // It restricts nothing.
            AUTHORITY_INFORMATION_ACCESS => self.issuer_urls = issuer_urls(&value.any()?),
            // More names of the issuer: they restrict nothing either.
            ISSUER_ALTERNATIVE_NAME => {
                value.any()?;
            }
            _ => {
                if critical && self.unknown_critical.is_none() {
                    self.unknown_critical = Some(oid_text(oid));
                }
                return Ok(());
            }
        }
        value.finish()
    }
}

/// Returns the addresses of `caIssuers`; what cannot be read gives no hint.
fn issuer_urls(descriptions: &Element<'_>) -> Vec<String> {
    let mut urls = Vec::new();
    let mut cursor = descriptions.open();
    while let (true, Ok(description)) = (urls.len() < MAX_URLS, cursor.expect(SEQUENCE)) {
        let mut fields = description.open();
        let method = fields.expect(OBJECT_IDENTIFIER);
        let (Ok(method), Ok(place)) = (method, fields.any()) else { continue };
        let url = std::str::from_utf8(place.content).ok().filter(|url| url.is_ascii());
        if method.content == CA_ISSUERS && place.tag == URI {
            urls.extend(url.map(str::to_owned));
        }
    }
    urls
}

impl Number {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Flaw> {
        let element = cursor.expect(INTEGER)?;
        match element.integer()? {
            [first, ..] if *first >= 0x80 => Err(element.flaw("the number of a list is negative")),
            content if content.len() > MAX_NUMBER => {
                Err(element.flaw("the number of a list is too long"))
            }
            [0, rest @ ..] if !rest.is_empty() => Ok(Self(rest.to_vec())),
            content => Ok(Self(content.to_vec())),
        }
    }

    /// Returns the number in hexadecimal, as OpenSSL prints it.
    pub(crate) fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        // Neither has a zero in front, so the longer one is the larger one.
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    /// Writes a number as people count where it fits, else in hexadecimal.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 8 {
            return write!(formatter, "0x{}", self.to_hex());
        }
        let value = self.0.iter().fold(0_u64, |all, octet| all << 8 | u64::from(*octet));
        write!(formatter, "{value}")
    }
}

/// `id-ce-cRLNumber`.
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 20];
/// `id-ce-deltaCRLIndicator`.
const DELTA_INDICATOR: &[u8] = &[0x55, 0x1d, 27];
/// `id-ce-issuingDistributionPoint`.
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 28];
/// `id-ce-authorityKeyIdentifier`.
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];
/// `id-pe-authorityInfoAccess`.
const AUTHORITY_INFORMATION_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
/// `id-ad-caIssuers`.
const CA_ISSUERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 2];
/// `uniformResourceIdentifier`.
const URI: u8 = primitive(6);
/// Addresses that are kept; real lists have one or two.
const MAX_URLS: usize = 8;
/// Real lists have up to five; the search for doubles is quadratic.
const MAX_EXTENSIONS: usize = 32;
/// RFC 5280 section 5.2.3: up to 20 octets; one more for the sign.
const MAX_NUMBER: usize = 21;
