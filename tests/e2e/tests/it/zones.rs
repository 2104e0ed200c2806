//! `directory dns`: what is published reaches the signed DNS, is found there by others, and goes again.

use std::fs;
use std::path::Path;

use chancery_e2e::chancery::{Outcome, chancery_in, configure, section};
use chancery_e2e::place::Folder;
use serde_json::Value;

use crate::finding::{SECRET, dns, find, names, only, person, prepare};

fn ask(folder: &Path, words: &str) -> Outcome {
    chancery_in(folder, words.split(' '))
}

fn demand(folder: &Path, words: &str) -> String {
    ask(folder, words).demand(words)
}

#[test]
fn what_is_published_is_found_in_the_signed_dns() {
    let place = Folder::new();
    let folder = place.path();
    prepare(folder, 1);
    let (_server, port) = names(folder, "signed", true);
    // Two organisations: one publishes, the other looks.
    let ours = folder.join("ours");
    demand(folder, "init signed.test --dir ours");
    configure(&ours, |settings| {
        let dns = section(settings, "dns");
        let servers = vec![format!("127.0.0.2:{}", port.number())];
        dns.insert("servers".into(), servers.into());
        dns.insert("trust-anchor".into(), "../root.key".into());
    });
    person(folder, "new", "new@signed.test");
    demand(&ours, "directory publish new@signed.test --cert ../new.pem");

    let zone = demand(&ours, "directory dns zone");
    let lines: Vec<&str> = zone.lines().collect();
    assert!(lines.len() == 2 && lines[0] == "; new@signed.test", "{zone}");
    assert!(lines[1].contains("._smimecert.signed.test. 3600 IN SMIMEA 3 0 0 3082"), "{zone}");

    let update = |key: &str| {
        format!(
            "--format json directory dns update --server 127.0.0.2:{} --key {key}",
            port.number()
        )
    };
    fs::write(ours.join("key"), format!("hmac-sha256:chancery:{SECRET}\n")).expect("ours");
    fs::write(ours.join("bad"), format!("hmac-sha256:chancery:{}\n", SECRET.replace('M', "N")))
        .expect("ours");
    let state = || find(folder, &dns(&port, ""), "new@signed.test");
    assert_eq!(state().0, Some(1));
    let outcome = ask(&ours, &update("bad"));
    let is_told = outcome.stderr.contains("cannot change the zone");
    assert!(outcome.code != Some(0) && is_told, "{outcome:?}");
    assert_eq!(state().0, Some(1), "nothing changed");

    let shown: Value = serde_json::from_str(&demand(&ours, &update("key"))).expect("it is JSON");
    assert_eq!(
        (&shown[0]["address"], &shown[0]["check"]),
        (&"new@signed.test".into(), &"there".into()),
        "{shown}"
    );
    let (status, answer) = state();
    assert_eq!(status, Some(0), "{answer}");
    assert_eq!(only(&answer, "candidates")["dnssec"], "secure", "{answer}");
    // What others wrote into the zone stays.
    assert_eq!(find(folder, &dns(&port, ""), "ann@signed.test").0, Some(0));

    demand(&ours, "directory unpublish new@signed.test");
    let shown: Value = serde_json::from_str(&demand(&ours, &update("key"))).expect("it is JSON");
    assert_eq!(shown[0]["certificates"], serde_json::json!([]), "{shown}");
    let (status, answer) = state();
    assert_eq!((status, &answer["unanswered"]), (Some(1), &serde_json::json!([])), "{answer}");
}
