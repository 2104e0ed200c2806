//! Authorities and their lists, by the keys that RFC 4387 section 2.2 names.

use std::collections::HashMap;

use chancery_crypto::DigestAlgorithm;
use chancery_pki::Certificate;
use chancery_pki::revocation::RevocationList;
use chancery_wire::ldap::element;

use crate::authority::{Authorities, Authority};

/// By what an authority is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Attribute {
    /// `certHash`: the certificate.
    Certificate,
    /// `iHash`: the issuer's name.
    Issuer,
    /// `iAndSHash`: the issuer's name and the serial number.
    IssuerAndSerial,
    /// `name`: the common name, which is no hash.
    Name,
    /// `sHash`: the subject's name.
    Subject,
    /// `sKIDHash`: the subject's key identifier.
    SubjectKey,
}

/// An attribute and its value: text for a name, a SHA-1 in base64 without padding for everything else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(Attribute, String);

/// The authorities that issued what is published.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    certificates: Vec<Vec<u8>>,
    /// Which certificates a key finds.
    by_key: HashMap<Key, Vec<usize>>,
    /// The newest list, and when the next one comes, by the keys of its issuer.
    lists: HashMap<Key, (Vec<u8>, Option<i64>)>,
}

impl Attribute {
    /// Returns the attribute of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "certHash" => Self::Certificate,
            "iHash" => Self::Issuer,
            "iAndSHash" => Self::IssuerAndSerial,
            "name" => Self::Name,
            "sHash" => Self::Subject,
            "sKIDHash" => Self::SubjectKey,
            _ => return None,
        })
    }
}

impl Key {
    /// Reads a value; `None` if it cannot be one of this attribute.
    pub(super) fn read(attribute: Attribute, value: &str) -> Option<Self> {
        if attribute == Attribute::Name {
            return (!value.is_empty()).then(|| Self(attribute, value.to_owned()));
        }
        // Section 2.1: twenty octets are 27 digits; some write the padding all the same.
        let value = value.strip_suffix('=').unwrap_or(value);
        let is_digit = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
        let is_one = value.len() == 27 && value.bytes().all(is_digit);
        is_one.then(|| Self(attribute, value.to_owned()))
    }

    fn hash(attribute: Attribute, octets: &[u8]) -> Self {
        let digest = DigestAlgorithm::Sha1.digest(octets);
        Self(attribute, base64_simd::STANDARD_NO_PAD.encode_to_string(digest.as_ref()))
    }
}

impl Shelf {
    /// Takes the certificates and lists of authorities.
    pub(crate) fn new(authorities: &Authorities) -> Self {
        let mut shelf = Self::default();
        // In an order of their own, so that an answer is the same until something changes.
        let mut all: Vec<_> = authorities.iter().collect();
        all.sort_by_key(|(name, _)| name.as_str());
        for (_, authority) in all {
            shelf.add(authority);
        }
        shelf
    }

    fn add(&mut self, authority: &Authority) {
        let list = authority.lists().find_map(|der| {
            let read = RevocationList::from_der(der.to_vec()).ok()?;
            Some((der.to_vec(), read.next_update()))
        });
        for der in authority.certificates() {
            let Ok(certificate) = Certificate::from_der(der) else { continue };
            let issuer = certificate.issuer_name().der();
            let serial = element(INTEGER, certificate.serial());
            let pair = element(SEQUENCE, &[issuer, &serial].concat());
            let subject = certificate.subject_name().der();
            let mut keys = vec![
                Key::hash(Attribute::Certificate, der),
                Key::hash(Attribute::Issuer, issuer),
                Key::hash(Attribute::IssuerAndSerial, &pair),
                Key::hash(Attribute::Subject, subject),
            ];
            let mut of_list = vec![Key::hash(Attribute::Issuer, subject)];
            if let Some(identifier) = certificate.subject_key_id() {
                let key = Key::hash(Attribute::SubjectKey, identifier);
                of_list.push(key.clone());
                keys.push(key);
            }
            if let Some(name) = certificate.subject_name().common_name() {
                keys.push(Key(Attribute::Name, name));
            }
            let index = self.certificates.len();
            self.certificates.push(der.to_vec());
            for key in keys {
                self.by_key.entry(key).or_default().push(index);
            }
            if let Some(list) = &list {
                self.lists.extend(of_list.into_iter().map(|key| (key, list.clone())));
            }
        }
    }

    /// Returns the certificates of authorities that a key finds.
    pub(super) fn authorities(&self, key: &Key) -> Option<Vec<&[u8]>> {
        let found = self.by_key.get(key)?.iter();
        Some(found.filter_map(|at| self.certificates.get(*at)).map(Vec::as_slice).collect())
    }

    /// Returns all of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(Vec::as_slice)
    }

    /// Returns the newest list of the authority that a key finds, and when the next one comes.
    pub(super) fn list(&self, key: &Key) -> Option<(&[u8], Option<i64>)> {
        self.lists.get(key).map(|(list, until)| (list.as_slice(), *until))
    }
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
