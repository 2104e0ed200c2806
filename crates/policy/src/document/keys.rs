//! The schema of a file as a table, from which its reference page and its commented default are made.

use std::fmt::Write;

/// One key of a file.
#[derive(Clone, Copy, Debug)]
pub struct KeyDoc {
    /// The full name, with dots: `outside.listen`.
    pub path: &'static str,
    /// What it holds: `string`, `list of addresses`, `time`.
    pub kind: &'static str,
    /// The unit, or empty.
    pub unit: &'static str,
    /// The default as it would be written in the file; empty if there is none.
    pub default: &'static str,
    /// What it does, in whole sentences.
    pub doc: &'static str,
    /// A value as it would be written in the file.
    pub example: &'static str,
    /// The part of the program that reads it.
    pub owner: &'static str,
}

impl KeyDoc {
    /// Returns the table part of the path, empty for the outermost table.
    pub fn table(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(table, _)| table)
    }

    /// Returns the last part of the path.
    pub fn key(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, key)| key)
    }
}

/// Returns the reference of all keys as Markdown, grouped by table in the order given.
pub fn markdown(keys: &[KeyDoc], table_heading: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut table = None;
    for key in keys {
        if table != Some(key.table()) {
            table = Some(key.table());
            // Writing to a string cannot fail.
            let _ = writeln!(out, "## {}\n", table_heading(key.table()));
        }
        let _ = writeln!(out, "### `{}`\n\n{}\n", key.path, key.doc);
        let unit = if key.unit.is_empty() { String::new() } else { format!(" ({})", key.unit) };
        let _ = writeln!(out, "- Kind: {}{unit}", key.kind);
        let default =
            if key.default.is_empty() { "none".to_owned() } else { format!("`{}`", key.default) };
        let _ = writeln!(out, "- Default: {default}");
        let _ = writeln!(out, "- Example: `{} = {}`", key.key(), key.example);
        let _ = writeln!(out, "- Read by: {}\n", key.owner);
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}
