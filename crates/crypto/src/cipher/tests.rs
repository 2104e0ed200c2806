//! Tests of content encryption.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use proptest::prelude::*;

use super::{BLOCK_LEN, ContentCipher, ContentKey, Decryptor, Encryptor};
use crate::error::Error;

/// Ciphers that encrypt.
const STRONG: [ContentCipher; 7] = [
    ContentCipher::Aes128Cbc,
    ContentCipher::Aes128Gcm,
    ContentCipher::Aes192Cbc,
    ContentCipher::Aes192Gcm,
    ContentCipher::Aes256Cbc,
    ContentCipher::Aes256Gcm,
    ContentCipher::ChaCha20Poly1305,
];

type Sealed = (Vec<u8>, Option<[u8; 16]>);

fn encrypt(
    cipher: ContentCipher,
    key: &ContentKey,
    iv: &[u8],
    content: &[u8],
    chunk: usize,
) -> Sealed {
    let mut encryptor = Encryptor::new(cipher, key, iv).unwrap();
    let mut buffer = vec![0; chunk + BLOCK_LEN];
    let mut ciphertext = Vec::new();
    for chunk in content.chunks(chunk) {
        let written = encryptor.update(chunk, &mut buffer).unwrap();
        ciphertext.extend_from_slice(&buffer[..written]);
    }
    let (written, tag) = encryptor.finish(&mut buffer).unwrap();
    ciphertext.extend_from_slice(&buffer[..written]);
    (ciphertext, tag)
}

fn decrypt(
    cipher: ContentCipher,
    key: &ContentKey,
    iv: &[u8],
    (ciphertext, tag): &(Vec<u8>, Option<Vec<u8>>),
    aad: &[u8],
    chunk: usize,
) -> Result<Vec<u8>, Error> {
    let mut decryptor = Decryptor::new(cipher, key, iv)?;
    let mut buffer = vec![0; chunk + BLOCK_LEN];
    let mut content = Vec::new();
    for chunk in ciphertext.chunks(chunk) {
        let written = decryptor.update(chunk, &mut buffer)?;
        content.extend_from_slice(&buffer[..written]);
    }
    if let Some(tag) = tag {
        decryptor.finish_authenticated(tag, aad)?;
    } else {
        let written = decryptor.finish_padded(&mut buffer)?;
        content.extend_from_slice(&buffer[..written]);
    }
    Ok(content)
}

/// Seals in one piece with the provider's own interface, which takes additional data.
fn one_shot(
    cipher: ContentCipher,
    key: &ContentKey,
    iv: &[u8],
    aad: &[u8],
    content: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let algorithm = match cipher {
        ContentCipher::Aes128Gcm => &AES_128_GCM,
        ContentCipher::Aes256Gcm => &AES_256_GCM,
        _ => &CHACHA20_POLY1305,
    };
    let provider = LessSafeKey::new(UnboundKey::new(algorithm, key.as_bytes()).unwrap());
    let mut buffer = content.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(iv).unwrap();
    let tag = provider.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut buffer).unwrap();
    (buffer, tag.as_ref().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_cipher_round_trips_in_any_chunks(
        which in 0usize..7,
        content in proptest::collection::vec(any::<u8>(), 0..5000),
        chunks in (1usize..300, 1usize..300),
    ) {
        let cipher = STRONG[which];
        let key = ContentKey::generate(cipher).unwrap();
        let iv = vec![9; cipher.iv_len()];
        let (ciphertext, tag) = encrypt(cipher, &key, &iv, &content, chunks.0);
        prop_assert_eq!(Some(ciphertext.len() as u64), cipher.ciphertext_len(content.len() as u64));
        let sealed = (ciphertext, tag.map(|tag| tag.to_vec()));
        prop_assert_eq!(decrypt(cipher, &key, &iv, &sealed, b"", chunks.1).unwrap(), content);
    }

    #[test]
    fn streamed_gcm_equals_one_shot(
        content in proptest::collection::vec(any::<u8>(), 0..3000),
        chunk in 1usize..400,
    ) {
        for cipher in
            [ContentCipher::Aes128Gcm, ContentCipher::Aes256Gcm, ContentCipher::ChaCha20Poly1305]
        {
            let key = ContentKey::generate(cipher).unwrap();
            let (ciphertext, tag) = encrypt(cipher, &key, &[3; 12], &content, chunk);
            let expected = one_shot(cipher, &key, &[3; 12], b"", &content);
            prop_assert_eq!((ciphertext, tag.unwrap().to_vec()), expected);
        }
    }

    #[test]
    fn additional_data_after_the_content_count_like_before_it(
        content in proptest::collection::vec(any::<u8>(), 0..500),
        aad in proptest::collection::vec(any::<u8>(), 1..200),
        tag_len in 12usize..17,
        flip in any::<usize>(),
    ) {
        for cipher in [ContentCipher::Aes128Gcm, ContentCipher::Aes256Gcm] {
            let key = ContentKey::generate(cipher).unwrap();
            let (ciphertext, tag) = one_shot(cipher, &key, &[5; 12], &aad, &content);
            let sealed = (ciphertext, Some(tag[..tag_len].to_vec()));
            prop_assert_eq!(&decrypt(cipher, &key, &[5; 12], &sealed, &aad, 64).unwrap(), &content);
            let mut changed = aad.clone();
            changed[flip % aad.len()] ^= 1 << (flip % 8);
            prop_assert_eq!(decrypt(cipher, &key, &[5; 12], &sealed, &changed, 64), Err(Error::Decrypt));
            prop_assert_eq!(decrypt(cipher, &key, &[5; 12], &sealed, b"", 64), Err(Error::Decrypt));
        }
    }
}

#[test]
fn a_changed_bit_anywhere_is_noticed_by_gcm() {
    let cipher = ContentCipher::Aes256Gcm;
    let key = ContentKey::generate(cipher).unwrap();
    let (ciphertext, tag) = encrypt(cipher, &key, &[1; 12], b"attack at dawn", 5);
    let tag = tag.unwrap();
    for bit in 0..ciphertext.len() * 8 {
        let mut changed = ciphertext.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let sealed = (changed, Some(tag.to_vec()));
        assert_eq!(decrypt(cipher, &key, &[1; 12], &sealed, b"", 16), Err(Error::Decrypt));
    }
    for bit in 0..128 {
        let mut changed = tag;
        changed[bit / 8] ^= 1 << (bit % 8);
        let sealed = (ciphertext.clone(), Some(changed.to_vec()));
        assert_eq!(decrypt(cipher, &key, &[1; 12], &sealed, b"", 16), Err(Error::Decrypt));
    }
}

#[test]
fn short_tags_keys_and_vectors_are_refused() {
    let cipher = ContentCipher::Aes256Gcm;
    let key = ContentKey::generate(cipher).unwrap();
    let (ciphertext, tag) = encrypt(cipher, &key, &[1; 12], b"x", 5);
    for length in 0..12 {
        let sealed = (ciphertext.clone(), Some(tag.unwrap()[..length].to_vec()));
        assert_eq!(
            decrypt(cipher, &key, &[1; 12], &sealed, b"", 16),
            Err(Error::Decrypt),
            "{length}"
        );
    }
    let short = ContentKey::random(16).unwrap();
    assert!(matches!(Decryptor::new(cipher, &short, &[1; 12]), Err(Error::Decrypt)));
    assert!(Decryptor::new(cipher, &key, &[]).is_err());
    assert!(Decryptor::new(ContentCipher::Aes256Cbc, &key, &[1; 12]).is_err());
    assert!(ContentKey::from_slice(&[0; 65]).is_err());
    assert!(ContentKey::random(65).is_err());
}

#[test]
fn cbc_with_the_wrong_key_or_cut_off_fails_like_anything_else() {
    let cipher = ContentCipher::Aes128Cbc;
    let key = ContentKey::generate(cipher).unwrap();
    let (ciphertext, _) = encrypt(cipher, &key, &[1; 16], &[0; 40], 7);
    for length in (0..ciphertext.len()).filter(|length| length % 16 != 0) {
        let sealed = (ciphertext[..length].to_vec(), None);
        assert_eq!(decrypt(cipher, &key, &[1; 16], &sealed, b"", 16), Err(Error::Decrypt));
    }
}

#[test]
fn old_ciphers_are_read_and_never_written() {
    // Made with `openssl enc -provider legacy`: "attack at dawn" under keys and vectors of ones.
    let cases = [
        (ContentCipher::Rc2Cbc40, "388091b693f42f0455a823ccf9eb99c8"),
        (ContentCipher::Rc2Cbc64, "99851e57fc05983f39366ce9e0ce0624"),
        (ContentCipher::Rc2Cbc128, "af43d2eb5422182c7e81ba94bbd1e1f7"),
        (ContentCipher::TripleDesCbc, "298330c6437956ca8627cefb8bcdddd0"),
    ];
    for (cipher, ciphertext) in cases {
        let key = ContentKey::from_slice(&vec![1; cipher.key_len()]).unwrap();
        assert!(matches!(Encryptor::new(cipher, &key, &[1; 8]), Err(Error::Weak { .. })));
        let ciphertext: Vec<u8> = (0..ciphertext.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&ciphertext[at..at + 2], 16).unwrap())
            .collect();
        for chunk in [1, 3, 100] {
            let sealed = (ciphertext.clone(), None);
            let content = decrypt(cipher, &key, &[1; 8], &sealed, b"", chunk).unwrap();
            assert_eq!(content, b"attack at dawn");
        }
        assert!(cipher.is_weak());
    }
    assert!(ContentCipher::ALL.iter().all(|cipher| cipher.is_weak() != STRONG.contains(cipher)));
}

#[test]
fn nothing_is_no_padded_content() {
    let key = ContentKey::random(16).unwrap();
    let sealed = (Vec::new(), None);
    let result = decrypt(ContentCipher::Aes128Cbc, &key, &[1; 16], &sealed, b"", 16);
    assert_eq!(result, Err(Error::Decrypt));
}

#[test]
fn debug_shows_no_key_bytes() {
    let key = ContentKey::from_slice(&[0xab; 32]).unwrap();
    assert_eq!(format!("{key:?}"), "ContentKey(32 bytes)");
    let decryptor = Decryptor::new(ContentCipher::Aes256Gcm, &key, &[1; 12]).unwrap();
    assert_eq!(format!("{decryptor:?}"), "Decryptor { cipher: Aes256Gcm, .. }");
}
