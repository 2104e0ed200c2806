//! The organisation's own keys, sealed, with their certificates.

use serde::Serialize;

use crate::error::Result;
use crate::queue::admin::Act;
use crate::store::Store;

/// A key to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// The private key, sealed by `crypto::seal`; never in clear.
    pub sealed_key: Vec<u8>,
    /// When the certificate ends.
    pub not_after_ms: i64,
    /// Whether it is the one that is used from now on.
    pub active: bool,
}

/// A stored key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyRow {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Its certificate, DER.
    #[serde(skip)]
    pub certificate: Vec<u8>,
    /// The private key, sealed.
    #[serde(skip)]
    pub sealed_key: Vec<u8>,
    /// When the certificate ends.
    pub not_after_ms: i64,
    /// Whether it is used for new mail; the others are kept for reading old mail.
    pub active: bool,
    /// When it was stored.
    pub added_at_ms: i64,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPurpose {
    /// Signs the organisation's certificates.
    Ca,
    /// Opens mail.
    Encryption,
    /// Signs mail and cards.
    Signing,
    /// Secures connections.
    Tls,
}

impl Store {
    /// Stores a key and returns its number; an active key takes the place of the one before.
    pub async fn put_key(&self, _key: NewKey, _act: Act) -> Result<i64> {
        todo!()
    }

    /// Returns the keys for a purpose: the active one first, then the newest.
    pub fn keys(&self, _purpose: KeyPurpose) -> Result<Vec<KeyRow>> {
        todo!()
    }

    /// Stops using a key for new mail; it stays for reading. Returns false if there is no such active key.
    pub async fn retire_key(&self, _id: i64, _act: Act) -> Result<bool> {
        todo!()
    }
}
