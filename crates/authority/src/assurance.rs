//! Assurance levels, and which policies of members are taken for them: data that a person writes, approves and reads.
//!
//! One TOML file (`levels.toml`) holds the levels of the bridge, from the lowest to the highest, and one mapping for each
//! policy of a member that somebody has compared with one of them, along the sections of RFC 3647. A mapping counts from
//! the day it was approved until the day it must be reviewed; then it goes into the next cross-certificate no more.

use chancery_pki::ObjectIdentifier;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use toml::value::Datetime;

use crate::error::{Error, Result};

mod render;
#[cfg(test)]
mod tests;

/// The table of levels and mappings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Levels {
    /// The levels, the lowest first; never empty.
    pub levels: Vec<Level>,
    /// What policies of members are taken for them.
    pub mappings: Vec<Mapping>,
}

/// One assurance level of the bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// The word for it in commands.
    pub name: String,
    /// The object identifier of its certificate policy.
    pub policy: String,
    /// What it means, in a sentence for people.
    pub meaning: String,
    /// What is demanded, by section of RFC 3647.
    #[serde(default, rename = "demand")]
    pub demands: Vec<Demand>,
}

/// What a level demands in one section of RFC 3647.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// The section, such as `3.2.2`.
    pub section: String,
    /// The demand.
    pub text: String,
}

/// A policy of a member that is taken for a level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mapping {
    /// A domain of the member.
    pub member: String,
    /// The member's policy.
    pub policy: String,
    /// The level it is taken for.
    pub level: String,
    /// Who approved it.
    pub approved_by: String,
    /// When.
    #[serde(serialize_with = "as_text")]
    pub approved: NaiveDate,
    /// Until when it counts without another look.
    #[serde(serialize_with = "as_text")]
    pub review: NaiveDate,
    /// What was looked at: documents with their dates or digests.
    pub evidence: String,
    /// What was found, by section of RFC 3647.
    pub findings: Vec<Finding>,
}

/// How the member's policy compares in one section of RFC 3647.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The section, such as `3.2.2`.
    pub section: String,
    /// How it compares.
    pub result: Comparison,
    /// Why.
    #[serde(default)]
    pub note: String,
}

/// How the words of a member's policy compare with those of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Comparison {
    /// It says the same, or what comes to the same.
    Comparable,
    /// It demands more.
    Exceeds,
    /// It demands less; no mapping may be approved with this.
    Less,
    /// It demands less, and something else makes up for it; the note says what.
    Partial,
}

impl Comparison {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Comparable => "comparable",
            Self::Exceeds => "exceeds",
            Self::Less => "less",
            Self::Partial => "partial",
        }
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "level")]
    levels: Vec<Level>,
    #[serde(default, rename = "mapping")]
    mappings: Vec<Written>,
}

/// A mapping as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    member: String,
    policy: String,
    level: String,
    approved_by: String,
    approved: Datetime,
    review: Datetime,
    evidence: String,
    #[serde(default, rename = "finding")]
    findings: Vec<Finding>,
}

impl Levels {
    /// Reads the table; reports every mistake at once.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text)
            .map_err(|error| Error::Levels { reason: error.to_string().trim_end().to_owned() })?;
        let mut mistakes = Vec::new();
        let mut mappings = Vec::new();
        for (index, it) in file.mappings.into_iter().enumerate() {
            let place = format!("mapping {} (of {})", index + 1, it.member);
            match (date(&it.approved), date(&it.review)) {
                (Some(approved), Some(review)) => mappings.push(Mapping {
                    member: it.member,
                    policy: it.policy,
                    level: it.level,
                    approved_by: it.approved_by,
                    approved,
                    review,
                    evidence: it.evidence,
                    findings: it.findings,
                }),
                _ => mistakes.push(format!(
                    "{place}: `approved` and `review` are dates, such as 2026-06-01"
                )),
            }
        }
        let table = Self { levels: file.levels, mappings };
        table.check(&mut mistakes);
        if mistakes.is_empty() {
            Ok(table)
        } else {
            Err(Error::Levels { reason: mistakes.join("\n") })
        }
    }

    /// Returns the commented table of a new bridge, with policies below `arc`.
    pub fn template(arc: &str) -> String {
        TEMPLATE.replace("ARC", arc)
    }

    /// Returns the level of this name.
    pub fn level(&self, name: &str) -> Option<&Level> {
        self.levels.iter().find(|level| level.name == name)
    }

    /// Returns the policies of all levels, the lowest first.
    pub fn all_policies(&self) -> Vec<String> {
        self.levels.iter().map(|level| level.policy.clone()).collect()
    }

    /// Returns the policies of a level: its own first, then those of the levels below.
    pub fn policies(&self, name: &str) -> Vec<String> {
        let Some(at) = self.rank(name) else { return Vec::new() };
        self.levels.iter().take(at + 1).rev().map(|level| level.policy.clone()).collect()
    }

    /// Returns the pairs for the cross-certificate of a member at a level: our policy, and its policy that is taken for
    /// it. Only what is approved and not due for review on that day counts.
    pub fn pairs(&self, domains: &[String], level: &str, day: NaiveDate) -> Vec<(String, String)> {
        let Some(granted) = self.rank(level) else { return Vec::new() };
        let mut pairs = Vec::new();
        for mapping in self.of(domains).filter(|it| it.is_in_force(day)) {
            if let Some(rank) = self.rank(&mapping.level).filter(|rank| *rank <= granted)
                && let Some(level) = self.levels.get(rank)
            {
                pairs.push((level.policy.clone(), mapping.policy.clone()));
            }
        }
        pairs.sort();
        pairs.dedup();
        pairs
    }

    /// Returns the mappings of a member.
    pub fn of<'a>(&'a self, domains: &'a [String]) -> impl Iterator<Item = &'a Mapping> {
        self.mappings.iter().filter(move |mapping| domains.contains(&mapping.member))
    }

    fn rank(&self, name: &str) -> Option<usize> {
        self.levels.iter().position(|level| level.name == name)
    }

    fn check(&self, mistakes: &mut Vec<String>) {
        if self.levels.is_empty() {
            mistakes.push("there is no [[level]]".to_owned());
        }
        for (index, level) in self.levels.iter().enumerate() {
            let place = format!("level {:?}", level.name);
            let is_word =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if level.name.is_empty() || level.name.len() > 64 || !level.name.bytes().all(is_word) {
                mistakes.push(format!("{place}: the name is one word of a-z, 0-9 and -"));
            }
            policy(&place, &level.policy, mistakes);
            let before = self.levels.iter().take(index);
            if before.clone().any(|other| other.name == level.name) {
                mistakes.push(format!("{place}: the name is taken"));
            }
            if before.clone().any(|other| other.policy == level.policy) {
                mistakes.push(format!("{place}: the policy is that of another level"));
            }
            level.demands.iter().for_each(|it| section(&place, &it.section, mistakes));
        }
        for (index, mapping) in self.mappings.iter().enumerate() {
            let place = format!("mapping {} (of {})", index + 1, mapping.member);
            self.check_mapping(&place, mapping, mistakes);
        }
    }

    fn check_mapping(&self, place: &str, mapping: &Mapping, mistakes: &mut Vec<String>) {
        if !chancery_pki::is_domain(&mapping.member) {
            mistakes.push(format!("{place}: `member` is a domain in lower case"));
        }
        policy(place, &mapping.policy, mistakes);
        if self.level(&mapping.level).is_none() {
            mistakes.push(format!("{place}: there is no level {:?}", mapping.level));
        }
        if mapping.approved_by.trim().is_empty() || mapping.evidence.trim().is_empty() {
            mistakes.push(format!("{place}: `approved-by` and `evidence` say who and what"));
        }
        if mapping.review <= mapping.approved {
            mistakes.push(format!("{place}: the review comes before the approval"));
        }
        for finding in &mapping.findings {
            section(place, &finding.section, mistakes);
            if finding.result == Comparison::Less {
                mistakes.push(format!(
                    "{place}: section {} demands less, so it cannot be approved",
                    finding.section
                ));
            }
            if finding.result == Comparison::Partial && finding.note.trim().is_empty() {
                mistakes.push(format!(
                    "{place}: section {} is partial; the note says what makes up for it",
                    finding.section
                ));
            }
        }
    }
}

impl Mapping {
    /// Returns true if it was approved by that day and the review is still to come.
    pub fn is_in_force(&self, day: NaiveDate) -> bool {
        (self.approved..self.review).contains(&day)
    }
}

/// Returns the day of a time in Unix seconds.
pub fn day(at: i64) -> NaiveDate {
    chrono::DateTime::from_timestamp(at, 0).map_or(NaiveDate::MAX, |time| time.date_naive())
}

/// Writes a day as `2026-06-01`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference to the field")]
fn as_text<S: serde::Serializer>(
    day: &NaiveDate,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

fn date(written: &Datetime) -> Option<NaiveDate> {
    if written.time.is_some() {
        return None;
    }
    NaiveDate::parse_from_str(&written.to_string(), "%Y-%m-%d").ok()
}

fn policy(place: &str, text: &str, mistakes: &mut Vec<String>) {
    if ObjectIdentifier::new(text).is_err() || text.starts_with("2.5.29.32.0") {
        mistakes.push(format!(
            "{place}: `policy` is an object identifier with dots, and not anyPolicy"
        ));
    }
}

/// RFC 3647 section 6 numbers its outline 1 to 9, with two levels below.
fn section(place: &str, text: &str, mistakes: &mut Vec<String>) {
    let numbers: Option<Vec<u32>> = text.split('.').map(|it| it.parse().ok()).collect();
    let is_one = numbers.is_some_and(|it| {
        it.len() <= 3 && it.first().is_some_and(|first| (1..=9).contains(first)) && !it.contains(&0)
    });
    if !is_one {
        mistakes.push(format!("{place}: {text:?} is no section of RFC 3647, such as 3.2.2"));
    }
}

const TEMPLATE: &str = r#"# The assurance levels of this bridge, the lowest first, and which policies of members are taken for them.
# `chancery bridge levels` shows the table; every change takes effect with the next cross-certificate.
# The identifiers are below the arc that `bridge init` was given. Once published, an identifier never changes its meaning.

[[level]]
name = "basic"
policy = "ARC.1"
meaning = "The organisation has shown that it runs the domain."

[[level.demand]]
section = "3.2.2"
text = "Control of the domain is shown by a record in the DNS, or an administrator compares the fingerprint by telephone."

[[level.demand]]
section = "6.2.1"
text = "Private keys are sealed at rest."

[[level]]
name = "medium"
policy = "ARC.2"
meaning = "A person has also checked who the organisation is, and it says how it keeps its keys."

[[level.demand]]
section = "3.2.2"
text = "As basic; and the organisation is looked up in a public register, and reached at a number from there."

[[level.demand]]
section = "4.9.7"
text = "Revocation lists are issued at least every seven days."

[[level.demand]]
section = "5.2"
text = "The people with access to the authority's key are named."

# A policy of a member counts as one of the levels after somebody has compared the two, section by section:
#
# [[mapping]]
# member = "globex.example"
# policy = "1.3.6.1.4.1.32473.9.1"
# level = "medium"
# approved-by = "Ada Lovelace"
# approved = 2026-06-01
# review = 2027-06-01
# evidence = "Globex CP 2.1 of 2026-03-01, sha256 9f86d081..."
#
# [[mapping.finding]]
# section = "3.2.2"
# result = "comparable"       # comparable, exceeds, partial (the note says what makes up for it), less (never approved)
# note = ""
"#;
