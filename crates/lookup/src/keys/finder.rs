//! The handle that everybody shares.

use std::fmt;
use std::sync::Arc;

use chancery_mail::Address;
use chancery_net::outbound::Dialer;

use super::found::{Asked, Found, Hop};

/// Finds the certificates of addresses; one for a process, clones share it.
#[derive(Clone)]
pub struct Finder(Arc<Inner>);

struct Inner {
    id: Hop,
    _dialer: Dialer,
}

impl Finder {
    /// Makes a handle that knows no source; `id` is a number that no other one has, chosen by chance.
    pub fn new(id: Hop, dialer: Dialer) -> Self {
        Self(Arc::new(Inner { id, _dialer: dialer }))
    }

    /// Returns the number by which questions are recognised that we asked.
    pub fn id(&self) -> Hop {
        self.0.id
    }

    /// Finds certificates to which messages to the address may be encrypted. It returns within the time of the asker.
    #[expect(clippy::unused_async, reason = "the first sources follow")]
    pub async fn find(&self, _address: &Address, _asked: Asked) -> Found {
        Found::default()
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Finder")
    }
}
