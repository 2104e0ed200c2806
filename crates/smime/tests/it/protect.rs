//! Our own wire form: what travels, and what comes back.

use chancery_crypto::KeyKind;
use chancery_smime::{
    ContentAlgorithm, Delivered, Outcome, OuterHeaders, OuterSubject, Protection, protect,
};
use proptest::prelude::*;

use crate::support::{AT, MESSAGE, Party, open_as};

#[test]
fn a_protected_message_comes_back_byte_for_byte_and_verified() {
    let (globex, kinds) = (Party::globex(), [KeyKind::EcP256, KeyKind::EcP384, KeyKind::Rsa2048]);
    for kind in kinds {
        let acme = Party::new("Acme", "acme.example", kind);
        for cipher in [ContentAlgorithm::Aes256Gcm, ContentAlgorithm::Aes256Cbc] {
            let (wire, protected) = acme.protect(MESSAGE, &globex, cipher);
            assert_eq!(protected.wire_bytes, wire.len() as u64);
            assert_eq!(protected.original_bytes, MESSAGE.len() as u64);
            let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
            assert_eq!(opened.verdict.result, Outcome::Verified, "{kind} {:?}", opened.verdict);
            assert!(matches!(opened.delivered, Delivered::Original { .. }));
            assert_eq!(opened.bytes, MESSAGE);
        }
    }
}

#[test]
fn rsa_recipients_get_oaep_only_if_they_say_so() {
    let acme = Party::acme();
    let globex = Party::new("Globex", "globex.example", KeyKind::Rsa2048);
    let (wire, protected) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    assert_eq!(protected.recipients[0].key_management, "rsa-oaep-sha256");
    assert_eq!(open_as(&globex, &wire, &vec![acme.anchor()]).bytes, MESSAGE);

    let old = chancery_smime::RecipientKey::new(globex.encryption.der(), &[]).unwrap();
    let signer = acme.signer();
    let protection = Protection {
        signer: &signer,
        recipients: &[&old],
        cipher: ContentAlgorithm::Aes256Cbc,
        signing_time: AT,
        boundary_seed: b"x",
    };
    let outer = OuterHeaders::copied_from(MESSAGE, OuterSubject::Hide);
    let mut wire = Vec::new();
    let protected = protect(&mut &MESSAGE[..], &outer, &protection, &mut wire).unwrap();
    assert_eq!(protected.recipients[0].key_management, "rsa-pkcs1v15");
    assert_eq!(open_as(&globex, &wire, &vec![acme.anchor()]).bytes, MESSAGE);
}

#[test]
fn the_wire_shows_nothing_but_what_transport_needs() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let wire = String::from_utf8(wire).unwrap();
    assert!(!wire.to_lowercase().contains("secret") && !wire.contains("desk.acme.example"));
    let (header, body) = wire.split_once("\r\n\r\n").unwrap();
    insta::assert_snapshot!(header.replace("\r\n", "\n"), @r#"
    From: =?utf-8?Q?J=C3=B6rg?= <joerg@acme.example>
    To: hank@globex.example
    Date: Sat, 21 Nov 2026 10:00:00 +0000
    Message-ID: <1@acme.example>
    Subject: [...]
    MIME-Version: 1.0
    Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data;
     name="smime.p7m"
    Content-Transfer-Encoding: base64
    Content-Disposition: attachment; filename="smime.p7m"
    "#);
    assert!(
        body.ends_with("\r\n")
            && body.split("\r\n").all(|line| line.len() <= 76 && line.is_ascii())
    );
}

#[test]
fn nobody_to_encrypt_to_is_an_error_and_writes_nothing() {
    let signer = Party::acme().signer();
    let protection = Protection {
        signer: &signer,
        recipients: &[],
        cipher: ContentAlgorithm::Aes256Gcm,
        signing_time: AT,
        boundary_seed: b"x",
    };
    let mut wire = Vec::new();
    let outer = OuterHeaders::copied_from(MESSAGE, OuterSubject::Hide);
    assert!(protect(&mut &MESSAGE[..], &outer, &protection, &mut wire).is_err());
    assert!(wire.is_empty());
}

#[test]
fn every_recipient_of_a_child_reads_it() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let initech = Party::new("Initech", "initech.example", KeyKind::Rsa2048);
    let (signer, keys) = (acme.signer(), [globex.recipient(), initech.recipient()]);
    let protection = Protection {
        signer: &signer,
        recipients: &keys.iter().collect::<Vec<_>>(),
        cipher: ContentAlgorithm::Aes256Gcm,
        signing_time: AT,
        boundary_seed: b"x",
    };
    let outer = OuterHeaders::copied_from(MESSAGE, OuterSubject::Hide);
    let mut wire = Vec::new();
    let protected = protect(&mut &MESSAGE[..], &outer, &protection, &mut wire).unwrap();
    assert_eq!(protected.recipients.len(), 2);
    for reader in [&globex, &initech] {
        assert_eq!(open_as(reader, &wire, &vec![acme.anchor()]).bytes, MESSAGE);
    }
    // The sender itself is no recipient.
    let sender = open_as(&acme, &wire, &vec![acme.anchor()]);
    assert_eq!(sender.verdict.result, Outcome::Undecipherable);
    assert_eq!(sender.codes(), ["smime.not_for_us"]);
}

#[test]
fn odd_originals_come_back_as_they_were() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let long_line =
        [&b"From: a@acme.example\r\nX: "[..], &vec![b'x'; 200_000], b"\r\n\r\nbody"].concat();
    let originals: [&[u8]; 9] = [
        b"From: a@acme.example\r\n\r\nno line end at the end",
        b"From: a@acme.example\r\n\r\n",
        b"From: a@acme.example\r\n\r\n\r\n\r\n\r\n",
        b"From: a@acme.example\r\n\r\nNUL \0 and \xff\xfe\r\n",
        b"From: a@acme.example\r\nno field\r\n\r\n--=_\r\n",
        b"From: a@acme.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
        b"From: a@acme.example\r\nSubject: no body",
        b"From: a@acme.example, b@acme.example\r\nFrom: c@acme.example\r\n\r\ntwo Froms\r\n",
        &long_line,
    ];
    for original in originals {
        let (wire, _) = acme.protect(original, &globex, ContentAlgorithm::Aes256Gcm);
        let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
        assert_eq!(opened.text(), String::from_utf8_lossy(original));
        assert_eq!(opened.bytes, original);
    }
}

#[test]
fn a_message_without_one_clear_from_is_never_verified() {
    let (acme, globex) = (Party::acme(), Party::globex());
    for original in [
        &b"From: a@acme.example\r\nFrom: b@acme.example\r\n\r\nx\r\n"[..],
        b"Subject: no From\r\n\r\nx\r\n",
        b"From: nobody\r\n\r\nx\r\n",
    ] {
        let (wire, _) = acme.protect(original, &globex, ContentAlgorithm::Aes256Gcm);
        let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Unverified, "{:?}", opened.verdict);
        assert!(opened.codes().contains(&"smime.from_ambiguous"), "{:?}", opened.codes());
        assert_eq!(opened.bytes, original, "it is still delivered as it was");
    }
}

#[test]
fn trace_of_the_wire_is_kept_apart() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let travelled =
        [b"Received: from a\r\n\tby b\r\nReceived: from c by d\r\n", &wire[..]].concat();
    let opened = open_as(&globex, &travelled, &vec![acme.anchor()]);
    assert_eq!(opened.bytes, MESSAGE);
    assert_eq!(opened.trace, b"Received: from a\r\n\tby b\r\nReceived: from c by d\r\n");
}

/// A reader that gives a few bytes at a time.
struct Dribble<'a>(&'a [u8], usize);

impl std::io::Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(buffer.len());
        std::io::Read::read(&mut self.0, &mut buffer[..length])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn protect_and_open_are_inverse(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..30),
        step in 1_usize..5000,
        is_gcm in any::<bool>(),
    ) {
        let (acme, globex) = (Party::acme(), Party::globex());
        let mut original = b"From: a@acme.example\r\n\r\n".to_vec();
        for line in lines {
            original.extend(line.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
            original.extend_from_slice(b"\r\n");
        }
        let (signer, recipient) = (acme.signer(), globex.recipient());
        let protection = Protection {
            signer: &signer,
            recipients: &[&recipient],
            cipher: if is_gcm { ContentAlgorithm::Aes256Gcm } else { ContentAlgorithm::Aes256Cbc },
            signing_time: AT,
            boundary_seed: b"child 1",
        };
        let outer = OuterHeaders::copied_from(&original, OuterSubject::Hide);
        let mut wire = Vec::new();
        protect(&mut Dribble(&original, step), &outer, &protection, &mut wire).unwrap();
        let opened = open_as(&globex, &wire, &vec![acme.anchor()]);
        prop_assert_eq!(opened.verdict.result, Outcome::Verified);
        prop_assert_eq!(opened.bytes, original);
    }
}
