//! What happens to mail from outside, case by case.

use super::*;
use crate::facts::{Label, Sensitivity};

fn message<'a>(form: Form) -> Message<'a> {
    Message {
        sender: "bob@globex.example",
        recipient: "alice@acme.example",
        size: 10_000,
        form,
        sensitivity: Sensitivity::Normal,
        labels: &[],
        released: false,
        header: &|_| Vec::new(),
    }
}

fn arrival(result: ArrivalResult, domains: &[String]) -> Arrival<'_> {
    let is_verified = result == ArrivalResult::Verified;
    Arrival {
        result,
        encryption: if is_verified { ArrivalEncryption::BySigner } else { ArrivalEncryption::None },
        speaks_for_from: is_verified,
        sender_domains: domains,
    }
}

fn policy(text: &str) -> Policy {
    Policy::parse(&format!("version = 1\n{text}"), "policy.toml").unwrap()
}

fn treatment(policy: &Policy, arrival: &Arrival<'_>) -> InboundTreatment {
    inbound_decide(policy, arrival, &message(Form::Plain)).treatment()
}

#[test]
fn defaults_deliver_with_a_warning_or_hold() {
    for (result, expected) in [
        (ArrivalResult::Verified, InboundTreatment::Deliver),
        (ArrivalResult::Unprotected, InboundTreatment::Deliver),
        (ArrivalResult::Unverified, InboundTreatment::Deliver),
        (ArrivalResult::Failed, InboundTreatment::DeliverWithWarning),
        (ArrivalResult::Undecipherable, InboundTreatment::Hold { code: &UNDECIPHERABLE }),
        (ArrivalResult::EncryptedToOthers, InboundTreatment::Hold { code: &ENCRYPTED_TO_OTHERS }),
    ] {
        assert_eq!(treatment(&Policy::default(), &arrival(result, &[])), expected, "{result:?}");
    }
}

#[test]
fn each_case_has_its_own_setting() {
    let strict = policy(
        "[inbound]\nbad-signature = \"reject\"\nunknown-signer = \"hold\"\nundecipherable = \"deliver-with-warning\"\n\
         encrypted-to-others = \"deliver\"",
    );
    for (result, expected) in [
        (ArrivalResult::Unverified, InboundTreatment::Hold { code: &SIGNATURE_UNVERIFIED }),
        (ArrivalResult::Failed, InboundTreatment::Reject { code: &SIGNATURE_FAILED }),
        (ArrivalResult::Undecipherable, InboundTreatment::DeliverWithWarning),
        (ArrivalResult::EncryptedToOthers, InboundTreatment::Deliver),
    ] {
        assert_eq!(treatment(&strict, &arrival(result, &[])), expected, "{result:?}");
    }
}

#[test]
fn a_signer_who_may_not_speak_for_the_sender_is_unknown() {
    let stranger = Arrival { speaks_for_from: false, ..arrival(ArrivalResult::Verified, &[]) };
    let strict = policy("[inbound]\nunknown-signer = \"reject\"");
    let refused = InboundTreatment::Reject { code: &SIGNATURE_UNVERIFIED };
    assert_eq!(treatment(&strict, &stranger), refused);
}

#[test]
fn domains_that_must_protect_are_held_to_it() {
    let policy =
        policy("[inbound]\nrequire-protection-from = [\"globex.example\", \"*.globex.example\"]");
    let held = InboundTreatment::Hold { code: &NOT_PROTECTED };
    let ours = ["Globex.Example".to_owned()];
    let below = ["other.example".to_owned(), "mail.globex.example".to_owned()];
    let others = ["other.example".to_owned()];
    let good = arrival(ArrivalResult::Verified, &ours);
    for (case, expected) in [
        (good.clone(), InboundTreatment::Deliver),
        (arrival(ArrivalResult::Unprotected, &ours), held),
        (arrival(ArrivalResult::Unprotected, &below), held),
        (arrival(ArrivalResult::Unprotected, &others), InboundTreatment::Deliver),
        (arrival(ArrivalResult::Failed, &ours), held),
        (
            arrival(ArrivalResult::Undecipherable, &ours),
            InboundTreatment::Hold { code: &UNDECIPHERABLE },
        ),
        (Arrival { encryption: ArrivalEncryption::None, ..good.clone() }, held),
        (Arrival { speaks_for_from: false, ..good }, held),
    ] {
        assert_eq!(treatment(&policy, &case), expected, "{case:?}");
    }
}

#[test]
fn an_encryption_counts_by_who_made_it() {
    let domains = ["globex.example".to_owned()];
    let held = InboundTreatment::Hold { code: &NOT_PROTECTED };
    let demand = "require-protection-from = [\"globex.example\"]";
    let rule = "[[rule]]\nwhen = { direction = \"inbound\" }\nthen = \"protect\"";
    for (text, encryption, expected) in [
        ("", ArrivalEncryption::BySigner, InboundTreatment::Deliver),
        ("", ArrivalEncryption::ByUnknown, InboundTreatment::Deliver),
        ("", ArrivalEncryption::ByOther, held),
        ("encryption-by = \"signer\"", ArrivalEncryption::ByUnknown, held),
        ("encryption-by = \"anybody\"", ArrivalEncryption::ByUnknown, InboundTreatment::Deliver),
        ("encryption-by = \"anybody\"", ArrivalEncryption::ByOther, held),
        ("encryption-by = \"anybody\"", ArrivalEncryption::None, held),
    ] {
        let case = Arrival { encryption, ..arrival(ArrivalResult::Verified, &domains) };
        for policy in [
            policy(&format!("[inbound]\n{demand}\n{text}")),
            policy(&format!("[inbound]\n{text}\n{rule}")),
        ] {
            let decision = inbound_decide(&policy, &case, &message(Form::Plain));
            assert_eq!(decision.treatment(), expected, "{text} {encryption:?}");
            let is_explained =
                decision.reasons().iter().any(|reason| reason.text.contains("its signer"));
            assert_eq!(is_explained, expected == held && encryption != ArrivalEncryption::None);
        }
    }
}

#[test]
fn a_rule_asks_for_the_label_in_the_signature() {
    let label = |policy: &str, classification: Option<u64>, mark: &str| Label::Readable {
        policy: policy.to_owned(),
        classification,
        mark: mark.to_owned(),
    };
    let secret = [label("1.2.3", Some(4), "Eyes Only")];
    let (mild, bare) = ([label("1.2.3", Some(1), "")], [label("1.2.3", None, "")]);
    let two = [label("1.2.9", Some(0), ""), label("1.2.3", Some(60_000), "")];
    let odd = [Label::Unreadable];
    let matches = |when: &str, labels: &[Label], then: &str| {
        let policy = policy(&format!(
            "[[rule]]\nwhen = {{ direction = \"inbound\", label = {when} }}\nthen = \"{then}\""
        ));
        let message = Message { labels, ..message(Form::Plain) };
        let case = arrival(ArrivalResult::Unprotected, &[]);
        inbound_decide(&policy, &case, &message).rule().is_some()
    };
    let confidential = "{ policy = \"1.2.3\", at-least = \"confidential\" }";
    for (when, labels, fits) in [
        (confidential, &secret[..], true),
        (confidential, &two, true),
        (confidential, &mild, false),
        (confidential, &bare, false),
        (confidential, &odd, true),
        (confidential, &[], false),
        ("{}", &bare, true),
        ("{}", &[], false),
        ("{ policy = \"1.2.4\" }", &secret, false),
        ("{ mark = \"*eyes*\" }", &secret, true),
        ("{ mark = [\"x\", \"y\"] }", &secret, false),
        ("[{ policy = \"1.2.4\" }, { policy = \"1.2.9\" }]", &two, true),
    ] {
        assert_eq!(matches(when, labels, "reject"), fits, "{when} {labels:?}");
    }
    // What cannot be read opens no door.
    assert!(!matches(confidential, &odd, "pass"));
    for wrong in
        ["{ policy = \"secret\" }", "{ at-least = \"very\" }", "{ classification = 3 }", "[]"]
    {
        let text = format!("version = 1\n[[rule]]\nwhen = {{ label = {wrong} }}\nthen = \"hold\"");
        assert!(Policy::parse(&text, "policy.toml").is_err(), "{wrong}");
    }
}

#[test]
fn the_stricter_of_two_settings_counts() {
    let policy = policy(
        "[inbound]\nrequire-protection-from = [\"globex.example\"]\nunprotected = \"deliver-with-warning\"\n\
         bad-signature = \"reject\"",
    );
    let domains = ["globex.example".to_owned()];
    assert_eq!(
        treatment(&policy, &arrival(ArrivalResult::Failed, &domains)),
        InboundTreatment::Reject { code: &SIGNATURE_FAILED }
    );
}

#[test]
fn inbound_rules_come_first_and_outbound_rules_do_not_count() {
    let rule = |direction: &str, then: &str| {
        policy(&format!("[[rule]]\nwhen = {{ direction = \"{direction}\" }}\nthen = \"{then}\""))
    };
    let plain = arrival(ArrivalResult::Unprotected, &[]);
    let signed =
        Arrival { encryption: ArrivalEncryption::None, ..arrival(ArrivalResult::Verified, &[]) };
    for (direction, then, case, expected) in [
        ("outbound", "reject", &plain, InboundTreatment::Deliver),
        ("internal", "reject", &plain, InboundTreatment::Deliver),
        ("inbound", "reject", &plain, InboundTreatment::Reject { code: &REJECTED_BY_RULE }),
        ("inbound", "hold", &plain, InboundTreatment::Hold { code: &HELD_BY_RULE }),
        ("inbound", "pass", &arrival(ArrivalResult::Failed, &[]), InboundTreatment::Deliver),
        ("inbound", "sign", &plain, InboundTreatment::Hold { code: &NOT_SIGNED }),
        ("inbound", "sign", &signed, InboundTreatment::Deliver),
        ("inbound", "protect", &signed, InboundTreatment::Hold { code: &NOT_PROTECTED }),
        ("inbound", "protect", &arrival(ArrivalResult::Verified, &[]), InboundTreatment::Deliver),
    ] {
        assert_eq!(treatment(&rule(direction, then), case), expected, "{direction} {then}");
    }
}

#[test]
fn a_failed_signature_stays_as_strict_when_a_rule_wanted_one() {
    let policy = policy(
        "[inbound]\nbad-signature = \"reject\"\nunprotected = \"deliver-with-warning\"\n\
         [[rule]]\nwhen = { direction = \"inbound\" }\nthen = \"sign\"",
    );
    assert_eq!(
        treatment(&policy, &arrival(ArrivalResult::Failed, &[])),
        InboundTreatment::Reject { code: &SIGNATURE_FAILED }
    );
}

#[test]
fn a_released_message_is_delivered_with_a_warning() {
    let message = Message { released: true, ..message(Form::Plain) };
    let decision =
        inbound_decide(&Policy::default(), &arrival(ArrivalResult::Undecipherable, &[]), &message);
    assert_eq!(decision.treatment(), InboundTreatment::DeliverWithWarning);
    assert!(decision.reasons().iter().any(|reason| reason.code == UNDECIPHERABLE.id));
}

#[test]
fn the_record_is_stable() {
    let decision = inbound_decide(
        &Policy::default(),
        &arrival(ArrivalResult::Undecipherable, &[]),
        &message(Form::SmimeEncrypted),
    );
    insta::assert_snapshot!(serde_json::to_string(&decision).unwrap(), @r#"{"policy_version":1,"recipient":"alice@acme.example","treatment":{"kind":"hold","code":"policy.undecipherable"},"rule":null,"reasons":[{"code":"policy.undecipherable","text":"the message is encrypted and cannot be opened"}],"tried":[]}"#);
}
