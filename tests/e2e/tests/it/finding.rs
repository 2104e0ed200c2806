//! `key find` against servers that somebody else wrote: slapd with the forms of Active Directory, Knot with signed,
//! unsigned and broken zones, Python's web server as a certificate store.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use chancery_e2e::chancery::chancery_in;
use chancery_e2e::place::{Folder, Port};
use chancery_e2e::wait;
use serde_json::Value;

use crate::fetching::{Server, openssl, run, slapd, start, web};

/// Makes `NAME.pem` and `NAME.der`, a certificate that encrypts mail to the address.
pub(crate) fn person(folder: &Path, name: &str, email: &str) {
    person_until(folder, name, email, 2049);
}

/// The same until the end of a year.
fn person_until(folder: &Path, name: &str, email: &str, year: u32) {
    let settings = format!(
        "[req]\ndistinguished_name=dn\n[dn]\n[x]\nbasicConstraints=CA:FALSE\nkeyUsage=keyAgreement\n\
         extendedKeyUsage=emailProtection\nsubjectAltName=email:{email}\n"
    );
    fs::write(folder.join("person.cnf"), settings).expect("ours");
    let made = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem \
         -subj /CN={name} -config person.cnf -extensions x \
         -not_before 20200101000000Z -not_after {year}1231000000Z"
    );
    // An older one makes no certificates that have ended.
    run(folder, "openssl-4", &made);
    openssl(folder, &format!("x509 -in {name}.pem -outform DER -out {name}.der"));
}

pub(crate) fn base64(folder: &Path, file: &str) -> String {
    openssl(folder, &format!("base64 -A -in {file}")).trim().to_owned()
}

pub(crate) fn sha256(folder: &Path, file: &str) -> String {
    let said = openssl(folder, &format!("dgst -sha256 -r {file}"));
    said.split(' ').next().expect("a digest").to_owned()
}

fn hex(folder: &Path, file: &str) -> String {
    let octets = fs::read(folder.join(file)).expect("it was made");
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Asks the binary; returns its exit status and its answer.
pub(crate) fn find(folder: &Path, settings: &str, address: &str) -> (Option<i32>, Value) {
    find_as(folder, "acme.example", settings, address)
}

/// The same for another organisation.
pub(crate) fn find_as(
    folder: &Path,
    organisation: &str,
    settings: &str,
    address: &str,
) -> (Option<i32>, Value) {
    let settings = format!("organisation = \"{organisation}\"\n{settings}");
    fs::write(folder.join("chancery.toml"), settings).expect("ours");
    let outcome = chancery_in(folder, ["key", "find", address, "--format", "json"]);
    (outcome.code, outcome.json())
}

/// The one thing of a kind in an answer.
pub(crate) fn only<'a>(answer: &'a Value, kind: &str) -> &'a Value {
    let list = answer[kind].as_array().unwrap_or_else(|| panic!("{answer}"));
    let [one] = &list[..] else { panic!("{answer}") };
    one
}

/// slapd that wants a password and has TLS: people as inetOrgPerson has them and as Active Directory has them.
fn directory(folder: &Path, ports: [&Port; 2]) -> Server {
    let settings = "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
        include /etc/ldap/schema/inetorgperson.schema\n\
        attributetype ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n\
        objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL MAY ( proxyAddresses ) )\n\
        modulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile slapd.pid\n\
        TLSCertificateFile tls.pem\nTLSCertificateKeyFile tls.key\nrequire authc\n\
        database mdb\nsuffix \"dc=acme,dc=example\"\ndirectory db\nrootdn \"cn=chancery,dc=acme,dc=example\"\nrootpw secret\n";
    let entry = |name: &str, class: &str, lines: &str| {
        format!(
            "dn: cn={name},dc=acme,dc=example\nobjectClass: {class}\ncn: {name}\nsn: {name}\n{lines}\n"
        )
    };
    let value = |attribute: &str, file: &str| format!("{attribute}:: {}\n", base64(folder, file));
    let entries = [
        "dn: dc=acme,dc=example\nobjectClass: domain\ndc: acme\n".to_owned(),
        entry(
            "Ann",
            "inetOrgPerson",
            &format!(
                "mail: ann@acme.example\n{}{}",
                value("userCertificate;binary", "ann.der"),
                value("userCertificate;binary", "expired.der")
            ),
        ),
        entry(
            "Bob",
            "user",
            &format!(
                "mail: other@acme.example\nproxyAddresses: SMTP:bob@acme.example\n{}",
                value("userSMIMECertificate", "bob.p7s")
            ),
        ),
        entry(
            "Eve",
            "user",
            &format!("mail: eve*@acme.example\n{}", value("userCertificate;binary", "ann.der")),
        ),
    ];
    let [plain, tls] = ports;
    let listen = format!("ldap://{}/ ldaps://{}/", plain.address(), tls.address());
    let server = slapd(folder, settings, &entries.join("\n"), &listen, plain.address());
    wait::until("slapd listens", || TcpStream::connect(tls.address()).ok());
    server
}

#[test]
fn a_corporate_directory_is_asked_over_tls_with_a_password() {
    let place = Folder::new();
    let folder = place.path();
    person(folder, "ann", "ann@acme.example");
    person_until(folder, "expired", "ann@acme.example", 2025);
    person(folder, "bob", "bob@acme.example");
    // As Outlook publishes: a signed message with the certificate in it.
    openssl(
        folder,
        "cms -sign -nodetach -binary -in bob.pem -signer bob.pem -inkey bob.key -outform DER -out bob.p7s",
    );
    for name in ["tls", "wrong"] {
        let made = format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem \
             -subj /CN={name} -days 30 -config person.cnf -addext subjectAltName=IP:127.0.0.1"
        );
        openssl(folder, &made);
        openssl(folder, &format!("pkey -in {name}.key -pubout -outform DER -out {name}.spki"));
    }
    fs::write(folder.join("password"), "secret\n").expect("ours");
    fs::write(folder.join("bad"), "guess\n").expect("ours");
    let ports = [Port::pick(), Port::pick()];
    let server = directory(folder, [&ports[0], &ports[1]]);
    let source = |keys: &str, scheme: &str| {
        let port = if scheme == "ldaps" { ports[1].number() } else { ports[0].number() };
        format!(
            "[[find.source]]\nname = \"ad\"\nkind = \"directory\"\nurl = \"{scheme}://127.0.0.1:{port}/dc=acme,dc=example\"\n\
             filter = \"(&(objectClass=person)(|(mail={{address}})(proxyAddresses=smtp:{{address}})))\"\n\
             timeout = \"3s\"\n{keys}\n"
        )
    };
    let login = "bind = \"cn=chancery,dc=acme,dc=example\"\npassword = \"password\"\n";
    let pin = |name: &str| format!("{login}pin = \"{}\"", sha256(folder, &format!("{name}.spki")));
    for (keys, scheme) in [
        (format!("{login}ca = \"tls.pem\""), "ldap"),
        (format!("{login}ca = \"tls.pem\""), "ldaps"),
        (pin("tls"), "ldap"),
    ] {
        let (status, answer) = find(folder, &source(&keys, scheme), "ann@acme.example");
        assert_eq!(status, Some(0), "{answer}");
        let found = only(&answer, "candidates");
        assert_eq!(found["fingerprint"], sha256(folder, "ann.der"), "{answer}");
        assert_eq!((&found["channel"], &found["vouched_for"]), (&"tls".into(), &true.into()));
        assert_eq!(only(&answer, "dropped")["why"], "its validity is over");
        assert_eq!(answer["unanswered"], serde_json::json!([]));
    }
    let good = source(&pin("tls"), "ldaps");
    let (status, answer) = find(folder, &good, "bob@acme.example");
    assert_eq!(status, Some(0), "{answer}");
    assert_eq!(only(&answer, "candidates")["fingerprint"], sha256(folder, "bob.der"));
    // An asterisk in an address stands for itself.
    let (status, answer) = find(folder, &good, "*@acme.example");
    assert_eq!((status, &answer["dropped"]), (Some(1), &serde_json::json!([])), "{answer}");
    let (status, answer) = find(folder, &good, "eve*@acme.example");
    assert_eq!(status, Some(1), "{answer}");
    assert_eq!(only(&answer, "dropped")["why"], "it is for ann@acme.example, not for this address");

    let bad_password = login.replace("\"password\"\n", "\"bad\"\n");
    for (keys, scheme, code) in [
        (format!("{login}ca = \"wrong.pem\""), "ldap", "tls.handshake"),
        (format!("{login}ca = \"wrong.pem\""), "ldaps", "tls.handshake"),
        (login.to_owned(), "ldaps", "tls.handshake"),
        (pin("wrong"), "ldap", "tls.handshake"),
        (format!("{bad_password}ca = \"tls.pem\""), "ldaps", "fetch.login"),
        ("ca = \"tls.pem\"".to_owned(), "ldaps", "fetch.refused"),
        ("tls = \"none\"".to_owned(), "ldap", "fetch.refused"),
    ] {
        let (status, answer) = find(folder, &source(&keys, scheme), "ann@acme.example");
        assert_eq!(status, Some(1), "{keys}: {answer}");
        let unanswered = only(&answer, "unanswered");
        assert_eq!(
            (&unanswered["code"], &unanswered["temporary"]),
            (&code.into(), &true.into()),
            "{keys}: {answer}"
        );
        assert!(!answer.to_string().contains("guess"), "{answer}");
    }
    drop(server);
    let (status, answer) = find(folder, &good, "ann@acme.example");
    assert_eq!((status, &only(&answer, "unanswered")["code"]), (Some(1), &"fetch.connect".into()));
    // A question about others is put to nobody.
    assert_eq!(chancery_in(folder, ["key", "find", "ann@globex.example"]).code, Some(2));
}

/// What the server knows who may change a zone by.
pub(crate) const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Knot with a root of its own, signed or not.
pub(crate) fn names(folder: &Path, root: &str, is_signed: bool) -> (Server, Port) {
    let port = Port::pick();
    let signing = |policy: &str| format!("    dnssec-signing: on\n    dnssec-policy: {policy}\n");
    let settings = format!(
        "server:\n    listen: 127.0.0.2@{}\n    rundir: \"{root}\"\ndatabase:\n    storage: \".\"\n\
         key:\n  - id: chancery.\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
         acl:\n  - id: update\n    key: chancery.\n    action: update\n\
         policy:\n  - id: plain\n    manual: on\n  - id: hashed\n    manual: on\n    nsec3: on\n\
         template:\n  - id: default\n    storage: \".\"\n    zonefile-sync: -1\n    journal-content: none\n\
         zone:\n  - domain: .\n    file: {root}.zone\n{}  - domain: unsigned.test\n    file: unsigned.zone\n\
         \x20 - domain: signed.test\n    file: {root}.test.zone\n    acl: update\n{}  - domain: bogus.test\n    file: bogus.zone\n{}",
        port.number(),
        if is_signed { signing("plain") } else { String::new() },
        if is_signed { signing("hashed") } else { String::new() },
        signing("hashed"),
    );
    fs::create_dir_all(folder.join(root)).expect("ours");
    fs::write(folder.join(format!("{root}.conf")), settings).expect("ours");
    let mut command = Command::new("/usr/sbin/knotd");
    command.args(["-c", &format!("{root}.conf")]);
    // The UDP port of the first address is what says that the number is taken.
    let address = SocketAddr::from(([127, 0, 0, 2], port.number()));
    let server = start(folder, &mut command, address);
    (server, port)
}

fn zone(name: &str, records: &str) -> String {
    format!("$ORIGIN {name}\n$TTL 300\n@ SOA ns. h. 1 3600 600 86400 60\n@ NS ns.\n{records}")
}

/// The name of the records of a local part, as somebody else computes it.
pub(crate) fn owner(folder: &Path, local: &str) -> String {
    fs::write(folder.join("local"), local).expect("ours");
    let digest = sha256(folder, "local");
    format!("{}._smimecert", &digest[..56])
}

/// Writes the zones; `signed` is what the root says about the keys of one of them.
fn write_zones(folder: &Path, store: u16, signed: &str) {
    for name in ["ann", "bob", "carol", "dave", "mallory"] {
        person(folder, name, &format!("{name}@signed.test"));
    }
    person(folder, "uma", "uma@unsigned.test");
    person(folder, "ben", "ben@bogus.test");
    openssl(folder, "x509 -in carol.pem -pubkey -noout -out carol.pub");
    openssl(folder, "pkey -pubin -in carol.pub -outform DER -out carol.spki");
    let at = |local: &str, domain: &str| format!("{}.{domain}.", owner(folder, local));
    let whole = |name: &str, domain: &str, file: &str| {
        format!("{} SMIMEA 3 0 0 {}\n", at(name, domain), hex(folder, file))
    };
    let root = format!(
        "ns. A 127.0.0.1\nsigned.test. NS ns.\n{signed}\nunsigned.test. NS ns.\nbogus.test. NS ns.\n\
         bogus.test. DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000\n\
         _certificates._tcp.stores.test. SRV 0 0 {store} store.test.\nstore.test. A 127.0.0.1\n"
    );
    fs::write(folder.join("signed.zone"), zone(".", &root)).expect("ours");
    fs::write(folder.join("forged.zone"), zone(".", &root)).expect("ours");
    let records = [
        whole("ann", "signed.test", "ann.der"),
        // Two certificates, of which one is somebody else's.
        whole("bob", "signed.test", "bob.der"),
        whole("bob", "signed.test", "mallory.der"),
        format!("{} CNAME {}\n", at("alias", "signed.test"), at("ann", "signed.test")),
        // Only the hash of a key: what others find must fit.
        format!("{} SMIMEA 3 1 1 {}\n", at("carol", "signed.test"), sha256(folder, "carol.spki")),
    ];
    fs::write(folder.join("signed.test.zone"), zone("signed.test.", &records.concat()))
        .expect("ours");
    let forged = whole("ann", "signed.test", "mallory.der");
    fs::write(folder.join("forged.test.zone"), zone("signed.test.", &forged)).expect("ours");
    let records = whole("uma", "unsigned.test", "uma.der");
    fs::write(folder.join("unsigned.zone"), zone("unsigned.test.", &records)).expect("ours");
    let records = whole("ben", "bogus.test", "ben.der");
    fs::write(folder.join("bogus.zone"), zone("bogus.test.", &records)).expect("ours");
}

/// Writes keys and zones.
pub(crate) fn prepare(folder: &Path, store: u16) {
    // Keys first: the servers find them.
    fs::write(
        folder.join("keys.conf"),
        "database:\n    storage: \".\"\npolicy:\n  - id: p\n    manual: on\nzone:\n  - domain: .\n    dnssec-policy: p\n\
         \x20 - domain: signed.test\n    dnssec-policy: p\n  - domain: bogus.test\n    dnssec-policy: p\n",
    )
    .expect("ours");
    for zone in [".", "signed.test.", "bogus.test."] {
        run(
            folder,
            "/usr/sbin/keymgr",
            &format!("-c keys.conf {zone} generate algorithm=ECDSAP256SHA256 ksk=yes zsk=yes"),
        );
    }
    let anchor = run(folder, "/usr/sbin/keymgr", "-c keys.conf . dnskey");
    fs::write(folder.join("root.key"), anchor.replace(". DNSKEY", ". 300 IN DNSKEY"))
        .expect("ours");
    write_zones(folder, store, &run(folder, "/usr/sbin/keymgr", "-c keys.conf signed.test. ds"));
}

pub(crate) fn dns(port: &Port, keys: &str) -> String {
    format!(
        "[dns]\nservers = [\"127.0.0.2:{}\"]\ntrust-anchor = \"root.key\"\n[lookup]\nallow-private = true\n[find]\ndns = true\n{keys}",
        port.number()
    )
}

#[test]
fn the_dns_is_believed_as_far_as_it_is_signed() {
    let place = Folder::new();
    let folder = place.path();
    prepare(folder, 1);
    let (_signed, port) = names(folder, "signed", true);
    let ours = dns(&port, "");

    let (status, answer) = find(folder, &ours, "ann@signed.test");
    assert_eq!(status, Some(0), "{answer}");
    let found = only(&answer, "candidates");
    assert_eq!(found["fingerprint"], sha256(folder, "ann.der"), "{answer}");
    assert_eq!(found["dnssec"], "secure", "{answer}");
    assert_eq!(
        (&found["vouched_for"], &found["confirmation"]),
        (&true.into(), &"confirmed".into())
    );
    // An alias within the signed zone leads there; the certificate is for ann all the same.
    let (status, answer) = find(folder, &ours, "alias@signed.test");
    assert_eq!(status, Some(1), "{answer}");
    assert_eq!(only(&answer, "dropped")["why"], "it is for ann@signed.test, not for this address");
    let (status, answer) = find(folder, &ours, "bob@signed.test");
    assert_eq!(status, Some(0), "{answer}");
    assert_eq!(only(&answer, "candidates")["fingerprint"], sha256(folder, "bob.der"));
    // A proven no is an answer.
    let (status, answer) = find(folder, &ours, "nobody@signed.test");
    assert_eq!((status, &answer["unanswered"]), (Some(1), &serde_json::json!([])), "{answer}");
    // Without signatures it is a hint and no more.
    let (status, answer) = find(folder, &ours, "uma@unsigned.test");
    assert_eq!(status, Some(0), "{answer}");
    let found = only(&answer, "candidates");
    assert_eq!((&found["dnssec"], &found["vouched_for"]), (&"insecure".into(), &false.into()));
    // The zone's keys are others than its parent says.
    let (status, answer) = find(folder, &ours, "ben@bogus.test");
    assert_eq!((status, &answer["candidates"]), (Some(1), &serde_json::json!([])), "{answer}");
    let bogus = |answer: &Value| {
        let unanswered = only(answer, "unanswered");
        (unanswered["code"].clone(), unanswered["temporary"].clone())
            == ("dns.bogus".into(), true.into())
    };
    assert!(bogus(&answer), "{answer}");

    // Somebody who answers in place of the server has no signatures to show.
    let (_forger, port) = names(folder, "forged", false);
    for address in ["ann@signed.test", "nobody@signed.test", "uma@unsigned.test"] {
        let (status, answer) = find(folder, &dns(&port, ""), address);
        assert_eq!((status, &answer["candidates"]), (Some(1), &serde_json::json!([])), "{answer}");
        assert!(bogus(&answer), "{address}: {answer}");
    }
    // Nobody answers: that is no "no" either.
    let (status, answer) = find(folder, &dns(&Port::pick(), ""), "ann@signed.test");
    assert_eq!(
        (status, &only(&answer, "unanswered")["temporary"]),
        (Some(1), &true.into()),
        "{answer}"
    );
}

#[test]
fn what_stores_have_must_fit_the_dns() {
    let place = Folder::new();
    let folder = place.path();
    let store = web(folder);
    prepare(folder, store.port);
    let (_signed, port) = names(folder, "signed", true);
    // What a store has must fit the hash in the DNS.
    person(folder, "other", "carol@signed.test");
    let both = ["carol.pem", "other.pem"]
        .map(|file| fs::read_to_string(folder.join(file)).expect("it was made"));
    fs::write(folder.join("store.pem"), both.concat()).expect("ours");
    let keys = format!(
        "[[find.source]]\nname = \"certs\"\nkind = \"store\"\nurl = \"http://127.0.0.1:{}/store.pem\"\ntls = \"none\"\n",
        store.port
    );
    let (status, answer) = find(folder, &dns(&port, &keys), "carol@signed.test");
    assert_eq!(status, Some(0), "{answer}");
    let found = only(&answer, "candidates");
    assert_eq!(found["fingerprint"], sha256(folder, "carol.der"), "{answer}");
    assert_eq!(
        (&found["source"], &found["vouched_for"]),
        (&"certs".into(), &true.into()),
        "{answer}"
    );
    let dropped = only(&answer, "dropped");
    assert_eq!(dropped["fingerprint"], sha256(folder, "other.der"), "{answer}");

    // The DNS of a domain may name a store, which is in our own network here.
    person(folder, "sam", "sam@stores.test");
    fs::copy(folder.join("sam.der"), folder.join("search.cgi")).expect("ours");
    let (status, answer) = find(folder, &dns(&port, "web = true\n"), "sam@stores.test");
    assert_eq!(status, Some(0), "{answer}");
    let found = only(&answer, "candidates");
    assert_eq!((&found["source"], &found["channel"]), (&"web".into(), &"clear".into()));
    let public = dns(&port, "web = true\n").replace("allow-private = true", "");
    let (status, answer) = find(folder, &public, "sam@stores.test");
    assert_eq!(
        (status, &only(&answer, "unanswered")["code"]),
        (Some(1), &"fetch.out_of_reach".into()),
        "{answer}"
    );
}
