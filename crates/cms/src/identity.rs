//! Who a signature or an encrypted key belongs to: issuer and serial number, or a key identifier.

/// Names a certificate (RFC 5652 sections 5.3 and 6.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// The issuer's name in DER, and the content bytes of the serial number.
    IssuerAndSerial {
        /// `Name` in DER.
        issuer: Vec<u8>,
        /// Content of the INTEGER.
        serial: Vec<u8>,
    },
    /// The subject key identifier.
    SubjectKeyIdentifier(Vec<u8>),
}
