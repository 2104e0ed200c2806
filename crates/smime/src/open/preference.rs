//! Which certificate a signer wants to be encrypted to (RFC 8551 section 2.5.3).

use chancery_cms::{Identifier, SignerReport};
use chancery_pki::Certificate;

use crate::open::voucher::Vouchers;
use crate::trust::Anchor;

/// Returns the certificate (DER) that the signer names, if it came along, is of the same anchor, and is for every author.
///
/// The signer is somebody who may speak for the authors; what is returned is as good as the signature is.
pub(super) fn certificate(
    signer: &SignerReport,
    vouchers: &Vouchers<'_>,
    anchor: &Anchor,
) -> Option<Vec<u8>> {
    let wanted = signer.encryption_key.as_ref()?;
    let certificate = vouchers.brought.iter().find(|it| is_named(it, wanted))?;
    vouchers.encrypts(certificate, anchor).then(|| certificate.der().to_vec())
}

fn is_named(certificate: &Certificate, name: &Identifier) -> bool {
    match name {
        Identifier::IssuerAndSerial { issuer, serial } => {
            certificate.serial() == serial && certificate.issuer_name().der() == issuer
        }
        Identifier::SubjectKeyIdentifier(identifier) => {
            certificate.subject_key_id() == Some(identifier)
        }
    }
}
