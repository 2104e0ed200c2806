//! What users do: mail from one organisation to the other, and what happens when it cannot go.

use chancery_e2e::{
    message::{self, SECRET, fields},
    peers::{Answer, Dialogue, OpenSsl, Script, Stage, swaks},
    place::Folder,
    wait,
};

use crate::world::{Handover, Lone, acme_and_globex};

const ALICE: &str = "alice@acme.example";
const BOB: &str = "bob@globex.example";

/// A policy that never lets mail to Globex leave unprotected.
const PROTECT_GLOBEX: &str = "version = 1\n[outbound]\nask-for-key = \"never\"\n[[rule]]\nname = \"globex\"\nthen = \"protect\"\n\
                              when = { recipient-domain = \"globex.example\" }\n";

#[test]
fn mail_crosses_from_mailbox_to_mailbox_behind_a_content_filter() {
    mail_crosses_both_ways(Handover::ContentFilter);
}

#[test]
fn mail_crosses_from_mailbox_to_mailbox_behind_a_relayhost() {
    mail_crosses_both_ways(Handover::RelayHost);
}

/// Postfix, Chancery, the internet, Chancery, Postfix: there and back.
fn mail_crosses_both_ways(handover: Handover) {
    let (acme, globex) = acme_and_globex(handover);
    for (from, to, sender, receiver, mark) in
        [(&acme, &globex, ALICE, BOB, "there"), (&globex, &acme, BOB, ALICE, "back")]
    {
        for (sent, mark) in [
            (message::plain(sender, receiver, &format!("{mark}-plain")), format!("{mark}-plain@")),
            (message::rich(sender, receiver, &format!("{mark}-rich")), format!("{mark}-rich@")),
        ] {
            from.submit(sender, &[receiver], &sent);
            let delivered = to.postfix.delivered(&mark);
            assert_eq!(
                message::without_trace(&delivered),
                message::without_trace(&sent),
                "{handover:?}"
            );
            let results = fields(&delivered, "Authentication-Results");
            let ours = format!("gateway.{}", to.gateway.domain());
            let verdict = results.iter().find(|result| result.starts_with(&ours));
            assert!(verdict.is_some_and(|verdict| verdict.contains("smime=pass")), "{results:?}");
        }
        let wire = to.tap.seen();
        assert!(wire.contains("application/pkcs7-mime"), "{wire}");
        for text in [SECRET, "Grüße", "R3LDvMOf", "harvest", "r.pdf", "JVBERi0xLjQK"] {
            assert!(!wire.contains(text), "{text:?} crossed the internet in clear");
        }
    }
    let story = acme.gateway.demand(&["explain", "there-plain@test.invalid"]);
    assert!(story.contains(BOB) && story.contains("protect"), "{story}");
    let story = globex.gateway.demand(&["explain", "there-plain@test.invalid"]);
    assert!(story.contains(BOB) && story.contains("acme.example"), "{story}");
}

#[test]
fn mail_to_colleagues_behind_a_content_filter_comes_back_inside() {
    let (acme, _globex) = acme_and_globex(Handover::ContentFilter);
    let sent = message::plain(ALICE, "carol@acme.example", "inside");
    acme.submit(ALICE, &["carol@acme.example"], &sent);
    assert_eq!(
        message::without_trace(&acme.postfix.delivered("inside")),
        message::without_trace(&sent)
    );
}

#[test]
fn protected_mail_waits_for_a_partner_card_and_then_goes_by_itself() {
    let organisation = Lone::start(|gateway| gateway.set_policy(PROTECT_GLOBEX));
    let globex = Lone::start_as("globex.example");

    let sent = message::plain(ALICE, BOB, "held");
    assert!(organisation.send(&[BOB], &sent).starts_with("250"));
    let notice = organisation.mailboxes.received_for(ALICE);
    assert_eq!(notice.from, "", "a notice has the null sender");
    assert!(notice.text().contains(BOB) && !notice.text().contains(SECRET), "{}", notice.text());
    assert!(organisation.waiting("held").contains(BOB));
    assert!(organisation.internet.accepted().is_empty());

    organisation.gateway.add_partner(&globex.gateway.card(), &globex.gateway.fingerprint());
    globex.gateway.add_partner(&organisation.gateway.card(), &organisation.gateway.fingerprint());
    let wire = organisation.internet.received_for(BOB);
    assert!(wire.text().contains("pkcs7-mime") && !wire.text().contains(SECRET), "{}", wire.text());
    let answer = Dialogue::greeted(globex.gateway.outside()).deliver(ALICE, &[BOB], &wire.text());
    assert!(answer.starts_with("250"), "{answer}");
    let delivered = globex.mailboxes.received("held").text();
    assert_eq!(message::without_trace(&delivered), message::without_trace(&sent));
    let notices = organisation.mailboxes.accepted();
    assert_eq!(notices.len(), 1, "one notice and no more");
}

#[test]
fn releasing_does_not_get_past_a_demand_to_protect() {
    let organisation = Lone::start(|gateway| gateway.set_policy(PROTECT_GLOBEX));
    assert!(organisation.send(&[BOB], &message::plain(ALICE, BOB, "stay")).starts_with("250"));
    wait::until("the hold", || organisation.waiting("held").contains(BOB).then_some(()));
    organisation.gateway.command(&["queue", "release", "--all"]);
    // A message that nothing stops shows that the release was worked off.
    assert!(
        organisation
            .send(&["dave@initech.example"], &message::plain(ALICE, "dave@initech.example", "go"))
            .starts_with("250")
    );
    organisation.internet.received_for("dave@initech.example");
    wait::until("the second hold", || organisation.waiting("held").contains(BOB).then_some(()));
    assert_eq!(organisation.internet.accepted().len(), 1);
}

#[test]
fn a_rule_holds_until_an_administrator_releases() {
    let organisation = Lone::start(|gateway| {
        gateway.set_policy("version = 1\n[[rule]]\nname = \"look first\"\nthen = \"hold\"\n");
    });
    assert!(
        organisation
            .send(&["dave@initech.example"], &message::plain(ALICE, "dave@initech.example", "look"))
            .starts_with("250")
    );
    wait::until("the hold", || {
        organisation.waiting("held").contains("dave@initech.example").then_some(())
    });
    assert!(organisation.internet.accepted().is_empty());
    organisation.gateway.demand(&["queue", "release", "look@test.invalid"]);
    let sent = organisation.internet.received("mark look");
    assert_eq!(sent.recipients, ["dave@initech.example"]);
}

#[test]
fn each_recipient_gets_what_the_policy_says() {
    let organisation = Lone::start(|_| {});
    let globex = Lone::start_as("globex.example");
    organisation.gateway.add_partner(&globex.gateway.card(), &globex.gateway.fingerprint());
    let sent = message::plain(ALICE, BOB, "split");
    let answer = organisation.send(&[BOB, "dave@initech.example", "carol@globex.example"], &sent);
    assert!(answer.starts_with("250"), "{answer}");
    let protected = organisation.internet.received_for(BOB);
    let clear = organisation.internet.received_for("dave@initech.example");
    assert!(!protected.text().contains(SECRET));
    assert_eq!(
        protected.recipients.iter().filter(|one| one.ends_with("@initech.example")).count(),
        0
    );
    assert_eq!(clear.recipients, ["dave@initech.example"]);
    assert_eq!(message::without_trace(&clear.text()), message::without_trace(&sent));
}

#[test]
fn desktop_protected_mail_passes_with_its_bytes() {
    let folder = Folder::new();
    let openssl = OpenSsl::within(folder.path());
    let identity = openssl.organisation("initech.example", 30);
    let certificate = identity.encryption.to_str().expect("a plain path");
    let signing = [identity.signing.to_str(), identity.signing_key.to_str()]
        .map(|path| path.expect("a plain path"));
    let content = b"Content-Type: text/plain\r\n\r\nfrom the desktop\r\n";
    let head = "From: alice@acme.example\r\nTo: dave@initech.example\r\nSubject: desktop\r\n";
    let encrypted =
        openssl.demand(&["cms", "-encrypt", "-crlfeol", "-aes256", certificate], content);
    let signed = openssl.demand(
        &["cms", "-sign", "-crlfeol", "-signer", signing[0], "-inkey", signing[1]],
        content,
    );
    let organisation = Lone::start(|_| {});
    for (kind, made) in [("encrypted", encrypted), ("signed", signed)] {
        let text = String::from_utf8(made)
            .expect("openssl writes text")
            .replace("\r\n", "\n")
            .replace('\n', "\r\n");
        let sent = format!("{head}Message-ID: <{kind}@desktop.invalid>\r\n{text}");
        let answer = organisation.send(&["dave@initech.example"], &sent);
        assert!(answer.starts_with("250"), "{answer}");
        let passed = organisation.internet.received(&format!("{kind}@desktop.invalid")).text();
        assert!(
            passed.ends_with(&sent),
            "only trace fields may stand before the message:\n{passed}"
        );
    }
}

#[test]
fn waiting_mail_survives_a_restart_and_goes_once() {
    let mut organisation = Lone::start(|_| {});
    organisation
        .internet
        .behave(Script::default().always(Stage::Connect, Answer::Reply("421 4.3.2 not now")));
    for number in 0..5 {
        let mail = message::plain(ALICE, "dave@initech.example", &format!("wait-{number}-"));
        assert!(organisation.send(&["dave@initech.example"], &mail).starts_with("250"));
    }
    let status = organisation.gateway.stop();
    assert_eq!(status.code(), Some(0), "{}", organisation.gateway.log());
    organisation.internet.behave(Script::default());
    organisation.gateway.start();
    organisation.internet.wait_for("five messages", |accepted| (accepted.len() >= 5).then_some(()));
    assert_eq!(organisation.gateway.stop().code(), Some(0));
    assert_eq!(organisation.internet.accepted().len(), 5);
}

#[test]
fn a_user_with_swaks_reaches_a_partner_over_tls() {
    let (acme, globex) = acme_and_globex(Handover::RelayHost);
    let options =
        ["--from", ALICE, "--to", BOB, "--header", "Subject: by swaks", "--body", SECRET, "--tls"];
    swaks(acme.gateway.inside(), &options).accepted();
    let delivered = globex.postfix.delivered("by swaks");
    assert!(delivered.contains(SECRET) && delivered.contains("smime=pass"), "{delivered}");
    assert!(!globex.tap.seen().contains(SECRET));
}
