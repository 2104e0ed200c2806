//! Tests of what is refused; what is issued is judged by OpenSSL in `tests/it/openssl.rs`.

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_fault::Coded;

use crate::issue::{self, Authority, Organisation};
use crate::{Certificate, Error};

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;
const TEN_YEARS: i64 = 10 * 365 * 86_400;

fn acme() -> (Organisation, PrivateKey, Certificate) {
    let organisation = Organisation::new("Acme", ["acme.example"]).unwrap();
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let ca = issue::ca(&organisation, &key, AT, [1; 20]).unwrap();
    (organisation, key, ca)
}

fn reason(result: Result<Certificate, Error>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.code().id, "pki.request");
    error.to_string()
}

#[test]
fn organisations_need_a_name_and_real_domains() {
    for domains in [
        vec![],
        vec!["Acme.example"],
        vec!["acme"],
        vec!["acme..example"],
        vec!["acme.example."],
        vec!["a b.example"],
    ] {
        assert!(Organisation::new("Acme", domains.clone()).is_err(), "{domains:?}");
    }
    for name in ["", "  ", "a\nb", &"x".repeat(65)] {
        assert!(Organisation::new(name, ["acme.example"]).is_err(), "{name:?}");
    }
    assert!(Organisation::new("Söhne & Töchter, \"+\" GmbH", ["xn--bcher-kva.example"]).is_ok());
}

#[test]
fn a_certificate_does_not_outlive_its_authority() {
    let (organisation, key, ca) = acme();
    let authority = Authority { key: &key, certificate: &ca };
    let late = AT + TEN_YEARS - 86_400;
    let text = reason(issue::organisation_signing(
        &organisation,
        &authority,
        key.public_key(),
        late,
        [2; 20],
    ));
    assert!(text.contains("outlive"), "{text}");
}

#[test]
fn a_renewed_authority_vouches_for_what_the_old_one_signed_and_the_other_way_round() {
    let (organisation, key, ca) = acme();
    let later = AT + TEN_YEARS - 86_400;
    let renewed = issue::renewed_ca(&ca, &key, later, [9; 20]).unwrap();
    assert_eq!((renewed.subject(), renewed.spki()), (ca.subject(), ca.spki()));
    assert!(renewed.not_after() > ca.not_after());
    let issued = |certificate, at, serial| {
        let authority = Authority { key: &key, certificate };
        issue::organisation_signing(&organisation, &authority, key.public_key(), at, serial)
            .unwrap()
    };
    let (old, new) = (issued(&ca, AT, [2; 20]), issued(&renewed, later, [3; 20]));
    for (certificate, anchor, at) in
        [(&old, &ca, AT + 1), (&new, &renewed, later + 1), (&new, &ca, later + 1)]
    {
        let anchors = std::slice::from_ref(anchor);
        let verdict = crate::path::check(certificate, &[], anchors, crate::Purpose::SmimeSign, at);
        assert!(verdict.is_trusted(), "{:?}", verdict.failures);
    }
    let other = PrivateKey::generate(KeyKind::EcP256).unwrap();
    assert!(issue::renewed_ca(&ca, &other, later, [9; 20]).is_err());
    assert!(issue::renewed_ca(&old, &key, later, [9; 20]).is_err());
}

#[test]
fn only_the_authority_issues() {
    let (organisation, key, ca) = acme();
    let other = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let wrong_key = Authority { key: &other, certificate: &ca };
    let text = reason(issue::organisation_signing(
        &organisation,
        &wrong_key,
        key.public_key(),
        AT,
        [2; 20],
    ));
    assert!(text.contains("does not belong"), "{text}");
    assert!(issue::crl(&wrong_key, &[], AT, AT + 1, 1).is_err());

    let authority = Authority { key: &key, certificate: &ca };
    let gateway =
        issue::organisation_signing(&organisation, &authority, other.public_key(), AT, [2; 20])
            .unwrap();
    let not_ca = Authority { key: &other, certificate: &gateway };
    let text =
        reason(issue::organisation_signing(&organisation, &not_ca, key.public_key(), AT, [3; 20]));
    assert!(text.contains("not an authority"), "{text}");
    assert!(issue::crl(&not_ca, &[], AT, AT + 1, 1).is_err());
}

#[test]
fn a_key_that_only_signs_gets_no_encryption_certificate() {
    let (organisation, key, ca) = acme();
    let authority = Authority { key: &key, certificate: &ca };
    let signer = PrivateKey::generate(KeyKind::Ed25519).unwrap();
    let result =
        issue::organisation_encryption(&organisation, &authority, signer.public_key(), AT, [2; 20]);
    assert!(reason(result).contains("cannot encrypt"));
}

#[test]
fn serial_numbers_are_positive_and_have_20_octets() {
    let (organisation, key, _) = acme();
    for random in [[0; 20], [0xff; 20], [0x7f; 20], [0x80; 20]] {
        let ca = issue::ca(&organisation, &key, AT, random).unwrap();
        assert_eq!(ca.serial().len(), 20);
        assert!(ca.serial()[0] < 0x80 && ca.serial()[0] != 0);
    }
}

#[test]
fn a_long_domain_list_is_read_back_whole() {
    let domains: Vec<String> =
        (0..400).map(|number| format!("host-{number}.acme.example")).collect();
    let organisation = Organisation::new("Acme", domains.clone()).unwrap();
    let (_, key, ca) = acme();
    let authority = Authority { key: &key, certificate: &ca };
    let certificate =
        issue::organisation_signing(&organisation, &authority, key.public_key(), AT, [2; 20])
            .unwrap();
    assert_eq!(certificate.dns_names(), domains);
    assert_eq!(certificate.emails().len(), 400);
}

#[test]
fn impossible_times_are_refused() {
    let (organisation, key, _) = acme();
    for at in [i64::MIN / 2, -1_000_000, i64::MAX / 2] {
        assert!(issue::ca(&organisation, &key, at, [1; 20]).is_err(), "{at}");
    }
}
