//! Reads the DER of a response (RFC 6960 section 4.2.1).

use crate::certificate::Certificate;
use crate::error::Error;
use crate::revocation::cursor::{
    self, BIT_STRING, Cursor, ENUMERATED, Element, Flaw, GENERALIZED_TIME, OBJECT_IDENTIFIER,
    OCTET_STRING, SEQUENCE, constructed, primitive,
};
use crate::revocation::list::{Entry, oid_text};
use crate::revocation::ocsp::{Answer, CertificateId, CertificateStatus, Parts, Responder};
use crate::revocation::point::{self, extension_parts};
use crate::revocation::reason::Reason;
use crate::revocation::signed::Memo;

/// Reads a response and keeps its bytes.
pub(super) fn response(der: Vec<u8>) -> Result<Parts, Error> {
    if der.len() > MAX_LENGTH {
        let reason = format!("longer than {MAX_LENGTH} bytes");
        return Err(Error::Malformed { what: WHAT, offset: MAX_LENGTH, reason });
    }
    let within = |flaw: Flaw| flaw.within(WHAT);
    let mut outer = Cursor::new(&der);
    let mut fields = outer.expect(SEQUENCE).map_err(within)?.open();
    outer.finish().map_err(within)?;
    let status = fields.expect(ENUMERATED).map_err(within)?;
    let refused = match status.content {
        [0] => None,
        [1] => Some("malformedRequest"),
        [2] => Some("internalError"),
        [3] => Some("tryLater"),
        [5] => Some("sigRequired"),
        [6] => Some("unauthorized"),
        _ => return Err(status.flaw("the status is none we know").within(WHAT)),
    };
    if let Some(status) = refused {
        return Err(Error::Responder { status });
    }
    let parts = basic(fields).map_err(within)?;
    Ok(Parts { der, ..parts })
}

/// Reads `ResponseBytes` with the `BasicOCSPResponse` inside.
fn basic(mut fields: Cursor<'_>) -> Result<Parts, Flaw> {
    let bytes = fields.expect(constructed(0))?;
    fields.finish()?;
    let mut outer = bytes.open();
    let mut typed = outer.expect(SEQUENCE)?.open();
    outer.finish()?;
    let kind = typed.expect(OBJECT_IDENTIFIER)?;
    if kind.content != BASIC {
        return Err(kind.flaw("the response is of an unknown type"));
    }
    let mut inner = typed.expect(OCTET_STRING)?.open();
    typed.finish()?;
    let mut basic = inner.expect(SEQUENCE)?.open();
    inner.finish()?;
    let signed = basic.expect(SEQUENCE)?;
    let algorithm = basic.expect(SEQUENCE)?;
    let signature = basic.expect(BIT_STRING)?;
    signature.octets_of_bits()?;
    let certificates = basic.optional(constructed(0))?;
    basic.finish()?;
    let end = signature.offset + signature.whole.len();
    let mut parts = data(signed.open())?;
    parts.certificates = certificates.map_or(Ok(Vec::new()), |list| self::certificates(&list))?;
    parts.signed = signed.offset..signed.offset + signed.whole.len();
    parts.algorithm = algorithm.offset..algorithm.offset + algorithm.whole.len();
    parts.signature = end - (signature.content.len() - 1)..end;
    Ok(parts)
}

/// Reads `ResponseData`.
fn data(mut fields: Cursor<'_>) -> Result<Parts, Flaw> {
    // Version 1 is the default and the only one.
    if let Some(version) = fields.optional(constructed(0))?
        && version.content != [2, 1, 0]
    {
        return Err(version.flaw("the version is not 1"));
    }
    let responder = fields.any()?;
    let mut inner = responder.open();
    let responder = match responder.tag {
        tag if tag == constructed(1) => Responder::Name(point::name(&inner.expect(SEQUENCE)?)?),
        tag if tag == constructed(2) => {
            Responder::Key(inner.expect(OCTET_STRING)?.content.to_vec())
        }
        _ => return Err(responder.flaw("the responder is named in an unknown form")),
    };
    inner.finish()?;
    let produced_at = generalized(&mut fields)?;
    let mut list = fields.expect(SEQUENCE)?.open();
    let mut answers = Vec::new();
    while !list.is_empty() {
        if answers.len() >= MAX_ANSWERS {
            return Err(list.flaw("there are too many answers"));
        }
        answers.push(answer(list.expect(SEQUENCE)?.open())?);
    }
    let extensions = fields.optional(constructed(1))?;
    fields.finish()?;
    let mut nonce = None;
    let unknown_critical = match extensions {
        None => None,
        Some(list) => extensions_of(&list, &[EXTENDED_REVOKE], &mut nonce)?,
    };
    Ok(Parts {
        der: Vec::new(),
        signed: 0..0,
        algorithm: 0..0,
        signature: 0..0,
        responder,
        produced_at,
        answers,
        nonce,
        unknown_critical,
        certificates: Vec::new(),
        memo: Memo::default(),
    })
}

/// Reads `SingleResponse`.
fn answer(mut fields: Cursor<'_>) -> Result<Answer, Flaw> {
    let id = CertificateId::read(&mut fields)?;
    let status = fields.any()?;
    let status = match status.tag {
        tag if tag == primitive(0) && status.content.is_empty() => CertificateStatus::Good,
        tag if tag == constructed(1) => CertificateStatus::Revoked(revoked(status.open())?),
        tag if tag == primitive(2) && status.content.is_empty() => CertificateStatus::Unknown,
        _ => return Err(status.flaw("the status of a certificate has an unknown form")),
    };
    let this_update = generalized(&mut fields)?;
    let next_update = match fields.optional(constructed(0))? {
        None => None,
        Some(next) => {
            let mut inner = next.open();
            let time = generalized(&mut inner)?;
            inner.finish()?;
            Some(time)
        }
    };
    let extensions = fields.optional(constructed(1))?;
    fields.finish()?;
    let known = [ARCHIVE_CUTOFF, CRL_REFERENCES];
    let unknown_critical = match extensions {
        None => None,
        Some(list) => extensions_of(&list, &known, &mut None)?,
    };
    Ok(Answer { id, status, this_update, next_update, unknown_critical })
}

/// Reads `RevokedInfo`.
fn revoked(mut fields: Cursor<'_>) -> Result<Entry, Flaw> {
    let since = generalized(&mut fields)?;
    let reason = match fields.optional(constructed(0))? {
        None => Reason::Unspecified,
        Some(reason) => {
            let mut inner = reason.open();
            let number = inner.expect(ENUMERATED)?;
            inner.finish()?;
            // A number that RFC 5280 does not have still says that the certificate is revoked.
            let known = <[u8; 1]>::try_from(number.content).ok();
            let known = known.and_then(|[number]| Reason::from_number(number));
            known.unwrap_or(Reason::Unspecified)
        }
    };
    fields.finish()?;
    Ok(Entry { since, invalid_since: None, reason })
}

/// Reads explicit `Extensions`: keeps the nonce, returns the first critical one that is neither known nor the nonce.
fn extensions_of(
    list: &Element<'_>,
    known: &[&[u8]],
    nonce: &mut Option<Vec<u8>>,
) -> Result<Option<String>, Flaw> {
    let mut outer = list.open();
    let mut cursor = outer.expect(SEQUENCE)?.open();
    outer.finish()?;
    let mut unknown = None;
    let mut seen: Vec<&[u8]> = Vec::new();
    while !cursor.is_empty() {
        let extension = cursor.expect(SEQUENCE)?;
        let (oid, critical, mut value) = extension_parts(&extension)?;
        if seen.contains(&oid) || seen.len() >= MAX_EXTENSIONS {
            return Err(extension.flaw("an extension occurs twice, or there are too many"));
        }
        seen.push(oid);
        if oid == NONCE {
            // RFC 9654 section 2.1: an octet string of 1 to 128 octets. Older responders repeat what they were sent.
            let octets = value.expect(OCTET_STRING)?.content;
            value.finish()?;
            *nonce = Some(octets.to_vec());
        } else if critical && !known.contains(&oid) && unknown.is_none() {
            unknown = Some(oid_text(oid));
        }
    }
    Ok(unknown)
}

/// Reads the certificates that came along. Those that cannot be read cannot be the responder's.
fn certificates(list: &Element<'_>) -> Result<Vec<Certificate>, Flaw> {
    let mut outer = list.open();
    let mut cursor = outer.expect(SEQUENCE)?.open();
    outer.finish()?;
    let mut certificates = Vec::new();
    while !cursor.is_empty() {
        let certificate = cursor.expect(SEQUENCE)?;
        if certificates.len() >= MAX_CERTIFICATES {
            return Err(certificate.flaw("there are too many certificates"));
        }
        certificates.extend(Certificate::from_der(certificate.whole).ok());
    }
    Ok(certificates)
}

/// RFC 6960 has `GeneralizedTime` everywhere.
fn generalized(fields: &mut Cursor<'_>) -> Result<i64, Flaw> {
    if fields.peek() == Some(GENERALIZED_TIME) {
        cursor::time(fields)
    } else {
        Err(fields.flaw("a GeneralizedTime was expected"))
    }
}

/// What is read here, for messages.
const WHAT: &str = "an OCSP response";
/// Usual responses have one to five kilobytes.
const MAX_LENGTH: usize = 1024 * 1024;
/// Answers of one response; usual is one, and each is compared with the certificate in question.
const MAX_ANSWERS: usize = 4096;
/// Certificates that come along; usual is one.
const MAX_CERTIFICATES: usize = 16;
/// Extensions in one place; the search for doubles is quadratic.
const MAX_EXTENSIONS: usize = 32;
/// `id-pkix-ocsp-basic`.
const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1];
/// `id-pkix-ocsp-nonce`.
pub(super) const NONCE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 2];
/// `id-pkix-ocsp-crl`: the list from which the responder knows it; a help for auditors.
const CRL_REFERENCES: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 3];
/// `id-pkix-ocsp-archive-cutoff`: how far back the responder remembers expired certificates.
const ARCHIVE_CUTOFF: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 6];
/// `id-pkix-ocsp-extended-revoke`: certificates that were never issued are told as revoked.
const EXTENDED_REVOKE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 9];
