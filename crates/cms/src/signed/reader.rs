//! Reads a `SignedData` from a stream (RFC 5652 section 5.1): everything but the content stays in memory, in limits.

use std::io::Read;

use chancery_crypto::DigestAlgorithm;

use crate::algorithms::{self, AlgorithmIdentifier};
use crate::ber::Reader;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::oid;
use crate::signed::signer_info::SignerInfo;
use crate::tlv::{Slice, tag};

/// Everything of a `SignedData` but the content.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) content_type: Vec<u8>,
    pub(super) has_content: bool,
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) signer_infos: Vec<SignerInfo>,
    pub(super) trailing_bytes: u64,
}

/// Takes the content while the message is read.
pub(super) trait ContentSink {
    /// Learns, before the content comes, which digests its signers need.
    fn announce(&mut self, digests: &[DigestAlgorithm]);

    /// Takes the next piece.
    fn take(&mut self, piece: &[u8]) -> Result<(), Error>;
}

/// Reads the message and hands its content, if there is one, to the sink.
pub(super) fn read<R: Read>(source: R, sink: &mut impl ContentSink) -> Result<Signed, Error> {
    let mut reader = Reader::new(source);
    open_content_info(&mut reader)?;
    reader.enter(tag::SEQUENCE, "expected SignedData")?;
    reader.element(tag::INTEGER, MAX_INTEGER, "expected a version")?;
    sink.announce(&digest_algorithms(&mut reader)?);
    let (content_type, has_content) = encapsulated_content(&mut reader, sink)?;
    let certificates = certificates(&mut reader)?;
    if reader.peek()? == Some(tag::context(1)) {
        // Revocation comes from where the caller trusts; lists in messages are not used.
        reader.skip()?;
    }
    let signer_infos = signer_infos(&mut reader)?;
    reader.leave()?;
    reader.leave()?;
    reader.leave()?;
    let trailing_bytes = reader.finish()?;
    Ok(Signed { content_type, has_content, certificates, signer_infos, trailing_bytes })
}

/// Enters `ContentInfo` and its content (RFC 5652 section 3).
fn open_content_info<R: Read>(reader: &mut Reader<R>) -> Result<(), Error> {
    reader.enter(tag::SEQUENCE, "expected ContentInfo")?;
    let content_type = object_identifier(reader, "expected a content type")?;
    if content_type != oid::SIGNED_DATA {
        return Err(Error::UnexpectedContent {
            expected: "signed-data",
            found: oid::text(&content_type),
        });
    }
    reader.enter(tag::context(0), "expected the content")
}

/// Returns the digest algorithms announced that we have.
fn digest_algorithms<R: Read>(reader: &mut Reader<R>) -> Result<Vec<DigestAlgorithm>, Error> {
    let mut found = Vec::new();
    let offset = reader.offset();
    let set = reader.element(tag::SET, MAX_STRUCTURE, "expected digest algorithms")?;
    let mut list = Slice::new(&set, offset).any()?.children();
    while !list.is_empty() {
        let identifier = AlgorithmIdentifier::from_tlv(
            list.expect(tag::SEQUENCE, "expected a digest algorithm")?,
        )?;
        match algorithms::digest(identifier.oid) {
            Ok(digest) if !found.contains(&digest) => found.push(digest),
            _ => {}
        }
    }
    Ok(found)
}

/// Hands the content on and returns its type and whether there is one.
fn encapsulated_content<R: Read>(
    reader: &mut Reader<R>,
    sink: &mut impl ContentSink,
) -> Result<(Vec<u8>, bool), Error> {
    reader.enter(tag::SEQUENCE, "expected the encapsulated content")?;
    let content_type = object_identifier(reader, "expected the type of the encapsulated content")?;
    let has_content = reader.peek()?.is_some();
    if has_content {
        reader.enter(tag::context(0), "expected the encapsulated content")?;
        reader.octets(tag::OCTET_STRING, |piece| sink.take(piece))?;
        reader.leave()?;
    }
    reader.leave()?;
    Ok((content_type, has_content))
}

/// Returns the X.509 certificates; other kinds (RFC 5652 section 10.2.2) are left out.
fn certificates<R: Read>(reader: &mut Reader<R>) -> Result<Vec<Vec<u8>>, Error> {
    let mut found = Vec::new();
    if reader.peek()? != Some(tag::context(0)) {
        return Ok(found);
    }
    reader.enter(tag::context(0), "expected certificates")?;
    while let Some(next) = reader.peek()? {
        if found.len() == MAX_CERTIFICATES {
            return Err(Error::Limit { what: "certificates", limit: MAX_CERTIFICATES as u64 });
        }
        if next == tag::SEQUENCE {
            found.push(reader.element_as_is(
                tag::SEQUENCE,
                MAX_STRUCTURE,
                "expected a certificate",
            )?);
        } else {
            reader.skip()?;
        }
    }
    reader.leave()?;
    Ok(found)
}

fn signer_infos<R: Read>(reader: &mut Reader<R>) -> Result<Vec<SignerInfo>, Error> {
    let mut found = Vec::new();
    reader.enter(tag::SET, "expected SignerInfos")?;
    while reader.peek()?.is_some() {
        if found.len() == MAX_SIGNERS {
            return Err(Error::Limit { what: "signers", limit: MAX_SIGNERS as u64 });
        }
        let offset = reader.offset();
        let info = reader.element(tag::SEQUENCE, MAX_SIGNER_INFO, "expected a SignerInfo")?;
        found.push(SignerInfo::from_slice(&info, offset)?);
    }
    reader.leave()?;
    Ok(found)
}

fn object_identifier<R: Read>(
    reader: &mut Reader<R>,
    what: &'static str,
) -> Result<Vec<u8>, Error> {
    let offset = reader.offset();
    let element = reader.element(tag::OID, MAX_OID, what)?;
    Ok(Slice::new(&element, offset).any()?.content.to_vec())
}

/// Reads the certificates that can be read; the others cannot be a signer's.
pub(super) fn readable(certificates: &[Vec<u8>]) -> Vec<Certificate> {
    certificates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
}

/// A certificate or an attribute list; the largest seen in practice have some kilobytes.
const MAX_STRUCTURE: u64 = 64 * 1024;

/// Unsigned attributes may carry time stamps with certificates of their own.
const MAX_SIGNER_INFO: u64 = 512 * 1024;

/// Every signer costs a signature check.
const MAX_SIGNERS: usize = 64;

/// Chains of some signers, and bags of certificates that people mail.
const MAX_CERTIFICATES: usize = 512;

/// A version number.
const MAX_INTEGER: u64 = 16;

/// Identifiers have some twenty bytes.
const MAX_OID: u64 = 128;
