//! Kinds of keys and signature algorithms, and their identifiers in DER.

use std::fmt;

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Sequence};
use spki::AlgorithmIdentifierRef;

use crate::digest::DigestAlgorithm;
use crate::error::Error;

/// The kind and size of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// EC on P-256.
    EcP256,
    /// EC on P-384.
    EcP384,
    /// EC on P-521.
    EcP521,
    /// Ed25519 (signatures only).
    Ed25519,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
    /// RSA with another number of bits; used when somebody has one, never made here.
    RsaOther {
        /// Bits of the modulus.
        bits: u32,
    },
}

impl KeyKind {
    /// Returns true for RSA keys of any size.
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 | Self::RsaOther { .. })
    }

    /// Returns true for keys on a NIST curve, which can sign (ECDSA) and agree (ECDH).
    pub fn is_ec(self) -> bool {
        matches!(self, Self::EcP256 | Self::EcP384 | Self::EcP521)
    }

    /// Returns true if the key is too small to be relied on (RSA under 2048 bits).
    pub fn is_weak(self) -> bool {
        matches!(self, Self::RsaOther { bits } if bits < 2048)
    }

    /// Returns the digest that fits the strength of the key.
    pub fn digest(self) -> DigestAlgorithm {
        match self {
            Self::EcP384 => DigestAlgorithm::Sha384,
            // RFC 8419 section 3.1: Ed25519 in CMS goes with SHA-512.
            Self::EcP521 | Self::Ed25519 => DigestAlgorithm::Sha512,
            _ => DigestAlgorithm::Sha256,
        }
    }

    /// Returns the RSA kind for a modulus of so many bits.
    pub(crate) fn rsa(bits: u32) -> Self {
        match bits {
            2048 => Self::Rsa2048,
            3072 => Self::Rsa3072,
            4096 => Self::Rsa4096,
            bits => Self::RsaOther { bits },
        }
    }

    /// Returns the bits of an RSA modulus, 0 for other kinds.
    pub(crate) fn rsa_bits(self) -> u32 {
        match self {
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::Rsa4096 => 4096,
            Self::RsaOther { bits } => bits,
            _ => 0,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcP256 => f.write_str("EC P-256"),
            Self::EcP384 => f.write_str("EC P-384"),
            Self::EcP521 => f.write_str("EC P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            rsa => write!(f, "RSA {}", rsa.rsa_bits()),
        }
    }
}

/// A signature algorithm with all its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// ECDSA with a digest (RFC 5758).
    Ecdsa(DigestAlgorithm),
    /// Ed25519 (RFC 8032, RFC 8410).
    Ed25519,
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
    RsaPkcs1(DigestAlgorithm),
    /// RSASSA-PSS with MGF1 on the same digest (RFC 8017 section 8.1, RFC 4056).
    RsaPss {
        /// The digest of the message and of MGF1.
        digest: DigestAlgorithm,
        /// Length of the salt in bytes.
        salt_length: u16,
    },
}

impl SignatureAlgorithm {
    /// Returns the digest the algorithm starts with; none for Ed25519, which hashes inside.
    pub fn digest(self) -> Option<DigestAlgorithm> {
        match self {
            Self::Ecdsa(digest) | Self::RsaPkcs1(digest) | Self::RsaPss { digest, .. } => {
                Some(digest)
            }
            Self::Ed25519 => None,
        }
    }

    /// Returns true if nothing new may rest on it.
    pub fn is_weak(self) -> bool {
        self.digest().is_some_and(DigestAlgorithm::is_weak)
    }

    /// Reads an `AlgorithmIdentifier` in DER, as in certificates and CRLs.
    pub fn from_der(identifier: &[u8]) -> Result<Self, Error> {
        let identifier = AlgorithmIdentifierRef::from_der(identifier)
            .map_err(|error| rejected("a signature algorithm", &error))?;
        let found = SIMPLE.iter().find(|(oid, ..)| *oid == identifier.oid);
        if let Some((_, algorithm, _)) = found {
            return Ok(*algorithm);
        }
        if identifier.oid == RSASSA_PSS {
            return pss_from_parameters(identifier.parameters);
        }
        Err(Error::Unsupported { what: format!("signature algorithm {}", identifier.oid) })
    }

    /// Returns the `AlgorithmIdentifier` in DER.
    pub fn to_der(self) -> Result<Vec<u8>, Error> {
        if let Self::RsaPss { digest, salt_length } = self {
            return pss_to_der(digest, salt_length)
                .map_err(|error| rejected("PSS parameters", &error));
        }
        let (oid, _, has_null) = SIMPLE
            .iter()
            .find(|(_, algorithm, _)| *algorithm == self)
            .ok_or_else(|| Error::Unsupported { what: self.to_string() })?;
        // RFC 8017 appendix A.2.4: NULL for RSA; RFC 5758 section 3.2: absent for ECDSA; RFC 8410: absent.
        let parameters = has_null.then_some(AnyRef::NULL);
        AlgorithmIdentifierRef { oid: *oid, parameters }
            .to_der()
            .map_err(|error| rejected("a signature algorithm", &error))
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecdsa(digest) => write!(f, "ecdsa with {digest}"),
            Self::Ed25519 => f.write_str("ed25519"),
            Self::RsaPkcs1(digest) => write!(f, "rsa with {digest}"),
            Self::RsaPss { digest, .. } => write!(f, "rsa-pss with {digest}"),
        }
    }
}

/// RFC 4055 section 3.1, with the defaults that DER leaves out.
#[derive(Sequence)]
struct PssParameters<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifierRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask: Option<AlgorithmIdentifierRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt_length: Option<u16>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u8>,
}

fn pss_from_parameters(parameters: Option<AnyRef<'_>>) -> Result<SignatureAlgorithm, Error> {
    let parameters = parameters
        .ok_or_else(|| Error::Unsupported { what: "PSS without parameters".to_owned() })?
        .decode_as::<PssParameters<'_>>()
        .map_err(|error| rejected("PSS parameters", &error))?;
    let digest = digest_or_default(parameters.hash)?;
    let mask_digest = match parameters.mask {
        None => DigestAlgorithm::Sha1,
        Some(mask) if mask.oid == MGF1 => {
            let hash =
                mask.parameters.map(AnyRef::decode_as::<AlgorithmIdentifierRef<'_>>).transpose();
            digest_or_default(hash.map_err(|error| rejected("MGF1 parameters", &error))?)?
        }
        Some(mask) => {
            return Err(Error::Unsupported { what: format!("mask function {}", mask.oid) });
        }
    };
    if mask_digest != digest || parameters.trailer.unwrap_or(1) != 1 {
        return Err(Error::Unsupported {
            what: format!("PSS with {digest} and MGF1 on {mask_digest}"),
        });
    }
    Ok(SignatureAlgorithm::RsaPss { digest, salt_length: parameters.salt_length.unwrap_or(20) })
}

fn digest_or_default(
    identifier: Option<AlgorithmIdentifierRef<'_>>,
) -> Result<DigestAlgorithm, Error> {
    match identifier {
        None => Ok(DigestAlgorithm::Sha1),
        Some(identifier) => digest_from_oid(identifier.oid),
    }
}

fn pss_to_der(digest: DigestAlgorithm, salt_length: u16) -> Result<Vec<u8>, der::Error> {
    let hash = AlgorithmIdentifierRef { oid: digest_oid(digest), parameters: Some(AnyRef::NULL) };
    let hash_der = hash.to_der()?;
    let mask = AlgorithmIdentifierRef { oid: MGF1, parameters: Some(AnyRef::from_der(&hash_der)?) };
    let is_default = digest == DigestAlgorithm::Sha1;
    let parameters = PssParameters {
        hash: (!is_default).then_some(hash),
        mask: (!is_default).then_some(mask),
        salt_length: (salt_length != 20).then_some(salt_length),
        trailer: None,
    }
    .to_der()?;
    AlgorithmIdentifierRef { oid: RSASSA_PSS, parameters: Some(AnyRef::from_der(&parameters)?) }
        .to_der()
}

fn digest_from_oid(oid: ObjectIdentifier) -> Result<DigestAlgorithm, Error> {
    DIGESTS
        .iter()
        .find(|(known, _)| *known == oid)
        .map(|(_, digest)| *digest)
        .ok_or_else(|| Error::Unsupported { what: format!("digest {oid}") })
}

fn digest_oid(digest: DigestAlgorithm) -> ObjectIdentifier {
    match digest {
        DigestAlgorithm::Sha1 => SHA1,
        DigestAlgorithm::Sha256 => SHA256,
        DigestAlgorithm::Sha384 => SHA384,
        DigestAlgorithm::Sha512 => SHA512,
    }
}

/// Turns an error of the DER reader into ours.
pub(crate) fn rejected(what: &'static str, error: &der::Error) -> Error {
    Error::KeyRejected { what, reason: error.to_string() }
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

pub(crate) const RSA_ENCRYPTION: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
pub(crate) const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
pub(crate) const ED25519: ObjectIdentifier = oid("1.3.101.112");
pub(crate) const SECP256R1: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
pub(crate) const SECP384R1: ObjectIdentifier = oid("1.3.132.0.34");
pub(crate) const SECP521R1: ObjectIdentifier = oid("1.3.132.0.35");
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");
const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");

const DIGESTS: [(ObjectIdentifier, DigestAlgorithm); 4] = [
    (SHA1, DigestAlgorithm::Sha1),
    (SHA256, DigestAlgorithm::Sha256),
    (SHA384, DigestAlgorithm::Sha384),
    (SHA512, DigestAlgorithm::Sha512),
];

/// Identifier, algorithm, and whether the parameters are NULL (otherwise they are absent).
const SIMPLE: [(ObjectIdentifier, SignatureAlgorithm, bool); 9] = [
    (oid("1.2.840.113549.1.1.5"), SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha1), true),
    (oid("1.2.840.113549.1.1.11"), SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256), true),
    (oid("1.2.840.113549.1.1.12"), SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha384), true),
    (oid("1.2.840.113549.1.1.13"), SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha512), true),
    (oid("1.2.840.10045.4.1"), SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha1), false),
    (oid("1.2.840.10045.4.3.2"), SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256), false),
    (oid("1.2.840.10045.4.3.3"), SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha384), false),
    (oid("1.2.840.10045.4.3.4"), SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha512), false),
    (ED25519, SignatureAlgorithm::Ed25519, false),
];

#[cfg(test)]
mod tests {
    use super::{SIMPLE, SignatureAlgorithm};
    use crate::digest::DigestAlgorithm;

    #[test]
    fn identifiers_survive_writing_and_reading() {
        let pss = [
            (DigestAlgorithm::Sha1, 20),
            (DigestAlgorithm::Sha256, 32),
            (DigestAlgorithm::Sha256, 20),
            (DigestAlgorithm::Sha384, 48),
            (DigestAlgorithm::Sha512, 222),
        ]
        .map(|(digest, salt_length)| SignatureAlgorithm::RsaPss { digest, salt_length });
        for algorithm in SIMPLE.iter().map(|(_, algorithm, _)| *algorithm).chain(pss) {
            let der = algorithm.to_der().unwrap();
            assert_eq!(SignatureAlgorithm::from_der(&der).unwrap(), algorithm);
        }
    }

    #[test]
    fn rsa_has_null_parameters_and_ecdsa_none() {
        let rsa = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256).to_der().unwrap();
        assert!(rsa.ends_with(&[0x05, 0x00]));
        let ecdsa = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256).to_der().unwrap();
        assert_eq!(ecdsa, [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);
    }
}
