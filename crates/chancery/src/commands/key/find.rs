//! `chancery key find`: what the configured sources know about somebody.

use std::time::Duration;

use chancery_lookup::keys::{Asked, Candidate, Channel, Dnssec, Found};
use chancery_mail::Address;
use chancery_pki::Speaks;
use serde::Serialize;

use super::super::block_on;
use crate::cli::FindKeys;
use crate::failure::{Failure, Result};
use crate::finding;
use crate::installation::Installation;
use crate::output::{Output, day, plain, short, time};

/// What was found, as programs read it.
#[derive(Serialize)]
struct Shown {
    address: String,
    candidates: Vec<ShownCandidate>,
    /// Sources that gave no answer.
    unanswered: Vec<ShownUnanswered>,
    /// What came and cannot be used.
    dropped: Vec<ShownDropped>,
}

#[derive(Serialize)]
struct ShownCandidate {
    fingerprint: String,
    subject: String,
    issuer: String,
    /// The mailbox, or the domain whose gateway has the key.
    for_mailbox: Option<String>,
    for_domain: Option<String>,
    not_before: i64,
    not_after: i64,
    source: String,
    kind: &'static str,
    /// How the answer came: `clear`, `tls`, `dnssec` or `insecure`.
    channel: &'static str,
    /// For the DNS: `secure` or `insecure`.
    dnssec: Option<&'static str>,
    /// What signed SMIMEA records say about it: `confirmed`, `needs-path` or `none`.
    confirmation: &'static str,
    /// Whether its origin alone makes it the right one; else it needs a path to an authority.
    vouched_for: bool,
    fresh: bool,
    /// When it was found, in Unix seconds.
    found_at: i64,
    pem: String,
}

#[derive(Serialize)]
struct ShownUnanswered {
    source: String,
    kind: &'static str,
    temporary: bool,
    code: &'static str,
    why: String,
}

#[derive(Serialize)]
struct ShownDropped {
    source: String,
    fingerprint: Option<String>,
    why: String,
}

/// Runs the command. The exit status tells whether anything was found.
pub(super) fn run(installation: &Installation, options: &FindKeys, output: Output) -> Result {
    let address = Address::parse(&options.address)
        .map_err(|error| Failure::usage(format!("{:?} is no address: {error}", options.address)))?;
    let found = block_on(async {
        let finder = finding::finder(&installation.settings)?;
        if !finder.covers(&address) {
            return Err(Failure::usage(format!("no source is asked about {}", address.domain()))
                .hint(
                    "set `find.dns`, `find.web` or a `[[find.source]]` for it in the configuration",
                ));
        }
        let wait = Duration::from_secs(options.wait);
        Ok(finder.find(&address, Asked { wait, ..Asked::default() }).await)
    })?;
    let shown = Shown::of(&address, &found);
    output.show(&shown, || text(&shown))?;
    if found.candidates.is_empty() {
        let why = if found.may_change() { "; some who may know one gave no answer" } else { "" };
        return Err(Failure::no(format!("found no certificate for {address}{why}")));
    }
    Ok(())
}

impl Shown {
    fn of(address: &Address, found: &Found) -> Self {
        Self {
            address: address.to_string(),
            candidates: found.candidates.iter().map(ShownCandidate::of).collect(),
            unanswered: found
                .unanswered
                .iter()
                .map(|it| ShownUnanswered {
                    source: it.source.to_string(),
                    kind: it.kind.word(),
                    temporary: it.is_temporary,
                    code: it.code,
                    why: plain(&it.why),
                })
                .collect(),
            dropped: found
                .dropped
                .iter()
                .map(|it| ShownDropped {
                    source: it.source.to_string(),
                    fingerprint: it.fingerprint.clone(),
                    why: plain(&it.why),
                })
                .collect(),
        }
    }
}

impl ShownCandidate {
    fn of(candidate: &Candidate) -> Self {
        let certificate = &candidate.certificate;
        let (for_mailbox, for_domain) = match &candidate.speaks {
            Speaks::Domain(domain) => (None, Some(domain.clone())),
            Speaks::Mailbox(mailbox) => (Some(mailbox.clone()), None),
        };
        Self {
            fingerprint: certificate.fingerprint_sha256(),
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            for_mailbox,
            for_domain,
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            source: candidate.origin.source.to_string(),
            kind: candidate.origin.kind.word(),
            channel: candidate.origin.channel.word(),
            dnssec: match candidate.origin.channel {
                Channel::Dns(Dnssec::Insecure) => Some("insecure"),
                Channel::Dns(Dnssec::Secure) => Some("secure"),
                Channel::Clear | Channel::Tls => None,
            },
            confirmation: candidate.confirmation.word(),
            vouched_for: candidate.is_vouched_for(),
            fresh: candidate.is_fresh,
            found_at: candidate.found_at,
            pem: certificate.to_pem(),
        }
    }
}

fn text(shown: &Shown) -> String {
    let mut lines = Vec::new();
    for it in &shown.candidates {
        let whose = match (&it.for_mailbox, &it.for_domain) {
            (Some(mailbox), _) => plain(mailbox),
            (None, Some(domain)) => format!("everybody at {}", plain(domain)),
            (None, None) => String::new(),
        };
        let worth = match (it.vouched_for, it.confirmation) {
            (true, _) => "believed for its origin",
            (false, "needs-path") => "the signed DNS wants a path to an authority too",
            (false, _) => "needs a path to an authority that you trust",
        };
        let age = if it.fresh { "" } else { ", old: the source does not answer now" };
        lines.push(it.fingerprint.clone());
        lines.push(format!("  for     {whose}"));
        lines.push(format!("  subject {}", plain(&it.subject)));
        lines.push(format!("  issuer  {}", plain(&it.issuer)));
        lines.push(format!("  valid   {} to {}", day(it.not_before), day(it.not_after)));
        lines.push(format!(
            "  from    {} ({}, {}){age}, {}",
            it.source,
            it.kind,
            it.channel,
            time(it.found_at * 1000)
        ));
        lines.push(format!("  worth   {worth}"));
    }
    for it in &shown.unanswered {
        let when = if it.temporary { "no answer for now" } else { "no answer" };
        lines.push(format!("{}: {when}: {} ({})", it.source, it.why, it.code));
    }
    for it in &shown.dropped {
        let what = it.fingerprint.as_deref().map_or("something", short);
        lines.push(format!("{}: {what} cannot be used: {}", it.source, it.why));
    }
    lines.join("\n")
}
