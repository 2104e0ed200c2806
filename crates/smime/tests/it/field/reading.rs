//! Reports about mail of other programs that was not read, or read wrongly.

use std::io::Cursor;

use chancery_crypto::KeyKind;
use chancery_smime::{
    ContentAlgorithm, Delivered, HeaderConfidentiality, HeaderForm, InPlace, NoTrust, Outcome,
    Protection, Signing, protect_in_place, sign,
};

use super::{ENTITY, FROM, assert_readable, assert_verified, body_of, changed, der, mail, packed};
use crate::{
    header::in_place,
    openssl::OpenSsl,
    support::{AT, Party, open_as},
};

const LEGACY: [&str; 4] = ["-provider", "legacy", "-provider", "default"];

#[test]
fn mustang_1379_mustang_1426_what_real_programs_send_is_read() {
    let openssl = OpenSsl::new();
    let acme = Party::acme();
    let globex = Party::new("Globex", "globex.example", KeyKind::Rsa2048);
    let trust = vec![acme.anchor()];
    let signed = openssl.sign(&acme, &[], ENTITY);
    let oaep = ["-aes256", "-keyopt", "rsa_padding_mode:oaep"];
    for options in [
        &["-des3"][..],
        &[&["-rc2-40"][..], &LEGACY].concat(),
        &[&["-rc2-128"][..], &LEGACY].concat(),
        &["-aes256", "-keyid"],
        &["-aes-256-gcm", "-keyid"],
    ] {
        let message = mail(&openssl.encrypt(&globex, options, &signed));
        assert_readable(&open_as(&globex, &message, &trust), &options.join(" "));
    }
    // This option is for the recipient before it.
    let pem = openssl.file("oaep.pem", globex.encryption.to_pem().as_bytes());
    let base = ["cms", "-encrypt", "-binary", "-aes256", "-recip", &pem];
    let sealed = openssl.run(&[&base[..], &oaep[1..]].concat(), &signed);
    let sealed = String::from_utf8(sealed).unwrap().replace('\n', "\r\n");
    assert_readable(&open_as(&globex, &mail(sealed.as_bytes()), &trust), "OAEP");

    let pss = ["-keyopt", "rsa_padding_mode:pss"];
    for (kind, options) in [
        (KeyKind::EcP256, &["-md", "sha256"][..]),
        (KeyKind::EcP384, &["-md", "sha384", "-keyid"]),
        (KeyKind::EcP521, &["-md", "sha512"]),
        (KeyKind::Rsa2048, &pss),
        (KeyKind::Rsa2048, &["-md", "sha512", "-nosmimecap"]),
    ] {
        let author = Party::new("Acme", "acme.example", kind);
        for form in [&[][..], &["-nodetach"]] {
            let message = mail(&openssl.sign(&author, &[options, form].concat(), ENTITY));
            let what = format!("{kind:?} {options:?} {form:?}");
            assert_verified(&open_as(&globex, &message, &vec![author.anchor()]), &what);
        }
    }
}

#[test]
fn mustang_1426_a_part_that_only_calls_itself_smime_is_left_for_the_reader() {
    let globex = Party::globex();
    for (kind, body) in [
        ("application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", "bm8gQVNOLjE="),
        ("application/pkcs7-signature; name=smime.p7s", "MIIB"),
        ("application/octet-stream; name=smime.p7m", "see you at noon"),
    ] {
        let message = format!(
            "{FROM}Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\r\n"
        );
        let opened = open_as(&globex, message.as_bytes(), &NoTrust);
        assert_ne!(opened.verdict.result, Outcome::Verified);
        assert!(
            matches!(opened.delivered, Delivered::AsReceived | Delivered::Nothing),
            "{kind}: {:?}",
            opened.delivered
        );
        // What is wrong is said in words of ours, and where it is only a file, nothing is.
        for problem in &opened.verdict.problems {
            assert!(problem.code.starts_with("smime."), "{problem:?}");
        }
    }
}

#[test]
fn mustang_1379_content_keeps_its_transfer_encoding_inside_of_what_we_make() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let original = format!(
        "{FROM}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         Gr=C3=BC=C3=9Fe =3D caf=C3=A9\r\n"
    );
    let (signer, recipient) = (acme.signer(), globex.recipient());
    let protection = Protection {
        signer: &signer,
        recipients: &[&recipient],
        cipher: ContentAlgorithm::Aes256Cbc,
        signing_time: AT,
        boundary_seed: b"x",
    };
    let how = InPlace {
        confidentiality: HeaderConfidentiality::Baseline,
        legacy_display: false,
        keeps_bcc: false,
    };
    let mut wire = Vec::new();
    protect_in_place(&mut Cursor::new(&original), how, &protection, &mut wire).unwrap();
    let inside = openssl.verify(&acme, &openssl.decrypt(&globex, &wire));
    let inside = String::from_utf8(inside).unwrap();
    let (header, body) = inside.split_once("\r\n\r\n").unwrap();
    assert!(header.contains("Content-Transfer-Encoding: quoted-printable"), "{inside}");
    assert_eq!(body, "Gr=C3=BC=C3=9Fe =3D caf=C3=A9\r\n");
}

#[test]
fn outlook_message_parser_51_tachyon_92_smime_is_known_by_what_it_is() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let clear = openssl.sign(&acme, &[], ENTITY);
    // The parameter at the end is empty, or there is none but the protocol.
    let named = "application/pkcs7-signature; name=\"smime.p7s\"";
    for (from, to) in [
        ("micalg=\"sha-256\"; ", ""),
        (named, "application/pkcs7-signature;"),
        (named, "application/octet-stream; name=smime.p7s"),
        (named, "APPLICATION/X-PKCS7-SIGNATURE; NAME=SMIME.P7S"),
    ] {
        let message = mail(&changed(&clear, from, to));
        assert_verified(&open_as(&globex, &message, &trust), to);
    }
    let opaque = openssl.sign(&acme, &["-nodetach"], ENTITY);
    let sealed = openssl.encrypt(&globex, &["-aes256"], &clear);
    for entity in [opaque, sealed] {
        let armor = body_of(&entity);
        for kind in [
            "application/pkcs7-mime",
            "application/pkcs7-mime;",
            "application/x-pkcs7-mime; smime-type=",
            "Application/PKCS7-MIME; Name=\"SMIME.P7M\"; smime-type=Enveloped-Data;",
            "application/octet-stream; name=\"SMIME.P7M\"",
            "application/octet-stream;\r\n name*=utf-8''smime.p7m",
        ] {
            let encoding = "Content-Transfer-Encoding: base64";
            let message = format!("{FROM}Content-Type: {kind}\r\n{encoding}\r\n\r\n{armor}");
            assert_readable(&open_as(&globex, message.as_bytes(), &trust), kind);
        }
    }
    // And in Outlook's own format, whichever class it says.
    for class in ["IPM.Note.SMIME.MultipartSigned", "IPM.Note.SMIME"] {
        let part = packed("IPM.Note.SMIME.MultipartSigned", &openssl.sign(&acme, &[], ENTITY));
        let message = mail(part.as_bytes());
        let opened = open_as(&globex, &message, &trust);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{class}: {:#?}", opened.verdict);
    }
}

/// Splits the content of a DER element into its children, each with its header.
fn children(element: &[u8]) -> Vec<&[u8]> {
    let length_of = |element: &[u8]| {
        let header = header_length(element);
        let bytes = if header == 2 { &element[1..2] } else { &element[2..header] };
        header + bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (mut at, end) = (header_length(element), length_of(element));
    let mut found = Vec::new();
    while at < end {
        let length = length_of(&element[at..]);
        found.push(&element[at..at + length]);
        at += length;
    }
    found
}

/// Returns the length of the tag and the length of a DER element.
fn header_length(element: &[u8]) -> usize {
    2 + usize::from(element[1] & 0x7f) * usize::from(element[1] >> 7)
}

#[test]
fn bc_java_1838_gcm_in_enveloped_data_is_refused_and_never_written() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = openssl.sign(&acme, &[], ENTITY);
    let sealed = body_of(&openssl.encrypt(&globex, &["-aes-256-gcm"], &signed));
    let bytes = base64_simd::STANDARD.decode_to_vec(sealed.replace("\r\n", "")).unwrap();
    // What Bouncy Castle wrote: the content type of enveloped-data, and the tag behind the ciphertext.
    let info = children(&bytes);
    let data = children(children(info[1])[0]);
    let [version, recipients, encrypted, tag] = data.as_slice() else { panic!("{}", data.len()) };
    let [kind, algorithm, ciphertext] = children(encrypted)[..] else { panic!("three fields") };
    let ciphertext =
        [&ciphertext[header_length(ciphertext)..], &tag[header_length(tag)..]].concat();
    let encrypted = der(0x30, &[kind, algorithm, &der(0x80, &ciphertext)].concat());
    let enveloped = der(0x30, &[version, *recipients, &encrypted].concat());
    let oid = der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3])[..].to_vec();
    let message = der(0x30, &[oid, der(0xa0, &enveloped)].concat());
    let armor = base64_simd::STANDARD.encode_to_string(message);
    let message = format!(
        "{FROM}Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\nContent-Transfer-Encoding: base64\r\n\r\n{armor}\r\n"
    );
    let opened = open_as(&globex, message.as_bytes(), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Undecipherable, "{:#?}", opened.verdict);
    assert_eq!((opened.delivered, opened.bytes.len()), (Delivered::Nothing, 0));
    let told = &opened.verdict.problems[0];
    assert!(told.text.contains("gcm") || told.text.contains("not supported"), "{told:?}");

    let (wire, _) = acme.protect(crate::support::MESSAGE, &globex, ContentAlgorithm::Aes128Gcm);
    let wire = String::from_utf8(wire).unwrap();
    assert!(wire.contains("smime-type=authEnveloped-data"), "{}", &wire[..900]);
}

#[test]
fn simple_java_mail_571_a_wrong_signature_hides_nothing_from_the_reader() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let html = format!("<p>{}</p>", "all is well ".repeat(20));
    let entity = format!("Content-Type: text/html\r\n\r\n{html}\r\n");
    let signed = openssl.sign(&acme, &["-binary"], entity.as_bytes());
    // A relay formatted the text anew, at 76 columns.
    let wrapped = changed(&signed, &html, &html.replacen("well all", "well\r\nall", 1));
    let opened = open_as(&globex, &mail(&wrapped), &trust);
    assert_eq!(opened.verdict.result, Outcome::Failed, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.signature_bad"]);
    assert_eq!(opened.delivered, Delivered::AsReceived);
    // Inside of an encryption that notices changes, the text is shown, and called what it is.
    let sealed = mail(&openssl.encrypt(&globex, &["-aes-256-gcm"], &wrapped));
    let opened = open_as(&globex, &sealed, &trust);
    assert_eq!(opened.verdict.result, Outcome::Failed, "{:#?}", opened.verdict);
    assert!(opened.text().contains("all is well all"), "{}", opened.text());
}

#[test]
fn simplelogin_492_an_invitation_arrives_whole() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let calendar = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n";
    let original = format!(
        "{FROM}MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nTWVldA==\r\n--a\r\n\
         Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{calendar}\r\n--a--\r\n"
    );
    let (wire, _) = acme.protect(original.as_bytes(), &globex, ContentAlgorithm::Aes256Gcm);
    let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
    assert_eq!((opened.verdict.result, opened.text()), (Outcome::Verified, original.clone()));
    let (signer, mut out) = (acme.signer(), Vec::new());
    let signing = Signing { signer: &signer, signing_time: AT, boundary_seed: b"x" };
    sign(&mut Cursor::new(&original), &signing, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("text/calendar; charset=utf-8; method=REQUEST"), "{out}");
    assert!(out.contains(calendar), "{out}");
}

#[test]
fn forwardemail_568_proton_bridge_43_go_pgpmail_16_no_subject_is_left_outside() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let original = "From: joerg@acme.example\r\nTo: hank@globex.example\r\nSubject: the merger\r\n\
        Keywords: merger, secret\r\nComments: merger\r\n\r\nhello\r\n";
    let how = InPlace {
        confidentiality: HeaderConfidentiality::Baseline,
        legacy_display: true,
        keeps_bcc: false,
    };
    let in_place = in_place(&globex, &acme, original, how).into_bytes();
    let (wrapped, _) = acme.protect(original.as_bytes(), &globex, ContentAlgorithm::Aes256Gcm);
    for wire in [in_place, wrapped] {
        let shown = String::from_utf8(wire.clone()).unwrap();
        assert!(!shown.contains("merger"), "{shown}");
        let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Verified);
        assert!(opened.text().contains("\r\nSubject: the merger\r\n"), "{}", opened.text());
    }
}

#[test]
fn chatmail_7130_chatmail_7386_the_new_form_beside_the_old_one_is_read_as_the_new_one() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let payload = "From: joerg@acme.example\r\nTo: hank@globex.example\r\nSubject: the real one\r\n\
        Date: Sat, 14 Mar 2026 01:02:03 +0000\r\nHP-Outer: From: joerg@acme.example\r\n\
        HP-Outer: To: \"hidden-recipients\": ;\r\nHP-Outer: Subject: [...]\r\n\
        HP-Outer: Date: Sat, 07 Mar 2026 00:00:00 +0000\r\n\
        Content-Type: text/plain; charset=utf-8; hp=\"cipher\"; protected-headers=\"v1\"\r\n\r\nHello\r\n";
    let signed = openssl.sign(&acme, &["-binary"], payload.as_bytes());
    let entity = openssl.encrypt(&globex, &["-aes-256-gcm"], &signed);
    let outer = "From: joerg@acme.example\r\nTo: \"hidden-recipients\": ;\r\nSubject: [...]\r\n\
        Date: Sat, 07 Mar 2026 00:00:00 +0000\r\nCc: eve@evil.example\r\n";
    let opened = open_as(&globex, &[outer.as_bytes(), &entity].concat(), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    let header = &opened.verdict.header;
    assert_eq!(header.form, HeaderForm::Hp);
    assert_eq!(header.hidden, ["To", "Subject", "Date"]);
    // What the old form would have let through.
    assert_eq!((header.added.as_slice(), header.differing.len()), (&["Cc"][..], 0));
    let text = opened.text();
    assert!(text.contains("To: hank@globex.example\r\n") && !text.contains("eve@"), "{text}");
    assert!(!text.contains("protected-headers") && !text.contains("hp="), "{text}");
}
