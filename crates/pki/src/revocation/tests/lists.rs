//! Complete lists: what counts, what does not, and why.

use std::time::Duration;

use super::make::{AT, Authority, DAY, extension};
use super::{ask, ask_with};
use crate::revocation::{IssuerOnly, Reason, RevocationList, Rule, Settings, Status};

#[test]
fn a_current_list_says_good_or_revoked() {
    let acme = Authority::new("Acme");
    let answer = ask(&acme, &[&acme.list(1).revoke(9, 1)]);
    assert!(
        matches!(answer.status, Status::Good { until, .. } if until == AT + 6 * DAY),
        "{answer:#?}"
    );
    assert!(answer.steps.iter().all(|step| step.holds && !step.rule.clause().is_empty()));

    let answer = ask(&acme, &[&acme.list(1).revoke(9, 1).revoke(2, 4)]);
    let Status::Revoked { reason, since, invalid_since, .. } = answer.status else {
        panic!("{answer:#?}")
    };
    assert_eq!((reason, since, invalid_since), (Reason::Superseded, AT - 2 * DAY, None));
    assert_eq!(
        answer.steps.last().unwrap().to_string(),
        "the list of <CN=Acme> number 1 of 2026-05-31T12:00:00Z lists the certificate since \
         2026-05-30T12:00:00Z: superseded (RFC 5280 section 6.3.3 (i) to (k))"
    );
}

#[test]
fn without_a_list_nothing_is_known() {
    let (acme, other) = (Authority::new("Acme"), Authority::new("Other"));
    for lists in [vec![], vec![other.list(1)]] {
        let lists: Vec<_> = lists.iter().collect();
        let answer = ask(&acme, &lists);
        assert_eq!(
            answer.status,
            Status::Unknown { why: "there is no list of its issuer".to_owned() }
        );
        assert!(answer.fails(Rule::Complete));
    }
}

#[test]
fn the_dates_must_fit_the_time_in_question() {
    let acme = Authority::new("Acme");
    let list = acme.list(1);
    let week = list.clone().dated(AT, Some(AT + 7 * DAY));
    let open = list.clone().dated(AT, None);
    let settings = Settings::default();
    let limited = Settings { max_age: Some(Duration::from_secs(3600)), ..Settings::default() };
    let patient = Settings { grace: Duration::from_secs(2 * 86_400), ..Settings::default() };
    for (list, settings, at, is_good) in [
        (&week, &settings, AT, true),
        // The issuer's clock may be ahead by five minutes.
        (&week, &settings, AT - 300, true),
        (&week, &settings, AT - 301, false),
        (&week, &settings, AT + 7 * DAY, true),
        (&week, &settings, AT + 7 * DAY + 1, false),
        (&week, &patient, AT + 9 * DAY, true),
        (&week, &patient, AT + 9 * DAY + 1, false),
        (&week, &limited, AT + 3600, true),
        (&week, &limited, AT + 3601, false),
        (&open, &settings, AT + DAY, true),
        (&open, &settings, AT + DAY + 1, false),
    ] {
        let answer = ask_with(&acme, &[list], settings, at, &mut IssuerOnly);
        assert_eq!(answer.status.is_good(), is_good, "{at} {answer:#?}");
        assert_eq!(answer.fails(Rule::Current), !is_good);
    }
}

#[test]
fn a_past_time_has_the_evidence_of_that_time() {
    let acme = Authority::new("Acme");
    let old = acme.list(1).dated(AT - 20 * DAY, Some(AT - 10 * DAY));
    let new = acme.list(2).entry(2, AT - 2 * DAY, &[]);
    let ask_at =
        |at| ask_with(&acme, &[&new, &old], &Settings::default(), at, &mut IssuerOnly).status;
    assert!(ask_at(AT - 15 * DAY).is_good());
    assert!(ask_at(AT).is_revoked());
    // Between the lists nothing is known, and before any.
    assert!(matches!(ask_at(AT - 5 * DAY), Status::Unknown { .. }));
    assert!(matches!(ask_at(AT - 21 * DAY), Status::Unknown { .. }));
    // A later list can say that the certificate was worth nothing by then, but never that it was good.
    let date = crate::revocation::cursor::element(0x18, b"20260501000000Z");
    let early = acme.list(2).entry(2, AT - 2 * DAY, &[extension(&[0x55, 0x1d, 24], false, &date)]);
    let status =
        ask_with(&acme, &[&early, &old], &Settings::default(), AT - 15 * DAY, &mut IssuerOnly)
            .status;
    assert!(
        matches!(status, Status::Revoked { invalid_since: Some(date), .. } if date < AT - 15 * DAY)
    );
}

#[test]
fn who_did_not_sign_it_did_not_issue_it() {
    let (acme, other) = (Authority::new("Acme"), Authority::new("Acme"));
    let good = acme.list(1);
    for list in [good.clone().with_bad_signature(), good.clone().signed_by(&other.key)] {
        let answer = ask(&acme, &[&list.clone().revoke(2, 1)]);
        assert!(matches!(answer.status, Status::Unknown { .. }) && answer.fails(Rule::Signature));
        // A forged list is in nobody's way, however new it is.
        let forged = list.dated(AT, Some(AT + 9 * DAY)).revoke(2, 1);
        assert!(ask(&acme, &[&forged, &good]).status.is_good());
    }
}

#[test]
fn a_key_that_may_not_sign_lists_signs_none() {
    let key = chancery_crypto::PrivateKey::generate(chancery_crypto::KeyKind::EcP256).unwrap();
    let acme = Authority::with_key("Acme", key, crate::KeyUsage::KEY_CERT_SIGN);
    let answer = ask(&acme, &[&acme.list(1)]);
    assert!(matches!(answer.status, Status::Unknown { .. }) && answer.fails(Rule::Signer));
}

#[test]
fn unknown_critical_extensions_make_a_list_useless() {
    let acme = Authority::new("Acme");
    let null = [5, 0];
    let unknown = |critical| [extension(&[0x55, 0x1d, 99], critical, &null)];
    for (list, is_usable) in [
        (acme.list(1).with(99, true, &null), false),
        (acme.list(1).with(99, false, &null), true),
        (acme.list(1).entry(9, AT - DAY, &unknown(true)), false),
        (acme.list(1).entry(9, AT - DAY, &unknown(false)), true),
    ] {
        let answer = ask(&acme, &[&list]);
        assert_eq!(answer.status.is_good(), is_usable, "{answer:#?}");
        assert_eq!(answer.fails(Rule::CriticalExtension), !is_usable);
    }
}

#[test]
fn what_is_no_list_is_not_read() {
    let acme = Authority::new("Acme");
    let der = acme.list(1).revoke(2, 1).der();
    assert!(RevocationList::from_der(der.clone()).is_ok());
    for length in 0..der.len() {
        assert!(RevocationList::from_der(der[..length].to_vec()).is_err(), "{length}");
    }
    let longer = [der.as_slice(), &[0]].concat();
    let twice = acme.list(1).with(20, false, &[2, 1, 1]).der();
    let negative = acme.list(1).without_extensions().with(20, false, &[2, 1, 0x80]).der();
    for bad in [longer, twice, negative] {
        let error = RevocationList::from_der(bad).unwrap_err();
        assert!(error.to_string().starts_with("cannot read a revocation list: "), "{error}");
    }
}
