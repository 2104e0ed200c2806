//! Which certificate a signer wants to be encrypted to (RFC 8551 section 2.5.3).

use chancery_cms::{Identifier, SignerReport};
use chancery_mail::address::Mailbox;
use chancery_pki::{Certificate, Purpose, encrypts_for, path};

use crate::trust::Anchor;

/// Returns the certificate (DER) that the signer names, if it came along, is of the same anchor, and is for every author.
///
/// The signer is somebody who may speak for the authors; what is returned is as good as the signature is.
pub(super) fn certificate(
    signer: &SignerReport,
    pool: &[Certificate],
    anchor: &Anchor,
    authors: &[Mailbox],
    at: i64,
) -> Option<Vec<u8>> {
    let wanted = signer.encryption_key.as_ref()?;
    let certificate = pool.iter().find(|it| is_named(it, wanted))?;
    let authority = Certificate::from_der(&anchor.certificate).ok()?;
    let is_for = |author: &Mailbox| {
        let address = format!("{}@{}", author.address.local(), author.address.ascii_domain());
        encrypts_for(certificate, &address, anchor.scope()).is_some()
    };
    let is_good = authors.iter().all(is_for)
        && path::check(certificate, pool, &[authority], Purpose::SmimeEncrypt, at).is_trusted();
    is_good.then(|| certificate.der().to_vec())
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
