//! OCSP: who may respond, when a response counts, and what it says beside a list.

use chancery_crypto::{DigestAlgorithm, KeyKind, PrivateKey};
use chancery_fault::Coded;

use super::make::{self, AT, Authority, DAY, Response, extension};
use crate::Certificate;
use crate::name::DistinguishedName;
use crate::revocation::cursor::{OBJECT_IDENTIFIER, element};
use crate::revocation::{
    Answer, Evidence, IssuerOnly, Nonce, OcspRequest, OcspResponse, Question, Reason, Rule,
    Settings, SignerRole, Signers, Status, status,
};

/// Trusts responders, and writes down whether their certificates say that they are not to be checked.
#[derive(Default)]
struct Trusting(Vec<bool>);

impl Signers for Trusting {
    fn named(&mut self, _: &DistinguishedName) -> Vec<Certificate> {
        Vec::new()
    }

    fn is_authority(&mut self, _: &Certificate) -> bool {
        true
    }

    fn trusts(&mut self, _: &Certificate, role: SignerRole) -> bool {
        let SignerRole::OcspResponder { no_check } = role else { return false };
        self.0.push(no_check);
        true
    }
}

fn ask(authority: &Authority, responses: &[&Response]) -> Answer {
    ask_with(authority, responses, &[], &Settings::default(), &mut IssuerOnly)
}

fn ask_with(
    authority: &Authority,
    responses: &[&Response],
    lists: &[make::List],
    settings: &Settings,
    signers: &mut dyn Signers,
) -> Answer {
    let mut evidence = Evidence::new();
    for response in responses {
        evidence.add_response(&response.read());
    }
    evidence.extend(lists.iter().map(make::List::read));
    let certificate = &authority.user(&[]);
    let issuer = &authority.certificate;
    let evidence = &evidence;
    status(&Question { certificate, issuer, evidence, settings, at: AT }, signers)
}

/// Makes a responder under an authority, with these extensions.
fn responder(authority: &Authority, extensions: &[Vec<u8>]) -> (PrivateKey, Certificate) {
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let certificate = authority.certify(7, key.public_key().spki_der(), extensions);
    (key, certificate)
}

fn signing_usage() -> Vec<u8> {
    let usage = element(OBJECT_IDENTIFIER, &[0x2b, 6, 1, 5, 5, 7, 3, 9]);
    extension(&[0x55, 0x1d, 37], false, &element(0x30, &usage))
}

#[test]
fn the_authority_itself_responds() {
    let acme = Authority::new("Acme");
    for digest in [DigestAlgorithm::Sha1, DigestAlgorithm::Sha256, DigestAlgorithm::Sha384] {
        let good = acme.response(digest);
        let answer = ask(&acme, &[&good]);
        assert!(
            matches!(answer.status, Status::Good { until, .. } if until == AT + 6 * DAY),
            "{answer:#?}"
        );
        assert!(answer.steps.iter().all(|step| step.holds));
        assert!(ask(&acme, &[&good.clone().by_key()]).status.is_good());
        let answer = ask(&acme, &[&good.clone().revoked(AT - DAY, Some(1))]);
        let Status::Revoked { reason, since, .. } = answer.status else { panic!("{answer:#?}") };
        assert_eq!((reason, since), (Reason::KeyCompromise, AT - DAY));
        assert!(ask(&acme, &[&good.clone().unknown()]).status.is_unknown());
    }
    assert_eq!(
        ask(&acme, &[&acme.response(DigestAlgorithm::Sha1)]).steps.last().unwrap().to_string(),
        "the response of <CN=Acme> of 2026-05-31T12:00:00Z says that the certificate is good (RFC 6960 section 2.2)"
    );
}

#[test]
fn a_response_about_another_certificate_says_nothing() {
    let (acme, other) = (Authority::new("Acme"), Authority::new("Acme"));
    let (sha1, md5) = (DigestAlgorithm::Sha1, element(OBJECT_IDENTIFIER, &[0x2b, 14, 3, 2, 99]));
    // The same name and serial number, and another key; another serial number; a digest that nobody knows.
    for response in
        [other.response(sha1), acme.response(sha1).about(9), acme.response(sha1).named_by(&md5)]
    {
        let answer = ask(&acme, &[&response]);
        assert_eq!(
            answer.status,
            Status::Unknown { why: "there is no list of its issuer".to_owned() }
        );
    }
}

#[test]
fn the_authority_may_make_others_responders() {
    let (acme, other) = (Authority::new("Acme"), Authority::new("Other"));
    let no_check = extension(&[0x2b, 6, 1, 5, 5, 7, 48, 1, 5], false, &[5, 0]);
    let any_usage = element(OBJECT_IDENTIFIER, &[0x55, 0x1d, 37, 0]);
    let any_usage = extension(&[0x55, 0x1d, 37], false, &element(0x30, &any_usage));
    let encrypting = extension(&[0x55, 0x1d, 15], true, &[3, 2, 5, 0x20]);
    for (authority, extensions, is_good) in [
        (&acme, vec![signing_usage()], true),
        (&acme, vec![signing_usage(), no_check], true),
        (&acme, vec![], false),
        (&acme, vec![any_usage], false),
        (&acme, vec![signing_usage(), encrypting], false),
        (&other, vec![signing_usage()], false),
    ] {
        let (key, certificate) = responder(authority, &extensions);
        let response = acme.response(DigestAlgorithm::Sha256).made_by(&key, &certificate);
        let mut signers = Trusting::default();
        let settings = Settings::default();
        let answer = ask_with(&acme, &[&response], &[], &settings, &mut signers);
        assert_eq!(answer.status.is_good(), is_good, "{answer:#?}");
        assert_eq!(answer.fails(Rule::Responder), !is_good);
        let asked: &[bool] = if is_good { &[extensions.len() == 2] } else { &[] };
        assert_eq!(signers.0, asked, "whoever cannot be a responder is not looked at further");
        // Without a valid path of its own it is nobody.
        assert!(ask(&acme, &[&response]).status.is_unknown());
        // A setting can make anybody a responder.
        let settings = Settings { responders: vec![certificate], ..Settings::default() };
        let answer = ask_with(&acme, &[&response], &[], &settings, &mut IssuerOnly);
        assert!(answer.status.is_good(), "{answer:#?}");
    }
}

#[test]
fn a_delegate_of_another_key_of_the_same_name_is_none() {
    let (acme, impostor) = (Authority::new("Acme"), Authority::new("Acme"));
    let (key, certificate) = responder(&impostor, &[signing_usage()]);
    let response = acme.response(DigestAlgorithm::Sha256).made_by(&key, &certificate);
    let answer = ask_with(&acme, &[&response], &[], &Settings::default(), &mut Trusting::default());
    assert!(answer.status.is_unknown() && answer.fails(Rule::Responder), "{answer:#?}");
    // Nor does a good responder's certificate lend itself to somebody else's signature.
    let (_, certificate) = responder(&acme, &[signing_usage()]);
    let response = acme.response(DigestAlgorithm::Sha256).made_by(&key, &certificate);
    let answer = ask_with(&acme, &[&response], &[], &Settings::default(), &mut Trusting::default());
    assert!(answer.status.is_unknown() && answer.fails(Rule::ResponseSignature), "{answer:#?}");
}

#[test]
fn an_old_response_cannot_be_replayed() {
    let acme = Authority::new("Acme");
    let good = acme.response(DigestAlgorithm::Sha256);
    let old = good.clone().dated(AT - 9 * DAY, Some(AT - DAY));
    let answer = ask(&acme, &[&old]);
    assert!(answer.status.is_unknown() && answer.fails(Rule::ResponseCurrent));
    // Without an end it is good for a day.
    assert!(ask(&acme, &[&good.clone().dated(AT - DAY, None)]).status.is_good());
    assert!(ask(&acme, &[&good.clone().dated(AT - DAY - 1, None)]).status.is_unknown());
    // One that still counts by its dates does not win over a newer one.
    let revoked = good.clone().dated(AT - 60, Some(AT + DAY)).revoked(AT - 120, Some(1));
    assert!(ask(&acme, &[&good, &revoked]).status.is_revoked());
    assert!(ask(&acme, &[&revoked, &good]).status.is_revoked());
    // Nor is it one to another request.
    let (user, issuer) = (acme.user(&[]), &acme.certificate);
    let request = |nonce| OcspRequest::new(&user, issuer, DigestAlgorithm::Sha256, nonce).unwrap();
    let fresh = good.clone().with_nonce(&[7; 32]);
    for (nonce, response, is_taken) in [
        (Nonce::Absent, &good, true),
        (Nonce::Absent, &fresh, true),
        (Nonce::Preferred([7; 32]), &fresh, true),
        (Nonce::Preferred([7; 32]), &good, true),
        (Nonce::Preferred([8; 32]), &fresh, false),
        (Nonce::Required([7; 32]), &fresh, true),
        (Nonce::Required([7; 32]), &good, false),
        (Nonce::Absent, &good.clone().about(9), false),
    ] {
        let accepted = request(nonce).accept(response.der());
        assert_eq!(accepted.is_ok(), is_taken, "{accepted:?}");
        assert!(accepted.is_ok_and(|_| true) || !is_taken);
    }
}

#[test]
fn a_response_and_a_list_are_weighed_against_each_other() {
    let acme = Authority::new("Acme");
    let good = acme.response(DigestAlgorithm::Sha1);
    let newer = good.clone().dated(AT - 60, Some(AT + DAY));
    let older = good.clone().dated(AT - 3 * DAY, Some(AT + DAY));
    let hold = |response: &Response| response.clone().revoked(AT - 4 * DAY, Some(6));
    let list = acme.list(1);
    for (response, list, is_good) in [
        (&newer, list.clone(), true),
        (&older, list.clone(), true),
        // Compromised is compromised, whatever was said later.
        (&newer, list.clone().revoke(2, 1), false),
        (&older, list.clone().revoke(2, 1), false),
        (&older.clone().revoked(AT - 4 * DAY, Some(1)), list.clone(), false),
        // A hold ends when somebody says so later.
        (&newer, list.clone().revoke(2, 6), true),
        (&older, list.clone().revoke(2, 6), false),
        (&hold(&older), list.clone(), true),
        (&hold(&newer), list.clone(), false),
        // What cannot be used does not count.
        (&newer.clone().with_bad_signature(), list.clone(), true),
        (&newer.clone().with_bad_signature(), list.clone().revoke(2, 6), false),
        (&newer, list.clone().with_bad_signature(), true),
        (&newer.clone().unknown(), list.clone(), true),
    ] {
        let answer = ask_with(&acme, &[response], &[list], &Settings::default(), &mut IssuerOnly);
        assert_eq!(answer.status.is_good(), is_good, "{answer:#?}");
        assert!(!answer.status.is_unknown());
    }
}

#[test]
fn critical_extensions_that_are_unknown_make_a_response_useless() {
    let acme = Authority::new("Acme");
    let good = acme.response(DigestAlgorithm::Sha1);
    let unknown = |critical| extension(&[0x2b, 6, 1, 5, 5, 7, 48, 1, 99], critical, &[5, 0]);
    for (response, is_good) in [
        (good.clone().with_extension(unknown(true)), false),
        (good.clone().with_extension(unknown(false)), true),
        (good.clone().with_single_extension(unknown(true)), false),
        (good.clone().with_single_extension(unknown(false)), true),
    ] {
        let answer = ask(&acme, &[&response]);
        assert_eq!(answer.status.is_good(), is_good, "{answer:#?}");
        assert_eq!(answer.fails(Rule::CriticalExtension), !is_good);
    }
}

#[test]
fn what_is_no_response_is_not_read() {
    let der = Authority::new("Acme").response(DigestAlgorithm::Sha1).with_nonce(&[1; 32]).der();
    for length in 0..der.len() {
        assert!(OcspResponse::from_der(der[..length].to_vec()).is_err(), "{length}");
    }
    assert!(OcspResponse::from_der([der.as_slice(), &[0]].concat()).is_err());
    for (status, code) in
        [(1, "pki.ocsp.responder"), (3, "pki.ocsp.responder"), (4, "pki.malformed")]
    {
        let error = OcspResponse::from_der(vec![0x30, 3, 0x0a, 1, status]).unwrap_err();
        assert_eq!(error.code().id, code, "{error}");
    }
}

#[test]
fn a_request_can_be_asked_in_an_address() {
    let acme = Authority::new("Acme");
    let (user, issuer) = (acme.user(&[]), &acme.certificate);
    let request = |digest, nonce| OcspRequest::new(&user, issuer, digest, nonce).unwrap();
    let url =
        request(DigestAlgorithm::Sha1, Nonce::Absent).url("http://ocsp.acme.example/").unwrap();
    let path = url.strip_prefix("http://ocsp.acme.example/").unwrap();
    assert!(
        path.starts_with("ME")
            && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%')
    );
    let long = request(DigestAlgorithm::Sha512, Nonce::Required([1; 32]));
    assert_eq!(long.url("http://ocsp.acme.example/"), None);
    assert!(OcspRequest::new(&user, issuer, DigestAlgorithm::Md5, Nonce::Absent).is_err());
}
