//! One signature of a `SignedData` as it was received: `SignerInfo` (RFC 5652 section 5.3).

use chancery_crypto::{Digest, DigestAlgorithm, PublicKey, SignatureAlgorithm};

use crate::algorithms::{self, AlgorithmIdentifier};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::identity::Identifier;
use crate::oid;
use crate::signed::attributes::{CertificateDigest, Incoming};
use crate::signed::counter;
use crate::signed::{Problem, SignerReport};
use crate::tlv::{Slice, element, set_of, tag};

/// A signature with its fields in definite form.
#[derive(Debug)]
pub(super) struct SignerInfo {
    identifier: Identifier,
    digest_identifier: Vec<u8>,
    signature_identifier: Vec<u8>,
    /// The content of `signedAttrs`, in the order in which it was received.
    signed_attributes: Option<Vec<u8>>,
    signature: Vec<u8>,
    /// The content of `unsignedAttrs`.
    unsigned_attributes: Vec<u8>,
    offset: u64,
}

/// The content that a signature should be of.
pub(super) struct SignedContent<'a> {
    /// Its type; none if it is another signature, which has no type (RFC 5652 section 11.4).
    pub(super) content_type: Option<&'a [u8]>,
    /// The digests that were computed over the content.
    pub(super) digests: &'a [Digest],
    /// The first bytes.
    pub(super) beginning: &'a [u8],
}

impl SignerInfo {
    /// Reads a `SignerInfo` that is in definite form.
    pub(super) fn from_slice(bytes: &[u8], offset: u64) -> Result<Self, Error> {
        let mut fields =
            Slice::new(bytes, offset).expect(tag::SEQUENCE, "expected a SignerInfo")?.children();
        fields.expect(tag::INTEGER, "expected a version")?;
        let identifier = Identifier::from_tlv(fields.any()?)?;
        let digest = fields.expect(tag::SEQUENCE, "expected a digest algorithm")?;
        AlgorithmIdentifier::from_tlv(digest)?;
        let signed_attributes = fields.optional(tag::context(0))?;
        let algorithm = fields.expect(tag::SEQUENCE, "expected a signature algorithm")?;
        AlgorithmIdentifier::from_tlv(algorithm)?;
        let signature = fields.expect(tag::OCTET_STRING, "expected a signature")?;
        let unsigned_attributes = fields.optional(tag::context(1))?;
        fields.finish()?;
        Ok(Self {
            identifier,
            digest_identifier: digest.whole.to_vec(),
            signature_identifier: algorithm.whole.to_vec(),
            signed_attributes: signed_attributes.map(|attributes| attributes.content.to_vec()),
            signature: signature.content.to_vec(),
            unsigned_attributes: unsigned_attributes
                .map(|attributes| attributes.content.to_vec())
                .unwrap_or_default(),
            offset,
        })
    }

    /// Returns the digest that the signature needs of the content.
    pub(super) fn digest(&self) -> Result<DigestAlgorithm, Error> {
        algorithms::digest(algorithms::parse(&self.digest_identifier)?.oid)
    }

    /// Finds out what the signature is worth.
    pub(super) fn report(
        &self,
        content: &SignedContent<'_>,
        certificates: &[Certificate],
    ) -> SignerReport {
        let mut report = self.own_report(content, certificates);
        let unsigned = counter::Unsigned::read(&self.unsigned_attributes, self.offset);
        report.counter_signatures = unsigned
            .counter_signatures
            .iter()
            .map(|info| info.report_on_signature(&self.signature, certificates))
            .collect();
        report.unsigned_attributes = unsigned.names;
        report
    }

    /// Finds out what a signature over another signature is worth. What is counter-signed in turn is not looked at.
    fn report_on_signature(&self, signed: &[u8], certificates: &[Certificate]) -> SignerReport {
        let digests: Vec<Digest> =
            self.digest().iter().map(|algorithm| algorithm.digest(signed)).collect();
        let content = SignedContent {
            content_type: None,
            digests: &digests,
            beginning: signed.get(..BEGINNING).unwrap_or(signed),
        };
        self.own_report(&content, certificates)
    }

    fn own_report(
        &self,
        content: &SignedContent<'_>,
        certificates: &[Certificate],
    ) -> SignerReport {
        let attributes = self.attributes();
        let known = attributes.as_ref().ok().and_then(Option::as_ref);
        let digest = self.digest();
        let mut report = SignerReport {
            certificate: None,
            identifier: self.identifier.clone(),
            digest: digest.as_ref().ok().copied(),
            algorithm: self.algorithm_name(),
            signing_time: known.and_then(|attributes| attributes.signing_time),
            is_domain_signature: known.is_some_and(|attributes| attributes.is_domain_signature),
            result: Ok(()),
            problems: Vec::new(),
            encryption_key: known.and_then(|known| known.encryption_key.clone()),
            services: known.map(|known| known.services.clone()).unwrap_or_default(),
            signature: self.signature.clone(),
            attributes_digest: self.attributes_digest(),
            capabilities: known.map(|known| known.capabilities.clone()).unwrap_or_default(),
            unsigned_attributes: Vec::new(),
            counter_signatures: Vec::new(),
        };
        if self.signed_attributes.is_none() {
            report.problems.push(Problem::NoSignedAttributes);
        }
        report.result = attributes
            .and_then(|attributes| {
                self.check_content(content, attributes.as_ref())?;
                Ok(attributes)
            })
            .and_then(|attributes| {
                let algorithm = algorithms::signature(
                    &algorithms::parse(&self.signature_identifier)?,
                    digest?,
                )?;
                self.check_certificates(
                    content,
                    attributes.as_ref(),
                    algorithm,
                    certificates,
                    &mut report,
                )
            });
        // Tell who is meant even if nothing matched.
        if report.certificate.is_none() {
            let named =
                certificates.iter().find(|certificate| certificate.is_named_by(&self.identifier));
            report.certificate = named.map(|certificate| certificate.der().to_vec());
        }
        report
    }

    /// Tries the certificates that the signature names; one that is there twice may be there with another key.
    fn check_certificates(
        &self,
        content: &SignedContent<'_>,
        attributes: Option<&Incoming>,
        algorithm: SignatureAlgorithm,
        certificates: &[Certificate],
        report: &mut SignerReport,
    ) -> Result<(), Error> {
        let named =
            certificates.iter().filter(|certificate| certificate.is_named_by(&self.identifier));
        let mut result = Err(Error::NoCertificate { signer: self.identifier.to_string() });
        for certificate in named.take(MAX_CANDIDATES) {
            let attempt = certificate.public_key().and_then(|key| {
                check_signing_certificate(attributes, certificate)?;
                self.check_signature(content, algorithm, &key)?;
                Ok(key.kind())
            });
            match attempt {
                Ok(kind) => {
                    report.certificate = Some(certificate.der().to_vec());
                    let weak = algorithm
                        .digest()
                        .into_iter()
                        .chain(report.digest)
                        .find(|digest| digest.is_weak());
                    report.problems.extend(weak.map(Problem::WeakDigest));
                    report.problems.extend(kind.is_weak().then_some(Problem::WeakKey(kind)));
                    return Ok(());
                }
                Err(error) if matches!(result, Err(Error::NoCertificate { .. })) => {
                    result = Err(error);
                }
                Err(_) => {}
            }
        }
        result
    }

    /// Checks that content and attributes belong together (RFC 5652 sections 5.3, 5.4 and 5.6).
    fn check_content(
        &self,
        content: &SignedContent<'_>,
        attributes: Option<&Incoming>,
    ) -> Result<(), Error> {
        let Some(attributes) = attributes else {
            if content.content_type.is_some_and(|content_type| content_type != oid::DATA) {
                return Err(Error::SignedAttributes {
                    reason: "content of this type needs signed attributes",
                });
            }
            // Without attributes the signature is over the content itself. Somebody could take the attributes of a
            // real signature, call them the content, and the signature would match.
            if looks_like_attributes(content.beginning) {
                return Err(Error::SignedAttributes {
                    reason: "the content is the attributes of another signature",
                });
            }
            return Ok(());
        };
        // RFC 5652 section 11.4: a counter-signature has no content type. One that has was made over content, and
        // somebody calls it a counter-signature; the other way round it would be worse.
        if attributes.content_type.as_deref() != content.content_type {
            return Err(Error::SignedAttributes {
                reason: "the signed content type is not that of the content",
            });
        }
        if content_digest(content, self.digest()?)?.as_ref() != attributes.message_digest {
            return Err(Error::MessageDigest);
        }
        attributes.check_protection(
            &algorithms::parse(&self.digest_identifier)?,
            &algorithms::parse(&self.signature_identifier)?,
        )
    }

    fn check_signature(
        &self,
        content: &SignedContent<'_>,
        algorithm: SignatureAlgorithm,
        key: &PublicKey,
    ) -> Result<(), Error> {
        // Weak digests and keys are verified here and reported as problems; policy decides about them.
        let verification = key.danger();
        let Some(attributes) = &self.signed_attributes else {
            let digest = algorithm.digest().ok_or_else(|| Error::Unsupported {
                what: format!("{algorithm} without signed attributes"),
            })?;
            let digest = content_digest(content, digest)?;
            return verification
                .verify_digest(algorithm, digest, &self.signature)
                .map_err(signature_error);
        };
        // RFC 5652 section 5.4: signed is the DER of the attributes with the tag of SET OF in place of [0].
        let received = element(tag::SET, &[attributes]);
        let result = verification.verify(algorithm, &received, &self.signature);
        if result.is_ok() {
            return Ok(());
        }
        // Some senders sign the sorted set and transmit another order.
        let sorted = self.sorted_attributes(attributes)?;
        if sorted == received {
            return result.map_err(signature_error);
        }
        verification.verify(algorithm, &sorted, &self.signature).map_err(signature_error)
    }

    fn attributes(&self) -> Result<Option<Incoming>, Error> {
        let Some(attributes) = &self.signed_attributes else { return Ok(None) };
        let set = element(tag::SET, &[attributes]);
        Incoming::from_tlv(Slice::new(&set, self.offset).any()?).map(Some)
    }

    /// Returns the digest of the signed attributes, which a receipt confirms (RFC 2634 section 2.4).
    fn attributes_digest(&self) -> Option<Vec<u8>> {
        let attributes = self.sorted_attributes(self.signed_attributes.as_deref()?).ok()?;
        Some(self.digest().ok()?.digest(&attributes).as_ref().to_vec())
    }

    fn sorted_attributes(&self, attributes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut list = Slice::new(attributes, self.offset);
        let mut elements = Vec::new();
        while !list.is_empty() {
            elements.push(list.any()?.whole.to_vec());
        }
        Ok(set_of(tag::SET, elements))
    }

    fn algorithm_name(&self) -> String {
        let name = algorithms::parse(&self.signature_identifier).and_then(|identifier| {
            let unknown = || oid::text(identifier.oid);
            Ok(algorithms::signature(&identifier, self.digest()?)
                .map_or_else(|_| unknown(), |known| known.to_string()))
        });
        name.unwrap_or_else(|_| "unknown".to_owned())
    }
}

fn content_digest<'a>(
    content: &SignedContent<'a>,
    algorithm: DigestAlgorithm,
) -> Result<&'a Digest, Error> {
    content.digests.iter().find(|digest| digest.algorithm() == algorithm).ok_or(
        Error::SignedAttributes {
            reason: "the digest algorithm was not announced before the content",
        },
    )
}

/// Checks that the certificate is the one the signer meant (RFC 5035 section 3), if the signer said so.
fn check_signing_certificate(
    attributes: Option<&Incoming>,
    certificate: &Certificate,
) -> Result<(), Error> {
    match attributes.and_then(|attributes| attributes.certificate.as_ref()) {
        Some(CertificateDigest::Known(algorithm, digest))
            if algorithm.digest(certificate.der()).as_ref() != digest.as_slice() =>
        {
            Err(Error::SigningCertificate)
        }
        // A digest that we do not have cannot be compared; the signature itself still decides.
        _ => Ok(()),
    }
}

fn signature_error(error: chancery_crypto::Error) -> Error {
    match error {
        chancery_crypto::Error::Signature => Error::Signature,
        other => Error::Crypto(other),
    }
}

/// Returns true if the content begins like a set of attributes (`SET OF SEQUENCE { OBJECT IDENTIFIER …`).
fn looks_like_attributes(beginning: &[u8]) -> bool {
    let inside = |bytes: &[u8], expected: u8| {
        crate::tlv::header(bytes).filter(|found| found.tag == expected).map(|found| found.octets)
    };
    let Some(set) = inside(beginning, tag::SET) else { return false };
    let rest = beginning.get(set..).unwrap_or_default();
    let Some(attribute) = inside(rest, tag::SEQUENCE) else { return false };
    rest.get(attribute..).and_then(|rest| rest.first()) == Some(&tag::OID)
}

/// How many bytes of the content [`looks_like_attributes`] needs.
pub(super) const BEGINNING: usize = 32;

/// A message may contain a certificate several times, or another one of the same name and number; more is an attack
/// on our time.
const MAX_CANDIDATES: usize = 4;
