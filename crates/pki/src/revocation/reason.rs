//! Why certificates are revoked (RFC 5280 section 5.3.1), and sets of such reasons (section 4.2.1.13).

use std::fmt;

use serde::{Serialize, Serializer};

use crate::revocation::cursor::{Element, Flaw};

/// Why a certificate was revoked (RFC 5280 section 5.3.1, whose order this is).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// No reason is given; an entry then has no reason extension.
    Unspecified = 0,
    /// Somebody else may have the key.
    KeyCompromise = 1,
    /// Somebody else may have the key of the authority.
    CaCompromise = 2,
    /// The names are no longer right.
    AffiliationChanged = 3,
    /// Another certificate takes its place.
    Superseded = 4,
    /// It is no longer needed.
    CessationOfOperation = 5,
    /// It does not count for now; the only reason that can be taken back.
    CertificateHold = 6,
    /// In a delta list: it is no longer on hold, or it has expired.
    RemoveFromCrl = 8,
    /// A right that the certificate states was withdrawn.
    PrivilegeWithdrawn = 9,
    /// Somebody else may have the key of an attribute authority.
    AaCompromise = 10,
}

/// A set of reasons: what a list covers (`ReasonFlags`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reasons(u16);

impl Reason {
    /// Returns the reason with this number.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        ALL.into_iter().find(|reason| *reason as u8 == number)
    }

    /// Returns the name that RFC 5280 gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::RemoveFromCrl => "removeFromCRL",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
        }
    }

    /// Returns true if the authority can never take it back (RFC 5280 section 5.3.1).
    pub fn is_permanent(self) -> bool {
        !matches!(self, Self::CertificateHold | Self::RemoveFromCrl)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Reasons {
    /// All reasons for which a list can be partitioned; the first bit is unused.
    pub(crate) const ALL: Self = Self(0x1fe);

    /// Reads `ReasonFlags`, of whatever tag; bits that RFC 5280 does not have are ignored.
    pub(crate) fn read(element: &Element<'_>) -> Result<Self, Flaw> {
        let (unused, bits) = match element.content {
            [unused @ 0..=7, bits @ ..] if !bits.is_empty() || *unused == 0 => (*unused, bits),
            _ => return Err(element.flaw("a set of reasons is not in DER")),
        };
        let mut octets = bits.iter().copied().chain([0, 0]);
        let (first, second) = (octets.next().unwrap_or(0), octets.next().unwrap_or(0));
        let used = bits.len() * 8 - usize::from(unused);
        let flags = u16::from(first.reverse_bits()) | u16::from(second.reverse_bits()) << 8;
        let known = if used < 16 { flags & ((1 << used) - 1) } else { flags };
        Ok(Self(known & Self::ALL.0))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn is_complete(self) -> bool {
        self == Self::ALL
    }

    /// Returns true if a reason is in the set.
    pub(crate) fn contains(self, reason: Reason) -> bool {
        FLAGS.iter().any(|(bit, flag)| *flag == reason && self.0 & (1 << bit) != 0)
    }

    /// Returns the reasons in both sets.
    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the reasons in either set.
    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the reasons that are not in the other set.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_complete() {
            return formatter.write_str("all reasons");
        }
        let present = FLAGS.iter().filter(|(bit, _)| self.0 & (1 << bit) != 0);
        let names: Vec<_> = present.map(|(_, reason)| reason.name()).collect();
        formatter.write_str(if names.is_empty() { "no reason" } else { "" })?;
        formatter.write_str(&names.join(", "))
    }
}

const ALL: [Reason; 10] = [
    Reason::Unspecified,
    Reason::KeyCompromise,
    Reason::CaCompromise,
    Reason::AffiliationChanged,
    Reason::Superseded,
    Reason::CessationOfOperation,
    Reason::CertificateHold,
    Reason::RemoveFromCrl,
    Reason::PrivilegeWithdrawn,
    Reason::AaCompromise,
];

/// The bit of each reason in `ReasonFlags`, which is not its number in `CRLReason`.
const FLAGS: [(u8, Reason); 8] = [
    (1, Reason::KeyCompromise),
    (2, Reason::CaCompromise),
    (3, Reason::AffiliationChanged),
    (4, Reason::Superseded),
    (5, Reason::CessationOfOperation),
    (6, Reason::CertificateHold),
    (7, Reason::PrivilegeWithdrawn),
    (8, Reason::AaCompromise),
];

#[cfg(test)]
mod tests {
    use super::{ALL, Reason, Reasons};
    use crate::revocation::cursor::Cursor;

    fn flags(content: &[u8]) -> Option<Reasons> {
        let der = [&[0x03, u8::try_from(content.len()).unwrap()], content].concat();
        Reasons::read(&Cursor::new(&der).any().unwrap()).ok()
    }

    #[test]
    fn numbers_and_flags_are_those_of_the_rfc() {
        let numbers: Vec<_> = ALL.iter().map(|reason| *reason as u8).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 8, 9, 10]);
        assert_eq!(Reason::from_number(6), Some(Reason::CertificateHold));
        assert_eq!(Reason::from_number(7), None);
        // keyCompromise and cACompromise: 0110 0000, five bits unused.
        let some = flags(&[5, 0x60]).unwrap();
        assert_eq!(some.to_string(), "keyCompromise, cACompromise");
        let rest = flags(&[7, 0x9f, 0x80]).unwrap();
        assert_eq!(some.union(rest), Reasons::ALL);
        assert!(some.intersection(rest).is_empty() && Reasons::ALL.without(some) == rest);
        assert_eq!(flags(&[0]), Some(Reasons::default()));
        assert_eq!(flags(&[]), None);
        assert_eq!(flags(&[3]), None);
        assert_eq!(flags(&[8, 0]), None);
    }
}
