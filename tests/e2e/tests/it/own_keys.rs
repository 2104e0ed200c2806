//! The organisation's own keys: renewal that nobody notices, and another seal.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use chancery_e2e::{
    chancery::section,
    message::{self, SECRET, fields},
    peers::{Accepted, Dialogue},
};
use serde_json::Value;

use crate::world::Lone;

const ALICE: &str = "alice@acme.example";
const BOB: &str = "bob@globex.example";

/// Sends from one organisation to the other by hand, and returns what crossed and what was delivered.
fn cross(
    from: &Lone,
    to: &Lone,
    (sender, recipient): (&str, &str),
    mark: &str,
) -> (String, String) {
    let sent = message::plain(sender, recipient, mark);
    let answer = Dialogue::greeted(from.gateway.inside()).deliver(sender, &[recipient], &sent);
    assert!(answer.starts_with("250"), "{mark}: {answer}");
    let wire = from.internet.received(&format!("{mark}@")).text();
    (wire.clone(), arrive(to, (sender, recipient), mark, &wire))
}

/// Hands a message in that crossed, and returns what becomes of it.
fn arrive(to: &Lone, (sender, recipient): (&str, &str), mark: &str, wire: &str) -> String {
    let before = to.mailboxes.accepted().len();
    let answer = Dialogue::greeted(to.gateway.outside()).deliver(sender, &[recipient], wire);
    assert!(answer.starts_with("250"), "{mark}: {answer}");
    to.mailboxes.wait_for(mark, |accepted| accepted.get(before).map(Accepted::text))
}

fn is_verified(delivered: &str) -> bool {
    fields(delivered, "Authentication-Results").concat().contains("smime=pass")
}

/// Returns the certificates of a kind with their states.
fn keys(organisation: &Lone, purpose: &str) -> Vec<(String, String)> {
    let keys = organisation.gateway.demand(&["--format", "json", "key", "list"]);
    let keys: Vec<Value> = serde_json::from_str(&keys).expect("it is JSON");
    let text = |key: &Value, name: &str| key[name].as_str().expect("a text").to_owned();
    let of = keys.iter().filter(|key| key["purpose"] == purpose);
    of.map(|key| (text(key, "state"), text(key, "fingerprint"))).collect()
}

/// Returns the certificates that a message was encrypted to.
fn encrypted_to(organisation: &Lone, mark: &str) -> String {
    organisation.gateway.demand(&["explain", &format!("{mark}@test.invalid")])
}

#[test]
fn a_renewal_is_noticed_by_nobody_and_learned_by_partners() {
    let acme = Lone::start(|_| {});
    let globex = Lone::start_as("globex.example");
    acme.gateway.meet(&globex.gateway);
    let (there, back) = ((ALICE, BOB), (BOB, ALICE));
    let (old_wire, delivered) = cross(&globex, &acme, back, "before-");
    assert!(is_verified(&delivered), "{delivered}");
    let (_, old) = keys(&acme, "encryption")[0].clone();

    // Both gateways run all the while.
    let renewed = acme.gateway.command(&["key", "renew"]);
    assert_eq!(renewed.code, Some(0), "{renewed:?}");
    let list = keys(&acme, "encryption");
    assert_eq!(list.iter().map(|(state, _)| state.as_str()).collect::<Vec<_>>(), ["used", "old"]);
    assert_eq!(list[1].1, old);
    let new = list[0].1.clone();
    assert_ne!(new, old);

    // What was made for the old certificate still opens.
    let again = old_wire.replace("before-", "again-");
    assert!(is_verified(&arrive(&acme, back, "again-", &again)));
    // Globex knows the old card only: it believes the new signature and encrypts to the old certificate.
    let (_, delivered) = cross(&globex, &acme, back, "unaware-");
    assert!(is_verified(&delivered) && delivered.contains(SECRET), "{delivered}");
    assert!(encrypted_to(&globex, "unaware-").contains(&old));
    let (_, delivered) = cross(&acme, &globex, there, "announced-");
    assert!(is_verified(&delivered), "{delivered}");
    let story = encrypted_to(&globex, "announced-");
    assert!(story.contains(&format!("it has a new certificate to encrypt to: {new}")), "{story}");
    let (_, delivered) = cross(&globex, &acme, back, "aware-");
    assert!(is_verified(&delivered), "{delivered}");
    let story = encrypted_to(&globex, "aware-");
    assert!(story.contains(&new) && !story.contains(&old), "{story}");

    // The new card is taken without a question, and the old one not any more.
    let card = acme.gateway.card();
    let card = card.to_str().expect("a plain path");
    let taken = globex.gateway.command(&["partner", "add", card]);
    assert_eq!(taken.code, Some(0), "{taken:?}");
    assert!(taken.stdout.contains("renewed"), "{taken:?}");

    // The old key can be given up, the one in use cannot.
    let refused = acme.gateway.command(&["key", "retire", &new, "--yes"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    acme.gateway.demand(&["key", "retire", &old[..16], "--yes"]);
    assert_eq!(keys(&acme, "encryption")[1].0, "destroyed");
    let unreadable = old_wire.replace("before-", "lost-");
    let answer = Dialogue::greeted(acme.gateway.outside()).deliver(BOB, &[ALICE], &unreadable);
    assert!(answer.starts_with("250"), "{answer}");
    assert!(acme.waiting("held").contains("lost-@"), "nobody can open it any more");
}

#[test]
fn keys_are_sealed_under_another_key_or_passphrase_whatever_is_cut_off() {
    let mut acme = Lone::start(|_| {});
    let (key, next) =
        (acme.gateway.path("data/master.key"), acme.gateway.path("data/master.key.next"));
    let read = |path: &Path| fs::read(path).expect("it is there");
    let before = read(&key);
    acme.gateway.demand(&["key", "reseal"]);
    let after = read(&key);
    assert_ne!(before, after);
    assert!(!next.exists());
    let mode = fs::metadata(&key).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    acme.gateway.demand(&["partner", "card"]);
    fs::write(&key, &before).expect("the folder is ours");
    let wrong = acme.gateway.command(&["partner", "card"]);
    assert_eq!(wrong.code, Some(3), "the old key opens nothing: {wrong:?}");

    // Cut off after the commit: the new key still waits beside the old one, and the next command puts it in place.
    fs::write(&next, &after).expect("the folder is ours");
    acme.gateway.demand(&["partner", "card"]);
    assert_eq!(read(&key), after);
    assert!(!next.exists());
    // Cut off before the commit: the waiting key opens nothing and does no harm.
    fs::write(&next, &before).expect("the folder is ours");
    acme.gateway.demand(&["partner", "card"]);
    assert_eq!(read(&key), after);
    acme.gateway.demand(&["key", "reseal"]);
    assert_ne!(read(&key), after);

    // Under a passphrase, and a gateway that starts with it.
    let passphrase = acme.gateway.path("passphrase");
    fs::write(&passphrase, "correct horse battery staple\n").expect("the folder is ours");
    let named = format!("passphrase:{}", passphrase.display());
    acme.gateway.demand(&["key", "reseal", "--unseal", &named]);
    acme.gateway.stop();
    acme.gateway.configure(|configuration| {
        section(configuration, "keys").insert("unseal".into(), named.as_str().into());
    });
    fs::remove_file(&key).expect("it is not needed any more");
    acme.gateway.start();
    let sent = message::plain(ALICE, "carol@acme.example", "sealed-");
    assert!(acme.send(&["carol@acme.example"], &sent).starts_with("250"));
    acme.mailboxes.received("sealed-@");
    let audit = acme.gateway.command(&["check", "--offline"]);
    assert!(audit.stdout.contains("unbroken"), "{audit:?}");
}

#[test]
fn check_warns_in_time_and_says_what_helps() {
    let acme = Lone::start(|_| {});
    let check = |words: &[&str]| {
        let words = [&["--format", "json", "check", "--offline"], words].concat();
        let found = acme.gateway.command(&words);
        serde_json::from_str::<Vec<Value>>(&found.stdout).unwrap_or_else(|_| panic!("{found:?}"))
    };
    let of = |found: &[Value], subject: &str| -> Vec<Value> {
        found.iter().filter(|it| it["subject"] == subject).cloned().collect()
    };
    let found = check(&[]);
    assert!(found.iter().all(|it| it["level"] != "problem"), "{found:?}");
    assert_eq!(of(&found, "database")[0]["text"], "no damage");
    assert!(
        of(&found, "next end")[0]["text"].as_str().expect("a text").contains("in 7"),
        "{found:?}"
    );

    // Secrets that others can read, a policy that others can change.
    let open = |name: &str, mode| {
        fs::set_permissions(acme.gateway.path(name), fs::Permissions::from_mode(mode))
            .expect("ours");
    };
    open("data/master.key", 0o644);
    open("policy.toml", 0o666);
    let found = of(&check(&[]), "files");
    assert_eq!(found.len(), 2, "{found:?}");
    for (finding, (file, mend)) in
        found.iter().zip([("data/master.key", "chmod 600"), ("policy.toml", "chmod go-w")])
    {
        let place = acme.gateway.path(file).display().to_string();
        assert_eq!(finding["level"], "problem");
        assert_eq!(finding["place"], place.as_str());
        assert_eq!(finding["mend"], format!("{mend} {place}"));
    }
    open("data/master.key", 0o600);
    open("policy.toml", 0o644);

    // A wrong master key: what to do is not to run the very command that says it.
    let key = acme.gateway.path("data/master.key");
    let right = fs::read(&key).expect("it is there");
    fs::write(&key, [7; 32]).expect("the folder is ours");
    let found = of(&check(&[]), "keys");
    assert_eq!(
        (&found[0]["level"], &found[0]["place"]),
        (&"problem".into(), &"keys.unseal".into())
    );
    let mend = found[0]["mend"].as_str().expect("a mend");
    assert!(mend.contains("backup") && !mend.contains("chancery check"), "{mend}");
    fs::write(&key, right).expect("the folder is ours");
}
