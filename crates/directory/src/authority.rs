//! Entries of authorities: those that issued what is published, found by their name alone, as clients do that complete a
//! path (RFC 4523 section 2, RFC 5280 section 4.2.2.1).

use std::collections::HashMap;

use chancery_pki::{Certificate, DistinguishedName};
use chancery_wire::ldap::{Attribute, SearchEntry, element};

use crate::judge::Judge;
use crate::name::normal;
use crate::selection::{Kind, Selection};

/// The authorities by the name of their subject, ready for comparing.
pub(crate) type Authorities = HashMap<String, Authority>;

/// What is said of one authority.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authority {
    name: String,
    certificates: Vec<Vec<u8>>,
    lists: Vec<Vec<u8>>,
    pairs: Vec<Vec<u8>>,
}

/// Takes the authorities of these names, and those above them, from all that are known.
pub(crate) fn collect(judge: &Judge, names: Vec<DistinguishedName>) -> Authorities {
    let mut authorities: HashMap<String, Authority> = HashMap::new();
    let mut open = names;
    let mut seen: Vec<DistinguishedName> = Vec::new();
    while let Some(name) = open.pop() {
        if seen.contains(&name) || seen.len() >= MOST {
            continue;
        }
        seen.push(name.clone());
        let found = judge.authorities().iter().filter(|it| *it.subject_name() == name);
        let Some(first) = found.clone().next() else { continue };
        let mut authority = Authority { name: first.subject(), ..Authority::default() };
        for certificate in found {
            open.push(certificate.issuer_name().clone());
            if !certificate.is_self_issued() {
                put(&mut authority.pairs, pair(ISSUED_TO_IT, certificate.der()));
            }
            put(&mut authority.certificates, certificate.der().to_vec());
        }
        let is_by_it = |it: &&Certificate| *it.issuer_name() == name && !it.is_self_issued();
        for certificate in judge.authorities().iter().filter(is_by_it) {
            put(&mut authority.pairs, pair(ISSUED_BY_IT, certificate.der()));
        }
        let lists = judge.lists().iter().filter(|it| *it.issuer_name() == name && !it.is_delta());
        if let Some(newest) = lists.max_by_key(|list| list.this_update()) {
            authority.lists.push(newest.der().to_vec());
        }
        authorities.insert(normal(&authority.name), authority);
    }
    authorities
}

impl Authority {
    /// Returns its certificates.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(Vec::as_slice)
    }

    /// Returns its revocation lists, the newest one first.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &[u8]> {
        self.lists.iter().map(Vec::as_slice)
    }

    /// Returns the entry.
    pub(crate) fn answer(&self, selection: Selection) -> SearchEntry {
        let mut attributes = Vec::new();
        let mut add = |kind: Kind, values: &[Vec<u8>]| {
            if selection.has(kind) && !values.is_empty() {
                let values = if selection.is_types_only() { Vec::new() } else { values.to_vec() };
                let description = selection.description(kind).to_owned();
                attributes.push(Attribute { description, values });
            }
        };
        add(Kind::ObjectClass, &[b"top".to_vec(), b"extensibleObject".to_vec(), b"pkiCA".to_vec()]);
        add(Kind::AuthorityCertificate, &self.certificates);
        add(Kind::RevocationList, &self.lists);
        add(Kind::AuthorityRevocationList, &self.lists);
        add(Kind::CrossPair, &self.pairs);
        SearchEntry { name: self.name.clone(), attributes }
    }
}

/// Writes a `CertificatePair` of which one half is there (X.509 section 11.2.3).
fn pair(half: u8, certificate: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &element(half, certificate))
}

fn put(list: &mut Vec<Vec<u8>>, value: Vec<u8>) {
    if !list.contains(&value) {
        list.push(value);
    }
}

const SEQUENCE: u8 = 0x30;
/// `issuedToThisCA`.
const ISSUED_TO_IT: u8 = 0xa0;
/// `issuedByThisCA`.
const ISSUED_BY_IT: u8 = 0xa1;
/// Authorities with an entry; the paths of one organisation have a handful.
const MOST: usize = 64;
