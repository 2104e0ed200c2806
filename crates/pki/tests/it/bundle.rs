//! Bundles of certificates against `openssl crl2pkcs7` and `openssl pkcs7`.

use std::fs;
use std::process::Command;

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::bundle::Bundle;
use chancery_pki::issue::{self, Authority};
use chancery_pki::revocation::RevocationList;
use chancery_pki::{Certificate, Organisation, pem};
use proptest::prelude::*;
use tempfile::TempDir;

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;

fn sample() -> Bundle {
    let acme = Organisation::new("Acme", ["acme.example"]).unwrap();
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let ca = issue::ca(&acme, &key, AT, [1; 20]).unwrap();
    let authority = Authority { key: &key, certificate: &ca };
    let public = key.public_key();
    let user = issue::organisation_signing(&acme, &authority, public, AT, [2; 20]).unwrap();
    let list = issue::crl(&authority, &[], AT, AT + 86_400, 1).unwrap();
    let lists = vec![RevocationList::from_der(list).unwrap()];
    Bundle { certificates: vec![ca, user], lists, unreadable: 0 }
}

#[test]
fn openssl_and_we_read_each_others_bundles() {
    let folder = TempDir::new().unwrap();
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?} {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let bundle = sample();
    let [ca, user] = bundle.certificates.as_slice() else { panic!() };
    fs::write(folder.path().join("ours.p7c"), bundle.to_der()).unwrap();
    fs::write(folder.path().join("ours.pem"), bundle.to_pem()).unwrap();
    for (form, file) in [("DER", "ours.p7c"), ("PEM", "ours.pem")] {
        let text = openssl(&["pkcs7", "-inform", form, "-in", file, "-print_certs"]);
        let mut certificates =
            Certificate::chain_from_pem(text.replace("X509 CRL", "CRL").as_bytes()).unwrap();
        certificates.sort_by_key(|certificate| certificate != ca);
        assert_eq!(certificates, [ca.clone(), user.clone()]);
        assert!(text.contains("BEGIN X509 CRL"), "{text}");
    }
    let all = [ca.to_pem(), user.to_pem()].concat();
    fs::write(folder.path().join("all.pem"), all).unwrap();
    fs::write(folder.path().join("list.pem"), pem::encode("X509 CRL", bundle.lists[0].der()))
        .unwrap();
    for form in ["DER", "PEM"] {
        openssl(&[
            "crl2pkcs7",
            "-in",
            "list.pem",
            "-certfile",
            "all.pem",
            "-outform",
            form,
            "-out",
            "theirs",
        ]);
        let theirs = Bundle::from_bytes(&fs::read(folder.path().join("theirs")).unwrap()).unwrap();
        assert_eq!(
            (theirs.certificates, theirs.lists, theirs.unreadable),
            (bundle.certificates.clone(), bundle.lists.clone(), 0)
        );
    }
}

#[test]
fn lengths_at_the_end_are_found() {
    let bundle = sample();
    let der = bundle.to_der();
    // ContentInfo, the explicit tag, SignedData and the set of certificates, each up to end-of-contents octets.
    let set = bundle.certificates.iter().map(Certificate::der).collect::<Vec<_>>().concat();
    let head = [0x02, 1, 1, 0x31, 0, 0x30, 11, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let ber = [
        [0x30, 0x80].as_slice(),
        &der[der.windows(2).position(|pair| pair == [6, 9]).unwrap()..][..11],
        &[0xa0, 0x80, 0x30, 0x80],
        &head,
        &[0xa0, 0x80],
        &set,
        &[0, 0, 0x31, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let read = Bundle::from_bytes(&ber).unwrap();
    assert_eq!((read.certificates, read.lists.len()), (bundle.certificates, 0));
    for length in 0..ber.len() {
        assert!(Bundle::from_bytes(&ber[..length]).is_err(), "{length}");
    }
    // As deep as anybody likes is not as deep as we follow.
    assert!(Bundle::from_bytes(&[0x30, 0x80].repeat(1_000_000)).is_err());
}

#[test]
fn one_bad_certificate_does_not_hide_the_others() {
    let mut bundle = sample();
    let broken = bundle.certificates[1].der().to_vec();
    let der = bundle.to_der();
    let place = der.windows(broken.len()).position(|part| part == broken).unwrap();
    let mut changed = der.clone();
    // The version of the certificate, which becomes one that there is none of.
    let version = changed[place..].windows(3).position(|part| part == [2, 1, 2]).unwrap();
    changed[place + version + 2] = 9;
    let read = Bundle::from_bytes(&changed).unwrap();
    bundle.certificates.truncate(1);
    assert_eq!((read.certificates, read.unreadable), (bundle.certificates, 1));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(Bundle::from_bytes(&bytes));
        drop(Bundle::from_ber(&bytes));
        drop(Bundle::from_bytes(&[&[0x30, 0x80], bytes.as_slice()].concat()));
    }
}
