//! Whom we believe: what was decided is kept, counts for the right domains, and is forgotten with the partner.

use chancery_pki::path::Strictness;
use chancery_pki::trust::TrustSettings;
use chancery_store::Error;
use chancery_store::trust::Scope;
use rusqlite::Connection;

use crate::book::partner;
use crate::support::*;

fn hard(settings: &mut TrustSettings) {
    settings.revocation = Some(Strictness::Hard);
}

fn large(settings: &mut TrustSettings) {
    settings.min_rsa_bits = Some(3072);
}

fn domain(name: &str) -> Scope {
    Scope::Domain(name.to_owned())
}

#[tokio::test]
async fn what_is_decided_for_one_counts_over_what_is_for_all() {
    let (directory, store) = fresh();
    store
        .put_partner(partner("Globex", "AAAA", &["globex.example", "globex.test"]), act(""))
        .await
        .unwrap();
    let nothing = store.trust_for("globex.example").unwrap();
    assert!(nothing.settings.is_empty());
    assert_eq!(nothing.scope, Scope::Partners);
    let version = store.partner_version().unwrap();
    store.change_trust(Scope::Partners, hard, act("")).await.unwrap();
    store.change_trust(Scope::Everybody, large, act("")).await.unwrap();
    // Any domain of a partner is the partner: the second change is to the settings that the first one made.
    store.change_trust(domain("GLOBEX.test"), large, act("")).await.unwrap();
    let pin = |settings: &mut TrustSettings| settings.pinned_keys = [[7; 32]].into();
    let (scope, _) = store.change_trust(domain("globex.example"), pin, act("")).await.unwrap();
    assert_eq!(scope, domain("globex.test"));
    assert_eq!(store.partner_version().unwrap(), version + 4, "copies in memory are old");

    drop(store);
    let store = open(directory.path());
    for name in ["globex.test", "Globex.Example"] {
        let found = store.trust_for(name).unwrap();
        assert_eq!(found.scope, domain("globex.test"), "{name}");
        assert_eq!(found.settings.revocation, Some(Strictness::Hard), "from all partners");
        assert_eq!(found.settings.min_rsa_bits, Some(3072));
        assert_eq!(found.settings.pinned_keys.len(), 1);
    }
    let stranger = store.trust_for("mail.globex.example").unwrap();
    assert_eq!(stranger.scope, Scope::Everybody);
    assert_eq!(stranger.settings.min_rsa_bits, Some(3072));
    assert_eq!(stranger.settings.revocation, None, "what is for partners is not for strangers");
}

#[tokio::test]
async fn a_domain_without_a_card_can_be_believed() {
    let (_directory, store) = fresh();
    store.change_trust(Scope::Partners, hard, act("")).await.unwrap();
    store.change_trust(domain("umbrella.example"), large, act("")).await.unwrap();
    let found = store.trust_for("umbrella.example").unwrap();
    assert_eq!(found.scope, domain("umbrella.example"));
    assert_eq!(found.settings.revocation, Some(Strictness::Hard));
}

#[tokio::test]
async fn each_change_is_in_the_audit_log_and_none_is_not() {
    let (_directory, store) = fresh();
    store.change_trust(domain("globex.example"), hard, act("called")).await.unwrap();
    store.change_trust(domain("globex.example"), hard, act("again")).await.unwrap();
    let reset = |settings: &mut TrustSettings| *settings = TrustSettings::default();
    store.change_trust(domain("globex.example"), reset, act("")).await.unwrap();
    store.change_trust(domain("never.example"), reset, act("")).await.unwrap();
    let log = store.audit_log(0, 9).unwrap();
    let actions: Vec<_> = log.iter().map(|it| (it.action.as_str(), it.subject.as_str())).collect();
    assert_eq!(actions, [("trust.change", "globex.example"), ("trust.reset", "globex.example")]);
    assert_eq!(log[0].details["settings"]["revocation"], "hard");
    assert_eq!(log[0].details["why"], "called");
    assert_eq!(store.partner_version().unwrap(), 2);
    assert_eq!(store.trusts().unwrap().iter().count(), 0);
}

#[tokio::test]
async fn who_gets_the_domain_next_does_not_inherit_the_trust() {
    let (_directory, store) = fresh();
    store
        .put_partner(partner("Globex", "AAAA", &["globex.example", "globex.test"]), act(""))
        .await
        .unwrap();
    store.change_trust(domain("globex.test"), hard, act("")).await.unwrap();
    assert!(store.remove_partner("AAAA", act("")).await.unwrap());
    store.put_partner(partner("Thief", "BBBB", &["globex.test"]), act("")).await.unwrap();
    assert!(store.trust_for("globex.test").unwrap().settings.is_empty());
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_not_left_out() {
    let (directory, store) = fresh();
    store.change_trust(domain("globex.example"), hard, act("")).await.unwrap();
    let connection = Connection::open(directory.path().join("chancery.db")).unwrap();
    connection
        .execute("UPDATE trust SET settings = replace(settings, 'hard', 'hardest')", [])
        .unwrap();
    let error = store.trust_for("globex.example").unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("globex.example"), "{error}");
}
