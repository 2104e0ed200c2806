//! Signers of a partner that is nothing but an authority: what their certificates lack is fetched, revocation counts, and
//! `explain` tells it.

use std::fs;
use std::path::Path;

use chancery_e2e::chancery::section;
use chancery_e2e::message::fields;
use chancery_e2e::place::Folder;
use toml::Value;

use crate::fetching::{AUTHORITY, LEAF, Server, issue, list, openssl, web};
use crate::world::Lone;

/// Initech's root and the authority below it, which publish by HTTP, and two of its people.
struct Initech {
    folder: Folder,
    server: Server,
}

impl Initech {
    fn new() -> Self {
        let folder = Folder::new();
        let place = folder.path();
        let server = web(place);
        let base = format!("http://127.0.0.1:{}", server.port);
        fs::write(place.join("index.txt"), "").expect("ours");
        issue(place, "root", None, 1, AUTHORITY);
        let of_root = format!("{AUTHORITY}crlDistributionPoints=URI:{base}/root.crl\n");
        issue(place, "lower", Some("root"), 2, &of_root);
        for (name, serial) in [("bob", 0x10), ("mallory", 0x11)] {
            let extensions = format!(
                "{LEAF}subjectAltName=email:{name}@initech.example\n\
                 authorityInfoAccess=caIssuers;URI:{base}/lower.p7c\ncrlDistributionPoints=URI:{base}/lower.crl\n"
            );
            issue(place, name, Some("lower"), serial, &extensions);
        }
        openssl(place, "crl2pkcs7 -nocrl -certfile lower.pem -outform DER -out lower.p7c");
        list(place, "root");
        let revoked = "R\t491231235959Z\t200101000000Z\t11\tunknown\t/CN=mallory\n";
        fs::write(place.join("index.txt"), revoked).expect("ours");
        list(place, "lower");
        Self { folder, server }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a plain path").to_owned()
    }

    /// A message that its author signs without the certificates above.
    fn mail(&self, author: &str, mark: &str) -> String {
        let place = self.folder.path();
        fs::write(place.join("text"), format!("Content-Type: text/plain\r\n\r\n{mark}\r\n"))
            .expect("ours");
        let words = format!("cms -sign -crlfeol -in text -signer {author}.pem -inkey {author}.key");
        let signed = openssl(place, &words).replace("\r\n", "\n").replace('\n', "\r\n");
        format!(
            "From: {author}@initech.example\r\nTo: alice@acme.example\r\nSubject: {mark}\r\n\
             Message-ID: <{mark}@initech.example>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n{signed}"
        )
    }
}

/// Acme, which may ask this machine and has decided about Initech.
fn acme(initech: &Initech, revocation: &str) -> Lone {
    let root = initech.file("root.pem");
    Lone::start(|gateway| {
        gateway.configure(|settings| {
            section(settings, "lookup").insert("allow-private".into(), Value::Boolean(true));
        });
        let words =
            ["partner", "trust", "initech.example", "--anchor", &root, "--revocation", revocation];
        gateway.demand(&words);
    })
}

/// Sends a message and returns what was delivered, and its story.
fn judged(acme: &Lone, initech: &Initech, author: &str, mark: &str) -> (String, String) {
    let from = format!("{author}@initech.example");
    let answer = acme.receive(&from, &initech.mail(author, mark));
    assert!(answer.starts_with("250"), "{answer}");
    let delivered = acme.mailboxes.received(mark);
    let story = acme.gateway.demand(&["explain", &format!("<{mark}@initech.example>")]);
    let text = String::from_utf8_lossy(&delivered.message).into_owned();
    (fields(&text, "Authentication-Results").concat(), story)
}

#[test]
fn what_a_signer_lacks_is_fetched_and_the_revoked_are_not_believed() {
    let initech = Initech::new();
    let acme = acme(&initech, "hard");
    let (result, story) = judged(&acme, &initech, "bob", "first");
    assert!(result.contains("smime=pass"), "{result}\n{story}");
    for told in [
        "asked the network about certificates",
        "/lower.p7c: fetched: 1 certificate",
        "/lower.crl: fetched: ",
        "path: CN=bob → CN=lower → CN=root",
        "revocation of <CN=bob>: good: ",
        "revocation of <CN=lower>: good: ",
        "ends first: what is known of the revocation of <CN=",
    ] {
        assert!(story.contains(told), "{told}: {story}");
    }

    let (result, story) = judged(&acme, &initech, "mallory", "second");
    assert!(!result.contains("smime=pass"), "{result}");
    assert!(story.contains("revocation of <CN=mallory>: revoked: "), "{story}");
    assert!(story.contains("smime.certificate_revoked"), "{story}");

    // It is known now; nobody is asked again, even if nobody is there any more.
    initech.server.stop();
    let (result, story) = judged(&acme, &initech, "bob", "third");
    assert!(result.contains("smime=pass"), "{result}\n{story}");
    assert!(!story.contains("asked the network"), "{story}");
    let metrics = acme.gateway.metric_values();
    assert_eq!(metrics.get("chancery_lookup_requests_total"), Some(&3.0), "{metrics:?}");
}

#[test]
fn where_nobody_answers_the_demand_decides() {
    for (revocation, is_believed) in [("soft", true), ("hard", false)] {
        let initech = Initech::new();
        // The certificates are there, and no list.
        for list in ["root.crl", "lower.crl"] {
            fs::remove_file(Path::new(&initech.file(list))).expect("it was there");
        }
        let acme = acme(&initech, revocation);
        let (result, story) = judged(&acme, &initech, "mallory", "only");
        assert_eq!(result.contains("smime=pass"), is_believed, "{revocation}: {result}\n{story}");
        assert!(story.contains("revocation of <CN=mallory>: unknown: "), "{story}");
        let is_named = story.contains("smime.revocation_unknown");
        assert_eq!(is_named, !is_believed, "{story}");
        assert!(story.contains("/lower.crl: failed: "), "{story}");
    }
}
