//! `cert validate --fetch` against servers that somebody else wrote: Python's web server, OpenSSL's OCSP responder and
//! slapd.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use chancery_e2e::chancery::chancery_in;
use chancery_e2e::place::{Folder, Port};
use chancery_e2e::wait;
use serde_json::Value;

/// A server that ends with the test.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Ends it now.
    pub(crate) fn stop(&self) {
        run(Path::new("/"), "kill", &self.process.id().to_string());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

pub(crate) fn run(folder: &Path, program: &str, arguments: &str) -> String {
    let output = Command::new(program)
        .args(arguments.split_whitespace().map(|word| word.replace('~', " ")))
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    assert!(output.status.success(), "{program} {arguments}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn openssl(folder: &Path, arguments: &str) -> String {
    run(folder, "openssl", arguments)
}

/// Makes `NAME.key` and `NAME.pem`, issued by `issuer` with these extensions.
pub(crate) fn issue(
    folder: &Path,
    name: &str,
    issuer: Option<&str>,
    serial: u32,
    extensions: &str,
) {
    fs::write(folder.join("extensions"), extensions).expect("ours");
    openssl(
        folder,
        &format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"),
    );
    fs::write(folder.join("request.cnf"), "[req]\ndistinguished_name=dn\n[dn]\n").expect("ours");
    openssl(
        folder,
        &format!("req -new -config request.cnf -key {name}.key -subj /CN={name} -out {name}.csr"),
    );
    let signer = issuer.map_or_else(
        || format!("-signkey {name}.key"),
        |issuer| format!("-CA {issuer}.pem -CAkey {issuer}.key"),
    );
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr {signer} -set_serial {serial} -days 30 -extfile extensions -out {name}.pem"
        ),
    );
}

/// Makes `NAME.crl` for an authority, which revokes what `index.txt` says.
pub(crate) fn list(folder: &Path, name: &str) {
    let settings = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\n\
        crl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n";
    fs::write(folder.join("ca.cnf"), settings).expect("ours");
    fs::write(folder.join("crlnumber"), "01\n").expect("ours");
    openssl(
        folder,
        &format!(
            "ca -config ca.cnf -gencrl -crldays 7 -cert {name}.pem -keyfile {name}.key -out {name}.crl.pem"
        ),
    );
    openssl(folder, &format!("crl -in {name}.crl.pem -outform DER -out {name}.crl"));
}

pub(crate) const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature\n\
    subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
pub(crate) const LEAF: &str = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\n\
    subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";

/// Python's web server over a folder.
pub(crate) fn web(folder: &Path) -> Server {
    let script = "import http.server, functools\n\
        h = functools.partial(http.server.SimpleHTTPRequestHandler, directory='.')\n\
        s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), h)\nprint(s.server_address[1], flush=True)\n\
        s.serve_forever()\n";
    let mut process = Command::new("python3")
        .args(["-c", script])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 starts");
    let mut line = String::new();
    let output = process.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("it says its port");
    Server { process, port: line.trim().parse().expect("a port") }
}

/// OpenSSL's responder for the authority `lower`, with a delegated signer.
fn responder(folder: &Path, program: &str) -> Server {
    let mut process = Command::new(program)
        .args([
            "ocsp",
            "-index",
            "index.txt",
            "-CA",
            "lower.pem",
            "-rsigner",
            "ocsp.pem",
            "-rkey",
            "ocsp.key",
        ])
        .args(["-port", "0", "-nmin", "60"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl starts");
    let mut output = BufReader::new(process.stdout.take().expect("it is piped")).lines();
    let port = output.find_map(|line| {
        let line = line.expect("it is text");
        let place = line.strip_prefix("ACCEPT ")?.split(' ').next()?.to_owned();
        place.rsplit(':').next()?.parse().ok()
    });
    // It dies of a closed pipe.
    std::thread::spawn(move || output.for_each(drop));
    Server { process, port: port.expect("it says its port") }
}

/// slapd with one entry that has these attributes, from files.
fn directory(folder: &Path, attributes: &[(&str, &str)]) -> Server {
    let port = Port::pick();
    let settings = "include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
        pidfile slapd.pid\ndatabase mdb\nsuffix \"o=Acme\"\ndirectory db\n";
    let mut entries = "dn: o=Acme\nobjectClass: organization\no: Acme\n\n\
        dn: cn=Lower CA,o=Acme\nobjectClass: applicationProcess\nobjectClass: pkiCA\ncn: Lower CA\n"
        .to_owned();
    for (attribute, file) in attributes {
        let base64 = openssl(folder, &format!("base64 -A -in {file}"));
        entries.push_str(&format!("{attribute};binary:: {}\n", base64.trim()));
    }
    slapd(folder, settings, &entries, &format!("ldap://{}/", port.address()), port.address())
}

/// slapd with these settings and entries, which waits for questions at these URLs; one of them has this address.
pub(crate) fn slapd(
    folder: &Path,
    settings: &str,
    entries: &str,
    urls: &str,
    address: SocketAddr,
) -> Server {
    fs::create_dir_all(folder.join("db")).expect("ours");
    fs::write(folder.join("slapd.conf"), settings).expect("ours");
    fs::write(folder.join("entries.ldif"), entries).expect("ours");
    run(folder, "/usr/sbin/slapadd", "-f slapd.conf -l entries.ldif");
    let mut command = Command::new("/usr/sbin/slapd");
    command.args(["-d", "0", "-f", "slapd.conf", "-h", urls]);
    start(folder, &mut command, address)
}

/// Starts a server and waits until it listens.
pub(crate) fn start(folder: &Path, command: &mut Command, address: SocketAddr) -> Server {
    let command = command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let process = command.spawn().expect("the server starts");
    let server = Server { process, port: address.port() };
    wait::until("the server listens", || TcpStream::connect(address).ok());
    server
}

/// Asks the binary; returns its exit status and its answer.
fn validate(folder: &Path, arguments: &str) -> (Option<i32>, Value) {
    let words = ["cert", "validate", "--format", "json", "--anchor", "root.pem"];
    let outcome = chancery_in(folder, words.into_iter().chain(arguments.split_whitespace()));
    (outcome.code, outcome.json())
}

/// What was asked, as pairs of address and outcome.
fn asked(answer: &Value) -> Vec<(String, String)> {
    let fetches = answer["fetches"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    fetches.iter().map(|fetch| (text(&fetch["url"]), text(&fetch["outcome"]))).collect()
}

#[test]
fn certificates_and_lists_come_over_http() {
    let place = Folder::new();
    let folder = place.path();
    let server = web(folder);
    let base = format!("http://127.0.0.1:{}", server.port);
    fs::write(folder.join("index.txt"), "").expect("ours");
    issue(folder, "root", None, 1, AUTHORITY);
    issue(
        folder,
        "lower",
        Some("root"),
        2,
        &format!("{AUTHORITY}crlDistributionPoints=URI:{base}/root.crl\n"),
    );
    let names = format!(
        "authorityInfoAccess=caIssuers;URI:{base}/lower.p7c\ncrlDistributionPoints=URI:{base}/lower.crl\n"
    );
    issue(folder, "alice", Some("lower"), 0x10, &format!("{LEAF}{names}"));
    issue(folder, "mallory", Some("lower"), 0x11, &format!("{LEAF}{names}"));
    openssl(folder, "crl2pkcs7 -nocrl -certfile lower.pem -outform DER -out lower.p7c");
    list(folder, "root");
    fs::write(
        folder.join("index.txt"),
        "R\t491231235959Z\t200101000000Z\t11\tunknown\t/CN=mallory\n",
    )
    .expect("ours");
    list(folder, "lower");

    let (status, answer) = validate(folder, "alice.pem");
    assert_eq!(status, Some(1), "without the network nothing is known: {answer}");
    let (status, answer) = validate(folder, "alice.pem --fetch --allow-private --revocation hard");
    assert_eq!(status, Some(0), "{answer}");
    let fetched = |path: &str| (format!("{base}/{path}"), "fetched".to_owned());
    let mut expected = [fetched("lower.p7c"), fetched("lower.crl"), fetched("root.crl")];
    let mut found = asked(&answer);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    let (status, answer) = validate(folder, "mallory.pem --fetch --allow-private");
    assert_eq!(status, Some(1), "{answer}");
    assert!(answer.to_string().contains("was revoked"), "{answer}");

    // The network is our own, and nobody said that it may be asked.
    let (status, answer) = validate(folder, "alice.pem --fetch");
    assert_eq!(status, Some(1), "{answer}");
    assert_eq!(answer["fetches"][0]["code"], "fetch.out_of_reach", "{answer}");

    // People read the same.
    let words = "cert validate alice.pem --anchor root.pem --fetch --allow-private".split(' ');
    let text = chancery_in(folder, words).stdout;
    assert!(text.contains(&format!("\nasked\n  {base}/lower.p7c: 1 certificate (")), "{text}");
}

#[test]
fn openssls_responder_is_asked_by_get_and_by_post() {
    let place = Folder::new();
    let folder = place.path();
    let files = web(folder);
    let lists = |name: &str| {
        format!("crlDistributionPoints=URI:http://127.0.0.1:{}/{name}.crl\n", files.port)
    };
    fs::write(folder.join("index.txt"), "").expect("ours");
    issue(folder, "root", None, 1, AUTHORITY);
    issue(folder, "lower", Some("root"), 2, &format!("{AUTHORITY}{}", lists("root")));
    // The responder's certificate does not say that its revocation need not be checked.
    let extensions =
        format!("extendedKeyUsage=OCSPSigning\nkeyUsage=digitalSignature\n{}", lists("lower"));
    issue(folder, "ocsp", Some("lower"), 3, &extensions);
    list(folder, "root");
    list(folder, "lower");
    let index = "V\t491231235959Z\t\t10\tunknown\t/CN=alice\nR\t491231235959Z\t200101000000Z\t11\tunknown\t/CN=mallory\n\
        V\t491231235959Z\t\t12\tunknown\t/CN=bob\n";
    fs::write(folder.join("index.txt"), index).expect("ours");
    for program in ["openssl", "openssl-4"] {
        let server = responder(folder, program);
        let url = format!("http://127.0.0.1:{}", server.port);
        let names = |url: &str| format!("{LEAF}authorityInfoAccess=OCSP;URI:{url}\n");
        issue(folder, "alice", Some("lower"), 0x10, &names(&url));
        issue(folder, "mallory", Some("lower"), 0x11, &names(&url));
        // So long an address leaves no room for the question in it.
        let long = format!("{url}/{}", "x".repeat(200));
        issue(folder, "bob", Some("lower"), 0x12, &names(&long));
        for (name, status, said) in
            [("alice", 0, "good"), ("mallory", 1, "revoked"), ("bob", 0, "good")]
        {
            let arguments =
                format!("{name}.pem --pool lower.pem --fetch --allow-private --revocation hard");
            let (found, answer) = validate(folder, &arguments);
            assert_eq!(found, Some(status), "{program} {name}: {answer}");
            let said = format!("says that the certificate is {said}");
            assert!(answer.to_string().contains(&said), "{program} {name}: {answer}");
            let asked = asked(&answer);
            let times = |end: &str| asked.iter().filter(|(url, _)| url.ends_with(end)).count();
            let responder = if name == "bob" { &long } else { &url };
            assert_eq!(
                (times(responder), times("/root.crl")),
                (1, 1),
                "{program} {name}: {answer}"
            );
            // Whether the responder itself was revoked is asked where it matters.
            assert_eq!(times("/lower.crl"), 1, "{program} {name}: {answer}");
        }
    }
}

#[test]
fn openldap_has_certificates_lists_and_pairs() {
    let place = Folder::new();
    let folder = place.path();
    fs::write(folder.join("index.txt"), "").expect("ours");
    issue(folder, "root", None, 1, AUTHORITY);
    issue(folder, "lower", Some("root"), 2, AUTHORITY);
    list(folder, "lower");
    openssl(folder, "x509 -in lower.pem -outform DER -out lower.der");
    // The pair holds the certificate that the root issued: SEQUENCE { [0] certificate }.
    let certificate = fs::read(folder.join("lower.der")).expect("it was made");
    let wrap = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).expect("it is small").to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    };
    fs::write(folder.join("pair.der"), wrap(0x30, &wrap(0xa0, &certificate))).expect("ours");
    let attributes = [
        ("cACertificate", "lower.der"),
        ("certificateRevocationList", "lower.crl"),
        ("crossCertificatePair", "pair.der"),
    ];
    let server = directory(folder, &attributes);
    let entry = format!("ldap://127.0.0.1:{}/cn=Lower%20CA,o=Acme", server.port);
    for wanted in [
        "cACertificate;binary",
        "crossCertificatePair;binary",
        "",
        "cACertificate?base?(objectClass=pkiCA)",
    ] {
        // Commas would end the value in OpenSSL's settings.
        let url = format!("{entry}?{wanted}").replace(',', "%2C").replace(';', "%3B");
        let places = format!("authorityInfoAccess=caIssuers;URI:{url}\n");
        let lists = format!("{entry}?certificateRevocationList%3Bbinary").replace(',', "%2C");
        issue(
            folder,
            "alice",
            Some("lower"),
            0x10,
            &format!("{LEAF}{places}crlDistributionPoints=URI:{lists}\n"),
        );
        let (status, answer) = validate(folder, "alice.pem --fetch --allow-private");
        assert_eq!(status, Some(0), "{wanted}: {answer}");
        let outcomes: Vec<_> = asked(&answer).into_iter().map(|(_, outcome)| outcome).collect();
        // The whole entry has the list, too.
        let expected = if wanted.is_empty() { 1 } else { 2 };
        assert_eq!(outcomes, vec!["fetched"; expected], "{wanted}: {answer}");
        assert!(answer.to_string().contains("does not list the certificate"), "{wanted}: {answer}");
    }
    // What is not there, and what nobody can ask.
    for (url, code) in [
        (
            format!("ldap://127.0.0.1:{}/cn=nobody%2Co=Acme?cACertificate", server.port),
            "fetch.refused",
        ),
        ("ldap:///cn=Lower%20CA%2Co=Acme?cACertificate".to_owned(), "fetch.address"),
        (format!("ldap://127.0.0.1:{}/o=Acme?cACertificate", server.port), "lookup.content"),
    ] {
        issue(
            folder,
            "bob",
            Some("lower"),
            0x11,
            &format!("{LEAF}authorityInfoAccess=caIssuers;URI:{url}\n"),
        );
        let (status, answer) = validate(folder, "bob.pem --fetch --allow-private");
        assert_eq!(status, Some(1), "{url}: {answer}");
        assert_eq!(answer["fetches"][0]["code"], code, "{url}: {answer}");
    }
}
