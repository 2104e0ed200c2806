//! Keys of authorities, as they lie sealed in the store.

use chancery_crypto::seal::{self, MasterKey};
use chancery_crypto::{PrivateKey, random};
use chancery_pki::Certificate;
use chancery_store::Store;
use chancery_store::key::{KeyPurpose, KeyRow, NewKey};

use crate::error::{Error, Result};

/// Returns what two people compare: 120 bits of an authority's name and key.
pub fn fingerprint(authority: &Certificate) -> String {
    chancery_smime::card::fingerprint(&authority.subject(), authority)
}

/// Unseals the key in use for a purpose, with its certificate.
pub(crate) fn unseal(
    store: &Store,
    master: &MasterKey,
    purpose: KeyPurpose,
) -> Result<(PrivateKey, Certificate)> {
    let what = purpose.name();
    let row = store.keys(purpose)?.into_iter().find(|row| row.active);
    let row = row.ok_or_else(|| Error::Key { what, reason: "there is none".to_owned() })?;
    Ok((open(master, &row)?, certificate(&row)?))
}

/// Returns the certificates for a purpose, the one in use first.
pub(crate) fn certificates(store: &Store, purpose: KeyPurpose) -> Result<Vec<Certificate>> {
    store.keys(purpose)?.iter().map(certificate).collect()
}

/// Seals a key for the store.
pub(crate) fn seal(
    master: &MasterKey,
    purpose: KeyPurpose,
    key: &PrivateKey,
    certificate: &Certificate,
) -> Result<NewKey> {
    let failed = |error| Error::key(purpose.name(), &error);
    let secret = key.to_pkcs8_der().map_err(failed)?;
    let context = purpose.seal_context(certificate.der());
    Ok(NewKey {
        purpose,
        certificate: certificate.der().to_vec(),
        sealed_key: seal::seal(master, &context, &secret).map_err(failed)?,
        not_after_ms: certificate.not_after().saturating_mul(1000),
        active: true,
    })
}

/// Returns random bytes for a serial number, a token or the number of a request.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    random::bytes().map_err(|error| Error::key("random", &error))
}

fn open(master: &MasterKey, row: &KeyRow) -> Result<PrivateKey> {
    let failed = |error| Error::key(row.purpose.name(), &error);
    let context = row.purpose.seal_context(&row.certificate);
    let secret = seal::open(master, &context, &row.sealed_key).map_err(failed)?;
    PrivateKey::from_pkcs8_der(&secret).map_err(failed)
}

fn certificate(row: &KeyRow) -> Result<Certificate> {
    Ok(Certificate::from_der(&row.certificate)?)
}
