//! What a signature survives on the way: relays are played, not trusted.

use chancery_smime::{
    ContentAlgorithm,
    transit::{Effect, Rewriting, Survey},
};

use crate::{
    openssl::OpenSsl,
    support::{MESSAGE, Party},
};

/// A message with everything that relays rewrite.
fn fragile() -> String {
    let armor = base64_simd::STANDARD.encode_to_string([9; 500]);
    let lines: Vec<&str> =
        (0..armor.len()).step_by(72).map(|at| &armor[at..(at + 72).min(armor.len())]).collect();
    format!(
        "From: joerg@acme.example\r\nTo: hank@globex.example, x@globex.example, yy@globex.example, zzz@globex.example\r\n\
         Subject: Gr\u{fc}\u{df}e\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=outer\r\n\r\n--outer\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\u{fc}\u{df}e \r\nFrom me\r\n.\r\n-- \r\n\
         {}\r\n--outer\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nFrom=20here it=\r\n is=20=\r\n\
         {}\r\n--outer\r\nContent-Type: application/pdf; name=\"a name that is long enough to be folded.pdf\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--outer--\r\n",
        "x".repeat(1500),
        "y".repeat(90),
        lines.join("\r\n")
    )
}

#[test]
fn what_we_sign_survives_all_but_those_who_write_into_the_text() {
    let acme = Party::acme();
    let message = acme.sign(&fragile());
    let survey = Survey::of(&message, &[]).unwrap();
    assert!(survey.holds, "{}", String::from_utf8_lossy(&message));
    assert_eq!(
        survey.broken_by(),
        // No form in clear survives these two.
        [Rewriting::FooterInText, Rewriting::PartHeadersFolded],
        "{survey:#?}\n{}",
        String::from_utf8_lossy(&message)
    );
    OpenSsl::new().verify(&acme, &message);
}

#[test]
fn the_same_content_signed_as_it_is_breaks() {
    let (acme, openssl) = (Party::acme(), OpenSsl::new());
    let original = fragile();
    let (header, entity) = original.split_once("MIME-Version: 1.0\r\n").unwrap();
    let message =
        [header.as_bytes(), &openssl.sign(&acme, &["-binary"], entity.as_bytes())].concat();
    let survey = Survey::of(&message, &[]).unwrap();
    assert!(survey.holds, "{survey:?}");
    let broken = survey.broken_by();
    for rewriting in [
        Rewriting::Base64Wrapped,
        Rewriting::EightBitEncoded,
        Rewriting::FromQuoted,
        Rewriting::LeadingDotDoubled,
        Rewriting::LongLinesCut,
        Rewriting::QuotedPrintableWrapped,
        Rewriting::TrailingSpaceStripped,
    ] {
        assert!(broken.contains(&rewriting), "{rewriting:?}: {survey:#?}");
    }
}

#[test]
fn opaque_and_encrypted_mail_survives_what_clear_mail_does_not() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let entity = b"Content-Type: text/plain\r\n\r\nFrom me \r\n";
    let opaque = openssl.sign(&acme, &["-binary", "-nodetach"], entity);
    let opaque = [&b"From: joerg@acme.example\r\nSubject: x\r\n"[..], &opaque].concat();
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    for (what, message) in [("opaque", opaque), ("encrypted", wire)] {
        let survey = Survey::of(&message, &[globex.opening()]).unwrap();
        assert!(survey.holds, "{what}: {survey:?}");
        assert!(survey.broken_by().is_empty(), "{what}: {survey:?}");
        let tagged = survey.findings.iter().find(|it| it.rewriting == Rewriting::SubjectTagged);
        assert_eq!(tagged.unwrap().effect, Effect::Survives, "{what}");
    }
}

#[test]
fn a_message_without_a_signature_holds_nothing() {
    let survey = Survey::of(fragile().as_bytes(), &[]).unwrap();
    assert!(!survey.holds);
    assert!(!Survey::of(b"", &[]).unwrap().holds);
}
