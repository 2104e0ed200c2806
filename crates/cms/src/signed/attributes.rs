//! Signed attributes: writing ours, reading theirs (RFC 5652 section 11, RFC 5035, RFC 6211, RFC 3183).

use chancery_crypto::{Digest, DigestAlgorithm};

use crate::algorithms::{self, AlgorithmIdentifier};
use crate::error::Error;
use crate::identity::Identifier;
use crate::oid;
use crate::signed::ess::Services;
use crate::time;
use crate::tlv::{Slice, Tlv, element, sequence, set_of, tag};

/// What goes into the attributes of one signature.
pub(super) struct Outgoing<'a> {
    pub(super) message_digest: &'a Digest,
    pub(super) signing_time: Option<i64>,
    pub(super) certificate_digest: &'a [u8],
    pub(super) digest_identifier: &'a [u8],
    pub(super) signature_identifier: &'a [u8],
    pub(super) is_domain_signature: bool,
    /// `IssuerAndSerialNumber` in DER of the certificate to encrypt to.
    pub(super) encryption_key: Option<&'a [u8]>,
    /// What is signed: `data`, or a receipt.
    pub(super) content_type: &'a [u8],
    /// More attributes.
    pub(super) more: Vec<More>,
}

/// An attribute by its type, with its value in DER.
pub(super) struct More {
    pub(super) id: &'static [u8],
    pub(super) value: Vec<u8>,
}

/// Returns the attributes as `SET OF`, the form that is signed (RFC 5652 section 5.4).
pub(super) fn to_der(outgoing: &Outgoing<'_>) -> Vec<u8> {
    // RFC 5035 section 3: the hash algorithm defaults to SHA-256, which DER leaves out.
    let certificate_id = sequence(&[&element(tag::OCTET_STRING, &[outgoing.certificate_digest])]);
    let signing_certificate = sequence(&[&sequence(&[&certificate_id])]);
    // RFC 6211 section 2: the signature algorithm is [1] IMPLICIT.
    let signature =
        Slice::new(outgoing.signature_identifier, 0).any().map_or(&[][..], |found| found.content);
    let protection =
        sequence(&[outgoing.digest_identifier, &element(tag::context(1), &[signature])]);
    let mut attributes = vec![
        attribute(oid::CONTENT_TYPE, &oid::element(outgoing.content_type)),
        attribute(
            oid::MESSAGE_DIGEST,
            &element(tag::OCTET_STRING, &[outgoing.message_digest.as_ref()]),
        ),
        attribute(oid::SMIME_CAPABILITIES, &algorithms::capabilities::ours()),
        attribute(oid::SIGNING_CERTIFICATE_V2, &signing_certificate),
        attribute(oid::ALGORITHM_PROTECTION, &protection),
    ];
    if let Some(seconds) = outgoing.signing_time {
        attributes.push(attribute(oid::SIGNING_TIME, &time::to_der(seconds)));
    }
    if outgoing.is_domain_signature {
        attributes.push(attribute(
            oid::SIGNATURE_TYPE,
            &sequence(&[&oid::element(oid::DOMAIN_SIGNATURE)]),
        ));
    }
    // RFC 8551 section 2.5.3: issuer and serial number are [0] IMPLICIT.
    if let Some(name) = outgoing.encryption_key.and_then(|name| Slice::new(name, 0).any().ok()) {
        let preference = element(tag::context(0), &[name.content]);
        attributes.push(attribute(oid::ENCRYPTION_KEY_PREFERENCE, &preference));
    }
    attributes.extend(outgoing.more.iter().map(|it| attribute(it.id, &it.value)));
    set_of(tag::SET, attributes)
}

fn attribute(id: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&oid::element(id), &element(tag::SET, &[value])])
}

/// The attributes of a foreign signature that we know.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// None in a counter-signature only.
    pub(crate) content_type: Option<Vec<u8>>,
    pub(crate) message_digest: Vec<u8>,
    pub(super) signing_time: Option<i64>,
    pub(super) is_domain_signature: bool,
    pub(super) certificate: Option<CertificateDigest>,
    /// The certificate that the signer wants to be encrypted to.
    pub(super) encryption_key: Option<Identifier>,
    /// Names of the algorithms in the capabilities attribute.
    pub(super) capabilities: Vec<String>,
    /// Receipts, labels and lists.
    pub(super) services: Services,
    protection: Option<Vec<u8>>,
}

/// The digest of the certificate that the signer meant.
#[derive(Debug)]
pub(super) enum CertificateDigest {
    Known(DigestAlgorithm, Vec<u8>),
    /// By a digest that we do not have.
    Unknown,
}

impl Incoming {
    /// Reads attributes. Those that decide what is signed must be there once, with one value (RFC 5652 section 11).
    pub(crate) fn from_tlv(set: Tlv<'_>) -> Result<Self, Error> {
        let mut incoming = Self::default();
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut attributes = set.children();
        while !attributes.is_empty() {
            let mut fields =
                attributes.expect(tag::SEQUENCE, "expected a signed attribute")?.children();
            let id = fields.expect(tag::OID, "expected an attribute's type")?.content;
            let mut values = fields.expect(tag::SET, "expected an attribute's values")?.children();
            fields.finish()?;
            if !KNOWN.contains(&id) {
                incoming.services.take(id, values);
                continue;
            }
            if seen.contains(&id) {
                return Err(Error::SignedAttributes { reason: "an attribute is there twice" });
            }
            seen.push(id);
            let value = values.any()?;
            if !values.is_empty() {
                return Err(Error::SignedAttributes { reason: "an attribute has several values" });
            }
            incoming.take(id, value)?;
        }
        if !seen.contains(&oid::MESSAGE_DIGEST) {
            return Err(Error::SignedAttributes { reason: "the message digest is missing" });
        }
        Ok(incoming)
    }

    /// Checks that the algorithms are those that the signer protected (RFC 6211 section 3).
    pub(super) fn check_protection(
        &self,
        digest: &AlgorithmIdentifier<'_>,
        signature: &AlgorithmIdentifier<'_>,
    ) -> Result<(), Error> {
        let Some(protection) = &self.protection else { return Ok(()) };
        let mut fields = Slice::new(protection, 0).any()?.children();
        let protected =
            AlgorithmIdentifier::from_tlv(fields.expect(tag::SEQUENCE, "expected a digest")?)?;
        let field = fields.expect(tag::context(1), "expected a signature algorithm")?;
        let protected_signature = AlgorithmIdentifier::from_tlv(field)?;
        if protected.is_same(digest) && protected_signature.is_same(signature) {
            Ok(())
        } else {
            Err(Error::AlgorithmProtection)
        }
    }

    fn take(&mut self, id: &[u8], value: Tlv<'_>) -> Result<(), Error> {
        match id {
            oid::CONTENT_TYPE => self.content_type = Some(content(value, tag::OID)?),
            oid::ENCRYPTION_KEY_PREFERENCE => {
                self.encryption_key = encryption_key(value).or(self.encryption_key.take());
            }
            oid::MICROSOFT_ENCRYPTION_KEY if self.encryption_key.is_none() => {
                self.encryption_key = Identifier::from_tlv(value).ok();
            }
            oid::SMIME_CAPABILITIES => self.capabilities = algorithms::capabilities::names(value),
            oid::MESSAGE_DIGEST => self.message_digest = content(value, tag::OCTET_STRING)?,
            oid::SIGNING_TIME => self.signing_time = time::from_tlv(value),
            oid::ALGORITHM_PROTECTION => self.protection = Some(value.whole.to_vec()),
            oid::SIGNATURE_TYPE => {
                let mut types = value.children();
                while !types.is_empty() {
                    let kind = types.expect(tag::OID, "expected a signature type")?;
                    self.is_domain_signature |= kind.content == oid::DOMAIN_SIGNATURE;
                }
            }
            // With both, the newer decides (RFC 5035 section 5).
            oid::SIGNING_CERTIFICATE if self.certificate.is_none() => {
                let digest =
                    first_certificate_id(value)?.expect(tag::OCTET_STRING, "expected a digest")?;
                self.certificate =
                    Some(CertificateDigest::Known(DigestAlgorithm::Sha1, digest.content.to_vec()));
            }
            oid::SIGNING_CERTIFICATE_V2 => self.certificate = Some(certificate_digest(value)?),
            _ => {}
        }
        Ok(())
    }
}

fn content(value: Tlv<'_>, expected: u8) -> Result<Vec<u8>, Error> {
    if value.tag == expected {
        Ok(value.content.to_vec())
    } else {
        Err(Error::SignedAttributes { reason: "an attribute has a value of the wrong type" })
    }
}

/// Returns whom `SMIMEEncryptionKeyPreference` names (RFC 8551 section 2.5.3); it decides nothing, so a broken one
/// counts as none.
fn encryption_key(value: Tlv<'_>) -> Option<Identifier> {
    let name = match value.tag {
        // IssuerAndSerialNumber and RecipientKeyIdentifier, both implicitly tagged sequences.
        ISSUER_AND_SERIAL => sequence(&[value.content]),
        RECIPIENT_KEY => {
            let identifier = value.children().expect(tag::OCTET_STRING, "expected an identifier");
            element(tag::implicit(0), &[identifier.ok()?.content])
        }
        SUBJECT_KEY => element(tag::implicit(0), &[value.content]),
        _ => return None,
    };
    Identifier::from_tlv(Slice::new(&name, 0).any().ok()?).ok()
}

/// Returns the fields of the first `ESSCertID`, which is the signer's own (RFC 5035 section 3).
fn first_certificate_id(value: Tlv<'_>) -> Result<Slice<'_>, Error> {
    let mut list =
        value.children().expect(tag::SEQUENCE, "expected certificate identifiers")?.children();
    Ok(list.expect(tag::SEQUENCE, "expected a certificate identifier")?.children())
}

fn certificate_digest(value: Tlv<'_>) -> Result<CertificateDigest, Error> {
    let mut fields = first_certificate_id(value)?;
    let algorithm = match fields.optional(tag::SEQUENCE)? {
        None => Ok(DigestAlgorithm::Sha256),
        Some(identifier) => algorithms::digest(AlgorithmIdentifier::from_tlv(identifier)?.oid),
    };
    let digest = fields.expect(tag::OCTET_STRING, "expected a digest")?.content.to_vec();
    Ok(algorithm.map_or(CertificateDigest::Unknown, |algorithm| {
        CertificateDigest::Known(algorithm, digest)
    }))
}

const ISSUER_AND_SERIAL: u8 = tag::context(0);
const RECIPIENT_KEY: u8 = tag::context(1);
const SUBJECT_KEY: u8 = tag::implicit(2);

const KNOWN: [&[u8]; 10] = [
    oid::ENCRYPTION_KEY_PREFERENCE,
    oid::MICROSOFT_ENCRYPTION_KEY,
    oid::SMIME_CAPABILITIES,
    oid::CONTENT_TYPE,
    oid::MESSAGE_DIGEST,
    oid::SIGNING_TIME,
    oid::ALGORITHM_PROTECTION,
    oid::SIGNATURE_TYPE,
    oid::SIGNING_CERTIFICATE,
    oid::SIGNING_CERTIFICATE_V2,
];
