//! What the kind of a key means for its use, and what a kind is called that we cannot use.

use const_oid::ObjectIdentifier;

use crate::certificate::Certificate;
use crate::extension::KeyUsage;
use crate::revocation::cursor::{Cursor, Flaw, OBJECT_IDENTIFIER, SEQUENCE};

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

/// Names the algorithm of a `SubjectPublicKeyInfo` that we cannot use, and its curve, by name where it has one and by
/// object identifier.
pub(crate) fn unknown_kind(spki: &[u8]) -> String {
    named_kind(spki).unwrap_or_else(|_| "without an algorithm".to_owned())
}

fn named_kind(spki: &[u8]) -> Result<String, Flaw> {
    let mut algorithm = Cursor::new(spki).expect(SEQUENCE)?.open().expect(SEQUENCE)?.open();
    let kind = algorithm.expect(OBJECT_IDENTIFIER)?.content;
    // The curve, which is what is not known of a key on one (RFC 5480 section 2.1.1).
    let curve = algorithm.optional(OBJECT_IDENTIFIER)?.map(|curve| curve.content);
    let name = |content: &[u8]| {
        let Ok(oid) = ObjectIdentifier::from_bytes(content) else { return "unreadable".to_owned() };
        let known = UNUSABLE.iter().find(|(known, _)| *known == oid);
        known.map_or_else(|| oid.to_string(), |(_, name)| format!("{name}, {oid}"))
    };
    Ok(match curve {
        Some(curve) if kind == EC_PUBLIC_KEY.as_bytes() => format!("EC {}", name(curve)),
        _ => name(kind),
    })
}

/// `id-ecPublicKey` (RFC 5480).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// What people may meet and we do not compute with (RFC 3279, RFC 5639, RFC 8410, SEC 2).
const UNUSABLE: [(ObjectIdentifier, &str); 9] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.1"), "DSA"),
    (ObjectIdentifier::new_unwrap("1.2.840.10046.2.1"), "Diffie-Hellman"),
    (ObjectIdentifier::new_unwrap("1.2.156.10197.1.301"), "SM2"),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7"), "brainpoolP256r1"),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.11"), "brainpoolP384r1"),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.13"), "brainpoolP512r1"),
    (ObjectIdentifier::new_unwrap("1.3.101.111"), "X448"),
    (ObjectIdentifier::new_unwrap("1.3.101.113"), "Ed448"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), "secp256k1"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::cursor::{BIT_STRING, element};

    #[test]
    fn a_kind_that_we_cannot_use_is_named() {
        let oid = |text: &str| {
            let oid = ObjectIdentifier::new_unwrap(text);
            element(OBJECT_IDENTIFIER, oid.as_bytes())
        };
        let spki = |algorithm: &[Vec<u8>]| {
            let algorithm = element(SEQUENCE, &algorithm.concat());
            element(SEQUENCE, &[algorithm, element(BIT_STRING, &[0, 4])].concat())
        };
        let ec = || oid("1.2.840.10045.2.1");
        for (spki, name) in [
            (spki(&[oid("1.3.101.113")]), "Ed448, 1.3.101.113"),
            (spki(&[oid("1.2.3.4")]), "1.2.3.4"),
            (spki(&[ec(), oid("1.3.132.0.10")]), "EC secp256k1, 1.3.132.0.10"),
            (
                spki(&[ec(), oid("1.3.36.3.3.2.8.1.1.7")]),
                "EC brainpoolP256r1, 1.3.36.3.3.2.8.1.1.7",
            ),
            (spki(&[ec(), oid("1.2.3.4")]), "EC 1.2.3.4"),
            (spki(&[ec(), element(SEQUENCE, &[])]), "1.2.840.10045.2.1"),
            (spki(&[]), "without an algorithm"),
            (vec![], "without an algorithm"),
        ] {
            assert_eq!(unknown_kind(&spki), name);
        }
    }
}
