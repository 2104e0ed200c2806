//! What time does: mail that is late, mail that is given up, and partners whose keys have expired.

use chancery_e2e::{
    chancery::section,
    message::{self, SECRET, fields},
    peers::{Accepted, Answer, Dialogue, Script, Stage},
    wait,
};

use crate::{interop::Initech, world::Lone};

const ALICE: &str = "alice@acme.example";
const DAVE: &str = "dave@initech.example";

/// A gateway that loses patience within seconds, and an internet that always says later.
fn impatient() -> Lone {
    let organisation = Lone::start(|gateway| {
        gateway.configure(|configuration| {
            let queue = section(configuration, "queue");
            queue.insert("jitter".into(), 0.into());
            queue.insert("delay-notice".into(), "1s".into());
            queue.insert("expire".into(), "3s".into());
        });
    });
    let later = Answer::Reply("451 4.2.1 mailbox busy");
    organisation.internet.behave(Script::default().always(Stage::Recipient, later));
    organisation
}

/// Returns the notices among what arrived that say this about a recipient.
fn notices(accepted: &[Accepted], action: &str) -> Vec<String> {
    let texts = accepted.iter().filter(|mail| mail.from.is_empty()).map(Accepted::text);
    texts.filter(|text| text.contains(&format!("\r\nAction: {action}\r\n"))).collect()
}

#[test]
fn the_sender_hears_of_a_delay_and_then_of_the_end() {
    let organisation = impatient();
    let sent = message::plain(ALICE, DAVE, "late-");
    assert!(organisation.send(&[DAVE], &sent).starts_with("250"));
    let find = |action: &'static str| {
        organisation.mailboxes.wait_for(&format!("a notice: {action}"), |accepted| {
            notices(accepted, action).first().cloned()
        })
    };
    let (delayed, failed) = (find("delayed"), find("failed"));
    for (notice, status) in [(&delayed, "Status: 4."), (&failed, "Status: 5.4.7")] {
        assert!(fields(notice, "Content-Type").concat().contains("multipart/report"), "{notice}");
        assert!(
            notice.contains(&format!("Final-Recipient: rfc822;{DAVE}"))
                || notice.contains(&format!("Final-Recipient: rfc822; {DAVE}")),
            "{notice}"
        );
        assert!(notice.contains(status) && notice.contains("mailbox busy"), "{notice}");
        assert!(notice.contains("late-@test.invalid"), "the original's header is in it: {notice}");
        assert!(!notice.contains(SECRET), "the original's body is not: {notice}");
    }
    wait::until("an end", || (organisation.waiting("queued").trim() == "[]").then_some(()));
    let arrived = organisation.mailboxes.accepted();
    assert_eq!(notices(&arrived, "delayed").len(), 1, "once");
    assert_eq!(notices(&arrived, "failed").len(), 1, "once");
    assert_eq!(arrived.len(), 2);
    let story = organisation.gateway.demand(&["explain", "late-@test.invalid"]);
    assert!(story.contains("queue.expired"), "{story}");
}

#[test]
fn nobody_is_told_who_does_not_want_to_be() {
    let organisation = impatient();
    let mut dialogue = Dialogue::greeted(organisation.gateway.inside());
    for (from, mark, notify) in [(ALICE, "never-", " NOTIFY=NEVER"), ("", "null-", "")] {
        assert!(dialogue.say(&format!("MAIL FROM:<{from}>")).starts_with("250"));
        assert!(dialogue.say(&format!("RCPT TO:<{DAVE}>{notify}")).starts_with("250"));
        assert!(dialogue.say("DATA").starts_with("354"));
        let mail = message::plain(ALICE, DAVE, mark);
        dialogue.send(chancery_e2e::peers::stuffed(&mail));
        assert!(dialogue.reply().starts_with("250"));
    }
    wait::until("both to be given up", || {
        let bounced = organisation.waiting("bounced");
        (bounced.contains("never-@") && bounced.contains("null-@")).then_some(())
    });
    // A message to a colleague goes after whatever notice there could have been.
    let after = message::plain(ALICE, "carol@acme.example", "after-");
    assert!(organisation.send(&["carol@acme.example"], &after).starts_with("250"));
    organisation.mailboxes.received("mark after-");
    assert_eq!(organisation.mailboxes.accepted().len(), 1, "and no notice");
}

#[test]
fn mail_waits_when_the_partners_card_or_certificate_has_expired() {
    // The card ends in ten days and the certificates in thirty, or the other way round in the second case.
    for (case, card_days, certificate_days, then) in
        [("card", 10, 30, "+20d"), ("certificate", 60, 30, "+40d")]
    {
        let initech = Initech::with_certificates_for(certificate_days);
        let mut organisation = Lone::start_with_options(&["--key-type", "rsa-2048"]);
        initech.meet_until(&organisation, card_days);
        let before = message::plain(ALICE, DAVE, &format!("before-{case}-"));
        assert!(organisation.send(&[DAVE], &before).starts_with("250"));
        let wire = organisation.internet.received_for(DAVE).text();
        assert!(wire.contains("pkcs7-mime") && !wire.contains(SECRET), "{case}: {wire}");

        organisation.gateway.stop();
        organisation.gateway.set_clock(then);
        organisation.gateway.start();
        let late = message::plain(ALICE, DAVE, &format!("after-{case}-"));
        assert!(organisation.send(&[DAVE], &late).starts_with("250"));
        let notice = organisation.mailboxes.received_for(ALICE).text();
        assert!(notice.contains("expired") && !notice.contains(SECRET), "{case}: {notice}");
        let held = organisation.waiting("held");
        assert!(held.contains("policy.key_expired"), "{case}: {held}");
        assert_eq!(organisation.internet.accepted().len(), 1, "{case}: nothing went in clear");

        // What they sign then proves nothing any more.
        let entity = format!("Content-Type: text/plain\r\n\r\n{SECRET} {case}\r\n");
        let mail = format!(
            "From: {DAVE}\r\nTo: {ALICE}\r\nMessage-ID: <signed-{case}@initech.example>\r\n{}",
            initech.sign(&entity)
        );
        assert!(organisation.receive(DAVE, &mail).starts_with("250"), "{case}");
        let delivered = organisation.mailboxes.received(&format!("signed-{case}@")).text();
        let results = fields(&delivered, "Authentication-Results").concat();
        assert_eq!(results.contains("smime=pass"), case == "card", "{case}: {results}");
    }
}
