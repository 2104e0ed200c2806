//! Object identifiers (content octets) that messages use, and how to print others.

use crate::tlv;

/// id-data (RFC 5652 section 4).
pub(crate) const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// id-signedData (RFC 5652 section 5.1).
pub(crate) const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// id-envelopedData (RFC 5652 section 6.1).
pub(crate) const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
/// id-ct-authEnvelopedData (RFC 5083 section 2).
pub(crate) const AUTH_ENVELOPED_DATA: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17];
/// id-ct-compressedData (RFC 3274).
pub(crate) const COMPRESSED_DATA: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x09];

/// id-digestedData (RFC 5652 section 7).
pub(crate) const DIGESTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x05];
/// id-ct-authData (RFC 5652 section 9.1).
pub(crate) const AUTHENTICATED_DATA: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x02];
/// id-alg-zlibCompress (RFC 3274 section 2).
pub(crate) const ZLIB: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x08];

/// id-contentType (RFC 5652 section 11.1).
pub(crate) const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
/// id-messageDigest (RFC 5652 section 11.2).
pub(crate) const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// id-signingTime (RFC 5652 section 11.3).
pub(crate) const SIGNING_TIME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05];
/// id-countersignature (RFC 5652 section 11.4).
pub(crate) const COUNTERSIGNATURE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x06];
/// smimeCapabilities (RFC 8551 section 2.5.2).
pub(crate) const SMIME_CAPABILITIES: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0f];
/// id-aa-encrypKeyPref (RFC 8551 section 2.5.3).
pub(crate) const ENCRYPTION_KEY_PREFERENCE: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0b];
/// Microsoft's forerunner of it, which Outlook writes still.
pub(crate) const MICROSOFT_ENCRYPTION_KEY: &[u8] =
    &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x10, 0x04];
/// id-aa-CMSAlgorithmProtect (RFC 6211 section 2).
pub(crate) const ALGORITHM_PROTECTION: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x34];
/// id-aa-signingCertificate (RFC 5035 section 5).
pub(crate) const SIGNING_CERTIFICATE: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0c];
/// id-aa-signingCertificateV2 (RFC 5035 section 3).
pub(crate) const SIGNING_CERTIFICATE_V2: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
/// id-aa-signatureType (RFC 3183 section 3.1).
pub(crate) const SIGNATURE_TYPE: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x1c];
/// id-sti-domainSig (RFC 3183 section 3.1).
pub(crate) const DOMAIN_SIGNATURE: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x09, 0x02];

/// id-aa-receiptRequest (RFC 2634 section 2.7).
pub(crate) const RECEIPT_REQUEST: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x01];
/// id-aa-securityLabel (RFC 2634 section 3.2).
pub(crate) const SECURITY_LABEL: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x02];
/// id-aa-mlExpandHistory (RFC 2634 section 4.4).
pub(crate) const LIST_EXPANSION: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x03];
/// id-aa-msgSigDigest (RFC 2634 section 2.6).
pub(crate) const MESSAGE_SIGNATURE_DIGEST: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x05];
/// id-aa-equivalentLabels (RFC 2634 section 3.4).
pub(crate) const EQUIVALENT_LABELS: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x09];
/// id-ct-receipt (RFC 2634 section 2.8).
pub(crate) const RECEIPT: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x01];

/// rsaEncryption (RFC 8017 appendix A.1).
pub(crate) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-RSAES-OAEP (RFC 8017 appendix A.2.1).
pub(crate) const RSAES_OAEP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07];
/// id-mgf1 (RFC 8017 appendix A.2.1).
pub(crate) const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
/// id-pSpecified (RFC 8017 appendix A.2.1).
pub(crate) const P_SPECIFIED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x09];
/// id-ecPublicKey (RFC 5480 section 2.1.1).
pub(crate) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// id-ce-subjectKeyIdentifier (RFC 5280 section 4.2.1.2).
pub(crate) const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];

/// id-X25519 (RFC 8410 section 3).
pub(crate) const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
/// id-ori-kem (RFC 9629 section 3).
pub(crate) const KEM_RECIPIENT: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x0d, 0x03];
/// id-alg-PWRI-KEK (RFC 3211 section 2.3).
pub(crate) const PASSWORD_WRAP: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x09];
/// id-PBKDF2 (RFC 8018 appendix A.2).
pub(crate) const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
/// hmacWithSHA256 (RFC 8018 appendix B.1.2).
pub(crate) const HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09];

pub(crate) const MD5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05];
pub(crate) const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
pub(crate) const SHA224: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04];
pub(crate) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
pub(crate) const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
pub(crate) const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
pub(crate) const SHA3_224: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x07];
pub(crate) const SHA3_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x08];
pub(crate) const SHA3_384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x09];
pub(crate) const SHA3_512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0a];
pub(crate) const SHAKE128: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0b];
pub(crate) const SHAKE256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0c];

/// des-ede3-cbc (RFC 3370 section 5.1).
pub(crate) const TRIPLE_DES_CBC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x07];
/// rc2-cbc (RFC 3370 section 5.2).
pub(crate) const RC2_CBC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x02];
/// id-alg-AEADChaCha20Poly1305 (RFC 8103 section 3).
pub(crate) const CHACHA20_POLY1305: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x12];
/// id-alg-CMS3DESwrap (RFC 3370 section 4.3.1).
pub(crate) const TRIPLE_DES_WRAP: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x06];
pub(crate) const AES128_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02];
pub(crate) const AES128_WRAP: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x05];
pub(crate) const AES128_GCM: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x06];
pub(crate) const AES192_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x16];
pub(crate) const AES192_WRAP: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x19];
pub(crate) const AES192_GCM: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x1a];
pub(crate) const AES256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
pub(crate) const AES256_WRAP: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2d];
pub(crate) const AES256_GCM: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2e];

/// Returns the identifier as an element.
pub(crate) fn element(oid: &[u8]) -> Vec<u8> {
    tlv::element(tlv::tag::OID, &[oid])
}

/// Returns a name that people know, or the numbers with dots.
pub(crate) fn text(oid: &[u8]) -> String {
    match NAMES.iter().find(|(known, _)| *known == oid) {
        Some((_, name)) => (*name).to_owned(),
        None => dotted(oid),
    }
}

/// Returns the numbers with dots, whatever the name.
pub(crate) fn numbers(oid: &[u8]) -> String {
    dotted(oid)
}

/// Returns the content octets of an identifier that is written in numbers with dots (X.690 section 8.19).
pub(crate) fn from_numbers(text: &str) -> Option<Vec<u8>> {
    let mut numbers = text.split('.').map(|number| number.parse::<u64>().ok());
    let (first, second) = (numbers.next()??, numbers.next()??);
    if first > 2 || first < 2 && second >= 40 || text.len() > MAX_TEXT {
        return None;
    }
    let mut oid = Vec::new();
    let joined = second.checked_add(first * 40)?;
    for number in std::iter::once(Some(joined)).chain(numbers) {
        let number = number?;
        let groups = (64 - number.leading_zeros()).div_ceil(7).max(1);
        oid.extend((0..groups).rev().map(|group| {
            let more = if group > 0 { 0x80 } else { 0 };
            u8::try_from(number >> (7 * group) & 0x7f).unwrap_or_default() | more
        }));
    }
    Some(oid)
}

/// Returns the numbers with dots; long or broken identifiers are cut, because the text goes into logs.
fn dotted(oid: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number: u64 = 0;
    for byte in oid.iter().take(MAX_SHOWN) {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if numbers.is_empty() {
            // X.690 section 8.19.4: the first two numbers share one.
            let first = (number / 40).min(2);
            numbers.push(first.to_string());
            numbers.push((number - first * 40).to_string());
        } else {
            numbers.push(number.to_string());
        }
        number = 0;
    }
    if oid.len() > MAX_SHOWN {
        numbers.push("...".to_owned());
    }
    numbers.join(".")
}

const MAX_SHOWN: usize = 40;

/// The longest identifier in use has some sixty characters.
const MAX_TEXT: usize = 128;

/// Names of what messages contain and we may have to refuse.
const NAMES: &[(&[u8], &str)] = &[
    (DATA, "data"),
    (SIGNED_DATA, "signed-data"),
    (ENVELOPED_DATA, "enveloped-data"),
    (AUTH_ENVELOPED_DATA, "auth-enveloped-data"),
    (COMPRESSED_DATA, "compressed-data"),
    (RSA_ENCRYPTION, "rsa"),
    (RSAES_OAEP, "rsa-oaep"),
    (DIGESTED_DATA, "digested-data"),
    (AUTHENTICATED_DATA, "authenticated-data"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06], "encrypted-data"),
    (AES128_CBC, "aes128-cbc"),
    (AES128_GCM, "aes128-gcm"),
    (AES192_CBC, "aes192-cbc"),
    (AES192_GCM, "aes192-gcm"),
    (AES256_CBC, "aes256-cbc"),
    (AES256_GCM, "aes256-gcm"),
    (CHACHA20_POLY1305, "chacha20-poly1305"),
    (TRIPLE_DES_CBC, "des-ede3-cbc"),
    (RC2_CBC, "rc2-cbc"),
    (&[0x2b, 0x0e, 0x03, 0x02, 0x07], "des-cbc"),
    (SHA1, "sha-1"),
    (SHA256, "sha-256"),
    (SHA384, "sha-384"),
    (SHA512, "sha-512"),
    (COUNTERSIGNATURE, "countersignature"),
    (RECEIPT, "receipt"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0e], "time-stamp"),
];

#[cfg(test)]
mod tests {
    use super::{from_numbers, text};

    #[test]
    fn identifiers_are_printed() {
        assert_eq!(text(super::DATA), "data");
        assert_eq!(text(&[0x55, 0x1d, 0x0e]), "2.5.29.14");
        assert_eq!(
            text(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f]),
            "1.2.840.113549.1.9.16.2.47"
        );
        assert_eq!(text(&[]), "");
        for numbers in [
            "2.5.29.14",
            "1.2.840.113549.1.9.16.2.47",
            "2.999.1",
            "0.39",
            "1.2.3.4",
            "2.16.840.1.101.2.1.8.3",
        ] {
            assert_eq!(text(&from_numbers(numbers).unwrap()), numbers);
        }
        for broken in ["", "1", "3.1", "1.40", "1.2.", "1.-2", "a.b", "1.2.99999999999999999999"] {
            assert_eq!(from_numbers(broken), None, "{broken}");
        }
        assert!(text(&[0xff; 300]).ends_with("..."));
    }
}
