//! `--fetch`: asks the network for what the files lack, without an installation and without leaving anything behind.

use chancery_lookup::{Budget, Decided, Lookup, Settings};
use chancery_pki::path::{Answer, Known};

use crate::commands::block_on;
use crate::convert;
use crate::failure::Result;

/// Decides with what is known and with what can be fetched.
pub(super) fn decide(
    known: Known,
    allow_private: bool,
    ask: impl Fn(&Known) -> Answer,
) -> Result<Decided> {
    block_on(async {
        let lookup = Lookup::new(Settings::default(), convert::dialer(&[], allow_private)?);
        lookup.give(known.pool, known.evidence);
        Ok(lookup.decide(Budget::default(), ask).await)
    })
}
