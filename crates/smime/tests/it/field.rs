//! Mail from the field that broke other programs. Each test is named after the report; the numbers are public, and
//! `docs/reference/field-reports.md` lists them.

use chancery_crypto::KeyKind;
use chancery_mail::transfer::{decode, encode_quoted_printable};
use chancery_smime::{ContentAlgorithm, Delivered, NoTrust, Outcome, Signing, sign};

use crate::{
    openssl::OpenSsl,
    support::{AT, MESSAGE, Outcome as Opened, Party, open_as},
};

mod keys;
mod reading;
mod way;

const FROM: &str = "From: joerg@acme.example\r\nTo: hank@globex.example\r\nSubject: field\r\n";

const ENTITY: &[u8] = b"Content-Type: text/plain\r\n\r\nhello from the field\r\n";

fn mail(entity: &[u8]) -> Vec<u8> {
    [FROM.as_bytes(), entity].concat()
}

/// Replaces once what must be there.
fn changed(entity: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(entity.to_vec()).unwrap();
    assert!(text.contains(from), "{from:?} in {text}");
    text.replacen(from, to, 1).into_bytes()
}

fn body_of(entity: &[u8]) -> String {
    String::from_utf8(entity.to_vec()).unwrap().split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// A message that is only signed, and is delivered as it came.
fn assert_verified(opened: &Opened, what: &str) {
    assert_eq!(opened.verdict.result, Outcome::Verified, "{what}: {:#?}", opened.verdict);
}

fn assert_readable(opened: &Opened, what: &str) {
    assert_eq!(opened.verdict.result, Outcome::Verified, "{what}: {:#?}", opened.verdict);
    assert!(
        opened.text().ends_with("\r\n\r\nhello from the field\r\n"),
        "{what}: {}",
        opened.text()
    );
}

#[test]
fn zammad_4742_an_opaque_signature_without_the_right_media_type() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let body = body_of(&openssl.sign(&acme, &["-nodetach"], ENTITY));
    let encoded = "Content-Transfer-Encoding: base64\r\n\r\n";
    for (what, message) in [
        (
            "octet stream",
            format!(
                "{FROM}Content-Type: application/octet-stream; name=\"smime.p7m\"\r\n{encoded}{body}"
            ),
        ),
        (
            "name in the disposition",
            format!(
                "{FROM}Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=smime.p7m\r\n{encoded}{body}"
            ),
        ),
        (
            "the only part of a multipart",
            format!(
                "{FROM}Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: application/pkcs7-mime; \
                 name=\"smime.p7m\"\r\n{encoded}{body}\r\n--o--\r\n"
            ),
        ),
        (
            "x- and signed-data",
            format!(
                "{FROM}Content-Type: application/x-pkcs7-mime; smime-type=signed-data\r\n{encoded}{body}"
            ),
        ),
    ] {
        assert_readable(&open_as(&globex, message.as_bytes(), &vec![acme.anchor()]), what);
    }
}

#[test]
fn zammad_3705_signed_data_inside_of_enveloped_data() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = openssl.sign(&acme, &["-nodetach"], ENTITY);
    let signed = changed(
        &signed,
        "application/pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"",
        "application/x-pkcs7-mime; name=smime.p7m; smime-type=signed-data",
    );
    let message = mail(&openssl.encrypt(&globex, &["-aes256"], &signed));
    assert_readable(&open_as(&globex, &message, &vec![acme.anchor()]), "signed-data");
}

#[test]
fn zammad_6376_opaque_mail_of_a_stranger_is_shown() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let message = mail(&openssl.sign(&acme, &["-nodetach"], ENTITY));
    let opened = open_as(&globex, &message, &NoTrust);
    assert_eq!(opened.verdict.result, Outcome::Unverified);
    assert!(opened.text().ends_with("hello from the field\r\n"), "{}", opened.text());
}

#[test]
fn zammad_6217_a_wrong_media_type_stops_nothing() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signature = String::from_utf8(openssl.sign(&acme, &[], ENTITY)).unwrap();
    for message in [
        changed(signature.as_bytes(), "multipart/signed", "multipart/alternative"),
        changed(
            signature.as_bytes(),
            "application/pkcs7-signature; name=\"smime.p7s\"",
            "text/plain",
        ),
    ] {
        let opened = open_as(&globex, &mail(&message), &vec![acme.anchor()]);
        assert_eq!(opened.delivered, Delivered::AsReceived, "{:#?}", opened.verdict);
    }
}

#[test]
fn zammad_5357_the_chain_need_not_be_in_the_message() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let (certificate, key) = (
        openssl.file("s.pem", acme.signing.to_pem().as_bytes()),
        openssl.file("s.key", chancery_pki::key_file::write(&acme.signing_key).unwrap().as_bytes()),
    );
    let signed = openssl.run(&["cms", "-sign", "-signer", &certificate, "-inkey", &key], ENTITY);
    let opened = open_as(&globex, &mail(&signed), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
}

#[test]
fn zammad_6180_an_attached_message_does_not_break_the_signature() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    for attached in [
        "Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=a.eml\r\n\r\nFrom: a@b.example \r\n\r\nGr\u{fc}\u{df}e \r\nFrom me\r\n",
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nRnJvbTogYUBiLmV4YW1wbGUNCg0KeA0K\r\n",
    ] {
        let original = format!(
            "{FROM}Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nsee file\r\n--o\r\n{attached}\r\n--o--\r\n"
        );
        let (signer, mut out) = (acme.signer(), Vec::new());
        let signing = Signing { signer: &signer, signing_time: AT, boundary_seed: b"x" };
        sign(&mut std::io::Cursor::new(original), &signing, &mut out).unwrap();
        let opened = open_as(&globex, &out, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
        openssl.verify(&acme, &out);
    }
}

#[test]
fn zammad_4029_an_old_key_opens_old_mail() {
    let (acme, mut globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let old = globex.opening();
    let renewed = Party::new("Globex (2026)", "globex.example", KeyKind::EcP256);
    (globex.encryption, globex.encryption_key) = (renewed.encryption, renewed.encryption_key);
    let our_domains = ["globex.example".to_owned()];
    let facts = chancery_smime::OpenFacts { at: AT, our_domains: &our_domains };
    let mut out = Vec::new();
    let opened = chancery_smime::open(
        &mut std::io::Cursor::new(&wire),
        &[globex.opening(), old],
        &vec![acme.anchor()],
        &facts,
        &mut chancery_smime::MemorySpools::new(1 << 20),
        &mut out,
    )
    .unwrap();
    assert_eq!((opened.verdict.result, out.as_slice()), (Outcome::Verified, MESSAGE));
}

#[test]
fn java_utils_mail_smime_8_outlook_leaves_the_protocol_out() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = openssl.sign(&acme, &[], ENTITY);
    for (from, to) in [
        ("protocol=\"application/pkcs7-signature\"; micalg=\"sha-256\"; ", ""),
        // gmime#115: one name outside, the other one inside.
        (
            "Content-Type: application/pkcs7-signature",
            "Content-Type: application/x-pkcs7-signature",
        ),
        ("Content-Type: application/pkcs7-signature", "Content-Type: application/octet-stream"),
        ("protocol=\"application/pkcs7-signature\"", "protocol=application/pgp-signature"),
    ] {
        let opened = open_as(&globex, &mail(&changed(&signed, from, to)), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{to}: {:#?}", opened.verdict);
    }
}

/// Returns a part with a TNEF stream whose only attachment this is, of a clear-signed or an opaque message.
fn packed(class: &str, attachment: &[u8]) -> String {
    let attribute = |level: u8, id: u32, data: &[u8]| {
        let sum = data.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        let length = u32::try_from(data.len()).unwrap();
        [&[level][..], &id.to_le_bytes(), &length.to_le_bytes(), data, &sum.to_le_bytes()].concat()
    };
    let bytes = [
        vec![0x78, 0x9f, 0x3e, 0x22, 1, 0],
        attribute(1, 0x0007_8008, format!("{class}\0").as_bytes()),
        attribute(2, 0x0006_9002, &[0; 14]),
        attribute(2, 0x0006_800f, attachment),
        attribute(2, 0x0001_8010, b"smime.p7m\0"),
    ]
    .concat();
    format!(
        "Content-Type: application/ms-tnef; name=\"winmail.dat\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        base64_simd::STANDARD.encode_to_string(bytes)
    )
}

#[test]
fn smime_that_exchange_packed_is_taken_out_and_judged() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let clear = openssl.sign(&acme, &["-binary"], ENTITY);
    let bare = |entity: Vec<u8>| {
        let text = String::from_utf8(entity).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        base64_simd::STANDARD.decode_to_vec(body.replace("\r\n", "")).unwrap()
    };
    let der = bare(openssl.sign(&acme, &["-binary", "-nodetach"], ENTITY));
    let sealed = bare(openssl.encrypt(&globex, &["-aes-256-gcm"], &clear));
    let frame = |part: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\n\r\n--o\r\n{part}--o--\r\n"
        )
    };
    let clear_part = packed("IPM.Note.SMIME.MultipartSigned", &clear);
    for part in [
        clear_part.clone(),
        frame(&clear_part),
        packed("IPM.Note.SMIME", &der),
        packed("IPM.Note.SMIME", &sealed),
    ] {
        let opened = open_as(&globex, &mail(part.as_bytes()), &trust);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
        assert!(opened.verdict.form.contains("winmail.dat > "), "{}", opened.verdict.form);
        assert!(opened.codes().contains(&"smime.tnef"));
        assert!(opened.bytes.ends_with(ENTITY), "{}", opened.text());
    }
    // A signature that is wrong stays where it is, and so does what lies beside a text.
    let wrong = String::from_utf8(clear).unwrap().replacen("hello", "jello", 1);
    let wrong = packed("IPM.Note.SMIME.MultipartSigned", wrong.as_bytes());
    let opened = open_as(&globex, &mail(wrong.as_bytes()), &trust);
    assert_eq!(opened.verdict.result, Outcome::Failed, "{:#?}", opened.verdict);
    assert_eq!(opened.delivered, Delivered::AsReceived);
    let beside = frame(&clear_part).replacen("--o\r\n\r\n\r\n", "--o\r\n\r\nsend money\r\n", 1);
    let opened = open_as(&globex, &mail(beside.as_bytes()), &trust);
    assert_eq!(opened.verdict.result, Outcome::Unprotected, "{:#?}", opened.verdict);
    assert_eq!((opened.codes(), opened.delivered), (vec!["smime.tnef"], Delivered::AsReceived));
}

/// The beginning of a TNEF stream with a message class (MS-OXTNEF section 2.1.3.2).
fn tnef(class: &str) -> String {
    let mut bytes = vec![0x78, 0x9f, 0x3e, 0x22, 1, 0, 1, 8, 0x80, 7, 0];
    bytes.extend_from_slice(&u32::try_from(class.len() + 1).unwrap().to_le_bytes());
    bytes.extend_from_slice(class.as_bytes());
    bytes.push(0);
    base64_simd::STANDARD.encode_to_string(bytes)
}

#[test]
fn mimekit_441_and_dkim_exchange_260_smime_inside_of_winmail_dat_is_explained() {
    let globex = Party::globex();
    let part = |class: &str| {
        format!(
            "Content-Type: application/ms-tnef; name=\"winmail.dat\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            tnef(class)
        )
    };
    let frame = |part: &str| {
        format!(
            "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\n\r\n--o\r\n{part}--o--\r\n"
        )
    };
    let (sealed, plain) = (part("IPM.Note.SMIME.MultipartSigned"), part("IPM.Note"));
    for (entity, codes) in [
        (sealed.clone(), &["smime.tnef"][..]),
        (frame(&sealed), &["smime.tnef"]),
        (plain.clone(), &[]),
        (frame(&plain), &[]),
    ] {
        let opened = open_as(&globex, &mail(entity.as_bytes()), &NoTrust);
        assert_eq!(opened.codes(), codes, "{entity}");
        assert_eq!(opened.verdict.result, Outcome::Unprotected);
        assert_eq!(opened.delivered, Delivered::AsReceived);
    }
}

#[test]
fn proton_bridge_216_multipart_signed_that_became_multipart_mixed() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = openssl.sign(&acme, &[], ENTITY);
    let mixed = changed(
        &signed,
        "multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=\"sha-256\";",
        "multipart/mixed;",
    );
    let opened = open_as(&globex, &mail(&mixed), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    assert!(opened.codes().contains(&"smime.relabelled"), "{:?}", opened.codes());
    // With a part more, nothing says any longer what was signed.
    let boundary = body_of(&mixed).lines().find(|line| line.starts_with("--")).unwrap().to_owned();
    let footer = changed(
        &mixed,
        &format!("{boundary}--"),
        &format!("{boundary}\r\n\r\nfooter\r\n{boundary}--"),
    );
    let opened = open_as(&globex, &mail(&footer), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unverified, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.partially_protected"]);
}

#[test]
fn mimekit_596_a_relay_that_wraps_base64_anew_breaks_the_signature_and_is_told_apart_from_silence()
{
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let lines = |width: usize| {
        let armor = base64_simd::STANDARD.encode_to_string([7; 300]);
        let lines: Vec<String> = armor
            .as_bytes()
            .chunks(width)
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        lines.join("\r\n")
    };
    let entity = format!(
        "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        lines(72)
    );
    let signed = openssl.sign(&acme, &["-binary"], entity.as_bytes());
    let opened = open_as(&globex, &mail(&signed), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified);
    let wrapped = changed(&signed, &lines(72), &lines(76));
    let opened = open_as(&globex, &mail(&wrapped), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Failed);
    assert_eq!(opened.codes(), ["smime.signature_bad"]);
    // The opaque form has nothing that could be wrapped anew, but for its own base64.
    let opaque = openssl.sign(&acme, &["-binary", "-nodetach"], entity.as_bytes());
    let body = body_of(&opaque);
    let one_line = changed(&opaque, &body, &body.replace("\r\n", ""));
    assert_eq!(
        open_as(&globex, &mail(&one_line), &vec![acme.anchor()]).verdict.result,
        Outcome::Verified
    );
}

#[test]
fn mimekit_1149_aes_128_gcm_is_read() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = openssl.sign(&acme, &[], ENTITY);
    for cipher in ["-aes-128-gcm", "-aes-256-gcm"] {
        let message = mail(&openssl.encrypt(&globex, &[cipher], &signed));
        let opened = open_as(&globex, &message, &vec![acme.anchor()]);
        assert_readable(&opened, cipher);
        assert!(opened.verdict.encryption.unwrap().authenticated);
    }
}

#[test]
fn mimekit_436_text_is_signed_with_crlf_whatever_it_travels_with() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = String::from_utf8(mail(&openssl.sign(&acme, &[], ENTITY))).unwrap();
    let opened = open_as(&globex, signed.replace("\r\n", "\n").as_bytes(), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
}

#[test]
fn sympa_976_a_footer_in_the_signed_part_or_after_it() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = openssl.sign(&acme, &[], ENTITY);
    let inside =
        changed(&signed, "hello from the field\r\n", "hello from the field\r\n____\r\nlist\r\n");
    assert_eq!(
        open_as(&globex, &mail(&inside), &vec![acme.anchor()]).verdict.result,
        Outcome::Failed
    );
    // After the closing delimiter no program shows it.
    let after = [&signed[..], b"\r\n____\r\nlist\r\n"].concat();
    let opened = open_as(&globex, &mail(&after), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
}

#[test]
fn hmailserver_468_fields_added_to_the_signed_part_break_the_signature() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let signed = openssl.sign(&acme, &[], ENTITY);
    let added = changed(
        &signed,
        "Content-Type: text/plain\r\n",
        "X-Scanned: yes\r\nContent-Type: text/plain\r\n",
    );
    assert_eq!(
        open_as(&globex, &mail(&added), &vec![acme.anchor()]).verdict.result,
        Outcome::Failed
    );
}

#[test]
fn nextcloud_8663_a_copy_for_another_recipient_is_for_us_too() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let other = Party::new("Initech", "initech.example", KeyKind::Rsa2048);
    let certificate = openssl.file("other.pem", other.encryption.to_pem().as_bytes());
    let signed = openssl.sign(&acme, &[], ENTITY);
    let message = mail(&openssl.encrypt(&globex, &["-aes-256-gcm", &certificate], &signed));
    for party in [&globex, &other] {
        assert_readable(&open_as(party, &message, &vec![acme.anchor()]), &party.name);
    }
}

#[test]
fn certificates_alone_are_told_as_such() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let certificate = openssl.file("c.pem", acme.signing.to_pem().as_bytes());
    let der =
        openssl.run(&["crl2pkcs7", "-nocrl", "-certfile", &certificate, "-outform", "DER"], b"");
    let armor = base64_simd::STANDARD.encode_to_string(&der);
    for kind in [
        "application/pkcs7-mime; smime-type=certs-only; name=smime.p7c",
        "application/octet-stream; name=smime.p7c",
    ] {
        let message = format!(
            "{FROM}Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{armor}\r\n"
        );
        let opened = open_as(&globex, message.as_bytes(), &NoTrust);
        assert_eq!(opened.verdict.result, Outcome::Unprotected, "{:#?}", opened.verdict);
        assert_eq!(opened.codes(), ["smime.certificates_only"]);
        assert_eq!(opened.delivered, Delivered::AsReceived);
    }
}

#[test]
fn base64_of_any_width_and_with_rubbish_in_it_is_read() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let sealed = openssl.encrypt(&globex, &["-aes-256-gcm"], &openssl.sign(&acme, &[], ENTITY));
    let body = body_of(&sealed);
    let armor = body.replace("\r\n", "");
    for width in [1, 3, 61, 77, 999, 100_000] {
        let lines: Vec<&str> = (0..armor.len())
            .step_by(width)
            .map(|at| &armor[at..(at + width).min(armor.len())])
            .collect();
        for end in ["\r\n", "\n", " \r\n", "\r\n\r\n"] {
            let other = changed(&sealed, &body, &(lines.join(end) + end));
            assert_readable(
                &open_as(&globex, &mail(&other), &vec![acme.anchor()]),
                &format!("{width} {end:?}"),
            );
        }
    }
    let quoted = changed(
        &sealed,
        "Content-Transfer-Encoding: base64",
        "Content-Transfer-Encoding: quoted-printable",
    );
    let der = decode(chancery_mail::content_type::TransferEncoding::Base64, armor.as_bytes());
    let quoted = changed(&quoted, &body, &encode_binary(&der));
    assert_readable(&open_as(&globex, &mail(&quoted), &vec![acme.anchor()]), "quoted-printable");
}

/// Writes bytes as quoted-printable in which line ends are escaped too.
fn encode_binary(bytes: &[u8]) -> String {
    let escaped: Vec<String> = bytes
        .chunks(20)
        .map(|line| line.iter().map(|byte| format!("={byte:02X}")).collect())
        .collect();
    let text = escaped.join("=\r\n");
    assert_eq!(encode_quoted_printable(b"="), "=3D");
    text
}

/// Writes a DER element; the content is shorter than 64 KiB.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], &length[..], content].concat()
}

/// Compresses without compressing: zlib (RFC 1950) with one stored block.
fn compressed(content: &[u8]) -> String {
    let length = u16::try_from(content.len()).unwrap();
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in content {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let zlib = [
        &[0x78, 1, 1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        content,
        &(b << 16 | a).to_be_bytes(),
    ]
    .concat();
    let oid = |last: &[u8]| der(6, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1][..], last].concat());
    let encapsulated = der(0x30, &[oid(&[7, 1]), der(0xa0, &der(4, &zlib))].concat());
    let data = [der(2, &[0]), der(0x30, &oid(&[9, 16, 3, 8])), encapsulated].concat();
    let info = [oid(&[9, 16, 1, 9]), der(0xa0, &der(0x30, &data))].concat();
    let armor = base64_simd::STANDARD.encode_to_string(der(0x30, &info));
    format!(
        "Content-Type: application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z\r\nContent-Transfer-Encoding: base64\r\n\r\n{armor}\r\n"
    )
}

#[test]
fn compressed_mail_is_expanded_inside_and_outside_of_a_signature() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let trust = vec![acme.anchor()];
    let outside = compressed(&openssl.sign(&acme, &[], ENTITY));
    assert_readable(&open_as(&globex, &mail(outside.as_bytes()), &trust), "around");
    let inside = openssl.sign(&acme, &["-binary"], compressed(ENTITY).as_bytes());
    assert_readable(&open_as(&globex, &mail(&inside), &trust), "inside");
    let sealed = openssl.encrypt(&globex, &["-aes-256-gcm"], &inside);
    assert_readable(&open_as(&globex, &mail(&sealed), &trust), "encrypted");
    let alone = open_as(&globex, &mail(compressed(ENTITY).as_bytes()), &trust);
    assert_eq!(alone.verdict.result, Outcome::Unprotected);
    assert!(alone.text().ends_with("hello from the field\r\n"), "{}", alone.text());
    // As deep as nobody compresses.
    let mut deep = ENTITY.to_vec();
    for _ in 0..4 {
        deep = compressed(&deep).into_bytes();
    }
    let opened = open_as(&globex, &mail(&deep), &trust);
    assert_eq!(opened.codes(), ["smime.too_deep"]);
    assert_eq!(opened.verdict.result, Outcome::Unverified);
}

#[test]
fn old_ciphers_are_read_and_named_as_weak() {
    let (acme, openssl) = (Party::acme(), OpenSsl::new());
    let globex = Party::new("Globex", "globex.example", KeyKind::Rsa2048);
    let signed = openssl.sign(&acme, &[], ENTITY);
    let message = mail(&openssl.encrypt(&globex, &["-des3"], &signed));
    let opened = open_as(&globex, &message, &vec![acme.anchor()]);
    assert_readable(&opened, "3DES");
    assert!(opened.codes().contains(&"smime.weak_encryption"), "{:?}", opened.codes());
    assert!(opened.verdict.encryption.unwrap().is_weak);
}
