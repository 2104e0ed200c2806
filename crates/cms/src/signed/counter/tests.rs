//! Counter-signatures made by hand: no program at hand makes them.

use chancery_crypto::{DigestAlgorithm, KeyKind, PrivateKey};

use crate::algorithms::{digest_der, signature_der};
use crate::error::Error;
use crate::oid;
use crate::signed::{SignOptions, SignedReport, SignerKey, sign_attached, verify_attached};
use crate::tlv::{Slice, Tlv, element, sequence, set_of, small_integer, tag};

/// A certificate that is good enough for CMS: nothing in it is signed.
fn certificate(key: &PrivateKey, serial: u8) -> Vec<u8> {
    let (empty, algorithm) = (sequence(&[]), digest_der(DigestAlgorithm::Sha256));
    let spki = key.public_key().spki_der();
    let tbs = sequence(&[&small_integer(serial), &algorithm, &empty, &empty, &empty, spki]);
    sequence(&[&tbs, &algorithm, &element(tag::BIT_STRING, &[&[0]])])
}

struct Notary {
    key: PrivateKey,
    certificate: Vec<u8>,
}

impl Notary {
    fn new() -> Self {
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let certificate = certificate(&key, 9);
        Self { key, certificate }
    }

    /// Signs a signature, with the attributes that it must have and these.
    fn counter_sign(&self, signature: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
        let digest = DigestAlgorithm::Sha256.digest(signature);
        let mut attributes =
            vec![attribute(oid::MESSAGE_DIGEST, &element(tag::OCTET_STRING, &[digest.as_ref()]))];
        attributes.extend_from_slice(more);
        let attributes = set_of(tag::SET, attributes);
        let algorithm = self.key.default_signature_algorithm();
        let value = self.key.sign(algorithm, &attributes).unwrap();
        let content = Slice::new(&attributes, 0).any().unwrap().content;
        sequence(&[
            &small_integer(1),
            &sequence(&[&sequence(&[]), &small_integer(9)]),
            &digest_der(DigestAlgorithm::Sha256),
            &element(tag::context(0), &[content]),
            &signature_der(algorithm).unwrap(),
            &element(tag::OCTET_STRING, &[&value]),
        ])
    }
}

fn attribute(id: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&oid::element(id), &element(tag::SET, &[value])])
}

fn children(whole: Tlv<'_>) -> Vec<Tlv<'_>> {
    let (mut slice, mut found) = (whole.children(), Vec::new());
    while !slice.is_empty() {
        found.push(slice.any().unwrap());
    }
    found
}

/// Signs content and returns the report of the message with unsigned attributes made of the signature.
fn signed_with(notary: &Notary, make: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> SignedReport {
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let signer = SignerKey::new(key.clone(), &certificate(&key, 7)).unwrap();
    let extra = [notary.certificate.clone()];
    let message = sign_attached(b"content", &[signer], &extra, &SignOptions::default()).unwrap();
    let info = children(Slice::new(&message, 0).any().unwrap());
    let data = children(children(info[1])[0]);
    let signer_info = children(children(data[4])[0]);
    let unsigned = make(signer_info[5].content);
    let mut fields: Vec<&[u8]> = signer_info.iter().map(|field| field.whole).collect();
    let unsigned = set_of(tag::context(1), unsigned);
    fields.push(&unsigned);
    let signer_infos = element(tag::SET, &[&sequence(&fields)]);
    let mut parts: Vec<&[u8]> = data.iter().map(|field| field.whole).collect();
    parts[4] = &signer_infos;
    let content = element(tag::context(0), &[&sequence(&parts)]);
    let (_, report) = verify_attached(&sequence(&[info[0].whole, &content])).unwrap();
    report
}

#[test]
fn signatures_over_signatures_are_checked() {
    let notary = Notary::new();
    let report = signed_with(&notary, |signature| {
        vec![attribute(oid::COUNTERSIGNATURE, &notary.counter_sign(signature, &[]))]
    });
    let signer = &report.signers[0];
    assert!(signer.is_sound(), "{signer:?}");
    let [counter] = signer.counter_signatures.as_slice() else { panic!("{signer:?}") };
    assert!(counter.is_sound(), "{counter:?}");
    assert_eq!(counter.certificate.as_ref(), Some(&notary.certificate));
    assert_eq!(signer.unsigned_attributes, ["countersignature"]);
}

#[test]
fn a_counter_signature_is_of_this_signature_and_of_no_content() {
    let notary = Notary::new();
    let content_type = attribute(oid::CONTENT_TYPE, &oid::element(oid::DATA));
    let of_other = |_: &[u8]| notary.counter_sign(b"another signature", &[]);
    let with_type =
        |signature: &[u8]| notary.counter_sign(signature, std::slice::from_ref(&content_type));
    let report = signed_with(&notary, |signature| {
        vec![attribute(oid::COUNTERSIGNATURE, &of_other(signature))]
    });
    let [counter] = report.signers[0].counter_signatures.as_slice() else { panic!("{report:?}") };
    assert!(matches!(counter.result, Err(Error::MessageDigest)), "{counter:?}");
    let report = signed_with(&notary, |signature| {
        vec![attribute(oid::COUNTERSIGNATURE, &with_type(signature))]
    });
    let [counter] = report.signers[0].counter_signatures.as_slice() else { panic!("{report:?}") };
    assert!(matches!(counter.result, Err(Error::SignedAttributes { .. })), "{counter:?}");
    assert!(report.signers[0].is_sound(), "nobody signed them, so they spoil nothing");
}

#[test]
fn broken_and_countless_unsigned_attributes_spoil_nothing() {
    let notary = Notary::new();
    let report = signed_with(&notary, |_| {
        vec![attribute(oid::COUNTERSIGNATURE, &sequence(&[])), element(tag::OCTET_STRING, &[b"x"])]
    });
    assert!(report.signers[0].is_sound(), "{report:?}");
    assert!(report.signers[0].counter_signatures.is_empty());
    let report = signed_with(&notary, |signature| {
        vec![attribute(oid::COUNTERSIGNATURE, &notary.counter_sign(signature, &[])); 100]
    });
    assert_eq!(report.signers[0].counter_signatures.len(), 4);
    assert_eq!(report.signers[0].unsigned_attributes.len(), 16);
}
