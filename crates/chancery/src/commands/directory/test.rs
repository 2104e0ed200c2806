//! `chancery directory test`: asks as a stranger does, and says what differs from what should be answered.

use std::time::Duration;

use chancery_directory::{catalogue, key_of};
use chancery_mail::Address;
use chancery_net::ldap;
use chancery_net::outbound::Dialer;
use chancery_pki::Certificate;
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
    let urls = match &options.at {
        Some(url) => vec![url.clone()],
        None => listeners(installation)?,
    };
    let dialer = convert::dialer(&installation.settings.dns.servers, true)?;
    let mut report = Report { address: address.to_string(), expected, faces: Vec::new() };
    for url in urls {
        let seen = block_on(ask(&dialer, &url, &address, &report.expected))?;
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

async fn ask(dialer: &Dialer, url: &str, address: &Address, expected: &[String]) -> Result<Seen> {
    let question = format!(
        "{}/?userCertificate;binary,mail?sub?(mail={})",
        url.trim_end_matches('/'),
        escaped(&address.to_string())
    );
    let answer = ldap::fetch(dialer, &question, TIME, OCTETS).await;
    let mut seen = Seen { url: url.to_owned(), found: Vec::new(), differs: Vec::new() };
    let values = match answer {
        Ok(values) => values,
        Err(error) => {
            seen.differs.push(format!("it does not answer: {error}"));
            return Ok(seen);
        }
    };
    for value in &values {
        match value.attribute.as_str() {
            "usercertificate" => match Certificate::from_der(&value.octets) {
                Ok(certificate) => seen.found.push(certificate.fingerprint_sha256()),
                Err(error) => seen.differs.push(format!("a certificate cannot be read: {error}")),
            },
            "mail" => {}
            other => seen.differs.push(format!("it says more than was asked: {other}")),
        }
    }
    seen.found.sort();
    for fingerprint in expected.iter().filter(|it| !seen.found.contains(it)) {
        seen.differs.push(format!("{} is not found", short(fingerprint)));
    }
    for fingerprint in seen.found.iter().filter(|it| !expected.contains(it)) {
        seen.differs.push(format!("{} is found and should not be", short(fingerprint)));
    }
    Ok(seen)
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
