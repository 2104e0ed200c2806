//! Post-quantum algorithms and Edwards curves, with ourselves and with OpenSSL 4.
//!
//! Debian's openssl has none of them, so `cargo xtask test` builds an `openssl-4` that has; without it these tests cover both
//! directions with ourselves only, and `vectors` what OpenSSL 4 wrote.

use std::slice;

use chancery_cms::{
    ContentCipher, DecryptionKey, Recipient, RsaPadding, SignOptions, SignerKey, sign_attached,
    verify_attached,
};
use chancery_crypto::{KeyKind, PrivateKey};

use crate::encrypt::{decrypt, encrypt, openssl_decrypts};
use crate::openssl::{Workshop, noise};

const KEMS: [(&str, KeyKind); 3] = [
    ("ML-KEM-512", KeyKind::MlKem512),
    ("ML-KEM-768", KeyKind::MlKem768),
    ("ML-KEM-1024", KeyKind::MlKem1024),
];

/// A certificate that is good enough for CMS: nothing in it is checked.
fn certificate(key: &PrivateKey) -> Vec<u8> {
    let element = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, content].concat()
    };
    // The algorithm's name does not matter here.
    let algorithm = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
    let empty = [0x30, 0x00];
    let serial = [0x02, 0x01, 0x07];
    let spki = key.public_key().spki_der();
    let parts = [&serial[..], &algorithm, &empty, &empty, &empty, spki].concat();
    let signature = [0x03, 0x01, 0x00];
    element(0x30, &[&element(0x30, &parts)[..], &algorithm, &signature].concat())
}

#[test]
fn ml_kem_carries_keys() {
    for (name, kind) in KEMS {
        let key = PrivateKey::generate(kind).unwrap();
        let certificate = certificate(&key);
        let recipient = Recipient::from_certificate(&certificate, RsaPadding::default()).unwrap();
        let ours = DecryptionKey::new(key, &certificate).unwrap();
        let content = noise(1000);
        for recipient in [recipient.clone(), recipient.named_by_key()] {
            let message = encrypt(ContentCipher::Aes256Gcm, &[recipient], &content);
            let (plain, report) = decrypt(&message, slice::from_ref(&ours)).unwrap();
            assert_eq!(plain, content);
            let expected = format!("{} hkdf-sha-256 aes256-wrap", name.to_ascii_lowercase());
            assert_eq!(report.key_management, expected);
            // A stranger with the same name and number learns nothing but that it does not decrypt.
            let stranger = PrivateKey::generate(kind).unwrap();
            let stranger =
                DecryptionKey::new(stranger.clone(), &self::certificate(&stranger)).unwrap();
            assert!(decrypt(&message, &[stranger]).is_err());
        }
    }
}

#[test]
fn signatures_without_a_digest_inside_match() {
    for kind in [KeyKind::Ed25519, KeyKind::MlDsa44, KeyKind::MlDsa65, KeyKind::MlDsa87] {
        let key = PrivateKey::generate(kind).unwrap();
        let signer = SignerKey::new(key.clone(), &certificate(&key)).unwrap();
        let message = sign_attached(b"content", &[signer], &[], &SignOptions::default()).unwrap();
        let (_, report) = verify_attached(&message).unwrap();
        assert!(report.signers[0].is_sound(), "{report:?}");
        assert_eq!(report.signers[0].algorithm, kind.to_string().to_ascii_lowercase());
        assert_eq!(report.signers[0].digest, Some(kind.digest()));
        let at = message.windows(7).position(|window| window == b"content").unwrap();
        let mut changed = message.clone();
        changed[at] ^= 1;
        let (_, report) = verify_attached(&changed).unwrap();
        assert!(report.signers[0].result.is_err());
    }
}

#[test]
fn classical_and_quantum_signers_share_a_message() {
    let workshop = Workshop::new();
    let rsa = workshop.person("rsa", "rsa:2048");
    let key = PrivateKey::generate(KeyKind::MlDsa65).unwrap();
    let quantum = SignerKey::new(key.clone(), &certificate(&key)).unwrap();
    let message =
        sign_attached(b"content", &[rsa.signer(), quantum], &[], &SignOptions::default()).unwrap();
    let (_, report) = verify_attached(&message).unwrap();
    assert!(report.signers.iter().all(chancery_cms::SignerReport::is_sound), "{report:?}");
    assert_eq!(report.signers.len(), 2);
}

#[test]
fn openssl_4_reads_ours_and_we_read_its() {
    let Some(workshop) = Workshop::with_openssl_4() else {
        println!("there is no openssl-4: nothing compared");
        return;
    };
    workshop.certificate("ca", "ec:P-256");
    let content = noise(5000);
    workshop.write("content", &content);
    for (name, _) in KEMS {
        let name: &'static str = name;
        workshop.run(&format!("genpkey -algorithm {name} -out {name}.key"));
        workshop.run(&format!("pkey -in {name}.key -pubout -out {name}.pub"));
        workshop.run(&format!(
            "x509 -new -force_pubkey {name}.pub -subj /CN={name} -CA ca.crt -CAkey ca.key -out {name}.crt"
        ));
        let person = workshop.existing(name);
        for option in ["aes256", "aes-256-gcm", "aes-128-cbc"] {
            workshop.run(&format!(
                "cms -encrypt -binary -{option} -in content -outform DER -out theirs.der -recip {name}.crt"
            ));
            let (plain, _) = decrypt(&workshop.read("theirs.der"), &[person.decryption()]).unwrap();
            assert_eq!(plain, content);
        }
        for cipher in [ContentCipher::Aes128Gcm, ContentCipher::Aes256Cbc] {
            let ours = encrypt(cipher, &[person.recipient(RsaPadding::default())], &content);
            openssl_decrypts(&workshop, &person, &ours, &content);
        }
    }
    for name in ["ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"] {
        let person = workshop.person(name, name);
        let ours =
            sign_attached(&content, &[person.signer()], &[], &SignOptions::default()).unwrap();
        workshop.write("ours.der", &ours);
        workshop.run(&format!(
            "cms -verify -binary -inform DER -in ours.der -CAfile {name}.crt -purpose any -out plain"
        ));
        assert_eq!(workshop.read("plain"), content);
        for options in ["", "-md sha512"] {
            workshop.run(&format!(
                "cms -sign -binary -nodetach -in content -signer {name}.crt -inkey {name}.key {options} -outform DER -out theirs.der"
            ));
            let (plain, report) = verify_attached(&workshop.read("theirs.der")).unwrap();
            assert_eq!(plain, content);
            assert!(report.signers[0].is_sound(), "{name}: {report:?}");
        }
    }
}

/// Flips a bit in the middle of the octet string that begins with these bytes.
fn broken(message: &[u8], beginning: &[u8]) -> Vec<u8> {
    let found = message.windows(beginning.len()).rposition(|window| window == beginning);
    let mut changed = message.to_vec();
    changed[found.unwrap() + beginning.len() + 30] ^= 1;
    changed
}

#[test]
fn openssl_4_and_we_judge_a_classical_signer_and_one_with_ml_dsa_each() {
    let Some(workshop) = Workshop::with_openssl_4() else {
        println!("there is no openssl-4: nothing compared");
        return;
    };
    let content = noise(5000);
    workshop.write("content", &content);
    let quantum = workshop.person("quantum", "ML-DSA-65");
    // How the signature begins: the tag and the length of an octet string, and of an ECDSA signature inside.
    let quantum_signature = [0x04, 0x82, 0x0c, 0xed];
    for (name, kind, beginning) in [
        ("rsa", "rsa:2048", &[0x04, 0x82, 0x01, 0x00][..]),
        // As long as most are; one that is shorter is made anew.
        ("p256", "ec:P-256", &[0x04, 0x46, 0x30, 0x44]),
    ] {
        let classical = workshop.person(name, kind);
        workshop.write(
            "both.pem",
            &[workshop.read(&format!("{name}.crt")), workshop.read("quantum.crt")].concat(),
        );
        let verify = "cms -verify -binary -inform DER -CAfile both.pem -purpose any -out plain -in";
        let ours = || {
            let signers = [classical.signer(), quantum.signer()];
            sign_attached(&content, &signers, &[], &SignOptions::default()).unwrap()
        };
        let theirs = || {
            workshop.run(&format!(
                "cms -sign -binary -nodetach -in content -signer {name}.crt -inkey {name}.key \
                 -signer quantum.crt -inkey quantum.key -outform DER -out theirs.der"
            ));
            workshop.read("theirs.der")
        };
        let makers: [(&str, &dyn Fn() -> Vec<u8>); 2] = [("ours", &ours), ("theirs", &theirs)];
        for (maker, make) in makers {
            let is_usual = |it: &Vec<u8>| it.windows(4).any(|window| window == beginning);
            let message = std::iter::repeat_with(make).take(200).find(is_usual).unwrap();
            let sound = |message: &[u8]| {
                workshop.write("message.der", message);
                let theirs = workshop.attempt(&format!("{verify} message.der")).is_ok();
                let (_, report) = verify_attached(message).unwrap();
                assert_eq!(report.signers.len(), 2, "{name}, {maker}");
                let is_sound = |quantum: bool| {
                    let mut signers = report.signers.iter();
                    signers.find(|it| (it.algorithm == "ml-dsa-65") == quantum).unwrap().is_sound()
                };
                ([is_sound(false), is_sound(true)], theirs)
            };
            assert_eq!(sound(&message), ([true, true], true), "{name}, {maker}");
            assert_eq!(workshop.read("plain"), content);
            // Each of the two is told apart, and one good one does not make the other good.
            let one = broken(&message, beginning);
            assert_eq!(sound(&one), ([false, true], false), "{name}, {maker}");
            let other = broken(&message, &quantum_signature);
            assert_eq!(sound(&other), ([true, false], false), "{name}, {maker}");
            let place = message.windows(100).position(|it| *it == content[..100]).unwrap();
            let mut changed = message.clone();
            changed[place] ^= 1;
            assert_eq!(sound(&changed), ([false, false], false), "{name}, {maker}");
        }
    }
}
