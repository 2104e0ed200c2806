//! Measures protecting and opening: `cargo run --release -p chancery-smime --example protect_throughput`.
//!
//! Prints microseconds for 10 kB and MB/s for 10 MB with RSA-2048 and P-256 keys. The times are those of the wall:
//! run it on an idle machine, and compare within one run.
#![expect(clippy::print_stdout, reason = "it is a program that prints")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::{
    error::Error,
    io::{self, Cursor},
    time::{Duration, Instant},
};

use chancery_crypto::{KeyKind, PrivateKey};
use chancery_pki::{Organisation, issue};
use chancery_smime::{
    Anchor, Capabilities, ContentAlgorithm, MemorySpools, OpenFacts, OpeningKey, OuterHeaders,
    OuterSubject, Protection, RecipientKey, Signer, open, protect,
};

fn main() -> Result<(), Box<dyn Error>> {
    for kind in [KeyKind::Rsa2048, KeyKind::EcP256] {
        let bench = Bench::new(kind)?;
        for cipher in [ContentAlgorithm::Aes256Gcm, ContentAlgorithm::Aes256Cbc] {
            let (small, large) = (message(10_000), message(10_000_000));
            let name = format!("{kind} {}", cipher.as_str());
            let protecting = best(500, || bench.protect(&small, cipher).map(drop))?;
            let wire = bench.protect(&small, cipher)?;
            let opening = best(500, || bench.open(&wire))?;
            println!("{name}: 10 kB protect {protecting:?}, open {opening:?}");
            let protecting = best(10, || bench.discard(&large, cipher))?;
            let wire = bench.protect(&large, cipher)?;
            let opening = best(10, || bench.open(&wire))?;
            println!(
                "{name}: 10 MB protect {:.0} MB/s, open {:.0} MB/s",
                10.0 / protecting.as_secs_f64(),
                10.0 / opening.as_secs_f64()
            );
        }
    }
    Ok(())
}

struct Bench {
    signer: Signer,
    recipient: RecipientKey,
    opening: OpeningKey,
    anchors: Vec<Anchor>,
}

impl Bench {
    fn new(kind: KeyKind) -> Result<Self, Box<dyn Error>> {
        let organisation = Organisation::new("Acme", ["acme.example"])?;
        let ca_key = PrivateKey::generate(KeyKind::EcP256)?;
        let ca = issue::ca(&organisation, &ca_key, AT, [1; 20])?;
        let authority = issue::Authority { key: &ca_key, certificate: &ca };
        let key = PrivateKey::generate(kind)?;
        let public = key.public_key();
        let signing = issue::organisation_signing(&organisation, &authority, public, AT, [2; 20])?;
        let encryption =
            issue::organisation_encryption(&organisation, &authority, public, AT, [3; 20])?;
        Ok(Self {
            signer: Signer::new(key.clone(), signing.der(), &[])?,
            recipient: RecipientKey::new(encryption.der(), Capabilities::ours())?,
            opening: OpeningKey::new(key, encryption.der())?,
            anchors: vec![Anchor {
                name: "Acme".into(),
                certificate: ca.der().to_vec(),
                domains: vec!["acme.example".into()],
                own: false,
            }],
        })
    }

    fn protect(&self, message: &[u8], cipher: ContentAlgorithm) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut wire = Vec::with_capacity(message.len() * 3 / 2);
        self.protect_to(message, cipher, &mut wire)?;
        Ok(wire)
    }

    fn discard(&self, message: &[u8], cipher: ContentAlgorithm) -> Result<(), Box<dyn Error>> {
        self.protect_to(message, cipher, &mut io::sink())
    }

    fn protect_to(
        &self,
        message: &[u8],
        cipher: ContentAlgorithm,
        out: &mut dyn io::Write,
    ) -> Result<(), Box<dyn Error>> {
        let protection = Protection {
            signer: &self.signer,
            recipients: &[&self.recipient],
            cipher,
            signing_time: AT,
            boundary_seed: b"child",
        };
        let outer = OuterHeaders::copied_from(message, OuterSubject::Hide);
        protect(&mut &message[..], &outer, &protection, out)?;
        Ok(())
    }

    fn open(&self, wire: &[u8]) -> Result<(), Box<dyn Error>> {
        let facts = OpenFacts { at: AT, our_domains: &[] };
        let mut spools = MemorySpools::new(64 << 20);
        let keys = std::slice::from_ref(&self.opening);
        let opened = open(
            &mut Cursor::new(wire),
            keys,
            &self.anchors,
            &facts,
            &mut spools,
            &mut io::sink(),
        )?;
        if opened.verdict.result != chancery_smime::Outcome::Verified {
            return Err(format!("{:?}", opened.verdict).into());
        }
        Ok(())
    }
}

/// Returns the best of many times: the others were disturbed.
fn best(
    rounds: usize,
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Duration, Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn message(length: usize) -> Vec<u8> {
    let mut message = b"From: a@acme.example\r\nTo: b@acme.example\r\nSubject: x\r\n\r\n".to_vec();
    while message.len() < length {
        message.extend_from_slice(
            b"A line of text as people write it, neither long nor short, with CRLF.\r\n",
        );
    }
    message
}

const AT: i64 = 1_795_000_000;
