//! Tests of key transport.

use super::{KeyTransport, Oaep, is_padded, is_zero};
use crate::algorithm::KeyKind;
use crate::cipher::{ContentCipher, ContentKey};
use crate::digest::DigestAlgorithm;
use crate::error::Error;
use crate::key::PrivateKey;
use crate::key::tests::RSA;

fn transports() -> Vec<KeyTransport> {
    let digests = [
        DigestAlgorithm::Sha1,
        DigestAlgorithm::Sha224,
        DigestAlgorithm::Sha256,
        DigestAlgorithm::Sha384,
        DigestAlgorithm::Sha512,
        DigestAlgorithm::Sha3_256,
    ];
    let mixed = |label: &[u8]| {
        KeyTransport::Oaep(Oaep {
            digest: DigestAlgorithm::Sha256,
            mask_digest: DigestAlgorithm::Sha1,
            label: label.to_vec(),
        })
    };
    let plain = digests.into_iter().map(KeyTransport::oaep);
    plain.chain([KeyTransport::Pkcs1v15, mixed(b""), mixed(b"label")]).collect()
}

fn substitute(length: usize) -> ContentKey {
    ContentKey::random(length).unwrap()
}

#[test]
fn rsa_carries_keys() {
    for cipher in [ContentCipher::Aes128Gcm, ContentCipher::Aes192Cbc, ContentCipher::Aes256Gcm] {
        let key = ContentKey::generate(cipher).unwrap();
        for transport in transports() {
            let encrypted = RSA.public_key().encrypt_key(&transport, &key).unwrap();
            let substitute = substitute(cipher.key_len());
            let again = RSA.decrypt_key(&transport, &encrypted, &substitute).unwrap();
            assert_eq!(again.as_bytes(), key.as_bytes(), "{transport:?}");
        }
    }
}

#[test]
fn a_damaged_v15_key_becomes_the_substitute() {
    let key = ContentKey::random(32).unwrap();
    let good = RSA.public_key().encrypt_key(&KeyTransport::Pkcs1v15, &key).unwrap();
    let mut damaged = good.clone();
    damaged[100] ^= 1;
    let cases: [&[u8]; 6] = [&damaged, &good[..255], b"", &[0; 256], &[0xff; 256], &[1; 300]];
    let substitute = substitute(32);
    for encrypted in cases {
        let found = RSA.decrypt_key(&KeyTransport::Pkcs1v15, encrypted, &substitute).unwrap();
        assert_eq!(found.as_bytes(), substitute.as_bytes());
    }
    // The padding is right but the key has another length.
    for length in [5, 16, 24] {
        let substitute = ContentKey::random(length).unwrap();
        let found = RSA.decrypt_key(&KeyTransport::Pkcs1v15, &good, &substitute).unwrap();
        assert_eq!(found.as_bytes(), substitute.as_bytes());
    }
}

#[test]
fn padding_is_judged_by_every_byte() {
    let mut good = vec![0, 2];
    good.extend_from_slice(&[7; 8]);
    good.push(0);
    let at = good.len();
    good.extend_from_slice(b"key");
    assert_eq!(is_padded(&good, at), 0xff);
    for wrong in [0, 1, 3, 9, 10] {
        let mut changed = good.clone();
        changed[wrong] = if wrong == 10 { 1 } else { 0x80 * u8::from(wrong < 2) };
        assert_eq!(is_padded(&changed, at), 0, "{wrong}");
    }
    // Less than eight bytes of filling.
    assert_eq!(is_padded(&[0, 2, 7, 7, 7, 7, 7, 7, 7, 0], 10), 0);
    assert_eq!(is_padded(&good, at - 1), 0);
    assert_eq!(is_padded(&[], 0), 0);
    for byte in 0..=255 {
        assert_eq!(is_zero(byte), if byte == 0 { 0xff } else { 0 });
    }
}

#[test]
fn a_damaged_oaep_key_is_an_error() {
    let key = ContentKey::random(32).unwrap();
    let transport = KeyTransport::oaep(DigestAlgorithm::Sha256);
    let mut encrypted = RSA.public_key().encrypt_key(&transport, &key).unwrap();
    let (short, long) = (substitute(16), substitute(32));
    assert_eq!(RSA.decrypt_key(&transport, &encrypted, &short).unwrap_err(), Error::Decrypt);
    for other in transports()
        .into_iter()
        .filter(|other| matches!(other, KeyTransport::Oaep(_)) && *other != transport)
    {
        assert_eq!(RSA.decrypt_key(&other, &encrypted, &long).unwrap_err(), Error::Decrypt);
    }
    encrypted[7] ^= 1;
    assert_eq!(RSA.decrypt_key(&transport, &encrypted, &long).unwrap_err(), Error::Decrypt);
}

#[test]
fn encapsulated_secrets_reach_the_other_side() {
    for kind in [KeyKind::MlKem512, KeyKind::MlKem768, KeyKind::MlKem1024] {
        let key = PrivateKey::generate(kind).unwrap();
        let made = key.public_key().encapsulate().unwrap();
        assert_eq!(key.decapsulate(&made.ciphertext).unwrap(), made.secret);
        let mut forged = made.ciphertext.clone();
        forged[9] ^= 1;
        assert_ne!(key.decapsulate(&forged).unwrap(), made.secret);
        assert_eq!(key.decapsulate(&made.ciphertext[1..]), Err(Error::Decrypt));
        assert!(matches!(key.public_key().agree_ephemeral(), Err(Error::KeyMismatch { .. })));
    }
}

#[test]
fn both_sides_agree_on_every_curve() {
    for kind in [KeyKind::EcP256, KeyKind::EcP384, KeyKind::EcP521, KeyKind::X25519] {
        let key = PrivateKey::generate(kind).unwrap();
        let ephemeral = key.public_key().agree_ephemeral().unwrap();
        assert_eq!(key.agree(&ephemeral.public_point).unwrap(), ephemeral.secret);
        let mut off_curve = ephemeral.public_point.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        if kind == KeyKind::X25519 {
            // Every string is a key there; the one of small order is refused.
            assert_ne!(key.agree(&off_curve).unwrap(), ephemeral.secret);
            off_curve.fill(0);
        }
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
        ec.decrypt_key(&KeyTransport::Pkcs1v15, b"", &key),
        Err(Error::KeyMismatch { .. })
    ));
    assert!(matches!(
        ec.public_key().encrypt_key(&KeyTransport::Pkcs1v15, &key),
        Err(Error::KeyMismatch { .. })
    ));
    assert!(matches!(RSA.public_key().agree_ephemeral(), Err(Error::KeyMismatch { .. })));
}
