//! A TOML file that is read with all its mistakes at once, each with its place.
//!
//! The policy and the settings of the binary are both read with this: every getter returns `None` after it has noted what
//! is wrong, so that the reader simply goes on and the author sees every mistake in one go.
//!
//! ```
//! use chancery_policy::document::Document;
//!
//! let document = Document::parse("nmae = \"x\"\nport = \"ten\"", "file.toml");
//! let table = document.root(&["name", "port"]);
//! assert_eq!(table.value("port").and_then(|port| port.integer(1..=65_535)), None);
//! let mistakes = document.finish();
//! assert_eq!(mistakes[0].to_string(), "file.toml:1:1: unknown key \"nmae\"; did you mean \"name\"?");
//! assert_eq!(mistakes[1].to_string(), "file.toml:2:8: \"port\" must be a whole number, not a string");
//! ```

mod keys;
mod mistake;
mod spelling;
mod units;
mod value;

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use crate::pattern::checked_domain as domain;
pub use keys::{KeyDoc, markdown};
pub use mistake::{Mistake, Severity, listed, one_line};
pub use spelling::nearest;
pub use units::{duration, size};
pub use value::Value;

/// A parsed file and the mistakes found in it so far.
#[derive(Debug)]
pub struct Document<'t> {
    file: String,
    text: &'t str,
    line_starts: Vec<usize>,
    root: Spanned<DeTable<'t>>,
    syntax_lines: Vec<usize>,
    mistakes: RefCell<Vec<Mistake>>,
}

/// One table of a document.
#[derive(Clone, Debug)]
pub struct Table<'d> {
    document: &'d Document<'d>,
    entries: &'d DeTable<'d>,
    place: Range<usize>,
    /// How messages call it: empty for the root, `[inside]`, `rule "x"`.
    name: String,
}

impl<'t> Document<'t> {
    /// Reads the syntax; what is wrong with it is among the mistakes at the end.
    pub fn parse(text: &'t str, file: &str) -> Self {
        let is_too_long = text.len() > LONGEST_FILE;
        let (root, errors) = DeTable::parse_recoverable(if is_too_long { "" } else { text });
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut document = Self {
            file: file.to_owned(),
            text,
            line_starts,
            root,
            syntax_lines: Vec::new(),
            mistakes: RefCell::default(),
        };
        if is_too_long {
            document.note(
                0..0,
                Severity::Error,
                format!("the file is larger than {LONGEST_FILE} octets"),
                None,
            );
            document.syntax_lines.push(1);
        }
        for error in errors.iter().take(MOST_SYNTAX_ERRORS) {
            let place = error.span().unwrap_or(0..0);
            let line = document.note(place, Severity::Error, syntax_message(error.message()), None);
            document.syntax_lines.push(line);
        }
        document
    }

    /// Returns the outermost table and notes every key of it that is not in `known`.
    pub fn root(&self, known: &[&str]) -> Table<'_> {
        let table = Table::open(self, self.root.get_ref(), 0..0, String::new());
        table.check_keys(known);
        table
    }

    /// Returns true if the file has syntax errors, so that what seems to be missing may only be unreadable.
    pub fn is_broken(&self) -> bool {
        !self.syntax_lines.is_empty()
    }

    /// Returns all mistakes and warnings, in the order of the file.
    pub fn finish(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        // What the parser made up to go on after a syntax error is not the author's mistake.
        let mut syntax_left = self.syntax_lines.len();
        mistakes.retain(|mistake| {
            let is_syntax = syntax_left > 0;
            syntax_left = syntax_left.saturating_sub(1);
            is_syntax || !self.syntax_lines.contains(&mistake.line)
        });
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        mistakes.dedup();
        mistakes
    }

    /// Returns line and column of a byte offset, both from 1, the column in characters.
    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        (line, before.chars().filter(|c| *c != '\u{feff}').count() + 1)
    }

    /// Notes a mistake and returns its line.
    fn note(
        &self,
        place: Range<usize>,
        severity: Severity,
        message: String,
        hint: Option<String>,
    ) -> usize {
        let (line, column) = self.position(place.start);
        let mistake = Mistake { severity, file: self.file.clone(), line, column, message, hint };
        self.mistakes.borrow_mut().push(mistake);
        line
    }
}

impl<'d> Table<'d> {
    /// Notes every key that is not in `known`.
    pub fn check_keys(&self, known: &[&str]) {
        for (key, _) in self.entries {
            if !known.contains(&key.get_ref().as_ref()) {
                let hint = nearest(key.get_ref(), known.iter().copied())
                    .map(|near| format!("did you mean \"{near}\"?"));
                let message = format!("unknown key {}{}", quoted(key.get_ref()), self.suffix());
                self.document.note(key.span(), Severity::Error, message, hint);
            }
        }
    }

    fn open(
        document: &'d Document<'d>,
        entries: &'d DeTable<'d>,
        place: Range<usize>,
        name: String,
    ) -> Self {
        Self { document, entries, place, name }
    }

    /// Returns the value of a key; `None` if it is not there.
    pub fn value(&self, key: &str) -> Option<Value<'d>> {
        let (_, value) = self.entries.get_key_value(key)?;
        Some(self.wrap(key, value))
    }

    /// Returns the value of a key; notes a mistake if it is not there.
    pub fn required(&self, key: &str, hint: &str) -> Option<Value<'d>> {
        let value = self.value(key);
        if value.is_none() && !self.document.is_broken() {
            let message = format!("missing key \"{key}\"{}", self.suffix());
            self.document.note(self.place.clone(), Severity::Error, message, Some(hint.to_owned()));
        }
        value
    }

    /// Returns all entries, for a table whose keys are chosen by its author.
    pub fn entries(&self) -> impl Iterator<Item = Value<'d>> {
        self.entries.iter().map(|(key, value)| {
            let mut value = self.wrap(key.get_ref(), value);
            value.key_place = key.span();
            value
        })
    }

    /// Notes a mistake about the table as a whole.
    pub fn mistake(&self, message: impl Into<String>, hint: Option<String>) {
        self.document.note(self.place.clone(), Severity::Error, message.into(), hint);
    }

    /// Notes a warning about the table as a whole.
    pub fn warning(&self, message: impl Into<String>, hint: Option<String>) {
        self.document.note(self.place.clone(), Severity::Warning, message.into(), hint);
    }

    /// Returns the line that the table starts in.
    pub fn line(&self) -> usize {
        self.document.position(self.place.start).0
    }

    /// Gives the table another name in messages, such as `rule "x"`.
    pub fn rename(&mut self, name: impl Into<String>) {
        self.name = name.into();
    }

    fn wrap(&self, key: &str, value: &'d Spanned<DeValue<'d>>) -> Value<'d> {
        Value {
            document: self.document,
            content: value,
            key: key.to_owned(),
            key_place: value.span(),
            label: format!("{}{}", quoted(key), self.suffix()),
        }
    }

    fn suffix(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!(" in {}", self.name) }
    }
}

/// Returns text from the file in quotes, on one line and not longer than a message should be.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown = one_line(text);
    if shown.chars().count() > LONGEST {
        shown = shown.chars().take(LONGEST).chain(std::iter::once('…')).collect();
    }
    format!("\"{shown}\"")
}

/// Brings a message of the TOML parser into the form of ours: one line, lower case, no full stop.
fn syntax_message(message: &str) -> String {
    let message = one_line(message);
    format!("cannot read the TOML: {}", message.trim_end_matches('.'))
}

/// No configuration is near this; it keeps a mistaken path to a huge file from filling the memory.
const LONGEST_FILE: usize = 1 << 20;

/// More errors than this in one file mean that it is no TOML.
const MOST_SYNTAX_ERRORS: usize = 20;

#[cfg(test)]
mod tests;
