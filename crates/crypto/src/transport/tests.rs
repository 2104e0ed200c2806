//! Tests of key transport.

use super::{KeyTransport, KeyWrap, x963_kdf};
use crate::algorithm::KeyKind;
use crate::cipher::{ContentCipher, ContentKey};
use crate::digest::DigestAlgorithm;
use crate::error::Error;
use crate::key::PrivateKey;
use crate::key::tests::RSA;

const TRANSPORTS: [KeyTransport; 5] = [
    KeyTransport::Pkcs1v15,
    KeyTransport::Oaep(DigestAlgorithm::Sha1),
    KeyTransport::Oaep(DigestAlgorithm::Sha256),
    KeyTransport::Oaep(DigestAlgorithm::Sha384),
    KeyTransport::Oaep(DigestAlgorithm::Sha512),
];

#[test]
fn rsa_carries_keys() {
    for cipher in [ContentCipher::Aes128Gcm, ContentCipher::Aes192Cbc, ContentCipher::Aes256Gcm] {
        let key = ContentKey::generate(cipher).unwrap();
        for transport in TRANSPORTS {
            let encrypted = RSA.public_key().encrypt_key(transport, &key).unwrap();
            let again = RSA.decrypt_key(transport, &encrypted, cipher.key_len()).unwrap();
            assert_eq!(again.as_bytes(), key.as_bytes(), "{transport:?}");
        }
    }
}

#[test]
fn a_damaged_v15_key_becomes_a_random_one_of_the_right_length() {
    let key = ContentKey::random(32).unwrap();
    let good = RSA.public_key().encrypt_key(KeyTransport::Pkcs1v15, &key).unwrap();
    let mut damaged = good.clone();
    damaged[100] ^= 1;
    let cases: [&[u8]; 6] = [&damaged, &good[..255], b"", &[0; 256], &[0xff; 256], &[1; 300]];
    for encrypted in cases {
        let first = RSA.decrypt_key(KeyTransport::Pkcs1v15, encrypted, 32).unwrap();
        let second = RSA.decrypt_key(KeyTransport::Pkcs1v15, encrypted, 32).unwrap();
        assert_eq!(first.as_bytes().len(), 32);
        assert_ne!(first.as_bytes(), key.as_bytes());
        assert_ne!(first.as_bytes(), second.as_bytes(), "the substitute is fresh");
    }
    // The padding is right but the key has another length: a substitute too.
    let short = RSA.decrypt_key(KeyTransport::Pkcs1v15, &good, 16).unwrap();
    assert_eq!(short.as_bytes().len(), 16);
    assert_ne!(short.as_bytes(), &key.as_bytes()[..16]);
}

#[test]
fn a_damaged_oaep_key_is_an_error() {
    let key = ContentKey::random(32).unwrap();
    let transport = KeyTransport::Oaep(DigestAlgorithm::Sha256);
    let mut encrypted = RSA.public_key().encrypt_key(transport, &key).unwrap();
    assert_eq!(RSA.decrypt_key(transport, &encrypted, 16).unwrap_err(), Error::Decrypt);
    encrypted[7] ^= 1;
    assert_eq!(RSA.decrypt_key(transport, &encrypted, 32).unwrap_err(), Error::Decrypt);
}

#[test]
fn both_sides_agree_on_every_curve() {
    for kind in [KeyKind::EcP256, KeyKind::EcP384, KeyKind::EcP521] {
        let key = PrivateKey::generate(kind).unwrap();
        let ephemeral = key.public_key().agree_ephemeral().unwrap();
        assert_eq!(key.agree(&ephemeral.public_point).unwrap(), ephemeral.secret);
        let mut off_curve = ephemeral.public_point.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        assert_eq!(key.agree(&off_curve), Err(Error::Decrypt));
        for length in 0..ephemeral.public_point.len() {
            assert_eq!(key.agree(&ephemeral.public_point[..length]), Err(Error::Decrypt));
        }
    }
}

#[test]
fn keys_of_the_wrong_kind_are_refused() {
    let ec = PrivateKey::generate(KeyKind::EcP256).unwrap();
    let key = ContentKey::random(16).unwrap();
    assert!(matches!(RSA.agree(b""), Err(Error::KeyMismatch { .. })));
    assert!(matches!(
        ec.decrypt_key(KeyTransport::Pkcs1v15, b"", 16),
        Err(Error::KeyMismatch { .. })
    ));
    assert!(matches!(
        ec.public_key().encrypt_key(KeyTransport::Pkcs1v15, &key),
        Err(Error::KeyMismatch { .. })
    ));
    assert!(matches!(RSA.public_key().agree_ephemeral(), Err(Error::KeyMismatch { .. })));
}

#[test]
fn key_wrap_known_answer() {
    // RFC 3394 section 4.1: 128 bits of key data with a 128-bit key.
    let wrapping: Vec<u8> = (0..16).collect();
    let data: Vec<u8> = (0..16u8).map(|n| n * 0x11).collect();
    let key = ContentKey::from_slice(&data).unwrap();
    let expected = "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5";
    let wrapped = KeyWrap::Aes128.wrap(&wrapping, &key).unwrap();
    assert_eq!(hex(&wrapped), expected);
    assert_eq!(KeyWrap::Aes128.unwrap(&wrapping, &wrapped).unwrap().as_bytes(), data);
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 1;
        assert_eq!(KeyWrap::Aes128.unwrap(&wrapping, &changed).unwrap_err(), Error::Decrypt);
        assert_eq!(KeyWrap::Aes128.unwrap(&wrapping, &wrapped[..at]).unwrap_err(), Error::Decrypt);
    }
    assert_eq!(KeyWrap::Aes256.unwrap(&[0; 32], &[0; 400]).unwrap_err(), Error::Decrypt);
}

#[test]
fn kdf_known_answer() {
    // NIST CAVP, ANSI X9.63-2001 with SHA-256, count 0.
    let secret = [
        0x96, 0xc0, 0x56, 0x19, 0xd5, 0x6c, 0x32, 0x8a, 0xb9, 0x5f, 0xe8, 0x4b, 0x18, 0x26, 0x4b,
        0x08, 0x72, 0x5b, 0x85, 0xe3, 0x3f, 0xd3, 0x4f, 0x08,
    ];
    let mut output = [0; 16];
    x963_kdf(DigestAlgorithm::Sha256, &secret, b"", &mut output);
    assert_eq!(hex(&output), "443024c3dae66b95e6f5670601558f71");
    // More than one block of the digest: the counter goes on.
    let mut long = [0; 48];
    x963_kdf(DigestAlgorithm::Sha256, &secret, b"", &mut long);
    assert_eq!(long[..16], output);
    assert_ne!(long[32..], output);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
