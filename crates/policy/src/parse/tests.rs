//! What the author of a policy is told.

use proptest::prelude::*;

use super::*;
use crate::document::listed;

fn mistakes(text: &str) -> String {
    let found = match Policy::parse(text, "policy.toml") {
        Ok(policy) => policy.warnings().to_vec(),
        Err(mistakes) => mistakes,
    };
    listed(&found)
}

#[test]
fn all_mistakes_come_at_once() {
    let text = r#"
verison = 1
[inbound]
bad-signature = "delivr"
require-protection-from = ["a b", "ok.example"]
[outbound]
desktop-protected = "keep"
[[rule]]
name = "one"
when = { recpient = "x@y", size-over = "10MB", size-under = "5MB" }
then = "portect"
[[rule]]
name = "two"
when = { header = { matches = "x" }, direction = "outward", sender = "nobody" }
[[rule]]
name = "one"
when = { sensitivity = [], recipient-domain = "@globex.example" }
then = "pass"
reason = "a\r\nb"
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
    policy.toml:1:1: missing key "version"; add the line version = 1
    policy.toml:2:1: unknown key "verison"; did you mean "version"?
    policy.toml:4:17: unknown value "delivr" of "bad-signature" in [inbound]; did you mean "deliver"?
    policy.toml:5:28: "require-protection-from" in [inbound] must be a domain such as "globex.example", or "*.globex.example" for everything below it, not "a b"
    policy.toml:7:21: unknown value "keep" of "desktop-protected" in [outbound]; use one of "pass", "wrap"
    policy.toml:10:8: no size is over "size-over" and under "size-under" at once; "size-over" must be the smaller one
    policy.toml:10:10: unknown key "recpient" in when of rule "one"; did you mean "recipient"?
    policy.toml:11:8: unknown value "portect" of "then" in rule "one"; did you mean "protect"?
    policy.toml:12:1: missing key "then" in rule "two"; add what the rule demands, such as then = "protect"
    policy.toml:14:19: missing key "name" in a header condition; add the name of the field, such as name = "Subject"
    policy.toml:14:50: unknown value "outward" of "direction" in when of rule "two"; use one of "outbound", "inbound", "internal"
    policy.toml:14:70: "sender" in when of rule "two" must be an address or a pattern such as "*@globex.example" ("<>" is the null sender), not "nobody"
    policy.toml:15:1: two rules are named "one"; give each rule a name of its own; decision records refer to it
    policy.toml:17:24: "sensitivity" in when of rule "one" is an empty list, which no message fits; name at least one value or remove the condition
    policy.toml:17:47: "recipient-domain" in when of rule "one" must be a domain such as "globex.example", or "*.globex.example" for everything below it, not "@globex.example"
    policy.toml:19:10: "reason" in rule "one" must be a sentence of at most 200 characters on one line, not "a  b"
    "#);
}

#[test]
fn rules_that_can_never_match_are_warned_about() {
    let text = r#"
version = 1
[[rule]]
name = "narrow"
when = { sender-domain = "acme.example" }
then = "sign"
[[rule]]
name = "the same again"
when = { sender-domain = "ACME.example" }
then = "protect"
[[rule]]
name = "all outgoing"
then = "protect"
[[rule]]
name = "too late"
when = { recipient-domain = "globex.example" }
then = "pass"
[[rule]]
name = "still reachable"
when = { direction = ["outbound", "inbound"], recipient-domain = "globex.example" }
then = "hold"
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
    policy.toml:7:1: warning: rule "the same again" can never match: rule "narrow" in line 3 takes all its mail; move it further up
    policy.toml:14:1: warning: rule "too late" can never match: rule "all outgoing" in line 11 takes all its mail; move it further up
    "#);
}

#[test]
fn a_hold_for_all_hides_nothing_because_released_mail_goes_on() {
    assert_eq!(
        mistakes("version = 1\n[[rule]]\nthen = \"hold\"\n[[rule]]\nthen = \"protect\""),
        ""
    );
}

#[test]
fn the_version_must_be_known() {
    insta::assert_snapshot!(mistakes(""), @"policy.toml:1:1: missing key \"version\"; add the line version = 1");
    insta::assert_snapshot!(mistakes("version = 2"), @"policy.toml:1:11: policy version 2 is not known; this program reads version 1; a newer file needs a newer program");
}

#[test]
fn a_rule_without_a_demand_is_a_mistake() {
    insta::assert_snapshot!(mistakes("version = 1\n[[rule]]\nname = \"x\"\n"), @r#"
    policy.toml:2:1: missing key "then" in rule "x"; add what the rule demands, such as then = "protect"
    "#);
}

#[test]
fn demands_that_make_no_sense_for_arrived_mail_are_refused() {
    let text = "version = 1\n[[rule]]\nwhen = { direction = \"inbound\" }\nthen = \"protect-if-possible\"\n";
    insta::assert_snapshot!(mistakes(text), @r#"
    policy.toml:4:8: "protect-if-possible" demands nothing of a message that has already arrived; use "pass" to deliver it, or "protect" to demand that it arrived protected
    "#);
}

#[test]
fn too_many_rules_are_refused() {
    let text = format!(
        "version = 1\n{}",
        "[[rule]]\nthen = \"pass\"\nwhen = { size-over = 1 }\n".repeat(1_001)
    );
    assert!(mistakes(&text).contains("more than 1000 rules"));
}

#[test]
fn a_rule_that_could_not_be_read_does_not_vanish() {
    // Everything after it would otherwise decide in its place.
    for broken in
        ["then = 1", "then = \"protect\"\nwhen = 3", "then = \"protect\"\nwhen = { sender = 3 }"]
    {
        assert!(
            Policy::parse(&format!("version = 1\n[[rule]]\n{broken}"), "policy.toml").is_err(),
            "{broken}"
        );
    }
    assert!(Policy::parse("version = 1\nrule = 3", "policy.toml").is_err());
    assert!(Policy::parse("version = 1\nrule = [3]", "policy.toml").is_err());
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        drop(Policy::parse(&text, "policy.toml"));
    }

    #[test]
    fn no_damage_to_a_good_file_panics(at in 0_usize..4_000, insert in any::<String>(), remove in 0_usize..40) {
        let good = Policy::default_text();
        let start = (0..=at.min(good.len())).rev().find(|i| good.is_char_boundary(*i)).unwrap();
        let end = (start..=(start + remove).min(good.len())).rev().find(|i| good.is_char_boundary(*i)).unwrap();
        let damaged = format!("{}{insert}{}", &good[..start], &good[end..]);
        if let Err(mistakes) = Policy::parse(&damaged, "policy.toml") {
            prop_assert!(mistakes.iter().any(Mistake::is_error));
        }
    }
}
