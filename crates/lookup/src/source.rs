//! Where something can be had.

use chancery_crypto::hex;
use chancery_pki::Certificate;

/// A place to ask, or a question to a responder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Whatever is at an address.
    Place {
        /// The address.
        url: String,
    },
    /// What a responder says about a certificate.
    Responder {
        /// The address of the responder.
        url: String,
        /// The certificate.
        certificate: Certificate,
        /// The certificate of its issuer.
        issuer: Certificate,
    },
    /// An answer of a responder that was kept from before; about which certificate is told when it is used again.
    Kept {
        /// The address of the responder.
        url: String,
        /// The name under which it is kept.
        key: String,
    },
}

impl Source {
    /// Returns the address.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Kept { url, .. } | Self::Place { url } | Self::Responder { url, .. } => url,
        }
    }

    /// Returns the name under which the answer is kept: the address, with the certificate if it is about one.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Kept { key, .. } => key.clone(),
            Self::Place { url } => url.clone(),
            Self::Responder { url, certificate, issuer } => {
                // An address has no space in it.
                let issuer = hex(&issuer.key_fingerprint());
                format!("{url} {} of {issuer}", certificate.serial_hex())
            }
        }
    }

    /// Returns scheme, host and port, whose requests are counted together.
    pub(crate) fn host(&self) -> String {
        let after = self.url().find("://").map_or(0, |at| at + 3);
        let rest = self.url().get(after..).unwrap_or_default();
        let end = after + rest.find(['/', '?', '#']).unwrap_or(rest.len());
        self.url().get(..end).unwrap_or_default().to_ascii_lowercase()
    }
}
