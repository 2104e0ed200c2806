//! The partners whose keys we use: the book of cards.

use serde::Serialize;

use crate::error::Result;
use crate::queue::admin::Act;
use crate::store::Store;

/// A partner organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartnerRow {
    /// What it calls itself.
    pub name: String,
    /// Its domains, in lower case.
    pub domains: Vec<String>,
    /// The card as it came.
    #[serde(skip)]
    pub card: Vec<u8>,
    /// What was compared over the telephone; a partner is the same as long as this is.
    pub fingerprint: String,
    /// When it was added, or last renewed.
    pub added_at_ms: i64,
    /// Who added it.
    pub added_by: String,
    /// When the card expires.
    pub expires_at_ms: i64,
}

impl Store {
    /// Adds a partner, or renews the one with the same fingerprint.
    ///
    /// Fails with [`Error::PartnerConflict`](crate::Error::PartnerConflict) if a domain belongs to another fingerprint.
    pub async fn put_partner(&self, _partner: PartnerRow, _act: Act) -> Result<()> {
        todo!()
    }

    /// Returns the partner that has exactly this domain.
    pub fn partner_by_domain(&self, _domain: &str) -> Result<Option<PartnerRow>> {
        todo!()
    }

    /// Returns all partners by name.
    pub fn partners(&self) -> Result<Vec<PartnerRow>> {
        todo!()
    }

    /// Removes the partner with this fingerprint; returns false if there is none.
    pub async fn remove_partner(&self, _fingerprint: &str, _act: Act) -> Result<bool> {
        todo!()
    }

    /// Returns a number that grows with each change of the book, so that a copy in memory knows when it is old.
    pub fn partner_version(&self) -> Result<i64> {
        todo!()
    }
}
