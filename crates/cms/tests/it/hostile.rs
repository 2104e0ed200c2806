//! Hostile messages: cut off, changed, nested, endless. Never a panic, never an `Ok` for something else.

use std::io::{self, Read, Write};

use chancery_cms::{
    ContentCipher, DecryptionKey, DetachedVerifier, EnvelopedWriter, Error, ExpansionLimit,
    Recipient, RsaPadding, inspect, open_authenticated, open_compressed, open_digested,
    open_enveloped, open_signed_attached, verify_attached,
};
use proptest::prelude::*;

use crate::encrypt::{CIPHERS, decrypt, encrypt, encrypt_definite};
use crate::openssl::{Person, Workshop, noise};
use crate::sign::verify;

fn person() -> Person {
    Workshop::new().person("p256", "ec:P-256")
}

#[test]
fn a_message_cut_off_anywhere_is_an_error() {
    let person = person();
    let recipients = [person.recipient(RsaPadding::Oaep256)];
    for cipher in CIPHERS {
        for message in [
            encrypt(cipher, &recipients, &noise(100)),
            encrypt_definite(cipher, &recipients, &noise(100)),
        ] {
            for length in 0..message.len() {
                let error = decrypt(&message[..length], &[person.decryption()]).unwrap_err();
                assert!(
                    matches!(error, Error::Malformed { .. }),
                    "{cipher} cut at {length}: {error}"
                );
            }
        }
    }
}

#[test]
fn a_changed_bit_in_gcm_is_an_error_or_changes_nothing() {
    let person = person();
    let content = noise(200);
    let recipients = [person.recipient(RsaPadding::Oaep256)];
    for message in [
        encrypt(ContentCipher::Aes256Gcm, &recipients, &content),
        encrypt_definite(ContentCipher::Aes128Gcm, &recipients, &content),
    ] {
        let mut accepted = 0;
        for bit in 0..message.len() * 8 {
            let mut changed = message.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            // The sink may have seen anything; `Ok` must mean the real content.
            if let Ok((plain, _)) = decrypt(&changed, &[person.decryption()]) {
                assert_eq!(plain, content, "bit {bit}");
                accepted += 1;
            }
        }
        // Version numbers and names that nobody authenticates: fewer than two dozen bytes.
        assert!(accepted < 24 * 8, "{accepted} bits do not matter");
        // All of nonce, ciphertext and tag does matter.
        let tail = message.len() - content.len() - 50;
        for at in tail..message.len() {
            let mut changed = message.clone();
            changed[at] ^= 0x10;
            assert!(
                decrypt(&changed, &[person.decryption()]).is_err(),
                "byte {at} of {}",
                message.len()
            );
        }
    }
}

#[test]
fn whatever_is_wrong_with_the_key_it_is_the_same_error_after_the_same_reading() {
    let workshop = Workshop::new();
    let content = noise(5000);
    for (name, kind, padding) in [
        ("oaep", "rsa:2048", RsaPadding::Oaep256),
        ("v15", "rsa:2048", RsaPadding::Pkcs1v15),
        ("ec", "ec:P-256", RsaPadding::Oaep256),
    ] {
        let person = workshop.person(name, kind);
        let message = encrypt(ContentCipher::Aes256Gcm, &[person.recipient(padding)], &content);
        // The encrypted key is the last thing before the content's algorithm.
        let id = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2e];
        let end = message.windows(id.len()).position(|window| window == id).unwrap() - 20;
        let mut changed = message.clone();
        changed[end] ^= 1;
        let (mut damaged_key, mut damaged_tag) = (Vec::new(), Vec::new());
        let result = open_enveloped(changed.as_slice(), &[person.decryption()], &mut damaged_key);
        assert!(matches!(result, Err(Error::Decrypt)), "{name}: {result:?}");
        let mut changed = message.clone();
        let tag = message.len() - 8;
        changed[tag] ^= 1;
        let result = open_enveloped(changed.as_slice(), &[person.decryption()], &mut damaged_tag);
        assert!(matches!(result, Err(Error::Decrypt)), "{name}: {result:?}");
        assert_eq!(damaged_key.len(), damaged_tag.len(), "both were read to the end");
    }
}

#[test]
fn bytes_after_the_message_are_counted_and_dropped() {
    let person = person();
    let mut message =
        encrypt(ContentCipher::Aes256Gcm, &[person.recipient(RsaPadding::Oaep256)], b"hello");
    message.extend_from_slice(b"\r\n--trailing");
    let (plain, report) = decrypt(&message, &[person.decryption()]).unwrap();
    assert_eq!(plain, b"hello");
    assert_eq!(report.trailing_bytes, 12);
}

#[test]
fn octet_strings_in_pieces_of_any_nesting_are_read() {
    let person = person();
    let message = encrypt_definite(
        ContentCipher::Aes256Gcm,
        &[person.recipient(RsaPadding::Oaep256)],
        &noise(90),
    );
    // Write the ciphertext [0] anew: indefinite, in pieces within pieces, some empty.
    let start = message.len() - 18 - 92;
    assert_eq!(&message[start..start + 2], &[0x80, 90]);
    let (ciphertext, tag) = message[start + 2..].split_at(90);
    let mut pieces = vec![0xa0, 0x80, 0x24, 0x80, 0x04, 0x00, 0x24, 0x04, 0x04, 0x02];
    pieces.extend_from_slice(&ciphertext[..2]);
    pieces.extend_from_slice(&[0x24, 0x80, 0x24, 0x80, 0x04, 0x81, 0x03]);
    pieces.extend_from_slice(&ciphertext[2..5]);
    pieces.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0x04, 85]);
    pieces.extend_from_slice(&ciphertext[5..]);
    pieces.extend_from_slice(&[0, 0]);
    let body = indefinite(&message[..start]);
    // The tag of 16 bytes in two pieces, as BER allows.
    let mac = [&[0x24, 0x14, 0x04, 0x08], &tag[2..10], &[0x04, 0x08], &tag[10..]].concat();
    let whole = [&body[..], &pieces, &[0, 0], &mac, &[0; 6]].concat();
    let (plain, _) = decrypt(&whole, &[person.decryption()]).unwrap();
    assert_eq!(plain, noise(90));
    for length in 0..whole.len() {
        assert!(decrypt(&whole[..length], &[person.decryption()]).is_err());
    }
}

/// Rewrites the constructed elements around the content of a definite message to indefinite length.
fn indefinite(beginning: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    let mut rest = beginning;
    let open = |output: &mut Vec<u8>, rest: &mut &[u8]| {
        let header = if rest[1] < 0x80 { 2 } else { 2 + usize::from(rest[1] & 0x7f) };
        output.extend_from_slice(&[rest[0], 0x80]);
        *rest = &rest[header..];
    };
    let copy = |output: &mut Vec<u8>, rest: &mut &[u8]| {
        let length = match rest[1] {
            0x81 => 3 + usize::from(rest[2]),
            0x82 => 4 + usize::from(u16::from_be_bytes([rest[2], rest[3]])),
            short => 2 + usize::from(short),
        };
        output.extend_from_slice(&rest[..length]);
        *rest = &rest[length..];
    };
    open(&mut output, &mut rest); // ContentInfo
    copy(&mut output, &mut rest); // content type
    open(&mut output, &mut rest); // [0]
    open(&mut output, &mut rest); // AuthEnvelopedData
    copy(&mut output, &mut rest); // version
    copy(&mut output, &mut rest); // recipients
    open(&mut output, &mut rest); // EncryptedContentInfo
    output.extend_from_slice(rest);
    output
}

/// Repeats a pattern for ever.
struct Endless {
    beginning: Vec<u8>,
    pattern: Vec<u8>,
    at: usize,
    limit: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(self.at < self.limit, "the reader does not stop");
        let mut written = 0;
        for byte in buffer.iter_mut() {
            *byte = match self.at.checked_sub(self.beginning.len()) {
                None => self.beginning[self.at],
                Some(at) => self.pattern[at % self.pattern.len()],
            };
            self.at += 1;
            written += 1;
        }
        Ok(written)
    }
}

#[test]
fn endless_structures_meet_a_limit() {
    let enveloped = [
        &[
            0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03, 0xa0,
            0x80, 0x30, 0x80,
        ][..],
        &[0x02, 0x01, 0x00, 0x31, 0x80],
    ]
    .concat();
    let signed = [
        &[
            0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02, 0xa0,
            0x80, 0x30, 0x80,
        ][..],
        &[
            0x02, 0x01, 0x01, 0x31, 0x00, 0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
            0x0d, 0x01, 0x07, 0x01,
        ],
    ]
    .concat();
    let with_certificates = [&signed[..], &[0, 0, 0xa0, 0x80]].concat();
    let with_content = [&signed[..], &[0xa0, 0x80, 0x24, 0x80]].concat();
    let with_signers = [&signed[..], &[0, 0, 0x31, 0x80]].concat();
    let cases: [(&[u8], &[u8]); 8] = [
        // Nesting.
        (b"", &[0x30, 0x80]),
        (&enveloped, &[0x30, 0x80]),
        (&with_content, &[0x24, 0x80]),
        // Recipients: of no known kind, and one of endless size.
        (&enveloped, &[0xa5, 0x02, 0x05, 0x00]),
        (&enveloped, &[0x30, 0x80, 0x04, 0x7f]),
        // Certificates and signers.
        (&with_certificates, &[0x30, 0x00]),
        (&with_signers, &[0x30, 0x80]),
        (&with_signers, &[0x30, 0x00]),
    ];
    for (beginning, pattern) in cases {
        let source = || Endless {
            beginning: beginning.to_vec(),
            pattern: pattern.to_vec(),
            at: 0,
            limit: 64 * 1024 * 1024,
        };
        assert!(open_enveloped(source(), &[], io::sink()).is_err());
        assert!(open_signed_attached(source(), io::sink()).is_err());
        // It may find out what the message is before the endless part; it must come back.
        let _inspection = inspect(source());
    }
}

#[test]
fn hostile_lengths_are_refused_before_anything_is_allocated() {
    for length in [
        &[0x84, 0xff, 0xff, 0xff, 0xff][..],
        &[0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0xff],
        &[0x80],
    ] {
        for place in 0..5 {
            let tags: [&[u8]; 5] = [
                &[0x30],
                &[0x30, 0x80, 0x06],
                &[
                    0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02,
                    0xa0,
                ],
                &[
                    0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02,
                    0xa0, 0x80, 0x30,
                ],
                &[
                    0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03,
                    0xa0, 0x80, 0x30, 0x80, 0x02, 0x01, 0x00, 0x31, 0x80, 0x30,
                ],
            ];
            let message = [tags[place], length, &[0; 40]].concat();
            assert!(open_enveloped(message.as_slice(), &[], io::sink()).is_err());
            assert!(verify_attached(&message).is_err());
            assert!(DetachedVerifier::new(&message).is_err());
        }
    }
}

/// Fails after so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::other("disk full"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_our_fault_and_not_the_senders() {
    let person = person();
    let recipients = [person.recipient(RsaPadding::Oaep256)];
    let message = encrypt(ContentCipher::Aes256Gcm, &recipients, &noise(200_000));
    let result = open_enveloped(message.as_slice(), &[person.decryption()], Full(100_000));
    assert!(matches!(result, Err(Error::Io(_))), "{result:?}");
    let mut writer =
        EnvelopedWriter::new(Full(100_000), ContentCipher::Aes256Gcm, &recipients).unwrap();
    assert!(writer.write_all(&noise(200_000)).is_err());
    assert!(writer.write_all(b"x").is_err(), "a broken message cannot be continued");
    assert!(matches!(writer.finish(), Err(Error::Io(_))));
}

/// Returns a message to every kind of recipient but RSA, which is slow, and the keys of all of them.
fn every_kind() -> (Vec<u8>, Vec<DecryptionKey>) {
    let person = person();
    let rounds = 1.try_into().unwrap();
    let vector = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/openssl4-ml-kem-512/");
    let read = |name: &str| std::fs::read(format!("{vector}{name}")).unwrap();
    let certificate = read("certificate.der");
    let key = chancery_crypto::PrivateKey::from_pkcs8_der(&read("key.p8")).unwrap();
    let recipients = [
        person.recipient(RsaPadding::Oaep256),
        Recipient::from_password(b"secret", rounds),
        Recipient::from_shared_key(b"name", &[1; 16]).unwrap(),
        Recipient::from_certificate(&certificate, RsaPadding::default()).unwrap(),
    ];
    let keys = vec![
        person.decryption(),
        DecryptionKey::password(b"secret"),
        DecryptionKey::shared_key(b"name", &[1; 16]),
        DecryptionKey::new(key, &certificate).unwrap(),
    ];
    (encrypt(ContentCipher::Aes256Gcm, &recipients, b"content"), keys)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_content_in_any_pieces_round_trips(
        which in 0usize..6,
        size in 0usize..200_000,
        pieces in proptest::collection::vec(1usize..70_000, 1..6),
        definite in any::<bool>(),
    ) {
        thread_local!(static PERSON: Person = person());
        PERSON.with(|person| {
            let content = noise(size);
            let recipients = [person.recipient(RsaPadding::Oaep256)];
            let sink = Vec::new();
            let mut writer = if definite {
                EnvelopedWriter::with_length(sink, CIPHERS[which], &recipients, size as u64).unwrap()
            } else {
                EnvelopedWriter::new(sink, CIPHERS[which], &recipients).unwrap()
            };
            let mut rest = content.as_slice();
            for piece in pieces.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*piece));
                writer.write_all(now).unwrap();
                rest = later;
                if rest.is_empty() { break; }
            }
            let message = writer.finish().unwrap();
            let (plain, report) = decrypt(&message, &[person.decryption()]).unwrap();
            prop_assert_eq!(report.content_length, size as u64);
            prop_assert!(plain == content);
            Ok(())
        })?;
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open_enveloped(bytes.as_slice(), &[], io::sink()).is_err());
        prop_assert!(verify_attached(&bytes).is_err());
        prop_assert!(open_authenticated(bytes.as_slice(), &[], io::sink()).is_err());
        prop_assert!(open_digested(bytes.as_slice(), io::sink()).is_err());
        let limit = ExpansionLimit::default();
        prop_assert!(open_compressed(bytes.as_slice(), limit, io::sink()).is_err());
        let _inspection = inspect(bytes.as_slice());
    }

    #[test]
    fn changed_recipients_of_every_kind_never_panic_and_never_open_changed_content(
        at in any::<proptest::sample::Index>(),
        with in proptest::collection::vec(any::<u8>(), 0..6),
        removed in 0usize..6,
    ) {
        thread_local!(static SEALED: (Vec<u8>, Vec<DecryptionKey>) = every_kind());
        SEALED.with(|(message, keys)| {
            let mut changed = message.clone();
            let at = at.index(changed.len());
            let end = (at + removed).min(changed.len());
            changed.splice(at..end, with);
            if let Ok((plain, _)) = decrypt(&changed, keys) {
                prop_assert_eq!(plain, b"content");
            }
            Ok(())
        })?;
    }

    #[test]
    fn changed_signatures_never_panic_and_never_verify_changed_content(
        at in any::<proptest::sample::Index>(),
        with in proptest::collection::vec(any::<u8>(), 0..6),
        removed in 0usize..6,
    ) {
        thread_local!(static SIGNED: Vec<u8> = {
            let person = person();
            let options = chancery_cms::SignOptions::default();
            let mut signer = chancery_cms::DetachedSigner::new(&[person.signer()], &[], &options).unwrap();
            signer.update(b"content");
            signer.finish().unwrap()
        });
        SIGNED.with(|signed| {
            let mut changed = signed.clone();
            let at = at.index(changed.len());
            let end = (at + removed).min(changed.len());
            changed.splice(at..end, with.iter().copied());
            if let Ok(report) = verify(&changed, b"other content") {
                prop_assert!(report.signers.iter().all(|signer| signer.result.is_err()));
            }
            Ok(())
        })?;
    }
}
