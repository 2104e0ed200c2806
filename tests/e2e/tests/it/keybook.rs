//! Keys of recipients of their own: imported, harvested, decided about; and mail that waits for them.

use std::fs;

use chancery_e2e::chancery::section;
use chancery_e2e::peers::{Accepted, Answer, Dialogue, Script, Stage};
use chancery_e2e::place::Folder;
use chancery_e2e::wait;
use serde_json::Value;

use crate::fetching::{AUTHORITY, issue, openssl};
use crate::finding::{names, person, prepare};
use crate::world::Lone;

/// Two authorities that are believed about initech.example, and what they issue to Bob.
struct Initech {
    folder: Folder,
}

impl Initech {
    fn new() -> Self {
        let folder = Folder::new();
        for (name, serial) in [("root", 1), ("other", 2)] {
            issue(folder.path(), name, None, serial, AUTHORITY);
        }
        Self { folder }
    }

    /// Issues a certificate with which Bob signs and reads.
    fn issue(&self, name: &str, authority: &str, serial: u32) {
        let extensions = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature,keyAgreement\n\
            extendedKeyUsage=emailProtection\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
            subjectAltName=email:bob@initech.example\n";
        issue(self.folder.path(), name, Some(authority), serial, extensions);
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a plain path").to_owned()
    }

    /// Acme, whose mail to Initech must be protected.
    fn acme(&self, authorities: &[&str]) -> Lone {
        Lone::start(|gateway| {
            gateway.set_policy(
                "version = 1\n[[rule]]\nname = \"initech\"\nwhen = { recipient-domain = \"initech.example\" }\nthen = \"protect\"\n",
            );
            let files: Vec<String> =
                authorities.iter().map(|it| self.file(&format!("{it}.pem"))).collect();
            let mut words = vec!["partner", "trust", "initech.example"];
            for file in &files {
                words.extend(["--anchor", file]);
            }
            gateway.demand(&words);
        })
    }

    /// What Bob reads of a message, with one of his keys.
    fn read(&self, message: &[u8], name: &str) -> Option<String> {
        fs::write(self.folder.path().join("wire.eml"), message).expect("ours");
        let words =
            format!("cms -decrypt -in wire.eml -recip {name}.pem -inkey {name}.key -out plain.eml");
        let done = std::process::Command::new("openssl")
            .current_dir(self.folder.path())
            .args(words.split(' '))
            .status()
            .expect("OpenSSL is installed");
        done.success().then(|| {
            let plain = fs::read(self.folder.path().join("plain.eml")).expect("OpenSSL wrote it");
            String::from_utf8_lossy(&plain).into_owned()
        })
    }

    /// A message that Bob signs.
    fn signed(&self, name: &str, mark: &str) -> String {
        let text = format!("Content-Type: text/plain\r\n\r\n{mark}\r\n");
        fs::write(self.folder.path().join("text"), text).expect("ours");
        let words = format!("cms -sign -crlfeol -in text -signer {name}.pem -inkey {name}.key");
        let signed =
            openssl(self.folder.path(), &words).replace("\r\n", "\n").replace('\n', "\r\n");
        format!(
            "From: bob@initech.example\r\nTo: alice@acme.example\r\nSubject: {mark}\r\n\
             Message-ID: <{mark}@initech.example>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n{signed}"
        )
    }
}

const BOB: &str = "bob@initech.example";

fn send(acme: &Lone, mark: &str) {
    send_to(acme, BOB, mark);
}

fn send_to(acme: &Lone, to: &str, mark: &str) {
    let message = format!(
        "From: alice@acme.example\r\nTo: {to}\r\nSubject: hello\r\nMessage-ID: <{mark}@acme.example>\r\n\
         Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\nthe secret of {mark}\r\n"
    );
    let answer = acme.send(&[to], &message);
    assert!(answer.starts_with("250"), "{answer}");
}

/// Waits until a message is held, and returns the code.
fn held(acme: &Lone, mark: &str) -> String {
    wait::until("the hold", || {
        let story = acme.gateway.json(&["explain", &format!("<{mark}@acme.example>")]);
        let recipients = story.pointer("/0/recipients").or(story.pointer("/recipients"))?;
        let recipient = recipients.as_array()?.first()?.clone();
        (recipient.get("state").and_then(Value::as_str)? == "held")
            .then(|| recipient.get("code").and_then(Value::as_str).map(str::to_owned))?
    })
}

/// Waits for the message on its way to Bob; returns it, and its story.
fn left(acme: &Lone, mark: &str) -> (Vec<u8>, String) {
    let on_way = acme.internet.received(&format!("<{mark}@acme.example>"));
    (on_way.message, acme.gateway.demand(&["explain", &format!("<{mark}@acme.example>")]))
}

fn fingerprint(initech: &Initech, name: &str) -> String {
    let words = format!("x509 -in {name}.pem -noout -fingerprint -sha256");
    let said = openssl(initech.folder.path(), &words);
    said.trim().rsplit_once('=').expect("a fingerprint").1.to_owned()
}

#[test]
fn mail_waits_for_the_recipients_key_and_goes_by_itself() {
    let initech = Initech::new();
    initech.issue("bob", "root", 0x10);
    let acme = initech.acme(&["root"]);
    send(&acme, "early");
    assert_eq!(held(&acme, "early"), "policy.no_partner");

    acme.gateway.demand(&["key", "import", &initech.file("bob.pem")]);
    let (wire, story) = left(&acme, "early");
    let read = initech.read(&wire, "bob").expect("it is encrypted to Bob");
    assert!(read.contains("the secret of early"), "{read}");
    assert!(!String::from_utf8_lossy(&wire).contains("secret"), "nobody else reads it");
    for told in [
        "the recipient's own key: ",
        "(imported: ",
        "initech.example vouches for it",
        "CN=bob → CN=root",
    ] {
        assert!(story.contains(told), "{told}: {story}");
    }
    let shown = acme.gateway.json(&["key", "show", BOB]);
    assert_eq!(shown.pointer("/chosen"), Some(&Value::from(0)), "{shown}");
    assert_ne!(shown.pointer("/keys/0/used_at_ms"), Some(&Value::from(0)), "{shown}");

    // Who had protected mail does not lose it, and the administrator's word counts at once.
    let bob = fingerprint(&initech, "bob");
    acme.gateway.demand(&["key", "retire", &bob, "--address", BOB]);
    send(&acme, "retired");
    assert_eq!(held(&acme, "retired"), "policy.no_partner");
    acme.gateway.demand(&["key", "trust", BOB, &bob]);
    let (wire, _) = left(&acme, "retired");
    assert!(initech.read(&wire, "bob").is_some());
}

#[test]
fn a_key_is_found_however_the_domain_is_written() {
    let place = Folder::new();
    person(place.path(), "bob", "bob@xn--bcher-kva.example");
    let file = place.path().join("bob.pem").to_str().expect("a plain path").to_owned();
    let acme = Lone::start(|gateway| {
        gateway.demand(&["key", "import", &file, "--trust"]);
    });
    for (mark, domain, word) in
        [("ascii", "xn--bcher-kva.example", ""), ("letters", "B\u{fc}cher.example", " SMTPUTF8")]
    {
        let mut dialogue = Dialogue::greeted(acme.gateway.inside());
        let commands = [
            format!("MAIL FROM:<alice@acme.example>{word}"),
            format!("RCPT TO:<Bob@{domain}>"),
            "DATA".to_owned(),
        ];
        for command in commands {
            let answer = dialogue.say(&command);
            assert!(answer.starts_with(['2', '3']), "{command}: {answer}");
        }
        dialogue.send(format!("Message-ID: <{mark}@acme.example>\r\n\r\nthe secret\r\n.\r\n"));
        assert!(dialogue.reply().starts_with("250"));
        let (wire, story) = left(&acme, mark);
        assert!(!String::from_utf8_lossy(&wire).contains("the secret"), "{mark}: {story}");
    }
}

#[test]
fn a_signed_mail_brings_the_key_for_the_answer() {
    let initech = Initech::new();
    initech.issue("bob", "root", 0x10);
    let acme = initech.acme(&["root"]);
    send(&acme, "question");
    assert_eq!(held(&acme, "question"), "policy.no_partner");
    // Bob is asked once, in a signed mail that tells nothing of the message; Alice hears of it.
    let request = acme.internet.received("waits for your key");
    let text = String::from_utf8_lossy(&request.message).into_owned();
    assert!(
        text.contains("Reply-To: <alice@acme.example>") && text.contains("smime.p7s"),
        "{text}"
    );
    assert!(!text.contains("the secret of") && !text.contains("hello"), "{text}");
    assert!(text.contains(" with local id "), "{text}");
    assert_eq!((request.from.as_str(), request.recipients.as_slice()), ("", &[BOB.to_owned()][..]));
    let told = acme.mailboxes.received("is waiting at");
    let told = String::from_utf8_lossy(&told.message).into_owned();
    assert!(told.replace("\r\n  ", " ").contains("has been asked"), "{told}");
    send(&acme, "second");
    assert_eq!(held(&acme, "second"), "policy.no_partner");
    assert_eq!(acme.internet.accepted().len(), 1, "asked once");
    let answer = acme.receive(BOB, &initech.signed("bob", "mine"));
    assert!(answer.starts_with("250"), "{answer}");
    let (wire, story) = left(&acme, "question");
    assert!(initech.read(&wire, "bob").is_some());
    assert!(story.contains("(harvested: "), "{story}");
    let confirmed = |keys: &Value| keys.pointer("/keys/0/confirmed_at_ms").and_then(Value::as_i64);
    let keys = acme.gateway.json(&["key", "list", BOB]);
    assert_eq!(confirmed(&keys), Some(0), "{keys}");
    acme.receive(BOB, &initech.signed("bob", "again"));
    wait::until("the confirmation", || {
        confirmed(&acme.gateway.json(&["key", "list", "initech.example"])).filter(|at| *at > 0)
    });
    // A stranger's certificate is not taken, whatever it says.
    openssl(initech.folder.path(), "x509 -in bob.pem -noout -subject");
    initech.issue("evil", "other", 0x66);
    acme.receive(BOB, &initech.signed("evil", "evil"));
    acme.mailboxes.received("evil");
    let keys = acme.gateway.json(&["key", "list", BOB]);
    assert_eq!(keys.pointer("/keys").and_then(Value::as_array).map(Vec::len), Some(1), "{keys}");
}

#[test]
fn what_did_not_reach_its_reader_is_noted_at_the_key() {
    let initech = Initech::new();
    initech.issue("bob", "root", 0x10);
    let acme = initech.acme(&["root"]);
    acme.gateway.demand(&["key", "import", &initech.file("bob.pem")]);
    let refusal = Answer::Reply("550 5.1.1 no such user");
    acme.internet.behave(Script::default().times(1, Stage::Recipient, "bob", refusal));
    let failure = || -> Option<String> {
        let keys = acme.gateway.json(&["key", "list", BOB]);
        assert_eq!(keys.pointer("/keys").and_then(Value::as_array).map(Vec::len), Some(1));
        let said = keys.pointer("/keys/0/failure")?.as_str()?.to_owned();
        let at = keys.pointer("/keys/0/failed_at_ms").and_then(Value::as_i64)?;
        assert_eq!(at > 0, !said.is_empty(), "{keys}");
        Some(said).filter(|said| !said.is_empty())
    };
    assert_eq!(failure(), None);
    send(&acme, "refused");
    let said = wait::until("the refusal", failure);
    assert!(said.contains("550 5.1.1 no such user"), "{said}");
    let shown = acme.gateway.demand(&["key", "show", BOB]);
    assert!(shown.contains("could not be delivered") && shown.contains("no such user"), "{shown}");

    // A report that comes later counts if it names mail of ours to him, and goes to who sent it.
    send(&acme, "taken");
    left(&acme, "taken");
    let report = |mark: &str, of: &str, why: &str| {
        let text = format!(
            "From: MAILER-DAEMON@initech.example\r\nTo: alice@acme.example\r\nSubject: {mark}\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n\
             --B\r\nContent-Type: text/plain\r\n\r\nsorry\r\n--B\r\n\
             Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.initech.example\r\n\r\n\
             Final-Recipient: rfc822; Bob@initech.example\r\nAction: failed\r\nStatus: 5.2.2\r\n\
             Diagnostic-Code: smtp; 552 {why}\r\n\r\n--B\r\nContent-Type: text/rfc822-headers\r\n\r\n\
             Message-ID: <{of}@acme.example>\r\n--B--\r\n"
        );
        let answer = acme.receive("", &text);
        assert!(answer.starts_with("250"), "{answer}");
        acme.mailboxes.received(mark);
    };
    report("forged", "never-sent", "a lie");
    report("honest", "taken", "mailbox full");
    let said = wait::until("the report", || failure().filter(|said| said.contains("report")));
    assert_eq!(said, "a report says: 5.2.2 552 mailbox full");
}

#[test]
fn two_keys_that_are_as_sure_are_for_a_person() {
    let initech = Initech::new();
    initech.issue("bob", "root", 0x10);
    initech.issue("bert", "other", 0x11);
    let acme = initech.acme(&["root", "other"]);
    for name in ["bob.pem", "bert.pem"] {
        acme.gateway.demand(&["key", "import", &initech.file(name)]);
    }
    send(&acme, "which");
    assert_eq!(held(&acme, "which"), "policy.key_review");
    let listed = acme.gateway.json(&["key", "list", BOB]);
    assert_eq!(listed.pointer("/reviews/0/address"), Some(&Value::from(BOB)), "{listed}");
    acme.gateway.demand(&["key", "trust", BOB, &fingerprint(&initech, "bert")]);
    let (wire, _) = left(&acme, "which");
    assert!(initech.read(&wire, "bert").is_some() && initech.read(&wire, "bob").is_none());
    let listed = acme.gateway.json(&["key", "list", BOB]);
    assert_eq!(listed.pointer("/reviews"), Some(&Value::Array(Vec::new())), "{listed}");
}

#[test]
fn signed_zones_bring_keys_and_forged_ones_stop_the_mail() {
    let place = Folder::new();
    prepare(place.path(), 1);
    let (_server, port) = names(place.path(), "signed", true);
    let acme = Lone::start(|gateway| {
        gateway.set_policy(
            "version = 1\n\
             [[rule]]\nname = \"must\"\nthen = \"protect\"\nwhen = { header = { name = \"X-Must\" } }\n\
             [[rule]]\nname = \"plain\"\nthen = \"pass\"\nwhen = { header = { name = \"X-Plain\" } }\n",
        );
        let anchor = place.path().join("root.key").to_str().expect("a plain path").to_owned();
        gateway.configure(|settings| {
            let dns = section(settings, "dns");
            let servers = vec![toml::Value::from(format!("127.0.0.2:{}", port.number()))];
            dns.insert("servers".into(), servers.into());
            dns.insert("trust-anchor".into(), anchor.into());
            section(settings, "find").insert("dns".into(), true.into());
        });
    });
    send_to(&acme, "ann@signed.test", "sure");
    let (wire, story) = left(&acme, "sure");
    assert!(!String::from_utf8_lossy(&wire).contains("secret"), "it is encrypted");
    assert!(story.contains("(dnssec: dns)") && story.contains("dns names it"), "{story}");

    // A key is found that nobody vouches for: the plan is made again with it, and still asks for a better one.
    let must = "X-Must: yes\r\nMessage-ID: <must@acme.example>\r\n\r\nthe secret of must\r\n";
    assert!(acme.send(&["uma@unsigned.test"], must).starts_with("250"));
    let request = acme.internet.received("waits for your key");
    assert_eq!(request.recipients, ["uma@unsigned.test"]);

    // An unsigned zone is nobody's word: the policy wants protection where it is possible, and here it is not.
    send_to(&acme, "uma@unsigned.test", "open");
    let (wire, story) = left(&acme, "open");
    assert!(String::from_utf8_lossy(&wire).contains("the secret of open"));
    assert!(story.contains("discovered: dns"), "{story}");

    // Somebody is in the way: nothing leaves, whatever the policy wants.
    send_to(&acme, "ben@bogus.test", "forged");
    wait::until("the reason", || {
        let story = acme.gateway.demand(&["explain", "<forged@acme.example>"]);
        story.contains("dns.bogus").then_some(())
    });
    // What needs no key is no question to anybody.
    let plain = "X-Plain: yes\r\nMessage-ID: <plain@acme.example>\r\n\r\nplain\r\n";
    assert!(acme.send(&["ben@bogus.test"], plain).starts_with("250"));
    acme.internet.received("plain@acme.example");
    let texts: Vec<String> = acme.internet.accepted().iter().map(Accepted::text).collect();
    assert!(!texts.concat().contains("the secret of forged"));
}

#[test]
fn of_a_partner_the_surer_key_is_used_and_the_policy_decides() {
    let initech = Initech::new();
    initech.issue("bob", "root", 0x10);
    let root = initech.file("root.pem");
    let partner = Lone::start_as("initech.example");
    let acme = Lone::start(|gateway| {
        gateway.add_partner(&partner.gateway.card(), &partner.gateway.fingerprint());
        gateway.demand(&["partner", "trust", "initech.example", "--anchor", &root]);
    });
    // What a mail brought is less sure than the card.
    acme.receive(BOB, &initech.signed("bob", "harvest"));
    wait::until("the harvest", || {
        let keys = acme.gateway.json(&["key", "list", BOB]);
        keys.pointer("/keys/0").is_some().then_some(())
    });
    let is_for_bob = |mark: &str| {
        send(&acme, mark);
        initech.read(&left(&acme, mark).0, "bob").is_some()
    };
    assert!(!is_for_bob("card"));
    acme.gateway.demand(&["key", "import", &initech.file("bob.pem")]);
    assert!(is_for_bob("own"));
    acme.gateway.set_policy("version = 1\n[outbound]\nencrypt-to = \"organisation\"\n");
    let process = acme.gateway.process().expect("it runs").to_string();
    let told = std::process::Command::new("kill").args(["-HUP", &process]).status();
    assert!(told.expect("kill is there").success());
    wait::until("the policy", || {
        (!is_for_bob(&format!("again{}", acme.internet.accepted().len()))).then_some(())
    });
}
