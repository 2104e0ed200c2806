//! The directory before others: an Active Directory behind both faces, and upstreams that are down, slow, hostile or
//! misconfigured, beside a good one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use chancery_e2e::chancery::{Gateway, section};
use chancery_e2e::place::{Folder, Port};
use chancery_e2e::wait;
use serde_json::Value;

use crate::directory::{Said, ldapsearch};
use crate::fetching::{Server, issue, openssl, run, start};
use crate::finding::{base64, find, only, sha256};

/// A certificate of `ca` for these addresses.
pub(crate) fn person(folder: &Path, name: &str, serial: u32, addresses: &[&str]) {
    let names: Vec<String> = addresses.iter().map(|it| format!("email:{it}")).collect();
    let extensions = format!(
        "subjectAltName={}\nkeyUsage=critical,digitalSignature,keyAgreement\n\
         extendedKeyUsage=emailProtection\nbasicConstraints=CA:FALSE\n",
        names.join(",")
    );
    issue(folder, name, Some("ca"), serial, &extensions);
    openssl(folder, &format!("x509 -in {name}.pem -outform DER -out {name}.der"));
}

pub(crate) fn authority(folder: &Path) {
    let extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
    issue(folder, "ca", None, 1, extensions);
}

/// slapd with Microsoft's schema, as Active Directory has it: addresses with their kind before them, and certificates
/// without the option `binary`.
pub(crate) fn active_directory(folder: &Path, entries: &str, more: &str, port: &Port) -> Server {
    let schema = |name: &str, old: &str, new: &str| {
        let text = fs::read_to_string(format!("/etc/ldap/schema/{name}")).expect("slapd brings it");
        assert!(text.contains(old), "{name} has changed");
        fs::write(folder.join(name), text.replacen(old, new, 1)).expect("ours");
    };
    schema(
        "core.schema",
        "EQUALITY certificateExactMatch\n\tSYNTAX 1.3.6.1.4.1.1466.115.121.1.8 )",
        "EQUALITY octetStringMatch\n\tSYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )",
    );
    let addresses = "NAME 'proxyAddresses'\n";
    schema("msuser.schema", addresses, &addresses.replace('\n', " EQUALITY caseIgnoreMatch\n"));
    let settings = format!(
        "include core.schema\ninclude /etc/ldap/schema/cosine.schema\ninclude /etc/ldap/schema/nis.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\ninclude msuser.schema\nmodulepath /usr/lib/ldap\n\
         moduleload back_mdb\npidfile slapd.pid\nreferral ldap://{}/\n{more}database mdb\n\
         suffix \"{CORP}\"\ndirectory db\nrootdn \"cn=reader,{CORP}\"\nrootpw secret\n",
        port.address()
    );
    fs::write(folder.join("slapd.conf"), settings).expect("ours");
    fs::create_dir_all(folder.join("db")).expect("ours");
    let top = format!("dn: {CORP}\nobjectClass: domain\ndc: corp\n\n");
    fs::write(folder.join("entries.ldif"), top + entries).expect("ours");
    run(folder, "/usr/sbin/slapadd", "-f slapd.conf -l entries.ldif");
    let mut command = Command::new("/usr/sbin/slapd");
    let listen = format!("ldap://{}/", port.address());
    command.args(["-d", "0", "-f", "slapd.conf", "-h", &listen]);
    start(folder, &mut command, port.address())
}

/// An entry of a user; the first address is the main one.
pub(crate) fn user(folder: &Path, account: &str, addresses: &[&str], file: &str) -> String {
    let kinds = ["SMTP"].into_iter().chain(std::iter::repeat("smtp"));
    let addresses: String = kinds
        .zip(addresses)
        .map(|(kind, address)| format!("proxyAddresses: {kind}:{address}\n"))
        .collect();
    let name = format!("cn={SECRET} {account},{CORP}");
    format!(
        "dn: {name}\nobjectClass: user\nobjectClass: extensibleObject\ncn: {SECRET} {account}\nsn: {SECRET}\n\
         instanceType: 4\nnTSecurityDescriptor: AQ==\nobjectCategory: {name}\nsAMAccountName: {SECRET}-{account}\n\
         userPrincipalName: {account}@corp.{SECRET}.example\ntelephoneNumber: 555-{SECRET}\n{addresses}userCertificate:: {}\n\n",
        base64(folder, file)
    )
}

/// Chancery before sources.
pub(crate) fn before(folder: &Path, sources: &str, proxies: &[&str]) -> Gateway {
    let proxies: Vec<toml::Value> = proxies.iter().map(|it| (*it).into()).collect();
    let mut gateway = Gateway::init("acme.example", ([127, 0, 0, 1], 9).into());
    gateway.configure(|configuration| {
        let directory = section(configuration, "directory");
        for name in ["outside-listen", "inside-listen"] {
            directory.insert(name.into(), vec!["127.0.0.1:0"].into());
        }
        directory.insert("proxies".into(), proxies.into());
        let find: toml::Table = sources.parse().expect("it is TOML");
        configuration.extend(find);
    });
    let authority = folder.join("ca.pem").display().to_string();
    gateway.demand(&["cert", "import", &authority]);
    gateway.start();
    gateway
}

pub(crate) fn at(gateway: &Gateway, face: &str) -> String {
    let file = gateway.path("data/addresses.json");
    let text = wait::until("the addresses", || fs::read(&file).ok());
    let addresses: Value = serde_json::from_slice(&text).expect("it is JSON");
    format!("ldap://{}", addresses["directory"][face][0].as_str().expect("it listens"))
}

pub(crate) fn ask(gateway: &Gateway, face: &str, filter: &str, attributes: &[&str]) -> Said {
    ldapsearch(&at(gateway, face), &[&["-b", "", filter][..], attributes].concat())
}

#[test]
fn an_active_directory_gives_certificates_and_nothing_else() {
    let place = Folder::new();
    let folder = place.path();
    authority(folder);
    person(folder, "ann", 2, &["ann@acme.example", "a.lee@acme.example"]);
    person(folder, "eve", 3, &["eve@acme.example"]);
    person(folder, "mallory", 4, &["mallory@acme.example"]);
    let entries = [
        user(folder, "alee", &["ann@acme.example", "a.lee@acme.example"], "ann.der"),
        user(folder, "eve", &["eve@acme.example"], "eve.der"),
        // Somebody else's certificate in an entry: it is not for this address.
        user(folder, "bob", &["bob@acme.example"], "mallory.der"),
    ];
    let port = Port::pick();
    let _server = active_directory(folder, &entries.concat(), "", &port);
    let gateway = before(
        folder,
        &format!(
            "[[find.source]]\nname = \"ad\"\nkind = \"directory\"\nurl = \"ldap://{}/{CORP}\"\ntls = \"none\"\n\
             filter = \"(&(objectClass=user)(|(proxyAddresses=smtp:{{address}})(userPrincipalName={{address}})))\"\n",
            port.address()
        ),
        &[],
    );
    gateway.demand(&["directory", "publish", "ann@acme.example", "a.lee@acme.example"]);
    gateway.demand(&["directory", "publish", "bob@acme.example"]);
    let everything =
        ["*", "+", "sAMAccountName", "proxyAddresses", "userPrincipalName", "memberOf"];
    wait::until("what was published", || {
        let found = ask(&gateway, "outside", "(mail=ann@acme.example)", &["1.1"]);
        (!found.0.is_empty()).then_some(())
    });
    for (face, filter, name, file) in [
        ("outside", "(mail=ann@acme.example)", "ann", "ann.der"),
        ("outside", "(mail=A.LEE@acme.example)", "a.lee", "ann.der"),
        ("outside", "(proxyAddresses=SMTP:ann@acme.example)", "ann", "ann.der"),
        ("inside", "(mail=a.lee@acme.example)", "a.lee", "ann.der"),
        ("inside", "(mail=eve@acme.example)", "eve", "eve.der"),
    ] {
        let (said, code) = ask(&gateway, face, filter, &everything);
        assert_eq!(code, 0, "{filter}: {said}");
        assert!(said.starts_with(&format!("dn: mail={name}@acme.example,")), "{filter}: {said}");
        assert!(said.contains(&base64(folder, file)), "{filter}: {said}");
        for line in said.lines().filter(|line| !line.is_empty()) {
            let known = ["dn: ", "mail: ", "objectClass: ", "userCertificate;binary:: "];
            let is_known = known.iter().any(|start| line.starts_with(start))
                || line.starts_with("userSMIMECertificate");
            assert!(is_known && !line.contains(SECRET), "{filter}: {line}");
        }
    }
    for (face, filter) in [
        ("outside", "(mail=eve@acme.example)"),
        ("outside", "(mail=bob@acme.example)"),
        ("outside", "(sAMAccountName=secret-alee)"),
        ("outside", "(mail=mallory@acme.example)"),
        ("inside", "(mail=bob@acme.example)"),
        ("inside", "(sAMAccountName=secret-alee)"),
        ("inside", "(cn=secret*)"),
    ] {
        let (said, code) = ask(&gateway, face, filter, &everything);
        assert!(said.is_empty() && [0, 53].contains(&code), "{face} {filter}: {code} {said}");
    }
}

/// A server that answers each connection in one way.
fn hostile(serve: impl Fn(TcpStream) -> Option<()> + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Reads one request and returns its number as it is written.
fn number(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut octets = vec![0; 4096];
    let length = stream.read(&mut octets).ok()?;
    let body = if octets[1] < 0x80 { 2 } else { 2 + usize::from(octets[1] & 0x7f) };
    let end = body + 2 + usize::from(octets[body + 1]);
    (end < length).then(|| octets[body..end].to_vec())
}

/// An element of less than 128 octets.
fn short(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).expect("it is short")], content].concat()
}

/// An entry of a hundred million octets.
fn huge(mut stream: TcpStream) -> Option<()> {
    let number = number(&mut stream)?;
    let length = |octets: u32| octets.to_be_bytes();
    let rest = 100_000_000_u32;
    let head = [
        &[0x30, 0x84][..],
        &length(rest + 30),
        &number,
        &[0x64, 0x84],
        &length(rest + 20),
        &short(4, b"cn=x"),
        &[0x30, 0x84],
        &length(rest),
    ];
    stream.write_all(&head.concat()).ok()?;
    let block = [0x30; 10_000];
    (0..rest / 10_000).try_for_each(|_| stream.write_all(&block)).ok()
}

/// One entry after the other, without an end.
fn endless(mut stream: TcpStream) -> Option<()> {
    let number = number(&mut stream)?;
    let entry = short(0x64, &[short(4, b"cn=x"), short(0x30, &[])].concat());
    let message = short(0x30, &[number, entry].concat());
    loop {
        stream.write_all(&message).ok()?;
    }
}

/// One octet of an answer after the other, each in time, and never all.
fn drop_by_drop(mut stream: TcpStream) -> Option<()> {
    number(&mut stream)?;
    stream.write_all(&[0x30, 0x82, 0x10, 0]).ok()?;
    loop {
        stream.write_all(&[0]).ok()?;
        wait::live_for(Duration::from_millis(100));
    }
}

/// Somebody who speaks TLS with this certificate.
fn tls(folder: &Path, name: &str) -> (Server, Port) {
    let port = Port::pick();
    let mut command = Command::new("openssl");
    let address = port.address().to_string();
    command.args(["s_server", "-quiet", "-accept", &address]);
    command.args(["-cert", &format!("{name}.pem"), "-key", &format!("{name}.key")]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    (start(folder, &mut command, port.address()), port)
}

/// Certificates of servers that must not be believed.
fn wrong_servers(folder: &Path) {
    let server = |names: &str| format!("basicConstraints=CA:FALSE\nsubjectAltName={names}\n");
    issue(folder, "elsewhere", Some("ca"), 10, &server("DNS:ldap.globex.example"));
    issue(folder, "itself", None, 11, &server("IP:127.0.0.1"));
    issue(folder, "old", Some("ca"), 12, &server("IP:127.0.0.1"));
    let old = "x509 -req -in old.csr -CA ca.pem -CAkey ca.key -set_serial 13 -extfile extensions -out old.pem \
        -not_before 20200101000000Z -not_after 20210101000000Z";
    // An older one makes no certificates that have ended.
    run(folder, "openssl-4", old);
}

fn source(name: &str, url: &str, more: &str) -> String {
    format!(
        "[[find.source]]\nname = \"{name}\"\nkind = \"directory\"\nurl = \"{url}\"\ntimeout = \"3s\"\n{more}\n"
    )
}

#[test]
fn bad_upstreams_neither_block_nor_spoil_the_good_one() {
    let place = Folder::new();
    let folder = place.path();
    authority(folder);
    let people = ["p0", "p1", "p2", "p3", "p4", "p5"];
    let mut entries = String::new();
    for (serial, name) in (20..).zip(people) {
        let address = format!("{name}@acme.example");
        person(folder, name, serial, &[&address]);
        // Twice: with a limit of one entry there is more than may be told.
        for account in [format!("{name}-a"), format!("{name}-b")] {
            entries += &user(folder, &account, &[&address], &format!("{name}.der"));
        }
    }
    let port = Port::pick();
    let _good = active_directory(folder, &entries, "sizelimit 1\n", &port);
    wrong_servers(folder);
    let servers = ["elsewhere", "old", "itself"].map(|name| (name, tls(folder, name)));
    fs::write(folder.join("bad"), "guess\n").expect("ours");
    let (silent, garbage) = (
        hostile(|stream| {
            wait::live_for(Duration::from_mins(2));
            drop(stream);
            Some(())
        }),
        hostile(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok()),
    );
    let down = Port::pick();
    let clear = "tls = \"none\"";
    let filter = "tls = \"none\"\nfilter = \"(proxyAddresses=smtp:{address})\"";
    let at = |address: SocketAddr| format!("ldap://{address}/{CORP}");
    let ca = format!("ca = \"{}\"", folder.join("ca.pem").display());
    let mut sources = vec![
        source("good", &at(port.address()), filter),
        source("down", &at(down.address()), clear),
        source("silent", &at(silent), clear),
        source("garbage", &at(garbage), clear),
        source("huge", &at(hostile(huge)), clear),
        source("endless", &at(hostile(endless)), clear),
        source("drops", &at(hostile(drop_by_drop)), clear),
        // It holds no such base, and refers to itself for all others.
        source("circle", &format!("ldap://{}/o=elsewhere", port.address()), clear),
        // No TLS there, so that no password is sent.
        source(
            "clear",
            &at(port.address()),
            &format!(
                "{ca}\nbind = \"cn=reader,{CORP}\"\npassword = \"{}\"",
                folder.join("bad").display()
            ),
        ),
    ];
    for (name, (_, port)) in &servers {
        sources.push(source(name, &format!("ldaps://{}/", port.address()), &ca));
    }
    let sources = sources.concat();
    let begun = Instant::now();
    let (status, answer) = find(folder, &sources, "p0@acme.example");
    assert_eq!(status, Some(0), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(only(&answer, "candidates")["fingerprint"], sha256(folder, "p0.der"), "{answer}");
    let mut unanswered: Vec<(&str, &str)> = answer["unanswered"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| (it["source"].as_str().expect("text"), it["code"].as_str().expect("text")))
        .collect();
    unanswered.sort_unstable();
    assert_eq!(
        unanswered,
        [
            ("circle", "fetch.redirect"),
            ("clear", "tls.handshake"),
            ("down", "fetch.connect"),
            ("drops", "fetch.timed_out"),
            ("elsewhere", "tls.handshake"),
            ("endless", "fetch.too_large"),
            ("garbage", "fetch.protocol"),
            ("huge", "fetch.too_large"),
            ("itself", "tls.handshake"),
            ("old", "tls.handshake"),
            ("silent", "fetch.timed_out"),
        ],
        "{answer}"
    );

    // The same through the directory: each answer comes within the time of the slowest, and soon nobody is asked in vain.
    let gateway = before(folder, &sources, &[]);
    let resting = || {
        let values = gateway.metric_values();
        values.get("chancery_find_resting").copied().unwrap_or_default()
    };
    let mut times = Vec::new();
    for name in people {
        let begun = Instant::now();
        let filter = format!("(mail={name}@acme.example)");
        let (said, code) = ask(&gateway, "inside", &filter, &["userCertificate;binary"]);
        times.push(begun.elapsed());
        assert!(code == 0 && said.contains(&base64(folder, &format!("{name}.der"))), "{said}");
    }
    eprintln!("through the directory: {times:?}, {} sources rest", resting());
    assert!(times.iter().all(|time| *time < Duration::from_secs(15)), "{times:?}");
    assert!(resting() > 2.0, "{}", resting());
    assert!(times[4..].iter().all(|time| *time < Duration::from_millis(2_500)), "{times:?}");
}

/// The base of the directory.
pub(crate) const CORP: &str = "dc=corp,dc=acme,dc=example";
/// What every value has in it that must not leave.
const SECRET: &str = "secret";
