//! `chancery cert import`, `export` and `watch`: certificates on their way to and from other programs, and what ends when.

use std::{fs, net::SocketAddr, path::Path};

use chancery_e2e::{
    chancery::{Gateway, Outcome},
    peers::smime::Nss,
};
use serde_json::{Value, json};

use crate::desk::Desk;

/// An organisation, and a folder with an authority and two people that OpenSSL made.
struct Place {
    acme: Gateway,
    desk: Desk,
}

impl Place {
    fn new() -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        Self { acme: Gateway::init("acme.example", nowhere), desk: Desk::new() }
    }

    /// Runs a command; `@` stands for the folder.
    fn cert(&self, words: &str) -> Outcome {
        let folder = format!("{}/", self.desk.path("").display());
        let words = words.replace("@/", folder.replace("//", "/").as_str());
        let words: Vec<&str> = ["cert"].into_iter().chain(words.split(' ')).collect();
        self.acme.command(&words)
    }

    fn json(&self, words: &str) -> Value {
        let outcome = self.cert(&format!("--format json {words}"));
        serde_json::from_str(&outcome.stdout)
            .unwrap_or_else(|error| panic!("{words}: {error}: {outcome:?}"))
    }

    /// Runs a line of the shell in the folder and returns what it printed.
    fn shell(&self, line: &str) -> String {
        let output = self.desk.shell(line, "");
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
fn what_others_write_is_imported_and_trusts_nobody() {
    let place = Place::new();
    fs::create_dir(place.desk.path("nss")).expect("the folder is ours");
    let nss = Nss::stranger(place.desk.path("nss"), &place.desk.path("ca.pem"));
    nss.import(&place.desk.path("bob.p12"), &place.desk.path("passphrase")).expect("it imports");
    let passphrase = place.desk.path("passphrase");
    nss.export("bob@acme.example", &place.desk.path("nss.p12"), &passphrase).expect("it exports");
    for line in [
        "openssl crl2pkcs7 -nocrl -certfile ca.pem -certfile alice.pem -out all.p7b",
        "openssl crl2pkcs7 -nocrl -certfile ca.pem -certfile bob.pem -outform DER -out all.p7c",
        "openssl x509 -in alice.pem -outform DER -out alice.der",
        "openssl-4 pkcs12 -export -pbmac1_pbkdf2 -in bob.pem -inkey bob.key -passout file:passphrase -out pbmac1.p12",
        "keytool -importcert -noprompt -alias ca -file ca.pem -keystore java.p12 -storetype PKCS12 -storepass:file passphrase",
    ] {
        place.shell(line);
    }
    fs::write(place.desk.path("list.crl"), include_bytes!("../../../../fuzz/seeds/crl/revoked"))
        .expect("the folder is ours");
    for (file, certificates, lists, known, keys) in [
        ("all.p7b", 2, 0, 0, 0),
        ("all.p7c", 1, 0, 1, 0),
        ("alice.der", 0, 0, 1, 0),
        ("ca.pem", 0, 0, 1, 0),
        ("alice.p12", 0, 0, 2, 1),
        ("bob.old.p12", 0, 0, 1, 1),
        ("pbmac1.p12", 0, 0, 1, 1),
        ("java.p12", 0, 0, 1, 0),
        ("nss.p12", 0, 0, 1, 1),
        ("list.crl", 0, 1, 0, 0),
    ] {
        let told = place.json(&format!("import @/{file} --passphrase-file @/passphrase"));
        let wanted = json!({"certificates": certificates, "lists": lists, "known": known,
            "keys_left": keys, "unreadable": 0});
        // NSS exports the chain that it knows along with the key.
        let is_nss = file == "nss.p12" && told["certificates"] == 0 && told["keys_left"] == 1;
        assert!(is_nss || told == wanted, "{file}: {told}");
    }
    let listed = place.json("list");
    assert_eq!(listed["certificates"].as_array().map(Vec::len), Some(3), "{listed}");
    assert_eq!(listed["lists"].as_array().map(Vec::len), Some(1));
    let alice = place.json("list --address alice@acme.example");
    assert_eq!(alice["certificates"][0]["kind"], "end-entity");
    assert_eq!(place.json("list --expiring 5d")["certificates"], json!([]));
    assert_eq!(
        place.json("list --expiring 30d --kind authority")["certificates"][0]["subject"],
        "CN=Desk CA"
    );
    // Nobody is believed for being there.
    let trust = place.acme.json(&["partner", "trust", "globex.example"]);
    assert_eq!(trust["anchors"], json!([]));

    for (words, code, says) in [
        ("import @/alice.p12", 2, "pki.key_encrypted"),
        ("import @/alice.p12 --passphrase-file @/letter.eml", 2, "pki.passphrase"),
        ("import @/letter.eml", 2, "there is no certificate"),
        ("import @/ca.pem @/nowhere", 2, "nowhere"),
        ("remove 00000000", 1, "nothing that was imported"),
        ("remove 12", 2, "digits"),
    ] {
        let outcome = place.cert(words);
        assert_eq!(outcome.code, Some(code), "{words}: {outcome:?}");
        assert!(outcome.stderr.contains(says), "{words}: {outcome:?}");
    }
    let fingerprint = alice["certificates"][0]["fingerprint_sha256"].as_str().expect("a text");
    place.cert(&format!("remove {}", &fingerprint[..12])).demand("remove");
    assert_eq!(place.json("list --address alice@acme.example")["certificates"], json!([]));
}

#[test]
fn others_read_what_is_exported() {
    let place = Place::new();
    place.desk.write("new", "a new one\n");
    place.cert("import @/ca.pem @/bob.pem").demand("import");
    place.cert("export own --key --form p12 --passphrase-file @/new --out @/own.p12").demand("own");
    let mode = fs::metadata(place.desk.path("own.p12")).expect("it was written").permissions();
    assert!(format!("{mode:?}").contains("0o100600"), "{mode:?}");
    for openssl in ["openssl", "openssl-4"] {
        let text = place.shell(&format!("{openssl} pkcs12 -in own.p12 -passin file:new -nodes"));
        assert_eq!(text.matches("BEGIN PRIVATE KEY").count(), 4, "{openssl}: {text}");
        assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 4, "{openssl}: {text}");
        assert_eq!(text.matches("localKeyID").count(), 8, "{openssl}: {text}");
    }
    let listed =
        place.shell("keytool -list -storetype PKCS12 -keystore own.p12 -storepass:file new");
    assert_eq!(listed.matches("PrivateKeyEntry").count(), 4, "{listed}");
    fs::create_dir(place.desk.path("nss")).expect("the folder is ours");
    let nss = Nss::stranger(place.desk.path("nss"), &place.desk.path("ca.pem"));
    nss.import(&place.desk.path("own.p12"), &place.desk.path("new")).expect("NSS imports it");

    place.cert("export all own --form p7c --out @/all.p7c").demand("p7c");
    for openssl in ["openssl", "openssl-4"] {
        let text = place.shell(&format!("{openssl} pkcs7 -inform DER -in all.p7c -print_certs"));
        assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 6, "{openssl}: {text}");
    }
    let printed = place.shell("keytool -printcert -file all.p7c");
    assert_eq!(printed.matches("Owner:").count(), 6, "{printed}");
    // Java looks only at certificates that are marked.
    place.cert("export all --form p12 --passphrase-file @/new --out @/trust.p12").demand("p12");
    let listed =
        place.shell("keytool -list -storetype PKCS12 -keystore trust.p12 -storepass:file new");
    assert_eq!(listed.matches("trustedCertEntry").count(), 2, "{listed}");
    place.cert("export bob@acme.example --form der --out @/bob.der").demand("der");
    place.shell("openssl x509 -in bob.pem -outform DER | cmp - bob.der");
    place.cert("export authorities --out @/authorities.pem").demand("pem");
    place.shell("openssl verify -CAfile authorities.pem bob.pem");

    for (words, code, says) in [
        ("export own --key --form p12 --out @/x", 2, "--passphrase-file"),
        ("export own --key --passphrase-file @/new --out @/x", 2, "--form p12"),
        ("export all --key --form p12 --passphrase-file @/new --out @/x", 1, "--key"),
        ("export all --form der --out @/x", 2, "one certificate"),
        ("export nobody@acme.example --out @/x", 1, "no certificate"),
        ("export partner:globex.example --out @/x", 1, "no certificate"),
        ("export all --out @/own.p12", 3, "exists"),
    ] {
        let outcome = place.cert(words);
        assert_eq!(outcome.code, Some(code), "{words}: {outcome:?}");
        assert!(outcome.stderr.contains(says), "{words}: {outcome:?}");
        assert!(!Path::exists(&place.desk.path("x")), "{words}");
    }
}

#[test]
fn what_ends_is_told_with_whose_mail_stops() {
    let place = Place::new();
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let globex = Gateway::init("globex.example", nowhere);
    place.acme.add_partner(&globex.card(), &globex.fingerprint());
    let quiet = place.cert("watch");
    assert_eq!(quiet.code, Some(0), "{quiet:?}");
    assert!(quiet.stdout.contains("end after"), "{quiet:?}");
    // Everything that is made lives for two years, authorities for ten.
    let told = place.json("watch --within 800d");
    let ends = told["ends"].as_array().expect("a list");
    let of = |what: &str| ends.iter().find(|end| end["what"] == what).cloned();
    let card = of("partner card").expect("it ends");
    assert_eq!(card["depends"], json!(["globex.example"]), "{card}");
    for what in ["own signing key", "own encryption key", "own TLS certificate"] {
        assert!(of(what).is_some(), "{what}: {told}");
    }
    assert!(of("own authority").is_none(), "{told}");
    assert_eq!(place.cert("watch --within 800d").code, Some(1));

    // An authority that is believed for a domain, the key of somebody there, and a list that ended long ago.
    place.acme.demand(&[
        "partner",
        "trust",
        "umbrella.example",
        "--domain",
        "acme2.example",
        "--anchor",
        place.desk.path("ca.pem").to_str().expect("a plain path"),
    ]);
    place.cert("import @/ca.pem @/bob.pem").demand("import");
    let told = place.json("watch --within 30d");
    let ends = told["ends"].as_array().expect("a list");
    let of = |what: &str| ends.iter().find(|end| end["what"] == what).cloned();
    let anchor = of("trusted authority").expect("it ends");
    assert_eq!(anchor["depends"], json!(["umbrella.example"]), "{anchor}");
    assert!(of("imported certificate").is_some(), "{told}");
    assert_eq!(place.cert("watch --within 5d").code, Some(0), "nine days are more than five");

    // A list that the partner's authority issued, which nobody but it can: whoever demands one depends on it.
    let passphrase = place.desk.path("passphrase");
    let all = place.desk.path("globex.p12");
    globex.demand(&[
        "cert",
        "export",
        "own",
        "--key",
        "--form",
        "p12",
        "--passphrase-file",
        passphrase.to_str().expect("plain"),
        "--out",
        all.to_str().expect("plain"),
    ]);
    place.desk.write(
        "ca.cnf",
        "[ca]\ndefault_ca=a\n[a]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\n\
        crl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n",
    );
    for line in [
        "openssl pkcs12 -in globex.p12 -passin file:passphrase -nodes -out globex.pem",
        "openssl x509 -in globex.pem -out globex-ca.pem && openssl pkey -in globex.pem -out globex-ca.key",
        "touch index && echo 01 >number",
        "openssl ca -config ca.cnf -gencrl -crldays 9 -cert globex-ca.pem -keyfile globex-ca.key -out globex.crl",
    ] {
        place.shell(line);
    }
    place.cert("import @/globex.crl").demand("import");
    let list = |place: &Place| {
        let told = place.json("watch --within 30d");
        let ends = told["ends"].as_array().expect("a list");
        ends.iter().find(|end| end["what"] == "imported revocation list").cloned().expect("it ends")
    };
    assert_eq!(list(&place)["depends"], json!(["globex.example"]));
    assert!(list(&place)["consequence"].to_string().contains("unknown"));
    place.acme.demand(&["partner", "trust", "globex.example", "--revocation", "hard"]);
    assert!(list(&place)["consequence"].to_string().contains("held"), "{}", list(&place));

    // Files alone, with the list of somebody.
    fs::create_dir(place.desk.path("pool")).expect("the folder is ours");
    for name in ["ca.pem", "bob.pem", "alice.pem"] {
        fs::copy(place.desk.path(name), place.desk.path("pool").join(name)).expect("ours");
    }
    let pool = place.desk.path("pool");
    let alone = |words: &[&str]| {
        let all = ["--format", "json", "cert", "watch", "--pool", pool.to_str().expect("plain")];
        chancery_e2e::chancery::chancery(&[&all[..], words].concat(), b"")
    };
    assert_eq!(alone(&["--within", "5d"]).code, Some(0));
    let soon = alone(&["--within", "30d"]);
    assert_eq!(soon.code, Some(1), "{soon:?}");
    let told: Value = serde_json::from_str(&soon.stdout).expect("it is JSON");
    let ends = told["ends"].as_array().expect("a list");
    let authority = ends.iter().find(|end| end["what"] == "authority").expect("it ends");
    assert_eq!(authority["depends"], json!(["CN=alice", "CN=bob"]), "{authority}");
    assert_eq!(ends.len(), 3);
    fs::write(place.desk.path("list.crl"), include_bytes!("../../../../fuzz/seeds/crl/revoked"))
        .expect("the folder is ours");
    let list = place.desk.path("list.crl");
    let list = alone(&["--crls", list.to_str().expect("plain"), "--at", "2100-01-01"]);
    assert!(list.stdout.contains("revocation list"), "{list:?}");
}
