//! What a process knows that may help with any certificate, whoever asks.

use std::sync::Arc;

use crate::certificate::Certificate;
use crate::path::{Pool, Purpose, Question, Trust, Verifier};
use crate::revocation::{Evidence, RevocationList};

/// Certificates, evidence and remembered signatures, shared by all who ask. Nothing in it is trusted for being there.
///
/// It is a value: whoever learns something makes a new one, and work in progress keeps the old one. Cloning copies three
/// references.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Certificates of authorities.
    pub pool: Arc<Pool>,
    /// Revocation lists and responses.
    pub evidence: Arc<Evidence>,
    /// What verifies signatures and remembers them.
    pub verifier: Arc<Verifier>,
}

impl Known {
    /// Returns the same with what one message brings along on top.
    #[must_use]
    pub fn with<'a>(
        &self,
        certificates: impl IntoIterator<Item = &'a Certificate>,
        lists: impl IntoIterator<Item = RevocationList>,
    ) -> Self {
        let mut pool = Pool::over(Arc::clone(&self.pool));
        for certificate in certificates {
            pool.add(certificate);
        }
        let mut evidence = Arc::clone(&self.evidence);
        let mut lists = lists.into_iter().peekable();
        if lists.peek().is_some() {
            Arc::make_mut(&mut evidence).extend(lists);
        }
        Self { pool: Arc::new(pool), evidence, verifier: Arc::clone(&self.verifier) }
    }

    /// Returns true if nobody learned anything between the two, whatever signatures were verified.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pool, &other.pool) && Arc::ptr_eq(&self.evidence, &other.evidence)
    }

    /// Asks whether the trust reaches a certificate, for any address. `at` is in Unix seconds.
    pub fn question<'a>(
        &'a self,
        target: &'a Certificate,
        purpose: Purpose,
        at: i64,
        trust: &'a Trust,
    ) -> Question<'a> {
        Question::new(target, purpose, at, trust, &self.pool, &self.evidence, &self.verifier)
    }
}
