//! Encryption: what openssl encrypts we decrypt, and the other way round.

use std::io::Write;

use chancery_cms::{
    ContentCipher, DecryptionKey, EnvelopeReport, EnvelopedWriter, Error, Recipient, RsaPadding,
    inspect, open_enveloped,
};

use crate::openssl::{Person, Workshop, noise};

/// Sizes around blocks, pieces and buffers.
const SIZES: [usize; 8] = [0, 1, 15, 16, 4096, 65_535, 65_536 + 17, 300_000];

pub(crate) const CIPHERS: [ContentCipher; 6] = [
    ContentCipher::Aes128Cbc,
    ContentCipher::Aes192Cbc,
    ContentCipher::Aes256Cbc,
    ContentCipher::Aes128Gcm,
    ContentCipher::Aes192Gcm,
    ContentCipher::Aes256Gcm,
];

pub(crate) fn encrypt(cipher: ContentCipher, recipients: &[Recipient], content: &[u8]) -> Vec<u8> {
    let mut writer = EnvelopedWriter::new(Vec::new(), cipher, recipients).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

pub(crate) fn encrypt_definite(
    cipher: ContentCipher,
    recipients: &[Recipient],
    content: &[u8],
) -> Vec<u8> {
    let length = content.len() as u64;
    let mut writer = EnvelopedWriter::with_length(Vec::new(), cipher, recipients, length).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

pub(crate) fn decrypt(
    message: &[u8],
    keys: &[DecryptionKey],
) -> Result<(Vec<u8>, EnvelopeReport), Error> {
    let mut content = Vec::new();
    let report = open_enveloped(message, keys, &mut content)?;
    Ok((content, report))
}

pub(crate) fn openssl_name(cipher: ContentCipher) -> String {
    cipher.name().replace("aes", "aes-")
}

/// Has openssl decrypt a message for a person.
pub(crate) fn openssl_decrypts(
    workshop: &Workshop,
    person: &Person,
    message: &[u8],
    content: &[u8],
) {
    workshop.write("ours.der", message);
    let name = person.name;
    workshop.run(&format!(
        "cms -decrypt -binary -inform DER -in ours.der -inkey {name}.key -recip {name}.crt -out plain"
    ));
    assert_eq!(workshop.read("plain"), content);
}

#[test]
fn openssl_reads_ours() {
    let workshop = Workshop::new();
    for (person, paddings) in [
        (
            workshop.person("rsa", "rsa:2048"),
            &[RsaPadding::Oaep256, RsaPadding::Oaep384, RsaPadding::Oaep512, RsaPadding::Pkcs1v15]
                [..],
        ),
        (workshop.person("p256", "ec:P-256"), &[RsaPadding::Oaep256]),
        (workshop.person("p384", "ec:P-384"), &[RsaPadding::Oaep256]),
        (workshop.person("p521", "ec:P-521"), &[RsaPadding::Oaep256]),
    ] {
        for padding in paddings {
            let recipients = [person.recipient(*padding)];
            for (cipher, size) in CIPHERS.into_iter().zip(SIZES.into_iter().skip(1).cycle()) {
                let content = noise(size);
                openssl_decrypts(
                    &workshop,
                    &person,
                    &encrypt(cipher, &recipients, &content),
                    &content,
                );
                openssl_decrypts(
                    &workshop,
                    &person,
                    &encrypt_definite(cipher, &recipients, &content),
                    &content,
                );
            }
        }
    }
}

#[test]
fn openssl_calls_our_definite_form_der() {
    let workshop = Workshop::new();
    let person = workshop.person("p256", "ec:P-256");
    let message = encrypt_definite(
        ContentCipher::Aes256Gcm,
        &[person.recipient(RsaPadding::Oaep256)],
        &noise(500),
    );
    workshop.write("ours.der", &message);
    // Written anew by openssl from its own structures, the bytes are the same.
    workshop.run("cms -cmsout -inform DER -in ours.der -outform DER -out again.der");
    assert_eq!(workshop.read("again.der"), message);
}

#[test]
fn we_read_openssl_rsa() {
    let workshop = Workshop::new();
    let person = workshop.person("rsa", "rsa:2048");
    let keys = [person.decryption()];
    let variants = [
        ("", "rsa-pkcs1"),
        ("-keyopt rsa_padding_mode:oaep", "rsa-oaep sha-1"),
        ("-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256", "rsa-oaep sha-256"),
        ("-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha384", "rsa-oaep sha-384"),
        ("-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha512", "rsa-oaep sha-512"),
    ];
    for (options, key_management) in variants {
        for (cipher, size) in CIPHERS.into_iter().zip(SIZES) {
            let content = noise(size);
            workshop.write("content", &content);
            for stream in ["", "-stream"] {
                workshop.run(&format!(
                    "cms -encrypt -binary {stream} -{} -in content -outform DER -out theirs.der -recip rsa.crt {options}",
                    openssl_name(cipher)
                ));
                let (plain, report) = decrypt(&workshop.read("theirs.der"), &keys).unwrap();
                assert_eq!(plain, content);
                assert_eq!(report.content_cipher, cipher);
                assert_eq!(
                    (report.key_management.as_str(), report.content_type.as_str()),
                    (key_management, "data")
                );
                assert_eq!(report.authenticated, cipher.is_authenticated());
                assert_eq!(report.content_length, size as u64);
                assert_eq!((report.used, report.recipient_count, report.trailing_bytes), (0, 1, 0));
            }
        }
    }
}

#[test]
fn we_read_openssl_ec() {
    let workshop = Workshop::new();
    for (name, curve) in [("p256", "ec:P-256"), ("p384", "ec:P-384"), ("p521", "ec:P-521")] {
        let person = workshop.person(name, curve);
        let content = noise(70_000);
        workshop.write("content", &content);
        let digests = [
            "",
            "-keyopt ecdh_kdf_md:sha224",
            "-keyopt ecdh_kdf_md:sha256",
            "-keyopt ecdh_kdf_md:sha384",
            "-keyopt ecdh_kdf_md:sha512",
        ];
        for (kdf, cofactor) in
            digests.iter().zip(["", "-keyopt ecdh_cofactor_mode:1"].iter().cycle())
        {
            // openssl wraps with AES of the content cipher's key length.
            for cipher in CIPHERS {
                workshop.run(&format!(
                    "cms -encrypt -binary -{} -in content -outform DER -out theirs.der -recip {name}.crt {kdf} {cofactor}",
                    openssl_name(cipher)
                ));
                let (plain, report) =
                    decrypt(&workshop.read("theirs.der"), &[person.decryption()]).unwrap();
                assert_eq!(plain, content);
                assert!(report.key_management.starts_with("ecdh "), "{}", report.key_management);
            }
        }
    }
}

#[test]
fn several_recipients_each_read_it() {
    let workshop = Workshop::new();
    let people = [
        workshop.person("one", "rsa:2048"),
        workshop.person("two", "ec:P-256"),
        workshop.person("three", "rsa:2048"),
        workshop.person("four", "ec:P-384"),
    ];
    let stranger = workshop.person("stranger", "rsa:2048");
    let recipients: Vec<Recipient> =
        people.iter().map(|person| person.recipient(RsaPadding::Oaep256)).collect();
    let content = noise(1000);
    workshop.write("content", &content);
    workshop.run(
        "cms -encrypt -binary -aes-256-gcm -in content -outform DER -out theirs.der one.crt two.crt three.crt four.crt",
    );
    for cipher in [ContentCipher::Aes256Gcm, ContentCipher::Aes128Cbc] {
        let ours = encrypt(cipher, &recipients, &content);
        for person in &people {
            openssl_decrypts(&workshop, person, &ours, &content);
            for message in [&ours, &workshop.read("theirs.der")] {
                let (plain, report) =
                    decrypt(message, &[stranger.decryption(), person.decryption()]).unwrap();
                assert_eq!(plain, content);
                assert_eq!((report.used, report.recipient_count), (1, 4));
            }
        }
        let error = decrypt(&ours, &[stranger.decryption()]).unwrap_err();
        assert!(matches!(error, Error::NotForUs { recipients: 4 }), "{error}");
        assert!(matches!(decrypt(&ours, &[]), Err(Error::NotForUs { recipients: 4 })));
    }
}

#[test]
fn recipients_named_by_key_identifier_are_found() {
    let workshop = Workshop::new();
    let people = [workshop.person("rsa", "rsa:2048"), workshop.person("p256", "ec:P-256")];
    // A certificate without the extension: senders compute the identifier themselves.
    workshop.write("bare.cnf", b"[req]\ndistinguished_name=d\n[d]\n[none]\n");
    workshop.run(
        "req -x509 -config bare.cnf -extensions none -newkey rsa:2048 -nodes -keyout bare.key -out bare.crt -subj /CN=bare",
    );
    workshop.write("content", b"hello");
    for person in &people {
        let name = person.name;
        workshop.run(&format!(
            "cms -encrypt -keyid -aes-256-cbc -binary -in content -outform DER -out theirs.der -recip {name}.crt"
        ));
        let message = workshop.read("theirs.der");
        let (plain, report) = decrypt(&message, &[person.decryption()]).unwrap();
        assert_eq!(plain, b"hello");
        assert!(report.recipients[0].starts_with("key identifier "), "{:?}", report.recipients);
    }
}

#[test]
fn another_key_under_the_same_certificate_name_fails_like_any_other() {
    let workshop = Workshop::new();
    let real = workshop.person("real", "rsa:2048");
    workshop.write("content", &noise(3000));
    // Same issuer and serial number, another key.
    workshop.run("genrsa -out other.key 2048");
    let serial = workshop.run("x509 -in real.crt -noout -serial");
    let serial = serial.trim().strip_prefix("serial=").unwrap().to_owned();
    workshop.run(&format!(
        "req -x509 -key other.key -set_serial 0x{serial} -out other.crt -subj /O=Acme/CN=real"
    ));
    for options in ["", "-keyopt rsa_padding_mode:oaep"] {
        workshop.run(&format!(
            "cms -encrypt -binary -aes-256-gcm -in content -outform DER -out theirs.der -recip other.crt {options}"
        ));
        assert!(matches!(
            decrypt(&workshop.read("theirs.der"), &[real.decryption()]),
            Err(Error::Decrypt)
        ));
    }
}

#[test]
fn beginnings_tell_what_a_message_is() {
    let workshop = Workshop::new();
    let person = workshop.person("rsa", "rsa:2048");
    let recipients = [person.recipient(RsaPadding::Oaep256)];
    let message = encrypt(ContentCipher::Aes256Gcm, &recipients, &noise(100_000));
    let beginning = &message[..1000];
    let inspection = inspect(beginning).unwrap();
    assert_eq!(inspection.content_type, "auth-enveloped-data");
    assert_eq!(inspection.recipient_count, 1);
    assert!(
        inspection.recipients[0].ends_with("issuer CN=rsa,O=Acme"),
        "{:?}",
        inspection.recipients
    );
    let message = encrypt(ContentCipher::Aes256Cbc, &recipients, b"");
    assert_eq!(inspect(message.as_slice()).unwrap().content_type, "enveloped-data");
    workshop.write("content", b"x");
    workshop
        .run("cms -sign -in content -signer rsa.crt -inkey rsa.key -outform DER -out signed.der");
    assert_eq!(
        inspect(workshop.read("signed.der").as_slice()).unwrap().content_type,
        "signed-data"
    );
    assert!(inspect(&b"MIME"[..]).is_err());
}

#[test]
fn content_of_another_length_than_announced_fails() {
    let workshop = Workshop::new();
    let recipients = [workshop.person("p256", "ec:P-256").recipient(RsaPadding::Oaep256)];
    let start = || {
        EnvelopedWriter::with_length(Vec::new(), ContentCipher::Aes256Gcm, &recipients, 10).unwrap()
    };
    let mut short = start();
    short.write_all(b"123456789").unwrap();
    assert!(matches!(short.finish(), Err(Error::Io(_))));
    let mut long = start();
    assert!(long.write_all(b"12345678901").is_err());
    assert!(matches!(long.finish(), Err(Error::Io(_))));
    assert!(EnvelopedWriter::new(Vec::new(), ContentCipher::Aes256Gcm, &[]).is_err());
}

#[test]
fn keys_and_certificates_must_belong_together() {
    let workshop = Workshop::new();
    let (one, two) = (workshop.person("one", "ec:P-256"), workshop.person("two", "ec:P-256"));
    assert!(matches!(
        DecryptionKey::new(one.key.clone(), &two.certificate),
        Err(Error::Certificate { .. })
    ));
    let signer_only = workshop.person("ed", "ed25519");
    let recipient = Recipient::from_certificate(&signer_only.certificate, RsaPadding::Oaep256);
    assert!(matches!(recipient, Err(Error::Certificate { .. })));
    let small = workshop.certificate("small", "rsa:1024");
    assert!(Recipient::from_certificate(&small, RsaPadding::Oaep256).is_err());
    assert!(Recipient::from_certificate(b"", RsaPadding::Oaep256).is_err());
}
