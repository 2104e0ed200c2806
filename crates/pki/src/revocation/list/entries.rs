//! The entries of a list (RFC 5280 sections 5.1.2.6 and 5.3) and the index over them.

use std::ops::Range;

use const_oid::ObjectIdentifier;

use crate::name::DistinguishedName;
use crate::revocation::cursor::{self, Cursor, ENUMERATED, Element, Flaw, INTEGER, SEQUENCE};
use crate::revocation::point::{GeneralName, extension_parts};
use crate::revocation::reason::Reason;

/// What the list says about one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Since when, in Unix time.
    pub(crate) since: i64,
    /// Since when the certificate is suspected to be worth nothing (RFC 5280 section 5.3.2).
    pub(crate) invalid_since: Option<i64>,
    pub(crate) reason: Reason,
}

/// The index over all entries.
#[derive(Default)]
pub(super) struct Entries {
    /// For each entry the hash of its serial number in the upper half and its place in the lower, sorted.
    index: Vec<u64>,
    /// Where the issuer of the certificates changes in an indirect list: the place of the first entry, and where its
    /// `certificateIssuer` is. In the order of the list.
    issuers: Vec<(u32, Range<u32>)>,
    unknown_critical: Option<String>,
}

/// What the extensions of one entry say.
#[derive(Default)]
struct Extensions<'a> {
    reason: Option<Reason>,
    invalid_since: Option<i64>,
    issuer: Option<Element<'a>>,
    unknown_critical: Option<&'a [u8]>,
}

impl Entries {
    /// Reads `revokedCertificates` and checks every entry, so that finding one later cannot fail.
    pub(super) fn read(list: &Element<'_>, is_v2: bool) -> Result<Self, Flaw> {
        let mut entries = Self { index: Vec::with_capacity(count(list)?), ..Self::default() };
        let mut cursor = list.open();
        while !cursor.is_empty() {
            let entry = cursor.expect(SEQUENCE)?;
            let place = u32::try_from(entry.offset)
                .map_err(|_| entry.flaw("the list is longer than 4 GB"))?;
            let (serial, _, rest) = fields(&entry)?;
            entries.index.push(u64::from(hash(serial)) << 32 | u64::from(place));
            if rest.is_empty() {
                continue;
            }
            // RFC 5280 section 5.1.2.1: where there are extensions, the version is 2.
            if !is_v2 {
                return Err(rest.flaw("an entry has extensions in a list of version 1"));
            }
            let extensions = Extensions::read(rest)?;
            if let Some(oid) =
                extensions.unknown_critical.filter(|_| entries.unknown_critical.is_none())
            {
                entries.unknown_critical = Some(oid_text(oid));
            }
            if let Some(issuer) = extensions.issuer {
                let place_of = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
                let names = place_of(issuer.offset)..place_of(issuer.offset + issuer.whole.len());
                entries.issuers.push((place, names));
            }
        }
        entries.index.sort_unstable();
        Ok(entries)
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn unknown_critical(&self) -> Option<&str> {
        self.unknown_critical.as_deref()
    }

    /// Finds the entry of a certificate. Where a list names it more than once, one that revokes it counts.
    pub(super) fn find(
        &self,
        der: &[u8],
        list_issuer: &DistinguishedName,
        issuer: &DistinguishedName,
        serial: &[u8],
    ) -> Option<Entry> {
        let wanted = hash(serial);
        let first = self.index.partition_point(|item| upper(*item) < wanted);
        let candidates = self.index.get(first..).unwrap_or_default().iter();
        let places = candidates.take_while(|item| upper(**item) == wanted).map(|item| lower(*item));
        let mut found = None;
        for place in places {
            let Some(entry) = entry_at(der, place) else { continue };
            let Ok((number, since, rest)) = fields(&entry) else { continue };
            if number != serial || !self.is_issued_by(der, place, list_issuer, issuer) {
                continue;
            }
            let Ok(extensions) = Extensions::read(rest) else { continue };
            let reason = extensions.reason.unwrap_or(Reason::Unspecified);
            let invalid_since = extensions.invalid_since;
            found = Some(Entry { since, invalid_since, reason });
            if reason != Reason::RemoveFromCrl {
                break;
            }
        }
        found
    }

    /// Returns the first entries with their serial numbers, in the order of the list.
    pub(super) fn first(&self, der: &[u8], limit: usize) -> Vec<(Vec<u8>, Entry)> {
        let mut places: Vec<_> = self.index.iter().map(|item| lower(*item)).collect();
        places.sort_unstable();
        let read = |place: &u32| {
            let (serial, since, rest) = fields(&entry_at(der, *place)?).ok()?;
            let extensions = Extensions::read(rest).ok()?;
            let reason = extensions.reason.unwrap_or(Reason::Unspecified);
            let invalid_since = extensions.invalid_since;
            Some((serial.to_vec(), Entry { since, invalid_since, reason }))
        };
        places.iter().take(limit).filter_map(read).collect()
    }

    /// RFC 5280 section 5.3.3: an entry without an issuer has that of the entry before it, the first that of the list.
    fn is_issued_by(
        &self,
        der: &[u8],
        place: u32,
        list_issuer: &DistinguishedName,
        issuer: &DistinguishedName,
    ) -> bool {
        let before = self.issuers.partition_point(|(first, _)| *first <= place);
        let Some((_, names)) = before.checked_sub(1).and_then(|index| self.issuers.get(index))
        else {
            return list_issuer == issuer;
        };
        let bytes = der.get(index(names.start)..index(names.end)).unwrap_or_default();
        let names = Cursor::new(bytes).any().and_then(|names| GeneralName::list(&names));
        names.is_ok_and(|names| {
            names.iter().any(|name| matches!(name, GeneralName::Directory(name) if name == issuer))
        })
    }
}

impl<'a> Extensions<'a> {
    /// Reads `crlEntryExtensions`, or nothing.
    fn read(mut rest: Cursor<'a>) -> Result<Self, Flaw> {
        let mut extensions = Self::default();
        let list = if rest.is_empty() { return Ok(extensions) } else { rest.expect(SEQUENCE)? };
        rest.finish()?;
        let mut cursor = list.open();
        while !cursor.is_empty() {
            let extension = cursor.expect(SEQUENCE)?;
            let (oid, critical, mut value) = extension_parts(&extension)?;
            match oid {
                REASON => {
                    let reason = value.expect(ENUMERATED)?;
                    // A number that RFC 5280 does not have still says that the certificate is revoked.
                    let known = match reason.content {
                        [number] => Reason::from_number(*number),
                        _ => None,
                    };
                    extensions.reason = Some(known.unwrap_or(Reason::Unspecified));
                }
                INVALIDITY_DATE => extensions.invalid_since = Some(cursor::time(&mut value)?),
                CERTIFICATE_ISSUER => {
                    let names = value.expect(SEQUENCE)?;
                    GeneralName::list(&names)?;
                    extensions.issuer = Some(names);
                }
                HOLD_INSTRUCTION => {
                    value.any()?;
                }
                // Our own words are not needed for what does not matter.
                _ if !critical => continue,
                _ => {
                    extensions.unknown_critical = Some(oid);
                    continue;
                }
            }
            value.finish()?;
        }
        Ok(extensions)
    }
}

/// Counts the entries, so that the index gets the room that it needs and no more.
fn count(list: &Element<'_>) -> Result<usize, Flaw> {
    let (mut cursor, mut count) = (list.open(), 0);
    while !cursor.is_empty() {
        cursor.any()?;
        count += 1;
    }
    Ok(count)
}

/// Takes an entry apart: serial number, time, and what comes after.
fn fields<'a>(entry: &Element<'a>) -> Result<(&'a [u8], i64, Cursor<'a>), Flaw> {
    let mut cursor = entry.open();
    let serial = cursor.expect(INTEGER)?.integer()?;
    let since = cursor::time(&mut cursor)?;
    Ok((serial, since, cursor))
}

fn entry_at(der: &[u8], place: u32) -> Option<Element<'_>> {
    Cursor::new(der.get(index(place)..)?).expect(SEQUENCE).ok()
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn upper(item: u64) -> u32 {
    u32::try_from(item >> 32).unwrap_or(u32::MAX)
}

fn lower(item: u64) -> u32 {
    u32::try_from(item & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// FNV-1a. Serial numbers are chosen by the authority that signs the list, so nobody else can make them collide.
fn hash(serial: &[u8]) -> u32 {
    serial
        .iter()
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Returns an object identifier as text, from its content.
pub(crate) fn oid_text(content: &[u8]) -> String {
    ObjectIdentifier::from_bytes(content)
        .map_or_else(|_| "unreadable".to_owned(), |oid| oid.to_string())
}

/// `id-ce-cRLReasons`.
pub(crate) const REASON: &[u8] = &[0x55, 0x1d, 21];
/// `id-ce-holdInstructionCode`, which RFC 5280 dropped: it says how to be told more about a hold, and changes nothing.
const HOLD_INSTRUCTION: &[u8] = &[0x55, 0x1d, 23];
/// `id-ce-invalidityDate`.
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 24];
/// `id-ce-certificateIssuer`.
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 29];
