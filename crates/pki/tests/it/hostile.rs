//! Foreign bytes: whatever comes in, nothing panics, and reading gives back what was written.

use std::sync::OnceLock;

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_fault::Coded as _;
use chancery_pki::{
    Certificate, Organisation, Purpose, Scope, issue, key_file, path, pem, speaks_for,
};
use proptest::prelude::*;

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;

fn sample() -> (Certificate, PrivateKey) {
    let organisation = Organisation::new("Acme", ["acme.example"]).unwrap();
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    (issue::ca(&organisation, &key, AT, [1; 20]).unwrap(), key)
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        use_everything(&bytes);
    }

    #[test]
    fn broken_certificates_do_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (certificate, _) = sample();
        let mut der = certificate.der().to_vec();
        for (place, byte) in changes {
            let index = place.index(der.len());
            der[index] = byte;
        }
        if let Some(cut) = cut {
            der.truncate(cut.index(der.len()));
        }
        use_everything(&der);
    }

    #[test]
    fn broken_keys_do_not_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let (_, key) = sample();
        let mut text = key_file::write(&key).unwrap().as_bytes().to_vec();
        for (place, byte) in changes {
            let index = place.index(text.len());
            text[index] = byte;
        }
        for label in ["EC PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY"] {
            let relabelled = String::from_utf8_lossy(&text).replace("PRIVATE KEY", label);
            drop(key_file::read(relabelled.as_bytes()));
        }
    }

    #[test]
    fn broken_key_stores_do_not_panic(place in 0_usize..40, byte: u8, cut: prop::sample::Index) {
        let (store, ..) = store();
        let mut changed = store.clone();
        // The frame; what lies behind it is authenticated, and a change there found after a derivation.
        changed[place] = byte;
        for bytes in [&changed[..], &store[..cut.index(store.len())]] {
            if let Ok(held) = key_file::open(bytes, Some(b"passphrase")) {
                prop_assert_eq!(held.keys.len(), 1);
            }
        }
    }

    #[test]
    fn pem_written_is_pem_read(der in prop::collection::vec(any::<u8>(), 0..400), label in "[A-Z][A-Z0-9 ]{0,20}[A-Z]",
                               before in "[a-z \n]{0,100}", crlf: bool) {
        let mut text = format!("{before}\n{}", pem::encode(&label, &der));
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let blocks = pem::blocks(text.as_bytes()).unwrap();
        prop_assert_eq!(blocks.len(), 1);
        prop_assert_eq!(&blocks[0].label, &label);
        prop_assert_eq!(&*blocks[0].der, &der);
    }

    #[test]
    fn any_text_is_pem_or_refused(text in "(-----(BEGIN|END) [A-Z]{0,3}-----|[A-Za-z0-9+/=]{0,20}|[\n ]){0,20}") {
        drop(pem::blocks(text.as_bytes()));
    }
}

/// Returns a key store with what is in it, made once: its passphrase costs time.
fn store() -> &'static (Vec<u8>, Certificate, PrivateKey) {
    static STORE: OnceLock<(Vec<u8>, Certificate, PrivateKey)> = OnceLock::new();
    STORE.get_or_init(|| {
        let (certificate, key) = sample();
        let certificates = [certificate.clone()];
        let store = key_file::write_pkcs12(&key, &certificates, "name", b"passphrase").unwrap();
        (store.to_vec(), certificate, key)
    })
}

#[test]
fn a_key_store_survives_writing_and_reading() {
    let (store, certificate, key) = store();
    let held = key_file::open(store, Some(b"passphrase")).unwrap();
    assert_eq!(held.keys[0].public_key(), key.public_key());
    assert_eq!(held.certificates.as_slice(), std::slice::from_ref(certificate));
    for (passphrase, code) in
        [(Some(&b"another"[..]), "pki.passphrase"), (None, "pki.key_encrypted")]
    {
        assert_eq!(key_file::open(store, passphrase).unwrap_err().code().id, code);
    }
    // A change anywhere is found; the last bytes are the rounds, which say how long that takes.
    for index in (60..store.len() - 8).step_by(97) {
        let mut changed = store.clone();
        changed[index] ^= 1;
        assert!(key_file::open(&changed, Some(b"passphrase")).is_err(), "byte {index}");
    }
    assert!(key_file::write_pkcs12(key, &[], "name", b"passphrase").is_err());
}

/// Calls everything that takes foreign bytes.
fn use_everything(bytes: &[u8]) {
    drop(pem::blocks(bytes));
    drop(key_file::read(bytes));
    drop(key_file::open(bytes, None));
    drop(Certificate::chain_from_bytes(bytes));
    if let Ok(certificate) = Certificate::from_der(bytes) {
        assert_eq!(Certificate::from_der(certificate.der()).unwrap(), certificate);
        assert!(!certificate.subject().contains(['\u{202e}', '\n', '\u{1b}']));
        for address in ["alice@acme.example", "@", "", "a@b@c"] {
            assert_eq!(speaks_for(&certificate, address, Scope::Domains(&[])), None);
        }
        let list = [certificate.clone()];
        path::check(&certificate, &list, &[], Purpose::Any, AT);
        path::check(&certificate, &list, &list, Purpose::SmimeEncrypt, i64::MIN);
    }
}
