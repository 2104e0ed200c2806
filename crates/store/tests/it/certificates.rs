//! Imported certificates and lists: found by what they say, and by nothing else.

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::revocation::RevocationList;
use chancery_pki::{Certificate, Organisation, issue};
use chancery_store::certificate::{CertificateFilter, CertificateKind, Imported};
use chancery_store::key::{KeyPurpose, NewKey};

use crate::support::*;

/// In seconds.
const AT: i64 = NOW / 1000;

struct Party {
    key: PrivateKey,
    own: Certificate,
}

impl Party {
    fn new(name: &str) -> Self {
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let organisation = Organisation::new(name, [format!("{name}.example")]).unwrap();
        let own = issue::ca(&organisation, &key, AT, [1; 20]).unwrap();
        Self { key, own }
    }

    fn encryption(&self, name: &str, serial: u8) -> Certificate {
        let organisation = Organisation::new(name, [format!("{name}.example")]).unwrap();
        let authority = issue::Authority { key: &self.key, certificate: &self.own };
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let serial = [serial; 20];
        issue::organisation_encryption(&organisation, &authority, key.public_key(), AT, serial)
            .unwrap()
    }
}

fn filter(change: impl FnOnce(&mut CertificateFilter)) -> CertificateFilter {
    let mut filter = CertificateFilter::default();
    change(&mut filter);
    filter
}

#[tokio::test]
async fn certificates_are_found_by_subject_key_and_address() {
    let (directory, store) = fresh();
    let [ca, other] = ["globex", "initech"].map(Party::new);
    let leaf = ca.encryption("globex", 2);
    let all = vec![ca.own.clone(), leaf.clone(), other.own.clone()];
    let imported = store.import(all.clone(), vec![], "all.p7c".into(), act("")).await.unwrap();
    assert_eq!(imported, Imported { certificates: 3, lists: 0, known: 0 });
    let version = (store.certificate_version().unwrap(), store.partner_version().unwrap());
    let again = store.import(all, vec![], "again".into(), act("")).await.unwrap();
    assert_eq!(again, Imported { certificates: 0, lists: 0, known: 3 });
    assert_eq!((store.certificate_version().unwrap(), store.partner_version().unwrap()), version);
    assert_eq!(version, (1, 1));

    drop(store);
    let store = open(directory.path());
    let address = leaf.emails()[0].to_uppercase();
    assert_eq!(store.certificates_for(&address).unwrap(), std::slice::from_ref(&leaf));
    assert!(
        store
            .certificates_for("_omain-confidentiality-authority@globex.example")
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store.certificates_of(ca.own.subject_name()).unwrap(),
        std::slice::from_ref(&ca.own)
    );
    let key_id = leaf.subject_key_id().unwrap();
    assert_eq!(store.certificates_with_key(key_id).unwrap(), std::slice::from_ref(&leaf));
    let authorities = store.authorities().unwrap();
    assert_eq!(authorities.len(), 2);
    assert!(authorities.contains(&ca.own) && authorities.contains(&other.own));

    let found = |filter: CertificateFilter| store.certificates(&filter).unwrap().len();
    assert_eq!(found(CertificateFilter::default()), 3);
    assert_eq!(found(filter(|it| it.address = Some("@GLOBEX.example".into()))), 1);
    assert_eq!(found(filter(|it| it.address = Some("@%".into()))), 0, "a sign is a sign");
    assert_eq!(found(filter(|it| it.subject = Some("INITECH".into()))), 1);
    assert_eq!(found(filter(|it| it.kind = Some(CertificateKind::EndEntity))), 1);
    assert_eq!(found(filter(|it| it.ends_before = Some(leaf.not_after() + 1))), 1);
    assert_eq!(found(filter(|it| it.ends_before = Some(leaf.not_after()))), 0);
    let prefix = ca.own.fingerprint_sha256()[..10].to_owned();
    assert_eq!(found(filter(|it| it.fingerprint = Some(prefix))), 1);

    let fingerprints = vec![leaf.fingerprint_sha256(), "00".repeat(32)];
    assert_eq!(store.remove_certificates(fingerprints, act("old")).await.unwrap(), 1);
    assert!(store.certificates_for(&leaf.emails()[0]).unwrap().is_empty());
    let log = store.audit_log(0, 9).unwrap();
    let actions: Vec<_> = log.iter().map(|it| it.action.as_str()).collect();
    assert_eq!(actions, ["certificate.import", "certificate.remove"]);
    assert_eq!(store.certificate_version().unwrap(), 2);
}

#[tokio::test]
async fn lists_are_kept_with_those_before() {
    let (_directory, store) = fresh();
    let ca = Party::new("globex");
    let authority = issue::Authority { key: &ca.key, certificate: &ca.own };
    let list = |at: i64| {
        let der = issue::crl(&authority, &[], at, at + 60, 1).unwrap();
        RevocationList::from_der(der).unwrap()
    };
    let lists: Vec<RevocationList> = [AT, AT + 60].map(list).into();
    let imported = store.import(vec![], lists.clone(), "crls".into(), act("")).await.unwrap();
    assert_eq!(imported.lists, 2);
    let rows = store.revocation_lists().unwrap();
    assert_eq!(rows[0].list, lists[1], "the newest first");
    assert_eq!(rows[1].list, lists[0]);
    let fingerprint = rows[1].fingerprint.clone();
    assert_eq!(store.remove_certificates(vec![fingerprint], act("")).await.unwrap(), 1);
    assert_eq!(store.revocation_lists().unwrap().len(), 1);
}

#[tokio::test]
async fn what_others_issued_for_our_keys_is_known_as_ours() {
    let (_directory, store) = fresh();
    let [us, bridge] = ["acme", "bridge"].map(Party::new);
    let key = NewKey {
        purpose: KeyPurpose::Ca,
        certificate: us.own.der().to_vec(),
        sealed_key: b"sealed".to_vec(),
        not_after_ms: NOW,
        active: true,
    };
    store.put_keys(vec![key], act("")).await.unwrap();
    let kinds = |certificates: Vec<Certificate>| {
        let store = store.clone();
        async move {
            store.import(certificates, vec![], "file".into(), act("")).await.unwrap();
            let rows = store.certificates(&CertificateFilter::default()).unwrap();
            rows.iter().map(|row| row.kind).collect::<Vec<_>>()
        }
    };
    assert_eq!(kinds(vec![us.own.clone()]).await, [CertificateKind::Own]);
    assert_eq!(
        kinds(vec![bridge.own.clone()]).await,
        [CertificateKind::Own, CertificateKind::Authority]
    );
}
