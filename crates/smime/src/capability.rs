//! What a program reads: content ciphers and ways to carry the content key, in the words of cards, attributes and records.

use chancery_cms::{ContentCipher, RsaPadding};
use chancery_crypto::{DigestAlgorithm, KeyKind};
use serde::{Serialize, Serializer};

/// What a program says that it reads; an empty list says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Content ciphers, in its order of liking; those that we do not write are left out.
    pub content: Vec<ContentAlgorithm>,
    /// Ways of getting the content key.
    pub key_transport: Vec<KeyTransport>,
    /// True if it names content ciphers, be they such as nobody should write any more.
    pub names_ciphers: bool,
}

/// A content cipher that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentAlgorithm {
    /// AES-128-CBC in enveloped-data, which every program since S/MIME 3.1 must read (RFC 8551 section 2.7).
    Aes128Cbc,
    /// AES-128-GCM in authEnveloped-data (RFC 5084).
    Aes128Gcm,
    /// AES-256-CBC in enveloped-data.
    Aes256Cbc,
    /// AES-256-GCM in authEnveloped-data (RFC 5083, RFC 5084).
    Aes256Gcm,
    /// ChaCha20-Poly1305 in authEnveloped-data (RFC 8103).
    ChaCha20Poly1305,
}

/// A way to carry the content key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTransport {
    /// Ephemeral-static ECDH with the digest that fits the curve (RFC 5753, RFC 8418).
    Ecdh,
    /// ECDH, the key derived with SHA-256.
    EcdhSha256,
    /// ECDH, the key derived with SHA-384.
    EcdhSha384,
    /// ECDH, the key derived with SHA-512.
    EcdhSha512,
    /// ML-KEM (RFC 9629, RFC 9936).
    MlKem,
    /// RSAES-OAEP with SHA-256 (RFC 3560).
    RsaOaepSha256,
    /// RSAES-OAEP with SHA-384.
    RsaOaepSha384,
    /// RSAES-OAEP with SHA-512.
    RsaOaepSha512,
    /// RSAES-PKCS1-v1_5, which everything reads.
    RsaPkcs1v15,
}

impl Capabilities {
    /// Reads the words of a partner card; unknown words are ignored, because newer peers may say more.
    pub fn parse<'a>(
        content: impl IntoIterator<Item = &'a str>,
        key_transport: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut content = content.into_iter().peekable();
        let names_ciphers = content.peek().is_some();
        Self {
            content: content.filter_map(ContentAlgorithm::from_word).collect(),
            key_transport: key_transport.into_iter().filter_map(KeyTransport::from_word).collect(),
            names_ciphers,
        }
    }

    /// Reads the names of [`SignerReport::capabilities`](chancery_cms::SignerReport::capabilities), where ciphers, ways to
    /// carry keys and more stand in one list.
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut read = Self::default();
        for name in names {
            let cipher = ContentAlgorithm::from_word(name);
            read.names_ciphers |= cipher.is_some() || OTHER_CIPHERS.contains(&name);
            read.content.extend(cipher.filter(|it| !read.content.contains(it)));
            let way = KeyTransport::from_word(name);
            read.key_transport.extend(way.filter(|it| !read.key_transport.contains(it)));
        }
        read
    }

    /// Returns what this software reads.
    pub fn ours() -> Self {
        Self {
            content: ContentAlgorithm::ALL.to_vec(),
            key_transport: vec![
                KeyTransport::RsaOaepSha256,
                KeyTransport::Ecdh,
                KeyTransport::RsaPkcs1v15,
            ],
            names_ciphers: true,
        }
    }
}

impl ContentAlgorithm {
    /// All of them, the best first: those that notice changes before those that do not, long keys before short ones.
    pub const ALL: [Self; 5] = [
        Self::Aes256Gcm,
        Self::ChaCha20Poly1305,
        Self::Aes128Gcm,
        Self::Aes256Cbc,
        Self::Aes128Cbc,
    ];

    /// Returns the word used in cards, records and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes128Cbc => "aes128-cbc",
            Self::Aes128Gcm => "aes128-gcm",
            Self::Aes256Cbc => "aes256-cbc",
            Self::Aes256Gcm => "aes256-gcm",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
        }
    }

    /// Returns the cipher with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// Returns true if it notices every change (RFC 5083).
    pub fn is_authenticated(self) -> bool {
        !matches!(self, Self::Aes128Cbc | Self::Aes256Cbc)
    }
}

impl From<ContentAlgorithm> for ContentCipher {
    fn from(algorithm: ContentAlgorithm) -> Self {
        match algorithm {
            ContentAlgorithm::Aes128Cbc => Self::Aes128Cbc,
            ContentAlgorithm::Aes128Gcm => Self::Aes128Gcm,
            ContentAlgorithm::Aes256Cbc => Self::Aes256Cbc,
            ContentAlgorithm::Aes256Gcm => Self::Aes256Gcm,
            ContentAlgorithm::ChaCha20Poly1305 => Self::ChaCha20Poly1305,
        }
    }
}

impl Serialize for ContentAlgorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl KeyTransport {
    /// Returns the word used in cards, records and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ecdh => "ecdh",
            Self::EcdhSha256 => "ecdh-sha256",
            Self::EcdhSha384 => "ecdh-sha384",
            Self::EcdhSha512 => "ecdh-sha512",
            Self::MlKem => "ml-kem",
            Self::RsaOaepSha256 => "rsa-oaep-sha256",
            Self::RsaOaepSha384 => "rsa-oaep-sha384",
            Self::RsaOaepSha512 => "rsa-oaep-sha512",
            Self::RsaPkcs1v15 => "rsa-pkcs1v15",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        // The name of rsaEncryption in attributes, and of PKCS #1 in cards of others.
        if word == "rsa" || word == "rsa-pkcs1" {
            return Some(Self::RsaPkcs1v15);
        }
        ALL_WAYS.into_iter().find(|it| it.as_str() == word)
    }

    /// Returns the way for a kind of key, given what the recipient says that it reads.
    ///
    /// OAEP goes before v1.5 in whatever order they are named, because v1.5 invites forgeries (RFC 8551 section 6).
    pub(crate) fn suited(kind: KeyKind, said: &[Self]) -> Self {
        if kind.can_encapsulate() {
            return Self::MlKem;
        }
        let named = |ways: [Self; 3]| ways.into_iter().find(|way| said.contains(way));
        if kind.is_rsa() {
            return named(OAEP).unwrap_or(Self::RsaPkcs1v15);
        }
        let usual = AGREEMENTS.iter().find(|it| it.agreement_digest() == Some(kind.digest()));
        let reads_usual = said.contains(&Self::Ecdh) || usual.is_some_and(|it| said.contains(it));
        let other = named(AGREEMENTS).filter(|_| kind.is_ec() && !reads_usual);
        other.unwrap_or(Self::Ecdh)
    }

    pub(crate) fn padding(self) -> RsaPadding {
        match self {
            Self::RsaPkcs1v15 => RsaPadding::Pkcs1v15,
            Self::RsaOaepSha384 => RsaPadding::Oaep384,
            Self::RsaOaepSha512 => RsaPadding::Oaep512,
            _ => RsaPadding::Oaep256,
        }
    }

    /// Returns the digest of an agreement, if it is not left to the curve.
    pub(crate) fn agreement_digest(self) -> Option<DigestAlgorithm> {
        match self {
            Self::EcdhSha256 => Some(DigestAlgorithm::Sha256),
            Self::EcdhSha384 => Some(DigestAlgorithm::Sha384),
            Self::EcdhSha512 => Some(DigestAlgorithm::Sha512),
            _ => None,
        }
    }
}

impl Serialize for KeyTransport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

const OAEP: [KeyTransport; 3] =
    [KeyTransport::RsaOaepSha256, KeyTransport::RsaOaepSha384, KeyTransport::RsaOaepSha512];

const AGREEMENTS: [KeyTransport; 3] =
    [KeyTransport::EcdhSha256, KeyTransport::EcdhSha384, KeyTransport::EcdhSha512];

const ALL_WAYS: [KeyTransport; 9] = [
    KeyTransport::Ecdh,
    KeyTransport::EcdhSha256,
    KeyTransport::EcdhSha384,
    KeyTransport::EcdhSha512,
    KeyTransport::MlKem,
    KeyTransport::RsaOaepSha256,
    KeyTransport::RsaOaepSha384,
    KeyTransport::RsaOaepSha512,
    KeyTransport::RsaPkcs1v15,
];

/// Ciphers that attributes name and that we read only.
const OTHER_CIPHERS: [&str; 5] = ["aes192-cbc", "aes192-gcm", "des-cbc", "des-ede3-cbc", "rc2-cbc"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for cipher in ContentAlgorithm::ALL {
            assert_eq!(ContentAlgorithm::from_word(cipher.as_str()), Some(cipher));
        }
        for way in ALL_WAYS {
            assert_eq!(KeyTransport::from_word(way.as_str()), Some(way));
        }
    }

    #[test]
    fn the_way_fits_the_key_and_what_the_recipient_says() {
        use KeyTransport as Way;
        for (kind, said, expected) in [
            (KeyKind::Rsa2048, &[][..], Way::RsaPkcs1v15),
            (KeyKind::Rsa2048, &[Way::RsaPkcs1v15, Way::RsaOaepSha256], Way::RsaOaepSha256),
            (KeyKind::Rsa2048, &[Way::RsaOaepSha512], Way::RsaOaepSha512),
            (KeyKind::Rsa2048, &[Way::Ecdh], Way::RsaPkcs1v15),
            (KeyKind::EcP256, &[], Way::Ecdh),
            (KeyKind::EcP256, &[Way::EcdhSha384, Way::EcdhSha256], Way::Ecdh),
            (KeyKind::EcP384, &[Way::EcdhSha256], Way::EcdhSha256),
            (KeyKind::EcP384, &[Way::EcdhSha256, Way::Ecdh], Way::Ecdh),
            (KeyKind::EcP256, &[Way::RsaOaepSha256], Way::Ecdh),
            (KeyKind::X25519, &[Way::EcdhSha512], Way::Ecdh),
            (KeyKind::MlKem768, &[Way::RsaOaepSha256], Way::MlKem),
        ] {
            assert_eq!(Way::suited(kind, said), expected, "{kind} {said:?}");
        }
    }
}
