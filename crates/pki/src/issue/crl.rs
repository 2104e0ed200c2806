//! The certificate revocation list of an authority (RFC 5280 section 5).

use der::asn1::{Any, Uint};
use der::{Decode, Encode, Enumerated, Sequence};
use x509_cert::ext::Extensions;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

use crate::error::Error;
use crate::extension::{CRL_NUMBER, CRL_REASON, KeyUsage};
use crate::issue::{Authority, encode};

/// One certificate that no longer counts.
#[derive(Clone, Debug)]
pub struct Revoked {
    /// Its serial number, as [`crate::Certificate::serial`] returns it.
    pub serial: Vec<u8>,
    /// Since when, in Unix time.
    pub at: i64,
    /// Why.
    pub reason: Reason,
}

/// Why a certificate was revoked (RFC 5280 section 5.3.1), of those that fit here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[repr(u8)]
pub enum Reason {
    /// No reason is given; the entry then has no reason extension.
    Unspecified = 0,
    /// Somebody else may have the key.
    KeyCompromise = 1,
    /// The names are no longer right.
    AffiliationChanged = 3,
    /// Another certificate takes its place.
    Superseded = 4,
    /// It is no longer needed.
    CessationOfOperation = 5,
}

/// `TBSCertList`, version 2.
#[derive(Sequence)]
struct Signed {
    version: u8,
    signature: Any,
    issuer: Any,
    this_update: Time,
    next_update: Time,
    /// RFC 5280 section 5.1.2.6: absent when nothing is revoked.
    revoked: Option<Vec<Entry>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    extensions: Extensions,
}

/// One entry of `revokedCertificates`.
#[derive(Sequence)]
struct Entry {
    serial: SerialNumber,
    date: Time,
    extensions: Option<Extensions>,
}

/// Issues a revocation list in DER. `number` grows with each list of the authority.
pub fn crl(
    authority: &Authority<'_>,
    revoked: &[Revoked],
    this_update: i64,
    next_update: i64,
    number: u64,
) -> Result<Vec<u8>, Error> {
    if authority.key.public_key().spki_der() != authority.certificate.spki() {
        return Err(Error::request("the authority's key does not belong to its certificate"));
    }
    if authority.certificate.key_usage().is_some_and(|usage| !usage.permits(KeyUsage::CRL_SIGN)) {
        return Err(Error::request("the authority's key usage does not permit revocation lists"));
    }
    if next_update <= this_update {
        return Err(Error::request("the next update lies before this one"));
    }
    let algorithm = encode::algorithm_identifier(authority.key)?;
    let write = || -> der::Result<Vec<u8>> {
        let entries = revoked.iter().map(entry).collect::<der::Result<Vec<_>>>()?;
        Signed {
            version: 1,
            signature: Any::from_der(&algorithm)?,
            issuer: Any::from_der(authority.certificate.subject_name().der())?,
            this_update: encode::time(this_update)?,
            next_update: encode::time(next_update)?,
            revoked: (!entries.is_empty()).then_some(entries),
            extensions: vec![
                encode::authority_key_identifier(authority.certificate, authority.key)?,
                encode::extension(CRL_NUMBER, false, &Uint::new(&number.to_be_bytes())?)?,
            ],
        }
        .to_der()
    };
    let signed =
        write().map_err(|error| Error::malformed("the revocation list to issue", error))?;
    encode::sign(authority.key, &algorithm, &signed)
}

fn entry(revoked: &Revoked) -> der::Result<Entry> {
    let extensions = match revoked.reason {
        // RFC 5280 section 5.3.1: leave the extension out instead of saying "unspecified".
        Reason::Unspecified => None,
        reason => Some(vec![encode::extension(CRL_REASON, false, &reason)?]),
    };
    Ok(Entry {
        serial: SerialNumber::new(&revoked.serial)?,
        date: encode::time(revoked.at)?,
        extensions,
    })
}
