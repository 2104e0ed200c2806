//! The guide for bridges, word by word: two organisations join one and reach each other; one leaves.

use std::{fs, path::Path, process::Command};

use chancery_e2e::{
    chancery::{Outcome, chancery_in, configure, section},
    peers::{OpenSsl, Unbound},
    place::{Folder, Port},
    publication::{Serving, fetch},
    wait,
};
use serde_json::Value;

/// A folder with a bridge, two organisations, and the words of the guide.
struct World {
    folder: Folder,
    port: Port,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: Folder::new(), port: Port::pick() };
        for domain in ["acme.example", "globex.example"] {
            let name = domain.split('.').next().expect("a label");
            world.demand(&["init", domain, "--dir", name]);
        }
        world
    }

    fn run(&self, words: &[&str]) -> Outcome {
        chancery_in(self.folder.path(), words)
    }

    fn demand(&self, words: &[&str]) -> String {
        self.run(words).demand(&words.join(" "))
    }

    fn json(&self, words: &[&str]) -> Value {
        let text = self.demand(&[words, &["--format", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}\n{text}"))
    }

    /// Runs the one command of the guide that begins like this, for a member and with the values of this test.
    fn guide(&self, start: &str, member: &str, values: &[(&str, &str)]) -> Outcome {
        let line = commands().into_iter().find(|line| line.starts_with(start));
        let mut line = line.unwrap_or_else(|| panic!("the guide has no {start}"));
        line = line.replace("acme", member);
        for (name, value) in values {
            line = line.replace(name, value);
        }
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        self.run(&words)
    }

    fn url(&self) -> String {
        format!("http://{}/", self.port.address())
    }

    /// Makes the bridge as the guide says, at an address that is there; returns its fingerprint.
    fn bridge(&self) -> String {
        let (url, listen) = (self.url(), self.port.address().to_string());
        let values = [("http://bridge.example/", url.as_str()), ("0.0.0.0:80", &listen)];
        let made = self.guide("chancery bridge init", "acme", &values).demand("bridge init");
        self.copy("bridge/data/bridge.pem", "bridge.pem");
        let line = made.lines().find_map(|line| line.trim().strip_prefix("fingerprint"));
        line.expect("it prints the fingerprint").trim().to_owned()
    }

    /// Goes the way of the guide from the request to the last certificate; returns the name server with the proof.
    fn join(&self, member: &str, bridge: &str) -> Unbound {
        let values = [("BRIDGE-FINGERPRINT", bridge)];
        self.guide("chancery bridge join bridge.pem", member, &values).demand("ask");
        let taken = self.guide("chancery bridge join acme.request", member, &[]).demand("take");
        let records: Vec<String> = taken
            .lines()
            .filter_map(|line| line.trim().strip_prefix("_chancery"))
            .map(|line| format!("_chancery{line}"))
            .collect();
        assert_eq!(records.len(), 1, "{taken}");
        let prove = "chancery bridge prove acme.example --config";
        // Without the record there is no proof, and without proof no certificate.
        let nothing = Unbound::start(&[]);
        self.resolve("bridge", &nothing);
        let early = self.guide(prove, member, &[]);
        assert_eq!(early.code, Some(1), "{early:?}");
        assert!(early.stderr.contains("bridge.proof"), "{early:?}");
        let early = self.guide("chancery bridge cross-sign acme.example", member, &[]);
        assert!(early.stderr.contains("bridge.domain"), "{early:?}");
        let dns = Unbound::start(&records);
        self.resolve("bridge", &dns);
        self.guide(prove, member, &[]).demand("prove");
        self.guide("chancery bridge cross-sign acme.example", member, &[]).demand("vouch");
        self.guide("chancery bridge cross-sign acme.answer", member, &[]).demand("accept");
        self.guide("chancery bridge cross-sign acme-to-bridge.pem", member, &[]).demand("return");
        dns
    }

    /// Lets an installation ask this name server.
    fn resolve(&self, installation: &str, server: &Unbound) {
        configure(&self.folder.path().join(installation), |table| {
            let servers = vec![server.address().to_string()];
            section(table, "dns").insert("servers".into(), servers.into());
        });
    }

    /// Writes the certificates of a member that others need to judge it.
    fn export(&self, member: &str) {
        let openssl = OpenSsl::within(self.folder.path());
        let config = format!("{member}/chancery.toml");
        let card = format!("{member}.card");
        self.demand(&["partner", "card", "--config", &config, "--out", &card]);
        let verify = ["cms", "-verify", "-noverify", "-inform", "PEM", "-in", &card];
        let json: Value =
            serde_json::from_slice(&openssl.demand(&verify, b"")).expect("a card is JSON");
        for (name, value) in [("ca", &json["ca"]), ("signing", &json["signing"][0])] {
            let pem = value.as_str().expect("a certificate");
            openssl.file(&format!("{member}-{name}.pem"), pem);
        }
    }

    fn copy(&self, from: &str, to: &str) {
        let folder = self.folder.path();
        fs::copy(folder.join(from), folder.join(to)).expect("the folder is ours");
    }

    fn serve(&self) -> Serving {
        Serving::start(self.folder.path(), self.port.address())
    }

    /// Asks whether acme reaches globex's certificate for a domain, as the guide does.
    fn validate(&self, domain: &str) -> Outcome {
        self.guide("chancery cert validate", "acme", &[("globex.example", domain)])
    }
}

impl World {
    /// Asks OpenSSL the same, with acme's certificate for the bridge and what the bridge publishes between.
    fn verify(&self, program: &str) -> (bool, String) {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("OPENSSL_CONF", "/dev/null");
        command.args(["verify", "-x509_strict", "-purpose", "smimesign", "-CAfile", "acme-ca.pem"]);
        command.args(["-untrusted", "between.pem", "globex-signing.pem"]);
        let output = command.output().expect("OpenSSL is installed");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Returns the commands of the guide that a reader runs.
fn commands() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = fs::read_to_string(root.join("docs/guides/bridge.md")).expect("the guide is there");
    let mut commands = Vec::new();
    let mut is_shell = false;
    for line in guide.lines().map(str::trim) {
        match line {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            line if is_shell => commands.push(line.to_owned()),
            _ => {}
        }
    }
    commands
}

#[test]
fn two_members_reach_each_other_until_one_leaves() {
    let world = World::new();
    let fingerprint = world.bridge();
    world.join("acme", &fingerprint);
    for member in ["acme", "globex"] {
        world.export(member);
    }
    world.guide("chancery bridge publish", "acme", &[]).demand("publish");
    let early = world.validate("globex.example");
    assert_eq!(early.code, Some(1), "{early:?}");
    world.join("globex", &fingerprint);
    let serving = world.serve();
    let list = world.json(&["bridge", "list", "--config", "bridge/chancery.toml"]);
    assert_eq!(list["bridge"]["members"].as_array().map(Vec::len), Some(2), "{list}");
    assert_eq!(list["bridge"]["members"][1]["state"], "member", "{list}");
    let joined = world.json(&["bridge", "list", "--config", "acme/chancery.toml"]);
    assert_eq!(joined["joined"][0]["name"], "Skybridge", "{joined}");

    // The files of the web server are those of the folder.
    world.guide("chancery bridge publish", "acme", &[]).demand("publish");
    for path in ["issued-by.p7c", "issued-to.p7c", "members/globex.example.card", "bridge.pem"] {
        let (head, body) = fetch(world.port.address(), path);
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{path}: {head}");
        let written = fs::read(world.folder.path().join("published").join(path));
        assert_eq!(body, written.expect("it was published"), "{path}");
    }
    assert!(fetch(world.port.address(), "chancery.toml").0.starts_with("HTTP/1.1 404"));
    let openssl = OpenSsl::within(world.folder.path());
    let inside = ["pkcs7", "-inform", "DER", "-in", "published/issued-by.p7c", "-print_certs"];
    let pool = openssl.demand(&inside, b"");
    let up = fs::read(world.folder.path().join("acme-to-bridge.pem")).expect("it was written");
    openssl.file("between.pem", [up, pool].concat());
    let crl = ["crl", "-inform", "DER", "-in", "published/bridge.crl", "-CAfile", "bridge.pem"];
    openssl.demand(&crl, b"");

    // Acme reaches globex for its domain, in our eyes and in those of OpenSSL, and for no other.
    let found = world.validate("globex.example");
    assert_eq!(found.code, Some(0), "{found:?}");
    assert!(found.stdout.contains("bridge CA"), "{found:?}");
    let verify = ["-CAfile", "acme-ca.pem", "-untrusted", "between.pem", "globex-signing.pem"];
    openssl
        .demand(&[&["verify", "-x509_strict", "-purpose", "smimesign"][..], &verify].concat(), b"");
    let foreign = world.validate("initech.example");
    assert_eq!(foreign.code, Some(1), "{foreign:?}");
    // Globex gives itself another domain's name; its authority may, but the bridge does not vouch for that.
    let config = fs::read_to_string(world.folder.path().join("globex/chancery.toml"));
    let config = config.expect("it is there");
    let mut table: toml::Table = config.parse().expect("it is TOML");
    table.insert("domains".into(), vec!["globex.example", "initech.example"].into());
    openssl.file("globex/chancery.toml", table.to_string());
    world.demand(&["key", "renew", "signing", "encryption", "--config", "globex/chancery.toml"]);
    world.export("globex");
    let stolen = world.validate("initech.example");
    assert_eq!(stolen.code, Some(1), "{stolen:?}");
    for program in ["openssl", "openssl-4"] {
        let (is_good, why) = world.verify(program);
        assert!(!is_good && why.contains("permitted subtree violation"), "{program}: {why}");
    }
    openssl.file("globex/chancery.toml", config);
    world.demand(&["key", "renew", "signing", "encryption", "--config", "globex/chancery.toml"]);
    world.export("globex");
    assert_eq!(world.validate("globex.example").code, Some(0));

    // Revoked, globex is gone from the publication, and the list says so to whoever kept the certificates.
    world.copy("published/issued-by.p7c", "kept.p7c");
    world.guide("chancery bridge revoke", "globex", &[]).demand("revoke");
    wait::until("the publication without globex", || {
        fetch(world.port.address(), "members/globex.example.card")
            .0
            .starts_with("HTTP/1.1 404")
            .then_some(())
    });
    world.guide("chancery bridge publish", "acme", &[]).demand("publish");
    assert_eq!(world.validate("globex.example").code, Some(1));
    world.copy("kept.p7c", "published/kept.p7c");
    let revoked = world.validate("globex.example");
    assert_eq!(revoked.code, Some(1), "{revoked:?}");
    assert!(revoked.stdout.contains("revoked"), "{revoked:?}");
    drop(serving);
    world.guide("chancery bridge leave", "acme", &[]).demand("leave");
    let joined = world.json(&["bridge", "list", "--config", "acme/chancery.toml"]);
    assert_eq!(joined["joined"].as_array().map(Vec::len), Some(0), "{joined}");
}

#[test]
fn a_check_tells_what_is_wrong_and_a_new_key_changes_nothing_for_members() {
    let world = World::new();
    let fingerprint = world.bridge();
    world.join("acme", &fingerprint);
    let _dns = world.join("globex", &fingerprint);
    for command in ["chancery bridge levels", "chancery bridge list", "chancery bridge renew"] {
        world.guide(command, "acme", &[]).demand(command);
    }
    // The name server of the last join knows globex's record only.
    let found = world.guide("chancery bridge check", "acme", &[]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.stdout.contains("cannot prove acme.example"), "{found:?}");
    assert!(found.stdout.contains("mend: ask whether the domain has changed hands"), "{found:?}");
    assert!(found.stdout.contains("bridge.crl cannot be fetched"), "{found:?}");
    let serving = world.serve();
    let found = world.guide("chancery bridge check", "acme", &[]);
    assert!(found.stdout.contains("bridge.crl is up to date"), "{found:?}");
    drop(serving);
    let offline = ["bridge", "check", "--offline", "--config"];
    world.demand(&[&offline[..], &["bridge/chancery.toml"]].concat());
    world.demand(&[&offline[..], &["acme/chancery.toml"]].concat());

    for member in ["acme", "globex"] {
        world.export(member);
    }
    world.demand(&["bridge", "renew", "--new-key", "--config", "bridge/chancery.toml"]);
    world.guide("chancery bridge publish", "acme", &[]).demand("publish");
    let found = world.validate("globex.example");
    assert_eq!(found.code, Some(0), "{found:?}");

    // What was taken once is not taken again, and a wrong fingerprint asks nobody.
    let again = world.guide("chancery bridge join acme.request", "acme", &[]);
    assert!(again.stderr.contains("bridge.paper"), "{again:?}");
    let wrong = [("BRIDGE-FINGERPRINT", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA")];
    let refused = world.guide("chancery bridge join bridge.pem", "acme", &wrong);
    assert_eq!(refused.code, Some(1), "{refused:?}");
}

#[test]
fn every_command_of_the_guide_is_run_by_these_tests() {
    let source = include_str!("bridge.rs");
    for line in commands() {
        let is_run = source
            .split('"')
            .filter(|text| text.starts_with("chancery "))
            .any(|start| line.starts_with(start));
        assert!(is_run, "{line}");
    }
}
