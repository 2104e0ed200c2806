//! What is published, over HTTP: curl as the client that others wrote, our own finder, and whoever collects addresses.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use chancery_e2e::place::Folder;
use chancery_e2e::wait;

use crate::directory::Acme;
use crate::fetching::openssl;
use crate::finding::{find_as, only};

fn acme() -> Acme {
    let places = ["outside-http-listen", "outside-https-listen", "inside-http-listen"];
    let settings = places.map(|name| (name, toml::Value::from(vec!["127.0.0.1:0"])));
    Acme::start(&settings)
}

/// Asks with curl; returns the head and puts the content into a file.
fn curl(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["-q", "-sS", "-k", "--max-time", "60", "-D", "-", "-o", "content"])
        .args(words)
        .current_dir(folder)
        .output()
        .expect("curl starts");
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn field<'h>(head: &'h str, name: &str) -> &'h str {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| *field == name).unwrap_or_else(|| panic!("{name}: {head}")).1
}

#[test]
fn curl_finds_who_is_published_and_nothing_else() {
    let acme = acme();
    let folder = acme.people.path();
    openssl(folder, "x509 -in ann.pem -outform DER -out ann.der");
    let ann = fs::read(folder.join("ann.der")).expect("it was made");
    let content = || fs::read(folder.join("content")).expect("curl wrote it");
    let clear = format!("http://{}", acme.at("outside_http"));
    let over_tls = format!("https://{}", acme.at("outside_https"));

    for place in [&clear, &over_tls] {
        let url = format!("{place}/search.cgi?uri=ann@acme.example");
        for words in [&[url.as_str()][..], &["-0", &url]] {
            let head = curl(folder, words);
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert_eq!(field(&head, "Content-Type"), "application/pkix-cert");
            assert_eq!(content(), ann, "{words:?}");
        }
    }
    let url = format!("{clear}/search.cgi");
    let head = curl(folder, &["-G", &url, "--data-urlencode", "email=Ann@ACME.example"]);
    assert_eq!(content(), ann, "{head}");
    // What curl keeps is not sent again.
    let url = format!("{clear}/search.cgi?uri=ann@acme.example");
    curl(folder, &["--etag-save", "tag", &url]);
    let head = curl(folder, &["--etag-compare", "tag", &url]);
    assert!(head.starts_with("HTTP/1.1 304 "), "{head}");
    let head = curl(folder, &["-I", &url]);
    assert_eq!(field(&head, "Content-Length"), ann.len().to_string());

    curl(folder, &[&format!("{clear}/certificates/Bob%40acme.example.p7c")]);
    let said = openssl(folder, "pkcs7 -inform DER -in content -print_certs -noout");
    assert!(said.contains("CN = Bob") && !said.contains("CN = ann"), "{said}");
    curl(folder, &[&format!("{clear}/authorities.p7c")]);
    let said = openssl(folder, "pkcs7 -inform DER -in content -print_certs -noout");
    assert!(said.contains("CN = ca") && !said.contains("CN = ann"), "{said}");
    // The hash of a certificate, as RFC 4387 section 2.1 writes it: it finds authorities, and no people.
    for (name, status) in [("ca", "200"), ("ann", "404")] {
        let hash = openssl(folder, &format!("x509 -in {name}.pem -outform DER -out {name}.der"))
            + &openssl(folder, &format!("dgst -sha1 -binary -out hash {name}.der"))
            + &openssl(folder, "base64 -A -in hash");
        let value = format!("certHash={}", hash.trim().trim_end_matches('='));
        let head =
            curl(folder, &["-G", &format!("{clear}/search.cgi"), "--data-urlencode", &value]);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {head}");
    }

    // Nobody can tell eve, who is hidden, from nobody.
    let answer = |address: &str| {
        let head = curl(folder, &[&format!("{clear}/search.cgi?uri={address}@acme.example")]);
        let head: Vec<_> = head.lines().filter(|line| !line.starts_with("Date: ")).collect();
        (head.join("\n"), content())
    };
    let hidden = answer("eve");
    assert!(hidden.0.starts_with("HTTP/1.1 404 "), "{hidden:?}");
    assert_eq!(hidden, answer("nobody"));
    let inside = format!("http://{}", acme.at("inside_http"));
    let head = curl(folder, &[&format!("{inside}/search.cgi?uri=eve@acme.example")]);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(field(&head, "Cache-Control").starts_with("private, "), "{head}");

    // Every face is tested, and says the same.
    let report = acme.gateway.json(&["directory", "test", "ann@acme.example"]);
    let faces = report["faces"].as_array().expect("a list");
    assert_eq!(faces.len(), 6, "{report}");
    assert!(faces.iter().all(|face| face["found"] == report["expected"]), "{report}");
    wait::until("who asked is noted", || {
        let asked = acme.gateway.json(&["directory", "asked", "eve@acme.example"]);
        asked.as_array().filter(|lines| !lines.is_empty()).map(drop)
    });

    // What is decided counts without a new start.
    acme.gateway.demand(&["directory", "publish", "eve@acme.example"]);
    wait::until("eve is found", || answer("eve").0.starts_with("HTTP/1.1 200 ").then_some(()));
}

#[test]
fn our_own_finder_asks_a_store_of_ours() {
    let acme = acme();
    let place = Folder::new();
    let folder = place.path();
    let fingerprint = {
        openssl(acme.people.path(), "x509 -in ann.pem -outform DER -out ann.der");
        let said = openssl(acme.people.path(), "dgst -sha256 -r ann.der");
        said.split(' ').next().expect("a digest").to_owned()
    };
    for (scheme, face) in [("http", "outside_http"), ("https", "outside_https")] {
        let tls = if scheme == "http" {
            "tls = \"none\"".to_owned()
        } else {
            // The listener shows a certificate that it made itself.
            format!("pin = \"{}\"", key_of(folder, &acme.at(face)))
        };
        let source = format!(
            "[[find.source]]\nname = \"acme\"\nkind = \"store\"\nurl = \"{scheme}://{}/search.cgi\"\n{tls}\n",
            acme.at(face)
        );
        let (status, answer) = find_as(folder, "globex.example", &source, "ann@acme.example");
        assert_eq!(status, Some(0), "{answer}");
        let found = only(&answer, "candidates");
        assert_eq!(found["fingerprint"], fingerprint, "{answer}");
        let (status, answer) = find_as(folder, "globex.example", &source, "eve@acme.example");
        assert_eq!((status, &answer["unanswered"]), (Some(1), &serde_json::json!([])), "{answer}");
    }
}

/// Returns the SHA-256 of the key that a server shows.
fn key_of(folder: &Path, address: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", &format!(
            "openssl s_client -connect {address} </dev/null 2>/dev/null | openssl x509 -pubkey -noout | \
             openssl pkey -pubin -outform DER | openssl dgst -sha256 -r"
        )])
        .current_dir(folder)
        .output()
        .expect("sh starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.split(' ').next().expect("a digest").to_owned()
}

/// Whoever collects addresses gets none that it did not name, whatever it writes into a request.
#[test]
fn tricks_over_http_find_nobody() {
    let acme = acme();
    let address = acme.at("outside_http");
    let values = [
        "*",
        "%2a",
        "a*",
        "*@acme.example",
        "%25",
        "_",
        "ann",
        "@acme.example",
        "acme.example",
        "ann@",
        "ann%00@acme.example",
        "eve@acme.example",
        "EVE@ACME.EXAMPLE",
        "mailto:eve@acme.example",
        "ann%20OR%201=1",
        "a@b%0d%0aX:%20y",
        "%e5ve@acme.example",
        "..%2f..%2fetc",
        "",
        "%",
        "2",
        "eve%2540acme.example",
        "smtp:eve@acme.example",
        "eve@acme.example%20",
        "0",
        "-1",
    ];
    let names = [
        "uri",
        "email",
        "name",
        "cn",
        "serial",
        "serialNumber",
        "iHash",
        "sHash",
        "certHash",
        "iAndSHash",
        "sKIDHash",
        "mail",
        "q",
        "search",
        "fingerprint",
        "keyID",
    ];
    let places = ["/search.cgi", "/certificates/search.cgi", "/crls/search.cgi"];
    let mut requests: Vec<String> = Vec::new();
    for place in places {
        for name in names {
            requests.extend(values.iter().map(|value| format!("{place}?{name}={value}")));
        }
    }
    requests.extend(values.iter().map(|value| format!("/certificates/{value}.p7c")));
    requests.extend(
        ["/", "/certificates/", "/certificates", "/.well-known/", "/search.cgi/.."]
            .map(str::to_owned),
    );
    assert!(requests.len() > 1_000, "{}", requests.len());
    let learned: Vec<&String> = requests
        .iter()
        .filter(|target| {
            let said = ask(&address, target);
            assert!(said.starts_with(b"HTTP/1.1 "), "{target}");
            said.windows(13).any(|it| it.eq_ignore_ascii_case(b"@acme.example"))
                && !said.windows(24).any(|it| it == b"such as ?uri=ann@acme.ex")
        })
        .collect();
    assert_eq!(learned, [""; 0]);
    // It was not just shut out.
    assert!(ask(&address, "/search.cgi?uri=ann@acme.example").starts_with(b"HTTP/1.1 200 "));
}

fn ask(address: &str, target: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(wait::PATIENCE)).expect("a time");
    write!(stream, "GET {target} HTTP/1.0\r\n\r\n").expect("it reads");
    let mut said = Vec::new();
    stream.read_to_end(&mut said).expect("it answers");
    said
}
