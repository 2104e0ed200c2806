//! Several current complete lists about one certificate: of one key, of two keys of the authority, with holds.

use chancery_crypto::{KeyKind, PrivateKey};

use super::make::{AT, Authority, DAY, List, field, integer};
use super::{ask, ask_with};
use crate::Certificate;
use crate::name::DistinguishedName;
use crate::revocation::cursor::{self, primitive};
use crate::revocation::{Answer, Reason, Rule, Settings, SignerRole, Signers, Status};

/// An authority with an old key and a new one, and lists of both.
struct Rollover {
    acme: Authority,
    new: Authority,
}

/// Whoever has the name is trusted.
struct Named<'a>(&'a [Certificate]);

impl Signers for Named<'_> {
    fn named(&mut self, name: &DistinguishedName) -> Vec<Certificate> {
        self.0.iter().filter(|certificate| certificate.subject_name() == name).cloned().collect()
    }

    fn is_authority(&mut self, _: &Certificate) -> bool {
        true
    }

    fn trusts(&mut self, _: &Certificate, role: SignerRole) -> bool {
        role == SignerRole::CrlIssuer
    }
}

impl Rollover {
    fn new() -> Self {
        let usage = crate::KeyUsage::KEY_CERT_SIGN.and(crate::KeyUsage::CRL_SIGN);
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        Self { acme: Authority::new("Acme"), new: Authority::with_key("Acme", key, usage) }
    }

    /// A list of some days ago that is current, by the key that issued the certificate.
    fn old(&self, days: i64) -> List {
        self.acme.list(9).dated(AT - days * DAY, Some(AT + 9 * DAY))
    }

    /// A list of some days ago that is current, by the other key.
    fn new_key(&self, days: i64) -> List {
        self.new.list(9).dated(AT - days * DAY, Some(AT + 9 * DAY))
    }

    fn ask(&self, lists: &[&List]) -> Answer {
        let certificates = [self.acme.certificate.clone(), self.new.certificate.clone()];
        let signers = &mut Named(&certificates);
        let answer = ask_with(&self.acme, lists, &Settings::default(), AT, signers);
        // The order in which lists come decides nothing.
        let reversed: Vec<_> = lists.iter().rev().copied().collect();
        let again = ask_with(&self.acme, &reversed, &Settings::default(), AT, signers);
        assert_eq!(again.status.is_good(), answer.status.is_good());
        assert_eq!(again.status.is_revoked(), answer.status.is_revoked());
        answer
    }
}

fn with_key_id(list: List, id: u8) -> List {
    let id = cursor::element(cursor::SEQUENCE, &cursor::element(primitive(0), &[id; 20]));
    list.with(35, false, &id)
}

#[test]
fn what_any_key_of_the_authority_revokes_for_good_is_revoked() {
    let it = Rollover::new();
    for (old, new) in [(1, 2), (2, 1), (1, 1)] {
        let (good, bad) = (it.old(old), it.new_key(new).revoke(2, 1));
        assert!(it.ask(&[&good, &bad]).status.is_revoked(), "{old} {new}");
        let (good, bad) = (it.new_key(new), it.old(old).revoke(2, 1));
        assert!(it.ask(&[&good, &bad]).status.is_revoked(), "{old} {new}");
    }
    // A list of a part of the reasons or of changes counts as well.
    let part = it.new_key(2).about(&[field(3, &[5, 0x60])]).revoke(2, 1);
    assert!(it.ask(&[&it.old(1), &part]).status.is_revoked());
    let base = it.new_key(3);
    let delta = it.new.list(10).dated(AT - DAY, Some(AT + DAY)).since(9).revoke(2, 4);
    assert!(it.ask(&[&it.old(1), &base, &delta]).status.is_revoked());
    // What cannot be used does not.
    for useless in [
        it.new_key(2).with_bad_signature(),
        it.new_key(2).with(99, true, &[5, 0]),
        it.new_key(2).dated(AT - 9 * DAY, Some(AT - DAY)),
        it.new_key(2).about(&[field(2, &[0xff])]),
    ] {
        let answer = it.ask(&[&it.old(1), &useless.revoke(2, 1)]);
        assert!(answer.status.is_good(), "{answer:#?}");
        assert!(answer.steps.iter().any(|step| !step.holds));
    }
}

#[test]
fn the_newest_list_of_a_key_takes_the_place_of_the_others() {
    let it = Rollover::new();
    // Nobody signs a list anew for a mistake but the authority itself.
    let answer = it.ask(&[&it.old(1), &it.old(2).revoke(2, 1)]);
    assert!(answer.status.is_good(), "{answer:#?}");
    let replaced = answer.steps.iter().find(|step| step.detail.contains("was replaced by"));
    assert_eq!(replaced.unwrap().rule, Rule::Current);
    assert!(it.ask(&[&it.old(1).revoke(2, 1), &it.old(2)]).status.is_revoked());
    // Of one time the number decides; without one both count.
    let number =
        |number| it.acme.list(number).without_extensions().with(20, false, &integer(number));
    assert!(it.ask(&[&number(2), &number(1).revoke(2, 1)]).status.is_good());
    assert!(it.ask(&[&number(2).revoke(2, 1), &number(1)]).status.is_revoked());
    let bare = it.old(1).without_extensions();
    assert!(it.ask(&[&bare, &bare.clone().revoke(2, 1)]).status.is_revoked());
    // A list of another scope is replaced by none of this one.
    let users = it.old(2).about(&[field(1, &[0xff])]).revoke(2, 1);
    assert!(it.ask(&[&it.old(1), &users]).status.is_revoked());
}

#[test]
fn a_hold_ends_when_a_later_list_does_not_say_it() {
    let it = Rollover::new();
    let held = |list: List| list.revoke(2, 6);
    for (old, new, is_held) in [(1, 2, true), (1, 1, true), (2, 1, false)] {
        let answer = it.ask(&[&held(it.old(old)), &it.new_key(new)]);
        assert_eq!(answer.status.is_revoked(), is_held, "{answer:#?}");
        let answer = it.ask(&[&it.old(new), &held(it.new_key(old))]);
        assert_eq!(answer.status.is_revoked(), is_held, "{answer:#?}");
    }
    // A list that is not about holds says nothing about them.
    let compromise = it.new_key(1).about(&[field(3, &[5, 0x60])]);
    assert!(it.ask(&[&held(it.old(2)), &compromise]).status.is_revoked());
    // Who is on hold may be revoked for good as well.
    let answer = it.ask(&[&held(it.old(1)), &it.new_key(2).revoke(2, 1)]);
    assert!(matches!(answer.status, Status::Revoked { reason: Reason::KeyCompromise, .. }));
}

#[test]
fn a_list_every_hour_costs_nothing() {
    let acme = Authority::new("Acme");
    let hourly = |hour: u8| {
        let list = acme.list(120 - hour).dated(AT - i64::from(hour) * 3600, Some(AT + 9 * DAY));
        with_key_id(list, 1)
    };
    // The hold ended an hour ago, and 99 current lists say otherwise.
    let lists: Vec<List> = (0..100)
        .map(|hour| if hour == 0 { hourly(0) } else { hourly(hour).revoke(2, 6) })
        .collect();
    let answer = ask(&acme, &lists.iter().collect::<Vec<_>>());
    assert!(answer.status.is_good(), "{answer:#?}");
    let signatures = answer.steps.iter().filter(|step| step.rule == Rule::Signature);
    assert_eq!(signatures.count(), 1);
}

#[test]
fn a_list_that_names_the_certificate_and_is_not_looked_at_leaves_the_status_open() {
    let acme = Authority::new("Acme");
    let forged = |hour: i64| {
        let list = acme.list(9).dated(AT - DAY - hour * 3600, Some(AT + 9 * DAY));
        list.revoke(2, 1).with_bad_signature()
    };
    let good = acme.list(99).dated(AT, Some(AT + DAY));
    for (count, is_good) in [(31, true), (32, false)] {
        let forged: Vec<List> = (0..count).map(forged).collect();
        let mut lists: Vec<&List> = forged.iter().collect();
        lists.push(&good);
        let answer = ask(&acme, &lists);
        assert_eq!(answer.status.is_good(), is_good, "{answer:#?}");
        assert_eq!(answer.status.is_unknown(), !is_good);
    }
}
