//! The legacy display: hidden fields at the start of the text, for programs that do not look for them inside (RFC 9788).

use chancery_smime::{Delivered, HeaderConfidentiality, InPlace, Outcome};

use crate::{
    header::in_place,
    openssl::OpenSsl,
    support::{Party, open_as},
};

const DISPLAY: InPlace = InPlace {
    confidentiality: HeaderConfidentiality::Baseline,
    legacy_display: true,
    keeps_bcc: false,
};

/// Protects a message with a legacy display; returns what is inside of all layers, and what is delivered.
fn protected(original: &str, how: InPlace) -> (String, String) {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let wire = in_place(&globex, &acme, original, how);
    let inside = openssl.verify(&acme, &openssl.decrypt(&globex, wire.as_bytes()));
    let opened = open_as(&globex, wire.as_bytes(), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    (String::from_utf8(inside).unwrap(), opened.text())
}

#[test]
fn a_text_begins_with_the_hidden_subject_until_we_read_it() {
    for (fields, body, start) in [
        (
            "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit",
            "BODY\r\n\r\nx\r\n",
            Some("\r\n\r\nSubject: Gr\u{fc}\u{df}e, as & agreed\r\n\r\nBODY\r\n\r\nx\r\n"),
        ),
        (
            "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable",
            "=C3=BC\r\n",
            Some("\r\n\r\nSubject: Gr=C3=BC=C3=9Fe, as & agreed\r\n\r\n=C3=BC\r\n"),
        ),
        (
            "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64",
            "w7wNCg==\r\n",
            Some("\r\n\r\nU3ViamVjdDogR3LDvMOfZSwgYXMgJiBhZ3JlZWQNCg0Kw7wNCg==\r\n"),
        ),
        (
            "text/html; charset=iso-8859-1",
            "<html><body class=x><p>BODY</p></body></html>\r\n",
            Some(
                "<body class=x>\r\n<div class=\"header-protection-legacy-display\">\r\n\
                 <pre>Subject: Gr&#252;&#223;e, as &amp; agreed</pre>\r\n</div>\r\n<p>BODY</p>",
            ),
        ),
        // No place for the letters, or for an element.
        ("text/plain", "BODY\r\n", None),
        ("text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: base64", "QgA=\r\n", None),
        ("text/html", "<html><p>BODY</p></html>\r\n", None),
        ("text/html; charset=utf-16le\r\nContent-Transfer-Encoding: base64", "QgA=\r\n", None),
        ("application/pdf\r\nContent-Transfer-Encoding: base64", "QgA=\r\n", None),
        ("text/plain; charset=utf-8\r\nContent-Disposition: attachment", "BODY\r\n", None),
    ] {
        let original = format!(
            "From: joerg@acme.example\r\nSubject: Gr\u{fc}\u{df}e, as &\r\n agreed\r\nMIME-Version: 1.0\r\n\
             Content-Type: {fields}\r\n\r\n{body}"
        );
        let (inside, delivered) = protected(&original, DISPLAY);
        assert_eq!(inside.contains("hp-legacy-display=\"1\""), start.is_some(), "{inside}");
        assert!(inside.contains(start.unwrap_or(body)), "{inside}");
        assert_eq!(delivered, original);
    }
}

#[test]
fn every_alternative_begins_with_it_and_no_attachment() {
    let original = "From: J <joerg@acme.example>\r\nTo: \"H, H\" <hank@globex.example>\r\nSubject: real\r\n\
        Date: Sat, 21 Nov 2026 11:00:00 +0100\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=m\r\n\r\npreamble\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
        --a\r\n\r\nplain\r\n--a\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\
        X: y\r\n\r\n<body><p>html\r\n--r\r\nContent-Type: text/plain\r\n\r\nimage\r\n--r--\r\n--a--\r\n\
        --m\r\nContent-Type: text/plain\r\n\r\nattached\r\n--m--\r\nepilogue\r\n";
    let (inside, delivered) = protected(original, DISPLAY);
    assert_eq!(inside.matches("hp-legacy-display=\"1\"").count(), 2, "{inside}");
    assert!(inside.contains("--a\r\nContent-Type: text/plain; hp-legacy-display=\"1\"\r\n\r\nSubject: real\r\n\r\nplain\r\n"), "{inside}");
    assert!(inside.contains("<pre>Subject: real</pre>") && inside.contains("X: y\r\n"), "{inside}");
    assert!(inside.contains("\r\n\r\nimage\r\n") && inside.contains("\r\n\r\nattached\r\n"));
    let shown = |text: &str| text.replace("; hp-legacy-display=\"1\"", "");
    let delivered = delivered.replace(";\r\n hp-legacy-display=\"1\"", "");
    assert_eq!(
        shown(&delivered).replace("--a\r\nContent-Type: text/plain\r\n", "--a\r\n"),
        original,
        "nothing else was touched"
    );

    let shy = InPlace { confidentiality: HeaderConfidentiality::Shy, ..DISPLAY };
    let (inside, delivered) = protected(original, shy);
    assert!(
        inside.contains(
            "\r\n\r\nSubject: real\r\nFrom: J <joerg@acme.example>\r\nTo: \"H, H\" <hank@globex.example>\r\n\
             Date: Sat, 21 Nov 2026 11:00:00 +0100\r\n\r\nplain\r\n"
        ),
        "{inside}"
    );
    assert!(delivered.contains("\r\n\r\nplain\r\n"), "{delivered}");
    let none = InPlace { confidentiality: HeaderConfidentiality::None, ..DISPLAY };
    assert!(!protected(original, none).0.contains("hp-legacy-display"));
}

/// Opens a message that another program protected; returns what is delivered.
fn read(payload: &str, is_signed: bool) -> String {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let entity = if is_signed {
        openssl.sign(&acme, &["-binary"], payload.as_bytes())
    } else {
        payload.as_bytes().to_vec()
    };
    let entity = openssl.encrypt(&globex, &["-aes-256-gcm"], &entity);
    let message = [b"From: joerg@acme.example\r\nSubject: [...]\r\n", &entity[..]].concat();
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert!(matches!(opened.delivered, Delivered::Rebuilt { .. }));
    opened.text()
}

/// The header of a payload as the examples of RFC 9788 have it (appendix E).
fn payload(kind: &str, body: &str) -> String {
    format!(
        "MIME-Version: 1.0\r\nDate: Fri, 21 Jan 2022 20:40:48 -0500\r\nFrom: joerg@acme.example\r\nSubject: Dinner\r\n\
         Content-Type: {kind}\r\nHP-Outer: Date: Fri, 21 Jan 2022 20:40:48 -0500\r\n\
         HP-Outer: From: joerg@acme.example\r\nHP-Outer: Subject: [...]\r\n\r\n{body}"
    )
}

#[test]
fn the_legacy_display_of_other_programs_is_not_shown() {
    let html = "<html><head><title></title></head><body>\r\n<div class=\"header-protection-legacy-display\">\r\n\
        <pre>Subject: Dinner</pre>\r\n</div>\r\n<p>At eight.</p></body></html>\r\n";
    for is_signed in [true, false] {
        for (kind, body, shown) in [
            (
                "text/plain; hp-legacy-display=\"1\"; hp=\"cipher\"",
                "Subject: Dinner\r\n\r\nAt eight.\r\n",
                "At eight.\r\n",
            ),
            (
                "text/plain; charset=\"us-ascii\"; hp-legacy-display=\"1\";\r\n hp=\"cipher\"",
                "Subject:\r\n Dinner\r\nDate: Fri, 21 Jan 2022\r\n 20:40:48 -0500\r\n\r\n\r\nAt eight.\r\n\r\nBye\r\n",
                "\r\nAt eight.\r\n\r\nBye\r\n",
            ),
            ("text/html; hp-legacy-display=1; hp=cipher", html, "</head><body><p>At eight.</p>"),
            (
                "multipart/alternative; boundary=b; hp=cipher",
                "--b\r\nContent-Type: text/plain; hp-legacy-display=1\r\n\r\nSubject: Dinner\r\n\r\nAt eight.\r\n--b--\r\n",
                "\r\n\r\nAt eight.\r\n--b--\r\n",
            ),
        ] {
            let text = read(&payload(kind, body), is_signed);
            let (header, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(header.contains("Subject: Dinner"), "{text}");
            assert!(!header.contains("hp=") && !header.contains("HP-Outer"), "{text}");
            assert!(body.contains(shown) && !body.contains("Subject:"), "{text}");
        }
    }
}

#[test]
fn nothing_else_is_hidden_from_the_reader() {
    for (kind, body) in [
        // Not marked, marked otherwise, or no field of the header inside.
        ("text/plain; hp=cipher", "Subject: Dinner\r\n\r\nAt eight.\r\n"),
        ("text/plain; hp=cipher; hp-legacy-display=2", "Subject: Dinner\r\n\r\nAt eight.\r\n"),
        ("text/plain; hp=cipher; hp-legacy-display=1", "Account: 1\r\n\r\nAt eight.\r\n"),
        ("text/plain; hp=cipher; hp-legacy-display=1", "Subject: Dinner\r\nPay it\r\n\r\nx\r\n"),
        ("text/plain; hp=cipher; hp-legacy-display=1", "Subject: Dinner\r\n"),
        (
            "text/html; hp=cipher; hp-legacy-display=1",
            "<body><p>a</p><div class=header-protection-legacy-display>Subject: x</div>",
        ),
        (
            "text/html; hp=cipher; hp-legacy-display=1",
            "<body><div class=header-protection-legacy-display><p>Pay it</p></div>",
        ),
        (
            "text/html; hp=cipher; hp-legacy-display=1",
            "<body><div class=header-protection-legacy-display>Subject: <div>x</div></div>",
        ),
        // Its author did not encrypt it.
        ("text/plain; hp=clear; hp-legacy-display=1", "Subject: Dinner\r\n\r\nAt eight.\r\n"),
        // An attachment, and what somebody else signed.
        (
            "multipart/mixed; hp=cipher; boundary=b",
            "--b\r\n\r\nx\r\n--b\r\nContent-Type: text/plain; hp-legacy-display=1\r\n\r\nSubject: Dinner\r\n\r\nx\r\n--b--\r\n",
        ),
        (
            "multipart/mixed; hp=cipher; boundary=b",
            "--b\r\nContent-Type: multipart/signed; protocol=x; boundary=c\r\n\r\n--c\r\nContent-Type: text/plain; hp-legacy-display=1\r\n\r\n\
             Subject: Dinner\r\n\r\nx\r\n--c\r\n\r\n--c--\r\n--b--\r\n",
        ),
    ] {
        let text = read(&payload(kind, body), true);
        assert!(text.ends_with(&format!("\r\n\r\n{body}")), "{kind}: {text}");
    }
}

#[test]
fn who_encrypts_what_others_signed_hides_nothing() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed =
        openssl.sign(&acme, &["-binary"], payload("text/plain; hp=clear", "x\r\n").as_bytes());
    let entity = openssl.encrypt(&globex, &["-aes-256-gcm"], &signed);
    let message = [b"From: joerg@acme.example\r\nSubject: [...]\r\n", &entity[..]].concat();
    let header = open_as(&globex, &message, &vec![acme.anchor()]).verdict.header;
    assert_eq!((header.hidden, header.differing), (vec![], vec!["Subject", "Date"]));
}
