//! `chancery directory test`: asks as a stranger does, and says what differs from what should be answered.

use std::time::Duration;

use chancery_directory::{catalogue, key_of};
use chancery_lookup::Content;
use chancery_lookup::keys::parts;
use chancery_mail::Address;
use chancery_net::outbound::{self, Dialer};
use chancery_net::{http, ldap};
use chancery_pki::Certificate;
use chancery_wire::http::encode;
use serde::Serialize;

use crate::cli::directory::TestDirectory;
use crate::commands::block_on;
use crate::convert;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, now_ms};
use crate::output::{Output, plain, short, table};

#[derive(Serialize)]
struct Report {
    address: String,
    /// SHA-256 of what strangers should find.
    expected: Vec<String>,
    faces: Vec<Seen>,
}

/// What one way of asking led to.
#[derive(Serialize)]
struct Seen {
    url: String,
    /// SHA-256 of what was found.
    found: Vec<String>,
    /// What is wrong; empty if nothing is.
    differs: Vec<String>,
}

/// Runs the command; if something differs, the answer is no.
pub(super) fn run(installation: &Installation, options: &TestDirectory, output: Output) -> Result {
    let store = installation.store()?;
    let address = super::address(&options.address)?;
    let items = catalogue::items(
        &store,
        &installation.settings.domains,
        Some(&key_of(&address)),
        now_ms() / 1000,
    )?;
    let published = items.iter().filter(|item| item.is_published);
    let mut expected: Vec<String> =
        published.map(|item| item.certificate.fingerprint_sha256()).collect();
    expected.sort();
    expected.dedup();
    let places = match &options.at {
        Some(url) => vec![url.clone()],
        None => listeners(installation)?,
    };
    let dialer = convert::dialer(&installation.settings.dns.servers, true)?;
    let mut report = Report { address: address.to_string(), expected, faces: Vec::new() };
    let store_path = &installation.settings.directory.store_path;
    for url in places.iter().flat_map(|place| questions(place, &address, store_path)) {
        let mut seen = block_on(async { Ok(ask(&dialer, url).await) })?;
        seen.compare(&report.expected);
        report.faces.push(seen);
    }
    output.show(&report, || text(&report))?;
    if report.faces.iter().all(|seen| seen.differs.is_empty()) {
        Ok(())
    } else {
        Err(Failure::no("strangers do not see what they should"))
    }
}

/// Returns where strangers ask, as the running service says it, or else as the configuration does.
fn listeners(installation: &Installation) -> Result<Vec<String>> {
    let file = installation.settings.data.join("addresses.json");
    let running: Option<serde_json::Value> =
        std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let from = &installation.settings.directory;
    let mut urls = Vec::new();
    for (scheme, name, list) in [
        ("ldap", "outside", &from.outside_listen),
        ("ldaps", "outside_tls", &from.outside_tls_listen),
        ("http", "outside_http", &from.outside_http_listen),
        ("https", "outside_https", &from.outside_https_listen),
    ] {
        let bound = running.as_ref().and_then(|it| it["directory"][name].as_array());
        let bound = bound.map(|list| {
            list.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect::<Vec<_>>()
        });
        let list = bound.unwrap_or_else(|| list.iter().map(ToString::to_string).collect());
        for address in list.iter().filter(|it| !it.starts_with("unix:")) {
            let address = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
            urls.push(format!("{scheme}://{address}"));
        }
    }
    if urls.is_empty() {
        return Err(Failure::usage("the configuration does not say where strangers ask").hint(
            "add `[directory] outside-listen = [\"0.0.0.0:389\"]`, or name a place with --at",
        ));
    }
    Ok(urls)
}

/// Returns what is asked at a place.
fn questions(place: &str, address: &Address, store_path: &str) -> Vec<String> {
    let place = place.trim_end_matches('/');
    let mailbox = address.to_string();
    if place.starts_with("ldap") {
        let filter = format!("(mail={})", escaped(&mailbox));
        return vec![format!("{place}/?userCertificate;binary,mail?sub?{filter}")];
    }
    let mailbox = encode(&mailbox);
    vec![
        format!("{place}{store_path}?uri={mailbox}"),
        format!("{place}/certificates/{mailbox}.p7c"),
    ]
}

async fn ask(dialer: &Dialer, url: String) -> Seen {
    let mut seen = Seen { url, found: Vec::new(), differs: Vec::new() };
    let asked = if seen.url.starts_with("ldap") {
        ask_ldap(dialer, &mut seen).await
    } else {
        ask_web(dialer, &mut seen).await
    };
    if let Err(error) = asked {
        seen.differs.push(format!("it does not answer: {error}"));
    }
    seen.found.sort();
    seen
}

async fn ask_ldap(dialer: &Dialer, seen: &mut Seen) -> std::result::Result<(), outbound::Error> {
    for value in &ldap::fetch(dialer, &seen.url, TIME, OCTETS).await? {
        match value.attribute.as_str() {
            "usercertificate" => match Certificate::from_der(&value.octets) {
                Ok(certificate) => seen.found.push(certificate.fingerprint_sha256()),
                Err(error) => seen.differs.push(format!("a certificate cannot be read: {error}")),
            },
            "mail" => {}
            other => seen.differs.push(format!("it says more than was asked: {other}")),
        }
    }
    Ok(())
}

async fn ask_web(dialer: &Dialer, seen: &mut Seen) -> std::result::Result<(), outbound::Error> {
    let limits = http::Limits { time: TIME, octets: OCTETS, redirects: 0 };
    let request = http::Request { url: &seen.url, post: None, known: None, limits };
    let body = match http::fetch(dialer, &request).await {
        Ok(response) => response.body.unwrap_or_default(),
        Err(outbound::Error::Refused(status)) if status == "404" => return Ok(()),
        Err(error) => return Err(error),
    };
    for part in parts(&body) {
        match Content::from_bytes(&part) {
            Ok(content) => {
                seen.found.extend(content.certificates.iter().map(Certificate::fingerprint_sha256));
            }
            Err(error) => seen.differs.push(format!("a certificate cannot be read: {error}")),
        }
    }
    Ok(())
}

impl Seen {
    /// Notes what is missing and what is too much.
    fn compare(&mut self, expected: &[String]) {
        let answered = self.differs.is_empty() || !self.found.is_empty();
        for fingerprint in expected.iter().filter(|it| answered && !self.found.contains(it)) {
            self.differs.push(format!("{} is not found", short(fingerprint)));
        }
        for fingerprint in self.found.iter().filter(|it| !expected.contains(it)) {
            self.differs.push(format!("{} is found and should not be", short(fingerprint)));
        }
    }
}

fn text(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report
        .faces
        .iter()
        .map(|seen| {
            let found: Vec<&str> = seen.found.iter().map(|it| short(it)).collect();
            let differs = if seen.differs.is_empty() {
                "as it should be".to_owned()
            } else {
                plain(&seen.differs.join("; "))
            };
            let found = if found.is_empty() { "nothing".to_owned() } else { found.join(" ") };
            vec![seen.url.clone(), found, differs]
        })
        .collect();
    format!("{}\n{}", report.address, table(&["ASKED AT", "FOUND", "VERDICT"], &rows))
}

/// Writes a value into a filter (RFC 4515 section 3) within a URL (RFC 4516 section 2.1).
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_' | b'@') {
            text.push(char::from(octet));
        } else {
            // The backslash of the filter must not be lost in the URL.
            text.push_str(&format!("%5C{octet:02x}"));
        }
    }
    text
}

const TIME: Duration = Duration::from_secs(20);
/// Octets of an answer: some certificates.
const OCTETS: usize = 1_000_000;
