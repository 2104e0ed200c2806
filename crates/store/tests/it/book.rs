//! Partners, keys, and the audit log.

use chancery_store::key::{KeyPurpose, NewKey, Resealed};
use chancery_store::partner::PartnerRow;
use chancery_store::{Error, Store};
use rusqlite::Connection;
use serde_json::json;

use crate::support::*;

pub(crate) fn partner(name: &str, fingerprint: &str, domains: &[&str]) -> PartnerRow {
    PartnerRow {
        name: name.into(),
        domains: domains.iter().map(|domain| (*domain).into()).collect(),
        card: b"card".to_vec(),
        fingerprint: fingerprint.into(),
        added_at_ms: NOW,
        added_by: "ada".into(),
        expires_at_ms: NOW + 1,
    }
}

#[tokio::test]
async fn partners_are_found_by_their_exact_domain() {
    let (directory, store) = fresh();
    assert_eq!(store.partner_version().unwrap(), 0);
    store
        .put_partner(partner("Globex", "AAAA", &["Globex.Example", "globex.test"]), act("called"))
        .await
        .unwrap();
    assert_eq!(store.partner_version().unwrap(), 1);
    let found = store.partner_by_domain("GLOBEX.example").unwrap().unwrap();
    assert_eq!(found.domains, ["globex.example", "globex.test"]);
    assert_eq!(found.card, b"card");
    for other in ["mail.globex.example", "example", "globex.exampl", ""] {
        assert_eq!(store.partner_by_domain(other).unwrap(), None, "{other}");
    }
    let store = {
        drop(store);
        open(directory.path())
    };
    assert_eq!(store.partners().unwrap(), [found]);
    assert_eq!(store.audit_log(0, 9).unwrap()[0].details["why"], "called");
}

#[tokio::test]
async fn a_renewed_card_replaces_and_a_strange_one_does_not() {
    let (_directory, store) = fresh();
    store
        .put_partner(partner("Globex", "AAAA", &["globex.example", "old.example"]), act(""))
        .await
        .unwrap();
    let renewed = partner("Globex Inc", "AAAA", &["globex.example", "new.example"]);
    store.put_partner(renewed.clone(), act("")).await.unwrap();
    assert_eq!(store.partners().unwrap(), std::slice::from_ref(&renewed));
    assert_eq!(store.partner_by_domain("old.example").unwrap(), None);
    assert_eq!(store.partner_version().unwrap(), 2);

    let thief = partner("Thief", "BBBB", &["thief.example", "NEW.example"]);
    match store.put_partner(thief, act("")).await {
        Err(Error::PartnerConflict { domain, partner, fingerprint }) => {
            assert_eq!(
                (domain.as_str(), partner.as_str(), fingerprint.as_str()),
                ("new.example", "Globex Inc", "AAAA")
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.partners().unwrap(), [renewed]);
    assert_eq!(store.partner_by_domain("thief.example").unwrap(), None);
    assert_eq!(store.partner_version().unwrap(), 2);

    assert!(!store.remove_partner("BBBB", act("")).await.unwrap());
    assert!(store.remove_partner("AAAA", act("")).await.unwrap());
    assert_eq!(store.partners().unwrap(), []);
    assert_eq!(store.partner_version().unwrap(), 3);
    let actions: Vec<_> =
        store.audit_log(0, 9).unwrap().into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["partner.add", "partner.add", "partner.remove"]);
}

fn key(byte: u8, active: bool) -> NewKey {
    NewKey {
        purpose: KeyPurpose::Encryption,
        certificate: vec![byte; 100],
        sealed_key: vec![byte; 50],
        not_after_ms: NOW,
        active,
    }
}

async fn put(store: &Store, key: NewKey) -> i64 {
    store.put_keys(vec![key], act("")).await.unwrap()[0]
}

#[tokio::test]
async fn one_key_is_active_and_old_ones_are_kept() {
    let (_directory, store) = fresh();
    let first = put(&store, key(1, true)).await;
    let second = put(&store, key(2, true)).await;
    let third = put(&store, key(3, false)).await;
    let keys = store.keys(KeyPurpose::Encryption).unwrap();
    let order: Vec<_> = keys.iter().map(|key| (key.id, key.active)).collect();
    assert_eq!(order, [(second, true), (third, false), (first, false)]);
    assert_eq!(keys[0].sealed_key, [2; 50]);
    assert_eq!(store.keys(KeyPurpose::Signing).unwrap(), []);
    let json = serde_json::to_string(&keys).unwrap();
    assert!(!json.contains("sealed"), "{json}");
    assert_eq!(store.audit_log(0, 9).unwrap().len(), 3);
    assert_eq!((store.key_version().unwrap(), store.partner_version().unwrap()), (3, 3));
}

#[tokio::test]
async fn a_key_in_use_is_never_destroyed() {
    let (_directory, store) = fresh();
    let old = put(&store, key(1, true)).await;
    let used = put(&store, key(2, true)).await;
    assert!(!store.destroy_key(used, act("")).await.unwrap());
    assert!(!store.destroy_key(7, act("")).await.unwrap());
    assert!(store.destroy_key(old, act("")).await.unwrap());
    assert!(!store.destroy_key(old, act("")).await.unwrap(), "there is nothing left to destroy");
    let keys = store.keys(KeyPurpose::Encryption).unwrap();
    assert_eq!((keys[0].id, keys[0].is_destroyed()), (used, false));
    assert_eq!((keys[1].id, keys[1].is_destroyed()), (old, true));
    assert_eq!(keys[1].certificate, [1; 100], "the certificate stays as a record");
    assert_eq!(store.key_version().unwrap(), 3);
}

#[tokio::test]
async fn keys_are_sealed_anew_all_or_none() {
    let (_directory, store) = fresh();
    let destroyed = put(&store, key(1, true)).await;
    let old = put(&store, key(2, true)).await;
    let used = put(&store, key(3, true)).await;
    assert!(store.destroy_key(destroyed, act("")).await.unwrap());
    let anew =
        |id, before: u8| Resealed { id, before: vec![before; 50], after: vec![before + 10; 50] };
    for wrong in [
        vec![anew(old, 2)],
        vec![anew(old, 2), anew(used, 4)],
        vec![anew(old, 2), anew(used, 3), anew(destroyed, 1)],
    ] {
        assert!(!store.reseal_keys(wrong, act("")).await.unwrap());
    }
    let sealed = || {
        let keys = store.keys(KeyPurpose::Encryption).unwrap();
        keys.iter().map(|key| key.sealed_key.first().copied().unwrap_or(0)).collect::<Vec<_>>()
    };
    assert_eq!(sealed(), [3, 2, 0]);
    assert!(store.reseal_keys(vec![anew(used, 3), anew(old, 2)], act("")).await.unwrap());
    assert_eq!(sealed(), [13, 12, 0]);
}

#[tokio::test]
async fn the_audit_log_shows_what_was_changed_in_it() {
    let (directory, store) = fresh();
    assert_eq!(store.verify_audit().unwrap(), 0);
    for n in 1..=5 {
        let id = store
            .audit(act("why"), "policy.change", "policy.toml", json!({"version": n}))
            .await
            .unwrap();
        assert_eq!(id, n);
    }
    assert_eq!(store.verify_audit().unwrap(), 5);
    assert_eq!(store.audit_log(3, 1).unwrap()[0].details, json!({"version": 4, "why": "why"}));

    let raw = Connection::open(directory.path().join("chancery.db")).unwrap();
    for forbidden in
        ["UPDATE audit SET who = 'eve'", "DELETE FROM audit", "DELETE FROM audit WHERE id = 5"]
    {
        let refused = raw.execute(forbidden, []).unwrap_err().to_string();
        assert!(refused.contains("the audit log is never"), "{refused}");
    }
    raw.execute_batch("DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_shortened")
        .unwrap();
    let broken_by = |change: &str, back: &str| {
        raw.execute_batch(change).unwrap();
        let broken = store.verify_audit();
        raw.execute_batch(back).unwrap();
        assert_eq!(store.verify_audit().unwrap(), 5, "{back}");
        match broken {
            Err(Error::AuditBroken { entry, .. }) => entry,
            other => panic!("{change}: {other:?}"),
        }
    };
    for (column, change) in [
        ("who", "'eve'"),
        ("action", "'x'"),
        ("subject", "'x'"),
        ("details", "'{}'"),
        ("at", "1"),
        ("organisation", "2"),
        ("hash", "zeroblob(32)"),
    ] {
        let keep = format!("CREATE TEMP TABLE kept AS SELECT id, {column} AS kept FROM audit");
        raw.execute_batch(&keep).unwrap();
        let entry = broken_by(
            &format!("UPDATE audit SET {column} = {change} WHERE id = 3"),
            &format!(
                "UPDATE audit SET {column} = (SELECT kept FROM kept WHERE kept.id = audit.id); DROP TABLE kept"
            ),
        );
        assert_eq!(entry, 3, "{column}");
    }
    raw.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM audit WHERE id = 2").unwrap();
    assert_eq!(
        broken_by("DELETE FROM audit WHERE id = 2", "INSERT INTO audit SELECT * FROM kept"),
        2
    );
    // Text moved from one field to the next gives another hash.
    raw.execute_batch(
        "DROP TABLE kept; CREATE TEMP TABLE kept AS SELECT * FROM audit WHERE id = 5",
    )
    .unwrap();
    let entry = broken_by(
        "UPDATE audit SET who = 'adap', action = 'olicy.change' WHERE id = 5",
        "DELETE FROM audit WHERE id = 5; INSERT INTO audit SELECT * FROM kept",
    );
    assert_eq!(entry, 5);
}
