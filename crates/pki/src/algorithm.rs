//! What the kind of a key means for its use.

use crate::certificate::Certificate;
use crate::extension::KeyUsage;

/// Returns the key usage that encrypting to the certificate's key needs (RFC 8550 section 4.4.2): transport for RSA,
/// agreement for EC; `None` for keys that only sign.
pub(crate) fn key_management(certificate: &Certificate) -> Option<KeyUsage> {
    let kind = certificate.public_key()?.kind();
    if kind.is_rsa() {
        Some(KeyUsage::KEY_ENCIPHERMENT)
    } else if kind.is_ec() {
        Some(KeyUsage::KEY_AGREEMENT)
    } else {
        None
    }
}
