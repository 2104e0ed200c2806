//! What the desk says when it cannot do what was asked: the reason that anybody can see, for people and for programs.

use std::fs;

use crate::desk::Desk;

/// A CMS structure (base64) that is neither encrypted nor signed.
const DATA: &str = "MBAGCSqGSIb3DQEHAaADBAF4";

const HEADER: &str = "From: alice@acme.example\nTo: bob@acme.example\nMIME-Version: 1.0\n\
    Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\
    Content-Transfer-Encoding: base64\n\n";

#[test]
fn what_a_message_says_in_clear_is_told() {
    let desk = Desk::new();
    let encrypt = ["cms", "-encrypt", "-in", "letter.eml", "-out", "odd.eml", "-camellia256"];
    desk.ssl(&[&encrypt, &["-from", "alice@acme.example", "bob.pem"]]);
    let key = "--key bob.key --certificate bob.pem";
    let odd = desk.message(&format!("decrypt odd.eml {key}"), "");
    assert_eq!((odd.code, odd.stdout.as_str()), (Some(1), ""), "{odd:?}");
    assert!(odd.stderr.contains("smime.encryption_unsupported"), "{odd:?}");
    assert!(odd.stderr.contains("1.2.392.200011.61.1.1.1.4 is not supported"), "{odd:?}");
    assert!(!odd.stderr.contains("attack"), "{odd:?}");
    let none = desk.message(&format!("decrypt {key}"), &format!("{HEADER}{DATA}\n"));
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.stderr.contains("has content of the type data"), "{none:?}");
    assert!(!none.stderr.contains("attack"), "{none:?}");
}

#[test]
fn what_depends_on_a_key_all_looks_alike() {
    let desk = Desk::new();
    let encrypt = ["cms", "-encrypt", "-aes256", "-in", "letter.eml", "-out"];
    desk.ssl(&[&encrypt, &["sealed.der", "-outform", "DER", "bob.pem"]]);
    let sealed = fs::read(desk.path("sealed.der")).expect("it was written");
    let said = |at: usize, bits: u8| {
        let mut changed = sealed.clone();
        changed[at] ^= bits;
        fs::write(desk.path("changed.der"), changed).expect("the folder is ours");
        let changed = desk.ssl(&[&["base64", "-in", "changed.der"]]);
        let changed = format!("{HEADER}{changed}");
        let said = desk.message("decrypt --key bob.key --certificate bob.pem", &changed);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
        said.stderr
    };
    // The last block, so that the padding is wrong; the encrypted key; the beginning of the content.
    let last = sealed.len() - 20;
    let in_key = sealed.len() - sealed.len() / 2;
    let expected = said(last, 1);
    assert!(expected.contains("(smime.undecipherable)"), "{expected}");
    assert_eq!(said(last, 0x80), expected);
    assert_eq!(said(in_key, 1), expected);
}
