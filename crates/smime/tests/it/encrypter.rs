//! Who encrypted it: a signature inside of an encryption does not say that its maker encrypted.

use std::io::Cursor;

use chancery_smime::{
    ContentAlgorithm, EncryptedBy, HeaderConfidentiality, InPlace, Outcome, ProtectionKind,
    Signing, sign,
};

use crate::{
    header::in_place,
    openssl::OpenSsl,
    support::{AT, MESSAGE, Party, open_as},
};

const HEADER: &str = "From: joerg@acme.example\r\nMIME-Version: 1.0\r\n";
const TEXT: &[u8] = b"Content-Type: text/plain\r\n\r\nPay to account 1.\r\n";

fn mail(entity: &[u8]) -> Vec<u8> {
    [HEADER.as_bytes(), entity].concat()
}

/// Returns the entity of a message that Acme signed in clear.
fn signed_in_clear(acme: &Party) -> Vec<u8> {
    let signer = acme.signer();
    let signing = Signing { signer: &signer, signing_time: AT, boundary_seed: b"child 1" };
    let mut out = Vec::new();
    sign(&mut Cursor::new(mail(TEXT)), &signing, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    out.as_bytes()[out.find("Content-Type: multipart/signed").unwrap()..].to_vec()
}

#[test]
fn the_verdict_says_whether_the_signer_vouches_for_the_encryption() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let eve = Party::new("Eve", "evil.example", chancery_crypto::KeyKind::EcP256);
    let (plain, opaque) =
        (openssl.sign(&acme, &[], TEXT), openssl.sign(&acme, &["-nodetach"], TEXT));
    let hp = |word: &str| {
        let inner = format!(
            "Content-Type: text/plain; hp={word}\r\nFrom: joerg@acme.example\r\n\r\nPay.\r\n"
        );
        openssl.sign(&acme, &["-binary"], inner.as_bytes())
    };
    let encrypt = |entity: &[u8]| openssl.encrypt(&globex, &["-aes-256-gcm"], entity);
    let around = |party: &Party, entity: &[u8]| openssl.sign(party, &["-binary"], entity);
    let wrapped = |parameters: &str| {
        let inner = format!(
            "Content-Type: message/rfc822; forwarded=no{parameters}\r\n\r\nFrom: joerg@acme.example\r\n\r\nPay.\r\n"
        );
        openssl.sign(&acme, &["-binary"], inner.as_bytes())
    };
    for (name, entity, by) in [
        ("what a mail program signs and encrypts", encrypt(&plain), EncryptedBy::Unknown),
        ("an opaque signature inside", encrypt(&opaque), EncryptedBy::Unknown),
        ("signed in clear by us", encrypt(&signed_in_clear(&acme)), EncryptedBy::Other),
        ("hp=clear", encrypt(&hp("clear")), EncryptedBy::Other),
        ("hp=cipher", encrypt(&hp("cipher")), EncryptedBy::Signer),
        ("a wrapped message, signed only", encrypt(&wrapped("")), EncryptedBy::Unknown),
        ("a wrapped message", encrypt(&wrapped("; hp=cipher")), EncryptedBy::Signer),
        ("triple wrapped", around(&acme, &encrypt(&plain)), EncryptedBy::Signer),
        ("triple wrapped, by somebody else", around(&eve, &encrypt(&plain)), EncryptedBy::Unknown),
        (
            "hp=clear inside, and a gateway",
            around(&acme, &encrypt(&hp("clear"))),
            EncryptedBy::Signer,
        ),
        (
            "encrypted again by somebody",
            encrypt(&around(&acme, &encrypt(&plain))),
            EncryptedBy::Signer,
        ),
    ] {
        let opened = open_as(&globex, &mail(&entity), &vec![acme.anchor(), eve.anchor()]);
        let verdict = &opened.verdict;
        assert_eq!(verdict.result, Outcome::Verified, "{name}: {verdict:#?}");
        assert_eq!(verdict.protection, ProtectionKind::SignedEncrypted, "{name}");
        assert_eq!(verdict.encryption.as_ref().unwrap().by, by, "{name}");
        let codes = opened.codes();
        assert_eq!(codes.contains(&"smime.encrypted_by_other"), by == EncryptedBy::Other, "{name}");
        let field = verdict.authentication_results("mx.globex.example").replace("\r\n", "");
        let says = match by {
            EncryptedBy::Other => "Acme, sent readable, encrypted by somebody else",
            EncryptedBy::Signer => "Acme, encrypted",
            EncryptedBy::Unknown => "Acme, encrypted by an unknown hand",
        };
        let field = field.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(field.contains(&format!("\"{says}")), "{name}: {field}");
    }
}

#[test]
fn what_is_not_verified_is_vouched_for_by_nobody() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let inner = "Content-Type: text/plain; hp=cipher\r\nFrom: joerg@acme.example\r\n\r\nPay.\r\n";
    let signed = openssl.sign(&acme, &["-binary"], inner.as_bytes());
    let unsigned = openssl.encrypt(&globex, &["-aes-256-gcm"], inner.as_bytes());
    let sealed = openssl.encrypt(&globex, &["-aes-256-gcm"], &signed);
    for (entity, trust) in [(unsigned, vec![acme.anchor()]), (sealed, Vec::new())] {
        let verdict = open_as(&globex, &mail(&entity), &trust).verdict;
        assert_eq!(verdict.result, Outcome::Unverified, "{verdict:#?}");
        assert_eq!(verdict.encryption.unwrap().by, EncryptedBy::Unknown);
    }
}

#[test]
fn all_that_we_encrypt_is_vouched_for() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let how = InPlace {
        confidentiality: HeaderConfidentiality::Baseline,
        legacy_display: true,
        keeps_bcc: false,
    };
    let original = std::str::from_utf8(MESSAGE).unwrap();
    let in_place = in_place(&globex, &acme, original, how).into_bytes();
    let (wrapped, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Cbc);
    for message in [in_place, wrapped] {
        let verdict = open_as(&globex, &message, &vec![acme.anchor()]).verdict;
        assert_eq!(verdict.result, Outcome::Verified, "{verdict:#?}");
        assert_eq!(verdict.encryption.unwrap().by, EncryptedBy::Signer);
    }
}
