//! Signed receipts and labels: who is answered, and what a receipt proves.

use std::io::Cursor;

use chancery_mail::Address;
use chancery_smime::{
    Answer, MemorySpools, OpenFacts, Opened, Outcome, Trust, check_receipt, open,
};

use crate::{
    openssl::OpenSsl,
    support::{AT, Party, open_as},
};

const TEXT: &[u8] = b"Content-Type: text/plain\r\n\r\nPay to account 1.\r\n";
const ASKING: [&str; 3] = ["-receipt_request_all", "-receipt_request_to", "joerg@acme.example"];

fn mail(entity: &[u8]) -> Vec<u8> {
    [b"From: joerg@acme.example\r\nMIME-Version: 1.0\r\n", entity].concat()
}

fn opened(who: &Party, message: &[u8], trust: &dyn Trust) -> Opened {
    let our_domains = [who.domain.clone()];
    let facts = OpenFacts { at: AT, our_domains: &our_domains };
    let mut spools = MemorySpools::new(1 << 20);
    open(&mut Cursor::new(message), &[who.opening()], trust, &facts, &mut spools, &mut Vec::new())
        .unwrap()
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn check(receipt: &[u8], original: &[u8]) -> Result<(), &'static str> {
    let mut spools = MemorySpools::new(1 << 20);
    check_receipt(&mut Cursor::new(receipt), &mut Cursor::new(original), &[], &mut spools).unwrap()
}

#[test]
fn a_verified_request_is_answered_and_the_receipt_is_matched() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let original = mail(&openssl.sign(&acme, &ASKING, TEXT));
    let found = opened(&globex, &original, &vec![acme.anchor()]);
    let asked = match found.asked.as_slice() {
        [asked] => asked,
        other => panic!("{other:?}"),
    };
    let request = found.verdict.signers[0].services.receipt_request.as_ref().unwrap();
    assert_eq!((request.from[0].as_str(), request.to[0].as_str()), ("all", "joerg@acme.example"));
    assert_eq!(asked.to(), [address("joerg@acme.example")]);
    let from = address("hank@globex.example");
    assert_eq!(asked.excludes(&from), None);
    let answer = Answer {
        signer: &globex.signer(),
        signing_time: AT,
        from: &from,
        to: &asked.to()[0],
        message_id: "<r1@globex.example>",
    };
    let mut receipt = Vec::new();
    asked.answer(&answer, &mut receipt).unwrap();

    let judged = open_as(&acme, &receipt, &vec![globex.anchor()]);
    assert_eq!(judged.verdict.result, Outcome::Verified, "{:#?}", judged.verdict);
    assert_eq!(judged.verdict.form, "signed-data > receipt");
    assert_eq!(judged.verdict.receipt.unwrap().identifier, request.identifier);
    assert_eq!(check(&receipt, &original), Ok(()));
    let other = mail(&openssl.sign(&acme, &ASKING, b"Content-Type: text/plain\r\n\r\nother\r\n"));
    assert_eq!(check(&receipt, &other), Err("it answers another request"));
    assert_eq!(check(&original, &original), Err("the message is no signed receipt"));
    assert_eq!(
        check(&receipt, b"From: a@b.example\r\n\r\nhello"),
        Err("the message that it should be for is not signed")
    );
    // OpenSSL believes it too.
    let file = openssl.file("receipt.eml", &receipt);
    let ca = openssl.file("ca.pem", globex.ca.to_pem().as_bytes());
    openssl.run(
        &[
            "cms",
            "-verify_receipt",
            &file,
            "-CAfile",
            &ca,
            "-purpose",
            "any",
            "-attime",
            "1795000000",
        ],
        &original,
    );
}

#[test]
fn openssl_s_receipt_is_read() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let original = mail(&openssl.sign(&acme, &[&["-nodetach"][..], &ASKING].concat(), TEXT));
    let signer = openssl.file("s.pem", globex.signing.to_pem().as_bytes());
    let key = chancery_pki::key_file::write(&globex.signing_key).unwrap();
    let key = openssl.file("s.key", key.as_bytes());
    let receipt =
        openssl.run(&["cms", "-sign_receipt", "-signer", &signer, "-inkey", &key], &original);
    let receipt = [b"From: hank@globex.example\r\n", receipt.as_slice()].concat();
    let judged = open_as(&acme, &receipt, &vec![globex.anchor()]);
    assert_eq!(judged.verdict.result, Outcome::Verified, "{:#?}", judged.verdict);
    assert!(judged.verdict.receipt.is_some());
    assert_eq!(check(&receipt, &original), Ok(()));
}

#[test]
fn what_is_not_verified_asks_in_vain() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let entity = openssl.sign(&acme, &ASKING, TEXT);
    let good = mail(&entity);
    assert_eq!(opened(&globex, &good, &vec![acme.anchor()]).asked.len(), 1);
    let changed = String::from_utf8(good.clone()).unwrap().replace("account 1", "account 2");
    let spoofed = String::from_utf8(good.clone()).unwrap().replace("joerg@", "joerg@evil.");
    let partly = [
        b"From: joerg@acme.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
        entity.as_slice(),
        b"\r\n--x\r\n\r\nfooter\r\n--x--\r\n",
    ]
    .concat();
    for message in [changed.as_bytes(), spoofed.as_bytes(), &partly] {
        let found = opened(&globex, message, &vec![acme.anchor()]);
        assert_ne!(found.verdict.result, Outcome::Verified);
        assert!(found.asked.is_empty());
    }
    assert!(opened(&globex, &good, &Vec::new()).asked.is_empty(), "a stranger asks");
    let silent = mail(&openssl.sign(&acme, &[], TEXT));
    assert!(opened(&globex, &silent, &vec![acme.anchor()]).asked.is_empty());
}

#[test]
fn only_who_is_asked_answers() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let options = [
        "-receipt_request_from",
        "hank@globex.example",
        "-receipt_request_to",
        "joerg@acme.example",
    ];
    let message = mail(&openssl.sign(&acme, &options, TEXT));
    let found = opened(&globex, &message, &vec![acme.anchor()]);
    assert_eq!(found.asked[0].excludes(&address("hank@GLOBEX.example")), None);
    let why = found.asked[0].excludes(&address("ann@globex.example"));
    assert_eq!(why, Some("only others shall answer"));
}
