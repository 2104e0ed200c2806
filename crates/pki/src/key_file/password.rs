//! Encryption under a passphrase: PBES2 (RFC 8018 section 6.2), and what older PKCS#12 files use (RFC 7292 appendix B and C).

use std::num::NonZeroU32;

use chancery_crypto::kdf::{self, Mac};
use chancery_crypto::{ContentCipher, ContentKey, Decryptor, DigestAlgorithm, Hasher};
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, SliceReader};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use crate::error::Error;

/// Decrypts what is encrypted under a passphrase. A wrong one shows in the padding, or not at all.
pub(crate) fn decrypt(
    algorithm: &AlgorithmIdentifierRef<'_>,
    passphrase: &[u8],
    encrypted: &[u8],
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let parameters = algorithm.parameters.unwrap_or(AnyRef::NULL);
    let (cipher, key, iv) = match algorithm.oid {
        PBES2 => pbes2(&parameters, passphrase, work)?,
        PBE_SHA1_3DES => pbe(ContentCipher::TripleDesCbc, &parameters, passphrase, work)?,
        PBE_SHA1_RC2_128 => pbe(ContentCipher::Rc2Cbc128, &parameters, passphrase, work)?,
        PBE_SHA1_RC2_40 => pbe(ContentCipher::Rc2Cbc40, &parameters, passphrase, work)?,
        other => return Err(unknown(other)),
    };
    decrypt_cbc(cipher, &key, &iv, encrypted)
}

/// Says which protection a key has that is not read here, by its name if it has one.
fn unknown(scheme: ObjectIdentifier) -> Error {
    let name = UNKNOWN.iter().find(|(known, _)| *known == scheme);
    let what = name.map_or_else(|| scheme.to_string(), |(_, name)| format!("{name} ({scheme})"));
    Error::KeyProtection { what }
}

/// Decrypts with a key that was derived.
pub(crate) fn decrypt_cbc(
    cipher: ContentCipher,
    key: &[u8],
    iv: &[u8],
    encrypted: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = ContentKey::from_slice(key).map_err(|_| Error::Passphrase)?;
    let mut decryptor = Decryptor::new(cipher, &key, iv).map_err(|_| Error::Passphrase)?;
    let mut plain = Zeroizing::new(vec![0; encrypted.len() + 2 * BLOCK]);
    let written = decryptor.update(encrypted, &mut plain).map_err(|_| Error::Passphrase)?;
    let rest = plain.get_mut(written..).unwrap_or_default();
    let last = decryptor.finish_padded(rest).map_err(|_| Error::Passphrase)?;
    plain.truncate(written + last);
    Ok(plain)
}

type CipherKey = (ContentCipher, Zeroizing<Vec<u8>>, Vec<u8>);

/// Derives the key of PBES2 with PBKDF2 (RFC 8018 appendix A.2 and A.4).
fn pbes2(parameters: &AnyRef<'_>, passphrase: &[u8], work: &mut Work) -> Result<CipherKey, Error> {
    let malformed = |error| Error::malformed("the protection of a private key", error);
    let (derivation, scheme) = parameters
        .sequence(|reader| {
            Ok((AlgorithmIdentifierRef::decode(reader)?, AlgorithmIdentifierRef::decode(reader)?))
        })
        .map_err(malformed)?;
    let derivation = Pbkdf2::read(&derivation)?;
    let cipher = match scheme.oid {
        AES_128_CBC => ContentCipher::Aes128Cbc,
        AES_192_CBC => ContentCipher::Aes192Cbc,
        AES_256_CBC => ContentCipher::Aes256Cbc,
        DES_EDE3_CBC => ContentCipher::TripleDesCbc,
        other => return Err(unknown(other)),
    };
    let iv = scheme
        .parameters
        .unwrap_or(AnyRef::NULL)
        .decode_as::<&OctetStringRef>()
        .map_err(malformed)?;
    let mut key = Zeroizing::new(vec![0; cipher.key_len()]);
    derivation.derive(passphrase, &mut key, work)?;
    Ok((cipher, key, iv.as_bytes().to_vec()))
}

/// PBKDF2 with its parameters (RFC 8018 appendix A.2).
struct Pbkdf2 {
    salt: Vec<u8>,
    rounds: u32,
    length: Option<u32>,
    digest: DigestAlgorithm,
}

impl Pbkdf2 {
    fn read(derivation: &AlgorithmIdentifierRef<'_>) -> Result<Self, Error> {
        if derivation.oid != PBKDF2 {
            return Err(unknown(derivation.oid));
        }
        let (salt, rounds, length, function) = derivation
            .parameters
            .unwrap_or(AnyRef::NULL)
            .sequence(|reader: &mut SliceReader<'_>| {
                let salt = <&OctetStringRef>::decode(reader)?.as_bytes().to_vec();
                let rounds = u32::decode(reader)?;
                let length = Option::<u32>::decode(reader)?;
                let function = Option::<AlgorithmIdentifierRef<'_>>::decode(reader)?;
                Ok((salt, rounds, length, function.map(|it| it.oid)))
            })
            .map_err(|error| Error::malformed("the protection of a private key", error))?;
        let digest = function.map_or(Ok(DigestAlgorithm::Sha1), hmac_digest)?;
        Ok(Self { salt, rounds, length, digest })
    }

    fn derive(&self, passphrase: &[u8], output: &mut [u8], work: &mut Work) -> Result<(), Error> {
        let blocks = output.len().div_ceil(self.digest.output_len());
        let rounds = work.spend(self.rounds, blocks)?;
        kdf::pbkdf2(self.digest, passphrase, &self.salt, rounds, output)
            .map_err(|source| Error::Crypto { doing: "derive a key from the passphrase", source })
    }
}

/// Starts the authentication code PBMAC1 (RFC 8018 section 7.1, as RFC 9579 uses it in PKCS#12).
pub(crate) fn pbmac1(
    parameters: Option<AnyRef<'_>>,
    passphrase: &[u8],
    work: &mut Work,
) -> Result<Mac, Error> {
    let (derivation, scheme) = parameters
        .unwrap_or(AnyRef::NULL)
        .sequence(|reader: &mut SliceReader<'_>| {
            Ok((AlgorithmIdentifierRef::decode(reader)?, AlgorithmIdentifierRef::decode(reader)?))
        })
        .map_err(|error| Error::malformed("the authentication code of a PKCS#12 file", error))?;
    let derivation = Pbkdf2::read(&derivation)?;
    let digest = hmac_digest(scheme.oid)?;
    // RFC 9579 section 5: the length stands there, because programs disagree about the one that is meant without it.
    let length = derivation.length.and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| MAC_KEY.contains(length)).ok_or_else(|| {
        Error::KeyProtection { what: "PBMAC1 without a sound length of its key".to_owned() }
    })?;
    let mut key = Zeroizing::new(vec![0; length]);
    derivation.derive(passphrase, &mut key, work)?;
    Mac::new(digest, &key).map_err(|source| Error::Crypto { doing: "check the passphrase", source })
}

/// Returns the digest of an HMAC (RFC 8018 appendix B.1).
fn hmac_digest(oid: ObjectIdentifier) -> Result<DigestAlgorithm, Error> {
    match oid {
        HMAC_SHA1 => Ok(DigestAlgorithm::Sha1),
        HMAC_SHA256 => Ok(DigestAlgorithm::Sha256),
        HMAC_SHA384 => Ok(DigestAlgorithm::Sha384),
        HMAC_SHA512 => Ok(DigestAlgorithm::Sha512),
        other => Err(Error::KeyProtection { what: other.to_string() }),
    }
}

/// Derives key and initialisation vector of the schemes of PKCS#12 (RFC 7292 appendix C).
fn pbe(
    cipher: ContentCipher,
    parameters: &AnyRef<'_>,
    passphrase: &[u8],
    work: &mut Work,
) -> Result<CipherKey, Error> {
    let (salt, rounds) = parameters
        .sequence(|reader: &mut SliceReader<'_>| {
            Ok((<&OctetStringRef>::decode(reader)?.as_bytes().to_vec(), u32::decode(reader)?))
        })
        .map_err(|error| Error::malformed("the protection of a private key", error))?;
    // Key and initialisation vector.
    let rounds = work.spend(rounds, 3)?.get();
    let mut key = Zeroizing::new(vec![0; cipher.key_len()]);
    pkcs12_kdf(DigestAlgorithm::Sha1, 1, passphrase, &salt, rounds, &mut key);
    let mut iv = vec![0; cipher.iv_len()];
    pkcs12_kdf(DigestAlgorithm::Sha1, 2, passphrase, &salt, rounds, &mut iv);
    Ok((cipher, key, iv))
}

/// Derives bytes for a purpose: 1 keys, 2 initialisation vectors, 3 keys of authentication codes (RFC 7292 appendix B.2).
pub(crate) fn pkcs12_kdf(
    digest: DigestAlgorithm,
    purpose: u8,
    passphrase: &[u8],
    salt: &[u8],
    rounds: u32,
    output: &mut [u8],
) {
    let block = if digest.output_len() > 32 { 128 } else { 64 };
    let password = bmp(passphrase);
    let mut input = Zeroizing::new(repeated(salt, block));
    input.extend_from_slice(&Zeroizing::new(repeated(&password, block)));
    for chunk in output.chunks_mut(digest.output_len()) {
        let mut hasher = Hasher::new(digest);
        hasher.update(&vec![purpose; block]);
        hasher.update(&input);
        let mut last = hasher.finish();
        for _ in 1..rounds {
            last = digest.digest(last.as_ref());
        }
        let derived = Zeroizing::new(last.as_ref().to_vec());
        for (to, from) in chunk.iter_mut().zip(derived.iter()) {
            *to = *from;
        }
        let addend: Zeroizing<Vec<u8>> =
            Zeroizing::new(derived.iter().copied().cycle().take(block).collect());
        for part in input.chunks_mut(block) {
            let mut carry = 1_u16;
            for (to, add) in part.iter_mut().rev().zip(addend.iter().rev()) {
                let [high, low] = (u16::from(*to) + u16::from(*add) + carry).to_be_bytes();
                (*to, carry) = (low, u16::from(high));
            }
        }
    }
}

/// Returns the passphrase in UTF-16 with its end (RFC 7292 appendix B.1). One that is no UTF-8 is taken as Latin-1.
fn bmp(passphrase: &[u8]) -> Zeroizing<Vec<u8>> {
    let units: Zeroizing<Vec<u16>> = Zeroizing::new(match std::str::from_utf8(passphrase) {
        Ok(text) => text.encode_utf16().collect(),
        Err(_) => passphrase.iter().map(|&byte| u16::from(byte)).collect(),
    });
    Zeroizing::new(units.iter().chain(&[0]).flat_map(|unit| unit.to_be_bytes()).collect())
}

/// Repeats bytes up to the next multiple of a block; nothing stays nothing.
fn repeated(bytes: &[u8], block: usize) -> Vec<u8> {
    bytes.iter().copied().cycle().take(bytes.len().div_ceil(block) * block).collect()
}

/// The work that one file can ask for, over all keys in it that are derived from the passphrase.
pub(crate) struct Work {
    rounds: u32,
}

impl Default for Work {
    fn default() -> Self {
        Self::of(MAX_ROUNDS)
    }
}

impl Work {
    /// Allows so many rounds.
    pub(crate) fn of(rounds: u32) -> Self {
        Self { rounds }
    }

    /// Takes so many rounds for so many blocks of output out of what is left.
    pub(crate) fn spend(&mut self, rounds: u32, blocks: usize) -> Result<NonZeroU32, Error> {
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
        let left = rounds.checked_mul(blocks).and_then(|all| self.rounds.checked_sub(all));
        let (Some(left), Some(rounds)) = (left, NonZeroU32::new(rounds)) else {
            let what = format!("{rounds} rounds of the key derivation, or too many in all");
            return Err(Error::KeyProtection { what });
        };
        self.rounds = left;
        Ok(rounds)
    }
}

/// Returns the digest of an algorithm identifier in an authentication code.
pub(crate) fn digest(oid: ObjectIdentifier) -> Result<DigestAlgorithm, Error> {
    match oid {
        SHA1 => Ok(DigestAlgorithm::Sha1),
        SHA256 => Ok(DigestAlgorithm::Sha256),
        SHA384 => Ok(DigestAlgorithm::Sha384),
        SHA512 => Ok(DigestAlgorithm::Sha512),
        other => Err(Error::KeyProtection { what: other.to_string() }),
    }
}

/// Some seconds of work for a whole file; each key in one has 2,048 to 600,000 in practice (OWASP).
pub(crate) const MAX_ROUNDS: u32 = 20_000_000;

/// Keys of authentication codes, in bytes: shorter ones can be guessed, longer ones are nobody's.
const MAC_KEY: std::ops::RangeInclusive<usize> = 20..=1024;

/// Schemes that programs write or wrote, and that are not read: nothing here has their ciphers.
const UNKNOWN: [(ObjectIdentifier, &str); 6] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.1"), "PBE-SHA1-RC4-128"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.2"), "PBE-SHA1-RC4-40"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.3"), "PBE-MD5-DES"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.10"), "PBE-SHA1-DES"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.4.11"), "scrypt"),
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.7"), "DES"),
];

/// The longest block of the ciphers.
const BLOCK: usize = 16;

pub(crate) const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
pub(crate) const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const HMAC_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.7");
pub(crate) const HMAC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
const HMAC_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.10");
const HMAC_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.11");
const AES_128_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2");
const AES_192_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22");
pub(crate) const AES_256_CBC: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");
const DES_EDE3_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.3.7");
const PBE_SHA1_3DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");
const PBE_SHA1_RC2_128: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.5");
const PBE_SHA1_RC2_40: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
pub(crate) const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
