//! Reports about keys and certificates: which of several is taken, and whose mail it is.

use std::io::Cursor;

use chancery_crypto::KeyKind;
use chancery_pki::{Certificate, key_file};
use chancery_smime::{
    ContentAlgorithm, MemorySpools, OpenFacts, OpeningKey, Outcome, Permitted, RecipientKey,
    Source, Statement, Verdict, choose, open,
};
use rcgen::DnType;

use super::{ENTITY, FROM, assert_verified, body_of, mail};
use crate::{
    openssl::OpenSsl,
    support::{AT, MESSAGE, Party, mailbox, open_as, person},
};

/// Opens with several keys, in this order.
fn open_with(message: &[u8], keys: &[OpeningKey], from: &Party) -> (Verdict, Vec<u8>) {
    let facts = OpenFacts { at: AT, our_domains: &["globex.example".to_owned()] };
    let (mut spools, mut out) = (MemorySpools::new(1 << 20), Vec::new());
    let trust = vec![from.anchor()];
    let opened =
        open(&mut Cursor::new(message), keys, &trust, &facts, &mut spools, &mut out).unwrap();
    (opened.verdict, out)
}

#[test]
fn nextcloud_13479_groupoffice_1114_snappymail_259_openradar_6733_every_key_is_tried() {
    let acme = Party::acme();
    let terms = [KeyKind::EcP256, KeyKind::Rsa2048, KeyKind::EcP384]
        .map(|kind| Party::new("Globex", "globex.example", kind));
    for term in &terms {
        let (wire, _) = acme.protect(MESSAGE, term, ContentAlgorithm::Aes256Gcm);
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let keys = order.map(|number| terms[number].opening());
            let (verdict, out) = open_with(&wire, &keys, &acme);
            assert_eq!((verdict.result, out.as_slice()), (Outcome::Verified, MESSAGE), "{order:?}");
            let used = verdict.encryption.unwrap().recipient.unwrap();
            assert_eq!(used, term.encryption.fingerprint_sha256());
        }
    }
}

#[test]
fn nextcloud_10773_the_key_is_found_by_the_message_and_not_by_an_address() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    // As authorities issue them that know people by number: no address, neither in the name nor beside it.
    let (key, pem) = (openssl.file("n.key", b""), openssl.file("n.pem", b""));
    let request = ["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "9"];
    let names = ["-subj", "/CN=[EG] F12013577 RI-C16 0001", "-keyout", &key, "-out", &pem];
    openssl.run(&[&request[..], &names].concat(), b"");
    let certificate = Certificate::from_pem(&std::fs::read(&pem).unwrap()).unwrap();
    assert!(certificate.emails().is_empty());
    let signed = openssl.sign(&acme, &[], ENTITY);
    let armor = openssl.run(&["cms", "-encrypt", "-binary", "-aes256", &pem], &signed);
    let armor = body_of(&String::from_utf8(armor).unwrap().replace('\n', "\r\n").into_bytes());
    let message = format!(
        "{FROM}MIME-Version: 1.0\r\nContent-Type: application/x-pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{armor}"
    );
    let private = key_file::read(&std::fs::read(&key).unwrap()).unwrap();
    let opening = OpeningKey::new(private, certificate.der()).unwrap();
    let (verdict, out) = open_with(message.as_bytes(), &[globex.opening(), opening], &acme);
    assert_eq!(verdict.result, Outcome::Verified, "{verdict:#?}");
    assert!(out.ends_with(b"hello from the field\r\n"));
    // Who lacks the key is told whose it is, and not only that something was not found.
    let (verdict, out) = open_with(message.as_bytes(), &[globex.opening()], &acme);
    assert_eq!((verdict.result, out.len()), (Outcome::Undecipherable, 0));
    let told = verdict.problems.iter().find(|it| it.code == "smime.not_for_us").unwrap();
    assert!(told.text.contains("[EG] F12013577"), "{}", told.text);
}

#[test]
fn nextcloud_11592_nextcloud_7969_openradar_7019_a_verdict_brings_the_signers_certificate() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    // A person with one certificate for both, as most have it.
    let joerg = person(&acme, &[(DnType::CommonName, "J")], vec![mailbox("joerg@acme.example")]);
    let message = mail(&openssl.sign(&joerg, &[], ENTITY));
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    let [signer] = opened.verdict.signers.as_slice() else { panic!("{:?}", opened.verdict) };
    assert_eq!(signer.fingerprint, joerg.signing.fingerprint_sha256());
    // An organisation says by an attribute which one to encrypt to, and the certificate is in the message.
    let signer = acme.signer().announcing(acme.encryption.der());
    let signing =
        chancery_smime::Signing { signer: &signer, signing_time: AT, boundary_seed: b"x" };
    let mut out = Vec::new();
    chancery_smime::sign(&mut Cursor::new(MESSAGE), &signing, &mut out).unwrap();
    let opened = open_as(&globex, &out, &vec![acme.anchor()]);
    let told = opened.verdict.signers[0].encryption_certificate.as_deref();
    assert_eq!(told, Some(acme.encryption.der()));
    let to = RecipientKey::new(told.unwrap(), &[]).unwrap();
    assert_eq!(to.fingerprint(), acme.encryption.fingerprint_sha256());
}

#[test]
fn opaquemail_11_the_recipient_decides_about_the_cipher_and_not_the_sender() {
    let globex = Party::globex();
    for (ciphers, chosen) in [
        (&["aes128-cbc"][..], ContentAlgorithm::Aes128Cbc),
        (&["des-ede3-cbc", "aes128-cbc", "aes256-cbc"], ContentAlgorithm::Aes256Cbc),
        (&["aes128-gcm", "aes128-cbc"], ContentAlgorithm::Aes128Gcm),
    ] {
        let said = Statement::attribute(ciphers.iter().copied(), AT);
        let key = RecipientKey::new(globex.encryption.der(), &[said]).unwrap();
        let choice = choose(&[&key], &Permitted::default());
        assert_eq!((choice.cipher, choice.warning), (chosen, None), "{ciphers:?}");
    }
}

#[test]
fn stalwart_161_nobody_gets_gcm_who_did_not_say_that_he_reads_it() {
    // Of a certificate that does not say anything of the kind.
    let hank = person(&Party::globex(), &[(DnType::CommonName, "Hank")], Vec::new());
    let key = RecipientKey::new(hank.signing.der(), &[]).unwrap();
    let choice = choose(&[&key], &Permitted::default());
    assert_eq!(choice.cipher, ContentAlgorithm::Aes256Cbc, "{choice:#?}");
    assert_eq!(choice.recipients[0].source, Source::Default);
}

#[test]
fn cabforum_273_pkipolicy_127_a_gateways_address_speaks_for_nobody_else() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    // What organisations make do with, because no authority certifies a domain.
    for address in ["securemail@acme.example", "secure@acme.example", "*@acme.example"] {
        let gateway = person(&acme, &[(DnType::CommonName, "Gateway")], vec![mailbox(address)]);
        let opened =
            open_as(&globex, &mail(&openssl.sign(&gateway, &[], ENTITY)), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{address}: {:#?}", opened.verdict);
    }
    // RFC 3183 has a name for it, which counts for a partner's own domains alone.
    let authority = "domain-signing-authority@acme.example";
    let gateway = person(&acme, &[(DnType::CommonName, "Gateway")], vec![mailbox(authority)]);
    let message = mail(&openssl.sign(&gateway, &[], ENTITY));
    assert_verified(&open_as(&globex, &message, &vec![acme.anchor()]), authority);
    let mut elsewhere = person(&acme, &[], Vec::new());
    elsewhere.domain = "initech.example".to_owned();
    let opened = open_as(&globex, &message, &vec![elsewhere.anchor()]);
    assert_ne!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
}

#[test]
fn smilla_4_one_certificate_of_an_organisation_serves_all_its_people() {
    let (acme, globex) = (Party::acme(), Party::globex());
    for author in ["joerg@acme.example", "boss@acme.example", "\"a b\"@acme.example"] {
        let original = format!("From: {author}\r\nTo: hank@globex.example\r\n\r\nhello\r\n");
        let (wire, _) = acme.protect(original.as_bytes(), &globex, ContentAlgorithm::Aes256Gcm);
        let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{author}: {:#?}", opened.verdict);
        assert_eq!(opened.text(), original);
    }
}
