//! What settings mean, and that they are read as they were written.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::issue;
use crate::issue::Organisation;
use chancery_crypto::{KeyKind, PrivateKey};

const AT: i64 = 1_780_315_200;

fn authority(name: &str) -> Certificate {
    let organisation = Organisation::new(name, [format!("{name}.example")]).unwrap();
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    issue::ca(&organisation, &key, AT, [1; 20]).unwrap()
}

fn oid(last: u32) -> ObjectIdentifier {
    ObjectIdentifier::new(&format!("1.3.6.1.4.1.99999.{last}")).unwrap()
}

fn domains(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|domain| (*domain).to_owned()).collect()
}

#[test]
fn nothing_decided_is_the_card_its_domains_and_soft_revocation() {
    let (card, settings) = (authority("globex"), TrustSettings::default());
    let trust = settings.trust(Some(&card), Some(&["globex.example".to_owned()]));
    assert!(settings.is_empty());
    assert_eq!(trust.anchors.len(), 1);
    assert_eq!(trust.anchors[0].certificate, card);
    assert_eq!(trust.domains.as_deref(), Some(&["globex.example".to_owned()][..]));
    assert_eq!(trust.revocation.strictness, Strictness::Soft);
    assert_eq!(trust.algorithms, Algorithms::CURRENT);
    assert_eq!(trust.policies, PolicyDemand::default());
    assert!(settings.trust(None, None).anchors.is_empty(), "nobody is believed by himself");
}

#[test]
fn what_is_decided_for_one_counts_before_what_is_for_all() {
    let [card, bridge, other] = ["globex", "bridge", "other"].map(authority);
    let limited = TrustedAuthority {
        path_length: Some(3),
        domains: domains(&["globex.example"]),
        ..TrustedAuthority::new(bridge.clone())
    };
    let own = TrustSettings {
        anchors: vec![limited],
        pinned_keys: [[1; 32]].into(),
        revocation: Some(Strictness::Ignore),
        ..TrustSettings::default()
    };
    let all = TrustSettings {
        anchors: [&bridge, &other, &card].map(|it| TrustedAuthority::new(it.clone())).into(),
        pinned_keys: [[2; 32]].into(),
        revocation: Some(Strictness::Hard),
        min_rsa_bits: Some(3072),
        algorithms: Some(vec![KeyFamily::Rsa]),
        ..TrustSettings::default()
    };
    let trust = own.over(&all).trust(Some(&card), None);
    let names: Vec<_> = trust.anchors.iter().map(|it| it.certificate.clone()).collect();
    assert_eq!(names, [card, bridge, other], "each once, the limited one with its limits");
    assert_eq!(trust.anchors[1].constraints.path_length, Some(3));
    assert!(!trust.anchors[1].constraints.names.is_empty());
    assert!(trust.anchors[2].constraints.names.is_empty());
    assert_eq!(trust.pinned_keys, [[1; 32], [2; 32]]);
    assert_eq!(trust.revocation.strictness, Strictness::Ignore);
    assert_eq!(trust.algorithms.min_rsa_bits, 3072);
    assert!(!trust.algorithms.families.has(KeyKind::EcP256));
}

#[test]
fn a_level_of_assurance_demands_its_policies() {
    let level = |policies: &[u32]| {
        let policies = policies.iter().map(|last| oid(*last)).collect();
        Some(Assurance { level: "medium".to_owned(), policies })
    };
    let mut settings = TrustSettings { assurance: level(&[1, 2]), ..TrustSettings::default() };
    let demand = settings.policy_demand();
    assert!(demand.explicit);
    assert_eq!(demand.acceptable, Some([oid(1), oid(2)].into()));
    settings.policies = Some([oid(2), oid(3)].into());
    assert_eq!(settings.policy_demand().acceptable, Some([oid(2)].into()), "both, not either");
    settings.policies = Some([ANY_POLICY].into());
    assert_eq!(settings.policy_demand().acceptable, Some([oid(1), oid(2)].into()));
    settings.policies = Some([oid(4)].into());
    assert_eq!(settings.policy_demand().acceptable, Some(BTreeSet::new()), "nothing satisfies");
    settings.assurance = None;
    assert!(!settings.policy_demand().explicit);
}

#[test]
fn documents_that_leave_something_out_are_refused() {
    let good = json!({"version": 1, "pins": ["00".repeat(32)], "revocation": "hard"});
    let read = |value: &serde_json::Value| serde_json::from_value::<TrustSettings>(value.clone());
    assert_eq!(read(&good).unwrap().revocation, Some(Strictness::Hard));
    assert!(read(&json!({})).is_err(), "no version");
    for (field, value) in [
        ("version", json!(2)),
        ("unknown", json!(true)),
        ("pins", json!(["00"])),
        ("policies", json!(["1.x"])),
        ("domains", json!(["globex"])),
        ("domains", json!(["Globex.example"])),
        ("revocation", json!("Hard")),
        ("algorithms", json!(["rsa", "dsa"])),
        ("min_rsa_bits", json!(16_385)),
        ("assurance", json!({"level": "medium", "policies": []})),
        ("anchors", json!([{"certificate": "AAAA"}])),
        ("anchors", json!([{"certificate": "?"}])),
        ("anchors", json!([{"certificate": "", "limits": 1}])),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(read(&bad).is_err(), "{bad}");
    }
}

prop_compose! {
    fn any_settings(ca: Certificate)(
        length in any::<Option<u32>>(),
        anchor_domains in proptest::collection::btree_set("[a-z]{1,8}\\.example", 0..3),
        pins in proptest::collection::btree_set(any::<[u8; 32]>(), 0..3),
        numbers in proptest::option::of(proptest::collection::btree_set(0_u32..9, 0..3)),
        flags in any::<[Option<bool>; 3]>(),
        level in proptest::option::of("[a-z]{1,9}"),
        own_domains in proptest::option::of(
            proptest::collection::btree_set("[a-z]{1,8}\\.test", 0..3)),
        bits in proptest::option::of(0_u32..16_384),
        families in proptest::option::of(proptest::collection::vec(0_usize..6, 0..4)),
        strictness in proptest::option::of(0_usize..3),
        age in proptest::option::of(0_u64..1 << 40),
    ) -> TrustSettings {
        let anchor = TrustedAuthority {
            certificate: ca.clone(), path_length: length, domains: anchor_domains };
        TrustSettings {
            anchors: vec![anchor],
            pinned_keys: pins,
            policies: numbers.map(|set| set.into_iter().map(oid).collect()),
            require_policy: flags[0],
            inhibit_mapping: flags[1],
            inhibit_any: flags[2],
            assurance: level.map(|level| Assurance { level, policies: [oid(7)].into() }),
            domains: own_domains,
            min_rsa_bits: bits,
            min_ec_bits: bits,
            algorithms: families.map(|it| it.into_iter().map(|at| KeyFamily::ALL[at]).collect()),
            revocation: strictness
                .map(|at| [Strictness::Hard, Strictness::Ignore, Strictness::Soft][at]),
            max_evidence_age: age.map(Duration::from_secs),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn settings_are_read_as_they_were_written(settings in any_settings(authority("bridge"))) {
        let text = serde_json::to_string(&settings).unwrap();
        prop_assert_eq!(serde_json::from_str::<TrustSettings>(&text).unwrap(), settings);
    }
}
