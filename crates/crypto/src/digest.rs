//! Digests: SHA-2 and SHA-3 for everything new, SHA-1 and MD5 for reading old signatures.

use std::fmt;

use crate::shim::DigestStream;

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// MD5: anybody can make two messages with one digest, so only read and always reported.
    Md5,
    /// SHA-1: broken for signatures, so only read and always reported.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA3-224 (FIPS 202).
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
    /// SHAKE128 with 32 bytes of output (RFC 8702 section 3.1).
    Shake128,
    /// SHAKE256 with 64 bytes of output (RFC 8702 section 3.1).
    Shake256,
}

impl DigestAlgorithm {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Sha3_224,
        Self::Sha3_256,
        Self::Sha3_384,
        Self::Sha3_512,
        Self::Shake128,
        Self::Shake256,
    ];

    /// Returns the length of the digest in bytes.
    pub fn output_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 | Self::Sha3_224 => 28,
            Self::Sha256 | Self::Sha3_256 | Self::Shake128 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 | Self::Shake256 => 64,
        }
    }

    /// Returns the name as in `micalg` and `Authentication-Results` (RFC 8551 section 3.5.3.2, RFC 8702 section 5).
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha-1",
            Self::Sha224 => "sha-224",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
            Self::Sha3_224 => "sha3-224",
            Self::Sha3_256 => "sha3-256",
            Self::Sha3_384 => "sha3-384",
            Self::Sha3_512 => "sha3-512",
            Self::Shake128 => "shake128",
            Self::Shake256 => "shake256",
        }
    }

    /// Returns true if nothing new may rest on it.
    pub fn is_weak(self) -> bool {
        matches!(self, Self::Md5 | Self::Sha1)
    }

    /// Returns the digest of the data.
    pub fn digest(self, data: &[u8]) -> Digest {
        let mut hasher = Hasher::new(self);
        hasher.update(data);
        hasher.finish()
    }

    /// Returns true for functions whose output has the length that one asks for.
    pub(crate) fn has_any_length(self) -> bool {
        matches!(self, Self::Shake128 | Self::Shake256)
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A digest being computed over a stream.
#[derive(Clone)]
pub struct Hasher {
    algorithm: DigestAlgorithm,
    stream: DigestStream,
}

impl Hasher {
    /// Starts a digest.
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        Self { algorithm, stream: DigestStream::new(algorithm) }
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        self.stream.update(data);
    }

    /// Returns the digest of all the data.
    pub fn finish(self) -> Digest {
        let mut bytes = [0; MAX_LEN];
        let length = self.stream.finish(&mut bytes);
        Digest { algorithm: self.algorithm, bytes, length }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// A finished digest.
#[derive(Clone, Copy)]
pub struct Digest {
    algorithm: DigestAlgorithm,
    bytes: [u8; MAX_LEN],
    length: usize,
}

impl Digest {
    /// Returns the algorithm.
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.algorithm)?;
        self.as_ref().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The longest digest.
const MAX_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::{DigestAlgorithm, Hasher};

    #[test]
    fn lengths_and_copies() {
        for algorithm in DigestAlgorithm::ALL {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"a");
            let copy = hasher.clone();
            hasher.update(b"b");
            assert_eq!(hasher.finish().as_ref(), algorithm.digest(b"ab").as_ref());
            assert_eq!(copy.finish().as_ref(), algorithm.digest(b"a").as_ref());
            assert_eq!(algorithm.digest(b"").as_ref().len(), algorithm.output_len());
        }
    }

    #[test]
    fn known_answers() {
        // RFC 1321, FIPS 180-4 and FIPS 202 examples for "abc"; SHAKE checked with openssl.
        let cases = [
            (DigestAlgorithm::Md5, "md5:900150983cd24fb0d6963f7d28e17f72"),
            (DigestAlgorithm::Sha1, "sha-1:a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                DigestAlgorithm::Sha224,
                "sha-224:23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
            ),
            (
                DigestAlgorithm::Sha256,
                "sha-256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                DigestAlgorithm::Sha3_224,
                "sha3-224:e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
            ),
            (
                DigestAlgorithm::Sha3_256,
                "sha3-256:3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
            ),
            (
                DigestAlgorithm::Shake128,
                "shake128:5881092dd818bf5cf8a3ddb793fbcba74097d5c526a6d35f97b83351940f2cc8",
            ),
        ];
        for (algorithm, expected) in cases {
            assert_eq!(format!("{:?}", algorithm.digest(b"abc")), expected);
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"a");
            hasher.update(b"bc");
            assert_eq!(format!("{:?}", hasher.finish()), expected);
            assert_eq!(algorithm.digest(b"").as_ref().len(), algorithm.output_len());
        }
    }
}
