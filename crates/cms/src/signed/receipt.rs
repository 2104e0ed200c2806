//! Signed receipts: making one for a signature, and finding out whether one is for it (RFC 2634 section 2).

use crate::error::Error;
use crate::oid;
use crate::signed::SignerReport;
use crate::signed::signer::{DetachedSigner, SignOptions, SignerKey};
use crate::tlv::{Slice, element, sequence, small_integer, tag};

/// What a signed receipt says: its content is the only thing that the signer signed (RFC 2634 section 2.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The type of the content whose receipt is confirmed: `data`, or an object identifier.
    pub content_type: String,
    /// The identifier of the request that is answered.
    pub identifier: Vec<u8>,
    /// The signature that was checked.
    pub signature: Vec<u8>,
}

impl Receipt {
    /// Reads the content of a signed message whose content type is `receipt`.
    pub fn from_der(content: &[u8]) -> Result<Self, Error> {
        let mut outer = Slice::new(content, 0);
        let mut fields = outer.expect(tag::SEQUENCE, "expected a receipt")?.children();
        outer.finish()?;
        fields.expect(tag::INTEGER, "expected a version")?;
        let content_type = oid::text(fields.expect(tag::OID, "expected a content type")?.content);
        let octets = |it: crate::tlv::Tlv<'_>| it.content.to_vec();
        let identifier =
            fields.expect(tag::OCTET_STRING, "expected a content identifier").map(octets)?;
        let signature = fields.expect(tag::OCTET_STRING, "expected a signature").map(octets)?;
        fields.finish()?;
        Ok(Self { content_type, identifier, signature })
    }

    /// Says why this is no receipt for the signature `original`; `signer` is the signer of the receipt (RFC 2634 section
    /// 2.6).
    pub fn check(
        &self,
        signer: &SignerReport,
        original: &SignerReport,
    ) -> Result<(), &'static str> {
        let Some(request) = &original.services.receipt_request else {
            return Err("the message did not ask for a receipt");
        };
        if request.identifier != self.identifier {
            return Err("it answers another request");
        }
        if original.signature != self.signature {
            return Err("it confirms another signature");
        }
        match (&signer.services.message_signature_digest, &original.attributes_digest) {
            (Some(found), Some(expected)) if found == expected => Ok(()),
            (None, _) => Err("it does not say which signed attributes it confirms"),
            _ => Err("it confirms other signed attributes"),
        }
    }
}

/// Signs a receipt for a signature that was found right, and that asks for one (RFC 2634 section 2.5).
pub fn sign_receipt(
    original: &SignerReport,
    signers: &[SignerKey],
    extra_certificates: &[Vec<u8>],
    options: &SignOptions,
) -> Result<Vec<u8>, Error> {
    let (Some(request), Some(digest), Ok(())) =
        (&original.services.receipt_request, &original.attributes_digest, &original.result)
    else {
        return Err(Error::SignedAttributes { reason: "there is nothing to give a receipt for" });
    };
    let receipt = sequence(&[
        &small_integer(1),
        &oid::element(oid::DATA),
        &element(tag::OCTET_STRING, &[&request.identifier]),
        &element(tag::OCTET_STRING, &[&original.signature]),
    ]);
    let mut signer = DetachedSigner::new(signers, extra_certificates, options)?;
    signer.update(&receipt);
    signer.finish_receipt(&receipt, digest)
}
