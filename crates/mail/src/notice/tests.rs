//! Notices are read by people, by programs and by other gateways: each must find what it looks for.

use proptest::prelude::*;

use super::{Action, Envelope, Failure, Failures, Held, Notice, Recipient, Report, plain};
use crate::address::Address;
use crate::content_type::TransferEncoding;
use crate::header::HeaderBlock;
use crate::index::{Index, Part};
use crate::transfer;

const ORIGINAL: &[u8] =
    b"Received: from x\r\nFrom: Ann <ann@acme.example>\r\nTo: bob@globex.example\r\n\
    Subject: =?utf-8?Q?Angebot_f=C3=BCr_M=C3=A4rz?=\r\nDate: Fri, 21 Nov 1997 09:55:06 +0000\r\n\
    Message-ID: <1@acme.example>\r\n";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn envelope<'a>(from: &'a Address, to: &'a Address, original_header: &'a [u8]) -> Envelope<'a> {
    Envelope {
        host: "gate.acme.example",
        from,
        to,
        message_id: "<n1@gate.acme.example>",
        date: 880_106_106,
        original_header,
    }
}

fn recipient(address: &Address, action: Action) -> Recipient<'_> {
    Recipient {
        address,
        original: None,
        action,
        status: "5.1.1",
        diagnostic: None,
        remote_mta: None,
        last_attempt: None,
        retry_until: None,
        reason: "",
    }
}

/// Checks what every notice must keep, and returns it as text with LF line ends.
fn checked(notice: &Notice) -> String {
    let text = std::str::from_utf8(&notice.message).unwrap();
    assert!(notice.smtputf8 || text.is_ascii());
    assert!(text.ends_with("\r\n"));
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert_eq!(text.matches('\r').count(), text.matches("\r\n").count());
    for line in text.split("\r\n") {
        assert!(line.len() <= 998, "{line}");
        assert!(line.chars().all(|c| !c.is_control() || c == '\t'), "{line}");
    }
    let header = HeaderBlock::parse(text.as_bytes());
    for name in [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ] {
        assert_eq!(header.all(name).count(), 1, "{name}");
    }
    text.replace("\r\n", "\n")
}

fn decoded(notice: &Notice, part: &Part) -> String {
    let body = part.body.of(&notice.message).unwrap();
    String::from_utf8(transfer::decode(part.transfer_encoding, body)).unwrap()
}

#[test]
fn a_failure_says_who_why_and_what_was_sent() {
    let (from, to) = (address("postmaster@acme.example"), address("ann@acme.example"));
    let (bob, eve) = (address("bob@globex.example"), address("eve@globex.example"));
    let recipients = [
        Recipient {
            original: Some("rfc822;bob+2Bsales@globex.example"),
            diagnostic: Some("550 5.1.1 <bob@globex.example>:\r\n no such user"),
            remote_mta: Some("mx.globex.example"),
            last_attempt: Some(880_106_000),
            reason: "The address does not exist.",
            ..recipient(&bob, Action::Failed)
        },
        Recipient {
            status: "4.4.1",
            diagnostic: Some("no server of globex.example answers"),
            retry_until: Some(880_206_106),
            ..recipient(&eve, Action::Delayed)
        },
    ];
    let report = Report {
        envelope: envelope(&from, &to, ORIGINAL),
        arrived: Some(880_105_000),
        envelope_id: Some("QQ314159"),
        recipients: &recipients,
    };
    let notice = report.write();
    insta::assert_snapshot!(checked(&notice));
    assert!(!notice.smtputf8);
    let index = Index::of(&notice.message);
    let types: Vec<_> = index.parts().iter().map(|part| part.content_type.essence()).collect();
    assert_eq!(
        types,
        ["multipart/report", "text/plain", "message/delivery-status", "text/rfc822-headers"]
    );
    assert_eq!(index.root().content_type.parameter("report-type"), Some("delivery-status"));
    assert_eq!(decoded(&notice, &index.parts()[3]).as_bytes(), ORIGINAL);
}

#[test]
fn addresses_that_are_not_ascii_make_a_global_report() {
    let (from, to) = (address("postmaster@acme.example"), address("ann@acme.example"));
    let jorg = address("jörg@bücher.example");
    let original = "From: ann@acme.example\r\nTo: jörg@bücher.example\r\nSubject: Grüße\r\n";
    let recipients = [Recipient {
        original: Some("utf-8;j\\x{F6}rg@bücher.example"),
        ..recipient(&jorg, Action::Relayed)
    }];
    let report = Report {
        envelope: envelope(&from, &to, original.as_bytes()),
        arrived: None,
        envelope_id: None,
        recipients: &recipients,
    };
    let notice = report.write();
    insta::assert_snapshot!(checked(&notice));
    assert!(!notice.smtputf8);
    let index = Index::of(&notice.message);
    let status = decoded(&notice, &index.parts()[2]);
    assert!(status.contains(
        "\r\nFinal-Recipient: utf-8; jörg@bücher.example\r\nAction: relayed\r\nStatus: 2.0.0\r\n"
    ));
    assert_eq!(decoded(&notice, &index.parts()[3]), original);

    let to = address("änn@acme.example");
    assert!(Report { envelope: envelope(&from, &to, b""), ..report }.write().smtputf8);
}

#[test]
fn a_held_message_is_explained() {
    let (from, to) = (address("postmaster@acme.example"), address("ann@acme.example"));
    let one = [address("bob@globex.example")];
    let held = Held {
        envelope: envelope(&from, &to, ORIGINAL),
        recipients: &one,
        reason: "The policy demands encryption for globex.example, and no key for globex.example is known here.",
        next: "As soon as the partner's card is added, your message is encrypted and sent by itself. You need not send \
               it again. If it is urgent, ask your administrator.",
        until: Some(880_906_106),
        code: Some("policy.no_key"),
    };
    insta::assert_snapshot!(checked(&held.write()));
    let many: Vec<_> =
        (0..60).map(|number| address(&format!("r{number}@globex.example"))).collect();
    let text = checked(&Held { recipients: &many, ..held }.write());
    assert!(text.contains("\n\nYour message to 60 recipients is waiting at gate.acme.example.\n"));
    assert!(text.contains("\n  r49@globex.example\n  and 10 more\n"));
}

#[test]
fn a_status_that_does_not_fit_is_replaced() {
    let bob = address("bob@globex.example");
    for (action, status, wanted) in [
        (Action::Failed, "5.1.1", "5.1.1"),
        (Action::Failed, "4.4.7", "4.4.7"),
        (Action::Failed, "2.0.0", "5.0.0"),
        (Action::Failed, "", "5.0.0"),
        (Action::Failed, "5.1", "5.0.0"),
        (Action::Failed, "5.1.1.1", "5.0.0"),
        (Action::Failed, "5.1.1\r\nX: y", "5.0.0"),
        (Action::Failed, "5.1000.1", "5.0.0"),
        (Action::Delayed, "5.1.1", "4.0.0"),
        (Action::Delayed, "4.7.1", "4.7.1"),
        (Action::Delivered, "2.1.5", "2.1.5"),
        (Action::Relayed, "5.0.0", "2.0.0"),
    ] {
        assert_eq!(
            Recipient { status, ..recipient(&bob, action) }.checked_status(),
            wanted,
            "{status:?}"
        );
    }
}

#[test]
fn a_long_or_dirty_header_goes_back_clean_and_in_whole_fields() {
    let (from, to) = (address("postmaster@acme.example"), address("ann@acme.example"));
    let bob = address("bob@globex.example");
    let recipients = [recipient(&bob, Action::Failed)];
    let report = |header: &[u8]| {
        let envelope = envelope(&from, &to, header);
        let notice =
            Report { envelope, arrived: None, envelope_id: None, recipients: &recipients }.write();
        checked(&notice);
        let index = Index::of(&notice.message);
        let part = index.parts().get(3).cloned();
        part.map(|part| {
            (
                part.transfer_encoding,
                transfer::decode(part.transfer_encoding, part.body.of(&notice.message).unwrap()),
            )
        })
    };
    assert_eq!(report(b""), None);
    let dirty = b"Subject: \xfc\0\r\nX: --=_n1gateacmeexample_0\r\n";
    assert_eq!(report(dirty), Some((TransferEncoding::QuotedPrintable, dirty.to_vec())));
    assert_eq!(report(b"A: 1\nB: 2\n").unwrap().1, b"A: 1\r\nB: 2\r\n");
    let long = [b"X: ".to_vec(), vec![b'y'; 5000], b"\r\n".to_vec()].concat();
    assert_eq!(report(&long), Some((TransferEncoding::QuotedPrintable, long.clone())));
    let huge = long.repeat(20);
    let kept = report(&huge).unwrap().1;
    assert_eq!(kept, long.repeat(13));
}

proptest! {
    #[test]
    fn nothing_foreign_breaks_a_notice(
        host in "(?s).{0,20}", id in "(?s).{0,60}", original in "(?s).{0,60}", status in "(?s).{0,9}",
        diagnostic in "(?s).{0,90}", server in "(?s).{0,20}", reason in "(?s).{0,300}", subject in "(?s).{0,200}",
        header in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (from, to) = (address("postmaster@acme.example"), address("ann@acme.example"));
        let bob = address("bob@globex.example");
        let header = [format!("Subject: {subject}\r\nMessage-ID: {id}\r\n").as_bytes(), &header].concat();
        let mut envelope = envelope(&from, &to, &header);
        envelope.host = &host;
        let recipients = [Recipient {
            address: &bob, original: Some(&original), action: Action::Failed, status: &status, diagnostic: Some(&diagnostic),
            remote_mta: Some(&server), last_attempt: Some(0), retry_until: None, reason: &reason,
        }];
        let notice = Report { envelope, arrived: Some(0), envelope_id: Some(&id), recipients: &recipients }.write();
        checked(&notice);
        let index = Index::of(&notice.message);
        prop_assert!(index.parts().len() >= 3 && index.root().close.is_some());
        // One group of fields for the message, one for the recipient, and nothing between.
        let part = &index.parts()[2];
        let status = transfer::decode(part.transfer_encoding, part.body.of(&notice.message).unwrap());
        let block = HeaderBlock::parse(&status);
        prop_assert_eq!(block.all("final-recipient").count(), 0);
        let group = HeaderBlock::parse(&status[block.body_offset()..]);
        for name in ["final-recipient", "action", "status", "remote-mta", "diagnostic-code"] {
            prop_assert_eq!(group.all(name).count(), 1);
        }
        checked(&plain(&envelope, &subject, &reason));
    }
}

#[test]
fn the_failures_of_a_report_of_postfix_are_read() {
    let report = b"From: MAILER-DAEMON@mail.globex.example\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\
        \tboundary=\"B\"\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\nsorry\r\n\r\n--B\r\n\
        Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.globex.example\r\n\
        X-Postfix-Queue-ID: 4Wk\r\n\r\nFinal-Recipient: rfc822; bob@inside.globex.example\r\n\
        Original-Recipient: rfc822;Bob@globex.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\
        Diagnostic-Code: smtp; 550 5.1.1 <bob@inside.globex.example>:\r\n    no such user\r\n\r\n\
        Final-Recipient: rfc822; eve@globex.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n--B\r\n\
        Content-Type: message/rfc822\r\n\r\nFrom: ann@acme.example\r\nMessage-ID: <1@acme.example>\r\n\r\ntext\r\n--B--\r\n";
    let read = Failures::read(&Index::of(report), report).unwrap();
    assert_eq!(read.message_id.as_deref(), Some("<1@acme.example>"));
    let failure = Failure {
        addresses: vec!["Bob@globex.example".to_owned(), "bob@inside.globex.example".to_owned()],
        reply: "5.1.1 550 5.1.1 <bob@inside.globex.example>: no such user".to_owned(),
    };
    assert_eq!(read.recipients, [failure]);
}

#[test]
fn what_is_no_report_of_a_failure_has_none() {
    let of = |kind: &str, action: &str| {
        let text = format!(
            "Content-Type: multipart/report; report-type={kind}; boundary=B\r\n\r\n--B\r\n\
             Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n\
             Final-Recipient: rfc822; bob@globex.example\r\nAction: {action}\r\n\r\n--B--\r\n"
        );
        Failures::read(&Index::of(text.as_bytes()), text.as_bytes())
    };
    assert!(of("delivery-status", "failed").is_some());
    assert_eq!(of("disposition-notification", "failed"), None);
    assert_eq!(of("delivery-status", "relayed"), None);
    let many = "failed\r\n\r\nFinal-Recipient: rfc822; bob@globex.example\r\nAction: ".repeat(70);
    assert_eq!(of("delivery-status", &many).map(|it| it.recipients.len()), Some(64));
    let plain = b"Content-Type: text/plain\r\n\r\nAction: failed\r\n";
    assert_eq!(Failures::read(&Index::of(plain), plain), None);
}

proptest! {
    /// What is written is read; and whatever a report is cut to, it is read without harm.
    #[test]
    fn a_report_that_is_written_is_read(
        names in prop::collection::vec(("[a-z]{1,8}", any::<bool>()), 1..6),
        reply in "[ -~]{0,400}",
        cut in any::<prop::sample::Index>(),
    ) {
        let (from, to) = (address("postmaster@acme.example"), address("ann@acme.example"));
        let addresses: Vec<_> =
            names.iter().map(|(name, _)| address(&format!("{name}@globex.example"))).collect();
        let recipients: Vec<_> = addresses
            .iter()
            .zip(&names)
            .map(|(it, (_, failed))| Recipient {
                diagnostic: Some(&reply),
                ..recipient(it, if *failed { Action::Failed } else { Action::Delivered })
            })
            .collect();
        let report = Report {
            envelope: envelope(&from, &to, ORIGINAL),
            arrived: None,
            envelope_id: None,
            recipients: &recipients,
        };
        let message = report.write().message;
        let read = Failures::read(&Index::of(&message), &message);
        let failed: Vec<String> = addresses
            .iter()
            .zip(&names)
            .filter(|(_, (_, failed))| *failed)
            .map(|(it, _)| it.to_string())
            .collect();
        prop_assert_eq!(read.is_some(), !failed.is_empty());
        if let Some(read) = read {
            prop_assert_eq!(read.message_id.as_deref(), Some("<1@acme.example>"));
            let read: Vec<_> = read.recipients.into_iter().flat_map(|it| it.addresses).collect();
            prop_assert_eq!(read, failed);
        }
        let cut = &message[..cut.index(message.len())];
        let read = Failures::read(&Index::of(cut), cut);
        prop_assert!(read.is_none_or(|it| it.recipients.len() <= 64));
    }
}
