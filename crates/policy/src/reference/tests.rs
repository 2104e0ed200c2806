//! The reference, the default file and the reader say the same.

use crate::rules::{InboundPolicy, OutboundPolicy, Policy};

use super::*;

#[test]
fn the_file_that_init_writes_means_the_defaults() {
    let policy = Policy::parse(Policy::default_text(), "policy.toml").unwrap();
    assert_eq!(policy.warnings(), []);
    assert_eq!(policy.inbound(), &InboundPolicy::default());
    assert_eq!(policy.outbound(), &OutboundPolicy::default());
    assert!(policy.rules.is_empty());
}

#[test]
fn its_examples_are_good_when_their_hashes_are_removed() {
    let is_example = |line: &str| line.starts_with('#') && !line.starts_with("# ") && line != "#";
    let text: String = Policy::default_text()
        .lines()
        .map(|line| if is_example(line) { line.trim_start_matches('#') } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    let policy = Policy::parse(&text, "policy.toml").unwrap();
    assert_eq!(policy.warnings(), []);
    assert!(policy.rules.len() >= 5);
}

#[test]
fn every_example_of_the_reference_is_good() {
    for key in KEYS {
        let line = match key.path {
            "version" => String::new(),
            "rule.then" => format!("[[rule]]\nthen = {}", key.example),
            path if path.starts_with("rule.when.") => {
                format!("[[rule]]\nthen = \"pass\"\nwhen.{} = {}", key.key(), key.example)
            }
            path if path.starts_with("rule.") => {
                format!("[[rule]]\nthen = \"pass\"\n{} = {}", key.key(), key.example)
            }
            _ => format!("[{}]\n{} = {}", key.table(), key.key(), key.example),
        };
        Policy::parse(&format!("version = 1\n{line}\n"), "policy.toml").unwrap_or_else(
            |mistakes| {
                panic!("{}: {}", key.path, mistakes[0]);
            },
        );
    }
}

#[test]
fn every_default_of_the_reference_is_the_default() {
    for key in KEYS
        .iter()
        .filter(|key| key.path.starts_with("inbound.") || key.path.starts_with("outbound."))
    {
        let text = format!("version = 1\n[{}]\n{} = {}\n", key.table(), key.key(), key.default);
        let policy = Policy::parse(&text, "policy.toml").unwrap();
        assert_eq!(policy.inbound(), &InboundPolicy::default(), "{}", key.path);
        assert_eq!(policy.outbound(), &OutboundPolicy::default(), "{}", key.path);
    }
}

#[test]
fn the_reader_knows_the_keys_of_the_reference_and_no_others() {
    let known = |table: &str| {
        KEYS.iter().filter(|key| key.table() == table).map(KeyDoc::key).collect::<Vec<_>>()
    };
    for (table, mut read) in crate::parse::known_keys() {
        let mut documented = known(table);
        documented.sort_unstable();
        read.sort_unstable();
        assert_eq!(documented, read, "{table}");
    }
}

#[test]
fn the_page_names_every_key() {
    let page = reference_markdown();
    for key in KEYS {
        assert!(page.contains(&format!("### `{}`", key.path)), "{}", key.path);
    }
    assert!(page.ends_with('\n') && !page.ends_with("\n\n"));
}
