//! The parts of the signed block that no signature covers, which a card must nevertheless have exactly right.
//!
//! Readers of CMS are lenient about version numbers and about the spelling of the issuer in the signer's identifier. A
//! card has one spelling, so that two copies with the same content are the same bytes and no change goes unnoticed.

use chancery_pki::Certificate;
use der::asn1::{ContextSpecific, ObjectIdentifier};
use der::{Decode, Header, Reader, SliceReader, Tag, TagNumber};

/// Returns true if the frame is the one that RFC 5652 section 5.1 and 5.3 prescribe for a card by this signer.
pub(super) fn is_exact(block: &[u8], signer: &Certificate) -> bool {
    read(block, signer).unwrap_or(false)
}

fn read(block: &[u8], signer: &Certificate) -> der::Result<bool> {
    let mut reader = SliceReader::new(block)?;
    let signed_data = reader.sequence(|reader| {
        reader.decode::<ObjectIdentifier>()?;
        let field =
            ContextSpecific::<der::asn1::AnyRef<'_>>::decode_explicit(reader, TagNumber(0))?;
        field.map(|field| field.value).ok_or_else(|| reader.error(Tag::Sequence.value_error()))
    })?;
    signed_data.sequence(|reader| {
        let version: u8 = reader.decode()?;
        let mut last = reader.tlv_bytes()?;
        while !reader.is_finished() {
            last = reader.tlv_bytes()?;
        }
        // Version 1: the content is `data` and the signer is named by issuer and serial number.
        Ok(version == 1 && names_signer(last, signer)?)
    })
}

/// Returns true if the one `SignerInfo` names its signer with the very bytes of the certificate.
fn names_signer(signer_infos: &[u8], signer: &Certificate) -> der::Result<bool> {
    let mut reader = SliceReader::new(signer_infos)?;
    Header::decode(&mut reader)?.tag().assert_eq(Tag::Set)?;
    reader.sequence(|reader| {
        let version: u8 = reader.decode()?;
        let is_same = reader.sequence(|reader| {
            let issuer = reader.tlv_bytes()?;
            let serial = der::asn1::IntRef::decode(reader)?;
            der::Result::Ok(
                issuer == signer.issuer_name().der() && serial.as_bytes() == signer.serial(),
            )
        })?;
        while !reader.is_finished() {
            reader.tlv_bytes()?;
        }
        Ok(version == 1 && is_same)
    })
}
