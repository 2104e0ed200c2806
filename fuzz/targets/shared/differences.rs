//! The differences between us and OpenSSL that are known, each with its reason: `fuzz/differences.toml`.

use std::fmt;

/// What we and OpenSSL answered, where that is not the same.
pub struct Difference {
    ours: String,
    theirs: String,
}

/// The list.
pub struct Differences {
    known: Vec<Known>,
}

struct Known {
    /// The content types for which it counts; all if there are none.
    types: Vec<String>,
    ours: String,
    theirs: String,
}

/// What stands in place of a reason on the side that accepts.
const ACCEPTED: &str = "accepted";

impl Differences {
    /// Reads the list.
    pub fn load() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/differences.toml");
        let table: toml::Table = std::fs::read_to_string(path).expect("the list").parse().expect("a list");
        let entries = table["difference"].as_array().expect("a list of differences");
        let known = entries.iter().map(|entry| {
            let text = |name: &str| entry.get(name).and_then(toml::Value::as_str).expect("ours, theirs and why").to_owned();
            let types = entry.get("types").and_then(toml::Value::as_array);
            let types = types.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect();
            assert!(text("why").len() > 20, "a difference has a reason");
            Known { types, ours: text("ours"), theirs: text("theirs") }
        });
        Self { known: known.collect() }
    }

    /// Compares two answers.
    pub fn between(ours: &Result<Vec<u8>, String>, theirs: &Result<Vec<u8>, String>) -> Option<Difference> {
        let (ours, theirs) = match (ours, theirs) {
            (Err(_), Err(_)) => return None,
            (Ok(ours), Ok(theirs)) if ours == theirs => return None,
            (Ok(ours), Ok(theirs)) => (described(ours), described(theirs)),
            (Ok(_), Err(reason)) => (ACCEPTED.to_owned(), reason.clone()),
            (Err(reason), Ok(_)) => (without_place(reason), ACCEPTED.to_owned()),
        };
        Some(Difference { ours, theirs })
    }

    /// Returns true if the list has it.
    pub fn explain(&self, kind: &str, difference: &Difference) -> bool {
        self.known.iter().any(|known| {
            (known.types.is_empty() || known.types.iter().any(|known| known == kind))
                && fits(&known.ours, &difference.ours)
                && fits(&known.theirs, &difference.theirs)
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ours = {:?}, theirs = {:?}", self.ours, self.theirs)
    }
}

/// Leaves out who signed, and at which byte it was.
fn without_place(reason: &str) -> String {
    if let Some((head, _)) = reason.split_once(" serial ").or_else(|| reason.split_once(" key identifier ")) {
        return head.to_owned();
    }
    match reason.split_once(" at byte ") {
        Some((head, tail)) => format!("{head}{}", tail.trim_start_matches(|letter: char| letter.is_ascii_digit())),
        None => reason.to_owned(),
    }
}

/// Tells no content from another: a list cannot have them all.
fn described(content: &[u8]) -> String {
    if content.is_empty() { "no content".to_owned() } else { "other content".to_owned() }
}

/// A star at the end stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == text, |start| text.starts_with(start))
}
