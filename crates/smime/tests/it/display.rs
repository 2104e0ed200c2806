//! What of a protected header and of its legacy display is shown, and what is said of it (RFC 9788 section 4.5).

use chancery_smime::Outcome;

use crate::{
    openssl::OpenSsl,
    support::{Party, open_as},
};

/// Returns what is made of a content that Acme's gateway signed and OpenSSL encrypted, under this From outside.
fn opened(author: &str, content: &str) -> crate::support::Outcome {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = openssl.sign(&acme, &["-nodetach", "-binary"], content.as_bytes());
    let sealed = openssl.encrypt(&globex, &["-binary"], &signed);
    let message = [format!("From: {author}\r\nSubject: [...]\r\n").into_bytes(), sealed].concat();
    open_as(&globex, &message, &vec![acme.anchor()])
}

fn content(kind: &str, text: &str) -> String {
    format!(
        "From: joerg@acme.example\r\nSubject: Gr\u{fc}\u{df}e an Bob\r\nHP-Outer: From: joerg@acme.example\r\nHP-Outer: Subject: [...]\r\n\
         Content-Type: {kind}; charset=utf-8; hp=\"cipher\"; hp-legacy-display=\"1\"\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{text}"
    )
}

#[test]
fn a_legacy_display_that_repeats_the_header_is_taken_off() {
    for (kind, text) in [
        ("text/plain", "Subject: Gr\u{fc}\u{df}e an Bob\r\n\r\nHello\r\n"),
        (
            "text/plain",
            "Subject: Gr\u{fc}\u{df}e\r\n an Bob\r\nFrom: joerg@acme.example\r\n\r\nHello\r\n",
        ),
        (
            "text/html",
            "<html><body><div class=\"header-protection-legacy-display\"><pre>Subject: Gr&#252;&#xDF;e an Bob</pre></div>Hello</body></html>\r\n",
        ),
    ] {
        let opened = opened("joerg@acme.example", &content(kind, text));
        assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
        let (_, body) = opened
            .text()
            .split_once("\r\n\r\n")
            .map(|it| (it.0.to_owned(), it.1.to_owned()))
            .unwrap();
        assert!(body.contains("Hello") && !body.contains("an Bob"), "{body}");
    }
}

#[test]
fn no_words_of_the_author_hide_in_a_legacy_display() {
    for (kind, text) in [
        ("text/plain", "Subject: I owe Eve 1000\r\n\r\nHello\r\n"),
        ("text/plain", "Subject: Gr\u{fc}\u{df}e an Bob\r\n I owe Eve 1000\r\n\r\nHello\r\n"),
        ("text/plain", "Subject: Gr\u{fc}\u{df}e an Bob\r\nI owe Eve 1000\r\n\r\nHello\r\n"),
        ("text/plain", "Subject: Gr\u{fc}\u{df}e an Bob\r\nTo: I owe Eve 1000\r\n\r\nHello\r\n"),
        (
            "text/html",
            "<body><div class=\"header-protection-legacy-display\"><pre>Subject: I owe Eve 1000</pre></div>Hello</body>\r\n",
        ),
    ] {
        let opened = opened("joerg@acme.example", &content(kind, text));
        assert!(opened.text().contains("I owe Eve 1000"), "{text}: {}", opened.text());
    }
}

#[test]
fn a_from_that_is_not_shown_is_not_called_covered() {
    let inside =
        content("text/plain", "Hello\r\n").replace("joerg@acme.example", "boss@bank.example");
    let opened = opened("joerg@acme.example", &inside);
    assert!(opened.text().contains("From: joerg@acme.example"), "{}", opened.text());
    assert_eq!(opened.verdict.result, Outcome::Unverified);
    let header = &opened.verdict.header;
    assert!(!header.covered.contains(&"From") && !header.hidden.contains(&"From"), "{header:?}");
    assert!(header.differing.contains(&"From"), "{header:?}");
    assert!(opened.codes().contains(&"smime.header_differs"), "{:?}", opened.codes());
}
