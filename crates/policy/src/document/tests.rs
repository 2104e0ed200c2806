//! What an author is told about a file.

use proptest::prelude::*;

use super::*;

#[test]
fn all_mistakes_come_at_once_in_the_order_of_the_file() {
    let text = "\
time = \"soon\"
size = 1.5
nubmer = 3
number = 70000
flag = \"yes\"
word = \"portect\"
[table]
also-unknown = \"\\u001b[31m\"
";
    let document = Document::parse(text, "file.toml");
    {
        let root = document.root(&["number", "flag", "word", "time", "size", "table", "needed"]);
        let value = |key| root.value(key).unwrap();
        assert_eq!(value("number").integer(1..=65_535), None);
        assert_eq!(value("flag").boolean(), None);
        assert_eq!(value("word").choice(&[("protect", 1), ("pass", 2)]), None);
        assert_eq!(value("time").duration(), None);
        assert_eq!(value("size").size(), None);
        assert!(value("table").table("[table]", &["known"]).is_some());
        assert!(root.required("needed", "add it").is_none());
    }
    insta::assert_snapshot!(listed(&document.finish()), @r#"
    file.toml:1:1: missing key "needed"; add it
    file.toml:1:8: "time" must be a time such as "90s", "5m", "4h" or "5d", not "soon"
    file.toml:2:8: "size" must be a size such as "100kB" or "50MB", not a fraction
    file.toml:3:1: unknown key "nubmer"; did you mean "number"?
    file.toml:4:10: "number" must be from 1 to 65535
    file.toml:5:8: "flag" must be true or false, not a string
    file.toml:6:8: unknown value "portect" of "word"; did you mean "protect"?
    file.toml:8:1: unknown key "also-unknown" in [table]
    "#);
}

#[test]
fn what_the_parser_made_up_after_a_syntax_error_is_not_reported() {
    let document = Document::parse("name = \nnmae = 1\n", "file.toml");
    {
        let root = document.root(&["name", "needed"]);
        assert!(root.required("needed", "add it").is_none());
        root.value("name").map(|value| value.text());
    }
    let mistakes = document.finish();
    assert!(
        mistakes.iter().any(|mistake| mistake.line == 2 && mistake.message.contains("unknown key")),
        "{mistakes:?}"
    );
    assert_eq!(mistakes.iter().filter(|mistake| mistake.line == 1).count(), 1, "{mistakes:?}");
}

#[test]
fn several_syntax_errors_are_reported_together() {
    let document = Document::parse("a = [1,\nb == 2\n\nc = 'x\nd = 3 4\n", "file.toml");
    let lines: Vec<usize> = document.finish().iter().map(|mistake| mistake.line).collect();
    assert!(lines.len() >= 2, "{lines:?}");
}

#[test]
fn a_key_that_is_there_twice_is_a_mistake() {
    let document = Document::parse("a = 1\na = 2\n", "file.toml");
    insta::assert_snapshot!(listed(&document.finish()), @"file.toml:2:1: cannot read the TOML: duplicate key");
}

#[test]
fn columns_count_characters() {
    let document = Document::parse("t = { \"ä\" = \"€\", x = 1 }", "file.toml");
    {
        let table = document.root(&["t"]).value("t").and_then(|value| value.table("[t]", &["ä"]));
        assert_eq!(table.and_then(|table| table.value("ä")?.text()), Some("€"));
    }
    insta::assert_snapshot!(listed(&document.finish()), @r#"file.toml:1:18: unknown key "x" in [t]"#);
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let document = Document::parse("\"a\\u001b[2J\\nb\" = 1", "file.toml");
    document.root(&[]);
    assert!(!listed(&document.finish()).trim_end().contains(char::is_control));
}

#[test]
fn a_huge_file_is_refused_and_not_read() {
    let text = "a = 1\n".repeat(300_000);
    let document = Document::parse(&text, "file.toml");
    assert!(document.is_broken());
    assert!(document.root(&[]).value("a").is_none());
    insta::assert_snapshot!(listed(&document.finish()), @"file.toml:1:1: the file is larger than 1048576 octets");
}

#[test]
fn text_that_is_no_utf_8_has_a_place() {
    let mistake = Mistake::check_text(b"a = 1\nb = \"\xc3\xa4\xff\"", "file.toml").unwrap_err();
    insta::assert_snapshot!(mistake, @"file.toml:2:7: the file is not UTF-8 text; save it as UTF-8");
}

#[test]
fn deep_nesting_ends_with_a_mistake() {
    let text = format!("a = {}", "[".repeat(100_000));
    assert!(!Document::parse(&text, "file.toml").finish().is_empty());
}

proptest! {
    #[test]
    fn no_text_panics(text in "([a-c]|[\"'=.{}#,\\[\\]\\\\]|\n|\u{feff}|ä|1|\r){0,80}") {
        let document = Document::parse(&text, "file.toml");
        {
            let root = document.root(&["a"]);
            for value in root.entries() {
                value.clone().text();
                value.size();
                value.one_or_many();
                value.open_table("x");
            }
        }
        let lines = text.split('\n').count();
        for mistake in document.finish() {
            prop_assert!((1..=lines).contains(&mistake.line));
            prop_assert!(mistake.column >= 1);
        }
    }
}
