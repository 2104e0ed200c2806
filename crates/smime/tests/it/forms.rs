//! Every form that S/MIME takes: OpenSSL reads ours, and we read what OpenSSL makes.

use chancery_crypto::KeyKind;
use chancery_smime::{ContentAlgorithm, Delivered, Outcome, ProtectionKind};

use crate::{
    openssl::OpenSsl,
    support::{MESSAGE, Outcome as Opened, Party, open_as},
};

#[test]
fn openssl_decrypts_and_verifies_what_we_protect() {
    let openssl = OpenSsl::new();
    let no_last_line_end = b"From: a@acme.example\r\n\r\nno line end at the end";
    for kind in [KeyKind::EcP256, KeyKind::Rsa2048] {
        let acme = Party::new("Acme", "acme.example", kind);
        let globex = Party::new("Globex", "globex.example", kind);
        for cipher in [ContentAlgorithm::Aes256Gcm, ContentAlgorithm::Aes256Cbc] {
            for original in [MESSAGE, no_last_line_end] {
                let (wire, _) = acme.protect(original, &globex, cipher);
                let signed = openssl.decrypt(&globex, &wire);
                let content = openssl.verify(&acme, &signed);
                let wrapper = b"Content-Type: message/rfc822; forwarded=no; hp=\"cipher\"\r\nContent-Transfer-Encoding: binary\r\n\r\n";
                assert_eq!(content.strip_prefix(wrapper), Some(original), "{kind} {cipher:?}");
            }
        }
    }
}

/// Text and HTML with an umlaut in 8 bits, as a desktop writes it.
const ENTITY: &[u8] = "Content-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n--inner\r\n\
    Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>Grüße</p>\r\n--inner--\r\n"
    .as_bytes();

const OUTER: &str = "Received: from x by y\r\nFrom: joerg@acme.example\r\nTo: hank@globex.example\r\n\
    Subject: from openssl\r\nMessage-ID: <2@acme.example>\r\nX-Kept: yes\r\n";

fn mail(entity: &[u8]) -> Vec<u8> {
    [OUTER.as_bytes(), entity].concat()
}

/// Returns what a message must be after the protection was taken off.
fn rebuilt(entity: &[u8]) -> String {
    format!("{OUTER}MIME-Version: 1.0\r\n{}", String::from_utf8_lossy(entity))
}

#[test]
fn we_open_every_form_that_openssl_makes() {
    let openssl = OpenSsl::new();
    for kind in [KeyKind::EcP256, KeyKind::Rsa2048] {
        let acme = Party::new("Acme", "acme.example", kind);
        let globex = Party::new("Globex", "globex.example", kind);
        let trust = vec![acme.anchor()];
        let sign = |options: &[&str], entity: &[u8]| openssl.sign(&acme, options, entity);
        let encrypt = |options: &[&str], entity: &[u8]| openssl.encrypt(&globex, options, entity);
        let detached = sign(&[], ENTITY);
        let opaque = sign(&["-nodetach"], ENTITY);
        let cbc: &[&str] = &["-aes256"];
        let gcm: &[&str] = &["-aes-256-gcm"];
        let sealed = encrypt(gcm, &detached);
        // Name, message, protection, result.
        let forms = [
            (
                "signed+encrypted cbc",
                encrypt(cbc, &detached),
                "signed+encrypted",
                Outcome::Verified,
            ),
            (
                "signed+encrypted aes128",
                encrypt(&["-aes128"], &detached),
                "signed+encrypted",
                Outcome::Verified,
            ),
            ("signed+encrypted gcm", sealed.clone(), "signed+encrypted", Outcome::Verified),
            (
                "streamed",
                encrypt(&["-aes256", "-stream"], &detached),
                "signed+encrypted",
                Outcome::Verified,
            ),
            ("opaque+encrypted", encrypt(cbc, &opaque), "signed+encrypted", Outcome::Verified),
            ("opaque", opaque, "signed", Outcome::Verified),
            (
                "by key identifier",
                encrypt(&["-aes256", "-keyid"], &sign(&["-keyid"], ENTITY)),
                "signed+encrypted",
                Outcome::Verified,
            ),
            ("encrypted", encrypt(gcm, ENTITY), "encrypted", Outcome::Unverified),
            ("encrypted cbc", encrypt(cbc, ENTITY), "encrypted", Outcome::Unverified),
            (
                "encrypted, then signed",
                sign(&[], &encrypt(gcm, ENTITY)),
                "signed+encrypted",
                Outcome::Unverified,
            ),
            ("triple", sign(&[], &sealed), "signed+encrypted", Outcome::Verified),
            ("encrypted twice", encrypt(gcm, &sealed), "signed+encrypted", Outcome::Verified),
        ];
        for (name, entity, protection, result) in forms {
            let opened = open_as(&globex, &mail(&entity), &trust);
            assert_eq!(opened.verdict.result, result, "{name} {kind}: {:#?}", opened.verdict);
            assert_eq!(opened.verdict.protection.as_str(), protection, "{name}");
            assert!(matches!(opened.delivered, Delivered::Rebuilt { .. }), "{name}");
            assert_eq!(opened.text(), rebuilt(ENTITY), "{name}");
            assert_eq!(opened.codes(), expected_codes(name), "{name}");
        }
    }
}

fn expected_codes(form: &str) -> &'static [&'static str] {
    match form {
        "encrypted" => &["smime.not_signed"],
        "encrypted cbc" => &["smime.cipher_unauthenticated", "smime.not_signed"],
        "encrypted, then signed" => &["smime.signed_outside"],
        "signed+encrypted cbc"
        | "signed+encrypted aes128"
        | "streamed"
        | "opaque+encrypted"
        | "by key identifier" => &["smime.cipher_unauthenticated", "smime.header_not_covered"],
        _ => &["smime.header_not_covered"],
    }
}

#[test]
fn a_clear_signature_is_verified_and_the_message_left_as_it_is() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let message = mail(&openssl.sign(&acme, &[], ENTITY));
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert_eq!(opened.verdict.protection, ProtectionKind::Signed);
    assert_eq!((opened.delivered, opened.bytes.len()), (Delivered::AsReceived, 0));
}

#[test]
fn oaep_of_openssl_is_read() {
    let (acme, openssl) = (Party::acme(), OpenSsl::new());
    let globex = Party::new("Globex", "globex.example", KeyKind::Rsa2048);
    let certificate = openssl.file("recipient.pem", globex.encryption.to_pem().as_bytes());
    for options in [
        &["-keyopt", "rsa_padding_mode:oaep"][..],
        &["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"],
    ] {
        let arguments =
            [&["cms", "-encrypt", "-aes256", "-recip", certificate.as_str()][..], options].concat();
        let message = mail(&openssl.run(&arguments, &openssl.sign(&acme, &[], ENTITY)));
        let opened = open_as(&globex, &message, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{options:?}: {:#?}", opened.verdict);
        assert!(opened.verdict.encryption.unwrap().key_management.contains("oaep"));
    }
}

fn changed(message: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    assert!(text.contains(from), "{text}");
    text.replace(from, to).into_bytes()
}

fn assert_verified(what: &str, opened: &Opened) {
    assert_eq!(opened.verdict.result, Outcome::Verified, "{what}: {:#?}", opened.verdict);
    assert_eq!(opened.text(), rebuilt(ENTITY), "{what}");
}

#[test]
fn wrong_labels_and_encodings_do_not_stop_us() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let entity = openssl.encrypt(&globex, &["-aes-256-gcm"], &openssl.sign(&acme, &[], ENTITY));
    let message = mail(&entity);
    let label = "application/pkcs7-mime; smime-type=authEnveloped-data; name=\"smime.p7m\"";
    for (what, other) in [
        ("no parameters", "application/pkcs7-mime"),
        ("wrong type", "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"),
        ("old name", "application/x-pkcs7-mime; smime-type=enveloped-data"),
        ("octet stream", "application/octet-stream; name=smime.p7m"),
    ] {
        assert_verified(what, &open_as(&globex, &changed(&message, label, other), &trust));
    }
    let start = message.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let (header, body) = message.split_at(start);
    let body = String::from_utf8(body.to_vec()).unwrap();
    let header = String::from_utf8(header.to_vec()).unwrap();
    let der = base64_simd::STANDARD.decode_to_vec(body.replace("\r\n", "")).unwrap();
    let binary = [header.replace("base64", "binary").as_bytes(), &der].concat();
    assert_verified("binary", &open_as(&globex, &binary, &trust));
    let one_line = [header.as_bytes(), body.replace("\r\n", "").as_bytes()].concat();
    assert_verified("one line", &open_as(&globex, &one_line, &trust));
    let footer = [message.as_slice(), b"\r\n____\r\nlist footer\r\n"].concat();
    let with_footer = open_as(&globex, &footer, &trust);
    assert!(!with_footer.text().contains("list footer"), "{:?}", with_footer.verdict);
}

#[test]
fn a_subject_inside_takes_the_place_of_the_stand_in() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let entity = "Subject: the real one\r\nFrom: mallory@evil.example\r\nContent-Type: text/plain; hp=\"cipher\"\r\n\r\nHello\r\n";
    let message = mail(&openssl.encrypt(&globex, &["-aes-256-gcm"], entity.as_bytes()));
    let text = open_as(&globex, &message, &vec![acme.anchor()]).text();
    assert!(text.contains("Subject: the real one\r\n") && !text.contains("from openssl"), "{text}");
    assert!(!text.contains("mallory"), "nobody may choose From by encrypting: {text}");
}
