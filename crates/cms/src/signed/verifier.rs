//! Checks signatures over content that streams by.

use std::io::{self, Read, Write};

use chancery_crypto::{Digest, DigestAlgorithm, Hasher};

use crate::certificate::Certificate;
use crate::error::Error;
use crate::oid;
use crate::signed::SignedReport;
use crate::signed::reader::{self, ContentSink, Signed};
use crate::signed::signer_info::{BEGINNING, SignedContent};

/// Checks a signature over content that is outside.
#[derive(Debug)]
pub struct DetachedVerifier {
    signed: Signed,
    content: ContentDigests,
    extra: Vec<Certificate>,
}

impl DetachedVerifier {
    /// Reads the signature (DER or BER).
    pub fn new(signature: &[u8]) -> Result<Self, Error> {
        let signed = reader::read(signature, &mut Outside)?;
        if signed.has_content {
            // Two contents, inside and outside: whoever shows one and checks the other is deceived.
            return Err(Error::UnexpectedContent {
                expected: "a detached signature",
                found: "a signature with its content inside".to_owned(),
            });
        }
        let mut content = ContentDigests::default();
        for info in &signed.signer_infos {
            // Digests that we do not have are reported with their signers.
            content.add(info.digest().ok());
        }
        Ok(Self { signed, content, extra: Vec::new() })
    }

    /// Adds certificates (DER) to look for signers in, besides those in the message.
    pub fn add_certificates(&mut self, certificates: &[Vec<u8>]) {
        self.extra.extend(reader::readable(certificates));
    }

    /// Returns the digest algorithms that the signature uses.
    pub fn digests(&self) -> Vec<DigestAlgorithm> {
        self.content.hashers.iter().map(Hasher::algorithm).collect()
    }

    /// Adds content: the signed part in its canonical form, CRLF at the ends of lines.
    pub fn update(&mut self, content: &[u8]) {
        self.content.update(content);
    }

    /// Returns what each signature is worth. No certificate is validated here.
    pub fn finish(self) -> SignedReport {
        report(self.signed, self.content, self.extra)
    }
}

impl Write for DetachedVerifier {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        self.update(content);
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads signed content as a stream and writes it, **not verified**, to the sink; the report tells what it is worth.
pub fn open_signed_attached<R: Read, W: Write>(source: R, sink: W) -> Result<SignedReport, Error> {
    let mut inside = Inside { content: ContentDigests::default(), sink };
    let signed = reader::read(source, &mut inside)?;
    inside.sink.flush()?;
    if !signed.has_content && !signed.signer_infos.is_empty() {
        return Err(Error::UnexpectedContent {
            expected: "a signature with its content inside",
            found: "a detached signature".to_owned(),
        });
    }
    Ok(report(signed, inside.content, Vec::new()))
}

/// Reads signed content that is small, with what its signatures are worth. Look at the report before the content.
pub fn verify_attached(message: &[u8]) -> Result<(Vec<u8>, SignedReport), Error> {
    let mut content = Vec::new();
    let report = open_signed_attached(message, &mut content)?;
    Ok((content, report))
}

/// The digests of the content and its first bytes.
#[derive(Debug, Default)]
struct ContentDigests {
    hashers: Vec<Hasher>,
    beginning: Vec<u8>,
}

impl ContentDigests {
    fn add(&mut self, digest: Option<DigestAlgorithm>) {
        let is_new = |digest: &DigestAlgorithm| {
            self.hashers.iter().all(|hasher| hasher.algorithm() != *digest)
        };
        if let Some(digest) = digest.filter(is_new) {
            self.hashers.push(Hasher::new(digest));
        }
    }

    fn update(&mut self, content: &[u8]) {
        let missing = BEGINNING.saturating_sub(self.beginning.len());
        self.beginning.extend(content.iter().take(missing));
        for hasher in &mut self.hashers {
            hasher.update(content);
        }
    }
}

/// Content in the message: digested and handed on.
struct Inside<W> {
    content: ContentDigests,
    sink: W,
}

impl<W: Write> ContentSink for Inside<W> {
    fn announce(&mut self, digests: &[DigestAlgorithm]) {
        for digest in digests {
            self.content.add(Some(*digest));
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.content.update(piece);
        Ok(self.sink.write_all(piece)?)
    }
}

/// Content outside the message: whatever is inside is refused afterwards.
struct Outside;

impl ContentSink for Outside {
    fn announce(&mut self, _: &[DigestAlgorithm]) {}

    fn take(&mut self, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }
}

fn report(signed: Signed, content: ContentDigests, extra: Vec<Certificate>) -> SignedReport {
    let digests: Vec<Digest> = content.hashers.into_iter().map(Hasher::finish).collect();
    let signed_content = SignedContent {
        content_type: Some(&signed.content_type),
        digests: &digests,
        beginning: &content.beginning,
    };
    let mut certificates = reader::readable(&signed.bag.certificates);
    certificates.extend(extra);
    let signers = signed
        .signer_infos
        .iter()
        .map(|info| info.report(&signed_content, &certificates))
        .collect();
    SignedReport {
        signers,
        content_type: oid::text(&signed.content_type),
        certificates: signed.bag.certificates,
        crls: signed.bag.crls,
        trailing_bytes: signed.trailing_bytes,
    }
}
