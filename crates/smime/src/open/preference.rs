//! Which certificate a signer wants to be encrypted to (RFC 8551 section 2.5.3).

use chancery_cms::{Identifier, SignerReport};
use chancery_pki::Certificate;

use crate::open::voucher::Vouchers;
use crate::trust::Anchor;

/// Returns the certificate (DER) that the signer names; of a signer who names none its own, or another one of the same
/// subject. It must have come along, be of the same anchor, and be for every author.
///
/// The signer is somebody who may speak for the authors; what is returned is as good as the signature is.
pub(super) fn certificate(
    signer: &SignerReport,
    vouchers: &Vouchers<'_>,
    anchor: &Anchor,
) -> Option<Vec<u8>> {
    let is_good = |it: &&Certificate| vouchers.encrypts(it, anchor);
    let found = if let Some(wanted) = &signer.encryption_key {
        vouchers.brought.iter().find(|it| is_named(it, wanted)).filter(is_good)
    } else {
        let own = Certificate::from_der(signer.certificate.as_deref()?).ok()?;
        let is_of_signer = |it: &&Certificate| it.subject_name() == own.subject_name();
        let mut of_signer = vouchers.brought.iter().filter(is_of_signer);
        let is_own = |it: &&Certificate| **it == own;
        of_signer.clone().find(is_own).filter(is_good).or_else(|| of_signer.find(is_good))
    };
    found.map(|certificate| certificate.der().to_vec())
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
