//! Primitives behind one small API; the only crate with unsafe code.
//!
//! It is **not** a toolbox: it has what mail protection needs and no more, and every choice that could be made wrong
//! (nonces, padding checks, key lengths, comparison in constant time) is made here. There is no ASN.1 beyond keys and
//! algorithm identifiers, no IO, no clock.
//!
//! ```text
//! digest   Hasher, Digest                        random   fill
//! key      PrivateKey, PublicKey                 seal     secrets at rest: MasterKey, seal, open
//! transport  RSA, key agreement, ML-KEM          cipher   Encryptor, Decryptor: content as streams
//! wrap     one key under another                 kdf      keys from secrets and passwords, HMAC
//!          └── all of them over: shim, aws-lc-sys (the unsafe module)
//! ```
//!
//! Key pairs are parsed once, when a [`PrivateKey`] is made; every later operation uses the parsed form. Keys are
//! cheap to clone and may be used from many threads at once.
//!
//! ```
//! use chancery_crypto::{DigestAlgorithm, KeyKind, PrivateKey};
//!
//! # fn main() -> Result<(), chancery_crypto::Error> {
//! let key = PrivateKey::generate(KeyKind::EcP256)?;
//! let algorithm = key.signature_algorithm(DigestAlgorithm::Sha256)?;
//! let signature = key.sign(algorithm, b"message")?;
//! key.public_key().verify(algorithm, b"message", &signature)?;
//! # Ok(())
//! # }
//! ```
//!
//! What is broken (MD5, SHA-1, RC2, triple DES, RSA under 2048 bits) is there to read old mail: it never signs or
//! encrypts, signatures on it verify only behind [`PublicKey::danger`], and `is_weak` says what it is.
//!
//! RFC 8017 (RSA), RFC 5480 and 5915 (EC keys), RFC 8410 (Ed25519, X25519), FIPS 203 and 204 (ML-KEM, ML-DSA), RFC 9881
//! and 9935 (their keys), SEC 1 section 3.6.1 (X9.63 KDF), RFC 5869 (HKDF), RFC 3394, 3217 and 3211 (key wrap), RFC 3218
//! (RSA v1.5 without an oracle), NIST SP 800-38A and 800-38D (CBC, GCM), RFC 8439 (ChaCha20-Poly1305), RFC 8018 (PBKDF2).

pub mod algorithm;
pub mod cipher;
pub mod digest;
pub mod error;
mod hex;
pub mod kdf;
pub mod key;
pub mod password;
pub mod random;
pub mod seal;
mod shim;
pub mod transport;
pub mod wrap;

pub use algorithm::{KeyKind, SignatureAlgorithm};
pub use cipher::{ContentCipher, ContentKey, Decryptor, Encryptor};
pub use digest::{Digest, DigestAlgorithm, Hasher};
pub use error::{CODES, Error};
pub use hex::{hex, unhex};
pub use key::{PrivateKey, PublicKey};
pub use transport::KeyTransport;
pub use wrap::{KeyWrap, PasswordWrap};
pub use zeroize::Zeroizing;
