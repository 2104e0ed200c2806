//! A control of our own for questions that one directory passes on to the next: which of them they passed already.
//!
//! It is never critical. A server that does not know it answers as usual, and what was passed before it is forgotten; then
//! circles end because the same question is asked once at a time and its asker's time runs out.

use crate::ldap::Error;
use crate::ldap::ber::{OCTET_STRING, Reader, SEQUENCE, element};

/// The directories that a question passed, by numbers that each chose by chance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// The first one first.
    pub passed: Vec<[u8; 16]>,
}

impl Chain {
    /// The control's type: a UUID as an object identifier (ITU-T X.667 section 7), which needs no registration.
    pub const OID: &str = "2.25.259355323813337379789173916001741111728";
    /// A question that passed more directories is refused.
    pub const MAX: usize = 8;

    /// Reads the value of the control: `SEQUENCE OF OCTET STRING (SIZE (16))`.
    pub fn from_ber(bytes: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::new(bytes);
        let mut list = outer.expect(SEQUENCE)?.open();
        if !outer.is_empty() {
            return Err(outer.flaw("there is more after the end"));
        }
        let mut passed = Vec::new();
        while !list.is_empty() {
            if passed.len() == Self::MAX {
                return Err(list.flaw("the question passed too many directories"));
            }
            let number = list.expect(OCTET_STRING)?.content.try_into();
            passed.push(number.map_err(|_| list.flaw("a number has not 16 octets"))?);
        }
        Ok(Self { passed })
    }

    /// Writes the value of the control.
    pub fn to_ber(&self) -> Vec<u8> {
        let list: Vec<u8> =
            self.passed.iter().flat_map(|number| element(OCTET_STRING, number)).collect();
        element(SEQUENCE, &list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_read_as_they_are_written() {
        for count in 0..=Chain::MAX {
            let chain = Chain { passed: (0_u8..).take(count).map(|at| [at; 16]).collect() };
            assert_eq!(Chain::from_ber(&chain.to_ber()), Ok(chain));
        }
        let long = Chain { passed: vec![[1; 16]; Chain::MAX + 1] };
        assert!(Chain::from_ber(&long.to_ber()).is_err());
        for bad in [&[][..], &[0x30, 1], &[0x30, 0, 0], &[0x30, 2, 4, 0], &[0x31, 0]] {
            assert!(Chain::from_ber(bad).is_err(), "{bad:?}");
        }
    }
}
