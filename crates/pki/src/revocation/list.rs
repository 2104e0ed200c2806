//! Lists of revoked certificates (RFC 5280 section 5): read once, looked up often.
//!
//! The bytes are kept as they came; beside them is an index of 8 bytes for each entry, so that a list of 100 MB needs
//! little more memory than itself and a look-up does not read it through.

mod entries;
mod extensions;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::error::Error;
use crate::name::DistinguishedName;
use crate::revocation::cursor::{self, BIT_STRING, Cursor, Flaw, INTEGER, SEQUENCE, constructed};
use crate::revocation::point::{self, DistributionPoint};
use crate::revocation::signed::{Memo, Signed};
use crate::time;

use entries::Entries;
pub(crate) use entries::{Entry, oid_text};
pub(crate) use extensions::{Extensions, Number};

/// A certificate revocation list that was read without complaint. Nothing is verified yet; cloning is cheap.
#[derive(Clone)]
pub struct RevocationList(Arc<Parts>);

struct Parts {
    der: Vec<u8>,
    signed: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
    /// The signed copy of the algorithm differs, which RFC 5280 section 5.1.1.2 forbids.
    algorithms_differ: bool,
    issuer: DistinguishedName,
    this_update: i64,
    next_update: Option<i64>,
    extensions: Extensions,
    entries: Entries,
    memo: Memo,
}

impl RevocationList {
    /// Reads a list in DER; the bytes are kept.
    pub fn from_der(der: Vec<u8>) -> Result<Self, Error> {
        if der.len() > MAX_LENGTH {
            let reason = format!("longer than {MAX_LENGTH} bytes");
            return Err(Error::Malformed { what: WHAT, offset: MAX_LENGTH, reason });
        }
        let parts = Parts::read(&der).map_err(|flaw| flaw.within(WHAT))?;
        Ok(Self(Arc::new(Parts { der, ..parts })))
    }

    /// Returns the bytes as they were read.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Returns who issued the list.
    pub fn issuer_name(&self) -> &DistinguishedName {
        &self.0.issuer
    }

    /// Returns when the list was issued, in Unix time.
    pub fn this_update(&self) -> i64 {
        self.0.this_update
    }

    /// Returns when the next list comes at the latest, in Unix time. RFC 5280 section 5.1.2.5 wants it in every list.
    pub fn next_update(&self) -> Option<i64> {
        self.0.next_update
    }

    /// Returns the number of the list in hexadecimal, if it has one (RFC 5280 section 5.2.3).
    pub fn number_hex(&self) -> Option<String> {
        self.0.extensions.number.as_ref().map(Number::to_hex)
    }

    /// Returns true if the list says only what changed since another one (RFC 5280 section 5.2.4).
    pub fn is_delta(&self) -> bool {
        self.0.extensions.base.is_some()
    }

    /// Returns true if one of both takes the place of the other: they are of the same issuer and key, about the same
    /// certificates, and both delta lists or both not.
    pub fn is_of_series(&self, other: &Self) -> bool {
        let (own, others) = (self.extensions(), other.extensions());
        self.0.issuer == other.0.issuer
            && self.is_delta() == other.is_delta()
            && own.authority_key_id == others.authority_key_id
            && own.scope == others.scope
    }

    /// Returns true if it was issued after the other one (RFC 5280 section 5.2.3).
    pub(crate) fn is_newer(&self, other: &Self) -> bool {
        let key = |list: &Self| (list.0.this_update, list.0.extensions.number.clone());
        key(self) > key(other)
    }

    /// Returns the addresses of the delta lists to this one (RFC 5280 section 5.2.6).
    pub fn delta_urls(&self) -> impl Iterator<Item = &str> {
        self.0.extensions.freshest.iter().flat_map(DistributionPoint::urls)
    }

    /// Returns the addresses where certificates of its issuer may be had (RFC 5280 section 5.2.7).
    pub fn issuer_urls(&self) -> impl Iterator<Item = &str> {
        self.0.extensions.issuer_urls.iter().map(String::as_str)
    }

    /// Returns the identifier of the key that signed it, if it is told.
    pub fn issuer_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.authority_key_id.as_deref()
    }

    /// Returns how many entries the list has.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Returns true if nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// Returns the first critical extension of an entry that we do not know (RFC 5280 section 5.3).
    pub(crate) fn unknown_entry_extension(&self) -> Option<&str> {
        self.0.entries.unknown_critical()
    }

    /// Returns the first entries with their serial numbers, in the order of the list.
    pub(crate) fn first_entries(&self, limit: usize) -> Vec<(Vec<u8>, Entry)> {
        self.0.entries.first(&self.0.der, limit)
    }

    /// Finds the entry of a certificate.
    pub(crate) fn find(&self, issuer: &DistinguishedName, serial: &[u8]) -> Option<Entry> {
        self.0.entries.find(&self.0.der, &self.0.issuer, issuer, serial)
    }

    /// Returns what was signed, for verifying.
    pub(crate) fn signed(&self) -> Signed<'_> {
        let part = |range: &Range<usize>| self.0.der.get(range.clone()).unwrap_or_default();
        Signed {
            algorithm: part(&self.0.algorithm),
            algorithms_differ: self.0.algorithms_differ,
            data: part(&self.0.signed),
            signature: part(&self.0.signature),
            memo: &self.0.memo,
        }
    }
}

impl fmt::Display for RevocationList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_delta() { "delta list" } else { "list" };
        write!(formatter, "{kind} of <{}>", self.0.issuer)?;
        if let Some(number) = &self.0.extensions.number {
            write!(formatter, " number {number}")?;
        }
        write!(formatter, " of {}", time::text(self.0.this_update))
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RevocationList({self}, {} entries)", self.len())
    }
}

impl PartialEq for RevocationList {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for RevocationList {}

impl Serialize for RevocationList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("RevocationList", 5)?;
        fields.serialize_field("kind", if self.is_delta() { "delta-crl" } else { "crl" })?;
        fields.serialize_field("issuer", &self.0.issuer.to_string())?;
        fields
            .serialize_field("number", &self.0.extensions.number.as_ref().map(Number::to_string))?;
        fields.serialize_field("this_update", &self.0.this_update)?;
        fields.serialize_field("next_update", &self.0.next_update)?;
        fields.end()
    }
}

impl Parts {
    /// Reads `CertificateList` (RFC 5280 section 5.1); the bytes themselves are put in later.
    fn read(der: &[u8]) -> Result<Self, Flaw> {
        let mut outer = Cursor::new(der);
        let mut list = outer.expect(SEQUENCE)?.open();
        outer.finish()?;
        let signed = list.expect(SEQUENCE)?;
        let algorithm = list.expect(SEQUENCE)?;
        let signature = list.expect(BIT_STRING)?;
        signature.octets_of_bits()?;
        list.finish()?;
        let end = signature.offset + signature.whole.len();
        let mut fields = signed.open();
        // Absent in version 1; the only value that may be written is that of version 2.
        let is_v2 = match fields.optional(INTEGER)? {
            None => false,
            Some(version) if version.content == [1] => true,
            Some(version) => return Err(version.flaw("the version is neither 1 nor 2")),
        };
        let inner_algorithm = fields.expect(SEQUENCE)?;
        let issuer = point::name(&fields.expect(SEQUENCE)?)?;
        let this_update = cursor::time(&mut fields)?;
        let has_next = fields.peek().is_some_and(cursor::is_time);
        let next_update = if has_next { Some(cursor::time(&mut fields)?) } else { None };
        let revoked = fields.optional(SEQUENCE)?;
        let extensions = if is_v2 { fields.optional(constructed(0))? } else { None };
        fields.finish()?;
        Ok(Self {
            der: Vec::new(),
            signed: signed.offset..signed.offset + signed.whole.len(),
            algorithm: algorithm.offset..algorithm.offset + algorithm.whole.len(),
            signature: end - (signature.content.len() - 1)..end,
            algorithms_differ: algorithm.whole != inner_algorithm.whole,
            issuer,
            this_update,
            next_update,
            extensions: extensions
                .map_or(Ok(Extensions::default()), |list| Extensions::read(&list))?,
            entries: revoked.map_or(Ok(Entries::default()), |list| Entries::read(&list, is_v2))?,
            memo: Memo::default(),
        })
    }
}

/// What is read here, for messages.
const WHAT: &str = "a revocation list";
/// The largest public lists have some 10 MB; this leaves room and keeps the places of entries within 32 bits.
const MAX_LENGTH: usize = 256 * 1024 * 1024;
