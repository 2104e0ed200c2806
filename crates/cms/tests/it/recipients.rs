//! Recipients without certificates, and those with keys that OpenSSL 3 does not send to.

use std::num::NonZeroU32;
use std::slice;

use chancery_cms::{ContentCipher, DecryptionKey, Error, Recipient, RsaPadding};

use crate::encrypt::{decrypt, encrypt, encrypt_definite};
use crate::openssl::{Workshop, noise};

fn rounds(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

#[test]
fn passwords_open_in_both_directions() {
    let workshop = Workshop::new();
    let content = noise(3000);
    workshop.write("content", &content);
    let (right, wrong) = (DecryptionKey::password(b"secret"), DecryptionKey::password(b"other"));
    for cipher in ["aes-128-cbc", "aes-256-cbc", "des3"] {
        workshop.run(&format!(
            "cms -encrypt -binary -{cipher} -pwri_password secret -in content -outform DER -out theirs.der"
        ));
        let message = workshop.read("theirs.der");
        let (plain, report) = decrypt(&message, &[wrong.clone(), right.clone()]).unwrap();
        assert_eq!((plain, report.used), (content.clone(), 1));
        assert!(report.key_management.starts_with("password "), "{}", report.key_management);
        assert_eq!(report.recipients, ["password"]);
        assert!(matches!(decrypt(&message, slice::from_ref(&wrong)), Err(Error::Decrypt)));
        assert!(matches!(decrypt(&message, &[]), Err(Error::NotForUs { recipients: 1 })));
    }
    for cipher in [ContentCipher::Aes128Cbc, ContentCipher::Aes256Gcm] {
        let recipients = [Recipient::from_password(b"secret", rounds(1000))];
        let ours = encrypt_definite(cipher, &recipients, &content);
        workshop.write("ours.der", &ours);
        workshop
            .run("cms -decrypt -binary -inform DER -in ours.der -pwri_password secret -out plain");
        assert_eq!(workshop.read("plain"), content);
        assert_eq!(decrypt(&ours, slice::from_ref(&right)).unwrap().0, content);
        assert!(matches!(decrypt(&ours, slice::from_ref(&wrong)), Err(Error::Decrypt)));
    }
}

#[test]
fn shared_keys_open_in_both_directions() {
    let workshop = Workshop::new();
    let content = noise(3000);
    workshop.write("content", &content);
    for length in [16, 24, 32] {
        let key: Vec<u8> = (0..length).collect();
        let hex: String = key.iter().map(|byte| format!("{byte:02X}")).collect();
        let ours_of = |name: &[u8], key: &[u8]| [DecryptionKey::shared_key(name, key)];
        workshop.run(&format!(
            "cms -encrypt -binary -aes256 -secretkey {hex} -secretkeyid C0FFEE -in content -outform DER -out theirs.der"
        ));
        let message = workshop.read("theirs.der");
        let (plain, report) = decrypt(&message, &ours_of(b"\xc0\xff\xee", &key)).unwrap();
        assert_eq!(plain, content);
        assert_eq!(report.key_management, format!("shared key aes{}-wrap", key.len() * 8));
        let other = decrypt(&message, &ours_of(b"another", &key));
        assert!(matches!(other, Err(Error::NotForUs { .. })));
        let mut wrong = key.clone();
        wrong[0] ^= 1;
        assert!(matches!(
            decrypt(&message, &ours_of(b"\xc0\xff\xee", &wrong)),
            Err(Error::Decrypt)
        ));
        let recipients = [Recipient::from_shared_key(b"\xc0\xff\xee", &key).unwrap()];
        workshop.write("ours.der", &encrypt(ContentCipher::Aes256Cbc, &recipients, &content));
        workshop.run(&format!(
            "cms -decrypt -binary -inform DER -in ours.der -secretkey {hex} -secretkeyid C0FFEE -out plain"
        ));
        assert_eq!(workshop.read("plain"), content);
    }
    assert!(Recipient::from_shared_key(b"", &[0; 17]).is_err());
}

#[test]
fn openssl_finds_recipients_that_we_name_by_key() {
    let workshop = Workshop::new();
    let content = noise(100);
    for (name, kind) in [("rsa", "rsa:2048"), ("p256", "ec:P-256")] {
        let person = workshop.person(name, kind);
        let recipients = [person.recipient(RsaPadding::Oaep256).named_by_key()];
        let ours = encrypt_definite(ContentCipher::Aes256Cbc, &recipients, &content);
        crate::encrypt::openssl_decrypts(&workshop, &person, &ours, &content);
        workshop.write("ours.der", &ours);
        workshop.run("cms -cmsout -inform DER -in ours.der -outform DER -out again.der");
        assert_eq!(workshop.read("again.der"), ours);
        let (plain, report) = decrypt(&ours, &[person.decryption()]).unwrap();
        assert_eq!(plain, content);
        assert!(report.recipients[0].starts_with("key identifier "));
    }
}

#[test]
fn all_kinds_of_recipients_share_one_message() {
    let workshop = Workshop::new();
    let rsa = workshop.person("rsa", "rsa:2048");
    let curve = x25519(&workshop);
    let recipients = [
        rsa.recipient(RsaPadding::Pkcs1v15),
        curve.0,
        Recipient::from_password(b"secret", rounds(10)),
        Recipient::from_shared_key(b"name", &[7; 32]).unwrap(),
    ];
    let keys = [
        rsa.decryption(),
        curve.1,
        DecryptionKey::password(b"secret"),
        DecryptionKey::shared_key(b"name", &[7; 32]),
    ];
    let content = noise(1000);
    for cipher in [ContentCipher::Aes256Cbc, ContentCipher::ChaCha20Poly1305] {
        let message = encrypt(cipher, &recipients, &content);
        for key in &keys {
            let (plain, report) = decrypt(&message, slice::from_ref(key)).unwrap();
            assert_eq!((plain.as_slice(), report.recipient_count), (content.as_slice(), 4));
        }
        workshop.write("ours.der", &message);
        if cipher == ContentCipher::Aes256Cbc {
            workshop.run(
                "cms -decrypt -binary -inform DER -in ours.der -recip rsa.crt -inkey rsa.key -out plain",
            );
            assert_eq!(workshop.read("plain"), content);
        }
    }
}

#[test]
fn x25519_agrees_on_keys() {
    let workshop = Workshop::new();
    let (recipient, key) = x25519(&workshop);
    let content = noise(200);
    let message = encrypt(ContentCipher::Aes256Gcm, &[recipient], &content);
    let (plain, report) = decrypt(&message, &[key]).unwrap();
    assert_eq!(plain, content);
    assert_eq!(report.key_management, "ecdh hkdf-sha-256 aes256-wrap");
}

/// Makes a person with an X25519 key, whose certificate another key has to sign.
fn x25519(workshop: &Workshop) -> (Recipient, DecryptionKey) {
    workshop.run("genpkey -algorithm X25519 -out x.key");
    workshop.run("pkey -in x.key -pubout -out x.pub");
    workshop.certificate("ca", "ec:P-256");
    workshop.run("x509 -new -force_pubkey x.pub -subj /CN=x -CA ca.crt -CAkey ca.key -outform DER -out x.der");
    workshop.run("pkcs8 -topk8 -nocrypt -in x.key -outform DER -out x.p8");
    let key = chancery_crypto::PrivateKey::from_pkcs8_der(&workshop.read("x.p8")).unwrap();
    let certificate = workshop.read("x.der");
    (
        Recipient::from_certificate(&certificate, RsaPadding::default()).unwrap(),
        DecryptionKey::new(key, &certificate).unwrap(),
    )
}
