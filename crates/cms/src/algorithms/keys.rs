//! Algorithms that carry keys: transport, agreement, encapsulation, derivation, wrap (RFC 3370, 4055, 5753, 8418, 9629).

use std::num::NonZeroU32;

use chancery_crypto::transport::Oaep;
use chancery_crypto::{
    ContentCipher, DigestAlgorithm, KeyKind, KeyTransport, KeyWrap, PasswordWrap, Zeroizing, kdf,
};

use crate::algorithms::content::{content_cipher, content_cipher_der};
use crate::algorithms::{AlgorithmIdentifier, NULL, digest, digest_oid};
use crate::error::Error;
use crate::oid;
use crate::tlv::{Tlv, element, integer, sequence, tag};

/// Reads a key encryption algorithm of RSA.
pub(crate) fn key_transport(identifier: &AlgorithmIdentifier<'_>) -> Result<KeyTransport, Error> {
    match identifier.oid {
        oid::RSA_ENCRYPTION => Ok(KeyTransport::Pkcs1v15),
        oid::RSAES_OAEP => oaep(identifier).map(KeyTransport::Oaep),
        other => Err(unsupported("key transport", other)),
    }
}

/// Returns the identifier of a key transport algorithm.
pub(crate) fn key_transport_der(transport: &KeyTransport) -> Vec<u8> {
    let KeyTransport::Oaep(Oaep { digest, mask_digest, label }) = transport else {
        // RFC 3370 section 4.2.1: the parameters are NULL.
        return sequence(&[&oid::element(oid::RSA_ENCRYPTION), &NULL]);
    };
    // RFC 4055 section 2.1: hash identifiers in OAEP carry NULL; SHA-1 and no label are the defaults, left out in DER.
    let hash = |digest| sequence(&[&oid::element(digest_oid(digest)), &NULL]);
    let explicit = |number, content: &[u8]| element(tag::context(number), &[content]);
    let mut parameters = Vec::new();
    if *digest != DigestAlgorithm::Sha1 {
        parameters.extend(explicit(0, &hash(*digest)));
    }
    if *mask_digest != DigestAlgorithm::Sha1 {
        let mask = sequence(&[&oid::element(oid::MGF1), &hash(*mask_digest)]);
        parameters.extend(explicit(1, &mask));
    }
    if !label.is_empty() {
        let label = element(tag::OCTET_STRING, &[label]);
        parameters.extend(explicit(2, &sequence(&[&oid::element(oid::P_SPECIFIED), &label])));
    }
    sequence(&[&oid::element(oid::RSAES_OAEP), &sequence(&[&parameters])])
}

/// Reads `RSAES-OAEP-params` (RFC 4055 section 4.1).
fn oaep(identifier: &AlgorithmIdentifier<'_>) -> Result<Oaep, Error> {
    let sha1 = DigestAlgorithm::Sha1;
    let mut found = Oaep { digest: sha1, mask_digest: sha1, label: Vec::new() };
    let Some(parameters) =
        identifier.parameters.filter(|parameters| parameters.tag == tag::SEQUENCE)
    else {
        return Ok(found);
    };
    let mut fields = parameters.children();
    if let Some(field) = fields.optional(tag::context(0))? {
        found.digest = digest(explicit_algorithm(field)?.oid)?;
    }
    if let Some(field) = fields.optional(tag::context(1))? {
        let mask = explicit_algorithm(field)?;
        let inner = mask.required("mask function without a digest")?;
        if mask.oid != oid::MGF1 {
            return Err(unsupported("mask function", mask.oid));
        }
        found.mask_digest = digest(AlgorithmIdentifier::from_tlv(inner)?.oid)?;
    }
    if let Some(field) = fields.optional(tag::context(2))? {
        let source = explicit_algorithm(field)?;
        if source.oid != oid::P_SPECIFIED {
            return Err(unsupported("source of a label", source.oid));
        }
        found.label = source.parameters.map_or(&[][..], |label| label.content).to_vec();
    }
    fields.finish()?;
    Ok(found)
}

fn explicit_algorithm(field: Tlv<'_>) -> Result<AlgorithmIdentifier<'_>, Error> {
    AlgorithmIdentifier::from_tlv(field.children().expect(tag::SEQUENCE, "expected an algorithm")?)
}

/// How a key-encryption key is made of a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Derivation {
    /// HKDF (RFC 5869).
    Hkdf(DigestAlgorithm),
    /// ANSI X9.63 (RFC 5753 section 7.2).
    X963(DigestAlgorithm),
}

impl Derivation {
    /// Derives a key for the wrap.
    pub(crate) fn derive(
        self,
        wrap: KeyWrap,
        secret: &[u8],
        salt: &[u8],
        info: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut key = Zeroizing::new(vec![0; wrap.key_len()]);
        match self {
            Self::Hkdf(digest) => kdf::hkdf(digest, salt, secret, info, &mut key)?,
            Self::X963(digest) => kdf::x963(digest, secret, info, &mut key),
        }
        Ok(key)
    }

    /// Returns a name for reports.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Hkdf(digest) => format!("hkdf-{digest}"),
            Self::X963(digest) => digest.to_string(),
        }
    }
}

/// How a key is agreed and wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) derivation: Derivation,
    pub(crate) wrap: KeyWrap,
}

/// Reads a key agreement algorithm; returns the identifier of the key wrap as it was written too, because the key
/// derivation hashes it (RFC 5753 section 7.2).
pub(crate) fn key_agreement<'a>(
    identifier: &AlgorithmIdentifier<'a>,
) -> Result<(Agreement, &'a [u8]), Error> {
    let derivation = agreement_scheme(identifier.oid)
        .ok_or_else(|| unsupported("key agreement", identifier.oid))?;
    let parameters = identifier.required("key agreement without a key wrap")?;
    let wrap_identifier = AlgorithmIdentifier::from_tlv(parameters)?;
    let wrap = key_wrap(&wrap_identifier)?;
    Ok((Agreement { derivation, wrap }, wrap_identifier.whole))
}

/// Returns how the scheme of a key agreement makes its key, if we know the scheme.
pub(crate) fn agreement_scheme(oid: &[u8]) -> Option<Derivation> {
    SCHEMES.iter().find(|(scheme, _)| *scheme == oid).map(|(_, derivation)| *derivation)
}

/// Returns how we agree with a key of this kind: the digest of its strength, AES-256.
pub(crate) fn agreement_for(kind: KeyKind) -> Agreement {
    let derivation = match kind {
        // RFC 8418 section 2.2.
        KeyKind::X25519 => Derivation::Hkdf(DigestAlgorithm::Sha256),
        kind => Derivation::X963(kind.digest()),
    };
    Agreement { derivation, wrap: KeyWrap::Aes256 }
}

/// Returns the identifiers of a key agreement and of its key wrap.
pub(crate) fn key_agreement_der(agreement: Agreement) -> (Vec<u8>, Vec<u8>) {
    // Every derivation that we use is in the table, the usual scheme first.
    let scheme = SCHEMES
        .iter()
        .find(|(_, derivation)| *derivation == agreement.derivation)
        .map_or(oid::EC_PUBLIC_KEY, |(scheme, _)| scheme);
    let wrap = key_wrap_der(agreement.wrap);
    (sequence(&[&oid::element(scheme), &wrap]), wrap)
}

/// Returns `ECC-CMS-SharedInfo` (RFC 5753 section 7.2).
pub(crate) fn shared_info(
    wrap: KeyWrap,
    wrap_identifier: &[u8],
    user_keying_material: Option<&[u8]>,
) -> Vec<u8> {
    let bits = u32::try_from(wrap.key_len() * 8).unwrap_or(0).to_be_bytes();
    let public = element(tag::context(2), &[&element(tag::OCTET_STRING, &[&bits])]);
    let material = keying_material(user_keying_material);
    sequence(&[wrap_identifier, &material, &public])
}

/// Returns `CMSORIforKEMOtherInfo` (RFC 9629 section 5).
pub(crate) fn kem_other_info(
    wrap: KeyWrap,
    wrap_identifier: &[u8],
    user_keying_material: Option<&[u8]>,
) -> Vec<u8> {
    let length = integer(wrap.key_len() as u64);
    sequence(&[wrap_identifier, &length, &keying_material(user_keying_material)])
}

fn keying_material(material: Option<&[u8]>) -> Vec<u8> {
    material
        .map(|material| element(tag::context(0), &[&element(tag::OCTET_STRING, &[material])]))
        .unwrap_or_default()
}

/// Reads a key wrap.
pub(crate) fn key_wrap(identifier: &AlgorithmIdentifier<'_>) -> Result<KeyWrap, Error> {
    WRAPS
        .iter()
        .find(|(oid, _)| *oid == identifier.oid)
        .map(|(_, wrap)| *wrap)
        .ok_or_else(|| unsupported("key wrap", identifier.oid))
}

/// Returns the identifier of a key wrap; its parameters are absent (RFC 3565 section 2.3.2).
pub(crate) fn key_wrap_der(wrap: KeyWrap) -> Vec<u8> {
    let id = WRAPS.iter().find(|(_, known)| *known == wrap).map_or(oid::AES256_WRAP, |(id, _)| id);
    sequence(&[&oid::element(id)])
}

/// Reads the key derivation of `KEMRecipientInfo` (RFC 9629 section 5, RFC 8619).
pub(crate) fn key_derivation(identifier: &AlgorithmIdentifier<'_>) -> Result<Derivation, Error> {
    HKDFS
        .iter()
        .find(|(oid, _)| *oid == identifier.oid)
        .map(|(_, digest)| Derivation::Hkdf(*digest))
        .ok_or_else(|| unsupported("key derivation", identifier.oid))
}

/// Returns the identifier of HKDF with SHA-256, the one that RFC 9936 section 2.2.1 wants.
pub(crate) fn hkdf_sha256_der() -> Vec<u8> {
    let [(id, _), ..] = HKDFS;
    sequence(&[&oid::element(id)])
}

/// Returns the kind of ML-KEM key that an identifier names (RFC 9936 section 2.1).
pub(crate) fn ml_kem(identifier: &AlgorithmIdentifier<'_>) -> Result<KeyKind, Error> {
    ML_KEMS
        .iter()
        .find(|(oid, _)| *oid == identifier.oid)
        .map(|(_, kind)| *kind)
        .ok_or_else(|| unsupported("key encapsulation", identifier.oid))
}

/// Returns the identifier of a kind of ML-KEM key.
pub(crate) fn ml_kem_der(kind: KeyKind) -> Vec<u8> {
    let id = ML_KEMS.iter().find(|(_, known)| *known == kind).map_or(&[][..], |(id, _)| id);
    sequence(&[&oid::element(id)])
}

/// How a key is made of a password: PBKDF2 (RFC 8018 appendix A.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PasswordDerivation {
    pub(crate) digest: DigestAlgorithm,
    pub(crate) salt: Vec<u8>,
    pub(crate) rounds: NonZeroU32,
}

impl PasswordDerivation {
    /// Derives a key for the cipher of the wrap.
    pub(crate) fn derive(
        &self,
        cipher: ContentCipher,
        password: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut key = Zeroizing::new(vec![0; cipher.key_len()]);
        kdf::pbkdf2(self.digest, password, &self.salt, self.rounds, &mut key)?;
        Ok(key)
    }

    /// Reads an identifier of PBKDF2.
    pub(crate) fn from_identifier(identifier: &AlgorithmIdentifier<'_>) -> Result<Self, Error> {
        if identifier.oid != oid::PBKDF2 {
            return Err(unsupported("password derivation", identifier.oid));
        }
        let mut fields = identifier.required("PBKDF2 without parameters")?.children();
        let salt = fields.expect(tag::OCTET_STRING, "expected a salt")?.content.to_vec();
        let rounds = fields.expect(tag::INTEGER, "expected a number of rounds")?.unsigned()?;
        fields.optional(tag::INTEGER)?;
        let digest = match fields.optional(tag::SEQUENCE)? {
            None => DigestAlgorithm::Sha1,
            Some(function) => mac_digest(&AlgorithmIdentifier::from_tlv(function)?)?,
        };
        fields.finish()?;
        let within = u32::try_from(rounds).ok().filter(|rounds| *rounds <= MAX_ROUNDS);
        let rounds = within.and_then(NonZeroU32::new).ok_or(Error::Limit {
            what: "rounds of password derivation",
            limit: u64::from(MAX_ROUNDS),
        })?;
        Ok(Self { digest, salt, rounds })
    }

    /// Returns the fields of the identifier, without a tag: it is tagged implicitly. Only HMAC-SHA-256 is written.
    pub(crate) fn to_der(&self) -> Vec<u8> {
        let parameters = sequence(&[
            &element(tag::OCTET_STRING, &[&self.salt]),
            &integer(u64::from(self.rounds.get())),
            &sequence(&[&oid::element(oid::HMAC_SHA256), &NULL]),
        ]);
        [oid::element(oid::PBKDF2), parameters].concat()
    }
}

/// Reads the key wrap of a password recipient (RFC 3211 section 2.3).
pub(crate) fn password_wrap(identifier: &AlgorithmIdentifier<'_>) -> Result<PasswordWrap, Error> {
    if identifier.oid != oid::PASSWORD_WRAP {
        return Err(unsupported("password key wrap", identifier.oid));
    }
    let inner = AlgorithmIdentifier::from_tlv(identifier.required("key wrap without a cipher")?)?;
    let parameters = content_cipher(&inner)?;
    if parameters.cipher.is_authenticated() {
        return Err(unsupported("password key wrap", inner.oid));
    }
    Ok(PasswordWrap { cipher: parameters.cipher, iv: parameters.iv })
}

/// Returns the identifier of the key wrap of a password recipient.
pub(crate) fn password_wrap_der(wrap: &PasswordWrap) -> Vec<u8> {
    let cipher = content_cipher_der(wrap.cipher, &wrap.iv);
    sequence(&[&oid::element(oid::PASSWORD_WRAP), &cipher])
}

/// Returns the digest of an HMAC (RFC 8018 appendix B.1, RFC 3370 section 3.1).
pub(crate) fn mac_digest(identifier: &AlgorithmIdentifier<'_>) -> Result<DigestAlgorithm, Error> {
    MACS.iter()
        .find(|(oid, _)| *oid == identifier.oid)
        .map(|(_, digest)| *digest)
        .ok_or_else(|| unsupported("authentication code", identifier.oid))
}

fn unsupported(what: &str, id: &[u8]) -> Error {
    Error::Unsupported { what: format!("{what} {}", oid::text(id)) }
}

/// About a second of work for each password; honest messages have thousands of rounds, a careful few a million.
const MAX_ROUNDS: u32 = 2_000_000;

/// Schemes of RFC 5753 section 7.1.4 and RFC 8418 section 2.2. On the NIST curves the cofactor is one, so that the
/// cofactor variants (the second of each pair) compute the same secret.
const SCHEMES: [(&[u8], Derivation); 13] = [
    (
        &[0x2b, 0x81, 0x05, 0x10, 0x86, 0x48, 0x3f, 0x00, 0x02],
        Derivation::X963(DigestAlgorithm::Sha1),
    ),
    (
        &[0x2b, 0x81, 0x05, 0x10, 0x86, 0x48, 0x3f, 0x00, 0x03],
        Derivation::X963(DigestAlgorithm::Sha1),
    ),
    (&[0x2b, 0x81, 0x04, 0x01, 0x0b, 0x00], Derivation::X963(DigestAlgorithm::Sha224)),
    (&[0x2b, 0x81, 0x04, 0x01, 0x0e, 0x00], Derivation::X963(DigestAlgorithm::Sha224)),
    (&[0x2b, 0x81, 0x04, 0x01, 0x0b, 0x01], Derivation::X963(DigestAlgorithm::Sha256)),
    (&[0x2b, 0x81, 0x04, 0x01, 0x0e, 0x01], Derivation::X963(DigestAlgorithm::Sha256)),
    (&[0x2b, 0x81, 0x04, 0x01, 0x0b, 0x02], Derivation::X963(DigestAlgorithm::Sha384)),
    (&[0x2b, 0x81, 0x04, 0x01, 0x0e, 0x02], Derivation::X963(DigestAlgorithm::Sha384)),
    (&[0x2b, 0x81, 0x04, 0x01, 0x0b, 0x03], Derivation::X963(DigestAlgorithm::Sha512)),
    (&[0x2b, 0x81, 0x04, 0x01, 0x0e, 0x03], Derivation::X963(DigestAlgorithm::Sha512)),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x13],
        Derivation::Hkdf(DigestAlgorithm::Sha256),
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x14],
        Derivation::Hkdf(DigestAlgorithm::Sha384),
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x15],
        Derivation::Hkdf(DigestAlgorithm::Sha512),
    ),
];

const WRAPS: [(&[u8], KeyWrap); 4] = [
    (oid::AES128_WRAP, KeyWrap::Aes128),
    (oid::AES192_WRAP, KeyWrap::Aes192),
    (oid::AES256_WRAP, KeyWrap::Aes256),
    (oid::TRIPLE_DES_WRAP, KeyWrap::TripleDes),
];

/// id-alg-hkdf-with-sha256 and its kin (RFC 8619 section 2).
const HKDFS: [(&[u8], DigestAlgorithm); 3] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x1c], DigestAlgorithm::Sha256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x1d], DigestAlgorithm::Sha384),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x1e], DigestAlgorithm::Sha512),
];

const ML_KEMS: [(&[u8], KeyKind); 3] = [
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x01], KeyKind::MlKem512),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02], KeyKind::MlKem768),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x03], KeyKind::MlKem1024),
];

const MACS: [(&[u8], DigestAlgorithm); 6] = [
    (oid::HMAC_SHA256, DigestAlgorithm::Sha256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x07], DigestAlgorithm::Sha1),
    (&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x08, 0x01, 0x02], DigestAlgorithm::Sha1),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x08], DigestAlgorithm::Sha224),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0a], DigestAlgorithm::Sha384),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b], DigestAlgorithm::Sha512),
];

#[cfg(test)]
mod tests {
    use super::{
        Agreement, PasswordDerivation, SCHEMES, WRAPS, key_agreement, key_agreement_der,
        key_transport, key_transport_der,
    };
    use crate::algorithms::{AlgorithmIdentifier, parse};
    use crate::error::Error;
    use crate::tlv::{Slice, sequence};
    use chancery_crypto::transport::Oaep;
    use chancery_crypto::{DigestAlgorithm, KeyTransport};

    #[test]
    fn identifiers_survive_writing_and_reading() {
        let digests = DigestAlgorithm::ALL;
        for (digest, mask_digest) in digests.into_iter().zip(digests.into_iter().cycle().skip(1)) {
            let mixed = Oaep { digest, mask_digest, label: vec![1; 3] };
            for transport in
                [KeyTransport::Pkcs1v15, KeyTransport::oaep(digest), KeyTransport::Oaep(mixed)]
            {
                let der = key_transport_der(&transport);
                assert_eq!(key_transport(&parse(&der).unwrap()).unwrap(), transport);
            }
        }
        for (_, derivation) in SCHEMES {
            for (_, wrap) in WRAPS {
                let agreement = Agreement { derivation, wrap };
                let (der, wrap_der) = key_agreement_der(agreement);
                let (again, again_der) =
                    key_agreement(&parse(&der).unwrap()).map(|(a, d)| (a, d.to_vec())).unwrap();
                assert_eq!((again, again_der), (agreement, wrap_der));
            }
        }
    }

    #[test]
    fn work_for_passwords_is_limited() {
        let read = |rounds: u32| {
            let derivation = PasswordDerivation {
                digest: DigestAlgorithm::Sha256,
                salt: vec![1; 16],
                rounds: rounds.try_into().unwrap(),
            };
            let der = sequence(&[&derivation.to_der()]);
            let identifier = AlgorithmIdentifier::from_tlv(Slice::new(&der, 0).any()?)?;
            assert_eq!(PasswordDerivation::from_identifier(&identifier)?, derivation);
            Ok::<_, Error>(())
        };
        read(1).unwrap();
        read(2_000_000).unwrap();
        assert!(matches!(read(2_000_001), Err(Error::Limit { .. })));
    }
}
