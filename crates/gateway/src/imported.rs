//! What an administrator imported, as the path engine takes it: certificates that may help, and lists of revoked ones.

use std::sync::Arc;

use chancery_pki::path::Pool;
use chancery_pki::revocation::Evidence;
use chancery_store::{Result, Store};

/// The imported certificates and lists at one moment; none of them is trusted for being there.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    version: i64,
    pool: Arc<Pool>,
    evidence: Arc<Evidence>,
}

impl Imported {
    /// Reads all of them.
    pub fn read(store: &Store) -> Result<Self> {
        // The number first: what is imported meanwhile is then read again, and never overlooked.
        let version = store.certificate_version()?;
        let pool = store.authorities()?.iter().collect();
        let mut evidence = Evidence::new();
        evidence.extend(store.revocation_lists()?.into_iter().map(|row| row.list));
        Ok(Self { version, pool: Arc::new(pool), evidence: Arc::new(evidence) })
    }

    /// Returns true if nothing was imported or removed since.
    pub fn is_current(&self, store: &Store) -> Result<bool> {
        Ok(store.certificate_version()? == self.version)
    }

    /// Returns the certificates of authorities.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Returns the lists.
    pub fn evidence(&self) -> &Arc<Evidence> {
        &self.evidence
    }
}

#[cfg(test)]
mod tests {
    use chancery_crypto::{KeyKind, PrivateKey};
    use chancery_pki::{Organisation, issue};
    use chancery_store::{Act, Options};

    use super::*;

    #[tokio::test]
    async fn what_is_imported_is_there_the_next_time() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { create: true, ..Options::default() };
        let store = Store::open(directory.path(), options).unwrap();
        let before = Imported::read(&store).unwrap();
        assert!(before.pool().is_empty() && before.is_current(&store).unwrap());
        let key = PrivateKey::generate(KeyKind::EcP256).unwrap();
        let organisation = Organisation::new("Acme", ["acme.example"]).unwrap();
        let ca = issue::ca(&organisation, &key, 1_780_315_200, [1; 20]).unwrap();
        let act = Act { who: "ada".into(), why: String::new(), at_ms: 0 };
        store.import(vec![ca.clone()], vec![], "file".into(), act).await.unwrap();
        assert!(!before.is_current(&store).unwrap());
        let after = Imported::read(&store).unwrap();
        assert!(after.pool().contains(&ca) && after.is_current(&store).unwrap());
    }
}
