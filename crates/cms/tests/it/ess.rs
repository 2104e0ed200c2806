//! Enhanced security services: openssl asks, answers and checks, and so do we.

use chancery_cms::{
    Receipt, ReceiptRequest, ReceiptsFrom, SecurityLabel, SignOptions, sign_attached, sign_receipt,
    verify_attached,
};

use crate::openssl::{Person, Workshop};

const CONTENT: &[u8] = b"Content-Type: text/plain\r\n\r\nHello\r\n";

fn people(workshop: &Workshop) -> [Person; 2] {
    [workshop.person("alice", "rsa:2048"), workshop.person("bob", "ec:P-256")]
}

fn request() -> ReceiptRequest {
    ReceiptRequest {
        identifier: b"message 1".to_vec(),
        from: ReceiptsFrom::All,
        to: vec!["alice@acme.example".into()],
    }
}

fn asking(person: &Person) -> Vec<u8> {
    let options = SignOptions { receipt_request: Some(request()), ..SignOptions::default() };
    sign_attached(CONTENT, &[person.signer()], &[], &options).unwrap()
}

#[test]
fn openssl_answers_our_request_and_we_find_that_it_fits() {
    let workshop = Workshop::new();
    let [alice, bob] = people(&workshop);
    let original = asking(&alice);
    workshop.write("original.der", &original);
    let told = workshop.run(
        "cms -verify -inform DER -in original.der -CAfile alice.crt -purpose any -receipt_request_print -out content",
    );
    assert!(told.contains("alice@acme.example") && told.contains("All"), "{told}");
    workshop.run(
        "cms -sign_receipt -inform DER -in original.der -signer bob.crt -inkey bob.key -outform DER -out receipt.der",
    );
    let (content, report) = verify_attached(&workshop.read("receipt.der")).unwrap();
    assert_eq!(report.content_type, "receipt");
    let signer = &report.signers[0];
    assert!(signer.is_sound() && signer.certificate.as_ref() == Some(&bob.certificate));
    let receipt = Receipt::from_der(&content).unwrap();
    let (_, ours) = verify_attached(&original).unwrap();
    assert_eq!(receipt.check(signer, &ours.signers[0]), Ok(()));
    // Another message with the same identifier.
    let (_, other) = verify_attached(&asking(&bob)).unwrap();
    assert_eq!(receipt.check(signer, &other.signers[0]), Err("it confirms another signature"));
    let silent = sign_attached(CONTENT, &[alice.signer()], &[], &SignOptions::default()).unwrap();
    let (_, silent) = verify_attached(&silent).unwrap();
    assert_eq!(
        receipt.check(signer, &silent.signers[0]),
        Err("the message did not ask for a receipt")
    );
}

#[test]
fn we_answer_openssl_s_request_and_it_finds_that_it_fits() {
    let workshop = Workshop::new();
    let [_, bob] = people(&workshop);
    workshop.write("content", CONTENT);
    for (options, from) in [
        ("-receipt_request_all", ReceiptsFrom::All),
        ("-receipt_request_first", ReceiptsFrom::FirstTier),
        (
            "-receipt_request_from bob@globex.example",
            ReceiptsFrom::List(vec!["bob@globex.example".into()]),
        ),
    ] {
        workshop.run(&format!(
            "cms -sign -binary -nodetach -in content -signer alice.crt -inkey alice.key -outform DER -out original.der \
             {options} -receipt_request_to alice@acme.example"
        ));
        let (_, report) = verify_attached(&workshop.read("original.der")).unwrap();
        let asked = report.signers[0].services.receipt_request.clone().unwrap();
        assert_eq!((asked.from, asked.to), (from, vec!["alice@acme.example".to_owned()]));
        let receipt = sign_receipt(
            &report.signers[0],
            &[bob.signer()],
            &[],
            &SignOptions { signing_time: Some(1_790_000_000), ..SignOptions::default() },
        );
        workshop.write("receipt.der", &receipt.unwrap());
        let check = "cms -verify_receipt receipt.der -rctform DER -inform DER -in original.der -CAfile bob.crt -purpose any";
        workshop.run(check);
        // It is a receipt for this signature and no other.
        workshop.run(&format!(
            "cms -sign -binary -nodetach -in content -signer bob.crt -inkey bob.key -outform DER -out original.der \
             {options} -receipt_request_to alice@acme.example"
        ));
        workshop.attempt(check).unwrap_err();
    }
}

#[test]
fn nothing_is_confirmed_that_is_not_right_or_not_asked_for() {
    let workshop = Workshop::new();
    let [alice, bob] = people(&workshop);
    let confirm = |message: &[u8]| {
        let (_, report) = verify_attached(message).unwrap();
        sign_receipt(&report.signers[0], &[bob.signer()], &[], &SignOptions::default())
    };
    let silent = sign_attached(CONTENT, &[alice.signer()], &[], &SignOptions::default()).unwrap();
    confirm(&silent).unwrap_err();
    let mut changed = asking(&alice);
    confirm(&changed).unwrap();
    let at = changed.windows(5).position(|it| it == b"Hello").unwrap();
    changed[at] = b'J';
    confirm(&changed).unwrap_err();
}

#[test]
fn a_label_goes_with_a_signature_that_openssl_verifies() {
    let workshop = Workshop::new();
    let [alice, _] = people(&workshop);
    let label = SecurityLabel {
        policy: "1.2.3.4".into(),
        classification: Some(3),
        privacy_mark: Some("eyes only".into()),
        categories: Vec::new(),
    };
    let options = SignOptions { label: Some(label.clone()), ..SignOptions::default() };
    let message = sign_attached(CONTENT, &[alice.signer()], &[], &options).unwrap();
    workshop.write("message.der", &message);
    workshop
        .run("cms -verify -inform DER -in message.der -CAfile alice.crt -purpose any -out content");
    let printed = workshop.run("cms -cmsout -print -inform DER -in message.der -noout");
    assert!(printed.contains("eyes only") && printed.contains("securityLabel"), "{printed}");
    let (_, report) = verify_attached(&message).unwrap();
    assert_eq!(report.signers[0].services.label, Some(label));
}
