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
    /// ML-DSA-44 (signatures only, FIPS 204).
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
    /// ML-KEM-512 (encapsulation only, FIPS 203).
    MlKem512,
    /// ML-KEM-768.
    MlKem768,
    /// ML-KEM-1024.
    MlKem1024,
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
    /// X25519 (key agreement only, RFC 7748).
    X25519,
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

    /// Returns true for keys that agree a secret with another key: NIST curves and X25519.
    pub fn can_agree(self) -> bool {
        self.is_ec() || self == Self::X25519
    }

    /// Returns true for ML-KEM keys.
    pub fn can_encapsulate(self) -> bool {
        matches!(self, Self::MlKem512 | Self::MlKem768 | Self::MlKem1024)
    }

    /// Returns true for keys that a sender can encrypt to, by whichever way.
    pub fn can_encrypt(self) -> bool {
        self.is_rsa() || self.can_agree() || self.can_encapsulate()
    }

    /// Returns true if the key is too small to be relied on (RSA under 2048 bits).
    pub fn is_weak(self) -> bool {
        matches!(self, Self::RsaOther { bits } if bits < 2048)
    }

    /// Returns the digest that fits the strength of the key.
    pub fn digest(self) -> DigestAlgorithm {
        match self {
            Self::EcP384 => DigestAlgorithm::Sha384,
            // RFC 8419 section 3.1 and RFC 9882 section 3.3: Ed25519 and ML-DSA in CMS go with SHA-512.
            Self::EcP521 | Self::Ed25519 | Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => {
                DigestAlgorithm::Sha512
            }
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

    /// Returns the bits of a NIST curve, 0 for other kinds.
    pub fn ec_bits(self) -> u32 {
        match self {
            Self::EcP256 => 256,
            Self::EcP384 => 384,
            Self::EcP521 => 521,
            _ => 0,
        }
    }

    /// Returns the bits of an RSA modulus, 0 for other kinds.
    pub fn rsa_bits(self) -> u32 {
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
            Self::MlDsa44 => f.write_str("ML-DSA-44"),
            Self::MlDsa65 => f.write_str("ML-DSA-65"),
            Self::MlDsa87 => f.write_str("ML-DSA-87"),
            Self::MlKem512 => f.write_str("ML-KEM-512"),
            Self::MlKem768 => f.write_str("ML-KEM-768"),
            Self::MlKem1024 => f.write_str("ML-KEM-1024"),
            Self::X25519 => f.write_str("X25519"),
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
    /// ML-DSA-44 without a context (FIPS 204, RFC 9881).
    MlDsa44,
    /// ML-DSA-65 without a context.
    MlDsa65,
    /// ML-DSA-87 without a context.
    MlDsa87,
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
    RsaPkcs1(DigestAlgorithm),
    /// RSASSA-PSS with MGF1 (RFC 8017 section 8.1, RFC 4056).
    RsaPss {
        /// The digest of the message.
        digest: DigestAlgorithm,
        /// The digest of MGF1, nearly always the same.
        mask_digest: DigestAlgorithm,
        /// Length of the salt in bytes.
        salt_length: u16,
    },
}

impl SignatureAlgorithm {
    /// Returns PSS as RFC 4056 section 2.2 recommends it: one digest for all, a salt of its length.
    pub fn rsa_pss(digest: DigestAlgorithm) -> Self {
        let salt_length = u16::try_from(digest.output_len()).unwrap_or(u16::MAX);
        Self::RsaPss { digest, mask_digest: digest, salt_length }
    }

    /// Returns the digest the algorithm starts with; none for Ed25519 and ML-DSA, which take the whole message.
    pub fn digest(self) -> Option<DigestAlgorithm> {
        match self {
            Self::Ecdsa(digest) | Self::RsaPkcs1(digest) | Self::RsaPss { digest, .. } => {
                Some(digest)
            }
            Self::Ed25519 | Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => None,
        }
    }

    /// Returns true if keys of this kind make such signatures.
    pub fn fits(self, kind: KeyKind) -> bool {
        match self {
            Self::Ecdsa(_) => kind.is_ec(),
            Self::Ed25519 => kind == KeyKind::Ed25519,
            Self::MlDsa44 => kind == KeyKind::MlDsa44,
            Self::MlDsa65 => kind == KeyKind::MlDsa65,
            Self::MlDsa87 => kind == KeyKind::MlDsa87,
            Self::RsaPkcs1(_) | Self::RsaPss { .. } => kind.is_rsa(),
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
        if let Self::RsaPss { digest, mask_digest, salt_length } = self {
            return pss_to_der(digest, mask_digest, salt_length)
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
            Self::MlDsa44 => f.write_str("ml-dsa-44"),
            Self::MlDsa65 => f.write_str("ml-dsa-65"),
            Self::MlDsa87 => f.write_str("ml-dsa-87"),
            Self::RsaPkcs1(digest) => write!(f, "rsa with {digest}"),
            Self::RsaPss { digest, mask_digest, .. } if digest == mask_digest => {
                write!(f, "rsa-pss with {digest}")
            }
            Self::RsaPss { digest, mask_digest, .. } => {
                write!(f, "rsa-pss with {digest} and mgf1 {mask_digest}")
            }
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
    if parameters.trailer.unwrap_or(1) != 1 {
        return Err(Error::Unsupported { what: "PSS with another trailer".to_owned() });
    }
    let salt_length = parameters.salt_length.unwrap_or(20);
    Ok(SignatureAlgorithm::RsaPss { digest, mask_digest, salt_length })
}

fn digest_or_default(
    identifier: Option<AlgorithmIdentifierRef<'_>>,
) -> Result<DigestAlgorithm, Error> {
    match identifier {
        None => Ok(DigestAlgorithm::Sha1),
        Some(identifier) => digest_from_oid(identifier.oid),
    }
}

fn pss_to_der(
    digest: DigestAlgorithm,
    mask_digest: DigestAlgorithm,
    salt_length: u16,
) -> Result<Vec<u8>, der::Error> {
    let identifier =
        |digest| AlgorithmIdentifierRef { oid: digest_oid(digest), parameters: Some(AnyRef::NULL) };
    let mask_hash = identifier(mask_digest).to_der()?;
    let mask =
        AlgorithmIdentifierRef { oid: MGF1, parameters: Some(AnyRef::from_der(&mask_hash)?) };
    let parameters = PssParameters {
        hash: (digest != DigestAlgorithm::Sha1).then(|| identifier(digest)),
        mask: (mask_digest != DigestAlgorithm::Sha1).then_some(mask),
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
    // Every digest is in the table.
    DIGESTS.iter().find(|(_, known)| *known == digest).map_or(RSASSA_PSS, |(oid, _)| *oid)
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
pub(crate) const X25519: ObjectIdentifier = oid("1.3.101.110");
pub(crate) const ML_DSA_44: ObjectIdentifier = oid("2.16.840.1.101.3.4.3.17");
pub(crate) const ML_DSA_65: ObjectIdentifier = oid("2.16.840.1.101.3.4.3.18");
pub(crate) const ML_DSA_87: ObjectIdentifier = oid("2.16.840.1.101.3.4.3.19");
pub(crate) const ML_KEM_512: ObjectIdentifier = oid("2.16.840.1.101.3.4.4.1");
pub(crate) const ML_KEM_768: ObjectIdentifier = oid("2.16.840.1.101.3.4.4.2");
pub(crate) const ML_KEM_1024: ObjectIdentifier = oid("2.16.840.1.101.3.4.4.3");
pub(crate) const SECP256R1: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
pub(crate) const SECP384R1: ObjectIdentifier = oid("1.3.132.0.34");
pub(crate) const SECP521R1: ObjectIdentifier = oid("1.3.132.0.35");
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");

const DIGESTS: [(ObjectIdentifier, DigestAlgorithm); 12] = [
    (oid("1.2.840.113549.2.5"), DigestAlgorithm::Md5),
    (oid("1.3.14.3.2.26"), DigestAlgorithm::Sha1),
    (oid("2.16.840.1.101.3.4.2.4"), DigestAlgorithm::Sha224),
    (oid("2.16.840.1.101.3.4.2.1"), DigestAlgorithm::Sha256),
    (oid("2.16.840.1.101.3.4.2.2"), DigestAlgorithm::Sha384),
    (oid("2.16.840.1.101.3.4.2.3"), DigestAlgorithm::Sha512),
    (oid("2.16.840.1.101.3.4.2.7"), DigestAlgorithm::Sha3_224),
    (oid("2.16.840.1.101.3.4.2.8"), DigestAlgorithm::Sha3_256),
    (oid("2.16.840.1.101.3.4.2.9"), DigestAlgorithm::Sha3_384),
    (oid("2.16.840.1.101.3.4.2.10"), DigestAlgorithm::Sha3_512),
    (oid("2.16.840.1.101.3.4.2.11"), DigestAlgorithm::Shake128),
    (oid("2.16.840.1.101.3.4.2.12"), DigestAlgorithm::Shake256),
];

/// Identifier, algorithm, and whether the parameters are NULL (otherwise they are absent).
const SIMPLE: [(ObjectIdentifier, SignatureAlgorithm, bool); 23] = {
    use DigestAlgorithm::{
        Md5, Sha1, Sha3_224, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512,
    };
    use SignatureAlgorithm::{Ecdsa, RsaPkcs1};
    [
        (oid("1.2.840.113549.1.1.4"), RsaPkcs1(Md5), true),
        (oid("1.2.840.113549.1.1.5"), RsaPkcs1(Sha1), true),
        (oid("1.2.840.113549.1.1.14"), RsaPkcs1(Sha224), true),
        (oid("1.2.840.113549.1.1.11"), RsaPkcs1(Sha256), true),
        (oid("1.2.840.113549.1.1.12"), RsaPkcs1(Sha384), true),
        (oid("1.2.840.113549.1.1.13"), RsaPkcs1(Sha512), true),
        (oid("2.16.840.1.101.3.4.3.13"), RsaPkcs1(Sha3_224), true),
        (oid("2.16.840.1.101.3.4.3.14"), RsaPkcs1(Sha3_256), true),
        (oid("2.16.840.1.101.3.4.3.15"), RsaPkcs1(Sha3_384), true),
        (oid("2.16.840.1.101.3.4.3.16"), RsaPkcs1(Sha3_512), true),
        (oid("1.2.840.10045.4.1"), Ecdsa(Sha1), false),
        (oid("1.2.840.10045.4.3.1"), Ecdsa(Sha224), false),
        (oid("1.2.840.10045.4.3.2"), Ecdsa(Sha256), false),
        (oid("1.2.840.10045.4.3.3"), Ecdsa(Sha384), false),
        (oid("1.2.840.10045.4.3.4"), Ecdsa(Sha512), false),
        (oid("2.16.840.1.101.3.4.3.9"), Ecdsa(Sha3_224), false),
        (oid("2.16.840.1.101.3.4.3.10"), Ecdsa(Sha3_256), false),
        (oid("2.16.840.1.101.3.4.3.11"), Ecdsa(Sha3_384), false),
        (oid("2.16.840.1.101.3.4.3.12"), Ecdsa(Sha3_512), false),
        (ED25519, SignatureAlgorithm::Ed25519, false),
        (ML_DSA_44, SignatureAlgorithm::MlDsa44, false),
        (ML_DSA_65, SignatureAlgorithm::MlDsa65, false),
        (ML_DSA_87, SignatureAlgorithm::MlDsa87, false),
    ]
};

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
        .map(|(digest, salt_length)| SignatureAlgorithm::RsaPss {
            digest,
            mask_digest: digest,
            salt_length,
        });
        let mixed = SignatureAlgorithm::RsaPss {
            digest: DigestAlgorithm::Sha256,
            mask_digest: DigestAlgorithm::Sha1,
            salt_length: 32,
        };
        for algorithm in SIMPLE.iter().map(|(_, algorithm, _)| *algorithm).chain(pss).chain([mixed])
        {
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
