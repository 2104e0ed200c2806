//! Digests: SHA-2 for everything new, SHA-1 for reading old signatures.

use std::fmt;

use aws_lc_rs::digest;

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestAlgorithm {
    /// SHA-1: broken for signatures, so only read and always reported.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    /// Returns the length of the digest in bytes.
    pub fn output_len(self) -> usize {
        self.provider().output_len()
    }

    /// Returns the name as in `micalg` and `Authentication-Results` (RFC 8551 section 3.5.3.2).
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Returns true if nothing new may rest on it.
    pub fn is_weak(self) -> bool {
        matches!(self, Self::Sha1)
    }

    /// Returns the digest of the data.
    pub fn digest(self, data: &[u8]) -> Digest {
        Digest { algorithm: self, inner: digest::digest(self.provider(), data) }
    }

    fn provider(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
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
    context: digest::Context,
}

impl Hasher {
    /// Starts a digest.
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        Self { algorithm, context: digest::Context::new(algorithm.provider()) }
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        self.context.update(data);
    }

    /// Returns the digest of all the data.
    pub fn finish(self) -> Digest {
        Digest { algorithm: self.algorithm, inner: self.context.finish() }
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
    inner: digest::Digest,
}

impl Digest {
    /// Returns the algorithm.
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// Returns the form the provider's signature functions take.
    pub(crate) fn provider(&self) -> &digest::Digest {
        &self.inner
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.inner.as_ref()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.algorithm)?;
        self.as_ref().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{DigestAlgorithm, Hasher};

    #[test]
    fn known_answers() {
        // FIPS 180-4 examples for "abc".
        let cases = [
            (DigestAlgorithm::Sha1, "sha-1:a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                DigestAlgorithm::Sha256,
                "sha-256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
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
