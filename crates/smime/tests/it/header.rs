//! Header protection: what is signed of the header is shown, whatever was changed outside (RFC 9788).

use std::io::Cursor;

use chancery_crypto::KeyKind;
use chancery_smime::{
    ContentAlgorithm, Delivered, HeaderConfidentiality, HeaderForm, InPlace, NoTrust, Outcome,
    Protection, protect_in_place,
};

use crate::{
    openssl::OpenSsl,
    support::{AT, Party, open_as},
};

const ORIGINAL: &str = "Received: from desk\r\nFrom: J\u{f6}rg <joerg@acme.example>\r\nTo: hank@globex.example\r\n\
    Subject: Gr\u{fc}\u{df}e, as agreed\r\nMessage-ID: <1@acme.example>\r\nX-Mailer: x\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=us-ascii\r\n\r\nPay to account 1.\r\n";

fn signed(party: &Party, original: &str) -> String {
    String::from_utf8(party.sign(original)).unwrap()
}

/// Replaces in the outer header only.
fn tampered(message: &str, from: &str, to: &str) -> String {
    let (header, body) = message.split_once("\r\n\r\n").unwrap();
    assert!(header.contains(from), "{header}");
    format!("{}\r\n\r\n{body}", header.replace(from, to))
}

#[test]
fn our_own_clear_signature_covers_the_header() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let message = signed(&acme, ORIGINAL);
    let opened = open_as(&globex, message.as_bytes(), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert!(opened.codes().is_empty(), "{:?}", opened.codes());
    assert_eq!(opened.delivered, Delivered::AsReceived);
    let header = opened.verdict.header;
    assert_eq!(header.form, HeaderForm::Hp);
    assert_eq!(header.covered, ["From", "To", "Subject", "Message-ID"]);
    assert!(header.hidden.is_empty() && header.differing.is_empty() && header.added.is_empty());
    let content = String::from_utf8(openssl.verify(&acme, message.as_bytes())).unwrap();
    assert!(
        content.contains("\r\nSubject: =?utf-8?B?") && content.contains("hp=\"clear\""),
        "{content}"
    );
}

#[test]
fn what_was_changed_on_the_way_is_put_right() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let message = signed(&acme, ORIGINAL);
    let changed =
        tampered(&message, "Subject: Gr\u{fc}\u{df}e, as agreed", "Subject: account changed!");
    let changed = changed.replacen(
        "X-Mailer: x\r\n",
        "X-Mailer: x\r\nReply-To: eve@evil.example\r\nList-Id: <l.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n",
        1,
    );
    let opened = open_as(&globex, changed.as_bytes(), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.header_differs", "smime.header_differs"]);
    assert_eq!(opened.verdict.header.differing, ["Subject"]);
    assert_eq!(opened.verdict.header.added, ["Reply-To"]);
    let text = opened.text();
    assert!(!text.contains("account changed") && !text.contains("evil"), "{text}");
    assert!(
        text.contains("List-Id") && text.contains("\r\nDate: ") && text.contains("X-Mailer: x\r\n"),
        "{text}"
    );
    // What is delivered is a message that verifies again, with nothing left to complain about.
    let again = open_as(&globex, &opened.bytes, &vec![acme.anchor()]);
    assert_eq!((again.verdict.result, again.codes().len()), (Outcome::Verified, 0), "{text}");
    // To somebody who does not know the signer nothing is put right: the bytes stay.
    let stranger = open_as(&globex, changed.as_bytes(), &NoTrust);
    assert_eq!(stranger.delivered, Delivered::AsReceived);
    assert_eq!(stranger.verdict.header.differing, ["Subject"]);
}

#[test]
fn from_that_was_changed_is_never_verified() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let message = signed(&acme, ORIGINAL);
    for other in ["boss@acme.example", "eve@evil.example", "joerg@acme.example, boss@acme.example"]
    {
        let changed = tampered(&message, "J\u{f6}rg <joerg@acme.example>", other);
        let opened = open_as(&globex, changed.as_bytes(), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{other}: {:#?}", opened.verdict);
        assert!(opened.codes().contains(&"smime.from_differs"), "{:?}", opened.codes());
        // The signer speaks for the author, so the author is shown.
        assert_eq!(opened.verdict.from, ["joerg@acme.example"]);
        assert!(
            !opened.text().contains("boss@") && !opened.text().contains("eve@"),
            "{}",
            opened.text()
        );
    }
    // A name beside the address is put right.
    let changed = tampered(&message, "J\u{f6}rg <", "\"CEO\" <");
    let opened = open_as(&globex, changed.as_bytes(), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified);
    assert_eq!(opened.verdict.header.differing, ["From"]);
    assert!(!opened.text().contains("CEO"), "{}", opened.text());
}

#[test]
fn a_second_from_outside_is_never_verified() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let message = signed(&acme, ORIGINAL);
    for before in [
        "From: boss@acme.example\r\n",
        "From : boss@acme.example\r\n",
        "X: y\rFrom: boss@acme.example\r\n",
    ] {
        let doubled = format!("{before}{message}");
        let opened = open_as(&globex, doubled.as_bytes(), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{before:?}: {:#?}", opened.verdict);
    }
}

#[test]
fn a_signer_of_another_domain_gains_nothing_from_a_header_inside() {
    let globex = Party::globex();
    let (acme, mallory) =
        (Party::acme(), Party::new("Mallory", "mallory.example", KeyKind::EcP256));
    let trust = vec![acme.anchor(), mallory.anchor()];
    // Inside From is Acme's, outside Mallory's own; and the other way round.
    let forged = signed(&mallory, ORIGINAL);
    let outside = tampered(&forged, "J\u{f6}rg <joerg@acme.example>", "m@mallory.example");
    let opened = open_as(&globex, outside.as_bytes(), &trust);
    assert_eq!(opened.verdict.result, Outcome::Unverified, "{:#?}", opened.verdict);
    assert_eq!(opened.verdict.from, ["m@mallory.example"]);
    let shown = opened.text();
    assert!(shown.contains("\r\nFrom: m@mallory.example\r\n"), "{shown}");
    assert_eq!(shown.split("\r\n\r\n").next().unwrap().matches("joerg@").count(), 0, "{shown}");
    let own = signed(&mallory, &ORIGINAL.replace("joerg@acme.example", "m@mallory.example"));
    let outside = tampered(&own, "m@mallory.example", "joerg@acme.example");
    let opened = open_as(&globex, outside.as_bytes(), &trust);
    assert_eq!(opened.verdict.result, Outcome::Unverified, "{:#?}", opened.verdict);
    assert_eq!(opened.verdict.from, ["m@mallory.example"]);
    assert!(!opened.text().contains("joerg@"), "{}", opened.text());
}

#[test]
fn a_signature_without_header_protection_says_so() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let entity = openssl.sign(&acme, &[], b"Content-Type: text/plain\r\n\r\nhello\r\n");
    let message = [b"From: joerg@acme.example\r\nSubject: x\r\n", &entity[..]].concat();
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified);
    assert_eq!(opened.codes(), ["smime.header_not_covered"]);
    assert_eq!(opened.verdict.header.form, HeaderForm::None);
    let results = opened.verdict.authentication_results("gate.globex.example");
    assert!(results.contains("reason=\"Acme, header not covered\""), "{results}");
}

#[test]
fn hp_in_the_outer_header_or_beside_the_payload_means_nothing() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let inner = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nSubject: inner\r\nFrom: joerg@acme.example\r\n\
        Content-Type: text/plain; hp=\"clear\"\r\n\r\nhello\r\n--b--\r\n";
    let entity = String::from_utf8(openssl.sign(&acme, &[], inner.as_bytes())).unwrap();
    let entity = entity.replacen(
        "Content-Type: multipart/signed;",
        "Content-Type: multipart/signed; hp=\"clear\";",
        1,
    );
    let message = format!("From: boss@acme.example\r\nSubject: outer\r\n{entity}");
    let opened = open_as(&globex, message.as_bytes(), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.header.form, HeaderForm::None, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.header_not_covered"]);
    assert_eq!(opened.delivered, Delivered::AsReceived);
}

#[test]
fn encrypted_mail_of_programs_with_rfc_9788_is_read() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let payload = "HP-Outer: Subject: [...]\r\nHP-Outer: From: joerg@acme.example\r\nFrom: J <joerg@acme.example>\r\n\
        To: hank@globex.example\r\nSubject: the real one\r\nReceived: from evil\r\nX-Spam-Flag: NO\r\n\
        Content-Type: text/plain; hp=\"cipher\"\r\n\r\nHello\r\n";
    let signed = openssl.sign(&acme, &[], payload.as_bytes());
    let entity = openssl.encrypt(&globex, &["-aes-256-gcm"], &signed);
    let mail = |outer: &str| [outer.as_bytes(), &entity].concat();

    let opened = open_as(&globex, &mail("From: joerg@acme.example\r\nSubject: [...]\r\n"), &trust);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert!(opened.codes().is_empty(), "{:?}", opened.codes());
    assert_eq!(opened.verdict.header.covered, ["From", "To", "Subject"]);
    assert_eq!(opened.verdict.header.hidden, ["From", "To", "Subject"]);
    assert_eq!(
        opened.text(),
        "From: J <joerg@acme.example>\r\nSubject: the real one\r\nTo: hank@globex.example\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain\r\n\r\nHello\r\n"
    );

    let changed =
        mail("From: joerg@acme.example\r\nSubject: [list] [...]\r\nCc: eve@evil.example\r\n");
    let opened = open_as(&globex, &changed, &trust);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert_eq!(opened.verdict.header.differing, ["Subject"]);
    assert_eq!(opened.verdict.header.added, ["Cc"]);
    assert!(!opened.text().contains("eve@"), "{}", opened.text());

    let forged = open_as(&globex, &mail("From: boss@acme.example\r\nSubject: [...]\r\n"), &trust);
    assert_eq!(forged.verdict.result, Outcome::Unverified, "{:#?}", forged.verdict);
    assert_eq!(forged.verdict.from, ["joerg@acme.example"]);
}

#[test]
fn older_forms_of_thunderbird_and_autocrypt_are_read() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let payload = "Subject: the real one\r\nFrom: joerg@acme.example\r\n\
        Content-Type: multipart/mixed; boundary=b; protected-headers=\"v1\"\r\n\r\n--b\r\n\r\nHello\r\n--b--\r\n";
    let signed = openssl.sign(&acme, &[], payload.as_bytes());
    let entity = openssl.encrypt(&globex, &["-aes-256-gcm"], &signed);
    let message = [
        b"From: joerg@acme.example\r\nSubject: ...\r\nDate: now\r\nReply-To: l@acme.example\r\n",
        &entity[..],
    ]
    .concat();
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    let header = opened.verdict.header.clone();
    assert_eq!(header.form, HeaderForm::ProtectedHeadersV1);
    assert_eq!((header.covered, header.hidden), (vec!["From", "Subject"], vec!["Subject"]));
    let text = opened.text();
    assert!(
        text.contains("Subject: the real one\r\n") && !text.contains("Subject: ...\r\n"),
        "{text}"
    );
    // That form protects some fields only; the others are not somebody's addition.
    assert!(text.contains("Reply-To: l@acme.example"), "{text}");
}

#[test]
fn a_wrapped_message_is_read_signed_and_encrypted() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let inner = "From: joerg@acme.example\r\nSubject: real\r\n\r\nHello\r\n";
    for kind in ["message/rfc822", "message/global"] {
        let wrapped = format!("Content-Type: {kind}; forwarded=no\r\n\r\n{inner}");
        let signed = openssl.sign(&acme, &["-binary"], wrapped.as_bytes());
        let sealed = openssl.encrypt(&globex, &["-aes-256-gcm"], &signed);
        for (what, entity) in [("signed", signed), ("encrypted", sealed)] {
            let message = [b"From: joerg@acme.example\r\nSubject: other\r\n", &entity[..]].concat();
            let opened = open_as(&globex, &message, &vec![acme.anchor()]);
            assert_eq!(
                opened.verdict.result,
                Outcome::Verified,
                "{what} {kind}: {:#?}",
                opened.verdict
            );
            assert_eq!(opened.verdict.header.covered, ["From", "Subject"]);
            assert_eq!(opened.text(), inner, "{what} {kind}");
        }
    }
}

#[test]
fn only_the_encryption_of_nobody_knows_whom_gives_no_from() {
    let (globex, openssl) = (Party::globex(), OpenSsl::new());
    let payload = "From: boss@acme.example\r\nSubject: pay\r\nContent-Type: text/plain; hp=\"cipher\"\r\n\r\nx\r\n";
    let entity = openssl.encrypt(&globex, &["-aes-256-gcm"], payload.as_bytes());
    let message = [b"From: eve@evil.example\r\nSubject: [...]\r\n", &entity[..]].concat();
    let opened = open_as(&globex, &message, &vec![Party::acme().anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unverified);
    assert_eq!(opened.verdict.from, ["eve@evil.example"]);
    assert!(opened.verdict.header.covered.is_empty());
    assert_eq!(opened.verdict.header.differing, ["From"]);
    let text = opened.text();
    assert!(text.starts_with("From: eve@evil.example\r\nSubject: pay\r\n"), "{text}");
}

#[test]
fn a_sender_whom_nobody_vouches_for_is_noted() {
    let (acme, globex) = (Party::acme(), Party::globex());
    for (sender, codes) in [
        ("hilda@acme.example", &[][..]),
        ("list@lists.example", &["smime.sender_differs"]),
        ("joerg@acme.example, eve@evil.example", &["smime.sender_differs"]),
    ] {
        let message = signed(&acme, &format!("Sender: {sender}\r\n{ORIGINAL}"));
        let opened = open_as(&globex, message.as_bytes(), &vec![acme.anchor()]);
        assert_eq!(opened.codes(), codes, "{sender}");
        assert_eq!(opened.verdict.result, Outcome::Verified);
    }
}

pub(crate) fn in_place(to: &Party, by: &Party, original: &str, how: InPlace) -> String {
    let (signer, recipient) = (by.signer(), to.recipient());
    let protection = Protection {
        signer: &signer,
        recipients: &[&recipient],
        cipher: ContentAlgorithm::Aes256Gcm,
        signing_time: AT,
        boundary_seed: b"child 1",
    };
    let mut out = Vec::new();
    let report = protect_in_place(&mut Cursor::new(original), how, &protection, &mut out).unwrap();
    assert_eq!(report.original_bytes, original.len() as u64);
    assert_eq!(report.wire_bytes, out.len() as u64);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_message_protected_in_place_hides_what_the_policy_hides() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let original = format!(
        "Keywords: plan\r\nDate: Sat, 21 Nov 2026 11:00:00 +0100\r\nBcc: x@acme.example\r\n{ORIGINAL}"
    );
    for (confidentiality, shown, hidden) in [
        (
            HeaderConfidentiality::Baseline,
            &["From: =?utf-8?B?SsO2cmc=?= <joerg@acme.example>\r\n", "Subject: [...]\r\n", "+0100"]
                [..],
            &["Subject", "Keywords"][..],
        ),
        (
            HeaderConfidentiality::Shy,
            &["From: joerg@acme.example\r\n", "Subject: [...]\r\n", "10:00:00 +0000"],
            &["From", "Subject", "Date", "Keywords"],
        ),
        (HeaderConfidentiality::None, &["Subject: =?utf-8?B?", "Keywords: plan\r\n"], &[]),
    ] {
        let how = InPlace { confidentiality, legacy_display: false, keeps_bcc: false };
        let wire = in_place(&globex, &acme, &original, how);
        for text in shown {
            assert!(wire.contains(text), "{confidentiality:?} {text}: {wire}");
        }
        assert!(!wire.contains("Bcc:") && !wire.contains("X-Mailer:"), "{wire}");
        let opened = open_as(&globex, wire.as_bytes(), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
        assert!(opened.codes().is_empty(), "{:?}", opened.codes());
        assert_eq!(opened.verdict.header.hidden, hidden, "{confidentiality:?}");
        assert_eq!(opened.verdict.header.covered.len(), 6);
        let text = opened.text();
        assert!(
            text.contains("Subject: Gr\u{fc}\u{df}e, as agreed\r\n")
                && text.contains("11:00:00 +0100"),
            "{text}"
        );
        assert!(text.ends_with("\r\n\r\nPay to account 1.\r\n"), "{text}");
        let inner =
            String::from_utf8(openssl.verify(&acme, &openssl.decrypt(&globex, wire.as_bytes())))
                .unwrap();
        assert!(inner.contains("hp=\"cipher\"") && inner.contains("X-Mailer: x\r\n"), "{inner}");
        assert!(!inner.contains("Received") && !inner.contains("Bcc"), "{inner}");
    }
}

#[test]
fn a_lone_cr_inside_shows_nobody_another_field() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let payload = "From: joerg@acme.example\r\nSubject: a\rX-Spam-Flag: NO\r\nContent-Type: text/plain; hp=\"cipher\"\r\n\r\nx\r\n";
    let entity = openssl.encrypt(&globex, &["-aes-256-gcm"], payload.as_bytes());
    let message = [b"From: joerg@acme.example\r\nSubject: outer\r\n", &entity[..]].concat();
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert_eq!(opened.verdict.header.form, HeaderForm::None);
    assert!(!opened.text().contains("X-Spam-Flag"), "{}", opened.text());
}
