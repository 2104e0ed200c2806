//! The directory with real clients: `ldapsearch`, gpgsm with dirmngr, `mutt_ldap_query`; and harvesters, beside slapd.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use chancery_e2e::chancery::{Gateway, section};
use chancery_e2e::place::{Folder, Port};
use chancery_e2e::wait;

use crate::fetching::{Server, issue, openssl, slapd};

/// An organisation whose directory is asked; ann and Bob are published, eve is not.
pub(crate) struct Acme {
    pub(crate) gateway: Gateway,
    pub(crate) people: Folder,
}

/// What `ldapsearch` printed, and its exit status, which is the result code.
pub(crate) type Said = (String, i32);

impl Acme {
    pub(crate) fn start(settings: &[(&str, toml::Value)]) -> Self {
        let people = Folder::new();
        let folder = people.path();
        issue(
            folder,
            "ca",
            None,
            1,
            "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n",
        );
        for (name, serial) in [("ann", 2), ("Bob", 3), ("eve", 4)] {
            let extensions = format!(
                "subjectAltName=email:{name}@acme.example\nkeyUsage=critical,digitalSignature,keyAgreement\n\
                 extendedKeyUsage=emailProtection\nbasicConstraints=CA:FALSE\n"
            );
            issue(folder, name, Some("ca"), serial, &extensions);
        }
        let nowhere: SocketAddr = ([127, 0, 0, 1], 9).into();
        let mut gateway = Gateway::init("acme.example", nowhere);
        gateway.configure(|configuration| {
            let directory = section(configuration, "directory");
            for name in ["outside-listen", "outside-tls-listen", "inside-listen"] {
                directory.insert(name.into(), vec!["127.0.0.1:0"].into());
            }
            for (name, value) in settings {
                directory.insert((*name).into(), value.clone());
            }
        });
        let file = |name: &str| folder.join(name).display().to_string();
        let files = [file("ca.pem"), file("ann.pem"), file("Bob.pem"), file("eve.pem")];
        let mut words = vec!["cert", "import"];
        words.extend(files.iter().map(String::as_str));
        gateway.demand(&words);
        gateway.demand(&["directory", "publish", "ann@acme.example", "bob@acme.example"]);
        gateway.start();
        Self { gateway, people }
    }

    /// Returns where it is asked: `outside`, `outside_tls` or `inside`.
    pub(crate) fn at(&self, face: &str) -> String {
        let file = self.gateway.path("data/addresses.json");
        let text = wait::until("the addresses", || fs::read(&file).ok());
        let addresses: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
        addresses["directory"][face][0].as_str().expect("it listens").to_owned()
    }

    /// Searches with a filter, as a stranger if nothing else is said.
    pub(crate) fn search(&self, words: &[&str]) -> Said {
        ldapsearch(&format!("ldap://{}", self.at("outside")), words)
    }
}

pub(crate) fn ldapsearch(url: &str, words: &[&str]) -> Said {
    let output = Command::new("ldapsearch")
        .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", url])
        .args(words)
        .env("LDAPTLS_REQCERT", "never")
        .output()
        .expect("ldapsearch starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.code().unwrap_or(-1))
}

pub(crate) fn has(said: &Said, name: &str) -> bool {
    said.0.contains(&format!("dn: mail={name}@acme.example,dc=acme,dc=example"))
}

#[test]
fn ldapsearch_finds_who_is_published_and_nothing_else() {
    let acme = Acme::start(&[]);
    let found = acme.search(&["-b", "", "(mail=ANN@Acme.example)"]);
    assert!(has(&found, "ann") && found.1 == 0, "{found:?}");
    let base64 = openssl(acme.people.path(), "x509 -in ann.pem -outform DER -out ann.der")
        + &openssl(acme.people.path(), "base64 -A -in ann.der");
    assert!(found.0.contains(&format!("userCertificate;binary:: {}", base64.trim())), "{found:?}");
    // The bundle is one that OpenSSL reads.
    let bundle =
        found.0.lines().find_map(|line| line.strip_prefix("userSMIMECertificate;binary:: "));
    fs::write(acme.people.path().join("bundle.b64"), bundle.expect("it is there")).expect("ours");
    openssl(acme.people.path(), "base64 -d -A -in bundle.b64 -out bundle.p7c");
    let read = openssl(acme.people.path(), "pkcs7 -inform DER -in bundle.p7c -print_certs -noout");
    assert!(read.contains("CN = ann"), "{read}");

    let many =
        "(&(objectClass=*)(|(mail=bob@acme.example)(mail=eve@acme.example)(mail=no@acme.example)))";
    let said = acme.search(&["-b", "dc=acme,dc=example", many, "mail"]);
    assert!(has(&said, "Bob") && !said.0.contains("eve") && said.1 == 0, "{said:?}");
    for (words, code) in [
        (&["-b", "", "(mail=eve@acme.example)"][..], 0),
        (&["-b", "", "(mail=nobody@acme.example)"], 0),
        (&["-b", "", "(mail=*)"], 53),
        (&["-b", "", "(mail=a*)"], 53),
        (&["-b", "", "(cn=ann)"], 53),
        (&["-b", "", "(!(mail=x@acme.example))"], 53),
        (&["-b", "dc=acme,dc=example", "-s", "one", "(objectClass=*)"], 53),
        (&["-b", "o=Globex", "(mail=ann@acme.example)"], 32),
        (&["-b", "", "-E", "!pr=5/noprompt", "(mail=ann@acme.example)"], 12),
        (&["-b", "", "-D", "cn=ann", "-w", "guess", "(mail=ann@acme.example)"], 13),
    ] {
        let said = acme.search(words);
        assert!(!said.0.contains("@acme.example") && said.1 == code, "{words:?}: {said:?}");
    }
    let paged = acme.search(&["-b", "", "-E", "pr=5/noprompt", "(mail=ann@acme.example)", "1.1"]);
    assert!(has(&paged, "ann") && paged.1 == 0, "{paged:?}");
    let root = acme.search(&["-b", "", "-s", "base", "namingContexts", "supportedExtension"]);
    assert!(root.0.contains("namingContexts: dc=acme,dc=example"), "{root:?}");
    assert!(root.0.contains("1.3.6.1.4.1.1466.20037"), "{root:?}");

    let started = acme.search(&["-ZZ", "-b", "", "(mail=ann@acme.example)", "1.1"]);
    assert!(has(&started, "ann"), "{started:?}");
    let ldaps = format!("ldaps://{}", acme.at("outside_tls"));
    let over_tls = ldapsearch(&ldaps, &["-b", "", "(mail=ann@acme.example)", "1.1"]);
    assert!(has(&over_tls, "ann"), "{over_tls:?}");
    let guessed =
        ldapsearch(&ldaps, &["-b", "", "-D", "cn=ann", "-w", "guess", "(mail=a@b.example)"]);
    assert_eq!(guessed.1, 49);
    let inside = format!("ldap://{}", acme.at("inside"));
    assert!(has(&ldapsearch(&inside, &["-b", "", "(mail=eve@acme.example)", "1.1"]), "eve"));

    // What is decided counts without a new start.
    acme.gateway.demand(&["directory", "test", "ann@acme.example"]);
    acme.gateway.demand(&["directory", "unpublish", "ann@acme.example"]);
    acme.gateway.demand(&["directory", "publish", "eve@acme.example"]);
    wait::until("eve is found", || {
        has(&acme.search(&["-b", "", "(mail=eve@acme.example)", "1.1"]), "eve").then_some(())
    });
    assert!(!has(&acme.search(&["-b", "", "(mail=ann@acme.example)", "1.1"]), "ann"));
    acme.gateway.demand(&["directory", "test", "ann@acme.example"]);
    assert_eq!(acme.gateway.command(&["directory", "status", "ann@acme.example"]).code, Some(1));
    let asked = acme.gateway.json(&["directory", "asked", "eve@acme.example"]);
    let lines = asked.as_array().expect("a list");
    assert!(lines.iter().any(|line| line["face"] == "inside" && line["outcome"] == "found"));
    assert!(!asked.to_string().contains("eve@"), "{asked}");
}

#[test]
fn gpgsm_finds_addresses_and_no_names() {
    let acme = Acme::start(&[]);
    let home = Folder::new();
    let address = acme.at("outside");
    let port = address.rsplit(':').next().expect("it has a port");
    let servers = format!("127.0.0.1:{port}:::dc=acme,dc=example:\n");
    fs::write(home.path().join("dirmngr_ldapservers.conf"), servers).expect("ours");
    let gpgsm = |pattern: &str| {
        let output = Command::new("gpgsm")
            .args(["--batch", "--list-external-keys", pattern])
            .env("GNUPGHOME", home.path())
            .output()
            .expect("gpgsm starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // With angle brackets it asks for the address, without them for `*ann@acme.example*` in three attributes.
    for pattern in ["<ann@acme.example>", "ann@acme.example"] {
        let said = gpgsm(pattern);
        assert!(said.contains("aka: ann@acme.example"), "{pattern}: {said}");
    }
    for pattern in ["<eve@acme.example>", "+ann", "+acme", "acme.example"] {
        let said = gpgsm(pattern);
        assert!(!said.contains("Subject"), "{pattern}: {said}");
    }
    let ended =
        Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", home.path()).status();
    assert!(ended.expect("gpgconf starts").success());
}

/// Mutt asks through it (`query_command`): an anonymous bind, and what was typed in four attributes.
#[test]
fn mutt_ldap_query_finds_addresses_and_no_names() {
    let acme = Acme::start(&[("names", true.into())]);
    let server = format!("ldap://{}", acme.at("outside"));
    let query = |words: &[&str]| {
        let output = Command::new("mutt_ldap_query")
            .args(["--server", &server, "--search_base", "dc=acme,dc=example"])
            .args(["--search_fields", "givenName sn cn mail", "--expected_answers", "cn mail"])
            .args(["--format_email", "${mail}", "--format_realname", "${cn}"])
            .args(["--format_comment", ""])
            .args(words)
            .output()
            .expect("install the packages lbdb, libauthen-sasl-perl and libnet-ldap-perl: cargo xtask test tools");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said, error)
    };
    for words in [
        &["ann@acme.example"][..],
        &["ANN@acme.example"],
        // With asterisks on both sides.
        &["--ignorant", "ann@acme.example"],
        &["--tls=1", "ann@acme.example"],
    ] {
        let (is_found, said, error) = query(words);
        assert!(is_found, "{words:?}: {said} {error}");
        assert_eq!(said, "LDAP query: found 1\nann@acme.example\tann\t\n", "{words:?}");
    }
    for words in [
        &["eve@acme.example"][..],
        &["ann"],
        &["--ignorant", "ann"],
        &["--ignorant", "acme.example"],
        &["a*"],
        &["*"],
    ] {
        let (is_found, said, error) = query(words);
        assert!(!is_found && !said.contains("@acme.example"), "{words:?}: {said} {error}");
    }
}

/// Ten thousand tricks over one connection: nothing is learned from us, everything from slapd.
#[test]
fn harvesters_learn_nothing_here_and_everything_from_slapd() {
    let acme = Acme::start(&[]);
    let (people, _slapd) = people_in_slapd(acme.people.path());
    let tricks = tricks();
    assert!(tricks.len() >= 10_000, "{}", tricks.len());
    let ours: SocketAddr = acme.at("outside").parse().expect("an address");
    let learned = harvest(ours, "", &tricks);
    assert_eq!(learned.names, [""; 0], "answers: {}", learned.answers);
    assert_eq!(learned.answers, tricks.len());
    // What is named in full is still found: the harvester was not just shut out.
    assert!(has(&acme.search(&["-b", "", "(mail=ann@acme.example)", "1.1"]), "ann"));
    // A few dozen of the same suffice there.
    let some: Vec<Vec<u8>> = tricks.iter().step_by(250).cloned().collect();
    let learned = harvest(people, "o=Acme", &some);
    for name in ["ann@acme.example", "Bob@acme.example", "eve@acme.example"] {
        assert!(learned.names.iter().any(|it| it.contains(name)), "{name}: {:?}", learned.names);
    }
}

#[test]
fn who_guesses_is_put_off_and_idle_clients_hold_nobody_up() {
    let acme = Acme::start(&[
        ("misses", 5.into()),
        ("proxies", vec!["127.0.0.0/8"].into()),
        ("connections-per-client", 500.into()),
    ]);
    let address: SocketAddr = acme.at("outside").parse().expect("an address");
    let idle: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    // Each through the proxy from an address of its own; the same one guesses.
    let guess = |client: [u8; 4], mailbox: &str| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let header = [
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(),
            &client,
            &[127, 0, 0, 1, 0, 1, 0, 2],
        ];
        stream.write_all(&header.concat()).expect("it reads");
        let filter = equal("mail", &format!("{mailbox}@acme.example"));
        stream.write_all(&search(1, "", &filter)).expect("it reads");
        stream.shutdown(Shutdown::Write).ok();
        answers_of(&mut stream, 1)
    };
    let stranger = [192, 0, 2, 1];
    for number in 0..5 {
        assert_eq!(guess(stranger, &format!("x{number}")).codes, [0]);
    }
    // Published or not: the answer is the same.
    assert_eq!(guess(stranger, "ann").codes, [51]);
    assert_eq!(guess(stranger, "zzz").codes, [51]);
    let other = guess([198, 51, 100, 7], "ann");
    assert_eq!((other.codes, other.names.len()), (vec![0], 1));
    let alarms = wait::until("the alarm", || {
        let values = acme.gateway.metric_values();
        values.get("chancery_directory_alarms_total").copied().filter(|count| *count > 0.5)
    });
    assert!(alarms < 1.5, "{alarms}");
    drop(idle);
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub(crate) names: Vec<String>,
    pub(crate) codes: Vec<u8>,
    answers: usize,
}

/// Asks everything over one connection, in pieces that no buffer is too small for.
fn harvest(server: SocketAddr, base: &str, filters: &[Vec<u8>]) -> Learned {
    let mut stream = TcpStream::connect(server).expect("it listens");
    let mut learned = Learned::default();
    for piece in filters.chunks(100) {
        let requests: Vec<u8> = piece.iter().flat_map(|it| search(1, base, it)).collect();
        stream.write_all(&requests).expect("it reads");
        let mut found = answers_of(&mut stream, piece.len());
        learned.names.append(&mut found.names);
        learned.codes.append(&mut found.codes);
        learned.answers += found.answers;
    }
    learned
}

/// Reads so many whole answers.
pub(crate) fn answers_of(stream: &mut TcpStream, count: usize) -> Learned {
    stream.set_read_timeout(Some(wait::PATIENCE)).expect("a time");
    let mut learned = Learned::default();
    while learned.answers < count {
        let message = element(stream);
        // The number of the message, then what it is.
        let body = &message[2 + usize::from(message[1])..];
        let (tag, content) = (body[0], content(body));
        match tag {
            0x64 => {
                let length = usize::from(content[1]);
                learned.names.push(String::from_utf8_lossy(&content[2..2 + length]).into_owned());
            }
            0x65 => {
                learned.codes.push(content[2]);
                learned.answers += 1;
            }
            other => panic!("{other:#x}"),
        }
    }
    learned
}

/// Reads one element and returns its content.
fn element(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("an answer comes");
    let length = if head[1] < 0x80 {
        usize::from(head[1])
    } else {
        let mut octets = vec![0; usize::from(head[1] & 0x7f)];
        stream.read_exact(&mut octets).expect("a length");
        octets.iter().fold(0, |all, octet| all << 8 | usize::from(*octet))
    };
    let mut content = vec![0; length];
    stream.read_exact(&mut content).expect("the rest");
    content
}

/// Returns the content of an element in memory.
fn content(element: &[u8]) -> &[u8] {
    match element[1] {
        short @ 0..=0x7f => &element[2..2 + usize::from(short)],
        count => &element[2 + usize::from(count & 0x7f)..],
    }
}

/// Writes an element.
fn put(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("it is short").to_be_bytes();
    [&[tag, 0x82, length[0], length[1]], content].concat()
}

fn text(text: &str) -> Vec<u8> {
    put(0x04, text.as_bytes())
}

pub(crate) fn equal(attribute: &str, value: &str) -> Vec<u8> {
    put(0xa3, &[text(attribute), text(value)].concat())
}

/// Writes a search of everything below a base, for all attributes.
pub(crate) fn search(id: u8, base: &str, filter: &[u8]) -> Vec<u8> {
    let limits = [0x0a, 1, 2, 0x0a, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
    let request = [&text(base), &limits[..], filter, &put(0x30, &[])].concat();
    put(0x30, &[&[2, 1, id], &put(0x63, &request)[..]].concat())
}

/// Wildcards, ranges, presence, negations, disjunctions, extensible matches.
fn tricks() -> Vec<Vec<u8>> {
    let part = |attribute: &str, tag: u8, value: &str| {
        let pieces = put(0x30, &put(tag, value.as_bytes()));
        put(0xa4, &[text(attribute), pieces].concat())
    };
    let letters = || (b'a'..=b'z').map(char::from);
    let mut all = Vec::new();
    for one in letters() {
        for two in letters() {
            let start = format!("{one}{two}");
            for attribute in ["mail", "cn", "sn", "uid", "userCertificate"] {
                all.push(part(attribute, 0x80, &start));
                all.push(part(attribute, 0x81, &start));
            }
            all.push(part("mail", 0x82, &format!("{start}@acme.example")));
            for tag in [0xa5, 0xa6] {
                all.push(put(tag, &[text("mail"), text(&start)].concat()));
            }
            let missing = equal("mail", &format!("{start}@acme.test"));
            all.push(put(0xa2, &missing));
            all.push(put(0xa1, &[missing, put(0x87, b"mail")].concat()));
            let rule = [put(0x82, b"mail"), put(0x83, start.as_bytes())].concat();
            all.push(put(0xa9, &rule));
        }
    }
    for number in 0..300 {
        all.push(equal("serialNumber", &number.to_string()));
    }
    all.push(put(0x87, b"objectClass"));
    all.push(put(0xa0, &[]));
    all
}

/// slapd with the same people.
fn people_in_slapd(people: &Path) -> (SocketAddr, Server) {
    let port = Port::pick();
    let settings = "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
        include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
        pidfile slapd.pid\ndatabase mdb\nsuffix \"o=Acme\"\ndirectory db\nsizelimit 2\n";
    let mut entries = "dn: o=Acme\nobjectClass: organization\no: Acme\n\n".to_owned();
    for name in ["ann", "Bob", "eve"] {
        openssl(people, &format!("x509 -in {name}.pem -outform DER -out {name}.der"));
        let base64 = openssl(people, &format!("base64 -A -in {name}.der"));
        entries += &format!(
            "dn: mail={name}@acme.example,o=Acme\nobjectClass: inetOrgPerson\ncn: {name}\nsn: Lee\n\
             mail: {name}@acme.example\nuserCertificate;binary:: {}\n\n",
            base64.trim()
        );
    }
    let url = format!("ldap://{}/", port.address());
    let server = slapd(&people.join("slapd"), settings, &entries, &url, port.address());
    (port.address(), server)
}
