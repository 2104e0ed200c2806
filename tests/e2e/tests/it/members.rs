//! Organisations that know only their bridges: mail between them is protected and verified, over two bridges as well.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use chancery_e2e::chancery::{Gateway, chancery_in, section};
use chancery_e2e::message::fields;
use chancery_e2e::peers::{Dialogue, SmtpSink};
use chancery_e2e::place::{Folder, Port};
use chancery_e2e::publication::{Serving, fetch};
use chancery_e2e::wait;
use toml::Value;

/// A bridge that is served.
struct Bridge {
    folder: Folder,
    port: Port,
    fingerprint: String,
    serving: Option<Serving>,
}

impl Bridge {
    fn new(name: &str) -> Self {
        let mut bridge = Self::prepare(name);
        bridge.serve();
        bridge
    }

    /// A bridge that is not served yet, so that nobody waits for what it publishes.
    fn prepare(name: &str) -> Self {
        let fingerprint = String::new();
        let mut bridge =
            Self { folder: Folder::new(), port: Port::pick(), fingerprint, serving: None };
        let (url, listen) =
            (format!("http://{}/", bridge.port.address()), bridge.port.address().to_string());
        let made = bridge.run(&format!(
            "bridge init {name} --url {url} --dir bridge --domain bridge.example --listen {listen}"
        ));
        bridge.fingerprint = crate::world::fingerprint_in(&made);
        bridge
    }

    fn serve(&mut self) {
        self.serving = Some(Serving::start(self.folder.path(), self.port.address()));
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a plain path").to_owned()
    }

    fn run(&self, words: &str) -> String {
        chancery_in(self.folder.path(), words.split(' ')).demand(words)
    }

    fn own(&self, words: &str) -> String {
        self.run(&format!("{words} --config bridge/chancery.toml"))
    }

    /// Vouches for another bridge; returns the file with the certificate.
    fn vouch(&self, other: &Self) -> String {
        let (theirs, made) = (other.path("bridge/data/bridge.pem"), self.path("peer.pem"));
        let fingerprint = &other.fingerprint;
        self.own(&format!("bridge peer {theirs} --fingerprint {fingerprint} --out {made}"));
        made
    }

    /// Lets an organisation join, whose domain a person has settled.
    fn admit(&self, member: &Gateway) {
        let domain = member.domain().to_owned();
        let shown =
            fs::read(Path::new(&self.path("bridge/data/bridge.pem"))).expect("init wrote it");
        fs::write(self.path("bridge.pem"), shown).expect("ours");
        let file = |end: &str| self.path(&format!("{domain}.{end}"));
        let (request, answer, back) = (file("request"), file("answer"), file("back"));
        let asked = ["bridge", "join", &self.path("bridge.pem"), "--level", "basic"];
        let more = ["--fingerprint", &self.fingerprint, "--out", &request];
        member.demand(&[&asked[..], &more].concat());
        self.own(&format!("bridge join {request}"));
        let confirm = member.fingerprint();
        self.own(&format!("bridge prove {domain} --confirm {confirm} --evidence telephone"));
        self.own(&format!("bridge cross-sign {domain} --out {answer}"));
        member.demand(&["bridge", "cross-sign", &answer, "--out", &back]);
        self.own(&format!("bridge cross-sign {back}"));
        if self.serving.is_none() {
            return;
        }
        wait::until("the member's card", || {
            let (head, _) = fetch(self.port.address(), &format!("members/{domain}.card"));
            head.starts_with("HTTP/1.1 200").then_some(())
        });
    }
}

/// An organisation that may ask this machine.
fn organisation(domain: &str, mailboxes: SocketAddr) -> Gateway {
    let gateway = Gateway::init(domain, mailboxes);
    gateway.configure(|settings| {
        section(settings, "lookup").insert("allow-private".into(), Value::Boolean(true));
    });
    gateway
}

/// Sends mail of an organisation's Alice, and returns its story.
fn send(from: &Gateway, to: &str, mark: &str) -> String {
    let sender = format!("alice@{}", from.domain());
    let message = format!(
        "From: {sender}\r\nTo: {to}\r\nSubject: {mark}\r\nMessage-ID: <{mark}@acme.example>\r\n\
         Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\nthe secret of {mark}\r\n"
    );
    let answer = Dialogue::greeted(from.inside()).deliver(&sender, &[to], &message);
    assert!(answer.starts_with("250"), "{answer}");
    from.demand(&["explain", &format!("<{mark}@acme.example>")])
}

/// Brings Bob what is on its way to him; his gateway opens and believes it. Returns its story there.
fn arrive(globex: &Gateway, mailboxes: &SmtpSink, wire: &str, mark: &str) -> String {
    let mut dialogue = Dialogue::greeted(globex.outside());
    let answer = dialogue.deliver("alice@acme.example", &[BOB], wire);
    assert!(answer.starts_with("250"), "{answer}");
    let delivered = mailboxes.received(mark);
    let text = String::from_utf8_lossy(&delivered.message).into_owned();
    let story = globex.demand(&["explain", &format!("<{mark}@acme.example>")]);
    assert!(text.contains(&format!("the secret of {mark}")), "{story}");
    let result = fields(&text, "Authentication-Results").concat();
    assert!(result.contains("smime=pass"), "{result}\n{story}");
    story
}

const BOB: &str = "bob@globex.example";

#[test]
fn members_of_a_bridge_exchange_protected_mail_without_knowing_each_other() {
    let bridge = Bridge::new("Skybridge");
    let (ours, theirs, between) = (SmtpSink::start(), SmtpSink::start(), SmtpSink::start());
    let mut acme = organisation("acme.example", ours.address());
    let mut globex = organisation("globex.example", theirs.address());
    acme.route_outside(between.address());
    bridge.admit(&acme);
    bridge.admit(&globex);
    acme.start();
    globex.start();

    let story = send(&acme, BOB, "first");
    let wire = between.wait_for("the protected form", |accepted| accepted.first().cloned());
    let wire = String::from_utf8_lossy(&wire.message).into_owned();
    assert!(!wire.contains("the secret of first"), "{story}");
    assert!(
        wire.contains("enveloped-data") || wire.contains("authEnveloped-data"),
        "{wire}\n{story}"
    );
    assert!(story.contains("globex.example") && story.contains("Skybridge"), "{story}");

    // The other side believes it for the same reason.
    let story = arrive(&globex, &theirs, &wire, "first");
    assert!(story.contains("Skybridge"), "{story}");
}

#[test]
fn whom_no_bridge_has_stays_a_stranger() {
    let bridge = Bridge::new("Skybridge");
    let (ours, between) = (SmtpSink::start(), SmtpSink::start());
    let mut acme = organisation("acme.example", ours.address());
    acme.route_outside(between.address());
    bridge.admit(&acme);
    acme.start();
    let story = send(&acme, "bob@initech.example", "nobody");
    assert!(story.contains("policy.no_partner"), "{story}");
}

#[test]
fn members_of_two_bridges_that_vouch_for_each_other_exchange_protected_mail() {
    let (mut north, mut south) = (Bridge::prepare("North"), Bridge::prepare("South"));
    let (ours, theirs, between_them) = (SmtpSink::start(), SmtpSink::start(), SmtpSink::start());
    let mut acme = organisation("acme.example", ours.address());
    let mut initech = organisation("initech.example", ours.address());
    let mut globex = organisation("globex.example", theirs.address());
    acme.route_outside(between_them.address());
    initech.route_outside(between_them.address());
    north.admit(&acme);
    south.admit(&globex);
    // Each bridge vouches for the other; a certificate of one that we do not vouch for is not taken.
    let to_south = north.vouch(&south);
    let words = format!("bridge peer {to_south} --config bridge/chancery.toml");
    let early = chancery_in(south.folder.path(), words.split(' '));
    assert_ne!(early.code, Some(0), "{early:?}");
    let to_north = south.vouch(&north);
    south.own(&format!("bridge peer {to_south}"));
    north.own(&format!("bridge peer {to_north}"));
    assert!(north.own("bridge list").contains("both ways"));

    // Who joins later is protected from the other bridge as well: what was said before is taken back.
    north.admit(&initech);
    let shown = north.run(&format!("cert show {to_south}"));
    assert!(shown.contains("acme.example") && !shown.contains("initech.example"), "{shown}");
    north.serve();
    south.serve();
    let (_, bundle) = fetch(north.port.address(), "issued-by.p7c");
    let below = b".initech.example";
    assert!(bundle.windows(below.len()).any(|it| it == below));

    acme.start();
    globex.start();
    let story = send(&acme, BOB, "far");
    let wire = between_them.wait_for("the protected form", |accepted| accepted.first().cloned());
    let wire = String::from_utf8_lossy(&wire.message).into_owned();
    assert!(!wire.contains("the secret of far"), "{story}");
    assert!(story.contains("North") && story.contains("South"), "{story}");

    arrive(&globex, &theirs, &wire, "far");

    // After the bridges have parted, whoever asks now reaches nobody there.
    let parted = north.own("bridge revoke South --yes");
    assert!(parted.contains("South"), "{parted}");
    wait::until("the word for the other bridge to be gone", || {
        let (_, peers) = fetch(north.port.address(), "peers.json");
        (!String::from_utf8_lossy(&peers).contains("South")).then_some(())
    });
    initech.start();
    let story = send(&initech, BOB, "late");
    assert!(story.contains("policy.no_partner"), "{story}");
}
