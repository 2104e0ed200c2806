//! Header protection where there are several layers, and its older forms (RFC 9788 sections 4.1 and 4.10).

use chancery_smime::{Delivered, HeaderForm, Outcome};

use crate::{
    openssl::OpenSsl,
    support::{AT, Outcome as Opened, Party, open_as, open_at},
};

const OUTER: &str =
    "From: joerg@acme.example\r\nSubject: [...]\r\nMessage-ID: <1@acme.example>\r\n";

fn mail(outer: &str, entity: &[u8]) -> Vec<u8> {
    [outer.as_bytes(), entity].concat()
}

fn payload(header: &str) -> String {
    format!(
        "From: joerg@acme.example\r\nSubject: the real one\r\nMessage-ID: <1@acme.example>\r\n{header}\r\n\r\nHello\r\n"
    )
}

/// Writes fields of a header before those of an entity.
fn with_fields(fields: &str, entity: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(entity.to_vec()).unwrap();
    format!("{fields}{}", text.replacen("multipart/signed;", "multipart/signed; hp=\"cipher\";", 1))
        .into_bytes()
}

fn assert_shows(opened: &Opened, subject: &str, what: &str) {
    assert_eq!(opened.verdict.result, Outcome::Verified, "{what}: {:#?}", opened.verdict);
    let text = opened.text();
    assert_eq!(text.matches("\r\nSubject: ").count(), 1, "{what}: {text}");
    assert!(text.contains(&format!("\r\nSubject: {subject}\r\n")), "{what}: {text}");
}

#[test]
fn the_payload_s_fields_count_whatever_stands_between_the_layers() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let between = "From: joerg@acme.example\r\nSubject: between\r\nHP-Outer: Subject: other\r\n";
    let inside = payload(
        "HP-Outer: From: joerg@acme.example\r\nHP-Outer: Subject: [...]\r\nHP-Outer: Message-ID: <1@acme.example>\r\n\
        Content-Type: text/plain; hp=\"cipher\"",
    );
    let signed = openssl.sign(&acme, &["-binary"], inside.as_bytes());
    let opaque = openssl.sign(&acme, &["-binary", "-nodetach"], inside.as_bytes());
    for (what, inner) in [
        ("signed", signed.clone()),
        ("opaque", opaque.clone()),
        ("fields over the signature", with_fields(between, &signed)),
        ("fields over the opaque signature", [between.as_bytes(), &opaque].concat()),
    ] {
        let sealed = openssl.encrypt(&globex, &["-aes-256-gcm"], &inner);
        let sealed_with_fields = [between.as_bytes(), &sealed].concat();
        let triple = openssl.sign(&acme, &["-binary"], &sealed_with_fields);
        let twice = openssl.encrypt(&globex, &["-aes-256-gcm"], &sealed_with_fields);
        for (form, entity) in [("sealed", sealed), ("triple", triple), ("twice", twice)] {
            let what = format!("{what}, {form}");
            let opened = open_as(&globex, &mail(OUTER, &entity), &trust);
            assert_shows(&opened, "the real one", &what);
            assert!(opened.codes().is_empty(), "{what}: {:?}", opened.codes());
            let header = opened.verdict.header;
            assert_eq!(header.form, HeaderForm::Hp, "{what}");
            assert_eq!(header.covered, ["From", "Subject", "Message-ID"], "{what}");
            assert_eq!(header.hidden, ["Subject"], "{what}");
        }
    }
}

#[test]
fn fields_between_the_layers_are_nobody_s() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let between = "From: boss@acme.example\r\nSubject: between\r\nReply-To: eve@evil.example\r\n";
    for kind in ["text/plain", "text/plain; hp=\"no\"", "text/plain; protected-headers=\"v2\""] {
        let inside = format!("Content-Type: {kind}\r\n\r\nHello\r\n");
        let signed = openssl.sign(&acme, &["-binary"], inside.as_bytes());
        let sealed = openssl.encrypt(&globex, &["-aes-256-gcm"], &with_fields(between, &signed));
        let opened = open_as(&globex, &mail(OUTER, &sealed), &vec![acme.anchor()]);
        assert_shows(&opened, "[...]", kind);
        assert_eq!(opened.verdict.header.form, HeaderForm::None);
        assert_eq!(opened.codes(), ["smime.header_not_covered"]);
        assert!(!opened.text().contains("evil"), "{}", opened.text());
    }
}

#[test]
fn a_signature_around_the_encryption_does_not_cover_what_is_inside() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let inside = payload("Content-Type: text/plain; hp=\"cipher\"");
    let sealed = openssl.encrypt(&globex, &["-aes-256-gcm"], inside.as_bytes());
    let around = openssl.sign(&acme, &["-binary"], &sealed);
    let opened = open_as(&globex, &mail(OUTER, &around), &vec![acme.anchor()]);
    assert_ne!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert!(opened.verdict.header.covered.is_empty());
}

/// The older form with a part that repeats what is hidden, as drafts and programs of 2019 wrote it.
fn older(display: &str, lines: &str) -> String {
    format!(
        "From: joerg@acme.example\r\nSubject: the real one\r\nMessage-ID: <1@acme.example>\r\n\
         Content-Type: multipart/mixed; boundary=\"6ae\"; protected-headers=\"v1\"\r\n\r\n--6ae\r\n{display}\r\n\r\n{lines}\r\n--6ae\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\r\nHello\r\n--6ae--\r\n"
    )
}

fn open_older(inside: &str, is_signed: bool) -> Opened {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let entity = if is_signed {
        openssl.sign(&acme, &["-binary", "-nodetach"], inside.as_bytes())
    } else {
        inside.as_bytes().to_vec()
    };
    let sealed = openssl.encrypt(&globex, &["-aes-256-gcm"], &entity);
    open_as(&globex, &mail(OUTER, &sealed), &vec![acme.anchor()])
}

#[test]
fn the_legacy_display_of_the_older_form_is_not_shown() {
    for is_signed in [true, false] {
        for (display, lines) in [
            (
                "content-type: text/plain; protected-headers=\"v1\"\r\nContent-Disposition: inline",
                "Subject: the real one\r\n",
            ),
            (
                "Content-Type: text/rfc822-headers; protected-headers=v1",
                "Subject: the\r\n real one",
            ),
            (
                "Content-Type: text/plain; protected-headers=\"v1\"\r\nContent-Transfer-Encoding: base64",
                "U3ViamVjdDogdGhlIHJlYWwgb25lDQpGcm9tOiBqb2VyZ0BhY21lLmV4YW1wbGUNCg==",
            ),
        ] {
            let opened = open_older(&older(display, lines), is_signed);
            assert_eq!(opened.verdict.header.form, HeaderForm::ProtectedHeadersV1);
            let text = opened.text();
            let (header, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(header.contains("Subject: the real one"), "{text}");
            assert!(!header.contains("protected-headers"), "{text}");
            assert_eq!(
                body,
                "--6ae\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nHello\r\n--6ae--\r\n",
                "{display}"
            );
        }
    }
}

#[test]
fn nothing_else_is_taken_for_a_legacy_display_of_the_older_form() {
    let v1 = "Content-Type: text/plain; protected-headers=\"v1\"";
    let lines = "Subject: the real one\r\n";
    let third = older(v1, lines).replace("--6ae--", "--6ae\r\n\r\nthird\r\n--6ae--");
    for (what, inside) in [
        ("more than fields", older(v1, "Subject: the real one\r\nPay to account 2.\r\n")),
        ("a field that is not inside", older(v1, "Account: 2\r\n")),
        ("no lines", older(v1, "")),
        ("not said", older("Content-Type: text/plain", lines)),
        ("another type", older("Content-Type: text/html; protected-headers=v1", lines)),
        ("an attachment", older(&format!("{v1}\r\nContent-Disposition: attachment"), lines)),
        ("three parts", third),
        ("alternatives", older(v1, lines).replace("multipart/mixed", "multipart/alternative")),
    ] {
        let opened = open_older(&inside, true);
        let (_, body) = inside.split_once("\r\n\r\n").unwrap();
        assert!(opened.text().ends_with(body), "{what}: {}", opened.text());
    }
    // And not where nothing is encrypted: there the signature would break.
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = openssl.sign(&acme, &["-binary"], older(v1, lines).as_bytes());
    let outer = OUTER.replace("[...]", "the real one");
    let opened = open_as(&globex, &mail(&outer, &signed), &vec![acme.anchor()]);
    assert_eq!(opened.delivered, Delivered::AsReceived, "{:#?}", opened.verdict);
}

#[test]
fn a_message_wrapped_before_there_was_a_parameter_is_known_by_its_id() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let ids = "Message-ID: <1@acme.example>\r\nDate: Sat, 20 Feb 2021 12:27:02 -0500\r\n";
    let open = |outer: &str, inner: &str, kind: &str, is_sealed: bool| {
        let wrapped = format!("MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{inner}");
        let signed = openssl.sign(&acme, &["-binary"], wrapped.as_bytes());
        let entity =
            if is_sealed { openssl.encrypt(&globex, &["-aes-256-gcm"], &signed) } else { signed };
        open_at(&globex, &mail(outer, &entity), &trust, AT)
    };
    let inner =
        format!("From: Joerg <joerg@acme.example>\r\nSubject: the real one\r\n{ids}\r\nHello\r\n");
    let outer = format!("From: joerg@acme.example\r\nSubject: [...]\r\n{ids}");
    for is_sealed in [true, false] {
        let opened = open(&outer, &inner, "message/rfc822", is_sealed);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
        assert_eq!(opened.verdict.header.form, HeaderForm::Wrapped, "{is_sealed}");
        assert_eq!(opened.verdict.header.covered, ["From", "Subject", "Date", "Message-ID"]);
        assert_eq!(opened.text(), inner);
    }
    // What somebody forwards is another message, also if it is his own, and says so or not.
    let layer = format!(
        "From: joerg@acme.example\r\n{ids}Content-Type: application/pkcs7-mime\r\n\r\nMIA=\r\n"
    );
    let protected =
        format!("From: joerg@acme.example\r\n{ids}Content-Type: text/plain; hp=clear\r\n\r\nx\r\n");
    for (what, inner, kind) in [
        ("another id", inner.replace("<1@", "<2@"), "message/rfc822"),
        ("another author", inner.replace("joerg@", "hilda@"), "message/rfc822"),
        (
            "no id, another date",
            inner.replace("Message-ID: <1@acme.example>\r\n", "").replace("20 Feb", "21 Feb"),
            "message/rfc822",
        ),
        ("it says so", inner.clone(), "message/rfc822; forwarded=yes"),
        ("it says something else", inner.clone(), "message/rfc822; forwarded=perhaps"),
        ("a layer", layer, "message/rfc822"),
        ("protected in place", protected, "message/rfc822"),
    ] {
        let opened = open(&outer, &inner, kind, false);
        assert_eq!(opened.delivered, Delivered::AsReceived, "{what}: {:#?}", opened.verdict);
        assert_eq!(opened.verdict.header.form, HeaderForm::None, "{what}");
        let opened = open(&outer, &inner, kind, true);
        assert!(opened.text().contains("\r\nSubject: [...]\r\n"), "{what}: {}", opened.text());
    }
}
