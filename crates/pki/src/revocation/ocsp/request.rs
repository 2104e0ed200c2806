//! Asking a responder (RFC 6960 section 4.1, nonces by RFC 9654, transport by RFC 9919).

use chancery_crypto::DigestAlgorithm;

use crate::certificate::Certificate;
use crate::error::Error;
use crate::revocation::cursor::{OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, constructed, element};
use crate::revocation::ocsp::read::NONCE;
use crate::revocation::ocsp::{CertificateId, OcspResponse};

/// A question to a responder about one certificate.
#[derive(Clone, Debug)]
pub struct OcspRequest {
    id: CertificateId,
    nonce: Nonce,
}

/// Whether the answer must be made for this very request (RFC 9654).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nonce {
    /// Any answer that is current will do; it can be made in advance and kept (RFC 9919 section 3.1.1).
    Absent,
    /// A fresh answer is asked for; one without a nonce is taken too, since many responders cannot make one.
    Preferred([u8; 32]),
    /// Only a fresh answer is taken, so that an old one cannot be replayed.
    Required([u8; 32]),
}

impl OcspRequest {
    /// Asks about a certificate. RFC 9919 section 3.1.1 wants SHA-256 for naming it; old responders know SHA-1 only.
    pub fn new(
        certificate: &Certificate,
        issuer: &Certificate,
        digest: DigestAlgorithm,
        nonce: Nonce,
    ) -> Result<Self, Error> {
        Ok(Self { id: CertificateId::of(certificate, issuer, digest)?, nonce })
    }

    /// Returns the `OCSPRequest` in DER, not signed.
    pub fn to_der(&self) -> Vec<u8> {
        let request = element(SEQUENCE, &self.id.to_der());
        let mut fields = element(SEQUENCE, &request);
        if let Nonce::Preferred(nonce) | Nonce::Required(nonce) = &self.nonce {
            let value = element(OCTET_STRING, &element(OCTET_STRING, nonce));
            let extension = [element(OBJECT_IDENTIFIER, NONCE), value].concat();
            let extensions = element(SEQUENCE, &element(SEQUENCE, &extension));
            fields.extend(element(constructed(2), &extensions));
        }
        element(SEQUENCE, &element(SEQUENCE, &fields))
    }

    /// Returns the address for asking with GET, below that of the responder; `None` if it becomes longer than 255 octets
    /// and has to be sent with POST (RFC 6960 appendix A.1, RFC 9919 section 6.1).
    pub fn url(&self, responder: &str) -> Option<String> {
        let mut url = responder.trim_end_matches('/').to_owned();
        url.push('/');
        for character in base64_simd::STANDARD.encode_to_string(self.to_der()).chars() {
            match character {
                '+' => url.push_str("%2B"),
                '/' => url.push_str("%2F"),
                '=' => url.push_str("%3D"),
                other => url.push(other),
            }
        }
        (url.len() <= 255).then_some(url)
    }

    /// Reads the answer and makes sure that it is one to this question. Nothing else is verified yet.
    pub fn accept(&self, der: Vec<u8>) -> Result<OcspResponse, Error> {
        let response = OcspResponse::from_der(der)?;
        if !response.0.answers.iter().any(|answer| answer.id == self.id) {
            return Err(Error::Answer { reason: "it is about other certificates" });
        }
        let (sent, is_required) = match &self.nonce {
            Nonce::Absent => return Ok(response),
            Nonce::Preferred(nonce) => (nonce, false),
            Nonce::Required(nonce) => (nonce, true),
        };
        match response.nonce() {
            Some(nonce) if nonce == sent => Ok(response),
            Some(_) => Err(Error::Answer { reason: "it has the nonce of another request" }),
            None if is_required => Err(Error::Answer { reason: "it has no nonce" }),
            None => Ok(response),
        }
    }
}
