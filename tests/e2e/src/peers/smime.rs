//! Other people's S/MIME, each behind the same few verbs, so that a test can ask all of them the same.
//!
//! ```text
//! entity ─► sign ─► encrypt ─► message         message ─► decrypt ─► verify ─► entity
//! ```
//!
//! An entity is a MIME part with CRLF. What a program cannot do is an error with its own words in it.

mod camel;
mod gpgsm;
mod java;
mod mime;
mod nss;
mod openssl;
mod ours;
mod people;
mod script;

pub use camel::Camel;
pub use gpgsm::Gpgsm;
pub use java::BouncyCastle;
pub use mime::{canonical, tampered};
pub use nss::{Nss, Thunderbird};
pub use openssl::OpenSslCms;
pub use ours::Chancery;
pub use people::People;

/// What came of a verb: the result, or why there is none.
pub type Made = Result<Vec<u8>, String>;

/// How to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// One of [`People`].
    pub signer: &'static str,
    /// As OpenSSL names it, or `own` for the program's or the key's own.
    pub digest: &'static str,
    /// Whether an RSA key pads with PSS.
    pub pss: bool,
    /// Whether the content goes into the signature.
    pub opaque: bool,
    /// Somebody who signs side by side with the first one.
    pub beside: Option<&'static str>,
}

/// How to encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Some of [`People`].
    pub readers: &'static [&'static str],
    /// As OpenSSL names it, or `own` for the program's own.
    pub cipher: &'static str,
    /// The digest of OAEP, if an RSA key is to get the key so.
    pub oaep: Option<&'static str>,
    /// Whether readers are named by key identifier.
    pub by_key_identifier: bool,
}

/// A program that speaks S/MIME.
pub trait Mailer {
    /// Returns its name.
    fn name(&self) -> &'static str;

    /// Signs an entity; returns an entity.
    fn sign(&self, entity: &[u8], how: &Signature) -> Made;

    /// Returns the entity that was signed, if its signature holds.
    fn verify(&self, message: &[u8], signer: &str) -> Made;

    /// Encrypts an entity; returns an entity.
    fn encrypt(&self, entity: &[u8], how: &Envelope) -> Made;

    /// Returns the entity that was encrypted to a reader.
    fn decrypt(&self, message: &[u8], reader: &str) -> Made;

    /// Compresses an entity; returns an entity.
    fn compress(&self, _entity: &[u8]) -> Made {
        Err("it cannot compress".into())
    }

    /// Signs and encrypts.
    fn seal(&self, entity: &[u8], signature: &Signature, envelope: &Envelope) -> Made {
        self.encrypt(&self.sign(entity, signature)?, envelope)
    }

    /// Undoes [`seal`](Self::seal).
    fn unseal(&self, message: &[u8], reader: &str, signer: &str) -> Made {
        self.verify(&self.decrypt(message, reader)?, signer)
    }
}
