//! The commented configuration that `chancery init` writes, and the reference page.

use std::fmt::Write;

use chancery_policy::document::{KeyDoc, markdown};

use super::schema::{KEYS, SOURCE_KEYS, TABLES, keys_of};

/// What `chancery init` knows about the new installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InitAnswers {
    /// The primary domain.
    pub organisation: String,
    /// Values that differ from the defaults, by the path of their key and written as in the file:
    /// `("route.inside", "\"smtp:127.0.0.1:10026\"")`.
    pub values: Vec<(String, String)>,
}

impl InitAnswers {
    fn value(&self, key: &KeyDoc) -> Option<String> {
        if key.path == "organisation" {
            return Some(in_quotes(&self.organisation));
        }
        self.values.iter().find(|(path, _)| path == key.path).map(|(_, value)| value.clone())
    }
}

/// Returns the commented configuration for a new installation.
///
/// What is not answered is written behind a `#` with its default, so that a later default takes effect by itself.
pub fn template(answers: &InitAnswers) -> String {
    let mut out = String::from(TEMPLATE_HEAD);
    for (table, title) in TABLES {
        if table.is_empty() {
            out.push('\n');
        } else {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "\n# {title}.\n[{table}]");
        }
        for key in keys_of(table) {
            write_comment(&mut out, &key.doc.replace('`', ""));
            let _ = match answers.value(key) {
                Some(value) => writeln!(out, "{} = {value}", key.key()),
                None if key.default.is_empty() => writeln!(out, "#{} = {}", key.key(), key.example),
                None => writeln!(out, "#{} = {}", key.key(), key.default),
            };
        }
    }
    out
}

/// Returns the reference page of the configuration.
pub fn reference_markdown() -> String {
    let body = markdown(KEYS, |table| {
        let title =
            TABLES.iter().find(|(name, _)| *name == table).map_or(table, |(_, title)| *title);
        if table.is_empty() { title.to_owned() } else { format!("`[{table}]`: {title}") }
    });
    let sources = markdown(SOURCE_KEYS, |_| {
        "`[[find.source]]`: One of those who are asked for certificates of others".to_owned()
    });
    format!("{REFERENCE_HEAD}\n{body}\n{sources}")
}

/// Writes a comment in lines of a width that a terminal shows.
fn write_comment(out: &mut String, text: &str) {
    const WIDTH: usize = 100;
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() > 1 && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// Returns the text as a TOML basic string.
fn in_quotes(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

const TEMPLATE_HEAD: &str = "\
# The configuration of Chancery. What is behind a # is the default or an example.
# Check a change with `chancery check`; all keys are explained in docs/reference/configuration.md.
";

const REFERENCE_HEAD: &str = "\
# The configuration file

<!-- Made by `cargo xtask gen` from `crates/chancery/src/settings/schema.rs`. Do not edit. -->

One TOML file configures a gateway.
Unknown keys are refused, and all mistakes are reported together with their line and column.
Relative paths start at the directory of the file.
Times are written as `90s`, `5m`, `4h`, `5d` or `1h30m`; sizes as `100kB` or `50MB` (powers of 1000) or `64KiB` (powers of 1024).
Secrets are never values here, only paths of files that hold them.
";
