//! One value of a document, read as the type that is wanted.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::mistake::Severity;
use super::{Document, Table, duration, nearest, quoted, size};

/// A value with its key and its place.
#[derive(Clone, Debug)]
pub struct Value<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) content: &'d Spanned<DeValue<'d>>,
    pub(super) key: String,
    pub(super) key_place: Range<usize>,
    /// How messages call it: `"listen" in [inside]`.
    pub(super) label: String,
}

impl<'d> Value<'d> {
    /// Returns the key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns how messages call this value, such as `"listen" in [inside]`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Reads a string.
    pub fn text(&self) -> Option<&'d str> {
        let text = self.content.get_ref().as_str();
        if text.is_none() {
            self.wrong_type("a string");
        }
        text
    }

    /// Reads a string and makes something of it; `what` says what is wanted and shows an example.
    pub fn parse<T>(&self, what: &str, parse: impl FnOnce(&'d str) -> Option<T>) -> Option<T> {
        let Some(text) = self.content.get_ref().as_str() else {
            self.wrong_type(what);
            return None;
        };
        let parsed = parse(text);
        if parsed.is_none() {
            self.mistake(format!("{} must be {what}, not {}", self.label, quoted(text)), None);
        }
        parsed
    }

    /// Reads one word of a list.
    pub fn choice<T: Clone>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<String> =
                choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let hint = match nearest(text, choices.iter().map(|(word, _)| *word)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("use one of {}", words.join(", ")),
            };
            self.mistake(format!("unknown value {} of {}", quoted(text), self.label), Some(hint));
        }
        found.map(|(_, choice)| choice.clone())
    }

    /// Reads a whole number within a range.
    pub fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let Some(integer) = self.content.get_ref().as_integer() else {
            self.wrong_type("a whole number");
            return None;
        };
        let digits = integer.as_str().replace('_', "");
        let number = u64::from_str_radix(&digits, integer.radix())
            .ok()
            .filter(|number| range.contains(number));
        if number.is_none() {
            self.mistake(
                format!("{} must be from {} to {}", self.label, range.start(), range.end()),
                None,
            );
        }
        number
    }

    /// Reads `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        let boolean = self.content.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type("true or false");
        }
        boolean
    }

    /// Reads a time such as `5m`.
    pub fn duration(&self) -> Option<Duration> {
        self.parse("a time such as \"90s\", \"5m\", \"4h\" or \"5d\"", duration)
    }

    /// Reads a size such as `50MB`; a plain number counts octets.
    pub fn size(&self) -> Option<u64> {
        if self.content.get_ref().is_integer() {
            return self.integer(0..=u64::MAX);
        }
        self.parse("a size such as \"100kB\" or \"50MB\"", size)
    }

    /// Reads a list.
    pub fn list(&self) -> Option<Vec<Value<'d>>> {
        let items = self.content.get_ref().as_array();
        if items.is_none() {
            self.wrong_type("a list");
        }
        Some(items?.iter().map(|item| self.item(item)).collect())
    }

    /// Reads one value or a list of them.
    pub fn one_or_many(&self) -> Vec<Value<'d>> {
        match self.content.get_ref().as_array() {
            Some(items) => items.iter().map(|item| self.item(item)).collect(),
            None => vec![self.clone()],
        }
    }

    /// Reads a table that is called `name` in messages, and notes every key of it that is not in `known`.
    pub fn table(&self, name: impl Into<String>, known: &[&str]) -> Option<Table<'d>> {
        let table = self.open_table(name)?;
        table.check_keys(known);
        Some(table)
    }

    /// Reads a table whose keys are chosen by its author.
    pub fn open_table(&self, name: impl Into<String>) -> Option<Table<'d>> {
        let Some(entries) = self.content.get_ref().as_table() else {
            self.wrong_type("a table");
            return None;
        };
        Some(Table::open(self.document, entries, self.content.span(), name.into()))
    }

    /// Notes a mistake at this value.
    pub fn mistake(&self, message: impl Into<String>, hint: Option<String>) {
        self.document.note(self.content.span(), Severity::Error, message.into(), hint);
    }

    /// Notes a warning at this value.
    pub fn warning(&self, message: impl Into<String>, hint: Option<String>) {
        self.document.note(self.content.span(), Severity::Warning, message.into(), hint);
    }

    /// Notes a mistake at the key of this value.
    pub fn key_mistake(&self, message: impl Into<String>, hint: Option<String>) {
        self.document.note(self.key_place.clone(), Severity::Error, message.into(), hint);
    }

    fn item(&self, item: &'d Spanned<DeValue<'d>>) -> Self {
        Self { content: item, ..self.clone() }
    }

    fn wrong_type(&self, wanted: &str) {
        let found = match self.content.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.mistake(format!("{} must be {wanted}, not {found}", self.label), None);
    }
}
