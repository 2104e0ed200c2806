//! What an answer says, and what the trust in a partner limits.

use super::{AT, Party, authority, leaf};
use crate::issue::Profile;
use crate::path::{
    self, Algorithms, Anchor, AnchorConstraints, Answer, KeyFamily, Outcome, Pool, Purpose,
    Question, Rule, Strictness, Trust, Verifier, Wanted,
};
use crate::revocation::{Evidence, Status};
use crate::{Certificate, ObjectIdentifier, revocation};

/// A root, an authority below it, and what it issued.
struct Chain {
    root: Party,
    pool: Pool,
    target: Certificate,
}

impl Chain {
    fn new() -> Self {
        let [root, middle] = ["Root", "Middle"].map(Party::new);
        let pool = Pool::from_iter(&[root.vouch(&middle)]);
        let target = middle.issue(&leaf("alice & <bob>"), &Party::new("alice"));
        Self { root, pool, target }
    }

    fn trust(&self) -> Trust {
        Trust::anchors(std::slice::from_ref(&self.root.own))
    }

    fn ask(&self, trust: &Trust, change: impl FnOnce(&mut Question<'_>)) -> Answer {
        let (verifier, evidence) = (Verifier::new(), Evidence::new());
        let mut question = Question::new(
            &self.target,
            Purpose::SmimeSign,
            AT,
            trust,
            &self.pool,
            &evidence,
            &verifier,
        );
        change(&mut question);
        path::decide(&question)
    }

    fn fails(&self, trust: &Trust, rule: Rule) {
        let answer = self.ask(trust, |_| {});
        assert_eq!(answer.outcome, Outcome::Rejected, "{answer}");
        assert!(answer.path.failures().all(|it| it.rule == rule), "{answer}");
    }
}

#[test]
fn the_limits_of_the_trust_in_an_anchor_are_obeyed() {
    let chain = Chain::new();
    assert!(chain.ask(&chain.trust(), |_| {}).is_trusted());
    let with = |constraints: AnchorConstraints| {
        let anchor = Anchor { certificate: chain.root.own.clone(), constraints };
        Trust { anchors: vec![anchor], ..Trust::default() }
    };
    chain.fails(
        &with(AnchorConstraints { path_length: Some(0), ..Default::default() }),
        Rule::PathLength,
    );
    chain.fails(
        &with(AnchorConstraints { explicit_policy: true, ..Default::default() }),
        Rule::Policy,
    );
    let mut trust = chain.trust();
    trust.policies.explicit = true;
    trust.policies.acceptable =
        Some([ObjectIdentifier::new("1.3.6.1.4.1.99999.1").unwrap()].into());
    chain.fails(&trust, Rule::Policy);
    let algorithms = Algorithms { min_rsa_bits: 8192, ..Algorithms::CURRENT };
    let trust = Trust { algorithms, ..chain.trust() };
    assert!(chain.ask(&trust, |_| {}).is_trusted(), "P-256 has no modulus");
    let families = |list: &[KeyFamily]| list.iter().copied().collect();
    let only_rsa = Algorithms { families: families(&[KeyFamily::Rsa]), ..Algorithms::CURRENT };
    let large = Algorithms { min_ec_bits: 384, ..Algorithms::CURRENT };
    for algorithms in [only_rsa, large] {
        chain.fails(&Trust { algorithms, ..chain.trust() }, Rule::Algorithm);
    }
    let only_ec = Algorithms { families: families(&[KeyFamily::Ec]), ..Algorithms::CURRENT };
    let trust = Trust { algorithms: Algorithms { min_ec_bits: 256, ..only_ec }, ..chain.trust() };
    assert!(chain.ask(&trust, |_| {}).is_trusted());
}

#[test]
fn an_address_is_for_whom_the_certificate_and_the_trust_name() {
    let chain = Chain::new();
    let ask = |domains: Option<&str>, address| {
        let domains = domains.map(|domain| vec![domain.to_owned()]);
        let trust = Trust { domains, ..chain.trust() };
        chain.ask(&trust, |question| question.address = Some(address)).is_trusted()
    };
    assert!(ask(None, "alice@globex.example"));
    assert!(ask(Some("globex.example"), "alice@globex.example"));
    assert!(!ask(None, "bob@globex.example"));
    assert!(!ask(Some("acme.example"), "alice@globex.example"));
}

#[test]
fn a_pinned_key_needs_no_path_but_holds_to_its_purpose() {
    let chain = Chain::new();
    let trust = Trust { pinned_keys: vec![chain.target.key_fingerprint()], ..Trust::default() };
    assert!(chain.ask(&trust, |_| {}).is_trusted());
    let answer = chain.ask(&trust, |question| question.purpose = Purpose::TlsServer);
    assert_eq!(answer.outcome, Outcome::Rejected, "{answer}");
    let answer = chain.ask(&trust, |question| question.at = AT + 10 * 86_400);
    assert_eq!(answer.outcome, Outcome::Rejected, "{answer}");
}

#[test]
fn revocation_that_is_not_known_counts_as_the_trust_says() {
    let chain = Chain::new();
    for (strictness, outcome) in [
        (Strictness::Hard, Outcome::Rejected),
        (Strictness::Soft, Outcome::Trusted),
        (Strictness::Ignore, Outcome::Trusted),
    ] {
        let mut trust = chain.trust();
        trust.revocation.strictness = strictness;
        let answer = chain.ask(&trust, |_| {});
        assert_eq!(answer.outcome, outcome, "{answer}");
        let is_missed =
            answer.missing.iter().any(|it| matches!(it.what, Wanted::Revocation { .. }));
        assert_eq!(is_missed, strictness != Strictness::Ignore);
    }
}

#[test]
fn what_is_missing_is_named() {
    let [root, middle] = ["Root", "Middle"].map(Party::new);
    let target = middle.issue(&leaf("alice"), &Party::new("alice"));
    let chain = Chain { root, pool: Pool::new(), target };
    let answer = chain.ask(&chain.trust(), |_| {});
    assert_eq!(answer.outcome, Outcome::Stranger);
    let [missing] = &answer.missing[..] else { panic!("{answer}") };
    let Wanted::Issuer { name, key_id } = &missing.what else { panic!("{answer}") };
    assert_eq!((name, key_id.as_deref()), (middle.own.subject_name(), middle.own.subject_key_id()));
}

#[test]
fn what_the_authorities_publish_whom_the_anchors_lead_to_is_missing() {
    let [root, bridge, other, stranger] = ["Root", "Bridge", "Other", "Stranger"].map(Party::new);
    let published = |name: &str, url: &str| Profile {
        repository_urls: vec![format!("http://{url}.example/issued-by.p7c")],
        ..authority(name)
    };
    let far = Party::new("Far");
    let pool = [
        root.issue(&published("Bridge", "bridge"), &bridge),
        // Each step down counts, and a name is asked for what it publishes once.
        bridge.issue(&published("Other", "other"), &other),
        other.issue(&published("Bridge", "bridge"), &bridge),
        // Nobody leads to this one, whatever it says of the bridge.
        stranger.issue(&published("Bridge", "evil"), &bridge),
        stranger.issue(&published("Stranger", "stranger"), &stranger),
    ];
    let target = far.issue(&leaf("alice"), &Party::new("alice"));
    let chain = Chain { root, pool: Pool::from_iter(&pool), target };
    let answer = chain.ask(&chain.trust(), |_| {});
    assert_eq!(answer.outcome, Outcome::Stranger);
    let issued = answer.missing.iter().filter(|it| matches!(it.what, Wanted::IssuedBy));
    let urls: Vec<&str> = issued.flat_map(|it| &it.urls).map(String::as_str).collect();
    let expected = ["http://bridge.example/issued-by.p7c", "http://other.example/issued-by.p7c"];
    assert_eq!(urls, expected, "{answer}");
}

#[test]
fn an_answer_tells_its_path_and_what_ends_first() {
    let [root, middle] = ["Root", "Middle"].map(Party::new);
    let soon = Profile { not_after: AT + 60, ..authority("Middle") };
    let pool = Pool::from_iter(&[root.issue(&soon, &middle)]);
    let target = middle.issue(&leaf("alice & <bob>"), &Party::new("alice"));
    let chain = Chain { root, pool, target };
    let answer = chain.ask(&chain.trust(), |_| {});
    let text = answer.to_string();
    assert!(
        text.starts_with(
            r"trusted: <CN=alice & \<bob\>>, for signing mail, at 2026-06-01T12:00:00Z"
        ),
        "{text}"
    );
    assert!(text.contains("\n  0  <CN=Root> (anchor) serial "), "{text}");
    assert!(text.contains("\n     holds: algorithm, begun, not ended, "), "{text}");
    assert!(
        text.contains("\nends first: certificate <CN=Middle>, 2026-06-01T12:01:00Z\n"),
        "{text}"
    );
    let svg = path::svg(&answer);
    assert!(svg.contains(r"alice &amp; \&lt;bob\&gt;") && !svg.contains("<bob>"), "{svg}");
    assert_eq!(svg.matches("<line ").count(), 2);
    assert!(!svg.contains('✗'));
    // Later the authority has ended, and the picture says where.
    let answer = chain.ask(&chain.trust(), |question| question.at = AT + 61);
    assert!(
        answer
            .to_string()
            .contains("\n     FAILS: expired 2026-06-01T12:01:00Z (RFC 5280 section 6.1.3 (a)(2))")
    );
    let svg = path::svg(&answer);
    assert_eq!(svg.matches('✗').count(), 1);
    assert!(svg.contains(">✗ expired 2026-06-01T12:01:00Z (RFC</tspan>"), "{svg}");
    let number = |text: &str| text.split(['"', ' ']).next().unwrap().parse::<usize>().unwrap();
    let width = number(svg.split_once("viewBox=\"0 0 ").unwrap().1);
    for line in svg.split("<tspan x=\"").skip(1) {
        let letters = line.split_once('>').unwrap().1.split('<').next().unwrap().chars().count();
        assert!(number(line) + letters * 8 <= width, "cut off by the edge: {line}");
    }
}

#[test]
fn evidence_that_tells_nothing_new_is_not_told_of_a_certificate_that_was_not_revoked() {
    let chain = Chain::new();
    let mut answer = chain.ask(&chain.trust(), |_| {});
    let step = |rule, detail: &str| revocation::Step {
        rule,
        source: None,
        holds: false,
        detail: detail.to_owned(),
    };
    let steps = vec![
        step(revocation::Rule::Reasons, "covers no reason that is still open"),
        step(revocation::Rule::Current, "ended yesterday"),
    ];
    let mut text = |status| {
        let steps = steps.clone();
        answer.path.steps[2].revocation = Some(revocation::Answer { status, steps });
        answer.to_string()
    };
    let good = text(Status::Good { by: Vec::new(), until: AT });
    assert!(good.contains("revocation: the certificate ended yesterday"), "{good}");
    assert!(!good.contains("no reason"), "{good}");
    let unknown = text(Status::Unknown { why: "it is not known".to_owned() });
    assert!(unknown.contains("covers no reason that is still open"), "{unknown}");
}

#[test]
fn a_pool_may_lie_over_many_others() {
    let parties: Vec<_> = (0..4).map(|number| Party::new(&format!("CA {number}"))).collect();
    let mut pool = Pool::new();
    for pair in parties.windows(2) {
        pool = Pool::over(std::sync::Arc::new(pool));
        pool.add(&pair[0].vouch(&pair[1]));
    }
    assert_eq!(pool.len(), 3);
    let target = parties[3].issue(&leaf("alice"), &Party::new("alice"));
    let chain = Chain { root: Party::new("nobody"), pool, target };
    let trust = Trust::anchors(std::slice::from_ref(&parties[0].own));
    let answer = chain.ask(&trust, |_| {});
    assert!(answer.is_trusted(), "{answer}");
}
