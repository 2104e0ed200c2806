//! Who may speak for which From: strangers, partners, ourselves, and those who pretend.

use chancery_cms::{SignOptions, SignerKey, sign_attached};
use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::{Organisation, issue};
use chancery_smime::{
    Anchor, ContentAlgorithm, Delivered, NoTrust, Outcome, Reach, SignerTrust, SignerVerdict,
};

use crate::{
    openssl::OpenSsl,
    support::{AT, MESSAGE, Party, open_as, open_at},
};

// --- Who may speak for whom ---

#[test]
fn a_stranger_is_unverified_and_delivered() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let opened = open_as(&globex, &wire, &NoTrust);
    assert_eq!(opened.verdict.result, Outcome::Unverified);
    assert_eq!(opened.codes(), ["smime.signer_unknown"]);
    assert_eq!(opened.verdict.signers[0].trust, SignerTrust::Stranger);
    assert_eq!(opened.bytes, MESSAGE);
}

#[test]
fn a_partner_does_not_speak_for_another_domain() {
    let (globex, initech) =
        (Party::globex(), Party::new("Initech", "initech.example", KeyKind::EcP256));
    let acme = Party::acme();
    // Initech signs what claims to be from Acme.
    let (wire, _) = initech.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let opened = open_as(&globex, &wire, &vec![acme.anchor(), initech.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unverified);
    assert_eq!(opened.codes(), ["smime.signer_mismatch"]);
    assert!(!opened.verdict.signers[0].speaks_for_from);
    assert_eq!(opened.verdict.signers[0].partner.as_deref(), Some("Initech"));
}

#[test]
fn a_partner_whose_card_lists_our_domain_does_not_speak_for_us() {
    let globex = Party::globex();
    let organisation = Organisation::new("Mallory", ["mallory.example", "globex.example"]).unwrap();
    let mut mallory = Party::new("Mallory", "mallory.example", KeyKind::EcP256);
    let authority = issue::Authority { key: &mallory.ca_key, certificate: &mallory.ca };
    mallory.signing = issue::organisation_signing(
        &organisation,
        &authority,
        mallory.signing_key.public_key(),
        AT - 10,
        [9; 20],
    )
    .unwrap();
    let anchor = Anchor {
        reach: Reach::Domains(vec!["mallory.example".into(), "globex.example".into()]),
        ..mallory.anchor()
    };
    let forged = b"From: boss@globex.example\r\n\r\npay\r\n";
    let (wire, _) = mallory.protect(forged, &globex, ContentAlgorithm::Aes256Gcm);
    let opened = open_as(&globex, &wire, &vec![anchor]);
    assert_eq!(opened.verdict.result, Outcome::Unverified, "{:#?}", opened.verdict);
    assert!(opened.codes().contains(&"smime.signer_mismatch"));
}

#[test]
fn our_own_anchor_speaks_for_us() {
    let globex = Party::globex();
    let own = Anchor { own: true, ..globex.anchor() };
    let internal = b"From: boss@globex.example\r\n\r\nhello\r\n";
    let (wire, _) = globex.protect(internal, &globex, ContentAlgorithm::Aes256Gcm);
    let opened = open_as(&globex, &wire, &vec![own]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert_eq!(opened.verdict.signers[0].trust, SignerTrust::Own);
}

#[test]
fn an_expired_certificate_is_told_as_such() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let three_years = 3 * 366 * 86_400;
    let opened = open_at(&globex, &wire, &vec![acme.anchor()], AT + three_years);
    assert_eq!(opened.verdict.result, Outcome::Unverified);
    assert_eq!(opened.codes(), ["smime.certificate_expired"]);
    assert_eq!(opened.verdict.signers[0].trust, SignerTrust::Expired);
}

#[test]
fn an_encryption_certificate_may_not_sign() {
    let (mut acme, globex) = (Party::acme(), Party::globex());
    acme.signing = acme.encryption.clone();
    acme.signing_key = acme.encryption_key.clone();
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unverified, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.path_failed"]);
}

#[test]
fn several_authors_need_a_signer_for_each() {
    let (acme, globex) = (Party::acme(), Party::globex());
    for (from, result) in [
        ("a@acme.example, b@acme.example", Outcome::Verified),
        ("a@acme.example, b@initech.example", Outcome::Unverified),
    ] {
        let original = format!("From: {from}\r\n\r\nx\r\n");
        let (wire, _) = acme.protect(original.as_bytes(), &globex, ContentAlgorithm::Aes256Gcm);
        let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, result, "{from}: {:#?}", opened.verdict);
        assert_eq!(opened.bytes, original.as_bytes());
    }
}

#[test]
fn a_classical_signer_and_one_with_ml_dsa_are_judged_each() {
    let globex = Party::globex();
    for kind in [KeyKind::Rsa2048, KeyKind::EcP256] {
        let acme = Party::new("Acme", "acme.example", kind);
        let quantum = PrivateKey::generate(KeyKind::MlDsa65).unwrap();
        let organisation = Organisation::new("Acme", ["acme.example"]).unwrap();
        let authority = issue::Authority { key: &acme.ca_key, certificate: &acme.ca };
        let certificate = issue::organisation_signing(
            &organisation,
            &authority,
            quantum.public_key(),
            AT - 10,
            [8; 20],
        )
        .unwrap();
        let keys = [
            SignerKey::new(acme.signing_key.clone(), acme.signing.der()).unwrap(),
            SignerKey::new(quantum, certificate.der()).unwrap(),
        ];
        let options = SignOptions { signing_time: Some(AT), ..SignOptions::default() };
        let der = sign_attached(b"Content-Type: text/plain\r\n\r\nhello\r\n", &keys, &[], &options);
        let der = der.unwrap();
        let open = |der: &[u8]| {
            let armor = base64_simd::STANDARD.encode_to_string(der);
            let message = format!(
                "From: joerg@acme.example\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n{armor}\r\n"
            );
            open_as(&globex, message.as_bytes(), &vec![acme.anchor()])
        };
        let opened = open(&der);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
        let signers = &opened.verdict.signers;
        assert!(signers.iter().all(|it| it.signature_ok && it.speaks_for_from), "{signers:#?}");
        let is_quantum = |it: &&SignerVerdict| it.algorithm == "ml-dsa-65";
        assert_eq!((signers.len(), signers.iter().filter(is_quantum).count()), (2, 1));
        // The signature of ML-DSA-65 has 3309 bytes.
        let place = der.windows(4).rposition(|it| it == [0x04, 0x82, 0x0c, 0xed]).unwrap();
        let mut torn = der;
        torn[place + 1000] ^= 1;
        let opened = open(&torn);
        assert_ne!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
        assert!(opened.codes().contains(&"smime.signers_disagree"), "{:?}", opened.codes());
        let signers = &opened.verdict.signers;
        assert!(!signers.iter().find(is_quantum).unwrap().signature_ok);
        assert!(signers.iter().find(|it| !is_quantum(it)).unwrap().signature_ok);
    }
}

// --- From inside and outside ---

#[test]
fn another_from_outside_is_noticed_and_the_inner_one_is_judged() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let wire = replaced(&wire, "<joerg@acme.example>", "<list@elsewhere.example>");
    let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.from_differs"]);
    assert_eq!(opened.verdict.from, ["joerg@acme.example"]);
    assert_eq!(opened.bytes, MESSAGE);
}

#[test]
fn nobody_replaces_from_who_may_not_speak_for_it() {
    let (globex, mallory) =
        (Party::globex(), Party::new("Mallory", "mallory.example", KeyKind::EcP256));
    let openssl = OpenSsl::new();
    let forged =
        b"Content-Type: message/rfc822; forwarded=no\r\n\r\nFrom: boss@acme.example\r\n\r\npay\r\n";
    let signed = openssl.sign(&mallory, &[], forged);
    for (what, entity) in [
        ("only encrypted", openssl.encrypt(&globex, &["-aes-256-gcm"], forged)),
        ("signed by a partner", openssl.encrypt(&globex, &["-aes-256-gcm"], &signed)),
    ] {
        let message = [b"From: m@mallory.example\r\n", &entity[..]].concat();
        let opened = open_as(&globex, &message, &vec![Party::acme().anchor(), mallory.anchor()]);
        assert_eq!(opened.verdict.from, ["m@mallory.example"], "{what}: {:#?}", opened.verdict);
        assert!(matches!(opened.delivered, Delivered::Rebuilt { .. }), "{what}");
        assert!(
            opened.text().starts_with("From: m@mallory.example\r\n"),
            "{what}: {}",
            opened.text()
        );
        assert!(opened.codes().contains(&"smime.from_differs"), "{what}: {:?}", opened.codes());
    }
}

fn replaced(message: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    assert!(text.contains(from), "{text}");
    text.replace(from, to).into_bytes()
}
