//! CMS that is no signature and no encryption: what it is called is not what counts.

use chancery_crypto::KeyKind;
use chancery_mail::transfer::{Base64Encoder, Decoder};
use chancery_smime::{ContentAlgorithm, Delivered, Outcome};
use std::io::{Read as _, Write as _};

use crate::{
    openssl::OpenSsl,
    support::{MESSAGE, Party, open_as},
};

const TEXT: &[u8] = b"Content-Type: text/plain\r\n\r\nhello\r\n";

/// Returns a message whose body is this structure.
pub(crate) fn mail(parameters: &str, der: &[u8]) -> Vec<u8> {
    let head = format!(
        "From: joerg@acme.example\r\nMIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime{parameters}\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    let mut armor = Base64Encoder::new(head.into_bytes());
    armor.write_all(der).unwrap();
    let mut message = armor.finish().unwrap();
    message.extend_from_slice(b"\r\n");
    message
}

pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, length[0], length[1]], content.as_slice()].concat()
}

#[test]
fn another_content_type_is_no_unprotected_mail() {
    let (acme, globex) = (Party::acme(), Party::globex());
    let (wire, _) = acme.protect(MESSAGE, &globex, ContentAlgorithm::Aes256Gcm);
    let body = wire.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    let encoding = chancery_mail::content_type::TransferEncoding::Base64;
    let mut der = Vec::new();
    Decoder::new(encoding, &wire[body..]).read_to_end(&mut der).unwrap();
    // id-ct-authEnvelopedData ends in 1.23.
    let at = der.windows(3).position(|it| it == [0x10, 0x01, 0x17]).unwrap() + 2;
    for (number, parameters) in [
        (0x63, ""),
        (0x63, "; smime-type=authEnveloped-data"),
        (0x63, "; name=\"smime.p7m\""),
        (0x04, ""),
    ] {
        der[at] = number;
        let opened = open_as(&globex, &mail(parameters, &der), &vec![acme.anchor()]);
        assert_eq!(opened.verdict.result, Outcome::Undecipherable, "{:#?}", opened.verdict);
        assert_eq!(opened.delivered, Delivered::Nothing);
        assert_eq!(opened.codes(), ["smime.malformed"]);
        let says = format!("has content of the type 1.2.840.113549.1.9.16.1.{number}");
        assert!(opened.verdict.problems[0].text.contains(&says), "{:?}", opened.verdict.problems);
    }
    // Not even CMS.
    let opened = open_as(&globex, &mail("", b"hello"), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Undecipherable, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.malformed"]);
}

#[test]
fn a_digest_is_no_protection() {
    let (acme, globex, openssl) = (Party::acme(), Party::globex(), OpenSsl::new());
    let der = openssl
        .run(&["cms", "-digest_create", "-binary", "-outform", "DER", "-md", "sha256"], TEXT);
    let opened = open_as(&globex, &mail("", &der), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unprotected, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.not_signed"]);
    assert!(opened.text().ends_with("\r\n\r\nhello\r\n"), "{}", opened.text());
    // What is signed inside is signed.
    let signed = openssl.sign(&acme, &[], TEXT);
    let der = openssl.run(&["cms", "-digest_create", "-binary", "-outform", "DER"], &signed);
    let opened = open_as(&globex, &mail("", &der), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Verified, "{:#?}", opened.verdict);
    // A digest that does not fit: nothing is taken out.
    let mut changed = der;
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let opened = open_as(&globex, &mail("", &changed), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unprotected, "{:#?}", opened.verdict);
    assert_eq!(
        (opened.codes(), opened.delivered),
        (vec!["smime.malformed"], Delivered::AsReceived)
    );
}

#[test]
fn an_authentication_code_is_no_signature() {
    let acme = Party::acme();
    let (globex, openssl) =
        (Party::new("Globex", "globex.example", KeyKind::Rsa2048), OpenSsl::new());
    let certificate = openssl.file("to.pem", globex.encryption.to_pem().as_bytes());
    // The key transport is taken from an envelope for the same certificate, whose content key becomes that of the HMAC.
    let key = [7; 32];
    let encrypted = openssl.run(&["pkeyutl", "-encrypt", "-certin", "-inkey", &certificate], &key);
    let issuer = {
        let envelope = openssl
            .run(&["cms", "-encrypt", "-binary", "-outform", "DER", "-aes256", &certificate], TEXT);
        // RecipientInfos is the SET behind the version; its KeyTransRecipientInfo ends with the encrypted key.
        let set =
            envelope.windows(5).position(|it| it[..3] == [2, 1, 0] && it[3] == 0x31).unwrap() + 3;
        let name = envelope[set..]
            .windows(5)
            .position(|it| it[..3] == [2, 1, 0] && it[3] == 0x30)
            .unwrap()
            + set
            + 3;
        let length = match envelope[name + 1] {
            0x81 => 3 + usize::from(envelope[name + 2]),
            short => 2 + usize::from(short),
        };
        envelope[name..name + length].to_vec()
    };
    let mac = |key: &[u8]| {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let option = format!("hexkey:{hex}");
        openssl.run(&["dgst", "-sha256", "-mac", "HMAC", "-macopt", &option, "-binary"], TEXT)
    };
    // RFC 5652 section 9.1, with rsaEncryption and hmacWithSHA256.
    let rsa = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let hmac = [0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9];
    let data = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let authenticated = [6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 2];
    let build = |code: &[u8]| {
        let recipient = element(0x30, &[&[2, 1, 0], &issuer, &rsa, &element(4, &[&encrypted])]);
        let content = element(0x30, &[&data, &element(0xa0, &[&element(4, &[TEXT])])]);
        let structure = element(
            0x30,
            &[&[2, 1, 0], &element(0x31, &[&recipient]), &hmac, &content, &element(4, &[code])],
        );
        element(0x30, &[&authenticated, &element(0xa0, &[&structure])])
    };
    let opened = open_as(&globex, &mail("", &build(&mac(&key))), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Unprotected, "{:#?}", opened.verdict);
    assert_eq!(opened.verdict.form, "authenticated-data > content");
    assert_eq!(opened.codes(), ["smime.not_signed"]);
    assert!(opened.text().ends_with("\r\n\r\nhello\r\n"), "{}", opened.text());
    let opened = open_as(&globex, &mail("", &build(&mac(b"another"))), &vec![acme.anchor()]);
    assert_eq!(opened.verdict.result, Outcome::Undecipherable, "{:#?}", opened.verdict);
    assert_eq!(opened.codes(), ["smime.undecipherable"]);
}
