//! The organisation's own keys: made once, sealed at rest, unsealed when the gateway starts.

use chancery_crypto::seal::{self, MasterKey};
use chancery_crypto::{DigestAlgorithm, Hasher, KeyKind, PrivateKey, Zeroizing, random};
use chancery_pki::{Certificate, Organisation, issue};
use chancery_smime::{OpeningKey, Signer};
use chancery_store::key::{KeyPurpose, KeyRow, NewKey};
use chancery_store::{Act, Store};

use crate::error::{Error, Result};

/// The keys that protect and open mail.
#[derive(Debug)]
pub struct Identity {
    signer: Signer,
    opening: Vec<OpeningKey>,
    authority: Certificate,
    signing: Certificate,
    encryption: Certificate,
    seed: Zeroizing<Vec<u8>>,
}

/// A key as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeySummary {
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Kind of the key.
    pub kind: String,
    /// Subject of the certificate.
    pub subject: String,
    /// SHA-256 of the certificate.
    pub fingerprint: String,
    /// End of the certificate, in Unix seconds.
    pub not_after: i64,
}

impl Identity {
    /// Makes an authority, a signing key, an encryption key and a TLS key, and stores them sealed.
    pub async fn create(
        store: &Store,
        master: &MasterKey,
        organisation: &Organisation,
        hostname: &str,
        kind: KeyKind,
        act: &Act,
    ) -> Result<()> {
        let at = act.at_ms / 1000;
        let authority_key = generate(kind, "authority")?;
        let authority = issue::ca(organisation, &authority_key, at, serial()?)
            .map_err(|e| cannot("authority", &e))?;
        let issuer = issue::Authority { key: &authority_key, certificate: &authority };
        let signing_key = generate(kind, "signing")?;
        let signing = issue::organisation_signing(
            organisation,
            &issuer,
            signing_key.public_key(),
            at,
            serial()?,
        )
        .map_err(|e| cannot("signing", &e))?;
        let encryption_key = generate(kind, "encryption")?;
        let encryption = issue::organisation_encryption(
            organisation,
            &issuer,
            encryption_key.public_key(),
            at,
            serial()?,
        )
        .map_err(|e| cannot("encryption", &e))?;
        // Every TLS library of the last fifteen years takes P-256, and it is the fastest.
        let tls_key = generate(KeyKind::EcP256, "TLS")?;
        let tls = issue::tls_server(&[hostname], &tls_key, at, serial()?)
            .map_err(|e| cannot("TLS", &e))?;
        for (purpose, key, certificate) in [
            (KeyPurpose::Ca, &authority_key, &authority),
            (KeyPurpose::Signing, &signing_key, &signing),
            (KeyPurpose::Encryption, &encryption_key, &encryption),
            (KeyPurpose::Tls, &tls_key, &tls),
        ] {
            let secret = key.to_pkcs8_der().map_err(|e| cannot(name(purpose), &e))?;
            let sealed = seal::seal(master, &context(purpose, certificate.der()), &secret)
                .map_err(|e| cannot(name(purpose), &e))?;
            let row = NewKey {
                purpose,
                certificate: certificate.der().to_vec(),
                sealed_key: sealed,
                not_after_ms: certificate.not_after().saturating_mul(1000),
                active: true,
            };
            store.put_key(row, act.clone()).await?;
        }
        Ok(())
    }

    /// Reads and unseals what mail needs; every old encryption key stays good for reading.
    pub fn unseal(store: &Store, master: &MasterKey) -> Result<Self> {
        let authority = certificate(KeyPurpose::Ca, &active(store, KeyPurpose::Ca)?)?;
        let signing_row = active(store, KeyPurpose::Signing)?;
        let signing = certificate(KeyPurpose::Signing, &signing_row)?;
        let signing_key = open(master, KeyPurpose::Signing, &signing_row)?;
        let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
        hasher.update(b"chancery boundary seed");
        hasher.update(&signing_key.to_pkcs8_der().map_err(|e| cannot("signing", &e))?);
        let seed = Zeroizing::new(hasher.finish().as_ref().to_vec());
        let chain = [authority.der().to_vec()];
        let signer = Signer::new(signing_key, signing.der(), &chain)?;
        let rows = store.keys(KeyPurpose::Encryption)?;
        let first = rows.first().ok_or_else(|| missing("encryption"))?;
        let encryption = certificate(KeyPurpose::Encryption, first)?;
        let mut opening = Vec::with_capacity(rows.len());
        for row in &rows {
            let key = open(master, KeyPurpose::Encryption, row)?;
            opening.push(OpeningKey::new(key, &row.certificate)?);
        }
        Ok(Self { signer, opening, authority, signing, encryption, seed })
    }

    /// Reads and unseals the TLS key that `create` made: certificate (DER) and key (PKCS#8).
    pub fn unseal_tls(store: &Store, master: &MasterKey) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        let row = active(store, KeyPurpose::Tls)?;
        let secret =
            seal::open(master, &context(KeyPurpose::Tls, &row.certificate), &row.sealed_key)
                .map_err(|e| cannot("TLS", &e))?;
        Ok((row.certificate, secret))
    }

    /// Lists the keys without touching a secret.
    pub fn summary(store: &Store) -> Result<Vec<KeySummary>> {
        let mut list = Vec::new();
        for purpose in
            [KeyPurpose::Ca, KeyPurpose::Signing, KeyPurpose::Encryption, KeyPurpose::Tls]
        {
            for row in store.keys(purpose)? {
                let certificate = certificate(purpose, &row)?;
                list.push(KeySummary {
                    purpose,
                    kind: certificate.key_kind(),
                    subject: certificate.subject(),
                    fingerprint: certificate.fingerprint_sha256(),
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

    /// Returns our signing certificate.
    pub fn signing(&self) -> &Certificate {
        &self.signing
    }

    /// Returns the certificate that others encrypt to.
    pub fn encryption(&self) -> &Certificate {
        &self.encryption
    }

    /// Returns bytes that the author of a message cannot guess, and that are the same each time for the same name.
    pub fn boundary_seed(&self, name: &str) -> Vec<u8> {
        let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
        hasher.update(&self.seed);
        hasher.update(name.as_bytes());
        hasher.finish().as_ref().to_vec()
    }
}

fn active(store: &Store, purpose: KeyPurpose) -> Result<KeyRow> {
    store.keys(purpose)?.into_iter().find(|row| row.active).ok_or_else(|| missing(name(purpose)))
}

fn certificate(purpose: KeyPurpose, row: &KeyRow) -> Result<Certificate> {
    Certificate::from_der(&row.certificate).map_err(|e| cannot(name(purpose), &e))
}

fn open(master: &MasterKey, purpose: KeyPurpose, row: &KeyRow) -> Result<PrivateKey> {
    let secret = seal::open(master, &context(purpose, &row.certificate), &row.sealed_key);
    let secret = secret.map_err(|e| cannot(name(purpose), &e))?;
    PrivateKey::from_pkcs8_der(&secret).map_err(|e| cannot(name(purpose), &e))
}

/// Binds a sealed key to its purpose and certificate, so that rows cannot be exchanged.
fn context(purpose: KeyPurpose, certificate: &[u8]) -> Vec<u8> {
    let mut context = format!("key:{}:", name(purpose)).into_bytes();
    context.extend_from_slice(DigestAlgorithm::Sha256.digest(certificate).as_ref());
    context
}

fn name(purpose: KeyPurpose) -> &'static str {
    match purpose {
        KeyPurpose::Ca => "authority",
        KeyPurpose::Encryption => "encryption",
        KeyPurpose::Signing => "signing",
        KeyPurpose::Tls => "TLS",
    }
}

fn generate(kind: KeyKind, purpose: &'static str) -> Result<PrivateKey> {
    PrivateKey::generate(kind).map_err(|e| cannot(purpose, &e))
}

fn serial() -> Result<[u8; 20]> {
    random::bytes().map_err(|e| cannot("authority", &e))
}

fn missing(purpose: &'static str) -> Error {
    Error::Key { purpose, reason: "there is none; run `chancery init`".to_owned() }
}

fn cannot(purpose: &'static str, error: &dyn chancery_fault::Coded) -> Error {
    Error::Key { purpose, reason: format!("{error} ({})", error.code().id) }
}
