//! OCSP responses (RFC 6960): what a responder says about certificates at one moment.
//!
//! One response holds answers about several certificates; each answer names its certificate by digests of the issuer's
//! name and key and by the serial number. Nothing is verified here.

mod certificate_id;
mod read;
mod request;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::certificate::Certificate;
use crate::error::Error;
use crate::name::DistinguishedName;
use crate::revocation::list::Entry;
use crate::revocation::signed::{Memo, Signed};
use crate::time;

pub(crate) use certificate_id::CertificateId;
pub use request::{Nonce, OcspRequest};

/// A response that was read without complaint. Nothing is verified yet; cloning is cheap.
#[derive(Clone)]
pub struct OcspResponse(Arc<Parts>);

/// One answer of a response.
#[derive(Clone)]
pub struct SingleResponse {
    response: OcspResponse,
    index: usize,
}

/// Who made a response (`ResponderID`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Responder {
    /// The SHA-1 of the bits of its key.
    Key(Vec<u8>),
    Name(DistinguishedName),
}

/// `CertStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CertificateStatus {
    Good,
    Revoked(Entry),
    Unknown,
}

struct Parts {
    der: Vec<u8>,
    signed: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
    responder: Responder,
    produced_at: i64,
    answers: Vec<Answer>,
    nonce: Option<Vec<u8>>,
    /// A critical extension of the response that we do not know.
    unknown_critical: Option<String>,
    /// Certificates that may be the responder's.
    certificates: Vec<Certificate>,
    memo: Memo,
}

/// `SingleResponse`.
struct Answer {
    id: CertificateId,
    status: CertificateStatus,
    this_update: i64,
    next_update: Option<i64>,
    unknown_critical: Option<String>,
}

impl OcspResponse {
    /// Reads an `OCSPResponse` in DER. One that says only that the responder failed is an error.
    pub fn from_der(der: Vec<u8>) -> Result<Self, Error> {
        read::response(der).map(|parts| Self(Arc::new(parts)))
    }

    /// Returns the bytes as they were read.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Returns when the response was signed, in Unix time.
    pub fn produced_at(&self) -> i64 {
        self.0.produced_at
    }

    /// Returns the nonce of the request that it answers, if it repeats one (RFC 9654).
    pub fn nonce(&self) -> Option<&[u8]> {
        self.0.nonce.as_deref()
    }

    /// Returns the certificates that came with it.
    pub fn certificates(&self) -> &[Certificate] {
        &self.0.certificates
    }

    /// Returns its answers.
    pub fn answers(&self) -> impl Iterator<Item = SingleResponse> + '_ {
        (0..self.0.answers.len()).map(|index| SingleResponse { response: self.clone(), index })
    }

    pub(crate) fn responder(&self) -> &Responder {
        &self.0.responder
    }

    /// Returns what was signed, for verifying.
    pub(crate) fn signed(&self) -> Signed<'_> {
        let part = |range: &Range<usize>| self.0.der.get(range.clone()).unwrap_or_default();
        Signed {
            algorithm: part(&self.0.algorithm),
            // `BasicOCSPResponse` names it once only, outside of what is signed.
            algorithms_differ: false,
            data: part(&self.0.signed),
            signature: part(&self.0.signature),
            memo: &self.0.memo,
        }
    }
}

impl SingleResponse {
    /// Returns the whole response.
    pub fn response(&self) -> &OcspResponse {
        &self.response
    }

    /// Returns the serial number of the certificate.
    pub fn serial(&self) -> &[u8] {
        self.answer().map_or(&[], |answer| answer.id.serial.as_slice())
    }

    /// Returns the time at which the status is known to be right, in Unix time.
    pub fn this_update(&self) -> i64 {
        self.answer().map_or(i64::MIN, |answer| answer.this_update)
    }

    /// Returns when newer information comes at the latest, in Unix time; if absent, it is always there.
    pub fn next_update(&self) -> Option<i64> {
        self.answer().and_then(|answer| answer.next_update)
    }

    /// Returns true if the answer is about the certificate.
    pub fn is_about(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        self.answer().is_some_and(|answer| answer.id.names(certificate, issuer))
    }

    pub(crate) fn status(&self) -> CertificateStatus {
        self.answer().map_or(CertificateStatus::Unknown, |answer| answer.status)
    }

    /// Returns a critical extension that we do not know, of the answer or of the whole response.
    pub(crate) fn unknown_critical(&self) -> Option<&str> {
        let own = self.answer().and_then(|answer| answer.unknown_critical.as_deref());
        own.or(self.response.0.unknown_critical.as_deref())
    }

    /// The index came from the list of answers.
    fn answer(&self) -> Option<&Answer> {
        self.response.0.answers.get(self.index)
    }
}

impl fmt::Display for Responder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(digest) => write!(formatter, "key {}", chancery_crypto::hex(digest)),
            Self::Name(name) => write!(formatter, "<{name}>"),
        }
    }
}

impl fmt::Display for SingleResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "response of {} of {}",
            self.response.0.responder,
            time::text(self.this_update())
        )
    }
}

impl fmt::Debug for SingleResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SingleResponse({self}, {:?})", self.status())
    }
}

impl fmt::Debug for OcspResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OcspResponse({}, {} answers)", self.0.responder, self.0.answers.len())
    }
}

impl PartialEq for OcspResponse {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for OcspResponse {}

impl PartialEq for SingleResponse {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.response == other.response
    }
}

impl Eq for SingleResponse {}

impl Serialize for SingleResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("SingleResponse", 5)?;
        fields.serialize_field("kind", "ocsp")?;
        fields.serialize_field("responder", &self.response.0.responder.to_string())?;
        fields.serialize_field("produced_at", &self.response.0.produced_at)?;
        fields.serialize_field("this_update", &self.this_update())?;
        fields.serialize_field("next_update", &self.next_update())?;
        fields.end()
    }
}
