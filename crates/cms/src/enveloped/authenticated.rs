//! Content with an authentication code and no encryption: `AuthenticatedData` (RFC 5652 section 9), for reading.

use std::io::{Read, Write};

use chancery_crypto::kdf::Mac;
use chancery_crypto::{DigestAlgorithm, Hasher};

use crate::algorithms::keys::mac_digest;
use crate::algorithms::{self, AlgorithmIdentifier};
use crate::ber::Reader;
use crate::content_info::{self, Bag};
use crate::enveloped::key::DecryptionKey;
use crate::enveloped::search::Search;
use crate::enveloped::{EnvelopeProblem, MAX_STRUCTURE};
use crate::error::Error;
use crate::oid;
use crate::signed::attributes::Incoming;
use crate::tlv::{Slice, element, tag};

/// What an authenticated message was like. Whoever can check the code can make it: all recipients share the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticatedReport {
    /// The digest of the HMAC.
    pub digest: DigestAlgorithm,
    /// Type of the content.
    pub content_type: String,
    /// How the key reached us.
    pub key_management: String,
    /// Which of the keys given opened it.
    pub used: usize,
    /// What makes the authentication worth less.
    pub problems: Vec<EnvelopeProblem>,
    /// Certificates and revocation lists that the sender put beside it.
    pub originator: Bag,
    /// How many bytes follow the message; they are ignored.
    pub trailing_bytes: u64,
}

/// Reads a message with an authentication code, with whichever of the keys it is for.
///
/// The sink receives content that is **not verified**: release it only if the result is `Ok`. A wrong key and a wrong
/// code are the same [`Error::Decrypt`].
pub fn open_authenticated<R: Read, W: Write>(
    source: R,
    keys: &[DecryptionKey],
    mut sink: W,
) -> Result<AuthenticatedReport, Error> {
    let mut reader = Reader::new(source);
    content_info::open_as(&mut reader, oid::AUTHENTICATED_DATA, "authenticated-data")?;
    let originator = Bag::read_originator(&mut reader)?;
    let mut search = Search::new(keys);
    search.read(&mut reader)?;
    let digest = mac_digest(&algorithms::parse(&algorithm(&mut reader, tag::SEQUENCE)?)?)?;
    let content_digest = match reader.peek()? {
        Some(field) if field == tag::context(1) => Some(content_digest(&mut reader)?),
        _ => None,
    };
    // The key of an HMAC may have any length; that of its digest is the one that senders choose (RFC 2104 section 3).
    let opened = search.content_key(digest.output_len())?;
    let mut mac = Mac::new(digest, opened.key.as_bytes())?;
    let mut hasher = content_digest.map(Hasher::new);
    let (content_type, _) = content_info::encapsulated(&mut reader, |piece| {
        match &mut hasher {
            Some(hasher) => hasher.update(piece),
            None => mac.update(piece),
        }
        Ok(sink.write_all(piece)?)
    })?;
    let attributes = attributes(&mut reader)?;
    let offset = reader.offset();
    let code = reader.element(tag::OCTET_STRING, MAX_STRUCTURE, "expected the code")?;
    if reader.peek()? == Some(tag::context(3)) {
        reader.skip()?;
    }
    let trailing_bytes = content_info::close(reader)?;
    let is_content_right = match (&attributes, hasher) {
        (None, None) => true,
        (Some(set), Some(hasher)) => {
            // RFC 5652 section 9.2: the code is over the attributes then, and they hold the digest.
            mac.update(set);
            let incoming = Incoming::from_tlv(Slice::new(set, offset).any()?)?;
            incoming.content_type.as_deref() == Some(content_type.as_slice())
                && incoming.message_digest == hasher.finish().as_ref()
        }
        // Attributes without the digest's name, or the other way round.
        _ => false,
    };
    let is_code_right = mac.is(Slice::new(&code, offset).any()?.content);
    if !(opened.is_trusted && is_code_right && is_content_right) {
        return Err(Error::Decrypt);
    }
    sink.flush()?;
    Ok(AuthenticatedReport {
        digest,
        content_type: oid::text(&content_type),
        key_management: opened.method_name,
        used: opened.used,
        problems: opened.problems,
        originator,
        trailing_bytes,
    })
}

fn algorithm<R: Read>(reader: &mut Reader<R>, tag: u8) -> Result<Vec<u8>, Error> {
    reader.element(tag, MAX_STRUCTURE, "expected an algorithm")
}

/// Reads the digest of the content, `[1]` implicitly tagged.
fn content_digest<R: Read>(reader: &mut Reader<R>) -> Result<DigestAlgorithm, Error> {
    let offset = reader.offset();
    let field = algorithm(reader, tag::context(1))?;
    let identifier = AlgorithmIdentifier::from_tlv(Slice::new(&field, offset).any()?)?;
    algorithms::digest(identifier.oid)
}

/// Returns the authenticated attributes with the tag of SET OF, as the code covers them.
fn attributes<R: Read>(reader: &mut Reader<R>) -> Result<Option<Vec<u8>>, Error> {
    if reader.peek()? != Some(tag::context(2)) {
        return Ok(None);
    }
    let offset = reader.offset();
    let received = reader.any_element(MAX_STRUCTURE)?;
    Ok(Some(element(tag::SET, &[Slice::new(&received, offset).any()?.content])))
}

#[cfg(test)]
mod tests;
