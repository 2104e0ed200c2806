//! Seals the organisation's private keys under another master key.

use chancery_crypto::seal::{self, MasterKey};
use chancery_store::key::{KeyPurpose, Resealed};
use chancery_store::{Act, Store};

use super::{Identity, cannot, secret};
use crate::error::Result;

impl Identity {
    /// Seals every private key under `new`, in one commit. Returns how many there were, or `None` if somebody changed
    /// the keys meanwhile; then nothing was changed.
    pub async fn reseal(
        store: &Store,
        old: &MasterKey,
        new: &MasterKey,
        act: Act,
    ) -> Result<Option<usize>> {
        let mut resealed = Vec::new();
        for purpose in KeyPurpose::ALL {
            for row in store.keys(purpose)?.into_iter().filter(|row| !row.is_destroyed()) {
                let context = purpose.seal_context(&row.certificate);
                let failed = |error| cannot(purpose.name(), &error);
                let secret = secret(old, &row)?;
                let after = seal::seal(new, &context, &secret).map_err(failed)?;
                // Nobody can open what was sealed in a wrong way, so it is tried before the old one is given up.
                seal::open(new, &context, &after).map_err(failed)?;
                resealed.push(Resealed { id: row.id, before: row.sealed_key, after });
            }
        }
        let count = resealed.len();
        Ok(store.reseal_keys(resealed, act).await?.then_some(count))
    }
}
