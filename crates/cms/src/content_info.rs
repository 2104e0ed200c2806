//! What all content types share: `ContentInfo` and the bags of certificates and revocation lists (RFC 5652 sections 3
//! and 10.2).

use std::io::Read;

use crate::ber::Reader;
use crate::error::Error;
use crate::oid;
use crate::tlv::{Slice, tag};

/// Enters `ContentInfo` and returns the content type.
pub(crate) fn open<R: Read>(reader: &mut Reader<R>) -> Result<Vec<u8>, Error> {
    reader.enter(tag::SEQUENCE, "expected ContentInfo")?;
    object_identifier(reader, "expected a content type")
}

/// Enters the content of `ContentInfo`, a sequence of this type, and reads its version.
pub(crate) fn enter_content<R: Read>(
    reader: &mut Reader<R>,
    what: &'static str,
) -> Result<(), Error> {
    reader.enter(tag::context(0), "expected the content")?;
    reader.enter(tag::SEQUENCE, what)?;
    reader.element(tag::INTEGER, MAX_INTEGER, "expected a version")?;
    Ok(())
}

/// Enters `ContentInfo` down to the version of a content of this type.
pub(crate) fn open_as<R: Read>(
    reader: &mut Reader<R>,
    content_type: &[u8],
    expected: &'static str,
) -> Result<(), Error> {
    let found = open(reader)?;
    if found != content_type {
        return Err(Error::UnexpectedContent { expected, found: oid::text(&found) });
    }
    enter_content(reader, "expected a sequence")
}

/// Leaves the content and `ContentInfo`; returns how many bytes follow.
pub(crate) fn close<R: Read>(mut reader: Reader<R>) -> Result<u64, Error> {
    reader.leave()?;
    reader.leave()?;
    reader.leave()?;
    reader.finish()
}

/// Reads an object identifier and returns its content octets.
pub(crate) fn object_identifier<R: Read>(
    reader: &mut Reader<R>,
    what: &'static str,
) -> Result<Vec<u8>, Error> {
    let offset = reader.offset();
    let element = reader.element(tag::OID, MAX_OID, what)?;
    Ok(Slice::new(&element, offset).any()?.content.to_vec())
}

/// Hands `EncapsulatedContentInfo` on (RFC 5652 section 5.2); returns its type and whether there is content.
pub(crate) fn encapsulated<R: Read>(
    reader: &mut Reader<R>,
    sink: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(Vec<u8>, bool), Error> {
    reader.enter(tag::SEQUENCE, "expected the encapsulated content")?;
    let content_type = object_identifier(reader, "expected the type of the encapsulated content")?;
    let has_content = reader.peek()?.is_some();
    if has_content {
        reader.enter(tag::context(0), "expected the encapsulated content")?;
        reader.octets(tag::OCTET_STRING, sink)?;
        reader.leave()?;
    }
    reader.leave()?;
    Ok((content_type, has_content))
}

/// Certificates and revocation lists that a message carries, as they came. Nothing of it is validated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bag {
    /// X.509 certificates in DER; other kinds (RFC 5652 section 10.2.2) are left out.
    pub certificates: Vec<Vec<u8>>,
    /// X.509 revocation lists in DER; other kinds (RFC 5652 section 10.2.1) are left out.
    pub crls: Vec<Vec<u8>>,
}

impl Bag {
    /// Reads `[0]` certificates and `[1]` revocation lists, each if it is there.
    pub(crate) fn read<R: Read>(reader: &mut Reader<R>) -> Result<Self, Error> {
        let certificates =
            Self::list(reader, 0, MAX_CERTIFICATE, MAX_CERTIFICATES, "certificates")?;
        let crls = Self::list(reader, 1, MAX_CRL, MAX_CRLS, "revocation lists")?;
        Ok(Self { certificates, crls })
    }

    /// Reads `OriginatorInfo` (RFC 5652 section 6.1) if it is there.
    pub(crate) fn read_originator<R: Read>(reader: &mut Reader<R>) -> Result<Self, Error> {
        if reader.peek()? != Some(tag::context(0)) {
            return Ok(Self::default());
        }
        reader.enter(tag::context(0), "expected the originator")?;
        let bag = Self::read(reader)?;
        reader.leave()?;
        Ok(bag)
    }

    fn list<R: Read>(
        reader: &mut Reader<R>,
        number: u8,
        max_len: u64,
        max_count: usize,
        what: &'static str,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let mut found = Vec::new();
        if reader.peek()? != Some(tag::context(number)) {
            return Ok(found);
        }
        reader.enter(tag::context(number), "expected a list")?;
        while let Some(next) = reader.peek()? {
            if found.len() == max_count {
                return Err(Error::Limit { what, limit: max_count as u64 });
            }
            if next == tag::SEQUENCE {
                found.push(reader.element_as_is(tag::SEQUENCE, max_len, what)?);
            } else {
                reader.skip()?;
            }
        }
        reader.leave()?;
        Ok(found)
    }
}

/// A version number.
const MAX_INTEGER: u64 = 16;

/// Identifiers have some twenty bytes.
const MAX_OID: u64 = 128;

/// The largest certificates seen in practice have some kilobytes, those with post-quantum keys and signatures ten.
const MAX_CERTIFICATE: u64 = 64 * 1024;

/// Chains of some signers, and bags of certificates that people mail.
const MAX_CERTIFICATES: usize = 512;

/// Large authorities' lists have millions of entries, but nobody puts those into mail.
const MAX_CRL: u64 = 8 * 1024 * 1024;

/// One for each authority in the bag.
const MAX_CRLS: usize = 64;
