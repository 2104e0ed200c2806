//! Moving content keys to recipients: RSA key transport, ECDH with the X9.63 KDF, AES key wrap.

use aws_lc_rs::agreement;
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm,
};
use zeroize::Zeroizing;

use crate::cipher::ContentKey;
use crate::digest::{DigestAlgorithm, Hasher};
use crate::error::Error;
use crate::key::{Pair, PrivateKey, PublicKey, agreement_algorithm};

/// How an RSA key carries a content key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyTransport {
    /// RSAES-OAEP with MGF1 on the same digest and no label (RFC 8017 section 7.1).
    Oaep(DigestAlgorithm),
    /// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2).
    Pkcs1v15,
}

/// How a key-encryption key carries a content key (RFC 3394).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyWrap {
    /// AES-128 key wrap.
    Aes128,
    /// AES-256 key wrap.
    Aes256,
}

/// An ephemeral key agreed with a recipient.
pub struct Ephemeral {
    /// Our public point, uncompressed, for the message.
    pub public_point: Vec<u8>,
    /// The shared secret, input of the KDF.
    pub secret: Zeroizing<Vec<u8>>,
}

impl PublicKey {
    /// Encrypts a content key to this RSA key.
    pub fn encrypt_key(&self, transport: KeyTransport, key: &ContentKey) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::operation("RSA encryption");
        let rsa = self.rsa_encrypting()?;
        match transport {
            KeyTransport::Pkcs1v15 => {
                let mut encrypted = vec![0; rsa.pkcs1.ciphertext_size()];
                rsa.pkcs1.encrypt(key.as_bytes(), &mut encrypted).map_err(failed)?;
                Ok(encrypted)
            }
            KeyTransport::Oaep(digest) => {
                let mut encrypted = vec![0; rsa.oaep.ciphertext_size()];
                rsa.oaep
                    .encrypt(oaep(digest), key.as_bytes(), &mut encrypted, None)
                    .map_err(failed)?;
                Ok(encrypted)
            }
        }
    }

    /// Makes an ephemeral key on this EC key's curve and agrees a secret with it.
    pub fn agree_ephemeral(&self) -> Result<Ephemeral, Error> {
        let algorithm = agreement_algorithm(self.kind())?;
        let failed = |_| Error::operation("ephemeral key");
        let private = agreement::PrivateKey::generate(algorithm).map_err(failed)?;
        let public_point = private.compute_public_key().map_err(failed)?.as_ref().to_vec();
        let secret = agree(&private, algorithm, self.key_bits())?;
        Ok(Ephemeral { public_point, secret })
    }
}

impl PrivateKey {
    /// Decrypts a content key of `length` bytes.
    ///
    /// With RSA v1.5 a failure is not reported: a random key takes the place of the result, chosen in constant time,
    /// so that whoever sends forged messages learns nothing about the padding (RFC 3218 section 2.3.2). Decryption of
    /// the content then fails like that of any damaged message.
    pub fn decrypt_key(
        &self,
        transport: KeyTransport,
        encrypted: &[u8],
        length: usize,
    ) -> Result<ContentKey, Error> {
        let Pair::Rsa { pkcs1, oaep: oaep_key, .. } = self.pair() else {
            return Err(Error::KeyMismatch {
                kind: self.kind().to_string(),
                operation: "RSA decryption",
            });
        };
        match transport {
            KeyTransport::Pkcs1v15 => {
                let substitute = ContentKey::random(length)?;
                let mut buffer = Zeroizing::new(vec![0; pkcs1.min_output_size()]);
                let found = pkcs1.decrypt(encrypted, &mut buffer).map_or(0, |key| key.len());
                ContentKey::select(found == length, &buffer, &substitute)
            }
            KeyTransport::Oaep(digest) => {
                let mut buffer = Zeroizing::new(vec![0; oaep_key.min_output_size()]);
                let key = oaep_key
                    .decrypt(oaep(digest), encrypted, &mut buffer, None)
                    .map_err(|_| Error::Decrypt)?;
                if key.len() != length {
                    return Err(Error::Decrypt);
                }
                ContentKey::from_slice(key)
            }
        }
    }

    /// Agrees a secret with a peer's public point on this key's curve.
    pub fn agree(&self, peer_point: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Pair::Ec { agreement, .. } = self.pair() else {
            return Err(Error::KeyMismatch {
                kind: self.kind().to_string(),
                operation: "key agreement",
            });
        };
        agree(agreement, agreement_algorithm(self.kind())?, peer_point)
    }
}

impl KeyWrap {
    /// Returns the length of the key-encryption key in bytes.
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }

    /// Wraps a content key.
    pub fn wrap(self, wrapping_key: &[u8], key: &ContentKey) -> Result<Vec<u8>, Error> {
        let mut wrapped = vec![0; key.as_bytes().len() + 8];
        self.kek(wrapping_key)?
            .wrap(key.as_bytes(), &mut wrapped)
            .map_err(|_| Error::operation("key wrap"))?;
        Ok(wrapped)
    }

    /// Unwraps a content key; fails if the integrity check value does not match.
    pub fn unwrap(self, wrapping_key: &[u8], wrapped: &[u8]) -> Result<ContentKey, Error> {
        // Room for the largest key that anybody wraps plus the check value; longer input is refused by the provider.
        let mut buffer = Zeroizing::new([0; 80]);
        if wrapped.len() > buffer.len() {
            return Err(Error::Decrypt);
        }
        let key = self
            .kek(wrapping_key)?
            .unwrap(wrapped, buffer.as_mut_slice())
            .map_err(|_| Error::Decrypt)?;
        ContentKey::from_slice(key).map_err(|_| Error::Decrypt)
    }

    fn kek(self, wrapping_key: &[u8]) -> Result<AesKek, Error> {
        let cipher = match self {
            Self::Aes128 => &AES_128,
            Self::Aes256 => &AES_256,
        };
        AesKek::new(cipher, wrapping_key).map_err(|_| Error::operation("key wrap"))
    }
}

/// Derives key bytes from a shared secret (ANSI X9.63, SEC 1 section 3.6.1).
pub fn x963_kdf(digest: DigestAlgorithm, secret: &[u8], shared_info: &[u8], output: &mut [u8]) {
    for (counter, block) in (1u32..).zip(output.chunks_mut(digest.output_len())) {
        let mut hasher = Hasher::new(digest);
        hasher.update(secret);
        hasher.update(&counter.to_be_bytes());
        hasher.update(shared_info);
        let hash = hasher.finish();
        for (byte, hashed) in block.iter_mut().zip(hash.as_ref()) {
            *byte = *hashed;
        }
    }
}

fn agree(
    private: &agreement::PrivateKey,
    algorithm: &'static agreement::Algorithm,
    peer_point: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let peer = agreement::UnparsedPublicKey::new(algorithm, peer_point);
    agreement::agree(private, peer, Error::Decrypt, |secret| Ok(Zeroizing::new(secret.to_vec())))
}

fn oaep(digest: DigestAlgorithm) -> &'static OaepAlgorithm {
    match digest {
        DigestAlgorithm::Sha1 => &OAEP_SHA1_MGF1SHA1,
        DigestAlgorithm::Sha256 => &OAEP_SHA256_MGF1SHA256,
        DigestAlgorithm::Sha384 => &OAEP_SHA384_MGF1SHA384,
        DigestAlgorithm::Sha512 => &OAEP_SHA512_MGF1SHA512,
    }
}

#[cfg(test)]
mod tests;
