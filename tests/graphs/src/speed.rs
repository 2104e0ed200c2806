//! Paths in a second, beside OpenSSL and certval, in one run: ours is found in a pool, theirs is a chain that we found.
//!
//! Nothing is remembered between two turns, so each verifies every signature; revocation is not looked at.

use std::fs;
use std::io;
use std::path::Path;

use certval::CertificationPathResults;
use chancery_pki::Certificate;
use chancery_pki::path::{self, PolicyDemand, Pool, Purpose, Question, Trust, Verifier};
use chancery_pki::revocation::Evidence;

use crate::federation::Federation;
use crate::graph::{AT, Ask};
use crate::measure::processor_time;
use crate::others::certval as other;
use crate::others::openssl::{Asked, OpenSsl};

/// Microseconds for one path, or none where somebody refuses it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which paths.
    pub what: String,
    /// How many.
    pub paths: usize,
    /// Ours, with the search.
    pub ours: f64,
    /// OpenSSL's, for the chain.
    pub openssl: f64,
    /// certval's, for the chain.
    pub certval: f64,
}

/// Measures a path of a federation over two bridges, and the valid paths of NIST's suite in a folder.
pub fn table(openssl: &mut OpenSsl, pkits: &Path) -> io::Result<Vec<Row>> {
    let (anchor, pool, target) = Federation::new(90).far().ok_or(io::ErrorKind::NotFound)?;
    let mesh =
        measure("a path over two bridges of 90 organisations", openssl, &anchor, &pool, &[target])?;
    let (anchor, pool, targets) = suite(pkits)?;
    Ok(vec![mesh, measure("NIST PKITS, valid paths", openssl, &anchor, &pool, &targets)?])
}

fn measure(
    what: &str,
    openssl: &mut OpenSsl,
    anchor: &Certificate,
    pool: &Pool,
    targets: &[Certificate],
) -> io::Result<Row> {
    let trust =
        Trust { policies: PolicyDemand::default(), ..Trust::anchors(std::slice::from_ref(anchor)) };
    let (evidence, ask) = (Evidence::new(), Ask::default());
    let environment = other::environment();
    let settings =
        other::settings(&ask, AT).map_err(|error| io::Error::other(format!("{error:?}")))?;
    let mut row = Row { what: what.to_owned(), paths: 0, ours: 0.0, openssl: 0.0, certval: 0.0 };
    for target in targets {
        let decide = || {
            let verifier = Verifier::new();
            path::decide(&Question::new(
                target,
                Purpose::Any,
                AT,
                &trust,
                pool,
                &evidence,
                &verifier,
            ))
        };
        let answer = decide();
        let ders: Vec<&[u8]> =
            answer.path.steps.iter().map(|step| step.certificate.der()).collect();
        let [first, below @ ..] = ders.as_slice() else { continue };
        let below: Vec<&[u8]> = below.iter().rev().copied().collect();
        let asked = Asked {
            ask: &ask,
            at: AT,
            repeat: TURNS,
            anchors: &[first],
            others: &below,
            lists: &[],
        };
        let said = openssl.ask(&asked)?;
        let Ok(path) = other::path(&ders) else { continue };
        let validate = || {
            let mut results = CertificationPathResults::new();
            other::validate(&environment, &settings, &path, &mut results).is_ok()
        };
        // Only what all three accept is measured.
        if !answer.is_trusted() || said.error != 0 || !validate() {
            continue;
        }
        row.paths += 1;
        row.openssl += micro(said.nanoseconds);
        let start = processor_time();
        (0..TURNS).for_each(|_| drop(decide()));
        row.ours += micro(processor_time() - start);
        let start = processor_time();
        (0..TURNS).for_each(|_| assert!(validate()));
        row.certval += micro(processor_time() - start);
    }
    for sum in [&mut row.ours, &mut row.openssl, &mut row.certval] {
        *sum /= f64::from(u32::try_from(row.paths.max(1)).unwrap_or(u32::MAX)) * f64::from(TURNS);
    }
    Ok(row)
}

/// Reads NIST's suite: its anchor, all certificates, and those of the users.
fn suite(folder: &Path) -> io::Result<(Certificate, Pool, Vec<Certificate>)> {
    let (mut pool, mut targets, mut anchor) = (Pool::new(), Vec::new(), None);
    let mut files: Vec<_> = fs::read_dir(folder.join("certs"))?.collect::<io::Result<_>>()?;
    files.sort_by_key(fs::DirEntry::path);
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        let certificate =
            Certificate::from_der(&fs::read(file.path())?).map_err(io::Error::other)?;
        pool.add(&certificate);
        if name.starts_with("TrustAnchorRoot") {
            anchor = Some(certificate.clone());
        }
        if name.starts_with("Valid") {
            targets.push(certificate);
        }
    }
    Ok((anchor.ok_or(io::ErrorKind::NotFound)?, pool, targets))
}

impl std::fmt::Display for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, paths, ours, openssl, certval } = self;
        writeln!(
            formatter,
            "{what}: {paths}, microseconds of processor time each and paths in a second"
        )?;
        for (name, time) in [
            ("ours, search included", ours),
            ("OpenSSL, the chain", openssl),
            ("certval, the chain", certval),
        ] {
            writeln!(
                formatter,
                "  {name:<24} {time:>8.1} {:>8.0}   {:>5.2} times ours",
                1e6 / time,
                time / ours
            )?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds for people")]
fn micro(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

/// How often each path is decided.
const TURNS: u32 = 20;
