//! How OCSP names a certificate: `CertID` (RFC 6960 section 4.1.1).

use chancery_crypto::DigestAlgorithm;

use crate::certificate::Certificate;
use crate::error::Error;
use crate::revocation::cursor::{
    Cursor, Flaw, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, element,
};

/// The name of one certificate: digests of its issuer's name and key, and its serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateId {
    /// `None` for a digest that we do not know; it names nothing then.
    digest: Option<DigestAlgorithm>,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    pub(crate) serial: Vec<u8>,
}

impl CertificateId {
    /// Names a certificate.
    pub(super) fn of(
        certificate: &Certificate,
        issuer: &Certificate,
        digest: DigestAlgorithm,
    ) -> Result<Self, Error> {
        let key =
            issuer.public_key().ok_or_else(|| Error::request("the issuer's key is unknown"))?;
        if oid(digest).is_none() {
            return Err(Error::request(format!("responders do not know {digest}")));
        }
        Ok(Self {
            digest: Some(digest),
            issuer_name: digest.digest(certificate.issuer_name().der()).as_ref().to_vec(),
            issuer_key: digest.digest(key.key_bits()).as_ref().to_vec(),
            serial: certificate.serial().to_vec(),
        })
    }

    /// Returns true if this is the name of the certificate.
    pub(super) fn names(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        // The serial number first: it costs nothing.
        self.serial == certificate.serial()
            && self.digest.is_some_and(|digest| {
                Self::of(certificate, issuer, digest).is_ok_and(|id| id == *self)
            })
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Flaw> {
        let mut fields = cursor.expect(SEQUENCE)?.open();
        let algorithm = fields.expect(SEQUENCE)?.open().expect(OBJECT_IDENTIFIER)?;
        let issuer_name = fields.expect(OCTET_STRING)?.content.to_vec();
        let issuer_key = fields.expect(OCTET_STRING)?.content.to_vec();
        let serial = fields.expect(INTEGER)?.integer()?.to_vec();
        fields.finish()?;
        let known = DIGESTS.iter().find(|(_, oid)| *oid == algorithm.content);
        let digest = known.map(|(digest, _)| *digest);
        Ok(Self { digest, issuer_name, issuer_key, serial })
    }

    pub(super) fn to_der(&self) -> Vec<u8> {
        let oid = self.digest.and_then(oid).unwrap_or_default();
        // Parameters are NULL, as responders have had it since SHA-1.
        let algorithm = [element(OBJECT_IDENTIFIER, oid), element(0x05, &[])].concat();
        let fields = [
            element(SEQUENCE, &algorithm),
            element(OCTET_STRING, &self.issuer_name),
            element(OCTET_STRING, &self.issuer_key),
            element(INTEGER, &self.serial),
        ];
        element(SEQUENCE, &fields.concat())
    }
}

fn oid(digest: DigestAlgorithm) -> Option<&'static [u8]> {
    DIGESTS.iter().find(|(known, _)| *known == digest).map(|(_, oid)| *oid)
}

/// Digests of names, with the content of their object identifiers. SHA-1 only names here; it protects nothing
/// (RFC 6960 section 4.3, RFC 9919 wants SHA-256).
const DIGESTS: [(DigestAlgorithm, &[u8]); 4] = [
    (DigestAlgorithm::Sha1, &[0x2b, 14, 3, 2, 26]),
    (DigestAlgorithm::Sha256, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]),
    (DigestAlgorithm::Sha384, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2]),
    (DigestAlgorithm::Sha512, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3]),
];
