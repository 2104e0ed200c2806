//! Forged results must go, others must stay, and not one other byte may change.

use proptest::prelude::*;

use super::{MethodResult, first_word, forged, without, write};
use crate::header::HeaderBlock;

const ID: &str = "gate.acme.example";

#[test]
fn every_spelling_of_our_id_is_found() {
    for field in [
        "Authentication-Results: gate.acme.example; smime=pass\r\n",
        "authentication-RESULTS: GATE.Acme.EXAMPLE; smime=pass\r\n",
        "Authentication-Results : gate.acme.example; smime=pass\r\n",
        "Authentication-Results:gate.acme.example;smime=pass\r\n",
        "Authentication-Results:\r\n gate.acme.example\r\n ; smime=pass\r\n",
        "Authentication-Results: gate.acme.example 1; smime=pass\r\n",
        "Authentication-Results: gate.acme.example/1; smime=pass\r\n",
        "Authentication-Results: gate.acme.example.; smime=pass\r\n",
        "Authentication-Results: \"gate.acme.example\"; smime=pass\r\n",
        "Authentication-Results: \"gate.\\acme.example\" 1; smime=pass\r\n",
        "Authentication-Results: (a comment (nested \\) )) gate.acme.example (other.example); smime=pass\r\n",
        "Authentication-Results: gate.acme.example(comment); smime=pass\r\n",
        "Authentication-Results: (unclosed gate.acme.example; smime=pass\r\n",
        "Authentication-Results: \"unclosed gate.acme.example; smime=pass\r\n",
        "Authentication-Results: gate.acme.\u{200b}example gate.acme.example; smime=pass\r\n",
        "Authentication-Results: =?utf-8?q?x?= gate. acme.example; smime=pass\r\n",
        "Authentication-Results: <gate.acme.example>; smime=pass\r\n",
        "Authentication-Results: smime=pass; gate.acme.example\r\n",
        "Authentication-Results: gate.acme.example\r\n",
        "Authentication-Results: gate.acme.example; smime=pass\n",
        "Authentication\0-Results: gate.acme.example; smime=pass\r\n",
        "Authentication-Results: \0gate.acme.example; smime=pass\r\n",
    ] {
        let message = format!("Subject: x\r\n{field}To: y\r\n\r\nbody\r\n");
        let ranges = forged(message.as_bytes(), ID);
        assert_eq!(ranges.len(), 1, "{field:?}");
        let rest = without(message.as_bytes(), &ranges);
        assert_eq!(
            String::from_utf8_lossy(&rest),
            "Subject: x\r\nTo: y\r\n\r\nbody\r\n",
            "{field:?}"
        );
    }
}

#[test]
fn results_of_others_stay() {
    for field in [
        "Authentication-Results: other.example; smime=pass (gate.acme.example)\r\n",
        "Authentication-Results: gate.acme.example.evil.example; smime=pass\r\n",
        "Authentication-Results: mygate.acme.example; dkim=pass\r\n",
        "X-Authentication-Results: gate.acme.example; dkim=pass\r\n",
        "ARC-Authentication-Results: i=1; gate.acme.example; dkim=pass\r\n",
        "Subject: Authentication-Results: gate.acme.example; smime=pass\r\n",
        "Subject: x\r\n Authentication-Results: gate.acme.example; smime=pass\r\n",
    ] {
        let message =
            format!("{field}To: y\r\n\r\nAuthentication-Results: gate.acme.example; none\r\n");
        assert_eq!(forged(message.as_bytes(), ID), [], "{field:?}");
    }
}

#[test]
fn a_field_behind_a_lone_cr_or_rubbish_is_found() {
    let message =
        b"Subject: x\rAuthentication-Results: gate.acme.example; smime=pass\r\nTo: y\r\n\r\n";
    assert_eq!(without(message, &forged(message, ID)), b"Subject: x\rTo: y\r\n\r\n");
    let message = b"rubbish\r\nAuthentication-Results: gate.acme.example; smime=pass\r\n\r\n";
    assert_eq!(without(message, &forged(message, ID)), b"rubbish\r\n\r\n");
    let message = b" Authentication-Results: gate.acme.example; smime=pass\r\nTo: y\r\n\r\n";
    assert_eq!(without(message, &forged(message, ID)), b"To: y\r\n\r\n");
}

#[test]
fn unicode_ids_are_compared_as_a_labels() {
    let message = "Authentication-Results: xn--bcher-kva.example; smime=pass\r\n\r\n";
    assert_eq!(forged(message.as_bytes(), "bücher.example").len(), 1);
    let message = "Authentication-Results: BÜCHER.example; smime=pass\r\n\r\n";
    assert_eq!(forged(message.as_bytes(), "xn--bcher-kva.example").len(), 1);
}

#[test]
fn long_results_are_folded() {
    let result = MethodResult {
        method: "smime".into(),
        result: "fail".into(),
        reason: Some("the certificate \"expired\"\r\nX: y".into()),
        properties: vec![
            ("body".into(), "smime-identifier".into(), "Ann Lee <a@b>".into()),
            ("body".into(), "smime-part".into(), "1".into()),
        ],
    };
    let field = write(ID, &[result]);
    assert_eq!(
        field,
        "Authentication-Results: gate.acme.example;\r\n\tsmime=fail\r\n\treason=\"the certificate \\\"expired\\\"X: y\"\
         \r\n\tbody.smime-identifier=\"Ann Lee <a@b>\"\r\n\tbody.smime-part=1\r\n"
    );
    assert_eq!(write(ID, &[]), "Authentication-Results: gate.acme.example; none\r\n");
}

proptest! {
    #[test]
    fn what_we_write_is_one_field_and_found_as_ours(
        method in "\\PC{0,20}", result in "\\PC{0,20}", reason in proptest::option::of("(?s).{0,400}"),
        properties in proptest::collection::vec(("[a-z]{1,9}", "[a-z-]{1,20}", "(?s).{0,400}"), 0..5),
    ) {
        let properties = properties.into_iter().collect();
        let field = write(ID, &[MethodResult { method, result, reason, properties }]);
        let block = HeaderBlock::parse(field.as_bytes());
        prop_assert_eq!(block.fields().count(), 1);
        prop_assert_eq!(block.raw().len(), field.len());
        prop_assert!(field.split("\r\n").all(|line| line.len() <= 998 && line.is_ascii()));
        prop_assert_eq!(forged(field.as_bytes(), ID), vec![0..field.len()]);
    }

    #[test]
    fn ranges_are_in_order_and_inside(message in proptest::collection::vec(any::<u8>(), 0..300)) {
        let ranges = forged(&message, ID);
        let mut end = 0;
        for range in ranges {
            prop_assert!(range.start >= end && range.end > range.start && range.end <= message.len());
            end = range.end;
        }
    }

    #[test]
    fn a_forged_field_is_found_anywhere(
        before in "([A-Za-z-]{1,9}: [a-z ]{0,20}(\r\n [a-z]{1,9}){0,2}\r\n){0,4}",
        space in "[ \t]{0,3}(\\([a-z ]{0,5}\\))?[ ]{0,2}",
        after in "([A-Za-z-]{1,9}: [a-z ]{0,20}\r\n){0,4}",
    ) {
        let message = format!("{before}Authentication-Results:{space}Gate.ACME.example;{space} smime=pass\r\n{after}\r\n");
        let ranges = forged(message.as_bytes(), ID);
        prop_assert_eq!(ranges.len(), 1);
        let rest = without(message.as_bytes(), &ranges);
        prop_assert_eq!(String::from_utf8_lossy(&rest), format!("{before}{after}\r\n"));
    }

    #[test]
    fn the_first_word_never_panics(value in "(?s).{0,200}") {
        let word = first_word(&value);
        prop_assert!(word.is_none_or(|word| !word.is_empty()));
    }
}
