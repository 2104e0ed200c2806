//! Content encryption algorithms with their parameters (RFC 3370, 3565, 5084, 8103).

use chancery_crypto::ContentCipher;

use crate::algorithms::AlgorithmIdentifier;
use crate::error::Error;
use crate::oid;
use crate::tlv::{Tlv, element, sequence, small_integer, tag};

/// How a content cipher was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContentParameters {
    pub(crate) cipher: ContentCipher,
    pub(crate) iv: Vec<u8>,
    /// Length of the tag of an authenticated cipher.
    pub(crate) tag_len: usize,
}

/// Reads a content encryption algorithm.
pub(crate) fn content_cipher(
    identifier: &AlgorithmIdentifier<'_>,
) -> Result<ContentParameters, Error> {
    let parameters = || identifier.required("content cipher without parameters");
    if identifier.oid == oid::RC2_CBC {
        return rc2(parameters()?);
    }
    let cipher = CIPHERS
        .iter()
        .find(|(oid, _)| *oid == identifier.oid)
        .map(|(_, cipher)| *cipher)
        .ok_or_else(|| Error::Unsupported {
            what: format!("content cipher {}", oid::text(identifier.oid)),
        })?;
    match cipher {
        ContentCipher::Aes128Gcm | ContentCipher::Aes192Gcm | ContentCipher::Aes256Gcm => {
            gcm(cipher, parameters()?)
        }
        _ => {
            let iv = vector(cipher, parameters()?)?;
            let tag_len = if cipher.is_authenticated() { 16 } else { 0 };
            Ok(ContentParameters { cipher, iv, tag_len })
        }
    }
}

/// Returns the identifier of a content encryption algorithm with our parameters: a tag of 16 bytes for GCM.
pub(crate) fn content_cipher_der(cipher: ContentCipher, iv: &[u8]) -> Vec<u8> {
    let id =
        CIPHERS.iter().find(|(_, known)| *known == cipher).map_or(oid::AES256_GCM, |(oid, _)| oid);
    let iv = element(tag::OCTET_STRING, &[iv]);
    let has_tag_len = cipher.is_authenticated() && cipher != ContentCipher::ChaCha20Poly1305;
    let parameters = if has_tag_len { sequence(&[&iv, &small_integer(16)]) } else { iv };
    sequence(&[&oid::element(id), &parameters])
}

/// Reads a vector that is an octet string of its own.
fn vector(cipher: ContentCipher, parameters: Tlv<'_>) -> Result<Vec<u8>, Error> {
    if parameters.tag == tag::OCTET_STRING && parameters.content.len() == cipher.iv_len() {
        return Ok(parameters.content.to_vec());
    }
    Err(malformed(parameters, "expected an initialisation vector of the cipher's length"))
}

/// Reads `GCMParameters` (RFC 5084 section 3.2).
fn gcm(cipher: ContentCipher, parameters: Tlv<'_>) -> Result<ContentParameters, Error> {
    if parameters.tag != tag::SEQUENCE {
        return Err(malformed(parameters, "expected GCM parameters"));
    }
    let mut fields = parameters.children();
    let nonce = fields.expect(tag::OCTET_STRING, "expected a nonce")?.content;
    // aes-ICVlen DEFAULT 12, one of 12 to 16.
    let tag_len = match fields.optional(tag::INTEGER)?.map(|length| length.content) {
        None => 12,
        Some([length @ 12..=16]) => usize::from(*length),
        Some(_) => return Err(malformed(parameters, "tag length out of range")),
    };
    if nonce.is_empty() || nonce.len() > MAX_NONCE {
        return Err(malformed(parameters, "nonce length out of range"));
    }
    Ok(ContentParameters { cipher, iv: nonce.to_vec(), tag_len })
}

/// Reads `RC2-CBC-Parameter` (RFC 3370 section 5.2, RFC 2268 section 6): the bits of the key in a code of their own.
fn rc2(parameters: Tlv<'_>) -> Result<ContentParameters, Error> {
    if parameters.tag != tag::SEQUENCE {
        return Err(Error::Unsupported { what: "rc2-cbc with 32 bits".to_owned() });
    }
    let mut fields = parameters.children();
    let version = fields.expect(tag::INTEGER, "expected the version of RC2")?.unsigned()?;
    let cipher = match version {
        58 => ContentCipher::Rc2Cbc128,
        120 => ContentCipher::Rc2Cbc64,
        160 => ContentCipher::Rc2Cbc40,
        other => return Err(Error::Unsupported { what: format!("rc2-cbc version {other}") }),
    };
    let iv = vector(cipher, fields.any()?)?;
    fields.finish()?;
    Ok(ContentParameters { cipher, iv, tag_len: 0 })
}

fn malformed(at: Tlv<'_>, what: &'static str) -> Error {
    Error::Malformed { offset: at.offset, what }
}

/// The longest nonce that the cipher takes.
const MAX_NONCE: usize = 128;

/// All but RC2, whose parameters say which of its ciphers it is.
const CIPHERS: [(&[u8], ContentCipher); 8] = [
    (oid::AES128_CBC, ContentCipher::Aes128Cbc),
    (oid::AES128_GCM, ContentCipher::Aes128Gcm),
    (oid::AES192_CBC, ContentCipher::Aes192Cbc),
    (oid::AES192_GCM, ContentCipher::Aes192Gcm),
    (oid::AES256_CBC, ContentCipher::Aes256Cbc),
    (oid::AES256_GCM, ContentCipher::Aes256Gcm),
    (oid::CHACHA20_POLY1305, ContentCipher::ChaCha20Poly1305),
    (oid::TRIPLE_DES_CBC, ContentCipher::TripleDesCbc),
];

#[cfg(test)]
mod tests {
    use super::{CIPHERS, content_cipher, content_cipher_der};
    use crate::algorithms::parse;

    #[test]
    fn identifiers_survive_writing_and_reading() {
        for (_, cipher) in CIPHERS {
            let der = content_cipher_der(cipher, &vec![7; cipher.iv_len()]);
            let again = content_cipher(&parse(&der).unwrap()).unwrap();
            assert_eq!((again.cipher, again.iv.len()), (cipher, cipher.iv_len()));
        }
    }
}
