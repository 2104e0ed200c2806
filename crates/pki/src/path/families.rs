//! Families of keys, and sets of them.

use chancery_crypto::KeyKind;

/// Keys that are used in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFamily {
    /// NIST curves.
    Ec,
    /// Ed25519.
    Ed25519,
    /// ML-DSA.
    MlDsa,
    /// ML-KEM.
    MlKem,
    /// RSA.
    Rsa,
    /// X25519.
    X25519,
}

/// A set of families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFamilies(u8);

impl KeyFamily {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Ec, Self::Ed25519, Self::MlDsa, Self::MlKem, Self::Rsa, Self::X25519];

    /// Returns the family of a key.
    pub fn of(kind: KeyKind) -> Self {
        match kind {
            KeyKind::EcP256 | KeyKind::EcP384 | KeyKind::EcP521 => Self::Ec,
            KeyKind::Ed25519 => Self::Ed25519,
            KeyKind::MlDsa44 | KeyKind::MlDsa65 | KeyKind::MlDsa87 => Self::MlDsa,
            KeyKind::MlKem512 | KeyKind::MlKem768 | KeyKind::MlKem1024 => Self::MlKem,
            KeyKind::X25519 => Self::X25519,
            _ => Self::Rsa,
        }
    }

    /// Returns the word for it in settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ec => "ec",
            Self::Ed25519 => "ed25519",
            Self::MlDsa => "ml-dsa",
            Self::MlKem => "ml-kem",
            Self::Rsa => "rsa",
            Self::X25519 => "x25519",
        }
    }

    /// Returns the family that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.word() == word)
    }

    fn bit(self) -> u8 {
        match self {
            Self::Ec => 1,
            Self::Ed25519 => 2,
            Self::MlDsa => 4,
            Self::MlKem => 8,
            Self::Rsa => 16,
            Self::X25519 => 32,
        }
    }
}

impl KeyFamilies {
    /// Every family, those included that are still to come.
    pub const ALL: Self = Self(u8::MAX);

    /// Returns true if keys of this kind are in the set.
    pub fn has(self, kind: KeyKind) -> bool {
        self.0 & KeyFamily::of(kind).bit() != 0
    }

    /// Returns the families in the set.
    pub fn iter(self) -> impl Iterator<Item = KeyFamily> {
        KeyFamily::ALL.into_iter().filter(move |family| self.0 & family.bit() != 0)
    }
}

impl FromIterator<KeyFamily> for KeyFamilies {
    fn from_iter<I: IntoIterator<Item = KeyFamily>>(families: I) -> Self {
        Self(families.into_iter().fold(0, |set, family| set | family.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        for family in KeyFamily::ALL {
            let set: KeyFamilies = [family].into_iter().collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), [family]);
            assert_eq!(KeyFamily::from_word(family.word()), Some(family));
        }
        let set: KeyFamilies = [KeyFamily::Rsa, KeyFamily::Ec].into_iter().collect();
        assert!(set.has(KeyKind::RsaOther { bits: 1024 }) && set.has(KeyKind::EcP521));
        assert!(!set.has(KeyKind::Ed25519) && !set.has(KeyKind::MlDsa65));
        assert_eq!(KeyFamilies::ALL.iter().count(), KeyFamily::ALL.len());
    }
}
