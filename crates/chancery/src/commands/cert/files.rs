//! The files of `chancery cert`: certificates, revocation lists, responses, bundles and key stores, alone and in folders.
//!
//! A file that was named must be what it is said to be. In a folder there may be anything; what is of no use is told and
//! passed over.

use std::fs;
use std::path::{Path, PathBuf};

use chancery_pki::describe::Object;
use chancery_pki::path::Pool;
use chancery_pki::pkcs12::Pkcs12;
use chancery_pki::revocation::{Evidence, OcspResponse, RevocationList};
use chancery_pki::{Certificate, Error};

use crate::failure::{Failure, Result};
use crate::input::{self, MB};
use crate::output::{note, plain};

/// Everything that is in files.
#[derive(Default)]
pub(super) struct Found {
    pub(super) certificates: Vec<Certificate>,
    pub(super) lists: Vec<RevocationList>,
    pub(super) responses: Vec<OcspResponse>,
    /// Private keys, which are not taken.
    pub(super) keys: usize,
    /// Certificates and lists in bundles and key stores that cannot be read.
    pub(super) unreadable: usize,
}

impl Found {
    /// Reads a file, whatever it is.
    pub(super) fn read(file: &Path, passphrase: Option<&[u8]>) -> Result<Self> {
        let bytes = zeroize::Zeroizing::new(input::read(file, MAX_LENGTH)?);
        let mut found = Self::default();
        if bytes.first() == Some(&0x30) && Pkcs12::is_one(&bytes) {
            let held = Pkcs12::read(&bytes, passphrase.unwrap_or_default());
            let held = held.map_err(|error| match (error, passphrase) {
                // Who gave no passphrase is told that there is one, not that it is wrong.
                (Error::Passphrase, None) => cannot_use(file, &Error::KeyEncrypted),
                (error, _) => cannot_use(file, &error),
            })?;
            found.certificates.extend(held.certificates.into_iter().map(|entry| entry.value));
            found.lists = held.lists;
            found.keys = held.keys.len();
            found.unreadable = held.unreadable;
            return Ok(found);
        }
        for object in Object::read_all(&bytes).map_err(|error| cannot_use(file, &error))? {
            match object {
                Object::Bundle(bundle) => {
                    found.certificates.extend(bundle.certificates);
                    found.lists.extend(bundle.lists);
                    found.unreadable += bundle.unreadable;
                }
                Object::Certificate(certificate) => found.certificates.push(certificate),
                Object::List(list) => found.lists.push(list),
                Object::Response(response) => found.responses.push(response),
            }
        }
        Ok(found)
    }
}

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
        let found = Found::read(file, None)?;
        if found.lists.is_empty() && found.responses.is_empty() {
            return Err(nothing(file, "revocation list or response"));
        }
        evidence.extend(found.lists);
        for response in &found.responses {
            evidence.add_response(response);
        }
        Ok(())
    })?;
    Ok(evidence)
}

/// Reads each file; a folder stands for the files in it.
pub(super) fn each(places: &[PathBuf], mut read: impl FnMut(&Path) -> Result) -> Result {
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
    let found = Found::read(file, None)?;
    tell_unreadable(file, found.unreadable);
    if found.certificates.is_empty() {
        Err(nothing(file, "certificate"))
    } else {
        Ok(found.certificates)
    }
}

/// Tells of things in a bundle that were passed over.
pub(super) fn tell_unreadable(file: &Path, count: usize) {
    if count > 0 {
        let shown = plain(&file.display().to_string());
        note(&format!(
            "chancery: passed over: {count} certificates or lists in {shown} that cannot be read"
        ));
    }
}

fn cannot_read(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", plain(&file.display().to_string())))
}

pub(super) fn cannot_use(file: &Path, error: &Error) -> Failure {
    let mut failure =
        Failure::of(&format!("cannot use {}", plain(&file.display().to_string())), error);
    // The command line named it.
    failure.status = crate::failure::Status::Usage;
    if matches!(error, Error::KeyEncrypted) {
        failure = failure
            .hint("give the passphrase: `chancery cert import --passphrase-file FILE` reads it");
    }
    failure
}

fn nothing(file: &Path, what: &str) -> Failure {
    Failure::usage(format!("there is no {what} in {}", plain(&file.display().to_string())))
        .hint("give PEM, DER, PKCS#7 or PKCS#12")
}

/// Octets of the largest file: a revocation list may have 100 MB, and half as much again as text.
pub(super) const MAX_LENGTH: u64 = 256 * MB;
