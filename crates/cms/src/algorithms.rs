//! Algorithm identifiers: from DER to what we have, and back.

use chancery_crypto::{DigestAlgorithm, KeyKind, KeyTransport, KeyWrap, SignatureAlgorithm};

use crate::enveloped::ContentCipher;
use crate::error::Error;
use crate::oid;
use crate::tlv::{Slice, Tlv, element, sequence, small_integer, tag};

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

    fn required(&self, what: &'static str) -> Result<Tlv<'a>, Error> {
        self.parameters.ok_or(Error::Malformed { offset: self.offset, what })
    }
}

/// Returns the digest that an identifier names.
pub(crate) fn digest(oid: &[u8]) -> Result<DigestAlgorithm, Error> {
    match oid {
        oid::SHA1 => Ok(DigestAlgorithm::Sha1),
        oid::SHA256 => Ok(DigestAlgorithm::Sha256),
        oid::SHA384 => Ok(DigestAlgorithm::Sha384),
        oid::SHA512 => Ok(DigestAlgorithm::Sha512),
        other => Err(Error::Unsupported { what: format!("digest {}", oid::text(other)) }),
    }
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

/// How a content cipher was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContentParameters {
    pub(crate) cipher: ContentCipher,
    pub(crate) iv: Vec<u8>,
    /// Length of the tag of an authenticated cipher.
    pub(crate) tag_len: usize,
}

/// Reads a content encryption algorithm (RFC 3565 section 4.2, RFC 5084 section 3.2).
pub(crate) fn content_cipher(
    identifier: &AlgorithmIdentifier<'_>,
) -> Result<ContentParameters, Error> {
    let cipher = CONTENT_CIPHERS
        .iter()
        .find(|(oid, _)| *oid == identifier.oid)
        .map(|(_, cipher)| *cipher)
        .ok_or_else(|| Error::Unsupported {
            what: format!("content cipher {}", oid::text(identifier.oid)),
        })?;
    let parameters = identifier.required("content cipher without parameters")?;
    let malformed = |what| Error::Malformed { offset: parameters.offset, what };
    if !cipher.is_authenticated() {
        if parameters.tag != tag::OCTET_STRING || parameters.content.len() != cipher.iv_len() {
            return Err(malformed("expected an initialisation vector of 16 bytes"));
        }
        return Ok(ContentParameters { cipher, iv: parameters.content.to_vec(), tag_len: 0 });
    }
    if parameters.tag != tag::SEQUENCE {
        return Err(malformed("expected GCM parameters"));
    }
    let mut fields = parameters.children();
    let nonce = fields.expect(tag::OCTET_STRING, "expected a nonce")?.content;
    // aes-ICVlen DEFAULT 12, one of 12 to 16.
    let tag_len = match fields.optional(tag::INTEGER)?.map(|length| length.content) {
        None => 12,
        Some([length @ 12..=16]) => usize::from(*length),
        Some(_) => return Err(malformed("tag length out of range")),
    };
    if nonce.is_empty() || nonce.len() > MAX_NONCE {
        return Err(malformed("nonce length out of range"));
    }
    Ok(ContentParameters { cipher, iv: nonce.to_vec(), tag_len })
}

/// Returns the identifier of a content encryption algorithm with our parameters: a tag of 16 bytes for GCM.
pub(crate) fn content_cipher_der(cipher: ContentCipher, iv: &[u8]) -> Vec<u8> {
    let id = CONTENT_CIPHERS
        .iter()
        .find(|(_, known)| *known == cipher)
        .map_or(oid::AES256_GCM, |(oid, _)| oid);
    let iv = element(tag::OCTET_STRING, &[iv]);
    let parameters =
        if cipher.is_authenticated() { sequence(&[&iv, &small_integer(16)]) } else { iv };
    sequence(&[&oid::element(id), &parameters])
}

/// Reads a key encryption algorithm of RSA.
pub(crate) fn key_transport(identifier: &AlgorithmIdentifier<'_>) -> Result<KeyTransport, Error> {
    match identifier.oid {
        oid::RSA_ENCRYPTION => Ok(KeyTransport::Pkcs1v15),
        oid::RSAES_OAEP => oaep(identifier),
        other => Err(Error::Unsupported { what: format!("key transport {}", oid::text(other)) }),
    }
}

/// Returns the identifier of a key transport algorithm.
pub(crate) fn key_transport_der(transport: KeyTransport) -> Vec<u8> {
    match transport {
        // RFC 3370 section 4.2.1: the parameters are NULL.
        KeyTransport::Pkcs1v15 => sequence(&[&oid::element(oid::RSA_ENCRYPTION), &NULL]),
        KeyTransport::Oaep(DigestAlgorithm::Sha1) => {
            sequence(&[&oid::element(oid::RSAES_OAEP), &sequence(&[])])
        }
        KeyTransport::Oaep(digest) => {
            // RFC 4055 section 2.1: hash identifiers in OAEP carry NULL.
            let hash = sequence(&[&oid::element(digest_oid(digest)), &NULL]);
            let mask = sequence(&[&oid::element(oid::MGF1), &hash]);
            let parameters = sequence(&[
                &element(tag::context(0), &[&hash]),
                &element(tag::context(1), &[&mask]),
            ]);
            sequence(&[&oid::element(oid::RSAES_OAEP), &parameters])
        }
    }
}

/// Reads `RSAES-OAEP-params` (RFC 4055 section 4.1).
fn oaep(identifier: &AlgorithmIdentifier<'_>) -> Result<KeyTransport, Error> {
    let Some(parameters) =
        identifier.parameters.filter(|parameters| parameters.tag == tag::SEQUENCE)
    else {
        return Ok(KeyTransport::Oaep(DigestAlgorithm::Sha1));
    };
    let mut fields = parameters.children();
    let hash = match fields.optional(tag::context(0))? {
        None => DigestAlgorithm::Sha1,
        Some(field) => digest(explicit_algorithm(field)?.oid)?,
    };
    let mask = match fields.optional(tag::context(1))? {
        None => DigestAlgorithm::Sha1,
        Some(field) => {
            let mask = explicit_algorithm(field)?;
            let inner = mask.required("mask function without a digest")?;
            if mask.oid != oid::MGF1 {
                return Err(Error::Unsupported {
                    what: format!("mask function {}", oid::text(mask.oid)),
                });
            }
            digest(AlgorithmIdentifier::from_tlv(inner)?.oid)?
        }
    };
    if let Some(field) = fields.optional(tag::context(2))? {
        let source = explicit_algorithm(field)?;
        let is_empty = source.parameters.is_none_or(|label| label.content.is_empty());
        if source.oid != oid::P_SPECIFIED || !is_empty {
            return Err(Error::Unsupported { what: "RSA-OAEP with a label".to_owned() });
        }
    }
    fields.finish()?;
    if hash != mask {
        return Err(Error::Unsupported {
            what: format!("RSA-OAEP with {hash} and MGF1 on {mask}"),
        });
    }
    Ok(KeyTransport::Oaep(hash))
}

fn explicit_algorithm(field: Tlv<'_>) -> Result<AlgorithmIdentifier<'_>, Error> {
    AlgorithmIdentifier::from_tlv(field.children().expect(tag::SEQUENCE, "expected an algorithm")?)
}

/// How a key is agreed and wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// The digest of the key derivation.
    pub(crate) digest: DigestAlgorithm,
    pub(crate) wrap: KeyWrap,
}

/// Reads a key agreement algorithm; returns the identifier of the key wrap as it was written too, because the key
/// derivation hashes it (RFC 5753 section 7.2).
pub(crate) fn key_agreement<'a>(
    identifier: &AlgorithmIdentifier<'a>,
) -> Result<(Agreement, &'a [u8]), Error> {
    let digest = match identifier.oid {
        oid::STD_DH_SHA1 | oid::COFACTOR_DH_SHA1 => DigestAlgorithm::Sha1,
        oid::STD_DH_SHA256 | oid::COFACTOR_DH_SHA256 => DigestAlgorithm::Sha256,
        oid::STD_DH_SHA384 | oid::COFACTOR_DH_SHA384 => DigestAlgorithm::Sha384,
        oid::STD_DH_SHA512 | oid::COFACTOR_DH_SHA512 => DigestAlgorithm::Sha512,
        other => {
            return Err(Error::Unsupported { what: format!("key agreement {}", oid::text(other)) });
        }
    };
    let parameters = identifier.required("key agreement without a key wrap")?;
    let wrap_identifier = AlgorithmIdentifier::from_tlv(parameters)?;
    let wrap = match wrap_identifier.oid {
        oid::AES128_WRAP => KeyWrap::Aes128,
        oid::AES256_WRAP => KeyWrap::Aes256,
        other => return Err(Error::Unsupported { what: format!("key wrap {}", oid::text(other)) }),
    };
    Ok((Agreement { digest, wrap }, wrap_identifier.whole))
}

/// Returns how we agree with a key on this curve: the digest of its strength, AES-256.
pub(crate) fn agreement_for(kind: KeyKind) -> Agreement {
    Agreement { digest: kind.digest(), wrap: KeyWrap::Aes256 }
}

/// Returns the identifiers of a key agreement and of its key wrap.
pub(crate) fn key_agreement_der(agreement: Agreement) -> (Vec<u8>, Vec<u8>) {
    let scheme = match agreement.digest {
        DigestAlgorithm::Sha1 => oid::STD_DH_SHA1,
        DigestAlgorithm::Sha256 => oid::STD_DH_SHA256,
        DigestAlgorithm::Sha384 => oid::STD_DH_SHA384,
        DigestAlgorithm::Sha512 => oid::STD_DH_SHA512,
    };
    let wrap = match agreement.wrap {
        KeyWrap::Aes128 => oid::AES128_WRAP,
        KeyWrap::Aes256 => oid::AES256_WRAP,
    };
    // RFC 3565 section 2.3.2: the parameters of the AES key wrap are absent.
    let wrap = sequence(&[&oid::element(wrap)]);
    (sequence(&[&oid::element(scheme), &wrap]), wrap)
}

/// Returns `ECC-CMS-SharedInfo` (RFC 5753 section 7.2).
pub(crate) fn shared_info(
    wrap: KeyWrap,
    wrap_identifier: &[u8],
    user_keying_material: Option<&[u8]>,
) -> Vec<u8> {
    let bits = u32::try_from(wrap.key_len() * 8).unwrap_or(0).to_be_bytes();
    let public = element(tag::context(2), &[&element(tag::OCTET_STRING, &[&bits])]);
    let material = user_keying_material
        .map(|material| element(tag::context(0), &[&element(tag::OCTET_STRING, &[material])]))
        .unwrap_or_default();
    sequence(&[wrap_identifier, &material, &public])
}

/// Returns what the capabilities attribute says: what we read, best first (RFC 8551 section 2.5.2).
pub(crate) fn smime_capabilities() -> Vec<u8> {
    let capabilities: Vec<Vec<u8>> =
        [oid::AES256_GCM, oid::AES128_GCM, oid::AES256_CBC, oid::AES192_CBC, oid::AES128_CBC]
            .iter()
            .map(|id| sequence(&[&oid::element(id)]))
            .collect();
    sequence(&capabilities.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// Takes an identifier apart that is known to be in memory whole.
pub(crate) fn parse(identifier: &[u8]) -> Result<AlgorithmIdentifier<'_>, Error> {
    AlgorithmIdentifier::from_tlv(
        Slice::new(identifier, 0).expect(tag::SEQUENCE, "expected an algorithm")?,
    )
}

fn digest_oid(digest: DigestAlgorithm) -> &'static [u8] {
    match digest {
        DigestAlgorithm::Sha1 => oid::SHA1,
        DigestAlgorithm::Sha256 => oid::SHA256,
        DigestAlgorithm::Sha384 => oid::SHA384,
        DigestAlgorithm::Sha512 => oid::SHA512,
    }
}

const NULL: [u8; 2] = [tag::NULL, 0];

/// The longest nonce that the cipher takes.
const MAX_NONCE: usize = 128;

const CONTENT_CIPHERS: [(&[u8], ContentCipher); 6] = [
    (oid::AES128_CBC, ContentCipher::Aes128Cbc),
    (oid::AES128_GCM, ContentCipher::Aes128Gcm),
    (oid::AES192_CBC, ContentCipher::Aes192Cbc),
    (oid::AES192_GCM, ContentCipher::Aes192Gcm),
    (oid::AES256_CBC, ContentCipher::Aes256Cbc),
    (oid::AES256_GCM, ContentCipher::Aes256Gcm),
];

#[cfg(test)]
mod tests {
    use super::{
        Agreement, CONTENT_CIPHERS, content_cipher, content_cipher_der, key_agreement,
        key_agreement_der, key_transport, key_transport_der, parse,
    };
    use chancery_crypto::{DigestAlgorithm, KeyTransport, KeyWrap};

    #[test]
    fn identifiers_survive_writing_and_reading() {
        for (_, cipher) in CONTENT_CIPHERS {
            let der = content_cipher_der(cipher, &vec![7; cipher.iv_len()]);
            let again = content_cipher(&parse(&der).unwrap()).unwrap();
            assert_eq!((again.cipher, again.iv.len()), (cipher, cipher.iv_len()));
        }
        for digest in [
            DigestAlgorithm::Sha1,
            DigestAlgorithm::Sha256,
            DigestAlgorithm::Sha384,
            DigestAlgorithm::Sha512,
        ] {
            for transport in [KeyTransport::Pkcs1v15, KeyTransport::Oaep(digest)] {
                let der = key_transport_der(transport);
                assert_eq!(key_transport(&parse(&der).unwrap()).unwrap(), transport);
            }
            for wrap in [KeyWrap::Aes128, KeyWrap::Aes256] {
                let (der, wrap_der) = key_agreement_der(Agreement { digest, wrap });
                let (again, again_der) =
                    key_agreement(&parse(&der).unwrap()).map(|(a, d)| (a, d.to_vec())).unwrap();
                assert_eq!((again, again_der), (Agreement { digest, wrap }, wrap_der));
            }
        }
    }
}
