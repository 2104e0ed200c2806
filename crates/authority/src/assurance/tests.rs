//! The table of levels: what is read, what is refused, what counts when.

use super::{Levels, day};

const MAPPED: &str = r#"
[[mapping]]
member = "globex.example"
policy = "1.3.6.1.4.1.32473.9.1"
level = "medium"
approved-by = "Ada Lovelace"
approved = 2026-06-01
review = 2027-06-01
evidence = "Globex CP 2.1"

[[mapping.finding]]
section = "3.2.2"
result = "partial"
note = "they | call back"

[[mapping]]
member = "globex.example"
policy = "1.3.6.1.4.1.32473.9.2"
level = "basic"
approved-by = "Ada Lovelace"
approved = 2026-06-01
review = 2026-09-01
evidence = "Globex CP 2.1"
"#;

fn table() -> Levels {
    Levels::parse(&(Levels::template("1.3.6.1.4.1.32473.5") + MAPPED)).unwrap()
}

/// Seconds of a day, at noon.
fn noon(text: &str) -> i64 {
    text.parse::<chrono::NaiveDate>().unwrap().and_hms_opt(12, 0, 0).unwrap().and_utc().timestamp()
}

#[test]
fn the_template_is_a_table_with_levels_from_low_to_high() {
    let table = Levels::parse(&Levels::template("1.3.6.1.4.1.32473.5")).unwrap();
    assert_eq!(table.policies("basic"), ["1.3.6.1.4.1.32473.5.1"]);
    assert_eq!(table.policies("medium"), ["1.3.6.1.4.1.32473.5.2", "1.3.6.1.4.1.32473.5.1"]);
    assert!(table.policies("high").is_empty());
}

#[test]
fn a_mapping_counts_from_approval_to_review_and_up_to_the_level_granted() {
    let (table, globex) = (table(), vec!["globex.example".to_owned()]);
    let medium = ("1.3.6.1.4.1.32473.5.2".to_owned(), "1.3.6.1.4.1.32473.9.1".to_owned());
    let basic = ("1.3.6.1.4.1.32473.5.1".to_owned(), "1.3.6.1.4.1.32473.9.2".to_owned());
    for (level, at, expected) in [
        ("medium", "2026-05-31", vec![]),
        ("medium", "2026-06-01", vec![basic.clone(), medium.clone()]),
        ("basic", "2026-06-01", vec![basic]),
        ("medium", "2026-09-01", vec![medium]),
        ("medium", "2027-06-01", vec![]),
        ("none", "2026-06-01", vec![]),
    ] {
        assert_eq!(table.pairs(&globex, level, day(noon(at))), expected, "{level} {at}");
    }
    assert!(
        table.pairs(&["acme.example".to_owned()], "medium", day(noon("2026-06-01"))).is_empty()
    );
}

#[test]
fn every_mistake_is_reported_at_once() {
    let text = r#"
[[level]]
name = "Basic"
policy = "2.5.29.32.0"
meaning = ""
[[level]]
name = "low"
policy = "1.2.3"
meaning = ""
[[level.demand]]
section = "12"
text = ""
[[mapping]]
member = "Globex"
policy = "x"
level = "high"
approved-by = ""
approved = 2026-06-01
review = 2026-06-01
evidence = "-"
[[mapping.finding]]
section = "3.2"
result = "less"
[[mapping.finding]]
section = "3.3"
result = "partial"
"#;
    let error = Levels::parse(text).unwrap_err().to_string();
    for part in [
        "one word of a-z",
        "anyPolicy",
        "\"12\" is no section",
        "a domain in lower case",
        "mapping 1 (of Globex): `policy`",
        "no level \"high\"",
        "say who and what",
        "before the approval",
        "section 3.2 demands less",
        "section 3.3 is partial",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    for (bad, part) in [
        ("", "no [[level]]"),
        ("[[level]]\nname=\"a\"\npolicy=\"1.2.3\"\nmeaning=\"\"\nother=1", "unknown field"),
        (
            "[[level]]\nname=\"a\"\npolicy=\"1.2.3\"\nmeaning=\"\"\n[[level]]\nname=\"a\"\npolicy=\"1.2.3\"\nmeaning=\"\"",
            "is taken\nlevel \"a\": the policy is that of another",
        ),
        (
            "[[mapping]]\nmember=\"a.b\"\npolicy=\"1.2.3\"\nlevel=\"a\"\napproved-by=\"x\"\napproved=2026-06-01T10:00:00Z\nreview=2026-06-01\nevidence=\"x\"",
            "are dates",
        ),
    ] {
        let error = Levels::parse(bad).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn people_read_who_approved_what_and_until_when() {
    let table = table();
    let text = table.to_string();
    assert!(text.contains("approved 2026-06-01 by Ada Lovelace, review 2027-06-01"), "{text}");
    assert!(text.contains("RFC 3647 3.2.2  partial    they | call back"), "{text}");
    let page = table.markdown(day(noon("2026-10-01")));
    assert!(page.contains("| 3.2.2 | partial | they \\| call back |"), "{page}");
    assert!(page.contains("| globex.example | 1.3.6.1.4.1.32473.9.2 | basic | 2026-06-01 | Ada Lovelace | 2026-09-01 | review overdue |"), "{page}");
    assert!(page.contains("| in force |"), "{page}");
    let (first, second) = (page.find("| 3.2.2 | basic").unwrap(), page.find("| 4.9.7 |").unwrap());
    assert!(first < second, "{page}");
}
