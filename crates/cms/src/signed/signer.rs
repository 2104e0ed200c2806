//! Makes signatures: detached over a stream, attached over small content.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use chancery_crypto::{Digest, DigestAlgorithm, Hasher, PrivateKey, SignatureAlgorithm};

use crate::algorithms;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::oid;
use crate::signed::attributes::{self, More, Outgoing};
use crate::signed::ess::{ReceiptRequest, SecurityLabel};
use crate::tlv::{Slice, element, sequence, set_of, small_integer, tag};

/// A signing key with its certificate, prepared once and used for many messages. Cheap to clone.
#[derive(Clone)]
pub struct SignerKey {
    inner: Arc<Inner>,
}

struct Inner {
    key: PrivateKey,
    certificate: Vec<u8>,
    /// `IssuerAndSerialNumber` in DER.
    identifier: Vec<u8>,
    /// For the attribute signingCertificateV2.
    certificate_digest: Digest,
    /// Whether the certificate binds the key to PSS (RFC 4055 section 1.2).
    is_pss_only: bool,
}

impl SignerKey {
    /// Prepares a key and its certificate (DER); fails if they do not belong together.
    pub fn new(key: PrivateKey, certificate: &[u8]) -> Result<Self, Error> {
        let parsed = Certificate::with_key(certificate, &key)?;
        Ok(Self {
            inner: Arc::new(Inner {
                key,
                identifier: parsed.identifier().to_der(),
                certificate_digest: DigestAlgorithm::Sha256.digest(certificate),
                certificate: certificate.to_vec(),
                is_pss_only: parsed.public_key()?.is_pss_only(),
            }),
        })
    }

    /// Returns the certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.inner.certificate
    }

    /// Returns how this key signs under the options.
    fn algorithm(
        &self,
        options: &SignOptions,
    ) -> Result<(DigestAlgorithm, SignatureAlgorithm), Error> {
        let key = &self.inner.key;
        let kind = key.kind();
        // RSA leaves the choice of digest; curves want one of their strength at least, and Ed25519 (RFC 8419 section
        // 3.1) and ML-DSA (RFC 9882 section 3.3) have their own.
        let suits = |digest: &DigestAlgorithm| {
            kind.is_rsa() || (kind.is_ec() && digest.output_len() >= kind.digest().output_len())
        };
        let digest = options.digest.filter(suits).unwrap_or_else(|| kind.digest());
        let algorithm = match key.signature_algorithm(digest)? {
            SignatureAlgorithm::RsaPkcs1(_) if options.rsa_pss || self.inner.is_pss_only => {
                SignatureAlgorithm::rsa_pss(digest)
            }
            other => other,
        };
        Ok((digest, algorithm))
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignerKey").field(&self.inner.key).finish()
    }
}

/// What goes into a signature besides the content.
#[derive(Clone, Debug, Default)]
pub struct SignOptions {
    /// The digest: by default that of the key's strength, SHA-256 for RSA. Curves take none that is shorter than their
    /// own; Ed25519 and ML-DSA always go with SHA-512.
    pub digest: Option<DigestAlgorithm>,
    /// Whether to mark it as a domain signature (RFC 3183 section 3.1).
    pub domain_signature: bool,
    /// The certificate (DER) that answers shall be encrypted to, if it is not the signer's own.
    pub encryption_certificate: Option<Vec<u8>>,
    /// How sensitive the content is (RFC 2634 section 3.2); its categories are not written.
    pub label: Option<SecurityLabel>,
    /// Asks for signed receipts (RFC 2634 section 2.7).
    pub receipt_request: Option<ReceiptRequest>,
    /// Whether RSA keys sign with PSS (RFC 4056) in place of PKCS#1 v1.5, which everybody reads. Keys whose certificate
    /// binds them to PSS always do.
    pub rsa_pss: bool,
    /// When it is signed, in seconds since 1970.
    pub signing_time: Option<i64>,
}

impl SignOptions {
    /// Returns the attributes of enhanced security services.
    fn services(&self, kind: &ContentKind<'_>) -> Result<Vec<More>, Error> {
        let mut attributes = Vec::new();
        if let Some(label) = &self.label {
            let label = label.to_der().ok_or(Error::SignedAttributes {
                reason: "the policy of the label is no object identifier",
            })?;
            attributes.push(More { id: oid::SECURITY_LABEL, value: label });
        }
        if let Some(request) = &self.receipt_request {
            attributes.push(More { id: oid::RECEIPT_REQUEST, value: request.to_der() });
        }
        if let Some(digest) = kind.confirms {
            let value = element(tag::OCTET_STRING, &[digest]);
            attributes.push(More { id: oid::MESSAGE_SIGNATURE_DIGEST, value });
        }
        Ok(attributes)
    }
}

/// What is signed.
pub(super) struct ContentKind<'a> {
    id: &'static [u8],
    /// RFC 5652 section 5.1: 1 for id-data with plain certificates and `SignerInfo`s of version 1, 3 for other content.
    pub(super) version: u8,
    /// In a receipt: the digest of the signed attributes that it confirms.
    confirms: Option<&'a [u8]>,
}

impl ContentKind<'_> {
    pub(super) const DATA: Self = Self { id: oid::DATA, version: 1, confirms: None };
}

/// Signs content that stays outside.
#[derive(Debug)]
pub struct DetachedSigner {
    signers: Vec<(SignerKey, DigestAlgorithm, SignatureAlgorithm)>,
    extra_certificates: Vec<Vec<u8>>,
    options: SignOptions,
    hashers: Vec<Hasher>,
}

impl DetachedSigner {
    /// Starts; `extra_certificates` (DER) go along with the signers' own.
    pub fn new(
        signers: &[SignerKey],
        extra_certificates: &[Vec<u8>],
        options: &SignOptions,
    ) -> Result<Self, Error> {
        let mut prepared = Vec::with_capacity(signers.len());
        let mut hashers: Vec<Hasher> = Vec::new();
        for signer in signers {
            let (digest, algorithm) = signer.algorithm(options)?;
            if hashers.iter().all(|hasher| hasher.algorithm() != digest) {
                hashers.push(Hasher::new(digest));
            }
            prepared.push((signer.clone(), digest, algorithm));
        }
        let (extra_certificates, options) = (extra_certificates.to_vec(), options.clone());
        Ok(Self { signers: prepared, extra_certificates, options, hashers })
    }

    /// Returns the digest algorithms in use, for `micalg`.
    pub fn digests(&self) -> Vec<DigestAlgorithm> {
        self.hashers.iter().map(Hasher::algorithm).collect()
    }

    /// Adds content: in its canonical form, CRLF at the ends of lines.
    pub fn update(&mut self, content: &[u8]) {
        for hasher in &mut self.hashers {
            hasher.update(content);
        }
    }

    /// Returns the `ContentInfo` in DER.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        self.signed_data(&sequence(&[&oid::element(oid::DATA)]), &ContentKind::DATA)
    }

    /// Returns the `ContentInfo` of a receipt, whose content this is, for a signature with such signed attributes.
    pub(super) fn finish_receipt(
        self,
        receipt: &[u8],
        message_signature_digest: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let octets = element(tag::OCTET_STRING, &[receipt]);
        let kind =
            ContentKind { id: oid::RECEIPT, version: 3, confirms: Some(message_signature_digest) };
        self.signed_data(
            &sequence(&[&oid::element(oid::RECEIPT), &element(tag::context(0), &[&octets])]),
            &kind,
        )
    }

    fn signed_data(self, encapsulated: &[u8], kind: &ContentKind<'_>) -> Result<Vec<u8>, Error> {
        let digests = self.digest_identifiers();
        let signed_data =
            sequence(&[&small_integer(kind.version), &digests, encapsulated, &self.ending(kind)?]);
        Ok(sequence(&[&oid::element(oid::SIGNED_DATA), &element(tag::context(0), &[&signed_data])]))
    }

    /// Returns `DigestAlgorithmIdentifiers`.
    pub(super) fn digest_identifiers(&self) -> Vec<u8> {
        let digests = self.hashers.iter().map(Hasher::algorithm);
        set_of(tag::SET, digests.map(algorithms::digest_der).collect())
    }

    /// Signs, and returns what comes behind the content: the certificates and the `SignerInfos`.
    pub(super) fn ending(mut self, kind: &ContentKind<'_>) -> Result<Vec<u8>, Error> {
        let digests: Vec<Digest> =
            std::mem::take(&mut self.hashers).into_iter().map(Hasher::finish).collect();
        let mut certificates = std::mem::take(&mut self.extra_certificates);
        let mut signer_infos = Vec::with_capacity(self.signers.len());
        for (signer, algorithm, signature_algorithm) in &self.signers {
            let digest = digests
                .iter()
                .find(|digest| digest.algorithm() == *algorithm)
                .ok_or(Error::SignedAttributes { reason: "a digest is missing" })?;
            signer_infos.push(self.signer_info(signer, digest, *signature_algorithm, kind)?);
            certificates.push(signer.certificate().to_vec());
        }
        certificates.sort_unstable();
        certificates.dedup();
        let certificates = set_of(tag::context(0), certificates);
        Ok([certificates, set_of(tag::SET, signer_infos)].concat())
    }

    /// Returns a `SignerInfo` (RFC 5652 section 5.3).
    fn signer_info(
        &self,
        signer: &SignerKey,
        digest: &Digest,
        algorithm: SignatureAlgorithm,
        kind: &ContentKind<'_>,
    ) -> Result<Vec<u8>, Error> {
        let digest_identifier = algorithms::digest_der(digest.algorithm());
        let signature_identifier = algorithms::signature_der(algorithm)?;
        let encryption_certificate =
            self.options.encryption_certificate.as_deref().map(Certificate::for_use).transpose()?;
        let encryption_key =
            encryption_certificate.map(|(certificate, _)| certificate.identifier().to_der());
        let attributes = attributes::to_der(&Outgoing {
            message_digest: digest,
            signing_time: self.options.signing_time,
            certificate_digest: signer.inner.certificate_digest.as_ref(),
            digest_identifier: &digest_identifier,
            signature_identifier: &signature_identifier,
            is_domain_signature: self.options.domain_signature,
            encryption_key: encryption_key.as_deref(),
            content_type: kind.id,
            more: self.options.services(kind)?,
        });
        let signature = signer.inner.key.sign(algorithm, &attributes)?;
        // What is signed has the tag of SET OF; what is sent is [0] IMPLICIT.
        let content = Slice::new(&attributes, 0).any()?.content;
        Ok(sequence(&[
            &small_integer(1),
            &signer.inner.identifier,
            &digest_identifier,
            &element(tag::context(0), &[content]),
            &signature_identifier,
            &element(tag::OCTET_STRING, &[&signature]),
        ]))
    }
}

impl Write for DetachedSigner {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        self.update(content);
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Signs content that is small and puts it inside.
pub fn sign_attached(
    content: &[u8],
    signers: &[SignerKey],
    extra_certificates: &[Vec<u8>],
    options: &SignOptions,
) -> Result<Vec<u8>, Error> {
    let mut signer = DetachedSigner::new(signers, extra_certificates, options)?;
    signer.update(content);
    let octets = element(tag::OCTET_STRING, &[content]);
    let encapsulated = sequence(&[&oid::element(oid::DATA), &element(tag::context(0), &[&octets])]);
    signer.signed_data(&encapsulated, &ContentKind::DATA)
}
