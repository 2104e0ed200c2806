//! What stands beside a signature and is not part of it: counter-signatures, times that cannot be.

use chancery_cms::{SignOptions, SignerKey, sign_attached};
use chancery_smime::Outcome;

use crate::{
    kinds::{element, mail},
    support::{AT, Party, open_as, open_at},
};

const CONTENT: &[u8] = b"Content-Type: text/plain\r\n\r\nhello\r\n";

/// countersignature (RFC 5652 section 11.4) and id-aa-timeStampToken (RFC 3161 appendix A).
const COUNTERSIGNATURE: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 6];
const TIME_STAMP: &[u8] = &[6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 0x10, 2, 14];

/// Splits what a DER element holds into elements.
fn children(whole: &[u8]) -> Vec<&[u8]> {
    let start = |bytes: &[u8]| match bytes[1] {
        length @ 0..=0x7f => (2, usize::from(length)),
        0x81 => (3, usize::from(bytes[2])),
        0x82 => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
        other => panic!("length {other:#x}"),
    };
    let mut rest = &whole[start(whole).0..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (head, length) = start(rest);
        found.push(&rest[..head + length]);
        rest = &rest[head + length..];
    }
    found
}

/// Returns a signature of Acme with what Acme itself signs of `counter_signed` beside it, and a time stamp.
fn with_counter_signature(acme: &Party, counter_signed: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let signer = SignerKey::new(acme.signing_key.clone(), acme.signing.der()).unwrap();
    let options =
        SignOptions { signing_time: Some(AT), domain_signature: true, ..SignOptions::default() };
    let der = sign_attached(CONTENT, &[signer], &[], &options).unwrap();
    let info = children(&der);
    let data = children(children(info[1])[0]);
    let signer_info = children(children(data[4])[0]);
    let [version, identifier, digest, _, algorithm, signature] = signer_info.as_slice() else {
        panic!("{} fields", signer_info.len())
    };
    let signature_itself = &signature[signature.len() - usize::from(signature[1])..];
    let default = acme.signing_key.default_signature_algorithm();
    let value = acme.signing_key.sign(default, &counter_signed(signature_itself)).unwrap();
    let value = element(4, &[&value]);
    let counter: [&[u8]; 5] = [version, identifier, digest, algorithm, &value];
    let attribute = |id: &[u8], value: &[u8]| element(0x30, &[id, &element(0x31, &[value])]);
    let unsigned = [
        attribute(COUNTERSIGNATURE, &element(0x30, &counter)),
        attribute(TIME_STAMP, &element(0x30, &[])),
    ];
    let unsigned = element(0xa1, &[&unsigned[0], &unsigned[1]]);
    let fields: Vec<&[u8]> = signer_info.iter().copied().chain([unsigned.as_slice()]).collect();
    let signer_infos = element(0x31, &[&element(0x30, &fields)]);
    let parts = [data[0], data[1], data[2], data[3], &signer_infos];
    element(0x30, &[info[0], &element(0xa0, &[&element(0x30, &parts)])])
}

#[test]
fn counter_signatures_are_told_and_wrong_ones_are_a_problem() {
    let (acme, globex) = (Party::acme(), Party::globex());
    for (is_right, problems) in [(true, &[][..]), (false, &["smime.counter_signature_bad"])] {
        let der = with_counter_signature(&acme, |signature| {
            if is_right { signature.to_vec() } else { b"another signature".to_vec() }
        });
        let message = mail("; smime-type=signed-data", &der);
        let opened = open_as(&globex, &message, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
        let mut codes = opened.codes();
        codes.retain(|code| *code != "smime.header_not_covered");
        assert_eq!(codes, problems, "{:#?}", opened.verdict.problems);
        let unsigned = &opened.verdict.signers[0].unsigned;
        assert_eq!(unsigned.attributes, ["countersignature", "time-stamp"]);
        let [counter] = unsigned.counter_signatures.as_slice() else { panic!("{unsigned:?}") };
        assert_eq!((counter.signature_ok, counter.why.is_none()), (is_right, is_right));
        assert_eq!(counter.fingerprint, acme.signing.fingerprint_sha256());
        let lines = unsigned.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].starts_with(&format!("counter-signed by {}", acme.signing.subject())));
    }
}

#[test]
fn a_time_of_signing_that_cannot_be_is_a_problem_and_no_more() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let signer = SignerKey::new(acme.signing_key.clone(), acme.signing.der()).unwrap();
    let day = 86_400;
    let (begins, ends) = (acme.signing.not_before(), acme.signing.not_after());
    assert!(begins - 2 * day > 0 && ends > AT + 2 * day);
    for (time, now, is_doubtful) in [
        (AT, AT, false),
        (begins, AT, false),
        (AT + day, AT, false),
        (AT + day + 1, AT, true),
        (2_500_000_000, AT, true),
        (begins - day - 1, AT, true),
        (978_307_200, AT, true),
        // The end of the certificate, seen from there; who looks later finds the certificate out of its time besides.
        (ends, ends, false),
        (ends + 1, ends, true),
    ] {
        let options = SignOptions {
            signing_time: Some(time),
            domain_signature: true,
            ..SignOptions::default()
        };
        let der = sign_attached(CONTENT, std::slice::from_ref(&signer), &[], &options).unwrap();
        let message = mail("; smime-type=signed-data", &der);
        let opened = open_at(&globex, &message, &vec![acme.anchor()], now);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{time}: {:#?}", opened.verdict);
        let is_named = |it: &chancery_smime::Problem| it.code == "smime.signing_time";
        assert_eq!(opened.verdict.problems.iter().any(is_named), is_doubtful, "{time}");
    }
}
