//! Hostile and large graphs: what they may cost, counted in signatures and candidates.

use super::{AT, Party, authority, leaf, mesh};
use crate::Certificate;
use crate::issue::{self, Authority, Profile};
use crate::name::AlternativeName;
use crate::path::{
    self, Anchor, Answer, Budget, NameLimits, Outcome, Pool, Purpose, Question, Rule, Strictness,
    Trust, Verifier,
};
use crate::revocation::{Evidence, RevocationList};

fn ask(target: &Certificate, pool: &Pool, trust: &Trust, verifier: &Verifier) -> Answer {
    let evidence = Evidence::new();
    path::decide(&Question::new(target, Purpose::SmimeSign, AT, trust, pool, &evidence, verifier))
}

/// Certificates in the name of a root that its key never signed, all for one name.
fn forged(number: u32) -> Vec<Certificate> {
    let (root, middle) = (Party::new("Root"), Party::new("Middle"));
    let der = root.vouch(&middle).der().to_vec();
    // The serial number, which is the first thing of twenty octets.
    let place = der.windows(2).position(|pair| pair == [2, 20]).unwrap() + 2;
    let make = |number: u32| {
        let mut der = der.clone();
        der[place + 4..place + 8].copy_from_slice(&number.to_be_bytes());
        Certificate::from_der(&der).unwrap()
    };
    (0..number).map(make).collect()
}

#[test]
fn ten_thousand_candidates_of_one_name_cost_nothing() {
    let [root, middle] = ["Root", "Middle"].map(Party::new);
    let target = middle.issue(&leaf("alice"), &Party::new("alice"));
    let forged = forged(10_000);
    let mut pool = Pool::from_iter(&forged);
    let trust = Trust::anchors(std::slice::from_ref(&root.own));
    // Without the right one all are looked at, and one signature tells that their common key is the wrong one.
    let verifier = Verifier::new();
    let answer = ask(&target, &pool, &trust, &verifier);
    assert_eq!(answer.outcome, Outcome::Rejected);
    assert!(answer.path.failures().any(|it| it.rule == Rule::Signature), "{answer}");
    // The others are those of the sixteen failed paths that are kept to be told.
    assert!(answer.spent.signatures <= 1 + 16, "{:?}", answer.spent);
    pool.add(&root.vouch(&middle));
    let answer = ask(&target, &pool, &trust, &Verifier::new());
    assert!(answer.is_trusted(), "{answer}");
    assert!(answer.spent.signatures == 2 && answer.spent.candidates == 1, "{:?}", answer.spent);
}

/// Sixty bridges vouch for an authority, and all but the one that is tried last have taken it back.
#[test]
fn a_list_costs_one_signature_however_many_paths_need_it() {
    let [root, middle] = ["Root", "Middle"].map(Party::new);
    let target = middle.issue(&leaf("alice"), &Party::new("alice"));
    let (mut pool, mut evidence) = (Pool::default(), Evidence::new());
    let reason = issue::Reason::Superseded;
    let mut publish = |party: &Party, revoked: &[issue::Revoked]| {
        let issuer = Authority { key: &party.key, certificate: &party.own };
        let list = issue::crl(&issuer, revoked, AT - 60, AT + 60, 1).unwrap();
        evidence.add_list(RevocationList::from_der(list).unwrap());
    };
    for number in 0..60 {
        let bridge = Party::new(&format!("Bridge {number}"));
        pool.add(&root.vouch(&bridge));
        let is_good = number == 31;
        // What lasts longest is tried first.
        let not_after = AT + if is_good { 3600 } else { 7200 };
        let cross = bridge.issue(&Profile { not_after, ..authority("Middle") }, &middle);
        let revoked = issue::Revoked { serial: cross.serial().to_vec(), at: AT - 60, reason };
        publish(&bridge, if is_good { &[] } else { std::slice::from_ref(&revoked) });
        pool.add(&cross);
    }
    publish(&root, &[]);
    publish(&middle, &[]);
    let mut trust = Trust::anchors(std::slice::from_ref(&root.own));
    trust.revocation.strictness = Strictness::Hard;
    let verifier = Verifier::new();
    let purpose = Purpose::SmimeSign;
    let answer =
        path::decide(&Question::new(&target, purpose, AT, &trust, &pool, &evidence, &verifier));
    assert!(answer.is_trusted(), "{answer}");
    // Two certificates and a list for each bridge, the target, and the lists of root and middle.
    assert!(answer.spent.signatures <= 60 * 3 + 3, "{:?}", answer.spent);
    assert_eq!(answer.spent.paths, 60, "{:?}", answer.spent);
}

#[test]
fn a_mesh_in_which_no_path_can_hold_ends_within_the_budget() {
    let (parties, pool) = mesh();
    let target = parties[0].issue(&leaf("alice"), &Party::new("alice"));
    let mut anchor = Anchor::from(parties[7].own.clone());
    let excluded = vec![AlternativeName::Email("globex.example".to_owned())];
    anchor.constraints.names = NameLimits::new(Vec::new(), excluded);
    let trust = Trust { anchors: vec![anchor], ..Trust::default() };
    let answer = ask(&target, &Pool::from_iter(&pool), &trust, &Verifier::new());
    assert_eq!(answer.outcome, Outcome::Rejected);
    assert!(answer.path.failures().any(|it| it.rule == Rule::NameConstraints), "{answer}");
    assert_eq!(answer.path.steps.len(), 3, "the nearest miss is the shortest path");
    let (spent, budget) = (answer.spent, Budget::default());
    assert_eq!(answer.exhausted, Some("paths"));
    assert!(spent.paths <= budget.paths && spent.signatures <= budget.signatures, "{spent:?}");
    assert!(spent.candidates <= budget.candidates, "{spent:?}");
}

#[test]
fn cross_certificates_in_a_circle_do_not_go_round() {
    let parties = ["A", "B", "C"].map(Party::new);
    let [a, b, c] = &parties;
    let pool = [a.vouch(b), b.vouch(a), b.vouch(c), c.vouch(b), c.vouch(a), a.vouch(c)];
    let target = a.issue(&leaf("alice"), &Party::new("alice"));
    let stranger = Party::new("D");
    let trust = Trust::anchors(std::slice::from_ref(&stranger.own));
    let answer = ask(&target, &Pool::from_iter(&pool), &trust, &Verifier::new());
    assert_eq!(answer.outcome, Outcome::Stranger);
    assert!(answer.spent.candidates == 0 && answer.exhausted.is_none(), "{:?}", answer.spent);
}

#[test]
fn more_keys_of_one_name_than_the_budget_has_signatures_are_refused() {
    let root = Party::new("Root");
    let target = Party::new("Middle").issue(&leaf("alice"), &Party::new("alice"));
    let wrong: Vec<_> = (0..20).map(|_| root.vouch(&Party::new("Middle"))).collect();
    let (pool, evidence) = (Pool::from_iter(&wrong), Evidence::new());
    let trust = Trust::anchors(std::slice::from_ref(&root.own));
    let verifier = Verifier::new();
    let mut question =
        Question::new(&target, Purpose::SmimeSign, AT, &trust, &pool, &evidence, &verifier);
    question.budget.signatures = 8;
    let answer = path::decide(&question);
    assert_eq!(answer.spent.signatures, 8);
    assert_eq!(answer.exhausted, Some("signatures"));
    assert!(!answer.is_trusted());
}

/// Organisations of three communities, each with a bridge that knows the other two.
struct Federation {
    organisations: Vec<Party>,
    pool: Pool,
}

impl Federation {
    fn new(size: usize) -> Self {
        let bridges = ["Bridge 0", "Bridge 1", "Bridge 2"].map(Party::new);
        let organisations: Vec<_> =
            (0..size).map(|number| Party::new(&format!("Organisation {number}"))).collect();
        let mut pool = Pool::new();
        for bridge in &bridges {
            for other in bridges.iter().filter(|other| other.name != bridge.name) {
                pool.add(&bridge.vouch(other));
            }
        }
        for (number, organisation) in organisations.iter().enumerate() {
            let bridge = &bridges[number % 3];
            pool.add(&bridge.vouch(organisation));
            pool.add(&organisation.vouch(bridge));
        }
        Self { organisations, pool }
    }
}

#[test]
fn a_path_through_two_bridges_costs_its_own_signatures_only() {
    let federation = Federation::new(90);
    let verifier = Verifier::new();
    for number in 0..90 {
        let (own, partner) =
            (&federation.organisations[number], &federation.organisations[(number * 7 + 1) % 90]);
        let trust = Trust::anchors(std::slice::from_ref(&own.own));
        let target = partner.issue(&leaf("alice"), &Party::new("alice"));
        let cold = ask(&target, &federation.pool, &trust, &verifier);
        assert!(cold.is_trusted(), "{cold}");
        let length = cold.path.steps.len();
        assert!(length <= 5, "{cold}");
        let spent = cold.spent;
        assert!(usize::try_from(spent.signatures).unwrap() < length, "{spent:?}");
        assert!(spent.paths == 1, "{spent:?}");
        let warm = ask(&target, &federation.pool, &trust, &verifier);
        assert!(warm.is_trusted() && warm.spent.signatures == 0, "{:?}", warm.spent);
    }
}

#[test]
fn a_pool_may_lie_over_another_one() {
    let [root, middle] = ["Root", "Middle"].map(Party::new);
    let base = std::sync::Arc::new(Pool::from_iter(&[root.vouch(&middle)]));
    let lower = Party::new("Lower");
    let mut pool = Pool::over(base.clone());
    pool.add(&middle.vouch(&lower));
    pool.add(&root.vouch(&middle));
    assert!(pool.len() == 3 && base.len() == 1);
    let target = lower.issue(&leaf("alice"), &Party::new("alice"));
    let trust = Trust::anchors(std::slice::from_ref(&root.own));
    assert!(ask(&target, &pool, &trust, &Verifier::new()).is_trusted());
    assert_eq!(ask(&target, &base, &trust, &Verifier::new()).outcome, Outcome::Stranger);
}

#[test]
fn old_and_new_keys_of_an_authority_lead_to_each_other() {
    // RFC 4210 section 4.4: the new key signed with the old one, and the old one with the new.
    let [old, new] = ["Root", "Root"].map(Party::new);
    let cross = |issuer: &Party, subject: &Party| {
        let issuer = Authority { key: &issuer.key, certificate: &issuer.own };
        let profile = Profile { authority: Some(Some(0)), ..authority("Root") };
        issue::certificate(&profile, &issuer, subject.key.public_key(), [9; 20]).unwrap()
    };
    let pool = Pool::from_iter(&[cross(&old, &new), cross(&new, &old)]);
    for (anchor, issuer) in [(&old, &new), (&new, &old)] {
        let target = issuer.issue(&leaf("alice"), &Party::new("alice"));
        let trust = Trust::anchors(std::slice::from_ref(&anchor.own));
        let answer = ask(&target, &pool, &trust, &Verifier::new());
        assert!(answer.is_trusted(), "{answer}");
        assert_eq!(answer.path.steps.len(), 3);
    }
}

#[test]
fn a_bridge_is_crossed_without_a_look_at_every_member() {
    let bridges = ["Bridge 0", "Bridge 1"].map(Party::new);
    let members: Vec<_> = (0..40).map(|number| Party::new(&format!("Member {number}"))).collect();
    let mut pool = Pool::new();
    for (number, member) in members.iter().enumerate() {
        let bridge = &bridges[number % 2];
        pool.add(&bridge.vouch(member));
        pool.add(&member.vouch(bridge));
    }
    for (one, other) in [(0, 1), (1, 0)] {
        pool.add(&bridges[one].vouch(&bridges[other]));
    }
    let target = members[1].issue(&leaf("alice"), &Party::new("alice"));
    let trust = Trust::anchors(std::slice::from_ref(&members[0].own));
    let answer = ask(&target, &pool, &trust, &Verifier::new());
    assert!(answer.is_trusted() && answer.path.steps.len() == 5, "{answer}");
    // The certificates of the path, though twenty members and a bridge vouch for each bridge.
    assert!(answer.spent.candidates == 3 && answer.spent.signatures == 4, "{:?}", answer.spent);
}
