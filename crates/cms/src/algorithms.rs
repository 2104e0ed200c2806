//! Algorithm identifiers: from DER to what we have, and back. Here: digests and signatures.

pub(crate) mod capabilities;
pub(crate) mod content;
pub(crate) mod keys;

use chancery_crypto::{DigestAlgorithm, SignatureAlgorithm};

use crate::error::Error;
use crate::oid;
use crate::tlv::{Slice, Tlv, sequence, tag};

/// An `AlgorithmIdentifier` taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AlgorithmIdentifier<'a> {
    pub(crate) oid: &'a [u8],
    pub(crate) parameters: Option<Tlv<'a>>,
    pub(crate) whole: &'a [u8],
    offset: u64,
}

impl<'a> AlgorithmIdentifier<'a> {
    /// Takes an identifier apart.
    pub(crate) fn from_tlv(identifier: Tlv<'a>) -> Result<Self, Error> {
        let mut fields = identifier.children();
        let oid = fields.expect(tag::OID, "expected an algorithm")?.content;
        let parameters = if fields.is_empty() { None } else { Some(fields.any()?) };
        fields.finish()?;
        Ok(Self { oid, parameters, whole: identifier.whole, offset: identifier.offset })
    }

    /// Returns true if both name the same algorithm; absent and NULL parameters are the same (RFC 5754 section 2).
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let parameters = |identifier: &Self| {
            identifier
                .parameters
                .filter(|parameters| parameters.tag != tag::NULL)
                .map(|parameters| parameters.whole.to_vec())
        };
        self.oid == other.oid && parameters(self) == parameters(other)
    }

    /// Returns the parameters, which must be there.
    pub(crate) fn required(&self, what: &'static str) -> Result<Tlv<'a>, Error> {
        self.parameters.ok_or(Error::Malformed { offset: self.offset, what })
    }
}

/// Returns the digest that an identifier names.
pub(crate) fn digest(oid: &[u8]) -> Result<DigestAlgorithm, Error> {
    DIGESTS
        .iter()
        .find(|(known, _)| *known == oid)
        .map(|(_, digest)| *digest)
        .ok_or_else(|| Error::Unsupported { what: format!("digest {}", oid::text(oid)) })
}

/// Returns the identifier of a digest; parameters are absent (RFC 5754 section 2).
pub(crate) fn digest_der(digest: DigestAlgorithm) -> Vec<u8> {
    sequence(&[&oid::element(digest_oid(digest))])
}

/// Returns the signature algorithm of a `SignerInfo`, whose digest is named apart.
pub(crate) fn signature(
    identifier: &AlgorithmIdentifier<'_>,
    digest: DigestAlgorithm,
) -> Result<SignatureAlgorithm, Error> {
    match identifier.oid {
        // RFC 3370 section 3.2: the bare key type means PKCS#1 v1.5 with the SignerInfo's digest.
        oid::RSA_ENCRYPTION => Ok(SignatureAlgorithm::RsaPkcs1(digest)),
        // Sun's and others' old programs name the key type for ECDSA too.
        oid::EC_PUBLIC_KEY => Ok(SignatureAlgorithm::Ecdsa(digest)),
        _ => Ok(SignatureAlgorithm::from_der(identifier.whole)?),
    }
}

/// Returns the identifier of a signature algorithm for a `SignerInfo`.
pub(crate) fn signature_der(algorithm: SignatureAlgorithm) -> Result<Vec<u8>, Error> {
    match algorithm {
        // RFC 5754 section 3.2: every reader knows rsaEncryption.
        SignatureAlgorithm::RsaPkcs1(_) => {
            Ok(sequence(&[&oid::element(oid::RSA_ENCRYPTION), &NULL]))
        }
        other => Ok(other.to_der()?),
    }
}

/// Takes an identifier apart that is known to be in memory whole.
pub(crate) fn parse(identifier: &[u8]) -> Result<AlgorithmIdentifier<'_>, Error> {
    AlgorithmIdentifier::from_tlv(
        Slice::new(identifier, 0).expect(tag::SEQUENCE, "expected an algorithm")?,
    )
}

/// Returns the identifier of a digest as a bare object identifier.
pub(crate) fn digest_oid(digest: DigestAlgorithm) -> &'static [u8] {
    // Every digest is in the table.
    DIGESTS.iter().find(|(_, known)| *known == digest).map_or(oid::SHA256, |(oid, _)| oid)
}

pub(crate) const NULL: [u8; 2] = [tag::NULL, 0];

const DIGESTS: [(&[u8], DigestAlgorithm); 12] = [
    (oid::MD5, DigestAlgorithm::Md5),
    (oid::SHA1, DigestAlgorithm::Sha1),
    (oid::SHA224, DigestAlgorithm::Sha224),
    (oid::SHA256, DigestAlgorithm::Sha256),
    (oid::SHA384, DigestAlgorithm::Sha384),
    (oid::SHA512, DigestAlgorithm::Sha512),
    (oid::SHA3_224, DigestAlgorithm::Sha3_224),
    (oid::SHA3_256, DigestAlgorithm::Sha3_256),
    (oid::SHA3_384, DigestAlgorithm::Sha3_384),
    (oid::SHA3_512, DigestAlgorithm::Sha3_512),
    (oid::SHAKE128, DigestAlgorithm::Shake128),
    (oid::SHAKE256, DigestAlgorithm::Shake256),
];

#[cfg(test)]
mod tests {
    use super::{digest, digest_der, parse};
    use chancery_crypto::DigestAlgorithm;

    #[test]
    fn digests_survive_writing_and_reading() {
        for algorithm in DigestAlgorithm::ALL {
            let der = digest_der(algorithm);
            assert_eq!(digest(parse(&der).unwrap().oid).unwrap(), algorithm);
        }
    }
}
