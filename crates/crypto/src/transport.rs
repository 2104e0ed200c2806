//! Moving content keys to recipients: RSA key transport, key agreement, key encapsulation.

use der::asn1::BitStringRef;
use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoRef;
use zeroize::Zeroizing;

use crate::cipher::ContentKey;
use crate::digest::DigestAlgorithm;
use crate::error::Error;
use crate::key::{PrivateKey, PublicKey};
use crate::shim::{Key, OaepParameters, RsaDecryption};

/// How an RSA key carries a content key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyTransport {
    /// RSAES-OAEP (RFC 8017 section 7.1).
    Oaep(Oaep),
    /// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2).
    Pkcs1v15,
}

/// The parameters of RSAES-OAEP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Oaep {
    /// The digest of the label.
    pub digest: DigestAlgorithm,
    /// The digest of MGF1.
    pub mask_digest: DigestAlgorithm,
    /// What ciphertext and receiver must agree on, nearly always nothing.
    pub label: Vec<u8>,
}

/// An ephemeral key agreed with a recipient.
pub struct Ephemeral {
    /// Our public key for the message: the uncompressed point, or the 32 bytes of X25519.
    pub public_point: Vec<u8>,
    /// The shared secret, input of the KDF.
    pub secret: Zeroizing<Vec<u8>>,
}

/// A secret encapsulated for a recipient (FIPS 203).
pub struct Encapsulated {
    /// What the recipient gets.
    pub ciphertext: Vec<u8>,
    /// The shared secret, input of the KDF.
    pub secret: Zeroizing<Vec<u8>>,
}

impl KeyTransport {
    /// Returns OAEP as it is usual: one digest, no label.
    pub fn oaep(digest: DigestAlgorithm) -> Self {
        Self::Oaep(Oaep { digest, mask_digest: digest, label: Vec::new() })
    }
}

impl PublicKey {
    /// Encrypts a content key to this RSA key.
    pub fn encrypt_key(
        &self,
        transport: &KeyTransport,
        key: &ContentKey,
    ) -> Result<Vec<u8>, Error> {
        let parameters = match transport {
            KeyTransport::Pkcs1v15 => None,
            KeyTransport::Oaep(oaep) => Some(oaep.parameters()),
        };
        self.encrypting()?
            .rsa_encrypt(parameters, key.as_bytes())
            .ok_or(Error::operation("RSA encryption"))
    }

    /// Makes an ephemeral key of this key's kind and agrees a secret with it.
    pub fn agree_ephemeral(&self) -> Result<Ephemeral, Error> {
        if !self.kind().can_agree() {
            return Err(mismatch(self, "key agreement"));
        }
        let failed = || Error::operation("ephemeral key");
        let ephemeral = Key::generate(self.kind()).ok_or_else(failed)?;
        let secret = ephemeral.derive(self.provider()?).ok_or_else(failed)?;
        let spki = ephemeral.spki().ok_or_else(failed)?;
        let info = SubjectPublicKeyInfoRef::from_der(&spki).map_err(|_| failed())?;
        let public_point = info.subject_public_key.as_bytes().ok_or_else(failed)?.to_vec();
        Ok(Ephemeral { public_point, secret })
    }

    /// Encapsulates a secret for this ML-KEM key.
    pub fn encapsulate(&self) -> Result<Encapsulated, Error> {
        if !self.kind().can_encapsulate() {
            return Err(mismatch(self, "key encapsulation"));
        }
        let made = self.provider()?.encapsulate();
        let (ciphertext, secret) = made.ok_or(Error::operation("key encapsulation"))?;
        Ok(Encapsulated { ciphertext, secret })
    }
}

impl PrivateKey {
    /// Decrypts a content key as long as the substitute.
    ///
    /// With RSA v1.5 a failure is not reported: the substitute takes the place of the result, chosen in constant time,
    /// so that whoever sends forged messages learns nothing about the padding (RFC 3218 section 2.3.2). With a random
    /// substitute, decryption of the content then fails like that of any damaged message.
    pub fn decrypt_key(
        &self,
        transport: &KeyTransport,
        encrypted: &[u8],
        substitute: &ContentKey,
    ) -> Result<ContentKey, Error> {
        if !self.public_key().may_encrypt() {
            return Err(mismatch(self.public_key(), "RSA decryption"));
        }
        let length = substitute.as_bytes().len();
        match transport {
            KeyTransport::Pkcs1v15 => {
                let padded = self.provider().rsa_decrypt(RsaDecryption::Raw, encrypted);
                // Too long or too short: anybody can see that, so it may take another way.
                let Some(padded) = padded else { return Ok(substitute.clone()) };
                let at = padded.len().saturating_sub(length);
                let found = padded.get(at..).unwrap_or_default();
                ContentKey::select(is_padded(&padded, at), found, substitute)
            }
            KeyTransport::Oaep(oaep) => {
                let how = RsaDecryption::Oaep(oaep.parameters());
                let key = self.provider().rsa_decrypt(how, encrypted).ok_or(Error::Decrypt)?;
                if key.len() != length {
                    return Err(Error::Decrypt);
                }
                ContentKey::from_slice(&key)
            }
        }
    }

    /// Agrees a secret with a peer's public key of this key's kind (a point, or the 32 bytes of X25519).
    pub fn agree(&self, peer_point: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !self.kind().can_agree() {
            return Err(mismatch(self.public_key(), "key agreement"));
        }
        let peer = peer_key(self.public_key().spki_der(), peer_point).ok_or(Error::Decrypt)?;
        self.provider().derive(&peer).ok_or(Error::Decrypt)
    }

    /// Gets the secret out of a ciphertext of ML-KEM. A forged one gives a secret that nobody knows (FIPS 203 section
    /// 6.3), so that only the content tells.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !self.kind().can_encapsulate() {
            return Err(mismatch(self.public_key(), "key decapsulation"));
        }
        self.provider().decapsulate(ciphertext).ok_or(Error::Decrypt)
    }
}

impl Oaep {
    fn parameters(&self) -> OaepParameters<'_> {
        OaepParameters { digest: self.digest, mask_digest: self.mask_digest, label: &self.label }
    }
}

/// Returns all ones if the bytes before `at` are `00 02`, at least eight others and `00` (RFC 8017 section 7.2.2), else
/// zero, in a time that depends on the lengths only.
fn is_padded(padded: &[u8], at: usize) -> u8 {
    let Some([zero, two, filling @ .., end]) = padded.get(..at) else { return 0 };
    if filling.len() < 8 {
        return 0;
    }
    let wrong = zero | (two ^ 2) | end;
    is_zero(filling.iter().fold(wrong, |wrong, byte| wrong | is_zero(*byte)))
}

/// Returns all ones for zero and zero for everything else, without a branch.
fn is_zero(byte: u8) -> u8 {
    let [high, _] = u16::from(byte).wrapping_sub(1).to_be_bytes();
    high
}

/// Returns a public key with the algorithm of ours and these bits.
fn peer_key(own_spki: &[u8], bits: &[u8]) -> Option<Key> {
    let own = SubjectPublicKeyInfoRef::from_der(own_spki).ok()?;
    let peer = SubjectPublicKeyInfoRef {
        algorithm: own.algorithm,
        subject_public_key: BitStringRef::from_bytes(bits).ok()?,
    };
    Key::from_spki(&peer.to_der().ok()?)
}

fn mismatch(key: &PublicKey, operation: &'static str) -> Error {
    Error::KeyMismatch { kind: key.kind().to_string(), operation }
}

#[cfg(test)]
mod tests;
