//! Which algorithms and keys of certificates we accept, and the check of one signature.

use chancery_crypto::{Error, SignatureAlgorithm};

use crate::certificate::Certificate;
use crate::extension::KeyUsage;
use crate::path::Rule;

/// Checks that the issuer's key signed the certificate; tells the rule that does not hold and what was found.
pub(crate) fn verify(
    certificate: &Certificate,
    issuer: &Certificate,
) -> Result<(), (Rule, String)> {
    if certificate.algorithms_differ() {
        // RFC 5280 section 4.1.1.2: the identifier beside the signature must be the signed one.
        return Err((Rule::Signature, "names two different signature algorithms".to_owned()));
    }
    let Some(key) = issuer.public_key() else {
        return Err((
            Rule::Algorithm,
            format!("was signed by <{}> with an unknown kind of key", issuer.subject()),
        ));
    };
    let algorithm = SignatureAlgorithm::from_der(certificate.signature_algorithm())
        .map_err(|error| (Rule::Algorithm, format!("has an unusable signature: {error}")))?;
    key.verify(algorithm, certificate.tbs(), certificate.signature()).map_err(|error| match error {
        Error::Weak { what } => {
            (Rule::Algorithm, format!("has a signature that is too weak: {what}"))
        }
        Error::Unsupported { what } => {
            (Rule::Algorithm, format!("has an unusable signature: {what}"))
        }
        _ => (Rule::Signature, format!("is not signed by the key of <{}>", issuer.subject())),
    })
}

/// Checks that the key of the certificate is of a kind and size that we accept.
pub(crate) fn check_key(certificate: &Certificate) -> Result<(), String> {
    match certificate.public_key().map(chancery_crypto::PublicKey::kind) {
        None => Err("has an unknown kind of key".to_owned()),
        Some(kind) if kind.is_weak() => Err(format!("has a key that is too weak: {kind}")),
        Some(_) => Ok(()),
    }
}

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
