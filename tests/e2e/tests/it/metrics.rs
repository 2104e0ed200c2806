//! The metrics tell what happened: a known set of messages, and every number that follows from it.

use std::collections::BTreeMap;

use chancery_e2e::{
    chancery::section,
    message::{self, fields},
    peers::{Answer, Dialogue, Script, Stage},
    wait,
};

use crate::world::Lone;

const ALICE: &str = "alice@acme.example";
const BOB: &str = "bob@globex.example";

/// Mail to Initech waits for a key, mail to Hooli is refused once it can be read.
const POLICY: &str = "version = 1\n[outbound]\nask-for-key = \"never\"\n\
    [[rule]]\nname = \"initech\"\nthen = \"protect\"\nwhen = { recipient-domain = \"initech.example\" }\n\
    [[rule]]\nname = \"secrets\"\nthen = \"reject\"\nwhen = { header = { name = \"X-Secret\" } }\n";

/// Waits until these numbers are shown, and fails with those that differ.
fn shown(organisation: &Lone, expected: &[(&str, f64)]) -> BTreeMap<String, f64> {
    let mut last = Vec::new();
    let found = wait::within(wait::PATIENCE, || {
        let values = organisation.gateway.metric_values();
        let value = |name: &str| values.get(name).copied().unwrap_or_default();
        #[expect(clippy::float_cmp, reason = "whole numbers of this size are exact")]
        let differing = expected.iter().filter(|(name, wanted)| value(name) != *wanted);
        last = differing.map(|(name, wanted)| (*name, *wanted, value(name))).collect();
        last.is_empty().then_some(values)
    });
    found.unwrap_or_else(|| panic!("expected and shown numbers that differ: {last:?}"))
}

#[test]
fn a_known_set_of_messages_gives_known_numbers() {
    let acme = Lone::start(|gateway| gateway.set_policy(POLICY));
    let globex = Lone::start_as("globex.example");
    acme.gateway.meet(&globex.gateway);
    let fresh = shown(&acme, &[("chancery_accepted_total", 0.0), ("chancery_refused_total", 0.0)]);
    assert!(fresh.contains_key("chancery_opened_total"), "{fresh:?}");
    acme.internet.behave(Script::default().times(
        1_000_000,
        Stage::Recipient,
        "hooli.example",
        Answer::Reply("451 4.3.0 not now"),
    ));

    let send = |to: &str, mark: &str, more: &str| {
        let mail = format!("{more}{}", message::plain(ALICE, to, mark));
        assert!(acme.send(&[to], &mail).starts_with("250"), "{mark}");
    };
    send(BOB, "protected-1-", "");
    send(BOB, "protected-2-", "");
    send("dave@umbrella.example", "clear-", "");
    send("peter@initech.example", "held-", "");
    send("gavin@hooli.example", "waits-", "");
    let to = "dave@umbrella.example";
    let secret = format!("X-Secret: yes\r\n{}", message::plain(ALICE, to, "refused-"));
    assert!(acme.send(&[to], &secret).starts_with("550 5.7.1"));
    let relayed = Dialogue::greeted(acme.gateway.outside()).deliver(BOB, &[BOB], "");
    assert!(relayed.starts_with("550"), "{relayed}");
    for mark in ["protected-1-", "protected-2-"] {
        // Only the Message-ID crosses in clear.
        let wire = acme.internet.received(mark).text();
        assert_eq!(fields(&wire, "Message-ID"), [format!("<{mark}@test.invalid>")]);
        let answer = Dialogue::greeted(globex.gateway.outside()).deliver(ALICE, &[BOB], &wire);
        assert!(answer.starts_with("250"), "{answer}");
    }

    let values = shown(
        &acme,
        &[
            ("chancery_accepted_total", 5.0),
            ("chancery_refused_total", 2.0),
            ("chancery_protected_total", 2.0),
            ("chancery_signed_total", 0.0),
            // Two that nobody can protect, and the notice that goes inside is not counted here.
            ("chancery_clear_total", 2.0),
            ("chancery_opened_total", 0.0),
            ("chancery_held_total", 1.0),
            // Two protected, one in clear, and the notice about the held one.
            ("chancery_delivered_total", 4.0),
            ("chancery_bounced_total", 0.0),
            ("chancery_notices_total", 1.0),
            ("chancery_failures_total{code=\"intake.relay_denied\"}", 1.0),
            ("chancery_failures_total{code=\"policy.no_partner\"}", 1.0),
            ("chancery_failures_total{code=\"policy.rejected\"}", 1.0),
            ("chancery_queue_recipients{state=\"queued\"}", 1.0),
            ("chancery_queue_recipients{state=\"held\"}", 1.0),
            ("chancery_stage_seconds_count{stage=\"intake\"}", 6.0),
        ],
    );
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    let deferred = value("chancery_deferred_total");
    assert!(deferred >= 1.0, "{values:?}");
    assert!(value("chancery_failures_total{code=\"smtp.refused_for_now\"}") >= deferred);
    assert!(value("chancery_stage_seconds_count{stage=\"plan\"}") >= 6.0, "{values:?}");
    assert!(value("chancery_stage_seconds_count{stage=\"deliver\"}") >= 4.0, "{values:?}");
    for stage in ["intake", "plan", "deliver"] {
        let all = value(&format!("chancery_stage_seconds_bucket{{stage=\"{stage}\",le=\"+Inf\"}}"));
        assert!(all >= 4.0, "{stage}: {values:?}");
        assert!(
            value(&format!("chancery_stage_seconds_sum{{stage=\"{stage}\"}}")) > 0.0,
            "{stage}"
        );
    }
    // What waits gets older.
    wait::until("the age of what waits", || {
        let age = acme.gateway.metric_values().get("chancery_queue_oldest_seconds").copied();
        age.filter(|age| *age >= 1.0)
    });
    shown(
        &globex,
        &[
            ("chancery_accepted_total", 2.0),
            ("chancery_opened_total", 2.0),
            ("chancery_delivered_total", 2.0),
            ("chancery_protected_total", 0.0),
            ("chancery_queue_recipients{state=\"queued\"}", 0.0),
            ("chancery_queue_oldest_seconds", 0.0),
        ],
    );
    // The one that waits goes, and the queue is empty but for what is held.
    acme.internet.behave(Script::default());
    shown(
        &acme,
        &[
            ("chancery_delivered_total", 5.0),
            ("chancery_queue_recipients{state=\"queued\"}", 0.0),
            ("chancery_queue_recipients{state=\"held\"}", 1.0),
            ("chancery_queue_oldest_seconds", 0.0),
        ],
    );
}

#[test]
fn clients_that_take_too_long_and_mail_that_breaks_the_protocol_are_counted() {
    let acme = Lone::start(|gateway| {
        gateway.configure(|configuration| {
            let limits = section(configuration, "limits");
            limits.insert("command-timeout".into(), "3s".into());
            limits.insert("data-timeout".into(), "3s".into());
        });
    });
    // One is silent before its first command, one in the middle of a message.
    let mut silent = Dialogue::greeted(acme.gateway.inside());
    assert!(silent.reply().starts_with("421 4.4.2"));
    let mut slow = Dialogue::greeted(acme.gateway.inside());
    for command in ["MAIL FROM:<alice@acme.example>", "RCPT TO:<carol@acme.example>"] {
        assert!(slow.say(command).starts_with("250"), "{command}");
    }
    assert!(slow.say("DATA").starts_with("354"));
    slow.send("Subject: slow\r\n");
    assert!(slow.reply().starts_with("421 4.4.2"));
    let nul = format!("X: \0\r\n{}", message::plain(ALICE, "carol@acme.example", "nul-"));
    assert!(acme.send(&["carol@acme.example"], &nul).starts_with("550 5.6.0"));
    shown(
        &acme,
        &[
            ("chancery_failures_total{code=\"smtp.timeout\"}", 2.0),
            ("chancery_failures_total{code=\"smtp.nul\"}", 1.0),
            ("chancery_refused_total", 2.0),
            ("chancery_accepted_total", 0.0),
        ],
    );
}
