//! Reads a `SignedData` from a stream (RFC 5652 section 5.1): everything but the content stays in memory, in limits.

use std::io::Read;

use chancery_crypto::DigestAlgorithm;

use crate::algorithms::{self, AlgorithmIdentifier};
use crate::ber::Reader;
use crate::certificate::Certificate;
use crate::content_info::{self, Bag};
use crate::error::Error;
use crate::oid;
use crate::signed::signer_info::SignerInfo;
use crate::tlv::{Slice, tag};

/// Everything of a `SignedData` but the content.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) content_type: Vec<u8>,
    pub(super) has_content: bool,
    pub(super) bag: Bag,
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
    content_info::open_as(&mut reader, oid::SIGNED_DATA, "signed-data")?;
    sink.announce(&digest_algorithms(&mut reader)?);
    let (content_type, has_content) =
        content_info::encapsulated(&mut reader, |piece| sink.take(piece))?;
    let bag = Bag::read(&mut reader)?;
    let signer_infos = signer_infos(&mut reader)?;
    let trailing_bytes = content_info::close(reader)?;
    Ok(Signed { content_type, has_content, bag, signer_infos, trailing_bytes })
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

/// Reads the certificates that can be read; the others cannot be a signer's.
pub(super) fn readable(certificates: &[Vec<u8>]) -> Vec<Certificate> {
    certificates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
}

/// A list of digests; the largest seen in practice have some hundred bytes.
const MAX_STRUCTURE: u64 = 64 * 1024;

/// Unsigned attributes may carry time stamps with certificates of their own.
const MAX_SIGNER_INFO: u64 = 512 * 1024;

/// Every signer costs a signature check.
const MAX_SIGNERS: usize = 64;
