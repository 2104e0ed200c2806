//! Keys from shared secrets and passwords, and message authentication codes.

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time, hmac, pbkdf2};
use zeroize::Zeroizing;

use crate::digest::{DigestAlgorithm, Hasher};
use crate::error::Error;

/// Derives key bytes from a shared secret (ANSI X9.63, SEC 1 section 3.6.1).
pub fn x963(digest: DigestAlgorithm, secret: &[u8], shared_info: &[u8], output: &mut [u8]) {
    for (counter, block) in (1u32..).zip(output.chunks_mut(digest.output_len())) {
        let mut hasher = Hasher::new(digest);
        hasher.update(secret);
        hasher.update(&counter.to_be_bytes());
        hasher.update(shared_info);
        fill(block, hasher.finish().as_ref());
    }
}

/// Derives key bytes with HKDF (RFC 5869); without a salt it is zeros, as section 2.2 says.
pub fn hkdf(
    digest: DigestAlgorithm,
    salt: &[u8],
    secret: &[u8],
    info: &[u8],
    output: &mut [u8],
) -> Result<(), Error> {
    let extracted = hmac::sign(&hmac::Key::new(hmac_algorithm(digest)?, salt), secret);
    let key = hmac::Key::new(hmac_algorithm(digest)?, extracted.as_ref());
    let mut previous = Zeroizing::new(Vec::new());
    let mut counters = 1..=u8::MAX;
    for block in output.chunks_mut(digest.output_len()) {
        let counter = counters.next().ok_or(Error::operation("HKDF output length"))?;
        let mut context = hmac::Context::with_key(&key);
        context.update(&previous);
        context.update(info);
        context.update(&[counter]);
        let tag = context.sign();
        fill(block, tag.as_ref());
        previous = Zeroizing::new(tag.as_ref().to_vec());
    }
    Ok(())
}

/// Derives key bytes from a password (RFC 8018 section 5.2) with HMAC on the digest.
pub fn pbkdf2(
    digest: DigestAlgorithm,
    password: &[u8],
    salt: &[u8],
    rounds: NonZeroU32,
    output: &mut [u8],
) -> Result<(), Error> {
    let algorithm = match digest {
        DigestAlgorithm::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        DigestAlgorithm::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        DigestAlgorithm::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        DigestAlgorithm::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        other => return Err(Error::Unsupported { what: format!("PBKDF2 with {other}") }),
    };
    pbkdf2::derive(algorithm, rounds, salt, password, output);
    Ok(())
}

/// HMAC over a stream (RFC 2104).
pub struct Mac {
    context: hmac::Context,
}

impl Mac {
    /// Starts with a key of any length.
    pub fn new(digest: DigestAlgorithm, key: &[u8]) -> Result<Self, Error> {
        let key = hmac::Key::new(hmac_algorithm(digest)?, key);
        Ok(Self { context: hmac::Context::with_key(&key) })
    }

    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        self.context.update(data);
    }

    /// Returns the code of the data.
    pub fn finish(self) -> Vec<u8> {
        self.context.sign().as_ref().to_vec()
    }

    /// Returns true if this is the code of the data; compared in constant time.
    pub fn is(self, code: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(self.context.sign().as_ref(), code).is_ok()
    }
}

impl std::fmt::Debug for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mac").finish_non_exhaustive()
    }
}

fn hmac_algorithm(digest: DigestAlgorithm) -> Result<hmac::Algorithm, Error> {
    match digest {
        DigestAlgorithm::Sha1 => Ok(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        DigestAlgorithm::Sha224 => Ok(hmac::HMAC_SHA224),
        DigestAlgorithm::Sha256 => Ok(hmac::HMAC_SHA256),
        DigestAlgorithm::Sha384 => Ok(hmac::HMAC_SHA384),
        DigestAlgorithm::Sha512 => Ok(hmac::HMAC_SHA512),
        other => Err(Error::Unsupported { what: format!("HMAC with {other}") }),
    }
}

fn fill(block: &mut [u8], bytes: &[u8]) {
    for (to, from) in block.iter_mut().zip(bytes) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::{Mac, hkdf, x963};
    use crate::digest::DigestAlgorithm;
    use crate::hex::hex;

    #[test]
    fn x963_known_answer() {
        // NIST CAVP, ANSI X9.63-2001 with SHA-256, count 0.
        let secret = [
            0x96, 0xc0, 0x56, 0x19, 0xd5, 0x6c, 0x32, 0x8a, 0xb9, 0x5f, 0xe8, 0x4b, 0x18, 0x26,
            0x4b, 0x08, 0x72, 0x5b, 0x85, 0xe3, 0x3f, 0xd3, 0x4f, 0x08,
        ];
        let mut output = [0; 16];
        x963(DigestAlgorithm::Sha256, &secret, b"", &mut output);
        assert_eq!(hex(&output), "443024c3dae66b95e6f5670601558f71");
        // More than one block of the digest: the counter goes on.
        let mut long = [0; 48];
        x963(DigestAlgorithm::Sha256, &secret, b"", &mut long);
        assert_eq!(long[..16], output);
        assert_ne!(long[32..], output);
    }

    #[test]
    fn hkdf_known_answers() {
        // RFC 5869 appendix A.1 and A.3.
        let mut output = [0; 42];
        let (salt, info): (Vec<u8>, Vec<u8>) = ((0..13).collect(), (0xf0..0xfa).collect());
        hkdf(DigestAlgorithm::Sha256, &salt, &[0x0b; 22], &info, &mut output).unwrap();
        assert_eq!(
            hex(&output),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
        hkdf(DigestAlgorithm::Sha256, b"", &[0x0b; 22], b"", &mut output).unwrap();
        assert_eq!(
            hex(&output),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
        let mut long = vec![0; 255 * 32 + 1];
        assert!(hkdf(DigestAlgorithm::Sha256, b"", b"x", b"", &mut long).is_err());
    }

    #[test]
    fn hmac_known_answer() {
        // RFC 2202 section 3, test case 2.
        let expected = [
            0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74, 0x16, 0xd5, 0xf1, 0x84,
            0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79,
        ];
        let mut mac = Mac::new(DigestAlgorithm::Sha1, b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        assert!(mac.is(&expected));
        assert!(!Mac::new(DigestAlgorithm::Sha1, b"Jefe").unwrap().is(&expected));
    }
}
