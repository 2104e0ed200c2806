//! Old mail: what nobody should send any more and partners do is read, and told.

use chancery_cms::{
    ContentCipher, DecryptionKey, EnvelopeProblem, EnvelopedWriter, Error, RsaPadding,
};
use chancery_crypto::{KeyKind, KeyWrap};

use crate::encrypt::decrypt;
use crate::openssl::{Workshop, noise};

const LEGACY: &str = "-provider legacy -provider default";

#[test]
fn openssl_encrypts_with_triple_des_unless_told_otherwise() {
    let workshop = Workshop::new();
    let content = noise(70_000);
    workshop.write("content", &content);
    for (name, kind) in [("rsa", "rsa:2048"), ("p256", "ec:P-256"), ("p521", "ec:P-521")] {
        let person = workshop.person(name, kind);
        workshop.run(&format!(
            "cms -encrypt -binary -stream -in content -outform DER -out theirs.der -recip {name}.crt"
        ));
        let (plain, report) =
            decrypt(&workshop.read("theirs.der"), &[person.decryption()]).unwrap();
        assert_eq!(plain, content);
        assert_eq!(report.content_cipher, ContentCipher::TripleDesCbc);
        let mut expected = vec![EnvelopeProblem::WeakCipher(ContentCipher::TripleDesCbc)];
        if name != "rsa" {
            expected.insert(0, EnvelopeProblem::WeakKeyWrap(KeyWrap::TripleDes));
        }
        assert_eq!(report.problems, expected);
        assert!(!report.authenticated);
    }
}

#[test]
fn rc2_is_read() {
    let workshop = Workshop::new();
    let person = workshop.person("rsa", "rsa:2048");
    for (option, cipher) in [
        ("rc2-40", ContentCipher::Rc2Cbc40),
        ("rc2-64", ContentCipher::Rc2Cbc64),
        ("rc2-128", ContentCipher::Rc2Cbc128),
    ] {
        for size in [0, 7, 8, 70_000] {
            let content = noise(size);
            workshop.write("content", &content);
            workshop.run(&format!(
                "cms -encrypt -binary -{option} {LEGACY} -in content -outform DER -out theirs.der -recip rsa.crt"
            ));
            let (plain, report) =
                decrypt(&workshop.read("theirs.der"), &[person.decryption()]).unwrap();
            assert_eq!((plain, report.content_cipher), (content, cipher));
            let text = report.problems[0].to_string();
            assert!(text.contains(cipher.name()), "{text}");
        }
    }
}

#[test]
fn every_form_of_oaep_is_read() {
    let workshop = Workshop::new();
    let person = workshop.person("rsa", "rsa:2048");
    let content = noise(100);
    workshop.write("content", &content);
    for (options, name) in [
        ("-keyopt rsa_oaep_md:sha224", "rsa-oaep sha-224"),
        ("-keyopt rsa_oaep_md:sha256 -keyopt rsa_mgf1_md:sha1", "rsa-oaep sha-256 mgf1 sha-1"),
        ("-keyopt rsa_oaep_md:sha1 -keyopt rsa_mgf1_md:sha512", "rsa-oaep sha-1 mgf1 sha-512"),
        ("-keyopt rsa_oaep_md:sha512 -keyopt rsa_oaep_label:01020304", "rsa-oaep sha-512"),
        ("-keyopt rsa_oaep_md:sha3-256", "rsa-oaep sha3-256"),
    ] {
        workshop.run(&format!(
            "cms -encrypt -binary -aes256 -in content -outform DER -out theirs.der -recip rsa.crt \
             -keyopt rsa_padding_mode:oaep {options}"
        ));
        let message = workshop.read("theirs.der");
        let (plain, report) = decrypt(&message, &[person.decryption()]).unwrap();
        assert_eq!((plain.as_slice(), report.key_management.as_str()), (content.as_slice(), name));
        assert_eq!(report.problems, []);
        // The label is part of the padding: another one does not decrypt.
        if let Some(at) = message.windows(4).position(|window| window == [1, 2, 3, 4]) {
            let mut changed = message.clone();
            changed[at] = 9;
            assert!(matches!(decrypt(&changed, &[person.decryption()]), Err(Error::Decrypt)));
        }
    }
}

#[test]
fn small_rsa_keys_open_old_mail_and_nothing_is_written_for_them() {
    let workshop = Workshop::new();
    let person = workshop.person("small", "rsa:1024");
    let content = noise(500);
    workshop.write("content", &content);
    for options in ["", "-keyopt rsa_padding_mode:oaep"] {
        workshop.run(&format!(
            "cms -encrypt -binary -aes128 -in content -outform DER -out theirs.der -recip small.crt {options}"
        ));
        let (plain, report) =
            decrypt(&workshop.read("theirs.der"), &[person.decryption()]).unwrap();
        assert_eq!(plain, content);
        let kind = KeyKind::RsaOther { bits: 1024 };
        assert_eq!(report.problems, [EnvelopeProblem::WeakKey(kind)]);
    }
}

#[test]
fn weak_ciphers_are_never_written() {
    let workshop = Workshop::new();
    let recipients = [workshop.person("rsa", "rsa:2048").recipient(RsaPadding::Oaep256)];
    for cipher in ContentCipher::ALL.into_iter().filter(|cipher| cipher.is_weak()) {
        let result = EnvelopedWriter::new(Vec::new(), cipher, &recipients);
        assert!(matches!(result, Err(Error::Unsupported { .. })));
    }
}

#[test]
fn old_keys_open_what_was_sent_to_them() {
    let workshop = Workshop::new();
    let people =
        ["first", "second", "third", "fourth"].map(|name| workshop.person(name, "rsa:2048"));
    let ring: Vec<DecryptionKey> = people.iter().map(crate::openssl::Person::decryption).collect();
    let content = noise(100);
    workshop.write("content", &content);
    for (index, person) in people.iter().enumerate() {
        let name = person.name;
        workshop.run(&format!(
            "cms -encrypt -binary -aes256 -in content -outform DER -out theirs.der -recip {name}.crt"
        ));
        let (plain, report) = decrypt(&workshop.read("theirs.der"), &ring).unwrap();
        assert_eq!((plain.as_slice(), report.used), (content.as_slice(), index));
    }
    // To all of them at once: whichever it is, it is one of ours.
    workshop.run(
        "cms -encrypt -binary -aes256 -in content -outform DER -out theirs.der first.crt second.crt third.crt fourth.crt",
    );
    let message = workshop.read("theirs.der");
    for skipped in 0..ring.len() {
        let (plain, report) = decrypt(&message, &ring[skipped..]).unwrap();
        assert_eq!((plain.as_slice(), report.recipient_count), (content.as_slice(), 4));
    }
}
