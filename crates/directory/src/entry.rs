//! Entries as they are answered: made of certificates, and of nothing that any other directory says about people.

use std::iter::once;
use std::ops::Range;

use chancery_pki::{Certificate, bundle};
use chancery_wire::http::encode;
use chancery_wire::ldap::{Attribute, SearchEntry, element};

use crate::name;
use crate::selection::{Kind, Selection};

/// The entry of a mailbox, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The address, as its newest certificate writes it: some clients compare it with its case.
    mail: String,
    /// The name in the newest certificate, if names are shown.
    name: Option<String>,
    /// Where the owner's free and busy times are, if that is shown.
    calendar: Option<String>,
    /// A remark for people.
    description: Option<&'static str>,
    /// `userCertificate;binary` with all its values, as it goes over the wire.
    certificates: Box<[u8]>,
    /// Where the values lie in it.
    values: Vec<Range<usize>>,
    /// Until when others may keep it at most, in Unix seconds.
    until: i64,
}

/// What is shown of people besides their certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The name in the certificate, as `cn`.
    pub names: bool,
    /// Where free and busy times are, with `{address}` in it; as `calFBURL`.
    pub calendar: Option<String>,
}

impl Entry {
    /// Makes the entry of an address; the best certificate is the first one. `None` without any.
    pub(crate) fn new(mail: &str, certificates: &[&Certificate], shown: &Shown) -> Option<Self> {
        let best = certificates.first()?;
        let mut set = Vec::new();
        let mut values = Vec::with_capacity(certificates.len());
        for certificate in certificates {
            let der = certificate.der();
            set.extend(element(OCTET_STRING, der));
            values.push(set.len() - der.len()..set.len());
        }
        let description = element(OCTET_STRING, CERTIFICATE.as_bytes());
        let content = [description, element(SET, &set)].concat();
        let encoded = element(SEQUENCE, &content);
        // The set ends where the attribute ends.
        let start = encoded.len() - set.len();
        let values = values.into_iter().map(|it| it.start + start..it.end + start).collect();
        let name = shown.names.then(|| best.subject_name().common_name()).flatten();
        let calendar = shown.calendar.as_ref().map(|it| it.replace("{address}", &encode(mail)));
        Some(Self {
            mail: mail.to_owned(),
            name,
            calendar,
            description: None,
            certificates: encoded.into_boxed_slice(),
            values,
            until: certificates.iter().map(|it| it.not_after() + 1).min()?,
        })
    }

    /// Lets others keep it no longer than until then: the end of what is known about revocations.
    #[must_use]
    pub(crate) fn ends(mut self, until: Option<i64>) -> Self {
        self.until = self.until.min(until.unwrap_or(i64::MAX));
        self
    }

    /// Returns until when others may keep it at most, in Unix seconds.
    pub(crate) fn until(&self) -> i64 {
        self.until
    }

    /// Adds a remark for people.
    #[must_use]
    pub(crate) fn remark(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Returns the certificates.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.values.iter().filter_map(|range| self.certificates.get(range.clone()))
    }

    /// Returns the entry as a message says it.
    pub(crate) fn answer(&self, base: &str, selection: Selection) -> SearchEntry {
        let mut attributes = Vec::new();
        self.each(selection, |kind, values| {
            let values = values.map(<[u8]>::to_vec);
            let values = if selection.is_types_only() { Vec::new() } else { values.collect() };
            let description = selection.description(kind).to_owned();
            attributes.push(Attribute { description, values });
        });
        SearchEntry { name: name::entry(&self.mail, base), attributes }
    }

    /// Writes the content of the same entry, from what is ready. [`Entry::answer`] and this give the same octets, which
    /// a test compares. It is not for those who want the names of attributes only.
    pub(crate) fn write(&self, base: &str, selection: Selection) -> Vec<u8> {
        let mut list = Vec::with_capacity(self.certificates.len() + 128);
        self.each(selection, |kind, values| {
            if kind == Kind::Certificate {
                list.extend_from_slice(&self.certificates);
            } else {
                put(&mut list, selection.description(kind), values);
            }
        });
        let name = element(OCTET_STRING, name::entry(&self.mail, base).as_bytes());
        [name, element(SEQUENCE, &list)].concat()
    }

    /// Hands over the attributes that are wanted, with their values.
    fn each(
        &self,
        selection: Selection,
        mut add: impl FnMut(Kind, &mut dyn Iterator<Item = &[u8]>),
    ) {
        let mut add = |kind: Kind, values: &mut dyn Iterator<Item = &[u8]>| {
            if selection.has(kind) {
                add(kind, values);
            }
        };
        add(Kind::ObjectClass, &mut CLASSES.iter().map(|it| it.as_bytes()));
        add(Kind::Mail, &mut once(self.mail.as_bytes()));
        if let Some(name) = &self.name {
            add(Kind::Name, &mut once(name.as_bytes()));
        }
        add(Kind::Certificate, &mut self.certificates());
        if selection.has(Kind::SmimeCertificate) {
            // As Outlook reads it (RFC 2798 section 2.8, MS-OXOABK).
            let bundles: Vec<Vec<u8>> = self.certificates().map(bundle::of_one).collect();
            add(Kind::SmimeCertificate, &mut bundles.iter().map(Vec::as_slice));
        }
        if let Some(calendar) = &self.calendar {
            add(Kind::Calendar, &mut once(calendar.as_bytes()));
        }
        if let Some(description) = self.description {
            add(Kind::Description, &mut once(description.as_bytes()));
        }
    }
}

/// Writes an attribute.
fn put(list: &mut Vec<u8>, description: &str, values: &mut dyn Iterator<Item = &[u8]>) {
    let set: Vec<u8> = values.flat_map(|value| element(OCTET_STRING, value)).collect();
    let parts = [element(OCTET_STRING, description.as_bytes()), element(SET, &set)].concat();
    list.extend(element(SEQUENCE, &parts));
}

const CERTIFICATE: &str = "userCertificate;binary";
/// What an entry says it is; `extensibleObject` permits every attribute (RFC 4512 section 4.3).
const CLASSES: [&str; 3] = ["top", "extensibleObject", "pkiUser"];
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

#[cfg(test)]
mod tests {
    use chancery_crypto::{KeyKind, PrivateKey};
    use chancery_pki::bundle::Bundle;
    use chancery_pki::{Organisation, issue};
    use chancery_wire::ldap::{Message, Operation};
    use proptest::prelude::*;

    use super::*;

    fn certificate() -> Certificate {
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let acme = Organisation::new("Acme, Inc.", ["acme.example"]).unwrap();
        issue::ca(&acme, &key, 1_780_315_200, [1; 20]).unwrap()
    }

    #[test]
    fn outlook_gets_a_bundle() {
        let certificate = certificate();
        let bundle =
            Bundle { certificates: vec![certificate.clone()], ..Bundle::default() }.to_der();
        let entry = Entry::new("a@x.example", &[&certificate], &Shown::default()).unwrap();
        let answer = entry.answer("", Selection::read([], false));
        assert_eq!(answer.values_of("userSMIMECertificate").collect::<Vec<_>>(), [bundle]);
    }

    #[test]
    fn entries_say_what_is_shown() {
        let certificate = certificate();
        let shown = Shown { names: true, calendar: Some("https://f/{address}.ifb".to_owned()) };
        let entry = Entry::new("a+b@x.example", &[&certificate], &shown).unwrap();
        let answer = entry.answer("dc=x", Selection::read(["cn", "calFBURL", "mail"], false));
        let value = |name: &str| String::from_utf8(answer.values_of(name).next().unwrap().to_vec());
        assert_eq!(value("calFBURL").unwrap(), "https://f/a%2Bb@x.example.ifb");
        assert_eq!(value("mail").unwrap(), "a+b@x.example");
        assert_eq!(value("cn").unwrap(), "acme.example mail CA");
        assert_eq!(answer.name, "mail=a\\+b@x.example,dc=x");
        let plain = Entry::new("a@x.example", &[&certificate], &Shown::default()).unwrap();
        assert!(plain.answer("", Selection::read([], false)).values_of("cn").next().is_none());
    }

    proptest! {
        #[test]
        fn what_is_ready_is_what_is_answered(
            names in any::<bool>(),
            count in 1..4_usize,
            wanted in prop::sample::subsequence(
                vec!["mail", "cn", "userCertificate", "userSMIMECertificate", "objectClass", "*",
                     "calFBURL", "userSMIMECertificate;binary", "description", "1.1"], 0..10),
            base in "[a-z=,]{0,20}",
        ) {
            let certificate = certificate();
            let shown = Shown { names, calendar: names.then(|| "u:{address}".to_owned()) };
            let list = vec![&certificate; count];
            let entry = Entry::new("ann@acme.example", &list, &shown).unwrap().remark("old");
            let selection = Selection::read(wanted, false);
            let content = element(0x64, &entry.write(&base, selection));
            let whole = element(SEQUENCE, &[&[2, 1, 7][..], &content].concat());
            let said = Message::new(7, Operation::SearchEntry(entry.answer(&base, selection)));
            prop_assert_eq!(whole, said.to_ber());
        }
    }
}
