//! One certificate: its bytes, and what they say (RFC 5280 section 4.1).

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use chancery_crypto::{DigestAlgorithm, PublicKey, hex};
use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, ContextSpecific, IntRef};
use der::{Decode, Header, Reader, SliceReader, Tag, TagNumber, Tagged as _};

use crate::algorithm::unknown_kind;
use crate::error::Error;
use crate::extension::{self, AccessDescription, ExtendedKeyUsage, Extensions, KeyUsage};
use crate::name::{AlternativeName, DistinguishedName};
use crate::path::NameLimits;
use crate::pem;
use crate::time;

/// A certificate that was read without complaint. Nothing is verified yet; cloning is cheap.
#[derive(Clone)]
pub struct Certificate(Arc<Parts>);

struct Parts {
    der: Vec<u8>,
    tbs: Range<usize>,
    version: u8,
    serial: Vec<u8>,
    /// The DER of the algorithm identifier beside the signature.
    signature_algorithm: Vec<u8>,
    /// The signed copy of it differs, which RFC 5280 section 4.1.1.2 forbids.
    algorithms_differ: bool,
    signature: Vec<u8>,
    issuer: DistinguishedName,
    subject: DistinguishedName,
    not_before: i64,
    not_after: i64,
    spki: Vec<u8>,
    /// `None` if the key is of a kind that we cannot use.
    public_key: Option<PublicKey>,
    emails: Vec<String>,
    extensions: Extensions,
    fingerprint: [u8; 32],
    key_fingerprint: [u8; 32],
}

impl Certificate {
    /// Reads a certificate from DER.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        if der.len() > MAX_LENGTH {
            let reason = format!("longer than {MAX_LENGTH} bytes");
            return Err(Error::Malformed { what: "a certificate", offset: MAX_LENGTH, reason });
        }
        let parts = Parts::read(der).map_err(|error| Error::malformed("a certificate", error))?;
        Ok(Self(Arc::new(parts)))
    }

    /// Reads the first certificate of a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Self, Error> {
        let chain = Self::chain_from_pem(text)?;
        chain
            .into_iter()
            .next()
            .ok_or(Error::Pem { offset: text.len(), reason: "there is no certificate in it" })
    }

    /// Reads all certificates of a PEM text, in order; blocks of other kinds are passed over.
    pub fn chain_from_pem(text: &[u8]) -> Result<Vec<Self>, Error> {
        let blocks = pem::blocks(text)?;
        let certificates = blocks.iter().filter(|block| LABELS.contains(&block.label.as_str()));
        certificates.map(|block| Self::from_der(&block.der)).collect()
    }

    /// Reads certificates from a file's content: PEM if it looks like text, else one certificate in DER.
    pub fn chain_from_bytes(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        // 0x30 is the SEQUENCE that every DER certificate starts with; in a text it is the digit 0.
        if bytes.first() == Some(&0x30) {
            Ok(vec![Self::from_der(bytes)?])
        } else {
            Self::chain_from_pem(bytes)
        }
    }

    /// Returns the bytes as they were read.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Returns the certificate as a PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", self.der())
    }

    /// Returns the subject as text in the order of RFC 4514, safe to print.
    pub fn subject(&self) -> String {
        self.0.subject.to_string()
    }

    /// Returns the issuer as text in the order of RFC 4514, safe to print.
    pub fn issuer(&self) -> String {
        self.0.issuer.to_string()
    }

    /// Returns the subject for comparing.
    pub fn subject_name(&self) -> &DistinguishedName {
        &self.0.subject
    }

    /// Returns the issuer for comparing.
    pub fn issuer_name(&self) -> &DistinguishedName {
        &self.0.issuer
    }

    /// Returns the serial number in lower-case hexadecimal.
    pub fn serial_hex(&self) -> String {
        hex(&self.0.serial)
    }

    /// Returns the content octets of the serial number (two's complement).
    pub fn serial(&self) -> &[u8] {
        &self.0.serial
    }

    /// Returns the mail addresses that the certificate is for: the `rfc822Name`s, then old `emailAddress` attributes.
    /// Values that are no plain address are left out, so that nothing can hide in one.
    pub fn emails(&self) -> &[String] {
        &self.0.emails
    }

    /// Returns the host and domain names that the certificate is for.
    pub fn dns_names(&self) -> Vec<&str> {
        let names = self.alternative_names().iter();
        names
            .filter_map(|name| match name {
                AlternativeName::Dns(name) => Some(name.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Returns all subject alternative names.
    pub fn alternative_names(&self) -> &[AlternativeName] {
        &self.0.extensions.alternative_names
    }

    /// Returns the names that it may and may not give as an authority.
    pub fn name_limits(&self) -> NameLimits {
        NameLimits(self.0.extensions.name_constraints.clone().unwrap_or_default())
    }

    /// Returns the addresses where certificates of the issuer may be had (`caIssuers`, RFC 5280 section 4.2.2.1).
    pub fn issuer_urls(&self) -> impl Iterator<Item = &str> {
        access(&self.0.extensions.authority_information, extension::CA_ISSUERS)
    }

    /// Returns the addresses of OCSP responders (RFC 5280 section 4.2.2.1).
    pub fn ocsp_urls(&self) -> impl Iterator<Item = &str> {
        access(&self.0.extensions.authority_information, extension::OCSP)
    }

    /// Returns the addresses where certificates issued by the subject may be had (`caRepository`, RFC 5280 section 4.2.2.2).
    pub fn repository_urls(&self) -> impl Iterator<Item = &str> {
        access(&self.0.extensions.subject_information, extension::CA_REPOSITORY)
    }

    /// Returns the first second of validity, in Unix time.
    pub fn not_before(&self) -> i64 {
        self.0.not_before
    }

    /// Returns the last second of validity, in Unix time.
    pub fn not_after(&self) -> i64 {
        self.0.not_after
    }

    /// Returns true if the time lies within the validity, both ends included.
    pub fn is_valid_at(&self, at: i64) -> bool {
        (self.0.not_before..=self.0.not_after).contains(&at)
    }

    /// Returns the key usage, if the certificate restricts it.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.0.extensions.key_usage
    }

    /// Returns true if the key may be used in one of these ways; a certificate without key usages permits all.
    pub fn permits(&self, usage: KeyUsage) -> bool {
        self.key_usage().is_none_or(|permitted| permitted.permits(usage))
    }

    /// Returns the extended key usages, if the certificate restricts them.
    pub fn extended_key_usage(&self) -> Option<&[ExtendedKeyUsage]> {
        self.0.extensions.extended_key_usage.as_deref()
    }

    /// Returns true if the extended key usages permit this one; a certificate without them permits all.
    pub fn permits_extended(&self, usage: &ExtendedKeyUsage) -> bool {
        self.extended_key_usage().is_none_or(|permitted| {
            permitted.iter().any(|it| it == usage || *it == ExtendedKeyUsage::Any)
        })
    }

    /// Returns true if the subject may issue certificates (RFC 5280 section 4.2.1.9).
    pub fn is_ca(&self) -> bool {
        self.0.extensions.basic_constraints.is_some_and(|constraints| constraints.ca)
    }

    /// Returns how many authorities may be below this one, if it is one and there is a limit (RFC 5280 section 4.2.1.9).
    pub fn path_length(&self) -> Option<u32> {
        self.0.extensions.basic_constraints.and_then(|constraints| constraints.path_length)
    }

    /// Returns the pairs of a policy of the issuer and the policy of the subject that is taken for it, sorted (RFC 5280
    /// section 4.2.1.5).
    pub fn policy_mappings(&self) -> Vec<(String, String)> {
        let pairs = self.0.extensions.policy_mappings.iter();
        let mut pairs: Vec<_> =
            pairs.map(|(ours, theirs)| (ours.to_string(), theirs.to_string())).collect();
        pairs.sort();
        pairs
    }

    /// Returns true if subject and issuer are the same name (RFC 5280 section 3.2).
    pub fn is_self_issued(&self) -> bool {
        self.0.subject == self.0.issuer
    }

    /// Returns the SHA-256 of the whole certificate in lower-case hexadecimal.
    pub fn fingerprint_sha256(&self) -> String {
        hex(&self.0.fingerprint)
    }

    /// Returns the SHA-256 of the whole certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.0.fingerprint
    }

    /// Returns the SHA-256 of the subject public key info.
    pub fn key_fingerprint(&self) -> [u8; 32] {
        self.0.key_fingerprint
    }

    /// Returns the subject public key info as DER.
    pub fn spki(&self) -> &[u8] {
        &self.0.spki
    }

    /// Returns the public key, unless it is of a kind that we cannot use.
    pub fn public_key(&self) -> Option<&PublicKey> {
        self.0.public_key.as_ref()
    }

    /// Returns the kind of the key for people, such as `EC P-256`, `RSA 2048` or `unknown key (Ed448, 1.3.101.113)`.
    pub fn key_kind(&self) -> String {
        let key = self.0.public_key.as_ref();
        key.map_or_else(
            || format!("unknown key ({})", unknown_kind(&self.0.spki)),
            |key| key.kind().to_string(),
        )
    }

    /// Returns the subject key identifier, if there is one.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.subject_key_id.as_deref()
    }

    /// Returns the identifier of the issuer's key, if there is one.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.authority_key_id.as_deref()
    }

    /// Returns the DER of `SMIMECapabilities`, which say what the subject's software reads (RFC 4262), if they are there.
    pub fn smime_capabilities(&self) -> Option<&[u8]> {
        self.0.extensions.smime_capabilities.as_deref()
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// Returns the version as people count it: 1, 2 or 3.
    pub(crate) fn version(&self) -> u8 {
        self.0.version
    }

    /// Returns the signed bytes.
    pub(crate) fn tbs(&self) -> &[u8] {
        self.0.der.get(self.0.tbs.clone()).unwrap_or_default()
    }

    pub(crate) fn signature_algorithm(&self) -> &[u8] {
        &self.0.signature_algorithm
    }

    pub(crate) fn algorithms_differ(&self) -> bool {
        self.0.algorithms_differ
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.0.signature
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.fingerprint == other.0.fingerprint && self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Certificate({}, serial {})", self.0.subject, self.serial_hex())
    }
}

impl Parts {
    /// Reads the certificate itself; RFC 5280 section 4.1 gives the order of the fields.
    fn read(der: &[u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let header = Header::decode(&mut reader)?;
        header.tag().assert_eq(Tag::Sequence)?;
        let parts = reader.read_nested(header.length(), |reader| {
            let start = usize::try_from(reader.offset())?;
            let tbs_header = Header::decode(reader)?;
            tbs_header.tag().assert_eq(Tag::Sequence)?;
            let mut parts = reader.read_nested(tbs_header.length(), Self::read_signed)?;
            parts.tbs = start..usize::try_from(reader.offset())?;
            let algorithm = reader.tlv_bytes()?;
            parts.algorithms_differ = algorithm != parts.signature_algorithm;
            algorithm.clone_into(&mut parts.signature_algorithm);
            parts.signature = read_signature(reader)?;
            der::Result::Ok(parts)
        })?;
        reader.finish()?;
        Ok(Self { fingerprint: sha256(der), der: der.to_vec(), ..parts })
    }

    /// Reads the fields of `TBSCertificate`.
    fn read_signed(reader: &mut SliceReader<'_>) -> der::Result<Self> {
        let version = ContextSpecific::<u8>::decode_explicit(reader, TagNumber(0))?
            .map_or(0, |field| field.value);
        let serial = IntRef::decode(reader)?.as_bytes().to_vec();
        if version > 2 || serial.len() > MAX_SERIAL {
            return Err(reader.error(Tag::Integer.value_error()));
        }
        let signature_algorithm = reader.tlv_bytes()?.to_vec();
        let issuer = DistinguishedName::from_der(reader.tlv_bytes()?)?;
        let (not_before, not_after) = reader
            .sequence(|reader| der::Result::Ok((time::read(reader)?, time::read(reader)?)))?;
        let subject = DistinguishedName::from_der(reader.tlv_bytes()?)?;
        let spki = reader.tlv_bytes()?.to_vec();
        // Unique identifiers are read and ignored, as RFC 5280 section 4.1.2.8 has it.
        while reader.peek_byte().is_some_and(|tag| matches!(tag, 0x81 | 0x82)) {
            reader.tlv_bytes()?;
        }
        let extensions =
            ContextSpecific::<x509_cert::ext::Extensions>::decode_explicit(reader, TagNumber(3))?;
        let extensions =
            Extensions::read(extensions.as_ref().map_or(&[], |field| field.value.as_slice()))?;
        Ok(Self {
            der: Vec::new(),
            tbs: 0..0,
            version: version + 1,
            serial,
            signature_algorithm,
            algorithms_differ: false,
            signature: Vec::new(),
            emails: emails(&extensions, &subject),
            issuer,
            subject,
            not_before,
            not_after,
            public_key: PublicKey::from_spki_der(&spki).ok(),
            fingerprint: [0; 32],
            key_fingerprint: sha256(&spki),
            spki,
            extensions,
        })
    }
}

/// Reads the signature. One that is no whole number of octets is no signature of anybody, but no reason not to read the rest.
fn read_signature(reader: &mut SliceReader<'_>) -> der::Result<Vec<u8>> {
    let bits = AnyRef::decode(reader)?;
    bits.tag().assert_eq(Tag::BitString)?;
    match bits.value() {
        [0, signature @ ..] => Ok(signature.to_vec()),
        [1..=7, ..] => Ok(Vec::new()),
        _ => Err(reader.error(Tag::BitString.value_error())),
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = DigestAlgorithm::Sha256.digest(bytes);
    digest.as_ref().try_into().unwrap_or([0; 32])
}

fn access(
    descriptions: &[AccessDescription],
    method: ObjectIdentifier,
) -> impl Iterator<Item = &str> {
    let wanted = descriptions.iter().filter(move |it| it.method == method);
    wanted.map(|it| it.url.as_str())
}

/// Returns the plain addresses of a certificate, without doubles.
fn emails(extensions: &Extensions, subject: &DistinguishedName) -> Vec<String> {
    let mut emails: Vec<String> = Vec::new();
    let alternative = extensions.alternative_names.iter().filter_map(|name| match name {
        AlternativeName::Email(address) => Some(address),
        _ => None,
    });
    for address in alternative.chain(subject.emails()) {
        if emails.len() < MAX_EMAILS && is_plain_address(address) && !emails.contains(address) {
            emails.push(address.clone());
        }
    }
    emails
}

/// Returns true if the text is one address without quoting, comments or characters that could end it early.
fn is_plain_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_bad = |character: char| {
        character.is_control()
            || character.is_whitespace()
            || matches!(character, '@' | '<' | '>' | ',' | ';' | '"' | '(' | ')')
    };
    // RFC 5321 section 4.5.3.1.3 limits a path to 256 octets.
    !local.is_empty()
        && !domain.is_empty()
        && text.len() <= 254
        && !local.contains(is_bad)
        && !domain.contains(is_bad)
}

/// Labels of certificates in PEM; the second is an old form (RFC 7468 section 5.1).
const LABELS: [&str; 2] = ["CERTIFICATE", "X509 CERTIFICATE"];
/// Certificates with post-quantum keys reach 20 kB and gateway certificates list hundreds of domains; this leaves room for both.
const MAX_LENGTH: usize = 128 * 1024;
/// RFC 5280 section 4.1.2.2 allows 20 octets; some issuers spend one more on the sign.
const MAX_SERIAL: usize = 21;
/// A gateway certificate may list some hundred domains; the search for doubles is quadratic.
const MAX_EMAILS: usize = 1000;
