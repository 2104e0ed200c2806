//! `chancery check`: every problem at once, each with its place and the mend.

use std::path::Path;

use chancery_policy::{Mistake, Severity};
use serde::Serialize;

mod data;
mod files;
mod network;

use crate::cli::Check;
use crate::failure::{Failure, Result};
use crate::installation::{Installation, now_ms, read_policy};
use crate::output::{Output, counted, day};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at.
    subject: String,
    /// `ok`, `warning` or `problem`.
    level: &'static str,
    /// What was found.
    text: String,
    /// The file or the key of the configuration that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

/// Everything that was looked at.
#[derive(Default)]
struct Findings(Vec<Finding>);

/// Runs the command.
pub(super) fn run(config: Option<&Path>, options: &Check, output: Output) -> Result {
    let mut findings = Findings::default();
    let installation = match Installation::load(config) {
        Ok(installation) => installation,
        Err(failure) => {
            // Nothing else can be looked at without the configuration.
            findings.problem(
                "configuration",
                failure.message.clone(),
                failure.hint.as_deref().unwrap_or(""),
            );
            findings.show(output)?;
            return Err(Failure::usage("the configuration cannot be used"));
        }
    };
    findings.ok("configuration", installation.file.display().to_string());
    findings.warnings("configuration", &installation.settings.warnings);
    findings.policy(&installation);
    findings.files(&installation);
    findings.data(&installation);
    findings.clock();
    findings.ports(&installation);
    if !options.offline {
        findings.next_hops(&installation);
        findings.dns(&installation);
    }
    findings.show(output)?;
    let problems = findings.0.iter().filter(|it| it.level == "problem").count();
    if problems == 0 {
        Ok(())
    } else {
        Err(Failure::usage(format!("{} to mend", counted(problems, "problem"))))
    }
}

impl Findings {
    fn ok(&mut self, subject: &str, text: impl Into<String>) {
        self.0.push(Finding {
            subject: subject.to_owned(),
            level: "ok",
            text: text.into(),
            place: None,
            mend: None,
        });
    }

    /// Says where the last finding is.
    fn at(&mut self, place: impl std::fmt::Display) {
        if let Some(last) = self.0.last_mut() {
            last.place = Some(place.to_string());
        }
    }

    fn warning(&mut self, subject: &str, text: impl Into<String>, mend: &str) {
        self.add("warning", subject, text.into(), mend);
    }

    fn problem(&mut self, subject: &str, text: impl Into<String>, mend: &str) {
        self.add("problem", subject, text.into(), mend);
    }

    fn add(&mut self, level: &'static str, subject: &str, text: String, mend: &str) {
        let mend = (!mend.is_empty()).then(|| mend.to_owned());
        self.0.push(Finding { subject: subject.to_owned(), level, text, place: None, mend });
    }

    fn failure(&mut self, subject: &str, failure: &Failure) {
        self.problem(subject, failure.message.clone(), failure.hint.as_deref().unwrap_or(""));
    }

    fn warnings(&mut self, subject: &str, mistakes: &[Mistake]) {
        for mistake in mistakes {
            self.warning(subject, mistake.to_string(), "");
        }
    }

    fn policy(&mut self, installation: &Installation) {
        match read_policy(&installation.settings.policy) {
            Ok(policy) => {
                self.ok("policy", installation.settings.policy.display().to_string());
                self.warnings("policy", policy.warnings());
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    let level =
                        if mistake.severity == Severity::Warning { "warning" } else { "problem" };
                    self.add(level, "policy", mistake.to_string(), "");
                }
            }
        }
    }

    /// A clock that is far off makes good certificates look bad.
    fn clock(&mut self) {
        let now = now_ms() / 1000;
        if now < BUILT_AFTER {
            self.problem(
                "clock",
                format!("the clock says {}", day(now)),
                "set the clock, and keep it right with NTP",
            );
        } else {
            self.ok("clock", crate::output::time(now * 1000));
        }
    }

    fn show(&self, output: Output) -> Result {
        output.show(&self.0, || {
            let mut lines = Vec::new();
            for finding in &self.0 {
                let place = finding.place.iter().filter(|place| !finding.text.contains(*place));
                let place: String = place.map(|place| format!(" ({place})")).collect();
                let (level, subject) = (finding.level, &finding.subject);
                lines.push(format!("{level:<8} {subject:<14} {}{place}", finding.text));
                lines.extend(finding.mend.iter().map(|mend| format!("{:24}→ {mend}", "")));
            }
            lines.join("\n")
        })
    }
}

/// This program was written after 2026-11-01, so a clock before that is wrong.
const BUILT_AFTER: i64 = 1_793_491_200;
