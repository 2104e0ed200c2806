//! Content with its digest: `DigestedData` (RFC 5652 section 7), for reading. It protects against accidents only.

use std::io::{Read, Write};

use chancery_crypto::{DigestAlgorithm, Hasher};

use crate::algorithms::{self, AlgorithmIdentifier};
use crate::ber::Reader;
use crate::content_info;
use crate::error::Error;
use crate::oid;
use crate::tlv::{Slice, tag};

/// What digested content was like. Anybody can make such a message: it proves nothing about the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DigestedReport {
    /// The digest algorithm.
    pub digest: DigestAlgorithm,
    /// Type of the content.
    pub content_type: String,
    /// How many bytes follow the message; they are ignored.
    pub trailing_bytes: u64,
}

/// Reads a message with a digest; fails with [`Error::MessageDigest`] if the content has another.
///
/// The sink receives content before its digest is known.
pub fn open_digested<R: Read, W: Write>(source: R, mut sink: W) -> Result<DigestedReport, Error> {
    let mut reader = Reader::new(source);
    content_info::open_as(&mut reader, oid::DIGESTED_DATA, "digested-data")?;
    let offset = reader.offset();
    let algorithm = reader.element(tag::SEQUENCE, MAX_STRUCTURE, "expected a digest algorithm")?;
    let algorithm = AlgorithmIdentifier::from_tlv(Slice::new(&algorithm, offset).any()?)?;
    let digest = algorithms::digest(algorithm.oid)?;
    let mut hasher = Hasher::new(digest);
    let (content_type, _) = content_info::encapsulated(&mut reader, |piece| {
        hasher.update(piece);
        Ok(sink.write_all(piece)?)
    })?;
    let offset = reader.offset();
    let expected = reader.element(tag::OCTET_STRING, MAX_STRUCTURE, "expected a digest")?;
    let trailing_bytes = content_info::close(reader)?;
    if hasher.finish().as_ref() != Slice::new(&expected, offset).any()?.content {
        return Err(Error::MessageDigest);
    }
    sink.flush()?;
    Ok(DigestedReport { digest, content_type: oid::text(&content_type), trailing_bytes })
}

/// An algorithm identifier or a digest: some dozen bytes.
const MAX_STRUCTURE: u64 = 1024;
