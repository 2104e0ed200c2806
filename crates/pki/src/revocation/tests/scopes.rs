//! Lists that are about a part only: distribution points, kinds of certificates, reasons, other issuers, changes.

use chancery_crypto::{KeyKind, PrivateKey};

use super::make::{
    AT, Authority, DAY, List, directory, extension, field, full_name, full_uri, points,
    relative_name, sequence,
};
use super::{ask, ask_with};
use crate::name::{COMMON_NAME, DistinguishedName};
use crate::revocation::cursor::{self, SEQUENCE, constructed};
use crate::revocation::{
    Answer, Evidence, IssuerOnly, Question, Reason, Rule, Settings, SignerRole, Signers, Status,
    delta_urls, list_urls, status,
};
use crate::{Certificate, KeyUsage};

/// A pool of certificates that are all trusted, or none.
struct Pool(Vec<Certificate>, bool);

impl Signers for Pool {
    fn named(&mut self, name: &DistinguishedName) -> Vec<Certificate> {
        self.0.iter().filter(|certificate| certificate.subject_name() == name).cloned().collect()
    }

    fn is_authority(&mut self, _: &Certificate) -> bool {
        true
    }

    fn trusts(&mut self, _: &Certificate, role: SignerRole) -> bool {
        role == SignerRole::CrlIssuer && self.1
    }
}

/// Asks for a certificate with these extensions.
fn about(authority: &Authority, extensions: &[Vec<u8>], lists: &[&List]) -> Answer {
    about_with(authority, extensions, lists, &mut IssuerOnly)
}

fn about_with(
    authority: &Authority,
    extensions: &[Vec<u8>],
    lists: &[&List],
    signers: &mut dyn Signers,
) -> Answer {
    let mut evidence = Evidence::new();
    evidence.extend(lists.iter().map(|list| list.read()));
    let question = Question {
        certificate: &authority.user(extensions),
        issuer: &authority.certificate,
        evidence: &evidence,
        settings: &Settings::default(),
        at: AT,
    };
    status(&question, signers)
}

fn name(common_name: &str) -> DistinguishedName {
    DistinguishedName::new(&[(COMMON_NAME, common_name)]).unwrap()
}

#[test]
fn a_distribution_point_is_matched_in_every_form() {
    let acme = Authority::new("Acme");
    let url = || full_uri("http://lists.acme.example/1.crl");
    let other_url = full_uri("http://lists.acme.example/2.crl");
    let loud_url = full_uri("HTTP://Lists.ACME.example/1.crl");
    let below = || full_name(&below(&acme, "part 1"));
    let relative = || relative_name("part 1");
    for (of_certificate, of_list, is_match) in [
        (url(), url(), true),
        (url(), loud_url, true),
        (url(), other_url, false),
        (url(), full_uri("http://lists.acme.example/1.CRL"), false),
        (full_name(&name("Part 1")), full_name(&name("part  1")), true),
        (full_name(&name("part 1")), full_name(&name("part 2")), false),
        (relative(), relative(), true),
        (relative(), relative_name("part 2"), false),
        // The relative name is below the name of the issuer, so it is that full name.
        (relative(), below(), true),
        (below(), relative(), true),
        (relative(), full_name(&name("part 1")), false),
        (url(), relative(), false),
    ] {
        let certificate = points(std::slice::from_ref(&of_certificate));
        let list = acme.list(1).about(std::slice::from_ref(&of_list));
        let answer = about(&acme, &[certificate], &[&list]);
        assert_eq!(
            answer.status.is_good(),
            is_match,
            "{of_certificate:x?} {of_list:x?} {answer:#?}"
        );
        assert!(is_match || answer.fails(Rule::DistributionPoint));
    }
}

#[test]
fn a_list_without_a_point_is_about_every_point_and_one_with_a_point_is_not() {
    let acme = Authority::new("Acme");
    let point = points(&[full_uri("http://lists.acme.example/1.crl")]);
    assert!(about(&acme, std::slice::from_ref(&point), &[&acme.list(1)]).status.is_good());
    // A certificate without a point has the one that bears its issuer's name.
    let partial = acme.list(1).about(&[full_uri("http://lists.acme.example/1.crl")]);
    assert!(matches!(ask(&acme, &[&partial]).status, Status::Unknown { .. }));
    let own = acme.list(1).about(&[full_name(acme.certificate.subject_name())]);
    assert!(ask(&acme, &[&own]).status.is_good());
    let alternative = extension(
        &[0x55, 0x1d, 18],
        false,
        &cursor::element(SEQUENCE, &cursor::element(0x86, b"http://lists.acme.example/1.crl")),
    );
    assert!(about(&acme, &[alternative], &[&partial]).status.is_good());
}

#[test]
fn a_list_is_about_users_or_authorities_or_attributes() {
    let acme = Authority::new("Acme");
    let (user, authority) = (acme.user(&[]), acme.certificate(2, true, &[]));
    for (flag, for_user, for_authority) in [(1, true, false), (2, false, true), (5, false, false)] {
        let mut evidence = Evidence::new();
        evidence.add_list(acme.list(1).about(&[field(flag, &[0xff])]).read());
        for (certificate, expected) in [(&user, for_user), (&authority, for_authority)] {
            let settings = Settings::default();
            let (issuer, evidence) = (&acme.certificate, &evidence);
            let question = Question { certificate, issuer, evidence, settings: &settings, at: AT };
            let answer = status(&question, &mut IssuerOnly);
            assert_eq!(answer.status.is_good(), expected, "{flag} {answer:#?}");
            assert_eq!(answer.fails(Rule::CertificateKind), !expected);
        }
    }
}

#[test]
fn all_reasons_must_be_covered() {
    let acme = Authority::new("Acme");
    let compromise = acme.list(1).about(&[field(3, &[5, 0x60])]);
    let rest = acme.list(2).about(&[field(3, &[7, 0x9f, 0x80])]);
    let answer = ask(&acme, &[&compromise]);
    let Status::Unknown { why } = &answer.status else { panic!("{answer:#?}") };
    assert!(why.ends_with("for affiliationChanged, superseded, cessationOfOperation, certificateHold, privilegeWithdrawn, aACompromise"), "{why}");
    let answer = ask(&acme, &[&compromise, &rest]);
    assert!(matches!(&answer.status, Status::Good { by, .. } if by.len() == 2), "{answer:#?}");
    let answer = ask(&acme, &[&compromise, &rest.clone().revoke(2, 5)]);
    assert!(matches!(answer.status, Status::Revoked { reason: Reason::CessationOfOperation, .. }));
    // The point of the certificate may say less than the list.
    let point = points(&[field(1, &[5, 0x60])]);
    let answer = about(
        &acme,
        std::slice::from_ref(&point),
        &[&acme.list(3).about(&[full_uri("http://x.example")])],
    );
    assert!(matches!(answer.status, Status::Unknown { .. }));
}

#[test]
fn another_issuer_lists_by_name_what_the_certificate_lets_it() {
    let (acme, lists) = (Authority::new("Acme"), Authority::new("Lists"));
    let lists_name = lists.certificate.subject_name();
    let point = points(&[cursor::element(constructed(2), &directory(lists_name))]);
    let by = |owner: &Authority| {
        let names = sequence(&[directory(owner.certificate.subject_name())]);
        [extension(&[0x55, 0x1d, 29], true, &names)]
    };
    let indirect = [field(4, &[0xff])];
    let mut pool = Pool(vec![lists.certificate.clone()], true);
    let mut ask = |list: &List| about_with(&acme, std::slice::from_ref(&point), &[list], &mut pool);

    let list = lists.list(1).about(&indirect);
    assert!(ask(&list).status.is_good());
    // An entry belongs to the issuer of the list until one is named, and then to that one until the next.
    assert!(ask(&list.clone().entry(2, AT - DAY, &[])).status.is_good());
    let other = list.clone().entry(9, AT - DAY, &by(&acme)).entry(2, AT - DAY, &[]);
    assert!(ask(&other).status.is_revoked());
    let back = list.clone().entry(9, AT - DAY, &by(&acme)).entry(2, AT - DAY, &by(&lists));
    assert!(ask(&back).status.is_good());
    // Without saying so a list is not about other issuers' certificates.
    let answer = ask(&lists.list(1));
    assert!(matches!(answer.status, Status::Unknown { .. }) && answer.fails(Rule::Issuer));
    // And its signer must be trusted.
    let mut stranger = Pool(vec![lists.certificate.clone()], false);
    let answer = about_with(&acme, std::slice::from_ref(&point), &[&list], &mut stranger);
    assert!(matches!(answer.status, Status::Unknown { .. }) && answer.fails(Rule::Signer));
    // Nobody may list for others just because the list says so.
    let answer = about_with(&acme, &[], &[&list], &mut Pool(vec![lists.certificate.clone()], true));
    assert!(matches!(answer.status, Status::Unknown { .. }));
}

#[test]
fn a_list_may_be_signed_with_another_key_of_the_same_name() {
    let acme = Authority::new("Acme");
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let for_lists = Authority::with_key("Acme", key, KeyUsage::CRL_SIGN);
    let list = acme.list(1).signed_by(&for_lists.key);
    let mut pool = Pool(vec![for_lists.certificate.clone()], true);
    let answer = about_with(&acme, &[], &[&list], &mut pool);
    assert!(answer.status.is_good(), "{answer:#?}");
    let revoking = list.clone().revoke(2, 1);
    assert!(about_with(&acme, &[], &[&revoking], &mut pool).status.is_revoked());
    pool.1 = false;
    let answer = about_with(&acme, &[], &[&list], &mut pool);
    assert!(matches!(answer.status, Status::Unknown { .. }) && answer.fails(Rule::Signer));
}

#[test]
fn a_list_may_be_about_its_own_signer_if_nobody_else_lists_it() {
    let acme = Authority::new("Acme");
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let lister = acme.certify(2, key.public_key().spki_der(), &[]);
    // The certificate that is asked about has the name that may sign the lists of its issuer.
    let lists_point = points(&[cursor::element(constructed(2), &directory(lister.subject_name()))]);
    let lister = acme.certify(2, key.public_key().spki_der(), &[lists_point]);
    let names = sequence(&[directory(acme.certificate.subject_name())]);
    let by_acme = [extension(&[0x55, 0x1d, 29], true, &names)];
    let own = acme.list(1).issued_by(lister.subject_name()).signed_by(&key);
    let own = own.about(&[field(4, &[0xff])]);
    let ask = |lists: &[&List]| {
        let mut evidence = Evidence::new();
        evidence.extend(lists.iter().map(|list| list.read()));
        let settings = Settings::default();
        let (issuer, evidence) = (&acme.certificate, &evidence);
        let question =
            Question { certificate: &lister, issuer, evidence, settings: &settings, at: AT };
        status(&question, &mut Pool(vec![lister.clone()], false)).status
    };
    assert!(ask(&[&own]).is_good());
    assert!(ask(&[&own.clone().entry(2, AT - DAY, &by_acme)]).is_revoked());
    // Whose key was stolen cannot take itself off the list of the authority, and cannot speak first.
    let newer = own.clone().dated(AT, Some(AT + 9 * DAY));
    assert!(ask(&[&newer, &acme.list(1).revoke(2, 1)]).is_revoked());
}

#[test]
fn changes_are_put_on_the_complete_list() {
    let acme = Authority::new("Acme");
    let base = acme.list(3).dated(AT - 5 * DAY, Some(AT + DAY));
    let held = base.clone().revoke(2, 6);
    let delta = acme.list(5).since(2);
    let ask = |base: &List, delta: &List| ask(&acme, &[base, delta]);
    assert!(ask(&base, &delta).status.is_good());
    let answer = ask(&base, &delta.clone().revoke(2, 1));
    assert!(matches!(answer.status, Status::Revoked { reason: Reason::KeyCompromise, .. }));
    assert!(ask(&held, &delta).status.is_revoked());
    assert!(ask(&held, &delta.clone().revoke(2, 8)).status.is_good());
    // The complete list may be stale if the changes are not.
    let stale = base.clone().dated(AT - 9 * DAY, Some(AT - 4 * DAY));
    assert!(ask(&stale, &delta).status.is_good());
    assert!(matches!(super::ask(&acme, &[&stale]).status, Status::Unknown { .. }));
    // Changes alone say nothing.
    let answer = super::ask(&acme, &[&delta.clone().revoke(2, 1)]);
    assert!(matches!(answer.status, Status::Unknown { .. }));

    let other_key = cursor::element(SEQUENCE, &cursor::element(0x80, &[1; 20]));
    let wrong = [
        acme.list(5).since(4),
        acme.list(2).since(1),
        delta.clone().about(&[field(1, &[0xff])]),
        delta.clone().with(35, false, &other_key),
        delta.clone().dated(AT - 9 * DAY, Some(AT - DAY)),
        delta.clone().with(99, true, &[5, 0]),
        delta.clone().with_bad_signature(),
    ];
    for delta in wrong.map(|delta| delta.revoke(2, 1)) {
        let answer = ask(&base, &delta);
        assert!(answer.status.is_good(), "{answer:#?}");
        assert!(answer.steps.iter().any(|step| !step.holds));
        // A wrong one does not hide the right one either.
        let right = acme.list(5).since(2).revoke(2, 4);
        assert!(super::ask(&acme, &[&base, &delta, &right]).status.is_revoked());
        assert!(matches!(ask(&stale, &delta).status, Status::Unknown { .. }));
    }
    let without = Settings { use_deltas: false, ..Settings::default() };
    let lists = [&base, &delta.clone().revoke(2, 1)];
    assert!(ask_with(&acme, &lists, &without, AT, &mut IssuerOnly).status.is_good());
}

#[test]
fn more_lists_than_anybody_needs_are_not_looked_at() {
    let acme = Authority::new("Acme");
    let forged = (0..60)
        .map(|hour| acme.list(9).dated(AT - hour * 3600, Some(AT + 9 * DAY)).with_bad_signature());
    let forged: Vec<_> = forged.collect();
    let good = acme.list(1).dated(AT - 9 * DAY, Some(AT + 9 * DAY));
    let mut lists: Vec<_> = forged.iter().collect();
    lists.push(&good);
    let answer = ask(&acme, &lists);
    assert!(matches!(answer.status, Status::Unknown { .. }) && answer.fails(Rule::Budget));
    let deltas: Vec<_> =
        (0..30_u8).map(|number| acme.list(9 + number).since(1).with_bad_signature()).collect();
    let mut lists: Vec<_> = deltas.iter().collect();
    lists.push(&good);
    let answer = ask(&acme, &lists);
    assert!(matches!(answer.status, Status::Unknown { .. }) && answer.fails(Rule::Budget));
}

#[test]
fn the_places_of_lists_are_told() {
    let acme = Authority::new("Acme");
    let at = |number, url| {
        extension(&[0x55, 0x1d, number], false, &sequence(&[sequence(&[full_uri(url)])]))
    };
    let user = acme.user(&[at(31, "http://A.example/1.crl"), at(46, "http://a.example/2.crl")]);
    assert_eq!(list_urls(&user), ["http://a.example/1.crl"]);
    assert_eq!(delta_urls(&user), ["http://a.example/2.crl"]);
    assert!(list_urls(&acme.user(&[])).is_empty());
    let point = sequence(&[sequence(&[full_uri("http://a.example/3.crl")])]);
    let list = acme.list(1).with(46, false, &point).read();
    assert_eq!(list.delta_urls().collect::<Vec<_>>(), ["http://a.example/3.crl"]);
}

fn below(authority: &Authority, common_name: &str) -> DistinguishedName {
    let base = cursor::Cursor::new(authority.certificate.subject_name().der()).any().unwrap();
    let relative = name(common_name);
    let relative = cursor::Cursor::new(relative.der()).any().unwrap();
    let der = cursor::element(SEQUENCE, &[base.content, relative.content].concat());
    DistinguishedName::from_der(&der).unwrap()
}
