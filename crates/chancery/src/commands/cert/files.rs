//! The files of `chancery cert`: certificates, revocation lists and responses, alone and in folders.
//!
//! A file that was named must be what it is said to be. In a folder there may be anything; what is of no use is told and
//! passed over.

use std::fs;
use std::path::{Path, PathBuf};

use chancery_pki::path::Pool;
use chancery_pki::revocation::{Evidence, OcspResponse, RevocationList};
use chancery_pki::{Certificate, pem};

use crate::failure::{Failure, Result};
use crate::output::{note, plain};

/// Reads the certificate in question, and puts what follows it into a pool.
pub(super) fn target(file: &Path) -> Result<(Certificate, Pool)> {
    let mut certificates = certificates(file)?.into_iter();
    let target = certificates.next().ok_or_else(|| nothing(file, "certificate"))?;
    Ok((target, certificates.collect::<Vec<_>>().iter().collect()))
}

/// Reads the anchors.
pub(super) fn anchors(files: &[PathBuf]) -> Result<Vec<Certificate>> {
    let mut anchors = Vec::new();
    for file in files {
        anchors.extend(certificates(file)?);
    }
    Ok(anchors)
}

/// Reads what may help into the pool.
pub(super) fn pool(places: &[PathBuf], pool: &mut Pool) -> Result {
    each(places, |file| {
        for certificate in certificates(file)? {
            pool.add(&certificate);
        }
        Ok(())
    })
}

/// Reads lists and responses.
pub(super) fn evidence(places: &[PathBuf]) -> Result<Evidence> {
    let mut evidence = Evidence::new();
    each(places, |file| {
        let bytes = read(file)?;
        for der in ders(bytes, file, "X509 CRL")? {
            let error = match RevocationList::from_der(der.clone()) {
                Ok(list) => {
                    evidence.add_list(list);
                    continue;
                }
                Err(error) => error,
            };
            // A response is another structure, so that neither is ever read as the other.
            match OcspResponse::from_der(der) {
                Ok(response) => evidence.add_response(&response),
                Err(_) => return Err(cannot_use(file, &error)),
            }
        }
        Ok(())
    })?;
    Ok(evidence)
}

/// Reads each file; a folder stands for the files in it.
fn each(places: &[PathBuf], mut read: impl FnMut(&Path) -> Result) -> Result {
    for place in places {
        if !place.is_dir() {
            read(place)?;
            continue;
        }
        let entries = fs::read_dir(place).map_err(|error| cannot_read(place, &error))?;
        let mut files: Vec<PathBuf> =
            entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        files.sort();
        for file in files.iter().filter(|file| file.is_file()) {
            if let Err(failure) = read(file) {
                note(&format!("chancery: passed over: {}", failure.message));
            }
        }
    }
    Ok(())
}

/// Reads the certificates of a file; there is one at least.
pub(in crate::commands) fn certificates(file: &Path) -> Result<Vec<Certificate>> {
    let found =
        Certificate::chain_from_bytes(&read(file)?).map_err(|error| cannot_use(file, &error))?;
    if found.is_empty() { Err(nothing(file, "certificate")) } else { Ok(found) }
}

/// Returns the structures of a file: one in DER, or those of a PEM text with this label.
fn ders(bytes: Vec<u8>, file: &Path, label: &str) -> Result<Vec<Vec<u8>>> {
    // 0x30 is the SEQUENCE that every structure starts with; in a text it is the digit 0.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes]);
    }
    let blocks = pem::blocks(&bytes).map_err(|error| cannot_use(file, &error))?;
    let ders: Vec<_> = blocks
        .iter()
        .filter(|block| block.label == label)
        .map(|block| block.der.to_vec())
        .collect();
    if ders.is_empty() { Err(nothing(file, "revocation list or response")) } else { Ok(ders) }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| cannot_read(file, &error))
}

fn cannot_read(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", plain(&file.display().to_string())))
}

fn cannot_use(file: &Path, error: &chancery_pki::Error) -> Failure {
    let mut failure =
        Failure::of(&format!("cannot use {}", plain(&file.display().to_string())), error);
    // The command line named it.
    failure.status = crate::failure::Status::Usage;
    failure
}

fn nothing(file: &Path, what: &str) -> Failure {
    Failure::usage(format!("there is no {what} in {}", plain(&file.display().to_string())))
        .hint("give PEM or DER")
}
