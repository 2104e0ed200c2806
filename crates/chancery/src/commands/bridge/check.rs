//! `chancery bridge check`: every problem of bridge and members, and of the bridges that we have joined.

use std::time::Duration;

use chancery_authority::{Condition, Found};
use chancery_net::dns::Resolver;
use chancery_smime::bridge::url;
use chancery_store::bridge::JoinedBridge;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{host, open, read_levels};
use crate::cli::bridge::Check;
use crate::commands::block_on;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, now_ms};
use crate::output::{Output, counted, day, plain};

#[derive(Serialize)]
struct Shown {
    findings: Vec<Found>,
}

/// Runs the command: exit status 0 if there is no problem; warnings are none.
pub(super) fn run(installation: &Installation, options: &Check, output: Output) -> Result {
    let store = installation.store()?;
    let at = now_ms() / 1000;
    let mut findings = Vec::new();
    if store.bridge()?.is_some() {
        let levels = read_levels(installation)?;
        let bridge = open(installation, &store)?;
        let resolver = if options.offline { None } else { Some(host::resolver(installation)?) };
        findings = block_on(async {
            let mut found = bridge.check(&levels, resolver.as_ref(), at).await;
            if let Some(resolver) = &resolver {
                let list = fetch(resolver, &format!("{}{}", bridge.url(), url::CRL)).await;
                found.push(bridge.judge_published(list.as_deref().map_err(String::as_str)));
            }
            Ok(found)
        })?;
    }
    findings.extend(store.bridges()?.iter().map(|it| joined(it, at)));
    if findings.is_empty() {
        return Err(Failure::no("there is no bridge here, and none was joined"));
    }
    let problems = findings.iter().filter(|it| it.condition == Condition::Problem).count();
    let shown = Shown { findings };
    let text = text(&shown.findings);
    if problems == 0 {
        return output.show(&shown, || text);
    }
    let failure = Failure::no(format!("{} found", counted(problems, "problem")));
    Err(failure.with_found(output, &shown, &text))
}

/// Judges a bridge that we have joined.
fn joined(bridge: &JoinedBridge, at: i64) -> Found {
    let found = |condition, what: String, mend: &str| Found {
        of: plain(&bridge.name),
        condition,
        what,
        mend: mend.to_owned(),
    };
    let Some(ends) = bridge.ends_ms.filter(|_| bridge.is_joined()).map(|ms| ms / 1000) else {
        let what = format!("was asked {} and has not answered", day(bridge.asked_at_ms / 1000));
        let mend = "prove our domains as it says; then chancery bridge cross-sign ANSWER";
        return found(Condition::Warning, what, mend);
    };
    let until = day(ends);
    let mend = "ask again: chancery bridge join BRIDGE.pem";
    if ends <= at {
        found(Condition::Problem, format!("the certificates between us ended {until}"), mend)
    } else if ends < at + AHEAD {
        found(Condition::Warning, format!("the certificates between us end {until}"), mend)
    } else {
        found(Condition::Good, format!("the certificates between us count until {until}"), "")
    }
}

fn text(findings: &[Found]) -> String {
    let mut text = String::new();
    for it in findings {
        let word = match it.condition {
            Condition::Good => "ok",
            Condition::Warning => "warning",
            Condition::Problem => "problem",
        };
        text += &format!("{word:<8} {}: {}\n", plain(&it.of), plain(&it.what));
        if !it.mend.is_empty() {
            text += &format!("         mend: {}\n", plain(&it.mend));
        }
    }
    text
}

/// Fetches a file that the bridge says it publishes. The address is our own, and what comes is compared, not believed.
async fn fetch(resolver: &Resolver, address: &str) -> std::result::Result<Vec<u8>, String> {
    let rest = address.strip_prefix("http://");
    let rest = rest.ok_or("only http is looked at; compare the file yourself")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = url::host(address);
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80);
    let found = resolver.addresses(host.trim_matches(['[', ']']), port).await;
    let found = found.map_err(|error| error.to_string())?;
    let work = async {
        let mut stream = TcpStream::connect(found.as_slice()).await?;
        let request = format!("GET /{path} HTTP/1.0\r\nHost: {authority}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(TIMEOUT, work).await;
    let answer = answer.map_err(|_| "no answer in time")?.map_err(|error| error.to_string())?;
    let at = answer.windows(4).position(|it| it == b"\r\n\r\n").ok_or("no answer in HTTP")?;
    let (head, body) = answer.split_at(at);
    let first = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let status = String::from_utf8_lossy(first).split(' ').nth(1).unwrap_or("?").to_owned();
    if status != "200" {
        return Err(format!("status {}", plain(&status)));
    }
    Ok(body.get(4..).unwrap_or_default().to_vec())
}

/// Octets of a revocation list with its head; one entry has some forty.
const MAX_ANSWER: u64 = 16 << 20;
/// For the whole fetch.
const TIMEOUT: Duration = Duration::from_secs(20);
/// 90 days, in seconds.
const AHEAD: i64 = 90 * 86_400;
