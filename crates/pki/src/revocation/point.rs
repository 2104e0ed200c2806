//! Distribution points: where a certificate says its lists are, and which of them a list says it is
//! (RFC 5280 sections 4.2.1.13, 4.2.1.15 and 5.2.5).

use crate::certificate::Certificate;
use crate::name::DistinguishedName;
use crate::revocation::cursor::{self, BOOLEAN, Cursor, Element, Flaw, OBJECT_IDENTIFIER};
use crate::revocation::cursor::{OCTET_STRING, SEQUENCE, SET, constructed, primitive};
use crate::revocation::reason::Reasons;

/// One `DistributionPoint`.
#[derive(Clone, Debug, Default)]
pub(crate) struct DistributionPoint {
    pub(crate) name: Option<PointName>,
    pub(crate) reasons: Option<Reasons>,
    pub(crate) crl_issuer: Vec<GeneralName>,
}

/// `IssuingDistributionPoint`: what a list covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) name: Option<PointName>,
    /// The only kind of certificates that it is about, if it is not about all.
    pub(crate) only: Option<Kind>,
    pub(crate) reasons: Option<Reasons>,
    pub(crate) is_indirect: bool,
}

/// A kind of certificates that a list can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Ca,
    Attribute,
}

/// `DistributionPointName`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PointName {
    Full(Vec<GeneralName>),
    /// The DER of the relative name that goes below the name of the list's issuer.
    Relative(Vec<u8>),
}

/// One `GeneralName`, in the form in which two are compared (RFC 5280 section 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GeneralName {
    Directory(DistinguishedName),
    /// Any other form: its tag and its content, without what does not count.
    Other(u8, Vec<u8>),
    Uri(String),
}

impl DistributionPoint {
    /// Reads `CRLDistributionPoints` or `FreshestCRL`.
    pub(crate) fn list(cursor: &mut Cursor<'_>) -> Result<Vec<Self>, Flaw> {
        let list = cursor.expect(SEQUENCE)?;
        let mut inner = list.open();
        let mut points = Vec::new();
        while !inner.is_empty() {
            if points.len() >= MAX_POINTS {
                return Err(inner.flaw("there are too many distribution points"));
            }
            points.push(Self::read(&inner.expect(SEQUENCE)?)?);
        }
        // RFC 5280 section 4.2.1.13: SIZE (1..MAX).
        if points.is_empty() {
            Err(list.flaw("there is no distribution point"))
        } else {
            Ok(points)
        }
    }

    /// Reads the points of a certificate. A list that cannot be read says nothing; what it would have said is then missing.
    pub(crate) fn list_of(value: Option<&[u8]>) -> Vec<Self> {
        value.and_then(|value| Self::list(&mut Cursor::new(value)).ok()).unwrap_or_default()
    }

    fn read(element: &Element<'_>) -> Result<Self, Flaw> {
        let mut cursor = element.open();
        let name =
            cursor.optional(constructed(0))?.map(|name| PointName::read(&name)).transpose()?;
        let reasons = cursor.optional(primitive(1))?.map(|set| Reasons::read(&set)).transpose()?;
        let issuer = cursor.optional(constructed(2))?;
        let crl_issuer = issuer.map_or(Ok(Vec::new()), |names| GeneralName::list(&names))?;
        cursor.finish()?;
        Ok(Self { name, reasons, crl_issuer })
    }

    /// Returns the names of this point in full (RFC 5280 section 4.2.1.13). A relative name is below the list's issuer,
    /// which is the certificate's unless the point names one.
    pub(crate) fn full_names(&self, certificate_issuer: &DistinguishedName) -> Vec<GeneralName> {
        let base = match self.crl_issuer.as_slice() {
            [GeneralName::Directory(issuer)] => issuer,
            _ => certificate_issuer,
        };
        self.name.as_ref().map_or_else(Vec::new, |name| name.full(base))
    }

    /// Returns the addresses from which lists can be fetched.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        let names = match &self.name {
            Some(PointName::Full(names)) => names.as_slice(),
            _ => &[],
        };
        names.iter().filter_map(|name| match name {
            GeneralName::Uri(url) => Some(url.as_str()),
            _ => None,
        })
    }
}

impl Scope {
    /// Reads the value of an `IssuingDistributionPoint` extension.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Flaw> {
        let mut cursor = cursor.expect(SEQUENCE)?.open();
        let flag = |cursor: &mut Cursor<'_>, number| {
            cursor.optional(primitive(number))?.map_or(Ok(false), |value| value.boolean())
        };
        let name =
            cursor.optional(constructed(0))?.map(|name| PointName::read(&name)).transpose()?;
        let only_user = flag(&mut cursor, 1)?;
        let only_ca = flag(&mut cursor, 2)?;
        let reasons = cursor.optional(primitive(3))?.map(|set| Reasons::read(&set)).transpose()?;
        let is_indirect = flag(&mut cursor, 4)?;
        let only_attribute = flag(&mut cursor, 5)?;
        let only = match (only_user, only_ca, only_attribute) {
            (false, false, false) => None,
            (true, false, false) => Some(Kind::User),
            (false, true, false) => Some(Kind::Ca),
            (false, false, true) => Some(Kind::Attribute),
            // RFC 5280 section 5.2.5: at most one of them.
            _ => return Err(cursor.flaw("the list is about two kinds of certificates only")),
        };
        cursor.finish()?;
        Ok(Self { name, only, reasons, is_indirect })
    }
}

impl PointName {
    fn read(element: &Element<'_>) -> Result<Self, Flaw> {
        let mut cursor = element.open();
        let choice = cursor.any()?;
        cursor.finish()?;
        match choice.tag {
            tag if tag == constructed(0) => GeneralName::list(&choice).map(Self::Full),
            tag if tag == constructed(1) => {
                // An implicit SET: the same content under the tag that a name has.
                let mut set = choice.whole.to_vec();
                if let Some(tag) = set.first_mut() {
                    *tag = SET;
                }
                Ok(Self::Relative(set))
            }
            _ => Err(choice.flaw("the name of a distribution point has an unknown form")),
        }
    }

    /// Returns the names in full; a relative one is put below `base`.
    pub(crate) fn full(&self, base: &DistinguishedName) -> Vec<GeneralName> {
        match self {
            Self::Full(names) => names.clone(),
            Self::Relative(relative) => {
                let name = below(base, relative).map(GeneralName::Directory);
                name.into_iter().collect()
            }
        }
    }
}

impl GeneralName {
    /// Reads the `GeneralName`s inside an element.
    pub(crate) fn list(element: &Element<'_>) -> Result<Vec<Self>, Flaw> {
        let mut cursor = element.open();
        let mut names = Vec::new();
        while !cursor.is_empty() {
            if names.len() >= MAX_NAMES {
                return Err(cursor.flaw("there are too many names"));
            }
            names.push(Self::read(&cursor.any()?)?);
        }
        Ok(names)
    }

    fn read(element: &Element<'_>) -> Result<Self, Flaw> {
        Ok(match element.tag {
            DIRECTORY => Self::Directory(name(&element.open().expect(SEQUENCE)?)?),
            URI => Self::Uri(comparable_uri(element)?),
            DNS => Self::Other(DNS, element.content.to_ascii_lowercase()),
            MAIL => {
                // RFC 5280 section 7.5: the host part has no case, the mailbox has.
                let mut address = element.content.to_vec();
                let at = address.iter().rposition(|byte| *byte == b'@').unwrap_or(0);
                if let Some(host) = address.get_mut(at..) {
                    host.make_ascii_lowercase();
                }
                Self::Other(MAIL, address)
            }
            tag => Self::Other(tag, element.content.to_vec()),
        })
    }
}

/// Reads a distinguished name.
pub(crate) fn name(element: &Element<'_>) -> Result<DistinguishedName, Flaw> {
    DistinguishedName::from_der(element.whole).map_err(|_| element.flaw("a name is not in DER"))
}

/// Returns the value of an extension of a certificate; `oid` is the content of its object identifier.
pub(crate) fn extension<'a>(certificate: &'a Certificate, oid: &[u8]) -> Option<Cursor<'a>> {
    let mut fields = Cursor::new(certificate.tbs()).any().ok()?.open();
    let list = loop {
        let field = fields.any().ok()?;
        if field.tag == constructed(3) {
            break field;
        }
    };
    let mut extensions = list.open().any().ok()?.open();
    while let Ok(extension) = extensions.any() {
        let (id, _, value) = extension_parts(&extension).ok()?;
        if id == oid {
            return Some(value);
        }
    }
    None
}

/// Returns the addresses in the value of `CRLDistributionPoints` or `FreshestCRL`.
pub(crate) fn urls(value: Option<&[u8]>) -> Vec<String> {
    let points = DistributionPoint::list_of(value);
    points.iter().flat_map(DistributionPoint::urls).map(str::to_owned).collect()
}

/// Returns the other names of a certificate's issuer (RFC 5280 section 4.2.1.7).
pub(crate) fn issuer_alternative_names(certificate: &Certificate) -> Vec<GeneralName> {
    let value = extension(certificate, ISSUER_ALTERNATIVE_NAME);
    let names = value.and_then(|mut value| value.expect(SEQUENCE).ok());
    names.and_then(|names| GeneralName::list(&names).ok()).unwrap_or_default()
}

/// Takes an `Extension` apart: its object identifier, whether it is critical, and its value.
pub(crate) fn extension_parts<'a>(
    extension: &Element<'a>,
) -> Result<(&'a [u8], bool, Cursor<'a>), Flaw> {
    let mut cursor = extension.open();
    let oid = cursor.expect(OBJECT_IDENTIFIER)?;
    let critical = cursor.optional(BOOLEAN)?.map_or(Ok(false), |value| value.boolean())?;
    let value = cursor.expect(OCTET_STRING)?;
    cursor.finish()?;
    Ok((oid.content, critical, value.open()))
}

/// Returns the name with one more relative name at its end.
fn below(base: &DistinguishedName, relative: &[u8]) -> Option<DistinguishedName> {
    let base = Cursor::new(base.der()).any().ok()?;
    let der = cursor::element(SEQUENCE, &[base.content, relative].concat());
    DistinguishedName::from_der(&der).ok()
}

/// RFC 5280 section 7.4: scheme and host of an address have no case.
fn comparable_uri(element: &Element<'_>) -> Result<String, Flaw> {
    let text = std::str::from_utf8(element.content).ok().filter(|text| text.is_ascii());
    let text = text.ok_or_else(|| element.flaw("an address is not ASCII"))?;
    let host_end = text.find("://").map_or(0, |scheme| {
        let host = scheme + 3;
        let rest = text.get(host..).unwrap_or_default();
        host + rest.find(['/', '?', '#']).unwrap_or(rest.len())
    });
    let (host, rest) = text.split_at_checked(host_end).unwrap_or(("", text));
    Ok(host.to_ascii_lowercase() + rest)
}

/// `rfc822Name`.
const MAIL: u8 = primitive(1);
/// `dNSName`.
const DNS: u8 = primitive(2);
/// `directoryName`, explicit because a name is a choice.
const DIRECTORY: u8 = constructed(4);
/// `uniformResourceIdentifier`.
const URI: u8 = primitive(6);
/// `id-ce-freshestCRL`.
pub(crate) const FRESHEST_CRL: &[u8] = &[0x55, 0x1d, 46];
/// `id-ce-issuerAltName`.
pub(crate) const ISSUER_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 18];
/// Points of one certificate; real ones have one to three, and each is compared with each list.
const MAX_POINTS: usize = 32;
/// Names of one point or issuer; real ones have one to three.
const MAX_NAMES: usize = 32;
