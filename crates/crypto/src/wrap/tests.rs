//! Tests of key wrap.

use super::{KeyWrap, PasswordWrap};
use crate::cipher::{ContentCipher, ContentKey};
use crate::error::Error;
use crate::hex::hex;

#[test]
fn aes_known_answers() {
    // RFC 3394 sections 4.1, 4.2 and 4.6: key data wrapped with keys of all three lengths.
    let cases = [
        (KeyWrap::Aes128, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
        (KeyWrap::Aes192, 16, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"),
        (
            KeyWrap::Aes256,
            32,
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
        ),
    ];
    for (wrap, length, expected) in cases {
        let wrapping: Vec<u8> = (0..).take(wrap.key_len()).collect();
        let data = (0..16u8).map(|n| n * 0x11).chain(0..16).take(length).collect::<Vec<_>>();
        let key = ContentKey::from_slice(&data).unwrap();
        let wrapped = wrap.wrap(&wrapping, &key).unwrap();
        assert_eq!(hex(&wrapped), expected);
        assert_eq!(wrap.unwrap(&wrapping, &wrapped).unwrap().as_bytes(), data);
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert_eq!(wrap.unwrap(&wrapping, &changed).unwrap_err(), Error::Decrypt);
            assert_eq!(wrap.unwrap(&wrapping, &wrapped[..at]).unwrap_err(), Error::Decrypt);
        }
        assert!(wrap.wrap(&wrapping[1..], &key).is_err());
    }
    assert_eq!(KeyWrap::Aes256.unwrap(&[0; 32], &[0; 400]).unwrap_err(), Error::Decrypt);
}

#[test]
fn triple_des_is_unwrapped_only() {
    // RFC 3217 section 4.3.
    let kek = "255e0d1c07b646dfb3134cc843ba8aa71f025b7c0838251f";
    let wrapped =
        "690107618ef092b3b48ca1796b234ae9fa33ebb4159604037db5d6a84eb3aac2768c632775a467d4";
    let key = "2923bf85e06dd6ae529149f1f1bae9eab3a7da3d860d3e98";
    let bytes = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };
    let (kek, wrapped) = (bytes(kek), bytes(wrapped));
    let found = KeyWrap::TripleDes.unwrap(&kek, &wrapped).unwrap();
    assert_eq!(hex(found.as_bytes()), key);
    for at in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[at] ^= 0x10;
        assert_eq!(KeyWrap::TripleDes.unwrap(&kek, &changed).unwrap_err(), Error::Decrypt);
    }
    assert!(matches!(KeyWrap::TripleDes.wrap(&kek, &found), Err(Error::Weak { .. })));
}

#[test]
fn passwords_wrap_keys_of_every_length() {
    for cipher in [ContentCipher::Aes128Cbc, ContentCipher::Aes256Cbc, ContentCipher::TripleDesCbc]
    {
        let wrap = PasswordWrap { cipher, iv: vec![3; cipher.iv_len()] };
        let kek = vec![9; cipher.key_len()];
        for length in [5, 16, 24, 32] {
            let key = ContentKey::random(length).unwrap();
            let wrapped = wrap.wrap(&kek, &key).unwrap();
            assert_eq!(wrap.unwrap(&kek, &wrapped).unwrap().as_bytes(), key.as_bytes());
            let mut wrong = kek.clone();
            wrong[0] ^= 4;
            assert_eq!(wrap.unwrap(&wrong, &wrapped).unwrap_err(), Error::Decrypt);
            assert_eq!(wrap.unwrap(&kek, &wrapped[1..]).unwrap_err(), Error::Decrypt);
            assert_eq!(wrap.unwrap(&kek, b"").unwrap_err(), Error::Decrypt);
        }
    }
}
