//! `chancery cert watch`: what will break and when, and whose mail stops then.

mod files;
mod graph;
mod installed;

use std::path::Path;

use chancery_pki::Certificate;
use serde::Serialize;

use crate::cli::cert::Watch;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, now_ms};
use crate::output::{Output, counted, day, plain};

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct End {
    /// When, in Unix seconds.
    at: i64,
    /// What it is, such as `certificate`.
    what: &'static str,
    /// Its name.
    name: String,
    /// SHA-256 of the certificate, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint_sha256: Option<String>,
    /// What depends on it: mail domains, or the subjects of certificates.
    depends: Vec<String>,
    /// What happens then.
    consequence: String,
    /// What to do before.
    advice: String,
}

impl End {
    /// The end of a certificate.
    fn of(
        certificate: &Certificate,
        what: &'static str,
        depends: Vec<String>,
        consequence: &str,
        advice: &str,
    ) -> Self {
        Self {
            at: certificate.not_after(),
            what,
            name: certificate.subject(),
            fingerprint_sha256: Some(certificate.fingerprint_sha256()),
            depends,
            consequence: consequence.to_owned(),
            advice: advice.to_owned(),
        }
    }
}

/// What is told.
#[derive(Serialize)]
struct Told {
    /// For which time, in Unix seconds.
    at: i64,
    /// Until when it was looked ahead, in Unix seconds.
    until: i64,
    /// What ends until then, the first one first. What has ended already is there too.
    ends: Vec<End>,
    /// How much ends later.
    later: usize,
    /// What ends next of that.
    next: Option<End>,
}

/// Runs the command. The answer is no if something ends in time.
pub(super) fn run(config: Option<&Path>, options: &Watch, output: Output) -> Result {
    let at = options.at.as_deref().map_or_else(|| Ok(now_ms() / 1000), super::time)?;
    let until = at.saturating_add(super::within(&options.within)?);
    let mut ends = if options.pool.is_empty() && options.crls.is_empty() {
        installed::ends(&Installation::load(config)?, at)?
    } else {
        files::ends(&options.pool, &options.crls)?
    };
    ends.sort_by(|a, b| (a.at, a.what, &a.name).cmp(&(b.at, b.what, &b.name)));
    let later = ends.split_off(ends.partition_point(|end| end.at <= until));
    let told = Told { at, until, ends, later: later.len(), next: later.into_iter().next() };
    output.show(&told, || told.text())?;
    if told.ends.is_empty() {
        return Ok(());
    }
    let count = told.ends.len();
    let verb = if count == 1 { "ends" } else { "end" };
    Err(Failure::no(format!("{} {verb} until {}", counted(count, "thing"), day(until))))
}

impl Told {
    fn text(&self) -> String {
        let mut text = String::new();
        for end in &self.ends {
            let has = if end.at < self.at { "ended" } else { "ends" };
            text += &format!("{}  {} {} {has}\n", day(end.at), end.what, plain(&end.name));
            text += &format!("            {}\n", end.consequence);
            if !end.depends.is_empty() {
                let shown: Vec<String> =
                    end.depends.iter().take(SHOWN).map(|name| plain(name)).collect();
                let more = end.depends.len().saturating_sub(SHOWN);
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                text += &format!("            depends on it: {}{more}\n", shown.join("; "));
            }
            text += &format!("            {}\n", end.advice);
        }
        match &self.next {
            None if self.ends.is_empty() => text + "nothing that ends is known",
            None => text,
            Some(next) => {
                let name = plain(&next.name);
                let things = counted(self.later, "thing");
                let one = if self.later == 1 { "ends" } else { "end" };
                text + &format!(
                    "{things} {one} after {}, the first on {}: {} {name}",
                    day(self.until),
                    day(next.at),
                    next.what
                )
            }
        }
    }
}

/// Names in one line.
const SHOWN: usize = 8;
