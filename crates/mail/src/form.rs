//! Tells how a message is protected by looking at its structure, as loosely as real programs write it.

use crate::index::{Index, Part};

/// How a message (or one part of it) is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Not by any form we know.
    Plain,
    /// `multipart/encrypted` of PGP/MIME (RFC 3156), also as Exchange mangles it.
    PgpEncrypted,
    /// Text that begins with a PGP armour, `MESSAGE`.
    PgpInlineEncrypted,
    /// Text that begins with a PGP armour, `SIGNED MESSAGE`.
    PgpInlineSigned,
    /// `multipart/signed` with a PGP signature.
    PgpSigned,
    /// S/MIME with authenticated encryption (RFC 8551 section 3.4).
    SmimeAuthEnveloped,
    /// Certificates only.
    SmimeCertificates,
    /// Compressed data.
    SmimeCompressed,
    /// S/MIME, encrypted (RFC 8551 section 3.3).
    SmimeEnveloped,
    /// S/MIME, but the header does not say which kind: look into the CMS.
    SmimeOpaque,
    /// `multipart/signed` with an S/MIME signature.
    SmimeSignedDetached,
    /// S/MIME with the content inside the signature (RFC 8551 section 3.5.2).
    SmimeSignedOpaque,
}

impl Form {
    /// Returns true if the content can be read only with a private key, going by the header.
    pub fn is_encrypted(self) -> bool {
        matches!(
            self,
            Self::PgpEncrypted
                | Self::PgpInlineEncrypted
                | Self::SmimeAuthEnveloped
                | Self::SmimeEnveloped
        )
    }

    /// Returns true if the body is one CMS object (`application/pkcs7-mime` in any dress).
    pub fn is_cms(self) -> bool {
        matches!(
            self,
            Self::SmimeAuthEnveloped
                | Self::SmimeCertificates
                | Self::SmimeCompressed
                | Self::SmimeEnveloped
                | Self::SmimeOpaque
                | Self::SmimeSignedOpaque
        )
    }
}

/// Classifies the message as a whole.
pub fn classify(index: &Index) -> Form {
    classify_part(index, index.root())
}

/// Classifies one part of the message.
pub fn classify_part(index: &Index, part: &Part) -> Form {
    todo!("{index:?} {part:?}")
}
