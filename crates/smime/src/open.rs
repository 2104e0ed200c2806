//! Opens a received message, layer by layer, and forms the verdict.

use std::io::{Read, Seek, Write};

use crate::{error::Result, keys::OpeningKey, spool::Spools, trust::Trust, verdict::Verdict};

/// What the opener needs to know about the world.
#[derive(Clone, Copy, Debug)]
pub struct OpenFacts<'a> {
    /// Now, in Unix seconds.
    pub at: i64,
    /// Our own domains: only an anchor of our own may speak for them.
    pub our_domains: &'a [String],
}

/// What opening a message gave.
#[derive(Debug)]
pub struct Opened {
    /// The verdict.
    pub verdict: Verdict,
    /// What was written to `out`.
    pub delivered: Delivered,
    /// The `Received` fields of the outer header, which a recovered original does not have; for loop detection.
    pub outer_trace: Vec<u8>,
}

/// What [`open`] wrote to `out`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Nothing: deliver the received bytes as they are.
    AsReceived,
    /// Nothing, and nothing may be delivered but what policy says about undecipherable mail.
    Nothing,
    /// The message that the sender's gateway protected, byte for byte.
    Original {
        /// Bytes written.
        bytes: u64,
    },
    /// The outer header with the content that was inside.
    Rebuilt {
        /// Bytes written.
        bytes: u64,
    },
}

/// Opens `message` with `keys`, judges it by `trust` and writes what may be delivered to `out`.
///
/// Nothing is written to `out` before all layers were read to their end and their tags and paddings checked.
pub fn open<R: Read + Seek>(
    message: &mut R,
    keys: &[OpeningKey],
    trust: &dyn Trust,
    facts: &OpenFacts<'_>,
    spools: &mut dyn Spools,
    out: &mut dyn Write,
) -> Result<Opened> {
    todo!()
}
