//! Two members and a bridge: who reaches whom, and who does not.

use chancery_crypto::{KeyKind, PrivateKey};

use super::{Crossing, bridge, cross, except, within};
use crate::issue::{self, Authority, Limits, Organisation};
use crate::path::{self, Pool, Question, Trust, Verifier};
use crate::revocation::Evidence;
use crate::{Certificate, Purpose, Rule};

/// 2026-06-01 12:00 UTC.
const AT: i64 = 1_780_315_200;
const YEAR: i64 = 365 * 86_400;

struct Party {
    key: PrivateKey,
    authority: Certificate,
}

impl Party {
    fn member(domain: &str) -> Self {
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let organisation = Organisation::new(domain, [domain]).unwrap();
        let authority = issue::ca(&organisation, &key, AT, [1; 20]).unwrap();
        Self { key, authority }
    }

    fn bridge() -> Self {
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let url = "http://bridge.example/issued-by.p7c";
        let authority = bridge("Sky Bridge", url, &key, AT, [1; 20]).unwrap();
        Self { key, authority }
    }

    fn issuer(&self) -> Authority<'_> {
        Authority { key: &self.key, certificate: &self.authority }
    }

    /// The signing certificate that this authority gives to the gateway of a domain.
    fn gateway(&self, domain: &str) -> Certificate {
        let organisation = Organisation::new("Somebody", [domain]).unwrap();
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let issuer = self.issuer();
        issue::organisation_signing(&organisation, &issuer, key.public_key(), AT, [9; 20]).unwrap()
    }

    fn vouch(&self, other: &Self, limits: Limits, path_length: u8) -> Certificate {
        let crossing = Crossing {
            limits,
            path_length: Some(path_length),
            policies: vec!["1.3.6.1.4.1.32473.1.2".to_owned()],
            crl_urls: vec!["http://bridge.example/bridge.crl".to_owned()],
            issuer_urls: vec!["http://bridge.example/issued-to.p7c".to_owned()],
            repository_urls: vec!["http://globex.example/issued-by.p7c".to_owned()],
            not_after: AT + 2 * YEAR,
            ..Crossing::rollover(&other.authority)
        };
        cross(&crossing, &self.issuer(), AT, [7; 20]).unwrap()
    }
}

fn domain(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

fn answer(target: &Certificate, anchor: &Certificate, pool: &[&Certificate]) -> path::Answer {
    let trust = Trust::anchors(std::slice::from_ref(anchor));
    let pool: Pool = pool.iter().copied().collect();
    let (evidence, verifier) = (Evidence::new(), Verifier::new());
    let purpose = Purpose::SmimeSign;
    path::decide(&Question::new(target, purpose, AT, &trust, &pool, &evidence, &verifier))
}

#[test]
fn a_member_reaches_another_one_for_its_proven_domain_only() {
    let (acme, globex, bridge) =
        (Party::member("acme.example"), Party::member("globex.example"), Party::bridge());
    let names = except(&domain("acme.example"), &[]).unwrap();
    let up = acme.vouch(&bridge, Limits { names, ..Limits::default() }, 1);
    let names = within(&domain("globex.example")).unwrap();
    let down = bridge.vouch(&globex, Limits { names, ..Limits::default() }, 0);

    let good = answer(&globex.gateway("globex.example"), &acme.authority, &[&up, &down]);
    assert!(good.is_trusted(), "{good}");
    assert_eq!(good.path.steps.len(), 4);
    for claimed in ["acme.example", "initech.example", "mail.globex.example"] {
        let stolen = answer(&globex.gateway(claimed), &acme.authority, &[&up, &down]);
        let rules: Vec<Rule> = stolen.path.failures().map(|it| it.rule).collect();
        assert_eq!(rules, [Rule::NameConstraints], "{claimed}");
    }
    // What one authority does not say, nobody says for it.
    assert!(!answer(&globex.gateway("globex.example"), &acme.authority, &[&down]).is_trusted());
    assert!(!answer(&globex.gateway("globex.example"), &acme.authority, &[&up]).is_trusted());
    // The way back is another way.
    assert!(!answer(&acme.gateway("acme.example"), &globex.authority, &[&up, &down]).is_trusted());

    assert_eq!(down.repository_urls().collect::<Vec<_>>(), ["http://globex.example/issued-by.p7c"]);
    assert_eq!(down.issuer_urls().collect::<Vec<_>>(), ["http://bridge.example/issued-to.p7c"]);
    assert_eq!(down.not_after(), AT + 2 * YEAR);
}

#[test]
fn the_bridge_does_not_reach_what_the_member_excludes_or_leaves_out() {
    let (acme, globex, bridge) =
        (Party::member("acme.example"), Party::member("globex.example"), Party::bridge());
    let names = within(&domain("globex.example")).unwrap();
    let down = bridge.vouch(&globex, Limits { names, ..Limits::default() }, 0);
    for (excluded, permitted, is_reached) in [
        (vec![], vec![], true),
        (domain("globex.example"), vec![], false),
        (domain("example.com"), domain("globex.example"), true),
        (domain("acme.example"), domain("initech.example"), false),
    ] {
        let names = except(&excluded, &permitted).unwrap();
        let up = acme.vouch(&bridge, Limits { names, ..Limits::default() }, 1);
        let found = answer(&globex.gateway("globex.example"), &acme.authority, &[&up, &down]);
        assert_eq!(found.is_trusted(), is_reached, "{excluded:?} {permitted:?}: {found}");
    }
}

#[test]
fn policies_are_mapped_along_the_way() {
    let (acme, globex, bridge) =
        (Party::member("acme.example"), Party::member("globex.example"), Party::bridge());
    let map = |from: &str, to: &str| vec![(from.to_owned(), to.to_owned())];
    let cross_with = |issuer: &Party, subject: &Party, policy: &str, mapped: &str| {
        let crossing = Crossing {
            limits: Limits {
                policy_mappings: map(policy, mapped),
                inhibit_any_policy: Some(0),
                require_explicit_policy: Some(0),
                ..Limits::default()
            },
            policies: vec![policy.to_owned()],
            ..Crossing::rollover(&subject.authority)
        };
        cross(&crossing, &issuer.issuer(), AT, [7; 20]).unwrap()
    };
    let up = cross_with(&acme, &bridge, "1.2.1.1", "1.3.1.1");
    let down = cross_with(&bridge, &globex, "1.3.1.1", "1.4.1.1");
    let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
    for (policy, is_valid) in [("1.4.1.1", true), ("1.4.9.9", false)] {
        let profile = issue::Profile {
            policies: vec![policy.to_owned()],
            not_after: AT + YEAR,
            not_before: AT,
            ..issue::Profile::default()
        };
        let leaf = issue::certificate(&profile, &globex.issuer(), key.public_key(), [5; 20]);
        let found = answer(&leaf.unwrap(), &acme.authority, &[&up, &down]);
        assert_eq!(found.is_trusted(), is_valid, "{policy}: {found}");
    }
}

#[test]
fn a_new_key_of_the_bridge_is_reached_from_the_old_one() {
    let (acme, globex, old) =
        (Party::member("acme.example"), Party::member("globex.example"), Party::bridge());
    let names = except(&domain("acme.example"), &[]).unwrap();
    let up = acme.vouch(&old, Limits { names, ..Limits::default() }, 1);
    let new = Party::bridge();
    let names = within(&domain("globex.example")).unwrap();
    let down = new.vouch(&globex, Limits { names, ..Limits::default() }, 0);
    let gateway = globex.gateway("globex.example");
    assert!(!answer(&gateway, &acme.authority, &[&up, &down]).is_trusted());
    let link = cross(&Crossing::rollover(&new.authority), &old.issuer(), AT, [8; 20]).unwrap();
    let found = answer(&gateway, &acme.authority, &[&up, &link, &down]);
    assert!(found.is_trusted(), "{found}");
}

#[test]
fn nonsense_is_refused() {
    let (acme, bridge) = (Party::member("acme.example"), Party::bridge());
    assert!(within(&[]).is_err());
    assert!(within(&domain("*.example")).is_err());
    assert!(except(&domain("acme"), &[]).is_err() && except(&[], &domain("Acme.example")).is_err());
    let own = Crossing::rollover(&acme.authority);
    assert!(cross(&own, &acme.issuer(), AT, [7; 20]).is_err());
    let leaf = Crossing::rollover(&acme.gateway("acme.example"));
    assert!(cross(&leaf, &bridge.issuer(), AT, [7; 20]).is_err());
    for name in ["", "a\nb"] {
        assert!(super::bridge(name, "http://b.example/", &bridge.key, AT, [1; 20]).is_err());
    }
}
