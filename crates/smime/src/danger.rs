//! What weakens a check. Nothing here is for mail that comes in today.

use std::io::{Read, Seek, Write};

use crate::{
    error::Result,
    keys::OpeningKey,
    open::{self, Manner, OpenFacts, Opened},
    spool::Spools,
    trust::Trust,
};

/// Opens a message like [`open`](crate::open()), and believes signatures with SHA-1, MD5 or keys that are too small.
///
/// This is for mail in an archive that was verified when it came in. The verdict can then be `verified` and still has the
/// problem `smime.weak_algorithm`: today anybody with some money can make such a signature.
pub fn open_old_mail<R: Read + Seek>(
    message: &mut R,
    keys: &[OpeningKey],
    trust: &dyn Trust,
    facts: &OpenFacts<'_>,
    spools: &mut dyn Spools,
    out: &mut dyn Write,
) -> Result<Opened> {
    let manner = Manner { accepts_weak: true, ..Manner::default() };
    open::open_by(message, keys, trust, facts, manner, spools, out)
}
