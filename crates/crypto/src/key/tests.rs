//! Tests of keys and signatures.
#![expect(clippy::disallowed_methods, reason = "the openssl command is the independent witness")]

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::{PrivateKey, PublicKey};
use crate::algorithm::{KeyKind, SignatureAlgorithm};
use crate::digest::DigestAlgorithm;
use crate::error::Error;

/// One RSA key for all tests: making one costs a tenth of a second.
pub(crate) static RSA: LazyLock<PrivateKey> =
    LazyLock::new(|| PrivateKey::generate(KeyKind::Rsa2048).unwrap());

fn keys() -> Vec<PrivateKey> {
    [
        KeyKind::EcP256,
        KeyKind::EcP384,
        KeyKind::EcP521,
        KeyKind::Ed25519,
        KeyKind::MlDsa44,
        KeyKind::MlDsa65,
        KeyKind::MlDsa87,
    ]
    .into_iter()
    .map(|kind| PrivateKey::generate(kind).unwrap())
    .chain([RSA.clone()])
    .collect()
}

fn algorithms(key: &PrivateKey) -> Vec<SignatureAlgorithm> {
    let mut algorithms = vec![key.default_signature_algorithm()];
    let strong = DigestAlgorithm::ALL.into_iter().filter(|digest| !digest.is_weak());
    for digest in strong.filter(|digest| !digest.has_any_length()) {
        algorithms.push(key.signature_algorithm(digest).unwrap());
        if key.kind().is_rsa() {
            algorithms.push(SignatureAlgorithm::rsa_pss(digest));
        }
    }
    if key.kind().is_rsa() {
        let (digest, mask_digest) = (DigestAlgorithm::Sha256, DigestAlgorithm::Sha512);
        algorithms.extend([0, 1, 20, 222].map(|salt_length| SignatureAlgorithm::RsaPss {
            digest,
            mask_digest,
            salt_length,
        }));
    }
    algorithms
}

#[test]
fn signatures_verify_with_their_own_message_and_key_only() {
    let keys = keys();
    for (index, key) in keys.iter().enumerate() {
        let stranger = &keys[(index + 1) % keys.len()];
        for algorithm in algorithms(key) {
            let signature = key.sign(algorithm, b"message").unwrap();
            let public = key.public_key();
            public.verify(algorithm, b"message", &signature).unwrap();
            assert_eq!(
                public.verify(algorithm, b"massage", &signature),
                Err(Error::Signature),
                "{algorithm}"
            );
            let mut changed = signature.clone();
            *changed.last_mut().unwrap() ^= 1;
            assert_eq!(
                public.verify(algorithm, b"message", &changed),
                Err(Error::Signature),
                "{algorithm}"
            );
            assert_eq!(
                public.verify(algorithm, b"message", b""),
                Err(Error::Signature),
                "{algorithm}"
            );
            stranger.public_key().verify(algorithm, b"message", &signature).unwrap_err();
            if let Some(digest) = algorithm.digest() {
                public.verify_digest(algorithm, &digest.digest(b"message"), &signature).unwrap();
                let wrong = digest.digest(b"massage");
                assert_eq!(
                    public.verify_digest(algorithm, &wrong, &signature),
                    Err(Error::Signature)
                );
            }
        }
    }
}

#[test]
fn keys_survive_export_and_import() {
    for key in keys() {
        let again = PrivateKey::from_pkcs8_der(&key.to_pkcs8_der().unwrap()).unwrap();
        assert_eq!(again.kind(), key.kind());
        assert_eq!(again.public_key(), key.public_key());
        let public = PublicKey::from_spki_der(key.public_key().spki_der()).unwrap();
        assert_eq!(public.kind(), key.kind());
        assert!(public.spki_der().ends_with(public.key_bits()));
        let algorithm = key.default_signature_algorithm();
        public.verify(algorithm, b"x", &again.sign(algorithm, b"x").unwrap()).unwrap();
    }
}

#[test]
fn debug_shows_no_key_bytes() {
    assert_eq!(format!("{:?}", *RSA), "PrivateKey(RSA 2048)");
    assert_eq!(format!("{:?}", RSA.public_key()), "PublicKey(RSA 2048)");
}

#[test]
fn keys_go_between_threads() {
    fn assert_shared<T: Send + Sync + Clone>() {}
    assert_shared::<PrivateKey>();
    assert_shared::<PublicKey>();
}

#[test]
fn nothing_signs_with_sha_1_and_it_is_verified_only_in_danger() {
    let sha1 = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha1);
    assert!(matches!(RSA.sign(sha1, b"x"), Err(Error::Weak { .. })));
    assert!(matches!(RSA.signature_algorithm(DigestAlgorithm::Sha1), Err(Error::Weak { .. })));
    assert!(matches!(RSA.public_key().verify(sha1, b"x", &[0; 256]), Err(Error::Weak { .. })));
    assert_eq!(RSA.public_key().danger().verify(sha1, b"x", &[0; 256]), Err(Error::Signature));
}

#[test]
fn small_rsa_keys_are_verified_only_in_danger() {
    let directory = std::env::temp_dir().join(format!("chancery-crypto-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    openssl(&directory, "genrsa -out small.pem 1024");
    openssl(&directory, "rsa -in small.pem -pubout -outform DER -out small.der");
    std::fs::write(directory.join("message"), b"message").unwrap();
    openssl(&directory, "dgst -sha256 -sign small.pem -out signature message");
    let public =
        PublicKey::from_spki_der(&std::fs::read(directory.join("small.der")).unwrap()).unwrap();
    let signature = std::fs::read(directory.join("signature")).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    let algorithm = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256);
    assert_eq!(public.kind(), KeyKind::RsaOther { bits: 1024 });
    assert!(matches!(public.verify(algorithm, b"message", &signature), Err(Error::Weak { .. })));
    public.danger().verify(algorithm, b"message", &signature).unwrap();
    assert_eq!(public.danger().verify(algorithm, b"massage", &signature), Err(Error::Signature));
}

#[test]
fn algorithms_must_fit_the_key() {
    for key in keys() {
        for other in keys() {
            let algorithm = other.default_signature_algorithm();
            if !algorithm.fits(key.kind()) {
                assert!(matches!(key.sign(algorithm, b"x"), Err(Error::Unsupported { .. })));
                let result = key.public_key().verify(algorithm, b"x", b"x");
                assert!(matches!(result, Err(Error::Unsupported { .. })), "{result:?}");
            }
        }
    }
    let shake = RSA.signature_algorithm(DigestAlgorithm::Shake256);
    assert!(matches!(shake, Err(Error::Unsupported { .. })));
}

#[test]
fn keys_that_only_encrypt_do_not_sign() {
    for kind in [KeyKind::X25519, KeyKind::MlKem768] {
        let key = PrivateKey::generate(kind).unwrap();
        let again = PrivateKey::from_pkcs8_der(&key.to_pkcs8_der().unwrap()).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert!(key.signature_algorithm(DigestAlgorithm::Sha256).is_err());
        assert!(key.sign(key.default_signature_algorithm(), b"x").is_err());
    }
}

#[test]
fn ml_kem_keys_are_read_in_all_their_forms() {
    use der::{Decode, Encode};
    for kind in [KeyKind::MlKem512, KeyKind::MlKem768, KeyKind::MlKem1024] {
        let key = PrivateKey::generate(kind).unwrap();
        let expanded = key.provider().raw_private().unwrap();
        let pkcs8 = key.to_pkcs8_der().unwrap();
        // The generated form has the seed: [0] with 64 bytes at the end.
        let seed = &pkcs8[pkcs8.len() - 64..];
        let octets = |bytes: &[u8]| der::asn1::OctetString::new(bytes).unwrap();
        let write = |private: &[u8]| {
            let algorithm = spki::SubjectPublicKeyInfoRef::from_der(key.public_key().spki_der());
            let parts = [
                0u8.to_der().unwrap(),
                algorithm.unwrap().algorithm.to_der().unwrap(),
                octets(private).to_der().unwrap(),
            ];
            der::Any::new(der::Tag::Sequence, parts.concat()).unwrap().to_der().unwrap()
        };
        let both = |seed: &[u8], expanded: &[u8]| {
            let parts = [octets(seed).to_der().unwrap(), octets(expanded).to_der().unwrap()];
            write(&der::Any::new(der::Tag::Sequence, parts.concat()).unwrap().to_der().unwrap())
        };
        for form in [both(seed, &expanded), write(&octets(&expanded).to_der().unwrap())] {
            let again = PrivateKey::from_pkcs8_der(&form).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            let made = key.public_key().encapsulate().unwrap();
            assert_eq!(again.decapsulate(&made.ciphertext).unwrap(), made.secret);
        }
        let mut other = expanded.to_vec();
        other[5] ^= 1;
        assert!(PrivateKey::from_pkcs8_der(&both(seed, &other)).is_err());
    }
}

#[test]
fn damaged_keys_are_refused() {
    for key in keys() {
        let der = key.to_pkcs8_der().unwrap();
        for length in 0..der.len() {
            PrivateKey::from_pkcs8_der(&der[..length]).unwrap_err();
        }
        let spki = key.public_key().spki_der();
        for length in 0..spki.len() {
            PublicKey::from_spki_der(&spki[..length]).unwrap_err();
        }
    }
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _private = PrivateKey::from_pkcs8_der(&bytes);
        let _public = PublicKey::from_spki_der(&bytes);
        let _algorithm = SignatureAlgorithm::from_der(&bytes);
    }

    #[test]
    fn changed_public_keys_never_panic(at in 0usize..294, bit in 0u8..8) {
        let mut spki = RSA.public_key().spki_der().to_vec();
        let at = at % spki.len();
        spki[at] ^= 1 << bit;
        if let Ok(key) = PublicKey::from_spki_der(&spki) {
            let algorithm = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256);
            prop_assert!(key.danger().verify(algorithm, b"x", &[1; 256]).is_err());
        }
    }
}

fn openssl(directory: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory)
        .output()
        .expect("the openssl command is installed");
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
