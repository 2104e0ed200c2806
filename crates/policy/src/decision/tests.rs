//! What happens to outgoing mail, case by case.

use proptest::prelude::*;

use super::*;
use crate::FieldValue;
use crate::codes::{
    HELD_BY_RULE, KEY_EXPIRED, KEY_NOT_YET_VALID, KEY_UNSUITABLE, NO_PARTNER, REJECTED_BY_RULE,
};
use crate::facts::{Form, PartnerKey, Sensitivity};

fn message<'a>(form: Form) -> Message<'a> {
    Message {
        sender: "alice@acme.example",
        recipient: "bob@globex.example",
        size: 10_000,
        form,
        sensitivity: Sensitivity::Normal,
        labels: &[],
        released: false,
        header: &|_| Vec::new(),
    }
}

fn policy(text: &str) -> Policy {
    Policy::parse(&format!("version = 1\n{text}"), "policy.toml").unwrap()
}

fn rule(then: &str) -> Policy {
    policy(&format!(
        "[[rule]]\nname = \"r\"\nwhen = {{ direction = [\"outbound\", \"internal\"] }}\nthen = \"{then}\""
    ))
}

fn treatment(policy: &Policy, form: Form, destination: Destination) -> Treatment {
    decide(policy, &Facts { message: message(form), destination }).treatment()
}

const fn outside(key: PartnerKey) -> Destination {
    Destination::Outside(key)
}

#[test]
fn the_table_of_the_reference_holds() {
    use PartnerKey::{Expired, NoPartner, NotYetValid, Unsuitable, Usable};
    let unsuitable = || Unsuitable("RSA key of 512 bits".to_owned());
    for (then, key, expected) in [
        ("protect", Usable, Treatment::Protect),
        ("protect", NoPartner, Treatment::Hold { code: &NO_PARTNER }),
        ("protect", Expired, Treatment::Hold { code: &KEY_EXPIRED }),
        ("protect", NotYetValid, Treatment::Hold { code: &KEY_NOT_YET_VALID }),
        ("protect", unsuitable(), Treatment::Hold { code: &KEY_UNSUITABLE }),
        ("protect-if-possible", Usable, Treatment::Protect),
        ("protect-if-possible", NoPartner, Treatment::Clear),
        ("protect-if-possible", Expired, Treatment::Hold { code: &KEY_EXPIRED }),
        ("protect-if-possible", NotYetValid, Treatment::Hold { code: &KEY_NOT_YET_VALID }),
        ("protect-if-possible", unsuitable(), Treatment::Hold { code: &KEY_UNSUITABLE }),
        ("sign", Usable, Treatment::Sign),
        ("sign", NoPartner, Treatment::Sign),
        ("pass", Usable, Treatment::Pass),
        ("hold", Usable, Treatment::Hold { code: &HELD_BY_RULE }),
        ("reject", Usable, Treatment::Reject { code: &REJECTED_BY_RULE }),
    ] {
        let text = format!("{then}, {key:?}");
        assert_eq!(treatment(&rule(then), Form::Plain, outside(key)), expected, "{text}");
    }
}

#[test]
fn without_a_rule_mail_is_protected_if_possible() {
    let decision = decide(
        &Policy::default(),
        &Facts { message: message(Form::Plain), destination: outside(PartnerKey::Usable) },
    );
    assert_eq!(
        (decision.demand(), decision.treatment()),
        (Demand::ProtectIfPossible, Treatment::Protect)
    );
    assert_eq!(decision.rule(), None);
    assert_eq!(
        treatment(&Policy::default(), Form::Plain, outside(PartnerKey::NoPartner)),
        Treatment::Clear
    );
    assert_eq!(treatment(&Policy::default(), Form::Plain, Destination::Internal), Treatment::Clear);
}

#[test]
fn the_author_may_let_broken_partner_keys_go_clear_but_not_past_protect() {
    let lenient = policy("[outbound]\nunusable-partner-key = \"clear\"");
    assert_eq!(treatment(&lenient, Form::Plain, outside(PartnerKey::Expired)), Treatment::Clear);
    let strict =
        policy("[outbound]\nunusable-partner-key = \"clear\"\n[[rule]]\nthen = \"protect\"");
    assert_eq!(
        treatment(&strict, Form::Plain, outside(PartnerKey::Expired)),
        Treatment::Hold { code: &KEY_EXPIRED }
    );
}

#[test]
fn desktop_encryption_is_enough_and_a_desktop_signature_is_not() {
    let wrap = |then: &str| {
        policy(&format!("[outbound]\ndesktop-protected = \"wrap\"\n[[rule]]\nthen = \"{then}\""))
    };
    let held = Treatment::Hold { code: &NO_PARTNER };
    for (policy, form, key, expected) in [
        (rule("protect"), Form::SmimeEncrypted, PartnerKey::NoPartner, Treatment::Pass),
        (rule("protect"), Form::PgpEncrypted, PartnerKey::Usable, Treatment::Pass),
        (rule("protect"), Form::SmimeSigned, PartnerKey::NoPartner, held),
        (rule("protect"), Form::PgpSigned, PartnerKey::Usable, Treatment::Protect),
        (rule("protect-if-possible"), Form::SmimeEncrypted, PartnerKey::Usable, Treatment::Pass),
        (rule("protect-if-possible"), Form::SmimeSigned, PartnerKey::NoPartner, Treatment::Pass),
        (rule("protect-if-possible"), Form::SmimeSigned, PartnerKey::Usable, Treatment::Protect),
        (rule("sign"), Form::SmimeSigned, PartnerKey::NoPartner, Treatment::Pass),
        (wrap("protect"), Form::SmimeEncrypted, PartnerKey::Usable, Treatment::Protect),
        (wrap("protect"), Form::SmimeEncrypted, PartnerKey::NoPartner, held),
        (wrap("protect-if-possible"), Form::SmimeEncrypted, PartnerKey::NoPartner, Treatment::Pass),
        (wrap("sign"), Form::SmimeSigned, PartnerKey::NoPartner, Treatment::Sign),
    ] {
        let text = format!("{form:?} {key:?} {:?}", policy.rules);
        assert_eq!(treatment(&policy, form, outside(key)), expected, "{text}");
    }
}

#[test]
fn protect_inside_the_organisation_is_held_unless_the_desktop_did_it() {
    let policy = rule("protect");
    assert_eq!(
        treatment(&policy, Form::Plain, Destination::Internal),
        Treatment::Hold { code: &NO_PARTNER }
    );
    assert_eq!(treatment(&policy, Form::SmimeEncrypted, Destination::Internal), Treatment::Pass);
}

#[test]
fn nobody_is_told_about_a_held_notice() {
    for (sender, expected) in [("alice@acme.example", true), ("", false), ("<>", false)] {
        let message = Message { sender, ..message(Form::Plain) };
        let facts = Facts { message, destination: outside(PartnerKey::NoPartner) };
        let decision = decide(&rule("protect"), &facts);
        assert_eq!(decision.treatment(), Treatment::Hold { code: &NO_PARTNER });
        assert_eq!(decision.notify_sender(), expected, "{sender}");
    }
}

#[test]
fn a_release_takes_mail_past_hold_but_never_past_protect() {
    let policy = policy(
        "[[rule]]\nname = \"a\"\nthen = \"hold\"\n[[rule]]\nname = \"b\"\nthen = \"protect\"",
    );
    let decide = |released, key| {
        let message = Message { released, ..message(Form::Plain) };
        decide(&policy, &Facts { message, destination: outside(key) }).treatment()
    };
    assert_eq!(decide(false, PartnerKey::Usable), Treatment::Hold { code: &HELD_BY_RULE });
    assert_eq!(decide(true, PartnerKey::Usable), Treatment::Protect);
    assert_eq!(decide(true, PartnerKey::NoPartner), Treatment::Hold { code: &NO_PARTNER });
}

#[test]
fn what_cannot_be_read_fits_a_rule_that_is_careful_and_no_other() {
    let header = |_: &str| vec![FieldValue { text: "Re: ?".to_owned(), is_whole: false }];
    for (then, fits) in
        [("protect", true), ("hold", true), ("reject", true), ("pass", false), ("sign", false)]
    {
        let rule = "when = { header = { name = \"Subject\", matches = \"*[secret]*\" } }";
        let policy = policy(&format!("[[rule]]\nthen = \"{then}\"\n{rule}"));
        let message = Message { header: &header, ..message(Form::Plain) };
        let facts = Facts { message, destination: outside(PartnerKey::Usable) };
        assert_eq!(decide(&policy, &facts).rule().is_some(), fits, "{then}");
    }
}

#[test]
fn every_condition_decides() {
    let header = |name: &str| match name {
        "Subject" => vec!["Re: [Secret] plan".to_owned().into()],
        "X-Two" => vec!["one".to_owned().into(), "two".to_owned().into()],
        _ => Vec::new(),
    };
    let message = Message {
        sensitivity: Sensitivity::Private,
        header: &header,
        ..message(Form::SmimeSigned)
    };
    for (when, expected) in [
        ("", true),
        ("sender = \"ALICE@acme.example\"", true),
        ("sender = [\"x@y\", \"*@acme.example\"]", true),
        ("sender = \"<>\"", false),
        ("sender = \"*@globex.example\"", false),
        ("sender-domain = \"acme.example\"", true),
        ("sender-domain = \".acme.example\"", false),
        ("recipient = \"b?b@globex.example\"", true),
        ("recipient = \"*@acme.example\"", false),
        ("recipient-domain = \"globex.*\"", true),
        ("recipient-domain = \"lobex.example\"", false),
        ("size-over = 9_999", true),
        ("size-over = \"10kB\"", false),
        ("size-under = \"10001\"", true),
        ("size-under = \"10kB\"", false),
        ("size-over = \"1kB\", size-under = \"20kB\"", true),
        ("header = { name = \"subject:\", matches = \"*[secret]*\" }", false),
        ("header = { name = \"Subject\", matches = \"*[secret]*\" }", true),
        ("header = { name = \"Subject\", matches = \"[secret]\" }", false),
        ("header = { name = \"Subject\" }", true),
        ("header = { name = \"X-None\" }", false),
        ("header = [{ name = \"Subject\" }, { name = \"X-Two\", matches = \"two\" }]", true),
        ("header = [{ name = \"Subject\" }, { name = \"X-Two\", matches = \"three\" }]", false),
        ("sensitivity = \"private\"", true),
        ("sensitivity = [\"normal\", \"personal\"]", false),
        ("desktop = \"signed\"", true),
        ("desktop = [\"none\", \"encrypted\"]", false),
        ("direction = \"outbound\"", true),
        ("direction = \"internal\"", false),
        ("direction = [\"inbound\", \"internal\"]", false),
        ("sender-domain = \"acme.example\", recipient-domain = \"other.example\"", false),
    ] {
        let policy = policy(&format!("[[rule]]\nwhen = {{ {when} }}\nthen = \"reject\""));
        let facts = Facts { message: message.clone(), destination: outside(PartnerKey::Usable) };
        let decision = decide(&policy, &facts);
        assert_eq!(decision.rule().is_some(), expected, "{when}: {:?}", decision.tried());
    }
}

#[test]
fn the_record_says_why_each_rule_did_not_match() {
    let policy = policy(
        r#"
[[rule]]
name = "board"
when = { recipient = "board@globex.example" }
then = "reject"

[[rule]]
name = "large"
when = { size-over = "5MB" }
then = "hold"

[[rule]]
name = "globex"
when = { recipient-domain = "globex.example" }
then = "protect"
reason = "the contract with Globex says so"

[[rule]]
name = "never looked at"
then = "pass"
"#,
    );
    let facts = Facts { message: message(Form::Plain), destination: outside(PartnerKey::Expired) };
    let decision = decide(&policy, &facts);
    insta::assert_snapshot!(serde_json::to_string_pretty(&decision).unwrap(), @r#"
    {
      "policy_version": 1,
      "recipient": "bob@globex.example",
      "demand": "protect",
      "treatment": {
        "kind": "hold",
        "code": "policy.key_expired"
      },
      "notify_sender": true,
      "rule": {
        "name": "globex",
        "line": 13,
        "reason": "the contract with Globex says so"
      },
      "reasons": [
        {
          "code": "policy.rule",
          "text": "rule \"globex\" in line 13 demands protect"
        },
        {
          "code": "policy.key_expired",
          "text": "the partner's encryption certificate has expired"
        }
      ],
      "tried": [
        {
          "rule": "board",
          "line": 3,
          "mismatch": "recipient: bob@globex.example does not fit"
        },
        {
          "rule": "large",
          "line": 8,
          "mismatch": "size-over: 10000 octets are not over 5000000"
        },
        {
          "rule": "globex",
          "line": 13,
          "mismatch": null
        }
      ]
    }
    "#);
}

#[test]
fn a_permit_is_for_one_recipient() {
    let facts =
        Facts { message: message(Form::Plain), destination: outside(PartnerKey::NoPartner) };
    let permit = decide(&Policy::default(), &facts).clear_permit().unwrap();
    assert_eq!((permit.recipient(), permit.kind()), ("bob@globex.example", ClearKind::Clear));
}

fn any_form() -> impl Strategy<Value = Form> {
    prop_oneof![
        Just(Form::Plain),
        Just(Form::PgpEncrypted),
        Just(Form::PgpSigned),
        Just(Form::SmimeEncrypted),
        Just(Form::SmimeSigned),
    ]
}

fn any_destination() -> impl Strategy<Value = Destination> {
    prop_oneof![
        Just(Destination::Internal),
        Just(outside(PartnerKey::Usable)),
        Just(outside(PartnerKey::NoPartner)),
        Just(outside(PartnerKey::Expired)),
        Just(outside(PartnerKey::NotYetValid)),
        Just(outside(PartnerKey::Unsuitable("no".to_owned()))),
    ]
}

proptest! {
    /// The promise of the product: what must be protected never leaves readable.
    #[test]
    fn protect_never_yields_a_permit_for_readable_mail(
        form in any_form(),
        destination in any_destination(),
        sender in any::<String>(),
        recipient in any::<String>(),
        size in any::<u64>(),
        released in any::<bool>(),
        wrap in any::<bool>(),
        clear in any::<bool>(),
    ) {
        let policy = policy(&format!(
            "[outbound]\ndesktop-protected = \"{}\"\nunusable-partner-key = \"{}\"\n\
             [[rule]]\nwhen = {{ direction = [\"outbound\", \"internal\"] }}\nthen = \"protect\"",
            if wrap { "wrap" } else { "pass" },
            if clear { "clear" } else { "hold" },
        ));
        let message = Message { sender: &sender, recipient: &recipient, size, released, ..message(form) };
        let decision = decide(&policy, &Facts { message, destination });
        prop_assert_eq!(decision.demand(), Demand::Protect);
        let kind = decision.clear_permit().map(|permit| permit.kind());
        let is_encrypted_by_desktop = form.is_encrypted() && !wrap;
        prop_assert_eq!(kind, is_encrypted_by_desktop.then_some(ClearKind::Pass));
    }

    #[test]
    fn the_same_facts_give_the_same_decision(
        form in any_form(),
        destination in any_destination(),
        sender in any::<String>(),
        recipient in any::<String>(),
        subject in any::<String>(),
    ) {
        let policy = policy(
            "[[rule]]\nwhen = { header = { name = \"Subject\", matches = \"*a*\" } }\nthen = \"protect\"\n\
             [[rule]]\nwhen = { sender = \"*a*@*\" }\nthen = \"sign\"",
        );
        let header = |_: &str| vec![subject.clone().into()];
        let message = Message { sender: &sender, recipient: &recipient, header: &header, ..message(form) };
        let facts = Facts { message, destination };
        prop_assert_eq!(decide(&policy, &facts), decide(&policy, &facts));
    }
}

#[test]
fn the_envelope_refuses_only_what_no_content_could_save() {
    const REJECT: &str = "[[rule]]\nname = \"no\"\nthen = \"reject\"\nreason = \"not there\"\n";
    let before = |first: &str| {
        policy(&format!(
            "[[rule]]\nname = \"first\"\n{first}\n{REJECT}when = {{ recipient-domain = \"globex.example\" }}\n"
        ))
    };
    let reject_when = |when: &str| policy(&format!("{REJECT}when = {{ {when} }}\n"));
    for (policy, announced_size, expected) in [
        (reject_when("recipient-domain = \"globex.example\""), None, true),
        (reject_when("recipient = \"bob@*\", sender = \"alice@acme.example\""), None, true),
        (reject_when("recipient-domain = \"initech.example\""), None, false),
        (reject_when("direction = \"internal\""), None, false),
        (reject_when("size-over = \"1MB\""), Some(1_000_001), true),
        (reject_when("size-over = \"1MB\""), Some(1_000_000), false),
        (reject_when("size-over = \"1MB\""), None, false),
        (reject_when("size-under = \"1MB\""), Some(10), false),
        (reject_when("header = { name = \"Subject\" }"), None, false),
        (reject_when("sensitivity = \"private\""), None, false),
        (reject_when("desktop = \"none\""), None, false),
        // The first rule that matches counts, so what stands before must be known not to.
        (before("then = \"pass\"\nwhen = { header = { name = \"X-Ok\" } }"), None, false),
        (before("then = \"hold\"\nwhen = { size-under = \"1kB\" }"), None, false),
        (before("then = \"pass\"\nwhen = { recipient = \"bob@globex.example\" }"), None, false),
        (before("then = \"pass\"\nwhen = { recipient = \"eve@globex.example\" }"), None, true),
        (Policy::default(), None, false),
    ] {
        let envelope = Envelope {
            sender: "alice@acme.example",
            recipient: "bob@globex.example",
            announced_size,
        };
        let rule = refuses_envelope(&policy, &envelope);
        assert_eq!(rule.is_some(), expected, "{:?} {announced_size:?}", policy.rules);
        assert!(rule.is_none_or(|rule| rule.reason.as_deref() == Some("not there")));
    }
}

proptest! {
    /// Whoever is refused at once would have been refused with the message as well, whatever it is.
    #[test]
    fn an_early_refusal_is_never_another_one(
        rules in proptest::collection::vec((0..6_usize, 0..4_usize), 1..5),
        size in 0..4_000_000_u64,
        is_marked in any::<bool>(),
        announces in any::<bool>(),
    ) {
        const WHEN: [&str; 6] = [
            "recipient-domain = \"globex.example\"",
            "recipient-domain = \"initech.example\"",
            "header = { name = \"X-Mark\" }",
            "size-over = \"1MB\"",
            "size-under = \"2MB\"",
            "sender = \"alice@*\", size-over = \"3MB\"",
        ];
        const THEN: [&str; 4] = ["reject", "pass", "hold", "protect"];
        let mut text = String::new();
        for (number, (when, then)) in rules.iter().enumerate() {
            text += &format!(
                "[[rule]]\nname = \"{number}\"\nthen = \"{}\"\nwhen = {{ {} }}\n", THEN[*then], WHEN[*when]
            );
        }
        let policy = policy(&text);
        let header = move |_: &str| if is_marked { vec![String::new().into()] } else { Vec::new() };
        let message = Message { size, header: &header, ..message(Form::Plain) };
        let envelope = Envelope {
            sender: message.sender,
            recipient: message.recipient,
            announced_size: announces.then_some(size),
        };
        if refuses_envelope(&policy, &envelope).is_some() {
            let decision = decide(&policy, &Facts { message, destination: outside(PartnerKey::Usable) });
            prop_assert_eq!(decision.treatment(), Treatment::Reject { code: &REJECTED_BY_RULE });
        }
    }
}
