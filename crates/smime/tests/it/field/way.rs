//! Reports about signatures that were broken on the way, or before it.

use chancery_smime::{
    Delivered, Outcome,
    transit::{Effect, Rewriting, Survey},
};

use super::{FROM, changed, mail};
use crate::{
    openssl::OpenSsl,
    support::{Party, open_as},
};

const PARTS: &str = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\
    Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain\r\n\r\nplain\r\n--a\r\n\
    Content-Type: text/html\r\n\r\n<p>html</p>\r\n--a--\r\n--m\r\nContent-Type: application/pdf\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--m--";

#[test]
fn lettre_1025_the_end_of_a_multipart_may_be_written_anew() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    for end in ["", "\r\n", "\r\n\r\n", "\r\n\r\n\r\n \r\n"] {
        for inner in ["--a--\r\n", "--a--\r\n\r\n", "--a--\r\n\r\n\r\n"] {
            let original = format!("{FROM}{}{end}", PARTS.replace("--a--\r\n", inner));
            let message = acme.sign(&original);
            openssl.verify(&acme, &message);
            let survey = Survey::of(&message, &[]).unwrap();
            assert!(survey.holds);
            assert!(
                !survey.broken_by().contains(&Rewriting::EndsTidied),
                "{end:?} {inner:?}: {}",
                String::from_utf8_lossy(&message)
            );
            let opened = open_as(&globex, &message, &vec![acme.anchor()]);
            assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
        }
    }
    // Text after the end is nobody's to drop; and signed as it is, the same message does not survive.
    let original = format!("{FROM}{PARTS}\r\nfor old programs\r\n");
    let message = String::from_utf8(acme.sign(&original)).unwrap();
    assert!(message.contains("--m--\r\nfor old programs\r\n"), "{message}");
    let as_it_is = openssl.sign(&acme, &["-binary"], format!("{PARTS}\r\n\r\n\r\n").as_bytes());
    let survey = Survey::of(&mail(&as_it_is), &[]).unwrap();
    let finding = survey.findings.iter().find(|it| it.rewriting == Rewriting::EndsTidied).unwrap();
    assert_eq!(finding.effect, Effect::Breaks);
}

#[test]
fn universalmailer_15_what_is_changed_after_signing_is_never_verified() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let message = acme.sign(&format!("{FROM}{PARTS}\r\n"));
    // The program put a font around the text, and only where there were attachments.
    for (from, to) in [
        ("<p>html</p>", "<font face=\"Calibri\"><p>html</p></font>"),
        ("Content-Type: application/pdf", "Content-Type: application/pdf; name=a.pdf"),
        ("JVBERi0=", "JVBERi0x"),
    ] {
        let opened = open_as(&globex, &changed(&message, from, to), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Failed, "{to}: {:#?}", opened.verdict);
        assert_eq!(opened.delivered, Delivered::AsReceived);
        assert!(opened.codes().contains(&"smime.signature_bad"), "{:?}", opened.codes());
    }
}
