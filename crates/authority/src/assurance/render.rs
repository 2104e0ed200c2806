//! The table as people read it: text for terminals, Markdown for documents.

use std::fmt;

use chrono::NaiveDate;

use super::{Levels, Mapping};

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for level in &self.levels {
            writeln!(f, "{}  {}\n  {}", level.name, level.policy, level.meaning)?;
            for demand in &level.demands {
                writeln!(f, "  RFC 3647 {:<6} {}", demand.section, demand.text)?;
            }
        }
        for mapping in &self.mappings {
            writeln!(
                f,
                "\n{} {} is taken for {}\n  approved {} by {}, review {}\n  evidence: {}",
                mapping.member,
                mapping.policy,
                mapping.level,
                mapping.approved,
                mapping.approved_by,
                mapping.review,
                mapping.evidence
            )?;
            for finding in &mapping.findings {
                let result = finding.result.word();
                writeln!(f, "  RFC 3647 {:<6} {result:<10} {}", finding.section, finding.note)?;
            }
        }
        if self.mappings.is_empty() {
            writeln!(f, "\nno policy of a member is mapped yet")?;
        }
        Ok(())
    }
}

impl Levels {
    /// Returns the table in Markdown, with the state of each mapping on a day.
    pub fn markdown(&self, day: NaiveDate) -> String {
        let mut text =
            String::from("# Assurance levels\n\n| level | policy | meaning |\n|---|---|---|\n");
        for level in &self.levels {
            text += &format!(
                "| {} | {} | {} |\n",
                cell(&level.name),
                cell(&level.policy),
                cell(&level.meaning)
            );
        }
        text += "\n## What each level demands (RFC 3647)\n\n| section | level | demand |\n|---|---|---|\n";
        let mut demands: Vec<_> = self
            .levels
            .iter()
            .flat_map(|level| level.demands.iter().map(move |demand| (demand, level)))
            .collect();
        demands.sort_by_key(|(demand, _)| numbers(&demand.section));
        for (demand, level) in demands {
            text += &format!("| {} | {} | {} |\n", demand.section, level.name, cell(&demand.text));
        }
        text += "\n## Policies of members\n\n| member | its policy | taken for | approved | by | review | state |\n\
                 |---|---|---|---|---|---|---|\n";
        for it in &self.mappings {
            text += &format!(
                "| {} | {} | {} | {} | {} | {} | {} |\n",
                cell(&it.member),
                cell(&it.policy),
                cell(&it.level),
                it.approved,
                cell(&it.approved_by),
                it.review,
                it.state(day)
            );
        }
        for it in self.mappings.iter().filter(|it| !it.findings.is_empty()) {
            text += &format!(
                "\n### {} as {}\n\nEvidence: {}\n\n| section | result | note |\n|---|---|---|\n",
                cell(&it.member),
                cell(&it.level),
                cell(&it.evidence)
            );
            for finding in &it.findings {
                text += &format!(
                    "| {} | {} | {} |\n",
                    finding.section,
                    finding.result.word(),
                    cell(&finding.note)
                );
            }
        }
        text
    }
}

impl Mapping {
    /// Returns in a word or two whether it counts on a day.
    pub fn state(&self, day: NaiveDate) -> &'static str {
        if day < self.approved {
            "not yet"
        } else if self.is_in_force(day) {
            "in force"
        } else {
            "review overdue"
        }
    }
}

/// Sections in the order of the document, not of letters.
fn numbers(section: &str) -> Vec<u32> {
    section.split('.').map(|it| it.parse().unwrap_or(0)).collect()
}

/// Keeps a value within its cell.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}
