//! What CMS needs to know of a certificate: who issued it, its number, its key (RFC 5280 section 4.1).
//!
//! Nothing is validated here; that is `pki`'s work.

use std::ops::Range;

use chancery_crypto::{DigestAlgorithm, PrivateKey, PublicKey};

use crate::error::Error;
use crate::identity::Identifier;
use crate::oid;
use crate::tlv::{Slice, Tlv, tag};

/// A certificate in DER with the places of its interesting fields.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    der: Vec<u8>,
    serial: Range<usize>,
    issuer: Range<usize>,
    spki: Range<usize>,
    key_identifier: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate that the caller gives and the key in it; what is wrong with them is not a message's fault.
    pub(crate) fn for_use(der: &[u8]) -> Result<(Self, PublicKey), Error> {
        let read = || {
            let certificate = Self::from_der(der)?;
            let key = certificate.public_key()?;
            Ok((certificate, key))
        };
        read().map_err(|error: Error| Error::Certificate { reason: error.to_string() })
    }

    /// Reads a certificate that the caller gives; fails unless the private key belongs to it.
    pub(crate) fn with_key(der: &[u8], key: &PrivateKey) -> Result<Self, Error> {
        let (certificate, public) = Self::for_use(der)?;
        if public.key_bits() == key.public_key().key_bits() {
            return Ok(certificate);
        }
        Err(Error::Certificate {
            reason: "its public key is not that of the private key".to_owned(),
        })
    }

    /// Reads a certificate in DER.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let mut outer = Slice::new(der, 0);
        let certificate = outer.expect(tag::SEQUENCE, "expected a certificate")?;
        outer.finish()?;
        let tbs = certificate.children().expect(tag::SEQUENCE, "expected a TBSCertificate")?;
        let mut fields = tbs.children();
        fields.optional(tag::context(0))?;
        let serial = fields.expect(tag::INTEGER, "expected a serial number")?;
        fields.expect(tag::SEQUENCE, "expected a signature algorithm")?;
        let issuer = fields.expect(tag::SEQUENCE, "expected an issuer")?;
        fields.expect(tag::SEQUENCE, "expected a validity")?;
        fields.expect(tag::SEQUENCE, "expected a subject")?;
        let spki = fields.expect(tag::SEQUENCE, "expected a public key")?;
        fields.optional(tag::implicit(1))?;
        fields.optional(tag::implicit(2))?;
        let extensions = fields.optional(tag::context(3))?;
        let key_identifier = match extensions.map(subject_key_identifier).transpose()?.flatten() {
            Some(identifier) => identifier,
            None => usual_key_identifier(spki)?,
        };
        Ok(Self {
            serial: range(serial.content, serial.offset),
            issuer: whole_range(issuer),
            spki: whole_range(spki),
            key_identifier,
            der: der.to_vec(),
        })
    }

    /// Returns the whole certificate.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the content of the serial number.
    pub(crate) fn serial(&self) -> &[u8] {
        self.part(&self.serial)
    }

    /// Returns the issuer's name in DER.
    pub(crate) fn issuer(&self) -> &[u8] {
        self.part(&self.issuer)
    }

    /// Reads the public key.
    pub(crate) fn public_key(&self) -> Result<PublicKey, Error> {
        Ok(PublicKey::from_spki_der(self.part(&self.spki))?)
    }

    /// Returns the name under which messages know it.
    pub(crate) fn identifier(&self) -> Identifier {
        Identifier::IssuerAndSerial {
            issuer: self.issuer().to_vec(),
            serial: self.serial().to_vec(),
        }
    }

    /// Returns the subject key identifier: that of the extension, or else the one that senders compute.
    pub(crate) fn key_identifier(&self) -> &[u8] {
        &self.key_identifier
    }

    /// Returns true if the identifier names this certificate.
    pub(crate) fn is_named_by(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::IssuerAndSerial { issuer, serial } => {
                serial == self.serial() && crate::identity::same_name(issuer, self.issuer())
            }
            Identifier::SubjectKeyIdentifier(named) => *named == self.key_identifier,
        }
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.der.get(range.clone()).unwrap_or_default()
    }
}

fn subject_key_identifier(extensions: Tlv<'_>) -> Result<Option<Vec<u8>>, Error> {
    let list = extensions.children().expect(tag::SEQUENCE, "expected extensions")?;
    let mut list = list.children();
    while !list.is_empty() {
        let extension = list.expect(tag::SEQUENCE, "expected an extension")?;
        let mut fields = extension.children();
        let id = fields.expect(tag::OID, "expected an extension's identifier")?;
        if id.content != oid::SUBJECT_KEY_IDENTIFIER {
            continue;
        }
        let _critical = fields.optional(BOOLEAN)?;
        let value = fields.expect(tag::OCTET_STRING, "expected an extension's value")?;
        let identifier = value.children().expect(tag::OCTET_STRING, "expected a key identifier")?;
        return Ok(Some(identifier.content.to_vec()));
    }
    Ok(None)
}

/// Returns the digest of the key's bits (RFC 5280 section 4.2.1.2 method 1).
fn usual_key_identifier(spki: Tlv<'_>) -> Result<Vec<u8>, Error> {
    let mut fields = spki.children();
    fields.expect(tag::SEQUENCE, "expected the algorithm of a key")?;
    let bits = fields.expect(tag::BIT_STRING, "expected a public key")?.content;
    let key = bits.split_first().map(|(_, key)| key).unwrap_or_default();
    Ok(DigestAlgorithm::Sha1.digest(key).as_ref().to_vec())
}

fn whole_range(element: Tlv<'_>) -> Range<usize> {
    let header = element.whole.len() - element.content.len();
    let content = range(element.content, element.offset);
    content.start - header..content.end
}

/// Returns where content at this offset lies; the offset counts from the start of the certificate.
fn range(content: &[u8], offset: u64) -> Range<usize> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    start..start.saturating_add(content.len())
}

const BOOLEAN: u8 = 0x01;
