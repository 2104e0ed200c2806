//! Bundles of certificates and lists: the "certs-only" form of CMS that `.p7c` and `.p7b` files have (RFC 5652 section 5,
//! RFC 5280 section 4.2.2.1, RFC 8551 section 3.8), which signs nothing.
//!
//! The order of a bundle means nothing, and neither does being in it: nothing here is trusted or verified.

use crate::certificate::Certificate;
use crate::error::Error;
use crate::pem;
use crate::revocation::RevocationList;
use crate::revocation::cursor::{
    Cursor, Flaw, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET, constructed, element,
};

/// Certificates and lists that came or go together.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// The certificates.
    pub certificates: Vec<Certificate>,
    /// The lists of revoked certificates.
    pub lists: Vec<RevocationList>,
    /// How many certificates and lists of the file cannot be read; the others are none the worse for them.
    pub unreadable: usize,
}

impl Bundle {
    /// Reads a bundle: DER, or BER with lengths that are found at the end, or the first such block of a PEM text.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.first() == Some(&SEQUENCE) {
            return Self::from_ber(bytes);
        }
        let blocks = pem::blocks(bytes)?;
        let block = blocks.iter().find(|block| LABELS.contains(&block.label.as_str()));
        let reason = "there is no bundle of certificates in it";
        let block = block.ok_or(Error::Pem { offset: bytes.len(), reason })?;
        Self::from_ber(&block.der)
    }

    /// Reads a bundle in BER, of which DER is a part.
    pub fn from_ber(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_LENGTH {
            let reason = format!("longer than {MAX_LENGTH} bytes");
            return Err(Error::Malformed { what: WHAT, offset: MAX_LENGTH, reason });
        }
        let read = |bytes: &[u8]| Self::read(bytes).map_err(|flaw| flaw.within(WHAT));
        match definite(bytes) {
            Some(der) => read(&der),
            None => read(bytes),
        }
    }

    /// Writes the bundle in DER.
    pub fn to_der(&self) -> Vec<u8> {
        let certificates = self.certificates.iter().map(Certificate::der).collect();
        write(certificates, self.lists.iter().map(RevocationList::der).collect())
    }

    /// Writes the bundle as a PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode("PKCS7", &self.to_der())
    }

    /// Reads `ContentInfo` with the `SignedData` inside; signatures and content that may be there are passed over.
    fn read(der: &[u8]) -> Result<Self, Flaw> {
        let mut outer = Cursor::new(der);
        let mut info = outer.expect(SEQUENCE)?.open();
        outer.finish()?;
        let kind = info.expect(OBJECT_IDENTIFIER)?;
        if kind.content != SIGNED_DATA {
            return Err(kind.flaw("the content is not SignedData"));
        }
        let mut explicit = info.expect(constructed(0))?.open();
        info.finish()?;
        let mut data = explicit.expect(SEQUENCE)?.open();
        explicit.finish()?;
        data.expect(INTEGER)?;
        data.expect(SET)?;
        data.expect(SEQUENCE)?;
        let mut bundle = Self::default();
        if let Some(set) = data.optional(constructed(0))? {
            let mut items = set.open();
            while !items.is_empty() {
                let item = items.any()?;
                let certificate = Certificate::from_der(item.whole).ok();
                bundle.unreadable += usize::from(certificate.is_none());
                bundle.certificates.extend(certificate);
            }
        }
        if let Some(set) = data.optional(constructed(1))? {
            let mut items = set.open();
            while !items.is_empty() {
                let list = RevocationList::from_der(items.any()?.whole.to_vec()).ok();
                bundle.unreadable += usize::from(list.is_none());
                bundle.lists.extend(list);
            }
        }
        data.expect(SET)?;
        data.finish()?;
        Ok(bundle)
    }
}

/// Writes a bundle of one certificate (DER), which is copied as it is.
pub fn of_one(certificate: &[u8]) -> Vec<u8> {
    write(vec![certificate], Vec::new())
}

fn write(certificates: Vec<&[u8]>, lists: Vec<&[u8]>) -> Vec<u8> {
    let content = element(SEQUENCE, &element(OBJECT_IDENTIFIER, DATA));
    let mut fields = [element(INTEGER, &[1]), element(SET, &[]), content].concat();
    // RFC 5652 section 10.2.3: a set, so DER wants it sorted by encoding.
    let sorted = |mut encodings: Vec<&[u8]>| {
        encodings.sort_unstable();
        encodings.dedup();
        encodings.concat()
    };
    fields.extend(element(constructed(0), &sorted(certificates)));
    if !lists.is_empty() {
        fields.extend(element(constructed(1), &sorted(lists)));
    }
    fields.extend(element(SET, &[]));
    let signed_data = element(constructed(0), &element(SEQUENCE, &fields));
    element(SEQUENCE, &[element(OBJECT_IDENTIFIER, SIGNED_DATA), signed_data].concat())
}

/// Reads the certificates of a `CertificatePair`, as directories keep the cross-certificates of an authority: the one
/// issued to it, the one issued by it, or both (X.509 section 11.2.3, RFC 4523 section 2.3).
pub fn certificate_pair(der: &[u8]) -> Result<Vec<Certificate>, Error> {
    let within = |flaw: Flaw| flaw.within("a pair of certificates");
    let mut outer = Cursor::new(der);
    let mut pair = outer.expect(SEQUENCE).map_err(within)?.open();
    outer.finish().map_err(within)?;
    let mut certificates = Vec::new();
    for place in [constructed(0), constructed(1)] {
        if let Some(one) = pair.optional(place).map_err(within)? {
            certificates.push(Certificate::from_der(one.content)?);
        }
    }
    pair.finish().map_err(within)?;
    Ok(certificates)
}

/// Writes an element whose length is found at its end with a length in front; `None` if there is nothing to do or it
/// cannot be done. What has a length is copied as it is, so that no certificate is changed.
fn definite(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.get(1) != Some(&INDEFINITE) {
        return None;
    }
    // The elements that are open, with what is in them so far.
    let mut open: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut rest = bytes;
    loop {
        match rest {
            [0, 0, after @ ..] if !open.is_empty() => {
                rest = after;
                let (tag, content) = open.pop()?;
                let whole = element(tag, &content);
                match open.last_mut() {
                    Some((_, parent)) => parent.extend(whole),
                    None if rest.is_empty() => return Some(whole),
                    None => return None,
                }
            }
            [tag, INDEFINITE, after @ ..] if tag & CONSTRUCTED != 0 && open.len() < MAX_DEPTH => {
                open.push((*tag, Vec::new()));
                rest = after;
            }
            _ => {
                let whole = Cursor::new(rest).any().ok()?.whole;
                open.last_mut()?.1.extend_from_slice(whole);
                rest = rest.get(whole.len()..)?;
            }
        }
    }
}

/// What is read here, for messages.
const WHAT: &str = "a bundle of certificates";
/// Labels of bundles in PEM (RFC 7468 sections 8 and 9).
const LABELS: [&str; 2] = ["PKCS7", "CMS"];
/// A bridge with a thousand cross-certificates has some 2 MB, and lists may be with it.
const MAX_LENGTH: usize = 64 * 1024 * 1024;
/// `ContentInfo`, the explicit tag, `SignedData`, its sets and what is in them; the bytes are copied once for each level.
const MAX_DEPTH: usize = 8;
/// The length octet that says: to the end-of-contents octets.
const INDEFINITE: u8 = 0x80;
/// The bit of a tag whose element contains others.
const CONSTRUCTED: u8 = 0x20;
/// `id-data`.
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
/// `id-signedData`.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
