//! Attributes that a signature does not cover: counter-signatures are read, of the others the names (RFC 5652 sections
//! 5.3 and 11.4).

use crate::error::Error;
use crate::oid;
use crate::signed::signer_info::SignerInfo;
use crate::tlv::{Slice, tag};

/// What the unsigned attributes of a signature say.
#[derive(Debug, Default)]
pub(super) struct Unsigned {
    /// The names of all, the first ones.
    pub(super) names: Vec<String>,
    pub(super) counter_signatures: Vec<SignerInfo>,
}

impl Unsigned {
    /// Reads the attributes. Nobody signed them, so what is broken is left out and spoils nothing.
    pub(super) fn read(attributes: &[u8], offset: u64) -> Self {
        let mut found = Self::default();
        let mut list = Slice::new(attributes, offset);
        while found.names.len() < MAX_ATTRIBUTES && !list.is_empty() {
            if found.take(&mut list).is_err() {
                break;
            }
        }
        found
    }

    fn take(&mut self, list: &mut Slice<'_>) -> Result<(), Error> {
        let mut fields = list.expect(tag::SEQUENCE, "expected an unsigned attribute")?.children();
        let id = fields.expect(tag::OID, "expected an attribute's type")?.content;
        self.names.push(oid::text(id));
        let mut values = fields.expect(tag::SET, "expected an attribute's values")?.children();
        while id == oid::COUNTERSIGNATURE
            && !values.is_empty()
            && self.counter_signatures.len() < MAX_COUNTER_SIGNATURES
        {
            let value = values.any()?;
            self.counter_signatures.push(SignerInfo::from_slice(value.whole, value.offset)?);
        }
        Ok(())
    }
}

/// Honest signatures have a time stamp, sometimes with its friends.
const MAX_ATTRIBUTES: usize = 16;

/// Each costs a signature check, and there may be many signers.
const MAX_COUNTER_SIGNATURES: usize = 4;

#[cfg(test)]
mod tests;
