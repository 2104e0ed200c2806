//! Keys under a passphrase as OpenSSL wrote them before PKCS#8, and `ssh-keygen -m PEM` still does: a field in front of the block
//! names cipher and initialisation vector (RFC 1421 section 4.6.1.3), one round of MD5 makes the key. For reading only: who has
//! such a file can try passphrases by the billion.

use chancery_crypto::{ContentCipher, DigestAlgorithm, unhex};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::key_file::password;

/// Decrypts a block; `encryption` is the value of `DEK-Info`.
pub(super) fn decrypt(
    encryption: &str,
    passphrase: &[u8],
    encrypted: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let unknown = |what: &str| Error::KeyProtection { what: what.chars().take(MAX_NAME).collect() };
    let (name, vector) = encryption.split_once(',').ok_or_else(|| unknown(encryption))?;
    let cipher = match name.trim() {
        "AES-128-CBC" => ContentCipher::Aes128Cbc,
        "AES-192-CBC" => ContentCipher::Aes192Cbc,
        "AES-256-CBC" => ContentCipher::Aes256Cbc,
        "DES-EDE3-CBC" => ContentCipher::TripleDesCbc,
        other => return Err(unknown(other)),
    };
    let vector = unhex(vector.trim())
        .filter(|it| it.len() == cipher.iv_len())
        .ok_or_else(|| unknown("an initialisation vector that is none"))?;
    let key = derive(passphrase, vector.get(..SALT).unwrap_or_default(), cipher.key_len());
    let plain = password::decrypt_cbc(cipher, &key, &vector, encrypted)?;
    // One wrong passphrase in 256 gives a padding that fits; what it decrypts to is no sequence then.
    if plain.first() == Some(&0x30) { Ok(plain) } else { Err(Error::Passphrase) }
}

/// `EVP_BytesToKey` with MD5 and one round.
fn derive(passphrase: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + DigestAlgorithm::Md5.output_len()));
    let mut last: Zeroizing<Vec<u8>> = Zeroizing::default();
    while key.len() < length {
        let input = Zeroizing::new([last.as_slice(), passphrase, salt].concat());
        last = Zeroizing::new(DigestAlgorithm::Md5.digest(&input).as_ref().to_vec());
        key.extend_from_slice(&last);
    }
    key.truncate(length);
    key
}

/// The first bytes of the initialisation vector.
const SALT: usize = 8;

/// Names of ciphers have some twenty characters.
const MAX_NAME: usize = 40;
