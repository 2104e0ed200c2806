//! Clear signatures: readable by everybody, right for those who check, proof against relays.

use std::io::Cursor;

use chancery_mail::index::{Index, Part};
use chancery_smime::{
    Delivered, Outcome, Signed, Signing, sign,
    transit::{Rewriting, Survey},
};
use proptest::prelude::*;

use crate::{
    openssl::OpenSsl,
    support::{AT, MESSAGE, Party, open_as},
};

fn signed(party: &Party, original: &[u8]) -> (String, Signed) {
    let signer = party.signer();
    let signing = Signing { signer: &signer, signing_time: AT, boundary_seed: b"child 1" };
    let mut out = Vec::new();
    let report = sign(&mut Cursor::new(original), &signing, &mut out).unwrap();
    assert_eq!(report.wire_bytes, out.len() as u64);
    (String::from_utf8(out).unwrap(), report)
}

const PLAIN: &[u8] = b"Received: from a by b\r\nFrom: joerg@acme.example\r\nSubject: hello\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=us-ascii\r\nX-After: 1\r\n\r\nHello,\r\n\r\nthis is plain.\r\n";

#[test]
fn a_signed_message_verifies_here_and_with_openssl() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let no_type = b"From: joerg@acme.example\r\nSubject: old\r\n\r\nold style\r\n";
    let no_body = b"From: joerg@acme.example\r\nSubject: empty\r\n\r\n";
    let no_last_line_end = b"From: joerg@acme.example\r\n\r\nno line end";
    for original in [PLAIN, MESSAGE, no_type, no_body, no_last_line_end] {
        let (message, report) = signed(&acme, original);
        assert_eq!(report.original_bytes, original.len() as u64);
        let opened = open_as(&globex, message.as_bytes(), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Verified, "{message}\n{:#?}", opened.verdict);
        assert!(opened.verdict.signers[0].is_domain_signature);
        assert_eq!(opened.delivered, Delivered::AsReceived);
        openssl.verify(&acme, message.as_bytes());
    }
}

#[test]
fn the_header_stays_outside_and_the_content_is_not_touched() {
    let (message, report) = signed(&Party::acme(), PLAIN);
    assert_eq!(report.reencoded_parts, 0);
    assert!(message.starts_with(
        "Received: from a by b\r\nFrom: joerg@acme.example\r\nSubject: hello\r\nX-After: 1\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/signed;"
    ), "{message}");
    assert!(message.contains(
        "\r\nFrom: joerg@acme.example\r\nSubject: hello\r\nContent-Type: text/plain; charset=us-ascii;\r\n hp=\"clear\"\r\n\r\nHello,\r\n\r\nthis is plain.\r\n\r\n--=_"
    ), "{message}");
}

#[test]
fn what_relays_would_change_is_encoded_first() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (message, report) = signed(&acme, MESSAGE);
    assert_eq!(report.reencoded_parts, 1);
    assert!(message.is_ascii() && message.split("\r\n").all(|line| line.len() <= 998));
    assert!(message.contains("Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe, the secret body\r\n"), "{message}");
    assert!(message.contains("\r\nAAECAwQF\r\n--outer--"), "other parts stay: {message}");

    let binary = [
        &b"From: joerg@acme.example\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: binary\r\n\r\n"[..],
        &[0, 1, 2, 0xff, b'\n', b'\r', 3],
    ]
    .concat();
    let (message, report) = signed(&acme, &binary);
    assert_eq!(report.reencoded_parts, 1);
    assert!(message.contains("Content-Type: application/pdf;\r\n hp=\"clear\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC/woNAw==\r\n"), "{message}");
    assert_eq!(
        open_as(&globex, message.as_bytes(), &vec![acme.anchor()]).verdict.result,
        Outcome::Verified
    );

    // Programs write this line in quoted-printable in different ways.
    let (message, _) = signed(&acme, b"From: joerg@acme.example\r\n\r\nFrom \r\n");
    assert!(
        message.contains("Content-Transfer-Encoding: base64\r\n\r\nRnJvbSANCg==\r\n"),
        "{message}"
    );

    // The last line counts too if it has no end.
    let (_, report) = signed(&acme, b"From: joerg@acme.example\r\n\r\nfirst\r\n\t");
    assert_eq!(report.reencoded_parts, 1);

    let long = format!("From: joerg@acme.example\r\n\r\n{}\r\n", "x".repeat(5000));
    let (message, report) = signed(&acme, long.as_bytes());
    assert_eq!(report.reencoded_parts, 1);
    assert!(message.split("\r\n").all(|line| line.len() <= 998), "{message}");
}

#[test]
fn what_somebody_else_signed_is_not_touched() {
    let acme = Party::acme();
    let inner = "Content-Type: multipart/signed; boundary=s; protocol=\"application/pgp-signature\"\r\n\r\n--s\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\u{fc}\u{df}e\r\n--s\r\n\
         Content-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n";
    let (message, report) =
        signed(&acme, format!("From: joerg@acme.example\r\n{inner}").as_bytes());
    assert_eq!(report.reencoded_parts, 0);
    assert!(report.header.is_empty(), "nobody would look for it between two layers");
    assert!(message.contains(inner), "{message}");
}

/// The leaves of a message, decoded; texts with CRLF.
fn leaves(message: &[u8]) -> Vec<(String, Vec<u8>)> {
    let index = Index::of(message);
    let leaf = |part: &Part| {
        let body = part.body.of(message).unwrap();
        let decoded = chancery_mail::transfer::decode(part.transfer_encoding, body);
        let is_text = part.content_type.kind == "text";
        // The line end before a delimiter may belong to either.
        let text = String::from_utf8_lossy(&decoded).replace("\r\n", "\n").replace('\n', "\r\n");
        let bytes =
            if is_text { text.trim_end_matches("\r\n").as_bytes().to_vec() } else { decoded };
        (part.content_type.essence(), bytes)
    };
    index.parts().iter().filter(|part| part.is_leaf()).map(leaf).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is signed verifies, is safe from all relays but two, and says what it said before.
    #[test]
    fn any_content_is_signed_without_changing_what_it_says(
        lines in proptest::collection::vec("[a-zA-Z=. \t\u{fc}]{0,30}|From [a-z]{0,9}|[.]{1,2}|[a-z]{70,120}", 0..8),
        end in prop_oneof![Just("\r\n"), Just("")],
        encoding in prop_oneof![Just("8bit"), Just("quoted-printable"), Just("base64")],
        width in 1_usize..90,
        is_multipart in any::<bool>(),
    ) {
        let text = lines.join("\r\n") + end;
        let body = match encoding {
            "base64" => {
                let armor = base64_simd::STANDARD.encode_to_string(&text);
                let lines: Vec<&str> = (0..armor.len()).step_by(width).map(|at| &armor[at..(at + width).min(armor.len())]).collect();
                lines.join("\r\n")
            }
            "quoted-printable" => chancery_mail::transfer::encode_quoted_printable(text.as_bytes()),
            _ => text.clone(),
        };
        let leaf = format!("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}");
        let content = if is_multipart {
            format!("Content-Type: multipart/mixed; boundary=zz\r\n\r\n--zz\r\n{leaf}\r\n--zz\r\n{leaf}\r\n--zz--\r\n")
        } else {
            leaf
        };
        let original = format!("From: joerg@acme.example\r\nSubject: Gr\u{fc}n\r\n{content}");
        let (message, _) = signed(&ACME, original.as_bytes());
        let survey = Survey::of(message.as_bytes(), &[]).unwrap();
        prop_assert!(survey.holds, "{}", message);
        let hopeless = [Rewriting::FooterInText, Rewriting::PartHeadersFolded];
        let broken = survey.broken_by();
        prop_assert!(broken.iter().all(|it| hopeless.contains(it)), "{:?}\n{}", broken, message);
        let mut after = leaves(message.as_bytes());
        after.pop();
        prop_assert_eq!(after, leaves(original.as_bytes()), "{}", message);
    }
}

/// Making keys takes longer than signing.
static ACME: std::sync::LazyLock<Party> = std::sync::LazyLock::new(Party::acme);
