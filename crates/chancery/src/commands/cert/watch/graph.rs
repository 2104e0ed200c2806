//! Certificates and lists as what depends on what.

use std::collections::{HashMap, HashSet};

use chancery_pki::revocation::RevocationList;
use chancery_pki::{Certificate, DistinguishedName};

/// Returns the certificates that no later one of the same subject and key, or for the same addresses, has replaced.
pub(super) fn current(certificates: &[Certificate]) -> Vec<Certificate> {
    let mut by_subject: HashMap<&DistinguishedName, Vec<&Certificate>> = HashMap::new();
    for certificate in certificates {
        by_subject.entry(certificate.subject_name()).or_default().push(certificate);
    }
    let mut seen = HashSet::new();
    let is_current = |certificate: &&Certificate| {
        let others = by_subject.get(certificate.subject_name()).into_iter().flatten();
        let mut later = others.filter(|other| other.not_after() > certificate.not_after());
        !later.any(|other| replaces(other, certificate)) && seen.insert(certificate.fingerprint())
    };
    certificates.iter().filter(is_current).cloned().collect()
}

/// A new certificate takes the place of an old one if it is of the same issuer and, for authorities, of the same key: what
/// an authority signed with another key still needs the old one.
fn replaces(new: &Certificate, old: &Certificate) -> bool {
    let is_same_kind = new.is_ca() == old.is_ca() && new.issuer_name() == old.issuer_name();
    let is_same_key = new.key_fingerprint() == old.key_fingerprint();
    is_same_kind && (is_same_key || !old.is_ca() && new.emails() == old.emails())
}

/// Returns the newest list of each series.
pub(super) fn newest(lists: &[RevocationList]) -> Vec<RevocationList> {
    let mut by_issuer: HashMap<&DistinguishedName, Vec<&RevocationList>> = HashMap::new();
    let mut names = Vec::new();
    for list in lists {
        let known = by_issuer.entry(list.issuer_name()).or_insert_with(|| {
            names.push(list.issuer_name());
            Vec::new()
        });
        match known.iter_mut().find(|other| other.is_of_series(list)) {
            Some(other) if other.this_update() < list.this_update() => *other = list,
            Some(_) => {}
            None => known.push(list),
        }
    }
    let all = names.into_iter().filter_map(|name| by_issuer.get(name)).flatten();
    all.map(|list| (*list).clone()).collect()
}

/// Certificates by the name of their issuer.
pub(super) struct Issued<'a>(HashMap<&'a DistinguishedName, Vec<&'a Certificate>>);

impl<'a> Issued<'a> {
    pub(super) fn new(certificates: &'a [Certificate]) -> Self {
        let mut issued: HashMap<_, Vec<_>> = HashMap::new();
        for certificate in certificates.iter().filter(|it| !it.is_self_issued()) {
            issued.entry(certificate.issuer_name()).or_default().push(certificate);
        }
        Self(issued)
    }

    /// Returns the subjects of what was issued under a name; those that say by which key, only if it is this one.
    pub(super) fn by(&self, issuer: &DistinguishedName, key_id: Option<&[u8]>) -> Vec<String> {
        let all = self.0.get(issuer).into_iter().flatten();
        let is_its = |it: &&&Certificate| match (it.authority_key_id(), key_id) {
            (Some(wanted), Some(key)) => wanted == key,
            _ => true,
        };
        let mut subjects: Vec<String> = all.filter(is_its).map(|it| it.subject()).collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }
}

#[cfg(test)]
mod tests {
    use chancery_crypto::{KeyKind, PrivateKey};
    use chancery_pki::{Organisation, issue};

    use super::*;

    const AT: i64 = 1_780_315_200;

    struct Party {
        key: PrivateKey,
        own: Certificate,
    }

    impl Party {
        fn new() -> Self {
            let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
            let own = issue::ca(&organisation(), &key, AT, [1; 20]).unwrap();
            Self { key, own }
        }

        fn encryption(&self, at: i64) -> Certificate {
            let authority = issue::Authority { key: &self.key, certificate: &self.own };
            let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
            let organisation = organisation();
            issue::organisation_encryption(&organisation, &authority, key.public_key(), at, [2; 20])
                .unwrap()
        }

        fn list(&self, at: i64) -> RevocationList {
            let authority = issue::Authority { key: &self.key, certificate: &self.own };
            let der = issue::crl(&authority, &[], at, at + 60, 1).unwrap();
            RevocationList::from_der(der).unwrap()
        }
    }

    fn organisation() -> Organisation {
        Organisation::new("Acme", ["acme.example"]).unwrap()
    }

    #[test]
    fn what_was_replaced_is_not_watched() {
        let [ca, rolled] = [Party::new(), Party::new()];
        let renewed = issue::ca(&organisation(), &ca.key, AT + 60, [3; 20]).unwrap();
        let (old, new) = (ca.encryption(AT), ca.encryption(AT + 60));
        let all = [&ca.own, &renewed, &rolled.own, &old, &new, &new].map(Certificate::clone);
        // The authority with another key is another one: what the first signed needs the first.
        assert_eq!(current(&all), [renewed, rolled.own.clone(), new]);
        let other = rolled.encryption(AT + 60);
        assert_eq!(
            current(&[old, other.clone()]),
            [other],
            "of the same issuer's name, for the same"
        );
    }

    #[test]
    fn the_newest_list_of_each_key_is_watched() {
        let [ca, rolled] = [Party::new(), Party::new()];
        let lists = [ca.list(AT), ca.list(AT + 60), rolled.list(AT), ca.list(AT + 30)];
        assert_eq!(newest(&lists), [lists[1].clone(), lists[2].clone()]);
    }

    #[test]
    fn what_an_authority_issued_depends_on_it() {
        let [ca, rolled] = [Party::new(), Party::new()];
        let all = [ca.own.clone(), ca.encryption(AT)];
        let issued = Issued::new(&all);
        assert_eq!(issued.by(ca.own.subject_name(), ca.own.subject_key_id()), [all[1].subject()]);
        // Of the same name, but the certificate says by which key.
        let none: [String; 0] = [];
        assert_eq!(issued.by(rolled.own.subject_name(), rolled.own.subject_key_id()), none);
    }
}
