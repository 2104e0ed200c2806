//! `SMIMECapabilities`: what a program says that it reads (RFC 8551 section 2.5.2), as a signed attribute and as an
//! extension of certificates (RFC 4262).

use chancery_crypto::{DigestAlgorithm, KeyTransport, KeyWrap};

use crate::algorithms::AlgorithmIdentifier;
use crate::algorithms::keys::{self, Agreement, Derivation};
use crate::error::Error;
use crate::oid;
use crate::tlv::{Slice, Tlv, sequence, tag};

/// Returns what we read and like: ciphers, then ways to get their key, of each the best first.
pub(crate) fn ours() -> Vec<u8> {
    let ciphers = [
        oid::AES256_GCM,
        oid::AES128_GCM,
        oid::CHACHA20_POLY1305,
        oid::AES256_CBC,
        oid::AES192_CBC,
        oid::AES128_CBC,
    ];
    let mut capabilities: Vec<Vec<u8>> =
        ciphers.iter().map(|id| sequence(&[&oid::element(id)])).collect();
    // RFC 3560 section 5: the digest is named, because without parameters it would be SHA-1.
    capabilities.push(keys::key_transport_der(&KeyTransport::oaep(DigestAlgorithm::Sha256)));
    // RFC 5753 section 8: the scheme with the key wrap.
    for digest in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512] {
        let agreement = Agreement { derivation: Derivation::X963(digest), wrap: KeyWrap::Aes256 };
        capabilities.push(keys::key_agreement_der(agreement).0);
    }
    sequence(&capabilities.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// Returns the names of the capabilities in the DER of `SMIMECapabilities`, in their order, such as `aes256-gcm`,
/// `rsa-oaep-sha256` or `ecdh-sha256`, and object identifiers for what we do not know.
///
/// It is a hint and decides nothing by itself, so what cannot be read counts as not there; only the first 64 are read.
pub fn capability_names(der: &[u8]) -> Vec<String> {
    Slice::new(der, 0).expect(tag::SEQUENCE, "expected capabilities").map(names).unwrap_or_default()
}

/// Returns the names of the capabilities in a list.
pub(crate) fn names(list: Tlv<'_>) -> Vec<String> {
    let mut list = list.children();
    let mut names = Vec::new();
    while names.len() < MAX_CAPABILITIES
        && let Ok(capability) = list.expect(tag::SEQUENCE, "expected a capability")
        && let Ok(name) = name(capability)
    {
        names.push(name);
    }
    names
}

/// Names a capability; where the parameters decide what it is, they are part of the name.
fn name(capability: Tlv<'_>) -> Result<String, Error> {
    let identifier = AlgorithmIdentifier::from_tlv(capability)?;
    let known = match identifier.oid {
        oid::RSAES_OAEP => match keys::key_transport(&identifier) {
            // Who writes another label or mask than digest means something special.
            Ok(KeyTransport::Oaep(oaep))
                if oaep.label.is_empty() && oaep.digest == oaep.mask_digest =>
            {
                Some(format!("rsa-oaep-{}", oaep.digest.name().replacen("sha-", "sha", 1)))
            }
            _ => None,
        },
        other => keys::agreement_scheme(other).and_then(|derivation| match derivation {
            Derivation::X963(digest) => {
                Some(format!("ecdh-{}", digest.name().replacen("sha-", "sha", 1)))
            }
            Derivation::Hkdf(_) => None,
        }),
    };
    Ok(known.unwrap_or_else(|| oid::text(identifier.oid)))
}

/// Outlook lists some ten; what else is in a list of thousands is not honest.
const MAX_CAPABILITIES: usize = 64;

#[cfg(test)]
mod tests {
    use super::{capability_names, ours};
    use crate::oid;
    use crate::tlv::sequence;

    #[test]
    fn what_we_say_can_be_read() {
        assert_eq!(
            capability_names(&ours()),
            [
                "aes256-gcm",
                "aes128-gcm",
                "chacha20-poly1305",
                "aes256-cbc",
                "aes192-cbc",
                "aes128-cbc",
                "rsa-oaep-sha256",
                "ecdh-sha256",
                "ecdh-sha384",
                "ecdh-sha512"
            ]
        );
    }

    #[test]
    fn parameters_are_part_of_the_name() {
        // RFC 3560 section 5: without parameters it is OAEP with SHA-1; Outlook names RC2 with its bits.
        let oaep = sequence(&[&oid::element(oid::RSAES_OAEP), &sequence(&[])]);
        let rc2 = sequence(&[&oid::element(oid::RC2_CBC), &[2, 2, 0, 128]]);
        let list = sequence(&[&rc2, &oaep]);
        assert_eq!(capability_names(&list), ["rc2-cbc", "rsa-oaep-sha1"]);
    }

    #[test]
    fn a_hostile_list_is_cut() {
        let one = sequence(&[&oid::element(oid::AES128_CBC)]);
        let many = sequence(&vec![one.as_slice(); 10_000]);
        assert_eq!(capability_names(&many).len(), 64);
        assert_eq!(capability_names(&many[..many.len() - 1]), [""; 0], "cut off");
        assert_eq!(capability_names(&sequence(&[&one, &[0x30, 0x7f], &one])), ["aes128-cbc"]);
        assert_eq!(capability_names(b""), [""; 0]);
    }
}
