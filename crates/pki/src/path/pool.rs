//! The certificates that may help, indexed by name: the edges of the graph in which paths are searched.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use crate::certificate::Certificate;
use crate::name::DistinguishedName;

/// Certificates of authorities, none of them trusted for being here.
///
/// A pool can lie over another one: what everybody needs is indexed once, and what one message brings along is put on
/// top for that message, without touching the rest.
#[derive(Debug, Default)]
pub struct Pool {
    base: Option<Arc<Pool>>,
    entries: Vec<Entry>,
    /// Each name once, with its number; those of the base have the lower numbers.
    names: HashMap<DistinguishedName, NameId>,
    /// Places in `entries`, by the number of the subject; names of the base included.
    by_subject: Vec<Vec<u32>>,
    /// Whom an issuer certified, by its number, without doubles in a row: what distances are walked over.
    certified: Vec<Vec<NameId>>,
    known: HashSet<[u8; 32]>,
    hasher: RandomState,
}

/// The number of a name in one pool and those above it.
pub(super) type NameId = u32;

/// One certificate with what the search looks at first, side by side in memory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) certificate: Certificate,
    pub(super) issuer: NameId,
    /// Digest of the subject key identifier, if there is one: comparing ten thousand of them stays cheap.
    pub(super) key_id: Option<u64>,
}

impl Pool {
    /// Makes an empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty pool that lies over another one.
    pub fn over(base: Arc<Self>) -> Self {
        let hasher = base.hasher.clone();
        Self { base: Some(base), hasher, ..Self::default() }
    }

    /// Adds a certificate unless it is there.
    pub fn add(&mut self, certificate: &Certificate) {
        if self.contains(certificate) {
            return;
        }
        let (Ok(place), subject, issuer) = (
            u32::try_from(self.entries.len()),
            self.number(certificate.subject_name()),
            self.number(certificate.issuer_name()),
        ) else {
            return;
        };
        let key_id = certificate.subject_key_id().map(|id| self.key_id(id));
        self.known.insert(certificate.fingerprint());
        let certificate = certificate.clone();
        self.entries.push(Entry { certificate, issuer, key_id });
        push(&mut self.by_subject, subject, place);
        push(&mut self.certified, issuer, subject);
    }

    /// Returns the number of certificates, those of the base included.
    pub fn len(&self) -> usize {
        self.entries.len() + self.base.as_ref().map_or(0, |base| base.len())
    }

    /// Returns true if there is no certificate.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns true if the certificate is in the pool or below it.
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.known.contains(&certificate.fingerprint())
            || self.base.as_ref().is_some_and(|base| base.contains(certificate))
    }

    /// Returns the number of a name that some certificate of the pool has.
    pub(super) fn find(&self, name: &DistinguishedName) -> Option<NameId> {
        let below = self.base.as_ref().and_then(|base| base.find(name));
        below.or_else(|| self.names.get(name).copied())
    }

    /// Returns the number of names, that is one more than the largest number.
    pub(super) fn name_count(&self) -> usize {
        self.names.len() + self.base.as_ref().map_or(0, |base| base.name_count())
    }

    /// Returns the certificates of a subject.
    pub(super) fn of_subject(&self, name: NameId) -> impl Iterator<Item = &Entry> {
        self.layers().flat_map(move |pool| pool.own(name))
    }

    /// Returns the names that an issuer certified, each perhaps more than once.
    pub(super) fn certified_by(&self, name: NameId) -> impl Iterator<Item = NameId> {
        self.layers().flat_map(move |pool| pool.certified_here(name)).copied()
    }

    fn certified_here(&self, name: NameId) -> &[NameId] {
        let place = usize::try_from(name).ok();
        place.and_then(|place| self.certified.get(place)).map_or(&[], Vec::as_slice)
    }

    /// Digests a key identifier for comparing with those of entries.
    pub(super) fn key_id(&self, identifier: &[u8]) -> u64 {
        self.hasher.hash_one(identifier)
    }

    /// Returns this pool and all that it lies over.
    fn layers(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |pool| pool.base.as_deref())
    }

    fn own(&self, name: NameId) -> impl Iterator<Item = &Entry> {
        let places = usize::try_from(name).ok().and_then(|name| self.by_subject.get(name));
        let places = places.map_or(&[][..], Vec::as_slice).iter();
        places.filter_map(|place| self.entries.get(usize::try_from(*place).ok()?))
    }

    fn number(&mut self, name: &DistinguishedName) -> NameId {
        if let Some(number) = self.find(name) {
            return number;
        }
        // More than four thousand million names do not fit into memory.
        let number = NameId::try_from(self.name_count()).unwrap_or(NameId::MAX);
        self.names.insert(name.clone(), number);
        number
    }
}

impl<'a> FromIterator<&'a Certificate> for Pool {
    fn from_iter<I: IntoIterator<Item = &'a Certificate>>(certificates: I) -> Self {
        let mut pool = Self::new();
        for certificate in certificates {
            pool.add(certificate);
        }
        pool
    }
}

fn push(index: &mut Vec<Vec<u32>>, name: NameId, place: u32) {
    let Ok(name) = usize::try_from(name) else { return };
    if index.len() <= name {
        index.resize_with(name + 1, Vec::new);
    }
    if let Some(places) = index.get_mut(name)
        && places.last() != Some(&place)
    {
        places.push(place);
    }
}
