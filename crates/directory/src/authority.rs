//! Entries of authorities: those that issued what is published, found by their name alone, as clients do that complete a
//! path (RFC 4523 section 2, RFC 5280 section 4.2.2.1).

use std::collections::HashMap;

use chancery_pki::{Certificate, DistinguishedName};
use chancery_store::certificate::{CertificateFilter, CertificateKind};
use chancery_store::{Result, Store};
use chancery_wire::ldap::{Attribute, SearchEntry, element};

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

/// Reads the authorities of these names, and those above them.
pub(crate) fn read(
    store: &Store,
    own: Option<&Certificate>,
    names: Vec<DistinguishedName>,
) -> Result<Authorities> {
    let mut authorities: HashMap<String, Authority> = HashMap::new();
    let lists = store.revocation_lists()?;
    let cross = CertificateFilter { kind: Some(CertificateKind::Cross), ..Default::default() };
    let cross = store.certificates(&cross)?;
    let mut open = names;
    let mut seen: Vec<DistinguishedName> = Vec::new();
    while let Some(name) = open.pop() {
        if seen.contains(&name) || seen.len() >= MOST {
            continue;
        }
        let mut found = store.certificates_of(&name)?;
        found.extend(own.filter(|own| *own.subject_name() == name).cloned());
        found.retain(Certificate::is_ca);
        seen.push(name.clone());
        let Some(first) = found.first() else { continue };
        let mut authority = Authority { name: first.subject(), ..Authority::default() };
        for certificate in &found {
            open.push(certificate.issuer_name().clone());
            let der = certificate.der().to_vec();
            if certificate.is_self_issued() {
                put(&mut authority.certificates, der);
            } else {
                put(&mut authority.pairs, pair(ISSUED_TO_IT, certificate.der()));
                put(&mut authority.certificates, der);
            }
        }
        for row in cross.iter().filter(|row| *row.certificate.issuer_name() == name) {
            put(&mut authority.pairs, pair(ISSUED_BY_IT, row.certificate.der()));
        }
        let own =
            lists.iter().filter(|row| *row.list.issuer_name() == name && !row.list.is_delta());
        if let Some(newest) = own.max_by_key(|row| row.list.this_update()) {
            authority.lists.push(newest.list.der().to_vec());
        }
        authorities.insert(normal(&first.subject()), authority);
    }
    Ok(authorities)
}

impl Authority {
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
