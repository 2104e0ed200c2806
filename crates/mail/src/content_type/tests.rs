//! Media types as programs write them, right and wrong.

use proptest::prelude::*;

use super::{ContentType, Disposition, TransferEncoding};

fn parameter(value: &str, name: &str) -> Option<String> {
    ContentType::parse(value.as_bytes()).unwrap().parameter(name).map(str::to_owned)
}

#[test]
fn types_are_read_in_any_dress() {
    for (value, essence) in [
        (" text/plain", "text/plain"),
        ("TEXT/Plain; charset=utf-8", "text/plain"),
        ("(comment (nested)) multipart (x) / (y) Mixed", "multipart/mixed"),
        ("application/pkcs7-mime;smime-type=enveloped-data", "application/pkcs7-mime"),
        ("text/html charset=utf-8", "text/html"),
    ] {
        assert_eq!(ContentType::parse(value.as_bytes()).unwrap().essence(), essence, "{value}");
    }
    for value in ["", "text", "/plain", "text/", ";", "(unclosed text/plain"] {
        assert_eq!(ContentType::parse(value.as_bytes()), None, "{value}");
    }
}

#[test]
fn parameters_are_read_in_any_dress() {
    for (value, name, wanted) in [
        ("a/b; Boundary=\"x y\"", "boundary", Some("x y")),
        ("a/b; boundary=x (comment)", "boundary", Some("x")),
        ("a/b; boundary = \"a\\\"b\\\\c\"", "boundary", Some("a\"b\\c")),
        ("a/b;; ; name=my file.pdf; x=y", "name", Some("my file.pdf")),
        ("a/b; boundary=one; boundary=two", "boundary", Some("one")),
        ("a/b; name=\"unclosed; x=y", "name", Some("unclosed; x=y")),
        ("a/b; junk \"; name=no\"; name=yes", "name", Some("yes")),
        ("a/b; name*=utf-8'de'%C3%BCber%20uns", "name", Some("über uns")),
        ("a/b; name=plain; name*=utf-8''better", "name", Some("better")),
        ("a/b; name*0=\"one \"; name*1=two; name*3=no", "name", Some("one two")),
        ("a/b; name*1*=%20two; name*0*=iso-8859-1''%FCn", "name", Some("ün two")),
        ("a/b; name*=unknown''%FC", "name", Some("ü")),
        ("a/b; name*=%zz%4", "name", Some("%zz%4")),
        ("a/b; name", "name", None),
        ("a/b name=x", "name", Some("x")),
        ("a/b; x=\"y\" name=z", "name", Some("z")),
    ] {
        assert_eq!(parameter(value, name).as_deref(), wanted, "{value}");
    }
}

#[test]
fn a_boundary_is_kept_byte_for_byte() {
    let boundary = |value: &[u8]| ContentType::parse(value).unwrap().boundary().map(<[u8]>::to_vec);
    assert_eq!(boundary(b"multipart/mixed; boundary=\"\xfc x \""), Some(b"\xfc x".to_vec()));
    assert_eq!(boundary(b"multipart/mixed; boundary*0=a; boundary*1=b"), Some(b"ab".to_vec()));
    assert_eq!(boundary(b"multipart/mixed; boundary*=us-ascii''a%3db"), Some(b"a=b".to_vec()));
    assert_eq!(boundary(b"multipart/mixed; boundary=\"\""), None);
    assert_eq!(boundary(b"multipart/mixed; boundary=\" \""), None);
    assert_eq!(boundary(b"multipart/mixed"), None);
}

#[test]
fn dispositions_and_encodings_are_read() {
    let disposition = Disposition::parse(b"Attachment; filename=\"smime.p7m\"").unwrap();
    assert_eq!(
        (disposition.kind.as_str(), disposition.parameter("filename")),
        ("attachment", Some("smime.p7m"))
    );
    assert_eq!(Disposition::parse(b"  "), None);
    for (value, encoding) in [
        ("7bit", TransferEncoding::SevenBit),
        (" BASE64 (comment)", TransferEncoding::Base64),
        ("Quoted-Printable;", TransferEncoding::QuotedPrintable),
        ("8bit", TransferEncoding::EightBit),
        ("binary", TransferEncoding::Binary),
        ("x-uuencode", TransferEncoding::Unknown),
        ("", TransferEncoding::Unknown),
    ] {
        assert_eq!(TransferEncoding::parse(value.as_bytes()), encoding, "{value}");
    }
}

#[test]
fn thousands_of_parameters_are_not_kept() {
    let value = format!("a/b{}", "; x*0=y".repeat(10_000));
    assert!(ContentType::parse(value.as_bytes()).unwrap().parameters.len() <= 64);
}

proptest! {
    #[test]
    fn quoted_values_come_back(boundary in "[ -~]{0,69}[!-~]") {
        let quoted = boundary.replace('\\', "\\\\").replace('"', "\\\"");
        let value = format!("multipart/mixed;\r\n\tx=y; boundary=\"{quoted}\"; z=\"\"");
        let parsed = ContentType::parse(value.as_bytes()).unwrap();
        prop_assert_eq!(parsed.parameter("boundary"), Some(boundary.as_str()));
        prop_assert_eq!(parsed.boundary(), Some(boundary.as_bytes()));
    }

    #[test]
    fn encoded_values_come_back(name in "\\PC{0,40}", cut in 4_usize..20) {
        let encoded: Vec<String> = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut value = "a/b".to_owned();
        let pieces: Vec<_> = encoded.chunks(cut).collect();
        for (number, piece) in pieces.iter().enumerate() {
            let charset = if number == 0 { "utf-8''" } else { "" };
            value = format!("{value}; name*{number}*={charset}{}", piece.concat());
        }
        prop_assert_eq!(parameter(&value, "name"), (!name.is_empty()).then_some(name));
    }

    #[test]
    fn rubbish_never_panics(value in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut typed = b"a/b;".to_vec();
        typed.extend(&value);
        for value in [&value, &typed] {
            prop_assert!(ContentType::parse(value).is_none_or(|parsed| !parsed.kind.is_empty() && !parsed.subtype.is_empty()));
            prop_assert!(Disposition::parse(value).is_none_or(|parsed| !parsed.kind.is_empty()));
        }
    }
}

#[test]
fn one_reading_only() {
    for value in [
        "multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=\"=_b;1\"",
        " multipart/signed;\r\n\tboundary=----=_Part_1",
        "multipart/mixed; boundary=b;",
        "text/plain",
    ] {
        assert!(ContentType::is_unequivocal(value.as_bytes()), "{value}");
    }
    for value in [
        "multipart/signed; boundary*0=\"evil\"; boundary=\"real\"",
        "multipart/signed; boundary*=us-ascii''evil; boundary=real",
        "multipart/signed; boundary=real; boundary=evil",
        "multipart/signed; BOUNDARY=real; boundary=evil",
        "multipart/signed (;boundary=evil); boundary=real",
        "multipart/signed; boundary=\"re\\\"al\"",
        "multipart/signed; boundary=\"real",
        "multipart/signed; boundary=\"real\" boundary=evil",
        "multipart/signed; boundary=real boundary=evil",
        "multipart/signed boundary=evil; boundary=real",
        "multipart/signed; boundary =evil; boundary=real",
        "multipart/signed, text/plain; boundary=real",
        "multipart/signed; boundary=",
        "multipart/signed; boundary=b\u{e9}",
        "multipart",
        "",
    ] {
        assert!(!ContentType::is_unequivocal(value.as_bytes()), "{value}");
    }
}
