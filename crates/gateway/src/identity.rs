//! The organisation's own keys: made once, sealed at rest, unsealed when the gateway starts.

use chancery_crypto::seal::{self, MasterKey};
use chancery_crypto::{DigestAlgorithm, Hasher, PrivateKey, Zeroizing};
use chancery_pki::Certificate;
use chancery_smime::{OpeningKey, Signer};
use chancery_store::Store;
use chancery_store::key::{KeyPurpose, KeyRow};

use crate::error::{Error, Result};

mod renew;
mod reseal;

pub use renew::Renewal;

/// The keys that protect and open mail.
#[derive(Debug)]
pub struct Identity {
    version: i64,
    signer: Signer,
    opening: Vec<OpeningKey>,
    authority: Certificate,
    /// The one in use, and then those before it.
    signing: Vec<Certificate>,
    /// Likewise.
    encryption: Vec<Certificate>,
    seed: Zeroizing<Vec<u8>>,
}

/// A key as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeySummary {
    /// Its number.
    pub id: i64,
    /// What becomes of it.
    pub state: KeyState,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Kind of the key.
    pub kind: String,
    /// Subject of the certificate.
    pub subject: String,
    /// SHA-256 of the certificate.
    pub fingerprint: String,
    /// Start of the certificate, in Unix seconds.
    pub not_before: i64,
    /// End of the certificate, in Unix seconds.
    pub not_after: i64,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// The private key was destroyed; the certificate is a record.
    Destroyed,
    /// It is kept to open mail that was encrypted before it was renewed; other keys are kept for nothing.
    Old,
    /// It is used for new mail.
    Used,
}

impl Identity {
    /// Reads and unseals what mail needs at this time (Unix seconds); every old encryption key stays good for reading.
    pub fn unseal(store: &Store, master: &MasterKey, at: i64) -> Result<Self> {
        // The number first: keys that change meanwhile are then read again, and never overlooked.
        let version = store.key_version()?;
        let authority = certificate(&active(store, KeyPurpose::Ca)?)?;
        let (current, old) = whole(store, KeyPurpose::Signing)?;
        let signing = certificates(&current, &old)?;
        let signing_key = open(master, &current)?;
        let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
        hasher.update(b"chancery boundary seed");
        hasher.update(&signing_key.to_pkcs8_der().map_err(|e| cannot("signing", &e))?);
        let seed = Zeroizing::new(hasher.finish().as_ref().to_vec());
        let chain = [authority.der().to_vec()];
        let signer = Signer::new(signing_key, &current.certificate, &chain)?;
        let (current, old) = whole(store, KeyPurpose::Encryption)?;
        let encryption = certificates(&current, &old)?;
        let mut opening = Vec::with_capacity(encryption.len());
        for row in std::iter::once(&current).chain(&old) {
            opening.push(OpeningKey::new(open(master, row)?, &row.certificate)?);
        }
        // As long as partners may still have the certificate before, and some time after.
        let may_be_known = |old: &Certificate| old.not_after().saturating_add(ANNOUNCED) >= at;
        let signer = match encryption.get(1) {
            Some(old) if may_be_known(old) => signer.announcing(&current.certificate),
            _ => signer,
        };
        Ok(Self { version, signer, opening, authority, signing, encryption, seed })
    }

    /// Returns true if the master key is the one that the keys are sealed under.
    pub fn is_sealed_under(store: &Store, master: &MasterKey) -> Result<bool> {
        // A bridge without a gateway has no authority of its own.
        for purpose in [KeyPurpose::Ca, KeyPurpose::Bridge] {
            if let Some(row) = store.keys(purpose)?.first() {
                return Ok(secret(master, row).is_ok());
            }
        }
        Err(missing(KeyPurpose::Ca.name()))
    }

    /// Reads and unseals the TLS key that `create` made: certificate (DER) and key (PKCS#8).
    pub fn unseal_tls(store: &Store, master: &MasterKey) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        let row = active(store, KeyPurpose::Tls)?;
        let secret = secret(master, &row)?;
        Ok((row.certificate, secret))
    }

    /// Unseals the private keys of those of these certificates that are ours, for an export.
    pub fn private_keys(
        store: &Store,
        master: &MasterKey,
        certificates: &[Certificate],
    ) -> Result<Vec<(PrivateKey, Certificate)>> {
        let mut pairs = Vec::new();
        for purpose in KeyPurpose::ALL {
            for row in store.keys(purpose)?.into_iter().filter(|row| !row.is_destroyed()) {
                let certificate = certificate(&row)?;
                if certificates.contains(&certificate) {
                    pairs.push((open(master, &row)?, certificate));
                }
            }
        }
        Ok(pairs)
    }

    /// Lists the keys without touching a secret.
    pub fn summary(store: &Store) -> Result<Vec<KeySummary>> {
        let mut list = Vec::new();
        for purpose in KeyPurpose::ALL {
            for row in store.keys(purpose)? {
                let certificate = certificate(&row)?;
                let state = match (row.active, row.is_destroyed()) {
                    (true, _) => KeyState::Used,
                    (false, true) => KeyState::Destroyed,
                    (false, false) => KeyState::Old,
                };
                list.push(KeySummary {
                    id: row.id,
                    state,
                    purpose,
                    kind: certificate.key_kind(),
                    subject: certificate.subject(),
                    fingerprint: certificate.fingerprint_sha256(),
                    not_before: certificate.not_before(),
                    not_after: certificate.not_after(),
                });
            }
        }
        Ok(list)
    }

    /// Returns who signs our mail.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Returns the keys that open mail to us, the current one first.
    pub fn opening_keys(&self) -> &[OpeningKey] {
        &self.opening
    }

    /// Returns our authority's certificate.
    pub fn authority(&self) -> &Certificate {
        &self.authority
    }

    /// Returns our signing certificates, the one in use first.
    pub fn signing(&self) -> &[Certificate] {
        &self.signing
    }

    /// Returns the certificates that others encrypt to, the one in use first; keys that were destroyed have none here.
    pub fn encryption(&self) -> &[Certificate] {
        &self.encryption
    }

    /// Returns the number of the keys in the store that this was read from.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Returns bytes that the author of a message cannot guess, and that are the same each time for the same name.
    pub fn boundary_seed(&self, name: &str) -> Vec<u8> {
        let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
        hasher.update(&self.seed);
        hasher.update(name.as_bytes());
        hasher.finish().as_ref().to_vec()
    }
}

/// Returns the key in use for a purpose.
fn active(store: &Store, purpose: KeyPurpose) -> Result<KeyRow> {
    whole(store, purpose).map(|(current, _)| current)
}

/// Returns the key in use for a purpose, and those before it that were not destroyed.
fn whole(store: &Store, purpose: KeyPurpose) -> Result<(KeyRow, Vec<KeyRow>)> {
    let mut rows = store.keys(purpose)?.into_iter();
    let current = rows.next().filter(|row| row.active).ok_or_else(|| missing(purpose.name()))?;
    Ok((current, rows.filter(|row| !row.is_destroyed()).collect()))
}

fn certificates(current: &KeyRow, old: &[KeyRow]) -> Result<Vec<Certificate>> {
    std::iter::once(current).chain(old).map(certificate).collect()
}

fn certificate(row: &KeyRow) -> Result<Certificate> {
    Certificate::from_der(&row.certificate).map_err(|e| cannot(row.purpose.name(), &e))
}

fn open(master: &MasterKey, row: &KeyRow) -> Result<PrivateKey> {
    let secret = secret(master, row)?;
    PrivateKey::from_pkcs8_der(&secret).map_err(|e| cannot(row.purpose.name(), &e))
}

fn secret(master: &MasterKey, row: &KeyRow) -> Result<Zeroizing<Vec<u8>>> {
    let context = row.purpose.seal_context(&row.certificate);
    seal::open(master, &context, &row.sealed_key).map_err(|e| cannot(row.purpose.name(), &e))
}

fn missing(purpose: &'static str) -> Error {
    Error::Key { purpose, reason: "there is none; run `chancery init`".to_owned() }
}

fn cannot(purpose: &'static str, error: &dyn chancery_fault::Coded) -> Error {
    Error::Key { purpose, reason: format!("{error} ({})", error.code().id) }
}

/// How long after the end of an old certificate partners are still told of the new one: 90 days, because mail and cards
/// are restored from backups.
const ANNOUNCED: i64 = 90 * 86_400;
