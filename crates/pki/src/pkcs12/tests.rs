//! What is written is read, and what a file may ask for is bounded.

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_fault::Coded as _;

use super::ber::head;
use super::*;
use crate::issue::{self, Organisation};

const AT: i64 = 1_780_315_200;
const PASSPHRASE: &[u8] = b"passphrase";

fn party(name: &str) -> (PrivateKey, Certificate) {
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let organisation = Organisation::new(name, [format!("{name}.example")]).unwrap();
    let certificate = issue::ca(&organisation, &key, AT, [1; 20]).unwrap();
    (key, certificate)
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut element = Vec::new();
    head(&mut element, tag, parts.iter().map(|part| part.len()).sum());
    element.extend(parts.concat());
    element
}

fn oid(text: &str) -> Vec<u8> {
    element(0x06, &[der::asn1::ObjectIdentifier::new_unwrap(text).as_bytes()])
}

/// Returns a file without an authentication code around `SafeContents` that are in clear.
fn bare(contents: &[u8]) -> Vec<u8> {
    let data = |content: &[u8]| {
        let octets = element(0x04, &[content]);
        element(0x30, &[&oid("1.2.840.113549.1.7.1"), &element(0xa0, &[&octets])])
    };
    let safe = element(0x30, &[&data(contents)]);
    element(0x30, &[&element(0x02, &[&[3]]), &data(&safe)])
}

fn bag(kind: &str, value: &[u8]) -> Vec<u8> {
    element(0x30, &[&oid(kind), &element(0xa0, &[value])])
}

fn certificate_bag(der: &[u8]) -> Vec<u8> {
    let octets = element(0x04, &[der]);
    let value = element(0x30, &[&oid("1.2.840.113549.1.9.22.1"), &element(0xa0, &[&octets])]);
    bag("1.2.840.113549.1.12.10.1.3", &value)
}

#[test]
fn several_keys_keep_their_names_and_their_certificates() {
    let [(first, one), (second, two), (_, other)] = ["one", "two", "other"].map(party);
    let mut file = Pkcs12::new();
    // Known before its key: it is not there twice afterwards.
    file.add_certificate(&two);
    file.add_key(first, &[one.clone(), other.clone()], "Ada – née Byron 𝄞").unwrap();
    file.add_key(second, &[two.clone(), other.clone()], "two").unwrap();
    let authority = issue::Authority { key: &file.keys[0].value, certificate: &one };
    let list = issue::crl(&authority, &[], AT, AT + 60, 1).unwrap();
    file.lists.push(RevocationList::from_der(list).unwrap());
    let written = file.write(PASSPHRASE).unwrap();
    let read = Pkcs12::read(&written, PASSPHRASE).unwrap();
    let names: Vec<_> = read.keys.iter().map(|it| it.name.clone().unwrap()).collect();
    assert_eq!(names, ["Ada – née Byron 𝄞", "two"]);
    let own: Vec<_> = read.keys.iter().map(|key| read.certificate_of(key).unwrap()).collect();
    assert_eq!(own, [&one, &two]);
    assert_eq!(read.certificates.len(), 3);
    assert_eq!(read.certificates.iter().filter(|it| it.key_id.is_none()).count(), 1);
    assert_eq!(read.lists, file.lists);
    assert_eq!(read.unreadable, 0);
    assert_eq!(Pkcs12::read(&written, b"").unwrap_err().code().id, "pki.passphrase");
}

#[test]
fn a_certificate_goes_with_its_own_key_only() {
    let [(key, own), (_, other)] = ["own", "other"].map(party);
    let mut file = Pkcs12::new();
    assert!(file.add_key(key.clone(), std::slice::from_ref(&other), "").is_err());
    assert!(file.add_key(key.clone(), &[], "").is_err());
    // Somebody else's certificate that claims the number of our key is not taken for ours.
    file.add_key(key, std::slice::from_ref(&own), "own").unwrap();
    let key_id = file.keys[0].key_id.clone();
    file.certificates.insert(0, Entry { value: other, name: None, key_id });
    assert_eq!(file.certificate_of(&file.keys[0]), Some(&own));
}

#[test]
fn nested_contents_are_read_and_what_is_not_a_certificate_is_counted() {
    let (_, certificate) = party("one");
    let good = certificate_bag(certificate.der());
    let mut contents = element(0x30, &[&good, &certificate_bag(b"no certificate")]);
    for _ in 0..5 {
        contents = element(0x30, &[&bag("1.2.840.113549.1.12.10.1.6", &contents)]);
    }
    let read = Pkcs12::read(&bare(&contents), b"").unwrap();
    assert_eq!(read.certificates.len(), 1);
    assert_eq!(read.certificates[0].value, certificate);
    assert_eq!(read.unreadable, 1);
    // Deeper than the reader of BER goes.
    for _ in 0..40 {
        contents = element(0x30, &[&bag("1.2.840.113549.1.12.10.1.6", &contents)]);
    }
    assert!(Pkcs12::read(&bare(&contents), b"").is_err());
}

#[test]
fn a_file_cannot_ask_for_endless_work() {
    let many = certificate_bag(b"x").repeat(5000);
    let error = Pkcs12::read(&bare(&element(0x30, &[&many])), b"").unwrap_err();
    assert_eq!(error.code().id, "pki.key_protection");
    let (key, certificate) = party("one");
    let mut file = Pkcs12::new();
    file.add_key(key, &[certificate], "one").unwrap();
    let written = file.write(PASSPHRASE).unwrap();
    // Three derivations of 100,000 rounds: each one fits, together they do not.
    let error = Pkcs12::read_within(&written, PASSPHRASE, 250_000).unwrap_err();
    assert_eq!(error.code().id, "pki.key_protection");
    assert!(Pkcs12::read_within(&written, PASSPHRASE, 300_000).is_ok());
}

#[test]
fn no_passphrase_is_an_empty_one_and_certificates_alone_are_a_file() {
    let (_, certificate) = party("one");
    let mut file = Pkcs12::new();
    file.add_certificate(&certificate);
    let read = Pkcs12::read(&file.write(b"").unwrap(), b"").unwrap();
    assert_eq!(read.certificates[0].value, certificate);
    assert_eq!(read.certificates[0].name, Some(certificate.subject()));
    assert!(read.keys.is_empty());
    let nothing = Pkcs12::new().write(PASSPHRASE).unwrap();
    assert!(Pkcs12::read(&nothing, PASSPHRASE).unwrap().certificates.is_empty());
}
