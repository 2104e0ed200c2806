//! Attributes of enhanced security services as others write them, and as nobody should.

use proptest::prelude::*;

use super::*;
use crate::tlv::set_of;

fn taken(id: &[u8], values: &[Vec<u8>]) -> Services {
    let mut services = Services::default();
    services.take(id, Slice::new(&values.concat(), 0));
    services
}

fn policy(numbers: &str) -> Vec<u8> {
    element(tag::OID, &[&oid::from_numbers(numbers).unwrap()])
}

#[test]
fn a_label_is_read_in_any_order_with_its_categories() {
    // RFC 2634 section 3.2: SecurityCategory is { type [0] OID, value [1] ANY }.
    let category = sequence(&[
        &element(tag::implicit(0), &[&oid::from_numbers("1.2.3.9").unwrap()]),
        &element(tag::context(1), &[&element(UTF8_STRING, &[b"x"])]),
    ]);
    let categories = element(tag::SET, &[&category]);
    let (mark, class) = (element(PRINTABLE_STRING, &[b"EYES ONLY"]), integer(3));
    for fields in [
        [&class, &policy("1.2.3"), &mark, &categories],
        [&categories, &mark, &policy("1.2.3"), &class],
    ] {
        let label = element(tag::SET, &fields.map(Vec::as_slice));
        let label = taken(oid::SECURITY_LABEL, &[label]).label.unwrap();
        assert_eq!(label.classification, Some(3));
        assert_eq!(
            label.to_string(),
            "confidential by policy 1.2.3, marked \"EYES ONLY\", categories 1.2.3.9"
        );
    }
}

#[test]
fn equivalent_labels_and_lists_are_read() {
    let one = element(tag::SET, &[&integer(60_000), &policy("1.2.3")]);
    let two = element(tag::SET, &[&policy("2.999.1")]);
    let services = taken(oid::EQUIVALENT_LABELS, &[sequence(&[&one, &two])]);
    let texts: Vec<String> = services.equivalent_labels.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["classification 60000 by policy 1.2.3", "no classification by policy 2.999.1"]
    );

    let list = |more: &[u8]| {
        sequence(&[
            &element(tag::OCTET_STRING, &[&[0xab; 4]]),
            &element(tag::GENERALIZED_TIME, &[b"20261121100000Z"]),
            more,
        ])
    };
    let none = element(tag::implicit(0), &[]);
    let services = taken(oid::LIST_EXPANSION, &[sequence(&[&list(&[]), &list(&none)])]);
    let [first, second] = services.list_expansions.as_slice() else { panic!("two lists") };
    assert_eq!((first.list.as_str(), first.time), ("abababab", Some(1_795_255_200)));
    assert!(!first.changes_receipts && second.changes_receipts);
}

#[test]
fn what_is_written_is_read() {
    let label = SecurityLabel {
        policy: "1.2.840.99".into(),
        classification: Some(4),
        privacy_mark: Some("nur f\u{fc}r uns".into()),
        categories: Vec::new(),
    };
    assert_eq!(taken(oid::SECURITY_LABEL, &[label.to_der().unwrap()]).label, Some(label.clone()));
    assert_eq!(SecurityLabel { policy: "secret".into(), ..label }.to_der(), None);
    for from in [
        ReceiptsFrom::All,
        ReceiptsFrom::FirstTier,
        ReceiptsFrom::List(vec!["a@b.example".into(), "c@d.example".into()]),
    ] {
        let request =
            ReceiptRequest { identifier: vec![1, 2], from, to: vec!["e@f.example".into()] };
        let found = taken(oid::RECEIPT_REQUEST, &[request.to_der()]);
        assert_eq!(found.receipt_request, Some(request));
    }
}

#[test]
fn what_is_broken_is_named_and_counts_as_nothing() {
    let label = element(tag::SET, &[&policy("1.2.3")]);
    for values in [
        vec![],
        vec![label.clone(), label.clone()],
        vec![element(tag::SET, &[])],
        vec![element(tag::SET, &[&policy("1.2.3"), &policy("1.2.4")])],
        vec![element(tag::SET, &[&policy("1.2.3"), &element(UTF8_STRING, &[b"\xff"])])],
        vec![sequence(&[&policy("1.2.3")])],
        vec![vec![tag::SET, 0x82]],
    ] {
        let services = taken(oid::SECURITY_LABEL, &values);
        assert_eq!(services.unreadable, ["security label"], "{values:?}");
    }
    let mut twice = Services::default();
    twice.take(oid::SECURITY_LABEL, Slice::new(&label, 0));
    twice.take(oid::SECURITY_LABEL, Slice::new(&label, 0));
    assert_eq!(twice.unreadable, ["security label"]);
    let many = sequence(&vec![label.as_slice(); MAX_LIST + 1]);
    assert_eq!(taken(oid::EQUIVALENT_LABELS, &[many]).unreadable, ["equivalent labels"]);
}

proptest! {
    #[test]
    fn rubbish_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), nested in any::<bool>()) {
        let value = if nested { set_of(tag::SET, vec![policy("1.2.3"), bytes]) } else { bytes };
        for id in [oid::RECEIPT_REQUEST, oid::SECURITY_LABEL, oid::EQUIVALENT_LABELS, oid::LIST_EXPANSION, oid::MESSAGE_SIGNATURE_DIGEST] {
            taken(id, std::slice::from_ref(&value));
        }
    }
}
